//! The prompt of `crmlake sql`: statements typed at a terminal, answered one after another.

mod ctrl_c;
mod dots;
mod helper;
mod screen;
mod session;

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rustyline::{CompletionType, Config, Editor, error::ReadlineError, history::FileHistory};

use self::{
    ctrl_c::Halt,
    helper::Helper,
    screen::Screen,
    session::{Next, Session},
};
use super::{Context, print};
use crate::{
    config::Settings,
    error::{Error, ExitCode, told},
    reports::render::Format,
    spool::private_folder,
};

const PROMPT: &str = "crmlake> ";
/// The file of what was typed, in the folder of crmlake's state.
const HISTORY: &str = "sql_history";
/// How many entries of it are kept.
const REMEMBERED: usize = 2_000;

/// Answers what is typed, until that is `.quit` or Ctrl-D.
pub(super) fn run(
    context: &Context,
    settings: &Settings,
    at: Option<Timestamp>,
    format: Option<Format>,
) -> Result<ExitCode, Error> {
    // Before the editor, which puts back what it finds: from here on Ctrl-C ends what is being asked, and never the prompt.
    let halt = Halt::listen()?;
    let mut session = Session::open(settings, at, format, halt.clone())?;
    let config = Config::builder().history_ignore_space(true).completion_type(CompletionType::List);
    let config = config.max_history_size(REMEMBERED).map_err(unreadable)?.build();
    let mut editor = Editor::with_config(config).map_err(unreadable)?;
    editor.set_helper(Some(Helper::new(session.names(), halt.clone())));
    let mut history = History::open(&mut editor, context.environment.state_folder());
    if !context.quiet {
        print(&session.greeting()?)?;
    }
    loop {
        halt.end();
        let typed = match editor.readline(PROMPT) {
            Ok(typed) => typed,
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => return Ok(ExitCode::Whole),
            // What was pasted from elsewhere need not be UTF-8.
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                tell("error: what was typed is not UTF-8 text\n")?;
                continue;
            }
            Err(error) => return Err(unreadable(error)),
        };
        history.add(&mut editor, &typed);
        let screen = editor.dimensions().map_or_else(Screen::default, |(columns, lines)| Screen::new(columns, lines));
        match session.answer(&typed, screen) {
            Ok(Next::Go) => {}
            Ok(Next::Quit) => return Ok(ExitCode::Whole),
            Err(_) if halt.is_asked() => tell("stopped\n")?,
            Err(Error::Output(error)) => return Err(Error::Output(error)),
            Err(error) => tell(&told(&error, "error"))?,
        }
    }
}

fn unreadable(error: ReadlineError) -> Error {
    let source = match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    };
    Error::Input { what: "the terminal".to_owned(), source }
}

/// Writes to standard error.
fn tell(text: &str) -> Result<(), Error> {
    Ok(io::stderr().write_all(text.as_bytes())?)
}

/// What was typed in this session and in those before.
struct History {
    /// Nothing where there is no place for it.
    path: Option<PathBuf>,
}

impl History {
    /// Opens the history, which nobody else may read. A prompt without one is still a prompt.
    fn open(editor: &mut Editor<Helper, FileHistory>, folder: Option<PathBuf>) -> Self {
        let Some(folder) = folder else { return Self { path: None } };
        let path = folder.join(HISTORY);
        let opened = private_folder(&folder).and_then(|()| private_file(&path));
        let loaded = opened.map_err(ReadlineError::Io).and_then(|()| editor.load_history(&path));
        match loaded {
            Ok(()) => Self { path: Some(path) },
            Err(error) => {
                tracing::warn!("what is typed is not remembered: {}: {error}", path.display());
                Self { path: None }
            }
        }
    }

    /// Adds what was typed: to the file too, at once, so that nothing is lost however the session ends.
    fn add(&mut self, editor: &mut Editor<Helper, FileHistory>, typed: &str) {
        let added = editor.add_history_entry(typed).unwrap_or(false);
        let Some(path) = self.path.as_ref().filter(|_| added) else { return };
        if let Err(error) = editor.append_history(path) {
            tracing::warn!("what is typed is no longer remembered: {}: {error}", path.display());
            self.path = None;
        }
    }
}

/// Makes a file that only its owner may read, or makes it so.
fn private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        options.mode(0o600).open(path)?.set_permissions(fs::Permissions::from_mode(0o600))
    }
    #[cfg(not(unix))]
    options.open(path).map(drop)
}
