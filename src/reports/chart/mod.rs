//! Charts of answers, as SVG that a page holds within itself.
//!
//! [`pictures`] decides what is drawn: a chart for each currency and each unit, so that nothing is added or compared that
//! cannot be. Each picture is drawn twice, for wide pages and for phones, where the same drawing would be too small to
//! read.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "pixels, and counts of what a chart has: far below 2^31"
)]

mod across;
mod canvas;
mod figures;
mod grid;
mod palette;
mod scale;
mod text;
mod upright;

use std::fmt::Write as _;

use self::canvas::Canvas;
pub(super) use self::{
    figures::{EMPTY, Figures, NONE, pictures},
    palette::dark_rules,
};
use super::{
    header::{ChartKind, Unit},
    number::short,
};

/// The width of a drawing for desktops and paper.
const WIDE: i32 = 560;
/// The width of a drawing for phones.
const NARROW: i32 = 330;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picture {
    /// What it shows, such as `Amount by stage, EUR`.
    pub(super) heading: String,
    pub(super) kind: ChartKind,
    /// The unit of all its values.
    pub(super) unit: Option<Unit>,
    pub(super) series: Vec<String>,
    pub(super) categories: Vec<String>,
    /// Whether the categories follow each other in time.
    pub(super) is_time: bool,
    /// For each series the value of each category.
    pub(super) values: Vec<Vec<Option<f64>>>,
}

/// Marks, and how high the sheet must be for them.
struct Drawing {
    canvas: Canvas,
    height: i32,
}

impl Picture {
    /// The chart as two `svg` elements, of which the style sheet shows one; `id` is the page's only one.
    pub(super) fn svg(&self, id: &str) -> String {
        let description = self.description();
        [("wide", WIDE), ("narrow", NARROW)]
            .map(|(class, width)| {
                let Drawing { canvas, height } = self.draw(width, class == "narrow");
                format!(
                    "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
                     role=\"img\" aria-labelledby=\"{id}-{class}-t {id}-{class}-d\"><title id=\"{id}-{class}-t\">{}</title>\
                     <desc id=\"{id}-{class}-d\">{}</desc>{}</svg>",
                    html_escape::encode_double_quoted_attribute(&self.heading),
                    html_escape::encode_double_quoted_attribute(&description),
                    canvas.draw(height)
                )
            })
            .concat()
    }

    fn draw(&self, width: i32, is_narrow: bool) -> Drawing {
        let upright = match self.kind {
            ChartKind::Column | ChartKind::Stacked | ChartKind::Line => upright::draw(self, width),
            ChartKind::Bar | ChartKind::Funnel | ChartKind::Waterfall => None,
        };
        upright.unwrap_or_else(|| across::draw(self, width, is_narrow))
    }

    /// What the chart shows, for whoever does not see it.
    fn description(&self) -> String {
        let mut text = format!("{}, {} categories", self.kind, self.categories.len());
        if self.series.len() > 1 {
            let _ = write!(text, ", {} series: {}", self.series.len(), self.series.join(", "));
        }
        text.push('.');
        for (name, values) in self.series.iter().zip(&self.values) {
            let known =
                || values.iter().zip(&self.categories).filter_map(|(value, category)| Some(((*value)?, category)));
            let greatest = known().max_by(|one, other| one.0.total_cmp(&other.0));
            let least = known().min_by(|one, other| one.0.total_cmp(&other.0));
            let (Some(greatest), Some(least)) = (greatest, least) else { continue };
            let told = |(value, category): (f64, &String)| format!("{category}, {}", short(value, self.unit));
            let _ = write!(text, " {name}: greatest {}; least {}.", told(greatest), told(least));
        }
        text.push_str(" The table has every figure.");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "Donaudampfschifffahrtsgesellschaftskapitänswitwenversicherung und Söhne GmbH & Co. KG";

    fn picture(kind: ChartKind, is_time: bool, categories: &[&str], values: &[&[Option<f64>]]) -> Picture {
        Picture {
            heading: "Amount by stage".to_owned(),
            kind,
            unit: Some(Unit::Money),
            series: (0..values.len()).map(|index| format!("Series {index}")).collect(),
            categories: categories.iter().map(|&category| category.to_owned()).collect(),
            is_time,
            values: values.iter().map(|series| series.to_vec()).collect(),
        }
    }

    /// No text leaves the sheet or touches another.
    fn check(picture: &Picture) {
        for (width, is_narrow) in [(WIDE, false), (NARROW, true)] {
            let drawing = picture.draw(width, is_narrow);
            let boxes = drawing.canvas.text_boxes();
            assert!(!boxes.is_empty());
            for (index, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
                assert!(*left >= 0 && *right <= width, "{text} is at {left}..{right} of {width}: {picture:?}");
                assert!(*top >= 0 && *bottom <= drawing.height, "{text} is at {top}..{bottom} of {}", drawing.height);
                for (other, [l, t, r, b]) in &boxes[index + 1..] {
                    let touch = left < r && l < right && top < b && t < bottom;
                    assert!(!touch, "{text} and {other} touch at {width}: {picture:?}");
                }
            }
        }
    }

    #[test]
    fn no_text_touches_another_or_leaves_the_sheet() {
        let months: Vec<String> = (0..60).map(|month| format!("{}-{:02}", 2022 + month / 12, month % 12 + 1)).collect();
        let months: Vec<&str> = months.iter().map(String::as_str).collect();
        let many: Vec<Option<f64>> = (0..60).map(|n| Some(f64::from(n) * 12_345.6 - 90_000.0)).collect();
        let some: &[Option<f64>] = &[Some(1_234_567.0), Some(-350_000.0), None, Some(0.0)];
        let names = [LONG, "Proposal", "(none)", "A much longer name of a stage than anybody would give it"];
        for kind in [ChartKind::Bar, ChartKind::Column, ChartKind::Line, ChartKind::Stacked] {
            check(&picture(kind, false, &names, &[some]));
            check(&picture(kind, false, &names, &[some, some, some]));
            check(&picture(kind, false, &["A", "B", "C", "D"], &[some]));
            check(&picture(kind, false, &["One"], &[&[Some(5.0)]]));
            check(&picture(kind, false, &["One"], &[&[None]]));
            check(&picture(kind, true, &months, &[&many]));
            check(&picture(kind, true, &months[..7], &[&many[..7], &many[7..14]]));
            check(&picture(kind, true, &months[..1], &[&many[50..51]]));
        }
        for kind in [ChartKind::Funnel, ChartKind::Waterfall] {
            check(&picture(kind, false, &names, &[some]));
            check(&picture(kind, false, &["One"], &[&[Some(5.0)]]));
            check(&picture(kind, false, &["One"], &[&[Some(0.0)]]));
        }
        let legend = Picture {
            series: vec![LONG.to_owned(), "Won".to_owned(), LONG.to_owned()],
            ..picture(ChartKind::Bar, false, &names, &[some, some, some])
        };
        check(&legend);
    }

    #[test]
    fn names_that_do_not_fit_below_columns_let_them_lie() {
        let fits = picture(ChartKind::Column, false, &["Small", "Large"], &[&[Some(1.0), Some(2.0)]]);
        let long = picture(ChartKind::Column, false, &[LONG, "Large"], &[&[Some(1.0), Some(2.0)]]);
        assert!(upright::draw(&fits, WIDE).is_some());
        assert!(upright::draw(&long, WIDE).is_none());
    }

    #[test]
    fn a_chart_has_a_name_and_a_description_and_takes_a_text_for_a_text() {
        let hostile = "<script>alert(1)</script>\" onload=\"x";
        let mut shown = picture(ChartKind::Bar, false, &[hostile, "B"], &[&[Some(1_500_000.0), Some(2.0)]]);
        shown.heading = hostile.to_owned();
        let svg = shown.svg("c1");
        assert!(!svg.contains("<script") && !svg.contains("\" onload"), "{svg}");
        assert_eq!(svg.matches("<svg ").count(), 2);
        assert_eq!(svg.matches("role=\"img\"").count(), 2);
        assert!(svg.contains("<title id=\"c1-wide-t\">") && svg.contains("Bar chart, 2 categories."), "{svg}");
        assert!(svg.contains("1.5\u{202f}M"));
        assert_eq!(svg.matches("</svg>").count(), 2);
    }
}
