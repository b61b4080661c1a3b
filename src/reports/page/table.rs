//! Tables of a page: with numbers as people read them, and the exact value at hand wherever less is shown. On a phone the
//! rows of a wide one become cards of names and values.

use std::fmt::Write as _;

use arrow::{datatypes::SchemaRef, error::ArrowError};

use super::{Ids, attribute, text};
use crate::reports::{
    Answer,
    cells::columns,
    chart::{EMPTY, NONE},
    header::Unit,
    number::{Style, grouped, words},
    render::About,
};

/// A page shows so many rows; the other formats have all.
pub(super) const MAX_ROWS: usize = 2_000;
/// More columns than these stand side by side on no phone.
const NARROW_COLUMNS: usize = 3;
/// More columns than these stand side by side on no paper.
const PAPER_COLUMNS: usize = 9;

/// An answer's rows as text, so many of them.
pub(super) fn rows(answer: &Answer, most: usize) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows().min(most - rows.len()) {
            rows.push(columns.iter().map(|column| column.text(row)).collect());
        }
    }
    Ok(rows)
}

/// A table of rows, of which there are `total` in all.
pub(super) fn table(
    about: &About,
    schema: &SchemaRef,
    rows: &[Vec<Option<String>>],
    total: usize,
    ids: &mut Ids,
) -> String {
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| {
            let style = Style::of(field.name(), field.data_type(), about.unit(field.name()));
            (words(field.name()), field.name().as_str(), style)
        })
        .collect();
    let chart = about.chart();
    let is_group =
        |name: &str| chart.is_some_and(|chart| chart.category == name || chart.series.as_deref() == Some(name));
    // The chart's category names its row, else the first column does.
    let heading = chart.and_then(|chart| schema.index_of(&chart.category).ok()).unwrap_or(0);
    let id = ids.next("table");
    let class = match columns.len() {
        few if few <= NARROW_COLUMNS => "",
        some if some <= PAPER_COLUMNS => " class=\"cards\"",
        _ => " class=\"cards many\"",
    };
    // Rows may each have a unit of their own, as headlines do.
    let unit = schema.index_of("unit").ok();
    let mut html = format!(
        "<div class=\"scroll\" role=\"region\" aria-labelledby=\"{id}\" tabindex=\"0\"><table{class} role=\"table\">\
         <caption id=\"{id}\">{}</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
        text(&caption(about, rows.len(), total))
    );
    for (words, _, style) in &columns {
        let class = class_of(*style);
        let _ = write!(html, "<th scope=\"col\" role=\"columnheader\"{class}>{}</th>", text(words));
    }
    html.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for row in rows {
        html.push_str("<tr role=\"row\">");
        let unit = unit.and_then(|unit| row[unit].as_deref()).and_then(Unit::from_name);
        for (index, (cell, (words, name, style))) in row.iter().zip(&columns).enumerate() {
            let data_type = schema.field(index).data_type();
            let style = if about.unit(name).is_none() { Style::of(name, data_type, unit) } else { *style };
            let (element, role) = if index == heading { ("th scope=\"row\"", "rowheader") } else { ("td", "cell") };
            let end = if index == heading { "th" } else { "td" };
            let mut classes = class_of(style).to_owned();
            let (shown, exact) = match cell {
                None => {
                    let is_named = index == heading || is_group(name);
                    classes = add_class(&classes, "null");
                    (if is_named && !style.is_figure() { NONE } else { "\u{2013}" }.to_owned(), String::new())
                }
                Some(value) if value.is_empty() && index == heading => (EMPTY.to_owned(), String::new()),
                Some(value) => {
                    let (shown, is_less) = style.show(value);
                    let exact = if is_less { format!(" title=\"{}\"", attribute(value)) } else { String::new() };
                    (text(&shown), exact)
                }
            };
            let _ = write!(
                html,
                "<{element} role=\"{role}\"{classes} data-label=\"{}\"><span{exact}>{shown}</span></{end}>",
                attribute(words)
            );
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn class_of(style: Style) -> &'static str {
    if style.is_figure() {
        " class=\"figure\""
    } else if style.is_time() {
        " class=\"date\""
    } else {
        ""
    }
}

fn add_class(classes: &str, class: &str) -> String {
    match classes.strip_suffix('"') {
        Some(open) => format!("{open} {class}\""),
        None => format!(" class=\"{class}\""),
    }
}

fn caption(about: &About, shown: usize, total: usize) -> String {
    let count = match (shown, total) {
        (1, 1) => "1 row".to_owned(),
        _ if shown < total => {
            format!("the first {} of {} rows", grouped(&shown.to_string()), grouped(&total.to_string()))
        }
        _ => format!("{} rows", grouped(&total.to_string())),
    };
    if about.header.grain.is_empty() {
        format!("{}: {count}", about.title)
    } else {
        format!("{}: {count}, {}", about.title, about.header.grain)
    }
}
