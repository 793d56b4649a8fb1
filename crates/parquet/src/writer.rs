//! The writer of rows.

use std::io::Write;
use std::mem::take;

use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;

use crate::schema::{COLUMNS, Kind, properties, schema};
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
    let file = SerializedFileWriter::new(file, schema()?, properties)?;
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
        let mut group = self.file.next_row_group()?;
        for (place, column) in COLUMNS.iter().enumerate() {
            let mut levels = Vec::with_capacity(rows.len());
            let (mut integers, mut bytes) = (Vec::new(), Vec::new());
            for row in &mut rows {
                let value = row.0[place].take();
                levels.push(i16::from(value.is_some()));
                match (value, column.kind) {
                    (Some(Value::Integer(number)), Kind::Integer | Kind::Time) => integers.push(number),
                    (Some(Value::Bytes(value)), Kind::Word | Kind::Text) => bytes.push(value),
                    (Some(Value::Bytes(value)), Kind::Bytes(length)) if value.len() == length => {
                        bytes.push(value);
                    }
                    (None, _) if !column.required => {}
                    _ => {
                        return Err(ParquetError::General(format!(
                            "a value has the wrong type for the column {}",
                            column.name
                        )));
                    }
                }
            }
            let levels = (!column.required).then_some(&levels[..]);
            let missing = || ParquetError::General(format!("the column {} is missing", column.name));
            let mut writer = group.next_column()?.ok_or_else(missing)?;
            match column.kind {
                Kind::Integer | Kind::Time => {
                    writer.typed::<Int64Type>().write_batch(&integers, levels, None)?;
                }
                Kind::Word | Kind::Text => {
                    let texts: Vec<_> = bytes.into_iter().map(ByteArray::from).collect();
                    writer.typed::<ByteArrayType>().write_batch(&texts, levels, None)?;
                }
                Kind::Bytes(_) => {
                    let fixed: Vec<_> = bytes.into_iter().map(FixedLenByteArray::from).collect();
                    writer.typed::<FixedLenByteArrayType>().write_batch(&fixed, levels, None)?;
                }
            }
            writer.close()?;
        }
        group.close().map(|_| ())
    }
}
