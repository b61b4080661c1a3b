//! `crmlake report`

use std::{fs, io::Write as _};

use comfy_table::{Table, presets};
use tracing::warn;

use super::{Context, format, print, rendered, starter, write_error};
use crate::{
    cli::ReportArgs,
    config::Settings,
    error::{Error, ExitCode},
    library::{Shelf, shelf},
    reports::{
        Reader, Report, ReportError,
        params::{Given, as_of},
        render::{About, Format, render},
    },
};

pub(super) fn run(context: &Context, args: &ReportArgs) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    if let Some(("new", names)) = args.names.split_first().map(|(first, names)| (first.as_str(), names)) {
        return starter::run(&settings, names);
    }
    let reports = load(&settings)?;
    if args.list {
        print(&listing(&reports))?;
        return Ok(ExitCode::Whole);
    }
    let chosen = choose(&reports, &args.names)?;
    let given = Given::parse(&args.params)?;
    given.check(chosen.iter().copied())?.iter().for_each(|partly| warn!("{partly}"));
    let at = args.as_of.as_deref().map(as_of).transpose()?;
    let reader = Reader::open(&settings, at)?;
    let format = format(args.format);
    let folder = args.out.as_ref().filter(|path| chosen.len() > 1 || path.is_dir());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(write_error(folder))?;
    }
    for (index, report) in chosen.iter().enumerate() {
        let mut text = Vec::new();
        write(&mut text, &reader, report, &given, format)?;
        match (&args.out, folder) {
            (_, Some(folder)) => {
                let path = folder.join(format!("{}.{}", report.name, extension(format)));
                fs::write(&path, text).map_err(write_error(&path))?;
            }
            (Some(path), None) => fs::write(path, text).map_err(write_error(path))?,
            (None, None) => {
                print(&between(format, index, chosen.len(), &report.name))?;
                print(&String::from_utf8_lossy(&text))?;
            }
        }
    }
    if args.out.is_none() && format == Format::Json && chosen.len() > 1 {
        print("]\n")?;
    }
    Ok(ExitCode::Whole)
}

/// What tells the answers of several reports apart: in JSON they are one array, in CSV each has its name above it.
fn between(format: Format, index: usize, count: usize, name: &str) -> String {
    let first = index == 0;
    match format {
        _ if count < 2 => String::new(),
        Format::Json => if first { "[" } else { "," }.to_owned(),
        Format::Ndjson => String::new(),
        Format::Csv => format!("{}# {name}\n", if first { "" } else { "\n" }),
        Format::Table | Format::Markdown => if first { "" } else { "\n" }.to_owned(),
    }
}

/// All reports, built in and the user's.
pub(super) fn load(settings: &Settings) -> Result<Vec<Report>, Error> {
    let files = shelf(Shelf::Reports, settings.sql.as_deref())?;
    Ok(files.into_iter().map(Report::from_file).collect::<Result<_, _>>()?)
}

/// Writes one report.
pub(super) fn write(
    out: &mut Vec<u8>,
    reader: &Reader,
    report: &Report,
    given: &Given,
    format: Format,
) -> Result<(), Error> {
    let answer = reader.run(report, given)?;
    let freshness = reader.freshness()?;
    let about = About {
        report: report.name.clone(),
        title: report.title.clone(),
        extracted_at: freshness.extracted_at,
        verdict: freshness.verdict,
        params: given
            .effective(report, reader.today())
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect(),
    };
    render(out, &answer, format, Some(&about)).map_err(rendered)?;
    out.flush()?;
    Ok(())
}

fn choose<'a>(reports: &'a [Report], names: &[String]) -> Result<Vec<&'a Report>, Error> {
    if names.is_empty() {
        return Ok(reports.iter().collect());
    }
    let find = |name: &String| {
        reports.iter().find(|report| report.name == *name).ok_or_else(|| {
            let known = reports.iter().map(|report| report.name.as_str()).collect::<Vec<_>>().join(", ");
            ReportError::Unknown { name: name.clone(), known }.into()
        })
    };
    names.iter().map(find).collect()
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Table => "txt",
        Format::Csv => "csv",
        Format::Json => "json",
        Format::Ndjson => "ndjson",
        Format::Markdown => "md",
    }
}

fn listing(reports: &[Report]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
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
