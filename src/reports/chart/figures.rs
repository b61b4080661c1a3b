//! What of an answer is drawn: which charts, with which categories, series and values.

use std::collections::BTreeSet;

use arrow::datatypes::SchemaRef;

use super::{
    Picture,
    grid::{Grid, Row, Time},
};
use crate::reports::{
    header::{ChartHint, ChartKind, Header, Unit},
    number::{Style, words},
};

/// A page has so many charts of one answer at the most.
const MAX_CHARTS: usize = 6;
/// A chart has so many series at the most: as many as there are colours.
const MAX_SERIES: usize = 8;
/// The charts of an answer, and what is to be said of what they leave out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::reports) struct Figures {
    pub(in crate::reports) pictures: Vec<Picture>,
    pub(in crate::reports) remarks: Vec<String>,
}

/// An answer's rows as text.
pub(in crate::reports) type Rows = [Vec<Option<String>>];

/// What stands for a category without a name.
pub(in crate::reports) const NONE: &str = "(none)";

/// What stands for a category whose name is an empty text.
pub(in crate::reports) const EMPTY: &str = "(empty)";

/// The charts that a header asks for.
pub(in crate::reports) fn pictures(schema: &SchemaRef, rows: &Rows, header: &Header) -> Figures {
    let Some(hint) = &header.chart else { return Figures::default() };
    let position = |name: &String| schema.index_of(name).ok();
    let values: Vec<usize> = hint.values.iter().filter_map(position).collect();
    let (Some(category), false) = (position(&hint.category), values.is_empty()) else { return Figures::default() };
    let series = hint.series.as_ref().and_then(position);
    let names = series.map(|series| names(rows, series)).unwrap_or_default();
    let plan = Plan { schema, header, hint, category, series, names };
    let mut figures = Figures::default();
    let facets = plan.facets(rows);
    if facets.len() > MAX_CHARTS {
        figures
            .remarks
            .push(format!("The charts are of the first {MAX_CHARTS} of {}; the table has more.", facets.len()));
    }
    for (name, rows) in facets.into_iter().take(MAX_CHARTS) {
        for columns in plan.by_unit(&values) {
            plan.picture(&name, &rows, &columns, &mut figures);
        }
    }
    figures
}

/// The columns that a chart is made of.
struct Plan<'a> {
    schema: &'a SchemaRef,
    header: &'a Header,
    hint: &'a ChartHint,
    category: usize,
    series: Option<usize>,
    /// The names of the series, in the order of their colours, where there are few enough to have one each.
    names: Vec<String>,
}

/// What a chart is of, such as `EUR`, and its rows.
type Facet<'a> = (String, Vec<&'a Row>);

impl Plan<'_> {
    fn name(&self, column: usize) -> &str {
        self.schema.field(column).name()
    }

    fn unit(&self, column: usize) -> Option<Unit> {
        self.header.unit(self.name(column))
    }

    fn style(&self, column: usize) -> Style {
        Style::of(self.name(column), self.schema.field(column).data_type(), self.unit(column))
    }

    /// The rows of each chart: by currency; and where a category would still stand twice in one chart, also by the columns
    /// that group the answer before it, such as the pipeline that a stage is of.
    fn facets<'a>(&self, rows: &'a Rows) -> Vec<Facet<'a>> {
        let is_free = |column: usize| column != self.category && Some(column) != self.series;
        let mut keys: Vec<usize> =
            self.schema.index_of("currency").ok().filter(|column| is_free(*column)).into_iter().collect();
        let by_currency = split(rows, &keys);
        let is_repeated = |facets: &[(Row, Vec<&Row>)]| {
            facets.iter().any(|(_, rows)| {
                let mut seen = BTreeSet::new();
                rows.iter().any(|row| !seen.insert((&row[self.category], self.series.map(|series| &row[series]))))
            })
        };
        let mut finest = None;
        if is_repeated(&by_currency) {
            for column in (0..self.category).filter(|column| is_free(*column) && self.is_group(*column)) {
                if keys.contains(&column) {
                    continue;
                }
                keys.push(column);
                let facets = split(rows, &keys);
                if facets.len() > MAX_CHARTS {
                    break;
                }
                if !is_repeated(&facets) {
                    finest = Some(facets);
                    break;
                }
            }
        }
        let facets = finest.unwrap_or(by_currency);
        // A key that is the same everywhere needs no telling, but a currency does.
        let differs = |key: usize| facets.iter().any(|(names, _)| names.get(key) != facets[0].0.get(key));
        let tells: Vec<bool> = (0..facets.first().map_or(0, |(names, _)| names.len()))
            .map(|key| self.name(keys[key]) == "currency" || differs(key))
            .collect();
        facets
            .into_iter()
            .map(|(names, rows)| {
                let told = names.iter().zip(&tells).filter(|(_, tells)| **tells);
                let name: Vec<_> = told.map(|(name, _)| name.as_deref().unwrap_or(NONE)).collect();
                (name.join(", "), rows)
            })
            .collect()
    }

    fn is_group(&self, column: usize) -> bool {
        self.style(column) == Style::Text
    }

    /// Columns of different units have no axis in common.
    fn by_unit(&self, values: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for column in values {
            match groups.iter_mut().find(|group| self.unit(group[0]) == self.unit(*column)) {
                Some(group) => group.push(*column),
                None => groups.push(vec![*column]),
            }
        }
        groups
    }

    /// How many categories are told apart in one chart.
    fn most(&self, series: usize) -> usize {
        match self.hint.kind {
            ChartKind::Bar => (60 / series.max(1)).clamp(10, 30),
            ChartKind::Column | ChartKind::Stacked => 60,
            ChartKind::Line => 400,
            ChartKind::Funnel => 20,
            ChartKind::Waterfall => 30,
        }
    }

    fn picture(&self, facet: &str, rows: &[&Row], columns: &[usize], figures: &mut Figures) {
        let Some(first) = columns.first() else { return };
        let style = self.style(self.category);
        let mut grid = match self.series {
            None => Grid::of_rows(rows, self.category, columns, |column| words(self.name(column))),
            Some(series) => {
                let is_sum = !matches!(self.unit(*first), Some(Unit::Share | Unit::Days));
                let Some(grid) = Grid::by_series(rows, self.category, (series, &self.names), *first, is_sum) else {
                    figures.remarks.push(format!(
                        "There is no chart of {}: more than one row has the same {} and {}.",
                        words(self.name(*first)).to_lowercase(),
                        self.hint.category,
                        self.name(series)
                    ));
                    return;
                };
                grid
            }
        };
        let time = if style.is_time() { Time::Whole } else { grid.time() };
        let is_time = time == Time::Whole;
        if is_time {
            grid.sort();
            grid.fill(style);
        }
        let mut of = words(self.name(*first));
        for column in &columns[1..] {
            of.push_str(if Some(column) == columns.last() { " and " } else { ", " });
            of.push_str(&words(self.name(*column)).to_lowercase());
        }
        let mut heading = format!("{of} by {}", words(self.name(self.category)).to_lowercase());
        if let Some(series) = self.series {
            heading.push_str(&format!(" and {}", words(self.name(series)).to_lowercase()));
        }
        if !facet.is_empty() {
            heading.push_str(&format!(", {facet}"));
        }
        if grid.series.len() > MAX_SERIES {
            figures.remarks.push(format!(
                "{heading}: the chart shows the first {MAX_SERIES} of {}; the table has more.",
                grid.series.len()
            ));
            grid.series.truncate(MAX_SERIES);
            grid.values.truncate(MAX_SERIES);
        }
        let most = self.most(grid.series.len());
        let count = grid.categories.len();
        if count > most {
            let which = if is_time { "latest" } else { "first" };
            figures
                .remarks
                .push(format!("{heading}: the chart shows the {which} {most} of {count}; the table has more."));
            grid.keep(if is_time { count - most..count } else { 0..most });
        }
        if grid.values.iter().flatten().all(Option::is_none) {
            if count > 0 {
                figures.remarks.push(format!("{heading}: there are no figures to draw."));
            }
            return;
        }
        let shown = |name: &Option<String>| match name.as_deref() {
            None => NONE.to_owned(),
            Some("") => EMPTY.to_owned(),
            Some(text) => style.show(text).0,
        };
        figures.pictures.push(Picture {
            heading,
            kind: self.hint.kind,
            unit: self.unit(*first),
            series: grid.series,
            categories: grid.categories.iter().map(shown).collect(),
            is_time: time != Time::None,
            values: grid.values,
        });
    }
}

/// The names of series in the order in which they first appear: a series has one colour in all charts of an answer.
/// Nothing where there are more than colours.
fn names(rows: &Rows, series: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        let name = row[series].as_deref().unwrap_or(NONE);
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    if names.len() > MAX_SERIES { Vec::new() } else { names }
}

/// Rows by the values of columns, in the order in which these first appear.
fn split<'a>(rows: &'a Rows, keys: &[usize]) -> Vec<(Row, Vec<&'a Row>)> {
    let mut facets: Vec<(Row, Vec<&Row>)> = Vec::new();
    for row in rows {
        let key: Row = keys.iter().map(|key| row[*key].clone()).collect();
        match facets.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rows)) => rows.push(row),
            None => facets.push((key, vec![row])),
        }
    }
    facets
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::library::{Shelf, SqlFile};

    fn figures(columns: &str, header: &Header, rows: &[&str]) -> Figures {
        let field = |column: &str| {
            let (name, kind) = column.split_once(':').unwrap_or((column, ""));
            let kind = match kind {
                "n" => DataType::Int64,
                "d" => DataType::Date32,
                _ => DataType::Utf8,
            };
            Field::new(name, kind, true)
        };
        let schema = Arc::new(Schema::new(columns.split(' ').map(field).collect::<Vec<_>>()));
        let cell = |text: &str| Some(text.to_owned()).filter(|text| text != "NULL");
        let rows: Vec<Row> = rows.iter().map(|row| row.split(' ').map(cell).collect()).collect();
        pictures(&schema, &rows, header)
    }

    fn header(lines: &[(&str, &str)]) -> Header {
        let text: String = lines.iter().map(|(key, value)| format!("-- {key}: {value}\n")).collect();
        Header::read(&SqlFile::parse("x", "x.sql".to_owned(), &format!("{text}\nSELECT 1"), Shelf::Reports)).unwrap()
    }

    fn headings(figures: &Figures) -> Vec<&str> {
        figures.pictures.iter().map(|picture| picture.heading.as_str()).collect()
    }

    #[test]
    fn currencies_and_units_have_charts_of_their_own() {
        let header =
            header(&[("unit", "money = amount"), ("unit", "count = deals"), ("chart", "bar stage amount, deals")]);
        let figures = figures(
            "currency stage amount:n deals:n",
            &header,
            &["EUR a 1 2", "EUR NULL 3 4", "NULL a 5 6", "USD a 7 NULL"],
        );
        assert_eq!(
            headings(&figures),
            [
                "Amount by stage, EUR",
                "Deals by stage, EUR",
                "Amount by stage, (none)",
                "Deals by stage, (none)",
                "Amount by stage, USD",
            ]
        );
        assert_eq!(figures.pictures[0].categories, ["a", "(none)"]);
        assert_eq!(figures.pictures[0].values, [[Some(1.0), Some(3.0)]]);
        assert_eq!(figures.pictures[2].values, [[Some(5.0)]]);
        assert_eq!(figures.remarks, ["Deals by stage, USD: there are no figures to draw."]);
    }

    #[test]
    fn a_name_that_stands_twice_is_told_apart_by_its_group() {
        let chart = || header(&[("chart", "funnel stage deals")]);
        let rows = ["EUR new a 1", "EUR new b 2", "EUR old a 3"];
        let grouped = figures("currency pipeline stage deals:n", &chart(), &rows);
        assert_eq!(headings(&grouped), ["Deals by stage, EUR, new", "Deals by stage, EUR, old"]);
        // A group of every row's own is none.
        let many: Vec<String> = (0..9).map(|n| format!("p{n} a {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let figures = figures("pipeline stage deals:n", &chart(), &many);
        assert_eq!(headings(&figures), ["Deals by stage"]);
        assert_eq!(figures.pictures[0].categories.len(), 9);
    }

    #[test]
    fn time_goes_on_and_a_month_without_a_row_has_its_place() {
        let chart = header(&[("chart", "column month won")]);
        let found = figures("month:d won:n", &chart, &["2026-02-01 3", "2025-11-01 1", "NULL 9"]);
        assert!(found.pictures[0].is_time);
        assert_eq!(found.pictures[0].categories, ["2025-11", "2025-12", "2026-01", "2026-02", "(none)"]);
        assert_eq!(found.pictures[0].values[0], [Some(1.0), None, None, Some(3.0), Some(9.0)]);
        // A slip of a century is shown as it is.
        let far = figures("month:d won:n", &chart, &["1925-11-01 1", "2026-02-01 3"]);
        assert_eq!(far.pictures[0].categories, ["1925-11", "2026-02"]);
        let mixed = ["overdue 1", "2026-12 2", "2026-11 3", "no_date 4"];
        let mixed = figures("close_month n:n", &header(&[("chart", "column close_month n")]), &mixed);
        assert!(mixed.pictures[0].is_time);
        assert_eq!(mixed.pictures[0].categories, ["overdue", "2026-12", "2026-11", "no_date"]);
        let weeks: Vec<String> = (0..70).map(|week| format!("2025-W{week:02} {week}")).collect();
        let weeks: Vec<&str> = weeks.iter().map(String::as_str).collect();
        let long = figures("week won:n", &header(&[("chart", "column week won")]), &weeks);
        assert_eq!(long.pictures[0].categories[0], "2025-W10");
        assert_eq!(long.remarks, ["Won by week: the chart shows the latest 60 of 70; the table has more."]);
    }

    #[test]
    fn a_series_of_each_value_and_nothing_added_that_cannot_be() {
        let rows = ["2026-01-01 x 1", "2026-02-01 y 2", "2026-02-01 x 3", "2026-02-01 x 4", "2026-01-01 NULL 5"];
        let sums =
            figures("month:d owner n:n", &header(&[("unit", "count = n"), ("chart", "line month n by owner")]), &rows);
        assert_eq!(sums.pictures[0].series, ["x", "y", "(none)"]);
        let values = [[Some(1.0), Some(7.0)], [None, Some(2.0)], [Some(5.0), None]];
        assert_eq!(sums.pictures[0].values, values);
        assert_eq!(headings(&sums), ["N by month and owner"]);
        let shares =
            figures("month:d owner n:n", &header(&[("unit", "share = n"), ("chart", "line month n by owner")]), &rows);
        assert_eq!(shares.pictures, []);
        assert_eq!(shares.remarks, ["There is no chart of n: more than one row has the same month and owner."]);
        let many: Vec<String> = (0..12).map(|owner| format!("2026-01-01 o{owner} 1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let many = figures("month:d owner n:n", &header(&[("chart", "stacked month n by owner")]), &many);
        assert_eq!(many.pictures[0].series.len(), 8);
        assert!(many.remarks[0].contains("the first 8 of 12"), "{:?}", many.remarks);
    }
}
