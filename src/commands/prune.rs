//! `crmlake prune`

use jiff::{Timestamp, tz::Offset};

use super::{Context, print, removed_table};
use crate::{
    cli::Prune,
    error::{Error, ExitCode},
    warehouse::prune::{Pruned, prune},
};

pub(super) fn run(context: &Context, args: &Prune) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let today = Offset::UTC.to_datetime(Timestamp::now());
    let horizon = today.checked_sub(args.history_older_than).ok().and_then(|then| Offset::UTC.to_timestamp(then).ok());
    let horizon = horizon.ok_or_else(|| Error::Usage("--history-older-than reaches back too far".to_owned()))?;
    // To the second, as it is told.
    let horizon = Timestamp::from_second(horizon.as_second()).unwrap_or(horizon);
    let pruned = prune(&settings.warehouse, horizon, args.dry_run)?;
    if !context.quiet {
        print(&summary(&pruned, horizon, args.dry_run, &settings.warehouse.display().to_string()))?;
    }
    Ok(ExitCode::Whole)
}

fn summary(pruned: &Pruned, horizon: Timestamp, dry_run: bool, warehouse: &str) -> String {
    let horizon = horizon.strftime("%Y-%m-%dT%H:%M:%SZ");
    if pruned.removed.is_empty() {
        return format!("nothing ended before {horizon}: {warehouse} is as it was\n");
    }
    let size = |bytes: u64| bytesize::ByteSize(bytes).display().iec().to_string();
    let table = removed_table(&pruned.removed);
    match pruned.after {
        Some(after) if !dry_run => format!(
            "{table}\n{warehouse}: {} before, {} now; --as-of reaches back to {horizon}\n",
            size(pruned.before),
            size(after)
        ),
        _ => format!(
            "nothing was changed; this would be removed:\n{table}\n{warehouse}: {}; --as-of would reach back to {horizon}\n",
            size(pruned.before)
        ),
    }
}
