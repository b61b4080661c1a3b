//! Checks, and the run that they can stop.

use std::fs;

use serde_json::Value;

use crate::world::{Sandbox, World};

/// Writes a check of the user's own.
fn own(world: &World, name: &str, severity: &str, statement: &str) {
    let folder = world.path("sql/checks");
    fs::create_dir_all(&folder).unwrap();
    let header =
        format!("-- title: Own\n-- question: Is there any?\n-- grain: one row each\n-- severity: {severity}\n");
    fs::write(folder.join(format!("{name}.sql")), format!("{header}\n{statement}\n")).unwrap();
}

#[test]
fn what_a_check_finds_keeps_the_old_warehouse() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    own(&world, "no_leads_at_all", "error", "SELECT id FROM crm.leads");
    let refused = world.run_with(&sandbox, &["run"]);
    assert_eq!(refused.code, 6, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("no_leads_at_all: Own: ") && refused.err.contains("the warehouse is as it was"));
    assert!(!world.path("crmlake.duckdb").exists(), "a warehouse that was refused is there");
    // An extraction by itself checks nothing.
    world.run_with(&sandbox, &["extract"]).whole();
    let before = fs::read(world.path("crmlake.duckdb")).unwrap();
    sandbox.day();
    assert_eq!(world.run_with(&sandbox, &["run"]).code, 6);
    assert!(fs::read(world.path("crmlake.duckdb")).unwrap() == before, "the old warehouse was touched");
    // As a warning it is told, and stops nothing.
    world.configure("[checks.severity]\nno_leads_at_all = \"warn\"");
    let warned = world.run_with(&sandbox, &["run"]).whole();
    assert!(warned.err.contains("no_leads_at_all"), "{}", warned.err);
    assert!(fs::read(world.path("crmlake.duckdb")).unwrap() != before);
    world.configure("[checks]\noff = [\"no_leads_at_all\"]");
    assert!(!world.run_with(&sandbox, &["run"]).whole().err.contains("no_leads_at_all"));
}

#[test]
fn a_check_that_cannot_be_run_vouches_for_nothing() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    own(&world, "broken", "error", "SELECT nothing FROM crm.leads");
    let run = world.run_with(&sandbox, &["run"]);
    assert_eq!(run.code, 6, "{}", run.err);
    assert!(run.err.contains("broken: cannot be run"), "{}", run.err);
    // One that only warns keeps no other from being run, whatever becomes of it, and the run goes on.
    own(&world, "broken", "warn", "SELECT 1 FROM crm.leads WHERE CAST('no number' || id AS INTEGER) = 1");
    let run = world.run_with(&sandbox, &["run"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("broken: cannot be run: Conversion Error"), "{}", run.err);
    assert_eq!(run.err.matches("cannot be run").count(), 1, "{}", run.err);
    // One that cannot be read, either.
    for (file, text) in
        [("latin.sql", &b"-- title: \xe4\n-- severity: error\n\nSELECT 1"[..]), ("Loud.SQL", b"SELECT 1 FROM")]
    {
        let path = world.path("sql/checks").join(file);
        fs::write(&path, text).unwrap();
        let run = world.run_with(&sandbox, &["run"]);
        assert_eq!(run.code, 2, "{file}: {}", run.err);
        assert!(run.err.contains(file), "{}", run.err);
        fs::remove_file(path).unwrap();
    }
    // What would write is no question, whoever asks, and is told before anything is fetched.
    world.run_with(&sandbox, &["extract"]).whole();
    for statement in
        ["DELETE FROM history.leads", "SELECT 1) ; DROP TABLE history.leads; SELECT count(*) FROM (SELECT 1"]
    {
        own(&world, "broken", "error", statement);
        for refused in [world.run_with(&sandbox, &["run"]), world.run(&["check"])] {
            assert_eq!(refused.code, 2, "{statement}: {}", refused.err);
            assert!(refused.err.contains("broken.sql"), "{}", refused.err);
        }
        assert_eq!(world.ask("SELECT count(*) > 0 FROM history.leads"), "true");
    }
}

#[test]
fn check_tells_what_it_finds() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    world.run_with(&sandbox, &["extract"]).whole();
    let all = world.run(&["check", "--format", "json"]).whole();
    let all: Value = serde_json::from_str(&all.out).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 10, "{all:?}");
    for check in all {
        assert_eq!(check["problem"], Value::Null, "{check}");
        assert!(check["severity"] != "error" || check["found"] == 0, "{check}");
    }
    own(
        &world,
        "big_deals",
        "error",
        "SELECT id, amount FROM model.opportunities ORDER BY amount DESC NULLS LAST, id LIMIT 2",
    );
    let found = world.run(&["check", "big_deals", "--format", "csv"]);
    assert_eq!(found.code, 6);
    assert_eq!(found.out.lines().count(), 3, "{}", found.out);
    assert_eq!(world.run(&["check"]).code, 6);
    assert!(world.run(&["check", "--list"]).whole().out.contains("big_deals,error,Is there any?"));
    // A warehouse that nobody has extracted into for long is not fresh.
    world.configure("[checks.params.data_is_fresh]\ntoday = \"2100-01-01\"");
    let stale = world.run(&["check", "data_is_fresh", "--format", "csv"]).whole();
    assert!(stale.out.contains("not read as a whole for long"), "{}", stale.out);
    for (configuration, arguments, part) in [
        ("", &["check", "big_deal"][..], "no check is called \"big_deal\""),
        ("[checks]\noff = [\"big_deal\"]", &["check"], "[checks] off"),
        ("[checks.severity]\nbig_deals = \"bad\"", &["check"], "neither warn nor error"),
        ("[checks.params.big_deals]\nlimit = 3", &["check"], "no such parameter"),
        ("[checks.params.row_counts_not_down]\nmax_drop = \"half\"", &["check"], "max_drop"),
    ] {
        world.configure(configuration);
        let run = world.run(arguments);
        assert_eq!(run.code, 2, "{configuration}");
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
}

/// What the notified program was told.
fn told(world: &World) -> Option<Value> {
    let text = fs::read_to_string(world.path("told.json")).ok()?;
    fs::remove_file(world.path("told.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn a_run_writes_what_is_configured_and_tells_who_is_to_know() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    let notify = "[notify]\ncommand = [\"/bin/sh\", \"-c\", \"cat > told.json\"]\n";
    let run = "[run]\nreports = \"reports\"\nformats = [\"html\", \"csv\"]\nnames = [\"pipeline_by_stage\", \"lead_sources\"]\n\
               dashboard = \"board\"\nexport = \"out\"\nexport_format = \"csv\"\n";
    world.configure(&format!("{run}{notify}when = \"always\"\n"));
    world.run_with(&sandbox, &["run", "--quiet"]).whole();
    for file in [
        "reports/pipeline_by_stage.html",
        "reports/lead_sources.csv",
        "board/index.html",
        "board/lead_sources.html",
        "out/crm/leads.csv",
    ] {
        assert!(world.path(file).exists(), "{file}");
    }
    let outcome = told(&world).unwrap();
    assert_eq!((&outcome["exit_code"], outcome["errors"].as_array().unwrap().len()), (&0.into(), 0), "{outcome}");
    assert!(outcome["resources"].as_array().unwrap().iter().any(|line| line["resource"] == "leads"));
    // Of trouble only, which a failing report is too: it stops nothing else.
    world.configure(&format!("{run}{notify}").replace("[\"pipeline_by_stage\", \"lead_sources\"]", "[]"));
    world.run_with(&sandbox, &["run"]).whole();
    assert!(told(&world).is_none());
    fs::create_dir_all(world.path("sql/reports")).unwrap();
    fs::write(world.path("sql/reports/bad.sql"), "-- title: Bad\n-- question: What?\n-- grain: none\n\nSELECT nothing")
        .unwrap();
    fs::remove_file(world.path("board/index.html")).unwrap();
    let run = world.run_with(&sandbox, &["run"]);
    assert_ne!(run.code, 0);
    assert!(run.err.contains("bad"), "{}", run.err);
    assert!(world.path("board/index.html").exists());
    assert_eq!(told(&world).unwrap()["exit_code"], run.code);
    fs::remove_file(world.path("sql/reports/bad.sql")).unwrap();
    // A key that is refused is told as well, and never its letters.
    let mut command = world.command_with(&sandbox);
    let refused = crate::world::Run::from(command.env("CRMLAKE_API_KEY", "wrong-key-77aa").args(["run"]));
    assert_eq!(refused.code, 4, "{}", refused.err);
    let outcome = told(&world).unwrap();
    assert_eq!(outcome["exit_code"], 4);
    assert!(!outcome.to_string().contains("wrong-key-77aa"));
}

#[test]
fn mistakes_in_the_configuration_are_told_before_anything_is_fetched() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    fs::create_dir(world.path("mine")).unwrap();
    fs::write(world.path("mine/letter.txt"), "dear").unwrap();
    for (configuration, part) in [
        ("[run]\nreports = \"r\"\nformats = [\"pdf\"]", "[run] formats"),
        ("[run]\nreports = \"r\"\nnames = [\"pipeline\"]", "no report is called \"pipeline\""),
        ("[run]\nexport = \"out\"\nexport_format = \"pdf\"", "[run] export_format"),
        ("[run]\ndashboard = \"mine\"", "letter.txt"),
        ("[checks]\noff = [\"nothing\"]", "[checks] off"),
    ] {
        world.configure(configuration);
        let run = world.run_with(&sandbox, &["run"]);
        assert_eq!(run.code, 2, "{configuration}: {}", run.err);
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert_eq!(sandbox.stats()["requests"], 0);
}

#[test]
fn what_several_checks_found_is_told_apart_in_every_format() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    world.run_with(&sandbox, &["extract", "-q"]).whole();
    let both = |format: &str| world.run(&["check", "unique_ids", "non_null_ids", "--format", format]);
    assert_eq!(serde_json::from_str::<Value>(&both("json").whole().out).unwrap(), serde_json::json!([[], []]));
    assert_eq!(both("csv").whole().out.matches("# ").count(), 2);
    for format in ["xlsx", "parquet", "html"] {
        let run = both(format);
        assert_eq!(run.code, 2, "{format}");
        assert!(run.err.contains("choose one") && run.out.is_empty(), "{}", run.err);
    }
    // Each says how fresh and how whole the data is.
    assert!(both("csv").err.contains("note: extracted 20"), "{}", both("csv").err);
    let page = world.run(&["check", "--format", "html"]).whole().out;
    assert!(page.contains("every list is whole by its count"), "{page}");
}
