//! What is in a place of snapshots: for readers, which want the newest whole snapshot of each resource, and for the next
//! run, which goes on with its columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The manifest's name in its place.
pub(super) const FILE: &str = "manifest.json";
/// The version of this layout.
pub(super) const FORMAT: u32 = 1;

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
    /// Its columns, as `meta.columns` of a warehouse tells them.
    pub columns: Vec<Value>,
    /// The snapshots that are kept, the newest last.
    pub snapshots: Vec<Snapshot>,
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

    /// Whether it knows a snapshot.
    pub(super) fn has(&self, table: &str, run_id: &str) -> bool {
        self.resources.get(table).is_some_and(|entry| entry.snapshots.iter().any(|snapshot| snapshot.run_id == run_id))
    }
}

impl Entry {
    /// Adds a snapshot, which is the one that readers are led to if it is whole.
    pub(super) fn add(&mut self, path: String, snapshot: Snapshot) {
        if snapshot.whole {
            self.snapshot = Some(snapshot.run_id.clone());
            self.path = Some(path);
        }
        self.snapshots.push(snapshot);
    }

    /// Forgets all but the newest snapshots, never the one that readers are led to.
    pub(super) fn keep(&mut self, count: usize) {
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
