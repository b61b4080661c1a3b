//! How a new export takes the place of the old one, at once.
//!
//! It is written into a folder beside the old one and then changes places with it. On Linux that is one step
//! (`renameat2` with `RENAME_EXCHANGE`), so that at every moment there is an export in the place. Elsewhere, and on file
//! systems that cannot do so, it is two renames, between which there is none for a moment; a crash right there leaves the
//! old one beside, and the next export puts it back first.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
};

use super::{
    ExportError, Manifest, failed,
    manifest::{FILE, Known},
};
use crate::{spool::private_folder, warehouse::SPILL};

/// Where an export goes.
#[derive(Debug)]
pub(super) struct Target {
    /// The folder, behind links.
    folder: PathBuf,
    /// The folder beside it for the new export.
    staging: PathBuf,
    /// The folder beside it for the old one, where they do not change places in one step.
    aside: PathBuf,
}

impl Target {
    /// The folder, unless it holds something that is not of an export: that would be lost.
    pub(super) fn at(folder: &Path) -> Result<Self, ExportError> {
        let given = folder;
        // A link keeps leading to the export, wherever that is.
        let folder = if folder.is_symlink() {
            fs::canonicalize(folder).map_err(failed("find", folder))?
        } else {
            std::path::absolute(folder).map_err(failed("find", folder))?
        };
        let named = given.components().next_back().is_some_and(|last| matches!(last, Component::Normal(_)));
        let (true, Some(name)) = (named, folder.file_name()) else {
            return Err(ExportError::NoFolder { path: given.to_owned() });
        };
        let beside = |what: &str| {
            let mut beside = std::ffi::OsString::from(".");
            beside.push(name);
            beside.push(format!(".{what}-{}", uuid::Uuid::now_v7()));
            folder.with_file_name(beside)
        };
        let (staging, aside) = (beside("new"), beside("old"));
        check(&folder, given)?;
        Ok(Self { folder, staging, aside })
    }

    /// Where the new export is written, once begun.
    pub(super) fn staging(&self) -> &Path {
        &self.staging
    }

    /// Removes what a crashed export left, and makes the folder for a new one.
    pub(super) fn begin(self) -> Result<Staging, ExportError> {
        let parent = self.folder.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(failed("create", parent))?;
        self.restore(parent)?;
        private_folder(&self.staging).map_err(failed("create", &self.staging))?;
        let lock = lock(&self.staging).map_err(failed("lock", &self.staging))?;
        Ok(Staging { target: self, is_committed: false, _lock: lock })
    }

    fn restore(&self, parent: &Path) -> Result<(), ExportError> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(parent).map_err(failed("list", parent))? {
            let entry = entry.map_err(failed("list", parent))?;
            let found = entry.file_name();
            let rest = found.to_str().and_then(|found| found.strip_prefix(&format!(".{name}.")));
            let is_ours = |id: &str| uuid::Uuid::try_parse(id).is_ok();
            match rest.and_then(|rest| rest.split_once('-')) {
                Some(("new", id)) if is_ours(id) => new.push(entry.path()),
                Some(("old", id)) if is_ours(id) => old.push(entry.path()),
                _ => {}
            }
        }
        // Ids sort by time.
        old.sort();
        if !self.folder.exists()
            && let Some(last) = old.pop()
        {
            fs::rename(&last, &self.folder).map_err(failed("put back", &last))?;
        }
        for left in new.iter().chain(&old) {
            // One that is locked is another process's, and under way.
            if lock(left).is_ok() {
                tracing::info!(folder = %left.display(), "removing what a stopped export left");
                remove(left);
            }
        }
        Ok(())
    }
}

/// A new export being written. Dropped, it is removed, and nothing happened.
#[derive(Debug)]
pub(super) struct Staging {
    target: Target,
    is_committed: bool,
    _lock: Option<File>,
}

impl Staging {
    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.target.staging
    }

    /// Creates a file that only its owner can read, and the folder it is in.
    pub(super) fn create(&self, path: &str) -> Result<File, ExportError> {
        let path = self.path().join(path);
        let folder = path.parent().unwrap_or(self.path());
        private_folder(folder).map_err(failed("create", folder))?;
        let mut options = File::options();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map_err(failed("create", &path))
    }

    /// Sees to it that a written file is on the disk. Returns its size.
    pub(super) fn finish(&self, path: &str) -> Result<u64, ExportError> {
        let path = self.path().join(path);
        let file = File::options().write(true).open(&path).map_err(failed("open", &path))?;
        // DuckDB may have put a file of its own in the place of ours.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(failed("protect", &path))?;
        file.sync_all().map_err(failed("sync", &path))?;
        Ok(file.metadata().map_err(failed("measure", &path))?.len())
    }

    /// Writes the manifest, and puts the export in its place.
    pub(super) fn commit(mut self, manifest: &Manifest) -> Result<(), ExportError> {
        let spill = self.path().join(SPILL);
        if spill.exists() {
            fs::remove_dir_all(&spill).map_err(failed("remove", &spill))?;
        }
        let path = self.path().join(FILE);
        let mut file = self.create(FILE)?;
        let text = serde_json::to_string_pretty(manifest).map_err(io::Error::from).map_err(failed("write", &path))?;
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(failed("write", &path))?;
        for entry in fs::read_dir(self.path()).map_err(failed("list", self.path()))? {
            let entry = entry.map_err(failed("list", self.path()))?.path();
            if entry.is_dir() {
                sync(&entry).map_err(failed("sync", &entry))?;
            }
        }
        sync(self.path()).map_err(failed("sync", self.path()))?;
        let Target { folder, staging, aside } = &self.target;
        let replace = failed("replace", folder);
        // Something may have been put there since it was looked at.
        check(folder, folder)?;
        let old = if folder.exists() { Some(exchange(staging, folder, aside)) } else { None };
        let old = match old {
            Some(old) => Some(old.map_err(replace)?),
            None => fs::rename(staging, folder).map(|()| None).map_err(replace)?,
        };
        self.is_committed = true;
        if let Some(parent) = folder.parent() {
            sync(parent).map_err(failed("sync", parent))?;
        }
        // What cannot be removed now is by the next export.
        old.into_iter().for_each(remove);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_committed {
            remove(&self.target.staging);
        }
    }
}

/// Lets the new folder take the old one's place. Returns where the old one is then.
fn exchange<'a>(new: &'a Path, old: &Path, aside: &'a Path) -> io::Result<&'a Path> {
    #[cfg(target_os = "linux")]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(new),
            // An old kernel, or a file system that cannot.
            Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    in_two_steps(new, old, aside)
}

fn in_two_steps<'a>(new: &Path, old: &Path, aside: &'a Path) -> io::Result<&'a Path> {
    fs::rename(old, aside)?;
    if let Err(error) = fs::rename(new, old) {
        fs::rename(aside, old)?;
        return Err(error);
    }
    Ok(aside)
}

/// Refuses a folder with anything in it that is not of an export.
fn check(folder: &Path, given: &Path) -> Result<(), ExportError> {
    let foreign = |found: String| ExportError::Foreign { path: given.to_owned(), found };
    let mut files = Vec::new();
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", given)(error)),
        Ok(found) if !found.is_dir() => return Err(foreign("it is no folder".to_owned())),
        Ok(_) => walk(folder, "", &mut files).map_err(failed("list", given))?,
    }
    if files.is_empty() {
        return Ok(());
    }
    let manifest = fs::read(folder.join(FILE)).ok();
    let Some(known) = manifest.and_then(|text| serde_json::from_slice::<Known>(&text).ok()) else {
        return Err(foreign(format!("it holds {} and no {FILE} of crmlake's", files[0])));
    };
    match files.into_iter().find(|file| !known.has(file) && !is_litter(file)) {
        Some(file) => Err(foreign(format!("it holds {file}, which the export did not write"))),
        None => Ok(()),
    }
}

/// The files below a folder, relative to it.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file is what file managers and spreadsheets leave behind by themselves.
fn is_litter(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    [".DS_Store", "Thumbs.db", "desktop.ini"].contains(&name) || name.starts_with("~$") || name.starts_with(".~lock.")
}

/// Holds a folder for as long as the result lives: the lock is the operating system's, and a crash releases it.
#[cfg(unix)]
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let folder = File::open(folder)?;
    folder.try_lock().map_err(io::Error::from)?;
    Ok(Some(folder))
}

/// Elsewhere a folder cannot be locked, and two exports to one place at a time disturb each other.
#[cfg(not(unix))]
fn lock(_folder: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "cannot be removed; the next export tries again");
    }
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_do_the_same_and_a_crash_between_them_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("out");
        let (new, aside) = (folder.path().join("new"), folder.path().join("aside"));
        for (name, text) in [(&at, "old"), (&new, "new")] {
            fs::create_dir(name).unwrap();
            fs::write(name.join(FILE), format!("{{\"crmlake\":\"{text}\",\"files\":[]}}")).unwrap();
        }
        let text = || fs::read_to_string(at.join(FILE)).unwrap();
        assert_eq!(in_two_steps(&new, &at, &aside).unwrap(), aside);
        assert!(text().contains("new") && !new.exists());
        in_two_steps(&new, &at, &folder.path().join("elsewhere")).unwrap_err();
        assert!(text().contains("new"), "a failed second step undoes the first");
        let target = Target::at(&at).unwrap();
        fs::rename(&at, &target.aside).unwrap();
        drop(Target::at(&at).unwrap().begin().unwrap());
        assert!(text().contains("new"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
