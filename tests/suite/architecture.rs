//! The invariants of the crate's front page, held against the source: who uses whom, and how long a file may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The rooms in the order of the data's way; a room may use those before it.
const WAY: [&str; 14] = [
    "secret",
    "json",
    "catalog",
    "config",
    "api",
    "pages",
    "spool",
    "batch",
    "library",
    "warehouse",
    "sink",
    "reports",
    "export",
    "pipeline",
];
/// Imports against the way that are meant, each with its reason.
const MEANT: [(&str, &str); 3] = [
    // The names and types of `batch` are what SQL is written from, and the quoting lives with the writer.
    ("library", "warehouse"),
    // Every error of every room ends here, and only here becomes an exit code.
    ("pipeline", "error"),
    // The bars are the crawl's watcher.
    ("pipeline", "observe"),
];

struct Source {
    room: String,
    path: PathBuf,
    text: String,
}

/// The Rust files of a folder and of those in it.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap();
            let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
            let name = first.trim_end_matches(".rs").to_owned();
            Source { room: name, text: code(&fs::read_to_string(&path).unwrap()), path }
        })
        .collect()
}

/// The file without its comments and without its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that a file names after `crate::`, in paths and in grouped imports.
fn rooms_used(text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    _ => {}
                }
                if depth == 0 && start {
                    if c.is_alphanumeric() || c == '_' {
                        name.push(c);
                    } else if !name.is_empty() {
                        used.push(std::mem::take(&mut name));
                        start = false;
                    }
                }
            }
            if !name.is_empty() {
                used.push(name);
            }
        } else {
            used.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    used
}

#[test]
fn rooms_use_only_what_comes_before_them() {
    for source in sources() {
        let Some(own) = WAY.iter().position(|room| *room == source.room) else { continue };
        for used in rooms_used(&source.text) {
            let allowed = WAY.iter().position(|room| *room == used).is_some_and(|other| other <= own)
                || MEANT.contains(&(source.room.as_str(), used.as_str()));
            assert!(allowed, "{} ({}) uses {used}, which comes behind it", source.path.display(), source.room);
        }
    }
}

#[test]
fn the_sandbox_shares_only_the_catalog_with_the_extractor() {
    for source in sources().iter().filter(|source| source.room == "sandbox") {
        for used in rooms_used(&source.text) {
            assert!(["catalog", "secret", "sandbox"].contains(&used.as_str()), "{} uses {used}", source.path.display());
        }
    }
    for source in sources().iter().filter(|source| WAY.contains(&source.room.as_str())) {
        assert!(!source.text.contains("sandbox::"), "{} uses the sandbox", source.path.display());
    }
}

#[test]
fn crates_with_effects_stay_in_their_rooms() {
    // Answers and exports share the workbook's cells and the types that Parquet's readers agree on; plotters draws for
    // pages alone.
    let allowed: [(&str, &[&str]); 9] = [
        ("reqwest::", &["api"]),
        ("object_store::", &["sink"]),
        ("use parquet::", &["sink", "reports"]),
        ("duckdb::", &["warehouse", "sink", "reports"]),
        ("std::env::", &["config"]),
        ("clap::", &["cli", "commands", "main", "reports", "export", "sandbox"]),
        ("axum::", &["sandbox"]),
        ("plotters::", &["reports"]),
        ("rust_xlsxwriter::", &["reports", "export"]),
    ];
    for source in sources() {
        for (what, rooms) in allowed {
            let external = source
                .text
                .replace("sink::duckdb::", "")
                .replace("self::duckdb::", "")
                .replace("env::var", "std::env::var");
            assert!(
                !external.contains(what) || rooms.contains(&source.room.as_str()),
                "{} uses {what}",
                source.path.display()
            );
        }
        if ["catalog", "batch", "pages"].contains(&source.room.as_str()) {
            for effect in ["std::fs", "std::net", "tokio::", "std::io", "std::process"] {
                assert!(!source.text.contains(effect), "{} uses {effect}", source.path.display());
            }
        }
    }
}

#[test]
fn no_file_outgrows_its_room() {
    let mut tests = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite"), &mut tests);
    for path in sources().into_iter().map(|source| source.path).chain(tests) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines; split it by meaning", path.display());
    }
}
