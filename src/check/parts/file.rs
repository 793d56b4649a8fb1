//! The format of a summary of a part of a log.
//!
//! ```text
//! "countersign check summary v1\n"  part  (u32 |frame|  frame)…  u32 0  tail  u64 |tail|  SHA-256  "\nsummed\n"
//! ```
//!
//! Numbers are little-endian. There is a [frame](super::frame) for each bundle, up to the first that ends the check. Part
//! and tail are serialized by postcard; the tail has the keys of the chains that are opened in the part. The hash covers
//! everything before it.

use std::io::{BufReader, Read, Seek, SeekFrom};

use sha2::{Digest as _, Sha256};

use super::Part;
use crate::verify::parts::PartsError;

pub(super) const BEGIN: &[u8; 29] = b"countersign check summary v1\n";
pub(super) const END: &[u8; 8] = b"\nsummed\n";
/// Maximum length of a frame, in bytes: a bundle's summary is only a fraction of that.
pub(super) const MAX_FRAME: u32 = 32 << 20;
/// Upper bound for the size of the head: a checkpoint has at most 1 MiB.
const MAX_HEAD: u64 = 2 << 20;
/// The size of what follows the tail: its length, the hash, and the end marker.
const AFTER_TAIL: u64 = 8 + 32 + END.len() as u64;
/// Read buffer size, in bytes.
const READ: usize = 256 << 10;

/// The keys of chains, by chain.
pub(super) type Opened = Vec<([u8; 16], [u8; 32])>;

/// A summary of a part of a log, read from storage.
pub struct Stored<R> {
    reader: BufReader<R>,
    /// The hash of everything read so far.
    whole: Sha256,
    /// The number of bytes left before the tail.
    left: u64,
    /// True if the empty frame was read.
    is_read: bool,
    pub(super) part: Part,
    pub(super) opened: Opened,
    tail_length: u64,
    hash: [u8; 32],
}

impl<R: Read + Seek> Stored<R> {
    /// Reads the head and the tail.
    ///
    /// # Errors
    /// [`PartsError`] if the file is not a summary of this version, or if it is incomplete.
    pub fn open(reader: R) -> Result<Self, PartsError> {
        let mut reader = BufReader::with_capacity(READ, reader);
        let size = reader.seek(SeekFrom::End(0))?;
        let beginning = read_at(&mut reader, 0, size.min(MAX_HEAD))?;
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
        let last = read_at(&mut reader, after_tail, AFTER_TAIL)?;
        let (length, rest) = last.split_first_chunk().ok_or(PartsError::Truncated)?;
        let (hash, end) = rest.split_first_chunk().ok_or(PartsError::Truncated)?;
        if end != END {
            return Err(PartsError::Truncated);
        }
        let tail_length = u64::from_le_bytes(*length);
        let tail_at =
            after_tail.checked_sub(tail_length).filter(|at| *at >= first).ok_or(PartsError::Altered)?;
        let tail = read_at(&mut reader, tail_at, tail_length)?;
        let opened = postcard::from_bytes(&tail).map_err(|_| PartsError::Altered)?;
        reader.seek(SeekFrom::Start(first))?;
        let whole = Sha256::new_with_prefix(&beginning[..first as usize]);
        Ok(Self {
            reader,
            whole,
            left: tail_at - first,
            is_read: false,
            part,
            opened,
            tail_length,
            hash: *hash,
        })
    }

    /// Returns the summarized part.
    pub const fn part(&self) -> &Part {
        &self.part
    }

    /// Reads the next frame. Returns an empty one after the last.
    pub(super) fn frame(&mut self) -> Result<Vec<u8>, PartsError> {
        if self.is_read {
            return Ok(Vec::new());
        }
        let length = u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| PartsError::Altered)?);
        if length > MAX_FRAME {
            return Err(PartsError::Altered);
        }
        self.is_read = length == 0;
        self.take(u64::from(length))
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>, PartsError> {
        self.left = self.left.checked_sub(length).ok_or(PartsError::Altered)?;
        let mut bytes = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut bytes)?;
        self.whole.update(&bytes);
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(PartsError::Truncated) }
    }

    /// Reads the rest of the file, and checks its hash.
    pub(super) fn finish(&mut self) -> Result<(), PartsError> {
        while !self.frame()?.is_empty() {}
        if self.left > 0 {
            return Err(PartsError::Altered);
        }
        self.left = self.tail_length + 8;
        self.take(self.left)?;
        let found: [u8; 32] = self.whole.finalize_reset().into();
        if found == self.hash { Ok(()) } else { Err(PartsError::Altered) }
    }
}

/// Reads `length` bytes at a position.
fn read_at(file: &mut (impl Read + Seek), at: u64, length: u64) -> Result<Vec<u8>, PartsError> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(PartsError::Changed) }
}
