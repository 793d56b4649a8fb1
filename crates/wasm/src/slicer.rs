//! The artifact `slicer`: slices, explained proofs, evidence files, and file hashes.
//!
//! A slice is made in one call that reads its input twice from a synchronous source: workers can read files without
//! promises.

use countersign::error::{Code, Error};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line};
use countersign::hash::Hash;
use countersign::trust::Trust;
use countersign::verify::report::{Check, Checks};
use countersign::verify::{CheckState, Splitter, TrustBasis, Verdict};
use countersign::{hex, link};
use countersign_evidence::{
    Detections, File, Frame, MAX_SAMPLED, SampleRoot, SelectedEntries, VerifiedEntries, sample,
};
use countersign_slice::explain::{CheckResults, explain_verified};
use countersign_slice::{Selection, Survey};
use js_sys::{Array, Reflect, Uint8Array};
use serde::Serialize as _;
use sha2::Digest as _;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, index};

/// Approximate size of the pieces of a slice, in bytes.
const PIECE_BYTES: usize = 256 << 10;

#[wasm_bindgen]
extern "C" {
    /// An export that can be read repeatedly.
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

/// A part of an export.
enum Part<'a> {
    Header(&'a Header),
    Item(u64, &'a Item<'a>),
}

/// Writes a slice of `source` to it, and returns the number of events it shows. `indexes` selects links with the
/// entries that prove them, `range` ([a, b]) all entries in it, and `event` ("CHAIN/SEQ") a single event. Rejects
/// invalid indexes and ranges, and a selection without an event unless `allows_none`.
#[wasm_bindgen]
pub fn slice(
    source: &Source,
    indexes: Option<Vec<f64>>,
    range: Option<Vec<f64>>,
    event: Option<String>,
    trust: Option<Vec<u8>>,
    allows_none: Option<bool>,
) -> Result<f64, Thrown> {
    let trust = trust.map(|file| Trust::parse(&file)).transpose()?;
    let mut selection = Selection::all();
    if allows_none == Some(true) {
        selection = selection.or_none();
    }
    if let Some(indexes) = indexes {
        selection = selection.leaves(read_indexes(&indexes, "indexes")?);
    }
    if let Some(range) = range {
        let (begin, end) = match *read_indexes(&range, "range")? {
            [begin, end] if begin < end => (begin, end),
            _ => {
                return Err(
                    invalid("range", "`range` must be two indexes, the first less than the second").into()
                );
            }
        };
        selection = selection.range(begin, end);
    }
    if let Some(event) = event {
        let (chain, seq) = read_place(&event)?;
        selection = selection.event(chain, seq);
    }
    let mut survey: Option<Survey<'_>> = None;
    parse_parts(source, &mut |part| match (part, &mut survey) {
        (Part::Header(header), _) => {
            survey = Some(Survey::new(header, &selection, trust.as_ref()));
            Ok(())
        }
        (Part::Item(number, item), Some(survey)) => Ok(survey.line(number, item)?),
        (Part::Item(..), None) => Ok(()),
    })?;
    let plan = survey.ok_or_else(|| Error::new(Code::Export, "the export has no header"))?.finish()?;
    let mut lines = Writer::new();
    let mut slicer = plan.slicer(&mut lines);
    parse_parts(source, &mut |part| {
        if let Part::Item(number, item) = part {
            slicer.line(number, item, &mut lines)?;
            if lines.as_bytes().len() >= PIECE_BYTES {
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

/// Explains how an export proves the event at a position ("CHAIN/SEQ"), as a serialized `Explanation`.
/// `report` is the export's verification report, `covered` is true if the verifier returned the event, and
/// `acting` lists the indexes of effective key notes.
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
        .ok_or_else(|| Error::new(Code::Export, "the report was not made by this version"))?;
    let explanation = explain_verified(export, chain, seq, &trust, &outcome)?;
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    explanation
        .serialize(&serializer)
        .map_err(|_| Error::new(Code::Export, "the explanation can't be converted to JavaScript").into())
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
        checks: Checks::collect(|name| check(name).ok_or(())).ok()?,
        acting,
        signers: Array::from(&member(report, "signers")?).iter().map(signer).collect::<Option<_>>()?,
        covered,
    })
}

/// Returns the SHA-256 of a source in hex.
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

/// Assembles an evidence file (SPEC section 14). In the frame, `trust`, `pins`, and the slice's `file` may lack hash
/// and size. `rules` is the pack of a frame with `detections`, as canonical JSON.
#[wasm_bindgen(js_name = writeEvidence)]
pub fn write_evidence(
    frame: &str,
    page: Vec<u8>,
    trust: Option<Vec<u8>>,
    pins: &Array,
    rules: Option<String>,
    export: Vec<u8>,
) -> Result<Vec<u8>, Thrown> {
    let rules = rules.map(String::into_bytes);
    Ok(File::assemble(frame.as_bytes(), page, trust, bytes_of(pins), rules, export)?.write()?)
}

/// Returns the frame of a report as canonical JSON. In the input, `trust` and `pins` may lack hash and size.
#[wasm_bindgen(js_name = writeReport)]
pub fn write_report(frame: &str, trust: Option<Vec<u8>>, pins: &Array) -> Result<Vec<u8>, Thrown> {
    let pins = bytes_of(pins);
    let pins: Vec<&[u8]> = pins.iter().map(Vec::as_slice).collect();
    Ok(Frame::parse_with_content(frame.as_bytes(), trust.as_deref(), &pins)?.to_json()?)
}

/// Parses an evidence file to `[frame, SHA-256 of the page in hex, export, pins, trust file or undefined, why, rules or
/// undefined]`, where `why` belongs to the frame's report and may be null. Rejects any deviation from the canonical form.
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
    parts.push(&file.rules.map_or(JsValue::UNDEFINED, |rules| bytes(&rules).into()));
    Ok(parts)
}

/// Rejects a frame that contradicts the verification of its export: the JSON report, the indexes of verified
/// events, the base64 root from which samples are drawn, and whether witnesses saw it. If the export is what the
/// frame's query examined, `selected` and `unrecognized` are the indexes of the events that the query, and the query
/// [`UNRECOGNIZED`](countersign_evidence::UNRECOGNIZED), select in it. If it is what the frame's rules examined,
/// `detections` is the result of running them again, as the artifact `analyzer` writes it.
#[wasm_bindgen(js_name = holdEvidence)]
#[allow(clippy::too_many_arguments, reason = "one call from JavaScript")]
pub fn hold_evidence(
    frame: &str,
    report: &str,
    leaves: Vec<f64>,
    root: Option<String>,
    witnessed: bool,
    selected: Option<Vec<f64>>,
    unrecognized: Option<Vec<f64>>,
    detections: Option<String>,
) -> Result<(), Thrown> {
    let leaves = read_indexes(&leaves, "entries")?;
    let selected = match (selected, unrecognized) {
        (Some(selected), Some(unrecognized)) => Some(SelectedEntries {
            leaves: read_indexes(&selected, "selected")?,
            unrecognized: read_indexes(&unrecognized, "unrecognized")?,
        }),
        _ => None,
    };
    let detections = detections.map(|json| Detections::parse(json.as_bytes())).transpose()?;
    let read = |root: String| {
        Hash::from_base64(root).ok_or_else(|| invalid("root", "`root` must be a root hash in base64"))
    };
    let root = root.map(read).transpose()?.map(|root| SampleRoot { root, witnessed });
    Ok(Frame::parse(frame.as_bytes())?
        .agrees(report.as_bytes(), &VerifiedEntries { leaves, root, selected, detections })?)
}

/// Draws a sample from these entries, determined by a base64 root and a seed. Returns it in drawing order.
#[wasm_bindgen]
pub fn draw(root: &str, seed: &str, leaves: Vec<f64>, wanted: u32) -> Result<Vec<f64>, Thrown> {
    let root =
        Hash::from_base64(root).ok_or_else(|| invalid("root", "`root` must be a root hash in base64"))?;
    let leaves = read_indexes(&leaves, "entries")?;
    let wanted = (wanted as usize).min(MAX_SAMPLED);
    Ok(sample(&root, seed, leaves.into_iter(), wanted).into_iter().map(|leaf| leaf as f64).collect())
}

fn bytes_of(parts: &Array) -> Vec<Vec<u8>> {
    parts.iter().map(|part| Uint8Array::new(&part).to_vec()).collect()
}

fn invalid(member: &str, why: &str) -> Error {
    Error::new(Code::Export, why).in_member(member)
}

fn read_indexes(values: &[f64], member: &str) -> Result<Vec<u64>, Error> {
    let indexes: Option<_> = values.iter().map(|&value| index(value)).collect();
    indexes.ok_or_else(|| {
        invalid(member, &format!("`{member}` must contain only indexes: integers from 0 to 2^53 - 1"))
    })
}

fn read_place(event: &str) -> Result<(link::ChainId, u64), Error> {
    link::place(event).ok_or_else(|| Error::new(Code::Export, "the event must have the form CHAIN/SEQ"))
}

/// Calls `part` for each part of an export, compressed or not. Fails at the first invalid line.
fn parse_parts(source: &Source, part: &mut dyn FnMut(Part<'_>) -> Result<(), Thrown>) -> Result<(), Thrown> {
    source.rewind();
    let mut splitter = Splitter::new();
    let mut line = None;
    let mut drain = |splitter: &mut Splitter| {
        if let (None, Some((header, at))) = (line, splitter.header()) {
            part(Part::Header(header))?;
            line = Some(at);
        }
        while let Some(chunk) = splitter.next_chunk() {
            line = Some(items(&chunk, line.unwrap_or_default(), part)?);
            splitter.recycle(chunk);
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

/// Calls `part` for each item in complete lines after line `before`, and returns the number of the last line.
fn items(
    chunk: &[u8],
    before: u64,
    part: &mut dyn FnMut(Part<'_>) -> Result<(), Thrown>,
) -> Result<u64, Thrown> {
    let malformed = |error: Error, number| {
        Thrown::from(error.at_line(number).with_hint("verify the export to see all errors"))
    };
    let lines = chunk.strip_suffix(b"\n").unwrap_or(chunk).split(|&byte| byte == b'\n');
    let mut number = before;
    for line in lines {
        number += 1;
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            continue;
        }
        let text = core::str::from_utf8(line)
            .map_err(|_| malformed(Error::new(Code::Export, "the line is not UTF-8"), number))?;
        let line = Line::parse(text).map_err(|error| malformed(error.to_error(), number))?;
        part(Part::Item(number, &line.item))?;
    }
    Ok(number)
}
