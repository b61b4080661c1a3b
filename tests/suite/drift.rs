//! A CRM whose fields change their nature, their labels and their presence: the warehouse follows, and its history stays
//! readable.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::world::{KEY, Run, Sandbox, Scripted, World};

/// The ids of the first leads.
fn leads(sandbox: &Sandbox, count: usize) -> Vec<String> {
    let dump = sandbox.dump();
    dump["leads"].as_array().unwrap().iter().take(count).map(|lead| lead["id"].as_str().unwrap().to_owned()).collect()
}

fn extract(world: &World, sandbox: &Sandbox) -> String {
    world.run_with(sandbox, &["extract", "leads"]).whole().err
}

fn type_of(world: &World, column: &str) -> String {
    let query = format!("SELECT type FROM meta.columns WHERE resource = 'leads' AND column_name = '{column}'");
    world.text(&query).unwrap()
}

#[test]
fn one_sweep_holds_every_kind_of_value_in_one_field() {
    let sandbox = Sandbox::start(&["--seed", "5"]);
    let world = World::new();
    let values =
        [json!(7), json!(2.50), json!("n/a"), json!({"code": "x"}), json!([1, 2]), json!([{"code": "y"}]), json!(true)];
    let ids = leads(&sandbox, values.len());
    for (id, value) in ids.iter().zip(&values) {
        sandbox.edit("leads", id, &json!({"score": value}));
    }
    extract(&world, &sandbox);
    assert_eq!(type_of(&world, "score"), "json");
    for (id, value) in ids.iter().zip(&values) {
        let held = world.text(&format!("SELECT score FROM crm.leads WHERE id = '{id}'")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&held).unwrap(), *value);
    }
    assert_eq!(world.ask(&format!("SELECT score_code FROM crm.leads WHERE id = '{}'", ids[3])), "x");
    assert_eq!(world.ask(&format!("SELECT code FROM crm.leads__score WHERE _parent_id = '{}'", ids[5])), "y");
}

#[test]
fn a_field_drifts_from_integer_to_object_run_by_run_and_its_history_stays_readable() {
    let sandbox = Sandbox::start(&["--seed", "6"]);
    let world = World::new();
    let ids = leads(&sandbox, 2);
    let (drifts, stays) = (&ids[0], &ids[1]);
    sandbox.edit("leads", stays, &json!({"score": 12}));
    let steps = [
        (json!(7), "bigint"),
        (json!(7.25), "decimal(18,2)"),
        (json!("n/a"), "text"),
        (json!({"points": 9}), "text"),
        (json!([3, 4]), "json"),
    ];
    for (value, kind) in &steps {
        sandbox.edit("leads", drifts, &json!({"score": value}));
        extract(&world, &sandbox);
        assert_eq!(type_of(&world, "score"), *kind);
        // As if it were loaded today: its own digits.
        let stayed = world.ask(&format!("SELECT score FROM crm.leads WHERE id = '{stays}'"));
        assert_eq!(stayed, if *kind == "decimal(18,2)" { "12.00" } else { "12" });
    }
    let versions = format!(
        "SELECT string_agg(coalesce(score, score_points::VARCHAR), ' | ' ORDER BY _valid_from) FROM history.leads WHERE id = '{drifts}'"
    );
    assert_eq!(world.text(&versions).unwrap(), "\"7.00\" | \"7.25\" | \"n/a\" | 9 | [3,4]");
    assert_eq!(world.ask(&format!("SELECT count(*) FROM history.leads WHERE id = '{stays}'")), "1");
    let changes = format!(
        "SELECT string_agg(column_name || ': ' || coalesce(old_value, '-') || ' > ' || coalesce(new_value, '-'), '; ' ORDER BY observed_at, column_name)
         FROM meta.changes WHERE id = '{drifts}'"
    );
    assert_eq!(
        world.text(&changes).unwrap(),
        "score: 7.00 > 7.25; score: 7.25 > n/a; score: n/a > -; score_points: - > 9; score: - > [3,4]; score_points: 9 > -"
    );
    let schema = "SELECT string_agg(column_name || ': ' || coalesce(old_type, '-') || ' > ' || new_type, '; ' ORDER BY observed_at) FROM meta.schema_changes WHERE resource = 'leads'";
    assert_eq!(
        world.text(schema).unwrap(),
        "score: bigint > decimal(18,2); score: decimal(18,2) > text; score_points: - > bigint; score: text > json"
    );
}

#[test]
fn a_column_stays_when_its_field_vanishes_and_comes_back_to_it() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let world = World::new();
    let id = leads(&sandbox, 1).remove(0);
    let seen =
        "SELECT first_seen = last_seen FROM meta.columns WHERE resource = 'leads' AND column_name = 'fax_number'";
    sandbox.edit("leads", &id, &json!({"faxNumber": "1"}));
    extract(&world, &sandbox);
    sandbox.edit("leads", &id, &json!({"faxNumber": null}));
    extract(&world, &sandbox);
    assert_eq!(world.ask("SELECT count(*), count(fax_number) FROM crm.leads"), "140,0");
    assert_eq!(world.ask(seen), "true");
    sandbox.edit("leads", &id, &json!({"faxNumber": "2"}));
    extract(&world, &sandbox);
    assert_eq!(world.ask(seen), "false");
    let versions = format!(
        "SELECT string_agg(coalesce(fax_number, '-'), ' ' ORDER BY _valid_from) FROM history.leads WHERE id = '{id}'"
    );
    assert_eq!(world.ask(&versions), "1 - 2");
}

const REGION: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0001";
const FORM: &str = "form_fields_opportunities";

#[test]
fn a_label_may_change_and_the_column_keeps_its_name() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    extract(&world, &sandbox);
    sandbox.edit(FORM, REGION, &json!({"label": "Territory"}));
    extract(&world, &sandbox);
    let named =
        "SELECT column_name, label FROM meta.columns WHERE resource = 'leads' AND source_path LIKE 'customFields%'";
    assert_eq!(world.ask(named), "cf_sales_region,Territory");
    assert_eq!(world.ask(&format!("SELECT label FROM crm.form_fields WHERE id = '{REGION}'")), "Territory");
}

#[test]
fn a_form_that_cannot_be_read_leaves_names_as_they_are() {
    let named = "SELECT column_name, coalesce(label, '-') FROM meta.columns WHERE resource = 'leads' AND source_path LIKE 'customFields%'";
    for status in [403, 404, 503] {
        let sandbox = Sandbox::start(&["--seed", "9"]);
        // Never read: the field id is the name, and stays it when the form comes.
        let world = World::new();
        world.configure("[api]\nmax_attempts = 2\n");
        sandbox.answers_with(FORM, status);
        let told = extract(&world, &sandbox);
        assert!(told.contains("WARN") && told.contains(FORM), "{told}");
        let by_id = format!("cf_{}", REGION.replace('-', "_"));
        assert_eq!(world.ask(named), format!("{by_id},-"), "{status}");
        sandbox.answers_with(FORM, 200);
        extract(&world, &sandbox);
        assert_eq!(world.ask(named), format!("{by_id},Sales region"), "{status}");
        // Read before: what it said then still holds, for new columns too.
        let other = World::new();
        other.configure("[api]\nmax_attempts = 2\n");
        other.run_with(&sandbox, &["extract", "opportunities"]).whole();
        sandbox.answers_with(FORM, status);
        extract(&other, &sandbox);
        assert_eq!(other.ask(named), "cf_sales_region,Sales region", "{status}");
    }
}

#[test]
fn what_a_form_declares_is_overruled_by_values_and_told() {
    let sandbox = Sandbox::start(&["--seed", "10"]);
    let world = World::new();
    let id = leads(&sandbox, 1).remove(0);
    let lead = &sandbox.dump()["leads"][0];
    let with = |value: Value| {
        let mut fields = lead["customFields"].clone();
        fields["5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0004"] = value;
        json!({"customFields": fields})
    };
    let declared = "SELECT type, declared_type, is_hinted FROM meta.columns WHERE resource = 'leads' AND column_name = 'cf_renewal_date'";
    sandbox.edit("leads", &id, &with(Value::Null));
    extract(&world, &sandbox);
    assert_eq!(world.ask(declared), "date,date,true");
    sandbox.edit("leads", &id, &with(json!("next spring")));
    let told = extract(&world, &sandbox);
    assert!(told.contains("leads.cf_renewal_date: the form declares date, and the values are text"), "{told}");
    assert!(!told.contains("next spring"), "{told}");
    assert_eq!(world.ask(declared), "text,date,false");
    assert_eq!(extract(&world, &sandbox), "");
}

const ENTRIES: &str = "SELECT instance, id, column_name, old_value, new_value FROM meta.changes ORDER BY observed_at, instance, id, column_name";

#[test]
fn a_list_whose_columns_only_widened_has_not_changed() {
    let list = r#"[{"a":12,"due":"2025-05-06T07:08:09Z"},{"a":12.5}]"#;
    let rows = Arc::new(Mutex::new(format!(r#"[{{"id":"1","n":1,"list":{list}}},{{"id":"2","list":[{{"a":1}}]}}]"#)));
    let shown = rows.clone();
    let server = Scripted::list("/pipeline/leads", move || shown.lock().unwrap().clone());
    let world = World::new();
    world.run_against(&server, &["extract", "leads"]).whole();
    *rows.lock().unwrap() =
        format!(r#"[{{"id":"1","n":2,"list":{list}}},{{"id":"2","list":[{{"a":"x","due":"y"}}]}}]"#);
    world.run_against(&server, &["extract", "leads"]).whole();
    let widened = "main,1,n,1,2\nmain,2,list,\"[{\"\"a\"\":\"\"1.0\"\",\"\"due\"\":null}]\",\"[{\"\"a\"\":\"\"x\"\",\"\"due\"\":\"\"y\"\"}]\"";
    assert_eq!(world.ask(ENTRIES), widened);
}

#[test]
fn moments_in_lists_are_recorded_with_their_zone() {
    let rows = Arc::new(Mutex::new(r#"[{"id":"1","list":[{"due":"2025-05-06T07:08:09Z"}]}]"#.to_owned()));
    let shown = rows.clone();
    let server = Scripted::list("/pipeline/leads", move || shown.lock().unwrap().clone());
    let world = World::new();
    world.run_against(&server, &["extract", "leads"]).whole();
    *rows.lock().unwrap() = r#"[{"id":"1","list":[]}]"#.to_owned();
    world.run_against(&server, &["extract", "leads"]).whole();
    let old = world.text("SELECT old_value FROM meta.changes").unwrap();
    assert_eq!(old, r#"[{"due":"2025-05-06T07:08:09.000000Z"}]"#);
}

#[test]
fn a_row_that_is_read_some_runs_after_its_column_widened_has_changed_only_where_it_did() {
    let rows = Arc::new(Mutex::new(["[]".to_owned(), r#"[{"id":"1","a":12,"n":1}]"#.to_owned()]));
    let shown = rows.clone();
    let server = Scripted::start(move |asked| {
        let instance = usize::from(asked.starts_with("/two/"));
        let rows = shown.lock().unwrap()[instance].clone();
        match asked {
            _ if !asked.contains("/pipeline/leads?") => (404, "", String::new()),
            _ if rows.is_empty() => (500, "", rows),
            _ if asked.contains("page=1&") => (200, "", rows),
            _ => (200, "", "[]".to_owned()),
        }
    });
    let world = World::new();
    let table = |name: &str| format!("[[instance]]\nname = \"{name}\"\nbase_url = \"{}/{name}\"\n", server.url);
    world.configure(&format!("{}{}[api]\nmax_attempts = 1\n", table("one"), table("two")));
    let extract = || Run::from(world.command().args(["extract", "leads"]).env("CRMLAKE_API_KEY", KEY)).code;
    let serve = |instance: usize, text: &str| text.clone_into(&mut rows.lock().unwrap()[instance]);
    serve(0, r#"[{"id":"1","a":1.25}]"#);
    assert_eq!(extract(), 0);
    serve(0, r#"[{"id":"1","a":"x"}]"#);
    serve(1, "");
    assert_eq!(extract(), 5);
    serve(1, r#"[{"id":"1","a":12,"n":2}]"#);
    assert_eq!(extract(), 0);
    assert_eq!(world.ask(ENTRIES), "one,1,a,1.25,x\ntwo,1,n,1,2");
}

#[test]
fn a_list_whose_column_widens_is_not_said_to_have_changed() {
    let steps = [
        r#"[{"id":"1","n":1,"l":["2026-01-02T03:04:05Z"],"p":[1.5,2],"d":1e300},{"id":"2","n":1}]"#,
        r#"[{"id":"1","n":2,"l":["2026-01-02T03:04:05Z"],"p":[1.5,2],"d":1e300},{"id":"2","n":1,"l":["soon"],"p":["x"],"d":"y"}]"#,
        r#"[{"id":"1","n":2,"l":["2026-01-02T03:04:06Z"],"p":[1.5],"d":1e301},{"id":"2","n":1,"l":["soon"],"p":["x"],"d":"y"}]"#,
    ];
    let at = Arc::new(Mutex::new(0));
    let shown = at.clone();
    let server = Scripted::list("/pipeline/leads", move || steps[*shown.lock().unwrap()].to_owned());
    let world = World::new();
    for step in 0..steps.len() {
        *at.lock().unwrap() = step;
        world.run_against(&server, &["extract", "leads"]).whole();
        let changed = world.text(
            "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM meta.changes
             WHERE id = '1' AND run_id = (SELECT max(run_id) FROM meta.runs)",
        );
        assert_eq!(changed.as_deref(), [None, Some("n"), Some("d l p")][step]);
    }
}
