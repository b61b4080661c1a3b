//! `crmlake report new NAME`: a report of the user's own, to be filled in; of a built-in one's name, that one to be changed.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
};

use super::{print, write_error};
use crate::{
    config::Settings,
    error::{Error, ExitCode},
    library::{Shelf, built_in},
};

/// What the file says; it runs as it is.
const STARTER: &str = include_str!("starter.sql");
/// The longest name: file systems take 255 bytes with the extension.
const MAX_NAME: usize = 100;

pub(super) fn run(settings: &Settings, names: &[String]) -> Result<ExitCode, Error> {
    let [name] = names else {
        return Err(Error::Usage("give the new report one name: crmlake report new NAME".to_owned()));
    };
    let is_name = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name != "new";
    if !is_name {
        return Err(Error::Usage(format!("\"{name}\" is no name for a report: use small letters, digits and _")));
    }
    let folder = settings.beside_file("sql".as_ref()).join("reports");
    fs::create_dir_all(&folder).map_err(write_error(&folder))?;
    let path = folder.join(format!("{name}.sql"));
    let text = built_in(Shelf::Reports, name).map_or_else(|| starter(name), str::to_owned);
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map_err(write_error(&path))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Usage(format!("{} is there already; edit it, or choose another name", path.display())));
        }
        Err(error) => return Err(write_error(&path)(error)),
    }
    print(&format!("wrote {}; edit it, then: crmlake report {name}\n", path.display()))?;
    Ok(ExitCode::Whole)
}

fn starter(name: &str) -> String {
    let mut title = name.replace('_', " ");
    title[..1].make_ascii_uppercase();
    STARTER.replace("{title}", &title)
}
