//! What goes into a sweep and what comes out: goals, asks, sightings, and the certificate.

use serde::{Deserialize, Serialize};

use super::RowId;
use crate::config::Proof;

/// What a sweep is to achieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The verdict to seek.
    pub proof: Proof,
    /// Passes before it is given up.
    pub max_passes: u32,
    /// Rows to ask for on a page.
    pub page_size: u32,
    /// Whether to ask for as many rows as the server serves, where that is fewer.
    pub adapt_size: bool,
}

/// Why a page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To learn the page size and perhaps a total; its rows count if it told one.
    Open,
    /// To read its rows.
    Read,
    /// To find the end of the list before a pass.
    Search,
    /// To see, after a pass, that nothing changed.
    Close,
}

/// One page to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ask {
    /// The pass it belongs to, from 1.
    pub pass: u32,
    /// Why.
    pub purpose: Purpose,
    /// The page, from 1.
    pub page: u64,
    /// Rows to ask for.
    pub size: u32,
}

/// What a page showed. A page that is not there (404) showed nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// The rows, in their order.
    pub ids: Vec<RowId>,
    /// How many of them have no id of their own.
    pub without_id: u64,
    /// The total that the answer tells.
    pub total: Option<u64>,
    /// What the rows' order is.
    pub order: Order,
}

/// What a page's rows are sorted by, as far as it can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// It cannot be told.
    #[default]
    Unknown,
    /// By the last update, and not by creation: a row that is changed moves.
    ByLastUpdate,
    /// By something else, or by nothing.
    Other,
}

/// What is known about a swept list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No row that existed throughout can be missing.
    Proven,
    /// One pass that the counts before and after agree with.
    Counted,
    /// Neither.
    Suspect,
}

impl Verdict {
    /// As `meta.sweeps` and the reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Counted => "counted",
            Self::Suspect => "suspect",
        }
    }

    /// Whether the table can be taken for the list.
    pub fn is_whole(self) -> bool {
        self != Self::Suspect
    }
}

/// What a sweep vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What is known.
    pub verdict: Verdict,
    /// Why, in words an operator understands.
    pub reason: String,
    /// Different rows seen in the passes that count.
    pub distinct_ids: u64,
    /// Times a row was seen again within its pass.
    pub repeated: u64,
    /// Rows without an id.
    pub without_id: u64,
    /// The list's length when the pass began, where it is known.
    pub total_before: Option<u64>,
    /// The list's length when the pass ended, where it is known.
    pub total_after: Option<u64>,
    /// Pages that the list has.
    pub pages: u64,
    /// Passes made.
    pub passes: u32,
    /// The passes whose pages hold the rows to load; no entry means all of them.
    pub load: Option<u32>,
}

impl Certificate {
    /// What can be said of a list that could not be read.
    pub fn not_read(reason: String) -> Self {
        Self {
            verdict: Verdict::Suspect,
            reason,
            distinct_ids: 0,
            repeated: 0,
            without_id: 0,
            total_before: None,
            total_after: None,
            pages: 0,
            passes: 0,
            load: None,
        }
    }

    /// Which answers hold the rows to load, as indices into the asks in the order of their answers; in the order of the
    /// list. Of a page asked for more than once within the pass that counts, the reading counts.
    pub fn pages_to_load(&self, asks: &[Ask]) -> Vec<usize> {
        let mut chosen: Vec<usize> = (0..asks.len()).collect();
        if let Some(pass) = self.load {
            let rank = |ask: &Ask| match ask.purpose {
                Purpose::Search => None,
                Purpose::Open => Some(0),
                Purpose::Close => Some(1),
                Purpose::Read => Some(2),
            };
            chosen.retain(|index| asks[*index].pass == pass && rank(&asks[*index]).is_some());
            chosen.sort_by_key(|index| (asks[*index].page, std::cmp::Reverse((rank(&asks[*index]), *index))));
            chosen.dedup_by_key(|index| asks[*index].page);
        } else {
            chosen.sort_by_key(|index| (asks[*index].pass, asks[*index].page));
        }
        chosen
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for a page.
    Ask(Ask),
    /// Nothing until an answer arrives.
    Wait,
    /// The sweep is over.
    Done,
}
