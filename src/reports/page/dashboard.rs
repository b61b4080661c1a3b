//! The dashboard: the headline figures, what matters most in pictures, and the way to every report.

use std::{fmt::Write as _, sync::Arc};

use arrow::{
    datatypes::{Schema, SchemaRef},
    error::ArrowError,
};
use jiff::Timestamp;

use super::{
    Ids, Page,
    answer::{NO_ROWS, charts},
    attribute, banner, fresh, notes, table, text,
};
use crate::reports::{
    Answer,
    freshness::{Freshness, moment},
    header::Unit,
    number::{Style, grouped, rounded, short},
    render::About,
};

/// The column that says which record a row is, for those who follow the link to the report's page.
const ID: &str = "id";

/// The file of the dashboard itself.
pub const INDEX: &str = "index.html";
/// By this a page is known as one of a dashboard's.
pub const GENERATOR: &str = "crmlake dashboard";

/// The report of the headline figures.
const HEADLINES: &str = "headlines";
/// The reports that the dashboard shows, in their order.
const PANELS: [&str; 6] =
    ["stage_funnel", "weighted_forecast", "won_lost_by_month", "pipeline_trend", "owner_leaderboard", "deals_at_risk"];
/// So many rows of a table stand on the dashboard.
const ROWS: usize = 10;

/// The name of a report's page.
pub fn file_name(report: &str) -> String {
    // Where file systems know no case, `Index` is the dashboard too.
    if format!("{report}.html").eq_ignore_ascii_case(INDEX) {
        format!("{report}_.html")
    } else {
        format!("{report}.html")
    }
}

/// A dashboard as its reports come in.
#[derive(Debug, Default)]
pub struct Dashboard {
    ids: Ids,
    tiles: String,
    panels: Vec<(usize, String)>,
    /// Every report: name, title, question, and whether it has a page.
    reports: Vec<(String, String, String, bool)>,
    failed: Vec<String>,
}

impl Dashboard {
    /// Adds a report's answer.
    pub fn add(&mut self, about: &About, answer: &Answer) -> Result<(), ArrowError> {
        let name = about.report.as_deref().unwrap_or_default();
        self.reports.push((name.to_owned(), about.title.clone(), about.question.clone(), true));
        if name == HEADLINES {
            match tiles(answer)? {
                Ok(tiles) => self.tiles = tiles,
                Err(problem) => self.failed.push(format!("{}: {problem}", about.title)),
            }
        }
        if let Some(place) = PANELS.iter().position(|panel| *panel == name) {
            let panel = self.panel(about, answer)?;
            self.panels.push((place, panel));
        }
        Ok(())
    }

    /// Adds a report that has no answer, and why.
    pub fn fail(&mut self, name: &str, title: &str, problem: &str) {
        self.reports.push((name.to_owned(), title.to_owned(), String::new(), false));
        self.failed.push(format!("{title} ({name}): {problem}"));
    }

    /// Whether something is missing from it that should be there.
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty()
    }

    fn panel(&mut self, about: &About, answer: &Answer) -> Result<String, ArrowError> {
        let id = self.ids.next("panel");
        let rows = table::rows(answer, table::MAX_ROWS)?;
        let charts = charts(about, answer, &rows, &mut self.ids);
        let shown = &rows[..rows.len().min(ROWS)];
        let (content, is_broad) = if rows.is_empty() {
            (NO_ROWS.to_owned(), false)
        } else {
            let (schema, shown) = without_ids(&answer.schema, shown);
            let table = table::table(about, &schema, &shown, answer.rows(), &mut self.ids);
            if charts.contains("<figure>") {
                (format!("{charts}<details><summary>The numbers</summary>\n{table}</details>\n"), false)
            } else {
                (format!("{charts}{table}"), true)
            }
        };
        let name = about.report.as_deref().unwrap_or_default();
        Ok(format!(
            "<section class=\"sheet{}\" aria-labelledby=\"{id}\">\n<h2 id=\"{id}\"><a href=\"{}\">{}</a></h2>\n\
             <p class=\"quiet\">{}</p>\n{content}</section>\n",
            if is_broad { " broad" } else { "" },
            link(name),
            text(&about.title),
            text(&about.question)
        ))
    }

    /// The page.
    pub fn html(mut self, freshness: &Freshness, remarks: &[String], written_at: Timestamp) -> String {
        let mut main = String::new();
        if !self.failed.is_empty() {
            let failed: String = self.failed.iter().map(|failed| format!("<li>{}</li>", text(failed))).collect();
            let _ = writeln!(
                main,
                "<div class=\"failed\" role=\"note\"><strong>Not everything could be answered.</strong><ul>{failed}</ul></div>"
            );
        }
        if !self.tiles.is_empty() {
            let _ = writeln!(
                main,
                "<section aria-labelledby=\"headlines\">\n<h2 id=\"headlines\"><a href=\"{}\">Headlines</a></h2>\n{}</section>",
                link(HEADLINES),
                self.tiles
            );
        }
        self.panels.sort_by_key(|(place, _)| *place);
        let panels: String = self.panels.iter().map(|(_, panel)| panel.as_str()).collect();
        let _ = writeln!(main, "<div class=\"panels\">\n{panels}</div>");
        main.push_str(&self.list());
        let footer = format!("<p>Written by crmlake at {}.</p>\n", text(&moment(written_at)));
        let head = format!("{}{}{}", fresh(freshness), notes(remarks), banner(freshness));
        Page { title: "Sales dashboard", generator: GENERATOR, head, navigation: String::new(), main, footer }.html()
    }

    fn list(&self) -> String {
        let mut html =
            "<section class=\"sheet\" aria-labelledby=\"reports\">\n<h2 id=\"reports\">All reports</h2>\n".to_owned();
        html.push_str("<ul class=\"reports\">\n");
        for (name, title, question, has_page) in &self.reports {
            let title = text(title);
            let title = if *has_page { format!("<a href=\"{}\">{title}</a>", link(name)) } else { title };
            let _ = writeln!(html, "<li>{title}<span>{}</span></li>", text(question));
        }
        html.push_str("</ul>\n");
        let is_there = |name: &&&str| self.reports.iter().any(|(report, ..)| report == **name);
        let absent: Vec<_> = [HEADLINES].iter().chain(&PANELS).filter(|name| !is_there(name)).copied().collect();
        if !absent.is_empty() {
            let _ = writeln!(
                html,
                "<p class=\"quiet\">Left out of the dashboard, because there is no such report: {}.</p>",
                text(&absent.join(", "))
            );
        }
        html.push_str("</section>\n");
        html
    }
}

/// A table without its records' ids.
fn without_ids(schema: &SchemaRef, rows: &[Vec<Option<String>>]) -> (SchemaRef, Vec<Vec<Option<String>>>) {
    let kept: Vec<usize> = (0..schema.fields().len()).filter(|column| schema.field(*column).name() != ID).collect();
    let fields: Vec<_> = kept.iter().map(|column| Arc::clone(&schema.fields()[*column])).collect();
    let rows = rows.iter().map(|row| kept.iter().map(|column| row[*column].clone()).collect()).collect();
    (Arc::new(Schema::new(fields)), rows)
}

/// A report's page as a link: relative, and nothing in a name means anything but the name.
fn link(report: &str) -> String {
    let mut link = String::new();
    for byte in file_name(report).bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            let _ = write!(link, "%{byte:02X}");
        }
    }
    link
}

/// The headline figures, a tile each; or what the answer lacks for them.
fn tiles(answer: &Answer) -> Result<Result<String, String>, ArrowError> {
    let column = |name: &str| answer.schema.index_of(name).map_err(|_| format!("there is no column {name}"));
    let columns = ["headline", "currency", "value", "previous", "change", "unit"].map(column);
    let [Ok(headline), Ok(currency), Ok(value), Ok(previous), Ok(change), Ok(unit)] = columns else {
        return Ok(Err(columns.into_iter().find_map(Result::err).unwrap_or_default()));
    };
    let mut html = "<ul class=\"tiles\">\n".to_owned();
    for row in table::rows(answer, table::MAX_ROWS)? {
        let cell = |column: usize| row[column].as_deref();
        let unit = cell(unit).and_then(Unit::from_name);
        let currency = cell(currency).filter(|_| unit == Some(Unit::Money));
        let shown = cell(value).map_or_else(|| "\u{2013}".to_owned(), |value| headline_figure(value, unit, currency));
        let exact = cell(value).map_or_else(String::new, |value| format!(" title=\"{}\"", attribute(value)));
        let since = since(cell(change), cell(previous), unit);
        let before = cell(previous)
            .map_or_else(String::new, |value| format!(" title=\"{}\"", attribute(&format!("was {value}"))));
        let _ = writeln!(
            html,
            "<li><span class=\"label\">{}</span><span class=\"value\"{exact}>{}</span><span class=\"change\"{before}>{}</span></li>",
            text(cell(headline).unwrap_or_default()),
            text(&shown),
            text(&since)
        );
    }
    html.push_str("</ul>\n");
    Ok(Ok(html))
}

fn headline_figure(value: &str, unit: Option<Unit>, currency: Option<&str>) -> String {
    let number: f64 = value.parse().unwrap_or(0.0);
    let shown = match unit {
        Some(Unit::Money) if number.abs() >= 999_999.5 => short(number, unit),
        Some(Unit::Money) => grouped(&rounded(value, 0).unwrap_or_else(|| value.to_owned())),
        Some(Unit::Share) => Style::Share.show(value).0,
        Some(Unit::Days) => format!("{} days", Style::Days.show(value).0),
        Some(Unit::Count) | None => Style::Count.show(value).0,
    };
    match currency {
        Some(currency) => format!("{shown}\u{a0}{currency}"),
        None => shown,
    }
}

/// What became of a figure since last week, in words and figures.
fn since(change: Option<&str>, previous: Option<&str>, unit: Option<Unit>) -> String {
    let Some(change) = change.and_then(|change| change.parse::<f64>().ok()) else {
        return "nothing known of last week".to_owned();
    };
    if change == 0.0 {
        return "as last week".to_owned();
    }
    let (arrow, sign) = if change > 0.0 { ("\u{25b2}", "+") } else { ("\u{25bc}", "") };
    let told = match unit {
        Some(Unit::Share) => format!("{} points", short(change * 100.0, None)),
        _ => short(change, unit),
    };
    let previous = previous.and_then(|previous| previous.parse::<f64>().ok());
    let share = match (unit, previous) {
        (Some(Unit::Share), _) | (_, None) => String::new(),
        (_, Some(previous)) if previous.abs() > 0.0 => {
            format!(" ({sign}{})", short(change / previous.abs(), Some(Unit::Share)))
        }
        _ => String::new(),
    };
    format!("{arrow} {sign}{told}{share} since last week")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(['\u{202f}', '\u{a0}'], " ").replace('\u{2212}', "-")
    }

    #[test]
    fn headlines_are_short_and_tell_their_change() {
        let figure = |value, unit, currency| plain(&headline_figure(value, Some(unit), currency));
        assert_eq!(figure("1234567.89", Unit::Money, Some("EUR")), "1.23 M EUR");
        assert_eq!(figure("999999.49", Unit::Money, Some("EUR")), "999 999 EUR");
        assert_eq!(figure("999999.50", Unit::Money, Some("EUR")), "1 M EUR");
        assert_eq!(figure("0.4033", Unit::Share, None), "40.3%");
        assert_eq!(figure("1234.0000", Unit::Count, None), "1 234");
        assert_eq!(figure("12.25", Unit::Days, None), "12.3 days");
        let since = |change, previous, unit| plain(&super::since(change, previous, Some(unit)));
        assert_eq!(since(Some("12300"), Some("100000"), Unit::Money), "\u{25b2} +12.3 k (+12.3%) since last week");
        assert_eq!(since(Some("-3"), Some("12"), Unit::Count), "\u{25bc} -3 (-25%) since last week");
        assert_eq!(since(Some("-0.012"), Some("0.4"), Unit::Share), "\u{25bc} -1.2 points since last week");
        assert_eq!(since(Some("5"), Some("0"), Unit::Count), "\u{25b2} +5 since last week");
        assert_eq!(since(Some("0.00"), Some("5"), Unit::Money), "as last week");
        assert_eq!(since(None, None, Unit::Money), "nothing known of last week");
    }

    #[test]
    fn a_link_leads_to_a_page_and_nowhere_else() {
        assert_eq!(link("pipeline_by_stage"), "pipeline_by_stage.html");
        assert_eq!(link("javascript:alert(1)"), "javascript%3Aalert%281%29.html");
        assert_eq!(link("Größe"), "Gr%C3%B6%C3%9Fe.html");
        assert_eq!(file_name("index"), "index_.html");
        assert_eq!(file_name("Index"), "Index_.html");
    }
}
