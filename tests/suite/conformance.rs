//! What every destination keeps: the same scenarios for the warehouse, for Parquet in a folder, and for Parquet in a
//! bucket.

use std::{
    fs,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use duckdb::Connection;

use crate::{
    destination::{Destination, SECRET, Server},
    world::{Run, Sandbox, Scripted, World, count},
};

/// Each scenario, for each destination.
const SCENARIOS: [fn(&Destination); 10] = [
    a_commit_shows_everything_at_once,
    a_run_that_is_aborted_changes_nothing,
    a_run_that_is_stopped_changes_nothing_and_is_resumed,
    a_reader_blocks_nobody_and_finds_the_new_when_it_opens_again,
    an_empty_list_is_an_empty_table,
    columns_are_added_and_widen_and_keep_their_names,
    rows_are_gone_on_proof_only,
    a_suspect_sweep_takes_nothing_away,
    a_row_shown_twice_is_one_row,
    #[cfg(feature = "failpoints")]
    a_crash_at_any_step_shows_the_old_or_the_new,
    #[cfg(not(feature = "failpoints"))]
    |_| {},
];

fn conforms(destination: &Destination) {
    for scenario in SCENARIOS {
        scenario(destination);
    }
}

#[test]
fn the_warehouse_conforms() {
    conforms(&Destination::Warehouse);
}

#[test]
fn a_folder_conforms() {
    conforms(&Destination::Folder);
}

#[test]
fn a_bucket_conforms() {
    let Some(server) = Server::start() else {
        eprintln!("CRMLAKE_TEST_S3 names no moto_server: not tested");
        return;
    };
    conforms(&Destination::Bucket(server));
}

fn text(connection: &Connection, query: &str) -> String {
    connection.query_row(query, [], |row| row.get::<_, Option<String>>(0)).unwrap().unwrap_or_default()
}

/// Everything of the sandbox that a reader sees, as one text.
fn state(destination: &Destination, world: &World) -> Option<String> {
    let reader = destination.reader(world)?;
    let parts = ["leads", "opportunities", "contacts", "organizations", "opportunities__products"].map(|table| {
        text(
            &reader,
            &format!(
                "SELECT count(*) || ' ' || md5(string_agg(t::VARCHAR, ';' ORDER BY t::VARCHAR)) FROM crm.{table} t"
            ),
        )
    });
    Some(parts.join("\n"))
}

fn extract(destination: &Destination, world: &World, sandbox: &Sandbox) -> Run {
    Run::from(&mut destination.extract(world, &sandbox.url))
}

fn leads(destination: &Destination, world: &World, server: &Scripted) -> Run {
    Run::from(destination.extract(world, &server.url).arg("leads"))
}

fn a_commit_shows_everything_at_once(destination: &Destination) {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    assert!(destination.reader(&world).is_none());
    let run = extract(destination, &world, &sandbox).whole();
    let dump = sandbox.dump();
    let reader = destination.reader(&world).unwrap();
    for resource in ["leads", "opportunities", "contacts", "organizations", "pipelines"] {
        let served = dump[resource].as_array().unwrap();
        let mut ids: Vec<_> = served.iter().map(|record| record["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(
            text(&reader, &format!("SELECT string_agg(id, ' ' ORDER BY id) FROM crm.{resource}")),
            ids.join(" ")
        );
    }
    let products: usize = dump["opportunities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deal| deal["products"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(count(&reader, "SELECT count(*) FROM crm.opportunities__products"), i64::try_from(products).unwrap());
    assert_eq!(
        text(&reader, "SELECT typeof(amount) FROM crm.opportunities LIMIT 1").split('(').next(),
        Some("DECIMAL")
    );
    // The same again, and then another day.
    let before = state(destination, &world);
    extract(destination, &world, &sandbox).whole();
    assert_eq!(state(destination, &world), before);
    sandbox.day();
    extract(destination, &world, &sandbox).whole();
    assert_ne!(state(destination, &world), before);
    let work = destination.work_folder(&world);
    assert_eq!(fs::read_dir(work.join("write")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(work.join("spool/main")).unwrap().count(), 0);
    for secret in [SECRET, crate::world::KEY] {
        assert!(!format!("{}{}", run.out, run.err).contains(secret));
    }
}

fn a_run_that_is_aborted_changes_nothing(destination: &Destination) {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    extract(destination, &world, &sandbox).whole();
    let before = destination.visible(&world);
    assert!(!before.is_empty());
    sandbox.day();
    let run = Run::from(destination.extract(&world, &sandbox.url).env("CRMLAKE_API_KEY", "another"));
    assert_eq!(run.code, 4, "{}", run.err);
    assert!(destination.visible(&world) == before);
    // One that cannot be read whole loads the others, and takes nothing of this one away.
    let deals = count(&destination.reader(&world).unwrap(), "SELECT count(*) FROM crm.opportunities");
    world.configure("[api]\nmax_attempts = 1\n");
    sandbox.answers_with("opportunities", 503);
    assert_eq!(extract(destination, &world, &sandbox).code, 5);
    let reader = destination.reader(&world).unwrap();
    assert_eq!(count(&reader, "SELECT count(*) FROM crm.opportunities"), deals);
    let served = sandbox.dump()["leads"].as_array().unwrap().len();
    assert_eq!(count(&reader, "SELECT count(*) FROM crm.leads"), i64::try_from(served).unwrap());
}

fn a_run_that_is_stopped_changes_nothing_and_is_resumed(destination: &Destination) {
    let sandbox = Sandbox::start(&["--seed", "8", "--size-cap", "10"]);
    let world = World::new();
    world.configure("[api]\nrequests = 100000\n");
    extract(destination, &world, &sandbox).whole();
    let before = destination.visible(&world);
    let asked = || sandbox.stats()["requests"].as_u64().unwrap();
    let full = asked();
    // The last of a list's pages never come: the run waits for them when it is stopped.
    sandbox.answers_with("contacts", 503);
    let mut run = destination.extract(&world, &sandbox.url);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let spool = destination.work_folder(&world).join("spool/main/opportunities.spool");
    let start = Instant::now();
    let mut size = 0;
    // Fetched whole when it grows no more.
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = fs::metadata(&spool).map_or(0, |file| file.len());
        if now > 3_000 && now == size {
            break;
        }
        size = now;
        assert!(start.elapsed() < Duration::from_secs(30), "nothing was fetched");
    }
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(destination.visible(&world) == before);
    sandbox.answers_with("contacts", 200);
    let so_far = asked();
    extract(destination, &world, &sandbox).whole();
    assert!(asked() - so_far < full / 2, "{} of {full} requests again", asked() - so_far);
}

/// The reader is this process, the writer another one.
fn a_reader_blocks_nobody_and_finds_the_new_when_it_opens_again(destination: &Destination) {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    extract(destination, &world, &sandbox).whole();
    let reader = destination.reader(&world).unwrap();
    let leads = |reader: &Connection| text(reader, "SELECT string_agg(id, ' ' ORDER BY id) FROM crm.leads");
    let before = leads(&reader);
    reader.execute_batch("BEGIN").unwrap();
    for _ in 0..2 {
        sandbox.day();
        extract(destination, &world, &sandbox).whole();
        assert_eq!(leads(&reader), before);
    }
    assert_ne!(leads(&destination.reader(&world).unwrap()), before);
}

fn an_empty_list_is_an_empty_table(destination: &Destination) {
    let server = Scripted::list("/pipeline/leads", || "[]".to_owned());
    let world = World::new();
    leads(destination, &world, &server).whole();
    let reader = destination.reader(&world).unwrap();
    assert_eq!(count(&reader, "SELECT count(*) FROM crm.leads"), 0);
    assert_eq!(text(&reader, "SELECT string_agg(column_name, ' ') FROM (DESCRIBE crm.leads)"), "id _instance");
}

fn columns_are_added_and_widen_and_keep_their_names(destination: &Destination) {
    let steps = [
        r#"[{"id":"a","amount":5},{"id":"b","amount":7}]"#,
        r#"[{"id":"a","amount":5},{"id":"b","amount":7.25,"lines":[{"sku":"x","count":1}]}]"#,
        r#"[{"id":"a","amount":"n/a","when":"2026-01-31"},{"id":"b","amount":7.25,"lines":[{"sku":"x","count":1}]}]"#,
        r#"[{"id":"a","when":"2026-01-31"},{"id":"b","when":null}]"#,
    ];
    let expected =
        [("BIGINT", "a5 b7", 0), ("DECIMAL", "a5.00 b7.25", 1), ("VARCHAR", "an/a b7.25", 1), ("VARCHAR", "a- b-", 0)];
    let at = Arc::new(AtomicUsize::new(0));
    let shown = at.clone();
    let server = Scripted::list("/pipeline/leads", move || steps[shown.load(Ordering::SeqCst)].to_owned());
    let world = World::new();
    for (step, (kind, values, lines)) in expected.iter().enumerate() {
        at.store(step, Ordering::SeqCst);
        leads(destination, &world, &server).whole();
        let reader = destination.reader(&world).unwrap();
        let found = text(&reader, "SELECT column_type FROM (DESCRIBE crm.leads) WHERE column_name = 'amount'");
        assert_eq!(found.split('(').next(), Some(*kind), "{step}");
        let found =
            text(&reader, "SELECT string_agg(id || coalesce(amount::VARCHAR, '-'), ' ' ORDER BY id) FROM crm.leads");
        assert_eq!(found, *values, "{step}");
        if step > 0 {
            assert_eq!(count(&reader, "SELECT count(*) FROM crm.leads__lines"), *lines, "{step}");
        }
        if step > 1 {
            // What no record of a run has is a column nevertheless.
            assert_eq!(count(&reader, "SELECT count(\"when_\") FROM crm.leads"), 1, "{step}");
        }
    }
}

fn rows_are_gone_on_proof_only(destination: &Destination) {
    let shown = Arc::new(Mutex::new((0..20).collect::<Vec<_>>()));
    let list = shown.clone();
    // Of the single records only 3 is there.
    let server = Scripted::start(move |asked| {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        match path.strip_prefix("/pipeline/leads") {
            Some("") if query.contains("page=1&") => {
                let rows = list.lock().unwrap();
                let rows: Vec<_> = rows.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
                (200, "", format!("[{}]", rows.join(",")))
            }
            Some("/3") => (200, "", r#"{"id":"3"}"#.to_owned()),
            Some(one) if one.starts_with('/') => (404, "", String::new()),
            _ if path.contains("/forms/") => (404, "", String::new()),
            _ => (200, "", "[]".to_owned()),
        }
    });
    let world = World::new();
    leads(destination, &world, &server).whole();
    shown.lock().unwrap().retain(|id| ![3, 4].contains(id));
    leads(destination, &world, &server).whole();
    let rows = |world: &World| count(&destination.reader(world).unwrap(), "SELECT count(*) FROM crm.leads");
    assert_eq!(rows(&world), 19);
    shown.lock().unwrap().clear();
    let run = leads(destination, &world, &server);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("19 of 19 rows are missing"), "{}", run.err);
    assert_eq!(rows(&world), 19);
    let run = Run::from(destination.extract(&world, &server.url).args(["leads", "--allow-mass-delete"]));
    assert_eq!((run.code, rows(&world)), (0, 1), "{}", run.err);
}

fn a_suspect_sweep_takes_nothing_away(destination: &Destination) {
    // A total that is never reached.
    let shown = Arc::new(AtomicUsize::new(4));
    let list = shown.clone();
    let server = Scripted::start(move |asked| {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        if path != "/pipeline/leads" {
            return if path.contains("/forms/") { (404, "", String::new()) } else { (200, "", "[]".to_owned()) };
        }
        let rows: Vec<_> = (0..list.load(Ordering::SeqCst)).map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
        let rows = if query.contains("page=1&") { rows.join(",") } else { String::new() };
        (200, "", format!(r#"{{"total":4,"items":[{rows}]}}"#))
    });
    let world = World::new();
    leads(destination, &world, &server).whole();
    shown.store(3, Ordering::SeqCst);
    let run = leads(destination, &world, &server);
    assert_eq!(run.code, 3, "{}", run.err);
    assert_eq!(count(&destination.reader(&world).unwrap(), "SELECT count(*) FROM crm.leads"), 4);
    if let Some(manifest) = destination.manifest(&world) {
        let snapshots = manifest["resources"]["leads"]["snapshots"].as_array().unwrap();
        assert_eq!(
            snapshots.iter().map(|s| (s["rows"].as_u64(), s["whole"].as_bool())).collect::<Vec<_>>(),
            [(Some(4), Some(true)), (Some(3), Some(false))]
        );
        assert!(run.out.contains("readers are led to snapshot="), "{}", run.out);
    }
}

fn a_row_shown_twice_is_one_row(destination: &Destination) {
    let server = Scripted::list("/pipeline/leads", || {
        r#"[{"id":"a","n":1,"lastUpdatedOn":"2026-01-02T00:00:00Z"},{"id":"a","n":2,"lastUpdatedOn":"2026-01-01T00:00:00Z"}]"#
            .to_owned()
    });
    let world = World::new();
    leads(destination, &world, &server);
    // Shown twice, it may be suspect: all snapshots are looked at.
    let reader = match destination.manifest(&world) {
        None => destination.reader(&world).unwrap(),
        Some(manifest) => {
            assert_eq!(manifest["resources"]["leads"]["snapshots"][0]["rows"], 1);
            return;
        }
    };
    assert_eq!(text(&reader, "SELECT string_agg(id || n, ' ') FROM crm.leads"), "a1");
}

/// The steps that the source names, at which a run may end as it would on a power cut.
#[cfg(feature = "failpoints")]
fn steps() -> std::collections::BTreeSet<String> {
    fn walk(folder: &std::path::Path, found: &mut std::collections::BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            found.extend(text.split("step(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    let mut found = std::collections::BTreeSet::new();
    for room in ["src/warehouse", "src/sink"] {
        walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut found);
    }
    found
}

#[cfg(feature = "failpoints")]
fn a_crash_at_any_step_shows_the_old_or_the_new(destination: &Destination) {
    let sandbox = Sandbox::start(&["--seed", "12"]);
    let begin = || {
        let world = World::new();
        extract(destination, &world, &sandbox).whole();
        world
    };
    // A world a step, all as they were before the day passes.
    let worlds: Vec<_> = steps().into_iter().map(|step| (step, begin())).collect();
    let before = state(destination, &worlds[0].1);
    sandbox.day();
    let control = World::new();
    extract(destination, &control, &sandbox).whole();
    let after = state(destination, &control);
    assert_ne!(before, after);
    let mut crashed = Vec::new();
    for (step, world) in &worlds {
        let run = Run::from(destination.extract(world, &sandbox.url).env("FAILPOINTS", format!("{step}=return")));
        if run.code == 0 {
            // Not on the way to this destination.
            continue;
        }
        // Ended by a signal, and not by an exit code.
        assert_eq!(run.code, -1, "{step}: {}{}", run.out, run.err);
        let is_visible = ["renamed", "manifest-written"].contains(&step.as_str());
        assert_eq!(state(destination, world), if is_visible { after.clone() } else { before.clone() }, "{step}");
        extract(destination, world, &sandbox).whole();
        assert_eq!(state(destination, world), after, "{step}");
        if let Destination::Warehouse = destination {
            let twice = "SELECT count(*) FROM (SELECT id FROM history.opportunities WHERE _valid_to IS NULL GROUP BY id HAVING count(*) > 1)";
            assert_eq!(count(&world.warehouse(), twice), 0, "{step}");
        }
        let left: Vec<_> = fs::read_dir(destination.work_folder(world).join("write")).unwrap().collect();
        assert!(left.is_empty(), "{step} left {left:?}");
        crashed.push(step.as_str());
    }
    let expected: &[&str] = match destination {
        Destination::Warehouse => {
            &["copied", "half-written", "merged", "committed", "checkpointed", "synced", "renamed"]
        }
        _ => &["half-written", "merged", "loaded", "snapshot-written", "snapshots-written", "manifest-written"],
    };
    assert!(expected.iter().all(|step| crashed.contains(step)), "{crashed:?}");
}
