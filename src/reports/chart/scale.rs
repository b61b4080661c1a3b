//! From values to pixels.

use super::super::header::Unit;

/// A line of values laid over a line of pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    values: (f64, f64),
    pixels: (i32, i32),
}

impl Scale {
    pub(super) fn new(values: (f64, f64), pixels: (i32, i32)) -> Self {
        // Nothing but noughts is drawn as such.
        let values = if values.0 < values.1 { values } else { (values.0, values.0 + 1.0) };
        Self { values, pixels }
    }

    pub(super) fn at(self, value: f64) -> i32 {
        let share = (value - self.values.0) / (self.values.1 - self.values.0);
        let (from, to) = (f64::from(self.pixels.0), f64::from(self.pixels.1));
        (from + share * (to - from)).round() as i32
    }
}

/// The least and the greatest of values, with nought between or at them.
pub(super) fn around_nought(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((0.0, 0.0), |(least, greatest), value| (value.min(least), value.max(greatest)))
}

/// Values for an axis that people like to read, from at or below the least to at or above the greatest.
pub(super) fn ticks((least, greatest): (f64, f64), about: usize, unit: Option<Unit>) -> Vec<f64> {
    let span = if greatest > least { greatest - least } else { 1.0 };
    let rough = span / about.max(1) as f64;
    let power = 10_f64.powi(rough.log10().floor() as i32);
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let mut step = steps.iter().map(|step| step * power).find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power);
    if unit == Some(Unit::Count) {
        step = step.ceil();
    }
    // A value at a tick, as far as a double can tell, needs no further one.
    let (from, to) = ((least / step + 1e-9).floor() as i64, (greatest / step - 1e-9).ceil() as i64);
    (from..=to.max(from + 1)).map(|tick| tick as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_the_values_between_them() {
        assert_eq!(ticks((0.0, 97.0), 5, None), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks((-30.0, 60.0), 4, None), [-50.0, -25.0, 0.0, 25.0, 50.0, 75.0]);
        assert_eq!(ticks((0.0, 1.0), 4, Some(Unit::Share)), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks((0.0, 2.0), 5, Some(Unit::Count)), [0.0, 1.0, 2.0]);
        assert_eq!(ticks((0.0, 0.0), 5, Some(Unit::Count)), [0.0, 1.0]);
        for values in [(0.0, 1e12), (-1.0, 1e-6), (0.0, 0.000_1)] {
            let ticks = ticks(values, 5, None);
            assert!(ticks[0] <= values.0 && *ticks.last().unwrap() >= values.1 && ticks.len() < 12, "{ticks:?}");
        }
    }
}
