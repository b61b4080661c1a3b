//! The semantic layer: canonical words whatever an instance calls its fields, by configuration and by the user's own SQL.

use std::fs;

use serde_json::Value;

use crate::world::{Scripted, World};

/// Deals of a CRM that has its own words for everything.
const DEALS: &str = r#"[
    {"id":"1","dealName":"Alpha","standing":"Gewonnen","worth":1000.50,"iso":"eur","boss":{"name":"Ann Lee"},
     "lastUpdatedOn":"2026-01-02T00:00:00Z","odds":0.4,"begun":"2026-01-01T08:00:00Z"},
    {"id":"2","dealName":"Beta","standing":"Verloren","worth":"12 apples","iso":"USD","boss":{"name":"Bob Ray"},
     "lastUpdatedOn":"2026-01-02T00:00:00Z","odds":1,"begun":"2026-01-01T08:00:00Z"},
    {"id":"3","dealName":"Gamma","standing":"Pausiert","worth":"7.25","iso":"CHF","boss":null,
     "lastUpdatedOn":"2026-01-02T00:00:00Z","odds":0.25,"begun":"soon"}
]"#;

const WORDS: &str = r#"
[fields.opportunities]
amount = "worth"
currency = "iso"
status = "standing"
owner_name = ["chief.name", "boss.name"]
probability = "odds"
created_at = "begun"

[values.opportunities.status]
won = ["gewonnen"]
lost = ["Verloren"]
"#;

fn deals() -> (World, Scripted) {
    let server = Scripted::list("/pipeline/opportunities", || DEALS.to_owned());
    let world = World::new();
    world.run_against(&server, &["extract", "opportunities"]).whole();
    (world, server)
}

const ROWS: &str =
    "SELECT id, title, status, amount, currency, owner_name, probability FROM model.opportunities ORDER BY id";

#[test]
fn a_change_of_the_configuration_counts_at_once_and_the_next_run_keeps_it() {
    let (world, server) = deals();
    assert_eq!(world.ask(ROWS), "1,Alpha,,,,,\n2,Beta,,,,,\n3,Gamma,,,,,");
    world.configure(WORDS);
    let mapped = "1,Alpha,won,1000.50,EUR,Ann Lee,40.000000\n2,Beta,lost,,USD,Bob Ray,100.000000\n3,Gamma,Pausiert,7.25,CHF,,25.000000";
    assert_eq!(world.ask(ROWS), mapped);
    // In the file itself it counts from the next run on.
    assert_eq!(world.text("SELECT max(status) FROM model.opportunities"), None);
    world.run_against(&server, &["extract", "opportunities"]).whole();
    assert_eq!(world.text("SELECT max(status) FROM model.opportunities").as_deref(), Some("won"));
    assert_eq!(world.ask(ROWS), mapped);
    // The past is read with today's words.
    assert_eq!(world.ask("SELECT count(*) FROM model.opportunities WHERE status = 'won'"), "1");
}

fn doctor(world: &World) -> Value {
    serde_json::from_str(&world.run(&["doctor", "--format", "json"]).whole().out).unwrap()
}

#[test]
fn doctor_shows_what_is_mapped_to_what() {
    let (world, _server) = deals();
    let column = |diagnosis: &Value, name: &str| {
        let columns = diagnosis["columns"].as_array().unwrap();
        columns.iter().find(|c| c["model"] == "opportunity_versions" && c["column"] == name).unwrap().clone()
    };
    let before = doctor(&world);
    assert_eq!(column(&before, "title")["from"], serde_json::json!(["dealName"]));
    assert_eq!(column(&before, "amount")["from"], serde_json::json!([]));
    let gaps = before["gaps"].to_string();
    assert!(gaps.contains("opportunities have no amount") && gaps.contains("[fields.opportunities]"), "{gaps}");
    world.configure(WORDS);
    let after = doctor(&world);
    let amount = column(&after, "amount");
    assert_eq!((amount["filled"].as_u64(), amount["unreadable"].as_u64()), (Some(2), Some(1)), "{amount}");
    let owner = column(&after, "owner_name");
    assert_eq!(
        (&owner["from"], &owner["unmet"]),
        (&serde_json::json!(["boss.name"]), &serde_json::json!(["chief.name"]))
    );
    let unknown = &after["unknown_values"];
    assert_eq!((&unknown[0]["value"], unknown.as_array().unwrap().len()), (&Value::from("Pausiert"), 1));
    let table = world.run(&["doctor"]).whole().out;
    for part in ["not mapped: null", "no record has chief.name", "Pausiert", "What to mend:"] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

#[test]
fn what_no_model_has_is_refused_with_what_was_meant() {
    let (world, server) = deals();
    for (configuration, parts) in [
        ("[fields.opportunity]\namount = \"worth\"", ["[fields.opportunity]", "did you mean \"opportunities\""]),
        ("[fields.opportunities]\namuont = \"worth\"", ["amuont", "did you mean \"amount\""]),
        ("[values.opportunities.status]\nwom = [\"x\"]", ["[values.opportunities.status] wom", "did you mean \"won\""]),
        (
            "[values.opportunities.status]\nwon = [\"x\"]\nlost = [\"X \"]",
            ["[values.opportunities.status]", "it can mean one"],
        ),
        ("[currency]\nbase = \"EUR\"", ["[currency] base", "rates.csv"]),
        ("[currency]\nbase = \"EUR\"\nrates = \"none.csv\"", ["none.csv", "cannot read"]),
        ("[quota]\nfile = \"quotas.csv\"", ["quotas.csv, line 2", "is no period"]),
    ] {
        fs::write(world.path("quotas.csv"), "owner,period,amount\nAnn Lee,soon,5\n").unwrap();
        world.configure(configuration);
        for run in [
            world.run(&["report", "pipeline_by_stage"]),
            world.run_against(&server, &["extract"]),
            world.run(&["doctor"]),
        ] {
            assert_eq!(run.code, 2, "{configuration}: {}", run.err);
            for part in parts {
                assert!(run.err.contains(part), "{part}: {}", run.err);
            }
        }
    }
}

#[test]
fn amounts_are_converted_where_the_rate_is_known() {
    let (world, _server) = deals();
    fs::write(world.path("rates.csv"), "currency,rate\nCHF,1.05\n").unwrap();
    world.configure(&format!("[currency]\nbase = \"EUR\"\nrates = \"rates.csv\"\n{WORDS}"));
    assert_eq!(
        world.ask(
            "SELECT id, amount, currency, original_amount, original_currency FROM model.opportunities ORDER BY id"
        ),
        "1,1000.50,EUR,1000.50,eur\n2,,USD,,USD\n3,7.61,EUR,7.25,CHF"
    );
}

#[test]
fn amounts_may_be_as_large_as_they_are() {
    let large = r#"[
        {"id":"1","status":"open","amount":2000000000,"currency":"JPY","probability":60,"lastUpdatedOn":"2026-01-02T00:00:00Z"},
        {"id":"2","status":"open","amount":250000.55,"currency":"EUR","probability":100,"lastUpdatedOn":"2026-01-02T00:00:00Z"},
        {"id":"3","status":"won","amount":9999999999999999.99,"currency":"EUR","probability":0.5,"lastUpdatedOn":"2026-01-02T00:00:00Z"}
    ]"#;
    let server = Scripted::list("/pipeline/opportunities", || large.to_owned());
    let world = World::new();
    world.run_against(&server, &["extract", "opportunities"]).whole();
    assert_eq!(
        world.ask("SELECT id, weighted_amount FROM model.opportunities ORDER BY id"),
        "1,1200000000.0000000000\n2,250000.5500000000\n3,49999999999999.9999500000"
    );
    fs::write(world.path("rates.csv"), "currency,rate\nJPY,0.0061\n").unwrap();
    world.configure("[currency]\nbase = \"EUR\"\nrates = \"rates.csv\"");
    assert_eq!(
        world.ask("SELECT id, amount, currency FROM model.opportunities ORDER BY id"),
        "1,12200000.00,EUR\n2,250000.55,EUR\n3,9999999999999999.99,EUR"
    );
    world.run(&["report"]).whole();
}

#[test]
fn quotas_are_rows_of_a_model() {
    let (world, _server) = deals();
    fs::write(world.path("quotas.csv"), "owner,period,amount,currency\nAnn Lee,2026-Q1,1000.50,EUR\n,2026,9000,\n")
        .unwrap();
    world.configure("[quota]\nfile = \"quotas.csv\"");
    assert_eq!(
        world.ask("SELECT * FROM model.quotas ORDER BY amount"),
        "Ann Lee,2026-01-01,2026-03-31,1000.50,EUR\n,2026-01-01,2026-12-31,9000.00,"
    );
}

/// Writes a file of the user's own SQL.
fn own(world: &World, path: &str, text: &str) {
    let path = world.path("sql").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn own_files_add_and_replace_and_a_broken_one_stops_only_itself() {
    let (world, server) = deals();
    own(
        &world,
        "models/vips.sql",
        "-- title: VIPs\n-- grain: one row a VIP\n\nSELECT id, title FROM model.opportunities",
    );
    own(&world, "models/broken.sql", "-- title: Broken\n-- grain: none\n\nSELECT nothing FROM model.vips");
    own(&world, "models/ring_a.sql", "-- title: A\n-- grain: none\n\nSELECT * FROM model.ring_b");
    own(&world, "models/ring_b.sql", "-- title: B\n-- grain: none\n\nSELECT * FROM model.ring_a");
    own(&world, "models/typo.sql", "-- titel: Typo\n\nSELECT 1");
    own(
        &world,
        "reports/vips.sql",
        "-- title: VIPs\n-- question: Who?\n-- grain: one\n\nSELECT count(*) AS vips FROM model.vips",
    );
    own(&world, "reports/lead_sources.sql", "-- title: Mine\n-- question: What?\n-- grain: one\n\nSELECT 1 AS mine");
    own(&world, "reports/bad.sql", "-- title: Bad\n-- colour: red\n\nSELECT 1");
    let vips = world.run(&["report", "vips", "lead_sources", "--format", "json"]).whole();
    let vips: Value = serde_json::from_str(&vips.out).unwrap();
    assert_eq!((&vips[0]["rows"][0]["vips"], &vips[1]["title"]), (&Value::from(3), &Value::from("Mine")));
    // Whoever asks for what could not be made hears why.
    for (model, reason) in [("broken", "broken.sql: Binder Error"), ("typo", "typo.sql, line 1"), ("ring_a", "circle")]
    {
        let run = world.run(&["sql", &format!("FROM model.{model}")]);
        assert_eq!(run.code, 2);
        assert!(run.err.contains(&format!("model.{model} could not be made: ")), "{}", run.err);
        assert!(run.err.contains(reason) && !run.err.contains("warehouse_now"), "{}", run.err);
    }
    let bad = world.run(&["report", "bad"]);
    assert_eq!(bad.code, 2);
    assert!(bad.err.contains("bad.sql, line 2") && bad.err.contains("\"colour\""), "{}", bad.err);
    let doctor = world.run(&["doctor"]);
    assert_eq!(doctor.code, 3);
    for part in ["broken.sql", "ring_a.sql", "circle", "typo.sql, line 1", "did you mean \"title\""] {
        assert!(doctor.out.contains(part), "{part}: {}", doctor.out);
    }
    // A night's data is not lost to a user's mistake, and the scheduler hears of it.
    let run = world.run_against(&server, &["extract"]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("broken.sql") && run.err.contains("typo.sql"), "{}", run.err);
    assert_eq!(world.text("SELECT CAST(count(*) AS VARCHAR) FROM model.vips").as_deref(), Some("3"));
    assert_eq!(world.text("SELECT max(outcome) FROM meta.runs").as_deref(), Some("whole"));
    assert_eq!(world.ask("SELECT exit_code FROM meta.runs ORDER BY started_at"), "0\n3");
    // Once it is mended, all is well.
    for file in ["broken", "ring_a", "ring_b", "typo"] {
        fs::remove_file(world.path("sql").join(format!("models/{file}.sql"))).unwrap();
    }
    world.run_against(&server, &["extract"]).whole();
    world.run(&["doctor"]).whole();
}

#[test]
fn a_new_report_runs_as_it_is_written() {
    let (world, _server) = deals();
    world.configure(WORDS);
    world.run(&["report", "new", "my_wins"]).whole();
    let run = world.run(&["report", "my_wins", "--param", "since=2020-01-01", "--format", "json"]).whole();
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["title"], "My wins");
    let again = world.run(&["report", "new", "my_wins"]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("is there already"), "{}", again.err);
    // Of a built-in one's name it is that one, to be changed.
    let built_in = world.run(&["report", "lead_sources", "--format", "csv"]).whole().out;
    world.run(&["report", "new", "lead_sources"]).whole();
    let file = fs::read_to_string(world.path("sql/reports/lead_sources.sql")).unwrap();
    assert!(file.starts_with("-- title: Lead sources\n"), "{file}");
    assert_eq!(world.run(&["report", "lead_sources", "--format", "csv"]).whole().out, built_in);
    for name in ["../up", "", "My Wins", "new"] {
        assert_eq!(world.run(&["report", "new", name]).code, 2, "{name}");
    }
}

#[test]
fn parameters_are_checked_before_anything_runs() {
    let (world, _server) = deals();
    own(
        &world,
        "reports/all_kinds.sql",
        "-- title: All kinds\n-- question: What is bound?\n-- grain: one row\n\
         -- param: day date = -7d, a day\n-- param: n integer from 1 to 9 = 3, a count\n-- param: x number =, a number\n\
         -- param: names list = \"a,b\", names\n-- param: by one of count|amount = count, which\n-- param: word text =, a word\n\n\
         SELECT CAST($day AS DATE) AS day, typeof($day) AS day_type, CAST($n AS BIGINT) AS n, CAST($x AS DECIMAL(18, 2)) AS x,\n\
         CAST($names AS VARCHAR[]) AS names, $by AS by_, $word AS word",
    );
    let ask = |params: &[&str]| {
        let mut arguments = vec!["report", "all_kinds", "--format", "json"];
        for param in params {
            arguments.extend(["--param", param]);
        }
        world.run(&arguments)
    };
    let row = |params: &[&str]| {
        let report: Value = serde_json::from_str(&ask(params).whole().out).unwrap();
        report["rows"][0].clone()
    };
    let given =
        row(&["day=2026-01-31", "n=9", "x=-0.50", "names=Ann,\"Lee, Bob\"", "by=AMOUNT", "word='; DROP TABLE x --"]);
    assert_eq!(
        given.to_string(),
        r#"{"day":"2026-01-31","day_type":"DATE","n":9,"x":-0.5,"names":["Ann","Lee, Bob"],"by_":"amount","word":"'; DROP TABLE x --"}"#
    );
    let default = row(&[]);
    assert_eq!(
        (&default["n"], &default["x"], &default["names"]),
        (&3.into(), &Value::Null, &serde_json::json!(["a", "b"]))
    );
    for (param, part) in [
        ("day=soon", "parameter day: \"soon\" is not a date"),
        ("day=2026-02-30", "parameter day"),
        ("n=0", "parameter n: 0 is less than 1"),
        ("n=many", "parameter n: \"many\" is not a whole number"),
        ("x=1e3", "parameter x"),
        ("by=size", "parameter by: \"size\" is not one of count, amount"),
        ("colour=red", "parameter colour: no report chosen has it"),
        ("day", "expected name=value"),
    ] {
        let run = ask(&[param]);
        assert_eq!(run.code, 2, "{param}");
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
}

#[test]
fn a_name_that_finds_nothing_is_told_but_not_repeated() {
    let (world, _server) = deals();
    world.configure(WORDS);
    own(
        &world,
        "reports/deals_of.sql",
        "-- title: Deals of\n-- question: Whose are they?\n-- grain: one row a deal\n-- param: owner text =, whose\n\n\
         SELECT title FROM model.opportunities WHERE coalesce(CAST($owner AS VARCHAR), '') IN ('', owner_name)",
    );
    let ask = |param: &str| world.run(&["report", "deals_of", "--param", param, "--format", "csv"]).whole();
    let nobody = ask("owner=ann lee");
    assert!(
        nobody.err.contains("deals_of: there is nothing for this owner; values are compared exactly"),
        "{}",
        nobody.err
    );
    assert!(!nobody.err.contains("ann lee"), "{}", nobody.err);
    for (param, rows) in [("owner=Ann Lee", 1), ("owner=", 3)] {
        let found = ask(param);
        assert_eq!(found.out.lines().count(), rows + 1, "{param}: {}", found.out);
        assert!(!found.err.contains("there is nothing"), "{param}: {}", found.err);
    }
}

#[test]
fn instances_and_records_may_differ_in_what_they_call_a_field() {
    let server = Scripted::list("/pipeline/opportunities", || {
        r#"[{"id":"1","title":"","dealName":"Alpha","owner":{"name":"Ann"},"amount":1.5,"expectedCloseDate":"2026-02-01"},
            {"id":"2","title":"Beta","assignee":{"name":"Bob","email":"bob@example.com"},"dealValue":"2.25","dueDate":"2026-01-01"},
            {"id":"4","title":"Delta","owner":{"name":"Dee"},"assignee":{"name":"Bob","email":"bob@example.com"}},
            {"id":"3","title":null,"dealName":"","salesAgent":{"name":"Cy"},"name":"no title"}]"#
            .to_owned()
    });
    let world = World::new();
    world.run_against(&server, &["extract", "opportunities"]).whole();
    assert_eq!(
        world.ask(
            "SELECT title, owner_name, owner_email, amount, expected_close_date FROM model.opportunities ORDER BY id"
        ),
        "Alpha,Ann,,1.50,2026-02-01\nBeta,Bob,bob@example.com,2.25,\n,Cy,,,\nDelta,Dee,,,"
    );
}

#[test]
fn what_a_configuration_says_is_taken_for_nothing_else() {
    let (world, _server) = deals();
    world.configure(&WORDS.replace("\"gewonnen\"", "\"gewonnen\", \"{{title}}\""));
    assert_eq!(world.ask("SELECT count(*) FROM model.opportunities WHERE status = 'won'"), "1");
    world.configure("[reports.params]\nsinse = \"-90d\"");
    let run = world.run(&["report", "lead_sources"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("[reports.params] sinse: no report has such a parameter"), "{}", run.err);
}
