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

/// The latest certificate of each resource: how many rows more than the sweep before, and how old what was read last is
/// at `$now`, because DuckDB's own `now()` has a time zone and takes an extension.
const CERTIFICATES: &str = "
WITH swept AS (
    SELECT s.*, r.finished_at,
           CASE WHEN s.passes > 0 THEN s.distinct_ids END AS read_rows,
           CASE WHEN s.passes > 0 THEN r.finished_at END AS read_at
    FROM meta.sweeps s JOIN meta.runs r USING (run_id)
)
SELECT instance, resource, verdict, distinct_ids AS rows,
       read_rows - lag(read_rows IGNORE NULLS) OVER earlier AS growth,
       round(greatest(epoch(TIMESTAMP '$now') - epoch(max(read_at) OVER (PARTITION BY instance, resource)), 0) / 3600, 1) AS hours_old,
       total_before, total_after, repeated, without_id, pages, passes, requests, retries, finished_at, reason
FROM swept
WINDOW earlier AS (PARTITION BY instance, resource ORDER BY finished_at)
QUALIFY row_number() OVER (PARTITION BY instance, resource ORDER BY finished_at DESC) = 1
ORDER BY instance, resource";

const RUNS: &str = "
SELECT run_id, started_at, finished_at, outcome, exit_code, version FROM meta.runs ORDER BY started_at DESC LIMIT 5";

pub(super) fn run(context: &Context, args: &Status) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let reader = Reader::open(&settings, None)?;
    let format = format(args.format);
    let mut out = io::BufWriter::new(io::stdout().lock());
    if matches!(format, Format::Table | Format::Markdown) {
        let runs = reader.ask("status", RUNS, &|_| None)?;
        render(&mut out, &runs, format, None).map_err(rendered)?;
    }
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    let certificates = reader.ask("status", &CERTIFICATES.replace("$now", &now), &|_| None)?;
    render(&mut out, &certificates, format, None).map_err(rendered)?;
    if matches!(format, Format::Table | Format::Markdown) {
        let size = std::fs::metadata(&settings.warehouse).map_or(0, |file| file.len());
        let size = bytesize::ByteSize(size).display().iec();
        writeln!(out, "{}: {size} on disk", settings.warehouse.display())?;
    }
    out.flush()?;
    Ok(ExitCode::Whole)
}
