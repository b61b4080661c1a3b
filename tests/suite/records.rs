//! Records as no friendly CRM sends them: nothing of them is lost, and none ends a run.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use crate::world::{KEY, Run, Scripted, World};

const LEADS: &str = "/pipeline/leads";

/// A server whose leads are `rows`, and the hand that changes them.
fn leads(rows: &str) -> (Scripted, Arc<Mutex<String>>) {
    let rows = Arc::new(Mutex::new(rows.to_owned()));
    let served = rows.clone();
    (Scripted::list(LEADS, move || served.lock().unwrap().clone()), rows)
}

fn extract(world: &World, server: &Scripted) -> Run {
    world.run_against(server, &["extract", "leads"])
}

#[test]
fn a_crm_without_anything_is_extracted() {
    let (server, _) = leads("[]");
    let world = World::new();
    world.run_against(&server, &["extract"]).whole();
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "0");
    assert_eq!(world.ask("SELECT count(*) FROM meta.sweeps WHERE verdict = 'counted'"), "9");
    for view in ["crm.tags", "crm.stages", "crm.users", "model.opportunities", "model.leads", "model.stages"] {
        assert_eq!(world.ask(&format!("SELECT count(*) FROM {view}")), "0", "{view}");
    }
}

#[test]
fn what_cannot_be_a_row_is_kept_apart_with_its_reason() {
    let deep = format!(r#"{{"id":"d","a":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    let (server, _) = leads(&format!(r#"[{{"name":"no id"}},5,{deep},{{"id":"","a":1}}]"#));
    let world = World::new();
    let run = extract(&world, &server);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert_eq!(
        world.ask("SELECT reason, count(*) FROM meta.rejects GROUP BY ALL ORDER BY ALL"),
        "it has no id,2\nit is nested more than 128 levels deep,1\nit is not an object,1"
    );
    assert_eq!(world.ask("SELECT raw FROM meta.rejects WHERE reason = 'it is not an object'"), "5");
}

#[test]
fn hostile_keys_become_harmless_columns() {
    let long = "k".repeat(10_000);
    let row = format!(
        r#"[{{"id":"1","Title":1,"title":2,"a\"; DROP TABLE history.leads; --":3,"=cmd|' /C calc'!A0":4,"":5,"a.b":6,
            "_run_id":7,"rowid":8,"😀":9,"{long}":10,"select":11,"_hash":12,"_instance":13}}]"#
    );
    let (server, _) = leads(&row);
    let world = World::new();
    extract(&world, &server).whole();
    let columns =
        "SELECT count(*) FROM (DESCRIBE crm.leads) WHERE regexp_full_match(column_name, '[a-z][a-z0-9_]{0,62}')";
    assert_eq!(world.ask(columns), "14");
    let unpivoted = "SELECT sum(CAST(value AS BIGINT)) FROM (UNPIVOT (SELECT * EXCLUDE (id, _instance) FROM crm.leads)
        ON COLUMNS(*) INTO NAME name VALUE value)";
    assert_eq!(world.ask(unpivoted), "91");
    assert_eq!(world.ask("SELECT title FROM crm.leads"), "2");
}

#[test]
fn a_column_named_like_any_keyword_needs_no_quotes() {
    let duckdb = duckdb::Connection::open_in_memory().unwrap();
    let mut statement = duckdb.prepare("SELECT keyword_name FROM duckdb_keywords()").unwrap();
    let words: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(words.len() > 300, "{}", words.len());
    let members: Vec<_> = words.iter().map(|word| format!("\"{word}\":1")).collect();
    let (server, _) = leads(&format!(r#"[{{"id":"1",{}}}]"#, members.join(",")));
    let world = World::new();
    extract(&world, &server).whole();
    let columns = world.ask("SELECT column_name FROM meta.columns WHERE resource = 'leads' AND column_name <> 'id'");
    let columns: Vec<_> = columns.lines().collect();
    assert_eq!(columns.len(), words.len());
    let warehouse = world.warehouse();
    for column in columns {
        let query = format!(
            "SELECT {column}, sum({column}) FROM crm.leads WHERE {column} = 1 GROUP BY {column} ORDER BY {column}"
        );
        assert!(warehouse.prepare(&query).is_ok(), "{column} needs quotes");
    }
}

#[test]
fn lists_of_objects_whose_names_collapse_stay_apart() {
    let (server, _) =
        leads(r#"[{"id":"1","products":[{"a":1}],"Products":[{"b":2}],"x":{"y":[{"c":3}]},"x_y":[{"d":4}]}]"#);
    let world = World::new();
    for _ in 0..2 {
        extract(&world, &server).whole();
    }
    assert_eq!(world.ask("SELECT a FROM crm.leads__products"), "1");
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'crm' AND table_name LIKE 'leads!_!_%' ESCAPE '!'";
    assert_eq!(world.ask(tables), "4");
}

#[test]
fn child_rows_follow_their_parent_even_when_the_list_changes_its_nature() {
    let others = r#"{"id":"3"},{"id":"4"},{"id":"5"},{"id":"6"},{"id":"7"}"#;
    let (server, rows) =
        leads(&format!(r#"[{{"id":"1","products":[{{"a":1}}]}},{{"id":"2","products":[{{"a":2}}]}},{others}]"#));
    let world = World::new();
    extract(&world, &server).whole();
    *rows.lock().unwrap() = format!(r#"[{{"id":"1","products":[{{"a":9}},5]}},{others}]"#);
    extract(&world, &server).whole();
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads__products"), "0");
    assert_eq!(world.ask("SELECT products FROM crm.leads WHERE id = '1'"), r#""[{""a"":9},5]""#);
    assert_eq!(world.ask("SELECT count(*) FROM history.leads__products WHERE _deleted"), "1");
}

#[test]
fn a_column_widens_and_keeps_every_value() {
    let (server, rows) =
        leads(r#"[{"id":"1","n":12,"at":"2024-01-01T10:00:00Z"},{"id":"2","n":-9223372036854775808}]"#);
    let world = World::new();
    extract(&world, &server).whole();
    let steps = [
        (r#"[{"id":"1","n":12,"at":"2024-01-01T10:00:00Z"},{"id":"2","n":0.25}]"#, "DECIMAL(38,2)"),
        (r#"[{"id":"1","n":12,"at":"2024-01-01T10:00:00Z"},{"id":"2","n":"n/a"}]"#, "VARCHAR"),
        (r#"[{"id":"1","n":12,"at":"soon"},{"id":"2","n":{"a":1}}]"#, "VARCHAR"),
    ];
    for (served, kind) in steps {
        *rows.lock().unwrap() = served.to_owned();
        extract(&world, &server).whole();
        assert_eq!(
            world.ask("SELECT column_type FROM (DESCRIBE history.leads) WHERE column_name = 'n'").trim_matches('"'),
            kind
        );
    }
    let versions =
        "SELECT string_agg(coalesce(n, n_a::VARCHAR), ' ' ORDER BY _valid_from) FROM history.leads WHERE id = '2'";
    assert_eq!(world.ask(versions), "-9223372036854775808.00 0.25 n/a 1");
    assert_eq!(world.ask("SELECT count(*) FROM history.leads WHERE id = '1'"), "2");
    let widened = "SELECT string_agg(old_type || '>' || new_type, ' ' ORDER BY run_id, column_name) FROM meta.schema_changes WHERE change = 'widened'";
    assert_eq!(world.ask(widened), r#""bigint>decimal(38,2) decimal(38,2)>text timestamp>text""#);
}

#[test]
fn members_of_a_shared_view_may_disagree() {
    let server = Scripted::start(|asked| match asked.split('?').next().unwrap() {
        "/pipeline/tags/leads" if asked.contains("page=1&") => {
            (200, "", r#"[{"id":"1","text":"x","resource":"mine","k":["a"]}]"#.into())
        }
        "/directory/tags/contacts" if asked.contains("page=1&") => {
            (200, "", r#"[{"id":"2","text":"y","k":2.5}]"#.into())
        }
        _ => (200, "", "[]".into()),
    });
    let world = World::new();
    world.run_against(&server, &["extract", "tags"]).whole();
    assert_eq!(
        world.ask("SELECT id, coalesce(resource_of, resource), resource, k FROM crm.tags ORDER BY id"),
        "1,leads,mine,\"[\"\"a\"\"]\"\n2,contacts,contacts,2.5"
    );
}

#[test]
fn two_instances_with_different_columns_load_in_one_run() {
    let (first, rows) = leads(r#"[{"id":"1","a":1},{"id":"2"}]"#);
    let (second, _) = leads(r#"[{"id":"1","b":"x"}]"#);
    let world = World::new();
    let table = |name: &str, url: &str| format!("[[instance]]\nname = \"{name}\"\nbase_url = \"{url}\"\n");
    let run = |names: &str| {
        world.configure(names);
        Run::from(world.command().args(["extract", "leads"]).env("CRMLAKE_API_KEY", KEY)).whole();
    };
    run(&table("one", &first.url));
    *rows.lock().unwrap() = r#"[{"id":"1","a":5},{"id":"2"}]"#.to_owned();
    run(&format!("{}{}", table("one", &first.url), table("two", &second.url)));
    assert_eq!(world.ask("SELECT _instance, id, a, b FROM crm.leads ORDER BY ALL"), "one,1,5,\none,2,,\ntwo,1,,x");
}

#[test]
fn numbers_that_no_double_gives_back_stay_as_they_were_written() {
    let (server, _) =
        leads(r#"[{"id":"1","tiny":1e-400,"big":123456789012345678901234567890,"exact":0.1,"huge":1e308}]"#);
    let world = World::new();
    extract(&world, &server).whole();
    assert_eq!(
        world.ask("SELECT tiny, big, exact, huge FROM crm.leads"),
        "1e-400,123456789012345678901234567890,0.1,1e308"
    );
}

#[test]
fn a_total_far_too_high_neither_hangs_nor_convinces() {
    let server = Scripted::list(LEADS, || r#"{"items":[{"id":"1"}],"itemCount":18446744073709551615}"#.to_owned());
    let world = World::new();
    let run = extract(&world, &server);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "1");
}

#[test]
fn a_wait_beyond_all_bounds_ends_the_run_and_no_more() {
    let asked = AtomicUsize::new(0);
    let server = Scripted::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => (429, "Retry-After: 1\r\n", String::new()),
        _ => (429, "Retry-After: 18446744073709551615\r\n", String::new()),
    });
    let world = World::new();
    let run = world.run_against(&server, &["extract", "pipelines"]);
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert!(run.err.contains("429"), "{}", run.err);
}

#[test]
fn a_missing_row_is_deleted_on_proof_only() {
    let server_state = Arc::new(Mutex::new((200, String::new())));
    let (state, all) = (server_state.clone(), Arc::new(Mutex::new(true)));
    let whole = all.clone();
    let rows = |from: usize| (from..8).map(|id| format!(r#"{{"id":"{id}"}}"#)).collect::<Vec<_>>().join(",");
    let server = Scripted::start(move |asked| match asked.split('?').next().unwrap() {
        "/pipeline/leads" if asked.contains("page=1&") => {
            (200, "", format!("[{}]", rows(usize::from(!*whole.lock().unwrap()))))
        }
        "/pipeline/leads/0" => {
            let (status, body) = state.lock().unwrap().clone();
            (status, "", body)
        }
        path if path.contains("/forms/") => (404, "", String::new()),
        _ => (200, "", "[]".to_owned()),
    });
    let world = World::new();
    world.configure("[api]\nmax_attempts = 1\n");
    extract(&world, &server).whole();
    *all.lock().unwrap() = false;
    let there = || world.ask("SELECT count(*) FROM crm.leads WHERE id = '0'");
    for (status, body, code, left) in [
        // An error, another thing with an id, and the row itself: it is kept.
        (500, "", 3, "1"),
        (200, r#"{"id":"req-1","message":"no"}"#, 3, "1"),
        (200, r#"{"id":"0","n":1}"#, 0, "1"),
        // Another record of the list in its place: it was merged into that.
        (200, r#"{"id":"3"}"#, 0, "0"),
    ] {
        *server_state.lock().unwrap() = (status, body.to_owned());
        let run = extract(&world, &server);
        assert_eq!((run.code, there().as_str()), (code, left), "{status} {body}: {}{}", run.out, run.err);
    }
}
