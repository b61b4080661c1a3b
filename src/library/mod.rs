//! The files of `sql/`: built into the binary, added to or replaced by the `sql/` folder beside the configuration.
//!
//! A file is one question. It begins with a header of comment lines `-- key: value`; what follows is one statement. A
//! file that cannot be used stops only those who want it: its problems are told when it is.

pub mod checks;
mod header;
pub mod mapping;
pub mod models;
pub mod params;

pub use self::header::closest;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::config::ConfigError;
use include_dir::{Dir, include_dir};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql");

/// The folders of `sql/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// The semantic layer: views of the schema `model`.
    Models,
    /// The questions.
    Reports,
    /// What must not be found in a warehouse.
    Checks,
}

impl Shelf {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Models, Self::Reports, Self::Checks];

    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Reports => "reports",
            Self::Checks => "checks",
        }
    }

    /// The keys that a header may have.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Models => {
                &["title", "grain", "definition", "note", "resource", "from", "field", "value", "money", "source"]
            }
            Self::Reports => &["title", "question", "grain", "param", "definition", "note", "unit", "chart"],
            Self::Checks => &["title", "question", "grain", "severity", "param", "definition", "note"],
        }
    }
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The file system refused.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of the header is not understood.
    #[error("{file}, line {line}: {problem}")]
    Header {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A file as a whole.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that the configuration names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration names something that no model has.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting, as the configuration file names it.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl LibraryError {
    /// The name of the file that it is about, without its folder and extension.
    pub fn file_stem(&self) -> Option<&str> {
        match self {
            Self::Header { file, .. } | Self::File { file, .. } => Path::new(file).file_stem()?.to_str(),
            Self::Io { .. } | Self::Config(_) | Self::Setting { .. } => None,
        }
    }
}

/// Who wrote a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// It is in the binary.
    BuiltIn,
    /// It is a user's.
    User,
}

/// One file, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    /// The file's name without `.sql`.
    pub name: String,
    /// Where it came from, for messages.
    pub origin: String,
    /// Who wrote it.
    pub author: Author,
    /// The header's lines: number, key and value.
    pub header: Vec<(usize, String, String)>,
    /// The statement, on the lines that it has in the file.
    pub body: String,
    /// The first line of the header that is not understood, and why.
    flaw: Option<(usize, String)>,
}

impl SqlFile {
    /// Takes a user's file apart.
    pub fn parse(name: &str, origin: String, text: &str, shelf: Shelf) -> Self {
        let (header, body) = header::split(text);
        let flaw = header::flaw(&header, shelf.keys());
        Self { name: name.to_owned(), origin, author: Author::User, header, body, flaw }
    }

    /// A user's file that cannot be read. It stands in for no other: whoever wants it is told why.
    fn unreadable(name: String, origin: String, problem: String) -> Self {
        Self { name, origin, author: Author::User, header: Vec::new(), body: String::new(), flaw: Some((1, problem)) }
    }

    /// Whether the file can be used: its header is understood and its statement is there.
    pub fn check(&self) -> Result<(), LibraryError> {
        match &self.flaw {
            Some((line, problem)) => Err(self.problem(*line, problem.clone())),
            None if self.body.is_empty() => Err(self.failure("there is no statement below the header")),
            None => Ok(()),
        }
    }

    /// What messages about its statement call it: a user's by its file, where a line number leads to.
    pub fn called(&self) -> &str {
        match self.author {
            Author::BuiltIn => &self.name,
            Author::User => &self.origin,
        }
    }

    /// The value of a key that stands once.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.header.iter().find(|(_, found, _)| found == key).map(|(_, _, value)| value.as_str())
    }

    /// The values of a key that may stand more often, with their line numbers.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        self.header.iter().filter(move |(_, found, _)| found == key).map(|(line, _, value)| (*line, value.as_str()))
    }

    /// The parameters that the header declares.
    pub fn parameters(&self) -> Result<Vec<params::Parameter>, LibraryError> {
        let mut parameters: Vec<params::Parameter> = Vec::new();
        for (line, text) in self.all("param") {
            let parameter = params::Parameter::parse(text).map_err(|problem| self.problem(line, problem))?;
            if parameters.iter().any(|known| known.name == parameter.name) {
                return Err(self.problem(line, format!("the parameter {} stands twice", parameter.name)));
            }
            parameters.push(parameter);
        }
        Ok(parameters)
    }

    /// An error about a line of the header.
    pub fn problem(&self, line: usize, problem: impl Into<String>) -> LibraryError {
        LibraryError::Header { file: self.origin.clone(), line, problem: problem.into() }
    }

    /// An error about the file.
    pub fn failure(&self, problem: impl Into<String>) -> LibraryError {
        LibraryError::File { file: self.origin.clone(), problem: problem.into() }
    }
}

/// What a file in the binary says.
pub fn built_in(shelf: Shelf, name: &str) -> Option<&'static str> {
    BUILT_IN.get_file(format!("{}/{name}.sql", shelf.folder()))?.contents_utf8()
}

/// The files of a shelf by name: the built-in ones, and the user's in place of those of the same name or beside them.
pub fn shelf(shelf: Shelf, own: Option<&Path>) -> Result<Vec<SqlFile>, LibraryError> {
    let folder = shelf.folder();
    let built_in = BUILT_IN.get_dir(folder).into_iter().flat_map(Dir::files);
    let mut files: Vec<SqlFile> = built_in
        .filter_map(|file| {
            let name = file.path().file_stem()?.to_str()?;
            let origin = format!("sql/{}", file.path().display());
            Some(SqlFile { author: Author::BuiltIn, ..SqlFile::parse(name, origin, file.contents_utf8()?, shelf) })
        })
        .collect();
    if let Some(own) = own.map(|own| own.join(folder)).filter(|own| own.is_dir()) {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LibraryError::Io { path, source }
        };
        for entry in fs::read_dir(&own).map_err(failed(&own))? {
            let path = entry.map_err(failed(&own))?.path();
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if is_hidden || path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("sql")) {
                continue;
            }
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let origin = path.display().to_string();
            files.retain(|file| file.name != name);
            files.push(match fs::read_to_string(&path) {
                // Editors on Windows begin a file with a byte-order mark.
                Ok(text) => SqlFile::parse(&name, origin, text.strip_prefix('\u{feff}').unwrap_or(&text), shelf),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    SqlFile::unreadable(name, origin, "the file is not UTF-8 text".to_owned())
                }
                Err(error) => SqlFile::unreadable(name, origin, format!("the file cannot be read: {error}")),
            });
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_file_replaces_the_built_in_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("reports")).unwrap();
        fs::write(folder.path().join("reports/lead_sources.sql"), "-- title: Mine\nSELECT 1").unwrap();
        fs::write(folder.path().join("reports/another.sql"), "\u{feff}-- title: Another\nSELECT 2").unwrap();
        fs::write(folder.path().join("reports/latin.sql"), b"SELECT '\xe4'").unwrap();
        fs::write(folder.path().join("reports/typo.sql"), "-- titel: Typo\nSELECT 1").unwrap();
        let files = shelf(Shelf::Reports, Some(folder.path())).unwrap();
        let found = |name: &str| files.iter().find(|file| file.name == name);
        assert_eq!(found("lead_sources").unwrap().get("title"), Some("Mine"));
        assert_eq!(found("another").unwrap().get("title"), Some("Another"));
        assert_eq!(found("another").unwrap().body.trim(), "SELECT 2");
        assert!(found("latin").unwrap().check().unwrap_err().to_string().contains("not UTF-8"));
        assert!(found("typo").unwrap().check().unwrap_err().to_string().contains("line 1"));
        assert!(files.iter().any(|file| file.name == "pipeline_by_stage"));
    }

    #[test]
    fn every_built_in_file_is_understood_and_described() {
        for shelf in Shelf::ALL {
            for file in super::shelf(shelf, None).unwrap() {
                file.check().unwrap();
                for key in ["title", "grain"] {
                    assert!(file.get(key).is_some(), "{} has no {key}", file.origin);
                }
                let asks = file.get("question").is_some_and(|question| question.ends_with('?'));
                assert!(asks || shelf == Shelf::Models, "{} asks nothing", file.origin);
            }
        }
    }
}
