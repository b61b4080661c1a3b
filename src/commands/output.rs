//! Where answers go: standard output, a file, or a folder with a file each. A file is written aside and renamed, so that
//! its readers find the old one or the new one whole.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::ValueEnum as _;

use crate::{
    error::Error,
    reports::render::{About, Format},
};

/// Where answers go.
#[derive(Debug)]
pub(super) enum Output {
    Standard,
    File(PathBuf),
    /// A folder, with a file a report.
    Folder(PathBuf),
}

impl Output {
    /// What `--out` means for so many answers, unless nothing could be written there.
    pub(super) fn to(out: Option<&Path>, answers: usize) -> Result<Self, Error> {
        let Some(path) = out else { return Ok(Self::Standard) };
        let shown = path.display();
        if path.as_os_str() == "-" {
            return Err(Error::Usage("to write to standard output, leave --out out".to_owned()));
        }
        if path.as_os_str().is_empty() {
            return Err(Error::Usage("--out names no file".to_owned()));
        }
        let is_named_as_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if path.is_dir() || is_named_as_folder {
            return Ok(Self::Folder(folder(path)?));
        }
        if answers == 1 {
            let parent = parent(path);
            return if parent.is_dir() {
                Ok(Self::File(path.to_owned()))
            } else {
                Err(Error::Usage(format!("cannot write {shown}: there is no folder {}", parent.display())))
            };
        }
        if path.exists() {
            return Err(Error::Usage(format!("{shown} is a file, and {answers} reports need a folder")));
        }
        if format_of(path).is_some() {
            return Err(Error::Usage(format!(
                "{shown} is a file's name, and {answers} reports need a folder, with a file each"
            )));
        }
        Ok(Self::Folder(folder(path)?))
    }

    /// The format asked for, or the one that suits where the output goes.
    pub(super) fn format(&self, asked: Option<Format>) -> Result<Format, Error> {
        let format = match self {
            Self::Standard => asked,
            Self::File(path) => Some(match asked.or_else(|| format_of(path)) {
                Some(format) => format,
                None => default_format(path)?,
            }),
            Self::Folder(_) => asked.or(Some(Format::Csv)),
        };
        let format = super::format(format);
        if format.is_binary() && matches!(self, Self::Standard) && io::stdout().is_terminal() {
            let name = format.extension();
            return Err(Error::Usage(format!("{name} is no text for a terminal; name a file with --out")));
        }
        Ok(format)
    }
}

/// The folder, which is created as soon as something is written into it.
fn folder(path: &Path) -> Result<PathBuf, Error> {
    match path.ancestors().filter(|part| !part.as_os_str().is_empty()).find(|part| part.exists()) {
        Some(found) if !found.is_dir() => {
            Err(Error::Usage(format!("{} cannot be a folder: {} is a file", path.display(), found.display())))
        }
        _ => Ok(path.to_owned()),
    }
}

fn format_of(path: &Path) -> Option<Format> {
    Format::from_extension(path.extension()?.to_str()?)
}

/// The format of a file whose name does not tell it: an ending that does not is a mistake.
fn default_format(path: &Path) -> Result<Format, Error> {
    // An empty device or a pipe has no say in it.
    if path.extension().is_none() || path.exists() && !path.is_file() {
        return Ok(Format::Csv);
    }
    let known: Vec<_> = Format::value_variants().iter().map(|format| format!(".{}", format.extension())).collect();
    let shown = path.display();
    Err(Error::Usage(format!("no format ends like {shown}; there is {}, or say it with --format", known.join(", "))))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Out { path, source }
}

/// Creates the folder of the files to come.
pub(super) fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(failed(path))
}

/// Writes a file whole, in the place of the one that was there.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // A link keeps leading to the file, wherever that is.
    let target = if path.is_symlink() { fs::canonicalize(path).map_err(failed(path))? } else { path.to_owned() };
    let old = fs::metadata(&target).ok();
    // A pipe or a device takes what it is given; renamed over, it would be gone.
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return fs::write(&target, bytes).map_err(failed(path));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".crmlake-").suffix(".part");
    // As any new file, which the process's mask makes narrower.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(parent(&target)).map_err(failed(path))?;
    // Whoever could not read the old one cannot read the new one.
    if let Some(old) = old {
        file.as_file().set_permissions(old.permissions()).map_err(failed(path))?;
    }
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed(path))?;
    file.persist(&target).map_err(|error| failed(path)(error.error))?;
    Ok(())
}

/// Says on standard error what a format has no place for.
pub(super) fn tell(about: &About, format: Format, quiet: bool) -> Result<(), Error> {
    if quiet || format.tells_about(about) {
        return Ok(());
    }
    let mut text = format!("note: {}\n", about.freshness.line());
    for remark in about.remarks() {
        text.push_str(&format!("note: {remark}\n"));
    }
    io::stderr().lock().write_all(text.as_bytes())?;
    Ok(())
}
