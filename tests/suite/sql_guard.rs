//! What may be asked: attacks on the door that statements go through, each against a real warehouse.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crmlake::{
    config::{Overrides, Settings, env::Environment},
    library::{Shelf, shelf},
    reports::{Reader, ReportError, statements::Guard},
};

use crate::world::{Run, Sandbox, World};

/// What a statement comes to.
#[derive(Debug)]
enum Expected {
    /// An answer of so many rows.
    Rows(usize),
    /// Some answer.
    Answer,
    /// A refusal of ours, with these words in it.
    Refused(&'static str),
    /// A mistake, told by DuckDB with these words.
    Mistake(&'static str),
}

use Expected::{Answer, Mistake, Refused, Rows};

/// A warehouse with leads and opportunities, and files beside it that must not be read.
fn loaded() -> World {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    world.run_with(&sandbox, &["extract", "-q"]).whole();
    fs::write(world.path("other.csv"), "a\n1\n").unwrap();
    world
}

/// A warehouse opened for questions, with nothing configured.
fn reader_of(warehouse: &Path, at: Option<jiff::Timestamp>) -> Reader {
    let overrides = Overrides { warehouse: Some(warehouse.to_owned()), ..Overrides::default() };
    Reader::open(&Settings::resolve(&overrides, Environment).unwrap(), at).unwrap()
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            found.insert(path, Vec::new());
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

/// Whether nobody but its owner may look into a folder.
#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder).unwrap().permissions()) & 0o777 == 0o700
}

#[cfg(not(unix))]
fn is_private(folder: &Path) -> bool {
    folder.exists()
}

/// Asks each, and fails with all that came out otherwise.
fn ask_each(reader: &Reader, statements: &[(&str, Expected)]) {
    let mut wrong = Vec::new();
    for (statement, expected) in statements {
        let answer = reader.ask("SQL", statement, &|_| None);
        let is_expected = match (&answer, expected) {
            (Ok(answer), Rows(rows)) => answer.rows() == *rows,
            (Ok(_), Answer) => true,
            (Err(error @ ReportError::Refused { .. }), Refused(words)) => {
                error.to_string().contains(words) && error.advice().is_some()
            }
            (Err(ReportError::Statement { message, .. }), Mistake(words)) => message.contains(words),
            _ => false,
        };
        if !is_expected {
            let came = answer.map(|answer| answer.rows()).map_err(|error| error.to_string());
            wrong.push(format!("{statement}\n    {expected:?}, and it was {came:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is built in is run without asking the door.
#[test]
fn everything_built_in_is_a_question() {
    let world = loaded();
    let reader = reader_of(&world.path("crmlake.duckdb"), None);
    let guard = Guard::default();
    for model in reader.models() {
        guard.check(&model.origin, &model.statement).unwrap();
    }
    let files = [Shelf::Reports, Shelf::Checks].map(|folder| shelf(folder, None).unwrap());
    for file in files.iter().flatten() {
        guard.check(&file.origin, &file.body).unwrap();
    }
    assert!(reader.models().len() > 10 && files.iter().all(|files| files.len() > 10));
}

#[test]
fn questions_are_answered() {
    let world = loaded();
    let before = files(&world.path(""));
    let reader = reader_of(&world.path("crmlake.duckdb"), None);
    ask_each(
        &reader,
        &[
            ("SELECT 1", Rows(1)),
            ("SELECT 1;", Rows(1)),
            ("  ; SELECT 1 ;; -- and a comment; of two parts", Rows(1)),
            ("/* a /* nested; */ comment */ SELECT ';', $$;$$, E'\\';', \"a;\" FROM (SELECT 1 AS \"a;\")", Rows(1)),
            ("(SELECT 1) UNION ALL (SELECT 2)", Rows(2)),
            ("FROM range(3)", Rows(3)),
            ("VALUES (1), (2)", Rows(2)),
            ("TABLE meta.runs", Rows(1)),
            ("WITH a AS (SELECT 1 AS x) FROM a", Rows(1)),
            ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t", Rows(5)),
            ("WITH csv AS (SELECT 1), db AS (SELECT 2) FROM csv, db", Rows(1)),
            ("SELECT * FROM crm.leads, LATERAL (SELECT 1) LIMIT 1", Rows(1)),
            ("SELECT unnest([1, 2, 3]), generate_subscripts([1, 2, 3], 1)", Rows(3)),
            ("FROM json_each('{\"a\": 1, \"b\": 2}')", Rows(2)),
            ("SELECT count(*) OVER (), list_transform([1], lambda x: x + 1) FROM range(2)", Rows(2)),
            ("SELECT random() BETWEEN 0 AND 1, length(CAST(uuid() AS VARCHAR)) = 36", Rows(1)),
            ("SELECT 'DROP TABLE x; COPY y TO z' AS \"INSERT\" -- DELETE", Rows(1)),
            ("SELECT 1 AS query, 2 AS read_csv, 3 AS nextval", Rows(1)),
            ("DESCRIBE crm.leads", Answer),
            ("DESC SELECT 1", Rows(1)),
            ("DESCRIBE", Answer),
            ("SHOW TABLES", Answer),
            ("SHOW ALL TABLES", Answer),
            ("SHOW TABLES FROM crm", Answer),
            ("SHOW DATABASES", Answer),
            ("SUMMARIZE meta.runs", Answer),
            ("EXPLAIN SELECT 1", Answer),
            ("EXPLAIN (FORMAT json) SELECT 1", Answer),
            ("EXPLAIN ANALYZE SELECT count(*) FROM crm.leads", Answer),
            ("EXPLAIN (SELECT 1)", Answer),
            ("EXPLAIN ANALYZE (SELECT 1)", Answer),
            ("PIVOT (SELECT range % 3 AS k, range AS v FROM range(9)) ON k USING sum(v)", Rows(1)),
            ("PIVOT (SELECT range % 3 AS k, range AS v FROM range(9)) ON k IN (0, 1) USING sum(v)", Rows(1)),
            ("PIVOT (SELECT range % 3 AS k, range AS v FROM range(9)) ON k IN (SELECT 1) USING sum(v)", Rows(1)),
            (
                "WITH p AS (PIVOT (SELECT range % 3 AS k, range % 2 AS g FROM range(9)) ON k, g + 1 USING count(*)) FROM p;",
                Rows(1),
            ),
            (
                "SELECT * FROM (PIVOT (SELECT range % 3 AS k, range % 2 AS g FROM range(9)) ON (k, g) USING count(*))",
                Rows(1),
            ),
            (
                "PIVOT range(4) a JOIN range(4) b USING (range) ON CASE WHEN range IN (1, 2) THEN 'x' ELSE 'y' END \
                 USING count(*) GROUP BY range ORDER BY range LIMIT 2",
                Rows(2),
            ),
            (
                "(PIVOT range(2) ON range USING count(*)) UNION ALL BY NAME (PIVOT range(3) ON range % 2 USING count(*))",
                Answer,
            ),
            ("FROM range(4) PIVOT (count(*) FOR range IN (1, 2))", Rows(1)),
            ("UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b", Rows(2)),
            ("FROM duckdb_settings()", Answer),
            ("FROM duckdb_tables()", Answer),
            ("FROM pragma_table_info('crm.leads')", Answer),
            ("SELECT count(*) FROM information_schema.columns", Rows(1)),
            ("SELECT json_serialize_sql('DROP TABLE x')", Rows(1)),
        ],
    );
    drop(reader);
    assert_eq!(files(&world.path("")), before);
}

#[expect(clippy::too_many_lines, reason = "a table of attacks")]
#[test]
fn what_is_no_question_is_refused() {
    let world = loaded();
    let warehouse = world.path("crmlake.duckdb");
    let file = |template: &str| template.replace("DIR", &world.path("").display().to_string());
    let before = files(&world.path(""));
    let reader = reader_of(&warehouse, None);
    let at = jiff::Timestamp::now();
    let past = reader_of(&warehouse, Some(at));
    let statements = [
        // Writing.
        ("INSERT INTO history.leads SELECT * FROM history.leads", Refused("INSERT is refused")),
        ("insert into meta.runs default values", Refused("INSERT is refused")),
        ("UPDATE history.leads SET _deleted = true", Refused("UPDATE is refused")),
        ("DELETE FROM history.leads", Refused("DELETE is refused")),
        ("TRUNCATE history.leads", Refused("TRUNCATE is refused")),
        (
            "MERGE INTO meta.runs USING (SELECT 1 AS a) s ON false WHEN NOT MATCHED THEN INSERT",
            Refused("MERGE is refused"),
        ),
        ("WITH a AS (SELECT 1) INSERT INTO meta.runs FROM a", Refused("INSERT is refused")),
        ("WITH a AS (SELECT 1) DELETE FROM meta.runs", Refused("DELETE is refused")),
        ("WITH p AS (PIVOT range(3) ON range) INSERT INTO meta.runs SELECT 1", Refused("INSERT is refused")),
        ("WITH a AS (INSERT INTO meta.runs VALUES (1) RETURNING *) FROM a", Mistake("A CTE needs a SELECT")),
        ("DROP TABLE history.leads", Refused("DROP is refused")),
        ("ALTER TABLE history.leads ADD COLUMN x INTEGER", Refused("ALTER is refused")),
        ("COMMENT ON TABLE history.leads IS 'x'", Refused("COMMENT is refused")),
        ("CREATE TABLE crm.mine (a INTEGER)", Refused("CREATE is refused")),
        ("CREATE TEMP TABLE mine AS SELECT 1", Refused("CREATE is refused")),
        ("CREATE TEMP VIEW mine AS SELECT 1", Refused("CREATE is refused")),
        ("CREATE TEMP MACRO mine() AS TABLE SELECT 1", Refused("CREATE is refused")),
        ("CREATE TEMP TABLE mine AS PIVOT range(3) ON range", Refused("CREATE is refused")),
        ("CREATE SECRET (TYPE s3)", Refused("CREATE is refused")),
        ("VACUUM", Refused("VACUUM is refused")),
        ("ANALYZE", Refused("ANALYZE is refused")),
        ("CHECKPOINT", Refused("CHECKPOINT is refused")),
        ("FORCE CHECKPOINT", Refused("FORCE is refused")),
        ("SELECT nextval('x')", Refused("nextval() is refused")),
        ("SELECT currval('x')", Refused("currval() is refused")),
        // Other files, other databases, the network.
        ("ATTACH ':memory:' AS m", Refused("ATTACH is refused")),
        ("ATTACH 'other.duckdb'", Refused("ATTACH is refused")),
        ("DETACH crmlake", Refused("DETACH is refused")),
        ("USE memory", Refused("USE is refused")),
        ("COPY (SELECT 1) TO 'out.csv'", Refused("COPY is refused")),
        ("COPY (PIVOT range(3) ON range) TO 'out.csv'", Refused("COPY is refused")),
        ("COPY history.leads FROM 'other.csv'", Refused("COPY is refused")),
        ("EXPORT DATABASE 'out'", Refused("EXPORT is refused")),
        ("IMPORT DATABASE 'out'", Refused("IMPORT is refused")),
        ("FROM histogram('DIR/other.csv', a)", Refused("histogram() is refused")),
        ("FROM histogram_values('DIR/other.csv', a)", Refused("histogram_values() is refused")),
        ("FROM read_csv('DIR/other.csv')", Refused("read_csv() is refused: it reads files")),
        ("SELECT * FROM \"READ_CSV\"('DIR/other.csv')", Refused("read_csv() is refused")),
        ("SELECT * FROM system.main.read_csv_auto('DIR/other.csv')", Refused("read_csv_auto() is refused")),
        ("SELECT (SELECT a FROM read_csv /* here */ ('DIR/other.csv'))", Refused("read_csv() is refused")),
        ("DESCRIBE SELECT * FROM read_csv('DIR/other.csv')", Refused("read_csv() is refused")),
        ("SUMMARIZE FROM read_parquet('DIR/x.parquet')", Refused("read_parquet() is refused")),
        ("EXPLAIN FROM read_json('DIR/x.json')", Refused("read_json() is refused")),
        ("PIVOT read_csv('DIR/other.csv') ON a USING count(*)", Refused("read_csv() is refused")),
        (
            "PIVOT range(3) ON range IN (FROM read_csv('DIR/other.csv')) USING count(*)",
            Refused("read_csv() is refused"),
        ),
        ("FROM read_text('/etc/passwd')", Refused("read_text() is refused")),
        ("FROM read_blob('/etc/passwd')", Refused("read_blob() is refused")),
        ("FROM read_duckdb('DIR/crmlake.duckdb')", Refused("read_duckdb() is refused")),
        ("FROM parquet_metadata('x')", Refused("parquet_metadata() is refused")),
        ("FROM sniff_csv('DIR/other.csv')", Refused("sniff_csv() is refused")),
        ("FROM glob('*')", Refused("glob() is refused: it reads files")),
        ("FROM 'DIR/other.csv'", Refused("no table of the warehouse but a file")),
        ("FROM 'other.CSV'", Refused("no table of the warehouse but a file")),
        ("FROM other.csv", Refused("\"csv\" is refused")),
        ("SELECT * FROM range(1) JOIN \"a\"\"b\".parquet ON true", Refused("\"parquet\" is refused")),
        ("FROM 'https://crm.example/x.parquet'", Refused("no table of the warehouse but a file")),
        ("FROM 's3://bucket/*'", Refused("no table of the warehouse but a file")),
        ("FROM duckdb_secrets()", Refused("duckdb_secrets() is refused: it looks for credentials")),
        ("FROM which_secret('s3://x', 's3')", Refused("which_secret() is refused")),
        ("FROM duckdb_extensions()", Refused("duckdb_extensions() is refused: it looks for extensions")),
        ("SELECT getenv('HOME')", Refused("getenv() is refused: it reads the environment")),
        ("INSTALL httpfs", Refused("INSTALL is refused")),
        ("FORCE INSTALL httpfs FROM community", Refused("FORCE is refused")),
        ("LOAD httpfs", Refused("LOAD is refused")),
        ("UPDATE EXTENSIONS", Refused("UPDATE is refused")),
        // Text that runs.
        ("FROM query('SELECT 1')", Refused("query() is refused: it runs what a value says")),
        ("SELECT * FROM range(1), LATERAL (FROM query('SELECT 1'))", Refused("query() is refused")),
        ("FROM query_table('crm.leads')", Refused("query_table() is refused")),
        (
            "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
            Refused("json_execute_serialized_sql() is refused"),
        ),
        ("PRAGMA json_execute_serialized_sql('x')", Refused("PRAGMA is refused")),
        ("SELECT json_serialize_plan('FROM query(''SELECT 1'')')", Refused("json_serialize_plan() is refused")),
        ("PREPARE p AS SELECT 1", Refused("PREPARE is refused")),
        ("PREPARE p AS DELETE FROM meta.runs", Refused("PREPARE is refused")),
        ("EXECUTE p", Refused("EXECUTE is refused")),
        ("DEALLOCATE p", Refused("DEALLOCATE is refused")),
        ("EXECUTE IMMEDIATE 'SELECT 1'", Mistake("Parser Error")),
        ("EXPLAIN ANALYZE DELETE FROM meta.runs", Refused("DELETE is refused")),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'out.csv'", Refused("COPY is refused")),
        ("EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1", Refused("CREATE is refused")),
        ("EXPLAIN (ANALYZE, FORMAT json) INSERT INTO meta.runs SELECT 1", Refused("INSERT is refused")),
        ("EXPLAIN ANALYZE PREPARE p AS SELECT 1", Refused("PREPARE is refused")),
        // Several.
        ("SELECT 1; DROP TABLE history.leads", Refused("2 statements")),
        ("CREATE TEMP TABLE t AS SELECT 1; SELECT 1", Refused("2 statements")),
        ("SELECT 1; SELECT 2; SELECT 3;", Refused("3 statements")),
        ("SELECT 1 --\n; CALL enable_logging()", Refused("2 statements")),
        ("SELECT 1 /* ' */; DROP TABLE x /* ' */", Refused("2 statements")),
        ("SELECT $a$ $$ $a$; DROP TABLE x", Refused("2 statements")),
        (r"SELECT '\'; DROP TABLE x; --'", Refused("2 statements")),
        ("SELECT 1\u{a0};\u{a0}DROP TABLE x", Refused("2 statements")),
        ("", Refused("empty")),
        (" ; -- nothing", Refused("empty")),
        // The session and its settings.
        ("SET threads = 1", Refused("SET is refused")),
        ("SET VARIABLE x = 1", Refused("SET is refused")),
        ("RESET threads", Refused("RESET is refused")),
        ("PRAGMA threads = 1", Refused("PRAGMA is refused")),
        ("PRAGMA enable_profiling", Refused("PRAGMA is refused")),
        ("PRAGMA database_size", Refused("PRAGMA is refused")),
        ("CALL pragma_version()", Refused("CALL is refused")),
        ("CALL enable_logging(storage = 'file', storage_path = 'DIR/log')", Refused("CALL is refused")),
        ("CALL enable_profiling(save_location = 'DIR/profile.txt')", Refused("CALL is refused")),
        ("FROM enable_logging(storage = 'file', storage_path = 'DIR/log')", Refused("enable_logging() is refused")),
        ("FROM enable_profiling(save_location = 'DIR/profile.txt')", Refused("enable_profiling() is refused")),
        ("FROM checkpoint()", Refused("checkpoint() is refused")),
        ("FROM force_checkpoint()", Refused("force_checkpoint() is refused")),
        ("FROM truncate_duckdb_logs()", Refused("truncate_duckdb_logs() is refused")),
        ("SELECT write_log('x', level := 'error')", Refused("write_log() is refused")),
        ("SELECT setseed(0.5)", Refused("setseed() is refused")),
        ("SELECT sleep_ms(10)", Refused("sleep_ms() is refused")),
        ("SELECT pg_sleep(0.01)", Refused("pg_sleep() is refused")),
        ("BEGIN", Refused("BEGIN is refused")),
        ("COMMIT", Refused("COMMIT is refused")),
        ("ROLLBACK", Refused("ROLLBACK is refused")),
        // Mistakes, which DuckDB tells in its own words.
        ("SELEC 1", Mistake("syntax error at or near \"SELEC\"; LINE 1: SELEC 1")),
        ("SELECT 'open", Mistake("unterminated quoted string")),
        ("SELECT 1 /* open", Mistake("unterminated")),
        ("SELECT * FROM crm.leeds", Mistake("Did you mean")),
        ("SELECT nosuch FROM crm.leads", Mistake("nosuch")),
        ("FROM generate_serie(1, 2)", Mistake("generate_serie")),
        ("SELECT CAST('x' AS INTEGER)", Mistake("Conversion Error")),
        ("EXPLAIN VERBOSE SELECT 1", Mistake("verbose")),
        ("SELECT $a, $1", Mistake("Mixing named and positional")),
        ("SELECT 1 \0; DROP TABLE x", Refused("2 statements")),
        ("SELECT 1 \0 DROP TABLE x", Mistake("")),
        ("U&\"\\0044ROP\" TABLE x", Mistake("")),
    ];
    let written: Vec<(String, Expected)> =
        statements.into_iter().map(|(statement, expected)| (file(statement), expected)).collect();
    let each: Vec<(&str, Expected)> =
        written.iter().map(|(statement, expected)| (statement.as_str(), again(expected))).collect();
    ask_each(&reader, &each);
    ask_each(&past, &each);
    // Nothing of it is left in the session.
    assert_eq!(reader.ask("SQL", "SELECT * FROM duckdb_tables() WHERE temporary", &|_| None).unwrap().rows(), 0);
    drop((reader, past));
    assert_eq!(files(&world.path("")), before);
}

fn again(expected: &Expected) -> Expected {
    match expected {
        Rows(rows) => Rows(*rows),
        Answer => Answer,
        Refused(words) => Refused(words),
        Mistake(words) => Mistake(words),
    }
}

#[test]
fn what_does_not_fit_into_memory_goes_where_nobody_else_looks() {
    let world = loaded();
    let place = |reader: &Reader| {
        let answer = reader.ask("SQL", "SELECT current_setting('temp_directory')", &|_| None).unwrap();
        PathBuf::from(arrow::util::display::array_value_to_string(answer.batches[0].column(0), 0).unwrap())
    };
    let reader = reader_of(&world.path("crmlake.duckdb"), None);
    let folder = place(&reader);
    assert!(folder.starts_with(std::env::temp_dir()) && !folder.starts_with(world.path("")), "{}", folder.display());
    assert!(is_private(&folder));
    drop(reader);
    assert!(!folder.exists());
    let past = reader_of(&world.path("crmlake.duckdb"), Some(jiff::Timestamp::now()));
    let folder = place(&past);
    assert!(is_private(&folder) && folder.starts_with(std::env::temp_dir()));
    drop(past);
    assert!(!folder.exists());
}

#[test]
fn a_refusal_says_why_and_what_to_do_and_the_home_is_left_alone() {
    let world = loaded();
    fs::create_dir(world.path("home")).unwrap();
    fs::write(world.path("home/.duckdbrc"), "SELECT 'from the home';\n.mode json\n").unwrap();
    let before = files(&world.path(""));
    let sql = |statement: &str| Run::from(world.command().env("HOME", world.path("home")).args(["sql", statement]));
    for (statement, expected) in [
        (
            "DROP TABLE history.leads",
            "error: SQL: DROP is refused: only questions are answered, and the warehouse is opened read-only\n\
             hint: ask with SELECT, FROM, WITH, VALUES, TABLE, PIVOT, UNPIVOT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN\n",
        ),
        (
            "SELECT 1; SELECT 2",
            "error: SQL: 2 statements, and one is answered at a time\nhint: run `crmlake sql` once for each, or type them at \
             its prompt, which takes them one after another\n",
        ),
        (
            "FROM read_csv('other.csv')",
            "error: SQL: read_csv() is refused: it reads files\nhint: to join other data or write tables, attach the \
             warehouse to a DuckDB of your own: ATTACH 'crmlake.duckdb' (READ_ONLY)\n",
        ),
    ] {
        let run = sql(statement);
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (2, "", expected), "{statement}");
    }
    assert_eq!(sql("SELECT 40 + 2 AS answer").whole().out, "answer\n42\n");
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn reports_go_through_the_same_door() {
    let world = loaded();
    fs::create_dir_all(world.path("sql/reports")).unwrap();
    fs::write(world.path("sql/reports/mine.sql"), "-- title: Mine\nFROM read_csv('other.csv')").unwrap();
    let run = world.run(&["report", "mine"]);
    assert_eq!(run.code, 2);
    assert!(run.err.starts_with("error: sql/reports/mine.sql: read_csv() is refused: it reads files\n"), "{}", run.err);
}

#[test]
fn models_go_through_the_same_door() {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    fs::create_dir_all(world.path("sql/models")).unwrap();
    fs::write(world.path("other.csv"), "a\n1\n").unwrap();
    for (statement, words) in [
        ("SELECT 1 AS a; COPY (SELECT 1) TO 'out.csv'", "2 statements"),
        ("SELECT * FROM read_csv('other.csv')", "read_csv() is refused"),
        ("FROM 'other.csv'", "no table of the warehouse but a file"),
        ("FROM other.csv", "no table of the warehouse but a file"),
    ] {
        fs::write(world.path("sql/models/mine.sql"), statement).unwrap();
        let run = world.run_with(&sandbox, &["extract", "leads"]);
        // The model is left out, and the data is there all the same.
        assert_eq!(run.code, 3, "{statement}: {}", run.err);
        assert!(run.err.contains("sql/models/mine.sql: ") && run.err.contains(words), "{statement}: {}", run.err);
        assert!(!world.path("out.csv").exists(), "{statement}");
        assert_eq!(world.ask("SELECT count(*) FROM duckdb_views() WHERE view_name = 'mine'"), "0", "{statement}");
    }
}
