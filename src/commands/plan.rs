//! `crmlake plan`

use comfy_table::{CellAlignment, Table, presets};

use super::{Context, print};
use crate::{
    cli::Plan,
    config::Proof,
    error::{Error, ExitCode},
    pipeline::{
        self,
        forecast::{forecast, least_time},
    },
};

pub(super) async fn run(mut context: Context, args: Plan) -> Result<ExitCode, Error> {
    context.overrides.proof = args.prove.then_some(Proof::Proven);
    let settings = context.settings()?;
    let instances = settings.instances(args.instance.as_deref(), context.environment)?;
    let forecasts = forecast(&settings, &instances, &pipeline::resources(&args.resources)?).await?;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["instance", "resource", "rows", "pages", "requests"]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in &forecasts {
        let at_least = if line.is_total { "" } else { "at least " };
        table.add_row([
            line.instance.clone(),
            line.resource.name.to_owned(),
            format!("{at_least}{}", line.rows),
            format!("{at_least}{}", line.pages),
            format!("{at_least}{}", line.requests),
        ]);
    }
    let requests: u64 = forecasts.iter().map(|line| line.requests).sum();
    let open = forecasts.iter().any(|line| !line.is_total);
    print(&format!(
        "{table}\n{}{requests} requests; at {} in {}s they take at least {}s\n",
        if open { "at least " } else { "" },
        settings.api.requests,
        settings.api.window.as_secs_f64(),
        least_time(&settings, requests).as_secs_f64()
    ))?;
    Ok(ExitCode::Whole)
}
