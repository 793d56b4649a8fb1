//! Stored summaries.

use std::io::{BufReader, Read, Seek, SeekFrom};

use sha2::{Digest as _, Sha256};

use super::format::{BEGIN, END, MAX_FRAME, READ, Tail, pieces, read_at};
use super::{Part, PartsError};

/// The size of what follows the tail: its length, the hash, and the end marker.
const AFTER_TAIL: u64 = 8 + 32 + END.len() as u64;
/// Upper bound for the size of the head.
const MAX_HEAD: u64 = 1 << 10;

/// A summary read from storage.
pub struct Stored<R> {
    reader: BufReader<R>,
    /// The hash of everything read so far.
    whole: Sha256,
    /// The number of bytes left before the tail.
    left: u64,
    pub(super) part: Part,
    pub(super) tail: Tail,
    tail_length: u64,
    hash: [u8; 32],
}

impl<R: Read + Seek> Stored<R> {
    /// Reads the head and the tail.
    ///
    /// # Errors
    /// [`PartsError`] if the file is not a summary of this version, or if it is incomplete.
    pub fn open(reader: R) -> Result<Self, PartsError> {
        Self::open_as(BEGIN, reader)
    }

    /// Reads the head and the tail of a file that starts with `begin`.
    pub(super) fn open_as(begin: &[u8], reader: R) -> Result<Self, PartsError> {
        let mut reader = BufReader::with_capacity(READ, reader);
        let size = reader.seek(SeekFrom::End(0))?;
        let beginning = read_at(&mut reader, 0, size.min(MAX_HEAD))?;
        let head = beginning.strip_prefix(begin).ok_or(PartsError::Invalid)?;
        let malformed = if size < MAX_HEAD { PartsError::Truncated } else { PartsError::Invalid };
        let (part, after_head) = postcard::take_from_bytes::<Part>(head).map_err(|_| malformed)?;
        if part.by != env!("CARGO_PKG_VERSION") {
            return Err(PartsError::Version(part.by));
        }
        if !part.is_sound() {
            return Err(PartsError::Invalid);
        }
        let first = (beginning.len() - after_head.len()) as u64;
        let after_tail = size.checked_sub(AFTER_TAIL).ok_or(PartsError::Truncated)?;
        let last = read_at(&mut reader, after_tail, AFTER_TAIL)?;
        let (length, rest) = last.split_first_chunk().ok_or(PartsError::Truncated)?;
        let (hash, end) = rest.split_first_chunk().ok_or(PartsError::Truncated)?;
        if end != END {
            return Err(PartsError::Truncated);
        }
        let tail_length = u64::from_le_bytes(*length);
        let tail_at =
            after_tail.checked_sub(tail_length).filter(|at| *at >= first).ok_or(PartsError::Altered)?;
        let bytes = read_at(&mut reader, tail_at, tail_length)?;
        let tail = postcard::take_from_bytes(&bytes).ok().filter(|(_, rest)| rest.is_empty());
        let (tail, _) = tail.ok_or(PartsError::Altered)?;
        reader.seek(SeekFrom::Start(first))?;
        let mut whole = Sha256::new();
        whole.update(&beginning[..first as usize]);
        Ok(Self { reader, whole, left: tail_at - first, part, tail, tail_length, hash: *hash })
    }

    /// Returns the summarized part, or parts.
    pub const fn part(&self) -> &Part {
        &self.part
    }

    /// Returns the SHA-256 of the part's bytes.
    ///
    /// # Errors
    /// [`PartsError::Merged`] if the summary is of several parts.
    pub fn sha256(&self) -> Result<[u8; 32], PartsError> {
        match self.tail.texts[..] {
            [(_, sha256)] => Ok(sha256),
            _ => Err(PartsError::Merged),
        }
    }

    /// Checks that the summary is of this file, by hashing the parts' bytes.
    ///
    /// # Errors
    /// [`PartsError::OtherFile`] if it is not; or an error of reading.
    pub fn is_of(&self, file: &mut (impl Read + Seek)) -> Result<(), PartsError> {
        if file.seek(SeekFrom::End(0))? != self.part.size {
            return Err(PartsError::OtherFile);
        }
        file.seek(SeekFrom::Start(self.part.begin))?;
        let mut begin = self.part.begin;
        for (end, expected) in &self.tail.texts {
            let mut text = Sha256::new();
            pieces(file.by_ref().take(end.saturating_sub(begin)), |bytes| {
                text.update(bytes);
                true
            })?;
            let found: [u8; 32] = text.finalize().into();
            if found != *expected {
                return Err(PartsError::OtherFile);
            }
            begin = *end;
        }
        if begin == self.part.end { Ok(()) } else { Err(PartsError::OtherFile) }
    }

    /// Reads the next frame. An empty frame follows the last summary.
    pub(super) fn frame(&mut self) -> Result<Vec<u8>, PartsError> {
        let length = u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| PartsError::Altered)?);
        if length > MAX_FRAME {
            return Err(PartsError::Altered);
        }
        self.take(u64::from(length))
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>, PartsError> {
        self.left = self.left.checked_sub(length).ok_or(PartsError::Altered)?;
        let mut bytes = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut bytes)?;
        self.whole.update(&bytes);
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(PartsError::Truncated) }
    }

    /// Checks the hash of the whole file after all frames were read.
    pub(super) fn finish(&mut self) -> Result<(), PartsError> {
        if self.left > 0 {
            return Err(PartsError::Altered);
        }
        self.left = self.tail_length + 8;
        self.take(self.left)?;
        let found: [u8; 32] = self.whole.finalize_reset().into();
        if found == self.hash { Ok(()) } else { Err(PartsError::Altered) }
    }
}
