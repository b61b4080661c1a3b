//! A run, from the CRM to the warehouse: crawl all, load what came, commit once.

pub mod crawl;
mod deletions;
pub mod forecast;
pub mod load;
mod parallel;

use std::{collections::HashMap, path::PathBuf};

use futures::future::join_all;
use tokio::{runtime::Handle, time::Instant};
use tracing::{error, info, warn};

use self::{
    crawl::{Crawl, CrawlError, crawl},
    load::{Loaded, Loader, Source},
};
use crate::{
    api::{Client, Counters, Failure, limiter::Gate},
    batch::Privacy,
    catalog::{self, Resource},
    config::{Instance, Proof, Settings, destination::Destination},
    error::{Error, ExitCode, crawl_class, in_one_line},
    library::models::{Resolved, Semantics},
    observe::Bars,
    pages::{Certificate, Goal},
    reports::statements::Guard,
    sink::{Closing, Receipt, SinkError, Sweep, Target, parquet::StoreError},
    spool::{Binding, Discarded, Spool},
    warehouse::{
        WarehouseError,
        checks::Prepared,
        ledger::{LatestSweeps, Run},
        lock::Lock,
        views::BrokenModel,
    },
};

/// What `meta.runs` says of a run that could be taken for what the CRM had.
const WHOLE: &str = "whole";
/// What it says of the others.
const NOT_WHOLE: &str = "not whole";

/// What to extract.
#[derive(Debug)]
pub struct Extraction {
    /// The settings.
    pub settings: Settings,
    /// What is kept out of the warehouse.
    pub privacy: Privacy,
    /// From where.
    pub instances: Vec<Instance>,
    /// What.
    pub resources: Vec<&'static Resource>,
    /// Whether more rows than the configured share may be deleted at once.
    pub allow_mass_delete: bool,
    /// What the models are made from.
    pub semantics: Semantics,
    /// What must not be found in the result, where it is to be checked before it becomes visible.
    pub checks: Vec<Prepared>,
}

/// What became of one resource.
#[derive(Debug)]
pub struct Line {
    /// The instance.
    pub instance: String,
    /// The resource.
    pub resource: &'static Resource,
    /// What the sweep vouches for.
    pub certificate: Certificate,
    /// What loading did.
    pub loaded: Loaded,
    /// Requests made for it.
    pub cost: Counters,
    /// How long its sweep took.
    pub seconds: f64,
}

/// What a run did.
#[derive(Debug)]
pub struct Summary {
    /// The run's id.
    pub run_id: String,
    /// Each resource.
    pub lines: Vec<Line>,
    /// What the destination has of it.
    pub receipt: Receipt,
    /// The run's exit code.
    pub exit_code: ExitCode,
}

/// The resources that the names on the command line mean, with the forms that they need; all where there are none.
pub fn resources(names: &[String]) -> Result<Vec<&'static Resource>, Error> {
    if names.is_empty() {
        return Ok(catalog::RESOURCES.iter().collect());
    }
    let mut chosen: Vec<&str> = Vec::new();
    for name in names {
        let selected = catalog::selected(name);
        if selected.is_empty() {
            let mut known: Vec<_> = catalog::RESOURCES.iter().map(|resource| resource.view).collect();
            known.dedup();
            return Err(Error::Usage(format!("no resource is called \"{name}\"; there is {}", known.join(", "))));
        }
        chosen.extend(selected.iter().flat_map(|resource| resource.form.into_iter().chain([resource.name])));
    }
    Ok(catalog::RESOURCES.iter().filter(|resource| chosen.contains(&resource.name)).collect())
}

/// Runs an extraction. Nothing of the warehouse changes unless it is committed at the end.
pub async fn extract(extraction: Extraction, bars: Bars) -> Result<Summary, Error> {
    let _lock = lock(&extraction.settings)?;
    let run = Run::begin();
    let (extraction, target) = tokio::task::spawn_blocking(move || open_target(extraction)).await??;
    // Pages fetched before the run that loaded their list are at the destination already.
    let latest = target.latest_sweeps()?;
    info!(run_id = run.id, "extraction begins");
    let clients = connect(&extraction.settings, &extraction.instances)?;
    tokio::select! {
        result = crawl_and_load(extraction, target, run, &latest, clients, bars) => result,
        // The process ends at once then, and a copy that is being written is of no use to anybody.
        () = stopped() => Err(Error::Interrupted),
    }
}

/// Keeps other runs away from the destination.
fn lock(settings: &Settings) -> Result<Lock, Error> {
    match (Lock::take(&settings.work_folder()), &settings.destination) {
        (Err(WarehouseError::Locked), Destination::Parquet { place, .. }) => {
            Err(Error::Store(StoreError::Raced { place: place.name() }))
        }
        (lock, _) => Ok(lock?),
    }
}

fn open_target(extraction: Extraction) -> Result<(Extraction, Target), SinkError> {
    let target = Target::open(&extraction.settings, extraction.allow_mass_delete, &Handle::current())?;
    if let Target::Parquet(snapshots) = &target {
        let instances: Vec<&str> = extraction.instances.iter().map(|instance| instance.name.as_str()).collect();
        snapshots.check(&extraction.resources, &instances)?;
    }
    Ok((extraction, target))
}

/// A client for each instance, those of one key behind one gate.
fn connect(settings: &Settings, instances: &[Instance]) -> Result<Vec<Client>, Error> {
    let api = &settings.api;
    let mut gates: HashMap<&str, Gate> = HashMap::new();
    let clients = instances.iter().map(|instance| {
        let gate = gates.entry(instance.key.expose()).or_insert_with(|| Gate::new(api.requests, api.window));
        Ok(Client::new(instance, api, gate.clone())?)
    });
    clients.collect()
}

async fn crawl_and_load(
    extraction: Extraction,
    target: Target,
    run: Run,
    latest: &LatestSweeps,
    clients: Vec<Client>,
    bars: Bars,
) -> Result<Summary, Error> {
    let swept = join_all(extraction.instances.iter().zip(clients).map(async |(instance, client)| {
        let resources = extraction.resources.iter();
        let sweeps = resources.map(|resource| sweep(&extraction, instance, &client, resource, &run, latest, &bars));
        let sweeps = join_all(sweeps).await;
        (instance.name.clone(), client, sweeps)
    }));
    let swept = swept.await;
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || load_all(&extraction, target, &run, swept, &runtime, &bars)).await?
}

struct Swept {
    result: Result<Option<Crawl>, CrawlError>,
    seconds: f64,
}

async fn sweep(
    extraction: &Extraction,
    instance: &Instance,
    client: &Client,
    resource: &'static Resource,
    run: &Run,
    latest: &LatestSweeps,
    bars: &Bars,
) -> Swept {
    let settings = &extraction.settings;
    let start = Instant::now();
    let bar = bars.bar(resource.name);
    let result = async {
        let spool = open_spool(settings, instance, resource, run, latest)?;
        crawl(client, crawl_plan(settings, resource, settings.sweep.proof), spool, &bar).await
    };
    Swept { result: result.await, seconds: start.elapsed().as_secs_f64() }
}

fn crawl_plan<'s>(settings: &'s Settings, resource: &'static Resource, proof: Proof) -> crawl::Plan<'s> {
    let goal =
        Goal { proof, max_passes: settings.sweep.max_passes, page_size: settings.api.page_size, adapt_size: true };
    crawl::Plan {
        resource,
        goal,
        window: settings.api.concurrency,
        items: settings.api.items.as_deref(),
        total: settings.api.total.as_deref(),
    }
}

/// Sweeps a list again, into a spool of its own, for a proof that rows are gone.
async fn prove(
    settings: &Settings,
    source: &Source<'_>,
    resource: &'static Resource,
    run: &Run,
    bar: &dyn crawl::Watcher,
) -> Result<Option<Crawl>, CrawlError> {
    // Never used again, so that it need not say from where it is.
    let binding = binding(settings, source.instance, "", resource, Proof::Proven, String::new());
    let path = spool_path(settings, source.instance, &format!("{}.proof", resource.name));
    let spool = Spool::create(&path, &run.id, &binding, run.started_at)?;
    crawl(source.client, crawl_plan(settings, resource, Proof::Proven), spool, bar).await
}

fn spool_path(settings: &Settings, instance: &str, name: &str) -> PathBuf {
    settings.work_folder().join("spool").join(instance).join(format!("{name}.spool"))
}

/// What a spool must be of to be used again.
fn binding(
    settings: &Settings,
    instance: &str,
    base_url: &str,
    resource: &Resource,
    proof: Proof,
    after: String,
) -> Binding {
    Binding {
        instance: instance.to_owned(),
        base_url: base_url.to_owned(),
        resource: resource.name.to_owned(),
        after,
        window: settings.api.concurrency,
        max_passes: settings.sweep.max_passes,
        page_size: settings.api.page_size,
        proof: if proof == Proof::Proven { "proven" } else { "counted" }.to_owned(),
    }
}

fn open_spool(
    settings: &Settings,
    instance: &Instance,
    resource: &Resource,
    run: &Run,
    latest: &LatestSweeps,
) -> Result<Spool, crate::spool::SpoolError> {
    let path = spool_path(settings, &instance.name, resource.name);
    let list = (instance.name.clone(), resource.name.to_owned());
    let after = latest.get(&list).cloned().unwrap_or_default();
    let binding = binding(settings, &instance.name, instance.base_url.as_str(), resource, settings.sweep.proof, after);
    let age = jiff::SignedDuration::try_from(settings.sweep.resume_within).unwrap_or(jiff::SignedDuration::ZERO);
    let oldest = run.started_at - age;
    if path.exists() {
        match Spool::resume(&path, &binding, oldest)? {
            Ok(spool) => {
                info!(resource = resource.name, pages = spool.entries().len(), "going on with a stopped run");
                return Ok(spool);
            }
            Err(Discarded::Stale) => info!(resource = resource.name, "a stopped run's pages are too old; discarded"),
            Err(Discarded::Foreign) => info!(resource = resource.name, "a spool file does not fit; discarded"),
        }
    }
    Spool::create(&path, &run.id, &binding, run.started_at)
}

fn load_all(
    extraction: &Extraction,
    target: Target,
    run: &Run,
    swept: Vec<(String, Client, Vec<Swept>)>,
    runtime: &Handle,
    bars: &Bars,
) -> Result<Summary, Error> {
    let refused = |swept: &Swept| matches!(&swept.result, Err(CrawlError::Api { source, .. }) if source.failure == Failure::KeyRefused);
    let nothing = |swept: &Swept| !matches!(swept.result, Ok(Some(_)));
    let all = || swept.iter().flat_map(|(_, _, sweeps)| sweeps);
    // A key that is refused, and a source of which nothing came, end the run: there is nothing to load.
    if all().any(refused) || all().all(nothing) {
        let errors = swept.into_iter().flat_map(|(_, _, sweeps)| sweeps).filter_map(|swept| swept.result.err());
        let mut errors: Vec<CrawlError> = errors.collect();
        // A refused key explains the others.
        errors.sort_by_key(|error| crawl_class(error) != ExitCode::KeyRefused);
        let first = errors.into_iter().next();
        return Err(
            first.map_or_else(|| Error::Usage("none of these lists exists in this CRM".to_owned()), Error::Crawl)
        );
    }
    let mut sink = target.begin(run)?;
    let prove = |resource: &'static Resource, source: &Source<'_>| {
        let bar = bars.bar(resource.name);
        let proof = prove(&extraction.settings, source, resource, run, &bar);
        runtime.block_on(proof)
    };
    let loader = Loader {
        settings: &extraction.settings,
        privacy: &extraction.privacy,
        allow_mass_delete: extraction.allow_mass_delete,
        runtime,
        prove: &prove,
    };
    let mut lines = Vec::new();
    let mut unavailable = false;
    for (index, resource) in extraction.resources.iter().enumerate() {
        let _step = bars.step(&format!("loading {}", resource.name));
        let parts = || swept.iter().map(move |(instance, client, sweeps)| (instance, client, &sweeps[index]));
        let sources: Vec<Source<'_>> = parts()
            .filter_map(|(instance, client, swept)| match &swept.result {
                Ok(Some(crawl)) => Some(Source { instance, client, crawl }),
                _ => None,
            })
            .collect();
        let mut tallies = loader.load(sink.as_mut(), resource, &sources)?.into_iter();
        for (instance, _, swept) in parts() {
            let Some(line) = line(resource, instance, swept, &mut tallies) else { continue };
            unavailable |= matches!(&swept.result, Err(failure) if crawl_class(failure) == ExitCode::Unavailable);
            let Line { certificate, cost, .. } = &line;
            let kept = line.loaded.kept.as_deref();
            sink.certify(&Sweep { resource, instance, certificate, cost: *cost, kept })?;
            lines.push(line);
        }
    }
    let had_rows = |resource: &str| {
        lines.iter().any(|line| line.resource.name == resource && line.loaded.tally.rows + line.loaded.rejects > 0)
    };
    for entry in extraction.privacy.unmet(had_rows) {
        warn!("[privacy] \"{entry}\" matches nothing that came; if it is misspelt, what it means is in the warehouse");
    }
    let whole = lines.iter().all(Line::is_whole);
    let mut exit_code = match (whole, unavailable) {
        (_, true) => ExitCode::Unavailable,
        (true, false) => ExitCode::Whole,
        (false, false) => ExitCode::NotWhole,
    };
    let resolved = match extraction.settings.destination {
        // A view is made on the connection that writes, which has none of a reader's limits.
        Destination::Warehouse => {
            Guard::default().admit(extraction.semantics.resolve(&extraction.settings, sink.known()))
        }
        Destination::Parquet { .. } => Resolved::default(),
    };
    resolved.broken.iter().for_each(|error| error!("{}; this model is left out", in_one_line(error)));
    if !resolved.broken.is_empty() && exit_code == ExitCode::Whole {
        exit_code = ExitCode::NotWhole;
    }
    let closing = Closing {
        models: &resolved.models,
        outcome: if exit_code == ExitCode::Whole { WHOLE } else { NOT_WHOLE },
        exit_code: exit_code as u8,
        without_models: (NOT_WHOLE, ExitCode::NotWhole as u8),
        checks: &extraction.checks,
    };
    let receipt = match sink.commit(&closing) {
        // What the checks refuse now they would refuse again: the next run must ask the CRM, where it may be mended.
        Err(SinkError::Checks(findings)) => {
            discard_spools(lines, swept);
            return Err(SinkError::Checks(findings).into());
        }
        receipt => receipt?,
    };
    for BrokenModel { name, origin, problem } in &receipt.broken {
        error!("{origin}: model.{name} is left out: {problem}");
    }
    if !receipt.broken.is_empty() && exit_code == ExitCode::Whole {
        exit_code = ExitCode::NotWhole;
    }
    let lines = discard_spools(lines, swept);
    Ok(Summary { run_id: run.id.clone(), lines, receipt, exit_code })
}

/// Removes the pages that are no longer needed.
fn discard_spools(mut lines: Vec<Line>, swept: Vec<(String, Client, Vec<Swept>)>) -> Vec<Line> {
    lines.iter_mut().filter_map(|line| line.loaded.proof.take()).for_each(|proof| load::discard(proof.spool));
    let crawls = swept.into_iter().flat_map(|(_, _, sweeps)| sweeps).filter_map(|swept| swept.result.ok().flatten());
    crawls.for_each(|crawl| load::discard(crawl.spool));
    lines
}

/// What is told of one list, and of what was loaded of it; nothing of one that does not exist, or that names custom fields
/// only.
fn line(
    resource: &'static Resource,
    instance: &str,
    swept: &Swept,
    tallies: &mut impl Iterator<Item = Loaded>,
) -> Option<Line> {
    let (certificate, loaded, cost) = match &swept.result {
        Ok(None) => return None,
        Ok(Some(crawl)) => {
            let loaded = tallies.next().unwrap_or_default();
            let mut cost = crawl.cost;
            cost += loaded.cost;
            let certificate = match &loaded.proof {
                Some(proof) => {
                    cost += proof.cost;
                    proof.certificate.clone()
                }
                None => crawl.certificate.clone(),
            };
            (certificate, loaded, cost)
        }
        Err(failure) if resource.is_form() => {
            let text = in_one_line(failure);
            warn!(instance, "{text}; custom fields keep the names they have, and new ones are named by their ids");
            return None;
        }
        Err(failure) => {
            let text = in_one_line(failure);
            error!(instance, "{text}");
            let requests = match failure {
                CrawlError::Api { source, .. } => u64::from(source.attempts),
                _ => 0,
            };
            let certificate = Certificate::not_read(format!("not read: {text}"));
            (certificate, Loaded::default(), Counters { requests, retries: 0 })
        }
    };
    let instance = instance.to_owned();
    Some(Line { instance, resource, certificate, loaded, cost, seconds: swept.seconds })
}

impl Line {
    /// Whether the table can be taken for the list.
    pub fn is_whole(&self) -> bool {
        self.certificate.verdict.is_whole() && self.loaded.rejects == 0 && self.loaded.kept.is_none()
    }
}

/// Ends when the operator or the system asks to stop.
pub async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            },
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}
