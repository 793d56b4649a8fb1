//! Cuts a file into parts.

use std::io::{BufRead as _, BufReader, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;

use crate::export::Compression;
use crate::hash::Hash;

use super::PartsError;
use super::format::read_at;

/// Number of bytes at the beginning and at the end that identify a file.
const ENDS_BYTES: u64 = 64 << 10;

/// A part of a file, or adjacent parts whose summaries were merged.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// The version of this crate that summarized it.
    pub(super) by: String,
    /// The file's size.
    pub(super) size: u64,
    /// The hash of the file's beginning and end.
    pub(super) ends: [u8; 32],
    /// The first and the last of the parts that it consists of, 1-based.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) of: u64,
    pub(super) begin: u64,
    pub(super) end: u64,
}

impl Part {
    /// Determines part `number` (1-based) of `of` of an uncompressed file. Every part begins at the start of a line.
    ///
    /// # Errors
    /// [`PartsError`] if the file cannot be cut, or if reading fails.
    pub fn locate(file: &mut (impl Read + Seek), number: u64, of: u64) -> Result<Self, PartsError> {
        let size = file.seek(SeekFrom::End(0))?;
        let beginning = read_at(file, 0, size.min(ENDS_BYTES))?;
        if Compression::detect(&beginning[..beginning.len().min(4)]).is_some() {
            return Err(PartsError::Compressed);
        }
        let ending = read_at(file, size - size.min(ENDS_BYTES), size.min(ENDS_BYTES))?;
        let header = end_of_header(file)?;
        let mut cut = |nth: u64| -> Result<u64, PartsError> {
            let at = u128::from(size) * u128::from(nth) / u128::from(of.max(1));
            Ok(begin_of_line(file, at as u64)?.max(header))
        };
        let begin = if number <= 1 { 0 } else { cut(number - 1)? };
        let end = if number >= of { size } else { cut(number)? };
        let Hash(ends) = Hash::digest(&[&beginning, &ending]);
        let by = env!("CARGO_PKG_VERSION").into();
        Ok(Self { by, size, ends, first: number, last: number, of, begin, end })
    }

    /// Returns the 1-based numbers of the parts that it consists of: one, unless summaries were merged.
    pub const fn numbers(&self) -> RangeInclusive<u64> {
        self.first..=self.last
    }

    /// Returns the 1-based number of the part.
    ///
    /// # Errors
    /// [`PartsError::Merged`] if it consists of several.
    pub const fn single(&self) -> Result<u64, PartsError> {
        if self.first == self.last { Ok(self.first) } else { Err(PartsError::Merged) }
    }

    /// Returns the number of all parts of the file.
    pub const fn total(&self) -> u64 {
        self.of
    }

    /// Returns the byte position at which the part begins in the file.
    pub const fn begin(&self) -> u64 {
        self.begin
    }

    /// Returns the size of the file, in bytes.
    pub const fn file_bytes(&self) -> u64 {
        self.size
    }

    /// Returns the part's size in bytes.
    pub const fn bytes(&self) -> u64 {
        self.end - self.begin
    }

    /// True if the numbers are consistent.
    pub(super) fn is_sound(&self) -> bool {
        self.begin <= self.end
            && self.end <= self.size
            && 1 <= self.first
            && self.first <= self.last
            && self.last <= self.of
            && (self.first > 1 || self.begin == 0)
            && (self.last < self.of || self.end == self.size)
    }
}

/// Returns the start of the first line that begins at `at` or later.
fn begin_of_line(file: &mut (impl Read + Seek), at: u64) -> Result<u64, PartsError> {
    let Some(before) = at.checked_sub(1) else { return Ok(0) };
    file.seek(SeekFrom::Start(before))?;
    let skipped = BufReader::new(file).skip_until(b'\n')?;
    Ok(before + skipped as u64)
}

/// Returns the end of the first line that is not blank, which should be the header.
pub(super) fn end_of_header(file: &mut (impl Read + Seek)) -> Result<u64, PartsError> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let (mut at, mut blank) = (0, true);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(at);
        }
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        let line = &bytes[..end.unwrap_or(bytes.len())];
        blank &= line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
        at += taken as u64;
        reader.consume(taken);
        if end.is_some() && !blank {
            return Ok(at);
        }
    }
}
