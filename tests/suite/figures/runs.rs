//! What the runs saw: the latest changes, the state of the fields, and the runs themselves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    answer::{Figure, Row, row},
    books::{Books, Party},
    number::Number,
};
use crate::world::World;

pub fn figures(world: &World, books: &Books) -> Vec<Figure> {
    vec![
        Figure::new("run_health", &["limit=4"], health(world, books)),
        Figure::new("changes_since_last_run", &["limit=100000"], changes(books)),
        Figure::new("data_quality", &[], quality(books)),
    ]
}

fn health(world: &World, books: &Books) -> Vec<Row> {
    let ids = world.ask("SELECT run_id FROM meta.runs ORDER BY run_id DESC");
    let latest = ids.lines().zip(books.served.iter().rev()).take(4);
    latest
        .map(|(id, served)| {
            let lists: Vec<&Value> = served.dump.as_object().unwrap().values().collect();
            // A form is one document with a list of fields.
            let length = |list: &Value| list.as_array().or_else(|| list["fields"].as_array()).unwrap().len();
            let on = super::books::day(served.at);
            row! {
                "started_at": format!("{on}T05:59:30"),
                "seconds": 60usize,
                "outcome": "whole",
                "exit_code": 0usize,
                "lists": lists.len(),
                "proven": 0usize,
                "counted": lists.len(),
                "suspect": 0usize,
                "rows": lists.iter().map(|list| length(list)).sum::<usize>(),
                "rejects": 0usize,
                "requests": served.requests,
                "retries": 0usize,
                "suspects": None::<&str>,
                "version": env!("CARGO_PKG_VERSION"),
                "run_id": id,
            }
        })
        .collect()
}

/// A record's fields by the names of their columns, each as the text that the books of changes have. Lists of objects are
/// one field each.
fn fields(record: &Value, labels: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    fn put(name: String, value: &Value, found: &mut BTreeMap<String, Option<String>>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    put(format!("{name}_{}", snake(key)), value, found);
                }
            }
            Value::Null => drop(found.insert(name, None)),
            Value::String(text) => drop(found.insert(name, Some(moment_or_text(text)))),
            Value::Array(members) if members.is_empty() && name != "tags" => drop(found.insert(name, None)),
            value => drop(found.insert(name, Some(value.to_string()))),
        }
    }
    let mut found = BTreeMap::new();
    for (key, value) in record.as_object().unwrap() {
        match (key.as_str(), value) {
            ("id", _) => {}
            ("customFields", Value::Object(members)) => {
                for (id, value) in members {
                    put(format!("cf_{}", labels[id]), value, &mut found);
                }
            }
            ("customFields", Value::Array(members)) => {
                for member in members {
                    put(format!("cf_{}", labels[member["id"].as_str().unwrap()]), &member["value"], &mut found);
                }
            }
            _ => put(snake(key), value, &mut found),
        }
    }
    found
}

fn snake(key: &str) -> String {
    let spelled = |c: char| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() };
    key.chars().map(spelled).collect()
}

fn moment_or_text(text: &str) -> String {
    let moment = text.parse::<Timestamp>().ok().filter(|_| text.ends_with('Z'));
    moment.map_or_else(|| text.to_owned(), |moment| moment.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}

fn labels(dump: &Value) -> BTreeMap<String, String> {
    let forms = dump.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("form_fields_"));
    let fields = forms.flat_map(|(_, form)| form["fields"].as_array().unwrap());
    fields
        .map(|field| {
            let label = field["label"].as_str().unwrap().to_lowercase().replace(' ', "_");
            (field["id"].as_str().unwrap().to_owned(), label)
        })
        .collect()
}

fn changes(books: &Books) -> Vec<Row> {
    let [.., before, after] = books.served.as_slice() else { panic!("there are two runs at least") };
    let labels = labels(&after.dump);
    let mut rows = Vec::new();
    for resource in ["opportunities", "leads", "organizations", "contacts"] {
        let records = |dump: &Value| -> BTreeMap<String, Value> {
            let list = dump[resource].as_array().unwrap().iter();
            list.map(|record| (record["id"].as_str().unwrap().to_owned(), record.clone())).collect()
        };
        let (before, after) = (records(&before.dump), records(&after.dump));
        let title = |record: &Value| match resource {
            "contacts" => format!("{} {}", record["firstName"].as_str().unwrap(), record["lastName"].as_str().unwrap()),
            "organizations" => record["name"].as_str().unwrap().to_owned(),
            _ => record["title"].as_str().unwrap().to_owned(),
        };
        let mut add =
            |title: Option<String>, change: &str, field: Option<&str>, values: [Option<String>; 2], id: &str| {
                let [old, new] = values;
                rows.push(row! {
                    "resource": resource,
                    "title": title,
                    "change": change,
                    "field": field,
                    "old_value": old,
                    "new_value": new,
                    "id": id,
                });
            };
        for (id, record) in &after {
            let Some(old) = before.get(id) else {
                add(Some(title(record)), "created", None, [None, None], id);
                continue;
            };
            let (old, new) = (fields(old, &labels), fields(record, &labels));
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let values = [&old, &new].map(|fields| fields.get(name).cloned().flatten());
                let is_news = !name.starts_with("last_updated") && values[0] != values[1];
                if is_news {
                    add(Some(title(record)), "changed", Some(name), values, id);
                }
            }
        }
        for (id, record) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
            let known = resource == "opportunities";
            add(known.then(|| title(record)), "deleted", None, [None, None], id);
        }
    }
    rows
}

/// A field of a model, where a record has it, whether its different values are counted, and what is suspicious about it.
type Field = (&'static str, &'static str, bool, Option<(fn(&Party) -> bool, &'static str)>);

fn is_status(party: &Party, statuses: &[&str]) -> bool {
    party.text("status").is_some_and(|status| statuses.contains(&status.as_str()))
}

fn is_missing(party: &Party, path: &str) -> bool {
    party.text(path).is_none() && party.number(path).is_none()
}

fn is_before_creation(party: &Party, path: &str) -> bool {
    party.moment(path).is_some_and(|moment| party.moment("createdOn").is_some_and(|created| moment < created))
}

const CURRENCY: Field = (
    "currency",
    "currency",
    true,
    Some((|deal| deal.text("currency").is_none() && deal.number("amount").is_some(), "missing beside an amount")),
);

const UPDATED: Field = (
    "updated_at",
    "lastUpdatedOn",
    false,
    Some((|party| is_before_creation(party, "lastUpdatedOn"), "before the creation")),
);

const LAST_ACTIVITY: Field = (
    "last_activity_at",
    "lastActivityOn",
    false,
    Some((|party| is_before_creation(party, "lastActivityOn"), "before the creation")),
);

const PHONE: Field = (
    "phone",
    "phone",
    false,
    Some((|party| party.text("phone").is_some_and(|phone| (1..5).contains(&phone.chars().count())), "too short")),
);

const OPPORTUNITIES: &[Field] = &[
    ("title", "title", false, None),
    (
        "status",
        "status",
        true,
        Some((|deal| !is_status(deal, &["Open", "Won", "Lost"]) && !is_missing(deal, "status"), "no known status")),
    ),
    ("stage", "stage.name", true, Some((|_| false, "no place in the pipeline"))),
    ("pipeline", "pipeline.name", true, None),
    ("probability", "probability", true, Some((|_| false, "not between 0 and 100"))),
    (
        "amount",
        "amount",
        false,
        Some((|deal| deal.number("amount").is_some_and(|amount| amount <= Number::ZERO), "zero or less")),
    ),
    CURRENCY,
    ("owner_id", "owner.id", true, None),
    ("owner_name", "owner.name", false, None),
    ("organization_id", "organization.id", false, None),
    ("organization_name", "organization.name", false, None),
    ("source", "source", true, None),
    ("segment", "segment", true, None),
    (
        "lost_reason",
        "lostReason",
        true,
        Some((|deal| is_status(deal, &["Lost"]) && is_missing(deal, "lostReason"), "missing in a lost one")),
    ),
    ("forecast_category", "forecastCategory", true, None),
    (
        "next_step",
        "nextStep",
        false,
        Some((|deal| is_status(deal, &["Open"]) && is_missing(deal, "nextStep"), "missing in an open one")),
    ),
    ("lead_id", "leadId", false, None),
    ("created_at", "createdOn", false, None),
    UPDATED,
    (
        "expected_close_date",
        "expectedCloseDate",
        false,
        Some((|deal| is_status(deal, &["Open"]) && is_missing(deal, "expectedCloseDate"), "missing in an open one")),
    ),
    (
        "closed_at",
        "closedOn",
        false,
        Some((|deal| is_status(deal, &["Won", "Lost"]) && is_missing(deal, "closedOn"), "missing in a closed one")),
    ),
];

const LEAD_STATUSES: [&str; 5] = ["New", "Contacted", "Qualified", "Converted", "Disqualified"];

const LEADS: &[Field] = &[
    ("title", "title", false, None),
    ("status", "status", true, Some((|lead| !is_status(lead, &LEAD_STATUSES), "no known status"))),
    ("source", "source", true, None),
    ("segment", "segment", true, None),
    (
        "amount",
        "value",
        false,
        Some((|lead| lead.number("value").is_some_and(|value| value <= Number::ZERO), "zero or less")),
    ),
    ("currency", "currency", true, Some((|lead| is_missing(lead, "currency"), "missing beside an amount"))),
    ("owner_id", "owner.id", true, None),
    ("owner_name", "owner.name", false, None),
    ("organization_id", "organization.id", false, None),
    ("organization_name", "organization.name", false, None),
    ("contact_name", "contact.name", false, None),
    (
        "contact_email",
        "contact.email",
        false,
        Some((
            |lead| lead.text("contact.email").is_some_and(|email| !email.is_empty() && !email.contains('@')),
            "no @ in it",
        )),
    ),
    ("created_at", "createdOn", false, None),
    UPDATED,
    (
        "converted_at",
        "convertedOn",
        false,
        Some((|lead| is_status(lead, &["Converted"]) && is_missing(lead, "convertedOn"), "missing in a converted one")),
    ),
    (
        "opportunity_id",
        "opportunityId",
        false,
        Some((
            |lead| is_status(lead, &["Converted"]) && is_missing(lead, "opportunityId"),
            "missing in a converted one",
        )),
    ),
];

const CONTACTS: &[Field] = &[
    ("first_name", "firstName", false, None),
    ("last_name", "lastName", false, None),
    (
        "email",
        "email",
        false,
        Some((
            |party| party.text("email").is_some_and(|email| !email.is_empty() && !email.contains('@')),
            "no @ in it",
        )),
    ),
    PHONE,
    ("job_title", "jobTitle", true, None),
    ("owner_id", "owner.id", true, None),
    ("owner_name", "owner.name", false, None),
    ("organization_id", "organization.id", false, None),
    ("organization_name", "organization.name", false, None),
    ("created_at", "createdOn", false, None),
    UPDATED,
    LAST_ACTIVITY,
];

const ORGANIZATIONS: &[Field] = &[
    ("name", "name", false, None),
    ("website", "website", false, Some((|_| false, "no host"))),
    ("industry", "industry", true, None),
    (
        "employees",
        "employees",
        false,
        Some((|party| party.number("employees").is_some_and(|count| count <= Number::ZERO), "zero or less")),
    ),
    (
        "annual_revenue",
        "annualRevenue",
        false,
        Some((|party| party.number("annualRevenue").is_some_and(|revenue| revenue < Number::ZERO), "less than zero")),
    ),
    PHONE,
    ("city", "address.city", true, None),
    ("country", "address.country", true, None),
    ("segment", "segment", true, None),
    ("owner_id", "owner.id", true, None),
    ("owner_name", "owner.name", false, None),
    ("created_at", "createdOn", false, None),
    UPDATED,
    LAST_ACTIVITY,
];

fn quality(books: &Books) -> Vec<Row> {
    let dump = &books.now().dump;
    let labels = labels(dump);
    let next_step = labels.iter().find(|(_, label)| *label == "next_step").map(|(id, _)| id).unwrap();
    let mut rows = Vec::new();
    for (model, fields) in
        [("opportunities", OPPORTUNITIES), ("leads", LEADS), ("contacts", CONTACTS), ("organizations", ORGANIZATIONS)]
    {
        let records = dump[model].as_array().unwrap().iter().cloned().map(|mut record| {
            if model == "opportunities" {
                record["nextStep"] = record["customFields"][next_step].clone();
            }
            Party(record)
        });
        let records: Vec<Party> = records.collect();
        for (name, path, is_counted, rule) in fields {
            let value =
                |party: &Party| party.text(path).or_else(|| party.number(path).map(|number| number.to_string()));
            let values: Vec<String> = records.iter().filter_map(value).filter(|value| !value.is_empty()).collect();
            let suspicious = rule.map(|(rule, _)| records.iter().filter(|party| rule(party)).count());
            let different = || canonical(model, name, &values).len();
            rows.push(row! {
                "model": model,
                "field": *name,
                "records": records.len(),
                "filled": values.len(),
                "share": Number::share(values.len(), records.len()),
                "different": is_counted.then(different),
                "suspicious": suspicious,
                "finding": suspicious.filter(|count| *count > 0).and(rule.map(|(_, finding)| finding)),
            });
        }
    }
    rows
}

/// The different values, in the words of the models.
fn canonical(model: &str, field: &str, values: &[String]) -> BTreeSet<String> {
    let word = |value: &String| match (model, field, value.as_str()) {
        ("leads", "status", "New" | "Contacted" | "Qualified") => "open".to_owned(),
        _ => value.clone(),
    };
    values.iter().map(word).collect()
}
