//! The reader of rows.

use std::collections::VecDeque;

use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{ChunkReader, FileReader as _, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;

use crate::pages::{PageStatistics, PlainPages};
use crate::schema::{Column, Kind, Version, schema};
use crate::statistics::{ColumnSummary, refuse_other_ways};
use crate::{Row, Value, footer};

/// The number of rows that are read at a time.
const BATCH_ROWS: usize = 256;

/// A reader of the rows of a file with exactly the columns of a [`Version`].
pub struct Reader<R: ChunkReader> {
    version: Version,
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
        let footer = footer::check(&file)?;
        let metadata = footer::read(&file)?;
        refuse_other_ways(&file, &metadata)?;
        footer::check_form(&footer, &metadata)?;
        let pages = ReaderProperties::builder().set_read_page_statistics(true).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(pages).build();
        let file = SerializedFileReader::new_with_options(file, options)?;
        let found = file.metadata().file_metadata().schema_descr().root_schema();
        let fits = |version: &Version| {
            schema(*version).is_ok_and(|schema| found.get_fields() == schema.get_fields())
        };
        let version = [Version::V2, Version::V1].into_iter().find(fits).ok_or_else(|| {
            ParquetError::General("the columns of the file are not those of an export of events".into())
        })?;
        let (columns, summaries, pages) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { version, file, group: 0, columns, summaries, pages, left: 0, ready: VecDeque::new() })
    }

    /// Returns the version of the file's columns.
    pub fn version(&self) -> Version {
        self.version
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
                Kind::Integer32 => ColumnReader::Int32ColumnReader(ColumnReaderImpl::new(descriptor, pages)),
                Kind::Word | Kind::Text => {
                    ColumnReader::ByteArrayColumnReader(ColumnReaderImpl::new(descriptor, pages))
                }
                Kind::Bytes(_) => {
                    ColumnReader::FixedLenByteArrayColumnReader(ColumnReaderImpl::new(descriptor, pages))
                }
            };
            Ok((reader, statistics))
        };
        let columns = self.version.columns().iter().enumerate().map(open).collect::<Result<Vec<_>>>()?;
        (self.columns, self.pages) = columns.into_iter().unzip();
        self.summaries = vec![ColumnSummary::default(); self.version.columns().len()];
        self.group += 1;
        Ok(true)
    }

    /// Checks that the whole row group was read, and that its statistics are true.
    fn end_group(&mut self) -> Result<()> {
        let columns = self.columns.drain(..).zip(self.summaries.drain(..));
        let columns = columns.zip(self.version.columns()).enumerate();
        for (place, ((mut reader, summary), column)) in columns {
            let more = match &mut reader {
                ColumnReader::Int32ColumnReader(reader) => is_more(reader)?,
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
        let columns = self.version.columns();
        let mut rows = vec![Row(Vec::with_capacity(columns.len())); count];
        let descriptors = self.file.metadata().file_metadata().schema_descr().columns();
        for ((column, descriptor), reader) in columns.iter().zip(descriptors).zip(&mut self.columns) {
            let defined = descriptor.max_def_level();
            let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
            match reader {
                ColumnReader::Int32ColumnReader(reader) => {
                    read_column(column, defined, reader, &mut rows, |value| Value::Integer((*value).into()))?;
                }
                ColumnReader::Int64ColumnReader(reader) => {
                    read_column(column, defined, reader, &mut rows, |value| Value::Integer(*value))?;
                }
                ColumnReader::ByteArrayColumnReader(reader) => {
                    read_column(column, defined, reader, &mut rows, |value| bytes(value.data()))?;
                }
                ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                    read_column(column, defined, reader, &mut rows, |value| bytes(value.data()))?;
                }
                _ => return Err(damaged(column)),
            }
        }
        for row in &rows {
            let columns = self.summaries.iter_mut().zip(&mut self.pages).zip(columns);
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

/// Reads a column of rows. A value is at the level `defined`.
fn read_column<T: DataType>(
    column: &Column,
    defined: i16,
    reader: &mut ColumnReaderImpl<T>,
    rows: &mut [Row],
    value: impl Fn(&T::T) -> Value,
) -> Result<()> {
    let (mut levels, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows.len() {
        let wanted = rows.len() - read;
        let (records, _, _) =
            reader.read_records(wanted, Some(&mut levels), Some(&mut repeated), &mut values)?;
        if records == 0 {
            return Err(damaged(column));
        }
        read += records;
    }
    // Without levels, every row has a value.
    levels.resize(if defined == 0 { rows.len() } else { levels.len() }, 0);
    if levels.len() != rows.len() || repeated.iter().any(|level| *level > 0) {
        return Err(damaged(column));
    }
    let mut values = values.iter();
    for (level, row) in levels.into_iter().zip(rows) {
        let found = if level == defined {
            Some(value(values.next().ok_or_else(|| damaged(column))?))
        } else if level == column.null_level() {
            None
        } else {
            return Err(damaged(column));
        };
        row.0.push(found);
    }
    Ok(())
}

/// True if there is a value after the last row.
fn is_more<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> Result<bool> {
    let (mut levels, mut repeated) = (Vec::new(), Vec::new());
    Ok(reader.read_records(1, Some(&mut levels), Some(&mut repeated), &mut Vec::new())?.0 > 0)
}

fn damaged(column: &Column) -> ParquetError {
    ParquetError::General(format!(
        "the column {} doesn't have one value per row, or none where it may be missing",
        column.name
    ))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::data_type::{ByteArrayType, FixedLenByteArrayType, Int32Type, Int64Type};
    use parquet::file::writer::SerializedFileWriter;

    use super::*;
    use crate::schema::properties;

    /// Returns a file with one row, in which a column has a value for each of these definition and repetition levels.
    fn file(name: &str, levels: &[(i16, i16)]) -> Bytes {
        let schema = schema(Version::V2).unwrap();
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties(Vec::new())).unwrap();
        let descriptors = writer.schema_descr().columns().to_vec();
        let mut group = writer.next_row_group().unwrap();
        for (column, descriptor) in Version::V2.columns().iter().zip(descriptors) {
            let most = descriptor.max_def_level();
            let levels = if column.name == name { levels } else { &[(most, 0)] };
            let count = levels.iter().filter(|(level, _)| *level == most).count();
            let (defined, repeated): (Vec<i16>, Vec<i16>) = levels.iter().copied().unzip();
            let defined = (most > 0).then_some(&defined[..]);
            let repeated = (descriptor.max_rep_level() > 0).then_some(&repeated[..]);
            let mut writer = group.next_column().unwrap().unwrap();
            let length = if let Kind::Bytes(length) = column.kind { length } else { 3 };
            let bytes = vec![vec![b'a'; length]; count];
            match column.kind {
                Kind::Integer | Kind::Time => {
                    writer.typed::<Int64Type>().write_batch(&vec![1; count], defined, repeated)
                }
                Kind::Integer32 => {
                    writer.typed::<Int32Type>().write_batch(&vec![1; count], defined, repeated)
                }
                Kind::Word | Kind::Text => {
                    let texts: Vec<_> = bytes.into_iter().map(Into::into).collect();
                    writer.typed::<ByteArrayType>().write_batch(&texts, defined, repeated)
                }
                Kind::Bytes(_) => {
                    let fixed: Vec<_> = bytes.into_iter().map(Into::into).collect();
                    writer.typed::<FixedLenByteArrayType>().write_batch(&fixed, defined, repeated)
                }
            }
            .unwrap();
            writer.close().unwrap();
        }
        group.close().unwrap();
        writer.into_inner().unwrap().into()
    }

    #[test]
    fn lists_of_another_length_are_refused() {
        let read = |name, levels: &[(i16, i16)]| {
            let row = Reader::open(file(name, levels)).and_then(|mut reader| reader.next_row());
            row.map(|row| row.unwrap().get(name).is_some()).map_err(|error| error.to_string())
        };
        let (uid, state) = ("attestation_list.uid", "attestation_list.signatures.state");
        assert_eq!(read(uid, &[(1, 0)]), Ok(true));
        assert_eq!((read(state, &[(3, 0)]), read(state, &[(1, 0)])), (Ok(true), Ok(false)));
        for (name, levels) in [
            // No attestation, two of them, an empty list of signatures, and two signatures.
            (uid, &[(0, 0)][..]),
            (uid, &[(1, 0), (1, 1)]),
            (state, &[(0, 0)]),
            (state, &[(2, 0)]),
            (state, &[(3, 0), (3, 2)]),
        ] {
            let refused = read(name, levels).unwrap_err();
            assert!(refused.contains("one value per row") || refused.contains("lengths differ"), "{refused}");
        }
    }
}
