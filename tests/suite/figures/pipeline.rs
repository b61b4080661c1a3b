//! What is open: by stage, owner, organization and close month, today, on other days, and between two of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday, date};

use super::{
    answer::{Figure, Row, row},
    books::{Books, Deal, Served, Text, month, plus},
    number::{Number, sum},
    outcomes::grouped,
};

/// Who and what is looked at: the owner by name or address, and the pipeline.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub owner: Text,
    pub pipeline: Text,
    pub currency: Text,
}

impl Scope {
    fn holds(&self, deal: &Deal) -> bool {
        deal.is("open")
            && (self.owner.is_none() || deal.owner == self.owner)
            && (self.pipeline.is_none() || deal.pipeline == self.pipeline)
            && (self.currency.is_none() || deal.currency == self.currency)
    }

    pub fn params(&self) -> Vec<String> {
        let named = [("owner", &self.owner), ("pipeline", &self.pipeline), ("currency", &self.currency)];
        named.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect()
    }

    fn open<'a>(&self, served: &'a Served) -> Vec<&'a Deal> {
        served.deals().filter(|deal| self.holds(deal)).collect()
    }
}

pub fn figures(books: &Books) -> Vec<Figure> {
    let owners: BTreeSet<&String> = books.now().deals().filter_map(|deal| deal.owner.as_ref()).collect();
    let owner = owners.into_iter().next().cloned();
    let pipeline = Some("Renewals".to_owned());
    let scopes = [
        Scope::default(),
        Scope { owner: owner.clone(), ..Scope::default() },
        Scope { pipeline: pipeline.clone(), ..Scope::default() },
    ];
    let mut figures = Vec::new();
    for scope in &scopes {
        let open = scope.open(books.now());
        let params = |more: &[&str]| {
            let more = more.iter().map(|param| (*param).to_owned());
            scope.params().into_iter().chain(more).collect::<Vec<_>>()
        };
        let today = format!("today={}", books.today());
        let mut add = |report, more: &[&str], rows| figures.push(Figure { report, params: params(more), rows });
        add("pipeline_by_stage", &[], by_stage(&open));
        add("pipeline_by_organization", &[], by_organization(&open, 25));
        add("pipeline_by_organization", &["limit=4"], by_organization(&open, 4));
        add("pipeline_by_close_month", &[&today], by_close_month(&open, books.today()));
        add("weighted_forecast", &[&today], forecast(&open, books.today()));
        if scope.owner.is_none() {
            add("pipeline_by_owner", &[], by_owner(&open));
        }
        for then in [date(2026, 11, 8), date(2026, 12, 3)] {
            add("pipeline_then_and_now", &[&format!("then={then}")], then_and_now(books, scope, then));
        }
        add("pipeline_trend", &["since=2026-10-01"], trend(books, scope, date(2026, 10, 1)));
        add("pipeline_trend", &["since=2026-12-01"], trend(books, scope, date(2026, 12, 1)));
        for (since, until) in [
            (date(2026, 11, 1), date(2027, 1, 8)),
            (date(2026, 11, 15), date(2026, 11, 30)),
            (date(2026, 12, 2), date(2026, 12, 28)),
        ] {
            let more = [format!("since={since}"), format!("until={until}")];
            add("pipeline_waterfall", &[&more[0], &more[1]], waterfall(books, scope, since, until));
        }
    }
    let scope = Scope { owner, pipeline: Some("Sales".to_owned()), currency: Some("EUR".to_owned()) };
    let (since, until) = (date(2026, 11, 9), date(2027, 1, 3));
    let mut params = scope.params();
    params.extend([format!("since={since}"), format!("until={until}")]);
    figures.push(Figure { report: "pipeline_waterfall", params, rows: waterfall(books, &scope, since, until) });
    for ahead in [0, 10] {
        let ahead_text = format!("ahead={ahead}");
        let params = [ahead_text.as_str(), "period=month", "since=2026-01-01", "today=2027-02-02"];
        figures.push(Figure::new("forecast_accuracy", &params, accuracy(books, ahead)));
    }
    figures
}

fn amount(deals: &[&Deal]) -> Option<Number> {
    sum(deals.iter().map(|deal| deal.amount))
}

fn weighted(deals: &[&Deal]) -> Option<Number> {
    sum(deals.iter().map(|deal| deal.weighted())).map(|sum| sum.round(2))
}

fn with_amount(deals: &[&Deal]) -> usize {
    deals.iter().filter(|deal| deal.amount.is_some()).count()
}

fn by_stage(open: &[&Deal]) -> Vec<Row> {
    grouped(open.iter().copied(), |deal| (deal.currency.clone(), deal.pipeline.clone(), deal.stage.clone()))
        .into_iter()
        .map(|((currency, pipeline, stage), deals)| {
            row! {
                "currency": &currency,
                "pipeline": &pipeline,
                "stage": &stage,
                "opportunities": deals.len(),
                "with_amount": with_amount(&deals),
                "amount": amount(&deals),
                "weighted": weighted(&deals),
            }
        })
        .collect()
}

fn by_owner(open: &[&Deal]) -> Vec<Row> {
    let whole = grouped(open.iter().copied(), |deal| deal.currency.clone());
    grouped(open.iter().copied(), |deal| (deal.currency.clone(), deal.owner.clone()))
        .into_iter()
        .map(|((currency, owner), deals)| {
            let (part, all) = (amount(&deals), amount(&whole[&currency]));
            row! {
                "currency": &currency,
                "owner": &owner,
                "opportunities": deals.len(),
                "with_amount": with_amount(&deals),
                "amount": part,
                "weighted": weighted(&deals),
                "average": part.and_then(|part| Number::ratio(part, Number::of(with_amount(&deals)), 2)),
                "share": part.zip(all).and_then(|(part, all)| Number::ratio(part, all, 4)),
            }
        })
        .collect()
}

fn by_organization(open: &[&Deal], limit: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for (currency, deals) in grouped(open.iter().copied(), |deal| deal.currency.clone()) {
        let all = amount(&deals);
        let mut customers: Vec<_> = grouped(deals, |deal| (deal.organization_id.clone(), deal.organization.clone()))
            .into_iter()
            .map(|((id, name), deals)| (amount(&deals), deals.len(), name, id, deals))
            .collect();
        customers.sort_by_key(|(amount, count, name, id, _)| {
            (amount.is_none(), amount.map(|amount| -amount), -i64::try_from(*count).unwrap(), name.clone(), id.clone())
        });
        for (part, count, name, _, deals) in customers.into_iter().take(limit) {
            rows.push(row! {
                "currency": &currency,
                "organization": &name,
                "opportunities": count,
                "amount": part,
                "weighted": weighted(&deals),
                "share": part.zip(all).and_then(|(part, all)| Number::ratio(part, all, 4)),
                "next_close": deals.iter().filter_map(|deal| deal.expected).min(),
            });
        }
    }
    rows
}

fn close_month(deal: &Deal, today: Date) -> String {
    match deal.expected {
        None => "no date".to_owned(),
        Some(day) if day < today => "overdue".to_owned(),
        Some(day) => format!("{:04}-{:02}", day.year(), day.month()),
    }
}

fn by_close_month(open: &[&Deal], today: Date) -> Vec<Row> {
    grouped(open.iter().copied(), |deal| (deal.currency.clone(), close_month(deal, today)))
        .into_iter()
        .map(|((currency, month), deals)| {
            row! {
                "currency": &currency,
                "close_month": &month,
                "opportunities": deals.len(),
                "with_amount": with_amount(&deals),
                "amount": amount(&deals),
                "weighted": weighted(&deals),
            }
        })
        .collect()
}

fn forecast(open: &[&Deal], today: Date) -> Vec<Row> {
    grouped(open.iter().copied(), |deal| (deal.currency.clone(), close_month(deal, today), deal.category.clone()))
        .into_iter()
        .map(|((currency, month, category), deals)| {
            row! {
                "currency": &currency,
                "close_month": &month,
                "category": &category,
                "opportunities": deals.len(),
                "amount": amount(&deals),
                "weighted": weighted(&deals),
            }
        })
        .collect()
}

fn then_and_now(books: &Books, scope: &Scope, then: Date) -> Vec<Row> {
    let key = |deal: &Deal| (deal.currency.clone(), deal.pipeline.clone(), deal.stage.clone());
    let then = grouped(scope.open(books.at_end_of(then).unwrap()), key);
    let now = grouped(scope.open(books.now()), key);
    let keys: BTreeSet<_> = then.keys().chain(now.keys()).collect();
    keys.into_iter()
        .map(|key| {
            let then: Vec<&Deal> = then.get(key).cloned().unwrap_or_default();
            let now: Vec<&Deal> = now.get(key).cloned().unwrap_or_default();
            let known = |number: Option<Number>| number.unwrap_or_default();
            row! {
                "currency": &key.0,
                "pipeline": &key.1,
                "stage": &key.2,
                "opportunities_then": then.len(),
                "opportunities_now": now.len(),
                "amount_then": known(amount(&then)),
                "amount_now": known(amount(&now)),
                "amount_change": known(amount(&now)) - known(amount(&then)),
                "weighted_then": known(weighted(&then)),
                "weighted_now": known(weighted(&now)),
                "note": None::<&str>,
            }
        })
        .collect()
}

fn trend(books: &Books, scope: &Scope, since: Date) -> Vec<Row> {
    let mut weeks = Vec::new();
    let mut monday = since;
    while monday.weekday() != Weekday::Monday {
        monday = plus(monday, -1);
    }
    while monday <= books.today() {
        if let Some(served) = books.at_end_of(plus(monday, 6)) {
            weeks.push((monday, grouped(scope.open(served), |deal| deal.currency.clone())));
        }
        monday = plus(monday, 7);
    }
    // A line does not end where nothing is open.
    let currencies: BTreeSet<Text> = weeks.iter().flat_map(|(_, groups)| groups.keys().cloned()).collect();
    let mut rows = Vec::new();
    for (monday, groups) in &weeks {
        for currency in &currencies {
            let deals = groups.get(currency).cloned().unwrap_or_default();
            rows.push(row! {
                "currency": currency,
                "week": *monday,
                "opportunities": deals.len(),
                "amount": amount(&deals).unwrap_or_default(),
                "weighted": weighted(&deals).unwrap_or_default(),
                "instances": 1usize,
            });
        }
    }
    rows
}

/// The steps of a waterfall, with their signs.
const STEPS: [&str; 7] = ["new", "increased", "moved in", "moved out", "lost", "decreased", "won"];

pub fn waterfall(books: &Books, scope: &Scope, since: Date, until: Date) -> Vec<Row> {
    let (start, end) = (books.at_end_of(since).unwrap(), books.at_end_of(until).unwrap());
    let mut steps: BTreeMap<Text, BTreeMap<&str, (usize, Number)>> = BTreeMap::new();
    let mut add = |currency: &Text, step: &'static str, amount: Number| {
        let of = steps.entry(currency.clone()).or_default().entry(step).or_default();
        *of = (of.0 + 1, of.1 + amount);
    };
    let worth = |deal: &Deal| deal.amount.unwrap_or_default();
    // Whether a closed deal would be in the scope if it were open.
    let holds_closed = |deal: &Deal| {
        let opened = Deal { status: Some("open".to_owned()), ..deal.clone() };
        deal.is_decided() && scope.holds(&opened)
    };
    // What was there at any time before the start, deleted or not, is not new.
    let earlier: Vec<&Served> = books.served.iter().filter(|served| served.at <= start.at).collect();
    let ids: BTreeSet<&String> = start.deals.keys().chain(end.deals.keys()).collect();
    for id in ids {
        let is_new = !earlier.iter().any(|served| served.deals.contains_key(id));
        let (before, after) = (start.deals.get(id), end.deals.get(id));
        let was_in = before.filter(|deal| scope.holds(deal));
        let is_in = after.filter(|deal| scope.holds(deal));
        // What was closed as it is already is no news.
        let is_news = |deal: &&Deal| before.is_none_or(|before| before.status != deal.status);
        let closed = after.filter(|deal| holds_closed(deal)).filter(is_news);
        if let Some(deal) = was_in {
            add(&deal.currency, "start", worth(deal));
        }
        if let Some(deal) = is_in {
            add(&deal.currency, "end", worth(deal));
        }
        match (was_in, is_in.or(closed)) {
            (Some(before), Some(after)) if before.currency == after.currency => {
                let change = worth(after) - worth(before);
                match change.cmp(&Number::ZERO) {
                    std::cmp::Ordering::Greater => add(&after.currency, "increased", change),
                    std::cmp::Ordering::Less => add(&after.currency, "decreased", change),
                    std::cmp::Ordering::Equal => {}
                }
            }
            (Some(before), _) => add(&before.currency, "moved out", -worth(before)),
            (None, Some(after)) if is_new => add(&after.currency, "new", worth(after)),
            _ => {}
        }
        if let Some(after) = is_in.or(closed).filter(|_| !is_new)
            && was_in.is_none_or(|before| before.currency != after.currency)
        {
            add(&after.currency, "moved in", worth(after));
        }
        if let Some(after) = closed {
            add(&after.currency, if after.is("won") { "won" } else { "lost" }, -worth(after));
        }
    }
    let mut rows = Vec::new();
    for (currency, steps) in steps {
        let of = |step: &str| steps.get(step).copied().unwrap_or_default();
        let (mut count, mut level) = (0, Number::ZERO);
        for step in std::iter::once("start").chain(STEPS).chain(["end"]) {
            let (opportunities, amount) = of(step);
            match step {
                "start" | "new" | "moved in" => count += opportunities,
                "moved out" | "lost" | "won" => count -= opportunities,
                _ => {}
            }
            if step == "end" {
                assert_eq!((level, count), (amount, opportunities), "the books do not balance");
            } else {
                level = level + amount;
            }
            rows.push(row! {
                "currency": &currency,
                "step": step,
                "opportunities": opportunities,
                "amount": amount,
                "running_amount": level,
                "running_opportunities": count,
                "note": None::<&str>,
            });
        }
    }
    rows
}

fn accuracy(books: &Books, ahead: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    for period in [date(2026, 12, 1), date(2027, 1, 1)] {
        let last = plus(month(plus(period, 31)), -1);
        // What happens after the last extraction nobody knows yet.
        if last > books.today() {
            continue;
        }
        let inside = |day: Option<Date>| day.is_some_and(|day| (period..=last).contains(&day));
        // The moment at which the period begins is the end of the day before.
        let Some(then) = books.at_end_of(plus(period, -1 - ahead)) else { continue };
        let expected: Vec<&Deal> = then.deals().filter(|deal| deal.is("open") && inside(deal.expected)).collect();
        let won: Vec<&Deal> = books.now().deals().filter(|deal| deal.is("won") && inside(deal.closed_day())).collect();
        let forecasts = grouped(expected, |deal| deal.currency.clone());
        let outcomes = grouped(won, |deal| deal.currency.clone());
        let currencies: BTreeSet<&Text> = forecasts.keys().chain(outcomes.keys()).collect();
        for currency in currencies {
            let deals = forecasts.get(currency).cloned().unwrap_or_default();
            let won = outcomes.get(currency).cloned().unwrap_or_default();
            let has_categories = deals.iter().any(|deal| deal.category.is_some());
            let of = |category: &str| {
                let of_it = deals.iter().filter(|deal| deal.category.as_deref() == Some(category));
                has_categories.then(|| of_it.filter_map(|deal| deal.amount).sum::<Number>())
            };
            let forecast_ids: BTreeSet<&str> = deals.iter().map(|deal| deal.id.as_str()).collect();
            let won_of_forecast: Vec<&Deal> =
                won.iter().copied().filter(|deal| forecast_ids.contains(deal.id.as_str())).collect();
            let (likely, actual) = (weighted(&deals).unwrap_or_default(), amount(&won).unwrap_or_default());
            rows.push(row! {
                "currency": currency,
                "period": period,
                "opportunities": deals.len(),
                "forecast": amount(&deals).unwrap_or_default(),
                "commit": of("commit"),
                "best_case": of("best case"),
                "weighted": likely,
                "won": won.len(),
                "won_amount": actual,
                "won_of_forecast": amount(&won_of_forecast).unwrap_or_default(),
                "difference": actual - likely,
                "accuracy": Number::ratio(actual, likely, 4),
                "instances": 1usize,
            });
        }
    }
    rows
}
