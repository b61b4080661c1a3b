//! Columns that change their type while rows change, stay away, or do not change at all: what the warehouse and its books
//! then say.

use std::sync::{Arc, Mutex};

use crate::world::{KEY, Run, Scripted, World};

/// A server of leads and the hand that changes them.
fn leads(rows: &str) -> (Scripted, Arc<Mutex<String>>) {
    let rows = Arc::new(Mutex::new(rows.to_owned()));
    let served = rows.clone();
    (Scripted::list("/pipeline/leads", move || served.lock().unwrap().clone()), rows)
}

/// Extracts one list after the other into one warehouse.
fn sweeps(lists: &[&str]) -> World {
    let (server, rows) = leads("[]");
    let world = World::new();
    for list in lists {
        (*list).clone_into(&mut rows.lock().unwrap());
        let run = world.run_against(&server, &["extract", "leads"]);
        assert!([0, 3].contains(&run.code), "{}", run.err);
    }
    world
}

fn changes(world: &World, id: &str) -> String {
    let query =
        "SELECT string_agg(column_name || ': ' || coalesce(old_value, '-') || ' > ' || coalesce(new_value, '-'), '; '
                 ORDER BY observed_at, column_name) FROM meta.changes WHERE id = ";
    world.text(&format!("{query}'{id}'")).unwrap_or_default()
}

#[test]
fn a_change_that_comes_with_a_wider_type_is_told_exactly() {
    let world = sweeps(&[
        r#"[{"id":"1","i":5,"d":1.25,"dt":"2025-01-01","b":true,"x":7},{"id":"2"}]"#,
        r#"[{"id":"1","i":5.4,"d":1.2501,"dt":"2025-01-01T23:00:00Z","b":"yes","x":"7.2"},
            {"id":"2","i":"n/a","d":"n/a","dt":"n/a","b":"n/a"}]"#,
    ]);
    assert_eq!(
        changes(&world, "1"),
        "b: true > yes; d: 1.25 > 1.2501; dt: 2025-01-01 > 2025-01-01T23:00:00Z; i: 5 > 5.4; x: 7 > 7.2"
    );
}

#[test]
fn what_is_only_written_differently_is_no_change() {
    let world = sweeps(&[
        r#"[{"id":"1","ts":"2025-01-01T12:00:00+02:00","blank":"","n":5,"z":1},{"id":"2","n":1.25,"blank":"2025-01-01"}]"#,
        r#"[{"id":"1","ts":"2025-01-01T12:00:00+02:00","blank":"","n":5,"z":2},{"id":"2","ts":"n/a","n":"x","blank":"x"}]"#,
    ]);
    assert_eq!(changes(&world, "1"), "z: 1 > 2");
}

#[test]
fn notations_of_custom_fields_and_tags_make_no_versions() {
    let world = sweeps(&[
        r#"[{"id":"1","customFields":{"f1":1,"f2":2},"tags":["a"]}]"#,
        r#"[{"id":"1","customFields":[{"id":"f2","value":2},{"id":"f1","value":1,"label":"One"}],"tags":[{"id":"t","text":"a"}]}]"#,
    ]);
    assert_eq!(world.ask("SELECT count(*) FROM history.leads"), "1");
}

#[test]
fn rows_that_stayed_away_while_a_column_widened_are_filled_when_they_come_back() {
    let kept = r#"{"d":"","t":"2025-01-01T00:00:00.1234567Z","n":5"#;
    let row = |id: u32| format!(r#"{kept},"id":"{id}"}}"#);
    let list = |ids: std::ops::Range<u32>, last: &str| {
        let rows: Vec<_> = ids.map(row).collect();
        format!("[{},{last}]", rows.join(","))
    };
    let world = sweeps(&[
        &list(0..9, r#"{"id":"9","d":"2025-01-01","n":1.25}"#),
        &list(5..9, r#"{"id":"9","d":"n/a","t":"x","n":"x"}"#),
        &list(0..9, r#"{"id":"9","d":"n/a","t":"x","n":"x"}"#),
    ]);
    let held = "SELECT d = '' AND t = '2025-01-01T00:00:00.1234567Z' AND n = '5', count(*) FROM crm.leads WHERE id <> '9' GROUP BY ALL";
    assert_eq!(world.ask(held), "true,9");
    assert_eq!(world.ask("SELECT count(*) FROM history.leads"), "11");
    assert_eq!(world.ask("SELECT count(*) FROM meta.unfitted"), "0");
}

#[test]
fn a_form_that_says_text_and_a_field_of_numbers_go_together() {
    let values = Arc::new(Mutex::new(String::from("\"\"")));
    let hand = values.clone();
    let server = Scripted::start(move |asked| {
        let path = asked.split('?').next().unwrap();
        let body = match path {
            "/pipeline/leads" if asked.contains("page=1&") => {
                format!(r#"[{{"id":"1","customFields":{{"f1":{}}}}}]"#, hand.lock().unwrap())
            }
            "/pipeline/forms/opportunities" => r#"{"fields":[{"id":"f1","label":"Region","type":"text"}]}"#.to_owned(),
            _ => "[]".to_owned(),
        };
        (200, "", body)
    });
    for value in ["5", "true", "1.5", "\"2025-01-01\"", "[1]"] {
        let world = World::new();
        for value in ["\"\"", value] {
            value.clone_into(&mut values.lock().unwrap());
            world.run_against(&server, &["extract", "leads"]).whole();
        }
        assert_eq!(world.ask("SELECT count(cf_region) FROM crm.leads"), "1", "{value}");
    }
}

#[test]
fn moments_keep_their_offset_where_the_column_is_text() {
    let world = sweeps(&[
        r#"[{"id":"1","createdOn":"2025-01-01T12:00:00+05:00","lastUpdatedOn":"2025-01-01T08:00:00Z","v":"new"},
        {"id":"1","createdOn":"2025-01-01T12:00:00+05:00","lastUpdatedOn":"2025-01-01T12:00:00+05:00","v":"old"},
        {"id":"2","createdOn":"2025-02-30"},{"id":"3","createdOn":"2025-01-01T12:00","lastUpdatedOn":"soon"},
        {"id":"4","createdOn":"2025-01-01"},{"id":"5","createdOn":"2025-01-01 12:00:00,5Z"}]"#,
    ]);
    let model = "SELECT string_agg(id || ' ' || coalesce(created_at::VARCHAR, '-'), ', ' ORDER BY id) FROM model.leads";
    assert_eq!(
        world.text(model).unwrap(),
        "1 2025-01-01 07:00:00, 2 -, 3 2025-01-01 12:00:00, 4 2025-01-01 00:00:00, 5 2025-01-01 12:00:00.5"
    );
    assert_eq!(world.ask("SELECT v FROM crm.leads WHERE id = '1'"), "new");
}

#[test]
fn counts_and_rejects_are_of_the_list_and_not_of_the_passes() {
    let world = sweeps(&[r#"[{"id":"1","d":"","x":-0},{"id":"2","d":"2025-01-01"},{"id":"2","d":"2025-01-01"},5]"#]);
    assert_eq!(world.ask("SELECT sum(blanks), sum(inexact) FROM meta.columns"), "1,1");
    assert_eq!(world.ask("SELECT count(*) FROM meta.rejects"), "1");
}

#[test]
fn tags_are_texts_whatever_they_look_like() {
    let world =
        sweeps(&[r#"[{"id":"1","tags":[{"id":"t","text":"2025-01-01"}]},{"id":"2","tags":[{"id":"t","text":""}]},
        {"id":"3","tags":[7]},{"id":"4","tags":"hot"}]"#]);
    assert_eq!(world.ask("SELECT type FROM meta.columns WHERE column_name = 'tags'"), "text[]");
    let tags = "SELECT string_agg(to_json(tags)::VARCHAR, ' ' ORDER BY id) FROM crm.leads";
    assert_eq!(world.text(tags).unwrap(), r#"["2025-01-01"] [""] ["7"] ["hot"]"#);
}

#[test]
fn lists_of_objects_change_in_the_books_too() {
    let world = sweeps(&[
        r#"[{"id":"1","products":[{"a":1}],"l":[]},{"id":"2"}]"#,
        r#"[{"id":"1","products":[{"a":2}],"l":[]},{"id":"2"},{"id":"3","l":[{"b":1}]}]"#,
        r#"[{"id":"1","l":[]},{"id":"2"},{"id":"3","l":[{"b":1}]}]"#,
    ]);
    assert_eq!(changes(&world, "1"), r#"products: [{"a":1}] > [{"a":2}]; products: [{"a":2}] > -"#);
    assert_eq!(world.text("SELECT to_json(l)::VARCHAR FROM crm.leads WHERE id = '1'").unwrap(), "[]");
}

#[test]
fn names_that_somebody_took_are_not_given_twice() {
    let world = sweeps(&[r#"[{"id":"1","title":"a","Title":"b","title_5d54941f":"c"}]"#]);
    assert_eq!(world.ask("SELECT count(*) FROM meta.columns WHERE resource = 'leads'"), "4");
    let server = Scripted::start(|asked| {
        let body = match asked.split('?').next().unwrap() {
            "/pipeline/tags/leads" if asked.contains("page=1&") => r#"[{"id":"1","resource":"x","resource_of":"y"}]"#,
            "/pipeline/pipelines/opportunities" if asked.contains("page=1&") => {
                r#"[{"id":"p","stages":[{"id":"s","pipelineId":"p"}]}]"#
            }
            _ => "[]",
        };
        (200, "", body.to_owned())
    });
    let world = World::new();
    world.run_against(&server, &["extract", "tags", "pipelines"]).whole();
    assert_eq!(world.ask("SELECT resource, resource_of, resource_of_of FROM crm.tags"), "x,y,leads");
    assert_eq!(world.ask("SELECT pipeline_id, id FROM crm.stages"), "p,s");
}

#[test]
fn small_decimals_become_json_that_is_json() {
    let world = sweeps(&[r#"[{"id":"1","x":0.00000000000000000000000000000000000001}]"#, r#"[{"id":"1","x":[1]}]"#]);
    let old = "SELECT x FROM history.leads WHERE _valid_to IS NOT NULL";
    assert_eq!(world.text(old).unwrap(), "0.00000000000000000000000000000000000001");
}

#[test]
fn a_thousand_columns_widen_at_once() {
    let row = |id: u32, value: &str| {
        let members: Vec<_> = (0..1_000).map(|key| format!("\"k{key}\":{value}")).collect();
        format!(r#"{{"id":"{id}",{}}}"#, members.join(","))
    };
    let rows: Vec<_> = (0..50).map(|id| row(id, "1")).collect();
    let numbers = format!("[{}]", rows.join(","));
    let texts = format!("[{},{}]", rows.join(","), row(50, "\"x\""));
    let world = sweeps(&[&numbers, &texts]);
    assert_eq!(world.ask("SELECT count(k0), count(k999) FROM crm.leads"), "51,51");
}

#[test]
fn an_instance_that_was_away_is_filled_when_it_comes_back() {
    let (first, rows) = leads(r#"[{"id":"1","n":5}]"#);
    let (second, _) = leads(r#"[{"id":"1","n":1.5}]"#);
    let world = World::new();
    let table = |name: &str, url: &str| format!("[[instance]]\nname = \"{name}\"\nbase_url = \"{url}\"\n");
    world.configure(&format!("{}{}", table("one", &first.url), table("two", &second.url)));
    let run = |arguments: &[&str]| {
        Run::from(world.command().args(["extract", "leads"]).args(arguments).env("CRMLAKE_API_KEY", KEY)).whole();
    };
    run(&[]);
    *rows.lock().unwrap() = r#"[{"id":"1","n":"x"}]"#.to_owned();
    run(&["--instance", "one"]);
    assert_eq!(world.ask("SELECT n FROM crm.leads WHERE _instance = 'two'"), "1.5");
    run(&[]);
    assert_eq!(world.ask("SELECT string_agg(n, ' ' ORDER BY _instance) FROM crm.leads"), "x 1.5");
    assert_eq!(world.ask("SELECT count(*) FROM history.leads"), "3");
}

#[test]
fn a_warehouse_of_an_older_format_is_brought_up_to_date() {
    let (server, rows) = leads(r#"[{"id":"1","n":5,"d":""},{"id":"2","d":"2025-01-01"}]"#);
    let world = World::new();
    let extract = || world.run_against(&server, &["extract", "leads"]).whole();
    extract();
    {
        // As the first format had it.
        let old = duckdb::Connection::open(world.path("crmlake.duckdb")).unwrap();
        old.execute_batch(
            "DELETE FROM meta.format; INSERT INTO meta.format VALUES (1); DROP TABLE meta.unfitted;
             DROP TABLE meta.pruned;
             ALTER TABLE meta.columns DROP COLUMN declared_type; ALTER TABLE meta.columns DROP COLUMN is_hinted;
             ALTER TABLE meta.columns DROP COLUMN blanks; ALTER TABLE meta.columns DROP COLUMN impossible_dates;
             ALTER TABLE meta.columns DROP COLUMN inexact",
        )
        .unwrap();
    }
    // It reads as it is, and is written in the new format.
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "2");
    *rows.lock().unwrap() = r#"[{"id":"1","n":"x","d":""},{"id":"2","d":"2025-01-01"}]"#.to_owned();
    extract();
    assert_eq!(world.ask("SELECT max(version) FROM meta.format"), "3");
    assert_eq!(world.ask("SELECT blanks, is_hinted FROM meta.columns WHERE column_name = 'd'"), "1,false");
    assert_eq!(world.ask("SELECT string_agg(n, ' ' ORDER BY _valid_from) FROM history.leads WHERE id = '1'"), "5 x");
}
