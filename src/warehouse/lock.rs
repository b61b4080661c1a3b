//! One writer at a time.
//!
//! The lock is the operating system's, on a file that stays: a crash releases it, and there is nothing to remove by
//! hand.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use super::{WarehouseError, failed};
use crate::spool::private_folder;

/// Held while a run writes; released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the working folder, or says at once that another run has it.
    pub fn take(folder: &Path) -> Result<Self, WarehouseError> {
        let path = folder.join("lock");
        private_folder(folder).map_err(failed("lock", &path))?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed("lock", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(WarehouseError::Locked),
            Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_turned_away_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        assert!(matches!(Lock::take(folder.path()), Err(WarehouseError::Locked)));
        drop(first);
        assert!(Lock::take(folder.path()).is_ok());
    }
}
