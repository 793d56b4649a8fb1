//! What a file says of its rows besides them.
//!
//! Query engines pass a row group over by what is said of it, and never look at its rows. So all of that has to be
//! so, or the same file has other rows for them.

use parquet::basic::ColumnOrder;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, LevelHistogram, ParquetMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::Statistics;

use crate::Value;
use crate::footer::dictionary_end;
use crate::schema::{Column, Kind};

/// The length to which the writer cuts a long least or greatest text, in bytes; less, to end with a whole character.
const CUT: usize = 64;

/// The values that were read of a column of a row group.
#[derive(Clone, Default)]
pub(crate) struct Described {
    least: Option<Value>,
    most: Option<Value>,
    values: u64,
    nulls: u64,
    /// The bytes of all values, without their lengths.
    bytes: u64,
}

impl Described {
    pub(crate) fn add(&mut self, value: Option<&Value>) {
        let Some(value) = value else {
            self.nulls += 1;
            return;
        };
        self.values += 1;
        if let Value::Bytes(bytes) = value {
            self.bytes += bytes.len() as u64;
        }
        if self.least.as_ref().is_none_or(|least| value < least) {
            self.least = Some(value.clone());
        }
        if self.most.as_ref().is_none_or(|most| value > most) {
            self.most = Some(value.clone());
        }
    }

    /// Refuses a column of which something else is said.
    pub(crate) fn compare(&self, column: &Column, said: &ColumnChunkMetaData) -> Result<()> {
        let rows = self.nulls + self.values;
        let is = |levels: Option<&LevelHistogram>, counts: &[u64]| {
            let said = levels.map_or(&[][..], LevelHistogram::values);
            // Of a column with one level, it need not be said.
            (said.is_empty() && (levels.is_none() || counts.len() == 1))
                || said.iter().map(|count| count.cast_unsigned()).eq(counts.iter().copied())
        };
        let defined = if column.required { &[rows][..] } else { &[self.nulls, self.values] };
        let bytes = if matches!(column.kind, Kind::Word | Kind::Text) { Some(self.bytes) } else { None };
        if u64::try_from(said.num_values()) == Ok(rows)
            && is(said.definition_level_histogram(), defined)
            && is(said.repetition_level_histogram(), &[rows])
            && said.unencoded_byte_array_data_bytes().is_none_or(|said| u64::try_from(said).ok() == bytes)
            && said.geo_statistics().is_none()
            && said.statistics().is_none_or(|said| self.fits(column, said))
        {
            return Ok(());
        }
        let message = format!("the statistics of the column {} are not those of its values", column.name);
        Err(ParquetError::General(message))
    }

    /// True if statistics are those of the values, or say nothing.
    pub(crate) fn fits(&self, column: &Column, said: &Statistics) -> bool {
        let (least, most) = (said.min_bytes_opt(), said.max_bytes_opt());
        let is_text = matches!(column.kind, Kind::Word | Kind::Text);
        let is_cut_least =
            |said: &[u8]| is_text && cut(self.least.as_ref()).is_some_and(|cut| cut.as_bytes() == said);
        let is_cut_most = |said: &[u8]| {
            is_text && cut(self.most.as_ref()).and_then(above).is_some_and(|cut| cut.as_bytes() == said)
        };
        // Where neither is said, the library takes the statistics for deprecated ones.
        (!said.is_min_max_deprecated() || (least.is_none() && most.is_none()))
            && least.is_none_or(|bytes| {
                is_value(self.least.as_ref(), bytes) || (!said.min_is_exact() && is_cut_least(bytes))
            })
            && most.is_none_or(|bytes| {
                is_value(self.most.as_ref(), bytes) || (!said.max_is_exact() && is_cut_most(bytes))
            })
            && said.null_count_opt().is_none_or(|nulls| nulls == self.nulls)
            && said.distinct_count_opt().is_none()
    }
}

/// True if these bytes are that value.
fn is_value(value: Option<&Value>, said: &[u8]) -> bool {
    match value {
        Some(Value::Integer(number)) => said == number.to_le_bytes(),
        Some(Value::Bytes(bytes)) => said == bytes,
        None => false,
    }
}

/// The beginning of a text that is too long to be said whole.
fn cut(value: Option<&Value>) -> Option<&str> {
    let Some(Value::Bytes(bytes)) = value else { return None };
    let text = core::str::from_utf8(bytes).ok()?;
    (text.len() > CUT).then(|| &text[..text.floor_char_boundary(CUT)])
}

/// The least text of at most that length that is above all that begin so: its last character that has a next one of as
/// many bytes is replaced by that, and what follows left out.
fn above(begin: &str) -> Option<String> {
    begin.char_indices().rev().find_map(|(place, last)| {
        let next = char::from_u32(u32::from(last) + 1).filter(|next| next.len_utf8() == last.len_utf8())?;
        Some(format!("{}{next}", &begin[..place]))
    })
}

/// Refuses what gives other programs another way to the rows: of these there is to be one.
pub(crate) fn refuse_other_ways<R: ChunkReader>(file: &R, said: &ParquetMetaData) -> Result<()> {
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
            let is_after = |dictionary| {
                let end = dictionary_end(file, u64::try_from(dictionary).ok()?).ok()?;
                (u64::try_from(column.data_page_offset()).ok()? == end).then_some(())
            };
            if first < 0
                || (column.dictionary_page_offset().is_some() && is_after(first).is_none())
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
    use std::sync::Arc;

    use bytes::Bytes;
    use parquet::file::metadata::{
        ColumnChunkMetaData, ColumnChunkMetaDataBuilder, LevelHistogram, ParquetMetaData,
        ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
    };
    use parquet::file::statistics::{Statistics, ValueStatistics};

    use crate::{COLUMNS, Kind, Reader, Row, Value, Writer};

    fn file() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), Vec::new()).unwrap();
        for row in rows() {
            writer.push(&row).unwrap();
        }
        writer.finish().unwrap()
    }

    fn rows() -> Vec<Row> {
        let row = |number: u8| {
            Row::new(|column| match column.kind {
                _ if !column.required && number.is_multiple_of(3) => None,
                Kind::Integer | Kind::Time => Some(Value::Integer(i64::from(number) - 20)),
                Kind::Bytes(length) => Some(Value::Bytes(vec![number; length])),
                Kind::Word | Kind::Text => Some(Value::Bytes(vec![b'a' + number; 80])),
            })
        };
        (10..30).map(row).collect()
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
        let words = |least: &[u8], most: &[u8], nulls, exact| {
            let (least, most) = (Some(least.to_vec().into()), Some(most.to_vec().into()));
            let said = ValueStatistics::new(least, most, None, nulls, false);
            Statistics::ByteArray(said.with_min_is_exact(exact).with_max_is_exact(exact))
        };
        let numbers = |least, most| Statistics::int64(Some(least), Some(most), None, Some(0), false);
        let (low, high) = (vec![b'a' + 10; 80], vec![b'a' + 29; 80]);
        let mut above = high[..64].to_vec();
        above[63] += 1;
        // A long value is cut, if that is said; nothing else need be said.
        for said in [words(&low[..64], &above, Some(6), false), words(&low, &high, None, true)] {
            assert_eq!(refusal(column("actor_id", |column, _| column.set_statistics(said))), None);
        }
        for said in [
            words(&low[..64], &high, Some(6), true),
            words(&low, &above, Some(6), true),
            words(&low[..63], &above, Some(6), false),
            words(&low[..64], &[b'a' + 30; 64], Some(6), false),
            words(&low[..64], b"\xff", Some(6), false),
            words(b"", &high, Some(6), false),
            words(b"", &high, Some(6), true),
            words(&[b'a' + 11; 80], &high, Some(6), true),
            words(&low, &high[..79], Some(6), true),
            words(&low, &high, Some(5), true),
            words(&low, &high, Some(20), true),
            Statistics::byte_array(Some(low.clone().into()), Some(high.clone().into()), None, Some(6), true),
            Statistics::byte_array(Some(low.into()), Some(high.into()), Some(2), Some(6), false),
        ] {
            let refused = refusal(column("actor_id", |column, _| column.set_statistics(said)));
            assert!(refused.as_ref().is_some_and(|why| why.contains("statistics")), "{refused:?}");
        }
        for said in [numbers(-9, 9), numbers(-10, 8), numbers(9, -10), numbers(-11, 9), numbers(-10, 10)] {
            let refused = refusal(column("entry", |column, _| column.set_statistics(said)));
            assert!(refused.is_some_and(|why| why.contains("statistics of the column leaf")));
        }
        let levels = |counts: Vec<i64>| Some(LevelHistogram::from(counts));
        for (name, defined, repeated, bytes, right) in [
            ("entry", levels(vec![20]), levels(vec![20]), None, true),
            ("entry", levels(vec![0, 20]), None, None, false),
            ("entry", levels(vec![19]), None, None, false),
            ("entry", None, levels(vec![19]), None, false),
            ("entry", None, None, Some(160), false),
            ("actor_id", levels(vec![6, 14]), levels(vec![20]), Some(14 * 80), true),
            ("actor_id", levels(vec![5, 15]), None, None, false),
            ("actor_id", levels(vec![20]), None, None, false),
            ("actor_id", None, None, Some(14 * 80 + 1), false),
        ] {
            let refused = refusal(column(name, |column, _| {
                let column = column.set_definition_level_histogram(defined);
                column.set_repetition_level_histogram(repeated).set_unencoded_byte_array_data_bytes(bytes)
            }));
            assert_eq!(refused.is_none(), right, "{name}: {refused:?}");
        }
    }

    #[test]
    fn long_texts_are_said_as_the_writer_cuts_them() {
        for text in [
            "x".repeat(64),
            "x".repeat(65),
            "\u{7f}".repeat(70),
            "\u{e9}".repeat(50),
            format!("x{}", "\u{20ac}".repeat(40)),
            format!("{}{}", "x".repeat(62), "\u{10ffff}".repeat(3)),
            "\u{10ffff}".repeat(40),
        ] {
            let mut writer = Writer::new(Vec::new(), Vec::new()).unwrap();
            let row = Row::new(|column| match column.kind {
                Kind::Integer | Kind::Time => Some(Value::Integer(1)),
                Kind::Bytes(length) => Some(Value::Bytes(vec![1; length])),
                Kind::Word | Kind::Text => Some(Value::Bytes(text.clone().into())),
            });
            writer.push(&row).unwrap();
            assert_eq!(refusal(writer.finish().unwrap().into()), None, "{text:?}");
        }
    }

    fn without_index(file: &Bytes) -> Vec<u8> {
        let said = ParquetMetaDataReader::new().parse_and_finish(file).unwrap();
        let footer = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
        let mut said = said.into_builder();
        let group = |group: RowGroupMetaData| {
            let plain = |column: &ColumnChunkMetaData| {
                let column = column.clone().into_builder().set_column_index_offset(None);
                let column = column.set_column_index_length(None).set_offset_index_offset(None);
                column.set_offset_index_length(None).build().unwrap()
            };
            let columns = group.columns().iter().map(plain).collect();
            group.into_builder().set_column_metadata(columns).build().unwrap()
        };
        let groups = said.take_row_groups().into_iter().map(group).collect();
        let mut other = file[..file.len() - 8 - footer].to_vec();
        ParquetMetaDataWriter::new(&mut other, &said.set_row_groups(groups).build()).finish().unwrap();
        other
    }

    #[test]
    fn statistics_of_pages_are_those_of_their_values() {
        use parquet::file::properties::{EnabledStatistics, WriterProperties};

        let properties = WriterProperties::builder()
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_write_page_header_statistics(true)
            .set_offset_index_disabled(true)
            .set_dictionary_enabled(false)
            .set_data_page_row_count_limit(5)
            .set_write_batch_size(5);
        let file = crate::writer::with_properties(Vec::new(), Arc::new(properties.build())).and_then(
            |mut writer| {
                rows().iter().try_for_each(|row| writer.push(row))?;
                writer.finish()
            },
        );
        let file = without_index(&file.unwrap().into());
        assert_eq!(refusal(file.clone().into()), None);
        // The greatest value of the first page of `leaf`, -6, as min_value and max_value have it.
        let most = (-6_i64).to_le_bytes();
        let at = file.windows(8).position(|bytes| bytes == most).unwrap();
        let mut changed = file;
        changed[at] ^= 1;
        let refused = refusal(changed.into());
        assert!(
            refused.as_ref().is_some_and(|why| why.contains("of a page of the column leaf")),
            "{refused:?}"
        );
    }

    /// What the footer says about the rows: all by which a program can answer or pass rows over, none for what it leaves
    /// open.
    fn said(file: &Bytes) -> Option<Vec<Option<String>>> {
        let said = ParquetMetaDataReader::new().parse_and_finish(file).ok()?;
        let mut all = vec![Some(format!("{}", said.file_metadata().num_rows()))];
        all.push(Some(format!("{:?}", said.file_metadata().schema_descr().root_schema().get_fields())));
        all.push(Some(format!("{:?}", said.file_metadata().column_orders())));
        let text = |value: Option<&[u8]>| value.map(|value| format!("{value:?}"));
        for group in said.row_groups() {
            all.push(Some(format!("{} {:?}", group.num_rows(), group.sorting_columns())));
            for column in group.columns() {
                let ways = (
                    column.column_index_offset(),
                    column.offset_index_offset(),
                    column.bloom_filter_offset(),
                );
                let stands = (column.file_path(), column.data_page_offset(), column.dictionary_page_offset());
                all.push(Some(format!("{} {ways:?} {stands:?}", column.num_values())));
                all.push(column.definition_level_histogram().map(|levels| format!("{levels:?}")));
                all.push(column.repetition_level_histogram().map(|levels| format!("{levels:?}")));
                all.push(column.unencoded_byte_array_data_bytes().map(|bytes| bytes.to_string()));
                let said = column.statistics();
                all.push(said.and_then(|said| text(said.min_bytes_opt())));
                all.push(said.and_then(|said| text(said.max_bytes_opt())));
                all.push(said.filter(|said| said.min_is_exact()).map(|_| "exact".into()));
                all.push(said.filter(|said| said.max_is_exact()).map(|_| "exact".into()));
                all.push(said.and_then(Statistics::null_count_opt).map(|nulls| nulls.to_string()));
                all.push(said.and_then(Statistics::distinct_count_opt).map(|values| values.to_string()));
            }
        }
        Some(all)
    }

    #[test]
    fn a_footer_of_which_one_byte_was_changed_is_refused_or_says_the_same() {
        let file = file();
        let footer = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
        let right = said(&Bytes::from(file.clone())).unwrap();
        let rows = |mut reader: Reader<Bytes>| {
            let mut rows = Vec::new();
            while let Some(row) = reader.next_row()? {
                rows.push(row);
            }
            Ok(rows)
        };
        let of = |file: Bytes| Reader::open(file).and_then(rows).ok();
        let all = of(file.clone().into()).unwrap();
        for place in file.len() - 8 - footer..file.len() {
            for change in [1, 128] {
                let mut changed = file.clone();
                changed[place] ^= change;
                let changed = Bytes::from(changed);
                let Some(read) = of(changed.clone()) else { continue };
                assert_eq!(read, all, "{place} ^ {change}");
                let told = said(&changed).unwrap();
                assert_eq!(told.len(), right.len(), "{place} ^ {change}");
                for (told, right) in told.iter().zip(&right) {
                    // It may say less.
                    assert!(told.is_none() || told == right, "{place} ^ {change}: {told:?}, not {right:?}");
                }
            }
        }
    }

    #[test]
    fn a_file_with_another_way_to_its_rows_is_refused() {
        // The number of rows, 20, before the list of the one row group.
        let mut fewer = file();
        let at = fewer.windows(4).rposition(|bytes| bytes == [0x16, 40, 0x19, 0x1c]).unwrap();
        fewer[at + 1] = 38;
        for (file, what) in [
            (column("entry", |column, _| column.set_column_index_offset(Some(4))), "an index of pages"),
            (column("entry", |column, _| column.set_offset_index_offset(Some(4))), "an index of pages"),
            (column("entry", |column, _| column.set_bloom_filter_offset(Some(4))), "a Bloom filter"),
            (column("entry", |column, _| column.set_file_path("other".into())), "rows in another file"),
            (
                column("action", |column, said| {
                    column.set_dictionary_page_offset(Some(said.data_page_offset()))
                }),
                "pages out of order",
            ),
            (column("entry", |column, _| column.set_data_page_offset(-1)), "pages out of order"),
            (column("action", |column, _| column.set_dictionary_page_offset(Some(-1))), "pages out of order"),
            (column("entry", |column, _| column.set_total_compressed_size(-1)), "pages out of order"),
            (column("entry", |column, _| column.set_num_values(19)), "columns of other lengths"),
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
