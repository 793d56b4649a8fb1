//! Decompresses a stream, if it is compressed.

use countersign::export::{Compression, DecompressError, Decompressor};

/// The number of bytes that show whether a stream is compressed.
pub(crate) const DETECTION_BYTES: usize = 4;

/// A decompressor that first detects the compression.
pub(crate) enum Stage {
    Unknown(Vec<u8>),
    Plain,
    Compressed(Box<Decompressor>),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Unknown(Vec::new())
    }
}

impl Stage {
    /// Accepts the next bytes of the stream; `sink` gets the decompressed ones.
    pub(crate) fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), DecompressError> {
        match self {
            Self::Unknown(first) => {
                first.extend_from_slice(bytes);
                if first.len() < DETECTION_BYTES {
                    return Ok(());
                }
                let first = self.decide();
                self.push(&first, sink)
            }
            Self::Plain => {
                sink(bytes);
                Ok(())
            }
            Self::Compressed(decompressor) => decompressor.push(bytes, sink),
        }
    }

    /// Ends the stream.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), DecompressError> {
        if matches!(self, Self::Unknown(_)) {
            let first = self.decide();
            self.push(&first, sink)?;
        }
        match self {
            Self::Compressed(decompressor) => decompressor.finish(),
            Self::Unknown(_) | Self::Plain => Ok(()),
        }
    }

    /// Detects the compression, and returns the bytes that were held back until then.
    fn decide(&mut self) -> Vec<u8> {
        let Self::Unknown(first) = self else { return Vec::new() };
        let first = std::mem::take(first);
        *self = match Compression::detect(&first) {
            Some(compression) => Self::Compressed(Box::new(Decompressor::new(compression))),
            None => Self::Plain,
        };
        first
    }
}
