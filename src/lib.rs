//! crmlake copies a CRM into a DuckDB warehouse that you own, proves that the copy is whole, remembers how it was, and
//! answers sales questions from SQL files.
//!
//! # The way of the data
//!
//! ```text
//! cli -> config -> catalog -> api -> pages -> spool -> batch -> warehouse, sink -> library -> reports, export
//! ```
//!
//! Read the rooms in that order; each may use those before it, none those behind it. [`commands`] wires them together,
//! and [`pipeline`] is the one place where a page of data is led from socket to table: its [`pipeline::crawl`] asks the
//! [`api`] for the pages that a sweep in [`pages`] wants and writes the answers to the [`spool`]; its [`pipeline::load`]
//! has [`batch`] type them and a [`sink`] merge them into the [`warehouse`], or write them as Parquet snapshots.
//!
//! # Invariants
//!
//! Held by a test that reads the `use` lines:
//!
//! - [`catalog`] and [`batch`] do no I/O; [`pages`] decides and never asks.
//! - Nothing below [`config`] reads the environment or sees the command line.
//! - Only [`api`] uses the HTTP client, only [`sink`] the clients of clouds; only [`warehouse`], [`sink`] and [`reports`]
//!   use DuckDB.
//! - The [`sandbox`] and the extractor share no code but the catalog's paths: one must not hide the other's mistakes.
//!
//! Deliberately absent: a daemon, a scheduler (cron and systemd are good at it), writing to the CRM, and a table format
//! of our own.

pub mod api;
pub mod batch;
pub mod catalog;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod export;
pub mod json;
pub mod library;
pub mod observe;
pub mod pages;
pub mod pipeline;
pub mod reports;
pub mod sandbox;
pub mod secret;
pub mod sink;
pub mod spool;
pub mod warehouse;
