//! `crmlake sandbox`

use super::{Context, print};
use crate::{
    cli::SandboxArgs,
    config::env,
    error::{Error, ExitCode},
    pipeline::stopped,
    sandbox::{Options, Sandbox, TotalTold},
    secret::Secret,
};

/// The key that opens a sandbox when the environment names none.
const DEFAULT_KEY: &str = "sandbox";

pub(super) async fn run(context: &Context, args: SandboxArgs) -> Result<ExitCode, Error> {
    let mut keys: Vec<Secret> = [env::API_KEY, env::API_KEY_SECONDARY]
        .iter()
        .filter_map(|name| context.environment.text(name))
        .map(|text| Secret::new(&text))
        .collect();
    let key = if keys.is_empty() {
        keys.push(Secret::new(DEFAULT_KEY));
        format!("{}={DEFAULT_KEY}", env::API_KEY)
    } else {
        format!("the key in {}", env::API_KEY)
    };
    let habits = Options::well_behaved(args.seed, args.scale, args.today.unwrap_or_else(today), keys);
    let options = Options {
        names: args.names,
        size_cap: args.size_cap,
        total: match args.total_off {
            _ if args.no_total => TotalTold::None,
            Some(by) => TotalTold::Off(by),
            None => TotalTold::Right,
        },
        past_end: args.past_end,
        envelope: args.envelope,
        churn: args.churn,
        down: args.down,
        requests: args.requests,
        window: args.window.try_into().map_err(|_| Error::Usage("--window must not be negative".to_owned()))?,
        retry_after: args.retry_after,
        call_quota: args.call_quota,
        redirect_to: args.redirect_to,
        gzip: args.gzip,
        faults: args.faults,
        ..habits
    };
    let sandbox = Sandbox::start(args.port, options).await?;
    print(&format!("sandbox: {}={} with {key}\n", env::BASE_URL, sandbox.url()))?;
    tokio::select! {
        () = sandbox.serve() => {}
        () = stopped() => {}
    }
    Ok(ExitCode::Whole)
}

/// Today in UTC.
pub(super) fn today() -> jiff::civil::Date {
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date()
}
