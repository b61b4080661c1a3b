//! Where a reader puts what does not fit into memory: a private folder among the system's temporary ones.
//!
//! DuckDB would make one beside the warehouse, where a reader may have no right to write and where nobody would look for
//! what a killed one left. Here the folder goes with the reader; what a killed one left is removed by the next.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::{Builder, TempDir};

const PREFIX: &str = "crmlake-";
/// The file in it that its owner holds locked, for as long as it lives.
const LOCK: &str = "lock";

/// See the module.
#[derive(Debug)]
pub(super) struct Spill {
    // Closed before the folder is removed, which some systems ask for.
    _lock: File,
    folder: TempDir,
}

impl Spill {
    /// Makes the folder.
    pub(super) fn new() -> io::Result<Self> {
        let place = tempfile::env::temp_dir();
        remove_left(&place);
        let mut builder = Builder::new();
        builder.prefix(PREFIX);
        // What is written there is people's data.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir_in(&place)?;
        // Locked before it is where another looks for it.
        let lock = Builder::new().prefix(PREFIX).tempfile_in(&place)?;
        lock.as_file().lock()?;
        let lock = lock.persist(folder.path().join(LOCK)).map_err(|error| error.error)?;
        Ok(Self { _lock: lock, folder })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders whose owners are no more. What cannot be removed stays.
fn remove_left(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let lock = File::open(entry.path().join(LOCK));
        if is_folder && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_living_reader_has_stays_and_what_a_dead_one_left_goes() {
        let living = Spill::new().unwrap();
        let place = tempfile::tempdir().unwrap();
        let dead = place.path().join("crmlake-dead");
        let other = place.path().join("crmlake-other");
        fs::create_dir(&dead).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("duckdb_temp_storage-0.tmp"), "x").unwrap();
        fs::write(other.join("data"), "x").unwrap();
        remove_left(place.path());
        remove_left(living.path().parent().unwrap());
        assert!(!dead.exists() && other.join("data").exists());
        assert!(living.path().join(LOCK).exists());
    }
}
