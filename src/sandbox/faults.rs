//! What can go wrong, on request: each fault strikes a request with its probability, from the seed.

use std::{fmt, str::FromStr};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers with this status: 408, 429, 500, 502, 503 or 504.
    Status(u16),
    /// Closes the connection without an answer.
    Reset,
    /// Sends a part of the answer, then nothing more.
    Stall,
    /// Sends a part of the answer, then closes the connection.
    Truncate,
    /// Answers 200 with something that is not JSON.
    Garbage,
    /// Answers 200 with a gateway's HTML page.
    Html,
    /// Answers 200 with `"error": true`.
    ErrorFlag,
    /// Answers late.
    Slow,
    /// Sends the answer in small pieces, for a very long time.
    Drip,
}

const NAMES: [(&str, Kind); 14] = [
    ("408", Kind::Status(408)),
    ("429", Kind::Status(429)),
    ("500", Kind::Status(500)),
    ("502", Kind::Status(502)),
    ("503", Kind::Status(503)),
    ("504", Kind::Status(504)),
    ("reset", Kind::Reset),
    ("stall", Kind::Stall),
    ("truncate", Kind::Truncate),
    ("garbage", Kind::Garbage),
    ("html", Kind::Html),
    ("error-flag", Kind::ErrorFlag),
    ("slow", Kind::Slow),
    ("drip", Kind::Drip),
];

/// A fault and how often it strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// How often, from 0 to 1.
    pub probability: f64,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, probability) = text.split_once('=').ok_or("expected KIND=PROBABILITY")?;
        let known = || NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let (_, kind) = NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("no such fault; there is {}", known()))?;
        match probability.parse() {
            Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(Self { kind: *kind, probability }),
            _ => Err("the probability must be a number from 0 to 1".to_owned()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        write!(formatter, "{name}={}", self.probability)
    }
}

/// Draws faults.
#[derive(Debug)]
pub(super) struct Dice {
    rng: ChaCha8Rng,
    faults: Vec<Fault>,
}

impl Dice {
    pub(super) fn new(seed: u64, faults: &[Fault]) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), faults: faults.to_vec() }
    }

    /// The fault that strikes this request, if one does.
    pub(super) fn roll(&mut self) -> Option<Kind> {
        let rng = &mut self.rng;
        self.faults.iter().find(|fault| rng.random_bool(fault.probability)).map(|fault| fault.kind)
    }

    /// Whether something of this probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_that_reads_back() {
        for (name, kind) in NAMES {
            let fault: Fault = format!("{name}=0.25").parse().unwrap();
            assert_eq!(fault, Fault { kind, probability: 0.25 });
            assert_eq!(fault.to_string(), format!("{name}=0.25"));
        }
        assert!("nonsense=0.1".parse::<Fault>().unwrap_err().contains("truncate"));
        assert!("500=2".parse::<Fault>().is_err());
    }
}
