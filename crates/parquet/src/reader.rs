//! The reader of rows.

use std::collections::VecDeque;

use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{ChunkReader, FileReader as _, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;

use crate::pages::{PageStatistics, PlainPages};
use crate::schema::{COLUMNS, Column, Kind, schema};
use crate::statistics::{ColumnSummary, refuse_other_ways};
use crate::{Row, Value, footer};

/// The number of rows that are read at a time.
const BATCH_ROWS: usize = 256;

/// A reader of the rows of a file with exactly the columns in [`COLUMNS`].
pub struct Reader<R: ChunkReader> {
    file: SerializedFileReader<R>,
    /// The next row group.
    group: usize,
    columns: Vec<ColumnReader>,
    /// The summary of the values read from each column of the row group.
    summaries: Vec<ColumnSummary>,
    /// The statistics of the current page of each column.
    pages: Vec<PageStatistics>,
    /// The number of rows of the current row group that were not read yet.
    left: u64,
    ready: VecDeque<Row>,
}

impl<R: ChunkReader + 'static> Reader<R> {
    /// Opens a file.
    ///
    /// # Errors
    /// Fails on a read error, or if the file has other columns or a property that would make another program
    /// read different rows.
    pub fn open(file: R) -> Result<Self> {
        footer::check(&file)?;
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
        refuse_other_ways(&file, &metadata)?;
        let pages = ReaderProperties::builder().set_read_page_statistics(true).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(pages).build();
        let file = SerializedFileReader::new_with_options(file, options)?;
        let found = file.metadata().file_metadata().schema_descr().root_schema();
        if found.get_fields() != schema()?.get_fields() {
            let message = "the columns of the file are not those of an export of events";
            return Err(ParquetError::General(message.into()));
        }
        let (columns, summaries, pages) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { file, group: 0, columns, summaries, pages, left: 0, ready: VecDeque::new() })
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.file.metadata().file_metadata().num_rows()).unwrap_or_default()
    }

    /// Returns the file's metadata as keys and values.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let pairs = self.file.metadata().file_metadata().key_value_metadata();
        pairs.into_iter().flatten().map(|pair| (pair.key.as_str(), pair.value.as_deref()))
    }

    /// Returns the next row.
    ///
    /// # Errors
    /// Fails on a read error, or if the statistics of a row group or page are false. A query would use them
    /// to skip rows.
    pub fn next_row(&mut self) -> Result<Option<Row>> {
        while self.ready.is_empty() {
            if self.left == 0 && !self.next_group()? {
                return Ok(None);
            }
            self.read()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Skips rows.
    ///
    /// # Errors
    /// A read error.
    pub fn skip(&mut self, rows: u64) -> Result<()> {
        for _ in 0..rows {
            self.next_row()?;
        }
        Ok(())
    }

    fn next_group(&mut self) -> Result<bool> {
        self.end_group()?;
        if self.group == self.file.num_row_groups() {
            return Ok(false);
        }
        let group = self.file.get_row_group(self.group)?;
        self.left = u64::try_from(group.metadata().num_rows()).unwrap_or_default();
        let schema = self.file.metadata().file_metadata().schema_descr();
        let open = |(place, column): (usize, &Column)| {
            let (pages, statistics) = PlainPages::new(group.get_column_page_reader(place)?);
            let pages: Box<dyn PageReader> = Box::new(pages);
            let descriptor = schema.column(place);
            let reader = match column.kind {
                Kind::Integer | Kind::Time => {
                    ColumnReader::Int64ColumnReader(ColumnReaderImpl::new(descriptor, pages))
                }
                Kind::Word | Kind::Text => {
                    ColumnReader::ByteArrayColumnReader(ColumnReaderImpl::new(descriptor, pages))
                }
                Kind::Bytes(_) => {
                    ColumnReader::FixedLenByteArrayColumnReader(ColumnReaderImpl::new(descriptor, pages))
                }
            };
            Ok((reader, statistics))
        };
        let columns = COLUMNS.iter().enumerate().map(open).collect::<Result<Vec<_>>>()?;
        (self.columns, self.pages) = columns.into_iter().unzip();
        self.summaries = vec![ColumnSummary::default(); COLUMNS.len()];
        self.group += 1;
        Ok(true)
    }

    /// Checks that the whole row group was read, and that its statistics are true.
    fn end_group(&mut self) -> Result<()> {
        let columns = self.columns.drain(..).zip(self.summaries.drain(..)).zip(&COLUMNS).enumerate();
        for (place, ((mut reader, summary), column)) in columns {
            let more = match &mut reader {
                ColumnReader::Int64ColumnReader(reader) => is_more(reader)?,
                ColumnReader::ByteArrayColumnReader(reader) => is_more(reader)?,
                ColumnReader::FixedLenByteArrayColumnReader(reader) => is_more(reader)?,
                _ => true,
            };
            if more {
                return Err(damaged(column));
            }
            summary.compare(column, self.file.metadata().row_group(self.group - 1).column(place))?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<()> {
        let count = BATCH_ROWS.min(usize::try_from(self.left).unwrap_or(BATCH_ROWS));
        if count == 0 {
            return Ok(());
        }
        let mut rows = vec![Row(Vec::with_capacity(COLUMNS.len())); count];
        for (column, reader) in COLUMNS.iter().zip(&mut self.columns) {
            match reader {
                ColumnReader::Int64ColumnReader(reader) => {
                    read_column(column, reader, &mut rows, |value| Value::Integer(*value))?;
                }
                ColumnReader::ByteArrayColumnReader(reader) => {
                    read_column(column, reader, &mut rows, |value| Value::Bytes(value.data().to_vec()))?;
                }
                ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                    read_column(column, reader, &mut rows, |value| Value::Bytes(value.data().to_vec()))?;
                }
                _ => return Err(damaged(column)),
            }
        }
        for row in &rows {
            let columns = self.summaries.iter_mut().zip(&mut self.pages).zip(&COLUMNS);
            for (((summary, pages), column), value) in columns.zip(&row.0) {
                summary.add(value.as_ref());
                pages.add(column, value.as_ref())?;
            }
        }
        self.left -= count as u64;
        self.ready.extend(rows);
        Ok(())
    }
}

fn read_column<T: DataType>(
    column: &Column,
    reader: &mut ColumnReaderImpl<T>,
    rows: &mut [Row],
    value: impl Fn(&T::T) -> Value,
) -> Result<()> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows.len() {
        let (records, _, _) = reader.read_records(rows.len() - read, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(damaged(column));
        }
        read += records;
    }
    let mut values = values.iter();
    for (place, row) in rows.iter_mut().enumerate() {
        let there = column.required || levels.get(place).is_some_and(|level| *level > 0);
        let value = if there { Some(value(values.next().ok_or_else(|| damaged(column))?)) } else { None };
        row.0.push(value);
    }
    Ok(())
}

/// True if there is a value after the last row.
fn is_more<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> Result<bool> {
    Ok(reader.read_records(1, Some(&mut Vec::new()), None, &mut Vec::new())?.0 > 0)
}

fn damaged(column: &Column) -> ParquetError {
    ParquetError::General(format!(
        "the column {} has a different number of values than the file has rows",
        column.name
    ))
}
