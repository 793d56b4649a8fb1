//! What a file says of its rows besides them.
//!
//! Query engines pass a row group over by what is said of it, and never look at its rows. So all of that has to be
//! so, or the same file has other rows for them.

use parquet::basic::ColumnOrder;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;

use crate::Value;
use crate::schema::Column;

/// The values that were read of a column of a row group.
#[derive(Clone, Default)]
pub(crate) struct Described {
    least: Option<Value>,
    most: Option<Value>,
    values: u64,
    nulls: u64,
}

impl Described {
    pub(crate) fn add(&mut self, value: Option<&Value>) {
        let Some(value) = value else {
            self.nulls += 1;
            return;
        };
        self.values += 1;
        if self.least.as_ref().is_none_or(|least| value < least) {
            self.least = Some(value.clone());
        }
        if self.most.as_ref().is_none_or(|most| value > most) {
            self.most = Some(value.clone());
        }
    }

    /// Refuses a column of which something else is said.
    pub(crate) fn compare(&self, column: &Column, said: &ColumnChunkMetaData) -> Result<()> {
        let rows = u64::try_from(said.num_values()) == Ok(self.values + self.nulls);
        let levels = said.definition_level_histogram().is_none_or(|levels| {
            levels.values().iter().map(|count| count.cast_unsigned()).eq([self.nulls, self.values])
        });
        if rows && levels && said.statistics().is_none_or(|said| self.fits(said)) {
            return Ok(());
        }
        let message = format!("the statistics of the column {} are not those of its values", column.name);
        Err(ParquetError::General(message))
    }

    fn fits(&self, said: &Statistics) -> bool {
        let value = |bytes: &[u8]| match said {
            Statistics::Int64(_) => bytes.try_into().map(i64::from_le_bytes).map(Value::Integer).ok(),
            _ => Some(Value::Bytes(bytes.to_vec())),
        };
        let below =
            |bytes| self.least.as_ref().is_none_or(|least| value(bytes).is_some_and(|said| said <= *least));
        let above =
            |bytes| self.most.as_ref().is_none_or(|most| value(bytes).is_some_and(|said| said >= *most));
        let (least, most) = (said.min_bytes_opt(), said.max_bytes_opt());
        // Where neither is said, the library takes the statistics for deprecated ones.
        (!said.is_min_max_deprecated() || (least.is_none() && most.is_none()))
            && least.is_none_or(below)
            && most.is_none_or(above)
            && said.null_count_opt().is_none_or(|nulls| nulls == self.nulls)
            && said.distinct_count_opt().is_none()
    }
}

/// Refuses what gives other programs another way to the rows: of these there is to be one.
pub(crate) fn refuse_other_ways(said: &ParquetMetaData) -> Result<()> {
    let refuse = |what: &str| Err(ParquetError::General(format!("it has {what}, which an export has not")));
    let orders = said.file_metadata().column_orders();
    if !orders
        .is_some_and(|orders| orders.iter().all(|order| matches!(order, ColumnOrder::TYPE_DEFINED_ORDER(_))))
    {
        return refuse("another order of values");
    }
    let mut rows = 0_i64;
    for group in said.row_groups() {
        rows = rows.saturating_add(group.num_rows());
        if group.sorting_columns().is_some() {
            return refuse("an order of rows");
        }
        for column in group.columns() {
            if column.column_index_offset().is_some() || column.offset_index_offset().is_some() {
                return refuse("an index of pages");
            }
            if column.bloom_filter_offset().is_some() {
                return refuse("a Bloom filter");
            }
            if column.file_path().is_some() {
                return refuse("rows in another file");
            }
            let first = column.dictionary_page_offset().unwrap_or(0);
            if first < 0
                || column.data_page_offset() <= first
                || column.compressed_size() < 0
                || column.index_page_offset().is_some()
            {
                return refuse("pages out of order");
            }
            if column.num_values() != group.num_rows() {
                return refuse("columns of other lengths than its row groups");
            }
        }
    }
    if said.file_metadata().num_rows() != rows {
        return refuse("another number of rows than its row groups");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::metadata::{
        ColumnChunkMetaData, ColumnChunkMetaDataBuilder, ParquetMetaData, ParquetMetaDataReader,
        ParquetMetaDataWriter, RowGroupMetaData,
    };
    use parquet::file::statistics::Statistics;

    use crate::{COLUMNS, Kind, Reader, Row, Value, Writer};

    fn file() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), Vec::new()).unwrap();
        for number in 10..30_u8 {
            let row = Row::new(|column| match column.kind {
                _ if !column.required && number % 3 == 0 => None,
                Kind::Integer | Kind::Time => Some(Value::Integer(i64::from(number) - 20)),
                Kind::Bytes(length) => Some(Value::Bytes(vec![number; length])),
                Kind::Word | Kind::Text => Some(Value::Bytes(vec![b'a' + number; 80])),
            });
            writer.push(&row).unwrap();
        }
        writer.finish().unwrap()
    }

    /// The same rows in a file that says something else of itself.
    fn saying(change: impl FnOnce(ParquetMetaData) -> ParquetMetaData) -> Bytes {
        let file = Bytes::from(file());
        let said = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
        let footer = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
        let mut other = file[..file.len() - 8 - footer].to_vec();
        ParquetMetaDataWriter::new(&mut other, &change(said)).finish().unwrap();
        other.into()
    }

    fn column(
        name: &str,
        change: impl FnOnce(ColumnChunkMetaDataBuilder, &ColumnChunkMetaData) -> ColumnChunkMetaDataBuilder,
    ) -> Bytes {
        let place = COLUMNS.iter().position(|column| column.name == name).unwrap();
        group(|group| {
            let mut columns = group.columns().to_vec();
            let said = columns[place].clone();
            columns[place] = change(said.clone().into_builder(), &said).build().unwrap();
            group.into_builder().set_column_metadata(columns).build().unwrap()
        })
    }

    fn group(change: impl FnOnce(RowGroupMetaData) -> RowGroupMetaData) -> Bytes {
        saying(|said| {
            let mut said = said.into_builder();
            let groups = said.take_row_groups().into_iter().map(change_once(change)).collect();
            said.set_row_groups(groups).build()
        })
    }

    fn change_once<T>(change: impl FnOnce(T) -> T) -> impl FnMut(T) -> T {
        let mut change = Some(change);
        move |of| change.take().map_or_else(|| unreachable!(), |change| change(of))
    }

    fn refusal(file: Bytes) -> Option<String> {
        let read = |mut reader: Reader<Bytes>| {
            while reader.next_row()?.is_some() {}
            Ok(())
        };
        Reader::open(file).and_then(read).err().map(|error| error.to_string())
    }

    #[test]
    fn a_file_that_says_what_its_rows_are_not_is_refused() {
        assert_eq!(refusal(file().into()), None);
        assert_eq!(refusal(saying(|said| said)), None);
        let words = |least: &[u8], most: &[u8], nulls| {
            Statistics::byte_array(
                Some(least.to_vec().into()),
                Some(most.to_vec().into()),
                None,
                nulls,
                false,
            )
        };
        let numbers = |least, most| Statistics::int64(Some(least), Some(most), None, Some(0), false);
        let (low, high) = (vec![b'a' + 10; 80], vec![b'a' + 29; 80]);
        // Bounds need not be values.
        for said in [words(&low[..64], b"\xff", Some(6)), words(b"", &high, None)] {
            assert_eq!(refusal(column("actor_id", |column, _| column.set_statistics(said))), None);
        }
        for said in [
            words(&[b'a' + 11; 80], &high, Some(6)),
            words(&low, &high[..79], Some(6)),
            words(&low, &high, Some(5)),
            words(&low, &high, Some(20)),
            Statistics::byte_array(Some(low.clone().into()), Some(high.clone().into()), None, Some(6), true),
            Statistics::byte_array(Some(low.into()), Some(high.into()), Some(2), Some(6), false),
        ] {
            let refused = refusal(column("actor_id", |column, _| column.set_statistics(said)));
            assert!(refused.is_some_and(|why| why.contains("statistics of the column actor_id")));
        }
        for said in [numbers(-9, 9), numbers(-10, 8), numbers(9, -10)] {
            let refused = refusal(column("leaf", |column, _| column.set_statistics(said)));
            assert!(refused.is_some_and(|why| why.contains("statistics of the column leaf")));
        }
    }

    #[test]
    fn a_file_with_another_way_to_its_rows_is_refused() {
        // The number of rows, 20, before the list of the one row group.
        let mut fewer = file();
        let at = fewer.windows(4).rposition(|bytes| bytes == [0x16, 40, 0x19, 0x1c]).unwrap();
        fewer[at + 1] = 38;
        for (file, what) in [
            (column("leaf", |column, _| column.set_column_index_offset(Some(4))), "an index of pages"),
            (column("leaf", |column, _| column.set_offset_index_offset(Some(4))), "an index of pages"),
            (column("leaf", |column, _| column.set_bloom_filter_offset(Some(4))), "a Bloom filter"),
            (column("leaf", |column, _| column.set_file_path("other".into())), "rows in another file"),
            (
                column("action", |column, said| {
                    column.set_dictionary_page_offset(Some(said.data_page_offset()))
                }),
                "pages out of order",
            ),
            (column("leaf", |column, _| column.set_data_page_offset(-1)), "pages out of order"),
            (column("action", |column, _| column.set_dictionary_page_offset(Some(-1))), "pages out of order"),
            (column("leaf", |column, _| column.set_total_compressed_size(-1)), "pages out of order"),
            (column("leaf", |column, _| column.set_num_values(19)), "columns of other lengths"),
            (
                group(|group| group.into_builder().set_num_rows(19).build().unwrap()),
                "columns of other lengths",
            ),
            (
                group(|group| group.into_builder().set_sorting_columns(Some(Vec::new())).build().unwrap()),
                "an order of rows",
            ),
            (Bytes::from(fewer), "another number of rows"),
        ] {
            let refused = refusal(file);
            assert!(refused.as_ref().is_some_and(|why| why.contains(what)), "{what}: {refused:?}");
        }
    }
}
