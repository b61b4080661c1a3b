//! Every report's figures, computed anew from what the sandbox served on each day, and compared with what is answered.
//!
//! Nothing here is SQL, and nothing knows the statements of the reports: what a figure means is taken from the header of
//! the report alone.

mod answer;
pub mod books;
mod deals;
mod goals;
mod leads;
mod number;
mod outcomes;
mod parties;
mod pipeline;
mod random;
mod runs;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::OnceLock,
};

use self::{
    answer::{Figure, ask, difference},
    books::Books,
};
use crate::world::World;

/// The one warehouse that all figures are of, and the books that were kept of it.
fn kept() -> &'static (World, Books) {
    static KEPT: OnceLock<(World, Books)> = OnceLock::new();
    KEPT.get_or_init(|| {
        let world = World::new();
        let books = Books::keep(&world);
        fs::write(world.path("quotas.csv"), goals::quota_file(&books)).unwrap();
        fs::write(world.path("quotas.toml"), "[quota]\nfile = \"quotas.csv\"\n").unwrap();
        (world, books)
    })
}

fn figures(world: &World, books: &Books) -> Vec<Figure> {
    let mut figures = outcomes::figures(books);
    figures.extend(leads::figures(books));
    figures.extend(pipeline::figures(books));
    figures.extend(deals::figures(books));
    figures.extend(goals::figures(books));
    figures.extend(parties::figures(books));
    figures.extend(runs::figures(world, books));
    figures
}

/// A parameter as an option of the command line, or what is an option already.
fn option(param: &str) -> String {
    if param.starts_with("--") { param.to_owned() } else { format!("--param={param}") }
}

#[test]
fn every_report_answers_what_the_books_say() {
    let (world, books) = kept();
    let figures = figures(world, books);
    let mut by_params: BTreeMap<&[String], Vec<&Figure>> = BTreeMap::new();
    for figure in &figures {
        by_params.entry(&figure.params).or_default().push(figure);
    }
    let mut differences = Vec::new();
    for (params, figures) in by_params {
        let reports: Vec<&str> = figures.iter().map(|figure| figure.report).collect();
        let options: Vec<String> = params.iter().map(|param| option(param)).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let answers = ask(world, &reports, &options);
        differences.extend(figures.iter().filter_map(|figure| difference(figure, &answers[figure.report])));
    }
    assert!(
        differences.is_empty(),
        "{} of {} differ\n\n{}",
        differences.len(),
        figures.len(),
        differences.join("\n\n")
    );
}

#[test]
fn every_report_has_a_figure() {
    let (world, books) = kept();
    let figures = figures(world, books);
    let covered: BTreeSet<&str> = figures.iter().map(|figure| figure.report).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/reports");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(covered.contains(name.as_str()), "nothing checks the figures of {name}");
    }
    // Of every report some figures are rows, so that the comparison is one.
    for report in covered {
        let mut of_it = figures.iter().filter(|figure| figure.report == report);
        assert!(of_it.any(|figure| !figure.rows.is_empty()), "the figures of {report} are all empty");
    }
}
