//! From spool to table: what a sweep brought, typed, checked for deletions, and merged.

use tokio::runtime::Handle;
use tracing::warn;

use super::crawl::{Crawl, hints};
use crate::{
    api::{Client, Counters},
    batch::{self, BatchError, Batches, Limits, Plan, plan, reject},
    catalog::Resource,
    config::{Settings, file::DeletesTable},
    json,
    pages::{Purpose, Verdict, envelope},
    sink::Sink,
    spool::{Entry, Spool},
    warehouse::{WarehouseError, merge::Tally},
};

/// Why a resource could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The spool cannot be read again.
    #[error(transparent)]
    Spool(#[from] crate::spool::SpoolError),
    /// The rows do not fit their plan.
    #[error("{resource}")]
    Batch {
        /// The resource.
        resource: &'static str,
        /// What does not fit.
        #[source]
        source: BatchError,
    },
    /// The destination.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
}

/// What loading a resource did.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Rows by what happened to them.
    pub tally: Tally,
    /// What could not be a row.
    pub rejects: u64,
    /// Requests made to confirm deletions.
    pub cost: Counters,
    /// Why rows that are missing were kept nevertheless.
    pub kept: Option<String>,
}

/// Loads resources into a sink.
pub struct Loader<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// Whether more rows than the configured share may be deleted at once.
    pub allow_mass_delete: bool,
    /// The instance's name.
    pub instance: &'a str,
    /// The client of the instance, for confirming deletions.
    pub client: &'a Client,
    /// The runtime that the client runs on.
    pub runtime: &'a Handle,
}

impl Loader<'_> {
    /// Loads what a sweep brought. To be called outside the runtime: it blocks.
    pub fn load(&self, sink: &mut dyn Sink, resource: &'static Resource, crawl: &Crawl) -> Result<Loaded, LoadError> {
        let limits = Limits { flatten_depth: self.settings.tables.flatten_depth };
        let pages = Self::pages(crawl);
        let mut shape = plan::known_shape(resource.name, sink.known());
        for entry in &pages {
            let body = crawl.spool.body(entry)?;
            let items = self.items(resource, &body);
            let mut ids = Vec::new();
            batch::watch(&mut shape, items, limits, |id| ids.push(id.to_owned()));
            sink.saw(&ids)?;
        }
        let mut loaded = Loaded::default();
        let (missing, rows) = sink.missing(resource, self.instance)?;
        let (deleted, found) = self.confirm(resource, crawl, missing, rows, &mut loaded);
        for row in &found {
            batch::watch(&mut shape, row, limits, |_| {});
        }
        let labels = match resource.form.and_then(crate::catalog::resource) {
            Some(form) => sink.labels(form, self.instance)?,
            None => batch::Labels::new(),
        };
        let plan = plan::plan(resource.name, &shape, sink.known(), &labels);
        sink.stage(&plan)?;
        let mut sequence = 0;
        for entry in &pages {
            let body = crawl.spool.body(entry)?;
            self.write(sink, resource, &plan, self.items(resource, &body), &mut sequence, &mut loaded)?;
        }
        for row in &found {
            self.write(sink, resource, &plan, row, &mut sequence, &mut loaded)?;
        }
        loaded.tally = sink.merge(&plan, self.instance, &deleted)?;
        Ok(loaded)
    }

    /// The pages whose rows are loaded: those of the pass that counts, or all there are; in the order of the list, so
    /// that the columns' order does not depend on which answer came first.
    fn pages(crawl: &Crawl) -> Vec<Entry> {
        let counts = |entry: &&Entry| match crawl.certificate.load {
            Some(pass) => entry.ask.pass == pass && entry.ask.purpose != Purpose::Search,
            None => true,
        };
        let mut pages: Vec<Entry> =
            crawl.spool.entries().iter().filter(counts).filter(|entry| !entry.missing).copied().collect();
        pages.sort_by_key(|entry| (entry.ask.pass, entry.ask.page));
        pages
    }

    fn items<'b>(&self, resource: &'static Resource, body: &'b str) -> &'b str {
        let api = &self.settings.api;
        let hints = hints(resource, api.items.as_deref(), api.total.as_deref());
        // The page was recognised when it was fetched.
        envelope::open(body, &hints).map_or("[]", |envelope| envelope.items)
    }

    fn write(
        &self,
        sink: &mut dyn Sink,
        resource: &'static Resource,
        plan: &Plan,
        items: &str,
        sequence: &mut i64,
        loaded: &mut Loaded,
    ) -> Result<(), LoadError> {
        let decoded = batch::decode(plan, items, *sequence);
        let batches: Batches = decoded.map_err(|source| LoadError::Batch { resource: resource.name, source })?;
        let rejects = batches.rejects.len();
        *sequence += i64::try_from(batches.main.num_rows() + rejects).unwrap_or(0);
        loaded.rejects += rejects as u64;
        sink.write(plan, self.instance, batches)?;
        Ok(())
    }

    /// Which missing rows are gone for certain, and the rows that turned out to exist, each as a list of one.
    fn confirm(
        &self,
        resource: &'static Resource,
        crawl: &Crawl,
        missing: Vec<String>,
        rows: u64,
        loaded: &mut Loaded,
    ) -> (Vec<String>, Vec<String>) {
        let DeletesTable { confirm, max_share } = self.settings.deletes;
        let verdict = crawl.certificate.verdict;
        if missing.is_empty() || !verdict.is_whole() {
            return (Vec::new(), Vec::new());
        }
        let count = missing.len();
        let mut keep = |why: String| {
            warn!(resource = resource.name, missing = count, "{why}; they are kept");
            loaded.kept = Some(why);
            (Vec::new(), Vec::new())
        };
        let share = count as f64 / rows.max(1) as f64;
        if share > max_share && !self.allow_mass_delete {
            return keep(format!(
                "{count} of {rows} rows are missing, more than the share of {max_share} that may be deleted at once \
                 (allow it with --allow-mass-delete)"
            ));
        }
        match resource.one {
            Some(path) if count <= confirm => self.confirm_each(path, missing, loaded),
            _ if verdict == Verdict::Proven || resource.paging == crate::catalog::Paging::Document => {
                (missing, Vec::new())
            }
            Some(_) => keep(format!(
                "{count} rows are missing, more than are asked for one by one ({confirm}), and the sweep is not proven \
                 (repeat with --prove)"
            )),
            None => keep(format!("{count} rows are missing, and only a proven sweep shows that they are gone")),
        }
    }

    fn confirm_each(&self, path: &str, missing: Vec<String>, loaded: &mut Loaded) -> (Vec<String>, Vec<String>) {
        let (mut deleted, mut found) = (Vec::new(), Vec::new());
        for id in missing {
            let one = format!("{path}/{}", encoded(&id));
            match self.runtime.block_on(self.client.get(&one, &[])) {
                Ok(answer) => {
                    loaded.cost += answer.cost;
                    match answer.body {
                        None => deleted.push(id),
                        // Another record in its place: the one asked for is gone, merged into that.
                        Some(body) if reject::record_id(record(&body)).is_some_and(|other| other != id) => {
                            deleted.push(id);
                        }
                        Some(body) => found.push(format!("[{}]", record(&body))),
                    }
                }
                Err(error) => {
                    loaded.cost += Counters { requests: u64::from(error.attempts), retries: 0 };
                    warn!(%error, "a missing row could not be asked for; it is kept");
                    loaded.kept = Some("a missing row could not be asked for".to_owned());
                }
            }
        }
        (deleted, found)
    }
}

/// The record in the answer for one, which may stand in an envelope.
fn record(body: &str) -> &str {
    let has_id = |raw: &&str| json::member(raw, crate::catalog::KEY).is_some();
    Some(body)
        .filter(has_id)
        .or_else(|| ["item", "data", "value", "result"].iter().find_map(|key| json::member(body, key)).filter(has_id))
        .unwrap_or(body)
}

/// An id as one segment of a path.
fn encoded(id: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    id.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Whether a resource's answers may be used again once they are loaded: never.
pub fn discard(spool: Spool) {
    if let Err(error) = spool.remove() {
        warn!(%error, "a loaded spool file could not be removed");
    }
}
