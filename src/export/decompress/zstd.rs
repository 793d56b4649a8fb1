//! Concatenated zstd frames, possibly with skippable frames in between (RFC 8878).

use ruzstd::{
    decoding::{BlockDecodingStrategy, FrameDecoder, errors::FrameDecoderError},
    io::Read as _,
};

use super::{CHECKSUM, CORRUPT, DecompressError, LENGTH, Sink, UNKNOWN, gather, take};

/// Maximum window size, in bytes.
const MAX_WINDOW: u64 = 8 << 20;
/// Maximum size of a block in the stream without its header, in bytes.
const MAX_BLOCK: usize = 128 << 10;
/// Maximum size of an output piece, in bytes.
const PIECE: usize = 64 << 10;

const FRAME: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

const RAW: u32 = 0;
const RLE: u32 = 1;
const COMPRESSED: u32 = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The beginning of a frame of either kind.
    Magic,
    /// The length of a skippable frame.
    Length,
    /// The content of a skippable frame, with this many bytes left.
    Skippable(u32),
    /// The header of a frame, after its magic number, which stays buffered.
    Header,
    Block,
}

pub(super) struct Frames {
    place: Place,
    /// The buffered bytes of a header or block.
    held: Vec<u8>,
    decoder: Box<FrameDecoder>,
    descriptor: Descriptor,
    /// The number of bytes of the frame written so far.
    written: u64,
    piece: Box<[u8]>,
    /// The number of frames of either kind that began.
    pub(super) begun: u64,
}

/// The frame header descriptor byte.
#[derive(Clone, Copy)]
struct Descriptor(u8);

impl Descriptor {
    fn is_single_segment(self) -> bool {
        self.0 & 1 << 5 != 0
    }

    fn has_reserved_bit(self) -> bool {
        self.0 & 1 << 3 != 0
    }

    fn has_checksum(self) -> bool {
        self.0 & 1 << 2 != 0
    }

    fn has_content_size(self) -> bool {
        self.is_single_segment() || self.0 >> 6 != 0
    }

    /// Returns the length of the header, including magic number and descriptor.
    fn header_size(self) -> usize {
        let window = usize::from(!self.is_single_segment());
        let dictionary = [0, 1, 2, 4][usize::from(self.0 & 3)];
        let content_size = [usize::from(self.is_single_segment()), 2, 4, 8][usize::from(self.0 >> 6)];
        5 + window + dictionary + content_size
    }
}

impl Frames {
    pub(super) fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self {
            place: Place::Magic,
            held: Vec::new(),
            decoder: Box::new(decoder),
            descriptor: Descriptor(0),
            written: 0,
            piece: vec![0; PIECE].into_boxed_slice(),
            begun: 0,
        }
    }

    /// Checks that the last frame is complete and nothing follows it.
    pub(super) fn finish(&self) -> Result<(), DecompressError> {
        match (self.place, self.held.as_slice()) {
            (Place::Magic, []) => Ok(()),
            (Place::Magic, [first, ..]) if !matches!(first, 0x28 | 0x50..=0x5f) => {
                Err(DecompressError::Followed)
            }
            _ => Err(DecompressError::Cut),
        }
    }

    pub(super) fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), DecompressError> {
        while !input.is_empty() {
            if let Place::Skippable(left) = self.place {
                let skipped = take(&mut input, left as usize);
                self.skip(left - skipped.len() as u32);
                continue;
            }
            let size = self.size()?;
            // The newly buffered bytes may show that the part is longer.
            if gather(&mut self.held, &mut input, size) && self.size()? == size {
                self.read(sink)?;
            }
        }
        Ok(())
    }

    /// Returns the length of the current part. It may grow as more bytes are buffered.
    fn size(&self) -> Result<usize, DecompressError> {
        match (self.place, self.held.as_slice()) {
            (Place::Header, [_, _, _, _, descriptor, ..]) => Ok(Descriptor(*descriptor).header_size()),
            (Place::Header, _) => Ok(5),
            (Place::Block, &[a, b, c, ..]) => {
                let header = u32::from_le_bytes([a, b, c, 0]);
                let checksum = if header & 1 == 1 && self.descriptor.has_checksum() { 4 } else { 0 };
                match (header >> 1 & 3, (header >> 3) as usize) {
                    (RLE, _) => Ok(3 + 1 + checksum),
                    (RAW | COMPRESSED, size) if size <= MAX_BLOCK => Ok(3 + size + checksum),
                    _ => Err(UNKNOWN),
                }
            }
            (Place::Block, _) => Ok(3),
            _ => Ok(4),
        }
    }

    /// Parses the part that is completely buffered.
    fn read(&mut self, sink: Sink<'_>) -> Result<(), DecompressError> {
        match (self.place, self.held.as_slice()) {
            (Place::Magic, FRAME) => {
                self.begun += 1;
                self.place = Place::Header;
                return Ok(());
            }
            (Place::Magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) => {
                self.begun += 1;
                self.place = Place::Length;
            }
            (Place::Length, &[a, b, c, d]) => self.skip(u32::from_le_bytes([a, b, c, d])),
            (Place::Header, [_, _, _, _, descriptor, ..]) => self.header(Descriptor(*descriptor))?,
            (Place::Block, _) => self.block(sink)?,
            _ => return Err(DecompressError::Followed),
        }
        self.held.clear();
        Ok(())
    }

    fn skip(&mut self, left: u32) {
        self.place = if left > 0 { Place::Skippable(left) } else { Place::Magic };
    }

    fn header(&mut self, descriptor: Descriptor) -> Result<(), DecompressError> {
        if descriptor.has_reserved_bit() {
            return Err(UNKNOWN);
        }
        self.decoder.reset(self.held.as_slice()).map_err(|error| match error {
            FrameDecoderError::WindowSizeTooBig { .. } => DecompressError::Window,
            FrameDecoderError::DictNotProvided { .. } => DecompressError::Dictionary,
            _ => CORRUPT,
        })?;
        self.descriptor = descriptor;
        self.written = 0;
        self.place = Place::Block;
        Ok(())
    }

    fn block(&mut self, sink: Sink<'_>) -> Result<(), DecompressError> {
        let last = self
            .decoder
            .decode_blocks(self.held.as_slice(), BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|_| CORRUPT)?;
        loop {
            let length = self.decoder.read(&mut self.piece).map_err(|_| CORRUPT)?;
            if length == 0 {
                break;
            }
            self.written += length as u64;
            sink(&self.piece[..length]);
        }
        if last {
            if self.descriptor.has_content_size() && self.written != self.decoder.content_size() {
                return Err(LENGTH);
            }
            let stored = self.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                return Err(CHECKSUM);
            }
            self.place = Place::Magic;
        }
        Ok(())
    }
}
