//! Every row and value that the sandbox served is in the warehouse, and nothing else is.
//!
//! The expectation is worked out here from the sandbox's dump, in the plainest way, and shares no code with the extractor.

use std::collections::BTreeMap;

use duckdb::Connection;
use serde_json::Value;

use crate::world::{Sandbox, World, count};

/// A row as text by column; nulls are left out.
type Row = BTreeMap<String, String>;

const LABELS: [(&str, &str); 6] = [
    ("0001", "cf_sales_region"),
    ("0002", "cf_next_step"),
    ("0003", "cf_contract_months"),
    ("0004", "cf_renewal_date"),
    ("0005", "cf_newsletter"),
    ("0006", "cf_customer_tier"),
];

fn snake(key: &str) -> String {
    let mut name = String::new();
    for c in key.chars() {
        if c.is_uppercase() {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    // A reserved word gets an underscore.
    if name == "order" { "order_".to_owned() } else { name }
}

fn custom(id: &str) -> String {
    LABELS.iter().find(|(end, _)| id.ends_with(end)).unwrap().1.to_owned()
}

/// A scalar as DuckDB writes the value of the column it belongs into.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let bytes = text.as_bytes();
            let is_moment = bytes.len() == 24 && bytes[10] == b'T' && text.ends_with('Z');
            if is_moment { plain_moment(text) } else { text.clone() }
        }
        Value::Number(number) => plain_number(&number.to_string()),
        other => other.to_string(),
    }
}

fn plain_moment(text: &str) -> String {
    let moment = text.trim_end_matches('Z').replace('T', " ");
    moment.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn plain_number(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

fn flatten(prefix: &str, object: &Value, row: &mut Row, children: &mut Vec<(String, Vec<Row>)>) {
    for (key, value) in object.as_object().unwrap() {
        let name = format!("{prefix}{}", snake(key));
        match value {
            Value::Null => {}
            Value::Object(fields) if key == "customFields" => {
                for (id, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    row.insert(custom(id), text(value));
                }
            }
            Value::Array(fields) if key == "customFields" => {
                for field in fields.iter().filter(|field| !field["value"].is_null()) {
                    row.insert(custom(field["id"].as_str().unwrap()), text(&field["value"]));
                }
            }
            Value::Object(_) => flatten(&format!("{name}_"), value, row, children),
            Value::Array(elements) if ["products", "contacts", "stages"].contains(&key.as_str()) => {
                let rows = elements.iter().map(|element| {
                    let mut child = Row::new();
                    flatten("", element, &mut child, &mut Vec::new());
                    child
                });
                children.push((key.clone(), rows.collect()));
            }
            Value::Array(_) => {
                row.insert(name, value.to_string());
            }
            scalar => {
                row.insert(name, text(scalar));
            }
        }
    }
}

/// The rows of a table or view as text by column, without the warehouse's own columns.
fn rows(warehouse: &Connection, table: &str, order: &str) -> Vec<Row> {
    let mut names = warehouse.prepare(&format!("DESCRIBE {table}")).unwrap();
    let columns: Vec<(String, String)> = names
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .filter(|(name, _): &(String, String)| !name.starts_with('_'))
        .collect();
    let casts: Vec<_> = columns
        .iter()
        .map(|(name, kind)| {
            let cast = if kind.ends_with("[]") { format!("to_json(\"{name}\")") } else { format!("\"{name}\"") };
            format!("CAST({cast} AS VARCHAR)")
        })
        .collect();
    let mut statement =
        warehouse.prepare(&format!("SELECT {} FROM {table} ORDER BY {order}", casts.join(", "))).unwrap();
    let found = statement.query_map([], |row| {
        let mut cells = Row::new();
        for (index, (name, kind)) in columns.iter().enumerate() {
            if let Some(cell) = row.get::<_, Option<String>>(index)? {
                let is_number = kind.starts_with("DECIMAL") || kind == "DOUBLE";
                cells.insert(name.clone(), if is_number { plain_number(&cell) } else { cell });
            }
        }
        Ok(cells)
    });
    found.unwrap().map(Result::unwrap).collect()
}

fn assert_is_what_was_served(warehouse: &Connection, dump: &Value) {
    let mut cells = 0;
    for resource in ["leads", "opportunities", "contacts", "organizations", "pipelines"] {
        let mut expected: BTreeMap<String, Row> = BTreeMap::new();
        let mut expected_children: BTreeMap<String, Vec<(String, usize, Row)>> = BTreeMap::new();
        for record in dump[resource].as_array().unwrap() {
            let (mut row, mut children) = (Row::new(), Vec::new());
            flatten("", record, &mut row, &mut children);
            let id = row["id"].clone();
            for (field, rows) in children {
                let table = expected_children.entry(field).or_default();
                table.extend(rows.into_iter().enumerate().map(|(index, row)| (id.clone(), index + 1, row)));
            }
            cells += row.len();
            expected.insert(id, row);
        }
        let found: BTreeMap<String, Row> =
            rows(warehouse, &format!("crm.{resource}"), "id").into_iter().map(|row| (row["id"].clone(), row)).collect();
        assert_eq!(found.len(), expected.len(), "{resource}");
        for (id, row) in &expected {
            assert_eq!(&found[id], row, "{resource} {id}");
        }
        for (field, mut rows_expected) in expected_children {
            rows_expected.sort_by(|left, right| (&left.0, left.1).cmp(&(&right.0, right.1)));
            let table = format!("crm.{resource}__{field}");
            let rows_found = rows(warehouse, &table, "_parent_id, _position");
            let mut keys = warehouse
                .prepare(&format!("SELECT _parent_id, _position FROM {table} ORDER BY _parent_id, _position"))
                .unwrap();
            let keys: Vec<(String, usize)> =
                keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
            let found: Vec<_> = keys.into_iter().zip(rows_found).map(|((id, at), row)| (id, at, row)).collect();
            assert_eq!(found, rows_expected, "{table}");
            cells += found.iter().map(|(_, _, row)| row.len()).sum::<usize>();
        }
    }
    assert!(cells > 10_000, "only {cells} values were compared");
}

#[test]
fn every_value_served_is_in_the_warehouse_before_and_after_a_day() {
    let sandbox = Sandbox::start(&["--seed", "7", "--scale", "2"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract"]).whole();
    assert_is_what_was_served(&world.warehouse(), &sandbox.dump());
    let versions = count(&world.warehouse(), "SELECT count(*) FROM history.opportunities");

    let day = sandbox.day();
    assert!(day["moved"].as_u64().unwrap() > 0 && day["deleted"].as_u64().unwrap() > 0, "{day}");
    world.run_with(&sandbox, &["extract"]).whole();
    let warehouse = world.warehouse();
    assert_is_what_was_served(&warehouse, &sandbox.dump());
    // A deletion ends a version and begins none.
    let changed = "SELECT count(DISTINCT id) FROM meta.changes
        WHERE resource = 'opportunities' AND column_name <> '_deleted'";
    let created = "SELECT count(*) FROM crm.opportunities WHERE id NOT IN (
        SELECT id FROM history.opportunities WHERE _run_id = (SELECT min(run_id) FROM meta.runs))";
    assert_eq!(
        count(&warehouse, "SELECT count(*) FROM history.opportunities"),
        versions + count(&warehouse, changed) + count(&warehouse, created)
    );
    assert!(count(&warehouse, changed) > 0 && count(&warehouse, created) > 0);
    assert!(count(&warehouse, "SELECT count(*) FROM history.contacts WHERE _deleted AND _valid_to IS NOT NULL") > 0);
}

#[test]
fn a_run_without_changes_adds_nothing() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract"]).whole();
    let tables =
        ["leads", "opportunities", "contacts", "organizations", "opportunities__products", "pipelines__stages"];
    let sizes = |world: &World| {
        let warehouse = world.warehouse();
        tables.map(|table| count(&warehouse, &format!("SELECT count(*) FROM history.{table}")))
    };
    let before = sizes(&world);
    world.run_with(&sandbox, &["extract"]).whole();
    assert_eq!(sizes(&world), before);
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM meta.changes"), 0);
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM meta.runs"), 2);
}

#[test]
fn the_sum_of_money_is_exact() {
    let sandbox = Sandbox::start(&["--seed", "11", "--scale", "3"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract", "opportunities"]).whole();
    // In hundredths, from the digits served.
    let hundredths = |number: &serde_json::Number| {
        let text = number.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        format!("{whole}{fraction:0<2}").parse::<i128>().unwrap()
    };
    let dump = sandbox.dump();
    let deals = dump["opportunities"].as_array().unwrap();
    let expected: i128 = deals.iter().filter_map(|deal| deal["amount"].as_number()).map(hundredths).sum();
    let found: String = world
        .warehouse()
        .query_row("SELECT CAST(sum(amount) AS VARCHAR) FROM crm.opportunities", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, format!("{}.{:02}", expected / 100, expected % 100));
}

#[test]
fn lists_without_totals_and_with_a_cap_are_read_whole() {
    for options in [&["--size-cap", "37"][..], &["--no-total"], &["--size-cap", "20", "--no-total"]] {
        let sandbox = Sandbox::start(&[&["--seed", "5"], options].concat());
        let world = World::new();
        world.run_with(&sandbox, &["extract"]).whole();
        assert_eq!(
            count(&world.warehouse(), "SELECT count(*) FROM crm.opportunities"),
            i64::try_from(sandbox.dump()["opportunities"].as_array().unwrap().len()).unwrap()
        );
        let not_counted = "SELECT count(*) FROM meta.sweeps WHERE verdict <> 'counted'";
        assert_eq!(count(&world.warehouse(), not_counted), 0, "{options:?}");
        world.run_with(&sandbox, &["extract", "--prove"]).whole();
        let proven = "SELECT count(*) FROM meta.sweeps WHERE verdict = 'proven'";
        assert_eq!(count(&world.warehouse(), proven), 12, "{options:?}");
    }
}

#[test]
fn status_tells_growth_freshness_and_size() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract", "leads"]).whole();
    let before = count(&world.warehouse(), "SELECT count(*) FROM crm.leads");
    sandbox.day();
    world.run_with(&sandbox, &["extract", "leads"]).whole();
    let after = count(&world.warehouse(), "SELECT count(*) FROM crm.leads");
    let lines = world.run(&["status", "--format", "json"]).whole().out;
    let lines: Value = serde_json::from_str(&lines).unwrap();
    let leads = lines.as_array().unwrap().iter().find(|line| line["resource"] == "leads").unwrap();
    assert_eq!(leads["growth"], after - before);
    assert_eq!(leads["hours_old"], 0.0);
    assert!(world.run(&["status", "--format", "table"]).whole().out.contains("iB on disk"));
}
