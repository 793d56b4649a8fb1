//! What else a reader of exports asks for, in the artifact `slicer`: slices, explained proofs, the hash of a file.
//!
//! A slice is made in one call that reads its input twice, through a source that JavaScript gives: in a worker files
//! can be read without waiting for promises.

use countersign::error::{Code, Error};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line};
use countersign::hash::Hash;
use countersign::trust::Trust;
use countersign::verify::report::{Check, Checks};
use countersign::verify::{CheckState, Splitter, TrustBasis, Verdict};
use countersign::{hex, link};
use countersign_evidence::{File, Frame, MOST_SAMPLED, SampleRoot, Shown, sample};
use countersign_slice::explain::{CheckResults, explain_as};
use countersign_slice::{Selection, Survey};
use js_sys::{Array, Reflect, Uint8Array};
use serde::Serialize as _;
use sha2::Digest as _;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, index};

/// How many bytes of a slice are handed on at a time, about.
const PIECE: usize = 256 << 10;

#[wasm_bindgen]
extern "C" {
    /// An export that can be read again and again.
    #[wasm_bindgen(
        typescript_type = "{ rewind(): void; next(): Uint8Array | undefined; write(bytes: Uint8Array): void }"
    )]
    pub type Source;

    #[wasm_bindgen(method)]
    fn rewind(this: &Source);

    #[wasm_bindgen(method, catch)]
    fn next(this: &Source) -> Result<Option<Uint8Array>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn write(this: &Source, bytes: &[u8]) -> Result<(), JsValue>;
}

/// A part of an export, in the order in which they come.
enum Part<'a> {
    Header(&'a Header),
    Item(u64, &'a Item<'a>),
}

/// Writes a slice of `source` to it: with `indexes` the events of the links there and what proves them, with `range`
/// ([a, b]) all leaves of it, with `event` ("CHAIN/SEQ") that one. Gives how many events it shows. What is no index, or
/// no range, is refused.
#[wasm_bindgen]
pub fn slice(
    source: &Source,
    indexes: Option<Vec<f64>>,
    range: Option<Vec<f64>>,
    event: Option<String>,
    trust: Option<Vec<u8>>,
) -> Result<f64, Thrown> {
    let trust = trust.map(|file| Trust::parse(&file)).transpose()?;
    let mut selection = Selection::all();
    if let Some(indexes) = indexes {
        selection = selection.leaves(read_indexes(&indexes, "indexes")?);
    }
    if let Some(range) = range {
        let (begin, end) = match *read_indexes(&range, "range")? {
            [begin, end] if begin < end => (begin, end),
            _ => return Err(refuse("range", "not two indexes, the first below the second").into()),
        };
        selection = selection.range(begin, end);
    }
    if let Some(event) = event {
        let (chain, seq) = read_place(&event)?;
        selection = selection.event(chain, seq);
    }
    let mut survey: Option<Survey<'_>> = None;
    read(source, &mut |part| match (part, &mut survey) {
        (Part::Header(header), _) => {
            survey = Some(Survey::new(header, &selection, trust.as_ref()));
            Ok(())
        }
        (Part::Item(number, item), Some(survey)) => Ok(survey.line(number, item)?),
        (Part::Item(..), None) => Ok(()),
    })?;
    let plan = survey.ok_or_else(|| Error::new(Code::Export, "there is no header"))?.finish()?;
    let mut lines = Writer::new();
    let mut slicer = plan.slicer(&mut lines);
    read(source, &mut |part| {
        if let Part::Item(number, item) = part {
            slicer.line(number, item, &mut lines)?;
            if lines.as_bytes().len() >= PIECE {
                source.write(lines.as_bytes())?;
                lines.clear();
            }
        }
        Ok(())
    })?;
    slicer.finish(&mut lines)?;
    source.write(lines.as_bytes())?;
    Ok(plan.events() as f64)
}

/// Explains how an export proves the event at a place ("CHAIN/SEQ"): an object as `Explanation` serializes. `report` is
/// what verifying that export gave, `covered` whether the event was handed out then, and `acting` the indexes of the key
/// notes that act.
#[wasm_bindgen]
pub fn explain(
    export: &[u8],
    event: &str,
    trust: Option<Vec<u8>>,
    report: &JsValue,
    covered: bool,
    acting: Vec<f64>,
) -> Result<JsValue, Thrown> {
    let (chain, seq) = read_place(event)?;
    let trust = trust.map(|file| Trust::parse(&file)).transpose()?.unwrap_or_default();
    let acting = read_indexes(&acting, "acting")?;
    let outcome = read_report(report, covered, acting)
        .ok_or_else(|| Error::new(Code::Export, "this is not a report of this version"))?;
    let explanation = explain_as(export, chain, seq, &trust, &outcome)?;
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    explanation
        .serialize(&serializer)
        .map_err(|_| Error::new(Code::Export, "the explanation cannot be handed to JavaScript").into())
}

fn read_report(report: &JsValue, covered: bool, acting: Vec<u64>) -> Option<CheckResults> {
    let member = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok();
    let checks = member(report, "checks")?;
    let check = |name: &str| {
        let state = CheckState::parse(&member(&member(&checks, name)?, "state")?.as_string()?)?;
        Some(Check { state, checked: 0, failed: 0, reason: None })
    };
    let signer = |signer: JsValue| {
        let trust = TrustBasis::parse(&member(&signer, "trust")?.as_string()?)?;
        Some((member(&signer, "vkey")?.as_string()?, trust))
    };
    Some(CheckResults {
        verdict: Verdict::parse(&member(report, "verdict")?.as_string()?)?,
        checks: Checks::of(|name| check(name).ok_or(())).ok()?,
        acting,
        signers: Array::from(&member(report, "signers")?).iter().map(signer).collect::<Option<_>>()?,
        covered,
    })
}

/// The SHA-256 of all bytes of a source, in hex.
#[wasm_bindgen]
pub fn sha256(source: &Source) -> Result<String, Thrown> {
    source.rewind();
    let mut hasher = sha2::Sha256::new();
    let mut piece = Vec::new();
    while let Some(bytes) = source.next()? {
        piece.resize(bytes.length() as usize, 0);
        bytes.copy_to(&mut piece);
        hasher.update(&piece);
    }
    Ok(hex::encode(&hasher.finalize()))
}

/// An evidence file of these parts (SPEC section 14). In the frame `trust`, `pins` and the slice's `file` may lack hash and
/// size.
#[wasm_bindgen(js_name = writeEvidence)]
pub fn write_evidence(
    frame: &str,
    page: Vec<u8>,
    trust: Option<Vec<u8>>,
    pins: &Array,
    export: Vec<u8>,
) -> Result<Vec<u8>, Thrown> {
    Ok(File::of(frame.as_bytes(), page, trust, bytes_of(pins), export)?.write()?)
}

/// The frame of a report as canonical JSON. In what is given `trust` and `pins` may lack hash and size.
#[wasm_bindgen(js_name = writeReport)]
pub fn write_report(frame: &str, trust: Option<Vec<u8>>, pins: &Array) -> Result<Vec<u8>, Thrown> {
    let pins = bytes_of(pins);
    let pins: Vec<&[u8]> = pins.iter().map(Vec::as_slice).collect();
    Ok(Frame::of(frame.as_bytes(), trust.as_deref(), &pins)?.to_json()?)
}

/// The parts of an evidence file: `[frame, SHA-256 of the page in hex, export, pins, trust file or undefined, why]`, the last
/// of the frame's report, or null. What is not just as it was written is refused.
#[wasm_bindgen(js_name = readEvidence)]
pub fn read_evidence(file: &[u8]) -> Result<Array, Thrown> {
    let file = File::read(file)?;
    let frame = String::from_utf8(file.frame.to_json()?).unwrap_or_default();
    let bytes = |bytes: &Vec<u8>| Uint8Array::from(bytes.as_slice());
    let parts = Array::of5(
        &frame.into(),
        &hex::encode(&file.page_sha256().0).into(),
        &bytes(&file.export),
        &file.pins.iter().map(bytes).collect::<Array>(),
        &file.trust.as_ref().map_or(JsValue::UNDEFINED, |trust| bytes(trust).into()),
    );
    parts.push(&file.frame.why().map_or(JsValue::NULL, |why| why.as_str().into()));
    Ok(parts)
}

/// Refuses a frame that verifying its export refutes: by the report, as JSON, the leaves of the events that verify, and the
/// root, in base64, that samples are drawn by, with whether witnesses saw it.
#[wasm_bindgen(js_name = holdEvidence)]
pub fn hold_evidence(
    frame: &str,
    report: &str,
    leaves: Vec<f64>,
    root: Option<String>,
    witnessed: bool,
) -> Result<(), Thrown> {
    let leaves = read_indexes(&leaves, "entries")?;
    let read = |root: String| Hash::from_base64(root).ok_or_else(|| refuse("root", "not a root hash"));
    let root = root.map(read).transpose()?.map(|root| SampleRoot { root, witnessed });
    Ok(Frame::parse(frame.as_bytes())?.agrees(report.as_bytes(), &Shown { leaves, root })?)
}

/// The sample that a root, in base64, and a seed draw from these leaves, in the order of the draw.
#[wasm_bindgen]
pub fn draw(root: &str, seed: &str, leaves: Vec<f64>, wanted: u32) -> Result<Vec<f64>, Thrown> {
    let root = Hash::from_base64(root).ok_or_else(|| refuse("root", "not a root hash"))?;
    let leaves = read_indexes(&leaves, "entries")?;
    let wanted = (wanted as usize).min(MOST_SAMPLED);
    Ok(sample(&root, seed, leaves.into_iter(), wanted).into_iter().map(|leaf| leaf as f64).collect())
}

fn bytes_of(parts: &Array) -> Vec<Vec<u8>> {
    parts.iter().map(|part| Uint8Array::new(&part).to_vec()).collect()
}

fn refuse(member: &str, why: &str) -> Error {
    Error::new(Code::Export, why).in_member(member)
}

fn read_indexes(values: &[f64], member: &str) -> Result<Vec<u64>, Error> {
    let indexes: Option<_> = values.iter().map(|&value| index(value)).collect();
    indexes.ok_or_else(|| refuse(member, "not an index: a whole number from 0 to 2^53 - 1"))
}

fn read_place(event: &str) -> Result<(link::ChainId, u64), Error> {
    link::place(event).ok_or_else(|| Error::new(Code::Export, "not the place of an event, such as CHAIN/SEQ"))
}

/// Hands out the parts of an export, compressed or not, and stops at what is none.
fn read(source: &Source, part: &mut dyn FnMut(Part<'_>) -> Result<(), Thrown>) -> Result<(), Thrown> {
    source.rewind();
    let mut splitter = Splitter::new();
    let mut line = None;
    let mut drain = |splitter: &mut Splitter| {
        if let (None, Some((header, at))) = (line, splitter.header()) {
            part(Part::Header(header))?;
            line = Some(at);
        }
        while let Some(stretch) = splitter.next_stretch() {
            line = Some(items(&stretch, line.unwrap_or_default(), part)?);
            splitter.recycle(stretch);
        }
        Ok::<(), Thrown>(())
    };
    let mut piece = Vec::new();
    while let Some(bytes) = source.next()? {
        piece.resize(bytes.length() as usize, 0);
        bytes.copy_to(&mut piece);
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let taken = splitter.push(rest);
            rest = &rest[taken..];
            drain(&mut splitter)?;
        }
    }
    let end = splitter.finish();
    drain(&mut splitter)?;
    Ok(end.map_err(|unread| unread.to_error())?)
}

/// Hands out the items of whole lines that follow line `before`. Gives the number of the last.
fn items(
    stretch: &[u8],
    before: u64,
    part: &mut dyn FnMut(Part<'_>) -> Result<(), Thrown>,
) -> Result<u64, Thrown> {
    let malformed = |error: Error, number| {
        Thrown::from(error.at_line(number).with_hint("verifying the export says what else is wrong"))
    };
    let lines = stretch.strip_suffix(b"\n").unwrap_or(stretch).split(|&byte| byte == b'\n');
    let mut number = before;
    for line in lines {
        number += 1;
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            continue;
        }
        let text = core::str::from_utf8(line)
            .map_err(|_| malformed(Error::new(Code::Export, "malformed line: not UTF-8"), number))?;
        let line = Line::parse(text).map_err(|error| malformed(error.to_error(), number))?;
        part(Part::Item(number, &line.item))?;
    }
    Ok(number)
}
