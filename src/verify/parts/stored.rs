//! Summaries that were written before.

use std::io::{BufReader, Read, Seek, SeekFrom};

use sha2::{Digest as _, Sha256};

use super::format::{BEGIN, END, MAX_FRAME, READ, Tail, pieces, stretch};
use super::{Part, PartsError};

/// What stands after the tail: its length, the hash, and the end.
const AFTER_TAIL: u64 = 8 + 32 + END.len() as u64;
/// The longest head, and more than that.
const MAX_HEAD: u64 = 1 << 10;

/// A summary that was written before.
pub struct Stored<R> {
    reader: BufReader<R>,
    /// What was read so far.
    whole: Sha256,
    /// How many bytes there are still up to the tail.
    left: u64,
    pub(super) part: Part,
    pub(super) tail: Tail,
    tail_length: u64,
    hash: [u8; 32],
}

impl<R: Read + Seek> Stored<R> {
    /// Reads which part it is of, and its end.
    ///
    /// # Errors
    /// [`PartsError`] where it is no summary of this version, or not whole.
    pub fn open(reader: R) -> Result<Self, PartsError> {
        let mut reader = BufReader::with_capacity(READ, reader);
        let size = reader.seek(SeekFrom::End(0))?;
        let beginning = stretch(&mut reader, 0, size.min(MAX_HEAD))?;
        let head = beginning.strip_prefix(BEGIN).ok_or(PartsError::Invalid)?;
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
        let last = stretch(&mut reader, after_tail, AFTER_TAIL)?;
        let (length, rest) = last.split_first_chunk().ok_or(PartsError::Truncated)?;
        let (hash, end) = rest.split_first_chunk().ok_or(PartsError::Truncated)?;
        if end != END {
            return Err(PartsError::Truncated);
        }
        let tail_length = u64::from_le_bytes(*length);
        let tail_at =
            after_tail.checked_sub(tail_length).filter(|at| *at >= first).ok_or(PartsError::Altered)?;
        let bytes = stretch(&mut reader, tail_at, tail_length)?;
        let tail = postcard::take_from_bytes(&bytes).ok().filter(|(_, rest)| rest.is_empty());
        let (tail, _) = tail.ok_or(PartsError::Altered)?;
        reader.seek(SeekFrom::Start(first))?;
        let mut whole = Sha256::new();
        whole.update(&beginning[..first as usize]);
        Ok(Self { reader, whole, left: tail_at - first, part, tail, tail_length, hash: *hash })
    }

    /// Which part it is of.
    pub const fn part(&self) -> &Part {
        &self.part
    }

    /// Whether it is of this file, by the hash of the part's bytes.
    ///
    /// # Errors
    /// [`PartsError::OtherFile`] where it is not; what reading met.
    pub fn is_of(&self, file: &mut (impl Read + Seek)) -> Result<(), PartsError> {
        if file.seek(SeekFrom::End(0))? != self.part.size {
            return Err(PartsError::OtherFile);
        }
        file.seek(SeekFrom::Start(self.part.begin))?;
        let mut text = Sha256::new();
        pieces(file.take(self.part.bytes()), |bytes| {
            text.update(bytes);
            true
        })?;
        let found: [u8; 32] = text.finalize().into();
        if found == self.tail.text { Ok(()) } else { Err(PartsError::OtherFile) }
    }

    /// The next frame; of summaries the last is empty.
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

    /// All frames were read: whether all is as it was written.
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
