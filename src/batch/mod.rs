//! JSON to Arrow, without I/O: types and names are decided over all pages of a sweep and what the warehouse has, so that
//! no page can surprise the ones before it.
//!
//! [`shape`] watches every record, [`plan`] turns the result into tables with [`names`], [`decode`] fills them page by
//! page, and [`reject`] says what cannot be a row. What [`privacy`] keeps out, [`conceal`] takes from the text before all that.

pub mod conceal;
pub mod content;
pub mod decode;
pub mod hash;
pub mod moment;
pub mod names;
pub mod path;
pub mod plan;
pub mod privacy;
pub mod reject;
pub mod remarks;
pub mod scalar;
pub mod shape;

pub use self::{
    conceal::Screen,
    decode::{Batches, DecodeError as BatchError, decode},
    plan::{Column, Field, Fields, KnownColumn, Plan, Table},
    privacy::{Privacy, Rules},
    remarks::{PlanRemarks, Remarks},
    shape::{Limits, Shape},
};

/// Watches the rows of a page, and hands each id on. Returns how many entries are no rows.
pub fn watch(shape: &mut Shape, items: &str, limits: Limits, mut seen: impl FnMut(&str)) -> u64 {
    let mut rejects = 0;
    for row in reject::rows(items) {
        match row {
            Ok(row) => {
                shape.watch(row.raw, limits);
                seen(&row.id);
            }
            Err(_) => rejects += 1,
        }
    }
    rejects
}
