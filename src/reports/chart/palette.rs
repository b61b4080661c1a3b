//! The colours of charts. A chart is drawn in those for light paper, which stand in its elements' attributes; for the
//! dark, the page's style sheet maps each to its counterpart, so that no chart is drawn twice.

use plotters::style::RGBColor;

/// A colour on light and on dark ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour {
    light: (u8, u8, u8),
    dark: (u8, u8, u8),
}

impl Colour {
    const fn new(light: u32, dark: u32) -> Self {
        Self { light: bytes(light), dark: bytes(dark) }
    }

    pub(super) fn on_light(self) -> RGBColor {
        RGBColor(self.light.0, self.light.1, self.light.2)
    }
}

const fn bytes(colour: u32) -> (u8, u8, u8) {
    let [_, red, green, blue] = colour.to_be_bytes();
    (red, green, blue)
}

/// Labels.
pub(super) const INK: Colour = Colour::new(0x1a_1f26, 0xe6_e9ed);
/// Axis labels.
pub(super) const MUTED: Colour = Colour::new(0x57_606a, 0xa3_adb8);
/// Lines that lead the eye.
pub(super) const GRID: Colour = Colour::new(0xd9_dee4, 0x36_3e48);
/// The line that nought is at.
pub(super) const AXIS: Colour = Colour::new(0x8b_949e, 0x7d_8792);
/// What grew.
pub(super) const GAIN: Colour = Colour::new(0x1e_7f4e, 0x5f_cb92);
/// What shrank.
pub(super) const LOSS: Colour = Colour::new(0xb3_363a, 0xf0_8a89);
/// What stands.
pub(super) const LEVEL: Colour = Colour::new(0x4a_5a6c, 0x9f_b0c3);
/// The series, in their order: told apart by people who do not see all colours, too.
pub(super) const SERIES: [Colour; 8] = [
    Colour::new(0x1f_6fb2, 0x6c_b2f0),
    Colour::new(0xb8_5c00, 0xf0_a050),
    Colour::new(0x1e_7f4f, 0x5f_cb93),
    Colour::new(0x7a_4fb5, 0xb7_9af0),
    Colour::new(0x0f_7c86, 0x4f_c7d2),
    Colour::new(0xb3_363b, 0xf0_8a8a),
    Colour::new(0x6e_6a12, 0xcf_c94a),
    Colour::new(0xa8_457c, 0xef_9ac8),
];

/// The rules by which a style sheet shows the charts on dark ground.
pub(in crate::reports) fn dark_rules() -> String {
    let colours = [INK, MUTED, GRID, AXIS, GAIN, LOSS, LEVEL].into_iter().chain(SERIES);
    let hex = |(red, green, blue): (u8, u8, u8)| format!("#{red:02X}{green:02X}{blue:02X}");
    let mut rules = String::new();
    for colour in colours {
        let (light, dark) = (hex(colour.light), hex(colour.dark));
        rules.push_str(&format!("svg [fill=\"{light}\"]{{fill:{dark}}}svg [stroke=\"{light}\"]{{stroke:{dark}}}"));
    }
    rules
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The contrast of [WCAG](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
    fn contrast(one: (u8, u8, u8), other: (u8, u8, u8)) -> f64 {
        let luminance = |(red, green, blue): (u8, u8, u8)| {
            let linear = |channel: u8| {
                let channel = f64::from(channel) / 255.0;
                if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn texts_and_marks_can_be_told_from_both_grounds() {
        let (light, dark) = (bytes(0xff_ffff), bytes(0x1a_2028));
        for colour in [INK, MUTED] {
            assert!(contrast(colour.light, light) >= 4.5 && contrast(colour.dark, dark) >= 4.5, "{colour:?}");
        }
        for colour in [GAIN, LOSS, LEVEL, AXIS].into_iter().chain(SERIES) {
            assert!(contrast(colour.light, light) >= 3.0 && contrast(colour.dark, dark) >= 3.0, "{colour:?}");
        }
    }

    #[test]
    fn every_colour_has_rules_of_its_own() {
        let all = [INK, MUTED, GRID, AXIS, GAIN, LOSS, LEVEL].into_iter().chain(SERIES);
        assert_eq!(all.map(|colour| colour.light).collect::<BTreeSet<_>>().len(), 15);
        assert!(dark_rules().contains("svg [fill=\"#1A1F26\"]{fill:#E6E9ED}"));
    }
}
