//! From the text of a page to Arrow batches, in one walk of each record.
//!
//! The walk collects the raw text of every cell of a row; then each column's builder reads its own. A repeated key is
//! the last one's, a missing one is null. What a column cannot show of a value is counted, see [`Remarks`].

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, ListArray,
        StringBuilder, TimestampMicrosecondBuilder, UInt64Builder, new_null_array,
    },
    buffer::{NullBuffer, OffsetBuffer},
    datatypes::{DataType, Field, Schema, TimeUnit},
    error::ArrowError,
    record_batch::RecordBatch,
};

use super::{
    content,
    moment::{self, Moment},
    plan::{Column, Place, Plan, Table, Walk},
    reject::{self, Reject},
    remarks::{PlanRemarks, Remarks},
    scalar::{BLANK, Decimal, Type},
    shape::{ListKind, Normal, list_kind, normal},
};
use crate::json::{self, Kind};

/// The staging columns of a main table, after the record's own.
pub const MAIN_COLUMNS: [&str; 2] = ["_hash", "_seq"];
/// The staging columns of a child table, after the element's own.
pub const CHILD_COLUMNS: [&str; 3] = ["_parent_id", "_position", "_seq"];

/// A value that its column cannot hold, although the column was planned for it.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A mistake in crmlake.
    #[error("column {column} was planned as {kind} and met a value that it cannot hold")]
    Unplanned {
        /// The column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// A batch could not be put together.
    #[error("a batch could not be put together")]
    Arrow(#[from] ArrowError),
}

/// The rows of one page.
#[derive(Debug)]
pub struct Batches {
    /// The records.
    pub main: RecordBatch,
    /// The rows of each child table, in the plan's order.
    pub children: Vec<RecordBatch>,
    /// What could not be a row.
    pub rejects: Vec<Reject>,
    /// What the columns do not show.
    pub remarks: PlanRemarks,
}

/// Decodes the rows of one page. `first` is the number of its first row within the sweep, by which later sightings of a
/// row are told from earlier ones.
pub fn decode(plan: &Plan, items: &str, first: i64) -> Result<Batches, DecodeError> {
    let mut decoder = Decoder {
        main: TableBuilder::new(&plan.main),
        children: plan.children.iter().map(TableBuilder::new).collect(),
        hashes: UInt64Builder::new(),
        sequence: Int64Builder::new(),
        rejects: Vec::new(),
    };
    for (row, sequence) in reject::rows(items).zip(first..) {
        match row {
            Ok(row) => decoder.row(row.raw, &row.id, sequence)?,
            Err(reject) => decoder.rejects.push(reject),
        }
    }
    decoder.finish()
}

struct Decoder<'p> {
    main: TableBuilder<'p>,
    children: Vec<TableBuilder<'p>>,
    hashes: UInt64Builder,
    sequence: Int64Builder,
    rejects: Vec<Reject>,
}

impl Decoder<'_> {
    fn row(&mut self, row: &str, id: &str, sequence: i64) -> Result<(), DecodeError> {
        let table = self.main.table;
        let mut cells = Cells::of(table);
        for (key, raw) in json::members(row).map_while(Result::ok) {
            let Some(place) = table.walk.members.get(key.as_ref()) else { continue };
            match (normal(&key, raw), &place.object, place.list) {
                (Normal::CustomFields(fields), Some(walk), _) => {
                    for field in fields {
                        if let Some(place) = walk.members.get(field.key.as_ref()) {
                            cells.visit(place, field.raw);
                            cells.remark(place, field.had_more);
                        }
                    }
                }
                (Normal::Tags(tags), _, Some(index)) if table.columns[index].is_list => {
                    cells.remark(place, tags.iter().any(|tag| tag.had_more));
                    cells.set(index, Cell::List(tags.into_iter().map(|tag| tag.raw).collect()));
                }
                _ => cells.visit(place, raw),
            }
        }
        let lists = std::mem::take(&mut cells.lists);
        self.main.push(&cells)?;
        self.hashes.append_value(content::record(row));
        self.sequence.append_value(sequence);
        for (child, raw) in lists {
            self.children[child].push_elements(raw, id, sequence)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Batches, DecodeError> {
        let extra: Vec<ArrayRef> = vec![Arc::new(self.hashes.finish()), Arc::new(self.sequence.finish())];
        let mut remarks = vec![std::mem::take(&mut self.main.remarks)];
        let main = self.main.finish(&MAIN_COLUMNS, extra)?;
        let mut children = Vec::with_capacity(self.children.len());
        for mut child in self.children {
            remarks.push(std::mem::take(&mut child.remarks));
            children.push(child.finish_child()?);
        }
        Ok(Batches { main, children, rejects: self.rejects, remarks: PlanRemarks(remarks) })
    }
}

/// The raw text of a cell.
#[derive(Clone, Debug)]
enum Cell<'a> {
    Missing,
    Raw(&'a str),
    List(Vec<&'a str>),
}

/// What a walk collects of one row.
struct Cells<'a> {
    values: Vec<Cell<'a>>,
    /// Lists for child tables, by the index of the table.
    lists: Vec<(usize, &'a str)>,
    /// What the columns do not show.
    remarks: Vec<(usize, Remarks)>,
}

impl<'a> Cells<'a> {
    fn of(table: &Table) -> Self {
        Self { values: vec![Cell::Missing; table.columns.len()], lists: Vec::new(), remarks: Vec::new() }
    }

    /// Sets a cell. One that is set already had its key twice.
    fn set(&mut self, index: usize, cell: Cell<'a>) {
        if !matches!(std::mem::replace(&mut self.values[index], cell), Cell::Missing) {
            self.remarks.push((index, Remarks { inexact: 1, ..Remarks::default() }));
        }
    }

    /// Remarks that the notation of a place had more to say than its columns show.
    fn remark(&mut self, place: &Place, had_more: bool) {
        if let Some(index) = place.scalar.or(place.list).filter(|_| had_more) {
            self.remarks.push((index, Remarks { inexact: 1, ..Remarks::default() }));
        }
    }

    fn visit(&mut self, place: &Place, raw: &'a str) {
        match json::kind(raw) {
            Kind::Null => {
                for index in [place.scalar, place.list].into_iter().flatten() {
                    self.set(index, Cell::Missing);
                }
            }
            Kind::Object => {
                // A column of JSON holds whatever stands there, in columns and rows of its own or not.
                if let Some(index) = place.json {
                    self.set(index, Cell::Raw(raw));
                }
                if let Some(walk) = &place.object {
                    self.visit_members(walk, raw);
                }
            }
            Kind::Array => {
                let rows = place.table.filter(|_| list_kind(raw) == ListKind::Objects);
                if let Some(table) = rows {
                    // Of two lists under one key the last counts.
                    self.lists.retain(|(other, _)| *other != table);
                    self.lists.push((table, raw));
                }
                if let Some(index) = place.list.filter(|_| rows.is_none()).or(place.json) {
                    self.set(index, Cell::Raw(raw));
                }
            }
            _ => {
                if let Some(index) = place.scalar {
                    self.set(index, Cell::Raw(raw));
                } else if let Some(index) = place.list.filter(|_| raw == BLANK) {
                    self.remarks.push((index, Remarks { blanks: 1, ..Remarks::default() }));
                }
            }
        }
    }

    fn visit_members(&mut self, walk: &Walk, object: &'a str) {
        for (key, raw) in json::members(object).map_while(Result::ok) {
            if let Some(place) = walk.members.get(key.as_ref()) {
                self.visit(place, raw);
            }
        }
    }
}

struct TableBuilder<'p> {
    table: &'p Table,
    columns: Vec<Builder>,
    remarks: Vec<Remarks>,
    rows: usize,
    parents: StringBuilder,
    positions: Int64Builder,
    sequence: Int64Builder,
}

impl<'p> TableBuilder<'p> {
    fn new(table: &'p Table) -> Self {
        Self {
            table,
            columns: table.columns.iter().map(Builder::new).collect(),
            remarks: vec![Remarks::default(); table.columns.len()],
            rows: 0,
            parents: StringBuilder::new(),
            positions: Int64Builder::new(),
            sequence: Int64Builder::new(),
        }
    }

    fn push(&mut self, cells: &Cells<'_>) -> Result<(), DecodeError> {
        self.rows += 1;
        for (index, remarks) in &cells.remarks {
            self.remarks[*index] += *remarks;
        }
        let columns = self.columns.iter_mut().zip(&mut self.remarks).zip(&self.table.columns);
        for (cell, ((builder, remarks), column)) in cells.values.iter().zip(columns) {
            let held = match cell {
                Cell::Missing => builder.push_null(),
                Cell::Raw(raw) => builder.push(raw, remarks),
                Cell::List(elements) => builder.push_list(elements.iter().copied(), remarks),
            };
            held.ok_or_else(|| DecodeError::Unplanned { column: column.name.clone(), kind: column.kind.name() })?;
        }
        Ok(())
    }

    fn push_elements(&mut self, list: &str, parent: &str, sequence: i64) -> Result<(), DecodeError> {
        for (element, position) in json::elements(list).map_while(Result::ok).zip(1..) {
            let mut cells = Cells::of(self.table);
            cells.visit_members(&self.table.walk, element);
            self.push(&cells)?;
            self.parents.append_value(parent);
            self.positions.append_value(position);
            self.sequence.append_value(sequence);
        }
        Ok(())
    }

    fn finish_child(mut self) -> Result<RecordBatch, DecodeError> {
        let extra: Vec<ArrayRef> =
            vec![Arc::new(self.parents.finish()), Arc::new(self.positions.finish()), Arc::new(self.sequence.finish())];
        self.finish(&CHILD_COLUMNS, extra)
    }

    fn finish(self, names: &[&str], extra: Vec<ArrayRef>) -> Result<RecordBatch, DecodeError> {
        let mut fields = Vec::with_capacity(self.columns.len() + extra.len());
        let mut arrays = Vec::with_capacity(fields.capacity());
        for (column, builder) in self.table.columns.iter().zip(self.columns) {
            let array = builder.finish();
            fields.push(Field::new(&column.name, array.data_type().clone(), true));
            arrays.push(array);
        }
        for (name, array) in names.iter().zip(extra) {
            fields.push(Field::new(*name, array.data_type().clone(), false));
            arrays.push(array);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }
}

/// The Arrow type of a column's values or elements.
pub fn arrow_type(kind: Type) -> DataType {
    match kind {
        Type::Null | Type::Text | Type::Json => DataType::Utf8,
        Type::Boolean => DataType::Boolean,
        Type::Integer => DataType::Int64,
        // Scales are no more than 38.
        Type::Decimal { precision, scale } => DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(0)),
        Type::Double => DataType::Float64,
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

/// Builds one column. `push` and its kin answer nothing when the value does not fit.
enum Builder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder, u32),
    Double(Float64Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    Json(StringBuilder),
    List { elements: Box<Builder>, length: usize, ends: Vec<i32>, valid: Vec<bool> },
}

impl Builder {
    fn new(column: &Column) -> Self {
        let values = Self::of(column.kind);
        if column.is_list {
            Self::List { elements: Box::new(values), length: 0, ends: vec![0], valid: Vec::new() }
        } else {
            values
        }
    }

    fn of(kind: Type) -> Self {
        match kind {
            Type::Null | Type::Text => Self::Text(StringBuilder::new()),
            Type::Json => Self::Json(StringBuilder::new()),
            Type::Boolean => Self::Boolean(BooleanBuilder::new()),
            Type::Integer => Self::Integer(Int64Builder::new()),
            Type::Decimal { scale, .. } => {
                Self::Decimal(Decimal128Builder::new().with_data_type(arrow_type(kind)), u32::from(scale))
            }
            Type::Double => Self::Double(Float64Builder::new()),
            Type::Date => Self::Date(Date32Builder::new()),
            Type::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
        }
    }

    fn push_null(&mut self) -> Option<()> {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Decimal(builder, _) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Text(builder) | Self::Json(builder) => builder.append_null(),
            Self::List { length, ends, valid, .. } => {
                ends.push(i32::try_from(*length).ok()?);
                valid.push(false);
            }
        }
        Some(())
    }

    fn push(&mut self, raw: &str, remarks: &mut Remarks) -> Option<()> {
        match self {
            Self::Text(builder) if json::kind(raw) == Kind::String => {
                let text = json::text(raw);
                remarks.inexact += u64::from(text.replaced);
                remarks.impossible += u64::from(moment::read(raw) == Some(Moment::Impossible));
                builder.append_value(text.text);
            }
            Self::Text(builder) | Self::Json(builder) => builder.append_value(raw),
            Self::List { .. } => return self.push_list(json::elements(raw).map_while(Result::ok), remarks),
            other if raw == BLANK => {
                remarks.blanks += 1;
                return other.push_null();
            }
            Self::Boolean(builder) => builder.append_value(raw.parse().ok()?),
            Self::Integer(builder) => {
                remarks.inexact += u64::from(raw == "-0");
                builder.append_value(raw.parse().ok()?);
            }
            Self::Decimal(builder, scale) => {
                let value = Decimal::parse(raw)?.at_scale(*scale)?;
                remarks.inexact += u64::from(value == 0 && raw.starts_with('-'));
                builder.append_value(value);
            }
            Self::Double(builder) => builder.append_value(raw.parse().ok()?),
            Self::Date(builder) => match moment::read(raw)? {
                Moment::Day { days } => builder.append_value(days),
                _ => return None,
            },
            Self::Timestamp(builder) => match moment::read(raw)? {
                Moment::Instant { microseconds, is_cut } => {
                    remarks.inexact += u64::from(is_cut);
                    builder.append_value(microseconds);
                }
                // A day among moments is its beginning.
                Moment::Day { days } => builder.append_value(i64::from(days) * 86_400_000_000),
                Moment::Impossible => return None,
            },
        }
        Some(())
    }

    fn push_list<'a>(&mut self, raws: impl Iterator<Item = &'a str>, remarks: &mut Remarks) -> Option<()> {
        let Self::List { elements, length, ends, valid } = self else { return None };
        for raw in raws {
            match json::kind(raw) {
                Kind::Null => elements.push_null()?,
                _ => elements.push(raw, remarks)?,
            }
            *length += 1;
        }
        ends.push(i32::try_from(*length).ok()?);
        valid.push(true);
        Some(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder, _) => Arc::new(builder.finish()),
            Self::Double(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) | Self::Json(mut builder) => Arc::new(builder.finish()),
            Self::List { elements, ends, valid, .. } => {
                let values = elements.finish();
                let field = Arc::new(Field::new("item", values.data_type().clone(), true));
                let rows = valid.len();
                ListArray::try_new(field.clone(), OffsetBuffer::new(ends.into()), values, Some(NullBuffer::from(valid)))
                    .map_or_else(|_| new_null_array(&DataType::List(field), rows), |list| Arc::new(list) as ArrayRef)
            }
        }
    }
}
