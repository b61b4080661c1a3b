//! What was won and lost: rates, months, reasons, cycles, velocity, customers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};

use super::{
    answer::{Figure, Row, row},
    books::{Books, Deal, Text, days_and_hours, month, quarter},
    number::{Number, average, median, ninth_of_ten, sum},
};

/// The spans of time that outcomes are asked for.
const SPANS: [(Date, Option<Date>); 2] = [(date(2026, 5, 17), Some(date(2026, 12, 20))), (date(2026, 10, 3), None)];

/// What a deal is grouped by.
type Of = fn(&Deal) -> Text;

pub fn figures(books: &Books) -> Vec<Figure> {
    let now = books.now();
    let all: Vec<&Deal> = now.deals().collect();
    let mut figures = Vec::new();
    for (since, until) in SPANS {
        let mut params = vec![format!("since={since}")];
        params.extend(until.map(|until| format!("until={until}")));
        let params: Vec<&str> = params.iter().map(String::as_str).collect();
        let inside = |day: Option<Date>| day.is_some_and(|day| day >= since && until.is_none_or(|until| day <= until));
        let decided: Vec<&Deal> =
            all.iter().copied().filter(|deal| deal.is_decided() && inside(deal.closed_day())).collect();
        let won: Vec<&Deal> = decided.iter().copied().filter(|deal| deal.is("won")).collect();
        let mut add = |report, rows| figures.push(Figure::new(report, &params, rows));
        add("win_rate_by_owner", win_rates(&decided, "owner", |deal| deal.owner.clone()));
        add("win_rate_by_source", win_rates(&decided, "source", |deal| deal.source.clone()));
        add("win_rate_by_segment", win_rates(&decided, "segment", |deal| deal.segment.clone()));
        add("win_rate_by_size_band", bands(&decided));
        add("lost_reasons", reasons(&decided));
        add("sales_cycle_by_owner", cycles(&won, "owner", |deal| deal.owner.clone()));
        add("sales_cycle_by_source", cycles(&won, "source", |deal| deal.source.clone()));
        add("customer_concentration", customers(&won, 10));
        add("owner_leaderboard", leaderboard(&all, &decided));
        add("sales_velocity", velocity(&all, &decided, |_| Some("all".to_owned())));
        let parts: [(&str, Of); 3] = [
            ("by=owner", |deal| deal.owner.clone()),
            ("by=source", |deal| deal.source.clone()),
            ("by=segment", |deal| deal.segment.clone()),
        ];
        for (by, part) in parts {
            let params: Vec<&str> = params.iter().copied().chain([by]).collect();
            figures.push(Figure::new("sales_velocity", &params, velocity(&all, &decided, part)));
        }
        let params: Vec<&str> = params.iter().copied().chain(["top=3"]).collect();
        figures.push(Figure::new("customer_concentration", &params, customers(&won, 3)));
        for (status, limit) in [("won", 4), ("lost", 10), ("all", 7), ("open", 10)] {
            let chosen = |deal: &&&Deal| match deal.status.as_deref() {
                Some("won" | "lost") => (status == "all" || deal.is(status)) && inside(deal.closed_day()),
                _ => status == "all" || deal.is(status),
            };
            let chosen: Vec<&Deal> = all.iter().filter(chosen).copied().collect();
            let (status, limit_text) = (format!("status={status}"), format!("limit={limit}"));
            let params: Vec<&str> = params.iter().copied().take_while(|param| !param.starts_with("top")).collect();
            let params: Vec<&str> = params.into_iter().chain([status.as_str(), limit_text.as_str()]).collect();
            figures.push(Figure::new("top_deals", &params, largest(&chosen, limit)));
        }
    }
    figures.extend(months(books));
    figures.extend(cohorts(books));
    figures
}

/// The members of each group.
pub fn grouped<K: Ord, T: Copy>(items: impl IntoIterator<Item = T>, key: impl Fn(T) -> K) -> BTreeMap<K, Vec<T>> {
    let mut groups: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for item in items {
        groups.entry(key(item)).or_default().push(item);
    }
    groups
}

/// What the deals of a status are worth together; nothing where none of them has an amount.
fn amount_of(deals: &[&Deal], status: &str) -> Option<Number> {
    sum(deals.iter().filter(|deal| deal.is(status)).map(|deal| deal.amount))
}

/// The same where a sum of nothing is nought.
fn worth_of(deals: &[&Deal], status: &str) -> Number {
    amount_of(deals, status).unwrap_or_default()
}

fn count_of(deals: &[&Deal], status: &str) -> usize {
    deals.iter().filter(|deal| deal.is(status)).count()
}

fn rate(deals: &[&Deal]) -> Option<Number> {
    Number::share(count_of(deals, "won"), count_of(deals, "won") + count_of(deals, "lost"))
}

fn rate_by_amount(deals: &[&Deal]) -> Option<Number> {
    let (won, lost) = (worth_of(deals, "won"), worth_of(deals, "lost"));
    Number::ratio(won, won + lost, 4)
}

fn win_rates(decided: &[&Deal], name: &str, of: Of) -> Vec<Row> {
    let whole = grouped(decided.iter().copied(), of);
    grouped(decided.iter().copied(), |deal| (of(deal), deal.currency.clone()))
        .into_iter()
        .map(|((part, currency), deals)| {
            let mut row = row! {
                "part": &part,
                "currency": &currency,
                "won": count_of(&deals, "won"),
                "lost": count_of(&deals, "lost"),
                "won_amount": worth_of(&deals, "won"),
                "lost_amount": worth_of(&deals, "lost"),
                "win_rate": rate(&deals),
                "win_rate_by_amount": rate_by_amount(&deals),
                "win_rate_all_currencies": rate(&whole[&part]),
                "undated": 0usize,
            };
            name.clone_into(&mut row[0].0);
            row
        })
        .collect()
}

fn bands(decided: &[&Deal]) -> Vec<Row> {
    const BEGINNINGS: [usize; 6] = [1_000, 5_000, 10_000, 25_000, 50_000, 100_000];
    let band = |deal: &Deal| {
        let amount = deal.amount?;
        let place = BEGINNINGS.iter().filter(|begin| Number::of(**begin) <= amount).count();
        Some(match (place.checked_sub(1).map(|place| BEGINNINGS[place]), BEGINNINGS.get(place)) {
            (None, Some(end)) => format!("under {end}"),
            (Some(begin), Some(end)) => format!("{begin} to {end}"),
            (begin, None) => format!("{} and more", begin.unwrap_or_default()),
        })
    };
    grouped(decided.iter().copied(), |deal| (band(deal), deal.currency.clone()))
        .into_iter()
        .map(|((band, currency), deals)| {
            row! {
                "band": &band,
                "currency": &currency,
                "won": count_of(&deals, "won"),
                "lost": count_of(&deals, "lost"),
                "won_amount": worth_of(&deals, "won"),
                "lost_amount": worth_of(&deals, "lost"),
                "win_rate": rate(&deals),
                "win_rate_by_amount": rate_by_amount(&deals),
                "undated": 0usize,
            }
        })
        .collect()
}

fn reasons(decided: &[&Deal]) -> Vec<Row> {
    let lost: Vec<&Deal> = decided.iter().copied().filter(|deal| deal.is("lost")).collect();
    let whole = grouped(lost.iter().copied(), |deal| deal.currency.clone());
    grouped(lost.iter().copied(), |deal| (deal.lost_reason.clone(), deal.currency.clone()))
        .into_iter()
        .map(|((reason, currency), deals)| {
            let (amount, all) = (amount_of(&deals, "lost"), amount_of(&whole[&currency], "lost"));
            row! {
                "lost_reason": &reason,
                "currency": &currency,
                "lost": deals.len(),
                "amount": amount,
                "share": Number::share(deals.len(), whole[&currency].len()),
                "share_of_amount": amount.zip(all).and_then(|(amount, all)| Number::ratio(amount, all, 4)),
                "undated": 0usize,
            }
        })
        .collect()
}

/// The days that each deal took.
fn days(deals: &[&Deal]) -> Vec<Number> {
    let spans = deals.iter().filter_map(|deal| deal.created.zip(deal.closed));
    spans.filter(|(created, closed)| created <= closed).map(|(from, to)| days_and_hours(from, to)).collect()
}

fn cycles(won: &[&Deal], name: &str, of: Of) -> Vec<Row> {
    grouped(won.iter().copied(), of)
        .into_iter()
        .map(|(part, deals)| {
            let days = days(&deals);
            let mut row = row! {
                "part": &part,
                "won": deals.len(),
                "measured": days.len(),
                "median_days": median(days.clone()),
                "p90_days": ninth_of_ten(days.clone()),
                "average_days": average(&days, 1),
                "closed_before_created": deals.len() - days.len(),
                "undated": 0usize,
            };
            name.clone_into(&mut row[0].0);
            row
        })
        .collect()
}

fn customers(won: &[&Deal], top: usize) -> Vec<Row> {
    let whole = grouped(won.iter().copied(), |deal| deal.currency.clone());
    let mut rows = Vec::new();
    for (currency, deals) in whole {
        let all = amount_of(&deals, "won").unwrap_or_default();
        let mut customers: Vec<_> = grouped(deals, |deal| deal.organization_id.clone())
            .into_iter()
            .map(|(id, deals)| (amount_of(&deals, "won").unwrap_or_default(), id, deals))
            .collect();
        customers.sort_by_key(|(amount, ..)| -*amount);
        let (mut rank, mut cumulative) = (0, Number::ZERO);
        for (amount, id, deals) in customers {
            let is_customer = id.is_some();
            if is_customer {
                rank += 1;
                cumulative = cumulative + amount;
            }
            if rank <= top || !is_customer {
                rows.push(row! {
                    "rank": is_customer.then_some(rank),
                    "organization": deals[0].organization.as_ref(),
                    "currency": &currency,
                    "won": deals.len(),
                    "won_amount": amount_of(&deals, "won"),
                    "share": Number::ratio(amount, all, 4),
                    "cumulative_share": is_customer.then(|| Number::ratio(cumulative, all, 4)).flatten(),
                });
            }
        }
    }
    rows
}

fn leaderboard(all: &[&Deal], decided: &[&Deal]) -> Vec<Row> {
    let ids: BTreeSet<&str> = decided.iter().map(|deal| deal.id.as_str()).collect();
    let counted = all.iter().copied().filter(|deal| deal.is("open") || ids.contains(deal.id.as_str()));
    let groups = grouped(counted, |deal| (deal.currency.clone(), deal.owner.clone()));
    let won_amounts = |currency: &Text| -> Vec<Number> {
        let of_it = groups.iter().filter(|((of, owner), _)| of == currency && owner.is_some());
        of_it.map(|(_, deals)| worth_of(deals, "won")).collect()
    };
    groups
        .iter()
        .map(|((currency, owner), deals)| {
            let won: Vec<&Deal> = deals.iter().copied().filter(|deal| deal.is("won")).collect();
            let open: Vec<&Deal> = deals.iter().copied().filter(|deal| deal.is("open")).collect();
            let won_amount = worth_of(deals, "won");
            let better = won_amounts(currency).into_iter().filter(|other| *other > won_amount).count();
            let priced: Vec<Number> = won.iter().filter_map(|deal| deal.amount).collect();
            row! {
                "rank": owner.is_some().then_some(1 + better),
                "owner": owner,
                "currency": currency,
                "won": won.len(),
                "lost": count_of(deals, "lost"),
                "won_amount": won_amount,
                "win_rate": rate(deals),
                "average_deal": average(&priced, 2),
                "cycle_days": median(days(&won)),
                "open": open.len(),
                "open_amount": worth_of(&open, "open"),
                "open_weighted": sum(open.iter().map(|deal| deal.weighted())).unwrap_or_default().round(2),
            }
        })
        .collect()
}

fn velocity(all: &[&Deal], decided: &[&Deal], part: Of) -> Vec<Row> {
    let ids: BTreeSet<&str> = decided.iter().map(|deal| deal.id.as_str()).collect();
    let counted = all.iter().copied().filter(|deal| deal.is("open") || ids.contains(deal.id.as_str()));
    grouped(counted, |deal| (part(deal), deal.currency.clone()))
        .into_iter()
        .map(|((part, currency), deals)| {
            let won: Vec<&Deal> = deals.iter().copied().filter(|deal| deal.is("won")).collect();
            let (opportunities, lost) = (count_of(&deals, "open"), count_of(&deals, "lost"));
            let priced: Vec<Number> = won.iter().filter_map(|deal| deal.amount).collect();
            let days = days(&won);
            let dividend = priced.iter().copied().sum::<Number>() * (opportunities * won.len() * days.len());
            let divisor = days.iter().copied().sum::<Number>() * (priced.len() * (won.len() + lost));
            row! {
                "part": &part,
                "currency": &currency,
                "opportunities": opportunities,
                "won": won.len(),
                "lost": lost,
                "average_won": average(&priced, 2),
                "win_rate": rate(&deals),
                "cycle_days": average(&days, 1),
                "velocity_per_day": Number::ratio(dividend, divisor, 2),
            }
        })
        .collect()
}

fn largest(chosen: &[&Deal], limit: usize) -> Vec<Row> {
    let priced = chosen.iter().copied().filter(|deal| deal.amount.is_some());
    let mut rows = Vec::new();
    for (currency, mut deals) in grouped(priced, |deal| deal.currency.clone()) {
        deals.sort_by_key(|deal| (-deal.amount.unwrap_or_default(), deal.id.clone()));
        for deal in deals.iter().take(limit) {
            let better = deals.iter().filter(|other| other.amount > deal.amount).count();
            rows.push(row! {
                "rank": 1 + better,
                "title": &deal.title,
                "organization": &deal.organization,
                "owner": &deal.owner,
                "status": &deal.status,
                "stage": &deal.stage,
                "amount": deal.amount,
                "currency": &currency,
                "weighted": deal.is("open").then(|| deal.weighted().map(|weighted| weighted.round(2))).flatten(),
                "expected_close_date": deal.expected,
                "created": deal.created.map(super::books::day),
                "closed": deal.closed_day(),
                "id": &deal.id,
            });
        }
    }
    rows
}

fn months(books: &Books) -> Vec<Figure> {
    let decided: Vec<&Deal> = books.now().deals().filter(|deal| deal.is_decided()).collect();
    let mut figures = Vec::new();
    for (since, until) in [(date(2026, 3, 20), None), (date(2026, 7, 1), Some(date(2026, 11, 2)))] {
        let today = books.today();
        let last = until.map_or(month(today), month);
        let inside = |deal: &&&Deal| {
            let of = deal.closed_day().map(month);
            of.is_some_and(|of| of >= month(since) && (until.is_none() || of <= last))
        };
        let inside: Vec<&Deal> = decided.iter().filter(inside).copied().collect();
        let groups = grouped(inside.iter().copied(), |deal| (deal.closed_day().map(month), deal.currency.clone()));
        let currencies: BTreeSet<Text> = inside.iter().map(|deal| deal.currency.clone()).collect();
        let mut of = month(since);
        let mut all: BTreeSet<(Option<Date>, Text)> = groups.keys().cloned().collect();
        while of <= last {
            all.extend(currencies.iter().map(|currency| (Some(of), currency.clone())));
            of = month(super::books::plus(of, 31));
        }
        let rows = all.into_iter().map(|key| {
            let of_it = groups.get(&key).map(Vec::as_slice).unwrap_or_default();
            let (won_amount, lost_amount) = (worth_of(of_it, "won"), worth_of(of_it, "lost"));
            row! {
                "month": key.0,
                "currency": &key.1,
                "won": count_of(of_it, "won"),
                "lost": count_of(of_it, "lost"),
                "won_amount": won_amount,
                "lost_amount": lost_amount,
                "win_rate": rate(of_it),
                "win_rate_by_amount": rate_by_amount(of_it),
            }
        });
        let mut params = vec![format!("since={since}"), format!("today={today}")];
        params.extend(until.map(|until| format!("until={until}")));
        figures.push(Figure { report: "won_lost_by_month", params, rows: rows.collect() });
    }
    figures
}

fn cohorts(books: &Books) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (since, until) in [(date(2025, 8, 20), None), (date(2026, 2, 1), Some(date(2026, 7, 1)))] {
        let inside = |deal: &&Deal| {
            let of = deal.created.map(super::books::day).map(quarter);
            of.is_some_and(|of| of >= quarter(since) && until.is_none_or(|until| of <= quarter(until)))
        };
        let inside = books.now().deals().filter(inside);
        let of = |deal: &Deal| deal.created.map(super::books::day).map(quarter);
        let rows = grouped(inside, |deal| (of(deal), deal.currency.clone())).into_iter().map(|(key, deals)| {
            let won: Vec<&Deal> = deals.iter().copied().filter(|deal| deal.is("won")).collect();
            let (lost, open) = (count_of(&deals, "lost"), count_of(&deals, "open"));
            row! {
                "quarter": key.0,
                "currency": &key.1,
                "created": deals.len(),
                "won": won.len(),
                "lost": lost,
                "open": open,
                "other": deals.len() - won.len() - lost - open,
                "win_rate": rate(&deals),
                "won_amount": worth_of(&deals, "won"),
                "median_days": median(days(&won)),
            }
        });
        let mut params = vec![format!("since={since}")];
        params.extend(until.map(|until| format!("until={until}")));
        figures.push(Figure { report: "cohorts_by_quarter", params, rows: rows.collect() });
    }
    figures
}
