//! Marks on a sheet, drawn as SVG by plotters when all of them, and so the sheet's height, are known.

use plotters::{
    backend::SVGBackend,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _},
    element::{Circle, PathElement, Rectangle, Text},
    style::{
        Color as _, IntoFont as _, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    palette::Colour,
    text::{LINE, SIZE, width},
};

/// The backend writes a font's size divided by this.
const BACKEND_SCALE: f64 = 1.24;

/// Where a text stands beside its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Debug)]
enum Mark {
    Rectangle { corners: [(i32, i32); 2], colour: Colour },
    Path { points: Vec<(i32, i32)>, colour: Colour, width: u32 },
    Dot { at: (i32, i32), colour: Colour },
    Text { at: (i32, i32), anchor: Anchor, text: String, colour: Colour },
}

/// A sheet to draw on.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    pub(super) width: i32,
    marks: Vec<Mark>,
}

impl Canvas {
    pub(super) fn new(width: i32) -> Self {
        Self { width, marks: Vec::new() }
    }

    pub(super) fn rectangle(&mut self, from: (i32, i32), to: (i32, i32), colour: Colour) {
        self.marks.push(Mark::Rectangle { corners: [from, to], colour });
    }

    pub(super) fn path(&mut self, points: Vec<(i32, i32)>, colour: Colour, width: u32) {
        self.marks.push(Mark::Path { points, colour, width });
    }

    pub(super) fn dot(&mut self, at: (i32, i32), colour: Colour) {
        self.marks.push(Mark::Dot { at, colour });
    }

    /// A text, its middle at the point's height.
    pub(super) fn text(&mut self, at: (i32, i32), anchor: Anchor, text: impl Into<String>, colour: Colour) {
        self.marks.push(Mark::Text { at, anchor, text: text.into(), colour });
    }

    /// The boxes of all texts: left, top, right, bottom.
    #[cfg(test)]
    pub(super) fn text_boxes(&self) -> Vec<(String, [i32; 4])> {
        let boxes = self.marks.iter().filter_map(|mark| match mark {
            Mark::Text { at: (x, y), anchor, text, .. } => {
                let width = width(text);
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - width / 2,
                    Anchor::End => x - width,
                };
                Some((text.clone(), [left, y - 7, left + width, y + 7]))
            }
            _ => None,
        });
        boxes.collect()
    }

    /// The names of series, each beside its colour, from a height on. Returns the height below them.
    pub(super) fn legend(&mut self, names: &[String], colours: &[Colour], top: i32) -> i32 {
        const SWATCH: i32 = 11;
        const GAP: i32 = 18;
        if names.len() < 2 {
            return top;
        }
        let (mut x, mut y) = (0, top + LINE / 2);
        for (name, colour) in names.iter().zip(colours) {
            let lines = super::text::wrap(name, self.width - SWATCH - 6);
            let widest = lines.iter().map(|line| width(line)).max().unwrap_or(0);
            if x > 0 && x + SWATCH + 6 + widest > self.width {
                (x, y) = (0, y + LINE + 2);
            }
            self.rectangle((x, y - SWATCH / 2), (x + SWATCH, y + SWATCH / 2), *colour);
            for (index, line) in (0..).zip(&lines) {
                self.text((x + SWATCH + 6, y + index * LINE), Anchor::Start, line, super::palette::INK);
            }
            y += LINE * (lines.len() as i32 - 1).max(0);
            x += SWATCH + 6 + widest + GAP;
        }
        y + LINE / 2 + 10
    }

    /// The marks as SVG elements, without the element around them.
    pub(super) fn draw(&self, height: i32) -> String {
        let mut svg = String::new();
        let size = (u32::try_from(self.width).unwrap_or(1), u32::try_from(height).unwrap_or(1));
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        // Into a text in memory, nothing can fail but an element whose point is no number; ours are integers.
        let drawn = self.marks.iter().try_for_each(|mark| draw(&area, mark)).and_then(|()| area.present());
        drop(area);
        if let Err(error) = drawn {
            tracing::warn!(%error, "a chart could not be drawn whole");
        }
        let inner = svg.split_once('>').map_or("", |(_, inner)| inner).trim();
        inner.strip_suffix("</svg>").unwrap_or(inner).replace("\n</text>", "</text>").replace(">\n", ">")
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(area: &Area<'_>, mark: &Mark) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    match mark {
        Mark::Rectangle { corners, colour } => area.draw(&Rectangle::new(*corners, colour.on_light().filled())),
        Mark::Path { points, colour, width } => {
            area.draw(&PathElement::new(points.clone(), colour.on_light().stroke_width(*width)))
        }
        Mark::Dot { at, colour } => area.draw(&Circle::new(*at, 3, colour.on_light().filled())),
        Mark::Text { at, anchor, text, colour } => {
            let horizontal = match anchor {
                Anchor::Start => HPos::Left,
                Anchor::Middle => HPos::Center,
                Anchor::End => HPos::Right,
            };
            let font = ("sans-serif", SIZE * BACKEND_SCALE).into_font();
            let style: TextStyle<'_> = font.color(&colour.on_light()).pos(Pos::new(horizontal, VPos::Center));
            area.draw(&Text::new(text.as_str(), *at, style))
        }
    }
}
