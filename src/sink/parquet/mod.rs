//! Snapshots as Parquet files: `<resource>/snapshot=<run id>/part-N.parquet`, and a manifest, written last, that names the
//! newest whole one of each.
//!
//! A snapshot is prepared as a warehouse without a past, in a scratch file: so it has the same types, the same names and
//! one row an id, whatever the sweep showed twice. Rows are deleted by not being in it, under the same conditions as in
//! the warehouse; where those are not met, readers keep being led to the snapshot before.

mod ids;
mod manifest;
mod store;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use duckdb::Connection;
use serde_json::Value;
use tokio::runtime::Handle;
use tracing::{info, warn};

pub use self::store::StoreError;
use self::{
    manifest::{FORMAT, FormField, Manifest, Snapshot, rejects_of},
    store::{Store, folder, remove_folder},
};
use super::{Closing, DuckDbSink, Gone, Receipt, Sink, SinkError, Sweep, Tally};
use crate::{
    batch::{Batches, Field, Fields, KnownColumn, Plan, PlanRemarks, Rules},
    catalog::{self, Resource},
    config::destination::Place,
    warehouse::{
        WRITE, WarehouseError, Working, doing,
        ledger::{self, LatestSweeps, Run},
        outlet, schema, sql, step,
    },
};

/// Notes, among the working files, the run whose files nobody may be led to yet.
const UNFINISHED: &str = "unfinished";

/// What is done with snapshots, besides writing one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upkeep {
    /// How many of each resource stay; all where nothing is said.
    pub keep: Option<NonZeroUsize>,
    /// Whether rows may go without proof.
    pub allow_mass_delete: bool,
}

/// A place of snapshots, with the manifest that was found there.
#[derive(Debug)]
pub struct Snapshots {
    store: Arc<dyn Store>,
    manifest: Manifest,
    work_folder: PathBuf,
    upkeep: Upkeep,
}

impl Snapshots {
    /// Opens a place, reads what is there, and removes what a run left that was stopped. To be called outside the runtime:
    /// it blocks.
    pub fn open(place: &Place, work_folder: &Path, upkeep: Upkeep, runtime: &Handle) -> Result<Self, StoreError> {
        let mut store = store::open(place, work_folder, runtime)?;
        let manifest = match store.manifest()? {
            None => Manifest::default(),
            Some(bytes) => {
                let manifest: Manifest =
                    serde_json::from_slice(&bytes).map_err(|_| StoreError::Foreign { place: store.name() })?;
                if manifest.format > FORMAT {
                    return Err(StoreError::Newer { place: store.name(), found: manifest.format, known: FORMAT });
                }
                manifest
            }
        };
        let snapshots = Self { store: store.into(), manifest, work_folder: work_folder.to_owned(), upkeep };
        if let Ok(run_id) = fs::read_to_string(snapshots.unfinished()) {
            snapshots.undo(&run_id)?;
        }
        Ok(snapshots)
    }

    /// Refuses a run that would leave out the rows of an instance, because a snapshot has all of a resource's rows or is
    /// none, and one that cannot be compared with what there is.
    pub fn check(&self, resources: &[&'static Resource], instances: &[&str]) -> Result<(), StoreError> {
        if self.upkeep.allow_mass_delete {
            return Ok(());
        }
        for snapshot in resources.iter().filter_map(|resource| self.manifest.named(resource.name)) {
            if let Some(instance) = snapshot.instances().find(|instance| !instances.contains(instance)) {
                return Err(StoreError::LeavesOut { place: self.store.name(), instance: instance.to_owned() });
            }
            for file in &snapshot.files {
                self.store.size(file).map_err(|source| StoreError::Lost { source: source.into() })?;
            }
        }
        Ok(())
    }

    /// Where a run notes that its files are nobody's yet.
    fn unfinished(&self) -> PathBuf {
        self.work_folder.join(UNFINISHED)
    }

    /// Removes the files of a run that no manifest lists.
    fn undo(&self, run_id: &str) -> Result<(), StoreError> {
        for table in self.store.tables_of(run_id)? {
            let is_listed = self.manifest.resources.get(&table).is_some_and(|entry| entry.has(run_id));
            if !is_listed {
                self.store.remove(&table, run_id)?;
            }
        }
        let path = self.unfinished();
        fs::remove_file(&path).map_err(|source| StoreError::Io { action: "remove", path, source })
    }

    /// The latest run that read each list, by instance and resource.
    pub fn latest_sweeps(&self) -> LatestSweeps {
        let mut latest = LatestSweeps::new();
        let text = |sweep: &Value, key: &str| Some(sweep.get(key)?.as_str()?.to_owned());
        for snapshot in self.manifest.resources.values().flat_map(|entry| &entry.snapshots) {
            for sweep in snapshot.sweeps.iter().filter(|sweep| sweep["passes"].as_u64() > Some(0)) {
                if let (Some(instance), Some(resource)) = (text(sweep, "instance"), text(sweep, "resource")) {
                    let run = latest.entry((instance, resource)).or_default();
                    *run = std::mem::take(run).max(snapshot.run_id.clone());
                }
            }
        }
        latest
    }

    /// What is known of a form's fields from earlier runs.
    fn fields_of(&self, form: &Resource) -> impl Iterator<Item = &FormField> {
        self.manifest.resources.get(form.name).into_iter().flat_map(|entry| &entry.fields)
    }

    fn rows_of(&self, resource: &str) -> &[String] {
        self.manifest.named(resource).map_or(&[], |snapshot| &snapshot.files)
    }
}

/// A run's snapshots, being prepared.
#[derive(Debug)]
pub struct ParquetSink {
    inner: DuckDbSink,
    snapshots: Snapshots,
    run: Run,
    /// The tables to write, by resource.
    tables: BTreeMap<String, Vec<String>>,
    /// Of which lists the ids before are noted, by resource and instance.
    expected: HashSet<(&'static str, String)>,
    /// Why the snapshot of a resource is not whole.
    doubts: HashMap<&'static str, String>,
}

impl ParquetSink {
    /// Begins a run, with the columns that the snapshots before have.
    pub fn begin(snapshots: Snapshots, run: &Run) -> Result<Self, SinkError> {
        let working = Working::scratch(&snapshots.work_folder)?;
        let columns: Vec<&Value> = snapshots.manifest.resources.values().flat_map(|entry| &entry.columns).collect();
        let columns = serde_json::to_string(&columns).unwrap_or_default();
        let connection = working.connection()?;
        schema::retell(connection, &columns)?;
        connection
            .execute_batch("CREATE TEMP TABLE expected (resource VARCHAR, _instance VARCHAR, id VARCHAR)")
            .map_err(doing("preparing the snapshots"))?;
        let inner = DuckDbSink::begin_in(working, run)?;
        Ok(Self {
            inner,
            snapshots,
            run: run.clone(),
            tables: BTreeMap::new(),
            expected: HashSet::new(),
            doubts: HashMap::new(),
        })
    }

    /// Notes the ids that the snapshot before has.
    fn expect(&self, resource: &str, instance: &str) -> Result<(), SinkError> {
        let action = || doing(format!("noting the rows of {resource} that there were"));
        let connection = self.inner.connection()?;
        let mut appender = connection.appender_to_catalog_and_db("expected", "temp", "main").map_err(action())?;
        for file in self.snapshots.rows_of(resource) {
            let read = ids::of_file(&self.snapshots.store, file, instance, |ids| {
                let rows = ids.iter().map(|id| [resource, instance, id.as_str()]);
                appender.append_rows(rows).map_err(|error| SinkError::Warehouse(action()(error)))
            });
            match read {
                Err(SinkError::Store(error)) if self.snapshots.upkeep.allow_mass_delete => {
                    warn!(resource, "the snapshot before cannot be compared with: {error}");
                }
                read => read?,
            }
        }
        Ok(appender.flush().map_err(action())?)
    }

    /// Writes a table's files with `write`, and brings them to their place, where nobody looks for them before the manifest
    /// says so. Returns nothing where there is nothing to write.
    fn write_snapshot(
        &self,
        table: &str,
        write: impl FnOnce(&Connection, &Path) -> Result<Option<u64>, WarehouseError>,
    ) -> Result<Option<Snapshot>, SinkError> {
        let aside = self.snapshots.work_folder.join(WRITE).join("parts");
        // DuckDB takes some relative paths for those of a cloud.
        let aside = std::path::absolute(&aside).unwrap_or(aside);
        let failed = |action| {
            let path = aside.clone();
            move |source: io::Error| StoreError::Io { action, path, source }
        };
        remove_folder(&aside).map_err(failed("remove"))?;
        let Some(rows) = write(self.inner.connection()?, &aside)? else { return Ok(None) };
        let entries = fs::read_dir(&aside).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut paths: Vec<PathBuf> = entries.map_err(failed("list"))?.iter().map(fs::DirEntry::path).collect();
        // By number: a tenth part comes after the second.
        paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        let (mut files, mut bytes) = (Vec::new(), 0);
        for path in paths {
            bytes += fs::metadata(&path).map_err(failed("read"))?.len();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{}/{name}", folder(table, &self.run.id));
            self.snapshots.store.bring(&path, &name)?;
            files.push(name);
        }
        remove_folder(&aside).map_err(failed("remove"))?;
        step("snapshot-written");
        let (run_id, written_at) = (self.run.id.clone(), jiff::Timestamp::now());
        Ok(Some(Snapshot { run_id, written_at, whole: true, reason: None, rows, bytes, files, sweeps: Vec::new() }))
    }

    /// Why readers are not led to the new snapshot of a resource, if they are not.
    fn doubt(&self, resource: &str, sweeps: &[Value]) -> Option<String> {
        if let Some(doubt) = self.doubts.get(resource) {
            return Some(doubt.clone());
        }
        if self.snapshots.upkeep.allow_mass_delete {
            return None;
        }
        // A list that an instance does not have any more, or a form that could not be read.
        let is_there = |instance: &str| sweeps.iter().any(|sweep| sweep["instance"] == *instance);
        let before = self.snapshots.manifest.named(resource)?;
        let gone = before.instances().find(|instance| !is_there(instance))?;
        Some(format!("{gone}: the list was not there, and the snapshot before has rows of it"))
    }

    /// Writes every table, and returns the manifest that leads readers there.
    fn write_all(&self, receipt: &mut Receipt) -> Result<Manifest, SinkError> {
        let connection = self.inner.connection()?;
        let columns: Vec<Value> = serde_json::from_str(&schema::told(connection)?).unwrap_or_default();
        let sweeps: Vec<Value> = serde_json::from_str(&ledger::told_sweeps(connection)?).unwrap_or_default();
        let mut manifest = self.snapshots.manifest.clone();
        for (resource, tables) in &self.tables {
            let sweeps: Vec<Value> = sweeps.iter().filter(|sweep| sweep["resource"] == *resource).cloned().collect();
            let doubt = self.doubt(resource, &sweeps);
            let mut written = tables.clone();
            let mut add = |table: &str, snapshot: Snapshot| {
                receipt.bytes += snapshot.bytes;
                let snapshot =
                    Snapshot { whole: doubt.is_none(), reason: doubt.clone(), sweeps: sweeps.clone(), ..snapshot };
                let entry = manifest.resources.entry(table.to_owned()).or_default();
                // They are those of the snapshot that readers are led to.
                if doubt.is_none() || entry.snapshot.is_none() {
                    entry.columns = columns.iter().filter(|column| column["resource"] == *table).cloned().collect();
                }
                entry.add(folder(table, &self.run.id), snapshot);
            };
            for table in tables {
                let parts =
                    |connection: &Connection, aside: &Path| outlet::write_parts(connection, table, aside).map(Some);
                if let Some(snapshot) = self.write_snapshot(table, parts)? {
                    add(table, snapshot);
                }
            }
            let rejects = rejects_of(resource);
            let parts = |connection: &Connection, aside: &Path| outlet::write_rejects(connection, resource, aside);
            if let Some(snapshot) = self.write_snapshot(&rejects, parts)? {
                add(&rejects, snapshot);
                written.push(rejects);
            }
            match doubt {
                None => manifest.end_others(resource, &written),
                Some(doubt) => {
                    let before = manifest.resources.get(resource).and_then(|entry| entry.snapshot.clone());
                    let before = before.map_or_else(|| "no snapshot".to_owned(), |run_id| format!("snapshot={run_id}"));
                    receipt.held_back.push(format!("{resource}: readers are led to {before} ({doubt})"));
                }
            }
            if let Some(count) = self.snapshots.upkeep.keep {
                manifest.keep(resource, count.get());
            }
            self.note_fields(&mut manifest, resource, &sweeps)?;
        }
        env!("CARGO_PKG_VERSION").clone_into(&mut manifest.crmlake);
        manifest.format = FORMAT;
        manifest.run_id.clone_from(&self.run.id);
        manifest.written_at = jiff::Timestamp::now();
        Ok(manifest)
    }

    /// Notes what a form that was read calls its fields, for runs that cannot read it, and after it calls them otherwise.
    fn note_fields(&self, manifest: &mut Manifest, resource: &str, sweeps: &[Value]) -> Result<(), SinkError> {
        let Some(form) = catalog::resource(resource).filter(|resource| resource.is_form()) else { return Ok(()) };
        let Some(entry) = manifest.resources.get_mut(resource) else { return Ok(()) };
        let labels = self.labels(form)?;
        for instance in sweeps.iter().filter_map(|sweep| sweep["instance"].as_str()) {
            let fields = self.inner.fields(form, instance)?;
            // What a form does not have any more, records still may.
            entry.fields.retain(|field| field.instance != instance || !fields.contains_key(&field.id));
            let noted = fields.into_iter().map(|(id, field)| FormField {
                instance: instance.to_owned(),
                labels: labels.get(&id).cloned().unwrap_or_default(),
                id,
                label: field.label,
                declared: field.declared,
            });
            entry.fields.extend(noted);
        }
        entry.fields.sort_by(|a, b| (&a.instance, &a.id).cmp(&(&b.instance, &b.id)));
        Ok(())
    }
}

impl Sink for ParquetSink {
    fn known(&self) -> &[KnownColumn] {
        self.inner.known()
    }

    fn fields(&self, form: &Resource, instance: &str) -> Result<Fields, SinkError> {
        let mut fields = self.inner.fields(form, instance)?;
        for field in self.snapshots.fields_of(form).filter(|field| field.instance == instance) {
            let known = || Field { label: field.label.clone(), declared: field.declared.clone() };
            fields.entry(field.id.clone()).or_insert_with(known);
        }
        Ok(fields)
    }

    fn labels(&self, form: &Resource) -> Result<HashMap<String, Vec<String>>, SinkError> {
        let mut labels = self.inner.labels(form)?;
        for field in self.snapshots.fields_of(form) {
            let known = labels.entry(field.id.clone()).or_default();
            known.extend(field.labels.iter().cloned());
            known.sort();
            known.dedup();
        }
        Ok(labels)
    }

    fn withdraw(&mut self, resource: &Resource, rules: Option<&Rules<'_>>) -> Result<(), SinkError> {
        self.inner.withdraw(resource, rules)
    }

    fn saw(&mut self, ids: &[String], first: bool) -> Result<(), SinkError> {
        self.inner.saw(ids, first)
    }

    fn has_seen(&self, id: &str) -> Result<bool, SinkError> {
        self.inner.has_seen(id)
    }

    fn missing(&mut self, resource: &'static Resource, instance: &str) -> Result<(Vec<String>, u64), SinkError> {
        if self.expected.insert((resource.name, instance.to_owned())) {
            self.expect(resource.name, instance)?;
        }
        let expected = format!("expected WHERE resource = {} AND _instance = ?", sql::text(resource.name));
        self.inner.not_seen(resource.name, instance, &expected)
    }

    fn shape(&mut self, plan: &Plan) -> Result<(), SinkError> {
        self.tables.insert(plan.main.name.clone(), plan.tables().map(|table| table.name.clone()).collect());
        self.inner.shape(plan)
    }

    fn stage(&mut self, plan: &Plan) -> Result<(), SinkError> {
        self.inner.stage(plan)
    }

    fn write(&mut self, plan: &Plan, instance: &str, batches: Batches) -> Result<(), SinkError> {
        self.inner.write(plan, instance, batches)
    }

    fn merge(&mut self, plan: &Plan, instance: &str, deleted: &[Gone]) -> Result<Tally, SinkError> {
        let tally = self.inner.merge(plan, instance, &[])?;
        let resource = &plan.main.name;
        let new = format!(
            "SELECT count(*) FROM history.{} h ANTI JOIN (FROM expected WHERE resource = $2 AND _instance = $1) e USING (id)
             WHERE h._instance = $1 AND h._valid_to IS NULL",
            sql::name(resource)
        );
        let counted = self.inner.connection()?.query_row(&new, [instance, resource], |row| row.get(0));
        let new = counted.map_err(doing(format!("counting the new rows of {resource}")))?;
        Ok(Tally { new, deleted: deleted.len() as u64, ..tally })
    }

    fn describe(&mut self, plan: &Plan, remarks: &PlanRemarks) -> Result<(), SinkError> {
        self.inner.describe(plan, remarks)
    }

    fn certify(&mut self, sweep: &Sweep<'_>) -> Result<(), SinkError> {
        self.inner.certify(sweep)?;
        let doubt = match sweep.kept {
            _ if !sweep.certificate.verdict.is_whole() => sweep.certificate.reason.as_str(),
            Some(kept) => kept,
            None => return Ok(()),
        };
        self.doubts.insert(sweep.resource.name, format!("{}: {doubt}", sweep.instance));
        Ok(())
    }

    fn commit(self: Box<Self>, _closing: &Closing<'_>) -> Result<Receipt, SinkError> {
        step("loaded");
        let unfinished = self.snapshots.unfinished();
        fs::write(&unfinished, &self.run.id).map_err(|source| StoreError::Io {
            action: "write",
            path: unfinished.clone(),
            source,
        })?;
        let mut receipt = Receipt::default();
        let written = self.write_all(&mut receipt).and_then(|manifest| {
            let text = serde_json::to_vec_pretty(&manifest).map_err(|error| StoreError::Io {
                action: "write the manifest of",
                path: self.snapshots.store.name().into(),
                source: error.into(),
            })?;
            Ok((manifest, text))
        });
        let (manifest, text) = match written {
            Ok(written) => written,
            Err(error) => {
                // Or the disk would stay full. What cannot be removed now, the next run removes.
                let _ = self.snapshots.undo(&self.run.id);
                return Err(error);
            }
        };
        step("snapshots-written");
        // Where this fails, it may have been done nevertheless: the next run sees, and removes the files or not.
        self.snapshots.store.replace_manifest(&text)?;
        step("manifest-written");
        info!(run_id = self.run.id, bytes = receipt.bytes, "snapshots written");
        let _ = fs::remove_file(&unfinished);
        for (table, run_id) in self.snapshots.manifest.without(&manifest) {
            // They are in nobody's way.
            if let Err(error) = self.snapshots.store.remove(&table, &run_id) {
                warn!(error = &error as &dyn std::error::Error, "an old snapshot could not be removed");
            }
        }
        Ok(receipt)
    }
}
