//! What of an answer is drawn: which charts, with which categories, series and values.

use std::collections::BTreeSet;

use arrow::datatypes::SchemaRef;
use jiff::civil::Date;

use super::Picture;
use crate::reports::{
    header::{ChartHint, ChartKind, Header, Unit},
    number::{Style, words},
};

/// A page has so many charts of one answer at the most.
const MAX_CHARTS: usize = 6;
/// A chart has so many series at the most: as many as there are colours.
const MAX_SERIES: usize = 8;
/// Months and quarters without a row get their place in time, as long as the whole has no more places than this.
const MAX_PLACES: usize = 120;

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
    let plan = Plan { schema, header, hint, category, series };
    let mut figures = Figures::default();
    let facets = plan.facets(rows);
    if facets.len() > MAX_CHARTS {
        figures
            .remarks
            .push(format!("The charts are of the first {MAX_CHARTS} of {}; the table has all.", facets.len()));
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
}

type Row = Vec<Option<String>>;
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
                let Some(grid) = Grid::by_series(rows, self.category, series, *first, is_sum) else {
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
        let is_time = style.is_time() || grid.looks_like_time();
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
                "{heading}: the chart shows the first {MAX_SERIES} of {}; the table has all.",
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
                .push(format!("{heading}: the chart shows the {which} {most} of {count}; the table has all."));
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
            is_time,
            values: grid.values,
        });
    }
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

fn number(row: &Row, column: usize) -> Option<f64> {
    row[column].as_deref().and_then(|text| text.parse().ok()).filter(|number: &f64| number.is_finite())
}

/// Categories and series with their values.
struct Grid {
    categories: Vec<Option<String>>,
    series: Vec<String>,
    values: Vec<Vec<Option<f64>>>,
}

impl Grid {
    /// A category a row, a series a column.
    fn of_rows(rows: &[&Row], category: usize, columns: &[usize], name: impl Fn(usize) -> String) -> Self {
        Self {
            categories: rows.iter().map(|row| row[category].clone()).collect(),
            series: columns.iter().map(|column| name(*column)).collect(),
            values: columns.iter().map(|column| rows.iter().map(|row| number(row, *column)).collect()).collect(),
        }
    }

    /// A series for each value of a column; nothing where two rows have one place and their values cannot be added.
    fn by_series(rows: &[&Row], category: usize, series: usize, value: usize, is_sum: bool) -> Option<Self> {
        let mut grid = Self { categories: Vec::new(), series: Vec::new(), values: Vec::new() };
        let mut taken = BTreeSet::new();
        for row in rows {
            let name = row[series].clone().unwrap_or_else(|| NONE.to_owned());
            let of = position(&mut grid.series, &name);
            let at = position(&mut grid.categories, &row[category]);
            if !taken.insert((of, at)) && !is_sum {
                return None;
            }
            grid.values.resize(grid.series.len(), Vec::new());
            grid.values.iter_mut().for_each(|values| values.resize(grid.categories.len(), None));
            if let Some(number) = number(row, value) {
                *grid.values[of][at].get_or_insert(0.0) += number;
            }
        }
        Some(grid)
    }

    /// Texts such as `2026-03`, `2026 Q1` or `2026-W07`.
    fn looks_like_time(&self) -> bool {
        let is_time = |text: &str| {
            let (year, rest) = text.split_at_checked(4).unwrap_or((text, ""));
            year.len() == 4
                && year.bytes().all(|byte| byte.is_ascii_digit())
                && rest.len() <= 6
                && rest.chars().all(|c| c.is_ascii_digit() || ['-', ' ', 'Q', 'W'].contains(&c))
        };
        let known: Vec<_> = self.categories.iter().flatten().collect();
        !known.is_empty() && known.iter().all(|text| is_time(text))
    }

    /// In the order of time, with what has no time at the end.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.categories.len()).collect();
        order.sort_by_key(|at| (self.categories[*at].is_none(), self.categories[*at].clone()));
        self.reorder(&order.into_iter().map(Some).collect::<Vec<_>>(), |_| None);
    }

    /// Gives months, quarters and years that no row is of their places in time.
    fn fill(&mut self, style: Style) {
        let months = match style {
            Style::Month => 1,
            Style::Quarter => 3,
            Style::Year => 12,
            _ => return,
        };
        let days: Option<Vec<Date>> = self.categories.iter().flatten().map(|text| text.parse().ok()).collect();
        let Some(days) = days.filter(|days| days.iter().all(|day| day.day() == 1)) else { return };
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return };
        let count = (i32::from(last.year()) - i32::from(first.year())) * 12 + i32::from(last.month() - first.month());
        let places = usize::try_from(count / months).unwrap_or(0) + 1;
        let is_once = days.windows(2).all(|pair| pair[0] < pair[1]);
        if places > MAX_PLACES || places <= days.len() || !is_once {
            return;
        }
        let all: Vec<Option<String>> = (0..places)
            .filter_map(|place| {
                let months_on = jiff::Span::new().try_months(place as i64 * i64::from(months)).ok()?;
                first.checked_add(months_on).ok().map(|day| Some(day.to_string()))
            })
            .collect();
        // A day between the places would be lost.
        if !self.categories.iter().flatten().all(|known| all.contains(&Some(known.clone()))) {
            return;
        }
        let place = |name: &Option<String>| self.categories.iter().position(|known| known == name);
        let mut order: Vec<Option<usize>> = all.iter().map(place).collect();
        order.extend(self.categories.iter().position(Option::is_none).map(Some));
        self.reorder(&order, |place| all.get(place).cloned().flatten());
    }

    /// Puts the categories into another order; a place without one is new, and has no values.
    fn reorder(&mut self, order: &[Option<usize>], name: impl Fn(usize) -> Option<String>) {
        let named = |(place, from): (usize, &Option<usize>)| match from {
            Some(from) => self.categories[*from].clone(),
            None => name(place),
        };
        self.categories = order.iter().enumerate().map(named).collect();
        for values in &mut self.values {
            *values = order.iter().map(|from| from.and_then(|from| values[from])).collect();
        }
    }

    fn keep(&mut self, range: std::ops::Range<usize>) {
        self.categories = self.categories[range.clone()].to_vec();
        for values in &mut self.values {
            *values = values[range.clone()].to_vec();
        }
    }
}

/// The place of a value among those known, which it is added to.
fn position<T: Clone + PartialEq>(known: &mut Vec<T>, value: &T) -> usize {
    known.iter().position(|other| other == value).unwrap_or_else(|| {
        known.push(value.clone());
        known.len() - 1
    })
}
