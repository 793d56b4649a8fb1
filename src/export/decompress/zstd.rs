//! zstd frames one after the other, skippable ones between them (RFC 8878).

use ruzstd::{
    decoding::{BlockDecodingStrategy, FrameDecoder, errors::FrameDecoderError},
    io::Read as _,
};

use super::{CHECKSUM, CORRUPT, DecompressError, LENGTH, Sink, UNKNOWN, gather, take};

/// The largest window, in bytes.
const MAX_WINDOW: u64 = 8 << 20;
/// The largest block as it stands in the stream, its header left out.
const MAX_BLOCK: usize = 128 << 10;
/// The most that is handed out at once.
const PIECE: usize = 64 << 10;

const FRAME: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

const RAW: u32 = 0;
const RLE: u32 = 1;
const COMPRESSED: u32 = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a frame of either kind.
    Magic,
    /// At the length of a skippable frame.
    Length,
    /// In a skippable frame of which so many bytes are left.
    Skippable(u32),
    /// After the magic number of a frame's header, which stays held.
    Header,
    Block,
}

pub(super) struct Frames {
    place: Place,
    /// What came so far of a header or a block.
    held: Vec<u8>,
    decoder: Box<FrameDecoder>,
    descriptor: Descriptor,
    /// How many bytes of the frame were handed out.
    written: u64,
    piece: Box<[u8]>,
    /// How many frames of either kind began.
    pub(super) begun: u64,
}

/// The frame header descriptor.
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

    /// How long the header is, magic number and descriptor included.
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

    /// Whether the last frame is whole and nothing came after it.
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
            // With so much held, the size may turn out to be more.
            if gather(&mut self.held, &mut input, size) && self.size()? == size {
                self.read(sink)?;
            }
        }
        Ok(())
    }

    /// How long the part at this place is, as far as what is held of it says.
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

    /// Reads the part that is held as a whole.
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
            let told = self.decoder.get_checksum_from_data();
            if told.is_some() && told != self.decoder.get_calculated_checksum() {
                return Err(CHECKSUM);
            }
            self.place = Place::Magic;
        }
        Ok(())
    }
}
