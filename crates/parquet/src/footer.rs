//! Checks of the footer's bytes for what the library doesn't report: repeated fields, deprecated copies of the minimum
//! and maximum that old programs read instead of the current ones, and any other form of what it reads.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetMetaDataWriter,
};
use parquet::file::reader::ChunkReader;

/// The length of the file's tail after the footer: the footer's length in four bytes, and four letters.
const TAIL_BYTES: u64 = 8;
/// The last bytes of a file.
const MAGIC: [u8; 4] = *b"PAR1";
/// The maximum length of a dictionary page's header, in bytes.
const MAX_PAGE_HEADER_BYTES: u64 = 256;
/// The maximum nesting of structs in Parquet's metadata.
const MAX_DEPTH: u8 = 16;
/// The path to a column's statistics: row groups, columns, metadata, statistics.
const STATISTICS: [i16; 4] = [4, 1, 3, 12];
/// The fields of statistics: the deprecated and the current copy of the maximum and of the minimum.
const COPIES: [(i16, i16); 2] = [(1, 5), (2, 6)];

/// Fails for a footer with a repeated field, or with two copies of a value that differ. Returns the footer without the
/// deprecated copies.
pub(crate) fn check<R: ChunkReader>(file: &R) -> Result<Vec<u8>> {
    let length = file.len();
    let tail = length.checked_sub(TAIL_BYTES).ok_or_else(malformed)?;
    let tail_bytes = file.get_bytes(tail, TAIL_BYTES as usize)?;
    let footer = u32::from_le_bytes(tail_bytes[..4].try_into().map_err(|_| malformed())?);
    let begin = tail.checked_sub(u64::from(footer)).ok_or_else(malformed)?;
    let bytes = file.get_bytes(begin, footer as usize)?;
    let mut compact = Compact::new(&bytes);
    compact.structure(0)?;
    if compact.rest.is_empty() { Ok(compact.current) } else { Err(malformed()) }
}

/// Reads everything that the footer has, so that it can be written again.
pub(crate) fn read<R: ChunkReader>(file: &R) -> Result<ParquetMetaData> {
    let whole = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
    ParquetMetaDataReader::new().with_metadata_options(Some(whole)).parse_and_finish(file)
}

/// Fails unless a [checked](check) footer is exactly what is written for this metadata, which was read from it. Another
/// form of the same metadata, such as a number of another type, may be ignored by one program and read by another.
pub(crate) fn check_form(footer: &[u8], metadata: &ParquetMetaData) -> Result<()> {
    let mut written = Vec::new();
    ParquetMetaDataWriter::new(&mut written, metadata).finish()?;
    if written
        .strip_suffix(&MAGIC)
        .and_then(|written| written.strip_prefix(footer))
        .is_some_and(|length| u32::try_from(footer.len()).is_ok_and(|footer| *length == footer.to_le_bytes()))
    {
        return Ok(());
    }
    let message = "the footer of the file has another form than that in which it would be written";
    Err(ParquetError::General(message.into()))
}

/// Returns the offset of the page after the dictionary page at `offset`.
pub(crate) fn dictionary_end<R: ChunkReader>(file: &R, offset: u64) -> Result<u64> {
    let length = file.len().checked_sub(offset).ok_or_else(malformed)?.min(MAX_PAGE_HEADER_BYTES);
    let bytes = file.get_bytes(offset, length as usize)?;
    let mut compact = Compact::new(&bytes);
    compact.structure(0)?;
    let header = length - compact.rest.len() as u64;
    let page = compact.third.and_then(|length| u64::try_from(length).ok()).ok_or_else(malformed)?;
    offset.checked_add(header).and_then(|begin| begin.checked_add(page)).ok_or_else(malformed)
}

fn malformed() -> ParquetError {
    ParquetError::General("the footer of the file is malformed".into())
}

/// A parser of Thrift's compact protocol.
struct Compact<'a> {
    rest: &'a [u8],
    /// The numbers of the fields around the current position.
    path: Vec<i16>,
    /// The number in the third field of the outermost struct. In a page's header, that is the length of the page.
    third: Option<i64>,
    /// The bytes that were parsed so far, without deprecated copies.
    current: Vec<u8>,
}

impl<'a> Compact<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, path: Vec::new(), third: None, current: Vec::new() }
    }

    /// Keeps what was parsed since `before`.
    fn keep(&mut self, before: &[u8]) {
        self.current.extend_from_slice(&before[..before.len() - self.rest.len()]);
    }

    /// Keeps the head of a field that comes after the field `last`.
    fn keep_head(&mut self, kind: u8, field: i16, last: i16) {
        if let Ok(delta @ 1..=15) = u8::try_from(field - last) {
            self.current.push(delta << 4 | kind);
            return;
        }
        self.current.push(kind);
        let mut value = (field << 1 ^ field >> 15).cast_unsigned();
        while value > 127 {
            self.current.push((value & 127) as u8 | 128);
            value >>= 7;
        }
        self.current.push(value as u8);
    }

    fn structure(&mut self, depth: u8) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(malformed());
        }
        let is_statistics = self.path == STATISTICS;
        let mut values: [Option<&[u8]>; 7] = [None; 7];
        let (mut last, mut last_kept) = (0_i16, 0_i16);
        loop {
            let head = self.byte()?;
            let kind = head & 15;
            if kind == 0 {
                if head != 0 {
                    return Err(malformed());
                }
                self.current.push(0);
                break;
            }
            let field = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| malformed())?,
                delta => last.checked_add(i16::from(delta)).ok_or_else(malformed)?,
            };
            if field <= last {
                return Err(ParquetError::General("the footer of the file repeats a field".into()));
            }
            last = field;
            self.path.push(field);
            let (before, kept) = (self.rest, self.current.len());
            self.keep_head(kind, field, last_kept);
            // The value of a boolean is in its type.
            if depth == 0 && field == 3 && matches!(kind, 4..=6) {
                self.third = Some(self.zigzag()?);
                self.keep(before);
            } else if !matches!(kind, 1 | 2) {
                self.value(kind, depth)?;
            }
            if is_statistics
                && let Some(value) = usize::try_from(field).ok().and_then(|at| values.get_mut(at))
            {
                *value = Some(&before[..before.len() - self.rest.len()]);
            }
            if is_statistics && COPIES.iter().any(|(deprecated, _)| *deprecated == field) {
                self.current.truncate(kept);
            } else {
                last_kept = field;
            }
            self.path.pop();
        }
        let differ = |(deprecated, current): (i16, i16)| {
            let value = |field: i16| usize::try_from(field).ok().and_then(|at| values[at]);
            value(deprecated).is_some_and(|copy| value(current) != Some(copy))
        };
        if is_statistics && COPIES.into_iter().any(differ) {
            let message = "the file has deprecated statistics that differ from the current ones";
            return Err(ParquetError::General(message.into()));
        }
        Ok(())
    }

    fn value(&mut self, kind: u8, depth: u8) -> Result<()> {
        let before = self.rest;
        match kind {
            1..=3 => self.bytes(1)?,
            4..=6 => drop(self.varint()?),
            7 => self.bytes(8)?,
            8 => {
                let length = self.varint()?;
                self.bytes(length)?;
            }
            9 | 10 => return self.list(depth),
            11 => return self.map(depth),
            12 => return self.structure(depth + 1),
            13 => self.bytes(16)?,
            _ => return Err(malformed()),
        }
        self.keep(before);
        Ok(())
    }

    fn list(&mut self, depth: u8) -> Result<()> {
        let before = self.rest;
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            length => u64::from(length),
        };
        self.keep(before);
        self.repeat(length, &[head & 15], depth)
    }

    fn map(&mut self, depth: u8) -> Result<()> {
        let before = self.rest;
        let length = self.varint()?;
        if length == 0 {
            self.keep(before);
            return Ok(());
        }
        let kinds = self.byte()?;
        self.keep(before);
        self.repeat(length, &[kinds >> 4, kinds & 15], depth)
    }

    fn repeat(&mut self, times: u64, kinds: &[u8], depth: u8) -> Result<()> {
        // Each value takes at least one byte.
        if times > self.rest.len() as u64 || depth >= MAX_DEPTH {
            return Err(malformed());
        }
        for _ in 0..times {
            for &kind in kinds {
                self.value(kind, depth + 1)?;
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        let (&first, rest) = self.rest.split_first().ok_or_else(malformed)?;
        self.rest = rest;
        Ok(first)
    }

    fn bytes(&mut self, length: u64) -> Result<()> {
        let length = usize::try_from(length).map_err(|_| malformed())?;
        self.rest = self.rest.get(length..).ok_or_else(malformed)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(malformed())
    }

    fn zigzag(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}
