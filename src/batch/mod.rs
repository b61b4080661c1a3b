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

use crate::json;

/// Watches the rows of a page that can be rows.
pub fn watch(shape: &mut Shape, items: &str, limits: Limits) {
    for row in json::elements(items).map_while(Result::ok) {
        if reject::row_id(row).is_ok() {
            shape.watch(row, limits);
        }
    }
}
