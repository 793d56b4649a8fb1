//! The form of a file of summaries.
//!
//! ```text
//! "countersign summary v4\n"  head  frame(prefix)  frame(summary)…  u32 0  tail  u64 |tail|  SHA-256  "\nsummed\n"
//! ```
//!
//! Numbers are little-endian, a frame is its length as a `u32` and as many bytes, and the hash is that of all before
//! it. The prefix is the text up to and with the header, in the first part alone. The summaries are those of
//! [`wire`](super::super::wire), head and tail are in postcard's form.

use std::io::{self, Read, Seek, SeekFrom};

use super::PartsError;

pub(super) const BEGIN: &[u8; 23] = b"countersign summary v4\n";
pub(super) const END: &[u8; 8] = b"\nsummed\n";
/// The longest frame. A stretch's summary is a fraction of that, whatever the stretch holds.
pub(super) const MAX_FRAME: u32 = 32 << 20;
/// How many bytes are read in one go.
pub(super) const READ: usize = 256 << 10;

/// What stands at the end of a summary.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Tail {
    /// The hash of the part's bytes.
    pub(super) text: [u8; 32],
    /// The keys of the chains that are opened there.
    pub(super) opened: Vec<([u8; 16], [u8; 32])>,
}

/// So many bytes from there on.
pub(super) fn stretch(file: &mut (impl Read + Seek), at: u64, length: u64) -> Result<Vec<u8>, PartsError> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(PartsError::Changed) }
}

/// Hands on what there is to read, piece by piece, as long as it is wanted.
pub(super) fn pieces(mut reader: impl Read, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut piece = Vec::with_capacity(READ);
    while reader.by_ref().take(READ as u64).read_to_end(&mut piece)? > 0 && take(&piece) {
        piece.clear();
    }
    Ok(())
}
