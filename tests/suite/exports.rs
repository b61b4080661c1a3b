//! An export says what the warehouse says, in types and cells that others read, and takes the old one's place at once.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use calamine::{Data, Reader as _, Xlsx, open_workbook};
use duckdb::Connection;

use crate::world::{Run, Sandbox, Scripted, World, count};

/// A world with the sandbox's records, and models of its own.
fn loaded(models: &[(&str, &str)]) -> World {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let world = World::new();
    own_models(&world, models);
    world.run_with(&sandbox, &["extract"]).whole();
    world
}

fn own_models(world: &World, models: &[(&str, &str)]) {
    fs::create_dir_all(world.path("sql/models")).unwrap();
    for (name, statement) in models {
        fs::write(world.path(&format!("sql/models/{name}.sql")), format!("-- title: {name}\n\n{statement}\n")).unwrap();
    }
}

/// A world with one list of leads.
fn with_leads(rows: String) -> World {
    let server = Scripted::list("/pipeline/leads", move || rows.clone());
    let world = World::new();
    world.run_against(&server, &["extract", "leads"]).whole();
    world
}

fn manifest(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Table and path of every file.
fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let files = manifest(folder)["files"].as_array().unwrap().clone();
    files.iter().map(|file| (text(&file["table"]), folder.join(text(&file["path"])))).collect()
}

/// Every file below a folder, relative to it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            found.insert(name);
        }
    }
    found
}

fn texts(connection: &Connection, query: &str) -> Vec<String> {
    let mut statement = connection.prepare(query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn parquet_files_hold_what_the_views_hold() {
    let world = loaded(&[]);
    let before = fs::read(world.path("crmlake.duckdb")).unwrap();
    let run = world.run(&["export", "--to", "out"]).whole();
    assert!(
        run.out.contains("crm.leads") && run.out.contains("counted") && run.err.is_empty(),
        "{}{}",
        run.out,
        run.err
    );
    let folder = world.path("out");
    let warehouse = world.warehouse();
    let views = texts(
        &warehouse,
        "SELECT table_schema || '.' || table_name FROM information_schema.tables
         WHERE table_schema IN ('crm', 'model') ORDER BY 1",
    );
    let entries = entries(&folder);
    assert_eq!(entries.iter().map(|(table, _)| table.clone()).collect::<Vec<_>>(), views);
    for ((table, path), file) in entries.iter().zip(manifest(&folder)["files"].as_array().unwrap()) {
        let file_name = format!("out/{}.parquet", table.replace('.', "/"));
        assert_eq!(*path, world.path(&file_name));
        assert_eq!(file["bytes"].as_u64().unwrap(), fs::metadata(path).unwrap().len());
        let read = format!("read_parquet('{}')", path.display());
        let rows = count(&warehouse, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(count(&warehouse, &format!("SELECT count(*) FROM {read}")), rows);
        assert_eq!(file["rows"].as_i64().unwrap(), rows);
        for (one, other) in [(table, &read), (&read, table)] {
            let query = format!("SELECT count(*) FROM (FROM {one} EXCEPT ALL FROM {other})");
            assert_eq!(count(&warehouse, &query), 0, "{query}");
        }
        let types =
            |of: &str| texts(&warehouse, &format!("SELECT column_name || column_type FROM (DESCRIBE FROM {of})"));
        assert_eq!(types(table), types(&read), "the usual types need no other");
        let compressions =
            texts(&warehouse, &format!("SELECT DISTINCT compression FROM parquet_metadata('{}')", path.display()));
        assert!(rows == 0 || compressions == ["ZSTD"], "{compressions:?}");
    }
    let told = manifest(&folder);
    assert_eq!(told["format"], "parquet");
    assert_eq!(told["verdict"], "counted");
    assert_eq!(told["run_id"], world.ask("SELECT max(run_id) FROM meta.runs"));
    assert_eq!(
        told["extracted_at"],
        world.ask("SELECT strftime(max(finished_at), '%Y-%m-%dT%H:%M:%SZ') FROM meta.runs")
    );
    assert_eq!(fs::read(world.path("crmlake.duckdb")).unwrap(), before);
    assert_eq!(world.run(&["export", "--to", "out", "-q"]).whole().out, "");
}

/// Values of types that some reader does not know, and what each becomes.
const ODD: [(&str, &str, &str); 14] = [
    ("'6b0e3a9e-5b0c-4f0e-9a55-000000000001'::UUID", "VARCHAR", "6b0e3a9e-5b0c-4f0e-9a55-000000000001"),
    ("TIME '10:00:00.5'", "VARCHAR", "10:00:00.5"),
    ("INTERVAL 3 DAY", "VARCHAR", "3 days"),
    ("170141183460469231731687303715884105727::HUGEINT", "VARCHAR", "170141183460469231731687303715884105727"),
    ("-12345678901234567890123456789012345678::HUGEINT", "DECIMAL(38,0)", "-12345678901234567890123456789012345678"),
    ("18446744073709551615::UBIGINT", "DECIMAL(38,0)", "18446744073709551615"),
    ("4294967295::UINTEGER", "BIGINT", "4294967295"),
    ("sum(12345678901234567.89::DECIMAL(19,2))", "DECIMAL(38,2)", "12345678901234567.89"),
    ("'2026-01-31 10:00:00.123456789'::TIMESTAMP_NS", "VARCHAR", "2026-01-31 10:00:00.123456789"),
    ("'b'::ENUM('a', 'b')", "VARCHAR", "b"),
    ("[18446744073709551615::UBIGINT]", "DECIMAL(38,0)[]", "[18446744073709551615]"),
    ("[TIME '10:00:00']", "VARCHAR[]", "['10:00:00']"),
    ("{'id': 12345678901234567890.12::DECIMAL(22,2)}", "VARCHAR", r#"{"id":12345678901234567890.12}"#),
    ("'{\"a\": 1}'::JSON", "VARCHAR", r#"{"a": 1}"#),
];

#[test]
fn types_that_some_reader_does_not_know_lose_no_digit() {
    let columns: Vec<_> = (0..).zip(ODD).map(|(n, (value, ..))| format!("{value} AS c{n}")).collect();
    let world = loaded(&[("odd", &format!("SELECT {}", columns.join(", ")))]);
    world.run(&["export", "--to", "out", "--tables", "model.odd"]).whole();
    let path = world.path("out/model/odd.parquet");
    let reader = Connection::open_in_memory().unwrap();
    let types = texts(&reader, &format!("SELECT column_type FROM (DESCRIBE FROM '{}')", path.display()));
    for ((n, (value, kind, text)), found) in (0..).zip(ODD).zip(types) {
        assert_eq!(found, kind, "{value}");
        let read = texts(&reader, &format!("SELECT CAST(c{n} AS VARCHAR) FROM '{}'", path.display()));
        assert_eq!(read, [text], "{value}");
    }
    let schema = format!("SELECT DISTINCT coalesce(logical_type, '') FROM parquet_schema('{}')", path.display());
    for kind in texts(&reader, &schema) {
        assert!(["", "StringType", "DecimalType", "ListType"].iter().any(|known| kind.starts_with(known)), "{kind}");
    }
}

#[test]
fn csv_is_safe_to_open_and_keeps_every_digit() {
    let texts = ["=1+1", "@SUM(A1)", "+49 89 123", "-2+3", "\\tx", "-12.5", "a, \\\"b\\\"\\nc", "'x", "ä", ""];
    let rows: Vec<_> = (10..)
        .zip(texts)
        .map(|(id, text)| {
            format!(
                r#"{{"id":"{id}","text":"{text}","n":-5,"money":-1234567890123456.10,"f":-1e-300,"ok":true,
                    "day":"2026-01-31","at":"2026-01-31T10:00:00Z","fine":"2026-01-31T10:00:00.125Z",
                    "list":["=x","-1"],"times":["2026-01-31T10:00:00Z"],"none":null}}"#
            )
        })
        .collect();
    let world = with_leads(format!("[{}]", rows.join(",")));
    world.run(&["export", "--to", "out", "--format", "csv", "--tables", "crm.leads"]).whole();
    let bytes = fs::read(world.path("out/crm/leads.csv")).unwrap();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").expect("a byte-order mark");
    assert!(!text.contains(&b'\r'));
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| -> Vec<&str> {
        let at = header.iter().position(|column| column == name).unwrap();
        records.iter().map(|record| &record[at]).collect()
    };
    let harmless = ["'=1+1", "'@SUM(A1)", "'+49 89 123", "'-2+3", "'\tx", "-12.5", "a, \"b\"\nc", "'x", "ä", ""];
    assert_eq!(column("text"), harmless);
    for (name, value) in [
        ("n", "-5"),
        ("money", "-1234567890123456.10"),
        ("f", "-1e-300"),
        ("ok", "true"),
        ("day", "2026-01-31"),
        ("at_", "2026-01-31T10:00:00Z"),
        ("fine", "2026-01-31T10:00:00.125Z"),
        ("list", r#"["=x","-1"]"#),
        ("times", r#"["2026-01-31T10:00:00Z"]"#),
    ] {
        assert_eq!(column(name), vec![value; texts.len()], "{name}");
    }
    // A number is one whatever it begins with: only texts are made harmless.
    assert!(!String::from_utf8_lossy(text).contains("'-5,"));
}

/// A sheet's column below its header.
fn cells(book: &mut Xlsx<std::io::BufReader<fs::File>>, sheet: &str, column: &str) -> Vec<Data> {
    let range = book.worksheet_range(sheet).unwrap();
    let at = range.rows().next().unwrap().iter().position(|cell| *cell == Data::String(column.to_owned())).unwrap();
    range.rows().skip(1).map(|row| row[at].clone()).collect()
}

#[test]
fn a_workbook_has_numbers_only_where_no_digit_is_lost() {
    let long = "ä".repeat(40_000);
    let row = |id: u32, digits: &str, name: &str, day: &str| {
        format!(
            r#"{{"id":"{id}","digits":{digits},"n":123456789012345,"money":-1234567890.12,"name":"{name}","day":"{day}",
                "at":"2026-01-31T18:00:00.5Z","ok":false,"list":["a"]}}"#
        )
    };
    let rows = [
        row(1, "123456789012345678", "=1+1", "2026-01-31"),
        row(2, "123456789012345", &long, "1899-12-31"),
        row(3, "-1", "http://example.com", "1900-03-01"),
    ];
    let world = with_leads(format!("[{}]", rows.join(",")));
    let run = world.run(&["export", "--to", "out", "--format", "xlsx", "--tables", "crm.leads"]).whole();
    let told = run.err.lines().filter(|line| line.contains("WARN")).collect::<Vec<_>>();
    assert_eq!(told.len(), 1, "{}", run.err);
    for part in ["crm.leads", "name", "cells=1"] {
        assert!(told[0].contains(part), "{}", told[0]);
    }
    assert_eq!(files(&world.path("out")), ["crmlake.xlsx", "manifest.json"].map(str::to_owned).into());
    let mut book: Xlsx<_> = open_workbook(world.path("out/crmlake.xlsx")).unwrap();
    let mut leads = |column: &str| cells(&mut book, "crm.leads", column);
    let text = |text: &str| Data::String(text.to_owned());
    assert_eq!(leads("digits"), [text("123456789012345678"), Data::Float(123_456_789_012_345.0), Data::Float(-1.0)]);
    assert_eq!(leads("n"), vec![Data::Float(123_456_789_012_345.0); 3]);
    assert_eq!(leads("money"), vec![Data::Float(-1_234_567_890.12); 3]);
    assert_eq!(leads("name"), [text("=1+1"), text(&"ä".repeat(32_767)), text("http://example.com")]);
    assert_eq!(leads("ok"), vec![Data::Bool(false); 3]);
    assert_eq!(leads("list"), vec![text("[\"a\"]"); 3]);
    let days = leads("day");
    assert_eq!(days[1], text("1899-12-31"));
    for (cell, serial) in [(&days[0], 46_053.0), (&days[2], 61.0), (&leads("at_")[0], 46_053.75 + 0.5 / 86_400.0)] {
        let Data::DateTime(found) = cell else { panic!("{cell:?} is no date") };
        assert_eq!(found.as_f64().to_bits(), f64::to_bits(serial), "{found}");
    }
    for sheet in book.sheet_names() {
        assert_eq!(book.worksheet_formula(&sheet).unwrap().cells().count(), 0, "{sheet}");
    }
    let entry = manifest(&world.path("out"))["files"][0].clone();
    assert_eq!(entry["table"], "crm.leads");
    assert_eq!(entry["cut"], serde_json::json!([{"column": "name", "cells": 1}]));
}

#[test]
fn a_workbook_has_every_table_in_sheets_that_hold_it() {
    let world = loaded(&[
        ("many", "SELECT range AS n FROM range(1048577)"),
        ("a_name_that_no_sheet_can_have_as_it_is", "SELECT 1 AS n"),
        ("a_name_that_no_sheet_can_have_either", "SELECT 2 AS n"),
    ]);
    world.run(&["export", "--to", "out", "--format", "xlsx"]).whole();
    let path = world.path("out/crmlake.xlsx");
    let mut book: Xlsx<_> = open_workbook(&path).unwrap();
    let warehouse = world.warehouse();
    let mut told = BTreeSet::new();
    for file in manifest(&world.path("out"))["files"].as_array().unwrap() {
        let table = file["table"].as_str().unwrap();
        let mut rows = 0;
        for sheet in file["sheets"].as_array().unwrap() {
            let sheet = sheet.as_str().unwrap();
            assert!(sheet.len() <= 31 && told.insert(sheet.to_lowercase()), "{sheet}");
            rows += book.worksheet_range(sheet).unwrap().height() - 1;
        }
        let expected = count(&warehouse, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(i64::try_from(rows).unwrap(), expected, "{table}");
        assert_eq!(file["rows"].as_i64().unwrap(), expected, "{table}");
    }
    assert_eq!(told.len(), book.sheet_names().len());
    assert_eq!(cells(&mut book, "model.many~2", "n"), [Data::Float(1_048_575.0), Data::Float(1_048_576.0)]);
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut sheet = String::new();
    archive.by_name("xl/worksheets/sheet1.xml").unwrap().read_to_string(&mut sheet).unwrap();
    for part in [r#"<pane ySplit="1""#, r#"state="frozen""#, "<autoFilter "] {
        assert!(sheet.contains(part), "{part}");
    }
    assert!(!sheet.contains("<f>"));
}

#[test]
fn an_export_takes_the_place_of_the_old_one_whole() {
    let world = loaded(&[("gone", "SELECT 1 AS n")]);
    let out = world.path("out");
    world.run(&["export", "--to", "out", "--format", "csv"]).whole();
    assert!(out.join("model/gone.csv").exists());
    // What a stopped export left is removed; what only looks like it is not.
    let left = world.path(".out.new-01a20cff-3a2d-70c1-87d9-dd7d091a04cb");
    fs::create_dir_all(left.join("crm")).unwrap();
    fs::create_dir(world.path(".out.new-ideas")).unwrap();
    // A file that a spreadsheet leaves behind is nobody's loss.
    fs::write(out.join(".~lock.leads.csv#"), "").unwrap();
    world.run(&["export", "--to", "out/", "--tables", "LEADS,crm.tags,leads"]).whole();
    let expected = ["crm/leads.parquet", "crm/tags.parquet", "manifest.json", "model/leads.parquet"];
    assert_eq!(files(&out), expected.map(str::to_owned).into());
    assert!(!left.exists() && world.path(".out.new-ideas").exists());
    let beside = fs::read_dir(world.path(".")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(beside.filter(|name| name.starts_with(".out.")).collect::<Vec<_>>(), [".out.new-ideas"]);
    // A link keeps its target, and a folder that is not there yet is made.
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, symlink};
        symlink(&out, world.path("link")).unwrap();
        world.run(&["export", "--to", "link", "--format", "xlsx"]).whole();
        assert!(world.path("link").is_symlink() && out.join("crmlake.xlsx").exists());
        world.run(&["export", "--to", "new/one", "--tables", "model.gone"]).whole();
        for (path, mode) in
            [("new/one", 0o700), ("new/one/model/gone.parquet", 0o600), ("new/one/manifest.json", 0o600)]
        {
            assert_eq!(fs::metadata(world.path(path)).unwrap().mode() & 0o777, mode, "{path}");
        }
    }
}

/// Asks for a file as often as it can. Returns whether it was always there.
#[cfg(target_os = "linux")]
fn is_always_there(file: &Path, until: &std::sync::atomic::AtomicBool) -> bool {
    let mut always = true;
    while !until.load(std::sync::atomic::Ordering::Relaxed) {
        always &= file.exists();
    }
    always
}

/// Elsewhere there is a moment between two renames.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_finds_an_export_at_every_moment() {
    let world = loaded(&[]);
    let export = || world.run(&["export", "--to", "out", "--tables", "crm.tags"]).whole();
    export();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| is_always_there(&world.path("out/manifest.json"), &done));
        for _ in 0..30 {
            export();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(watcher.join().unwrap(), "there was a moment without an export");
    });
}

#[test]
fn a_killed_export_leaves_the_old_one() {
    let world = loaded(&[]);
    world.run(&["export", "--to", "out"]).whole();
    for (turn, wait) in [0, 10, 20, 40, 60, 80, 100, 120, 150, 400].into_iter().enumerate() {
        let mut command = world.command();
        command.args(["export", "--to", "out", "--format", ["csv", "parquet"][turn % 2]]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        process.kill().unwrap();
        process.wait().unwrap();
        let entries = entries(&world.path("out"));
        assert!(entries.len() > 10 && entries.iter().all(|(_, path)| path.is_file()), "after {wait} ms");
    }
    world.run(&["export", "--to", "out"]).whole();
    let beside = fs::read_dir(world.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(beside.filter(|name| name.to_string_lossy().starts_with(".out.")).count(), 0);
}

/// What a refusal says; nothing must have changed below the world's folder.
fn refused(world: &World, arguments: &[&str]) -> Run {
    let before = files(&world.path("."));
    let run = world.run(arguments);
    assert_eq!(run.code, 2, "{}{}", run.out, run.err);
    assert_eq!(files(&world.path(".")), before);
    run
}

#[test]
fn what_would_be_lost_is_not_replaced() {
    let world = loaded(&[]);
    fs::create_dir_all(world.path("mine/notes")).unwrap();
    fs::write(world.path("mine/notes/todo.txt"), "important").unwrap();
    insta::assert_snapshot!(refused(&world, &["export", "--to", "mine"]).err, @"
    error: mine is not an export of crmlake's alone: it holds notes/todo.txt and no manifest.json of crmlake's; nothing was touched
    hint: name an empty or a new folder with --to
    ");
    fs::write(world.path("mine/manifest.json"), r#"{"name": "a web page"}"#).unwrap();
    let run = refused(&world, &["export", "--to", "mine"]);
    assert!(run.err.contains("mine is not an export of crmlake's alone"), "{}", run.err);
    world.run(&["export", "--to", "out", "--tables", "leads"]).whole();
    fs::write(world.path("out/crm/pivot.xlsx"), "a week's work").unwrap();
    insta::assert_snapshot!(refused(&world, &["export", "--to", "out"]).err, @"
    error: out is not an export of crmlake's alone: it holds crm/pivot.xlsx, which the export did not write; nothing was touched
    hint: name an empty or a new folder with --to
    ");
    fs::write(world.path("file"), "").unwrap();
    let run = refused(&world, &["export", "--to", "file"]);
    assert!(run.err.contains("it is no folder"), "{}", run.err);
    for path in [".", "..", "out/.."] {
        let run = refused(&world, &["export", "--to", path]);
        assert!(run.err.contains("name a folder of its own"), "{}", run.err);
    }
    assert_eq!(fs::read_to_string(world.path("mine/notes/todo.txt")).unwrap(), "important");
    fs::create_dir(world.path("empty")).unwrap();
    world.run(&["export", "--to", "empty", "--tables", "crm.tags"]).whole();
}

#[test]
fn what_cannot_be_exported_says_why() {
    let world = loaded(&[("wide", &wide(16_385))]);
    insta::assert_snapshot!(refused(&world, &["export", "--to", "out", "--tables", "leads,crm.leeds"]).err.trim_end(), @r#"error: no table is called "crm.leeds"; there is crm.contacts, crm.form_fields, crm.leads, crm.opportunities, crm.opportunities__contacts, crm.opportunities__products, crm.organizations, crm.pipelines, crm.pipelines__stages, crm.stages, crm.tags, crm.users, model.calendar, model.contacts, model.instances, model.leads, model.opportunities, model.opportunity_contacts, model.opportunity_history, model.opportunity_versions, model.organizations, model.pipelines, model.quotas, model.stage_visits, model.stages, model.users, model.wide"#);
    insta::assert_snapshot!(refused(&world, &["export", "--to", "out", "--format", "xlsx"]).err.trim_end(), @"error: model.wide has 16385 columns, and a sheet has at most 16384; export it as parquet or csv");
    let empty = World::new();
    insta::assert_snapshot!(refused(&empty, &["export", "--to", "a/b/out"]).err, @"
    error: there is no warehouse at crmlake.duckdb
    hint: run `crmlake extract` first, or name another file with --warehouse
    ");
    assert!(!empty.path("a").exists());
}

fn wide(columns: usize) -> String {
    format!("SELECT {}", (0..columns).map(|n| format!("{n} AS c{n}")).collect::<Vec<_>>().join(", "))
}

#[test]
fn an_export_reaches_no_other_file() {
    let world = World::new();
    fs::write(world.path("secret.csv"), "word\nxyzzy\n").unwrap();
    let secret = world.path("secret.csv");
    own_models(&world, &[("thief", &format!("SELECT * FROM read_csv('{}')", secret.display()))]);
    let sandbox = Sandbox::start(&["--seed", "3"]);
    // A model that reads a file is none, and the data is there all the same.
    let run = world.run_with(&sandbox, &["extract"]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("thief.sql") && run.err.contains("it reads files"), "{}", run.err);
    let run = world.run(&["export", "--to", "out", "--tables", "model.thief"]);
    assert!(run.code != 0 && !world.path("out").exists(), "{}", run.out);
    world.run(&["export", "--to", "out", "--tables", "crm.leads"]).whole();
}
