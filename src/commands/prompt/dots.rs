//! What can be typed at the prompt beside statements: a dot and a word.

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dot {
    Help,
    Tables,
    Schema(String),
    /// Without a name, the format is told.
    Format(Option<String>),
    /// Without a number, the limit is told.
    Rows(Option<String>),
    Quit,
}

/// The commands with what they take, and what they do.
const COMMANDS: [(&str, &str, &str); 7] = [
    (".tables", "", "the tables of the warehouse"),
    (".schema", "NAME", "a table's columns with their types, such as .schema model.opportunities"),
    (".format", "NAME", "how answers are written: table, lines (a column a line), csv, json, ndjson or markdown"),
    (".rows", "N", "how many rows of an answer a table shows: a number, all, or auto (as many as fit)"),
    (".help", "", "this"),
    (".quit", "", "leave, like Ctrl-D"),
    (".exit", "", "the same"),
];

/// The names of the commands.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|(name, ..)| *name)
}

/// Whether something typed is meant for here: begins with a dot, or is a word that many prompts know.
pub(super) fn is_dot(typed: &str) -> bool {
    let typed = typed.trim();
    typed.starts_with('.') || plain(typed).is_some()
}

/// What those mean who type no dot.
fn plain(typed: &str) -> Option<Dot> {
    match typed.trim_end_matches(';').trim_end() {
        "exit" | "quit" => Some(Dot::Quit),
        "help" => Some(Dot::Help),
        _ => None,
    }
}

/// Reads a command; an error says what is wrong with it.
pub(super) fn parse(typed: &str) -> Result<Dot, String> {
    let typed = typed.trim().trim_end_matches(';').trim_end();
    if let Some(dot) = plain(typed) {
        return Ok(dot);
    }
    let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let argument = Some(rest.trim()).filter(|rest| !rest.is_empty()).map(str::to_owned);
    match (name, argument) {
        (".schema", Some(table)) => Ok(Dot::Schema(table)),
        (".schema", None) => Err(".schema takes the name of a table; .tables lists them".to_owned()),
        (".format", format) => Ok(Dot::Format(format)),
        (".rows", rows) => Ok(Dot::Rows(rows)),
        (".tables", None) => Ok(Dot::Tables),
        (".help", None) => Ok(Dot::Help),
        (".quit" | ".exit", None) => Ok(Dot::Quit),
        (known, Some(argument)) if names().any(|name| name == known) => {
            Err(format!("{known} takes nothing, and \"{argument}\" stands behind it"))
        }
        _ => Err(format!("there is no {name}; .help lists what there is")),
    }
}

/// What can be typed.
pub(super) fn help() -> String {
    let line = |(name, takes, does): &(&str, &str, &str)| format!("  {:<13} {does}\n", format!("{name} {takes}"));
    let commands: String = COMMANDS.iter().map(line).collect();
    format!(
        "A statement ends with a semicolon, and may have several lines. Only questions are answered.\n{commands}\
         Tab completes names. Ctrl-C drops what is typed, or stops what is being asked. A line that begins with a blank is \
         not remembered.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        for (typed, expected) in [
            (".tables", Dot::Tables),
            ("  .tables ;", Dot::Tables),
            (".schema crm.leads", Dot::Schema("crm.leads".to_owned())),
            (".format", Dot::Format(None)),
            (".rows  all", Dot::Rows(Some("all".to_owned()))),
            (".exit", Dot::Quit),
            ("quit", Dot::Quit),
            ("exit;", Dot::Quit),
        ] {
            assert!(is_dot(typed), "{typed}");
            assert_eq!(parse(typed), Ok(expected), "{typed}");
        }
        for (typed, problem) in [
            (".schema", ".tables lists them"),
            (".quit now", "\"now\" stands behind it"),
            (".nonsense", "there is no .nonsense"),
            (".", "there is no .;"),
        ] {
            assert!(parse(typed).unwrap_err().contains(problem), "{typed}");
        }
        assert!(!is_dot("SELECT 1;") && !is_dot("SELECT quit") && !is_dot(""));
    }

    #[test]
    fn help_names_every_command() {
        assert!(names().all(|name| help().contains(name)));
    }
}
