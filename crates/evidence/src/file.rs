//! The evidence file: a page that verifies, and what it verifies, in one HTML file (SPEC section 14).
//!
//! The page stands at the beginning, byte for byte, and what it is to verify follows it, in a script element of a type
//! that nothing runs. So any two programs write the same file of the same page and contents, and whoever reads it can
//! do without the page in it.

use countersign::base64;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::hex;

use crate::frame::{Bytes, Frame, MOST_PINS};
use crate::inflate::inflate;

/// What stands between the page and what it is to verify.
pub const MARK: &str = "\n<script type=\"text/plain\" id=\"countersign-evidence\">\n";
const END: &str = "</script>\n";
const FIRST: &str = "countersign evidence/v1\n";

/// No page is longer, in bytes.
pub const LONGEST_PAGE: usize = 16 << 20;
/// No export in an evidence file is longer, in bytes.
pub const LONGEST_EXPORT: usize = 64 << 20;
/// No evidence file is longer, in bytes.
pub const LONGEST_FILE: usize = 160 << 20;
/// No trust file and no pin is longer.
const LONGEST_SMALL: usize = 1 << 20;
/// The compression's level: more takes longer and saves little of what is mostly hashes.
const LEVEL: u8 = 6;

/// An evidence file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The page, with nothing after it.
    pub page: Vec<u8>,
    /// What it says, and what describes all that follows.
    pub frame: Frame,
    /// The trust file.
    pub trust: Option<Vec<u8>>,
    /// The pins, in the order in which the frame names them.
    pub pins: Vec<Vec<u8>>,
    /// The slice, or where there is none the export.
    pub export: Vec<u8>,
}

impl File {
    /// Puts together a file of a frame in which `trust`, `pins` and the slice's `file` may lack hash and size.
    ///
    /// # Errors
    /// [`Code::Evidence`] where the frame is not as it should be.
    pub fn of(
        frame: &[u8],
        page: Vec<u8>,
        trust: Option<Vec<u8>>,
        pins: Vec<Vec<u8>>,
        export: Vec<u8>,
    ) -> Result<Self, Error> {
        let places: Vec<&[u8]> = pins.iter().map(Vec::as_slice).collect();
        let bytes = Bytes { trust: trust.as_deref(), pins: &places, export: Some(&export) };
        let frame = Frame::parse_with(frame, Some(&bytes))?;
        Ok(Self { page, frame, trust, pins, export })
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`Code::Evidence`] where a part is too long, or not what the frame says that it is.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let frame = self.frame.to_json()?;
        let mut out = Vec::with_capacity(self.page.len() + frame.len() + self.export.len() / 2);
        out.extend_from_slice(&self.page);
        out.extend_from_slice(MARK.as_bytes());
        out.extend_from_slice(FIRST.as_bytes());
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
        line(&mut out, "export", &miniz_oxide::deflate::compress_to_vec(&self.export, LEVEL));
        out.push(b'\n');
        let sum = Hash::of(&[&out[self.page.len()..]]);
        out.extend_from_slice(format!("sum {}\n{END}", hex::encode(&sum.0)).as_bytes());
        Ok(out)
    }

    /// Reads a file, all of it: what is not just as [`write`](Self::write) writes it is refused.
    ///
    /// That its parts are those that the frame names says nothing about where they come from: verify the export by a
    /// trust file, and then ask [`Frame::agrees`].
    ///
    /// # Errors
    /// [`Code::Evidence`] with what is wrong and where.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LONGEST_FILE {
            return Err(refuse("an evidence file above 160 MiB", "no program writes one so long"));
        }
        let mut found = marks(bytes);
        let Some(begin) = found.next() else {
            let hint =
                "was it saved by a browser's \u{201c}save page\u{201d}? take the file as it was given to you";
            return Err(refuse("there is nothing in this page to verify", hint));
        };
        if found.next().is_some() {
            return Err(refuse("there are two blocks of evidence in it", ALTERED));
        }
        let (page, rest) = bytes.split_at(begin);
        if page.len() > LONGEST_PAGE {
            return Err(refuse("the page in it is above 16 MiB", ALTERED));
        }
        let rest = &rest[MARK.len()..];
        let Some(lines) = rest.strip_suffix(END.as_bytes()) else {
            return Err(refuse(
                "it does not end where it should",
                "it was cut off or altered: fetch it again",
            ));
        };
        let file = Self::parse(page, lines)?;
        file.check()?;
        Ok(file)
    }

    fn parse(page: &[u8], block: &[u8]) -> Result<Self, Error> {
        let mut lines = Lines { rest: block, number: 1 };
        if lines.next(None)? != FIRST.trim_end().as_bytes() {
            return Err(refuse(
                "not evidence of a version that can be read",
                "evidence/v1 is what this version reads",
            )
            .at_line(1));
        }
        let escaped = lines.next(Some("frame"))?;
        if escaped.contains(&b'<') {
            return Err(refuse("a frame that could end its element", ALTERED).at_line(2));
        }
        let hinted = |error: Error| if error.hint.is_none() { error.with_hint(ALTERED) } else { error };
        let frame = Frame::parse(escaped).map_err(hinted)?;
        let trust = frame.trust.as_ref().map(|_| lines.decoded("trust", LONGEST_SMALL)).transpose()?;
        let pins =
            frame.pins.iter().map(|_| lines.decoded("pin", LONGEST_SMALL)).collect::<Result<_, _>>()?;
        let packed = lines.decoded("export", LONGEST_FILE)?;
        let summed = &block[..block.len() - lines.rest.len()];
        if lines.next(Some("sum"))? != hex::encode(&Hash::of(&[MARK.as_bytes(), summed]).0).as_bytes() {
            return Err(refuse("not the bytes that were written", ALTERED)
                .at_line(lines.number - 1)
                .in_member("sum"));
        }
        if !lines.rest.is_empty() {
            return Err(refuse("there is more after the sum", ALTERED).at_line(lines.number));
        }
        let size = frame.slice.as_ref().map_or(&frame.file, |slice| &slice.file).size;
        let most = usize::try_from(size).unwrap_or(usize::MAX).min(LONGEST_EXPORT);
        let export =
            inflate(&packed, most).map_err(|message| refuse(message, ALTERED).in_member("export"))?;
        let file = Self { page: page.to_vec(), frame, trust, pins, export };
        if inert(&file.frame.to_json()?) != escaped {
            return Err(refuse("a frame that is not canonical JSON", ALTERED).at_line(2));
        }
        Ok(file)
    }

    /// The SHA-256 of the page in it.
    pub fn page_sha256(&self) -> Hash {
        Hash::of(&[&self.page])
    }

    /// What the export in it is called.
    pub fn export_name(&self) -> &str {
        self.frame.slice.as_ref().map_or(&self.frame.file.name, |slice| &slice.file.name)
    }

    /// Whether the parts are those that the frame names, and no longer than they may be.
    fn check(&self) -> Result<(), Error> {
        let differs = |member: &str| {
            let message = "not the bytes whose hash the report names";
            Err(refuse(message, ALTERED).in_member(member))
        };
        let Self { page, frame, trust, pins, export } = self;
        if page.is_empty() || page.len() > LONGEST_PAGE || marks(page).next().is_some() {
            return Err(refuse("no page that could carry evidence", "give the page as it was released"));
        }
        if export.len() > LONGEST_EXPORT {
            let hint = "select fewer events: by a query, a range or a sample";
            return Err(refuse("above 64 MiB of events to be put into one file", hint));
        }
        let lengths = trust.iter().chain(pins).all(|bytes| bytes.len() <= LONGEST_SMALL);
        if !lengths || pins.len() > MOST_PINS {
            return Err(refuse("a trust file or pin above 1 MiB, or above 64 pins", "give fewer"));
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
        let described = frame.slice.as_ref().map_or(&frame.file, |slice| &slice.file);
        if described.is(export) { Ok(()) } else { differs("export") }
    }
}

/// Whether a page has evidence after it, good or not.
pub fn has_evidence(page: &[u8]) -> bool {
    marks(page).next().is_some()
}

/// Whether a file begins as a page does, so that it may be an evidence file.
pub fn is_page(first: &[u8]) -> bool {
    const BEGIN: &[u8] = b"<!doctype html";
    first.get(..BEGIN.len()).is_some_and(|first| first.eq_ignore_ascii_case(BEGIN))
}

/// Where the mark stands. It begins with an end of line, of which there are few.
fn marks(bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'\n', bytes).filter(|&place| bytes[place..].starts_with(MARK.as_bytes()))
}

/// JSON in which nothing ends the element that it stands in.
fn inert(json: &[u8]) -> Vec<u8> {
    json.split(|&byte| byte == b'<').collect::<Vec<_>>().join(&b"\\u003c"[..])
}

const ALTERED: &str =
    "the file was altered after it was written: ask whoever gave it to you for the original";

fn refuse(message: &str, hint: &'static str) -> Error {
    Error::new(Code::Evidence, message).with_hint(hint)
}

/// The lines of what follows the mark.
struct Lines<'a> {
    rest: &'a [u8],
    number: u64,
}

impl<'a> Lines<'a> {
    /// What the next line says, which must be of that kind.
    fn next(&mut self, kind: Option<&str>) -> Result<&'a [u8], Error> {
        let wrong = || refuse("not the line that belongs here", ALTERED);
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

    fn decoded(&mut self, kind: &str, longest: usize) -> Result<Vec<u8>, Error> {
        let number = self.number;
        let text = self.next(Some(kind))?;
        let decoded = if text.len() / 4 * 3 > longest + 3 { None } else { base64::decode(text) };
        decoded.ok_or_else(|| {
            refuse("not canonical base64, or too long", ALTERED).at_line(number).in_member(kind)
        })
    }
}
