//! The sweep: a state machine that decides what to ask next and when a list has been read whole.
//!
//! It is pure. The driver takes asks from [`Sweep::next`] as long as its window has room, and hands every answer to
//! [`Sweep::answer`] as it arrives. Because the machine depends on nothing but its goal and the answers, a stopped
//! sweep is resumed by replaying the answers it had.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    RowId,
    cursor::{Found, LastPage, PastEnd, Search},
};
use crate::config::Proof;

/// How far behind the end a page is that no honest list reaches.
const FAR: u64 = 1_000_000;

/// What a sweep is to achieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The verdict to seek.
    pub proof: Proof,
    /// Passes before it is given up.
    pub max_passes: u32,
    /// Rows to ask for on a page.
    pub page_size: u32,
}

/// Why a page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
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

/// A sweep under way.
#[derive(Debug)]
pub struct Sweep {
    goal: Goal,
    phase: Phase,
    pass: Pass,
    /// Whether totals told have proved right so far.
    trust_totals: bool,
    /// Whether a smaller page may be asked for when the server serves one.
    adapt_size: bool,
    /// The ids of the last ordered pass that have not been seen since it ended, and how many it had.
    candidate: Option<Candidate>,
    /// Rows of the passes before this one.
    earlier: HashSet<RowId>,
    earlier_repeated: u64,
    last_page_hint: Option<u64>,
    /// Asks given before a replay ended and not answered in it.
    unanswered: Vec<Ask>,
    /// An ordered pass that the totals agree with: the verdict if no proof succeeds.
    fallback: Option<Certificate>,
    /// Why the last attempt at a proof failed.
    unconfirmed: Option<String>,
    certificate: Option<Certificate>,
}

#[derive(Debug)]
struct Candidate {
    unseen: HashSet<RowId>,
    pages: u64,
}

/// What one pass has seen.
#[derive(Debug, Default)]
struct Pass {
    number: u32,
    size: u32,
    outstanding: HashSet<Ask>,
    ids: HashSet<RowId>,
    repeated: u64,
    without_id: u64,
    /// Rows on page 1.
    page_rows: u64,
    /// The highest page that showed rows.
    pages: u64,
    total_before: Option<u64>,
    total_after: Option<u64>,
    /// In an ordered pass, a page after the first that is not full: only the last may be.
    short_page: Option<u64>,
    /// A second reading in any order, in which a row may appear twice.
    confirming: bool,
    /// Why the pass cannot count, once something betrayed a change.
    disturbed: Option<String>,
}

#[derive(Debug)]
enum Phase {
    /// Ask page 1, to learn the page size and perhaps a total.
    Open,
    /// Find the last page.
    Search(Search),
    /// Read the pages up to `last`, in any order.
    Read {
        next: u64,
        last: u64,
        close: Close,
    },
    /// After all pages: ask what shows whether something changed.
    Close {
        asked: Vec<(u64, Sighting)>,
        close: Close,
    },
    /// Read on behind the end that was expected, one page after the other.
    Tail {
        next: u64,
    },
    /// Read page by page in order.
    Ordered {
        next: u64,
    },
    /// A page showed only known rows: ask one that only a server which repeats its last page would fill.
    Far {
        page: u64,
        sighting: Sighting,
    },
    Done,
}

/// How a pass is closed.
#[derive(Clone, Debug)]
enum Close {
    /// The totals must agree: the page past the end is asked, and the last page again if that told no total.
    Totals { last: u64 },
    /// The last page must be as the search found it.
    LastPage(LastPage),
    /// A second reading: every row of the ordered pass must have been seen again.
    Confirm { last: u64 },
}

impl Sweep {
    /// A sweep at its beginning.
    pub fn new(goal: Goal) -> Self {
        let mut sweep = Self {
            goal,
            phase: Phase::Done,
            pass: Pass::default(),
            trust_totals: true,
            adapt_size: true,
            candidate: None,
            earlier: HashSet::new(),
            earlier_repeated: 0,
            last_page_hint: None,
            unanswered: Vec::new(),
            fallback: None,
            unconfirmed: None,
            certificate: None,
        };
        sweep.begin_pass(1);
        sweep
    }

    /// The certificate, once the sweep is over.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The rows and pages expected in this pass, as far as they are known: for showing progress.
    pub fn expected(&self) -> Option<(u64, u64)> {
        let rows = self.pass.total_before?;
        Some((rows, rows.div_ceil(self.pass.page_rows.max(1))))
    }

    /// What to do next. Each ask is given once; its answer must be handed to [`Self::answer`].
    pub fn next(&mut self) -> Step {
        if let Some(ask) = self.unanswered.pop() {
            self.pass.outstanding.insert(ask);
            return Step::Ask(ask);
        }
        let busy = !self.pass.outstanding.is_empty();
        // A disturbed pass is not worth its remaining pages, unless it is the last.
        let go_on = self.pass.disturbed.is_none() || !self.may_repeat();
        let (purpose, page) = match &mut self.phase {
            Phase::Done => return Step::Done,
            Phase::Read { next, last, .. } if *next <= *last && go_on => {
                *next += 1;
                (Purpose::Read, *next - 1)
            }
            // All other phases ask one page at a time.
            _ if busy => return Step::Wait,
            Phase::Read { .. } => return Step::Wait,
            Phase::Open => (Purpose::Read, 1),
            Phase::Search(search) => match search.next() {
                Found::Probe(page) => (Purpose::Search, page),
                // `answer` leaves the phase as soon as the search ends.
                Found::Last(_) | Found::Endless => return Step::Wait,
            },
            Phase::Close { asked, close } => (Purpose::Close, close.ask(asked.len())),
            Phase::Tail { next } | Phase::Ordered { next } => (Purpose::Read, *next),
            Phase::Far { page, .. } => (Purpose::Close, FAR + *page),
        };
        let ask = Ask { pass: self.pass.number, purpose, page, size: self.pass.size };
        self.pass.outstanding.insert(ask);
        Step::Ask(ask)
    }

    /// Whether the answer to this ask is still awaited.
    pub fn awaits(&self, ask: &Ask) -> bool {
        self.pass.outstanding.contains(ask)
    }

    /// After a replay: the asks that were never answered are to be given again.
    pub fn ask_again(&mut self) {
        let mut unanswered: Vec<Ask> = self.pass.outstanding.drain().collect();
        unanswered.sort_by_key(|ask| std::cmp::Reverse(ask.page));
        self.unanswered = unanswered;
    }

    /// Takes what a page showed. What nobody awaits any more is left out.
    pub fn answer(&mut self, ask: &Ask, sighting: &Sighting) {
        if !self.pass.outstanding.remove(ask) {
            return;
        }
        if let Some(total) = sighting.total {
            self.pass.total_before.get_or_insert(total);
            self.pass.total_after = Some(total);
        }
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Open => self.opened(sighting),
            Phase::Search(search) => self.searched(search, ask.page, sighting),
            Phase::Read { next, last, close } => {
                self.record(ask.page, sighting);
                self.phase = Phase::Read { next, last, close };
                self.after_read();
            }
            Phase::Close { mut asked, close } => {
                asked.push((ask.page, sighting.clone()));
                self.closing(asked, close);
            }
            Phase::Tail { next } => self.tail(next, sighting),
            Phase::Ordered { next } => self.ordered(next, sighting),
            Phase::Far { page, sighting: repeated } => self.far(page, &repeated, sighting),
            Phase::Done => {}
        }
    }

    /// The server does not accept the page size that it seemed to serve: the pass begins again with the size configured.
    /// Returns whether that is a remedy.
    pub fn size_refused(&mut self, ask: &Ask) -> bool {
        let remedy = ask.size != self.goal.page_size;
        if remedy && self.awaits(ask) {
            self.adapt_size = false;
            self.begin_pass(self.pass.number);
        }
        remedy
    }

    fn begin_pass(&mut self, number: u32) {
        self.earlier.extend(self.pass.ids.drain());
        self.earlier_repeated += self.pass.repeated;
        self.pass = Pass { number, size: self.goal.page_size, ..Pass::default() };
        let last_chance = !self.may_repeat();
        self.phase = match (&self.candidate, self.goal.proof) {
            (_, Proof::Proven) if !last_chance => Phase::Ordered { next: 1 },
            (Some(candidate), Proof::Proven) => {
                self.pass.confirming = true;
                let last = candidate.pages.max(1);
                Phase::Read { next: 1, last, close: Close::Confirm { last } }
            }
            _ if self.trust_totals => Phase::Open,
            _ => Phase::Search(Search::new(self.last_page_hint)),
        };
    }

    /// Page 1 of a pass that hopes for a total.
    fn opened(&mut self, sighting: &Sighting) {
        let rows = sighting.ids.len() as u64;
        let Some(total) = sighting.total else {
            // No total: this was the first probe of the search, and no part of the pass.
            let mut search = Search::new(self.last_page_hint);
            search.answer(1, &sighting.ids);
            self.adopt_size(rows, true);
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
        self.adopt_size(rows, last > 1);
        self.phase = Phase::Read { next: 2, last, close: Close::Totals { last } };
        self.after_read();
    }

    /// The server served fewer rows than asked for: ask for what it serves, so that both sides mean the same page.
    fn adopt_size(&mut self, rows: u64, more: bool) {
        if more && self.adapt_size && rows > 0 && rows < u64::from(self.pass.size) {
            self.pass.size = u32::try_from(rows).unwrap_or(self.pass.size);
        }
    }

    fn searched(&mut self, mut search: Search, page: u64, sighting: &Sighting) {
        search.answer(page, &sighting.ids);
        if page == 1 {
            self.adopt_size(sighting.ids.len() as u64, true);
        }
        self.searching(search);
    }

    fn searching(&mut self, search: Search) {
        match search.next() {
            Found::Probe(_) => self.phase = Phase::Search(search),
            Found::Endless => {
                self.decide(Verdict::Suspect, "the list shows new rows on every page; it has no end".into())
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

    /// Counts a page's rows into the pass; returns how many were new to it.
    fn record(&mut self, page: u64, sighting: &Sighting) -> u64 {
        let pass = &mut self.pass;
        if page == 1 {
            pass.page_rows = sighting.ids.len() as u64;
        }
        if !sighting.ids.is_empty() {
            pass.pages = pass.pages.max(page);
        }
        pass.without_id += sighting.without_id;
        let mut new = 0;
        for id in &sighting.ids {
            if pass.ids.insert(*id) {
                new += 1;
            } else {
                pass.repeated += 1;
            }
            if let Some(candidate) = &mut self.candidate {
                candidate.unseen.remove(id);
            }
        }
        let repeated = sighting.ids.len() as u64 - new;
        if repeated > 0 && !pass.confirming {
            let rows = if repeated == 1 { "a row" } else { "rows" };
            pass.disturb(format!("page {page} showed {rows} that another page of the same pass had shown"));
        }
        new
    }

    /// Leaves the reading phase when all is read, or early when the pass cannot count and another is left.
    fn after_read(&mut self) {
        let Phase::Read { next, last, close } = &self.phase else { return };
        let all_asked = next > last;
        if !self.pass.outstanding.is_empty() {
            return;
        }
        if self.pass.disturbed.is_some() && self.may_repeat() {
            self.give_up_pass();
        } else if all_asked {
            self.phase = Phase::Close { asked: Vec::new(), close: close.clone() };
        }
    }

    fn may_repeat(&self) -> bool {
        self.pass.number < self.goal.max_passes
    }

    /// The pass cannot count: begin another, or end suspect.
    fn give_up_pass(&mut self) {
        if self.may_repeat() {
            self.begin_pass(self.pass.number + 1);
        } else {
            if let Some(certificate) = self.fallback.take() {
                self.certificate = Some(Certificate { passes: self.pass.number, ..certificate });
                self.phase = Phase::Done;
                return;
            }
            let why = self.unconfirmed.take().or(self.pass.disturbed.take());
            let why = why.unwrap_or_else(|| "the list kept changing".to_owned());
            let passes = self.pass.number;
            let times = if passes == 1 { "in the one pass allowed".to_owned() } else { format!("in {passes} passes") };
            self.decide(Verdict::Suspect, format!("the list did not hold still {times}; in the last one, {why}"));
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

    fn tail(&mut self, next: u64, sighting: &Sighting) {
        let told = self.pass.total_after.unwrap_or_default().div_ceil(self.pass.page_rows.max(1));
        let new = self.fresh(sighting);
        if new > 0 || (!sighting.ids.is_empty() && next < told) {
            self.record(next, sighting);
            self.phase = Phase::Tail { next: next + 1 };
        } else {
            self.give_up_pass();
        }
    }

    /// How many rows of a page the pass has not seen.
    fn fresh(&self, sighting: &Sighting) -> usize {
        sighting.ids.iter().filter(|id| !self.pass.ids.contains(id)).count()
    }

    fn closing(&mut self, asked: Vec<(u64, Sighting)>, close: Close) {
        match &close {
            Close::Totals { last } => self.close_by_totals(*last, asked, &close),
            Close::LastPage(last) => {
                let last = last.clone();
                self.close_by_last_page(&last, asked, &close);
            }
            Close::Confirm { last } => self.close_by_confirmation(*last, &asked),
        }
    }

    fn close_by_totals(&mut self, last: u64, asked: Vec<(u64, Sighting)>, close: &Close) {
        let (page, latest) = &asked[asked.len() - 1];
        if *page > last && self.fresh(latest) > 0 {
            let before = self.pass.total_before.unwrap_or_default();
            self.pass.disturb(format!("page {page} showed new rows although the API told a total of {before}"));
            let (page, latest) = (*page, latest.clone());
            // A total below what was just seen is no total (some APIs tell the rows on the page): do without from now on.
            let at_least = (page - 1) * self.pass.page_rows + latest.ids.len() as u64;
            self.trust_totals = latest.total.is_none_or(|total| total >= at_least);
            self.record(page, &latest);
            self.read_on(page + 1);
            return;
        }
        if latest.total.is_none() && asked.len() < 2 {
            self.phase = Phase::Close { asked, close: close.clone() };
            return;
        }
        let (before, after) = (self.pass.total_before.unwrap_or_default(), latest.total);
        let seen = self.pass.ids.len() as u64;
        if after == Some(before) && seen == before && self.pass.disturbed.is_none() {
            self.decide(Verdict::Counted, format!("{seen} rows, as many as the API told before and after the pass"));
        } else {
            if after == Some(before) && self.pass.disturbed.is_none() {
                // Nothing changed and yet the count is another: the total is wrong, and the next pass does without.
                self.trust_totals = false;
            }
            let after = after.map_or("none".to_owned(), |total| total.to_string());
            self.pass.disturb(format!("{seen} rows were seen where the API told {before} before and {after} after it"));
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

    /// All pages of the ordered pass were read again: go on until every row of it was seen, or nothing more comes.
    fn close_by_confirmation(&mut self, last: u64, asked: &[(u64, Sighting)]) {
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

    fn ordered(&mut self, next: u64, sighting: &Sighting) {
        let rows = sighting.ids.len() as u64;
        if rows == 0 {
            self.end_ordered();
            return;
        }
        if next > 1 && self.fresh(sighting) == 0 {
            self.phase = Phase::Far { page: next, sighting: sighting.clone() };
            return;
        }
        if let Some(short) = self.pass.short_page {
            self.pass.disturb(format!("page {short} was not full and yet not the last"));
        }
        self.record(next, sighting);
        if next == 1 {
            self.adopt_size(rows, sighting.total != Some(rows));
        } else if rows != self.pass.page_rows {
            self.pass.short_page = Some(next);
        }
        if rows > self.pass.page_rows {
            self.pass.disturb(format!("page {next} had more rows than page 1"));
        }
        self.go_on_ordered(next + 1);
    }

    /// Goes on with an ordered pass while it can still prove something, or is needed to confirm the one before.
    fn go_on_ordered(&mut self, next: u64) {
        if self.pass.disturbed.is_some() && self.candidate.is_none() {
            self.give_up_pass();
        } else {
            self.phase = Phase::Ordered { next };
        }
    }

    /// A page far behind the end was asked because `page` showed only known rows.
    fn far(&mut self, page: u64, repeated: &Sighting, far: &Sighting) {
        if far.ids.is_empty() {
            // The server does not repeat its last page, so the rows were pushed back by new ones.
            self.record(page, repeated);
            self.go_on_ordered(page + 1);
            return;
        }
        if self.fresh(far) > 0 {
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
        self.candidate = None;
        if self.pass.disturbed.is_some() {
            self.give_up_pass();
            return;
        }
        let seen = self.pass.ids.len() as u64;
        if self.pass.total_before == Some(seen) && self.pass.total_after == Some(seen) {
            let reason = format!("{seen} rows, as many as the API told before and after the pass; no proof succeeded");
            self.fallback = Some(self.certificate_of(Verdict::Counted, reason));
        }
        self.candidate = Some(Candidate { unseen: self.pass.ids.clone(), pages: self.pass.pages });
        self.begin_pass(self.pass.number + 1);
    }

    fn decide(&mut self, verdict: Verdict, reason: String) {
        self.certificate = Some(self.certificate_of(verdict, reason));
        self.phase = Phase::Done;
        self.earlier = HashSet::new();
        self.candidate = None;
    }

    fn certificate_of(&mut self, verdict: Verdict, reason: String) -> Certificate {
        let pass = &mut self.pass;
        let whole = verdict.is_whole();
        if !whole {
            self.earlier.extend(pass.ids.drain());
        }
        Certificate {
            verdict,
            reason,
            distinct_ids: if whole { pass.ids.len() } else { self.earlier.len() } as u64,
            repeated: pass.repeated + if whole { 0 } else { self.earlier_repeated },
            without_id: pass.without_id,
            total_before: pass.total_before,
            total_after: pass.total_after,
            pages: pass.pages,
            passes: pass.number,
            load: whole.then_some(pass.number),
        }
    }
}

impl Close {
    /// The page to ask after `asked` others.
    fn ask(&self, asked: usize) -> u64 {
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

impl Pass {
    /// The first thing that betrays a change is the reason.
    fn disturb(&mut self, why: String) {
        self.disturbed.get_or_insert(why);
    }
}
