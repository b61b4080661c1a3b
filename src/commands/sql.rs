//! `crmlake sql`

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _, Write as _},
};

use super::{
    Context, max_age, notes,
    output::{Output, tell, write_file},
    prompt, rendered,
};
use crate::{
    cli::Sql,
    error::{Error, ExitCode},
    reports::{
        Reader,
        params::as_of,
        render::{About, render},
    },
};

pub(super) fn run(context: &Context, args: Sql) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let at = args.as_of.as_deref().map(as_of).transpose()?;
    let statement = match (args.statement, args.file) {
        (Some(statement), _) => statement,
        (None, Some(path)) => {
            fs::read_to_string(&path).map_err(|source| Error::Input { what: path.display().to_string(), source })?
        }
        (None, None) if io::stdin().is_terminal() && io::stdout().is_terminal() && args.out.is_none() => {
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
    let output = Output::to(args.out.as_deref(), 1)?;
    if let Output::Folder(folder) = &output {
        return Err(Error::Usage(format!("{} is a folder; name a file for the answer", folder.display())));
    }
    let format = output.format(args.format)?;
    let reader = Reader::open(&settings, at)?;
    let answer = reader.ask("SQL", &statement, &|_| None)?;
    let about = About::statement(reader.freshness(max_age(&settings))?, notes(&settings));
    if let Output::File(path) = &output {
        let mut bytes = Vec::new();
        render(&mut bytes, &answer, format, Some(&about)).map_err(rendered)?;
        write_file(path, &bytes)?;
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        render(&mut out, &answer, format, Some(&about)).map_err(rendered)?;
        out.flush()?;
    }
    tell(&about, format, context.quiet)?;
    Ok(ExitCode::Whole)
}
