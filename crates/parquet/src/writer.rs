//! The writer of rows.

use std::io::Write;
use std::mem::take;

use parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;

use crate::schema::{COLUMNS, Column, Kind, Version, properties, schema};
use crate::{Row, Value};

/// The maximum number of rows in a row group.
const MAX_GROUP_ROWS: usize = 1 << 17;
/// The maximum size of a row group in memory, in bytes.
const MAX_GROUP_BYTES: usize = 16 << 20;

/// A writer of rows to a file. It buffers one row group.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<Row>,
    bytes: usize,
}

/// Creates a writer with other properties than those of an export.
pub(crate) fn with_properties<W: Write + Send>(
    file: W,
    properties: WriterPropertiesPtr,
) -> Result<Writer<W>> {
    let file = SerializedFileWriter::new(file, schema(Version::CURRENT)?, properties)?;
    Ok(Writer { file, rows: Vec::new(), bytes: 0 })
}

impl<W: Write + Send> Writer<W> {
    /// Creates a writer to a file with this metadata, as keys and values.
    ///
    /// # Errors
    /// A write error.
    pub fn new(file: W, metadata: Vec<(String, String)>) -> Result<Self> {
        with_properties(file, properties(metadata))
    }

    /// Appends a row.
    ///
    /// # Errors
    /// A write error, or a value whose type differs from its column's.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        self.bytes += row.bytes();
        self.rows.push(row.clone());
        if self.rows.len() >= MAX_GROUP_ROWS || self.bytes >= MAX_GROUP_BYTES { self.flush() } else { Ok(()) }
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// A write error.
    pub fn finish(mut self) -> Result<W> {
        self.flush()?;
        self.file.into_inner()
    }

    fn flush(&mut self) -> Result<()> {
        let mut rows = take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let places = self.file.schema_descr().columns().to_vec();
        let mut group = self.file.next_row_group()?;
        for ((place, column), descriptor) in COLUMNS.iter().enumerate().zip(places) {
            let defined = descriptor.max_def_level();
            let mut levels = Vec::with_capacity(rows.len());
            let (mut integers, mut bytes) = (Vec::new(), Vec::new());
            for row in &mut rows {
                let value = row.0[place].take();
                levels.push(if value.is_some() { defined } else { column.null_level() });
                match (value, column.kind) {
                    (Some(Value::Integer(number)), Kind::Integer | Kind::Integer32 | Kind::Time) => {
                        integers.push(number);
                    }
                    (Some(Value::Bytes(value)), Kind::Word | Kind::Text) => bytes.push(value),
                    (Some(Value::Bytes(value)), Kind::Bytes(length)) if value.len() == length => {
                        bytes.push(value);
                    }
                    (None, _) if !column.required => {}
                    _ => return Err(wrong_type(column)),
                }
            }
            let levels = (defined > 0).then_some(&levels[..]);
            // Each list has one element at most.
            let repeated = (descriptor.max_rep_level() > 0).then(|| vec![0; rows.len()]);
            let repeated = repeated.as_deref();
            let missing = || ParquetError::General(format!("the column {} is missing", column.name));
            let mut writer = group.next_column()?.ok_or_else(missing)?;
            match column.kind {
                Kind::Integer | Kind::Time => {
                    writer.typed::<Int64Type>().write_batch(&integers, levels, repeated)?;
                }
                Kind::Integer32 => {
                    let small = integers
                        .into_iter()
                        .map(|number| i32::try_from(number).map_err(|_| wrong_type(column)));
                    let small = small.collect::<Result<Vec<_>>>()?;
                    writer.typed::<Int32Type>().write_batch(&small, levels, repeated)?;
                }
                Kind::Word | Kind::Text => {
                    let texts: Vec<_> = bytes.into_iter().map(ByteArray::from).collect();
                    writer.typed::<ByteArrayType>().write_batch(&texts, levels, repeated)?;
                }
                Kind::Bytes(_) => {
                    let fixed: Vec<_> = bytes.into_iter().map(FixedLenByteArray::from).collect();
                    writer.typed::<FixedLenByteArrayType>().write_batch(&fixed, levels, repeated)?;
                }
            }
            writer.close()?;
        }
        group.close().map(|_| ())
    }
}

fn wrong_type(column: &Column) -> ParquetError {
    ParquetError::General(format!("a value has the wrong type for the column {}", column.name))
}
