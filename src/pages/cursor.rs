//! Where a list ends, when the API tells no total: a search for the last page.
//!
//! Doubling finds a page past the end, halving finds the last one before it: about `2 log2(pages)` requests. A server
//! may answer past the end with nothing (an empty page, 404) or with the last page again; the second is recognised when
//! a page shows exactly the rows that a lower page showed before it. Rows that are only being deleted move to lower
//! pages, never to higher ones, so deletions cannot make a page look like that, unless a whole page of rows stands in the list
//! twice.

use super::RowId;

/// Doublings before a list is taken for endless.
const MAX_DOUBLINGS: u32 = 40;

/// How the server answers past the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastEnd {
    /// With no rows.
    Nothing,
    /// With the rows of the last page.
    LastPage,
}

/// The last page as the search saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastPage {
    /// Its number; 0 when the list is empty.
    pub page: u64,
    /// Its rows.
    pub ids: Vec<RowId>,
    /// Rows on each page before it.
    pub page_rows: u64,
    /// How the server answers past it.
    pub past_end: PastEnd,
}

impl LastPage {
    /// The rows of the whole list.
    pub fn count(&self) -> u64 {
        self.page.saturating_sub(1) * self.page_rows + self.ids.len() as u64
    }
}

/// The search: pages probed one after the other.
#[derive(Clone, Debug)]
pub struct Search {
    /// The highest page known to be no later than the last, and its rows.
    low: Option<(u64, Vec<RowId>)>,
    /// The lowest page known to be past the last, or to show the last page's rows.
    high: Option<u64>,
    /// The rows of the last page, once a higher page repeated them.
    repeated: Option<Vec<RowId>>,
    /// The pages that showed rows while doubling, to recognise a repetition.
    doubled: Vec<(u64, Vec<RowId>)>,
    page_rows: u64,
    probes: u32,
    /// Where an earlier search found the end: looked at first.
    hint: Option<u64>,
}

/// What the search does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Probe this page.
    Probe(u64),
    /// The last page is this one.
    Last(LastPage),
    /// No end after so many doublings.
    Endless,
}

impl Search {
    /// A search that starts at page 1, then looks where an earlier one found the end.
    pub fn new(hint: Option<u64>) -> Self {
        Self {
            low: None,
            high: None,
            repeated: None,
            doubled: Vec::new(),
            page_rows: 0,
            probes: 0,
            hint: hint.filter(|page| *page > 1),
        }
    }

    /// What to do next.
    pub fn next(&self) -> Found {
        let low = self.low.as_ref().map_or(0, |(page, _)| *page);
        match self.high {
            Some(high) if high - low > 1 => Found::Probe(low + (high - low) / 2),
            Some(high) => Found::Last(self.last(low, high)),
            None if self.probes > MAX_DOUBLINGS => Found::Endless,
            None if low == 0 => Found::Probe(1),
            None => match self.hint {
                Some(hint) if low < hint => Found::Probe(hint),
                Some(hint) if low == hint => Found::Probe(hint + 1),
                _ => Found::Probe(low * 2),
            },
        }
    }

    /// Takes the rows that a probed page showed.
    pub fn answer(&mut self, page: u64, ids: &[RowId]) {
        self.probes += 1;
        if page == 1 {
            self.page_rows = ids.len() as u64;
        }
        if ids.is_empty() {
            self.high = Some(page);
        } else if let Some(repeated) = &self.repeated {
            if repeated == ids {
                self.high = Some(page);
            } else {
                self.low = Some((page, ids.to_vec()));
            }
        } else if let Some(at) = self.doubled.iter().position(|(_, rows)| rows == ids) {
            self.high = Some(self.doubled[at].0);
            self.repeated = Some(ids.to_vec());
            self.low = at.checked_sub(1).map(|below| self.doubled[below].clone());
        } else {
            self.low = Some((page, ids.to_vec()));
            if self.high.is_none() {
                self.doubled.push((page, ids.to_vec()));
            }
        }
    }

    fn last(&self, low: u64, high: u64) -> LastPage {
        match (&self.repeated, &self.low) {
            (Some(ids), _) => {
                LastPage { page: high, ids: ids.clone(), page_rows: self.page_rows, past_end: PastEnd::LastPage }
            }
            (None, Some((_, ids))) => {
                LastPage { page: low, ids: ids.clone(), page_rows: self.page_rows, past_end: PastEnd::Nothing }
            }
            (None, None) => LastPage { page: 0, ids: Vec::new(), page_rows: 0, past_end: PastEnd::Nothing },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a list of `rows` rows in pages of `size`, and returns the last page and the probes it took.
    fn search(rows: usize, size: usize, past_end: PastEnd, hint: Option<u64>) -> (LastPage, u32) {
        let pages = rows.div_ceil(size);
        let mut search = Search::new(hint);
        loop {
            match search.next() {
                Found::Probe(page) => {
                    let asked = usize::try_from(page).unwrap();
                    let shown = if asked > pages && past_end == PastEnd::LastPage { pages.max(1) } else { asked };
                    let ids: Vec<RowId> =
                        (0..rows).skip((shown - 1) * size).take(size).map(|row| row as u128).collect();
                    search.answer(page, &ids);
                }
                Found::Last(last) => return (last, search.probes),
                Found::Endless => panic!("endless"),
            }
        }
    }

    #[test]
    fn the_last_page_is_found_within_the_budget() {
        for past_end in [PastEnd::Nothing, PastEnd::LastPage] {
            for rows in 0..600 {
                for size in [1, 2, 7, 100] {
                    let (last, probes) = search(rows, size, past_end, None);
                    let pages = rows.div_ceil(size);
                    assert_eq!((last.page, last.count()), (pages as u64, rows as u64), "{rows} rows, pages of {size}");
                    let most = 2.0 * (pages.max(1) as f64).log2() + 3.0;
                    assert!(f64::from(probes) <= most, "{probes} probes for {pages} pages, {past_end:?}");
                }
            }
        }
    }

    #[test]
    fn a_right_hint_costs_three_probes() {
        let (last, probes) = search(1_000, 10, PastEnd::Nothing, Some(100));
        assert_eq!((last.page, probes), (100, 3));
        for hint in 1..40 {
            assert_eq!(search(173, 10, PastEnd::Nothing, Some(hint)).0.page, 18);
            assert_eq!(search(173, 10, PastEnd::LastPage, Some(hint)).0.page, 18);
        }
    }
}
