//! Parts: what verifying needs to know of a part of an export, as a file that another machine can take up.
//!
//! [`summarize`] writes such a file for one part of an export, and [`verify`] makes of the files of all parts the
//! report that verifying the export itself gives. Everything that a reader brings is for the second step alone:
//! no trust file and no pin is in a summary.
//!
//! A summary is believed. It says that hashes match and signatures are valid, and who made it could have written
//! anything. What is looked at here is whether it came whole, and whether all are of one file and cover it.
//!
//! # The file
//!
//! ```text
//! "countersign summary v1\n"  head  frame(prefix)  frame(summary)…  u32 0  tail  u64 |tail|  SHA-256  "\nsummed\n"
//! ```
//!
//! Numbers are little-endian, a frame is its length as a `u32` and as many bytes, and the hash is that of all before
//! it. The prefix is the text up to and with the header, in the first part alone. The summaries are those of
//! [`wire`](super::wire).

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use sha2::{Digest as _, Sha256};

use super::chain_keys::ChainKeys;
use super::intake::STRETCH;
use super::parallel::{READ, read_some};
use super::pipeline::in_order;
use super::summary::{Entry, Kind};
use super::wire::{Wire, wire};
use super::{Intake, Options, Progress, Summarizer, Summary, Verification};
use crate::export::line::strip;
use crate::export::{Compression, LineBuffer, MAX_SKIP_LEVEL};
use crate::hash::Hash;
use crate::link::{ChainId, MAX_INTEGER};
use crate::trust::Trust;

const BEGIN: &[u8; 23] = b"countersign summary v1\n";
const END: &[u8; 8] = b"\nsummed\n";
/// What stands after the tail: its length, the hash, and the end.
const AFTER_TAIL: u64 = 8 + 32 + END.len() as u64;
/// The longest frame. A stretch's summary is a fraction of that, whatever the stretch holds.
const MAX_FRAME: u32 = 32 << 20;
/// How much of the file may stand up to the end of its header.
const MAX_PREFIX: usize = 2 << 20;
/// How much of the file's beginning and end tells it from another one.
const ENDS: u64 = 64 << 10;
/// The most lines of a stretch, and more than that.
const MAX_LINES: u64 = 1 << 24;

/// Which part of which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which version of this crate summarized it.
    by: String,
    /// The file's size.
    size: u64,
    /// The hash of the file's beginning and end.
    ends: Hash,
    number: u64,
    of: u64,
    begin: u64,
    end: u64,
}

wire!(struct Part { by, size, ends, number, of, begin, end });

/// What stands at the end of a summary.
struct Tail {
    /// The hash of the part's bytes.
    text: Hash,
    opened: Vec<(ChainId, [u8; 32])>,
}

wire!(struct Tail { text, opened });

/// Why a file cannot be summarized in parts, or summaries cannot be verified.
#[derive(Debug)]
pub enum Refused {
    /// Reading or writing met this.
    Io(io::Error),
    /// The export is compressed: where its lines begin cannot be told without reading all before.
    Compressed,
    /// The export's header ends too far behind.
    Header,
    /// The file changed while it was read.
    Changed,
    /// This is no summary, or one that nothing could have written so.
    Invalid,
    /// Another version made it.
    Version(String),
    /// The summary was cut off.
    Truncated,
    /// The summary is not what was written.
    Altered,
    /// The summary is of another file than the first one, or of the same one when it had another size.
    OtherFile,
    /// The file was cut into another number of parts for the first one.
    OtherCut(u64),
    /// This part is there twice.
    Twice(u64),
    /// This part is not there.
    Missing(u64),
    /// The part and the one before it do not meet.
    Apart,
}

impl Refused {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "summary.io",
            Self::Compressed => "summary.compressed",
            Self::Header => "summary.header",
            Self::Changed => "summary.changed",
            Self::Invalid => "summary.invalid",
            Self::Version(_) => "summary.version",
            Self::Truncated => "summary.truncated",
            Self::Altered => "summary.altered",
            Self::OtherFile => "summary.other_file",
            Self::OtherCut(_) => "summary.other_cut",
            Self::Twice(_) => "summary.twice",
            Self::Missing(_) => "summary.missing",
            Self::Apart => "summary.apart",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "see what the system says",
            Self::Compressed => {
                "decompress it where every worker can read it, or verify it whole: `countersign verify` takes it as it is"
            }
            Self::Header => "no log writes such a file: `countersign verify` says what is wrong with it",
            Self::Changed => "summarize a copy that nobody writes to",
            Self::Invalid => "give the files that `countersign summarize` wrote",
            Self::Version(_) => "summarize and verify with one version of countersign",
            Self::Truncated => "copy it again, or summarize the part again",
            Self::Altered => "it was damaged on its way or changed: summarize the part again",
            Self::OtherFile | Self::OtherCut(_) => {
                "give the summaries of one file that was cut once: was one left over from before?"
            }
            Self::Twice(_) => "give each part once",
            Self::Missing(_) => "give every part, or summarize the one that is missing",
            Self::Apart => "summarize the part again, of the same file",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read: {error}"),
            Self::Compressed => f.write_str("it is compressed, and only a plain file can be cut into parts"),
            Self::Header => f.write_str("its first line that is not blank ends after more than 2 MiB"),
            Self::Changed => f.write_str("it changed while it was read"),
            Self::Invalid => f.write_str("this is no summary of a part of an export"),
            Self::Version(by) => {
                write!(f, "it was made by countersign {by:?}, and this is {}", env!("CARGO_PKG_VERSION"))
            }
            Self::Truncated => f.write_str("the summary was cut off"),
            Self::Altered => f.write_str("the summary is not as it was written"),
            Self::OtherFile => f.write_str("it is of another file than the summaries before it"),
            Self::OtherCut(of) => {
                write!(f, "it is of a file that was cut into {of} parts, unlike those before")
            }
            Self::Twice(number) => write!(f, "part {number} is there twice"),
            Self::Missing(number) => write!(f, "part {number} is missing"),
            Self::Apart => f.write_str("it does not begin where the part before it ends"),
        }
    }
}

impl core::error::Error for Refused {}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Part {
    /// Part `number` of `of`, the first being 1, of a file that is not compressed. Every part begins where a line does.
    ///
    /// # Errors
    /// [`Refused`] where the file cannot be cut, or reading fails.
    pub fn of(file: &mut (impl Read + Seek), number: u64, of: u64) -> Result<Self, Refused> {
        let size = file.seek(SeekFrom::End(0))?;
        let beginning = stretch(file, 0, size.min(ENDS))?;
        if Compression::detect(&beginning[..beginning.len().min(4)]).is_some() {
            return Err(Refused::Compressed);
        }
        let ending = stretch(file, size - size.min(ENDS), size.min(ENDS))?;
        let header = end_of_header(file)?;
        let mut cut = |nth: u64| -> Result<u64, Refused> {
            let at = u128::from(size) * u128::from(nth) / u128::from(of.max(1));
            Ok(begin_of_line(file, at as u64)?.max(header))
        };
        let begin = if number <= 1 { 0 } else { cut(number - 1)? };
        let end = if number >= of { size } else { cut(number)? };
        let ends = Hash::of(&[&beginning, &ending]);
        Ok(Self { by: env!("CARGO_PKG_VERSION").into(), size, ends, number, of, begin, end })
    }

    /// Its number, the first being 1, and the number of all parts.
    pub const fn place(&self) -> (u64, u64) {
        (self.number, self.of)
    }

    /// How many bytes of the file are in it.
    pub const fn bytes(&self) -> u64 {
        self.end - self.begin
    }

    /// Whether the numbers fit each other.
    fn is_sound(&self) -> bool {
        self.begin <= self.end
            && self.end <= self.size
            && (1..=self.of).contains(&self.number)
            && (self.number > 1 || self.begin == 0)
            && (self.number < self.of || self.end == self.size)
    }
}

/// So many bytes from there on.
fn stretch(file: &mut (impl Read + Seek), at: u64, length: u64) -> Result<Vec<u8>, Refused> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(Refused::Changed) }
}

/// Where the first line begins that does not begin before `at`.
fn begin_of_line(file: &mut (impl Read + Seek), at: u64) -> Result<u64, Refused> {
    let Some(before) = at.checked_sub(1) else { return Ok(0) };
    file.seek(SeekFrom::Start(before))?;
    let skipped = BufReader::new(file).skip_until(b'\n')?;
    Ok(before + skipped as u64)
}

/// Where the first line ends that is not blank, which is to be the header.
fn end_of_header(file: &mut (impl Read + Seek)) -> Result<u64, Refused> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let (mut at, mut blank) = (0, true);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(at);
        }
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        blank &= strip(&bytes[..end.unwrap_or(bytes.len())]).is_empty();
        at += taken as u64;
        reader.consume(taken);
        if end.is_some() && !blank {
            return Ok(at);
        }
    }
}

/// Summarizes a part of a file on so many threads.
///
/// `out` gets the bytes of the summary, piece by piece; `progress` the number of bytes read so far, perhaps on another
/// thread.
///
/// # Errors
/// [`Refused`], or what `out` met.
pub fn summarize<E: From<Refused> + Send>(
    mut file: impl Read + Seek + Send,
    part: &Part,
    threads: usize,
    mut out: impl FnMut(&[u8]) -> Result<(), E>,
    mut progress: impl FnMut(u64) + Send,
) -> Result<(), E> {
    let mut text = Sha256::new();
    let mut whole = Sha256::new();
    let mut write = |bytes: &[u8]| {
        whole.update(bytes);
        out(bytes)
    };
    let mut begin = BEGIN.to_vec();
    part.write(&mut begin);
    let prefix = prefix(&mut file, part)?;
    begin.extend((prefix.len() as u32).to_le_bytes());
    begin.extend(&prefix);
    write(&begin)?;
    text.update(&prefix);

    let from = part.begin + prefix.len() as u64;
    let keys = ChainKeys::default();
    let worker = || {
        // Whom the reader trusts is told by who verifies.
        let mut summarizer = Summarizer::new("", &Trust::default()).sharing(keys.clone());
        move |stretch: Vec<u8>| {
            let summary = summarizer.summarize(&stretch);
            (summary.encode(), summary.opened().collect::<Vec<_>>())
        }
    };
    let mut opened = Vec::new();
    let jobs = |emit: &mut dyn FnMut(Vec<u8>) -> bool| {
        read(&mut file, from, part.end, &mut text, emit, &mut progress).map_err(E::from)
    };
    in_order(threads, jobs, worker, |(summary, chains)| {
        opened.extend(chains);
        let length = u32::try_from(summary.len()).ok().filter(|length| *length <= MAX_FRAME);
        let length = length.ok_or_else(|| Refused::Io(io::ErrorKind::FileTooLarge.into()))?;
        write(&length.to_le_bytes())?;
        write(&summary)
    })?;

    let mut tail = Vec::new();
    Tail { text: Hash(text.finalize().into()), opened }.write(&mut tail);
    write(&0_u32.to_le_bytes())?;
    write(&tail)?;
    write(&(tail.len() as u64).to_le_bytes())?;
    let hash: [u8; 32] = whole.finalize().into();
    out(&[&hash[..], END].concat())
}

/// What stands up to the end of the header, where that is in this part.
fn prefix(file: &mut (impl Read + Seek), part: &Part) -> Result<Vec<u8>, Refused> {
    if part.number > 1 {
        return Ok(Vec::new());
    }
    let end = end_of_header(file)?;
    if end > MAX_PREFIX as u64 {
        return Err(Refused::Header);
    }
    stretch(file, 0, end)
}

/// Reads from there to there, and hands out stretches of whole lines.
fn read(
    file: &mut (impl Read + Seek),
    from: u64,
    to: u64,
    text: &mut Sha256,
    emit: &mut dyn FnMut(Vec<u8>) -> bool,
    progress: &mut impl FnMut(u64),
) -> Result<(), Refused> {
    file.seek(SeekFrom::Start(from))?;
    let mut lines = LineBuffer::new(STRETCH);
    let mut buffer = vec![0; READ];
    let mut at = from;
    let mut wanted = true;
    while at < to && wanted {
        let room = buffer.len().min(usize::try_from(to - at).unwrap_or(usize::MAX));
        let length = read_some(file, &mut buffer[..room])?;
        if length == 0 {
            return Err(Refused::Changed);
        }
        text.update(&buffer[..length]);
        lines.push(&buffer[..length], &mut |stretch| wanted = wanted && emit(stretch));
        at += length as u64;
        progress(at - from);
    }
    let rest = lines.finish();
    if wanted && !rest.is_empty() {
        emit(rest);
    }
    if file.seek(SeekFrom::End(0))? < to { Err(Refused::Changed) } else { Ok(()) }
}

/// A summary that was written before.
pub struct Stored<R> {
    reader: BufReader<R>,
    /// What was read so far.
    whole: Sha256,
    /// How many bytes there are still up to the tail.
    left: u64,
    part: Part,
    tail: Tail,
    tail_length: u64,
    hash: [u8; 32],
}

impl<R: Read + Seek> Stored<R> {
    /// Reads which part it is of, and its end.
    ///
    /// # Errors
    /// [`Refused`] where it is no summary of this version, or not whole.
    pub fn open(reader: R) -> Result<Self, Refused> {
        let mut reader = BufReader::with_capacity(READ, reader);
        let size = reader.seek(SeekFrom::End(0))?;
        let beginning = stretch(&mut reader, 0, size.min(1 << 10))?;
        let mut head = beginning.strip_prefix(BEGIN).ok_or(Refused::Invalid)?;
        let part = Part::read(&mut head).ok_or(if size < 1 << 10 {
            Refused::Truncated
        } else {
            Refused::Invalid
        })?;
        if part.by != env!("CARGO_PKG_VERSION") {
            return Err(Refused::Version(part.by));
        }
        if !part.is_sound() {
            return Err(Refused::Invalid);
        }
        let first = (beginning.len() - head.len()) as u64;
        let after_tail = size.checked_sub(AFTER_TAIL).ok_or(Refused::Truncated)?;
        let last = stretch(&mut reader, after_tail, AFTER_TAIL)?;
        let (length, rest) = last.split_first_chunk().ok_or(Refused::Truncated)?;
        let (hash, end) = rest.split_first_chunk().ok_or(Refused::Truncated)?;
        if end != END {
            return Err(Refused::Truncated);
        }
        let tail_length = u64::from_le_bytes(*length);
        let tail_at =
            after_tail.checked_sub(tail_length).filter(|at| *at >= first).ok_or(Refused::Altered)?;
        let bytes = stretch(&mut reader, tail_at, tail_length)?;
        let mut rest = &bytes[..];
        let tail = Tail::read(&mut rest).filter(|_| rest.is_empty()).ok_or(Refused::Altered)?;
        reader.seek(SeekFrom::Start(first))?;
        let mut whole = Sha256::new();
        whole.update(&beginning[..first as usize]);
        Ok(Self { reader, whole, left: tail_at - first, part, tail, tail_length, hash: *hash })
    }

    /// Which part it is of.
    pub const fn part(&self) -> &Part {
        &self.part
    }

    /// Whether it is of this file, by the hash of the part's bytes.
    ///
    /// # Errors
    /// [`Refused::OtherFile`] where it is not; what reading met.
    pub fn is_of(&self, file: &mut (impl Read + Seek)) -> Result<(), Refused> {
        if file.seek(SeekFrom::End(0))? != self.part.size {
            return Err(Refused::OtherFile);
        }
        file.seek(SeekFrom::Start(self.part.begin))?;
        let mut text = Sha256::new();
        let mut buffer = vec![0; READ];
        let mut part = file.take(self.part.bytes());
        loop {
            let length = read_some(&mut part, &mut buffer)?;
            if length == 0 {
                break;
            }
            text.update(&buffer[..length]);
        }
        let found: [u8; 32] = text.finalize().into();
        if found == self.tail.text.0 { Ok(()) } else { Err(Refused::OtherFile) }
    }

    /// The next frame; of summaries the last is empty.
    fn frame(&mut self) -> Result<Vec<u8>, Refused> {
        let length = u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Refused::Altered)?);
        if length > MAX_FRAME {
            return Err(Refused::Altered);
        }
        self.take(u64::from(length))
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>, Refused> {
        self.left = self.left.checked_sub(length).ok_or(Refused::Altered)?;
        let mut bytes = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut bytes)?;
        self.whole.update(&bytes);
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(Refused::Truncated) }
    }

    /// All frames were read: whether all is as it was written.
    fn finish(&mut self) -> Result<(), Refused> {
        if self.left > 0 {
            return Err(Refused::Altered);
        }
        self.left = self.tail_length + 8;
        self.take(self.left)?;
        let found: [u8; 32] = self.whole.finalize_reset().into();
        if found == self.hash { Ok(()) } else { Err(Refused::Altered) }
    }
}

/// What is wrong with summaries, and with which of those that were given.
#[derive(Debug)]
pub struct Unusable {
    /// Its place among those that were given.
    pub place: Option<usize>,
    /// What is wrong.
    pub why: Refused,
}

fn at<T>(place: usize) -> impl FnOnce(T) -> Unusable
where
    Refused: From<T>,
{
    move |why| Unusable { place: Some(place), why: why.into() }
}

/// Verifies an export by the summaries of all its parts, given in any order, on so many threads.
///
/// The report is that of the export itself.
///
/// # Errors
/// [`Unusable`] where the summaries are not those of all parts of one file, or one is not whole.
pub fn verify<R: Read + Seek + Send>(
    summaries: Vec<Stored<R>>,
    options: Options,
    threads: usize,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Verification, Unusable> {
    let mut parts = arranged(summaries)?;
    let known: HashMap<ChainId, [u8; 32]> =
        parts.iter_mut().flat_map(|(_, part)| std::mem::take(&mut part.tail.opened)).collect();
    let mut intake = Intake::new();
    for (place, part) in &mut parts {
        let prefix = part.frame().map_err(at(*place))?;
        let mut rest = &prefix[..];
        while !rest.is_empty() {
            rest = &rest[intake.push(rest)..];
        }
    }
    let end = intake.finish();
    if intake.next_stretch().is_some() {
        return Err(Unusable { place: parts.first().map(|(place, _)| *place), why: Refused::Altered });
    }
    let trust = options.trust.clone();
    let mut sequence = Progress::new(options);
    let origin = match intake.header() {
        Some((header, line)) => {
            sequence.begin(header, line);
            header.origin.clone()
        }
        None => String::new(),
    };
    let readable = end.is_ok();
    let jobs = |emit: &mut dyn FnMut((usize, Vec<u8>)) -> bool| {
        let mut read = 0;
        for (place, part) in &mut parts {
            loop {
                let frame = part.frame().map_err(at(*place))?;
                if frame.is_empty() {
                    break;
                }
                read += frame.len() as u64;
                progress(read);
                // Where there is no header nothing else is asked but whether the summaries are whole.
                if readable && !emit((*place, frame)) {
                    return Ok(());
                }
            }
            part.finish().map_err(at(*place))?;
        }
        Ok(())
    };
    let worker = || {
        let mut summarizer = Summarizer::new(&origin, &trust);
        let known = &known;
        move |(place, frame): (usize, Vec<u8>)| {
            let mut summary =
                Summary::decode(&frame).filter(is_sound).ok_or(Refused::Altered).map_err(at(place))?;
            summarizer.settle(&mut summary, known).ok_or(Refused::Altered).map_err(at(place))?;
            Ok(summary)
        }
    };
    in_order(threads, jobs, worker, |summary| {
        sequence.absorb(summary?, b"");
        Ok(())
    })?;
    let (verification, _) = sequence.finish_telling(end);
    Ok(verification)
}

/// The summaries in the order of their parts, each with its place among those that were given.
fn arranged<R>(summaries: Vec<Stored<R>>) -> Result<Vec<(usize, Stored<R>)>, Unusable> {
    let mut parts: Vec<_> = summaries.into_iter().enumerate().collect();
    let Some((_, first)) = parts.first() else {
        return Err(Unusable { place: None, why: Refused::Missing(1) });
    };
    let first = first.part.clone();
    for (place, stored) in &parts {
        let part = &stored.part;
        if (part.size, part.ends) != (first.size, first.ends) {
            return Err(at(*place)(Refused::OtherFile));
        }
        if part.of != first.of {
            return Err(at(*place)(Refused::OtherCut(part.of)));
        }
    }
    // Of two of one part the one that was given later is named.
    parts.sort_by_key(|(place, stored)| (stored.part.number, *place));
    let (mut number, mut end) = (0, 0);
    for (place, stored) in &parts {
        let part = &stored.part;
        if part.number == number {
            return Err(at(*place)(Refused::Twice(number)));
        }
        number += 1;
        if part.number > number {
            return Err(Unusable { place: None, why: Refused::Missing(number) });
        }
        if part.begin != end {
            return Err(at(*place)(Refused::Apart));
        }
        end = part.end;
    }
    if number < first.of {
        return Err(Unusable { place: None, why: Refused::Missing(number + 1) });
    }
    Ok(parts)
}

/// Whether something could have been summarized so: what takes a summary counts with its numbers.
fn is_sound(summary: &Summary) -> bool {
    let lines = 1..=summary.lines;
    let entry = |entry: &Entry| {
        lines.contains(&entry.line)
            && match &entry.kind {
                Kind::Link(link) => link.seq <= MAX_INTEGER,
                Kind::Opaque(place) => place.is_none_or(|(_, seq)| seq <= MAX_INTEGER),
                Kind::Skip(level, _) => *level <= MAX_SKIP_LEVEL,
                Kind::Note(_) | Kind::Checkpoint(_) => true,
            }
    };
    summary.lines <= MAX_LINES
        && summary.filled <= summary.lines
        && summary.last_filled <= summary.lines
        && summary.entries.iter().all(entry)
        && summary.entries.is_sorted_by_key(|entry| entry.line)
        && summary.findings.iter().all(|finding| lines.contains(&finding.line))
}
