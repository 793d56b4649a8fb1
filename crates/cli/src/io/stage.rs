//! Compressed or not: the stage that bytes go through before they are lines.

use countersign::export::{Compression, DecompressError, Decompressor};

/// How many first bytes tell whether a stream is compressed.
pub(crate) const FIRST: usize = 4;

/// Decompression, where the first bytes ask for it.
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
    /// Takes the next bytes of the stream; `sink` gets what they stand for.
    pub(crate) fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), DecompressError> {
        match self {
            Self::Unknown(first) => {
                first.extend_from_slice(bytes);
                if first.len() < FIRST {
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

    /// Settles what the stream is; gives the bytes that were held back until then.
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
