//! The way to `counted`: a first page or a search says how long the list is, all pages are read in any order, and the end
//! must still be where it was.

use super::{Close, Phase, Sweep};
use crate::pages::{
    Sighting, Verdict,
    cursor::{Found, LastPage, PastEnd, Search},
};

impl Sweep {
    /// Page 1 of a pass that hopes for a total.
    pub(super) fn opened(&mut self, sighting: &Sighting) {
        let rows = sighting.ids.len() as u64;
        let Some(total) = sighting.total else {
            // No total: this was the first probe of the search, and no part of the pass.
            let mut search = Search::new(self.last_page_hint);
            search.answer(1, &sighting.ids);
            self.adopt_size(rows);
            self.searching(search);
            return;
        };
        self.record(1, sighting);
        if rows == 0 {
            let verdict = if total == 0 { Verdict::Counted } else { Verdict::Suspect };
            let reason = if total == 0 {
                "the list is empty".to_owned()
            } else {
                format!("the API tells a total of {total} but page 1 is empty")
            };
            self.decide(verdict, reason);
            return;
        }
        let last = total.div_ceil(rows).max(1);
        self.adopt_size(rows);
        self.phase = Phase::Read { next: 2, last, close: Close::Totals { last } };
        self.after_read();
    }

    /// The server served fewer rows than asked for: ask for what it serves, so that both sides mean the same page.
    pub(super) fn adopt_size(&mut self, rows: u64) {
        if self.goal.adapt_size && rows > 0 && rows < u64::from(self.pass.size) {
            self.pass.size = u32::try_from(rows).unwrap_or(self.pass.size);
        }
    }

    pub(super) fn searched(&mut self, mut search: Search, page: u64, sighting: &Sighting) {
        search.answer(page, &sighting.ids);
        if page == 1 {
            self.adopt_size(sighting.ids.len() as u64);
        }
        self.searching(search);
    }

    fn searching(&mut self, search: Search) {
        match search.next() {
            Found::Probe(_) => self.phase = Phase::Search(search),
            Found::Endless => {
                self.decide(Verdict::Suspect, "the list shows new rows on every page; it has no end".into());
            }
            Found::Last(last) if last.page == 0 => {
                self.pass.total_before = Some(0);
                self.pass.total_after = Some(0);
                self.decide(Verdict::Counted, "the list is empty".to_owned());
            }
            Found::Last(last) => {
                self.last_page_hint = Some(last.page);
                self.pass.page_rows = last.page_rows;
                self.pass.total_before = Some(last.count());
                self.phase = Phase::Read { next: 1, last: last.page - 1, close: Close::LastPage(last) };
                self.after_read();
            }
        }
    }

    pub(super) fn closing(&mut self, asked: Vec<(u64, Sighting)>, close: &Close) {
        match close {
            Close::Totals { last } => self.close_by_totals(*last, asked, close),
            Close::LastPage(last) => self.close_by_last_page(last, asked, close),
            Close::Confirm { last } => self.close_by_confirmation(*last, &asked),
        }
    }

    fn close_by_totals(&mut self, last: u64, asked: Vec<(u64, Sighting)>, close: &Close) {
        let (page, latest) = &asked[asked.len() - 1];
        if *page > last && self.fresh(latest) > 0 {
            let before = self.pass.total_before.unwrap_or_default();
            self.pass.disturb(format!("page {page} showed new rows although the API told a total of {before}"));
            let (page, latest) = (*page, latest.clone());
            self.record(page, &latest);
            self.read_on(page + 1);
            return;
        }
        // Past the end some APIs tell no total, or the rows of that page: the last page has the final word.
        if latest.total != self.pass.total_before && asked.len() < 2 {
            self.phase = Phase::Close { asked, close: close.clone() };
            return;
        }
        let (before, after) = (self.pass.total_before.unwrap_or_default(), latest.total);
        let seen = self.pass.ids.len() as u64;
        if after == Some(before) && seen == before && self.pass.disturbed.is_none() {
            self.decide(Verdict::Counted, format!("{seen} rows, as many as the API told before and after the pass"));
        } else {
            let after = after.map_or("none".to_owned(), |total| total.to_string());
            let remedy = if seen < before && latest.total == Some(before) {
                "; rows may be withheld, or the total is wrong and can be ignored with total = \"none\" under [api]"
            } else {
                ""
            };
            self.pass.disturb(format!(
                "{seen} rows were seen where the API told {before} before and {after} after it{remedy}"
            ));
            self.give_up_pass();
        }
    }

    fn close_by_last_page(&mut self, last: &LastPage, asked: Vec<(u64, Sighting)>, close: &Close) {
        let (page, latest) = &asked[asked.len() - 1];
        if *page == last.page {
            let latest = latest.clone();
            self.record(last.page, &latest);
        }
        if asked.len() < 2 {
            self.phase = Phase::Close { asked, close: close.clone() };
            return;
        }
        let showed = |wanted: u64| asked.iter().find(|(page, _)| *page == wanted).map(|(_, sighting)| sighting);
        let (end, behind) = (showed(last.page), showed(last.page + 1));
        let end_ids = end.map_or(&[][..], |sighting| &sighting.ids);
        let behind_ids = behind.map_or(&[][..], |sighting| &sighting.ids);
        let seen = self.pass.ids.len() as u64;
        let still_last = match last.past_end {
            PastEnd::Nothing => behind_ids.is_empty() && end_ids.len() == last.ids.len(),
            PastEnd::LastPage => behind_ids == last.ids && end_ids == last.ids,
        };
        if still_last && seen == last.count() && self.pass.disturbed.is_none() {
            self.pass.total_after = Some(last.count());
            self.decide(
                Verdict::Counted,
                format!("{seen} rows; page {} was the last, and the same, before and after the pass", last.page),
            );
            return;
        }
        self.pass.disturb(if still_last {
            format!("{seen} rows were seen where the last page puts the count at {}", last.count())
        } else {
            format!("the end of the list moved from page {}", last.page)
        });
        match behind {
            Some(behind) if self.fresh(behind) > 0 => {
                let behind = behind.clone();
                self.record(last.page + 1, &behind);
                self.read_on(last.page + 2);
            }
            _ => self.give_up_pass(),
        }
    }

    /// Goes on behind the expected end if a pass is not left to do it better.
    fn read_on(&mut self, next: u64) {
        if self.may_repeat() {
            self.give_up_pass();
        } else {
            self.phase = Phase::Tail { next };
        }
    }

    pub(super) fn tail(&mut self, next: u64, sighting: &Sighting) {
        let told = self.pass.total_after.unwrap_or_default().div_ceil(self.pass.page_rows.max(1));
        let new = self.fresh(sighting);
        if new > 0 || (!sighting.ids.is_empty() && next < told) {
            self.record(next, sighting);
            self.phase = Phase::Tail { next: next + 1 };
        } else {
            self.give_up_pass();
        }
    }
}

impl Close {
    /// The page to ask after `asked` others.
    pub(super) fn ask(&self, asked: usize) -> u64 {
        match self {
            Self::Totals { last } => last + u64::from(asked == 0),
            // The bound must be the later reading, see the room's documentation.
            Self::LastPage(last) => match last.past_end {
                PastEnd::Nothing => last.page + u64::from(asked > 0),
                PastEnd::LastPage => last.page + u64::from(asked == 0),
            },
            Self::Confirm { last } => last + 1 + asked as u64,
        }
    }
}
