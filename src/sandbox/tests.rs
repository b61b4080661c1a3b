//! What the sandbox's business is like: plausible, the same from the same seed, and the same under other names.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::date};
use serde_json::Value;

use super::{Crm, Day, Names};
use crate::catalog;

fn crm(seed: u64, scale: u32, days: u32) -> (Crm, Day) {
    let mut crm = Crm::generate(seed, scale, date(2026, 6, 1));
    let day = crm.pass_days(days);
    (crm, day)
}

fn moment(value: &Value) -> Option<Timestamp> {
    Some(value.as_str()?.parse().unwrap())
}

fn count<'a>(records: impl IntoIterator<Item = &'a Value>, is: impl Fn(&Value) -> bool) -> usize {
    records.into_iter().filter(|record| is(record)).count()
}

fn lists(crm: &Crm) -> [(&'static str, &[Value]); 5] {
    [
        ("leads", &crm.leads),
        ("opportunities", &crm.opportunities),
        ("contacts", &crm.contacts),
        ("organizations", &crm.organizations),
        ("pipelines", &crm.pipelines),
    ]
}

#[test]
fn the_same_seed_makes_the_same_crm() {
    let ((first, day), (second, same_day)) = (crm(7, 1, 20), crm(7, 1, 20));
    assert_eq!(lists(&first), lists(&second));
    assert_eq!(day, same_day);
    assert_ne!(first.leads, crm(8, 1, 20).0.leads);
    // Days one by one are days at once.
    let (mut third, _) = crm(7, 1, 0);
    for _ in 0..20 {
        third.pass_days(1);
    }
    assert_eq!(lists(&first), lists(&third));
}

#[test]
fn it_looks_like_a_business() {
    let (crm, _) = crm(1, 5, 0);
    let deals = |status: &str| count(&crm.opportunities, |deal| deal["status"] == status);
    let (open, won, lost, held) = (deals("Open"), deals("Won"), deals("Lost"), deals("On hold"));
    assert_eq!(open + won + lost + held, 640);
    assert!(open > 30 && won > 100 && lost > won / 2 && held > 0, "{open} open, {won} won, {lost} lost, {held} held");
    for deal in &crm.opportunities {
        let is_closed = deal["status"] == "Won" || deal["status"] == "Lost";
        assert_eq!(is_closed, !deal["closedOn"].is_null(), "{deal}");
        let pipeline = crm.pipelines.iter().find(|pipeline| pipeline["id"] == deal["pipeline"]["id"]).unwrap();
        let stage = pipeline["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == deal["stage"]["id"]);
        assert_eq!(stage.unwrap()["probability"], deal["probability"], "{deal}");
    }
    assert_eq!(count(&crm.opportunities, |deal| deal["pipeline"]["name"] == "Renewals"), 40);
    for category in ["commit", "best case", "pipeline"] {
        assert!(count(&crm.opportunities, |deal| deal["forecastCategory"] == category) > 50, "{category}");
    }
    for segment in ["Enterprise", "Mid-market", "Small"] {
        assert!(count(&crm.organizations, |firm| firm["segment"] == segment) > 10, "{segment}");
        assert!(count(&crm.opportunities, |deal| deal["segment"] == segment) > 30, "{segment}");
    }
    for people in [&crm.contacts, &crm.organizations] {
        let half_a_year_ago = crm.now - jiff::Span::new().hours(180 * 24);
        let never = count(people, |record| record["lastActivityOn"].is_null());
        let long_ago = count(people, |record| moment(&record["lastActivityOn"]).is_some_and(|at| at < half_a_year_ago));
        assert!(never * 20 > people.len() && never * 3 < people.len(), "{never} of {}", people.len());
        assert!(long_ago * 30 > people.len() && long_ago * 2 < people.len(), "{long_ago} of {}", people.len());
    }
}

#[test]
fn leads_become_deals() {
    let (crm, _) = crm(2, 5, 30);
    let converted = crm.leads.iter().filter(|lead| lead["status"] == "Converted");
    let mut ties = 0;
    let mut early = 0;
    let mut deals = BTreeSet::new();
    for lead in converted {
        assert!(moment(&lead["convertedOn"]).unwrap() >= moment(&lead["createdOn"]).unwrap(), "{lead}");
        let Some(id) = lead["opportunityId"].as_str() else { continue };
        let deal = crm.opportunities.iter().find(|deal| deal["id"] == id).unwrap();
        assert_eq!(deal["leadId"], lead["id"]);
        assert_eq!((&deal["source"], &deal["organization"]), (&lead["source"], &lead["organization"]));
        assert!(deals.insert(id), "a deal of two leads");
        ties += 1;
        early += usize::from(moment(&deal["createdOn"]) < moment(&lead["createdOn"]));
    }
    assert!(ties > 150 && early > 0 && early * 10 < ties, "{early} of {ties} deals are older than their leads");
}

#[test]
fn some_firms_and_people_are_there_twice() {
    let (crm, _) = crm(3, 5, 0);
    let twins = |list: &[Value], key: fn(&Value) -> Option<String>| {
        let keys: Vec<String> = list.iter().filter_map(key).collect();
        let different: BTreeSet<&String> = keys.iter().collect();
        keys.len() - different.len()
    };
    assert_eq!(twins(&crm.organizations, |firm| Some(firm["website"].as_str()?.to_owned())), 15);
    assert!(twins(&crm.organizations, |firm| Some(firm["name"].as_str()?.to_owned())) < 5, "names differ");
    let people = twins(&crm.contacts, |person| Some(person["email"].as_str()?.to_lowercase()));
    assert!((15..=30).contains(&people), "{people}");
    assert!(twins(&crm.contacts, |person| Some(person["email"].as_str()?.to_owned())) < 5, "cases differ");
}

#[test]
fn days_change_everything_that_reports_ask_for() {
    let (before, _) = crm(4, 2, 0);
    let (after, day) = crm(4, 2, 60);
    for (what, count) in serde_json::to_value(day).unwrap().as_object().unwrap() {
        assert!(count.as_u64() > Some(0), "nothing was {what} in {day:?}");
    }
    assert!(day.won + day.lost < day.moved && day.back < day.moved && day.reopened < day.lost, "{day:?}");
    assert_eq!(after.now.duration_since(before.now).as_hours(), 60 * 24);
    for old in &before.opportunities {
        let Some(new) = after.opportunities.iter().find(|deal| deal["id"] == old["id"]) else { continue };
        if new != old {
            let at = moment(&new["lastUpdatedOn"]).unwrap();
            assert!(at > before.now && at < after.now, "{old} became {new}");
        }
        if new["status"] != old["status"] && ["Won", "Lost"].iter().any(|closed| new["status"] == *closed) {
            assert!(moment(&new["closedOn"]).unwrap() >= before.now, "{new}");
        }
    }
    for deal in &after.opportunities {
        assert!(moment(&deal["createdOn"]) <= moment(&deal["lastUpdatedOn"]), "{deal}");
        let refers = |list: &[Value], id: &Value| id.is_null() || list.iter().any(|record| record["id"] == *id);
        assert!(refers(&after.leads, &deal["leadId"]) && refers(&after.organizations, &deal["organization"]["id"]));
        for person in deal["contacts"].as_array().unwrap() {
            assert!(refers(&after.contacts, &person["id"]), "{deal}");
        }
    }
    // However long it goes on, the lists neither run dry nor run over.
    let (later, _) = crm(4, 1, 200);
    for (list, records) in lists(&later).into_iter().filter(|(list, _)| *list != "pipelines") {
        assert!((100..10_000).contains(&records.len()), "{} {list}", records.len());
    }
}

/// The keys of a record at any depth, and of the records in it, but those that the API's own structure names.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let is_structure = ["id", "customFields", "stages", "contacts"].contains(&key.as_str());
                if !is_structure {
                    found.insert(key.clone());
                }
                if key != "customFields" {
                    keys(value, found);
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| keys(element, found)),
        _ => {}
    }
}

/// The texts that say what kind a record is of: short ones that several records have.
fn kinds<'a>(records: impl IntoIterator<Item = &'a Value>, member: &str) -> BTreeSet<String> {
    records.into_iter().filter_map(|record| record[member].as_str()).map(str::to_owned).collect()
}

#[test]
fn the_other_instance_is_the_same_business_and_shares_no_name_with_the_usual_one() {
    let (crm, _) = crm(5, 2, 10);
    let (mut usual_keys, mut other_keys) = (BTreeSet::new(), BTreeSet::new());
    for resource in catalog::RESOURCES.iter().map(|resource| resource.name) {
        let Some((_, records)) = lists(&crm).into_iter().find(|(list, _)| *list == resource) else { continue };
        for usual in records {
            let other = Names::Other.of(resource, usual);
            assert_eq!(*Names::Usual.of(resource, usual), *usual);
            assert_eq!(other["id"], usual["id"]);
            keys(usual, &mut usual_keys);
            keys(&other, &mut other_keys);
        }
    }
    assert!(usual_keys.len() > 50, "{usual_keys:?}");
    let shared: Vec<_> = usual_keys.intersection(&other_keys).collect();
    assert!(shared.is_empty(), "{shared:?}");
    for usual in &crm.opportunities {
        let other = Names::Other.of("opportunities", usual);
        for (member, called) in [
            ("amount", "dealValue"),
            ("currency", "iso"),
            ("probability", "winChance"),
            ("expectedCloseDate", "targetDate"),
            ("closedOn", "endedAt"),
            ("leadId", "inquiryRef"),
        ] {
            assert_eq!(usual[member], other[called], "{member}");
        }
        assert_eq!(usual["owner"]["email"], other["salesAgent"]["mail"]);
        assert_eq!(usual["stage"]["id"], other["phase"]["phaseId"]);
        assert_eq!(usual["organization"]["name"], other["account"]["label"]);
        let people = |record: &Value, id: &str| -> Vec<Value> {
            record["contacts"].as_array().unwrap().iter().map(|person| person[id].clone()).collect()
        };
        assert_eq!(people(usual, "id"), people(&other, "personId"));
    }
    let steps = crm
        .opportunities
        .iter()
        .filter(|deal| deal["customFields"].as_object().unwrap().values().any(|v| v == "Call back"));
    let others = crm.opportunities.iter().map(|deal| Names::Other.of("opportunities", deal));
    assert_eq!(others.filter(|deal| deal["followUp"] == "Zurückrufen").count(), steps.count());
}

#[test]
fn the_other_instance_writes_other_values_one_for_one() {
    let (crm, _) = crm(6, 5, 10);
    for (resource, member, called) in [
        ("opportunities", "status", "dealState"),
        ("opportunities", "forecastCategory", "commit"),
        ("opportunities", "source", "channel"),
        ("opportunities", "lostReason", "whyLost"),
        ("opportunities", "segment", "tier"),
        ("leads", "status", "inquiryState"),
        ("leads", "source", "channel"),
        ("contacts", "jobTitle", "role"),
        ("organizations", "industry", "trade"),
        ("organizations", "segment", "tier"),
        ("pipelines", "name", "label"),
    ] {
        let (_, records) = lists(&crm).into_iter().find(|(list, _)| *list == resource).unwrap();
        let others: Vec<Value> = records.iter().map(|record| Names::Other.of(resource, record).into_owned()).collect();
        let (usual, other) = (kinds(records, member), kinds(&others, called));
        assert!(usual.len() > 1 && usual.len() == other.len(), "{member}: {usual:?} became {other:?}");
        assert!(usual.is_disjoint(&other), "{member}: {usual:?} became {other:?}");
    }
}
