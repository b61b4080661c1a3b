//! Any history of a CRM: after every run the warehouse is what a model of a few hundred plain lines says it must be.
//!
//! Records are created, changed, deleted and restored, fields appear, vanish and change their type, and runs are killed or
//! find half of a CRM. [`model_crm`] is the CRM, [`model_warehouse`] what must be remembered of it; here the binary runs,
//! and both are compared: rows, versions, entries of changes, columns, and the past. `PROPTEST_CASES` and
//! `PROPTEST_RNG_SEED` ask for more, and for the same again.
//!
//! [`model_crm`]: crate::model_crm
//! [`model_warehouse`]: crate::model_warehouse

use std::{
    collections::BTreeMap,
    fmt, fs,
    process::Stdio,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use duckdb::Connection;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::value::RawValue;

use crate::{
    model_crm::{
        Answer, Crm, Fault, INSTANCES, LISTS, Manner, Operation, PAGE_SIZE, Stage, creation, operation, serve,
    },
    model_warehouse::{Expected, Seen, change},
    world::{KEY, Scripted, World},
};

/// The steps of a run at which it may end itself: see `tests/suite/crashes.rs`, where each has its turn.
#[cfg(feature = "failpoints")]
const STEPS: [&str; 13] = [
    "copied",
    "shaped",
    "half-written",
    "changes-recorded",
    "old-versions-ended",
    "merged",
    "resource-committed",
    "loaded",
    "committed",
    "checkpointed",
    "synced",
    "log-removed",
    "renamed",
];

/// What happens in the CRM, and the run after it.
#[derive(Clone)]
struct Round {
    operations: Vec<Operation>,
    fault: Option<Fault>,
}

#[derive(Clone)]
struct Case {
    instances: usize,
    manner: Manner,
    /// Missing rows that are asked for one by one.
    confirm: usize,
    /// Whether a run goes on where the one before was stopped. Nothing happens in the CRM between the two then: what was
    /// fetched already counts.
    goes_on: bool,
    rounds: Vec<Round>,
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instances, manner, confirm, goes_on, rounds } = self;
        writeln!(formatter, "{instances} instances, {manner:?}, confirm = {confirm}, goes_on = {goes_on}")?;
        for Round { operations, fault } in rounds {
            for operation in operations {
                writeln!(formatter, "  {operation:?}")?;
            }
            writeln!(formatter, "extract, {fault:?}")?;
        }
        Ok(())
    }
}

fn fault(instances: usize) -> BoxedStrategy<Option<Fault>> {
    let other = prop_oneof![
        3 => (0..instances).prop_map(Fault::ListFails),
        1 => (0..instances).prop_map(Fault::KilledAtPage),
        1 => Just(Fault::KilledAtRecord),
    ];
    #[cfg(feature = "failpoints")]
    let other = prop_oneof![
        1 => other,
        1 => (0..STEPS.len(), any::<bool>()).prop_map(|(step, second)| Fault::EndsAt(STEPS[step], second)),
    ];
    prop_oneof![2 => Just(None), 1 => other.prop_map(Some)].boxed()
}

fn case() -> impl Strategy<Value = Case> {
    (1..=INSTANCES.len()).prop_flat_map(|instances| {
        let first = (proptest::collection::vec(creation(instances), 2..10), Just(None));
        let round = (proptest::collection::vec(operation(instances), 0..6), fault(instances));
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop_oneof![3 => Just(100), 1 => Just(1)]);
        (first, proptest::collection::vec(round, 2..7), flags).prop_map(
            move |(first, rounds, (tells_total, shows_nulls, goes_on, confirm))| {
                let rounds = std::iter::once(first).chain(rounds);
                let rounds = rounds.map(|(operations, fault)| Round { operations, fault }).collect();
                Case { instances, manner: Manner { tells_total, shows_nulls }, confirm, goes_on, rounds }
            },
        )
    })
}

/// A case as it is played.
struct Play<'c> {
    case: &'c Case,
    world: World,
    stage: Arc<(Mutex<Stage>, Condvar)>,
    expected: Expected,
    /// When each committed run ended.
    moments: Vec<String>,
    _server: Scripted,
}

/// How a run ended.
#[derive(Debug, PartialEq)]
enum End {
    Code(i32),
    Killed,
}

impl<'c> Play<'c> {
    fn begin(case: &'c Case) -> Self {
        let stage = Arc::new((Mutex::new(Stage::default()), Condvar::new()));
        let server = serve(&stage, case.manner);
        let world = World::new();
        let instances = INSTANCES.iter().take(case.instances);
        let instances =
            instances.map(|name| format!("[[instance]]\nname = \"{name}\"\nbase_url = \"{}/{name}\"\n", server.url));
        world.configure(&format!(
            "{}[api]\npage_size = {PAGE_SIZE}\nrequests = 100000\nmax_attempts = 1\n\
             [deletes]\nconfirm = {}\nmax_share = 1.0\n[sweep]\nresume_within = \"{}\"\n",
            instances.collect::<String>(),
            case.confirm,
            if case.goes_on { "1h" } else { "0s" }
        ));
        Self { case, world, stage, expected: Expected::default(), moments: Vec::new(), _server: server }
    }

    /// Runs the binary until it ends, or until the server holds an answer back.
    fn run(&self, fault: Option<Fault>) -> End {
        {
            let mut state = self.state();
            (state.fault, state.reached) = (fault, false);
        }
        let mut command = self.world.command();
        command.args(["extract", "leads"]).env("CRMLAKE_API_KEY", KEY).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(feature = "failpoints")]
        if let Some(Fault::EndsAt(step, second)) = fault {
            command.env("FAILPOINTS", format!("{step}={}return", if second { "1*off->" } else { "" }));
        }
        let mut run = command.spawn().unwrap();
        let is_held = matches!(fault, Some(Fault::KilledAtPage(_) | Fault::KilledAtRecord));
        let end = loop {
            if let Some(status) = run.try_wait().unwrap() {
                break status.code().map_or(End::Killed, End::Code);
            }
            let (state, _) = self.stage.1.wait_timeout(self.state(), Duration::from_millis(2)).unwrap();
            if is_held && state.reached {
                run.kill().unwrap();
                run.wait().unwrap();
                break End::Killed;
            }
        };
        self.state().fault = None;
        self.stage.1.notify_all();
        end
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.stage.0.lock().unwrap()
    }

    /// What a run learns of an instance, and whether it keeps a row of which it learned nothing.
    fn seen(&self, crm: &Crm, instance: usize) -> (Seen, bool) {
        let mut seen = Seen::default();
        seen.rows.extend(crm.listed(instance).map(|(id, record)| (id, record.clone())));
        let mut missing = self.expected.current(instance);
        missing.retain(|id| !seen.rows.contains_key(id));
        if missing.len() > self.case.confirm {
            // The list, read again for a proof, says so.
            seen.gone.extend(missing.into_iter().map(|id| (id, None)));
            return (seen, false);
        }
        let mut keeps = false;
        for id in missing {
            match crm.one(instance, id) {
                (Answer::AnotherRecord, Some((other, _))) => seen.gone.push((id, Some(other))),
                (_, Some((_, record))) => drop(seen.rows.insert(id, record.clone())),
                (Answer::NotFound, None) => seen.gone.push((id, None)),
                (answer, None) => {
                    keeps = true;
                    // The others would meet the same error, and are not asked for.
                    if answer == Answer::Error {
                        break;
                    }
                }
            }
        }
        (seen, keeps)
    }

    /// A run, and what must be in the warehouse after it. Returns whether it read and committed everything.
    fn extract(&mut self, fault: Option<Fault>) -> bool {
        let before = fs::read(self.world.path("crmlake.duckdb")).ok();
        let end = self.run(fault);
        let crm = self.state().crm.clone();
        let reached = self.state().reached;
        let fails = |instance| reached && fault == Some(Fault::ListFails(instance));
        let learned: Vec<_> =
            (0..self.case.instances).map(|instance| (!fails(instance)).then(|| self.seen(&crm, instance))).collect();
        let nothing = learned.iter().all(Option::is_none);
        let code = if learned.iter().any(Option::is_none) {
            5
        } else if learned.iter().flatten().any(|(_, keeps)| *keeps) {
            3
        } else {
            0
        };
        #[cfg(feature = "failpoints")]
        let is_committed = matches!(fault, Some(Fault::EndsAt("renamed", _)));
        #[cfg(not(feature = "failpoints"))]
        let is_committed = false;
        if nothing || (end == End::Killed && !is_committed) {
            assert!(end == End::Killed || end == End::Code(5), "{end:?}");
            let after = fs::read(self.world.path("crmlake.duckdb")).ok();
            assert!(before == after, "a run that failed has changed the warehouse");
            return false;
        }
        assert!(end == End::Killed || end == End::Code(code), "{end:?} instead of {code}");
        let seen: Vec<_> = learned.into_iter().map(|learned| Some(learned?.0)).collect();
        self.expected.load(&seen, self.case.manner.shows_nulls, code);
        self.compare();
        code != 5
    }

    fn compare(&mut self) {
        let warehouse = self.world.warehouse();
        let texts = |query: &str| texts(&warehouse, query);
        let expected = &self.expected;
        let columns = "SELECT resource || '.' || column_name || ' ' || type FROM meta.columns
            WHERE starts_with(resource, 'leads') AND source_path <> 'id' ORDER BY ALL";
        same("columns", &expected.columns(), &texts(columns));
        let runs: Vec<_> = expected.runs.iter().map(ToString::to_string).collect();
        same("exit codes", &runs, &texts("SELECT CAST(exit_code AS VARCHAR) FROM meta.runs ORDER BY started_at"));
        same("rows", &expected.rows(), &texts(&rows(&warehouse, false)));
        same("versions", &expected.history(), &texts(&rows(&warehouse, true)));
        let unclear = format!(
            "WITH {NUMBERED} SELECT CAST(number AS VARCHAR) FROM moments
             GROUP BY number HAVING count(DISTINCT seen_at) > 1 UNION ALL
             SELECT CAST(number AS VARCHAR) FROM moments a
             WHERE a.seen_at >= (SELECT min(c.seen_at) FROM moments c WHERE c.number > a.number)"
        );
        same("runs whose moment is unclear", &[], &texts(&unclear));
        let schema_changes = format!(
            "WITH {NUMBERED} SELECT concat('run ', number, ': ', resource, '.', column_name, ' ', coalesce(old_type, '-'),
                 ' > ', new_type)
             FROM meta.schema_changes JOIN numbered USING (run_id)"
        );
        same("schema changes", &expected.schema_changes, &texts(&schema_changes));
        same("changes", &expected.changes, &changes(&warehouse));
        let ended = "SELECT strftime(finished_at, '%Y-%m-%dT%H:%M:%S.%fZ') FROM meta.runs ORDER BY started_at";
        let ended = texts(ended);
        self.moments = ended;
    }

    /// Asks for the rows as they were after the first run, after one in the middle, and after the last.
    fn look_back(&self) {
        let query = rows(&self.world.warehouse(), false);
        let last = self.moments.len().saturating_sub(1);
        for run in [0, last / 2, last].into_iter().filter(|run| *run < self.moments.len()) {
            let arguments = ["sql", "--as-of", &self.moments[run], "--format", "json", &query];
            let told = self.world.run(&arguments).whole().out;
            let told: Vec<BTreeMap<String, String>> = serde_json::from_str(&told).unwrap();
            let told: Vec<_> = told.into_iter().flat_map(BTreeMap::into_values).collect();
            same(&format!("rows as of run {run}"), &self.expected.rows_after(run), &told);
        }
    }
}

/// The runs by number, and the moment at which each saw what it saw.
const NUMBERED: &str =
    "numbered AS (SELECT run_id, row_number() OVER (ORDER BY started_at) - 1 AS number FROM meta.runs),
    moments AS (
        SELECT DISTINCT number, seen_at FROM (
            SELECT _run_id AS run_id, _valid_from AS seen_at FROM history.leads
            UNION ALL SELECT run_id, observed_at FROM meta.changes
            UNION ALL SELECT run_id, observed_at FROM meta.schema_changes
        ) JOIN numbered USING (run_id)
    )";

/// A query for a line a row of the leads and their lists: as they are, or of every version.
fn rows(warehouse: &Connection, versions: bool) -> String {
    let mut selects = Vec::new();
    let tables = "SELECT table_name FROM information_schema.tables
        WHERE table_schema = 'history' AND starts_with(table_name, 'leads')";
    for table in texts(warehouse, tables) {
        let columns = format!(
            "SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'history'
             AND table_name = '{table}' AND column_name <> 'id' AND column_name NOT LIKE '\\_%' ESCAPE '\\'
             ORDER BY column_name"
        );
        let cells = texts(warehouse, &columns).into_iter().map(|column| {
            let (name, kind) = column.split_once(' ').unwrap();
            let text = match kind {
                "TIMESTAMP" => format!("strftime(r.{name}, '%Y-%m-%dT%H:%M:%S.%fZ')"),
                kind if kind.ends_with("[]") => format!("to_json(r.{name})"),
                _ => format!("CAST(r.{name} AS VARCHAR)"),
            };
            format!(", if(r.{name} IS NULL, '', concat(' {name}=', {text}))")
        });
        let cells: String = cells.collect();
        let key = if table == "leads" { "r.id" } else { "r._parent_id, ' ', r._position" };
        selects.push(if versions {
            format!(
                "SELECT concat('{table} ', r._instance, ' ', {key}, ' ', n.number, '-', coalesce(CAST(m.number AS VARCHAR),
                     if(r._valid_to IS NULL, 'now', '?')), if(r._deleted, ' deleted', ''){cells}) AS line
                 FROM history.{table} r LEFT JOIN numbered n ON n.run_id = r._run_id
                 LEFT JOIN moments m ON m.seen_at = r._valid_to"
            )
        } else {
            format!("SELECT concat('{table} ', r._instance, ' ', {key}{cells}) AS line FROM crm.{table} r")
        });
    }
    let with = if versions { format!("WITH {NUMBERED} ") } else { String::new() };
    format!("{with}{}", selects.join(" UNION ALL "))
}

/// The entries of `meta.changes`, lists as objects in a fixed notation.
fn changes(warehouse: &Connection) -> Vec<String> {
    let query = format!(
        "WITH {NUMBERED} SELECT number, instance, id, column_name, old_value, new_value
         FROM meta.changes JOIN numbered USING (run_id) WHERE resource = 'leads'"
    );
    let mut statement = warehouse.prepare(&query).unwrap();
    let rows = statement.query_map([], |row| {
        let (old, new): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
        let (instance, id, column): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let number: i64 = row.get(0)?;
        let is_list = LISTS.iter().any(|(_, table)| *table == column);
        let value = |text: Option<String>| text.map(|text| if is_list { objects(&text) } else { text });
        let (old, new) = (value(old), value(new));
        Ok(change(usize::try_from(number).unwrap(), &instance, &id, &column, old.as_deref(), new.as_deref()))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// A list of objects in a notation of its own, without nulls.
fn objects(text: &str) -> String {
    let list: Vec<BTreeMap<String, Option<Box<RawValue>>>> = serde_json::from_str(text).unwrap();
    if list.is_empty() {
        return text.to_owned();
    }
    let objects = list.into_iter().map(|object| {
        let members = object.into_iter().filter_map(|(key, value)| {
            let value = value?;
            let text = serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned());
            Some(format!(" {key}={text}"))
        });
        format!("{{{} }}", members.collect::<String>())
    });
    objects.collect()
}

fn texts(warehouse: &Connection, query: &str) -> Vec<String> {
    let mut statement = warehouse.prepare(query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Fails with the lines that are missing and those that should not be there.
fn same(what: &str, expected: &[String], found: &[String]) {
    let (mut missing, mut surplus) = (Vec::new(), found.to_vec());
    for line in expected {
        match surplus.iter().position(|found| found == line) {
            Some(at) => drop(surplus.swap_remove(at)),
            None => missing.push(line.clone()),
        }
    }
    assert!(missing.is_empty() && surplus.is_empty(), "{what}: missing {missing:#?}, surplus {surplus:#?}");
}

fn play(case: &Case) {
    let mut play = Play::begin(case);
    for Round { operations, fault } in &case.rounds {
        for operation in operations {
            play.state().crm.apply(operation);
        }
        if !play.extract(*fault) && case.goes_on {
            assert!(play.extract(None), "a run that nothing disturbs is whole");
        }
    }
    assert!(play.extract(None), "a run that nothing disturbs is whole");
    play.look_back();
}

#[test]
fn any_history_of_a_crm_is_remembered_as_it_was() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6);
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&case(), |case| {
            play(&case);
            Ok(())
        })
        .unwrap();
}
