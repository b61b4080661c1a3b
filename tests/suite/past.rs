//! The warehouse as it stood: the same queries, the same reports, another moment.

use crate::world::{Sandbox, World};

/// Everything that `crm` and `model` say of leads and deals, in a fixed order.
const STATE: &str = "SELECT 'c' AS of_, id, status, amount::VARCHAR AS amount FROM crm.opportunities
    UNION ALL SELECT 'm', id, status, stage FROM model.opportunities
    UNION ALL SELECT 'l', id, status, title FROM crm.leads
    UNION ALL SELECT 'u', id, name, email FROM crm.users
    UNION ALL SELECT 'p', _parent_id, _position::VARCHAR, sku FROM crm.opportunities__products ORDER BY ALL";

fn now(world: &World) -> String {
    world.text("SELECT strftime(max(_valid_from), '%Y-%m-%dT%H:%M:%S.%fZ') FROM history.opportunities").unwrap()
}

#[test]
fn every_run_can_be_read_as_it_was() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let world = World::new();
    let mut states = Vec::new();
    for _ in 0..3 {
        world.run_with(&sandbox, &["extract"]).whole();
        let report = world.run(&["report", "pipeline_by_stage", "--format", "csv"]).whole().out;
        states.push((now(&world), world.ask(STATE), report));
        sandbox.day();
    }
    for (at, state, report) in &states {
        let then = world.run(&["sql", "--as-of", at, "--format", "csv", STATE]).whole().out;
        assert_eq!(then.split_once('\n').unwrap().1.trim_end(), *state, "{at}");
        let then = world.run(&["report", "pipeline_by_stage", "--format", "csv", "--as-of", at]).whole().out;
        assert_eq!(then, *report, "{at}");
    }
    assert_ne!(states[0].1, states[2].1);
    // Also what there is.
    for at in [&states[0].0, "today"] {
        let tables = world.run(&["sql", "--as-of", at, "--format", "csv", "show tables;"]).whole().out;
        for table in ["crm,leads", "history,leads", "meta,runs", "model,opportunities"] {
            assert!(tables.lines().any(|line| line == table), "{at}: {tables}");
        }
    }
    let count = |at: &str| world.run(&["sql", "--as-of", at, "SELECT count(*) FROM crm.leads"]).whole().out;
    assert_eq!(count("2020-01-01"), "count_star()\n0\n");
    assert_eq!(count("today"), world.run(&["sql", "SELECT count(*) FROM crm.leads"]).whole().out);
}

#[test]
fn the_past_cannot_be_written_and_a_moment_must_be_one() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    world.run_with(&sandbox, &["extract", "leads"]).whole();
    for statement in [
        "CREATE TABLE x (a INT)",
        "DELETE FROM warehouse_now.history.leads",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'y.duckdb'",
    ] {
        let run = world.run(&["sql", "--as-of", "today", statement]);
        assert_eq!(run.code, 2, "{statement}: {}{}", run.out, run.err);
    }
    let run = world.run(&["sql", "--as-of", "2026-02-30", "SELECT 1"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("\"2026-02-30\" is no moment"), "{}", run.err);
}
