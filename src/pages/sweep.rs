//! The sweep: a state machine that decides what to ask next and when a list has been read whole.
//!
//! It is pure. The driver takes asks from [`Sweep::next_step`] as long as its window has room, and hands every answer to
//! [`Sweep::answer`] as it arrives. Because the machine depends on nothing but its goal and the answers, a stopped
//! sweep is resumed by replaying the answers it had.

mod counted;
mod proven;

use std::collections::HashSet;

use super::{
    RowId,
    cursor::{Found, LastPage, Search},
    verdict::{Ask, Certificate, Goal, Order, Purpose, Sighting, Step, Verdict},
};
use crate::config::Proof;

/// How far behind the end a page is that no honest list reaches.
const FAR: u64 = 1_000_000;

/// A sweep under way.
#[derive(Debug)]
pub struct Sweep {
    goal: Goal,
    phase: Phase,
    pass: Pass,
    /// Whether totals told have proved right so far.
    trust_totals: bool,
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
    /// What the list is sorted by, over all pages.
    order: Order,
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
        previous: Vec<RowId>,
        next: u64,
    },
    /// A page was empty, and no total says that the list ends there: ask the one behind it.
    Beyond {
        page: u64,
    },
    /// A page showed the rows of the page before it: ask one that only a server which repeats its last page would fill.
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
            candidate: None,
            earlier: HashSet::new(),
            earlier_repeated: 0,
            last_page_hint: None,
            unanswered: Vec::new(),
            fallback: None,
            unconfirmed: None,
            order: Order::Unknown,
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
    pub fn next_step(&mut self) -> Step {
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
            Phase::Open => (Purpose::Open, 1),
            Phase::Search(search) => match search.next() {
                Found::Probe(page) => (Purpose::Search, page),
                // `answer` leaves the phase as soon as the search ends.
                Found::Last(_) | Found::Endless => return Step::Wait,
            },
            Phase::Close { asked, close } => (Purpose::Close, close.ask(asked.len())),
            Phase::Tail { next } | Phase::Ordered { next, .. } => (Purpose::Read, *next),
            Phase::Beyond { page } => (Purpose::Read, *page),
            Phase::Far { page, .. } => (Purpose::Close, FAR + *page),
        };
        let ask = Ask { pass: self.pass.number, purpose, page, size: self.pass.size };
        self.pass.outstanding.insert(ask);
        Step::Ask(ask)
    }

    /// How many asks are not answered yet.
    pub fn in_flight(&self) -> usize {
        self.pass.outstanding.len()
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
        self.order = match (self.order, sighting.order) {
            (Order::Unknown, order) | (order, Order::Unknown) => order,
            (Order::ByLastUpdate, Order::ByLastUpdate) => Order::ByLastUpdate,
            _ => Order::Other,
        };
        if let Some(total) = sighting.total {
            self.pass.total_before.get_or_insert(total);
            self.pass.total_after = Some(total);
        }
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Open => self.opened(sighting),
            Phase::Search(search) => self.searched(search, ask.page, sighting),
            Phase::Read { next, last, close } => {
                self.record(ask.page, sighting);
                // Behind an empty page there is nothing to read, whatever the total says.
                let last = if sighting.ids.is_empty() { last.min(ask.page) } else { last };
                self.phase = Phase::Read { next, last, close };
                self.after_read();
            }
            Phase::Close { mut asked, close } => {
                asked.push((ask.page, sighting.clone()));
                self.closing(asked, &close);
            }
            Phase::Tail { next } => self.tail(next, sighting),
            Phase::Ordered { next, previous } => self.ordered(next, &previous, sighting),
            Phase::Beyond { page } => self.beyond(page, sighting),
            Phase::Far { page, sighting: repeated } => self.far(page, &repeated, sighting),
            Phase::Done => {}
        }
    }

    fn begin_pass(&mut self, number: u32) {
        self.earlier.extend(self.pass.ids.drain());
        self.earlier_repeated += self.pass.repeated;
        self.unanswered.clear();
        self.pass = Pass { number, size: self.goal.page_size, ..Pass::default() };
        let last_chance = !self.may_repeat();
        self.phase = match (&self.candidate, self.goal.proof) {
            (_, Proof::Proven) if !last_chance => Phase::Ordered { next: 1, previous: Vec::new() },
            (Some(candidate), Proof::Proven) => {
                self.pass.confirming = true;
                let last = candidate.pages.max(1);
                Phase::Read { next: 1, last, close: Close::Confirm { last } }
            }
            _ if self.trust_totals => Phase::Open,
            _ => Phase::Search(Search::new(self.last_page_hint)),
        };
    }

    /// Counts a page's rows into the pass.
    fn record(&mut self, page: u64, sighting: &Sighting) {
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
        // A total below what a page shows is none (some APIs tell the rows on the page): later passes do without. One above
        // the rows served may mean that rows are withheld, and is believed.
        let at_least = page.saturating_sub(1) * pass.page_rows + sighting.ids.len() as u64;
        if new > 0 && sighting.total.is_some_and(|total| total < at_least) {
            self.trust_totals = false;
        }
        let repeated = sighting.ids.len() as u64 - new;
        if repeated > 0 && !pass.confirming {
            let rows = if repeated == 1 { "a row" } else { "rows" };
            pass.disturb(format!("page {page} showed {rows} that another page of the same pass had shown"));
        }
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

    /// How many rows of a page the pass has not seen.
    fn fresh(&self, sighting: &Sighting) -> usize {
        sighting.ids.iter().filter(|id| !self.pass.ids.contains(id)).count()
    }

    fn decide(&mut self, verdict: Verdict, reason: String) {
        self.certificate = Some(self.certificate_of(verdict, reason));
        self.phase = Phase::Done;
        self.earlier = HashSet::new();
        self.candidate = None;
    }

    fn certificate_of(&mut self, verdict: Verdict, mut reason: String) -> Certificate {
        if self.order == Order::ByLastUpdate && verdict.is_whole() {
            reason
                .push_str("; the list is sorted by its last update, and a row changed meanwhile may have moved unseen");
        }
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

impl Pass {
    /// The first thing that betrays a change is the reason.
    fn disturb(&mut self, why: String) {
        self.disturbed.get_or_insert(why);
    }
}
