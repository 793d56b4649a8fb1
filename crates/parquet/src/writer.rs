//! Writes rows.

use std::io::Write;
use std::mem::take;

use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;

use crate::schema::{COLUMNS, Kind, properties, schema};
use crate::{Row, Value};

/// How many rows are held back at most before they are written.
const ROWS: usize = 1 << 17;
/// The same in bytes.
const BYTES: usize = 16 << 20;

/// Writes rows to a file, of which a bounded number is held back.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<Row>,
    bytes: usize,
}

/// A writer with other properties than those of an export.
pub(crate) fn with_properties<W: Write + Send>(
    file: W,
    properties: WriterPropertiesPtr,
) -> Result<Writer<W>> {
    let file = SerializedFileWriter::new(file, schema()?, properties)?;
    Ok(Writer { file, rows: Vec::new(), bytes: 0 })
}

impl<W: Write + Send> Writer<W> {
    /// To this file, with this said in it by key and value.
    ///
    /// # Errors
    /// What writing met.
    pub fn new(file: W, metadata: Vec<(String, String)>) -> Result<Self> {
        with_properties(file, properties(metadata))
    }

    /// Appends a row.
    ///
    /// # Errors
    /// What writing met, or a value of another type than its column has.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        self.bytes += row.bytes();
        self.rows.push(row.clone());
        if self.rows.len() >= ROWS || self.bytes >= BYTES { self.flush() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What writing met.
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
                            "not a value of the column {}",
                            column.name
                        )));
                    }
                }
            }
            let levels = (!column.required).then_some(&levels[..]);
            let missing = || ParquetError::General(format!("there is no column {}", column.name));
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
