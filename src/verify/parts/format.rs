//! The format of a summary file.
//!
//! ```text
//! "countersign summary v7\n"  head  frame(prefix)  frame(summary)…  u32 0  tail  u64 |tail|  SHA-256  "\nsummed\n"
//! ```
//!
//! Numbers are little-endian. A frame is its length as a `u32` followed by that many bytes. The hash covers
//! everything before it. The prefix is the text up to and including the header, and only in the first part. Summaries
//! are serialized by [`compact`](super::super::compact), head and tail by postcard.

use std::io::{self, Read, Seek, SeekFrom};

use super::PartsError;
use crate::hash::Hash;
use crate::link::ChainId;

pub(super) const BEGIN: &[u8; 23] = b"countersign summary v7\n";
pub(super) const END: &[u8; 8] = b"\nsummed\n";
/// Maximum length of a frame, in bytes. A chunk's summary is only a fraction of that.
pub(super) const MAX_FRAME: u32 = 32 << 20;
/// Read buffer size, in bytes.
pub(super) const READ: usize = 256 << 10;

/// The tail of a summary file.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Tail {
    /// The end of each part in the file, and the hash of the part's bytes.
    pub(super) texts: Vec<(u64, [u8; 32])>,
    /// The keys of the chains that are opened in the parts.
    pub(super) opened: Vec<([u8; 16], [u8; 32])>,
    /// The hashes of the chains' last links, if merging dropped them from the summaries.
    pub(super) ends: Vec<([u8; 16], [u8; 32])>,
}

impl Tail {
    /// Returns the hashes of the chains' last links, if merging dropped them.
    pub(super) fn take_ends(&mut self) -> Vec<(ChainId, Hash)> {
        std::mem::take(&mut self.ends).into_iter().map(|(id, hash)| (ChainId(id), Hash(hash))).collect()
    }
}

/// Reads `length` bytes at a position.
pub(super) fn read_at(file: &mut (impl Read + Seek), at: u64, length: u64) -> Result<Vec<u8>, PartsError> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(PartsError::Changed) }
}

/// Passes a reader's content to `take` piece by piece, until `take` returns false.
pub(super) fn pieces(mut reader: impl Read, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut piece = Vec::with_capacity(READ);
    while reader.by_ref().take(READ as u64).read_to_end(&mut piece)? > 0 && take(&piece) {
        piece.clear();
    }
    Ok(())
}
