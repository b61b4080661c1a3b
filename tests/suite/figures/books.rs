//! What the sandbox served on each day, and what follows from that for the state of any record at any moment.

use std::collections::BTreeMap;

use jiff::{
    Span, Timestamp,
    civil::{Date, date},
    tz::Offset,
};
use serde_json::Value;

use super::number::Number;
use crate::world::{Sandbox, World};

/// A text that may be missing.
pub type Text = Option<String>;

/// A deal as it was served.
#[derive(Clone, Debug, PartialEq)]
pub struct Deal {
    pub id: String,
    pub title: Text,
    pub status: Text,
    pub stage: Text,
    pub stage_id: Text,
    pub stage_order: Option<usize>,
    pub pipeline: Text,
    pub probability: Option<Number>,
    pub amount: Option<Number>,
    pub currency: Text,
    pub owner_id: Text,
    pub owner: Text,
    pub organization_id: Text,
    pub organization: Text,
    pub source: Text,
    pub lost_reason: Text,
    pub created: Option<Timestamp>,
    pub updated: Option<Timestamp>,
    pub expected: Option<Date>,
    pub closed: Option<Timestamp>,
    pub category: Text,
    pub next_step: Text,
    pub segment: Text,
    pub lead_id: Text,
    pub contacts: Vec<String>,
}

impl Deal {
    pub fn is(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }

    pub fn is_decided(&self) -> bool {
        self.is("won") || self.is("lost")
    }

    /// The amount times the probability.
    pub fn weighted(&self) -> Option<Number> {
        Some(self.amount?.per_cent(self.probability?))
    }

    pub fn closed_day(&self) -> Option<Date> {
        self.closed.map(day)
    }
}

/// A lead as it was served.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    pub id: String,
    pub title: Text,
    pub status: Text,
    pub source: Text,
    pub amount: Option<Number>,
    pub currency: Text,
    pub owner_id: Text,
    pub owner: Text,
    pub organization_id: Text,
    pub organization: Text,
    pub contact: Text,
    pub email: Text,
    pub created: Option<Timestamp>,
    pub updated: Option<Timestamp>,
    pub converted: Option<Timestamp>,
    pub deal_id: Text,
    pub segment: Text,
}

impl Lead {
    pub fn is(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }
}

/// A contact or an organization as it was served, by the names that the API has.
pub struct Party(pub Value);

impl Party {
    pub fn text(&self, path: &str) -> Text {
        text(&self.0, path)
    }

    pub fn moment(&self, path: &str) -> Option<Timestamp> {
        moment(&self.0, path)
    }

    pub fn number(&self, path: &str) -> Option<Number> {
        number(&self.0, path)
    }

    pub fn id(&self) -> String {
        self.text("id").unwrap()
    }
}

/// Everything that was served at one moment.
pub struct Served {
    /// When it was extracted.
    pub at: Timestamp,
    pub deals: BTreeMap<String, Deal>,
    pub leads: Vec<Lead>,
    pub contacts: Vec<Party>,
    pub organizations: Vec<Party>,
    /// As it came.
    pub dump: Value,
    /// How many requests the extraction made.
    pub requests: usize,
}

impl Served {
    pub fn deals(&self) -> impl Iterator<Item = &Deal> + Clone {
        self.deals.values()
    }

    pub fn open(&self) -> Vec<&Deal> {
        self.deals().filter(|deal| deal.is("open")).collect()
    }
}

/// The books: what was served at each extraction.
pub struct Books {
    pub served: Vec<Served>,
    /// The stages by pipeline, in their order.
    pub stages: BTreeMap<String, Vec<String>>,
}

/// The day of the first extraction.
pub const FIRST: Date = date(2026, 11, 1);

/// How many days pass before each further extraction. They go over the ends of months, of a quarter, and of a year.
const STEPS: [i64; 9] = [7, 1, 6, 14, 3, 11, 13, 6, 7];

impl Books {
    /// Lets a sandbox live, and extracts it into a warehouse now and then. What the warehouse says of when it saw what is
    /// moved to those days, for all of this takes seconds.
    pub fn keep(world: &World) -> Self {
        let today = FIRST.to_string();
        let sandbox = Sandbox::start(&["--seed", "11", "--scale", "3", "--today", &today]);
        let mut books = Self { served: Vec::new(), stages: BTreeMap::new() };
        let mut on = FIRST;
        let mut asked = 0;
        for days in std::iter::once(0).chain(STEPS) {
            for _ in 0..days {
                sandbox.day();
            }
            on = on.checked_add(Span::new().days(days)).unwrap();
            world.run_with(&sandbox, &["extract"]).whole();
            move_latest_run(world, on);
            let before = std::mem::replace(&mut asked, sandbox.stats()["requests"].as_u64().unwrap());
            let requests = usize::try_from(asked - before).unwrap();
            books.served.push(Served::read(at(on), sandbox.dump(), requests));
        }
        books.stages = stages(&books.now().dump);
        books
    }

    /// The latest extraction.
    pub fn now(&self) -> &Served {
        self.served.last().unwrap()
    }

    /// The day of the latest extraction.
    pub fn today(&self) -> Date {
        day(self.now().at)
    }

    /// The latest extraction up to the end of a day.
    pub fn at_end_of(&self, on: Date) -> Option<&Served> {
        self.served.iter().rev().find(|served| day(served.at) <= on)
    }

    /// Every deal there ever was, with the extractions that showed it, and when it was found to be gone.
    pub fn histories(&self) -> BTreeMap<&str, Vec<(&Served, Option<&Deal>)>> {
        let ids = self.served.iter().flat_map(|served| served.deals.keys().map(String::as_str));
        let ids: std::collections::BTreeSet<&str> = ids.collect();
        let shown = |id: &str| {
            let states = self.served.iter().map(|served| (served, served.deals.get(id)));
            states.skip_while(|(_, deal)| deal.is_none()).collect()
        };
        ids.into_iter().map(|id| (id, shown(id))).collect()
    }
}

/// The moment of a day at which the books are written.
fn at(on: Date) -> Timestamp {
    Offset::UTC.to_timestamp(on.at(6, 0, 0, 0)).unwrap()
}

/// The day of a moment.
pub fn day(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// The first day of a date's month.
pub fn month(day: Date) -> Date {
    day.first_of_month()
}

/// The first day of a date's quarter.
pub fn quarter(day: Date) -> Date {
    date(day.year(), (day.month() - 1) / 3 * 3 + 1, 1)
}

pub fn plus(day: Date, days: i64) -> Date {
    day.checked_add(Span::new().days(days)).unwrap()
}

/// The days from one date to another.
pub fn days_between(from: Date, to: Date) -> i64 {
    i64::from(from.until(to).unwrap().get_days())
}

/// The days from one moment to another, with their fraction.
pub fn days_and_hours(from: Timestamp, to: Timestamp) -> Number {
    let micros = to.as_microsecond() - from.as_microsecond();
    let number = Number::parse(&micros.to_string()).unwrap();
    Number::ratio(number, Number::parse("86400000000").unwrap(), 8).unwrap()
}

/// Says of the latest run, and of all that it saw, that it was on that day.
pub fn move_latest_run(world: &World, on: Date) {
    let warehouse = duckdb::Connection::open(world.path("crmlake.duckdb")).unwrap();
    let query = "SELECT CAST(any_value(_valid_from) AS VARCHAR) FROM history.opportunities
        WHERE _run_id = (SELECT max(run_id) FROM meta.runs)";
    let seen: String = warehouse.query_row(query, [], |row| row.get(0)).unwrap();
    let mut statements = format!(
        "UPDATE meta.runs SET started_at = TIMESTAMP '{on} 05:59:30', finished_at = TIMESTAMP '{on} 06:00:30'
         WHERE run_id = (SELECT max(run_id) FROM meta.runs);"
    );
    let mut moved = |table: &str, column: &str| {
        statements.push_str(&format!(
            "UPDATE {table} SET {column} = TIMESTAMP '{on} 06:00:00' WHERE {column} = TIMESTAMP '{seen}';"
        ));
    };
    let mut tables =
        warehouse.prepare("SELECT table_name FROM information_schema.tables WHERE table_schema = 'history'").unwrap();
    for table in tables.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        let table = format!("history.{}", table.unwrap());
        moved(&table, "_valid_from");
        moved(&table, "_valid_to");
    }
    for (table, column) in [
        ("changes", "observed_at"),
        ("schema_changes", "observed_at"),
        ("columns", "first_seen"),
        ("columns", "last_seen"),
    ] {
        moved(&format!("meta.{table}"), column);
    }
    warehouse.execute_batch(&statements).unwrap();
}

impl Served {
    fn read(at: Timestamp, dump: Value, requests: usize) -> Self {
        let list = |name: &str| dump[name].as_array().unwrap().iter();
        let orders: BTreeMap<&str, usize> = list("pipelines")
            .flat_map(|pipeline| pipeline["stages"].as_array().unwrap())
            .map(|stage| (stage["id"].as_str().unwrap(), usize::try_from(stage["order"].as_u64().unwrap()).unwrap()))
            .collect();
        let next_step = dump["form_fields_opportunities"]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .find(|field| field["label"] == "Next step")
            .and_then(|field| field["id"].as_str())
            .unwrap();
        let deals = list("opportunities").map(|record| deal(record, &orders, next_step));
        Self {
            at,
            deals: deals.map(|deal| (deal.id.clone(), deal)).collect(),
            leads: list("leads").map(lead).collect(),
            contacts: list("contacts").cloned().map(Party).collect(),
            organizations: list("organizations").cloned().map(Party).collect(),
            dump,
            requests,
        }
    }
}

fn deal(record: &Value, orders: &BTreeMap<&str, usize>, next_step: &str) -> Deal {
    let contacts = record["contacts"].as_array().map(Vec::as_slice).unwrap_or_default();
    Deal {
        id: text(record, "id").unwrap(),
        title: text(record, "title"),
        // What stands for neither of the three stays what it is.
        status: text(record, "status").map(|status| match status.as_str() {
            "Open" | "Won" | "Lost" => status.to_lowercase(),
            _ => status,
        }),
        stage: text(record, "stage.name"),
        stage_id: text(record, "stage.id"),
        stage_order: record["stage"]["id"].as_str().and_then(|id| orders.get(id)).copied(),
        pipeline: text(record, "pipeline.name"),
        probability: number(record, "probability"),
        amount: number(record, "amount"),
        currency: text(record, "currency"),
        owner_id: text(record, "owner.id"),
        owner: text(record, "owner.name"),
        organization_id: text(record, "organization.id"),
        organization: text(record, "organization.name"),
        source: text(record, "source"),
        lost_reason: text(record, "lostReason"),
        created: moment(record, "createdOn"),
        updated: moment(record, "lastUpdatedOn"),
        expected: text(record, "expectedCloseDate").map(|day| day.parse().unwrap()),
        closed: moment(record, "closedOn"),
        category: text(record, "forecastCategory"),
        next_step: record["customFields"][next_step].as_str().map(str::to_owned),
        segment: text(record, "segment"),
        lead_id: text(record, "leadId"),
        contacts: contacts.iter().map(|contact| text(contact, "id").unwrap()).collect(),
    }
}

fn lead(record: &Value) -> Lead {
    Lead {
        id: text(record, "id").unwrap(),
        title: text(record, "title"),
        status: text(record, "status").map(|status| match status.as_str() {
            "New" | "Contacted" | "Qualified" => "open".to_owned(),
            "Converted" | "Disqualified" => status.to_lowercase(),
            _ => status,
        }),
        source: text(record, "source"),
        amount: number(record, "value"),
        currency: text(record, "currency"),
        owner_id: text(record, "owner.id"),
        owner: text(record, "owner.name"),
        organization_id: text(record, "organization.id"),
        organization: text(record, "organization.name"),
        contact: text(record, "contact.name"),
        email: text(record, "contact.email"),
        created: moment(record, "createdOn"),
        updated: moment(record, "lastUpdatedOn"),
        converted: moment(record, "convertedOn"),
        deal_id: text(record, "opportunityId"),
        segment: text(record, "segment"),
    }
}

fn stages(dump: &Value) -> BTreeMap<String, Vec<String>> {
    let pipelines = dump["pipelines"].as_array().unwrap().iter();
    pipelines
        .map(|pipeline| {
            let mut stages: Vec<&Value> = pipeline["stages"].as_array().unwrap().iter().collect();
            stages.sort_by_key(|stage| stage["order"].as_u64());
            (text(pipeline, "name").unwrap(), stages.iter().map(|stage| text(stage, "name").unwrap()).collect())
        })
        .collect()
}

fn member<'a>(record: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(record, |record, key| &record[key])
}

fn text(record: &Value, path: &str) -> Text {
    member(record, path).as_str().map(str::to_owned)
}

fn moment(record: &Value, path: &str) -> Option<Timestamp> {
    member(record, path).as_str().map(|text| text.parse().unwrap())
}

/// A number, by its digits as served.
fn number(record: &Value, path: &str) -> Option<Number> {
    let value = member(record, path);
    value.is_number().then(|| Number::parse(&value.to_string()).unwrap())
}
