//! The sweep machine against a simulated server that changes under it.
//!
//! A case is a list, a server's habits, and a script of choices: which request the server handles next, which answer
//! arrives next, and what is created or deleted in between. `PROPTEST_CASES` sets the number of cases (a nightly run
//! takes 100000 and more), `PROPTEST_RNG_SEED` repeats one run; failures shrink and print the case.

use std::collections::BTreeSet;

use crmlake::{
    config::Proof,
    pages::{Ask, Certificate, Goal, RowId, Sighting, Step, Sweep, Verdict},
};
use proptest::prelude::*;

/// What the server tells about the list's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Total {
    Right,
    Absent,
    /// Always so much beside the truth.
    Wrong(i8),
    /// What was right before the last change.
    Stale,
    /// The rows on the page.
    RowsOnPage,
    /// Right, but not told past the end.
    RightUntilTheEnd,
}

/// What the server answers past the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PastEnd {
    Empty,
    LastPage,
}

/// What may happen to the list meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Churn {
    None,
    Creations,
    Deletions,
    Both,
}

#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    /// A row that stands in the list twice.
    repeated: Option<usize>,
    asked_size: u32,
    cap: usize,
    /// Whether the offset of a page comes from the size asked for although fewer rows are served.
    offset_by_asked_size: bool,
    total: Total,
    past_end: PastEnd,
    churn: Churn,
    proof: Proof,
    max_passes: u32,
    window: usize,
    /// After so many answers the run is killed and another replays them, and again later.
    killed_after: Option<usize>,
    script: Vec<u8>,
}

fn case() -> impl Strategy<Value = Case> {
    let total = prop_oneof![
        4 => Just(Total::Right),
        4 => Just(Total::Absent),
        1 => (-3i8..=3).prop_filter("no lie", |by| *by != 0).prop_map(Total::Wrong),
        1 => Just(Total::Stale),
        1 => Just(Total::RowsOnPage),
        1 => Just(Total::RightUntilTheEnd),
    ];
    let past_end = prop_oneof![3 => Just(PastEnd::Empty), 1 => Just(PastEnd::LastPage)];
    let churn = prop_oneof![
        1 => Just(Churn::None),
        3 => Just(Churn::Creations),
        3 => Just(Churn::Deletions),
        4 => Just(Churn::Both)
    ];
    (
        (0usize..24, proptest::option::weighted(0.1, 0usize..24), 1u32..8, 1usize..8, proptest::bool::weighted(0.1)),
        (total, past_end, churn, prop_oneof![Just(Proof::Counted), Just(Proof::Proven)], 1u32..5, 1usize..5),
        (proptest::option::weighted(0.3, 0usize..30), proptest::collection::vec(any::<u8>(), 0..120)),
    )
        .prop_map(
            |(
                (rows, repeated, asked_size, cap, offset),
                (total, past_end, churn, proof, passes, window),
                (killed_after, script),
            )| {
                Case {
                    rows,
                    // Where a page is one row, a row that stands twice looks like a page that is repeated: see `pages`.
                    repeated: repeated.filter(|_| cap.min(asked_size as usize) > 1),
                    asked_size,
                    cap,
                    offset_by_asked_size: offset,
                    total,
                    past_end,
                    churn,
                    proof,
                    max_passes: passes,
                    window,
                    killed_after,
                    script,
                }
            },
        )
}

struct Server<'a> {
    case: &'a Case,
    list: Vec<RowId>,
    next_id: RowId,
    earlier_length: usize,
    deleted: BTreeSet<RowId>,
}

impl<'a> Server<'a> {
    fn new(case: &'a Case) -> Self {
        let mut list: Vec<RowId> = (0..case.rows as RowId).collect();
        if let Some(index) = case.repeated.filter(|index| *index < case.rows) {
            list.push(index as RowId);
        }
        Self { case, earlier_length: list.len(), list, next_id: 1_000, deleted: BTreeSet::new() }
    }

    fn create(&mut self, at: usize) {
        self.earlier_length = self.list.len();
        self.list.insert(at % (self.list.len() + 1), self.next_id);
        self.next_id += 1;
    }

    fn delete(&mut self, at: usize) {
        if !self.list.is_empty() {
            self.earlier_length = self.list.len();
            let gone = self.list.remove(at % self.list.len());
            self.deleted.insert(gone);
        }
    }

    fn answer(&self, ask: &Ask) -> Sighting {
        let asked = ask.size as usize;
        let size = asked.min(self.case.cap);
        let step = if self.case.offset_by_asked_size { asked } else { size };
        let page = usize::try_from(ask.page).unwrap();
        let pages = self.list.len().div_ceil(step).max(1);
        let shown = if self.case.past_end == PastEnd::LastPage { page.min(pages) } else { page };
        let ids: Vec<RowId> = self.list.iter().skip((shown - 1) * step).take(size).copied().collect();
        let length = self.list.len() as u64;
        let total = match self.case.total {
            Total::Right => Some(length),
            Total::RightUntilTheEnd => Some(length).filter(|_| !ids.is_empty()),
            Total::Absent => None,
            Total::Wrong(by) => Some(length.saturating_add_signed(i64::from(by))),
            Total::Stale => Some(self.earlier_length as u64),
            Total::RowsOnPage => Some(ids.len() as u64),
        };
        Sighting { ids, total, ..Sighting::default() }
    }
}

struct Outcome {
    certificate: Certificate,
    loaded: BTreeSet<RowId>,
    /// Rows that existed from before the first request until after the last.
    throughout: BTreeSet<RowId>,
    requests: usize,
    changes: usize,
    pages: usize,
}

fn play(case: &Case) -> Outcome {
    let mut server = Server::new(case);
    let before: BTreeSet<RowId> = server.list.iter().copied().collect();
    let goal = Goal { proof: case.proof, max_passes: case.max_passes, page_size: case.asked_size, adapt_size: true };
    let mut sweep = Sweep::new(goal);
    let mut script = case.script.iter().copied();
    let (mut waiting, mut answered): (Vec<Ask>, Vec<(Ask, Sighting)>) = (Vec::new(), Vec::new());
    let mut log: Vec<(Ask, Sighting)> = Vec::new();
    let mut changes = 0;
    let mut killed_after = case.killed_after;
    loop {
        if killed_after == Some(log.len()) {
            // What was in flight is lost; what was answered is replayed as the crawl does it.
            (waiting, answered) = (Vec::new(), Vec::new());
            killed_after = Some(log.len() * 2 + 3);
            sweep = Sweep::new(goal);
            for (ask, sighting) in &log {
                while sweep.in_flight() < case.window && matches!(sweep.next_step(), Step::Ask(_)) {}
                assert!(sweep.awaits(ask), "the replay asks for other pages");
                sweep.answer(ask, sighting);
            }
            sweep.ask_again();
        }
        let mut done = false;
        while waiting.len() + answered.len() < case.window {
            match sweep.next_step() {
                Step::Ask(ask) => waiting.push(ask),
                Step::Wait => break,
                Step::Done => {
                    done = true;
                    break;
                }
            }
        }
        if done && waiting.is_empty() && answered.is_empty() {
            break;
        }
        assert!(log.len() < 20_000, "the sweep does not end");
        let choice = script.next().unwrap_or(0);
        let pick = usize::from(script.next().unwrap_or(0));
        match (choice % 4, case.churn) {
            (1, Churn::Creations | Churn::Both) => {
                server.create(pick);
                changes += 1;
                continue;
            }
            (2, Churn::Deletions | Churn::Both) => {
                server.delete(pick);
                changes += 1;
                continue;
            }
            _ => {}
        }
        if answered.is_empty() || (choice >= 128 && !waiting.is_empty()) {
            assert!(!waiting.is_empty(), "nobody waits and nothing is asked");
            let ask = waiting.remove(pick % waiting.len());
            let sighting = server.answer(&ask);
            answered.push((ask, sighting));
        } else {
            let (ask, sighting) = answered.remove(pick % answered.len());
            sweep.answer(&ask, &sighting);
            log.push((ask, sighting));
        }
    }
    let certificate = sweep.certificate().unwrap().clone();
    let asks: Vec<Ask> = log.iter().map(|(ask, _)| *ask).collect();
    let loaded =
        certificate.pages_to_load(&asks).into_iter().flat_map(|index| log[index].1.ids.iter().copied()).collect();
    let throughout = before.into_iter().filter(|id| !server.deleted.contains(id)).collect();
    let pages = server.list.len().div_ceil(case.cap.min(case.asked_size as usize)).max(1);
    Outcome { certificate, loaded, throughout, requests: log.len(), changes, pages }
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let outcome = play(case);
    let Outcome { certificate, loaded, throughout, requests, changes, pages } = &outcome;
    let missing: Vec<_> = throughout.difference(loaded).collect();
    let undisturbed = *changes == 0 && case.repeated.is_none_or(|index| index >= case.rows);
    let told = format!("{certificate:?}, missing {missing:?}");

    prop_assert!(certificate.passes <= case.max_passes, "too many passes: {told}");
    prop_assert!(!certificate.reason.is_empty());
    if certificate.verdict == Verdict::Proven {
        prop_assert!(missing.is_empty(), "proven and yet missing: {told}");
    }
    let honest = matches!(case.total, Total::Right | Total::Absent | Total::RightUntilTheEnd);
    if certificate.verdict == Verdict::Counted && case.churn != Churn::Both && honest {
        prop_assert!(missing.is_empty(), "counted and yet missing: {told}");
        prop_assert_eq!(certificate.total_before, Some(certificate.distinct_ids));
        prop_assert_eq!(certificate.total_after, Some(certificate.distinct_ids));
    }
    if undisturbed && !case.offset_by_asked_size {
        prop_assert!(missing.is_empty(), "nothing changed and yet missing: {told}");
        let sought =
            if case.proof == Proof::Proven && case.max_passes > 1 { Verdict::Proven } else { Verdict::Counted };
        if honest {
            prop_assert_eq!(certificate.verdict, sought, "{}", told);
            let pages = *pages as f64;
            let budget = if case.total == Total::Absent { pages + 2.0 * pages.log2() + 4.0 } else { pages + 2.0 };
            let budget = if sought == Verdict::Proven { 2.0 * budget } else { budget };
            prop_assert!(*requests as f64 <= budget, "{requests} requests for {pages} pages: {told}");
        } else if case.max_passes > 2 && case.rows > 0 && !matches!(case.total, Total::Wrong(by) if by > 0) {
            prop_assert!(certificate.verdict.is_whole(), "{}", told);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6_000)
    ) })]

    #[test]
    fn a_verdict_is_true_whatever_happens(case in case()) {
        check(&case)?;
    }
}

/// Cases that once failed, as they were shrunk.
#[test]
fn what_once_failed_stays_mended() {
    let plain = Case {
        rows: 1,
        repeated: None,
        asked_size: 1,
        cap: 1,
        offset_by_asked_size: false,
        total: Total::Right,
        past_end: PastEnd::Empty,
        churn: Churn::None,
        proof: Proof::Counted,
        max_passes: 3,
        window: 1,
        killed_after: None,
        script: Vec::new(),
    };
    let cases = [
        // The total past the end was that of the empty page.
        Case { total: Total::RowsOnPage, ..plain.clone() },
        // The total was too low on a server that shows its last page again.
        Case { rows: 4, total: Total::Wrong(-1), past_end: PastEnd::LastPage, ..plain.clone() },
        // Pages lay apart by the size asked for, and most rows between them.
        Case {
            rows: 6,
            asked_size: 4,
            offset_by_asked_size: true,
            total: Total::RowsOnPage,
            past_end: PastEnd::LastPage,
            churn: Churn::Deletions,
            proof: Proof::Proven,
            ..plain.clone()
        },
    ];
    for case in cases {
        check(&case).unwrap();
    }
}
