//! Leads: how many, from where, how old, and what becomes of them.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};

use super::{
    answer::{Figure, Row, row},
    books::{Books, Lead, Text, day, days_and_hours, days_between, month, plus},
    number::{Number, average, median, ninth_of_ten},
    outcomes::grouped,
};

pub fn figures(books: &Books) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (since, until) in [(date(2026, 6, 3), Some(date(2026, 12, 24))), (date(2026, 11, 10), None)] {
        let inside = |lead: &&Lead| {
            let created = lead.created.map(day);
            created.is_none_or(|day| day >= since && until.is_none_or(|until| day <= until))
        };
        let leads: Vec<&Lead> = books.now().leads.iter().filter(inside).collect();
        let mut params = vec![format!("since={since}")];
        params.extend(until.map(|until| format!("until={until}")));
        let params: Vec<&str> = params.iter().map(String::as_str).collect();
        let mut add = |report, rows| figures.push(Figure::new(report, &params, rows));
        add("lead_sources", conversion(&leads, "source", |lead| lead.source.clone()));
        add("lead_conversion_by_owner", conversion(&leads, "owner", |lead| lead.owner.clone()));
        add("lead_to_opportunity_time", times(books, &leads));
    }
    figures.push(ageing(books, None));
    figures.push(ageing(books, Some(date(2026, 12, 28))));
    for by in ["all", "source"] {
        figures.push(volume(books, by, date(2026, 4, 9), None));
        figures.push(volume(books, by, date(2026, 4, 30), Some(date(2026, 11, 2))));
    }
    figures
}

fn count_of(leads: &[&Lead], status: &str) -> usize {
    leads.iter().filter(|lead| lead.is(status)).count()
}

fn others(leads: &[&Lead]) -> usize {
    leads.len() - ["open", "converted", "disqualified"].iter().map(|status| count_of(leads, status)).sum::<usize>()
}

fn conversion(leads: &[&Lead], name: &str, of: fn(&Lead) -> Text) -> Vec<Row> {
    grouped(leads.iter().copied(), of)
        .into_iter()
        .map(|(part, leads)| {
            let (converted, disqualified) = (count_of(&leads, "converted"), count_of(&leads, "disqualified"));
            let spans = leads.iter().filter(|lead| lead.is("converted"));
            let spans = spans.filter_map(|lead| lead.created.zip(lead.converted)).filter(|(from, to)| from <= to);
            let mut row = row! {
                "part": &part,
                "leads": leads.len(),
                "open": count_of(&leads, "open"),
                "converted": converted,
                "disqualified": disqualified,
                "other": others(&leads),
                "conversion": Number::share(converted, leads.len()),
                "conversion_of_decided": Number::share(converted, converted + disqualified),
                "median_days": median(spans.map(|(from, to)| days_and_hours(from, to)).collect()),
            };
            name.clone_into(&mut row[0].0);
            row
        })
        .collect()
}

fn times(books: &Books, leads: &[&Lead]) -> Vec<Row> {
    let deals = &books.now().deals;
    let deal_of = |lead: &Lead| {
        let named = lead.deal_id.as_ref().and_then(|id| deals.get(id));
        named.or_else(|| {
            let naming = deals.values().filter(|deal| deal.lead_id.as_ref() == Some(&lead.id));
            naming.min_by_key(|deal| (deal.created, &deal.id))
        })
    };
    grouped(leads.iter().copied(), |lead| lead.source.clone())
        .into_iter()
        .map(|(source, leads)| {
            let (mut days, mut before, mut without) = (Vec::new(), 0usize, 0usize);
            for lead in &leads {
                match deal_of(lead) {
                    Some(deal) => match (lead.created.unwrap(), deal.created.unwrap()) {
                        (from, to) if from <= to => days.push(days_and_hours(from, to)),
                        _ => before += 1,
                    },
                    None if lead.is("converted") => without += 1,
                    None => {}
                }
            }
            row! {
                "source": &source,
                "leads": leads.len(),
                "measured": days.len(),
                "median_days": median(days.clone()),
                "p90_days": ninth_of_ten(days.clone()),
                "average_days": average(&days, 1),
                "opportunity_before_lead": before,
                "undated": 0usize,
                "without_opportunity": without,
            }
        })
        .collect()
}

fn ageing(books: &Books, since: Option<Date>) -> Figure {
    const BANDS: [(&str, i64, i64); 6] = [
        ("0 to 6", 0, 6),
        ("7 to 13", 7, 13),
        ("14 to 29", 14, 29),
        ("30 to 59", 30, 59),
        ("60 to 89", 60, 89),
        ("90 and more", 90, i64::MAX),
    ];
    let today = books.today();
    let open = books.now().leads.iter().filter(|lead| lead.is("open"));
    let created = open.map(|lead| lead.created.map(day).unwrap());
    let ages: Vec<i64> = created
        .filter(|created| since.is_none_or(|since| *created >= since))
        .map(|created| days_between(created, today).max(0))
        .collect();
    let rows = BANDS.iter().map(|(band, from, to)| {
        let inside: Vec<i64> = ages.iter().copied().filter(|age| (*from..=*to).contains(age)).collect();
        row! {
            "band": *band,
            "leads": inside.len(),
            "share": Number::share(inside.len(), ages.len()),
            "oldest_days": inside.iter().max().copied(),
        }
    });
    let mut params = vec![format!("today={today}")];
    params.extend(since.map(|since| format!("since={since}")));
    Figure { report: "lead_ageing", params, rows: rows.collect() }
}

fn volume(books: &Books, by: &str, since: Date, until: Option<Date>) -> Figure {
    let today = books.today();
    let last = until.map_or(month(today), month);
    let of = |lead: &Lead| lead.created.map(day).map(month);
    let inside = |lead: &&Lead| of(lead).is_some_and(|of| of >= month(since) && (until.is_none() || of <= last));
    let source = |lead: &Lead| if by == "all" { Some("all".to_owned()) } else { lead.source.clone() };
    let leads: Vec<&Lead> = books.now().leads.iter().filter(inside).collect();
    let sources: BTreeSet<Text> = leads.iter().map(|lead| source(lead)).collect();
    let groups = grouped(leads, |lead| (of(lead), source(lead)));
    let mut all: BTreeSet<(Option<Date>, Text)> = groups.keys().cloned().collect();
    let mut first = month(since);
    while first <= last {
        all.extend(sources.iter().map(|source| (Some(first), source.clone())));
        first = month(plus(first, 31));
    }
    let rows = all.into_iter().map(|key| {
        let leads = groups.get(&key).map(Vec::as_slice).unwrap_or_default();
        row! {
            "month": key.0,
            "source": &key.1,
            "leads": leads.len(),
            "open": count_of(leads, "open"),
            "converted": count_of(leads, "converted"),
            "disqualified": count_of(leads, "disqualified"),
            "other": others(leads),
        }
    });
    let mut params = vec![format!("by={by}"), format!("since={since}"), format!("today={today}")];
    params.extend(until.map(|until| format!("until={until}")));
    Figure { report: "lead_volume_by_month", params, rows: rows.collect() }
}
