//! JSON to Arrow, without I/O: types and names are decided over all pages of a sweep and what the warehouse has, so that
//! no page can surprise the ones before it.
//!
//! [`shape`] watches every record, [`plan`] turns the result into tables with [`names`], [`decode`] fills them page by
//! page, and [`reject`] says what cannot be a row.

pub mod content;
pub mod decode;
pub mod names;
pub mod path;
pub mod plan;
pub mod reject;
pub mod scalar;
pub mod shape;

pub use self::{
    decode::{Batches, DecodeError as BatchError, decode},
    plan::{Column, KnownColumn, Labels, Plan, Table},
    shape::{Limits, Shape},
};

/// Watches the rows of a page, and hands each id on.
pub fn watch(shape: &mut Shape, items: &str, limits: Limits, mut seen: impl FnMut(&str)) {
    for row in reject::rows(items).flatten() {
        shape.watch(row.raw, limits);
        seen(&row.id);
    }
}
