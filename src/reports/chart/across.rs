//! Charts whose bars lie: bars, funnels, waterfalls, and columns whose names need more room than a column has.

use super::{
    Drawing, Picture,
    canvas::{Anchor, Canvas},
    palette::{AXIS, Colour, GAIN, INK, LEVEL, LOSS, MUTED, SERIES},
    scale::{Scale, around_nought},
    text::{LINE, width, wrap},
};
use crate::reports::{header::ChartKind, number::short};

/// The height of a bar with its gap: as much as the figure beside it needs.
const BAR: i32 = 17;
/// Between the bars of one category and the next.
const GAP: i32 = 9;
/// Between a bar and what stands beside it.
const PAD: i32 = 6;

/// A bar or a part of one, and the figure at its end.
#[derive(Clone, Debug)]
struct Bar {
    from: f64,
    to: f64,
    colour: Colour,
    figure: String,
}

/// A category with its bars: those in one line stand in one list.
#[derive(Clone, Debug)]
struct Row {
    label: String,
    lines: Vec<Vec<Bar>>,
}

/// Draws a picture with lying bars.
pub(super) fn draw(picture: &Picture, canvas_width: i32, label_above: bool) -> Drawing {
    let rows = rows(picture);
    let mut canvas = Canvas::new(canvas_width);
    let is_funnel = picture.kind == ChartKind::Funnel;
    let top = match picture.kind {
        ChartKind::Funnel | ChartKind::Waterfall => 0,
        _ => canvas.legend(&picture.series, &SERIES, 0),
    };
    let bars = || rows.iter().flat_map(|row| row.lines.iter().flatten());
    let values = around_nought(bars().flat_map(|bar| [bar.from, bar.to]));
    let label_room = if label_above { canvas_width } else { canvas_width * 2 / 5 };
    let labels: Vec<_> = rows.iter().map(|row| wrap(&row.label, label_room)).collect();
    let label_width = labels.iter().flatten().map(|line| width(line)).max().unwrap_or(0);
    let left = if label_above { 0 } else { label_width + 2 * PAD };
    let room = |wanted: &[Side]| {
        let figures = bars().filter(|bar| wanted.contains(&side(picture.kind, bar)));
        figures.map(|bar| width(&bar.figure) + 2 * PAD).max().unwrap_or(0)
    };
    let scale = Scale::new(values, (left + room(&[Side::Left]), canvas_width - room(&[Side::Right, Side::Edge])));
    let mut y = top;
    for (row, label) in rows.iter().zip(&labels) {
        let label_height = LINE * label.len() as i32;
        let bars_height = BAR * row.lines.len() as i32;
        let height = if label_above { label_height + bars_height } else { label_height.max(bars_height) };
        let label_top = if label_above { y } else { y + (height - label_height) / 2 };
        for (index, line) in (0..).zip(label) {
            canvas.text((0, label_top + index * LINE + LINE / 2), Anchor::Start, line, INK);
        }
        let bars_top = if label_above { y + label_height } else { y + (height - bars_height) / 2 };
        for (index, line) in (0..).zip(&row.lines) {
            let middle = bars_top + index * BAR + BAR / 2;
            let figures: Vec<_> =
                line.iter().filter_map(|bar| draw_bar(&mut canvas, picture.kind, bar, scale, middle)).collect();
            // The line of nought leads past figures, and on a phone past names.
            let nought = scale.at(0.0);
            if !is_funnel && !figures.iter().any(|(from, to)| (from - 2..to + 2).contains(&nought)) {
                let gap = if label_above { 0 } else { i32::midpoint(height - bars_height, GAP) };
                canvas.path(vec![(nought, middle - BAR / 2 - gap), (nought, middle + BAR / 2 + gap)], AXIS, 1);
            }
        }
        y += height + GAP;
    }
    let bottom = y - GAP / 2;
    Drawing { canvas, height: bottom + 2 }
}

/// Where the figure of a bar stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    /// At the sheet's edge, one below the other.
    Edge,
}

fn side(kind: ChartKind, bar: &Bar) -> Side {
    match kind {
        ChartKind::Funnel => Side::Edge,
        ChartKind::Waterfall => Side::Right,
        _ if bar.to < bar.from => Side::Left,
        _ => Side::Right,
    }
}

/// Returns from where to where the figure stands.
fn draw_bar(canvas: &mut Canvas, kind: ChartKind, bar: &Bar, scale: Scale, middle: i32) -> Option<(i32, i32)> {
    let (from, to) = (scale.at(bar.from), scale.at(bar.to));
    let (low, mut high) = (from.min(to), from.max(to));
    // What is not nought is seen.
    if low == high && (bar.from - bar.to).abs() > 0.0 {
        high = low + 1;
    }
    if high > low {
        let half = (BAR - 4) / 2;
        canvas.rectangle((low, middle - half), (high, middle + half), bar.colour);
    }
    if bar.figure.is_empty() {
        return None;
    }
    let colour = if bar.figure == NO_FIGURE { MUTED } else { INK };
    let (x, anchor) = match side(kind, bar) {
        Side::Left => (low - PAD, Anchor::End),
        Side::Right => (high + PAD, Anchor::Start),
        Side::Edge => (canvas.width, Anchor::End),
    };
    canvas.text((x, middle), anchor, &bar.figure, colour);
    let room = width(&bar.figure);
    Some(if anchor == Anchor::End { (x - room, x) } else { (x, x + room) })
}

/// What stands where a category has no figure.
const NO_FIGURE: &str = "\u{2013}";

fn rows(picture: &Picture) -> Vec<Row> {
    let unit = picture.unit;
    let value = |series: usize, category: usize| picture.values[series][category];
    let categories = picture.categories.iter().enumerate();
    match picture.kind {
        ChartKind::Funnel => {
            let first = picture.values[0].iter().flatten().copied().next().unwrap_or(0.0);
            categories
                .map(|(index, label)| {
                    let figure = value(0, index).unwrap_or(0.0).max(0.0);
                    let share = if first > 0.0 {
                        format!(" ({})", short(figure / first, Some(crate::reports::header::Unit::Share)))
                    } else {
                        String::new()
                    };
                    let told = value(0, index).map_or_else(|| NO_FIGURE.to_owned(), |figure| short(figure, unit));
                    let bar = Bar {
                        from: -figure / 2.0,
                        to: figure / 2.0,
                        colour: SERIES[0],
                        figure: format!("{told}{share}"),
                    };
                    Row { label: label.clone(), lines: vec![vec![bar]] }
                })
                .collect()
        }
        ChartKind::Waterfall => waterfall(picture),
        ChartKind::Stacked => categories
            .map(|(index, label)| {
                let (mut above, mut below) = (0.0, 0.0);
                let mut bars: Vec<Bar> = Vec::new();
                for (series, colour) in (0..picture.series.len()).zip(SERIES) {
                    let Some(figure) = value(series, index) else { continue };
                    let base = if figure < 0.0 { &mut below } else { &mut above };
                    bars.push(Bar { from: *base, to: *base + figure, colour, figure: String::new() });
                    *base += figure;
                }
                // The sums stand at both ends.
                for (sum, is_below) in [(above, false), (below, true)] {
                    let last = bars.iter_mut().rev().find(|bar| (bar.to < bar.from) == is_below);
                    if let Some(bar) = last {
                        bar.figure = short(sum, unit);
                    }
                }
                Row { label: label.clone(), lines: vec![bars] }
            })
            .collect(),
        _ => categories
            .map(|(index, label)| {
                let lines = (0..picture.series.len()).zip(SERIES).map(|(series, colour)| {
                    let figure = value(series, index);
                    let told = figure.map_or_else(|| NO_FIGURE.to_owned(), |figure| short(figure, unit));
                    vec![Bar { from: 0.0, to: figure.unwrap_or(0.0), colour, figure: told }]
                });
                Row { label: label.clone(), lines: lines.collect() }
            })
            .collect(),
    }
}

/// The first and the last category are levels, those between are changes.
fn waterfall(picture: &Picture) -> Vec<Row> {
    let figures = &picture.values[0];
    let last = figures.len().saturating_sub(1);
    let mut level = 0.0;
    let rows = picture.categories.iter().zip(figures).enumerate().map(|(index, (label, figure))| {
        let change = figure.unwrap_or(0.0);
        let told = figure.map_or_else(|| NO_FIGURE.to_owned(), |figure| short(figure, picture.unit));
        let bar = if index == 0 || index == last {
            level = change;
            Bar { from: 0.0, to: change, colour: LEVEL, figure: told }
        } else {
            let from = level;
            level += change;
            let figure = if change > 0.0 { format!("+{told}") } else { told };
            Bar { from, to: level, colour: if change < 0.0 { LOSS } else { GAIN }, figure }
        };
        Row { label: label.clone(), lines: vec![vec![bar]] }
    });
    rows.collect()
}
