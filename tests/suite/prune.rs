//! History that is made old by hand, and then pruned.

use std::fs;

use jiff::{Timestamp, ToSpan as _, tz::Offset};

use crate::world::{Sandbox, World};

/// Three runs, the first two of which are said to be so many days old; children and deleted rows among what changed.
fn aged(days: [i64; 2]) -> (Sandbox, World) {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let world = World::new();
    for _ in 0..3 {
        world.run_with(&sandbox, &["extract"]).whole();
        sandbox.day();
    }
    let warehouse = duckdb::Connection::open(world.path("crmlake.duckdb")).unwrap();
    let runs: Vec<String> = warehouse
        .prepare("SELECT run_id FROM meta.runs ORDER BY started_at")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let tables: Vec<String> = warehouse
        .prepare("SELECT table_name FROM information_schema.tables WHERE table_schema = 'history'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    warehouse.execute_batch("CREATE TEMP TABLE moved (moment TIMESTAMP, age INTERVAL)").unwrap();
    for (run, days) in runs.iter().zip(days) {
        // A run sees everything at one moment.
        warehouse
            .execute_batch(&format!(
                "INSERT INTO moved SELECT max(_valid_from), INTERVAL {days} DAY FROM history.opportunities WHERE _run_id = '{run}';
                 INSERT INTO meta.rejects VALUES ('{run}', 'main', 'leads', 'it has no id', '{{}}');
                 UPDATE meta.runs SET started_at = started_at - INTERVAL {days} DAY,
                     finished_at = finished_at - INTERVAL {days} DAY WHERE run_id = '{run}'"
            ))
            .unwrap();
    }
    for (place, column) in tables
        .iter()
        .flat_map(|table| ["_valid_from", "_valid_to"].map(|column| (format!("history.{table}"), column)))
        .chain([("meta.changes".to_owned(), "observed_at")])
    {
        let move_it = format!("UPDATE {place} SET {column} = {column} - age FROM moved WHERE {column} = moment");
        warehouse.execute_batch(&move_it).unwrap();
    }
    drop(warehouse);
    (sandbox, world)
}

fn moment(days_ago: i64) -> String {
    (Timestamp::now() - (days_ago * 24).hours()).to_string()
}

#[test]
fn old_versions_go_and_what_stood_since_can_still_be_asked_for() {
    let (sandbox, world) = aged([800, 400]);
    let crm = "SELECT * FROM crm.opportunities ORDER BY ALL";
    let children = "SELECT * FROM crm.opportunities__products ORDER BY ALL";
    let (now, rows_now) = (world.ask(crm), world.ask(children));
    let as_of = |days: i64, query: &str| world.run(&["sql", "--as-of", &moment(days), "--format", "csv", query]);
    let then = as_of(200, crm).whole().out;
    let report = world.run(&["report", "pipeline_by_stage", "--as-of", &moment(200)]).whole().out;
    let before = fs::read(world.path("crmlake.duckdb")).unwrap();
    let old = "SELECT count(*) FROM history.opportunities WHERE _valid_to IS NOT NULL";
    let (all, changes) = (world.ask(old), "SELECT count(*) FROM meta.changes");

    let run = world.run(&["prune", "--history-older-than", "1y", "--dry-run"]).whole();
    assert!(
        run.out.contains("this would be removed") && run.out.contains("history.opportunities__products"),
        "{}",
        run.out
    );
    assert!(fs::read(world.path("crmlake.duckdb")).unwrap() == before);
    let run = world.run(&["prune", "--history-older-than", "1y"]).whole();
    assert!(run.out.contains("history.opportunities ") && !run.out.contains("meta.runs"), "{}", run.out);

    assert_eq!(world.ask("SELECT count(*) FROM meta.rejects"), "0");
    assert_eq!((world.ask(crm), world.ask(children)), (now, rows_now));
    assert_eq!(as_of(200, crm).whole().out, then);
    assert_eq!(world.run(&["report", "pipeline_by_stage", "--as-of", &moment(200)]).whole().out, report);
    assert_eq!(world.ask("SELECT count(*) FROM meta.runs"), "3");
    for command in [&["sql", "SELECT 1"][..], &["report", "pipeline_by_stage"]] {
        let run = world.run(&[command, &["--as-of", &moment(500)]].concat());
        assert_eq!(run.code, 2, "{}{}", run.out, run.err);
        let horizon = (Offset::UTC.to_datetime(Timestamp::now()) - 1.year()).date().to_string();
        assert!(run.err.contains(&format!("the history before {horizon}")), "{}", run.err);
    }
    // What the second run changed is gone, and what the third changed is not old.
    let left: u32 = world.ask(old).parse().unwrap();
    assert!(left > 0 && left < all.parse().unwrap(), "{left} of {all}");
    assert_ne!(world.ask(changes), "0");
    world.run_with(&sandbox, &["extract"]).whole();
}

#[test]
fn nothing_old_is_nothing_pruned_and_an_age_must_be_one() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    let run = world.run(&["prune", "--history-older-than", "1y"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("there is no warehouse") && !world.path(".crmlake").exists(), "{}", run.err);
    world.run_with(&sandbox, &["extract", "leads"]).whole();
    let before = fs::read(world.path("crmlake.duckdb")).unwrap();
    for age in ["2y", "18mo", "90d", "52w"] {
        let run = world.run(&["prune", "--history-older-than", age]).whole();
        assert!(run.out.contains("nothing ended before"), "{}", run.out);
    }
    for age in ["", "soon", "0d", "-2y", "2y ago", "2", "99999y", "19000y"] {
        let run = world.run(&["prune", "--history-older-than", age]);
        assert_eq!(run.code, 2, "{age}: {}{}", run.out, run.err);
        assert!(run.err.contains("--history-older-than"), "{age}: {}", run.err);
    }
    assert!(fs::read(world.path("crmlake.duckdb")).unwrap() == before);
    world.run(&["sql", "--as-of", "2001-01-01", "SELECT count(*) FROM crm.leads"]).whole();
}

#[test]
fn another_run_keeps_a_pruning_out() {
    let (_sandbox, world) = aged([800, 400]);
    let before = fs::read(world.path("crmlake.duckdb")).unwrap();
    let lock = fs::File::options().write(true).open(world.path(".crmlake/lock")).unwrap();
    lock.lock().unwrap();
    let run = world.run(&["prune", "--history-older-than", "10d"]);
    assert_eq!(run.code, 7, "{}{}", run.out, run.err);
    assert!(fs::read(world.path("crmlake.duckdb")).unwrap() == before);
    drop(lock);
    world.run(&["prune", "--history-older-than", "10d"]).whole();
    assert_eq!(world.ask("SELECT count(*) FROM meta.rejects"), "0");
}
