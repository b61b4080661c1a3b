//! What is in a place of snapshots: for readers, which want the newest whole snapshot of each resource, and for the next
//! run, which goes on with its columns.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The manifest's name in its place.
pub(super) const FILE: &str = "manifest.json";
/// The version of this layout.
pub(super) const FORMAT: u32 = 1;

/// The table of what a resource's list held that could not be a row.
pub(super) fn rejects_of(resource: &str) -> String {
    format!("rejects_{resource}")
}

/// Whether a table is of a list inside a resource, or of its rejects.
fn belongs(table: &str, resource: &str) -> bool {
    table.strip_prefix(resource).is_some_and(|rest| rest.starts_with("__")) || table == rejects_of(resource)
}

/// A place of snapshots, as of the last run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Manifest {
    /// The version of crmlake that wrote it.
    pub crmlake: String,
    /// The version of the layout.
    pub format: u32,
    /// The last run.
    pub run_id: String,
    /// When it ended.
    pub written_at: jiff::Timestamp,
    /// Each table: a resource, or a list inside one.
    pub resources: BTreeMap<String, Entry>,
}

/// A table and its snapshots.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Entry {
    /// The run of the newest whole snapshot, nothing where none was whole so far.
    pub snapshot: Option<String>,
    /// The folder of that snapshot, such as `leads/snapshot=<run id>`.
    pub path: Option<String>,
    /// The columns of that snapshot or, where there is none, of the newest: as `meta.columns` of a warehouse tells them.
    pub columns: Vec<Value>,
    /// Of a form: what each instance's fields are called, and what they were called ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FormField>,
    /// The snapshots that are kept, the newest last.
    pub snapshots: Vec<Snapshot>,
}

/// A field of a form.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct FormField {
    /// The instance.
    pub instance: String,
    /// The field's id.
    pub id: String,
    /// Its label.
    pub label: Option<String>,
    /// Its type, in the form's words.
    pub declared: Option<String>,
    /// Every label that it ever had.
    pub labels: Vec<String>,
}

/// What one run wrote of a table.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Snapshot {
    /// The run.
    pub run_id: String,
    /// When it wrote this.
    pub written_at: jiff::Timestamp,
    /// Whether readers may take it for the list.
    pub whole: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// The size of its files.
    pub bytes: u64,
    /// Its files, relative to the manifest, with `/` between the names.
    pub files: Vec<String>,
    /// The certificates of its sweeps, one an instance, as `meta.sweeps` of a warehouse tells them.
    pub sweeps: Vec<Value>,
}

impl Manifest {
    /// The snapshot of a table that readers are led to.
    pub(super) fn named(&self, table: &str) -> Option<&Snapshot> {
        let entry = self.resources.get(table)?;
        entry.snapshots.iter().find(|snapshot| Some(&snapshot.run_id) == entry.snapshot.as_ref())
    }

    /// The snapshots that it lists and another one does not, by table and run.
    pub(super) fn without(&self, other: &Self) -> Vec<(String, String)> {
        let all = |manifest: &Self| {
            let tables = manifest.resources.iter();
            let listed = tables.flat_map(|(table, entry)| {
                entry.snapshots.iter().map(|snapshot| (table.clone(), snapshot.run_id.clone()))
            });
            listed.collect::<BTreeSet<_>>()
        };
        all(self).difference(&all(other)).cloned().collect()
    }

    /// Ends the tables of a resource that a whole snapshot of it does not have any more.
    pub(super) fn end_others(&mut self, resource: &str, tables: &[String]) {
        for (table, entry) in &mut self.resources {
            if belongs(table, resource) && !tables.contains(table) {
                entry.snapshot = None;
                entry.path = None;
            }
        }
    }

    /// Forgets all but the newest snapshots of a resource, with those of its lists.
    pub(super) fn keep(&mut self, resource: &str, count: usize) {
        let Some(entry) = self.resources.get_mut(resource) else { return };
        entry.keep(count);
        let kept: Vec<String> = entry.snapshots.iter().map(|snapshot| snapshot.run_id.clone()).collect();
        self.resources.retain(|table, entry| {
            if belongs(table, resource) {
                entry.snapshots.retain(|snapshot| kept.contains(&snapshot.run_id));
            }
            !entry.snapshots.is_empty()
        });
    }
}

impl Entry {
    /// Whether it lists the snapshot of a run.
    pub(super) fn has(&self, run_id: &str) -> bool {
        self.snapshots.iter().any(|snapshot| snapshot.run_id == run_id)
    }

    /// Adds a snapshot, which is the one that readers are led to if it is whole.
    pub(super) fn add(&mut self, path: String, snapshot: Snapshot) {
        if snapshot.whole {
            self.snapshot = Some(snapshot.run_id.clone());
            self.path = Some(path);
        }
        self.snapshots.push(snapshot);
    }

    /// Forgets all but the newest snapshots, never the one that readers are led to.
    fn keep(&mut self, count: usize) {
        let oldest = self.snapshots.len().saturating_sub(count);
        let mut index = 0;
        self.snapshots.retain(|snapshot| {
            index += 1;
            index > oldest || Some(&snapshot.run_id) == self.snapshot.as_ref()
        });
    }
}

impl Snapshot {
    /// The instances whose rows it has.
    pub(super) fn instances(&self) -> impl Iterator<Item = &str> {
        self.sweeps.iter().filter_map(|sweep| sweep.get("instance")?.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(run_id: &str, whole: bool) -> Snapshot {
        Snapshot {
            run_id: run_id.to_owned(),
            written_at: jiff::Timestamp::UNIX_EPOCH,
            whole,
            reason: None,
            rows: 0,
            bytes: 0,
            files: Vec::new(),
            sweeps: Vec::new(),
        }
    }

    #[test]
    fn the_snapshot_that_readers_are_led_to_stays() {
        let mut entry = Entry::default();
        for (run_id, whole) in [("a", true), ("b", true), ("c", false), ("d", false)] {
            entry.add(format!("leads/snapshot={run_id}"), snapshot(run_id, whole));
        }
        assert_eq!(entry.path.as_deref(), Some("leads/snapshot=b"));
        entry.keep(1);
        let kept: Vec<_> = entry.snapshots.iter().map(|snapshot| snapshot.run_id.as_str()).collect();
        assert_eq!(kept, ["b", "d"]);
    }
}
