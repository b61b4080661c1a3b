//! A run that ends at any step of the merge and the swap, as it would on a power cut: the last good warehouse is readable,
//! and the next run makes up for it.
//!
//! Built with the feature `failpoints`; the steps are read from the source, so that none is forgotten.

use std::{collections::BTreeSet, fs, path::Path};

use crate::world::{Run, Sandbox, World, count};

/// What a reader sees of the rows as they are.
const STATE: &str = "SELECT md5(string_agg(o::VARCHAR, '' ORDER BY id)), count(*) FROM crm.opportunities o
    UNION ALL SELECT md5(string_agg(l::VARCHAR, '' ORDER BY id)), count(*) FROM crm.leads l
    UNION ALL SELECT md5(string_agg(p::VARCHAR, '' ORDER BY _parent_id, _position)), count(*) FROM crm.opportunities__products p";

fn steps(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            steps(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        found.extend(text.split("step(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
}

#[test]
fn a_crash_at_any_step_loses_nothing() {
    let sandbox = Sandbox::start(&["--seed", "12"]);
    let base = World::new();
    base.run_with(&sandbox, &["extract"]).whole();
    let before = base.ask(STATE);
    sandbox.day();
    let control = World::new();
    control.run_with(&sandbox, &["extract"]).whole();
    let after = control.ask(STATE);
    assert_ne!(before, after);
    let mut all = BTreeSet::new();
    for room in ["src/warehouse", "src/sink"] {
        steps(&Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut all);
    }
    assert!(all.len() > 10, "{all:?}");
    // Of no extraction: see below.
    assert!(all.remove("rewritten"));
    for step in all {
        let world = World::new();
        fs::copy(base.path("crmlake.duckdb"), world.path("crmlake.duckdb")).unwrap();
        let run = Run::from(world.command_with(&sandbox).arg("extract").env("FAILPOINTS", format!("{step}=return")));
        // Ended by a signal, and not by an exit code.
        assert_eq!(run.code, -1, "{step}: {}{}", run.out, run.err);
        let expected = if step == "renamed" { &after } else { &before };
        assert_eq!(world.ask(STATE), *expected, "{step}");
        world.run_with(&sandbox, &["extract"]).whole();
        assert_eq!(world.ask(STATE), after, "{step}");
        let warehouse = world.warehouse();
        let twice = "SELECT count(*) FROM (SELECT id FROM history.opportunities WHERE _valid_to IS NULL GROUP BY id HAVING count(*) > 1)";
        assert_eq!(count(&warehouse, twice), 0, "{step}");
        let left: Vec<_> = fs::read_dir(world.path(".crmlake/write")).unwrap().collect();
        assert!(left.is_empty(), "{step} left {left:?}");
    }
}

#[test]
fn a_crash_while_somebody_is_forgotten_leaves_all_or_nothing_of_them() {
    let sandbox = Sandbox::start(&["--seed", "12"]);
    let base = World::new();
    base.run_with(&sandbox, &["extract"]).whole();
    let email = base.text("SELECT min(email) FROM crm.contacts").unwrap();
    let forget = ["forget", "--email", &email];
    for step in ["copied", "rewritten", "checkpointed", "synced", "log-removed", "renamed"] {
        let world = World::new();
        fs::copy(base.path("crmlake.duckdb"), world.path("crmlake.duckdb")).unwrap();
        let run = Run::from(world.command().args(forget).env("FAILPOINTS", format!("{step}=return")));
        assert_eq!(run.code, -1, "{step}: {}{}", run.out, run.err);
        let left = world.ask(&format!("SELECT count(*) FROM history.contacts WHERE email = '{email}'"));
        assert_eq!(left == "0", step == "renamed", "{step} left {left}");
        world.run(&forget).whole();
        assert_eq!(world.ask(&format!("SELECT count(*) FROM history.contacts WHERE email = '{email}'")), "0", "{step}");
        let left: Vec<_> =
            fs::read_dir(world.path(".crmlake")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"], "{step}");
        world.run_with(&sandbox, &["extract"]).whole();
    }
}
