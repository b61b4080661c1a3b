//! Everything that the sandbox can get wrong, against the real binary: all rows arrive, or the run says what is missing.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use crate::world::{KEY, Run, Sandbox, Scripted, World, count};

/// Short waits: the faults are what is tested, not the patience.
const PATIENT: &str = "[api]\nstall_timeout = \"500ms\"\ntimeout = \"1s\"\nmax_attempts = 12\nrequests = 10000\n";

/// Extracts from a sandbox with a page size small enough for many requests, and checks that all leads arrived.
fn all_leads_arrive(options: &[&str], configuration: &str) -> (Sandbox, World) {
    let sandbox = Sandbox::start(&[&["--seed", "9", "--size-cap", "10"], options].concat());
    let world = World::new();
    world.configure(configuration);
    world.run_with(&sandbox, &["extract", "leads"]).whole();
    let expected = sandbox.dump()["leads"].as_array().unwrap().len();
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM crm.leads"), i64::try_from(expected).unwrap());
    (sandbox, world)
}

#[test]
fn every_passing_fault_is_survived() {
    let kinds = [
        "408",
        "429",
        "500",
        "502",
        "503",
        "504",
        "reset",
        "stall",
        "truncate",
        "garbage",
        "html",
        "error-flag",
        "slow",
        "drip",
    ];
    thread::scope(|scope| {
        for kind in kinds {
            scope.spawn(move || {
                let (sandbox, world) = all_leads_arrive(&["--fault", &format!("{kind}=0.25")], PATIENT);
                let faults = sandbox.stats()["faults"].as_u64().unwrap();
                assert!(faults > 0, "{kind} never struck");
                if kind != "slow" {
                    let retries = "SELECT CAST(sum(retries) AS BIGINT) FROM meta.sweeps";
                    assert_eq!(count(&world.warehouse(), retries), i64::try_from(faults).unwrap(), "{kind}");
                }
            });
        }
    });
}

#[test]
fn every_habit_of_a_list_is_understood() {
    for habit in [
        &["--past-end", "404"][..],
        &["--past-end", "last"],
        &["--past-end", "last", "--no-total"],
        &["--past-end", "404", "--no-total"],
        &["--total-off", "-7", "--past-end", "last"],
        &["--gzip"],
        &["--envelope", "array"],
        &["--envelope", "data"],
        &["--envelope", "leads"],
        &["--envelope", "something"],
    ] {
        all_leads_arrive(habit, "");
    }
}

#[test]
fn a_total_above_the_rows_served_is_believed_until_it_is_overruled() {
    let sandbox = Sandbox::start(&["--seed", "9", "--size-cap", "10", "--total-off", "7"]);
    let world = World::new();
    let run = world.run_with(&sandbox, &["extract", "leads"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(run.out.contains("140 rows were seen where the API told 147") && run.out.contains("total = \"none\""));
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM crm.leads"), 140);
    world.configure("[api]\ntotal = \"none\"\n");
    world.run_with(&sandbox, &["extract", "leads"]).whole();
}

#[test]
fn a_list_that_never_holds_still_is_loaded_and_suspect() {
    let sandbox = Sandbox::start(&["--seed", "9", "--size-cap", "10", "--churn", "0.9"]);
    let world = World::new();
    let run = world.run_with(&sandbox, &["extract", "leads"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(run.out.contains("leads: the list did not hold still in 3 passes"), "{}", run.out);
    assert!(count(&world.warehouse(), "SELECT count(*) FROM crm.leads") > 100);
    let status = world.run(&["status"]).whole();
    assert!(status.out.contains("leads,suspect"), "{}", status.out);
}

#[test]
fn a_client_set_too_fast_learns_the_quota_and_loses_nothing() {
    for style in ["seconds", "date", "message", "none"] {
        let quota = ["--requests", "8", "--window", "1s", "--retry-after", style];
        let (sandbox, _) = all_leads_arrive(&quota, "[api]\nmax_attempts = 20\n");
        let throttled = sandbox.stats()["throttled"].as_u64().unwrap();
        // A burst is no more than the pages in flight; the windows are as many as the requests fill.
        assert!(throttled > 0 && throttled <= 8 * 4, "{style}: {throttled} refused");
    }
}

#[test]
fn a_client_that_knows_the_quota_is_never_refused() {
    let quota = ["--requests", "8", "--window", "1s"];
    let (sandbox, _) = all_leads_arrive(&quota, "[api]\nrequests = 8\nwindow = \"1s\"\n");
    assert_eq!(sandbox.stats()["throttled"], 0);
}

#[test]
fn a_used_up_quota_ends_the_run_and_the_next_goes_on() {
    let sandbox = Sandbox::start(&["--seed", "9", "--size-cap", "10", "--call-quota", "9"]);
    let world = World::new();
    let run = world.run_with(&sandbox, &["extract", "leads"]);
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert!(run.err.contains("03:25:45"), "{}", run.err);
}

#[test]
fn an_answer_that_is_too_large_is_refused_with_a_remedy() {
    let sandbox = Sandbox::start(&["--seed", "9"]);
    let world = World::new();
    world.configure("[api]\nmax_response_bytes = \"20KiB\"\n");
    let run = world.run_with(&sandbox, &["extract", "organizations"]);
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert!(run.err.contains("larger than 20480 bytes (max_response_bytes)"), "{}", run.err);
    world.configure("[api]\nmax_response_bytes = \"20KiB\"\npage_size = 10\n");
    world.run_with(&sandbox, &["extract", "organizations"]).whole();
}

#[test]
fn a_list_that_an_instance_is_without_is_left_out_with_a_warning() {
    let server = Scripted::start(|path| match path.split('?').next().unwrap() {
        "/pipeline/leads" | "/pipeline/opportunities" | "/directory/contacts" => (200, "", "[]".into()),
        "/directory/organizations" if path.contains("page=1&") => (200, "", r#"[{"id":"1"}]"#.into()),
        "/directory/organizations" => (200, "", r#"{"items":[]}"#.into()),
        _ => (404, "", String::new()),
    });
    let world = World::new();
    let run = world.run_against(&server, &["extract"]).whole();
    assert!(
        run.err.contains("pipelines: the API has no list at /pipeline/pipelines/opportunities (404)"),
        "{}",
        run.err
    );
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM model.organizations"), 1);
    // Without one of the four that every CRM has, the base URL is wrong.
    let server = Scripted::start(|_| (404, "", String::new()));
    let run = World::new().run_against(&server, &["extract"]);
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert!(run.err.contains("check the base URL"), "{}", run.err);
}

#[test]
fn one_list_that_fails_does_not_lose_the_others() {
    let sandbox = Sandbox::start(&["--seed", "9", "--down", "contacts"]);
    let world = World::new();
    world.configure("[api]\nmax_attempts = 2\n");
    let run = world.run_with(&sandbox, &["extract"]);
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert!(run.err.contains("contacts, page 1") && run.err.contains("500"), "{}", run.err);
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM crm.leads"), 140);
    assert_eq!(count(&world.warehouse(), "SELECT count(*) FROM crm.contacts"), 0);
    let failed = "SELECT count(*) FROM meta.sweeps WHERE verdict = 'suspect' AND resource = 'contacts'";
    assert_eq!(count(&world.warehouse(), failed), 1);
}

#[test]
fn a_refused_primary_key_falls_back_to_the_secondary_one() {
    let sandbox = Sandbox::start(&["--seed", "9"]);
    let world = World::new();
    let run = Run::from(
        world
            .command_with(&sandbox)
            .args(["extract", "leads"])
            .env("CRMLAKE_API_KEY", "retired-key")
            .env("CRMLAKE_API_KEY_SECONDARY", KEY),
    );
    assert!(run.err.contains("primary key was refused") && run.err.lines().count() == 1, "{}", run.err);
    run.whole();
}

#[test]
fn the_key_never_reaches_another_host() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let sandbox = Sandbox::start(&["--seed", "9", "--redirect-to", &format!("http://{address}")]);
    let world = World::new();
    let run = world.run_with(&sandbox, &["extract", "leads"]);
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert!(run.err.contains("redirects to another place"), "{}", run.err);
    // Nobody knocked: the queue of connections is empty.
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn an_answer_without_a_list_is_described_without_its_values() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let body = r#"{"customer":"Ann Example","rows":{"a":1}}"#;
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        }
    });
    let world = World::new();
    let run = Run::from(
        world.command().args(["extract", "tags", "-vv"]).env("CRMLAKE_BASE_URL", &url).env("CRMLAKE_API_KEY", KEY),
    );
    assert_eq!(run.code, 5, "{}{}", run.out, run.err);
    assert!(run.err.contains(r#"its keys are "customer", "rows""#), "{}", run.err);
    assert!(!run.err.contains("Ann Example"), "{}", run.err);
}

#[test]
fn a_plan_says_what_a_run_would_take() {
    let sandbox = Sandbox::start(&["--seed", "9", "--size-cap", "10"]);
    let world = World::new();
    world.configure("[api]\nrequests = 5\nwindow = \"2s\"\n");
    let plan = world.run_with(&sandbox, &["plan", "leads", "opportunities"]).whole();
    // 140 leads in 14 pages and the page behind them, 128 opportunities likewise, and their form.
    assert!(plan.out.contains("30 requests; at 5 in 2s they take at least 10s"), "{}", plan.out);
    assert!(!world.path("crmlake.duckdb").exists());
}
