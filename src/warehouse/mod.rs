//! The warehouse: one DuckDB file that is replaced, never modified in place.
//!
//! A run copies it aside ([`Working`]), merges into the copy ([`merge`]), writes the books
//! ([`ledger`]), checkpoints, syncs, and renames it over the old one. Readers hold what they opened; a crash, a full
//! disk or a failed check leaves the old file as it was.

pub mod bind;
mod changes;
pub mod checks;
pub mod forget;
pub mod front;
pub mod ledger;
pub mod lock;
pub mod merge;
pub mod outlet;
pub mod portable;
pub mod prune;
pub mod schema;
mod settle;
mod spill;
pub mod sql;
mod swap;
pub mod views;
pub mod withdraw;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use duckdb::{AccessMode, Config, Connection};

use self::spill::Spill;
use crate::{config::work_folder, spool::private_folder};

/// What DuckDB may hold in memory; the rest goes to disk, so that memory does not grow with the CRM.
const MEMORY_LIMIT: &str = "1GiB";
/// Columns for which that is enough: a row group in the making takes up to two mebibytes for each.
const COLUMNS_IN_MEMORY: usize = 512;

/// What DuckDB 1.0 and later read.
const STORAGE_VERSION: &str = "v1.0.0";

/// The folder, among the working files, of what is being written.
pub const WRITE: &str = "write";

/// The folder, beside what is written, for what does not fit into memory.
pub const SPILL: &str = "spill";

/// What can go wrong with the warehouse.
#[derive(Debug, thiserror::Error)]
pub enum WarehouseError {
    /// Another run is writing.
    #[error("another run is writing this warehouse")]
    Locked,
    /// There is no warehouse yet.
    #[error("there is no warehouse at {path}")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The file is no warehouse of crmlake's.
    #[error("{path} is not a crmlake warehouse")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What DuckDB says, where it cannot open it.
        #[source]
        source: Option<duckdb::Error>,
    },
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program holds the warehouse open, on a system where such a file cannot be replaced.
    #[error("{path} cannot be replaced, because a program holds it open")]
    Held {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file was written by a newer crmlake.
    #[error(
        "the warehouse has format {found}, and this crmlake knows formats up to {}; update crmlake",
        schema::FORMAT
    )]
    Newer {
        /// Its format.
        found: i64,
    },
    /// Asked for a moment of which `crmlake prune` removed the rows.
    #[error("the history before {horizon} was pruned; ask for that moment or a later one")]
    Pruned {
        /// The first moment that can be asked for.
        horizon: jiff::Timestamp,
    },
    /// Records of several lists, or of several instances, have the id that was asked for.
    #[error("several records have that id: {places}")]
    Ambiguous {
        /// Where they are, in words.
        places: String,
    },
    /// DuckDB refused.
    #[error("{action} failed")]
    Database {
        /// What was attempted.
        action: String,
        /// DuckDB's reason.
        #[source]
        source: duckdb::Error,
    },
}

/// Says what a failed statement was for.
pub(crate) fn doing(action: impl Into<String>) -> impl FnOnce(duckdb::Error) -> WarehouseError {
    move |source| WarehouseError::Database { action: action.into(), source }
}

/// Says which file or folder something failed on, and what.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WarehouseError {
    let path = path.to_owned();
    move |source| WarehouseError::Io { action, path, source }
}

/// A step at which a test may end the process, as a crash would: see `tests/suite/crashes.rs`. Nothing at all without the
/// feature `failpoints`.
pub(crate) fn step(name: &'static str) {
    #[cfg(feature = "failpoints")]
    let _: Option<()> = fail::eval(name, |_| std::process::abort());
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}

/// A message without line breaks, without DuckDB's arrow into the statement, and without the words that its C interface
/// adds to every error.
pub fn tidy(message: &str) -> String {
    let message = message.replace(": Error code 1: Unknown error code", "");
    let lines = message.lines().map(|line| line.trim().trim_end_matches('^').trim_end());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// What `crmlake forget` or `crmlake prune` removed from one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The table, such as `history.contacts`.
    pub place: String,
    /// What, in words.
    pub what: &'static str,
    /// How many.
    pub count: u64,
}

/// An error where there is no warehouse: before a lock is taken, which would make a folder beside it.
fn existing(path: &Path) -> Result<(), WarehouseError> {
    if path.exists() { Ok(()) } else { Err(WarehouseError::Absent { path: path.to_owned() }) }
}

/// A copy of the warehouse that a run writes into. Dropped, it is removed, and nothing happened.
#[derive(Debug)]
pub struct Working {
    connection: Option<Connection>,
    target: PathBuf,
    copy: PathBuf,
}

impl Working {
    /// Copies the warehouse aside, or begins a new one, and opens the copy.
    pub fn begin(target: &Path) -> Result<Self, WarehouseError> {
        // Of the same name as the warehouse, because DuckDB names the catalog after the file.
        let copy = work_folder(target).join(WRITE).join(target.file_name().unwrap_or_default());
        Self::open(target, &copy, target.exists())
    }

    /// Begins a warehouse that takes no other's place: whoever wants something of it leads it out before it is dropped.
    pub fn scratch(work_folder: &Path) -> Result<Self, WarehouseError> {
        let copy = work_folder.join(WRITE).join("scratch.duckdb");
        Self::open(&copy, &copy, false)
    }

    fn open(target: &Path, copy: &Path, exists: bool) -> Result<Self, WarehouseError> {
        let folder = copy.parent().unwrap_or(Path::new(""));
        private_folder(folder).map_err(failed("create", folder))?;
        let mut working = Self { connection: None, target: target.to_owned(), copy: copy.to_owned() };
        working.remove_copy();
        if exists {
            // A file system with reflinks copies nothing. The owner's choice of who may read it is kept.
            fs::copy(target, copy).map_err(failed("copy the warehouse to", copy))?;
            step("copied");
        }
        let connection = open_to_write(copy)?;
        if exists && schema::format(&connection)? == 0 {
            return Err(WarehouseError::Foreign { path: target.to_owned(), source: None });
        }
        if !exists {
            private(copy).map_err(failed("protect", copy))?;
        }
        schema::migrate(&connection)?;
        working.connection = Some(connection);
        Ok(working)
    }

    /// The connection to the copy.
    pub fn connection(&self) -> Result<&Connection, WarehouseError> {
        self.connection.as_ref().ok_or_else(|| WarehouseError::Absent { path: self.copy.clone() })
    }

    /// Puts the copy in the warehouse's place. Returns its size in bytes.
    pub fn replace(mut self) -> Result<u64, WarehouseError> {
        if let Some(connection) = self.connection.take() {
            connection.execute_batch("CHECKPOINT").map_err(doing("writing the checkpoint"))?;
            step("checkpointed");
            connection.close().map_err(|(_, source)| doing("closing the warehouse")(source))?;
        }
        let file = File::options().write(true).open(&self.copy).map_err(failed("open", &self.copy))?;
        file.sync_all().map_err(failed("sync", &self.copy))?;
        step("synced");
        let size = file.metadata().map_err(failed("measure", &self.copy))?.len();
        drop(file);
        // A log left beside the old file would be replayed into the new one.
        remove(&wal(&self.target)).map_err(failed("remove", &wal(&self.target)))?;
        step("log-removed");
        swap::replace(&self.copy, &self.target)?;
        step("renamed");
        sync_folder(&self.target).map_err(failed("sync the folder of", &self.target))?;
        Ok(size)
    }

    /// Makes room for the rows of so many columns: memory grows with a table's width, never with its length.
    pub fn make_room(&self, columns: usize) -> Result<(), WarehouseError> {
        if columns <= COLUMNS_IN_MEMORY {
            return Ok(());
        }
        let limit = format!("SET memory_limit = '{}MiB'", 2 * columns);
        self.connection()?.execute_batch(&limit).map_err(doing("setting up DuckDB"))
    }

    /// Writes the copy anew, row by row, so that nothing of what was deleted is left in a free block or a dictionary.
    /// Everything must be committed.
    pub fn rewrite(&mut self) -> Result<(), WarehouseError> {
        let action = || doing("writing the warehouse anew");
        let fresh = self.fresh();
        remove(&fresh).map_err(failed("remove", &fresh))?;
        let widest = "SELECT coalesce(max(columns), 0)
                      FROM (SELECT count(*) AS columns FROM information_schema.columns GROUP BY table_schema, table_name)";
        let columns: u32 = self.connection()?.query_row(widest, [], |row| row.get(0)).map_err(action())?;
        self.make_room(columns as usize)?;
        if let Some(connection) = self.connection.take() {
            let name: String =
                connection.query_row("SELECT current_database()", [], |row| row.get(0)).map_err(action())?;
            let target = sql::text(&fresh.to_string_lossy());
            connection
                .execute_batch(&format!(
                    "ATTACH {target} AS fresh (STORAGE_VERSION '{STORAGE_VERSION}');
                     COPY FROM DATABASE {} TO fresh;
                     DETACH fresh",
                    sql::name(&name)
                ))
                .map_err(action())?;
            connection.close().map_err(|(_, source)| doing("closing the warehouse")(source))?;
        }
        let permissions = fs::metadata(&self.copy).map_err(failed("look at", &self.copy))?.permissions();
        fs::set_permissions(&fresh, permissions).map_err(failed("protect", &fresh))?;
        fs::rename(&fresh, &self.copy).map_err(failed("replace", &self.copy))?;
        remove(&wal(&self.copy)).map_err(failed("remove", &wal(&self.copy)))?;
        self.connection = Some(open_to_write(&self.copy)?);
        step("rewritten");
        Ok(())
    }

    fn fresh(&self) -> PathBuf {
        self.copy.with_extension("fresh")
    }

    fn remove_copy(&self) {
        // What cannot be removed now is overwritten by the next run.
        for path in [&self.copy, &self.fresh()] {
            let _ = remove(path);
            let _ = remove(&wal(path));
        }
    }
}

/// Opens the copy that a run writes into. What does not fit into memory goes beside it.
fn open_to_write(copy: &Path) -> Result<Connection, WarehouseError> {
    let config = Config::default()
        .with("temp_directory", copy.with_file_name(SPILL).to_string_lossy())
        .and_then(|config| config.with("preserve_insertion_order", "false"))
        .and_then(|config| config.with("memory_limit", MEMORY_LIMIT))
        .and_then(|config| config.with("storage_compatibility_version", STORAGE_VERSION))
        // Nothing that is asked on it may fetch anything.
        .and_then(|config| config.with("autoinstall_known_extensions", "false"))
        .and_then(|config| config.with("autoload_known_extensions", "false"))
        .map_err(doing("setting up DuckDB"))?;
    Connection::open_with_flags(copy, config).map_err(doing("opening the copy of the warehouse"))
}

impl Drop for Working {
    fn drop(&mut self) {
        drop(self.connection.take());
        self.remove_copy();
    }
}

/// A connection for reading, with the folder for what does not fit into memory. The folder goes when it does.
#[derive(Debug)]
pub struct Reading {
    /// Nothing can be written, and no file or network reached, through it.
    pub connection: Connection,
    _spill: Option<Spill>,
}

/// Opens a warehouse for reading.
pub fn open_read_only(path: &Path) -> Result<Reading, WarehouseError> {
    // Without a place for it, what does not fit into memory is an error.
    let spill = Spill::new().ok();
    let folder = spill.as_ref().map(|spill| spill.path().to_string_lossy().into_owned());
    let config =
        Config::default().with("temp_directory", folder.unwrap_or_default()).map_err(doing("setting up DuckDB"))?;
    let connection = open_existing(path, config)?;
    guard(&connection)?;
    Ok(Reading { connection, _spill: spill })
}

/// Opens a warehouse for reading, and one folder, an absolute path, for writing: no other file and no network is
/// reached. For [`outlet`] alone, whose statements are our own.
fn open_to_export(path: &Path, folder: &Path) -> Result<Connection, WarehouseError> {
    let config = Config::default()
        .with("temp_directory", folder.join(SPILL).to_string_lossy())
        .and_then(|config| config.with("memory_limit", MEMORY_LIMIT))
        .map_err(doing("setting up DuckDB"))?;
    let connection = open_existing(path, config)?;
    let folder = sql::text(&folder.to_string_lossy());
    connection.execute_batch(&format!("SET allowed_directories = [{folder}]")).map_err(doing("setting up DuckDB"))?;
    guard(&connection)?;
    Ok(connection)
}

/// Opens a file, which must be a warehouse of a format that we know, for reading.
fn open_existing(path: &Path, config: Config) -> Result<Connection, WarehouseError> {
    if !path.exists() {
        return Err(WarehouseError::Absent { path: path.to_owned() });
    }
    let config = config.access_mode(AccessMode::ReadOnly).map_err(doing("setting up DuckDB"))?;
    let foreign = |source| WarehouseError::Foreign { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, config).map_err(|error| foreign(Some(error)))?;
    let found = schema::format(&connection)?;
    if found == 0 {
        return Err(foreign(None));
    }
    if found > schema::FORMAT {
        return Err(WarehouseError::Newer { found });
    }
    Ok(connection)
}

/// Takes from a connection what a reader has no use for: files, the network, extensions, the secrets that are in a user's
/// home, and the way back.
pub(crate) fn guard(connection: &Connection) -> Result<(), WarehouseError> {
    connection
        .execute_batch(
            "SET allow_persistent_secrets = false; SET enable_external_access = false;
             SET autoinstall_known_extensions = false; SET autoload_known_extensions = false;
             SET lock_configuration = true",
        )
        .map_err(doing("setting up DuckDB"))
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".wal");
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Lets only its owner read a file.
#[cfg(unix)]
pub(crate) fn private(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
pub(crate) fn private(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Syncs the folder that a file is in, so that its name survives a power cut.
#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
