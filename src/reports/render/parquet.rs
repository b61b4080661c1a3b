//! Parquet with the types that Spark, pyarrow, DuckDB and Power BI all read, as exports have them, and with what is to be
//! known of the answer as key-value metadata.

use std::{io::Write, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Decimal128Type, Field, Schema, TimeUnit},
    error::ArrowError,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
};

use super::{About, Answer, RenderError};
use crate::reports::cells::columns;

/// The greatest decimal that readers know has 38 digits; DuckDB's HUGEINT has some values of 39.
const MAX_DECIMAL: i128 = 10_i128.pow(38) - 1;

/// How a column goes into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Same,
    Cast(DataType),
    /// As text, nested values as JSON.
    Text,
}

pub(super) fn write(out: &mut dyn Write, answer: &Answer, about: Option<&About>) -> Result<(), RenderError> {
    let ways: Vec<_> = answer
        .schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| match way(field.data_type()) {
            Way::Same if is_beyond_decimal(answer, index) => Way::Text,
            way => way,
        })
        .collect();
    let fields = answer.schema.fields().iter().zip(&ways).map(|(field, way)| {
        let data_type = match way {
            Way::Same => field.data_type().clone(),
            Way::Cast(target) => target.clone(),
            Way::Text => DataType::Utf8,
        };
        Field::new(field.name(), data_type, true)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(about.map(metadata))
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, schema.clone(), Some(properties))?;
    for batch in &answer.batches {
        let texts = columns(batch)?;
        let converted = batch.columns().iter().zip(&ways).zip(&texts).map(|((array, way), texts)| match way {
            Way::Same => Ok(array.clone()),
            Way::Cast(target) => cast(array, target),
            Way::Text => {
                let values = (0..array.len()).map(|row| texts.text(row));
                Ok(Arc::new(values.collect::<StringArray>()) as ArrayRef)
            }
        });
        let converted = converted.collect::<Result<Vec<_>, ArrowError>>()?;
        writer.write(&RecordBatch::try_new(schema.clone(), converted)?)?;
    }
    writer.close()?;
    out.write_all(&file)?;
    Ok(())
}

fn metadata(about: &About) -> Vec<KeyValue> {
    let entry = |key: &str, value: Option<String>| KeyValue::new(format!("crmlake.{key}"), value);
    let params: serde_json::Map<_, _> =
        about.params.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let remarks: Vec<_> = about.remarks().collect();
    vec![
        entry("report", about.report.clone()),
        entry("title", Some(about.title.clone())),
        entry("extracted_at", about.freshness.extracted_at.clone()),
        entry("verdict", about.freshness.verdict.clone()),
        entry("params", Some(serde_json::Value::from(params).to_string())),
        entry("notes", Some(serde_json::Value::from(remarks).to_string())),
    ]
}

/// Spark has no unsigned integers, no times of day, no nanoseconds and no intervals.
fn way(data_type: &DataType) -> Way {
    match data_type {
        DataType::UInt8 => Way::Cast(DataType::Int16),
        DataType::UInt16 => Way::Cast(DataType::Int32),
        DataType::UInt32 => Way::Cast(DataType::Int64),
        DataType::UInt64 => Way::Cast(DataType::Decimal128(38, 0)),
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, zone) => {
            Way::Cast(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::Date32
        | DataType::Timestamp(TimeUnit::Microsecond, _) => Way::Same,
        DataType::List(element) if !element.data_type().is_nested() && way(element.data_type()) == Way::Same => {
            Way::Same
        }
        _ => Way::Text,
    }
}

fn is_beyond_decimal(answer: &Answer, index: usize) -> bool {
    let DataType::Decimal128(..) = answer.schema.field(index).data_type() else { return false };
    answer.batches.iter().any(|batch| {
        let values = batch.column(index).as_primitive::<Decimal128Type>();
        values.iter().flatten().any(|value| value.unsigned_abs() > MAX_DECIMAL.unsigned_abs())
    })
}
