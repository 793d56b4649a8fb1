//! Concatenated gzip members (RFC 1952).

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{
        DecompressorOxide, decompress,
        inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
    },
};

use super::{CHECKSUM, CORRUPT, DecompressError, Sink, UNKNOWN, crc32::Tables, gather, take};

/// The maximum distance of a match, in bytes.
const WINDOW: usize = 1 << 15;
/// The size of the output buffer: the window plus room for new output.
const BUFFER: usize = 3 * WINDOW;

const DEFLATE: u8 = 8;
const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// The part of a member that is being parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Fixed,
    ExtraLength,
    Extra(usize),
    Name,
    Comment,
    HeaderCrc,
    Body,
    Trailer,
}

pub(super) struct Members {
    part: Part,
    /// Flags of the optional header parts still to come.
    flags: u8,
    /// The buffered bytes of a part that is parsed as a whole.
    held: Vec<u8>,
    inflater: Box<DecompressorOxide>,
    buffer: Box<[u8]>,
    filled: usize,
    tables: Tables,
    /// The checksum of the header, then of the content.
    crc: u32,
    /// The length of the content modulo 2^32.
    length: u32,
    /// The number of members that began.
    pub(super) begun: u64,
}

impl Members {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Fixed,
            flags: 0,
            held: Vec::new(),
            inflater: Box::default(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            filled: 0,
            tables: Tables::new(),
            crc: 0,
            length: 0,
            begun: 0,
        }
    }

    /// Checks that the last member is complete and nothing follows it.
    pub(super) fn finish(&self) -> Result<(), DecompressError> {
        match (self.part, self.held.as_slice()) {
            (Part::Fixed, []) => Ok(()),
            (Part::Fixed, [first, ..]) if *first != 0x1f => Err(DecompressError::Followed),
            _ => Err(DecompressError::Cut),
        }
    }

    pub(super) fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), DecompressError> {
        while !input.is_empty() {
            let size = match self.part {
                Part::Fixed => 10,
                Part::ExtraLength | Part::HeaderCrc => 2,
                Part::Trailer => 8,
                Part::Extra(left) => {
                    let extra = take(&mut input, left);
                    self.crc = self.tables.update(self.crc, extra);
                    self.part = self.extra_or_next(left - extra.len());
                    continue;
                }
                Part::Name | Part::Comment => {
                    let end = memchr::memchr(0, input);
                    let text = take(&mut input, end.map_or(usize::MAX, |place| place + 1));
                    self.crc = self.tables.update(self.crc, text);
                    if end.is_some() {
                        self.part = self.next_of_header();
                    }
                    continue;
                }
                Part::Body => {
                    self.inflate(&mut input, sink)?;
                    continue;
                }
            };
            if gather(&mut self.held, &mut input, size) {
                self.read()?;
                self.held.clear();
            }
        }
        Ok(())
    }

    /// Parses a part that is completely buffered.
    fn read(&mut self) -> Result<(), DecompressError> {
        let crc = self.crc;
        self.crc = self.tables.update(crc, &self.held);
        match (self.part, self.held.as_slice()) {
            (Part::Fixed, &[0x1f, 0x8b, DEFLATE, flags, ..]) if flags & RESERVED == 0 => {
                self.begun += 1;
                self.flags = flags;
                self.crc = self.tables.update(0, &self.held);
                self.part = self.next_of_header();
            }
            (Part::Fixed, [0x1f, 0x8b, ..]) => return Err(UNKNOWN),
            (Part::Fixed, _) => return Err(DecompressError::Followed),
            (Part::ExtraLength, &[low, high]) => {
                self.part = self.extra_or_next(usize::from(u16::from_le_bytes([low, high])));
            }
            (Part::HeaderCrc, held) if held != &crc.to_le_bytes()[..2] => {
                return Err(CHECKSUM);
            }
            (Part::Trailer, held) => {
                if held[..4] != crc.to_le_bytes() || held[4..] != self.length.to_le_bytes() {
                    return Err(CHECKSUM);
                }
                self.part = Part::Fixed;
            }
            _ => self.part = self.next_of_header(),
        }
        Ok(())
    }

    fn extra_or_next(&mut self, left: usize) -> Part {
        if left > 0 { Part::Extra(left) } else { self.next_of_header() }
    }

    fn next_of_header(&mut self) -> Part {
        let optional = [
            (FEXTRA, Part::ExtraLength),
            (FNAME, Part::Name),
            (FCOMMENT, Part::Comment),
            (FHCRC, Part::HeaderCrc),
        ];
        for (flag, part) in optional {
            if self.flags & flag != 0 {
                self.flags &= !flag;
                return part;
            }
        }
        self.inflater.init();
        self.filled = 0;
        self.crc = 0;
        self.length = 0;
        Part::Body
    }

    fn inflate(&mut self, input: &mut &[u8], sink: Sink<'_>) -> Result<(), DecompressError> {
        // The buffer does not wrap, so that a match that reaches back before the content is detected.
        let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        loop {
            if self.filled == BUFFER {
                self.buffer.copy_within(BUFFER - WINDOW.., 0);
                self.filled = WINDOW;
            }
            let (status, read, written) =
                decompress(&mut self.inflater, input, &mut self.buffer, self.filled, flags);
            take(input, read);
            let piece = &self.buffer[self.filled..self.filled + written];
            self.filled += written;
            self.crc = self.tables.update(self.crc, piece);
            self.length = self.length.wrapping_add(written as u32);
            if written > 0 {
                sink(piece);
            }
            match status {
                TINFLStatus::Done => {
                    self.part = Part::Trailer;
                    return Ok(());
                }
                TINFLStatus::HasMoreOutput if written > 0 => {}
                TINFLStatus::NeedsMoreInput if input.is_empty() => return Ok(()),
                _ => return Err(CORRUPT),
            }
        }
    }
}
