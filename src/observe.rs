//! What the operator sees: logs on standard error, and progress bars where that is a terminal.

use std::{
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::pipeline::crawl::Watcher;

/// How much is logged, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verbosity {
    /// `-v`, counted.
    pub verbose: u8,
    /// `-q`
    pub quiet: bool,
    /// `--log-format json`
    pub json: bool,
    /// Whether colours are wanted.
    pub color: bool,
}

/// Sets up the log. The bars are hidden while a line is written.
pub fn init(verbosity: Verbosity, bars: &Bars) {
    let level = match (verbosity.quiet, verbosity.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    // Other crates' logs may show requests: only crmlake's own are let through.
    let filter = EnvFilter::new(format!("off,crmlake={level}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(verbosity.color)
        .with_target(false)
        .with_writer(bars.clone());
    // Set twice only in a test, where the first may stay.
    let _ = if verbosity.json { builder.json().try_init() } else { builder.compact().try_init() };
}

/// The progress bars of a run; invisible where nobody looks.
#[derive(Clone, Debug)]
pub struct Bars(MultiProgress);

impl Bars {
    /// Bars on standard error, if that is a terminal and quiet was not asked for.
    pub fn new(quiet: bool) -> Self {
        let bars = MultiProgress::new();
        if quiet || !io::stderr().is_terminal() {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self(bars)
    }

    /// A bar for a resource.
    pub fn bar(&self, label: &str) -> Bar {
        let bar = self.0.add(ProgressBar::no_length());
        if let Ok(style) = ProgressStyle::with_template("{prefix:>26} {wide_bar:.cyan/blue} {pos}/{len} rows  {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar(bar)
    }

    /// A line of what is going on now.
    pub fn step(&self, message: &str) -> Bar {
        let bar = self.0.add(ProgressBar::new_spinner());
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar(bar)
    }
}

/// One bar; gone when dropped.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Watcher for Bar {
    fn progress(&self, rows: u64, pages: u64, expected: Option<u64>) {
        if let Some(expected) = expected {
            self.0.set_length(expected);
        }
        self.0.set_position(rows);
        let pace = pages as f64 / self.0.elapsed().as_secs_f64().max(0.001);
        self.0.set_message(format!("{pages} pages, {pace:.1}/s"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Writes a log line above the bars.
#[derive(Debug)]
pub struct Line(MultiProgress);

impl<'a> MakeWriter<'a> for Bars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
