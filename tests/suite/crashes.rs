//! A `forget` that ends at any of its steps, as it would on a power cut. What an extraction does then is in the
//! conformance suite.
//!
//! Built with the feature `failpoints`.

use std::fs;

use crate::world::{Run, Sandbox, World};

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
