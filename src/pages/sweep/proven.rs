//! The way to `proven`: passes in order, each of which may confirm the one before.

use super::{Candidate, Close, Phase, Sweep};
use crate::pages::{RowId, Sighting, Verdict};

impl Sweep {
    pub(super) fn ordered(&mut self, next: u64, previous: &[RowId], sighting: &Sighting) {
        let rows = sighting.ids.len() as u64;
        if rows == 0 {
            if self.trust_totals && self.pass.total_before.is_some() {
                self.end_ordered();
            } else {
                self.phase = Phase::Beyond { page: next + 1 };
            }
            return;
        }
        if sighting.ids == previous {
            self.phase = Phase::Far { page: next, sighting: sighting.clone() };
            return;
        }
        if let Some(short) = self.pass.short_page {
            self.pass.disturb(format!("page {short} was not full and yet not the last"));
        }
        self.record(next, sighting);
        if next == 1 {
            self.adopt_size(rows);
        } else if rows != self.pass.page_rows {
            self.pass.short_page = Some(next);
        }
        if rows > self.pass.page_rows {
            self.pass.disturb(format!("page {next} had more rows than page 1"));
        }
        self.go_on_ordered(next + 1, sighting);
    }

    /// Goes on with an ordered pass while it can still prove something, or is needed to confirm the one before.
    fn go_on_ordered(&mut self, next: u64, latest: &Sighting) {
        if self.pass.disturbed.is_some() && self.candidate.is_none() {
            self.give_up_pass();
        } else {
            self.phase = Phase::Ordered { next, previous: latest.ids.clone() };
        }
    }

    /// The page behind an empty one was asked, because no total says that the list ends there.
    pub(super) fn beyond(&mut self, page: u64, sighting: &Sighting) {
        if sighting.ids.is_empty() {
            self.end_ordered();
            return;
        }
        self.pass.disturb(format!("page {} was empty and the one behind it was not", page - 1));
        self.record(page, sighting);
        self.go_on_ordered(page + 1, sighting);
    }

    /// A page far behind the end was asked because `page` showed the rows of the page before it.
    pub(super) fn far(&mut self, page: u64, repeated: &Sighting, far: &Sighting) {
        if far.ids.is_empty() {
            // The server does not repeat its last page, so the rows were pushed back by new ones.
            self.record(page, repeated);
            self.go_on_ordered(page + 1, repeated);
            return;
        }
        let more_told = far.total.is_some_and(|total| total > (page - 1) * self.pass.page_rows);
        if far.ids != repeated.ids || (more_told && self.trust_totals) {
            self.pass.disturb("the end of the list moved while it was read".to_owned());
            self.record(0, far);
        }
        self.end_ordered();
    }

    /// An ordered pass is over: it may confirm the one before, and may be confirmed by the next.
    fn end_ordered(&mut self) {
        if self.confirmed() {
            return;
        }
        let seen = self.pass.ids.len() as u64;
        // Rows created meanwhile may raise the total, and rows deleted lower it: the lower of the two must have been seen.
        if let (true, Some(before), Some(after)) = (self.trust_totals, self.pass.total_before, self.pass.total_after)
            && seen < before.min(after)
        {
            self.pass.disturb(format!("{seen} rows were seen where the API told {before} before and {after} after it"));
        }
        self.candidate = None;
        if self.pass.disturbed.is_some() {
            self.give_up_pass();
            return;
        }
        if self.pass.total_before == Some(seen) && self.pass.total_after == Some(seen) {
            let reason = format!("{seen} rows, as many as the API told before and after the pass; no proof succeeded");
            self.fallback = Some(self.certificate_of(Verdict::Counted, reason));
        }
        self.candidate = Some(Candidate { unseen: self.pass.ids.clone(), pages: self.pass.pages });
        self.begin_pass(self.pass.number + 1);
    }

    /// All pages of the ordered pass were read again: go on until every row of it was seen, or nothing more comes.
    pub(super) fn close_by_confirmation(&mut self, last: u64, asked: &[(u64, Sighting)]) {
        let page = last + asked.len() as u64;
        let latest = asked.last().map(|(_, sighting)| sighting.clone()).unwrap_or_default();
        let new = self.fresh(&latest);
        if new > 0 {
            self.record(page, &latest);
            self.phase = Phase::Close { asked: asked.to_vec(), close: Close::Confirm { last } };
            return;
        }
        if !self.confirmed() {
            self.give_up_pass();
        }
    }

    /// Decides `proven` if every row of the last ordered pass was seen again since.
    fn confirmed(&mut self) -> bool {
        let Some(candidate) = &self.candidate else { return false };
        if candidate.unseen.is_empty() {
            self.decide(
                Verdict::Proven,
                "an ordered pass showed no row twice, and every row of it was seen again afterwards".to_owned(),
            );
            return true;
        }
        let gone = candidate.unseen.len();
        let rows = if gone == 1 { "row of the pass before was" } else { "rows of the pass before were" };
        self.unconfirmed = Some(format!("{gone} {rows} not seen again, so another may have moved unseen"));
        false
    }
}
