//! The warehouse in files of other programs' formats: Parquet for BI tools, CSV and one workbook for spreadsheets.
//!
//! An export is a folder that is replaced whole ([`swap`]): a reader finds the old one or the new one, never a mixture,
//! and nothing of a table that is gone. [`Manifest`] says what is in it.

mod csv;
mod manifest;
mod swap;
mod xlsx;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::manifest::{Cut, Entry, Manifest};
use self::swap::{Staging, Target};
use crate::{
    reports::{
        names::{self, Names},
        workbook,
    },
    warehouse::{
        WarehouseError,
        outlet::{Name, Outlet, View},
    },
};

/// The workbook's file in the folder.
const WORKBOOK: &str = "crmlake.xlsx";
/// The longest name of a file without its extension, in bytes: file systems take 255 with it.
const MAX_FILE_NAME: usize = 200;

/// What the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A Parquet file a table
    Parquet,
    /// A CSV file a table, safe to open in a spreadsheet
    Csv,
    /// One Excel workbook, a sheet a table
    Xlsx,
}

impl Format {
    /// Its name, which is the files' extension.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

/// Why nothing was exported. The folder is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// No table has that name.
    #[error("no table is called \"{name}\"; there is {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// What is in the folder's place would be lost.
    #[error("{path} is not an export of crmlake's alone: {found}; nothing was touched")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// The path is one that cannot be swapped, such as the working folder.
    #[error("{path} cannot be replaced by an export; name a folder of its own")]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// A sheet cannot hold the table.
    #[error(
        "{table} has {columns} columns, and a sheet has at most {}; export it as parquet or csv",
        workbook::MAX_COLUMNS
    )]
    TooWide {
        /// The table.
        table: String,
        /// How many it has.
        columns: usize,
    },
    /// The workbook.
    #[error("cannot write the workbook")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
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
}

impl ExportError {
    /// Whether the command line is at fault.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Foreign { .. } | Self::NoFolder { .. } | Self::TooWide { .. })
    }

    /// What the user can do about it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Foreign { .. } => Some("name an empty or a new folder with --to".to_owned()),
            Self::Io { source, .. }
                if matches!(source.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy) =>
            {
                Some("a mount point cannot be swapped; name a folder inside it".to_owned())
            }
            _ => None,
        }
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    let path = path.to_owned();
    move |source| ExportError::Io { action, path, source }
}

/// Exports tables, such as `crm.leads` or, of both schemas, `leads`; without any, all. Returns what the folder's manifest
/// says.
pub fn export(warehouse: &Path, folder: &Path, format: Format, tables: &[String]) -> Result<Manifest, ExportError> {
    let target = Target::at(folder)?;
    let outlet = Outlet::open(warehouse, target.staging())?;
    let chosen = choose(outlet.names()?, tables)?;
    let views = chosen.into_iter().map(|name| outlet.view(name)).collect::<Result<Vec<_>, _>>()?;
    let freshness = outlet.freshness()?;
    let run_id = outlet.last_run()?;
    let staging = target.begin()?;
    let files = match format {
        Format::Parquet | Format::Csv => files(&outlet, &views, format, &staging)?,
        Format::Xlsx => {
            let file = staging.create(WORKBOOK)?;
            let path = staging.path().join(WORKBOOK);
            let mut entries = xlsx::write(&outlet, &views, &path, file)?;
            let bytes = staging.finish(WORKBOOK)?;
            for entry in &mut entries {
                WORKBOOK.clone_into(&mut entry.path);
                entry.bytes = bytes;
            }
            entries
        }
    };
    // It holds the folder for what did not fit into memory.
    drop(outlet);
    let manifest = Manifest {
        crmlake: env!("CARGO_PKG_VERSION").to_owned(),
        run_id,
        extracted_at: freshness.extracted_at,
        verdict: freshness.verdict,
        format,
        files,
    };
    staging.commit(&manifest)?;
    Ok(manifest)
}

fn files(outlet: &Outlet, views: &[View], format: Format, staging: &Staging) -> Result<Vec<Entry>, ExportError> {
    let mut names = Names::up_to(MAX_FILE_NAME);
    let mut entries = Vec::with_capacity(views.len());
    for view in views {
        let name = names.give(&format!("{}/{}", names::plain(&view.name.schema), names::plain(&view.name.name)));
        let path = format!("{name}.{}", format.as_str());
        let file = staging.create(&path)?;
        let full_path = staging.path().join(&path);
        let rows = match format {
            // DuckDB opens the file anew, which is ours already.
            Format::Parquet => outlet.write_parquet(view, &full_path)?,
            _ => csv::write(outlet, view, &full_path, file)?,
        };
        let bytes = staging.finish(&path)?;
        tracing::info!(table = view.name.full(), rows, bytes, "exported");
        entries.push(Entry { path, rows, bytes, ..Entry::of(view) });
    }
    Ok(entries)
}

/// The views that the names mean, each once, in the order of the warehouse.
fn choose(names: Vec<Name>, wanted: &[String]) -> Result<Vec<Name>, ExportError> {
    let means =
        |text: &str, name: &Name| text.eq_ignore_ascii_case(&name.name) || text.eq_ignore_ascii_case(&name.full());
    if let Some(text) = wanted.iter().find(|text| !names.iter().any(|name| means(text, name))) {
        let known = names.iter().map(Name::full).collect::<Vec<_>>().join(", ");
        return Err(ExportError::Unknown { name: text.clone(), known });
    }
    let is_wanted = |name: &Name| wanted.is_empty() || wanted.iter().any(|text| means(text, name));
    Ok(names.into_iter().filter(is_wanted).collect())
}
