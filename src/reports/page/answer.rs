//! An answer on a page: its charts, its table, and what its terms mean.

use std::fmt::Write as _;

use arrow::error::ArrowError;

use super::{Ids, table, text};
use crate::reports::{
    Answer,
    chart::{Figures, pictures},
    number::{grouped, words},
    render::About,
};

/// What a page says where an answer has no rows.
pub(super) const NO_ROWS: &str = "<p>There is nothing to show: the answer has no rows.</p>\n";

/// A page's sections for one answer.
pub(super) fn sections(about: &About, answer: &Answer, ids: &mut Ids) -> Result<String, ArrowError> {
    Ok(format!("<section class=\"sheet\" aria-label=\"Answer\">\n{}</section>\n", whole(about, answer, ids, 2)?))
}

/// Charts, table and definitions; their headings are of a level.
pub(super) fn whole(about: &About, answer: &Answer, ids: &mut Ids, level: usize) -> Result<String, ArrowError> {
    let rows = table::rows(answer, table::MAX_ROWS)?;
    let mut html = String::new();
    if rows.is_empty() {
        html.push_str(NO_ROWS);
    } else {
        html.push_str(&charts(about, answer, &rows, ids));
        html.push_str(&table::table(about, &answer.schema, &rows, answer.rows(), ids));
    }
    html.push_str(&meaning(about, level));
    Ok(html)
}

/// The charts of an answer with what is to be said of them; nothing where it has none.
pub(super) fn charts(about: &About, answer: &Answer, rows: &[Vec<Option<String>>], ids: &mut Ids) -> String {
    let Figures { pictures, mut remarks } = pictures(&answer.schema, rows, &about.header);
    if rows.len() < answer.rows() && !pictures.is_empty() {
        let [shown, all] = [rows.len(), answer.rows()].map(|count| grouped(&count.to_string()));
        remarks.push(format!("The charts know the first {shown} of {all} rows."));
    }
    let mut html = String::new();
    for picture in pictures {
        let svg = picture.svg(&ids.next("chart"));
        let _ = writeln!(html, "<figure><figcaption>{}</figcaption>{svg}</figure>", text(&picture.heading));
    }
    for remark in remarks {
        let _ = writeln!(html, "<p class=\"quiet\">{}</p>", text(&remark));
    }
    html
}

fn meaning(about: &About, level: usize) -> String {
    let mut html = String::new();
    let mut list = |heading: &str, entries: Vec<(String, &str)>| {
        if entries.is_empty() {
            return;
        }
        let _ = writeln!(html, "<h{level}>{heading}</h{level}>\n<dl>");
        for (term, meaning) in entries {
            let _ = writeln!(html, "<div><dt>{}</dt><dd>{}</dd></div>", text(&term), text(meaning));
        }
        html.push_str("</dl>\n");
    };
    let definitions = about.definitions().iter();
    list(
        "What the terms mean",
        definitions.map(|definition| (words(&definition.term), definition.formula.as_str())).collect(),
    );
    let params = about
        .params
        .iter()
        .map(|(name, value)| (words(name), if value.is_empty() { "not given" } else { value.as_str() }));
    list("What it was asked with", params.collect());
    html
}
