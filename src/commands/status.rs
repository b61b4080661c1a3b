//! `crmlake status`

use std::io::{self, Write as _};

use super::{Context, format, rendered};
use crate::{
    cli::Status,
    error::{Error, ExitCode},
    reports::{
        Reader,
        render::{Format, render},
    },
};

/// The latest certificate of each resource, with the run it came from.
const CERTIFICATES: &str = "
SELECT s.instance, s.resource, s.verdict, s.distinct_ids AS rows, s.total_before, s.total_after, s.repeated, s.without_id,
       s.pages, s.passes, s.requests, s.retries, r.finished_at, s.reason
FROM meta.sweeps s JOIN meta.runs r USING (run_id)
QUALIFY row_number() OVER (PARTITION BY s.instance, s.resource ORDER BY r.finished_at DESC) = 1
ORDER BY s.instance, s.resource";

const RUNS: &str = "
SELECT run_id, started_at, finished_at, outcome, exit_code, version FROM meta.runs ORDER BY started_at DESC LIMIT 5";

pub(super) fn run(context: &Context, args: &Status) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let reader = Reader::open(&settings.warehouse)?;
    let format = format(args.format);
    let mut out = io::BufWriter::new(io::stdout().lock());
    if matches!(format, Format::Table | Format::Markdown) {
        let runs = reader.ask("status", RUNS, &|_| None)?;
        render(&mut out, &runs, format, None).map_err(rendered)?;
    }
    let certificates = reader.ask("status", CERTIFICATES, &|_| None)?;
    render(&mut out, &certificates, format, None).map_err(rendered)?;
    out.flush()?;
    Ok(ExitCode::Whole)
}
