//! `crmlake report`

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use comfy_table::{ContentArrangement, Table, presets};
use tracing::{error, warn};

use super::{
    Context, max_age, notes,
    output::{Output, create_folder, tell, write_file},
    print, rendered, starter, texts, write_answer,
};
use crate::{
    cli::ReportArgs,
    config::Settings,
    error::{Error, ExitCode, in_one_line},
    library::{LibraryError, Shelf, SqlFile, closest, shelf},
    reports::{
        Answer, Reader, Report, ReportError,
        diagnosis::Diagnosis,
        freshness::Freshness,
        page,
        params::{Given, as_of},
        render::{About, Format, abouts, render},
    },
};

/// The file that says when the data of a folder's reports was extracted, and how whole it is.
const ABOUT: &str = "about.json";

pub(super) fn run(context: &Context, args: &ReportArgs) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    if let Some(("new", names)) = args.names.split_first().map(|(first, names)| (first.as_str(), names)) {
        return starter::run(&settings, names);
    }
    let Chosen { reports: chosen, broken } = Chosen::of(&settings, &args.names)?;
    if args.list {
        match args.format {
            Some(_) => write_answer(&list(&chosen)?, args.format)?,
            None if args.names.is_empty() => print(&listing(&chosen))?,
            None => print(&descriptions(&chosen))?,
        }
        return broken.map_or(Ok(ExitCode::Whole), |error| Err(error.into()));
    }
    let given = Given::parse(&args.params)?.with_configured(settings.report_params());
    given.check(chosen.iter())?.iter().for_each(|partly| warn!("{partly}"));
    let at = args.as_of.as_deref().map(as_of).transpose()?;
    let output = Output::to(args.out.as_deref(), chosen.len())?;
    let format = output.format(args.format)?;
    if format.is_binary() && chosen.len() > 1 && matches!(output, Output::Standard) {
        let name = format.extension();
        return Err(Error::Usage(format!("a {name} file holds one report: choose one, or name a folder with --out")));
    }
    let asker = Asker::new(Reader::open(&settings, at)?, given, &settings)?;
    match &output {
        Output::Standard => asker.print(&chosen, format)?,
        Output::File(path) => {
            let mut bytes = Vec::new();
            for report in &chosen {
                asker.write(&mut bytes, report, format)?;
            }
            write_file(path, &bytes)?;
        }
        Output::Folder(folder) => asker.write_folder(&chosen, format, folder)?,
    }
    if let Some(report) = chosen.first() {
        tell(&asker.about(report), format, context.quiet)?;
    }
    broken.map_or(Ok(ExitCode::Whole), |error| Err(error.into()))
}

/// Reports, built in and the user's.
pub(super) struct Chosen {
    pub(super) reports: Vec<Report>,
    /// What is wrong with a file, where all were asked for: it stops those who want that one, and nobody else.
    pub(super) broken: Option<ReportError>,
}

impl Chosen {
    /// Those of these names, or all.
    pub(super) fn of(settings: &Settings, names: &[String]) -> Result<Self, Error> {
        let mut files = shelf(Shelf::Reports, settings.sql.as_deref())?;
        check_configured(settings, &files)?;
        let (mut reports, mut broken) = (Vec::new(), None);
        if names.is_empty() {
            for file in files {
                match Report::from_file(file) {
                    Ok(report) => reports.push(report),
                    Err(error) => {
                        warn!("{error}; the report is left out");
                        broken.get_or_insert(error);
                    }
                }
            }
            return Ok(Self { reports, broken });
        }
        for name in names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name)).map(|(_, name)| name) {
            let Some(at) = files.iter().position(|file| file.name == *name) else {
                let known: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
                let meant = closest(name, &known).map(str::to_owned);
                return Err(ReportError::Unknown { name: name.clone(), meant }.into());
            };
            reports.push(Report::from_file(files.remove(at))?);
        }
        Ok(Self { reports, broken })
    }
}

/// Whether what the configuration gives a value to is some report's parameter.
fn check_configured(settings: &Settings, files: &[SqlFile]) -> Result<(), Error> {
    let mut configured = settings.report_params().peekable();
    if configured.peek().is_none() {
        return Ok(());
    }
    let declared = files.iter().filter_map(|file| file.parameters().ok()).flatten();
    let mut known: Vec<String> = declared.map(|parameter| parameter.name).collect();
    known.sort_unstable();
    known.dedup();
    match configured.find(|(name, _)| !known.contains(name)) {
        Some((name, _)) => Err(Error::Library(LibraryError::Setting {
            setting: format!("[reports.params] {name}"),
            problem: format!("no report has such a parameter; there is {}", known.join(", ")),
        })),
        None => Ok(()),
    }
}

/// Writes reports into a folder, a file each, as `crmlake report --out` does.
pub(super) fn write_folder(
    settings: &Settings,
    reports: &[Report],
    format: Format,
    folder: &Path,
) -> Result<(), Error> {
    let given = Given::default().with_configured(settings.report_params());
    Asker::new(Reader::open(settings, None)?, given, settings)?.write_folder(reports, format, folder)
}

/// What is asked of one warehouse.
pub(super) struct Asker {
    reader: Reader,
    given: Given,
    pub(super) freshness: Freshness,
    pub(super) notes: Vec<String>,
}

impl Asker {
    pub(super) fn new(reader: Reader, given: Given, settings: &Settings) -> Result<Self, Error> {
        let freshness = reader.freshness(max_age(settings))?;
        Ok(Self { reader, given, freshness, notes: notes(settings) })
    }

    /// What makes reports wrong or empty, in words.
    pub(super) fn gaps(&self) -> Result<Vec<String>, Error> {
        Ok(Diagnosis::of(&self.reader)?.gaps())
    }

    /// Runs a report. Where nothing is found of what was looked for by name, that is told: it may be a slip of the pen. The
    /// name itself is not, which may be a person's.
    pub(super) fn ask(&self, report: &Report) -> Result<Answer, Error> {
        let answer = self.reader.run(report, &self.given)?;
        let sought = self.given.sought(report);
        if answer.rows() == 0 && !sought.is_empty() {
            let sought = sought.join(" and ");
            warn!(
                "{}: there is nothing for this {sought}; values are compared exactly, small and capital letters too",
                report.name
            );
        }
        Ok(answer)
    }

    /// What is to be known of a report's answer.
    pub(super) fn about(&self, report: &Report) -> About {
        let params = self.given.effective(report, self.reader.today()).into_iter();
        let params = params.map(|(name, value)| (name, value.unwrap_or_default())).collect();
        About::report(report, self.freshness.clone(), params, self.notes.clone())
    }

    /// Runs a report and writes its answer. Returns what is to be known of it.
    pub(super) fn write(&self, out: &mut Vec<u8>, report: &Report, format: Format) -> Result<About, Error> {
        let about = self.about(report);
        render(out, &self.ask(report)?, format, Some(&about)).map_err(rendered)?;
        Ok(about)
    }

    /// Writes reports into a folder, a file each, and beside them what their format has no place for. One that fails stops
    /// no other; the first failure is returned.
    fn write_folder(&self, reports: &[Report], format: Format, folder: &Path) -> Result<(), Error> {
        create_folder(folder)?;
        let (mut failed, mut untold) = (None, Vec::new());
        for report in reports {
            let mut bytes = Vec::new();
            match self.write(&mut bytes, report, format) {
                Ok(about) => {
                    write_file(&folder.join(format!("{}.{}", report.name, format.extension())), &bytes)?;
                    if !format.tells_about(&about) {
                        untold.push(about);
                    }
                }
                Err(error) => {
                    error!(report = report.name, "{}", in_one_line(&error));
                    failed.get_or_insert(error);
                }
            }
        }
        if !untold.is_empty() {
            let about = folder.join(ABOUT);
            // Of those written there before, too, but for what was written anew.
            let known = fs::read_to_string(&about).unwrap_or_default();
            write_file(&about, abouts(&untold, &known).as_bytes())?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// Writes the answers to standard output: in JSON one array of them, as HTML one page.
    fn print(&self, reports: &[Report], format: Format) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        if format == Format::Html {
            let answers = reports
                .iter()
                .map(|report| Ok((self.about(report), self.ask(report)?)))
                .collect::<Result<Vec<_>, Error>>()?;
            let answers: Vec<_> = answers.iter().map(|(about, answer)| (about, answer)).collect();
            let page = page::answers(&answers).map_err(|error| rendered(error.into()))?;
            out.write_all(page.as_bytes())?;
            return Ok(out.flush()?);
        }
        for (index, report) in reports.iter().enumerate() {
            let mut bytes = Vec::new();
            self.write(&mut bytes, report, format)?;
            out.write_all(between(format, index, reports.len(), &report.name).as_bytes())?;
            out.write_all(&bytes)?;
        }
        if format == Format::Json && reports.len() > 1 {
            out.write_all(b"]\n")?;
        }
        Ok(out.flush()?)
    }
}

/// What tells the answers of several reports apart: in JSON they are one array, in CSV each has its name above it.
fn between(format: Format, index: usize, count: usize, name: &str) -> String {
    let first = index == 0;
    match format {
        _ if count < 2 => String::new(),
        Format::Json => if first { "[" } else { "," }.to_owned(),
        Format::Csv => format!("{}# {name}\n", if first { "" } else { "\n" }),
        Format::Table | Format::Markdown => if first { "" } else { "\n" }.to_owned(),
        Format::Ndjson | Format::Html | Format::Parquet | Format::Xlsx => String::new(),
    }
}

/// What reports there are, as data.
fn list(reports: &[Report]) -> Result<Answer, Error> {
    let column = |part: &dyn Fn(&Report) -> String| texts(reports.iter().map(|report| Some(part(report))));
    let parameters = |report: &Report| report.declarations().collect::<Vec<_>>().join("\n");
    Answer::of(vec![
        ("report", column(&|report| report.name.clone())),
        ("title", column(&|report| report.title.clone())),
        ("question", column(&|report| report.question.clone())),
        ("grain", column(&|report| report.header.grain.clone())),
        ("parameters", column(&parameters)),
    ])
    .map_err(rendered)
}

/// What reports there are, for people.
fn listing(reports: &[Report]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["report", "question", "parameters"]);
    for report in reports {
        let parameters: Vec<_> = report
            .parameters
            .iter()
            .map(|parameter| format!("{}={}", parameter.name, parameter.default.as_deref().unwrap_or_default()))
            .collect();
        table.add_row([report.name.clone(), report.question.clone(), parameters.join(" ")]);
    }
    format!("{table}\n")
}

/// Everything that the files say of reports.
fn descriptions(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}: {}\n", report.name, report.title));
        let mut line = |what: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("  {what:<11} {value}\n"));
            }
        };
        line("question", &report.question);
        line("grain", &report.header.grain);
        report.declarations().for_each(|declaration| line("param", declaration));
        for definition in &report.header.definitions {
            line("definition", &format!("{} = {}", definition.term, definition.formula));
        }
    }
    text
}
