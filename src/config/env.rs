//! Every environment variable that crmlake reads, with its meaning. Nothing else reads the environment.
//!
//! | variable | meaning |
//! |---|---|
//! | `CRMLAKE_CONFIG` | the configuration file, where `--config` does not say |
//! | `CRMLAKE_WAREHOUSE` | the warehouse file, where `--warehouse` does not say |
//! | `CRMLAKE_BASE_URL` | the API's base URL, where there is one instance, in the configuration file or without one |
//! | `CRMLAKE_API_KEY` | its primary subscription key |
//! | `CRMLAKE_API_KEY_SECONDARY` | its secondary subscription key, used when the primary one is refused |
//! | `CRMLAKE_PRIVACY_KEY` | the key of the hashes that `[privacy] hash` asks for |
//! | `<KEY>_FILE` | a file that holds the key, for each key variable above or named by `key_env` |
//! | `CREDENTIALS_DIRECTORY` | systemd's folder of credentials: a file there named like the key variable holds the key |
//! | `AWS_...`, `AZURE_...`, `GOOGLE_...` | credentials, region and endpoint of the cloud that `--out` names, as the cloud calls them |
//! | `NO_COLOR` | any value: no colours, where `--color` does not say |
//! | `XDG_STATE_HOME`, `HOME` (`LOCALAPPDATA` on Windows) | where the prompt of `crmlake sql` keeps its history |
//!
//! `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are read by the HTTP library, for hosts other than loopback.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::secret::Secret;

/// The variable that names the configuration file.
pub const CONFIG: &str = "CRMLAKE_CONFIG";
/// The variable that names the warehouse file.
pub const WAREHOUSE: &str = "CRMLAKE_WAREHOUSE";
/// The variable that holds the base URL.
pub const BASE_URL: &str = "CRMLAKE_BASE_URL";
/// The variable that holds the primary key.
pub const API_KEY: &str = "CRMLAKE_API_KEY";
/// The variable that holds the secondary key.
pub const API_KEY_SECONDARY: &str = "CRMLAKE_API_KEY_SECONDARY";
/// The variable that holds the key of the hashes, where the file names no other.
pub const PRIVACY_KEY: &str = "CRMLAKE_PRIVACY_KEY";
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
const NO_COLOR: &str = "NO_COLOR";
/// What the folder of a program's state is called after.
const PROGRAM: &str = "crmlake";

/// The process's environment, behind the one door to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment;

impl Environment {
    /// A variable's value; an empty one counts as absent.
    pub fn get(self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    /// A variable's value as a path.
    pub fn path(self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// A variable's value as text; what is not UTF-8 counts as absent.
    pub fn text(self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| value.into_string().ok())
    }

    /// Name and value of every variable that begins so; what is not UTF-8 counts as absent.
    pub fn all(self, prefix: &str) -> Vec<(String, String)> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        variables.filter(|(name, value)| name.starts_with(prefix) && !value.is_empty()).collect()
    }

    /// Whether the user asked programs for plain output.
    pub fn no_color(self) -> bool {
        self.get(NO_COLOR).is_some()
    }

    /// The folder for what crmlake remembers between its runs and could do without; nothing where no variable says.
    pub fn state_folder(self) -> Option<PathBuf> {
        let state = if cfg!(windows) {
            self.path("LOCALAPPDATA")
        } else {
            // A relative one is to be passed over: https://specifications.freedesktop.org/basedir-spec/latest/
            let named = self.path("XDG_STATE_HOME").filter(|path| path.is_absolute());
            named.or_else(|| Some(self.path("HOME")?.join(".local/state")))
        };
        Some(state?.join(PROGRAM))
    }

    /// A key: from the variable, from the file that `<name>_FILE` names, or from systemd's credentials.
    pub fn key(self, name: &str) -> Result<Option<Secret>, (PathBuf, io::Error)> {
        if let Some(text) = self.text(name) {
            return Ok(Some(Secret::new(&text)).filter(|key| !key.is_empty()));
        }
        let read = |path: &Path| {
            fs::read_to_string(path).map(|text| Some(Secret::new(&text))).map_err(|error| (path.to_owned(), error))
        };
        if let Some(path) = self.path(&format!("{name}_FILE")) {
            return read(&path);
        }
        match self.path(CREDENTIALS_DIRECTORY).map(|folder| folder.join(name)) {
            Some(path) if path.exists() => read(&path),
            _ => Ok(None),
        }
    }
}
