//! The `crmlake` command.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Parser as _;
use crmlake::{
    cli::Cli,
    commands,
    error::{Error, ExitCode, told},
};

fn main() -> ! {
    #[cfg(feature = "failpoints")]
    let _steps = fail::FailScenario::setup();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors; what is one has clap's own words and its exit code, which is ours too.
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => finish(Err(Error::Output(error))),
    };
    let result = runtime.block_on(commands::run(cli));
    finish(result)
}

/// Ends the process at once, whatever still runs: nothing that matters is unfinished, and a stopped run must stop.
fn finish(result: Result<ExitCode, Error>) -> ! {
    let code = match result {
        Ok(code) => code,
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Whole,
        Err(error) => {
            let label = if io::stderr().is_terminal() { "\u{1b}[31merror\u{1b}[0m" } else { "error" };
            let _ = io::stderr().write_all(told(&error, label).as_bytes());
            error.exit_code()
        }
    };
    std::process::exit(i32::from(code as u8))
}
