//! The writer of an archive.

use crate::export::Header;
use crate::verify::compact;
use crate::verify::summary::Summary;
use crate::verify::wire::Wire as _;

/// The size of a frame's length, in bytes.
pub(super) const LENGTH_BYTES: usize = 4;

/// Writes an archive.
#[derive(Debug)]
pub(crate) struct ArchiveWriter {
    /// The frames that were not taken yet.
    frames: Vec<u8>,
    /// The number of bytes for which there is room.
    room: usize,
}

impl ArchiveWriter {
    /// Starts an archive of at most this many bytes.
    pub(crate) const fn new(max_bytes: usize) -> Self {
        Self { frames: Vec::new(), room: max_bytes }
    }

    /// Adds the header, which is on this line. Returns `None` if there is no room.
    pub(crate) fn header(&mut self, header: &Header, line: u64) -> Option<()> {
        self.frame(|out| {
            header.origin.write(out);
            header.range.write(out);
            line.write(out);
        })
    }

    /// Adds the summary of the next chunk, whose signatures were verified. Returns `None` if there is no room.
    pub(crate) fn chunk(&mut self, summary: &Summary) -> Option<()> {
        self.frame(|out| compact::write(summary, out))
    }

    /// Ends the archive, and returns the frames that were not taken yet. Returns `None` if there is no room.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        self.frame(|_| ())?;
        Some(self.frames)
    }

    /// Returns the frames since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.frames)
    }

    fn frame(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
        let begin = self.frames.len();
        self.frames.extend([0; LENGTH_BYTES]);
        write(&mut self.frames);
        let written = self.frames.len() - begin;
        let length = u32::try_from(written - LENGTH_BYTES).ok()?;
        self.frames[begin..begin + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        self.room = self.room.checked_sub(written)?;
        Some(())
    }
}
