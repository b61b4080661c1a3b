//! `crmlake completions`

use clap::CommandFactory as _;

use super::print;
use crate::{
    cli::{Cli, Completions},
    error::{Error, ExitCode},
};

pub(super) fn run(args: &Completions) -> Result<ExitCode, Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "crmlake", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::Whole)
}
