//! `crmlake sql`

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _, Write as _},
};

use super::{Context, format, prompt, rendered};
use crate::{
    cli::Sql,
    error::{Error, ExitCode},
    reports::{Reader, params::as_of, render::render},
};

pub(super) fn run(context: &Context, args: Sql) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let at = args.as_of.as_deref().map(as_of).transpose()?;
    let statement = match (args.statement, args.file) {
        (Some(statement), _) => statement,
        (None, Some(path)) => {
            fs::read_to_string(&path).map_err(|source| Error::Input { what: path.display().to_string(), source })?
        }
        (None, None) if io::stdin().is_terminal() && io::stdout().is_terminal() => {
            return prompt::run(context, &settings, at, args.format);
        }
        (None, None) if io::stdin().is_terminal() => {
            return Err(Error::Usage("no statement: give one, name a file with -f, or pipe one in".to_owned()));
        }
        (None, None) => {
            let mut statement = String::new();
            let read = io::stdin().read_to_string(&mut statement);
            read.map_err(|source| Error::Input { what: "standard input".to_owned(), source })?;
            statement
        }
    };
    if statement.trim_matches(|c: char| c.is_whitespace() || c == ';').is_empty() {
        return Err(Error::Usage("the statement is empty".to_owned()));
    }
    let reader = Reader::open_as_of(&settings.warehouse, at)?;
    let answer = reader.ask("SQL", &statement, &|_| None)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    render(&mut out, &answer, format(args.format), None).map_err(rendered)?;
    out.flush()?;
    Ok(ExitCode::Whole)
}
