//! Any history: the waterfall balances to the cent and says what the books say, rates stay within their bounds, and the
//! pipeline as of today is the pipeline. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more, and for the same again.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use jiff::civil::Date;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use super::{
    answer::{Cell, Figure, Row, ask, difference},
    books::{Books, Deal, Served, day},
    kept,
    number::Number,
    pipeline::{Scope, waterfall},
};
use crate::world::World;

/// How many of the kept days a random history goes over.
const DAYS: usize = 6;
const STATUSES: [Option<&str>; 5] = [Some("open"), Some("won"), Some("lost"), Some("On hold"), None];
const CURRENCIES: [Option<&str>; 3] = [Some("EUR"), Some("USD"), None];
const OWNERS: [Option<&str>; 3] = [Some("Ann"), Some("Björn"), None];

/// A stage of a pipeline, as deals refer to it.
#[derive(Clone, Debug)]
struct Place {
    pipeline: String,
    stage: String,
    stage_id: String,
    order: usize,
    probability: Number,
}

fn places(dump: &Value) -> Vec<Place> {
    let pipelines = dump["pipelines"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let places = pipelines.flat_map(|pipeline| {
        pipeline["stages"].as_array().unwrap().iter().map(move |stage| Place {
            pipeline: text(&pipeline["name"]),
            stage: text(&stage["name"]),
            stage_id: text(&stage["id"]),
            order: usize::try_from(stage["order"].as_u64().unwrap()).unwrap(),
            probability: Number::parse(&stage["probability"].to_string()).unwrap(),
        })
    });
    places.collect()
}

/// What a deal is on a day, by places in the lists above, and its amount in cents.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    status: usize,
    place: usize,
    cents: Option<u32>,
    currency: usize,
    owner: usize,
}

/// What becomes of a deal from one day to the next.
#[derive(Clone, Copy, Debug)]
enum Event {
    Stays,
    Becomes(State),
    Leaves,
}

fn event(places: usize) -> impl Strategy<Value = Event> {
    let status = prop_oneof![5 => Just(0), 2 => Just(1), 2 => Just(2), 1 => Just(3), 1 => Just(4)];
    let currency = prop_oneof![6 => Just(0), 2 => Just(1), 1 => Just(2)];
    let cents = proptest::option::weighted(0.85, prop_oneof![0..500u32, 0..40_000_000u32]);
    let state = (status, 0..places, cents, currency, 0..OWNERS.len());
    let state =
        state.prop_map(|(status, place, cents, currency, owner)| State { status, place, cents, currency, owner });
    prop_oneof![3 => Just(Event::Stays), 3 => state.prop_map(Event::Becomes), 1 => Just(Event::Leaves)]
}

/// The states of a deal on each day.
fn states(events: &[Event]) -> Vec<Option<State>> {
    let follow = |now: &mut Option<State>, event: &Event| {
        match event {
            Event::Stays => {}
            Event::Becomes(state) => *now = Some(*state),
            Event::Leaves => *now = None,
        }
        Some(*now)
    };
    events.iter().scan(None, follow).collect()
}

fn deal(number: usize, state: State, place: &Place, on: Date) -> Deal {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let at = jiff::tz::Offset::UTC.to_timestamp(on.at(6, 0, 0, 0)).ok();
    Deal {
        id: format!("deal-{number:02}"),
        title: Some(format!("Deal {number}")),
        status: text(STATUSES[state.status]),
        stage: Some(place.stage.clone()),
        stage_id: Some(place.stage_id.clone()),
        stage_order: Some(place.order),
        pipeline: Some(place.pipeline.clone()),
        probability: Some(place.probability),
        amount: state.cents.map(|cents| Number::of(cents as usize).per_cent(Number::of(1))),
        currency: text(CURRENCIES[state.currency]),
        owner_id: text(OWNERS[state.owner]),
        owner: text(OWNERS[state.owner]),
        organization_id: None,
        organization: None,
        source: None,
        lost_reason: None,
        created: at,
        updated: at,
        expected: None,
        closed: at.filter(|_| (1..=2).contains(&state.status)),
        category: None,
        next_step: None,
        segment: None,
        lead_id: None,
        contacts: Vec::new(),
    }
}

/// The books of random histories, on the first of the days that the kept ones are of.
fn books(histories: &[Vec<Event>], kept: &Books) -> Books {
    let places = places(&kept.now().dump);
    let states: Vec<_> = histories.iter().map(|events| states(events)).collect();
    let served = (0..DAYS).map(|on| {
        let at = kept.served[on].at;
        let there = states.iter().enumerate().filter_map(|(number, states)| Some((number, states[on]?)));
        let deals = there.map(|(number, state)| {
            // It was closed on the day on which this state began.
            let since = (0..=on).rev().take_while(|before| states[number][*before] == Some(state)).last().unwrap_or(on);
            deal(number, state, &places[state.place], day(kept.served[since].at))
        });
        Served {
            at,
            deals: deals.map(|deal| (deal.id.clone(), deal)).collect(),
            leads: Vec::new(),
            contacts: Vec::new(),
            organizations: Vec::new(),
            dump: Value::Null,
            requests: 0,
        }
    });
    Books { served: served.collect(), stages: kept.stages.clone() }
}

/// Writes the books' versions into a warehouse, in place of those that it has.
fn write(world: &World, books: &Books) {
    let quoted = |text: &Option<String>| {
        text.as_ref().map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
    };
    let moment = |at: jiff::Timestamp| format!("TIMESTAMP '{}'", at.strftime("%Y-%m-%d %H:%M:%S"));
    let mut rows = String::new();
    for (id, states) in books.histories() {
        let mut from = 0;
        while from < states.len() {
            let to = (from + 1..states.len()).find(|at| states[*at].1 != states[from].1);
            if let (served, Some(deal)) = states[from] {
                let gone = to.is_some_and(|to| states[to].1.is_none());
                let status = deal.status.as_deref().map(|status| match status {
                    "open" => "Open".to_owned(),
                    "won" => "Won".to_owned(),
                    "lost" => "Lost".to_owned(),
                    other => other.to_owned(),
                });
                write!(
                    rows,
                    "{}('main', '{id}', {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {gone}, 'run', 1)",
                    if rows.is_empty() { "" } else { ", " },
                    quoted(&deal.title),
                    quoted(&status),
                    quoted(&deal.stage),
                    quoted(&deal.stage_id),
                    quoted(&deal.pipeline),
                    deal.probability.unwrap(),
                    deal.amount.map_or("NULL".to_owned(), |amount| amount.to_string()),
                    quoted(&deal.currency),
                    quoted(&deal.owner),
                    deal.created.map_or("NULL".to_owned(), moment),
                    deal.closed.map_or("NULL".to_owned(), moment),
                    moment(served.at),
                    to.map_or("NULL".to_owned(), |to| moment(states[to].0.at)),
                )
                .unwrap();
            }
            from = to.unwrap_or(states.len());
        }
    }
    let warehouse = duckdb::Connection::open(world.path("crmlake.duckdb")).unwrap();
    let mut statements = "DELETE FROM history.opportunities; DELETE FROM history.opportunities__contacts;".to_owned();
    if !rows.is_empty() {
        write!(
            statements,
            "INSERT INTO history.opportunities BY NAME
             SELECT *, owner_name AS owner_id FROM (VALUES {rows}) v(
                 _instance, id, title, status, stage_name, stage_id, pipeline_name, probability, amount, currency,
                 owner_name, created_on, closed_on, _valid_from, _valid_to, _deleted, _run_id, _hash
             )"
        )
        .unwrap();
    }
    warehouse.execute_batch(&statements).unwrap();
}

fn number(row: &Row, column: &str) -> Option<Number> {
    match row.iter().find(|(name, _)| name == column) {
        Some((_, Cell::Number(number))) => Some(*number),
        Some(_) => None,
        None => panic!("there is no column {column}"),
    }
}

fn cell<'a>(row: &'a Row, column: &str) -> &'a Cell {
    &row.iter().find(|(name, _)| name == column).unwrap().1
}

/// Whether start and steps make the end, in each currency.
fn assert_balances(rows: &[Row]) {
    let mut currencies: BTreeMap<&Cell, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        currencies.entry(cell(row, "currency")).or_default().push(row);
    }
    for (currency, rows) in currencies {
        let (end, steps) = rows.split_last().unwrap();
        assert_eq!((cell(rows[0], "step"), cell(end, "step")), (&Cell::from("start"), &Cell::from("end")));
        let sum: Number = steps.iter().filter_map(|row| number(row, "amount")).sum();
        assert_eq!(Some(sum), number(end, "amount"), "{currency}: {rows:?}");
        assert_eq!(number(end, "running_amount"), number(end, "amount"), "{currency}");
    }
}

/// Whether all shares are such.
fn assert_within_bounds(report: &str, rows: &[Row], columns: &[&str]) {
    for share in columns.iter().flat_map(|column| rows.iter().filter_map(|row| number(row, column))) {
        assert!(share >= Number::ZERO && share <= Number::of(1), "{report}: {share}");
    }
}

const RATES: [&str; 4] = ["win_rate_by_owner", "win_rate_by_source", "win_rate_by_segment", "win_rate_by_size_band"];

fn hold(world: &World, books: &Books, scope: &Scope, since: Date, until: Date) {
    write(world, books);
    let dates = [format!("since={since}"), format!("until={until}")];
    let params: Vec<String> = scope.params().into_iter().chain(dates).collect();
    let options: Vec<&str> = params.iter().flat_map(|param| ["--param", param]).collect();
    let answer = ask(world, &["pipeline_waterfall"], &options).remove("pipeline_waterfall").unwrap();
    assert_balances(&answer);
    let rows = waterfall(books, scope, since, until);
    assert_eq!(difference(&Figure { report: "pipeline_waterfall", params: params.clone(), rows }, &answer), None);
    let reports: Vec<&str> = RATES.iter().copied().chain(["stage_funnel", "pipeline_by_stage"]).collect();
    let long_ago = ["--param", "since=2000-01-01"];
    let mut now = ask(world, &reports, &long_ago);
    let today = format!("--as-of={}", kept().1.today());
    assert_eq!(now, ask(world, &reports, &[long_ago[0], long_ago[1], &today]), "as of today is not today");
    for report in RATES {
        assert_within_bounds(report, &now[report], &["win_rate", "win_rate_by_amount"]);
    }
    let funnel = now.remove("stage_funnel").unwrap();
    assert_within_bounds("stage_funnel", &funnel, &["step_conversion", "conversion"]);
    for pair in funnel.windows(2).filter(|pair| cell(&pair[0], "pipeline") == cell(&pair[1], "pipeline")) {
        assert!(number(&pair[1], "opportunities") <= number(&pair[0], "opportunities"), "{pair:?}");
    }
}

#[test]
fn any_history_balances() {
    let (kept_world, kept) = kept();
    let world = World::new();
    fs::copy(kept_world.path("crmlake.duckdb"), world.path("crmlake.duckdb")).unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24);
    let config = Config { failure_persistence: None, max_shrink_iters: 100, ..Config::with_cases(cases) };
    let histories = proptest::collection::vec(proptest::collection::vec(event(7), DAYS), 1..25);
    let scope = (0..OWNERS.len(), 0..CURRENCIES.len(), 0..3usize).prop_map(|(owner, currency, pipeline)| Scope {
        owner: OWNERS[owner].map(str::to_owned),
        currency: CURRENCIES[currency].filter(|currency| *currency == "EUR").map(str::to_owned),
        pipeline: ["Sales", "Renewals"].get(pipeline).map(|pipeline| (*pipeline).to_owned()),
    });
    let dates = (0..DAYS, 0..DAYS);
    TestRunner::new(config)
        .run(&(histories, scope, dates), |(histories, scope, (from, to))| {
            let [from, to] = [from.min(to), from.max(to)].map(|on| day(kept.served[on].at));
            hold(&world, &books(&histories, kept), &scope, from, to);
            Ok(())
        })
        .unwrap();
}
