//! The prompt of `crmlake sql`, in a real pseudo-terminal: each step waits for what the one before it shows.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use rexpect::{
    process::{Signal, WaitStatus},
    reader::Options,
    session::{PtySession, spawn_with_options},
};

use crate::world::{Run, Sandbox, World, count};

/// How long a step may take before the test fails instead of hanging; no step waits for it.
const PATIENCE: u64 = 120_000;
const UP: &str = "\u{1b}[A";
/// What the editor tells the terminal when it begins to take keys, and when it has ended.
const TYPING: &str = "\u{1b}[?2004h";
const TYPED: &str = "\u{1b}[?2004l";

fn loaded() -> (Sandbox, World) {
    let sandbox = Sandbox::start(&[]);
    let world = World::new();
    world.run_with(&sandbox, &["extract", "-q"]).whole();
    fs::create_dir(world.path("tmp")).unwrap();
    (sandbox, world)
}

/// A prompt in a terminal of so many columns and 24 lines.
struct Prompt {
    terminal: PtySession,
}

impl Prompt {
    fn open(world: &World, columns: u16, arguments: &[&str]) -> Self {
        let mut program = world.command();
        program.args(["sql"]).args(arguments);
        // A terminal's size is set from within it.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("stty cols {columns} rows 24 && exec \"$0\" \"$@\"")]);
        command.arg(program.get_program()).args(program.get_args()).current_dir(world.path("")).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
            .env("XDG_STATE_HOME", world.path("state"))
            .env("TMPDIR", world.path("tmp"))
            .env("TERM", "xterm-256color");
        let options = Options::new().timeout_ms(Some(PATIENCE));
        let mut prompt = Self { terminal: spawn_with_options(command, options).unwrap() };
        prompt.ready();
        prompt
    }

    /// Waits until something can be typed, and returns what was shown before. From here on Ctrl-C is a key.
    fn ready(&mut self) -> String {
        self.terminal.exp_string(TYPING).unwrap()
    }

    /// Waits until what was typed is taken, and returns what was shown before. From here on Ctrl-C is a signal.
    fn taken(&mut self) -> String {
        self.terminal.exp_string(TYPED).unwrap()
    }

    fn type_in(&mut self, keys: &str) {
        self.terminal.send(keys).unwrap();
        self.terminal.flush().unwrap();
    }

    /// Types a line, and returns the answer.
    fn ask(&mut self, line: &str) -> String {
        self.type_in(&format!("{line}\r"));
        self.taken();
        self.ready()
    }

    /// Ctrl-D, and the program's exit code.
    fn leave(mut self) -> i32 {
        self.type_in("\u{4}");
        self.ends()
    }

    fn ends(mut self) -> i32 {
        self.terminal.exp_eof().unwrap();
        match self.terminal.process().wait().unwrap() {
            WaitStatus::Exited(_, code) => code,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn statements_are_answered_and_mistakes_end_nothing() {
    let (_sandbox, world) = loaded();
    let mut prompt = Prompt::open(&world, 80, &[]);
    let shown = prompt.ask("SELECT 40 + 2 AS answer;");
    assert!(shown.contains(" 42 ") && shown.contains("1 row"), "{shown}");
    // Over several lines, in one of which a semicolon ends nothing.
    prompt.type_in("SELECT 'a;b' AS text, -- a comment;\r");
    let shown = prompt.ask("  700 + 77 AS number\r;");
    assert!(shown.contains(" 777 ") && shown.contains(" a;b "), "{shown}");
    // Two in one line, answered one after another.
    let shown = prompt.ask("SELECT 500 + 55 AS a; SELECT 600 + 66 AS b;");
    assert!(shown.contains(" 555 ") && shown.contains(" 666 "), "{shown}");
    let shown = prompt.ask("SELEC 1;");
    assert!(shown.contains("error: SQL: Parser Error: syntax error at or near \"SELEC\""), "{shown}");
    let shown = prompt.ask("DROP VIEW crm.leads;");
    assert!(shown.contains("error: SQL: DROP is refused") && shown.contains("hint: "), "{shown}");
    let shown = prompt.ask("FROM range(5) SELECT count(*) * 111 AS n;");
    assert!(shown.contains(" 555 "), "{shown}");
    assert_eq!(prompt.leave(), 0);
}

#[test]
fn what_was_typed_is_there_in_the_next_session_and_nobody_else_may_read_it() {
    let (_sandbox, world) = loaded();
    let mut prompt = Prompt::open(&world, 80, &["-q"]);
    assert!(prompt.ask("SELECT 1200 + 34 AS kept;").contains(" 1234 "));
    assert!(prompt.ask(" SELECT 5600 + 78 AS secret;").contains(" 5678 "));
    assert!(prompt.ask("SELECT 'two'\r, 9000 + 12 AS lines;").contains(" 9012 "));
    prompt.type_in(".quit\r");
    assert_eq!(prompt.ends(), 0);
    let path = world.path("state/crmlake/sql_history");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let history = fs::read_to_string(&path).unwrap();
    assert!(history.contains("AS kept;") && !history.contains("secret"), "{history}");
    // What was made readable is so no longer.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut prompt = Prompt::open(&world, 80, &["-q"]);
    // The one before the last is `.quit`.
    let shown = prompt.ask(&format!("{UP}{UP}"));
    assert!(shown.contains(" 9012 "), "{shown}");
    assert_eq!(prompt.leave(), 0);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn ctrl_c_drops_what_is_typed_or_stops_what_is_asked_and_never_the_program() {
    let (_sandbox, world) = loaded();
    let mut prompt = Prompt::open(&world, 80, &[]);
    prompt.type_in("SELECT 'unfinished\rand dropped");
    for _ in 0..2 {
        prompt.type_in("\u{3}");
        prompt.taken();
        prompt.ready();
    }
    assert!(prompt.ask("SELECT 100 + 11 AS n;").contains(" 111 "));
    // It would take days. Ctrl-C comes before it has begun, or when it has.
    for _ in 0..5 {
        prompt.type_in("SELECT sum(a.range * b.range) AS days FROM range(100000000) a, range(100000000) b;\r");
        prompt.taken();
        prompt.type_in("\u{3}");
        let shown = prompt.ready();
        assert!(shown.contains("stopped") && !shown.contains("error"), "{shown}");
    }
    // Neither does the next one know of it, nor a long answer go on.
    assert!(prompt.ask("SELECT 200 + 22 AS n;").contains(" 222 "));
    assert!(!prompt.ask(".format csv").contains("error"));
    prompt.type_in("SELECT range, repeat('x', 100) FROM range(1000000);\r");
    prompt.terminal.exp_string("\n1,xxx").unwrap();
    prompt.type_in("\u{3}");
    let shown = prompt.ready();
    assert!(shown.contains("stopped") && !shown.contains("\n999999,"), "{} bytes", shown.len());
    assert!(prompt.ask("SELECT 300 + 33 AS n;").contains("333"));
    assert_eq!(prompt.leave(), 0);
}

#[test]
fn commands_with_a_dot_tell_what_there_is() {
    let (_sandbox, world) = loaded();
    let mut prompt = Prompt::open(&world, 80, &["--format", "json"]);
    let tables = prompt.ask(".tables");
    let crm = tables.find("crm.leads").unwrap();
    let model = tables.find("model.opportunities").unwrap();
    assert!(crm < model && model < tables.find("history.leads").unwrap() && tables.contains("meta.sweeps"), "{tables}");
    let versions = count(&world.warehouse(), "SELECT count(*) FROM history.leads");
    let line = tables.lines().find(|line| line.contains(" history.leads ")).unwrap();
    assert!(line.contains(&format!(" {versions} ")), "{line}");
    let schema = prompt.ask(".schema model.leads");
    assert!(
        schema.contains(" owner_email ") && schema.contains("VARCHAR") && !schema.contains("crm.leads"),
        "{schema}"
    );
    let both = prompt.ask(".schema LEADS");
    assert!(both.contains("crm.leads") && both.contains("model.leads") && both.contains("history.leads"), "{both}");
    assert!(prompt.ask(".schema leeds").contains("error: no table is called \"leeds\"; .tables lists them"));
    assert!(prompt.ask(".nonsense").contains("error: there is no .nonsense; .help lists what there is"));
    assert!(prompt.ask(".help").contains(".schema NAME"));
    assert!(prompt.ask(".format").contains("json; there is csv, json, lines, markdown, ndjson, table"));
    assert!(prompt.ask("SELECT 40 + 2 AS answer;").contains("{\"answer\":42}"));
    assert!(prompt.ask(".format pictures").contains("error: \"pictures\" is no format for a terminal"));
    prompt.ask(".format table");
    let some = prompt.ask("FROM range(1000, 3000);");
    assert!(some.contains(" 1015 ") && !some.contains(" 1016 "), "{some}");
    assert!(some.contains("16 of 2,000 rows; .rows all shows the other 1,984"), "{some}");
    prompt.ask(".rows 3");
    let some = prompt.ask("FROM range(1000, 3000);");
    assert!(some.contains(" 1002 ") && !some.contains(" 1003 ") && some.contains("3 of 2,000 rows"), "{some}");
    assert!(prompt.ask(".rows none").contains("error: \"none\" is neither a number"));
    prompt.ask(".rows all");
    assert!(prompt.ask("FROM range(1000, 1100);").contains(" 1099 "));
    // Names are completed.
    assert!(prompt.ask("SELECT count(*) * 0 + 31 AS n FROM model.use\t;").contains(" 31 "));
    prompt.type_in("exit\r");
    assert_eq!(prompt.ends(), 0);
}

#[test]
fn a_wide_answer_stays_readable() {
    let (_sandbox, world) = loaded();
    let mut prompt = Prompt::open(&world, 60, &[]);
    let shown = prompt.ask("FROM model.opportunities ORDER BY id LIMIT 3;");
    assert!(shown.contains("columns do not fit (.format lines shows them): "), "{shown}");
    // One character of what is drawn is three bytes here.
    let widest = shown.lines().map(|line| line.trim_end().bytes().filter(u8::is_ascii).count()).max();
    assert!(widest <= Some(60), "{shown}");
    prompt.ask(".format lines");
    let shown = prompt.ask("FROM model.opportunities ORDER BY id LIMIT 3;");
    assert!(shown.contains("row 1") && shown.contains("owner_email  ") && shown.contains("1 of 3 rows"), "{shown}");
    assert_eq!(prompt.leave(), 0);
}

#[test]
fn a_run_in_the_meantime_is_told_once_and_its_warehouse_answers() {
    let (sandbox, world) = loaded();
    let mut now = Prompt::open(&world, 80, &[]);
    let mut then = Prompt::open(&world, 80, &["--as-of", &jiff::Timestamp::now().to_string()]);
    let runs = "SELECT 'runs: ' || count(*) AS told FROM meta.runs;";
    assert!(now.ask(runs).contains("runs: 1 "));
    assert!(then.ask(runs).contains("runs: 1 "));
    sandbox.day();
    world.run_with(&sandbox, &["extract", "-q"]).whole();
    let shown = now.ask(runs);
    assert!(shown.contains("A run has replaced the warehouse") && shown.contains("runs: 2 "), "{shown}");
    let shown = now.ask(runs);
    assert!(!shown.contains("A run has replaced") && shown.contains("runs: 2 "), "{shown}");
    assert!(then.ask(runs).contains("runs: 1 "));
    // Without a warehouse there is no answer, and with it there is again.
    fs::rename(world.path("crmlake.duckdb"), world.path("away.duckdb")).unwrap();
    assert!(now.ask(runs).contains("error: there is no warehouse at crmlake.duckdb"));
    fs::rename(world.path("away.duckdb"), world.path("crmlake.duckdb")).unwrap();
    assert!(now.ask(runs).contains("runs: 2 "));
    assert_eq!((now.leave(), then.leave()), (0, 0));
}

#[test]
fn a_prompt_needs_no_place_for_its_history() {
    let (_sandbox, world) = loaded();
    fs::write(world.path("state"), "a file where a folder should be").unwrap();
    let mut prompt = Prompt::open(&world, 80, &[]);
    assert!(prompt.ask("SELECT 40 + 2 AS answer;").contains(" 42 "));
    assert_eq!(prompt.leave(), 0);
}

#[test]
fn what_a_killed_prompt_left_is_removed_by_the_next_reader() {
    let (_sandbox, world) = loaded();
    let folders = || fs::read_dir(world.path("tmp")).unwrap().count();
    let mut killed = Prompt::open(&world, 80, &[]);
    let mut living = Prompt::open(&world, 80, &[]);
    assert_eq!(folders(), 2);
    killed.terminal.process_mut().signal(Signal::SIGKILL).unwrap();
    killed.terminal.process().wait().unwrap();
    assert_eq!(folders(), 2);
    Run::from(world.command().env("TMPDIR", world.path("tmp")).args(["sql", "SELECT 1"])).whole();
    assert_eq!(folders(), 1);
    assert!(living.ask("SELECT 40 + 2 AS answer;").contains(" 42 "));
    assert_eq!(living.leave(), 0);
    assert_eq!(folders(), 0);
}
