//! What an export is made of, for programs that read it, and for the next export, which must know its own.

use serde::{Deserialize, Serialize};

use super::Format;
use crate::warehouse::outlet::View;

/// The manifest's file in the folder.
pub(super) const FILE: &str = "manifest.json";

/// What is in an export.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// The version of crmlake that wrote it.
    pub crmlake: String,
    /// The run that ended last when it was written.
    pub run_id: Option<String>,
    /// When that run ended.
    pub extracted_at: Option<String>,
    /// The worst verdict of the latest sweeps: `proven`, `counted`, `suspect`, or nothing where nothing was swept.
    pub verdict: Option<String>,
    /// What the files are.
    pub format: Format,
    /// A line a table.
    pub files: Vec<Entry>,
}

impl Manifest {
    /// The size of all files, each once.
    pub fn bytes(&self) -> u64 {
        match self.format {
            Format::Xlsx => self.files.first().map_or(0, |entry| entry.bytes),
            _ => self.files.iter().map(|entry| entry.bytes).sum(),
        }
    }
}

/// A table in an export.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The table, such as `crm.leads`.
    pub table: String,
    /// Its file, relative to the folder, with `/` between the names.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// The file's size; of a workbook, that of all its sheets together.
    pub bytes: u64,
    /// Its sheets in the workbook, more than one where one cannot hold its rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sheets: Vec<String>,
    /// What a cell of the workbook could not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<Cut>,
}

impl Entry {
    /// An entry of which only the table is known.
    pub(super) fn of(view: &View) -> Self {
        Self { table: view.name.full(), path: String::new(), rows: 0, bytes: 0, sheets: Vec::new(), cut: Vec::new() }
    }
}

/// A column with texts that were cut.
#[derive(Clone, Debug, Serialize)]
pub struct Cut {
    /// The column.
    pub column: String,
    /// How many of its cells were cut.
    pub cells: u64,
}

/// What must be known of an older export, whatever version wrote it.
#[derive(Debug, Deserialize)]
pub(super) struct Known {
    /// Who wrote it: a `manifest.json` without this is somebody else's.
    #[serde(rename = "crmlake")]
    _version: String,
    files: Vec<KnownFile>,
}

#[derive(Debug, Deserialize)]
struct KnownFile {
    path: String,
}

impl Known {
    /// Whether the export had this file.
    pub(super) fn has(&self, path: &str) -> bool {
        path == FILE || self.files.iter().any(|file| file.path == path)
    }
}
