//! The door that every statement goes through before it reaches a warehouse: questions pass, and nothing else.
//!
//! DuckDB itself says what a statement is: its `json_serialize_sql` takes a SELECT apart (which FROM, VALUES, TABLE, UNPIVOT,
//! DESCRIBE, SHOW and SUMMARIZE are to it as well), refuses everything else, and names every function and table in it.
//! Two kinds of question it does not take: EXPLAIN, which is looked at without its first words, and a PIVOT whose columns
//! come from the data, which is looked at with a column given. What is asked is never run here, and nothing that was
//! changed is run afterwards.
//!
//! The connection behind the door is read-only and has no access to files (`crate::warehouse`), which holds by itself
//! against writing; but DuckDB lets temporary tables, settings of the session, logs and other things through there.

use std::cell::OnceCell;

use duckdb::{Config, Connection};
use serde::Deserialize;

use super::{
    ReportError,
    pivot::{is_pivot, with_given_columns},
    tokens::{Token, statements, tokens},
};
use crate::{
    library::{Author, LibraryError, models::Resolved},
    warehouse::{guard, tidy},
};

/// What stands in FROM with parentheses behind it, and reads nothing but its arguments or the warehouse's own catalog.
const TABLE_FUNCTIONS: [&str; 42] = [
    "duckdb_approx_database_count",
    "duckdb_columns",
    "duckdb_connection_count",
    "duckdb_constraints",
    "duckdb_coordinate_systems",
    "duckdb_databases",
    "duckdb_dependencies",
    "duckdb_functions",
    "duckdb_indexes",
    "duckdb_keywords",
    "duckdb_memory",
    "duckdb_optimizers",
    "duckdb_prepared_statements",
    "duckdb_schemas",
    "duckdb_sequences",
    "duckdb_settings",
    "duckdb_table_sample",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_variables",
    "duckdb_views",
    "generate_series",
    "icu_calendar_names",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "pragma_collations",
    "pragma_database_size",
    "pragma_metadata_info",
    "pragma_platform",
    "pragma_show",
    "pragma_storage_info",
    "pragma_table_info",
    "pragma_user_agent",
    "pragma_version",
    "range",
    "repeat",
    "repeat_row",
    "summary",
    "test_all_types",
    "test_vector_types",
    "unnest",
];

/// Functions that do more than compute, wherever they stand, and what they do.
const REFUSED_FUNCTIONS: [(&str, &str); 11] = [
    ("currval", "a sequence is no part of a question"),
    ("getenv", "it reads the environment"),
    ("json_execute_serialized_sql", "it runs what a value says"),
    ("json_serialize_plan", "it prepares what a value says"),
    ("nextval", "it writes"),
    ("pg_sleep", "it only waits"),
    ("query", "it runs what a value says"),
    ("query_table", "it reads whatever table a value names"),
    ("setseed", "it changes what the next question answers"),
    ("sleep_ms", "it only waits"),
    ("write_log", "it writes a log"),
];

/// How the name of a file ends that DuckDB reads where a table should stand, even without quotes: `FROM data.csv`.
const FILE_ENDINGS: [&str; 19] = [
    "avro", "csv", "db", "ddb", "duckdb", "fgb", "gpkg", "gz", "ipynb", "json", "jsonl", "ndjson", "orc", "parquet",
    "shp", "tsv", "txt", "xlsx", "zst",
];

/// Words that a question may begin with, where it stands in parentheses.
const QUESTIONS: [&str; 7] = ["SELECT", "FROM", "WITH", "VALUES", "TABLE", "PIVOT", "UNPIVOT"];
/// Words that say what a statement does that begins with WITH and is no question.
const WRITES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// Why a statement is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("the statement is empty")]
    Empty,
    /// There are several.
    #[error("{count} statements, and one is answered at a time")]
    Several {
        /// How many.
        count: usize,
    },
    /// It is no question.
    #[error("{word} is refused: only questions are answered, and the warehouse is opened read-only")]
    NoQuestion {
        /// The word that says so.
        word: String,
    },
    /// It uses a function that does more than a question needs.
    #[error("{function}() is refused: {reason}")]
    Function {
        /// The function.
        function: String,
        /// What it does.
        reason: &'static str,
    },
    /// It reads a file.
    #[error("\"{name}\" is refused: it is no table of the warehouse but a file")]
    File {
        /// What it is called.
        name: String,
    },
    /// It cannot be told.
    #[error("the PIVOT is refused: what it does cannot be told before it runs")]
    Unclear,
}

impl Refusal {
    /// What to do instead.
    pub fn advice(&self) -> String {
        let questions =
            "ask with SELECT, FROM, WITH, VALUES, TABLE, PIVOT, UNPIVOT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN";
        let elsewhere = "to join other data or write tables, attach the warehouse to a DuckDB of your own: \
                         ATTACH 'crmlake.duckdb' (READ_ONLY)";
        match self {
            Self::Empty => questions.to_owned(),
            Self::Several { .. } => {
                "run `crmlake sql` once for each, or type them at its prompt, which takes them one after another".to_owned()
            }
            Self::Function { .. } | Self::File { .. } => elsewhere.to_owned(),
            Self::Unclear => "give the values: PIVOT table ON column IN ('a', 'b') USING count(*)".to_owned(),
            Self::NoQuestion { word } => match word.as_str() {
                "CREATE" => "name a part of a question with WITH name AS (SELECT ...); a view to keep is a file in sql/models"
                    .to_owned(),
                "COPY" | "EXPORT" => {
                    "write an answer with `crmlake sql --format csv ... > answer.csv`, and whole tables with `crmlake export`"
                        .to_owned()
                }
                "PRAGMA" | "CALL" | "SET" | "RESET" | "USE" => {
                    "settings stay as they are; what they tell can be asked for: FROM duckdb_settings(), FROM \
                     pragma_table_info('crm.leads')"
                        .to_owned()
                }
                "ATTACH" | "DETACH" | "INSTALL" | "LOAD" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "IMPORT" => {
                    elsewhere.to_owned()
                }
                _ => questions.to_owned(),
            },
        }
    }
}

/// The door. It has a DuckDB of its own, in memory, which takes statements apart and runs none. What is built in is known
/// to be a question (a test sees to it), so that it is set up for a user's statements alone.
#[derive(Debug, Default)]
pub struct Guard {
    parser: OnceCell<Connection>,
}

/// What DuckDB's parser says of a text.
#[derive(Debug, Deserialize)]
struct Parsed {
    /// How many questions it is; nothing where it is something else, or is mistaken.
    statements: Option<usize>,
    /// Why it is none.
    problem: Option<String>,
    /// The functions in it, those in FROM included.
    functions: Option<Vec<String>>,
    /// The functions in FROM.
    table_functions: Option<Vec<String>>,
    /// The last names of its tables.
    tables: Option<Vec<String>>,
    /// The last names of those that have a schema's name before them.
    qualified: Option<Vec<String>>,
}

/// In what is parsed, a table's two names follow each other, and a quotation mark in a name is escaped.
const PARSE: &str = r#"
WITH parsed AS (SELECT json_serialize_sql(CAST(? AS VARCHAR)) AS tree)
SELECT CAST(json_object(
    'statements', json_array_length(tree, '$.statements'),
    'problem', json_extract_string(tree, '$.error_message'),
    'functions', list_sort(list_distinct(json_extract_string(tree, '$..function_name'))),
    'table_functions', list_sort(list_distinct(json_extract_string(tree, '$..function.function_name'))),
    'tables', list_sort(list_distinct(json_extract_string(tree, '$..table_name'))),
    'qualified', list_sort(list_distinct(regexp_extract_all(
        CAST(tree AS VARCHAR), '"schema_name":"(?:[^"\\]|\\.)+","table_name":"((?:[^"\\]|\\.)*)"', 1)))
) AS VARCHAR)
FROM parsed"#;
/// How the parser says that a text is no question.
const NO_QUESTION: &str = "Only SELECT statements";

impl Guard {
    fn parser(&self) -> Result<&Connection, ReportError> {
        if let Some(parser) = self.parser.get() {
            return Ok(parser);
        }
        let failed = failed("setting up DuckDB");
        let config =
            Config::default().threads(1).and_then(|config| config.with("temp_directory", "")).map_err(&failed)?;
        let parser = Connection::open_in_memory_with_flags(config).map_err(&failed)?;
        guard(&parser)?;
        Ok(self.parser.get_or_init(|| parser))
    }

    /// The models whose statements are questions; of the others it is told why they are none.
    pub fn admit(&self, resolved: Resolved) -> Resolved {
        let mut admitted = Resolved { models: Vec::new(), broken: resolved.broken };
        for model in resolved.models {
            match self.check_of(model.author, &model.origin, &model.statement) {
                Ok(()) => admitted.models.push(model),
                Err(error) => {
                    admitted.broken.push(LibraryError::File { file: model.origin, problem: error.to_string() });
                }
            }
        }
        admitted
    }

    /// Whether a statement may be run that a file has: what is built in is known to be a question.
    pub fn check_of(&self, author: Author, what: &str, text: &str) -> Result<(), ReportError> {
        match author {
            Author::BuiltIn => Ok(()),
            Author::User => self.check(what, text),
        }
    }

    /// Whether a user's statement may be run: an error says why not, or what DuckDB does not understand in it. `what` says in
    /// errors what it is of.
    pub fn check(&self, what: &str, text: &str) -> Result<(), ReportError> {
        match statements(text).len() {
            1 => self.judge(what, text),
            0 => Err(refused(what, Refusal::Empty)),
            count => Err(refused(what, Refusal::Several { count })),
        }
    }

    fn judge(&self, what: &str, text: &str) -> Result<(), ReportError> {
        let parsed = self.parse(what, text)?;
        match parsed.statements {
            Some(1) => return self.judge_names(what, &parsed),
            Some(0) => return Err(refused(what, Refusal::Empty)),
            Some(count) => return Err(refused(what, Refusal::Several { count })),
            None => {}
        }
        if parsed.is_mistaken() {
            return Err(self.mistake(what, text, parsed));
        }
        let found = tokens(text).all;
        if found.first().is_some_and(|first| first.is("EXPLAIN")) {
            return self.judge(what, &text[explained(&found).unwrap_or(text.len())..]);
        }
        if found.iter().any(is_pivot) {
            let (given, questions) = with_given_columns(text, &found);
            let parsed = self.parse(what, &given)?;
            if parsed.statements == Some(1) {
                questions.iter().try_for_each(|question| self.judge(what, question))?;
                return self.judge_names(what, &parsed);
            }
            if parsed.is_mistaken() {
                return Err(refused(what, Refusal::Unclear));
            }
        }
        Err(refused(what, Refusal::NoQuestion { word: telling_word(&found) }))
    }

    fn parse(&self, what: &str, text: &str) -> Result<Parsed, ReportError> {
        let parsed: String = self.parser()?.query_row(PARSE, [text], |row| row.get(0)).map_err(failed(what))?;
        serde_json::from_str(&parsed)
            .map_err(|error| ReportError::Statement { what: what.to_owned(), message: error.to_string() })
    }

    /// DuckDB's own words for a mistake, with the place in the statement.
    fn mistake(&self, what: &str, text: &str, parsed: Parsed) -> ReportError {
        match self.parser().map(|parser| parser.prepare(text).map(drop)) {
            Err(error) => error,
            Ok(Err(error)) => failed(what)(error),
            Ok(Ok(())) => {
                let message = parsed.problem.unwrap_or_default();
                ReportError::Statement { what: what.to_owned(), message }
            }
        }
    }

    fn judge_names(&self, what: &str, parsed: &Parsed) -> Result<(), ReportError> {
        let of = |names: &Option<Vec<String>>| -> Vec<String> {
            names.iter().flatten().map(|name| name.to_ascii_lowercase()).collect()
        };
        for function in of(&parsed.functions) {
            if let Some((_, reason)) = REFUSED_FUNCTIONS.iter().find(|(name, _)| *name == function) {
                return Err(refused(what, Refusal::Function { function, reason }));
            }
        }
        for function in of(&parsed.table_functions) {
            // A misspelt one is told by DuckDB, which knows what it is like.
            if !TABLE_FUNCTIONS.contains(&function.as_str()) && self.exists(what, &function)? {
                let reason = reason(&function);
                return Err(refused(what, Refusal::Function { function, reason }));
            }
        }
        let is_ending = |name: &str| FILE_ENDINGS.contains(&name);
        let is_file = |name: &str| {
            name.contains(['/', '\\', '*', '?']) || name.rsplit_once('.').is_some_and(|(_, ending)| is_ending(ending))
        };
        let tables = of(&parsed.tables).into_iter().filter(|name| is_file(name));
        let qualified = of(&parsed.qualified).into_iter().filter(|name| is_ending(name));
        match tables.chain(qualified).next() {
            Some(name) => Err(refused(what, Refusal::File { name })),
            None => Ok(()),
        }
    }

    /// Whether DuckDB has a function of that name.
    fn exists(&self, what: &str, function: &str) -> Result<bool, ReportError> {
        let known = "SELECT count(*) > 0 FROM duckdb_functions() WHERE lower(function_name) = ?";
        self.parser()?.query_row(known, [function], |row| row.get(0)).map_err(failed(what))
    }
}

impl Parsed {
    /// Whether the text is no statement at all.
    fn is_mistaken(&self) -> bool {
        self.statements.is_none() && !self.problem.as_deref().is_some_and(|problem| problem.starts_with(NO_QUESTION))
    }
}

fn refused(what: &str, refusal: Refusal) -> ReportError {
    ReportError::Refused { what: what.to_owned(), refusal }
}

fn failed(what: &str) -> impl Fn(duckdb::Error) -> ReportError {
    move |error| ReportError::Statement { what: what.to_owned(), message: tidy(&error.to_string()) }
}

/// What a function in FROM does that a question does not need.
fn reason(function: &str) -> &'static str {
    let has = |part: &str| function.contains(part);
    if has("read_") || has("parquet") || has("scan") || has("sniff") || function == "glob" {
        "it reads files"
    } else if has("secret") {
        "it looks for credentials"
    } else if has("extension") {
        "it looks for extensions"
    } else {
        "it is not known to do nothing but read the warehouse"
    }
}

/// Where the statement begins that is to be explained: behind the options.
fn explained(found: &[Token]) -> Option<usize> {
    let mut at = 1;
    if found.get(at)?.is_any(&["ANALYZE", "ANALYSE"]) {
        at += 1;
    }
    let is_options = found.get(at)?.is_symbol("(")
        && !found.get(at + 1).is_some_and(|next| next.is_any(&QUESTIONS) || next.is_symbol("("));
    if is_options {
        at += found[at..].iter().position(|token| token.is_symbol(")"))? + 1;
    }
    found.get(at).map(|token| token.start)
}

/// The word that says what a statement does which is no question.
fn telling_word(found: &[Token]) -> String {
    let first = found.first();
    let write = found.iter().find(|token| first.is_some_and(|first| first.is("WITH")) && token.is_any(&WRITES));
    write.or(first).map(|token| token.text.to_ascii_uppercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_function_that_passes_reads_what_a_value_names() {
        let parser = Connection::open_in_memory().unwrap();
        let macros = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE macro_definition LIKE '%query%'";
        let mut statement = parser.prepare(macros).unwrap();
        let named: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(named.iter().any(|name| name == "histogram_values"), "{named:?}");
        for name in TABLE_FUNCTIONS {
            assert!(!named.iter().any(|named| named == name), "{name}");
        }
    }
}
