//! The values of a chart in their places: a category across, a series down.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::figures::NONE;
use crate::reports::number::Style;

/// A row of an answer as text.
pub(super) type Row = Vec<Option<String>>;

/// Months and quarters without a row get their place in time, as long as the whole has no more places than this.
const MAX_PLACES: usize = 120;

fn number(row: &Row, column: usize) -> Option<f64> {
    row[column].as_deref().and_then(|text| text.parse().ok()).filter(|number: &f64| number.is_finite())
}

/// Whether categories follow each other in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    None,
    /// Most do, with others such as `overdue` before or behind them.
    Mixed,
    Whole,
}

/// Texts such as `2026-03`, `2026 Q1` or `2026-W07`.
pub(super) fn looks_like_time(text: &str) -> bool {
    let Some((year, rest)) = text.split_at_checked(4) else { return false };
    year.bytes().all(|byte| byte.is_ascii_digit())
        && rest.len() <= 6
        && rest.chars().all(|c| c.is_ascii_digit() || ['-', ' ', 'Q', 'W'].contains(&c))
}

/// Categories and series with their values.
pub(super) struct Grid {
    pub(super) categories: Vec<Option<String>>,
    pub(super) series: Vec<String>,
    pub(super) values: Vec<Vec<Option<f64>>>,
}

impl Grid {
    /// A category a row, a series a column.
    pub(super) fn of_rows(rows: &[&Row], category: usize, columns: &[usize], name: impl Fn(usize) -> String) -> Self {
        Self {
            categories: rows.iter().map(|row| row[category].clone()).collect(),
            series: columns.iter().map(|column| name(*column)).collect(),
            values: columns.iter().map(|column| rows.iter().map(|row| number(row, *column)).collect()).collect(),
        }
    }

    /// A series for each value of a column; nothing where two rows have one place and their values cannot be added.
    pub(super) fn by_series(
        rows: &[&Row],
        category: usize,
        (series, known): (usize, &[String]),
        value: usize,
        is_sum: bool,
    ) -> Option<Self> {
        let mut grid = Self { categories: Vec::new(), series: known.to_vec(), values: Vec::new() };
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

    /// Whether the categories follow each other in time by their names.
    pub(super) fn time(&self) -> Time {
        let known: Vec<_> = self.categories.iter().flatten().collect();
        let times = known.iter().filter(|text| looks_like_time(text)).count();
        match times {
            0 => Time::None,
            _ if times == known.len() => Time::Whole,
            _ if times * 2 >= known.len() => Time::Mixed,
            _ => Time::None,
        }
    }

    /// In the order of time, with what has no time at the end.
    pub(super) fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.categories.len()).collect();
        order.sort_by_key(|at| (self.categories[*at].is_none(), self.categories[*at].clone()));
        self.reorder(&order.into_iter().map(Some).collect::<Vec<_>>(), |_| None);
    }

    /// Gives months, quarters and years that no row is of their places in time.
    pub(super) fn fill(&mut self, style: Style) {
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

    pub(super) fn keep(&mut self, range: std::ops::Range<usize>) {
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
