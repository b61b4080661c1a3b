//! The ids of an earlier snapshot, read from its files without fetching the rest of them.

use std::{
    io::{self, Read},
    sync::Arc,
};

use arrow::array::{Array as _, AsArray as _};
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    errors::{ParquetError, Result},
    file::reader::{ChunkReader, Length},
};

use super::store::{Store, StoreError};
use crate::catalog;

/// Bytes fetched at once where the reader does not say how many it needs.
const BLOCK: u64 = 256 << 10;

/// Hands on the ids of an instance's rows in a snapshot's file, some at a time.
pub(super) fn of_file<E: From<StoreError>>(
    store: &Arc<dyn Store>,
    name: &str,
    instance: &str,
    mut each: impl FnMut(&[String]) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let damaged = |source| StoreError::Damaged { file: format!("{}/{name}", store.name()), source };
    let file = Stored { store: store.clone(), name: name.to_owned(), size: store.size(name)? };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), [catalog::KEY, "_instance"]);
    let reader = builder.with_projection(mask).build().map_err(damaged)?;
    for batch in reader {
        let batch = batch.map_err(|error| damaged(error.into()))?;
        let column = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let (Some(ids), Some(instances)) = (column(catalog::KEY), column("_instance")) else {
            return Err(damaged(ParquetError::General("there is no column of ids".to_owned())).into());
        };
        let of_instance = |row: &usize| instances.is_valid(*row) && instances.value(*row) == instance;
        let found: Vec<String> =
            (0..batch.num_rows()).filter(of_instance).map(|row| ids.value(row).to_owned()).collect();
        each(&found)?;
    }
    Ok(())
}

/// A file in a place, as the Parquet reader takes it.
struct Stored {
    store: Arc<dyn Store>,
    name: String,
    size: u64,
}

impl Stored {
    fn fetch(&self, from: u64, length: u64) -> io::Result<Vec<u8>> {
        let range = from..self.size.min(from + length);
        self.store.read(&self.name, range).map_err(io::Error::other)
    }
}

impl Length for Stored {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Stored {
    type T = Onward;

    fn get_read(&self, start: u64) -> Result<Onward> {
        let stored = Self { store: self.store.clone(), name: self.name.clone(), size: self.size };
        Ok(Onward { stored, next: start, block: io::Cursor::default() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        Ok(self.fetch(start, length as u64)?.into())
    }
}

/// Reads a file from some place on, block by block.
struct Onward {
    stored: Stored,
    next: u64,
    block: io::Cursor<Vec<u8>>,
}

impl Read for Onward {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.block.position() == self.block.get_ref().len() as u64 {
            let block = self.stored.fetch(self.next, BLOCK)?;
            self.next += block.len() as u64;
            self.block = io::Cursor::new(block);
        }
        self.block.read(buffer)
    }
}
