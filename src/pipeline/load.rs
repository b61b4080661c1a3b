//! From spool to table: what a sweep brought, typed, checked for deletions, and merged.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use tokio::runtime::Handle;
use tracing::{info, warn};

use super::{
    crawl::{Crawl, CrawlError, hints},
    deletions::Confirmation,
    parallel::in_order,
};
use crate::{
    api::{Client, Counters},
    batch::{
        self, BatchError, Batches, KnownColumn, Limits, Plan, PlanRemarks, Privacy, Rules, Screen, Shape, path::Path,
        plan,
    },
    catalog::Resource,
    config::Settings,
    error::in_one_line,
    pages::{Ask, Verdict, envelope},
    sink::{Gone, Sink, SinkError},
    spool::{Entry, Spool},
    warehouse::{merge::Tally, schema::type_name},
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
    Sink(#[from] SinkError),
}

/// What loading a resource did.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Rows by what happened to them.
    pub tally: Tally,
    /// What could not be a row.
    pub rejects: u64,
    /// Requests made to confirm deletions.
    pub cost: Counters,
    /// Why rows that are missing were kept nevertheless.
    pub kept: Option<String>,
    /// The proven sweep that was made because more rows were missing than are asked for one by one; it was loaded instead.
    pub proof: Option<Crawl>,
}

/// Sweeps a source's list again, for a proof.
pub type Prove<'a> = dyn Fn(&'static Resource, &Source<'_>) -> Result<Option<Crawl>, CrawlError> + Sync + 'a;

/// One instance's part of a resource.
pub struct Source<'a> {
    /// The instance's name.
    pub instance: &'a str,
    /// The client of the instance, for confirming deletions.
    pub client: &'a Client,
    /// What its sweep brought.
    pub crawl: &'a Crawl,
}

/// Loads resources into a sink.
pub struct Loader<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// What is kept out of the warehouse.
    pub privacy: &'a Privacy,
    /// Whether more rows than the configured share may be deleted at once.
    pub allow_mass_delete: bool,
    /// The runtime that the clients run on.
    pub runtime: &'a Handle,
    /// How a list is swept again where deletions need a proof.
    pub prove: &'a Prove<'a>,
}

/// What is known of a source before its rows are written.
struct Watched<'r> {
    /// What its rows are looked at through, if anything of the resource is kept out.
    screen: Option<Screen<'r>>,
    pages: Vec<Entry>,
    deleted: Vec<Gone>,
    /// Rows that were missing and turned out to exist, each as a list of one.
    found: Vec<String>,
    loaded: Loaded,
}

impl Loader<'_> {
    /// Loads what the sweeps of a resource brought, for all instances: the tables get their columns once, before any row
    /// is written. To be called outside the runtime: it blocks.
    pub fn load(
        &self,
        sink: &mut dyn Sink,
        resource: &'static Resource,
        sources: &[Source<'_>],
    ) -> Result<Vec<Loaded>, LoadError> {
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let form = resource.form.and_then(crate::catalog::resource);
        let labels = form.map(|form| sink.labels(form)).transpose()?.unwrap_or_default();
        let rules = self.privacy.rules(resource.name, labels, sink.known());
        sink.withdraw(resource, rules.as_ref())?;
        let mut shape = plan::known_shape(resource.name, sink.known());
        let mut fields = batch::Fields::new();
        let mut watched = Vec::with_capacity(sources.len());
        for source in sources {
            let said = form.map(|form| sink.fields(form, source.instance)).transpose()?;
            let has_labels = said.iter().flatten().any(|(_, field)| field.label.is_some()) || form.is_none();
            let screen = rules.as_ref().map(|rules| rules.screen(has_labels));
            if screen.is_some_and(|screen| screen.holds_back()) {
                warn!(
                    resource = resource.name,
                    instance = source.instance,
                    "[privacy] calls custom fields by labels, and their form was never read: custom fields without a \
                     column are kept out until it is"
                );
            }
            watched.push(self.watch(sink, resource, source, screen, &mut shape)?);
            // Of two instances that know the same field, the one that is configured first names it.
            for (id, field) in said.into_iter().flatten() {
                fields.entry(id).or_insert(field);
            }
        }
        let plan = plan::plan(resource.name, &shape, sink.known(), &fields);
        sink.shape(&plan)?;
        let mut remarks = PlanRemarks::default();
        let mut done = Vec::with_capacity(sources.len());
        for (source, Watched { screen, pages, deleted, found, mut loaded }) in sources.iter().zip(watched) {
            sink.stage(&plan)?;
            // Where all answers of several passes are loaded, they show the same values and the same rejects again.
            let last_pass = pages.iter().map(|entry| entry.ask.pass).max().unwrap_or_default();
            let (mut looked, mut told) = (HashSet::new(), HashMap::new());
            let mut write = |decoded: Result<(Option<Ask>, Batches), LoadError>| {
                let (ask, mut batches) = decoded?;
                let pass = ask.map_or(last_pass, |ask| ask.pass);
                let is_news = ask.is_none_or(|ask| looked.insert((ask.pass, ask.page)));
                batches.rejects.retain(|reject| is_news && *told.entry(reject.raw.clone()).or_insert(pass) == pass);
                loaded.rejects += batches.rejects.len() as u64;
                let remarked = std::mem::take(&mut batches.remarks);
                if is_news && pass == last_pass {
                    remarks += remarked;
                }
                sink.write(&plan, source.instance, batches).map_err(LoadError::from)
            };
            let proof = loaded.proof.take();
            let crawl = proof.as_ref().unwrap_or(source.crawl);
            let decode = |index: usize, entry: &Entry| {
                let body = crawl.spool.body(entry)?;
                Ok((Some(entry.ask), decoded(resource, &plan, &self.items(resource, &body, screen), index)?))
            };
            in_order(&pages, decode, &mut write)?;
            for (row, index) in found.iter().zip(pages.len()..) {
                write(decoded(resource, &plan, row, index).map(|batches| (None, batches)))?;
            }
            loaded.tally = sink.merge(&plan, source.instance, &deleted)?;
            loaded.proof = proof;
            done.push(loaded);
        }
        report(&plan, &remarks, sink.known(), rules.as_ref());
        sink.describe(&plan, &remarks)?;
        Ok(done)
    }

    /// Watches the shape of a source's rows, and finds out which rows are gone.
    fn watch<'r>(
        &self,
        sink: &mut dyn Sink,
        resource: &'static Resource,
        source: &Source<'_>,
        screen: Option<Screen<'r>>,
        shape: &mut Shape,
    ) -> Result<Watched<'r>, LoadError> {
        let mut loaded = Loaded::default();
        let (mut pages, mut rejects) = self.see(sink, resource, source.crawl, screen, shape)?;
        let (mut missing, mut rows) = sink.missing(resource, source.instance)?;
        let verdict = source.crawl.certificate.verdict;
        if self.confirmation(resource, source, verdict, rejects).needs_proof(missing.len(), rows) {
            info!(
                resource = resource.name,
                missing = missing.len(),
                "many rows are missing; sweeping again for a proof"
            );
            match (self.prove)(resource, source) {
                Ok(Some(proof)) if proof.certificate.verdict == Verdict::Proven => {
                    (pages, rejects) = self.see(sink, resource, &proof, screen, shape)?;
                    (missing, rows) = sink.missing(resource, source.instance)?;
                    loaded.proof = Some(proof);
                }
                Ok(Some(other)) => {
                    loaded.cost += other.cost;
                    warn!(resource = resource.name, "the proof failed: {}", other.certificate.reason);
                    discard(other.spool);
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(resource = resource.name, "the proof failed: {}", in_one_line(&error));
                }
            }
        }
        let verdict = loaded.proof.as_ref().map_or(verdict, |proof| proof.certificate.verdict);
        let confirmation = self.confirmation(resource, source, verdict, rejects);
        let (deleted, found) = confirmation.confirm(sink, missing, rows, &mut loaded)?;
        let found: Vec<String> = found
            .into_iter()
            .map(|row| match screen {
                Some(screen) => screen.rows(&row).into_owned(),
                None => row,
            })
            .collect();
        for row in &found {
            batch::watch(shape, row, self.limits(), |_| {});
        }
        Ok(Watched { screen, pages, deleted, found, loaded })
    }

    fn confirmation<'s>(
        &'s self,
        resource: &'static Resource,
        source: &'s Source<'_>,
        verdict: Verdict,
        rejects: u64,
    ) -> Confirmation<'s> {
        Confirmation {
            deletes: self.settings.deletes.clone(),
            allow_mass_delete: self.allow_mass_delete,
            runtime: self.runtime,
            resource,
            source,
            verdict,
            rejects,
        }
    }

    fn limits(&self) -> Limits {
        Limits { flatten_depth: self.settings.tables.flatten_depth }
    }

    /// Watches the shape of a sweep's rows and notes their ids. Returns its pages, and how many entries are no rows.
    fn see(
        &self,
        sink: &mut dyn Sink,
        resource: &'static Resource,
        crawl: &Crawl,
        screen: Option<Screen<'_>>,
        shape: &mut Shape,
    ) -> Result<(Vec<Entry>, u64), LoadError> {
        let pages = Self::pages(crawl);
        let mut rejects = 0;
        sink.saw(&[], true)?;
        let watch = |_: usize, entry: &Entry| -> Result<_, LoadError> {
            let body = crawl.spool.body(entry)?;
            let (mut seen, mut ids) = (Shape::default(), Vec::new());
            let items = self.items(resource, &body, screen);
            let rejects = batch::watch(&mut seen, &items, self.limits(), |id| ids.push(id.to_owned()));
            Ok((seen, ids, rejects))
        };
        in_order(&pages, watch, |watched| {
            let (seen, ids, rejected) = watched?;
            shape.join(seen);
            rejects += rejected;
            sink.saw(&ids, false).map_err(LoadError::from)
        })?;
        Ok((pages, rejects))
    }

    /// The answers whose rows are loaded, in the order of the list, so that the columns' order does not depend on which
    /// answer came first.
    fn pages(crawl: &Crawl) -> Vec<Entry> {
        let entries = crawl.spool.entries();
        let asks: Vec<_> = entries.iter().map(|entry| entry.ask).collect();
        let chosen = crawl.certificate.pages_to_load(&asks).into_iter().map(|index| entries[index]);
        chosen.filter(|entry| !entry.missing).collect()
    }

    /// The rows of an answer, without what is kept out.
    fn items<'b>(&self, resource: &'static Resource, body: &'b str, screen: Option<Screen<'_>>) -> Cow<'b, str> {
        let api = &self.settings.api;
        let hints = hints(resource, api.items.as_deref(), api.total.as_deref());
        // The page was recognised when it was fetched.
        let items = envelope::open(body, &hints).map_or("[]", |envelope| envelope.items);
        screen.map_or(Cow::Borrowed(items), |screen| screen.rows(items))
    }
}

/// Tells what the columns cannot show as it was served, once for each column: what was known before is in
/// `meta.columns`.
fn report(plan: &Plan, remarks: &PlanRemarks, known: &[KnownColumn], rules: Option<&Rules<'_>>) {
    // The values of a column that is hashed are none of the kind that its form declares.
    let is_hashed =
        |path: &str| rules.is_some_and(|rules| Path::parse(path).is_some_and(|path| rules.action(&path).is_some()));
    for (table, remarks) in plan.tables().zip(&remarks.0) {
        for (column, remarks) in table.columns.iter().zip(remarks) {
            let known =
                known.iter().find(|known| known.table == table.name && known.column.source_path == column.source_path);
            let before = known.map(|known| known.remarks).unwrap_or_default();
            let name = format!("{}.{}", table.name, column.name);
            if remarks.inexact > 0 && before.inexact == 0 {
                warn!(
                    "{name}: {} values are held less exactly than they were served (digits beyond microseconds, half \
                     surrogate pairs, negative zeros, repeated keys); see inexact in meta.columns",
                    remarks.inexact
                );
            }
            if remarks.impossible > 0 && before.impossible == 0 {
                warn!(
                    "{name}: {} values look like dates and are none, so that the column is text; see impossible_dates in \
                     meta.columns",
                    remarks.impossible
                );
            }
            let is_news = known.is_none_or(|known| {
                (known.column.kind, &known.column.field.declared) != (column.kind, &column.field.declared)
            });
            if is_news && column.field.is_overruled_by(column) && !is_hashed(&column.source_path) {
                let declared = column.field.declared.as_deref().unwrap_or_default();
                warn!(
                    "{name}: the form declares {declared}, and the values are {}; the values decide",
                    type_name(column)
                );
            }
        }
    }
}

/// The rows of the `index`-th page, numbered so that a later page's are later.
fn decoded(resource: &'static Resource, plan: &Plan, items: &str, index: usize) -> Result<Batches, LoadError> {
    let first = i64::try_from(index).unwrap_or(0) << 32;
    batch::decode(plan, items, first).map_err(|source| LoadError::Batch { resource: resource.name, source })
}

/// Whether a resource's answers may be used again once they are loaded: never.
pub fn discard(spool: Spool) {
    if let Err(error) = spool.remove() {
        warn!(%error, "a loaded spool file could not be removed");
    }
}
