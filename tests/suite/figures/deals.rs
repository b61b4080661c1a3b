//! Single deals that need somebody's attention, and the ways that deals went through their stages and hands.

use std::collections::BTreeMap;

use jiff::{
    Span, Timestamp,
    civil::{Date, date},
};

use super::{
    answer::{Figure, Row, row},
    books::{Books, Deal, Served, Text, day, days_and_hours, days_between},
    number::{Number, average, median, ninth_of_ten},
};

/// A limit that cuts nothing off.
const NO_LIMIT: &str = "limit=100000";

pub fn figures(books: &Books) -> Vec<Figure> {
    let today = format!("today={}", books.today());
    let mut figures = Vec::new();
    for pipeline in [None, Some("Sales")] {
        let params = |more: &[&str]| {
            let pipeline = pipeline.map(|pipeline| format!("pipeline={pipeline}"));
            more.iter().map(|param| (*param).to_owned()).chain(pipeline).collect::<Vec<_>>()
        };
        let is_asked_for = |deal: &Deal| pipeline.is_none() || deal.pipeline.as_deref() == pipeline;
        let open: Vec<&Deal> = books.now().deals().filter(|deal| deal.is("open") && is_asked_for(deal)).collect();
        let mut add = |report, more: &[&str], rows| figures.push(Figure { report, params: params(more), rows });
        add("stale_deals", &[&today, "days=10", NO_LIMIT], stale(books, &open, 10));
        add("stale_deals", &[&today, "days=5", "limit=7"], stale(books, &open, 5).into_iter().take(7).collect());
        add("overdue_deals", &[&today, NO_LIMIT], overdue(books, &open));
        add("incomplete_deals", &[NO_LIMIT], incomplete(&open));
        for (since, status) in [(date(2026, 12, 1), "open"), (date(2026, 9, 1), "all")] {
            let (since_text, status_text) = (format!("since={since}"), format!("status={status}"));
            let rows = slipped(books, since, status == "all", &is_asked_for);
            add("slipped_deals", &[&since_text, &status_text, NO_LIMIT], rows);
            add("owner_changes", &[&since_text, NO_LIMIT], owner_changes(books, since, &is_asked_for));
            add("days_in_stage", &[&since_text], days_in_stage(books, since, &is_asked_for));
        }
        for since in [date(2026, 3, 1), date(2026, 11, 20)] {
            add("stage_funnel", &[&format!("since={since}")], funnel(books, since, pipeline));
        }
    }
    figures
}

fn stale(books: &Books, open: &[&Deal], days: i64) -> Vec<Row> {
    let mut stale: Vec<_> = open
        .iter()
        .map(|deal| (deal.updated.unwrap(), deal))
        .filter(|(updated, _)| days_between(day(*updated), books.today()) >= days)
        .collect();
    stale.sort_by_key(|(updated, deal)| (*updated, deal.id.clone()));
    let rows = stale.into_iter().map(|(updated, deal)| {
        row! {
            "title": &deal.title,
            "organization": &deal.organization,
            "owner": &deal.owner,
            "pipeline": &deal.pipeline,
            "stage": &deal.stage,
            "amount": deal.amount,
            "currency": &deal.currency,
            "expected_close_date": deal.expected,
            "next_step": &deal.next_step,
            "last_change": day(updated),
            "days_unchanged": days_between(day(updated), books.today()),
            "id": &deal.id,
        }
    });
    rows.collect()
}

fn overdue(books: &Books, open: &[&Deal]) -> Vec<Row> {
    let overdue = open.iter().filter(|deal| deal.expected.is_some_and(|expected| expected < books.today()));
    let rows = overdue.map(|deal| {
        row! {
            "title": &deal.title,
            "organization": &deal.organization,
            "owner": &deal.owner,
            "pipeline": &deal.pipeline,
            "stage": &deal.stage,
            "amount": deal.amount,
            "currency": &deal.currency,
            "expected_close_date": deal.expected,
            "days_overdue": deal.expected.map(|expected| days_between(expected, books.today())),
            "next_step": &deal.next_step,
            "id": &deal.id,
        }
    });
    rows.collect()
}

fn incomplete(open: &[&Deal]) -> Vec<Row> {
    let missing = |deal: &Deal| {
        let parts = [
            (deal.next_step.is_none(), "next step"),
            (deal.amount.is_none(), "amount"),
            (deal.expected.is_none(), "close date"),
            (deal.owner_id.is_none(), "owner"),
        ];
        parts.iter().filter(|(is_missing, _)| *is_missing).map(|(_, name)| *name).collect::<Vec<_>>()
    };
    let incomplete = open.iter().map(|deal| (deal, missing(deal))).filter(|(_, missing)| !missing.is_empty());
    let rows = incomplete.map(|(deal, missing)| {
        row! {
            "title": &deal.title,
            "organization": &deal.organization,
            "owner": &deal.owner,
            "pipeline": &deal.pipeline,
            "stage": &deal.stage,
            "amount": deal.amount,
            "currency": &deal.currency,
            "expected_close_date": deal.expected,
            "missing": missing.join(", "),
            "missing_count": missing.len(),
            "id": &deal.id,
        }
    });
    rows.collect()
}

/// What a deal was at one extraction and at the next.
struct Turn<'a> {
    at: Timestamp,
    before: &'a Deal,
    after: &'a Deal,
}

fn turns<'a>(states: &[(&'a Served, Option<&'a Deal>)]) -> Vec<Turn<'a>> {
    let pairs = states.windows(2).filter_map(|pair| {
        let [(_, before), (served, after)] = pair else { return None };
        Some(Turn { at: served.at, before: (*before)?, after: (*after)? })
    });
    pairs.collect()
}

/// The times that a deal was put off since a day: when, from when, and to when.
pub fn slips(states: &[(&Served, Option<&Deal>)], since: Date) -> Vec<(Date, Date, Date)> {
    let turns = turns(states)
        .into_iter()
        .filter(|turn| turn.before.is("open") && turn.after.is("open") && day(turn.at) >= since);
    let dates = turns.filter_map(|turn| Some((day(turn.at), turn.before.expected?, turn.after.expected?)));
    dates.filter(|(_, before, after)| after > before).collect()
}

fn slipped(books: &Books, since: Date, all: bool, is_asked_for: &dyn Fn(&Deal) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (id, states) in books.histories() {
        let Some(deal) = books.now().deals.get(id).filter(|deal| is_asked_for(deal)) else { continue };
        let slips = slips(&states, since);
        let (Some((_, first, _)), Some((last, ..))) = (slips.first(), slips.last()) else { continue };
        if !deal.is("open") && !all {
            continue;
        }
        rows.push(row! {
            "title": &deal.title,
            "organization": &deal.organization,
            "owner": &deal.owner,
            "status": &deal.status,
            "stage": &deal.stage,
            "amount": deal.amount,
            "currency": &deal.currency,
            "slips": slips.len(),
            "expected_first": *first,
            "expected_now": deal.expected,
            "days_slipped": slips.iter().map(|(_, before, after)| days_between(*before, *after)).sum::<i64>(),
            "days_in_total": deal.expected.map(|expected| days_between(*first, expected)),
            "last_slip": *last,
            "counted_since": since.max(day(books.served[0].at)),
            "id": id,
        });
    }
    rows
}

fn owner_changes(books: &Books, since: Date, is_asked_for: &dyn Fn(&Deal) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (id, states) in books.histories() {
        for Turn { at, before, after } in turns(&states) {
            if before.owner_id == after.owner_id || day(at) < since || !is_asked_for(after) {
                continue;
            }
            rows.push(row! {
                "changed_at": at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                "title": &after.title,
                "organization": &after.organization,
                "from_owner": &before.owner,
                "to_owner": &after.owner,
                "status": &after.status,
                "stage": &after.stage,
                "amount": after.amount,
                "currency": &after.currency,
                "counted_since": since.max(day(books.served[0].at)),
                "id": id,
            });
        }
    }
    rows
}

/// A stay of an open deal in a stage.
struct Stay {
    place: (Text, Text),
    from: Timestamp,
    is_start_known: bool,
    /// When it ended, and whether that was because the deal was deleted; nothing where it goes on.
    ended: Option<(Timestamp, bool)>,
}

fn stays(books: &Books, is_asked_for: &dyn Fn(&Deal) -> bool) -> Vec<Stay> {
    let beginning = books.served[0].at;
    let mut stays = Vec::new();
    for states in books.histories().into_values() {
        let mut current: Option<Stay> = None;
        for (place, (served, deal)) in states.iter().enumerate() {
            let open = deal.filter(|deal| deal.is("open") && is_asked_for(deal));
            let here = open.map(|deal| (deal.pipeline.clone(), deal.stage.clone()));
            if current.as_ref().map(|stay| &stay.place) == here.as_ref() {
                continue;
            }
            if let Some(mut stay) = current.take() {
                stay.ended = Some((served.at, deal.is_none()));
                stays.push(stay);
            }
            if let (Some(place_now), Some(deal)) = (here, open) {
                // A new deal was in its stage from its creation.
                let created = deal.created.filter(|at| place == 0 && *at >= beginning && *at < served.at);
                current = Some(Stay {
                    place: place_now,
                    from: created.unwrap_or(served.at),
                    is_start_known: place > 0 || served.at > beginning,
                    ended: None,
                });
            }
        }
        stays.extend(current);
    }
    stays
}

fn days_in_stage(books: &Books, since: Date, is_asked_for: &dyn Fn(&Deal) -> bool) -> Vec<Row> {
    // The run that saw it all took some seconds more.
    let now = books.now().at + Span::new().seconds(30);
    let stays = stays(books, is_asked_for);
    let mut places: BTreeMap<&(Text, Text), Vec<&Stay>> = BTreeMap::new();
    for stay in &stays {
        places.entry(&stay.place).or_default().push(stay);
    }
    let mut rows = Vec::new();
    for ((pipeline, stage), stays) in places {
        let ended = stays.iter().filter(|stay| stay.is_start_known);
        let ended = ended.filter_map(|stay| Some((stay.from, stay.ended.filter(|(_, is_deleted)| !is_deleted)?.0)));
        let days: Vec<Number> =
            ended.filter(|(_, to)| day(*to) >= since).map(|(from, to)| days_and_hours(from, to).round(2)).collect();
        let there: Vec<&&Stay> = stays.iter().filter(|stay| stay.ended.is_none()).collect();
        let known = there.iter().filter(|stay| stay.is_start_known);
        if days.is_empty() && there.is_empty() {
            continue;
        }
        rows.push(row! {
            "pipeline": pipeline,
            "stage": stage,
            "stays": days.len(),
            "median_days": median(days.clone()),
            "p90_days": ninth_of_ten(days.clone()),
            "average_days": average(&days, 1),
            "there_now": there.len(),
            "there_days": median(known.map(|stay| days_and_hours(stay.from, now).round(2)).collect()),
        });
    }
    rows
}

fn funnel(books: &Books, since: Date, only: Option<&str>) -> Vec<Row> {
    let mut rows = Vec::new();
    let histories = books.histories();
    for (pipeline, stages) in books.stages.iter().filter(|(name, _)| only.is_none_or(|only| *name == only)) {
        let deals = books.now().deals().filter(|deal| deal.pipeline.as_ref() == Some(pipeline));
        let deals: Vec<&Deal> = deals.filter(|deal| deal.created.is_some_and(|at| day(at) >= since)).collect();
        let furthest = |deal: &Deal| {
            let open = histories[deal.id.as_str()].iter().filter_map(|(_, deal)| *deal).filter(|deal| deal.is("open"));
            let reached = open.chain([deal]).filter_map(|deal| deal.stage_order).max().unwrap_or(1);
            if deal.is("won") { stages.len() + 1 } else { reached }
        };
        let reached: Vec<usize> = deals.iter().map(|deal| furthest(deal)).collect();
        let count = |order: usize| reached.iter().filter(|reached| **reached >= order).count();
        for (order, stage) in (1..).zip(stages.iter().map(String::as_str).chain(["won"])) {
            rows.push(row! {
                "instance": "main",
                "pipeline": pipeline,
                "stage": stage,
                "opportunities": count(order),
                "step_conversion": (order > 1).then(|| Number::share(count(order), count(order - 1))).flatten(),
                "conversion": Number::share(count(order), count(1)),
            });
        }
    }
    rows
}
