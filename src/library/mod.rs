//! The files of `sql/`: built into the binary, added to or replaced by the `sql/` folder beside the configuration.
//!
//! A file is one question. It begins with a header of comment lines `-- key: value`; what follows is one statement.

pub mod models;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql");

/// The folders of `sql/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// The semantic layer: views of the schema `model`.
    Models,
    /// The questions.
    Reports,
}

impl Shelf {
    fn folder(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Reports => "reports",
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
}

/// One file, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    /// The file's name without `.sql`.
    pub name: String,
    /// Where it came from, for messages.
    pub origin: String,
    /// The header's lines: number, key and value.
    pub header: Vec<(usize, String, String)>,
    /// The statement.
    pub body: String,
}

impl SqlFile {
    fn parse(name: &str, origin: String, text: &str) -> Self {
        let mut header = Vec::new();
        let mut consumed = 0;
        for (line, number) in text.split_inclusive('\n').zip(1..) {
            let Some(comment) = line.trim().strip_prefix("--") else { break };
            consumed += line.len();
            match comment.split_once(':') {
                Some((key, value)) if !key.trim().contains(' ') => {
                    header.push((number, key.trim().to_owned(), value.trim().to_owned()));
                }
                // A line without a key goes on with the one before.
                _ => {
                    if let Some((_, _, value)) = header.last_mut() {
                        value.push(' ');
                        value.push_str(comment.trim());
                    }
                }
            }
        }
        let body = text[consumed..].trim().trim_end_matches(';').trim_end().to_owned();
        Self { name: name.to_owned(), origin, header, body }
    }

    /// The value of a key that stands once.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.header.iter().find(|(_, found, _)| found == key).map(|(_, _, value)| value.as_str())
    }

    /// The values of a key that may stand more often, with their line numbers.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        self.header.iter().filter(move |(_, found, _)| found == key).map(|(line, _, value)| (*line, value.as_str()))
    }

    /// An error about a line of the header.
    pub fn problem(&self, line: usize, problem: impl Into<String>) -> LibraryError {
        LibraryError::Header { file: self.origin.clone(), line, problem: problem.into() }
    }
}

/// The files of a shelf by name: the built-in ones, and the user's in place of those of the same name or beside them.
pub fn shelf(shelf: Shelf, own: Option<&Path>) -> Result<Vec<SqlFile>, LibraryError> {
    let folder = shelf.folder();
    let built_in = BUILT_IN.get_dir(folder).into_iter().flat_map(Dir::files);
    let mut files: Vec<SqlFile> = built_in
        .filter_map(|file| {
            let name = file.path().file_stem()?.to_str()?;
            let origin = format!("sql/{}", file.path().display());
            Some(SqlFile::parse(name, origin, file.contents_utf8()?))
        })
        .collect();
    if let Some(own) = own.map(|own| own.join(folder)).filter(|own| own.is_dir()) {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LibraryError::Io { path, source }
        };
        for entry in fs::read_dir(&own).map_err(failed(&own))? {
            let path = entry.map_err(failed(&own))?.path();
            if path.extension().is_none_or(|extension| extension != "sql") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            files.retain(|file| file.name != name);
            files.push(SqlFile::parse(name, path.display().to_string(), &text));
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_lines_of_keys_and_the_rest_is_the_statement() {
        let file = SqlFile::parse(
            "x",
            "x.sql".to_owned(),
            "-- title: A title\n-- param: since date = today\n--   that goes on\n\nSELECT 1; -- note: no key\n",
        );
        assert_eq!(file.get("title"), Some("A title"));
        assert_eq!(file.all("param").collect::<Vec<_>>(), [(2, "since date = today that goes on")]);
        assert_eq!(file.body, "SELECT 1; -- note: no key");
    }

    #[test]
    fn a_users_file_replaces_the_built_in_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("reports")).unwrap();
        fs::write(folder.path().join("reports/lead_sources.sql"), "-- title: Mine\nSELECT 1").unwrap();
        fs::write(folder.path().join("reports/another.sql"), "SELECT 2").unwrap();
        let files = shelf(Shelf::Reports, Some(folder.path())).unwrap();
        let found = |name: &str| files.iter().find(|file| file.name == name).unwrap();
        assert_eq!(found("lead_sources").get("title"), Some("Mine"));
        assert_eq!(found("another").body, "SELECT 2");
        assert!(files.iter().any(|file| file.name == "pipeline_by_stage"));
    }
}
