//! A user's mistake gets one or two lines, the right exit code, and costs nothing.

use crate::world::{KEY, Run, Sandbox, World};

/// What a user sees: exit code and standard error, which must be short and without a backtrace.
fn seen(run: &Run) -> String {
    assert!(run.err.lines().count() <= 2, "{}", run.err);
    assert!(!run.err.contains("panicked") && !run.err.contains("RUST_BACKTRACE"), "{}", run.err);
    assert_eq!(run.out, "");
    format!("exit {}\n{}", run.code, run.err.trim_end())
}

fn loaded() -> (Sandbox, World, Vec<u8>) {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract"]).whole();
    let bytes = std::fs::read(world.path("crmlake.duckdb")).unwrap();
    (sandbox, world, bytes)
}

#[test]
fn configuration_mistakes_are_named() {
    let world = World::new();
    insta::assert_snapshot!(seen(&world.run(&["extract"])), @"
    exit 2
    error: no base URL: set CRMLAKE_BASE_URL or write an [[instance]] table into crmlake.toml
    hint: to try crmlake without a CRM, run `crmlake demo`
    ");
    let no_key = Run::from(world.command().arg("extract").env("CRMLAKE_BASE_URL", "https://crm.example/v1"));
    insta::assert_snapshot!(seen(&no_key), @r#"
    exit 2
    error: no API key for instance "main": set CRMLAKE_API_KEY, or CRMLAKE_API_KEY_FILE to a file that holds it
    "#);
    std::fs::write(world.path("crmlake.toml"), "[api]\npage_sise = 10\n").unwrap();
    insta::assert_snapshot!(seen(&world.run(&["extract"])), @"
    exit 2
    error: crmlake.toml, line 2: unknown field `page_sise`, expected one of `page_size`, `requests`, `window`, `concurrency`, `connect_timeout`, `timeout`, `stall_timeout`, `max_attempts`, `max_elapsed`, `max_response_bytes`, `items`, `total`
    ");
    std::fs::write(world.path("crmlake.toml"), "key = \"hunter2\"\n").unwrap();
    let run = world.run(&["extract"]);
    assert!(run.code == 2 && !run.err.contains("hunter2"), "{}", run.err);
    insta::assert_snapshot!(seen(&world.run(&["extract", "--config", "nowhere.toml"])), @"
    exit 2
    error: cannot read the configuration file nowhere.toml: No such file or directory (os error 2)
    ");
    std::fs::remove_file(world.path("crmlake.toml")).unwrap();
    let plain = Run::from(
        world.command().arg("extract").env("CRMLAKE_BASE_URL", "http://crm.example/v1").env("CRMLAKE_API_KEY", KEY),
    );
    insta::assert_snapshot!(seen(&plain), @r#"
    exit 2
    error: base URL of instance "main": plain http would send the key unencrypted; use https, or set allow_http = true for this instance
    "#);
    insta::assert_snapshot!(seen(&world.run(&["sql", "SELECT 1", "--warehouse", "CRM.duckdb"])), @r#"
    exit 2
    error: warehouse CRM.duckdb: DuckDB names a catalog after its file, so "CRM" would make every CRM.<table> ambiguous; choose another name
    "#);
    assert!(!world.path(".crmlake").exists() && !world.path("crmlake.duckdb").exists());
}

#[test]
fn an_unreachable_or_refusing_source_changes_nothing() {
    let (sandbox, world, before) = loaded();
    let refused = Run::from(
        world.command().arg("extract").env("CRMLAKE_BASE_URL", &sandbox.url).env("CRMLAKE_API_KEY", "not-the-key-77"),
    );
    insta::assert_snapshot!(seen(&refused), @"
    exit 4
    error: form_fields_opportunities, page 1: /pipeline/forms/opportunities: failed: the server refused the key (401)
    hint: check CRMLAKE_API_KEY and CRMLAKE_API_KEY_SECONDARY against the keys in the CRM's settings
    ");
    std::fs::write(world.path("crmlake.toml"), "[api]\nmax_attempts = 2\n").unwrap();
    let unreachable = Run::from(
        world
            .command()
            .args(["extract", "leads", "-q"])
            .env("CRMLAKE_BASE_URL", "http://127.0.0.1:1")
            .env("CRMLAKE_API_KEY", KEY),
    );
    assert_eq!(unreachable.code, 5);
    assert!(unreachable.err.contains("no connection") && unreachable.err.contains("CRMLAKE_BASE_URL"));
    assert!(unreachable.err.contains("2 attempts"), "{}", unreachable.err);
    assert_eq!(std::fs::read(world.path("crmlake.duckdb")).unwrap(), before);
}

#[test]
fn questions_that_cannot_be_answered_say_why() {
    let (sandbox, world, before) = loaded();
    let empty = World::new();
    insta::assert_snapshot!(seen(&empty.run(&["sql", "SELECT 1"])), @"
    exit 2
    error: there is no warehouse at crmlake.duckdb
    hint: run `crmlake extract` first, or name another file with --warehouse
    ");
    insta::assert_snapshot!(seen(&world.run(&["report", "no_such_report"])), @r#"
    exit 2
    error: no report is called "no_such_report"
    hint: `crmlake report --list` describes them
    "#);
    insta::assert_snapshot!(seen(&world.run(&["report", "lead_sources", "--param", "since=soon"])), @r#"
    exit 2
    error: parameter since: "soon" is not a date such as 2026-01-31, today, yesterday, -90d, -2w, -3mo, -1y, start-of-month, start-of-quarter or end-of-year (lead_sources: date)
    "#);
    insta::assert_snapshot!(seen(&world.run(&["report", "lead_sources", "--param", "sinse=2026-01-01"])), @"
    exit 2
    error: parameter sinse: no report chosen has it; there is since, until
    ");
    insta::assert_snapshot!(seen(&world.run(&["sql", "SELEC 1"])), @r#"
    exit 2
    error: SQL: Parser Error: syntax error at or near "SELEC"; LINE 1: SELEC 1
    "#);
    insta::assert_snapshot!(seen(&world.run(&["sql", "SELECT * FROM crm.leeds"])), @r#"
    exit 2
    error: SQL: Catalog Error: Table with name leeds does not exist!; Did you mean "leads"?; LINE 1: SELECT * FROM crm.leeds
    hint: `crmlake sql "SHOW ALL TABLES"` lists what there is
    "#);
    insta::assert_snapshot!(seen(&world.run_with(&sandbox, &["extract", "leeds"])), @r#"
    exit 2
    error: no resource is called "leeds"; there is form_fields, leads, opportunities, contacts, organizations, pipelines, tags
    "#);
    for write in [
        "DELETE FROM history.leads",
        "CREATE TABLE crm.mine (a INTEGER)",
        "COPY (SELECT 1) TO 'out.csv'",
        "ATTACH 'other.duckdb'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "INSTALL httpfs",
    ] {
        let run = world.run(&["sql", write]);
        assert_eq!(run.code, 2, "{write}: {}{}", run.out, run.err);
    }
    assert!(!world.path("out.csv").exists());
    assert_eq!(std::fs::read(world.path("crmlake.duckdb")).unwrap(), before);
}

#[test]
fn a_second_run_is_turned_away_and_the_key_file_works() {
    let (sandbox, world, _) = loaded();
    let lock = std::fs::File::open(world.path(".crmlake/lock")).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!(seen(&world.run_with(&sandbox, &["extract"])), @"
    exit 7
    error: another run is writing this warehouse
    hint: wait for it to end; nothing was touched
    ");
    drop(lock);
    // The environment goes before the file that `init` writes.
    world.run(&["init"]).whole();
    world.run_with(&sandbox, &["extract", "leads"]).whole();
    std::fs::remove_file(world.path("crmlake.toml")).unwrap();
    std::fs::write(world.path("key"), format!("{KEY}\n")).unwrap();
    let run = Run::from(
        world
            .command()
            .args(["extract", "leads"])
            .env("CRMLAKE_BASE_URL", &sandbox.url)
            .env("CRMLAKE_API_KEY_FILE", "key"),
    );
    run.whole();
}
