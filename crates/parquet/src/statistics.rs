//! The statements of a file about its rows.
//!
//! Query engines skip row groups by their statistics, without reading the rows. All statements must therefore be true:
//! otherwise those engines would see different rows in the same file.

use parquet::basic::ColumnOrder;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, LevelHistogram, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::Statistics;

use crate::Value;
use crate::footer::dictionary_end;
use crate::schema::{Column, Kind};

/// The length in bytes to which the writer cuts the minimum or maximum of long strings; less, to end with a whole
/// character.
const CUT_BYTES: usize = 64;

/// A summary of the values read from a column of a row group or page.
#[derive(Clone, Default)]
pub(crate) struct ColumnSummary {
    min: Option<Value>,
    max: Option<Value>,
    values: u64,
    nulls: u64,
    /// The bytes of all values, without their lengths.
    bytes: u64,
}

impl ColumnSummary {
    pub(crate) fn add(&mut self, value: Option<&Value>) {
        let Some(value) = value else {
            self.nulls += 1;
            return;
        };
        self.values += 1;
        if let Value::Bytes(bytes) = value {
            self.bytes += bytes.len() as u64;
        }
        if self.min.as_ref().is_none_or(|min| value < min) {
            self.min = Some(value.clone());
        }
        if self.max.as_ref().is_none_or(|max| value > max) {
            self.max = Some(value.clone());
        }
    }

    /// Fails if the metadata of a column contradict its values.
    pub(crate) fn compare(&self, column: &Column, stated: &ColumnChunkMetaData) -> Result<()> {
        let rows = self.nulls + self.values;
        let is = |levels: Option<&LevelHistogram>, counts: &[u64]| {
            let stated = levels.map_or(&[][..], LevelHistogram::values);
            // A histogram of a single level may be absent.
            (stated.is_empty() && (levels.is_none() || counts.len() == 1))
                || stated.iter().map(|count| count.cast_unsigned()).eq(counts.iter().copied())
        };
        let counts = |most: i16, levels: [(i16, u64); 2]| {
            let count = |level| levels.iter().filter(|(at, _)| *at == level).map(|(_, count)| count).sum();
            (0..=most).map(count).collect::<Vec<u64>>()
        };
        let (defined, repeated) =
            (stated.column_descr().max_def_level(), stated.column_descr().max_rep_level());
        let nulls = if column.required { (defined, 0) } else { (column.null_level(), self.nulls) };
        let definitions = counts(defined, [nulls, (defined, self.values)]);
        let bytes = if matches!(column.kind, Kind::Word | Kind::Text) { Some(self.bytes) } else { None };
        if u64::try_from(stated.num_values()) == Ok(rows)
            && is(stated.definition_level_histogram(), &definitions)
            && is(stated.repetition_level_histogram(), &counts(repeated, [(0, rows), (0, 0)]))
            && stated
                .unencoded_byte_array_data_bytes()
                .is_none_or(|stated| u64::try_from(stated).ok() == bytes)
            && stated.geo_statistics().is_none()
            && stated.statistics().is_none_or(|stated| self.fits(column, stated))
        {
            return Ok(());
        }
        let message = format!("the statistics of the column {} contradict its values", column.name);
        Err(ParquetError::General(message))
    }

    /// True if statistics agree with the values, or are absent.
    pub(crate) fn fits(&self, column: &Column, stated: &Statistics) -> bool {
        let (min, max) = (stated.min_bytes_opt(), stated.max_bytes_opt());
        let is_text = matches!(column.kind, Kind::Word | Kind::Text);
        let is_cut_min =
            |stated: &[u8]| is_text && cut(self.min.as_ref()).is_some_and(|cut| cut.as_bytes() == stated);
        let is_cut_max = |stated: &[u8]| {
            is_text && cut(self.max.as_ref()).and_then(above).is_some_and(|cut| cut.as_bytes() == stated)
        };
        // If neither is present, the library reports the statistics as deprecated.
        (!stated.is_min_max_deprecated() || (min.is_none() && max.is_none()))
            && min.is_none_or(|bytes| {
                is_value(column, self.min.as_ref(), bytes) || (!stated.min_is_exact() && is_cut_min(bytes))
            })
            && max.is_none_or(|bytes| {
                is_value(column, self.max.as_ref(), bytes) || (!stated.max_is_exact() && is_cut_max(bytes))
            })
            && stated.null_count_opt().is_none_or(|nulls| nulls == self.nulls)
            && stated.distinct_count_opt().is_none()
    }
}

/// True if these bytes encode the value.
fn is_value(column: &Column, value: Option<&Value>, stated: &[u8]) -> bool {
    match value {
        Some(Value::Integer(number)) if column.kind == Kind::Integer32 => {
            i32::try_from(*number).is_ok_and(|number| stated == number.to_le_bytes())
        }
        Some(Value::Integer(number)) => stated == number.to_le_bytes(),
        Some(Value::Bytes(bytes)) => stated == bytes,
        None => false,
    }
}

/// Returns the beginning of a string that is too long to be stated whole.
fn cut(value: Option<&Value>) -> Option<&str> {
    let Some(Value::Bytes(bytes)) = value else { return None };
    let text = core::str::from_utf8(bytes).ok()?;
    (text.len() > CUT_BYTES).then(|| &text[..text.floor_char_boundary(CUT_BYTES)])
}

/// Returns the least string of at most the same length that is greater than all strings with this beginning: its last
/// character with a successor of the same length is replaced by that, and the rest is dropped.
fn above(begin: &str) -> Option<String> {
    begin.char_indices().rev().find_map(|(place, last)| {
        let next = char::from_u32(u32::from(last) + 1).filter(|next| next.len_utf8() == last.len_utf8())?;
        Some(format!("{}{next}", &begin[..place]))
    })
}

/// True if a row group states its number, and the position and length of its columns, if it states them.
fn is_placed(group: &RowGroupMetaData, nth: usize) -> bool {
    let begin = |column: &ColumnChunkMetaData| {
        column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset())
    };
    let first = group.columns().first().map(begin);
    let bytes: i64 = group.columns().iter().map(ColumnChunkMetaData::uncompressed_size).sum();
    group.ordinal().is_none_or(|ordinal| usize::try_from(ordinal) == Ok(nth))
        && group.file_offset().is_none_or(|offset| Some(offset) == first)
        && group.total_byte_size() == bytes
}

/// Fails for a file with metadata that could lead other programs to other rows.
pub(crate) fn refuse_other_ways<R: ChunkReader>(file: &R, stated: &ParquetMetaData) -> Result<()> {
    let refuse = |what: &str| {
        Err(ParquetError::General(format!("the file has {what}, which an export must not have")))
    };
    let orders = stated.file_metadata().column_orders();
    if !orders
        .is_some_and(|orders| orders.iter().all(|order| matches!(order, ColumnOrder::TYPE_DEFINED_ORDER(_))))
    {
        return refuse("an unusual order of values");
    }
    let mut rows = 0_i64;
    for (nth, group) in stated.row_groups().iter().enumerate() {
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
                return refuse("columns whose lengths differ from their row groups");
            }
        }
        if !is_placed(group, nth) {
            return refuse("a row group with another place or length");
        }
    }
    if stated.file_metadata().num_rows() != rows {
        return refuse("a number of rows that differs from its row groups");
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
                Kind::Integer | Kind::Integer32 | Kind::Time => Some(Value::Integer(i64::from(number) - 20)),
                Kind::Bytes(length) => Some(Value::Bytes(vec![number; length])),
                Kind::Word | Kind::Text => Some(Value::Bytes(vec![b'a' + number; 80])),
            })
        };
        (10..30).map(row).collect()
    }

    /// Returns a file with the same rows and changed metadata.
    fn with_metadata(change: impl FnOnce(ParquetMetaData) -> ParquetMetaData) -> Bytes {
        let file = Bytes::from(file());
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
        let footer = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
        let mut other = file[..file.len() - 8 - footer].to_vec();
        ParquetMetaDataWriter::new(&mut other, &change(metadata)).finish().unwrap();
        other.into()
    }

    fn column(
        name: &str,
        change: impl FnOnce(ColumnChunkMetaDataBuilder, &ColumnChunkMetaData) -> ColumnChunkMetaDataBuilder,
    ) -> Bytes {
        let place = COLUMNS.iter().position(|column| column.name == name).unwrap();
        group(|group| {
            let mut columns = group.columns().to_vec();
            let stated = columns[place].clone();
            columns[place] = change(stated.clone().into_builder(), &stated).build().unwrap();
            group.into_builder().set_column_metadata(columns).build().unwrap()
        })
    }

    fn group(change: impl FnOnce(RowGroupMetaData) -> RowGroupMetaData) -> Bytes {
        with_metadata(|metadata| {
            let mut metadata = metadata.into_builder();
            let groups = metadata.take_row_groups().into_iter().map(change_once(change)).collect();
            metadata.set_row_groups(groups).build()
        })
    }

    fn change_once<T>(change: impl FnOnce(T) -> T) -> impl FnMut(T) -> T {
        let mut change = Some(change);
        move |value| change.take().map_or_else(|| unreachable!(), |change| change(value))
    }

    fn refusal(file: Bytes) -> Option<String> {
        let read = |mut reader: Reader<Bytes>| {
            while reader.next_row()?.is_some() {}
            Ok(())
        };
        Reader::open(file).and_then(read).err().map(|error| error.to_string())
    }

    #[test]
    fn file_with_false_statistics_is_refused() {
        assert_eq!(refusal(file().into()), None);
        assert_eq!(refusal(with_metadata(|metadata| metadata)), None);
        let words = |min: &[u8], max: &[u8], nulls, exact| {
            let (min, max) = (Some(min.to_vec().into()), Some(max.to_vec().into()));
            let stated = ValueStatistics::new(min, max, None, nulls, false);
            Statistics::ByteArray(stated.with_min_is_exact(exact).with_max_is_exact(exact))
        };
        let numbers = |min, max| Statistics::int64(Some(min), Some(max), None, Some(0), false);
        let (low, high) = (vec![b'a' + 10; 80], vec![b'a' + 29; 80]);
        let mut above = high[..64].to_vec();
        above[63] += 1;
        // A long value may be cut if that is marked. Other statements are optional.
        for stated in [words(&low[..64], &above, Some(6), false), words(&low, &high, None, true)] {
            assert_eq!(refusal(column("actor_id", |column, _| column.set_statistics(stated))), None);
        }
        for stated in [
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
            let refused = refusal(column("actor_id", |column, _| column.set_statistics(stated)));
            assert!(refused.as_ref().is_some_and(|why| why.contains("statistics")), "{refused:?}");
        }
        for stated in [numbers(-9, 9), numbers(-10, 8), numbers(9, -10), numbers(-11, 9), numbers(-10, 10)] {
            let refused = refusal(column("entry", |column, _| column.set_statistics(stated)));
            assert!(refused.is_some_and(|why| why.contains("statistics of the column entry")));
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
    fn statistics_of_long_strings_are_accepted_as_the_writer_cuts_them() {
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
                Kind::Integer | Kind::Integer32 | Kind::Time => Some(Value::Integer(1)),
                Kind::Bytes(length) => Some(Value::Bytes(vec![1; length])),
                Kind::Word | Kind::Text => Some(Value::Bytes(text.clone().into())),
            });
            writer.push(&row).unwrap();
            assert_eq!(refusal(writer.finish().unwrap().into()), None, "{text:?}");
        }
    }

    fn without_index(file: &Bytes) -> Vec<u8> {
        let stated = ParquetMetaDataReader::new().parse_and_finish(file).unwrap();
        let footer = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
        let mut stated = stated.into_builder();
        let group = |group: RowGroupMetaData| {
            let plain = |column: &ColumnChunkMetaData| {
                let column = column.clone().into_builder().set_column_index_offset(None);
                let column = column.set_column_index_length(None).set_offset_index_offset(None);
                column.set_offset_index_length(None).build().unwrap()
            };
            let columns = group.columns().iter().map(plain).collect();
            group.into_builder().set_column_metadata(columns).build().unwrap()
        };
        let groups = stated.take_row_groups().into_iter().map(group).collect();
        let mut other = file[..file.len() - 8 - footer].to_vec();
        ParquetMetaDataWriter::new(&mut other, &stated.set_row_groups(groups).build()).finish().unwrap();
        other
    }

    #[test]
    fn false_statistics_of_pages_are_refused() {
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
        // The maximum of the first page of `entry`, -6, as max_value has it.
        let max = (-6_i64).to_le_bytes();
        let at = file.windows(8).position(|bytes| bytes == max).unwrap();
        let mut changed = file;
        changed[at] ^= 1;
        let refused = refusal(changed.into());
        assert!(
            refused.as_ref().is_some_and(|why| why.contains("of a page of the column entry")),
            "{refused:?}"
        );
    }

    /// Returns everything in the footer by which a program can answer queries or skip rows; `None` for each absent
    /// statement.
    fn statements(file: &Bytes) -> Option<Vec<Option<String>>> {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(file).ok()?;
        let mut all = vec![Some(format!("{}", metadata.file_metadata().num_rows()))];
        all.push(Some(format!("{:?}", metadata.file_metadata().schema_descr().root_schema().get_fields())));
        all.push(Some(format!("{:?}", metadata.file_metadata().column_orders())));
        let text = |value: Option<&[u8]>| value.map(|value| format!("{value:?}"));
        for group in metadata.row_groups() {
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
                let stated = column.statistics();
                all.push(stated.and_then(|stated| text(stated.min_bytes_opt())));
                all.push(stated.and_then(|stated| text(stated.max_bytes_opt())));
                all.push(stated.filter(|stated| stated.min_is_exact()).map(|_| "exact".into()));
                all.push(stated.filter(|stated| stated.max_is_exact()).map(|_| "exact".into()));
                all.push(stated.and_then(Statistics::null_count_opt).map(|nulls| nulls.to_string()));
                all.push(stated.and_then(Statistics::distinct_count_opt).map(|values| values.to_string()));
            }
        }
        Some(all)
    }

    #[test]
    fn changing_a_byte_of_the_footer_is_detected_or_harmless() {
        let file = file();
        let footer = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
        let right = statements(&Bytes::from(file.clone())).unwrap();
        let rows = |mut reader: Reader<Bytes>| {
            let mut rows = Vec::new();
            while let Some(row) = reader.next_row()? {
                rows.push(row);
            }
            Ok(rows)
        };
        let rows_of = |file: Bytes| Reader::open(file).and_then(rows).ok();
        let all = rows_of(file.clone().into()).unwrap();
        for place in file.len() - 8 - footer..file.len() {
            // One bit of each byte, to save time.
            let change = if place.is_multiple_of(2) { 1 } else { 128 };
            let mut changed = file.clone();
            changed[place] ^= change;
            let changed = Bytes::from(changed);
            let Some(read) = rows_of(changed.clone()) else { continue };
            assert_eq!(read, all, "{place} ^ {change}");
            let stated = statements(&changed).unwrap();
            assert_eq!(stated.len(), right.len(), "{place} ^ {change}");
            for (stated, right) in stated.iter().zip(&right) {
                // Fewer statements are allowed.
                assert!(stated.is_none() || stated == right, "{place} ^ {change}: {stated:?}, not {right:?}");
            }
        }
    }

    #[test]
    fn each_statement_of_a_footer_has_one_form() {
        let file = file();
        let footer = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
        // The footer that is written for the metadata that is read.
        let stated = |file: &Bytes| {
            let mut written = Vec::new();
            ParquetMetaDataWriter::new(&mut written, &crate::footer::read(file).unwrap()).finish().unwrap();
            written
        };
        let right = stated(&file.clone().into());
        // One bit of each byte, to save time.
        for place in file.len() - 8 - footer..file.len() {
            let bit = place % 8;
            let mut changed = file.clone();
            changed[place] ^= 1 << bit;
            let changed = Bytes::from(changed);
            if Reader::open(changed.clone()).is_ok() {
                assert!(stated(&changed) != right, "bit {bit} of {place}");
            }
        }
    }

    #[test]
    fn file_with_another_way_to_its_rows_is_refused() {
        // The number of rows, 20, before the list with its one row group.
        let mut fewer = file();
        let at = fewer.windows(4).rposition(|bytes| bytes == [0x16, 40, 0x19, 0x1c]).unwrap();
        fewer[at + 1] = 38;
        for (file, what) in [
            (
                group(|group| group.into_builder().set_file_offset(900_000_000).build().unwrap()),
                "a row group with another place",
            ),
            (
                group(|group| group.into_builder().set_ordinal(1).build().unwrap()),
                "a row group with another place",
            ),
            (
                group(|group| group.into_builder().set_total_byte_size(1).build().unwrap()),
                "a row group with another place",
            ),
            (column("entry", |column, _| column.set_column_index_offset(Some(4))), "an index of pages"),
            (column("entry", |column, _| column.set_offset_index_offset(Some(4))), "an index of pages"),
            (column("entry", |column, _| column.set_bloom_filter_offset(Some(4))), "a Bloom filter"),
            (column("entry", |column, _| column.set_file_path("other".into())), "rows in another file"),
            (
                column("action", |column, stated| {
                    column.set_dictionary_page_offset(Some(stated.data_page_offset()))
                }),
                "pages out of order",
            ),
            (column("entry", |column, _| column.set_data_page_offset(-1)), "pages out of order"),
            (column("action", |column, _| column.set_dictionary_page_offset(Some(-1))), "pages out of order"),
            (column("entry", |column, _| column.set_total_compressed_size(-1)), "pages out of order"),
            (column("entry", |column, _| column.set_num_values(19)), "columns whose lengths differ"),
            (
                group(|group| group.into_builder().set_num_rows(19).build().unwrap()),
                "columns whose lengths differ",
            ),
            (
                group(|group| group.into_builder().set_sorting_columns(Some(Vec::new())).build().unwrap()),
                "an order of rows",
            ),
            (Bytes::from(fewer), "a number of rows that differs"),
        ] {
            let refused = refusal(file);
            assert!(refused.as_ref().is_some_and(|why| why.contains(what)), "{what}: {refused:?}");
        }
    }
}
