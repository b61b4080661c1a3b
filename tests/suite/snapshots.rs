//! What only snapshots have: a manifest, an age, and places that may be somebody else's.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use duckdb::Connection;

use crate::{
    destination::{Destination, Server},
    world::{Run, Sandbox, Scripted, World},
};

const TO_LAKE: [&str; 5] = ["extract", "--to", "parquet", "--out", "lake"];

fn runs(world: &World, table: &str) -> Vec<String> {
    let mut folders: Vec<_> = fs::read_dir(world.path("lake").join(table)).unwrap().flatten().collect();
    folders.sort_by_key(fs::DirEntry::file_name);
    folders.iter().map(|folder| folder.file_name().to_string_lossy().into_owned()).collect()
}

fn named(world: &World, table: &str) -> String {
    let manifest = Destination::Folder.manifest(world).unwrap();
    manifest["resources"][table]["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn as_many_snapshots_stay_as_are_asked_for_and_the_newest_whole_one() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    for _ in 0..3 {
        world.run_with(&sandbox, &[&TO_LAKE[..], &["leads"]].concat()).whole();
    }
    assert_eq!(runs(&world, "leads").len(), 3);
    // What a run of ours left that was stopped, and what is none of ours.
    let stopped = "00000000-0000-7000-8000-000000000000";
    let leftover = world.path(&format!("lake/leads/snapshot={stopped}"));
    let others = ["lake/leads/notes", "lake/leads/snapshot=00000000-0000-7000-8000-000000000001"];
    let others = others.map(|other| world.path(other));
    fs::create_dir(&leftover).unwrap();
    fs::write(world.path("lake/.crmlake/unfinished"), stopped).unwrap();
    for other in &others {
        fs::create_dir(other).unwrap();
    }
    world.run_with(&sandbox, &[&TO_LAKE[..], &["leads", "--keep", "2"]].concat()).whole();
    assert!(!leftover.exists() && !world.path("lake/.crmlake/unfinished").exists());
    for other in &others {
        fs::remove_dir(other).unwrap();
    }
    let kept = runs(&world, "leads");
    assert_eq!(kept.len(), 2);
    assert_eq!(named(&world, "leads"), kept[1]);
    // Snapshots of what is not asked for stay as they are.
    world.run_with(&sandbox, &[&TO_LAKE[..], &["contacts", "--keep", "1"]].concat()).whole();
    assert_eq!(runs(&world, "leads"), kept);
    // A run without a whole sweep does not push out the one that readers are led to.
    let run = world.run_with(&sandbox, &[&TO_LAKE[..], &["contacts", "--keep", "1"]].concat()).whole();
    assert!(run.out.contains("lake ("), "{}", run.out);
    let whole = named(&world, "contacts");
    let broken = Sandbox::start(&["--seed", "8", "--total-off", "3"]);
    for _ in 0..2 {
        let run = world.run_with(&broken, &[&TO_LAKE[..], &["contacts", "--keep", "1"]].concat());
        assert_eq!(run.code, 3, "{}", run.err);
        assert_eq!(named(&world, "contacts"), whole);
        assert_eq!(runs(&world, "contacts").len(), 2);
    }
}

#[test]
fn files_are_private_compressed_and_of_types_that_everybody_reads() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    world.run_with(&sandbox, &TO_LAKE).whole();
    let manifest = Destination::Folder.manifest(&world).unwrap();
    let connection = Connection::open_in_memory().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for entry in manifest["resources"].as_object().unwrap().values() {
        let name = entry["snapshots"][0]["files"][0].as_str().unwrap();
        let path = world.path("lake").join(name);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
            assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700, "{name}");
        }
        let ask = |what: &str, of: &str| -> Vec<String> {
            let query = format!("SELECT DISTINCT coalesce({what}::VARCHAR, '') FROM {of}('{}')", path.display());
            let mut statement = connection.prepare(&query).unwrap();
            let found = statement.query_map([], |row| row.get(0)).unwrap();
            found.collect::<Result<_, _>>().unwrap()
        };
        assert!(ask("compression", "parquet_metadata").iter().all(|codec| codec == "ZSTD"), "{name}");
        seen.extend(
            ask("coalesce(logical_type, converted_type, type)", "parquet_schema")
                .into_iter()
                .map(|kind| kind.split('(').next().unwrap().to_owned()),
        );
    }
    for kind in &seen {
        let known = [
            "",
            "UTF8",
            "DecimalType",
            "DATE",
            "TimestampType",
            "ListType",
            "LIST",
            "INT_64",
            "INT_32",
            "BOOLEAN",
            "DOUBLE",
            "INT64",
        ];
        assert!(known.contains(&kind.as_str()), "{kind} in {seen:?}");
    }
}

#[test]
fn a_place_of_somebody_else_is_left_alone() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    world.run_with(&sandbox, &["extract", "leads"]).whole();
    world.run(&["export", "--to", "lake"]).whole();
    let before = fs::read(world.path("lake/manifest.json")).unwrap();
    let run = world.run_with(&sandbox, &TO_LAKE);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("not of Parquet snapshots"), "{}", run.err);
    assert_eq!(fs::read(world.path("lake/manifest.json")).unwrap(), before);
    fs::write(
        world.path("lake/manifest.json"),
        r#"{"crmlake":"9","format":7,"run_id":"","written_at":"2026-01-01T00:00:00Z","resources":{}}"#,
    )
    .unwrap();
    let run = world.run_with(&sandbox, &TO_LAKE);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("have format 7"), "{}", run.err);
    for (arguments, message) in [
        (&["extract", "--out", "lake"][..], "--out takes --to parquet"),
        (&["extract", "--to", "parquet"], "--out"),
        (&["extract", "--to", "parquet", "--out", "ftp://x/y"], "expected a folder, or a URL that begins with s3://"),
        (&["extract", "--to", "parquet", "--out", "s3://id:hush@bucket"], "must not hold credentials"),
        (&["extract", "--to", "parquet", "--out", "lake", "--keep", "0"], "--keep"),
    ] {
        let run = world.run_with(&sandbox, arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(message) && !run.err.contains("hush"), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn no_instance_is_left_out_of_a_snapshot() {
    let server = Scripted::list("/pipeline/leads", || r#"[{"id":"a"}]"#.to_owned());
    let world = World::new();
    let instances =
        ["north", "south"].map(|name| format!("[[instance]]\nname = \"{name}\"\nbase_url = \"{}\"\n", server.url));
    world.configure(&instances.concat());
    let to_lake = [&TO_LAKE[..], &["leads"]].concat();
    let with_key =
        |arguments: &[&str]| Run::from(world.command().env("CRMLAKE_API_KEY", crate::world::KEY).args(arguments));
    with_key(&to_lake).whole();
    let before = Destination::Folder.visible(&world);
    let run = with_key(&[&to_lake[..], &["--instance", "north"]].concat());
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("instance \"south\" too"), "{}", run.err);
    assert!(Destination::Folder.visible(&world) == before);
    with_key(&[&to_lake[..], &["--instance", "north", "--allow-mass-delete"]].concat()).whole();
    let reader = Destination::Folder.reader(&world).unwrap();
    let found: String =
        reader.query_row("SELECT string_agg(_instance, ' ') FROM crm.leads", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "north");
}

#[test]
fn of_two_runs_that_write_one_bucket_the_second_gives_way() {
    let Some(server) = Server::start() else {
        eprintln!("CRMLAKE_TEST_S3 names no moto_server: not tested");
        return;
    };
    let bucket = Arc::new(Destination::Bucket(server));
    let (world, elsewhere) = (Arc::new(World::new()), World::new());
    let is_second = Arc::new(AtomicBool::new(false));
    let url = Arc::new(std::sync::OnceLock::<String>::new());
    // The scripted server's thread outlives the test; the bucket's process must not.
    let (other_bucket, other_world, other_url) = (Arc::downgrade(&bucket), world.clone(), url.clone());
    let folder = elsewhere.path("");
    // While the first run asks for the list, a second one on another machine comes and goes.
    let crm = Scripted::list("/pipeline/leads", move || {
        if !is_second.swap(true, Ordering::SeqCst) {
            let mut command = other_bucket.upgrade().unwrap().extract(&other_world, other_url.get().unwrap());
            Run::from(command.arg("leads").current_dir(&folder)).whole();
        }
        r#"[{"id":"a"}]"#.to_owned()
    });
    url.set(crm.url.clone()).unwrap();
    let run = Run::from(bucket.extract(&world, &crm.url).arg("leads"));
    assert_eq!(run.code, 7, "{}{}", run.out, run.err);
    assert!(run.err.contains("another run is writing s3://"), "{}", run.err);
    Run::from(bucket.extract(&world, &crm.url).arg("leads")).whole();
}

/// Two instances of leads with a form of one field; the form of the second can go.
fn two_instances(form: &Arc<AtomicBool>) -> (Scripted, String) {
    let is_there = form.clone();
    let server = Scripted::start(move |asked| {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let (instance, list) = path[1..].split_once('/').unwrap();
        match list {
            "pipeline/leads" if query.contains("page=1&") => (200, "", format!(r#"[{{"id":"{instance}"}}]"#)),
            "pipeline/forms/opportunities" if instance == "north" || is_there.load(Ordering::SeqCst) => {
                (200, "", format!(r#"{{"fields":[{{"id":"f-{instance}","label":"Region"}}]}}"#))
            }
            _ if path.contains("/forms/") => (404, "", String::new()),
            _ => (200, "", "[]".to_owned()),
        }
    });
    let instances = ["north", "south"]
        .map(|name| format!("[[instance]]\nname = \"{name}\"\nbase_url = \"{}/{name}\"\n", server.url));
    let configuration = instances.concat();
    (server, configuration)
}

#[test]
fn a_list_that_one_instance_lost_is_no_whole_snapshot() {
    let form = Arc::new(AtomicBool::new(true));
    let (_server, configuration) = two_instances(&form);
    let world = World::new();
    world.configure(&configuration);
    let run = || {
        let mut command = world.command();
        Run::from(command.env("CRMLAKE_API_KEY", crate::world::KEY).args(TO_LAKE).args(["leads", "--keep", "1"]))
    };
    run().whole();
    let before = named(&world, "form_fields_opportunities");
    form.store(false, Ordering::SeqCst);
    let second = run();
    assert!(second.out.contains("form_fields_opportunities: readers are led to snapshot="), "{}", second.out);
    assert_eq!(named(&world, "form_fields_opportunities"), before);
    assert_ne!(named(&world, "leads"), before);
}

#[test]
fn a_field_keeps_the_labels_that_it_had() {
    let step = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let at = step.clone();
    let server = Scripted::start(move |asked| {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let step = at.load(Ordering::SeqCst);
        match path {
            "/pipeline/leads" if query.contains("page=1&") => {
                (200, "", r#"[{"id":"a","customFields":{"f1":"hush","f2":"said"}}]"#.to_owned())
            }
            "/pipeline/forms/opportunities" if step < 2 => {
                let label = ["Salary", "Comp"][step];
                (200, "", format!(r#"{{"fields":[{{"id":"f1","label":"{label}"}},{{"id":"f2","label":"Region"}}]}}"#))
            }
            _ if path.contains("/forms/") => (400, "", String::new()),
            _ => (200, "", "[]".to_owned()),
        }
    });
    let world = World::new();
    world.configure("[privacy]\ndrop = [\"leads.cf_salary\"]\n");
    for now in 0..3 {
        step.store(now, Ordering::SeqCst);
        world.run_against(&server, &[&TO_LAKE[..], &["leads", "--keep", "1"]].concat());
        let reader = Destination::Folder.reader(&world).unwrap();
        let columns = "SELECT string_agg(column_name, ' ') FROM (DESCRIBE crm.leads)";
        let found: String = reader.query_row(columns, [], |row| row.get(0)).unwrap();
        assert_eq!(found, "id cf_region _instance", "{now}");
    }
}

#[test]
fn a_list_that_is_kept_out_and_rejects_that_are_none_any_more_end() {
    let is_second = Arc::new(AtomicBool::new(false));
    let late = is_second.clone();
    let server = Scripted::list("/pipeline/leads", move || {
        let reject = if late.load(Ordering::SeqCst) { "" } else { ",7" };
        format!(r#"[{{"id":"a","people":[{{"email":"hush"}}]}}{reject}]"#)
    });
    let world = World::new();
    let run = || world.run_against(&server, &[&TO_LAKE[..], &["leads", "--keep", "1"]].concat());
    assert_eq!(run().code, 3);
    let tables = |world: &World| {
        let manifest = Destination::Folder.manifest(world).unwrap();
        let tables = manifest["resources"].as_object().unwrap().clone();
        tables.keys().filter(|table| table.contains("leads")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(tables(&world), ["leads", "leads__people", "rejects_leads"]);
    is_second.store(true, Ordering::SeqCst);
    world.configure("[privacy]\ndrop = [\"leads.people\"]\n");
    run().whole();
    assert_eq!(tables(&world), ["leads"]);
    assert!(runs(&world, "leads__people").is_empty() && runs(&world, "rejects_leads").is_empty());
}

#[test]
fn nothing_is_removed_that_no_manifest_listed() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    world.run_with(&sandbox, &[&TO_LAKE[..], &["leads"]].concat()).whole();
    let before = runs(&world, "leads");
    fs::remove_file(world.path("lake/manifest.json")).unwrap();
    world.run_with(&sandbox, &[&TO_LAKE[..], &["contacts", "--keep", "1"]].concat()).whole();
    assert_eq!(runs(&world, "leads"), before);
}

#[test]
fn a_snapshot_that_was_lost_is_told_before_anything_is_fetched() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let world = World::new();
    world.run_with(&sandbox, &[&TO_LAKE[..], &["leads"]].concat()).whole();
    fs::remove_file(world.path("lake/leads").join(named(&world, "leads")).join("part-0.parquet")).unwrap();
    let before = sandbox.stats()["requests"].clone();
    let run = world.run_with(&sandbox, &[&TO_LAKE[..], &["leads"]].concat());
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("part-0.parquet") && run.err.contains("--allow-mass-delete"), "{}", run.err);
    assert_eq!(sandbox.stats()["requests"], before);
    world.run_with(&sandbox, &[&TO_LAKE[..], &["leads", "--allow-mass-delete"]].concat()).whole();
    world.run_with(&sandbox, &[&TO_LAKE[..], &["leads"]].concat()).whole();
}
