//! What the line editor asks while something is being typed: whether it is finished, and how a name goes on.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use rustyline::{
    Context,
    completion::Completer,
    highlight::Highlighter,
    hint::Hinter,
    validate::{ValidationContext, ValidationResult, Validator},
};

use super::{ctrl_c::Halt, dots, session};
use crate::reports::tokens::{Kind, Token, is_finished, tokens};

/// The tables of a warehouse by their names, such as `crm.leads`, each with its columns.
pub(super) type Names = BTreeMap<String, Vec<String>>;

/// See the module.
pub(super) struct Helper {
    names: Rc<RefCell<Names>>,
    halt: Halt,
}

impl Helper {
    pub(super) fn new(names: Rc<RefCell<Names>>, halt: Halt) -> Self {
        Self { names, halt }
    }
}

impl Validator for Helper {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        if !is_whole(context.input()) {
            return Ok(ValidationResult::Incomplete);
        }
        // Here, and not when the line arrives: in between, Ctrl-C is a signal already, and meant for this.
        self.halt.begin();
        Ok(ValidationResult::Valid(None))
    }
}

/// Whether what was typed can be answered, or has nothing to be answered.
fn is_whole(typed: &str) -> bool {
    let found = tokens(typed);
    dots::is_dot(typed) || is_finished(typed) || (found.all.is_empty() && !found.is_open)
}

impl Completer for Helper {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(line, at, &self.names.borrow()))
    }
}

impl Hinter for Helper {
    type Hint = String;
}

impl Highlighter for Helper {}

impl rustyline::Helper for Helper {}

/// Where the word begins that is at the cursor, and what it may become.
fn complete(line: &str, at: usize, names: &Names) -> (usize, Vec<String>) {
    let before = &line[..at];
    let start = before
        .rfind(|c: char| !(c.is_alphanumeric() || "_.".contains(c)))
        .map_or(0, |end| end + before[end..].chars().next().map_or(1, char::len_utf8));
    let word = &before[start..];
    let tables = || names.keys().cloned();
    let mut found: Vec<String> = if line.trim_start().starts_with('.') {
        match before.split_whitespace().next() {
            Some(command) if command.len() < before.trim_start().len() => match command {
                ".schema" => tables().filter(|table| is_meant(table, word)).collect(),
                ".format" => begins(session::formats().map(str::to_owned), word),
                ".rows" => begins(["all", "auto"].map(str::to_owned), word),
                _ => Vec::new(),
            },
            _ => begins(dots::names().map(str::to_owned), word),
        }
    } else if tokens(before).is_open {
        Vec::new()
    } else if let Some((owner, _)) = word.rsplit_once('.') {
        let table = names.get_key_value(owner).or_else(|| alias(owner, line, names));
        let columns: Vec<&Vec<String>> = table.map(|(_, columns)| columns).into_iter().collect();
        let columns = columns.into_iter().flatten().map(|column| format!("{owner}.{column}"));
        begins(tables().chain(columns), word)
    } else {
        let mentioned = mentioned(line, names);
        let is_known =
            |table: &str| mentioned.contains(&table) || (mentioned.is_empty() && table.starts_with("model."));
        let columns = names.iter().filter(|(table, _)| is_known(table)).flat_map(|(_, columns)| columns.clone());
        let mut found = if word.is_empty() { Vec::new() } else { begins(columns, word) };
        found.extend(tables().filter(|table| is_meant(table, word)));
        found
    };
    found.sort();
    found.dedup();
    (start, found)
}

fn begins(candidates: impl IntoIterator<Item = String>, word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    candidates.into_iter().filter(|candidate| candidate.to_lowercase().starts_with(&word)).collect()
}

/// Whether a table is meant by a word: it begins so, or its name without the schema does.
fn is_meant(table: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    table.starts_with(&word) || table.split_once('.').is_some_and(|(_, name)| name.starts_with(&word))
}

/// The tables that a statement names.
fn mentioned<'a>(line: &str, names: &'a Names) -> Vec<&'a str> {
    let found = tokens(line).all;
    let tables = found.windows(3).filter_map(|three| named(three, names));
    tables.map(|(table, _)| table.as_str()).collect()
}

fn named<'a>(three: &[Token], names: &'a Names) -> Option<(&'a String, &'a Vec<String>)> {
    let [schema, dot, table] = three else { return None };
    let is_name = schema.kind == Kind::Word && dot.is_symbol(".") && table.kind == Kind::Word;
    is_name.then(|| names.get_key_value(&format!("{}.{}", schema.text, table.text).to_lowercase())).flatten()
}

/// The table that a statement calls by another name: `FROM crm.leads AS l`.
fn alias<'a>(alias: &str, line: &str, names: &'a Names) -> Option<(&'a String, &'a Vec<String>)> {
    let found = tokens(line).all;
    (0..found.len().saturating_sub(3)).find_map(|at| {
        let table = named(&found[at..at + 3], names)?;
        let called = if found[at + 3].is("AS") { found.get(at + 4)? } else { &found[at + 3] };
        let is_own = table.0.split_once('.').is_some_and(|(_, name)| name.eq_ignore_ascii_case(alias));
        (called.is(alias) || is_own).then_some(table)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let table = |name: &str, columns: &[&str]| {
            (name.to_owned(), columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>())
        };
        Names::from([
            table("crm.leads", &["id", "email"]),
            table("model.leads", &["id", "status", "source"]),
            table("model.users", &["id", "name"]),
            table("meta.runs", &["run_id"]),
        ])
    }

    #[test]
    fn names_are_completed() {
        for (line, expected) in [
            ("SELECT * FROM m", vec!["meta.runs", "model.leads", "model.users"]),
            ("SELECT * FROM lea", vec!["crm.leads", "model.leads"]),
            ("SELECT * FROM model.l", vec!["model.leads"]),
            ("SELECT s", vec!["source", "status"]),
            ("FROM crm.leads SELECT e", vec!["email"]),
            ("FROM crm.leads l WHERE l.", vec!["l.email", "l.id"]),
            ("FROM crm.leads AS l WHERE L.e", vec!["L.email"]),
            ("FROM crm.leads WHERE crm.leads.", vec!["crm.leads.email", "crm.leads.id"]),
            ("FROM crm.leads WHERE leads.e", vec!["leads.email"]),
            ("SELECT 'm", vec![]),
            ("-- m", vec![]),
            (".s", vec![".schema"]),
            (".schema lea", vec!["crm.leads", "model.leads"]),
            (".format ma", vec!["markdown"]),
            (".rows a", vec!["all", "auto"]),
            (".tables ", vec![]),
        ] {
            assert_eq!(complete(line, line.len(), &names()).1, expected, "{line}");
        }
        assert_eq!(complete("SELECT é FROM le", 17, &names()).0, 15);
    }

    #[test]
    fn what_is_typed_is_whole_at_its_semicolon() {
        for typed in ["SELECT 1;", ".tables", "", "  ", "-- nothing", "exit", ".rows 'x"] {
            assert!(is_whole(typed), "{typed}");
        }
        for typed in ["SELECT 1", "SELECT ';", "/* ", "SELECT 1; SELECT 2", "exiting"] {
            assert!(!is_whole(typed), "{typed}");
        }
    }
}
