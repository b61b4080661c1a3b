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

use serde_json::Value;
use tokio::runtime::Handle;
use tracing::{info, warn};

pub use self::store::StoreError;
use self::{
    manifest::{Entry, FORMAT, Manifest, Snapshot},
    store::{Store, folder},
};
use super::{Closing, DuckDbSink, Gone, Receipt, Sink, SinkError, Sweep, Tally};
use crate::{
    batch::{Batches, Fields, KnownColumn, Plan, PlanRemarks, Rules},
    catalog::Resource,
    config::destination::Place,
    warehouse::{
        Working, doing,
        ledger::{self, LatestSweeps, Run},
        outlet, schema, sql, step,
    },
};

/// The table of what could not be a row.
const REJECTS: &str = "rejects";

/// A place of snapshots, with the manifest that was found there.
#[derive(Debug)]
pub struct Snapshots {
    store: Arc<dyn Store>,
    manifest: Manifest,
    work_folder: PathBuf,
    keep: Option<NonZeroUsize>,
}

impl Snapshots {
    /// Opens a place, and reads what is there. To be called outside the runtime: it blocks.
    pub fn open(
        place: &Place,
        work_folder: &Path,
        keep: Option<NonZeroUsize>,
        runtime: &Handle,
    ) -> Result<Self, StoreError> {
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
        Ok(Self { store: store.into(), manifest, work_folder: work_folder.to_owned(), keep })
    }

    /// Refuses a run that would leave out the rows of an instance: a snapshot has all of a resource's rows or is none.
    pub fn check(&self, resources: &[&'static Resource], instances: &[&str]) -> Result<(), StoreError> {
        let named = resources.iter().filter_map(|resource| self.manifest.named(resource.name));
        match named.flat_map(Snapshot::instances).find(|instance| !instances.contains(instance)) {
            Some(instance) => Err(StoreError::LeavesOut { place: self.store.name(), instance: instance.to_owned() }),
            None => Ok(()),
        }
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

    fn rows_of(&self, resource: &str) -> &[String] {
        self.manifest.named(resource).map_or(&[], |snapshot| &snapshot.files)
    }
}

/// What the run found out about the sweeps of a resource.
#[derive(Debug, Default)]
struct Found {
    /// Why its snapshot is not whole.
    reason: Option<String>,
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
    sweeps: HashMap<&'static str, Found>,
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
            sweeps: HashMap::new(),
        })
    }

    /// Notes the ids that the snapshot before has.
    fn expect(&self, resource: &str, instance: &str) -> Result<(), SinkError> {
        let action = || doing(format!("noting the rows of {resource} that there were"));
        let connection = self.inner.connection()?;
        let mut appender = connection.appender_to_catalog_and_db("expected", "temp", "main").map_err(action())?;
        for file in self.snapshots.rows_of(resource) {
            ids::of_file(&self.snapshots.store, file, instance, |ids| {
                let rows = ids.iter().map(|id| [resource, instance, id.as_str()]);
                appender.append_rows(rows).map_err(|error| SinkError::Warehouse(action()(error)))
            })?;
        }
        Ok(appender.flush().map_err(action())?)
    }

    /// Writes a table's files, and brings them to their place, where nobody looks for them before the manifest says so.
    fn write_snapshot(&self, schema: &str, table: &str, aside: &Path) -> Result<Snapshot, SinkError> {
        let failed = |action| {
            let path = aside.to_owned();
            move |source: io::Error| StoreError::Io { action, path, source }
        };
        remove_folder(aside).map_err(failed("remove"))?;
        let rows = outlet::write_parts(self.inner.connection()?, schema, table, aside)?;
        let entries = fs::read_dir(aside).and_then(Iterator::collect::<io::Result<Vec<_>>>);
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
        remove_folder(aside).map_err(failed("remove"))?;
        step("snapshot-written");
        let written_at = jiff::Timestamp::now();
        Ok(Snapshot {
            run_id: self.run.id.clone(),
            written_at,
            whole: true,
            reason: None,
            rows,
            bytes,
            files,
            sweeps: Vec::new(),
        })
    }

    /// Removes what no manifest names: snapshots that are no longer kept, and what runs left that were stopped.
    fn clean(&self, manifest: &Manifest) -> Result<(), StoreError> {
        for (table, run_id) in self.snapshots.store.snapshots()? {
            // A later run is somebody else's, who may be writing.
            if run_id < self.run.id && !manifest.has(&table, &run_id) {
                self.snapshots.store.remove(&table, &run_id)?;
            }
        }
        Ok(())
    }
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Sink for ParquetSink {
    fn known(&self) -> &[KnownColumn] {
        self.inner.known()
    }

    fn fields(&self, form: &Resource, instance: &str) -> Result<Fields, SinkError> {
        self.inner.fields(form, instance)
    }

    fn labels(&self, form: &Resource) -> Result<HashMap<String, Vec<String>>, SinkError> {
        self.inner.labels(form)
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
        let found = self.sweeps.entry(sweep.resource.name).or_default();
        if !sweep.certificate.verdict.is_whole() {
            found.reason = Some(format!("{}: {}", sweep.instance, sweep.certificate.reason));
        } else if let Some(kept) = sweep.kept {
            found.reason = Some(format!("{}: {kept}", sweep.instance));
        }
        Ok(())
    }

    fn commit(self: Box<Self>, _closing: &Closing<'_>) -> Result<Receipt, SinkError> {
        step("loaded");
        let connection = self.inner.connection()?;
        let columns: Vec<Value> = serde_json::from_str(&schema::told(connection)?).unwrap_or_default();
        let sweeps: Vec<Value> = serde_json::from_str(&ledger::told_sweeps(connection)?).unwrap_or_default();
        let mut manifest = self.snapshots.manifest.clone();
        let mut receipt = Receipt::default();
        let aside = self.snapshots.work_folder.join(crate::warehouse::WRITE).join("parts");
        let mut add = |manifest: &mut Manifest, table: &str, snapshot: Snapshot| {
            receipt.bytes += snapshot.bytes;
            let entry = manifest.resources.entry(table.to_owned()).or_default();
            entry.columns = columns.iter().filter(|column| column["resource"] == *table).cloned().collect();
            entry.add(folder(table, &self.run.id), snapshot);
            if let Some(count) = self.snapshots.keep {
                entry.keep(count.get());
            }
        };
        for (resource, tables) in &self.tables {
            let reason = self.sweeps.get(resource.as_str()).and_then(|found| found.reason.clone());
            for table in tables {
                let mut snapshot = self.write_snapshot("history", table, &aside)?;
                snapshot.whole = reason.is_none();
                snapshot.reason.clone_from(&reason);
                snapshot.sweeps = sweeps.iter().filter(|sweep| sweep["resource"] == *resource).cloned().collect();
                add(&mut manifest, table, snapshot);
            }
            if let Some(reason) = reason {
                let before = manifest.resources.get(resource).and_then(|entry: &Entry| entry.snapshot.clone());
                let before = before.map_or_else(|| "no snapshot".to_owned(), |run_id| format!("snapshot={run_id}"));
                receipt.held_back.push(format!("{resource}: readers are led to {before} ({reason})"));
            }
        }
        add(&mut manifest, REJECTS, self.write_snapshot("meta", REJECTS, &aside)?);
        env!("CARGO_PKG_VERSION").clone_into(&mut manifest.crmlake);
        manifest.format = FORMAT;
        manifest.run_id.clone_from(&self.run.id);
        manifest.written_at = jiff::Timestamp::now();
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| StoreError::Io {
            action: "write the manifest of",
            path: self.snapshots.store.name().into(),
            source: error.into(),
        })?;
        step("snapshots-written");
        self.snapshots.store.replace_manifest(&text)?;
        step("manifest-written");
        info!(run_id = self.run.id, bytes = receipt.bytes, "snapshots written");
        // They are in nobody's way: the next run tries again.
        if let Err(error) = self.clean(&manifest) {
            warn!(%error, "old snapshots could not be removed");
        }
        Ok(receipt)
    }
}
