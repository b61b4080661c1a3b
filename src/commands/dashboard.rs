//! `crmlake dashboard`

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    Context,
    output::{create_folder, write_file},
    print, rendered,
    report::Asker,
};
use crate::{
    cli::DashboardArgs,
    config::Settings,
    error::{Error, ExitCode, in_one_line},
    library::{Shelf, shelf},
    reports::{
        Reader, Report,
        page::{
            self,
            dashboard::{Dashboard, GENERATOR, INDEX, file_name},
        },
        params::{Given, as_of},
    },
};

pub(super) fn run(context: &Context, args: &DashboardArgs) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let given = Given::parse(&args.params)?;
    let at = args.as_of.as_deref().map(as_of).transpose()?;
    let written = write(&settings, given, at, &args.out)?;
    if !context.quiet {
        print(&format!("{}: {} reports, {}\n", args.out.join(INDEX).display(), written.reports, written.freshness))?;
    }
    Ok(if written.failed.is_none() { ExitCode::Whole } else { ExitCode::Unexpected })
}

/// What was written.
pub(super) struct Written {
    /// How many reports have a page.
    reports: usize,
    /// How fresh and how whole the data is, in words.
    freshness: String,
    /// Why the first report that could not be answered was not.
    pub(super) failed: Option<Error>,
}

/// Whether a dashboard can be written there; nothing is.
pub(super) fn check_folder(settings: &Settings, folder: &Path) -> Result<(), Error> {
    let files = shelf(Shelf::Reports, settings.sql.as_deref())?;
    let names: Vec<String> = files.iter().map(|file| file_name(&file.name)).chain([INDEX.to_owned()]).collect();
    Folder::at(folder, &names).map(drop)
}

/// Writes a dashboard.
pub(super) fn write(settings: &Settings, given: Given, at: Option<Timestamp>, out: &Path) -> Result<Written, Error> {
    let mut dashboard = Dashboard::default();
    let mut failed = None;
    let mut reports = Vec::new();
    let mut names = vec![INDEX.to_owned()];
    for file in shelf(Shelf::Reports, settings.sql.as_deref())? {
        let name = file.name.clone();
        let title = file.get("title").unwrap_or(&name).to_owned();
        match Report::from_file(file) {
            Ok(report) => {
                names.push(file_name(&report.name));
                reports.push(report);
            }
            Err(error) => fail(&mut dashboard, &mut failed, (&name, &title), error.into()),
        }
    }
    given.check(reports.iter())?;
    let folder = Folder::at(out, &names)?;
    let given = given.with_configured(settings.report_params());
    let asker = Asker::new(Reader::open(settings, at)?, given, settings)?;
    create_folder(out)?;
    let mut written = vec![out.join(INDEX)];
    for report in &reports {
        match page_of(&asker, report, &mut dashboard) {
            Ok(page) => {
                let path = out.join(file_name(&report.name));
                write_file(&path, page.as_bytes())?;
                written.push(path);
            }
            Err(error) => fail(&mut dashboard, &mut failed, (&report.name, &report.title), error),
        }
    }
    let notes: Vec<String> = asker.notes.iter().cloned().chain(asker.gaps()?).collect();
    let index = dashboard.html(&asker.freshness, &notes, Timestamp::now());
    // Last, when all that it leads to is there.
    write_file(&out.join(INDEX), index.as_bytes())?;
    folder.remove_all_but(&written)?;
    Ok(Written { reports: written.len() - 1, freshness: asker.freshness.line(), failed })
}

fn fail(dashboard: &mut Dashboard, first: &mut Option<Error>, (name, title): (&str, &str), error: Error) {
    let problem = in_one_line(&error);
    tracing::error!(report = name, "{problem}");
    dashboard.fail(name, title, &problem);
    first.get_or_insert(error);
}

fn page_of(asker: &Asker, report: &Report, dashboard: &mut Dashboard) -> Result<String, Error> {
    let answer = asker.ask(report)?;
    let about = asker.about(report);
    let page = page::dashboard_page(&about, &answer).map_err(|error| rendered(error.into()))?;
    dashboard.add(&about, &answer).map_err(|error| rendered(error.into()))?;
    Ok(page)
}

/// The folder of a dashboard: a fresh one, or one that holds an earlier dashboard's pages.
struct Folder {
    /// The pages of an earlier dashboard.
    earlier: Vec<PathBuf>,
}

impl Folder {
    /// The folder, unless a page would take the place of something else.
    fn at(path: &Path, names: &[String]) -> Result<Self, Error> {
        let shown = path.display();
        let failed = |source| Error::Out { path: path.to_owned(), source };
        if path.exists() && !path.is_dir() {
            return Err(Error::Usage(format!("{shown} is a file, and a dashboard needs a folder")));
        }
        let mut earlier = Vec::new();
        let mut others = Vec::new();
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { earlier }),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?.path();
            if is_ours(&entry) { earlier.push(entry) } else { others.push(entry) }
        }
        let is_taken = |other: &&PathBuf| {
            let name = other.file_name().map(|name| name.to_string_lossy().to_lowercase());
            names.iter().any(|ours| Some(ours.to_lowercase()) == name)
        };
        if let Some(other) = others.iter().find(is_taken) {
            return Err(Error::Usage(format!(
                "{} is there and is no page of a dashboard; name an empty or a new folder",
                other.display()
            )));
        }
        match others.first().and_then(|other| other.file_name()) {
            Some(other) if earlier.is_empty() => Err(Error::Usage(format!(
                "{shown} holds {} and no dashboard; name an empty or a new folder",
                other.display()
            ))),
            _ => Ok(Self { earlier }),
        }
    }

    /// Removes the pages of an earlier dashboard that are no more.
    fn remove_all_but(&self, written: &[PathBuf]) -> Result<(), Error> {
        for path in self.earlier.iter().filter(|path| !written.contains(path)) {
            // It may be another's by now.
            if is_ours(path) {
                fs::remove_file(path).map_err(|source| Error::Out { path: path.clone(), source })?;
            }
        }
        Ok(())
    }
}

/// Whether a file is a page that a dashboard wrote.
fn is_ours(path: &Path) -> bool {
    if !path.is_file() || path.extension().is_none_or(|extension| extension != "html") {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut head));
    let mark = format!("<meta name=\"generator\" content=\"{GENERATOR}\">");
    read.is_ok() && String::from_utf8_lossy(&head).contains(&mark)
}
