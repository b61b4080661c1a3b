//! Pages that stand alone: one file each, with charts and style inside, no script, and nothing that a reader's browser
//! would have to fetch.

mod answer;
pub mod dashboard;
mod table;

use arrow::error::ArrowError;
use html_escape::{encode_double_quoted_attribute, encode_text};

use super::{Answer, cells::printable, chart::dark_rules, freshness::Freshness, render::About};

const STYLE: &str = include_str!("style.css");
/// What a page may do: show itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Gives each element of a page an id of its own.
#[derive(Debug, Default)]
struct Ids(usize);

impl Ids {
    fn next(&mut self, what: &str) -> String {
        self.0 += 1;
        format!("{what}{}", self.0)
    }
}

/// A text for a page.
fn text(text: &str) -> String {
    encode_text(&printable(text)).into_owned()
}

/// A text for an attribute in double quotes.
fn attribute(text: &str) -> String {
    encode_double_quoted_attribute(&printable(text)).into_owned()
}

/// What a page is made of.
struct Page<'a> {
    title: &'a str,
    /// Who wrote it, by which its like is known again.
    generator: &'a str,
    /// What stands below the heading.
    head: String,
    /// Links away from the page, above the heading.
    navigation: String,
    main: String,
    footer: String,
}

impl Page<'_> {
    fn html(&self) -> String {
        let Self { title, generator, head, navigation, main, footer } = self;
        let style = STYLE.replace("/*dark*/", &dark_rules()).replace('\n', "");
        let title = text(title);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" \
             content=\"{generator}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta http-equiv=\"Content-Security-Policy\" \
             content=\"{POLICY}\">\n<title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
             <style>{style}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
             <header>\n{navigation}<h1>{title}</h1>\n{head}</header>\n<main id=\"content\">\n{main}</main>\n\
             <footer>\n{footer}</footer>\n</body>\n</html>\n"
        )
    }
}

/// The line that says when the data was extracted and how whole it is.
fn fresh(freshness: &Freshness) -> String {
    let at = freshness.extracted_at.as_deref().and_then(|at| at.parse().ok()).map(super::freshness::moment);
    let when = match (at, &freshness.age) {
        (Some(at), Some(age)) => format!("Data extracted {at}, {age} before this was written"),
        (Some(at), None) => format!("Data extracted {at}"),
        _ => "Nothing extracted yet".to_owned(),
    };
    format!("<p class=\"quiet\">{}; {}.</p>\n", text(&when), freshness.verdict_in_words())
}

/// What is doubtful, where something is.
fn banner(freshness: &Freshness) -> String {
    if freshness.warnings.is_empty() {
        return String::new();
    }
    let warnings: String = freshness.warnings.iter().map(|warning| format!("<li>{}</li>", text(warning))).collect();
    format!(
        "<div class=\"banner\" role=\"note\"><strong>Read these numbers with care.</strong><ul>{warnings}</ul></div>\n"
    )
}

fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("<p class=\"quiet\">{}</p>\n", text(note))).collect()
}

fn question(about: &About) -> String {
    if about.question.is_empty() { String::new() } else { format!("<p>{}</p>\n", text(&about.question)) }
}

/// A page of one answer, or of several, each in a section of its own.
pub fn answers(answers: &[(&About, &Answer)]) -> Result<String, ArrowError> {
    page_of(answers, "crmlake report", String::new())
}

/// A report's page among a dashboard's.
pub fn dashboard_page(about: &About, answer: &Answer) -> Result<String, ArrowError> {
    let navigation = format!("<nav aria-label=\"Pages\"><a href=\"{}\">All reports</a></nav>\n", dashboard::INDEX);
    page_of(&[(about, answer)], dashboard::GENERATOR, navigation)
}

fn page_of(answers: &[(&About, &Answer)], generator: &str, navigation: String) -> Result<String, ArrowError> {
    let mut ids = Ids::default();
    let mut main = String::new();
    let first = answers.first().map(|(about, _)| *about);
    let (title, head) = if let [(about, answer)] = answers {
        main.push_str(&answer::sections(about, answer, &mut ids)?);
        (about.title.as_str(), question(about))
    } else {
        for (about, answer) in answers {
            let id = ids.next("report");
            main.push_str(&format!(
                "<section class=\"sheet\" aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n{}{}</section>\n",
                text(&about.title),
                question(about),
                answer::whole(about, answer, &mut ids, 3)?
            ));
        }
        ("Reports", String::new())
    };
    // What is no answer of the data's, such as a list of reports, has nothing to tell of it.
    let told = first.filter(|about| about.freshness != Freshness::default());
    let about = told.map_or_else(String::new, |about| {
        format!("{}{}{}", fresh(&about.freshness), notes(&about.notes), banner(&about.freshness))
    });
    let page = Page {
        title,
        generator,
        head: format!("{head}{about}"),
        navigation,
        main,
        footer: "<p>Written by crmlake.</p>\n".to_owned(),
    };
    Ok(page.html())
}
