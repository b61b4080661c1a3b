//! Charts whose figures stand: columns, stacked columns and lines, mostly over time.

use super::{
    Drawing, Picture,
    canvas::{Anchor, Canvas},
    grid::looks_like_time,
    palette::{AXIS, GRID, INK, MUTED, SERIES},
    scale::{Scale, around_nought, ticks},
    text::{LINE, width, wrap},
};
use crate::reports::{
    header::ChartKind,
    number::{self, short},
};

/// The height of the part where figures stand.
const HEIGHT: i32 = 210;
/// Between two labels of the time axis.
const APART: i32 = 12;
/// A name below a column has so many lines at the most.
const MAX_LINES: usize = 3;

/// Draws a picture with standing figures; nothing where the names of its categories do not fit below them.
pub(super) fn draw(picture: &Picture, canvas_width: i32) -> Option<Drawing> {
    let mut canvas = Canvas::new(canvas_width);
    // Half a label stands above the highest line.
    let top = canvas.legend(&picture.series, &SERIES, 0) + LINE;
    let values = around_nought(extremes(picture).into_iter());
    let ticks = ticks(values, 4, picture.unit);
    let labels = number::ticks(&ticks, picture.unit);
    let left = labels.iter().map(|label| width(label)).max().unwrap_or(0) + 8;
    let range = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
    let scale = Scale::new(range, (top + HEIGHT, top));
    let slots = Slots { left, width: f64::from(canvas_width - left) / picture.categories.len().max(1) as f64 };
    let names = names(picture, slots, canvas_width)?;
    for (tick, label) in ticks.iter().zip(&labels) {
        let y = scale.at(*tick);
        let colour = if *tick == 0.0 { AXIS } else { GRID };
        canvas.path(vec![(left, y), (canvas_width, y)], colour, 1);
        canvas.text((left - 8, y), Anchor::End, label, MUTED);
    }
    match picture.kind {
        ChartKind::Line => lines(&mut canvas, picture, slots, scale),
        ChartKind::Stacked => stacks(&mut canvas, picture, slots, scale),
        _ => columns(&mut canvas, picture, slots, scale),
    }
    let below = scale.at(range.0) + 6;
    let mut deepest = 1;
    for (x, lines) in names {
        deepest = deepest.max(lines.len() as i32);
        for (index, line) in (0..).zip(lines) {
            canvas.text((x, below + index * LINE + LINE / 2), Anchor::Middle, line, MUTED);
        }
    }
    Some(Drawing { canvas, height: below + deepest * LINE + 4 })
}

/// Where the categories stand.
#[derive(Clone, Copy, Debug)]
struct Slots {
    left: i32,
    width: f64,
}

impl Slots {
    fn middle(self, category: usize) -> i32 {
        self.left + (self.width * (category as f64 + 0.5)).round() as i32
    }
}

/// All values that the axis must reach; of stacks, the sums.
fn extremes(picture: &Picture) -> Vec<f64> {
    if picture.kind != ChartKind::Stacked {
        return picture.values.iter().flatten().flatten().copied().collect();
    }
    (0..picture.categories.len())
        .flat_map(|category| {
            let figures = || picture.values.iter().filter_map(move |series| series[category]);
            [figures().filter(|figure| *figure > 0.0).sum::<f64>(), figures().filter(|figure| *figure < 0.0).sum()]
        })
        .collect()
}

/// The names below the axis with the middle of each: of days and months as many as do not touch, of others all or none.
fn names(picture: &Picture, slots: Slots, canvas_width: i32) -> Option<Vec<(i32, Vec<String>)>> {
    if !picture.is_time {
        let room = slots.width as i32 - 6;
        let wrapped: Vec<_> = picture.categories.iter().map(|name| wrap(name, room)).collect();
        let is_whole =
            picture.categories.iter().flat_map(|name| name.split_whitespace()).all(|word| width(word) <= room);
        let fits = is_whole && wrapped.iter().all(|lines| lines.len() <= MAX_LINES);
        return fits
            .then(|| wrapped.into_iter().enumerate().map(|(index, lines)| (slots.middle(index), lines)).collect());
    }
    let mut names = Vec::new();
    let mut taken: Vec<(i32, i32)> = Vec::new();
    // What is no time, such as `overdue`, always has its name, and so has the latest.
    let (times, others): (Vec<_>, Vec<_>) =
        picture.categories.iter().enumerate().partition(|(_, name)| looks_like_time(name));
    let others = others.into_iter().rev();
    for (index, name) in others.chain(times.into_iter().rev()) {
        let half = width(name) / 2 + 1;
        let x = slots.middle(index).min(canvas_width - half).max(half);
        let (from, to) = (x - half, x + half);
        if taken.iter().all(|(other_from, other_to)| to + APART <= *other_from || other_to + APART <= from) {
            names.push((x, vec![name.clone()]));
            taken.push((from, to));
        }
    }
    Some(names)
}

fn columns(canvas: &mut Canvas, picture: &Picture, slots: Slots, scale: Scale) {
    let count = picture.series.len().max(1) as f64;
    let breadth = ((slots.width * 0.76) / count).clamp(1.0, 46.0);
    let nought = scale.at(0.0);
    let told = |figure: f64| short(figure, picture.unit);
    let fits = |figure: &f64| *figure >= 0.0 && f64::from(width(&told(*figure)) + 4) <= slots.width;
    let has_figures = picture.series.len() == 1 && picture.values.iter().flatten().flatten().all(fits);
    for (series, colour) in (0..picture.series.len()).zip(SERIES) {
        for (category, figure) in picture.values[series].iter().enumerate() {
            let Some(figure) = *figure else { continue };
            let start = f64::from(slots.middle(category)) + breadth * (series as f64 - count / 2.0);
            let (from, to) = (start.round() as i32, (start + breadth).round() as i32);
            // Columns beside each other have a gap where there is room for one.
            let to = if breadth >= 4.0 { to - 1 } else { to.max(from + 1) };
            bar(canvas, (from, to), (nought, scale.at(figure)), colour);
            if has_figures {
                canvas.text(
                    (slots.middle(category), scale.at(figure) - LINE / 2 - 1),
                    Anchor::Middle,
                    told(figure),
                    INK,
                );
            }
        }
    }
}

fn stacks(canvas: &mut Canvas, picture: &Picture, slots: Slots, scale: Scale) {
    let breadth = (slots.width * 0.76).clamp(1.0, 46.0);
    for category in 0..picture.categories.len() {
        let start = f64::from(slots.middle(category)) - breadth / 2.0;
        let sides = (start.round() as i32, ((start + breadth).round() as i32).max(start.round() as i32 + 1));
        let (mut above, mut below) = (0.0, 0.0);
        for (series, colour) in (0..picture.series.len()).zip(SERIES) {
            let Some(figure) = picture.values[series][category] else { continue };
            let base = if figure < 0.0 { &mut below } else { &mut above };
            let from = *base;
            *base += figure;
            bar(canvas, sides, (scale.at(from), scale.at(*base)), colour);
        }
    }
}

fn bar(canvas: &mut Canvas, (left, right): (i32, i32), (from, to): (i32, i32), colour: super::palette::Colour) {
    let (high, low) = (from.min(to), from.max(to));
    if high < low {
        canvas.rectangle((left, high), (right, low), colour);
    }
}

fn lines(canvas: &mut Canvas, picture: &Picture, slots: Slots, scale: Scale) {
    let has_dots = picture.categories.len() <= 40;
    for (series, colour) in (0..picture.series.len()).zip(SERIES) {
        // A gap in the figures is a gap in the line.
        for piece in pieces(&picture.values[series]) {
            let points: Vec<_> =
                piece.iter().map(|(category, figure)| (slots.middle(*category), scale.at(*figure))).collect();
            if has_dots || points.len() == 1 {
                for point in &points {
                    canvas.dot(*point, colour);
                }
            }
            canvas.path(points, colour, 2);
        }
    }
}

fn pieces(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut pieces: Vec<Vec<_>> = vec![Vec::new()];
    for (category, figure) in values.iter().enumerate() {
        match (figure, pieces.last_mut()) {
            (Some(figure), Some(piece)) => piece.push((category, *figure)),
            _ => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
