//! Answers in every format: each keeps every digit, and says when the data was extracted and how whole it is.

use std::{collections::HashMap, fs, path::Path};

use calamine::{Data, Reader as _, Xlsx, open_workbook};
use duckdb::Connection;

use crate::world::{Run, Sandbox, World};

/// Values that some format or other is known to spoil.
const EXACT: &str = "
-- title: Exact values
-- question: Does every format keep every digit?
-- grain: one row a kind of value
-- param: limit integer = 5, how many rows at the most
-- definition: big = a 64-bit integer
-- unit: money = amount
-- unit: share = part

SELECT 'a' AS name, CAST('1234567890123456.78' AS DECIMAL(18, 2)) AS amount, 9223372036854775807 AS big, 0.40331 AS part,
       DATE '2026-03-01' AS day, TIMESTAMP '2026-03-01 10:11:12.123456' AS moment, [1, 2] AS list, '=1+1' AS formula,
       CAST('-170141183460469231731687303715884105727' AS HUGEINT) AS huge, MAP {'k': 1.50} AS map
UNION ALL
SELECT NULL, 1.50, 5, NULL, NULL, NULL, NULL, 'a|b <i>', 7, NULL
ORDER BY name NULLS LAST LIMIT CAST($limit AS BIGINT)
";
const BIG: [&str; 3] = ["1234567890123456.78", "9223372036854775807", "-170141183460469231731687303715884105727"];

fn loaded() -> World {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract"]).whole();
    report(&world, "exact", EXACT);
    world
}

fn report(world: &World, name: &str, text: &str) {
    fs::create_dir_all(world.path("sql/reports")).unwrap();
    fs::write(world.path(&format!("sql/reports/{name}.sql")), text.trim_start()).unwrap();
}

fn extracted_at(world: &World) -> String {
    world.ask("SELECT strftime(max(finished_at), '%Y-%m-%dT%H:%M:%SZ') FROM meta.runs")
}

fn sheet(path: &Path, name: &str) -> Vec<Vec<Data>> {
    let mut workbook: Xlsx<_> = open_workbook(path).unwrap();
    workbook.worksheet_range(name).unwrap().rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn texts_keep_every_digit_and_say_how_fresh_they_are() {
    let world = loaded();
    let line = format!("extracted {}, counted", extracted_at(&world));
    for (format, says_it_itself) in
        [("table", true), ("csv", false), ("json", true), ("ndjson", false), ("markdown", true), ("html", true)]
    {
        let run = world.run(&["report", "exact", "--format", format]).whole();
        for big in BIG {
            let shown = if format == "html" {
                run.out.replace(['\u{202f}'], "").replace('\u{2212}', "-")
            } else {
                run.out.clone()
            };
            assert!(shown.contains(big), "{format} has no {big}: {}", run.out);
        }
        if says_it_itself {
            assert_eq!(run.err, "", "{format}");
        } else {
            assert_eq!(run.err, format!("note: {line}\n"), "{format}");
            assert_eq!(world.run(&["report", "exact", "--format", format, "-q"]).whole().err, "");
        }
        if ["table", "markdown"].contains(&format) {
            assert!(run.out.trim_end().ends_with(&line), "{}", run.out);
        }
    }
    let csv = world.run(&["report", "exact", "--format", "csv"]).whole().out;
    assert_eq!(
        csv.lines().nth(1).unwrap(),
        "a,1234567890123456.78,9223372036854775807,0.40331,2026-03-01,2026-03-01T10:11:12.123456,\"[1,2]\",=1+1,-170141183460469231731687303715884105727,\"{\"\"k\"\":1.50}\""
    );
    let json = world.run(&["report", "exact", "--format", "json", "--param", "limit=1"]).whole().out;
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let keys: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["report", "title", "extracted_at", "verdict", "params", "notes", "rows"]);
    assert_eq!(document["params"], serde_json::json!({"limit": "1"}));
    assert_eq!(document["notes"], serde_json::json!([]));
    assert_eq!(document["rows"].as_array().unwrap().len(), 1);
    assert_eq!(document["rows"][0]["map"]["k"], 1.5);
    let markdown = world.run(&["report", "exact", "--format", "markdown"]).whole().out;
    assert!(markdown.contains("a\\|b \\<i>"), "{markdown}");
    let page = world.run(&["report", "exact", "--format", "html"]).whole().out;
    assert!(page.contains("a|b &lt;i&gt;") && page.contains("title=\"0.40331\">40.3%"), "{page}");
    // A statement's JSON is an array of its rows, and nothing else.
    let run = world.run(&["sql", "--format", "json", "SELECT 1 AS a"]).whole();
    assert_eq!((run.out.as_str(), run.err), ("[\n{\"a\":1}\n]\n", format!("note: {line}\n")));
    assert!(world.run(&["sql", "--format", "table", "SELECT 1 AS a"]).whole().out.ends_with(&format!("{line}\n")));
}

#[test]
fn parquet_is_read_back_as_it_was() {
    let world = loaded();
    world.run(&["report", "exact", "--out", "exact.parquet"]).whole();
    let read = Connection::open_in_memory().unwrap();
    let path = world.path("exact.parquet").display().to_string();
    let text = |query: &str| {
        read.query_row(&query.replace("$file", &format!("'{path}'")), [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(
        text("SELECT string_agg(column_name || ' ' || column_type, ', ') FROM (DESCRIBE FROM read_parquet($file))"),
        "name VARCHAR, amount DECIMAL(18,2), big BIGINT, part DECIMAL(6,5), day DATE, moment TIMESTAMP, list INTEGER[], formula \
         VARCHAR, huge VARCHAR, map VARCHAR"
    );
    assert_eq!(
        text("SELECT CAST(whole AS VARCHAR) FROM read_parquet($file) whole LIMIT 1"),
        "{'name': a, 'amount': 1234567890123456.78, 'big': 9223372036854775807, 'part': 0.40331, 'day': 2026-03-01, 'moment': \
         '2026-03-01 10:11:12.123456', 'list': [1, 2], 'formula': '=1+1', 'huge': -170141183460469231731687303715884105727, \
         'map': '{\"k\":1.50}'}"
    );
    let mut statement = read
        .prepare(
            "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?) WHERE starts_with(decode(key), 'crmlake.')",
        )
        .unwrap();
    let entries = statement.query_map([&path], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let entries: HashMap<String, String> = entries.map(Result::unwrap).collect();
    assert_eq!(entries["crmlake.report"], "exact");
    assert_eq!(entries["crmlake.title"], "Exact values");
    assert_eq!(entries["crmlake.extracted_at"], extracted_at(&world));
    assert_eq!(entries["crmlake.verdict"], "counted");
    assert_eq!((entries["crmlake.params"].as_str(), entries["crmlake.notes"].as_str()), ("{\"limit\":\"5\"}", "[]"));
    // Into a pipe, the same bytes; of types that some reader does not know, others.
    let query = "SELECT 18446744073709551615::UBIGINT AS a, TIME '10:00:00' AS b, '6b0e3a9e-5b0c-4f0e-9a55-000000000001'::UUID AS c,
                 INTERVAL 3 DAY AS d, 'x'::ENUM('x') AS e, NULL AS f, {'k': [1]} AS g, 12::HUGEINT AS h WHERE 1 = 1";
    let output = world.command().args(["sql", "--format", "parquet", query]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    fs::write(world.path("odd.parquet"), output.stdout).unwrap();
    let path = world.path("odd.parquet").display().to_string();
    let text = |query: &str| {
        read.query_row(&query.replace("$file", &format!("'{path}'")), [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(
        text("SELECT CAST(whole AS VARCHAR) FROM read_parquet($file) whole"),
        "{'a': 18446744073709551615, 'b': '10:00:00', 'c': 6b0e3a9e-5b0c-4f0e-9a55-000000000001, 'd': 3 days, 'e': x, 'f': NULL, \
         'g': '{\"k\":[1]}', 'h': 12}"
    );
    assert_eq!(
        text("SELECT string_agg(column_type, ' ') FROM (DESCRIBE SELECT a, h FROM read_parquet($file))"),
        "DECIMAL(38,0) DECIMAL(38,0)"
    );
}

#[test]
fn a_workbook_has_numbers_where_no_digit_is_lost_and_a_sheet_about_itself() {
    let world = loaded();
    world.run(&["report", "exact", "--format", "xlsx", "--out", "exact.xlsx"]).whole();
    let rows = sheet(&world.path("exact.xlsx"), "exact");
    let text = |text: &str| Data::String(text.to_owned());
    assert_eq!(rows[0][..3], [text("name"), text("amount"), text("big")]);
    assert_eq!(rows[1][1], text(BIG[0]));
    assert_eq!(rows[1][2], text(BIG[1]));
    assert_eq!(rows[1][3], Data::Float(0.40331));
    assert!(
        matches!(&rows[1][4], Data::DateTime(day) if (day.as_f64() - 46_082.0).abs() < f64::EPSILON),
        "{:?}",
        rows[1][4]
    );
    assert!(matches!(&rows[1][5], Data::DateTime(_)), "{:?}", rows[1][5]);
    assert_eq!(rows[1][7], text("=1+1"));
    assert_eq!(rows[1][8], text(BIG[2]));
    assert_eq!((&rows[2][0], &rows[2][1], &rows[2][2]), (&Data::Empty, &Data::Float(1.5), &Data::Float(5.0)));
    let about = sheet(&world.path("exact.xlsx"), "about");
    for (key, value) in [
        ("report", "exact".to_owned()),
        ("question", "Does every format keep every digit?".to_owned()),
        ("extracted_at", extracted_at(&world)),
        ("verdict", "counted".to_owned()),
        ("param limit", "5".to_owned()),
        ("definition big", "a 64-bit integer".to_owned()),
    ] {
        assert!(about.contains(&vec![text(key), Data::String(value)]), "{key}: {about:?}");
    }
    // Whatever the report is called, there is a sheet about it.
    report(&world, "about", "-- title: About\n\nSELECT 1 AS a");
    world.run(&["report", "about", "--out", "about.xlsx"]).whole();
    assert_eq!(sheet(&world.path("about.xlsx"), "about~2").len(), 2);
    world.run(&["sql", "SELECT 2 AS b", "--out", "answer.xlsx"]).whole();
    assert_eq!(sheet(&world.path("answer.xlsx"), "answer")[1], [Data::Float(2.0)]);
}

#[test]
fn answers_go_where_they_are_sent_and_nothing_is_half_written() {
    let world = loaded();
    // The ending says the format; without one it is CSV.
    for (path, begins) in
        [("a.json", "{\"report\""), ("a.md", "## Exact"), ("a.html", "<!doctype html>"), ("a", "name,amount")]
    {
        world.run(&["report", "exact", "--out", path]).whole();
        assert!(fs::read_to_string(world.path(path)).unwrap().starts_with(begins), "{path}");
    }
    world.run(&["report", "exact", "--format", "json", "--out", "b.csv"]).whole();
    assert!(fs::read_to_string(world.path("b.csv")).unwrap().starts_with('{'), "what is asked for is written");
    // A folder takes one or all.
    world.run(&["report", "exact", "--format", "ndjson", "--out", "new/one/"]).whole();
    assert!(world.path("new/one/exact.ndjson").is_file());
    world.run(&["report", "--format", "xlsx", "--out", "all"]).whole();
    let all = fs::read_dir(world.path("all")).unwrap().count();
    assert_eq!(all, world.run(&["report", "--list"]).whole().out.lines().count() - 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
        // Whoever could not read the old file cannot read the new one; a link keeps leading to it.
        fs::set_permissions(world.path("a.json"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("a.json", world.path("link.json")).unwrap();
        world.run(&["report", "lead_sources", "--out", "link.json"]).whole();
        assert!(world.path("link.json").is_symlink());
        assert!(fs::read_to_string(world.path("a.json")).unwrap().contains("lead_sources"));
        assert_eq!(fs::metadata(world.path("a.json")).unwrap().permissions().mode() & 0o777, 0o600);
        // What is no file is written to, and stays what it is.
        world.run(&["report", "exact", "--out", "/dev/null"]).whole();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }
    assert!(
        !fs::read_dir(world.path(".")).unwrap().any(|entry| entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".part"))
    );
}

#[test]
fn what_cannot_be_written_is_refused_at_once() {
    let world = loaded();
    fs::write(world.path("file"), "mine").unwrap();
    fs::create_dir(world.path("folder")).unwrap();
    for (arguments, problem) in [
        (&["report", "--out", "file"][..], "file is a file, and"),
        (
            &["report", "exact", "lead_sources", "--out", "two.csv"],
            "two.csv is a file's name, and 2 reports need a folder",
        ),
        (&["report", "exact", "--out", "no/such/x.csv"], "there is no folder no/such"),
        (&["report", "exact", "--out", "file/x/"], "file/x/ cannot be a folder: file is a file"),
        (&["report", "exact", "--out", "file/x.csv"], "there is no folder file"),
        (&["report", "exact", "--out", "-"], "leave --out out"),
        (&["report", "exact", "--out", "x.pdf"], "no format ends like x.pdf; there is .txt, .csv, .json"),
        (&["report", "exact", "lead_sources", "--format", "xlsx"], "a xlsx file holds one report"),
        (&["sql", "SELECT 1", "--out", "folder"], "folder is a folder"),
    ] {
        let run = world.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.out, run.err);
        assert!(run.err.contains(problem), "{arguments:?}: {}", run.err);
    }
    assert_eq!(fs::read_to_string(world.path("file")).unwrap(), "mine");
    let wide = (0..16_385).map(|n| format!("{n} AS c{n}")).collect::<Vec<_>>().join(", ");
    fs::write(world.path("wide.sql"), format!("SELECT {wide}")).unwrap();
    let run = world.run(&["sql", "-f", "wide.sql", "--out", "wide.xlsx"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("16385 columns") && !world.path("wide.xlsx").exists(), "{}", run.err);
}

#[test]
fn one_report_that_fails_does_not_keep_the_others_from_a_folder() {
    let world = loaded();
    report(&world, "broken", "-- title: Broken\n\nSELECT no_such_column FROM model.leads");
    let run = world.run(&["report", "--out", "all", "--format", "csv"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("broken") && run.err.contains("no_such_column"), "{}", run.err);
    assert!(world.path("all/exact.csv").exists() && world.path("all/won_lost_by_month.csv").exists());
    assert!(!world.path("all/broken.csv").exists());
    // What CSV has no place for stands beside the files.
    let about: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(world.path("all/about.json")).unwrap()).unwrap();
    let names: Vec<_> = about.as_array().unwrap().iter().map(|about| about["report"].as_str().unwrap()).collect();
    assert!(names.contains(&"exact") && !names.contains(&"broken"), "{names:?}");
    assert!(
        about.as_array().unwrap().iter().all(|about| about["extracted_at"].is_string() && about["verdict"].is_string())
    );
    assert!(about[0].get("rows").is_none());
}

#[test]
fn what_is_known_of_a_folders_reports_stays_where_another_is_written_there() {
    let world = loaded();
    let out = world.path("out/");
    let out = out.to_str().unwrap();
    for names in [&["lead_sources", "top_deals"][..], &["top_deals", "top_deals"]] {
        world.run(&[&["report"], names, &["--format", "csv", "--out", out]].concat()).whole();
        let about: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(world.path("out/about.json")).unwrap()).unwrap();
        let reports: Vec<_> = about.as_array().unwrap().iter().map(|about| about["report"].as_str().unwrap()).collect();
        assert_eq!(reports, ["lead_sources", "top_deals"]);
    }
}

#[test]
fn a_number_that_answers_cannot_hold_is_refused_and_not_another() {
    let world = loaded();
    for value in ["md5_number('b')", "CAST('10101' AS BIT)", "CAST('10:00:00+02' AS TIMETZ)"] {
        let run = world.run(&["sql", &format!("SELECT 1 AS one, {value} AS \"the value\"")]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{value}");
        assert!(run.err.contains("CAST(\"the value\" AS VARCHAR)"), "{}", run.err);
    }
    let text = world.run(&["sql", "SELECT CAST(md5_number('b') AS VARCHAR) AS number", "--format", "csv"]).whole().out;
    assert_eq!(text, "number\n190532336368564675417118094528692087698\n");
}

#[test]
fn a_header_that_is_wrong_is_told_with_file_and_line() {
    let world = loaded();
    for (header, problem) in [
        ("-- title: Mine\n-- chart: pie a b\n", "mine.sql, line 2: \"pie\" is no kind of chart"),
        ("-- title: Mine\n-- chart: bar a c\n", "mine.sql, line 2: the chart names column c, and the answer has a, b"),
        ("-- title: Mine\n-- question: Why?\n-- unit: money = d\n", "mine.sql, line 3: the unit names column d"),
        ("-- chart: bar b a\n", "mine.sql, line 1: the chart draws column a, which holds no numbers"),
    ] {
        report(&world, "mine", &format!("{header}\nSELECT 'x' AS a, 1 AS b"));
        let run = world.run(&["report", "mine"]);
        assert_eq!(run.code, 2);
        assert!(run.err.contains(problem), "{}", run.err);
    }
}

#[test]
fn doubts_are_told_in_every_format() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract"]).whole();
    sandbox.answers_with("leads", 404);
    let run: Run = world.run_with(&sandbox, &["extract"]);
    assert_ne!(run.code, 0);
    let doubt = world.ask("SELECT reason FROM meta.sweeps WHERE resource = 'leads' ORDER BY run_id DESC LIMIT 1");
    assert!(!doubt.is_empty(), "the ledger says why");
    let says = format!("Not known to be whole: leads ({}).", doubt.trim_matches('"').trim_end_matches('.'));
    for format in ["table", "csv", "json", "ndjson", "markdown", "html"] {
        let run = world.run(&["report", "lead_sources", "--format", format]).whole();
        assert!(format!("{}{}", run.out, run.err).contains(&says), "{format}: {}{}", run.out, run.err);
    }
    let json = world.run(&["report", "lead_sources", "--format", "json"]).whole().out;
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&document["verdict"], &document["notes"][0]), (&"suspect".into(), &says.as_str().into()));
    // Seen from far ahead, the data is old, too.
    let page = world.run(&["report", "lead_sources", "--format", "html", "--as-of", "+30d"]).whole().out;
    assert!(
        page.contains("class=\"banner\"") && page.contains("The data is 30 days old")
            || page.contains("The data is 31 days old"),
        "{page}"
    );
    assert!(page.contains("not every list is known to be whole"));
}

#[test]
fn the_list_of_reports_is_data_where_a_format_is_asked_for() {
    let world = loaded();
    let json = world.run(&["report", "--list", "--format", "json"]).whole().out;
    let listed: Vec<HashMap<String, String>> = serde_json::from_str(&json).unwrap();
    assert_eq!(listed.len(), world.run(&["report", "--list"]).whole().out.lines().count() - 1);
    let exact = listed.iter().find(|report| report["report"] == "exact").unwrap();
    assert_eq!(exact["question"], "Does every format keep every digit?");
    assert_eq!(exact["parameters"], "limit integer = 5, how many rows at the most");
    let csv = world.run(&["report", "exact", "--list", "--format", "csv"]).whole().out;
    assert_eq!(csv.lines().nth(1).unwrap().split(',').next(), Some("exact"), "{csv}");
}

#[test]
fn a_mistake_in_a_report_is_told_with_its_place_in_the_file() {
    let world = loaded();
    report(
        &world,
        "slip",
        "-- title: Slip\n-- question: Where?\n\n-- A remark.\nSELECT 1 AS one,\n       nothing AS two\n",
    );
    let run = world.run(&["report", "slip"]);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("sql/reports/slip.sql: Binder Error") && run.err.contains("LINE 6:        nothing AS two"),
        "{}",
        run.err
    );
}

#[test]
fn a_broken_file_stops_no_other_report_and_is_no_success() {
    let world = loaded();
    report(&world, "broken", "-- titel: Broken\nSELECT 1\n");
    let run = world.run(&["report", "--out", "all"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("broken.sql") && run.err.contains("did you mean \"title\""), "{}", run.err);
    assert!(world.path("all/exact.csv").is_file() && world.path("all/headlines.csv").is_file());
    world.run(&["report", "exact"]).whole();
}
