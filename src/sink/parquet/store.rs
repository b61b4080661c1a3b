//! The places of snapshots: a folder, or a bucket of a cloud.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    ops::Range,
    path::{Path, PathBuf},
};

use futures::TryStreamExt as _;
use object_store::{
    ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion, WriteMultipart, parse_url_opts,
    path::Path as Key,
};
use tokio::runtime::Handle;

use super::manifest::FILE;
use crate::{
    api::prepare_tls,
    config::destination::Place,
    spool::private_folder,
    warehouse::{private, sync_folder},
};

/// Bytes of one part of an upload.
const CHUNK: usize = 8 << 20;

/// What can go wrong with a place of snapshots.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
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
    /// The cloud refused.
    #[error("cannot {action} {place}")]
    Bucket {
        /// What was attempted.
        action: &'static str,
        /// The bucket, or a place in it.
        place: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// There is a manifest of somebody else's.
    #[error("{place} holds a {FILE} that is not of Parquet snapshots; nothing was touched")]
    Foreign {
        /// The place.
        place: String,
    },
    /// The manifest was written by a newer crmlake.
    #[error("the snapshots in {place} have format {found}, and this crmlake knows format {known}; update crmlake")]
    Newer {
        /// The place.
        place: String,
        /// Their format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Rows of an instance would be missing.
    #[error("the snapshots in {place} hold rows of instance \"{instance}\" too, and this run does not ask for it")]
    LeavesOut {
        /// The place.
        place: String,
        /// The instance.
        instance: String,
    },
    /// Another run changed the manifest meanwhile.
    #[error("another run is writing {place}")]
    Raced {
        /// The place.
        place: String,
    },
    /// A file that the manifest names is not there.
    #[error("a file that the manifest names cannot be read")]
    Lost {
        /// Which, and why.
        #[source]
        source: Box<StoreError>,
    },
    /// A file of a snapshot cannot be read.
    #[error("the snapshot {file} is damaged")]
    Damaged {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: parquet::errors::ParquetError,
    },
}

/// A place: all names are relative to it, with `/` between them.
pub(super) trait Store: fmt::Debug + Send + Sync {
    /// Its name for people.
    fn name(&self) -> String;

    /// The manifest, where there is one.
    fn manifest(&mut self) -> Result<Option<Vec<u8>>, StoreError>;

    /// The size of a file.
    fn size(&self, name: &str) -> Result<u64, StoreError>;

    /// Some bytes of a file.
    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, StoreError>;

    /// Brings a file there, which nobody sees before it is whole. The file is gone afterwards.
    fn bring(&self, from: &Path, name: &str) -> Result<(), StoreError>;

    /// Replaces the manifest, if it is still the one that was read.
    fn replace_manifest(&self, manifest: &[u8]) -> Result<(), StoreError>;

    /// The tables that have files of a run, listed in a manifest or not.
    fn tables_of(&self, run_id: &str) -> Result<Vec<String>, StoreError>;

    /// Removes the files of a snapshot.
    fn remove(&self, table: &str, run_id: &str) -> Result<(), StoreError>;
}

/// The folder of a snapshot.
pub(super) fn folder(table: &str, run_id: &str) -> String {
    format!("{table}/snapshot={run_id}")
}

/// Removes a folder, if it is there.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens a place. The work folder must be on the same file system as a folder of snapshots.
pub(super) fn open(place: &Place, work_folder: &Path, runtime: &Handle) -> Result<Box<dyn Store>, StoreError> {
    match place {
        Place::Folder(root) => Ok(Box::new(Folder { root: root.clone(), work_folder: work_folder.to_owned() })),
        Place::Bucket { url, variables } => {
            prepare_tls();
            let failed = |source| StoreError::Bucket { action: "open", place: place.name(), source };
            let (store, prefix) = parse_url_opts(url, variables.expose()).map_err(failed)?;
            let runtime = runtime.clone();
            Ok(Box::new(Bucket { store, prefix, name: place.name(), version: None, runtime }))
        }
    }
}

/// A folder of this machine. Files are renamed into it, and what must survive a power cut is synced.
#[derive(Debug)]
struct Folder {
    root: PathBuf,
    work_folder: PathBuf,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

impl Folder {
    fn put(&self, from: &Path, name: &str) -> Result<(), StoreError> {
        let to = self.root.join(name);
        private(from).map_err(failed("protect", from))?;
        File::open(from).and_then(|file| file.sync_all()).map_err(failed("sync", from))?;
        fs::rename(from, &to).map_err(failed("replace", &to))?;
        sync_folder(&to).map_err(failed("sync the folder of", &to))
    }
}

impl Store for Folder {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn manifest(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.root.join(FILE);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(failed("read", &path)),
        }
    }

    fn size(&self, name: &str) -> Result<u64, StoreError> {
        let path = self.root.join(name);
        fs::metadata(&path).map(|file| file.len()).map_err(failed("read", &path))
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let path = self.root.join(name);
        let read = || {
            let mut file = File::open(&path)?;
            io::Seek::seek(&mut file, io::SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            file.take(range.end - range.start).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(failed("read", &path))
    }

    fn bring(&self, from: &Path, name: &str) -> Result<(), StoreError> {
        let to = self.root.join(name);
        if let Some(folder) = to.parent() {
            private_folder(folder).map_err(failed("create", folder))?;
            // The folder itself must survive a power cut too, with the one above it.
            for above in folder.ancestors().take(2) {
                sync_folder(above).map_err(failed("sync the folder of", above))?;
            }
        }
        self.put(from, name)
    }

    fn replace_manifest(&self, manifest: &[u8]) -> Result<(), StoreError> {
        let aside = self.work_folder.join(FILE);
        fs::write(&aside, manifest).map_err(failed("write", &aside))?;
        self.put(&aside, FILE)
    }

    fn tables_of(&self, run_id: &str) -> Result<Vec<String>, StoreError> {
        let tables = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            tables => tables.map_err(failed("list", &self.root))?,
        };
        let names = tables.flatten().filter_map(|table| table.file_name().into_string().ok());
        Ok(names.filter(|table| self.root.join(folder(table, run_id)).is_dir()).collect())
    }

    fn remove(&self, table: &str, run_id: &str) -> Result<(), StoreError> {
        let path = self.root.join(folder(table, run_id));
        remove_folder(&path).map_err(failed("remove", &path))
    }
}

/// A bucket of a cloud, or a part of one.
#[derive(Debug)]
struct Bucket {
    store: Box<dyn ObjectStore>,
    prefix: Key,
    name: String,
    /// The manifest that was read.
    version: Option<UpdateVersion>,
    runtime: Handle,
}

impl Bucket {
    fn key(&self, name: &str) -> Key {
        name.split('/').fold(self.prefix.clone(), Key::join)
    }

    fn failed(&self, action: &'static str, name: &str) -> impl FnOnce(object_store::Error) -> StoreError + use<> {
        let place = format!("{}/{name}", self.name);
        move |source| StoreError::Bucket { action, place, source }
    }
}

impl Store for Bucket {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn manifest(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let key = self.key(FILE);
        let read = async {
            let answer = self.store.get(&key).await?;
            let version = UpdateVersion { e_tag: answer.meta.e_tag.clone(), version: answer.meta.version.clone() };
            Ok((version, answer.bytes().await?))
        };
        match self.runtime.block_on(read) {
            Err(object_store::Error::NotFound { .. }) => {
                // Perhaps the bucket itself is not there.
                let listed = self.runtime.block_on(self.store.list_with_delimiter(Some(&self.prefix)));
                listed.map(|_| None).map_err(|source| StoreError::Bucket {
                    action: "open",
                    place: self.name.clone(),
                    source,
                })
            }
            Err(error) => Err(self.failed("read", FILE)(error)),
            Ok((version, bytes)) => {
                self.version = Some(version);
                Ok(Some(bytes.to_vec()))
            }
        }
    }

    fn size(&self, name: &str) -> Result<u64, StoreError> {
        let head = self.runtime.block_on(self.store.head(&self.key(name)));
        head.map(|object| object.size).map_err(self.failed("read", name))
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let bytes = self.runtime.block_on(self.store.get_range(&self.key(name), range));
        bytes.map(|bytes| bytes.to_vec()).map_err(self.failed("read", name))
    }

    fn bring(&self, from: &Path, name: &str) -> Result<(), StoreError> {
        let mut file = File::open(from).map_err(failed("read", from))?;
        let size = file.metadata().map_err(failed("read", from))?.len();
        let key = self.key(name);
        let mut chunk = |bytes: &mut Vec<u8>| {
            bytes.clear();
            io::Read::by_ref(&mut file).take(CHUNK as u64).read_to_end(bytes).map_err(failed("read", from))
        };
        let mut bytes = Vec::new();
        if size <= CHUNK as u64 {
            chunk(&mut bytes)?;
            let put = self.runtime.block_on(self.store.put(&key, PutPayload::from(bytes)));
            put.map_err(self.failed("write", name))?;
        } else {
            self.runtime.block_on(async {
                let upload = self.store.put_multipart(&key).await.map_err(self.failed("write", name))?;
                let mut upload = WriteMultipart::new_with_chunk_size(upload, CHUNK);
                while chunk(&mut bytes)? > 0 {
                    upload.wait_for_capacity(2).await.map_err(self.failed("write", name))?;
                    upload.write(&bytes);
                }
                upload.finish().await.map_err(self.failed("write", name))
            })?;
        }
        fs::remove_file(from).map_err(failed("remove", from))
    }

    fn replace_manifest(&self, manifest: &[u8]) -> Result<(), StoreError> {
        let key = self.key(FILE);
        let put = |mode: PutMode| {
            let payload = PutPayload::from(manifest.to_vec());
            self.runtime.block_on(self.store.put_opts(&key, payload, mode.into()))
        };
        let mode = self.version.clone().map_or(PutMode::Create, PutMode::Update);
        match put(mode) {
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => {
                // Or it is ours, and only the answer to writing it was lost.
                let found = self.runtime.block_on(async { self.store.get(&key).await?.bytes().await });
                match found {
                    Ok(found) if found == manifest => Ok(()),
                    _ => Err(StoreError::Raced { place: self.name.clone() }),
                }
            }
            // Servers that cannot compare take what comes last.
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                put(PutMode::Overwrite).map(drop).map_err(self.failed("write", FILE))
            }
            put => put.map(drop).map_err(self.failed("write", FILE)),
        }
    }

    fn tables_of(&self, run_id: &str) -> Result<Vec<String>, StoreError> {
        let listed = self.store.list(Some(&self.prefix)).map_ok(|object| object.location).try_collect::<Vec<_>>();
        let mut found = Vec::new();
        for key in self.runtime.block_on(listed).map_err(self.failed("list", ""))? {
            let Some(parts) = key.prefix_match(&self.prefix) else { continue };
            let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
            if let [table, parent, _] = parts.as_slice()
                && format!("{table}/{parent}") == folder(table, run_id)
                && !found.contains(table)
            {
                found.push(table.clone());
            }
        }
        Ok(found)
    }

    fn remove(&self, table: &str, run_id: &str) -> Result<(), StoreError> {
        let folder = folder(table, run_id);
        let prefix = self.key(&folder);
        let removed = async {
            let keys = self.store.list(Some(&prefix)).map_ok(|object| object.location).try_collect::<Vec<_>>().await?;
            for key in keys {
                self.store.delete(&key).await?;
            }
            Ok(())
        };
        self.runtime.block_on(removed).map_err(self.failed("remove", &folder))
    }
}
