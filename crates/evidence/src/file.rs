//! The evidence file: a page that verifies, and its input, in one HTML file (SPEC section 14).
//!
//! The file starts with the page, byte for byte. Its input follows in a script element of a type that browsers don't
//! run. Thus two programs write the same file from the same page and content, and readers don't need the page.

use countersign::base64;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::hex;

use crate::frame::{Bytes, Frame, MAX_PINS};
use crate::inflate::inflate;
use crate::json::ALTERED;

/// The separator between the page and its input.
pub const MARK: &str = "\n<script type=\"text/plain\" id=\"countersign-evidence\">\n";
const END: &str = "</script>\n";
const VERSION_LINE: &str = "countersign evidence/v1\n";

/// The maximum size of a page, in bytes.
pub const MAX_PAGE_BYTES: usize = 16 << 20;
/// The maximum size of the export in an evidence file, in bytes.
pub const MAX_EXPORT_BYTES: usize = 64 << 20;
/// The maximum size of an evidence file, in bytes.
pub const MAX_FILE_BYTES: usize = 160 << 20;
/// The maximum size of a trust file or pin, in bytes.
const MAX_SMALL_BYTES: usize = 1 << 20;
/// The maximum size of a pack of rules, in bytes.
const MAX_PACK_BYTES: usize = 16 << 20;
/// The compression level. Higher ones take longer, and save little on exports, which are mostly hashes.
const LEVEL: u8 = 6;

/// An evidence file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The page, without anything after it.
    pub page: Vec<u8>,
    /// The statements, which describe all other parts.
    pub frame: Frame,
    /// The trust file.
    pub trust: Option<Vec<u8>>,
    /// The pins, in the order in which the frame names them.
    pub pins: Vec<Vec<u8>>,
    /// The pack of rules as canonical JSON, if the frame has the result of detection rules.
    pub rules: Option<Vec<u8>>,
    /// The slice, or the export if there is no slice.
    pub export: Vec<u8>,
}

impl File {
    /// Assembles a file from a frame in which `trust`, `pins`, and the slice's `file` may lack hash and size.
    ///
    /// # Errors
    /// [`Code::Evidence`] if the frame is invalid.
    pub fn assemble(
        frame: &[u8],
        page: Vec<u8>,
        trust: Option<Vec<u8>>,
        pins: Vec<Vec<u8>>,
        rules: Option<Vec<u8>>,
        export: Vec<u8>,
    ) -> Result<Self, Error> {
        let places: Vec<&[u8]> = pins.iter().map(Vec::as_slice).collect();
        let bytes = Bytes { trust: trust.as_deref(), pins: &places, export: Some(&export) };
        let frame = Frame::parse_with(frame, Some(&bytes))?;
        Ok(Self { page, frame, trust, pins, rules, export })
    }

    /// Returns the content of the file.
    ///
    /// # Errors
    /// [`Code::Evidence`] if a part is too large, or differs from its description in the frame.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let frame = self.frame.to_json()?;
        let mut out = Vec::with_capacity(self.page.len() + frame.len() + self.export.len() / 2);
        out.extend_from_slice(&self.page);
        out.extend_from_slice(MARK.as_bytes());
        out.extend_from_slice(VERSION_LINE.as_bytes());
        out.extend_from_slice(b"frame ");
        out.extend_from_slice(&inert(&frame));
        let line = |out: &mut Vec<u8>, kind: &str, bytes: &[u8]| {
            out.extend_from_slice(format!("\n{kind} ").as_bytes());
            out.extend_from_slice(base64::encode(bytes).as_bytes());
        };
        if let Some(trust) = &self.trust {
            line(&mut out, "trust", trust);
        }
        for pin in &self.pins {
            line(&mut out, "pin", pin);
        }
        if let Some(rules) = &self.rules {
            line(&mut out, "rules", &miniz_oxide::deflate::compress_to_vec(rules, LEVEL));
        }
        line(&mut out, "export", &miniz_oxide::deflate::compress_to_vec(&self.export, LEVEL));
        out.push(b'\n');
        let sum = Hash::digest(&[&out[self.page.len()..]]);
        out.extend_from_slice(format!("sum {}\n{END}", hex::encode(&sum.0)).as_bytes());
        Ok(out)
    }

    /// Parses a whole file. Anything that differs from the output of [`write`](Self::write) is an error.
    ///
    /// The parts are those that the frame names, but that says nothing about their origin: verify the export with a
    /// trust file, and then call [`Frame::agrees`].
    ///
    /// # Errors
    /// [`Code::Evidence`] with the problem and its place.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(refuse(
                "the file is larger than 160 MiB, the maximum for evidence files",
                "check that it is the right file",
            ));
        }
        let mut found = marks(bytes);
        let Some(begin) = found.next() else {
            let hint = "use the original file; a browser's \u{201c}save page\u{201d} drops the evidence";
            return Err(refuse("the page contains no evidence", hint));
        };
        if found.next().is_some() {
            return Err(refuse("the file contains two blocks of evidence", ALTERED));
        }
        let (page, rest) = bytes.split_at(begin);
        if page.len() > MAX_PAGE_BYTES {
            return Err(refuse("the page in the file is larger than 16 MiB", ALTERED));
        }
        let rest = &rest[MARK.len()..];
        let Some(lines) = rest.strip_suffix(END.as_bytes()) else {
            return Err(refuse(
                "the file does not end with the end of its evidence",
                "fetch the file again; it is truncated or altered",
            ));
        };
        let file = Self::parse(page, lines)?;
        file.check()?;
        Ok(file)
    }

    fn parse(page: &[u8], block: &[u8]) -> Result<Self, Error> {
        let mut lines = Lines { rest: block, number: 1 };
        if lines.next(None)? != VERSION_LINE.trim_end().as_bytes() {
            return Err(refuse(
                "the evidence has an unknown version",
                "use a newer version of the program or page; this one reads evidence/v1",
            )
            .at_line(1));
        }
        let escaped = lines.next(Some("frame"))?;
        if escaped.contains(&b'<') {
            return Err(refuse("the frame contains an unescaped `<`", ALTERED).at_line(2));
        }
        let hinted = |error: Error| if error.hint.is_none() { error.with_hint(ALTERED) } else { error };
        let frame = Frame::parse(escaped).map_err(hinted)?;
        let trust = frame.trust.as_ref().map(|_| lines.decoded("trust", MAX_SMALL_BYTES)).transpose()?;
        let pins =
            frame.pins.iter().map(|_| lines.decoded("pin", MAX_SMALL_BYTES)).collect::<Result<_, _>>()?;
        let unpack = |packed: &[u8], max: usize, member: &str| {
            inflate(packed, max).map_err(|message| refuse(message, ALTERED).in_member(member))
        };
        let rules = frame.detections.as_ref().map(|_| lines.decoded("rules", MAX_PACK_BYTES));
        let rules = rules.transpose()?.map(|packed| unpack(&packed, MAX_PACK_BYTES, "rules")).transpose()?;
        let packed = lines.decoded("export", MAX_FILE_BYTES)?;
        let summed = &block[..block.len() - lines.rest.len()];
        if lines.next(Some("sum"))? != hex::encode(&Hash::digest(&[MARK.as_bytes(), summed]).0).as_bytes() {
            return Err(refuse("the checksum does not match the content", ALTERED)
                .at_line(lines.number - 1)
                .in_member("sum"));
        }
        if !lines.rest.is_empty() {
            return Err(refuse("the evidence continues after its checksum", ALTERED).at_line(lines.number));
        }
        let size = frame.slice.as_ref().map_or(&frame.file, |slice| &slice.file).size;
        let max_size = usize::try_from(size).unwrap_or(usize::MAX).min(MAX_EXPORT_BYTES);
        let export = unpack(&packed, max_size, "export")?;
        let file = Self { page: page.to_vec(), frame, trust, pins, rules, export };
        if inert(&file.frame.to_json()?) != escaped {
            return Err(refuse("the frame is not canonical JSON", ALTERED).at_line(2));
        }
        Ok(file)
    }

    /// Returns the SHA-256 of the page in the file.
    pub fn page_sha256(&self) -> Hash {
        Hash::digest(&[&self.page])
    }

    /// Returns the name of the export in the file.
    pub fn export_name(&self) -> &str {
        self.frame.slice.as_ref().map_or(&self.frame.file.name, |slice| &slice.file.name)
    }

    /// Fails if a part is not the one that the frame names, or is too large.
    fn check(&self) -> Result<(), Error> {
        let differs = |member: &str| {
            let message = "the content does not match the hash in the report";
            Err(refuse(message, ALTERED).in_member(member))
        };
        let Self { page, frame, trust, pins, rules, export } = self;
        if page.is_empty() || page.len() > MAX_PAGE_BYTES || marks(page).next().is_some() {
            return Err(refuse(
                "the page is empty, too large, or already contains evidence",
                "use the unmodified page, as `cargo xtask page` builds it",
            ));
        }
        if export.len() > MAX_EXPORT_BYTES {
            let hint = "select fewer events with a query, a range, or a sample";
            return Err(refuse("the events are larger than 64 MiB, the maximum for one file", hint));
        }
        let lengths = trust.iter().chain(pins).all(|bytes| bytes.len() <= MAX_SMALL_BYTES);
        if !lengths || pins.len() > MAX_PINS {
            return Err(refuse(
                "the trust file or a pin is larger than 1 MiB, or there are more than 64 pins",
                "use fewer or smaller files",
            ));
        }
        let is_trust = match (&frame.trust, trust) {
            (Some(described), Some(bytes)) => described.is(bytes),
            (None, None) => true,
            _ => false,
        };
        if !is_trust {
            return differs("trust");
        }
        let are_pins = frame.pins.len() == pins.len()
            && frame.pins.iter().zip(pins).all(|(described, bytes)| described.is(bytes));
        if !are_pins {
            return differs("pins");
        }
        match (&frame.detections, rules) {
            (Some(detections), Some(rules)) if rules.len() <= MAX_PACK_BYTES => {
                detections.describes(rules)?;
            }
            (None, None) => {}
            _ => return differs("rules"),
        }
        let described = frame.slice.as_ref().map_or(&frame.file, |slice| &slice.file);
        if described.is(export) { Ok(()) } else { differs("export") }
    }
}

/// True if evidence follows a page, valid or not.
pub fn has_evidence(page: &[u8]) -> bool {
    marks(page).next().is_some()
}

/// True if a file starts like a page, so that it may be an evidence file.
pub fn is_page(first: &[u8]) -> bool {
    const BEGIN: &[u8] = b"<!doctype html";
    first.get(..BEGIN.len()).is_some_and(|first| first.eq_ignore_ascii_case(BEGIN))
}

/// Returns the positions of the mark. It starts with a line feed, and a page has few of those.
fn marks(bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'\n', bytes).filter(|&place| bytes[place..].starts_with(MARK.as_bytes()))
}

/// Escapes JSON so that it can't end the element around it.
fn inert(json: &[u8]) -> Vec<u8> {
    json.split(|&byte| byte == b'<').collect::<Vec<_>>().join(&b"\\u003c"[..])
}

fn refuse(message: &str, hint: &'static str) -> Error {
    Error::new(Code::Evidence, message).with_hint(hint)
}

/// The lines after the mark.
struct Lines<'a> {
    rest: &'a [u8],
    number: u64,
}

impl<'a> Lines<'a> {
    /// Returns the value of the next line, which must be of this kind.
    fn next(&mut self, kind: Option<&str>) -> Result<&'a [u8], Error> {
        let wrong = || refuse("the line is missing or not of the expected kind", ALTERED);
        let end = memchr::memchr(b'\n', self.rest).ok_or_else(|| wrong().at_line(self.number))?;
        let (line, rest) = self.rest.split_at(end);
        let value = match kind {
            Some(kind) => {
                let value = line.strip_prefix(kind.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
                value.ok_or_else(|| wrong().at_line(self.number).in_member(kind))?
            }
            None => line,
        };
        self.rest = &rest[1..];
        self.number += 1;
        Ok(value)
    }

    fn decoded(&mut self, kind: &str, max: usize) -> Result<Vec<u8>, Error> {
        let number = self.number;
        let text = self.next(Some(kind))?;
        let decoded = if text.len() / 4 * 3 > max + 3 { None } else { base64::decode(text) };
        decoded.ok_or_else(|| {
            refuse("the line is not canonical base64, or is too long", ALTERED)
                .at_line(number)
                .in_member(kind)
        })
    }
}
