//! Reports where few would look: CRMs of two or three records, with figures by hand.

use std::sync::{Arc, Mutex};

use jiff::civil::date;

use crate::{
    figures::books::move_latest_run,
    world::{Scripted, World},
};

const PIPELINES: &str = r#"[{"id":"p","name":"Sales","stages":[
    {"id":"n","name":"New","probability":10,"order":1},{"id":"o","name":"Offer","probability":50,"order":2},
    {"id":"d","name":"Deal","probability":90,"order":3},{"id":"x","name":"Lost","probability":0,"order":9}]}]"#;

/// A CRM whose lists can be changed from run to run.
struct Crm {
    world: World,
    server: Scripted,
    lists: Arc<Mutex<Vec<(&'static str, String)>>>,
}

impl Crm {
    fn new(pipelines: &'static str) -> Self {
        let lists = Arc::new(Mutex::new(vec![("/pipeline/pipelines/opportunities", pipelines.to_owned())]));
        let shown = lists.clone();
        let server = Scripted::start(move |asked| {
            let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
            if path.contains("/forms/") {
                return (404, "", String::new());
            }
            let lists = shown.lock().unwrap();
            let rows = lists.iter().find(|(of, _)| *of == path && query.contains("page=1&"));
            (200, "", rows.map_or_else(|| "[]".to_owned(), |(_, rows)| rows.clone()))
        });
        Self { world: World::new(), server, lists }
    }

    fn serve(&self, path: &'static str, rows: &str) {
        let mut lists = self.lists.lock().unwrap();
        lists.retain(|(of, _)| *of != path);
        lists.push((path, format!("[{rows}]")));
    }

    /// A run that finds these opportunities.
    fn deals(&self, rows: &[&str]) {
        self.serve("/pipeline/opportunities", &rows.join(","));
        self.world.run_against(&self.server, &["extract", "-q"]).whole();
    }

    /// Such a run on a day, at six o'clock.
    fn deals_on(&self, month: i8, day: i8, rows: &[&str]) {
        self.deals(rows);
        move_latest_run(&self.world, date(2026, month, day));
    }

    /// A report's rows as CSV, those columns of it.
    fn report(&self, name: &str, columns: &[&str], params: &[&str]) -> Vec<String> {
        let mut arguments = vec!["report", name, "--format", "csv", "-q"];
        arguments.extend(params.iter().flat_map(|param| ["--param", param]));
        let run = self.world.run(&arguments).whole();
        let mut reader = csv::Reader::from_reader(run.out.as_bytes());
        let names: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let places: Vec<_> =
            columns.iter().map(|column| names.iter().position(|name| name == column).unwrap()).collect();
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| places.iter().map(|place| &row[*place]).collect::<Vec<_>>().join(" ")).collect()
    }
}

const FUNNEL: [&str; 3] = ["pipeline", "stage", "opportunities"];

#[test]
fn a_deal_in_the_stage_of_lost_ones_went_through_no_other() {
    let crm = Crm::new(PIPELINES);
    let a = |stage: &str, rest: &str| {
        format!(
            r#"{{"id":"a","status":"Open","pipeline":{{"id":"p"}},"stage":{{"id":"{stage}"}},"createdOn":"2026-10-01T00:00:00Z"{rest}}}"#
        )
    };
    let b = a("o", "").replace("\"a\"", "\"b\"");
    for (a, furthest) in [(a("n", ""), 0), (a("x", ""), 0), (a("x", r#","amount":5"#), 0), (a("o", ""), 1)] {
        crm.deals(&[&a, &b]);
        let (offer, expected) = (1 + furthest, "Sales New 2");
        let found = crm.report("stage_funnel", &FUNNEL, &["since=2026-01-01"]);
        assert_eq!(found, [expected, &format!("Sales Offer {offer}"), "Sales Deal 0", "Sales won 0"], "{a}");
    }
}

#[test]
fn a_pipeline_that_deals_have_by_its_name_is_one() {
    let crm = Crm::new(PIPELINES);
    let deals = ["\"Offer\"", "\"New\"", "null", "\"Unknown\"", "\"\""].iter().zip(1..).map(|(stage, id)| {
        format!(
            r#"{{"id":"{id}","status":"Open","pipeline":"Sales","stage":{stage},"createdOn":"2026-10-01T00:00:00Z"}}"#
        )
    });
    let deals: Vec<_> = deals.collect();
    crm.deals(&deals.iter().map(String::as_str).collect::<Vec<_>>());
    let found = crm.report("stage_funnel", &FUNNEL, &["since=2026-01-01"]);
    assert_eq!(found, ["Sales New 5", "Sales Offer 1", "Sales Deal 0", "Sales won 0"]);
}

const STAYS: [&str; 4] = ["pipeline", "stage", "stays", "median_days"];

#[test]
fn a_stay_that_is_not_the_first_does_not_begin_with_the_deal() {
    let crm = Crm::new(PIPELINES);
    let deal = |id: &str, status: &str, made: &str| {
        format!(
            r#"{{"id":"{id}","status":"{status}","pipeline":{{"id":"p"}},"stage":{{"id":"o"}},"createdOn":"2026-{made}T06:00:00Z"}}"#
        )
    };
    let other = deal("x", "Open", "05-01");
    crm.deals_on(6, 1, &[&other]);
    // Seen first when it was won already, and opened again later.
    for (month, day, status) in [(7, 1, "Won"), (8, 1, "Open"), (8, 11, "Won")] {
        crm.deals_on(month, day, &[&other, &deal("a", status, "06-20")]);
    }
    let stays = || crm.report("days_in_stage", &STAYS, &["since=2026-01-01"]);
    assert_eq!(stays(), ["Sales Offer 1 10.0"]);
    // One seen first where it was created since the run before was there from then on.
    for (month, day, status) in [(8, 21, "Open"), (8, 31, "Lost")] {
        crm.deals_on(month, day, &[&other, &deal("a", "Won", "06-20"), &deal("b", status, "08-19")]);
    }
    assert_eq!(stays(), ["Sales Offer 2 11.0"]);
    let visits =
        "SELECT string_agg(days::VARCHAR, ' ' ORDER BY days) FROM model.stage_visits WHERE left_at IS NOT NULL";
    assert_eq!(crm.world.ask(visits), "10.0 12.0");
}

#[test]
fn stages_of_one_name_are_those_of_their_pipelines() {
    let crm = Crm::new("[]");
    let deal = |id: &str, status: &str, pipeline: &str| {
        format!(
            r#"{{"id":"{id}","status":"{status}","pipeline":"{pipeline}","stage":"Offer","createdOn":"2026-06-30T06:00:00Z"}}"#
        )
    };
    let other = deal("x", "Open", "Sales");
    crm.deals_on(6, 1, &[&other]);
    for (month, day, status, pipeline) in
        [(7, 1, "Open", "Sales"), (7, 11, "Open", "Partner"), (7, 21, "Won", "Partner")]
    {
        crm.deals_on(month, day, &[&other, &deal("a", status, pipeline)]);
    }
    let found = crm.report("days_in_stage", &STAYS, &["since=2026-01-01"]);
    assert_eq!(found, ["Partner Offer 1 10.0", "Sales Offer 1 11.0"]);
    let visits = "SELECT string_agg(pipeline || ' ' || days, ', ' ORDER BY pipeline) FROM model.stage_visits WHERE left_at IS NOT NULL";
    assert_eq!(crm.world.ask(visits), "\"Partner 10.0, Sales 11.0\"");
}

#[test]
fn what_was_forecast_in_one_currency_and_won_in_another_is_not_added_up() {
    let crm = Crm::new(PIPELINES);
    let deal = |rest: &str| format!(r#"{{"id":"a","createdOn":"2026-07-01","expectedCloseDate":"2026-08-20",{rest}}}"#);
    crm.deals_on(7, 15, &[&deal(r#""status":"Open","amount":1000,"currency":"EUR""#)]);
    let won = r#""status":"Won","amount":150000,"currency":"JPY","closedOn":"2026-08-20T10:00:00Z""#;
    crm.deals_on(8, 21, &[&deal(won)]);
    crm.deals_on(9, 2, &[&deal(&format!(r#"{won},"source":"Web""#))]);
    let columns = ["currency", "period", "forecast", "won_amount", "won_of_forecast"];
    let params = ["period=month", "since=2026-08-01", "today=2026-09-10"];
    assert_eq!(
        crm.report("forecast_accuracy", &columns, &params),
        ["EUR 2026-08-01 1000 0 0", "JPY 2026-08-01 0 150000 0"]
    );
}

#[test]
fn an_organization_has_one_row_whatever_deals_call_it_and_an_empty_address_is_nobodys() {
    let crm = Crm::new(PIPELINES);
    crm.serve("/directory/organizations", r#"{"id":"g","name":"New name"}"#);
    crm.serve(
        "/directory/contacts",
        r#"{"id":"1","email":"","createdOn":"2020-01-01"},{"id":"2","email":"A@b.c","createdOn":"2020-01-01"},
           {"id":"3","createdOn":"2020-01-01"}"#,
    );
    crm.serve(
        "/pipeline/leads",
        r#"{"id":"1","contact":{"email":""},"createdOn":"2026-11-01"},{"id":"2","contact":{"email":"a@B.c"},"createdOn":"2026-11-01"}"#,
    );
    let deal = |id: &str, name: &str| {
        format!(r#"{{"id":"{id}","status":"Open","amount":5,"organization":{{"id":"g","name":"{name}"}}}}"#)
    };
    crm.deals(&[&deal("1", "Old name"), &deal("2", "New name"), &deal("3", "Older name")]);
    let found = crm.report("pipeline_by_organization", &["organization", "opportunities", "share"], &[]);
    assert_eq!(found, ["New name 3 1.0"]);
    assert_eq!(crm.report("inactive_contacts", &["id"], &["today=2026-11-20"]), ["1", "3"]);
}
