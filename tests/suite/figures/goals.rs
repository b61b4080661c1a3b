//! How things stand against a week ago and against quotas, and which deals are in danger.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};

use super::{
    answer::{Cell, Figure, Row, row},
    books::{Books, Deal, Served, Text, day, days_and_hours, days_between, month, plus},
    deals::slips,
    number::{Number, average, sum},
    outcomes::grouped,
};

pub fn figures(books: &Books) -> Vec<Figure> {
    let today = format!("today={}", books.today());
    let mut figures = vec![Figure::new("headlines", &[&today], headlines(books))];
    for (days, slips) in [(30, 2), (12, 1)] {
        let more = [format!("days={days}"), format!("slips={slips}")];
        let params: [&str; 4] = [&today, &more[0], &more[1], "limit=100000"];
        figures.push(Figure::new("deals_at_risk", &params, at_risk(books, days, slips)));
    }
    let quarter = (date(2027, 1, 1), date(2027, 3, 31));
    let january = (date(2027, 1, 1), date(2027, 1, 31));
    figures.push(Figure::new("quota_coverage", &[&today], coverage(books, quarter, &BTreeMap::new(), UNKNOWN)));
    let euro = Some("EUR".to_owned());
    for (amount, period, of) in [("9000000.50", quarter, "quarter"), ("10", january, "month")] {
        let quotas = BTreeMap::from([((None, euro.clone()), Number::parse(amount).unwrap())]);
        let more = [format!("quota={amount}"), format!("period={of}")];
        let params: [&str; 4] = [&today, &more[0], &more[1], "currency=EUR"];
        figures.push(Figure::new("quota_coverage", &params, coverage(books, period, &quotas, NOT_THIS)));
    }
    // What the file says, and the parameter in place of the file's for the team.
    let owners: BTreeSet<&String> = books.now().deals().filter_map(|deal| deal.owner.as_ref()).collect();
    let quotas: BTreeMap<(Text, Text), Number> = owners
        .iter()
        .zip([120_000, 40_000, 7])
        .map(|(owner, amount)| ((Some((*owner).clone()), euro.clone()), Number::of(amount)))
        .collect();
    let mut with_team = quotas.clone();
    with_team.insert((None, euro.clone()), quotas.values().copied().sum());
    let params: [&str; 2] = [&today, "--config=quotas.toml"];
    figures.push(Figure::new("quota_coverage", &params, coverage(books, quarter, &with_team, NOT_THIS)));
    with_team.insert((None, euro), Number::of(500_000));
    let params: [&str; 4] = [&today, "quota=500000", "currency=EUR", "--config=quotas.toml"];
    figures.push(Figure::new("quota_coverage", &params, coverage(books, quarter, &with_team, NOT_THIS)));
    figures
}

/// The file of quotas that the last figures are of.
pub fn quota_file(books: &Books) -> String {
    let owners: BTreeSet<&String> = books.now().deals().filter_map(|deal| deal.owner.as_ref()).collect();
    let lines =
        owners.iter().zip([120_000, 40_000, 7]).map(|(owner, amount)| format!("{owner},2027-Q1,{amount},EUR\n"));
    format!("owner,period,amount,currency\n{}", lines.collect::<String>())
}

fn amounts(deals: &[&Deal]) -> BTreeMap<Text, Number> {
    let groups = grouped(deals.iter().copied(), |deal| deal.currency.clone());
    groups.into_iter().map(|(currency, deals)| (currency, deals.iter().filter_map(|deal| deal.amount).sum())).collect()
}

fn weights(deals: &[&Deal]) -> BTreeMap<Text, Number> {
    let groups = grouped(deals.iter().copied(), |deal| deal.currency.clone());
    let weight = |deals: Vec<&Deal>| deals.iter().filter_map(|deal| deal.weighted()).sum::<Number>().round(2);
    groups.into_iter().map(|(currency, deals)| (currency, weight(deals))).collect()
}

fn headlines(books: &Books) -> Vec<Row> {
    let mut rows = Vec::new();
    let today = books.today();
    let week_ago = plus(today, -7);
    let mut add = |headline: &str, currency: &Text, value: Option<Number>, previous: Option<Number>, unit: &str| {
        rows.push(row! {
            "headline": headline,
            "currency": currency,
            "value": value,
            "previous": previous,
            "change": value.zip(previous).map(|(value, previous)| value - previous),
            "unit": unit,
        });
    };
    let [now, then] = [books.now(), books.at_end_of(week_ago).unwrap()].map(Served::open);
    let won_until = |last: Date| {
        let inside = move |deal: &&Deal| deal.closed_day().is_some_and(|day| day >= month(today) && day <= last);
        let won: Vec<&Deal> = books.now().deals().filter(|deal| deal.is("won")).filter(inside).collect();
        let mut won = amounts(&won);
        // Where deals were decided lately, to have won nothing is a figure too.
        let lately = |deal: &&Deal| {
            deal.is_decided() && deal.closed_day().is_some_and(|day| day >= plus(today, -96) && day <= today)
        };
        for deal in books.now().deals().filter(lately) {
            won.entry(deal.currency.clone()).or_default();
        }
        won
    };
    for (headline, now, then) in [
        ("Open pipeline", amounts(&now), amounts(&then)),
        ("Weighted pipeline", weights(&now), weights(&then)),
        ("Won this month", won_until(today), won_until(week_ago)),
    ] {
        let currencies: BTreeSet<&Text> = now.keys().chain(then.keys()).collect();
        for currency in currencies {
            let of = |amounts: &BTreeMap<Text, Number>| amounts.get(currency).copied().or(Some(Number::ZERO));
            add(headline, currency, of(&now), of(&then), "money");
        }
    }
    add("Open deals", &None, Some(Number::of(now.len())), Some(Number::of(then.len())), "count");
    let decided = |last: Date, status: &[&str]| -> Vec<&Deal> {
        let inside = |deal: &&Deal| deal.closed_day().is_some_and(|day| day > plus(last, -90) && day <= last);
        let decided = books.now().deals().filter(inside);
        decided.filter(|deal| status.iter().any(|status| deal.is(status))).collect()
    };
    let rate = |last: Date| Number::share(decided(last, &["won"]).len(), decided(last, &["won", "lost"]).len());
    add("Win rate, 90 days", &None, rate(today), rate(week_ago), "share");
    let cycle = |last: Date| {
        let days = decided(last, &["won"]).into_iter().filter_map(|deal| deal.created.zip(deal.closed));
        let days: Vec<Number> = days.map(|(from, to)| days_and_hours(from, to)).collect();
        average(&days, 1)
    };
    add("Average cycle, 90 days", &None, cycle(today), cycle(week_ago), "days");
    rows
}

fn at_risk(books: &Books, days: i64, often: usize) -> Vec<Row> {
    let today = books.today();
    let histories = books.histories();
    // Nine of ten won deals of each pipeline took no longer, where there are enough of them.
    let recent = |deal: &&Deal| deal.is("won") && deal.closed_day().is_some_and(|day| day >= plus(today, -365));
    let usual: BTreeMap<Text, i64> = grouped(books.now().deals().filter(recent), |deal| deal.pipeline.clone())
        .into_iter()
        .filter_map(|(pipeline, deals)| {
            let spans = deals.iter().filter_map(|deal| deal.created.zip(deal.closed));
            let mut days: Vec<i64> = spans.map(|(from, to)| days_between(day(from), day(to))).collect();
            days.sort_unstable();
            let place = (days.len() * 9).div_ceil(10);
            (days.len() >= 10).then(|| (pipeline, days[place - 1]))
        })
        .collect();
    let mut rows = Vec::new();
    for deal in books.now().deals().filter(|deal| deal.is("open")) {
        let mut why = Vec::new();
        if let Some(expected) = deal.expected.filter(|expected| *expected < today) {
            why.push(format!("was expected to close on {expected}"));
        }
        let unchanged = days_between(day(deal.updated.unwrap()), today);
        if unchanged >= days {
            why.push(format!("unchanged for {unchanged} days"));
        }
        let slips = slips(&histories[deal.id.as_str()], date(2000, 1, 1)).len();
        if slips >= often {
            let times = match slips {
                1 => "once".to_owned(),
                2 => "twice".to_owned(),
                times => format!("{times} times"),
            };
            why.push(format!("put off {times}"));
        }
        let created = day(deal.created.unwrap());
        if let Some(usual) = usual.get(&deal.pipeline).filter(|usual| days_between(created, today) > **usual) {
            why.push(format!("open since {created}, and nine of ten won deals closed within {usual} days"));
        }
        if !why.is_empty() {
            rows.push(row! {
                "title": &deal.title,
                "organization": &deal.organization,
                "owner": &deal.owner,
                "stage": &deal.stage,
                "amount": deal.amount,
                "currency": &deal.currency,
                "expected_close_date": deal.expected,
                "reasons": why.len(),
                "why": why.join("; "),
                "id": &deal.id,
            });
        }
    }
    rows
}

const UNKNOWN: &str = "no quota is known: give --param quota=250000, or a file of quotas in [quota]";
const NOT_THIS: &str = "no quota in this currency";

fn coverage(
    books: &Books,
    (first, last): (Date, Date),
    quotas: &BTreeMap<(Text, Text), Number>,
    without: &str,
) -> Vec<Row> {
    let inside = |day: Option<Date>| day.is_some_and(|day| (first..=last).contains(&day));
    let won = |deal: &Deal| deal.is("won") && inside(deal.closed_day());
    let open = |deal: &Deal| deal.is("open") && inside(deal.expected);
    let counted: Vec<&Deal> = books.now().deals().filter(|deal| won(deal) || open(deal)).collect();
    let mut groups: BTreeMap<(&str, Text, Text), Vec<&Deal>> = BTreeMap::new();
    for deal in &counted {
        groups.entry(("team", None, deal.currency.clone())).or_default().push(deal);
        groups.entry(("owner", deal.owner.clone(), deal.currency.clone())).or_default().push(deal);
    }
    for (owner, currency) in quotas.keys() {
        let scope = if owner.is_none() { "team" } else { "owner" };
        groups.entry((scope, owner.clone(), currency.clone())).or_default();
    }
    groups
        .into_iter()
        .map(|((scope, owner, currency), deals)| {
            let quota = if scope == "owner" && owner.is_none() {
                None
            } else {
                quotas.get(&(owner.clone(), currency.clone())).copied()
            };
            let won: Number = deals.iter().filter(|deal| won(deal)).filter_map(|deal| deal.amount).sum();
            let open: Vec<&Deal> = deals.iter().filter(|deal| open(deal)).copied().collect();
            let open_amount: Number = open.iter().filter_map(|deal| deal.amount).sum();
            let open_weighted = sum(open.iter().map(|deal| deal.weighted())).unwrap_or_default().round(2);
            let remaining = quota.map(|quota| (quota - won).max(Number::ZERO));
            let note = match quota {
                None => Cell::from(without),
                Some(quota) if won >= quota => Cell::from("reached"),
                Some(_) => Cell::Null,
            };
            row! {
                "scope": scope,
                "owner": owner,
                "period": first,
                "period_end": last,
                "currency": currency,
                "quota": quota,
                "won_amount": won,
                "remaining": remaining,
                "open_amount": open_amount,
                "open_weighted": open_weighted,
                "coverage": remaining.and_then(|remaining| Number::ratio(open_amount, remaining, 2)),
                "gap": quota.map(|quota| quota - won - open_weighted),
                "note": note,
            }
        })
        .collect()
}
