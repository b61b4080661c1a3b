//! Runs that are stopped at any moment: the warehouse stays the last good one, and the next run goes on.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _};

use crate::world::{Sandbox, Scripted, World, count};

/// Slow enough that a run can be stopped in the middle.
const SLOWLY: [&str; 6] = ["--seed", "4", "--size-cap", "5", "--fault", "slow=0.2"];

#[test]
fn a_killed_run_is_resumed_and_the_warehouse_is_always_whole() {
    let sandbox = Sandbox::start(&SLOWLY);
    let world = World::new();
    world.configure("[api]\nrequests = 100000\n");
    world.run_with(&sandbox, &["extract"]).whole();
    let full = sandbox.stats()["requests"].as_u64().unwrap();
    let seed = std::env::var("CRMLAKE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_124);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let kills = std::env::var("CRMLAKE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(5);
    let mut resumed = 0;
    for _ in 0..kills {
        let runs = count(&world.warehouse(), "SELECT count(*) FROM meta.runs");
        sandbox.day();
        let mut stopped =
            world.command_with(&sandbox).arg("extract").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(rng.random_range(0..900)));
        stopped.kill().unwrap();
        stopped.wait().unwrap();

        let after = count(&world.warehouse(), "SELECT count(*) FROM meta.runs");
        assert!(after == runs || after == runs + 1, "{after} runs after {runs}, seed {seed}");
        let before = sandbox.stats()["requests"].as_u64().unwrap();
        world.run_with(&sandbox, &["extract"]).whole();
        let requests = sandbox.stats()["requests"].as_u64().unwrap() - before;
        resumed += u64::from(requests < full - 10);
        let dump = sandbox.dump();
        for resource in ["leads", "opportunities", "contacts", "organizations"] {
            let served = i64::try_from(dump[resource].as_array().unwrap().len()).unwrap();
            let found = count(&world.warehouse(), &format!("SELECT count(*) FROM crm.{resource}"));
            assert_eq!(found, served, "{resource}, seed {seed}");
        }
    }
    assert!(resumed > 0, "no run went on where the one before was stopped, seed {seed}");
}

#[cfg(unix)]
#[test]
fn a_signal_stops_a_run_at_once_and_keeps_what_was_fetched() {
    let sandbox = Sandbox::start(&["--seed", "4", "--size-cap", "2", "--fault", "slow=1"]);
    let world = World::new();
    for signal in ["TERM", "INT"] {
        let run = world.command_with(&sandbox).arg("extract").stderr(Stdio::piped()).spawn().unwrap();
        // Long enough for some pages, far too short for all.
        sleep(Duration::from_millis(1_200));
        let start = Instant::now();
        let kill = std::process::Command::new("kill").args([&format!("-{signal}"), &run.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let output = run.wait_with_output().unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "{signal}: {:?}", start.elapsed());
        assert_eq!(output.status.code(), Some(1), "{signal}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("the next run goes on"), "{signal}");
        assert!(world.path(".crmlake/spool/main/leads.spool").metadata().unwrap().len() > 1_000, "{signal}");
    }
    assert!(!world.path("crmlake.duckdb").exists());
}

#[test]
fn torn_foreign_and_stale_spools_are_discarded_with_a_line() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let world = World::new();
    let spool = world.path(".crmlake/spool/main/leads.spool");
    std::fs::create_dir_all(spool.parent().unwrap()).unwrap();
    std::fs::write(&spool, "not a spool").unwrap();
    let run = world.run_with(&sandbox, &["extract", "leads", "-v"]).whole();
    assert!(run.err.contains("does not fit; discarded"), "{}", run.err);
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM crm.leads"), 140);
    assert!(!spool.exists(), "a loaded spool is gone");

    // What a stopped run left is too old at once.
    let slow = Sandbox::start(&["--seed", "4", "--size-cap", "10", "--fault", "slow=1"]);
    let mut stopped = world.command_with(&slow).args(["extract", "leads"]).stderr(Stdio::null()).spawn().unwrap();
    sleep(Duration::from_millis(700));
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    world.configure("[sweep]\nresume_within = \"0s\"\n");
    let run = world.run_with(&slow, &["extract", "leads", "-v"]);
    assert!(run.err.contains("too old; discarded"), "{}", run.err);
}

#[test]
fn a_list_that_a_used_up_quota_cut_off_goes_on_while_the_others_are_loaded() {
    let (open, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_open, counter) = (open.clone(), asked.clone());
    let server = Scripted::start(move |path| {
        let page = path.split("page=").nth(1).and_then(|rest| rest.split('&').next()?.parse::<usize>().ok());
        match (path.split('?').next().unwrap(), page) {
            ("/pipeline/leads", Some(page)) => {
                counter.fetch_add(1, Ordering::SeqCst);
                if page > 8 && !is_open.load(Ordering::SeqCst) {
                    return (
                        403,
                        "",
                        r#"{"message":"Out of call volume quota. Quota will be replenished in 01:00:00."}"#.into(),
                    );
                }
                let rows = if page > 12 { String::new() } else { format!(r#"{{"id":"{page}"}}"#) };
                (200, "", format!(r#"{{"items":[{rows}],"itemCount":12}}"#))
            }
            ("/pipeline/tags/leads", Some(1)) => (200, "", r#"[{"id":"t"}]"#.into()),
            (path, _) if path.contains("/forms/") => (404, "", String::new()),
            _ => (200, "", "[]".into()),
        }
    });
    let world = World::new();
    world.configure("[api]\nconcurrency = 1\n");
    let run = world.run_against(&server, &["extract", "leads", "tags"]);
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert_eq!(
        (world.ask("SELECT count(*) FROM crm.tags"), world.ask("SELECT count(*) FROM crm.leads")),
        ("1".into(), "0".into())
    );
    open.store(true, Ordering::SeqCst);
    asked.store(0, Ordering::SeqCst);
    world.run_against(&server, &["extract", "leads", "tags"]).whole();
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "12");
    // Pages 9 to 12, the one behind them, and the first and the last of those that were there.
    assert_eq!(asked.load(Ordering::SeqCst), 7);
}
