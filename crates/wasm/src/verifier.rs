//! The artifact `verifier`: verifies in one worker, or combines summaries made in others.

use std::collections::VecDeque;

use countersign::error::{Code, Error};
use countersign::pin::Pin;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::archive::{
    ArchiveVerification, ArchiveVerifier as LocalArchiveVerifier, MAX_ARCHIVE_BYTES,
};
use countersign::verify::wire::{decode_opened, encode_opened};
use countersign::verify::{
    Conclusion, CoveredLink, Doubts, Expectations, Finding, InputError, Mark, MaxAge, Options, Progress,
    Splitter, Summarizer, Summary, Update, Verification, VerifiedEvent, Verifier as LocalVerifier,
};
use countersign_query::batch::{NewLine, OVERHEAD_BYTES};
use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, marks, phrases};

/// Maximum number of marks returned at once.
const MAX_MARKS: usize = 4096;

/// Verifies an export in a single worker.
#[wasm_bindgen(js_name = Verifier)]
pub struct WholeVerifier {
    verifier: LocalVerifier,
    pending: PendingOutput,
}

#[wasm_bindgen(js_class = Verifier)]
impl WholeVerifier {
    /// Creates a verifier. `trust` is a trust file, `pins` are signed checkpoints or head proofs, and `expect` is
    /// undefined or an object with the optional fields `origin`, `range` ([a, b]), and `maxAgeSeconds` with `now` (a
    /// time). `wants` selects the output by true fields: `events`, `offsets` (of the events in an uncompressed
    /// export), `marks`, `findings`, `archive`, and `live`, for an export that is reported on while it grows.
    #[wasm_bindgen(constructor)]
    pub fn new(
        trust: Option<Vec<u8>>,
        pins: Vec<String>,
        expect: &JsValue,
        wants: &JsValue,
    ) -> Result<Self, Thrown> {
        let options = options(trust, &pins, expect, wants)?;
        let begin = if is_true(wants, "live") { LocalVerifier::live } else { LocalVerifier::new };
        let verifier = begin(options);
        let verifier = if is_true(wants, "offsets") { verifier.locate() } else { verifier };
        let archived = is_true(wants, "archive");
        let verifier = if archived { verifier.with_archive(MAX_ARCHIVE_BYTES) } else { verifier };
        Ok(Self { verifier, pending: PendingOutput::default() })
    }

    /// Consumes bytes from the front and returns their number. If that is less than all, take the events and push the
    /// rest.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Thrown> {
        let taken = self.verifier.push_some(bytes);
        self.pending.add(self.verifier.take())?;
        self.pending.archive(self.verifier.take_archive());
        Ok(taken)
    }

    /// For a live export: verifies every complete line pushed so far. `now` sets the time at which the log's age is
    /// measured.
    pub fn settle(&mut self, now: Option<String>) -> Result<(), Thrown> {
        if let Some(now) = now {
            self.verifier.measure_at(now.parse()?);
        }
        self.verifier.settle();
        self.pending.add(self.verifier.take())?;
        Ok(())
    }

    /// For a live export: returns `{report, phrases, why, notNeeded, doubts, pin, newerPin}` as if the export had ended after the
    /// last checkpoint, or undefined without a new checkpoint since the last call.
    #[wasm_bindgen(js_name = takeReport)]
    pub fn take_report(&mut self) -> Result<JsValue, Thrown> {
        self.verifier.report().map_or(Ok(JsValue::UNDEFINED), |verification| outcome(&verification))
    }

    /// Returns the number of lines verified so far, without blank ones.
    #[wasm_bindgen(getter)]
    pub fn lines(&self) -> f64 {
        self.verifier.counts().lines as f64
    }

    /// Returns the number of events verified so far.
    #[wasm_bindgen(getter)]
    pub fn events(&self) -> f64 {
        self.verifier.counts().events as f64
    }

    /// Returns the events verified since the last call as NDJSON, possibly empty.
    #[wasm_bindgen(js_name = takeEvents)]
    pub fn take_events(&mut self) -> Vec<u8> {
        self.pending.take_events()
    }

    /// Returns the next marks, possibly not all. Empty when there are no more.
    #[wasm_bindgen(js_name = takeMarks)]
    pub fn take_marks(&mut self) -> Vec<u8> {
        self.pending.take_marks()
    }

    /// Returns the findings since the last call with their phrases, as `{findings, phrases}`, or undefined if there are
    /// none.
    #[wasm_bindgen(js_name = takeFindings)]
    pub fn take_findings(&mut self) -> Result<JsValue, Thrown> {
        self.pending.take_findings()
    }

    /// Ends the export and returns `{report, phrases, why, notNeeded, doubts, pin, newerPin}`. The last events, marks, and
    /// findings can still be taken before the verifier is freed.
    pub fn finish(&mut self) -> Result<JsValue, Thrown> {
        let empty = LocalVerifier::new(Options::default());
        self.pending.conclude(std::mem::replace(&mut self.verifier, empty).finish_with_archive())
    }

    /// Returns the bytes of the archive since the last call, or undefined if there is no archive; the bytes so far are
    /// useless then. Call it after each push, and after the end.
    #[wasm_bindgen(js_name = takeArchive)]
    pub fn take_archive(&mut self) -> Option<Vec<u8>> {
        self.pending.take_archive()
    }
}

/// Verifies an export whose parts are summarized by other workers.
#[wasm_bindgen]
pub struct Coordinator {
    splitter: Splitter,
    progress: Progress,
    begun: bool,
    opened: Vec<u8>,
    /// The next chunk, once its length was requested.
    chunk: Option<Vec<u8>>,
    locates: bool,
    end: Option<Result<(), InputError>>,
    pending: PendingOutput,
}

#[wasm_bindgen]
impl Coordinator {
    /// See `Verifier`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        trust: Option<Vec<u8>>,
        pins: Vec<String>,
        expect: &JsValue,
        wants: &JsValue,
    ) -> Result<Self, Thrown> {
        let progress = Progress::new(options(trust, &pins, expect, wants)?);
        let archived = is_true(wants, "archive");
        let progress = if archived { progress.with_archive(MAX_ARCHIVE_BYTES) } else { progress };
        Ok(Self {
            splitter: Splitter::new(),
            progress,
            begun: false,
            opened: Vec::new(),
            chunk: None,
            locates: is_true(wants, "offsets"),
            end: None,
            pending: PendingOutput::default(),
        })
    }

    /// Consumes bytes from the front and returns their number. If that is less than all, parts are ready and must be
    /// taken first.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = self.splitter.push(bytes);
        self.begin();
        taken
    }

    /// Ends the input. Parts may be ready afterwards.
    pub fn end(&mut self) {
        if self.end.is_none() {
            self.end = Some(self.splitter.finish());
            self.begin();
        }
    }

    fn begin(&mut self) {
        if let (false, Some((header, line))) = (self.begun, self.splitter.header()) {
            self.begun = true;
            self.progress.begin(header, line);
        }
    }

    /// Returns the origin in the header, which summarizers need, once it was read.
    #[wasm_bindgen(getter)]
    pub fn origin(&self) -> Option<String> {
        self.progress.origin().map(str::to_owned)
    }

    /// Returns the length of the next part to summarize, if one is ready.
    #[wasm_bindgen(js_name = nextPart)]
    pub fn next_chunk(&mut self) -> Option<usize> {
        self.chunk = self.chunk.take().or_else(|| self.splitter.next_chunk());
        self.chunk.as_ref().map(Vec::len)
    }

    /// Returns the byte offset of that part in the export, if it is requested and known.
    #[wasm_bindgen(getter, js_name = partAt)]
    pub fn part_at(&self) -> Option<f64> {
        self.splitter.at().filter(|_| self.locates).map(|at| at as f64)
    }

    /// Copies that part into a buffer of the same length.
    #[wasm_bindgen(js_name = takePart)]
    pub fn take_part(&mut self, into: &Uint8Array) -> Result<(), Thrown> {
        copy_into(&self.chunk.take().unwrap_or_default(), into)
    }

    /// Adds the summary of the next part, in order. If events are requested, also takes the part and its offset.
    pub fn absorb(&mut self, summary: &[u8], chunk: &[u8], at: Option<f64>) -> Result<(), Thrown> {
        let summary = Summary::decode(summary)
            .ok_or_else(|| Error::new(Code::Export, "the bytes are not a summary of this version"))?;
        self.opened.extend(encode_opened(summary.opened()));
        self.progress.locate(at.and_then(crate::index));
        self.progress.absorb(summary, chunk);
        self.pending.add(self.progress.take())?;
        self.pending.archive(self.progress.take_archive());
        Ok(())
    }

    /// See `Verifier`.
    #[wasm_bindgen(getter)]
    pub fn lines(&self) -> f64 {
        self.progress.counts().lines as f64
    }

    /// See `Verifier`.
    #[wasm_bindgen(getter)]
    pub fn events(&self) -> f64 {
        self.progress.counts().events as f64
    }

    /// Returns the open links found since the last call, for all summarizers.
    #[wasm_bindgen(js_name = takeOpened)]
    pub fn take_opened(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.opened)
    }

    /// See `Verifier`.
    #[wasm_bindgen(js_name = takeEvents)]
    pub fn take_events(&mut self) -> Vec<u8> {
        self.pending.take_events()
    }

    /// See `Verifier`.
    #[wasm_bindgen(js_name = takeMarks)]
    pub fn take_marks(&mut self) -> Vec<u8> {
        self.pending.take_marks()
    }

    /// See `Verifier`.
    #[wasm_bindgen(js_name = takeFindings)]
    pub fn take_findings(&mut self) -> Result<JsValue, Thrown> {
        self.pending.take_findings()
    }

    /// Ends the export after all summaries were added. See `Verifier`.
    pub fn finish(&mut self) -> Result<JsValue, Thrown> {
        self.end();
        let progress = std::mem::replace(&mut self.progress, Progress::new(Options::default()));
        self.pending.conclude(progress.finish_with_archive(self.end.take().unwrap_or(Ok(()))))
    }

    /// See `Verifier`.
    #[wasm_bindgen(js_name = takeArchive)]
    pub fn take_archive(&mut self) -> Option<Vec<u8>> {
        self.pending.take_archive()
    }
}

/// Verifies an export from the archive of an earlier verification.
#[wasm_bindgen]
pub struct ArchiveVerifier {
    verifier: LocalArchiveVerifier,
    pending: PendingOutput,
}

#[wasm_bindgen]
impl ArchiveVerifier {
    /// See `Verifier`. There are no events.
    #[wasm_bindgen(constructor)]
    pub fn new(
        trust: Option<Vec<u8>>,
        pins: Vec<String>,
        expect: &JsValue,
        wants: &JsValue,
    ) -> Result<Self, Thrown> {
        let verifier = LocalArchiveVerifier::new(options(trust, &pins, expect, wants)?);
        Ok(Self { verifier, pending: PendingOutput::default() })
    }

    /// Consumes bytes, and returns their number: all of them.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Thrown> {
        self.verifier.push(bytes)?;
        self.pending.add(self.verifier.take())?;
        Ok(bytes.len())
    }

    /// See `Verifier`.
    #[wasm_bindgen(getter)]
    pub fn lines(&self) -> f64 {
        self.verifier.counts().lines as f64
    }

    /// See `Verifier`.
    #[wasm_bindgen(getter)]
    pub fn events(&self) -> f64 {
        self.verifier.counts().events as f64
    }

    /// See `Verifier`.
    #[wasm_bindgen(js_name = takeEvents)]
    pub fn take_events(&mut self) -> Vec<u8> {
        self.pending.take_events()
    }

    /// See `Verifier`.
    #[wasm_bindgen(js_name = takeMarks)]
    pub fn take_marks(&mut self) -> Vec<u8> {
        self.pending.take_marks()
    }

    /// See `Verifier`.
    #[wasm_bindgen(js_name = takeFindings)]
    pub fn take_findings(&mut self) -> Result<JsValue, Thrown> {
        self.pending.take_findings()
    }

    /// Ends the archive. See `Verifier`; the result also has `authorized`: the chains whose key is authorized.
    pub fn finish(&mut self) -> Result<JsValue, Thrown> {
        let empty = LocalArchiveVerifier::new(Options::default());
        let ArchiveVerification { verification, update, authorized } =
            std::mem::replace(&mut self.verifier, empty).finish()?;
        self.pending.add(update)?;
        let outcome = outcome(&verification)?;
        let chains: Array = authorized.iter().map(|chain| JsValue::from(chain.to_string())).collect();
        // Setting a property of a new object can't fail.
        let _ = Reflect::set(&outcome, &"authorized".into(), &chains);
        Ok(outcome)
    }
}

/// Results that have not been taken yet.
#[derive(Default)]
struct PendingOutput {
    events: Vec<VerifiedEvent>,
    marks: VecDeque<Mark>,
    findings: Vec<Finding>,
    /// `None` if there is no archive.
    archive: Option<Vec<u8>>,
}

impl PendingOutput {
    fn add(&mut self, update: Update) -> Result<(), Thrown> {
        let mut update = update.whole()?;
        self.events.append(&mut update.events);
        self.marks.extend(update.marks);
        self.findings.append(&mut update.findings);
        Ok(())
    }

    /// Adds the next bytes of the archive.
    fn archive(&mut self, bytes: Option<Vec<u8>>) {
        self.archive = match (self.archive.take(), bytes) {
            (Some(mut archive), Some(mut bytes)) => {
                archive.append(&mut bytes);
                Some(archive)
            }
            (_, bytes) => bytes,
        };
    }

    /// Adds the last results, and returns the outcome.
    fn conclude(&mut self, end: Conclusion) -> Result<JsValue, Thrown> {
        self.add(end.update)?;
        self.archive(end.archive);
        outcome(&end.verification)
    }

    fn take_archive(&mut self) -> Option<Vec<u8>> {
        self.archive.as_mut().map(std::mem::take)
    }

    fn take_events(&mut self) -> Vec<u8> {
        ndjson(&std::mem::take(&mut self.events))
    }

    fn take_marks(&mut self) -> Vec<u8> {
        marks::json(self.marks.drain(..self.marks.len().min(MAX_MARKS)))
    }

    fn take_findings(&mut self) -> Result<JsValue, Thrown> {
        let findings = std::mem::take(&mut self.findings);
        if findings.is_empty() {
            return Ok(JsValue::UNDEFINED);
        }
        let phrases = phrases::to_js(findings.iter().flat_map(Finding::phrases));
        Ok(object([("findings", to_js(&findings)?), ("phrases", phrases)]))
    }
}

/// Summarizes parts of an export.
#[wasm_bindgen(js_name = Summarizer)]
pub struct PartSummarizer {
    summarizer: Summarizer,
    summary: Vec<u8>,
}

#[wasm_bindgen(js_class = Summarizer)]
impl PartSummarizer {
    /// Creates a summarizer for an export of this origin. `trust` is the coordinator's trust file.
    #[wasm_bindgen(constructor)]
    pub fn new(origin: &str, trust: Option<Vec<u8>>) -> Result<Self, Thrown> {
        Ok(Self { summarizer: Summarizer::new(origin, &read_trust(trust)?), summary: Vec::new() })
    }

    /// Adds open links found by others.
    pub fn learn(&mut self, opened: &[u8]) {
        self.summarizer.learn(decode_opened(opened));
    }

    /// Summarizes complete lines, and returns the length of the summary.
    pub fn summarize(&mut self, chunk: &[u8]) -> usize {
        self.summary = self.summarizer.summarize(chunk).encode();
        self.summary.len()
    }

    /// Copies the summary of the last `summarize` call into a buffer of the same length.
    #[wasm_bindgen(js_name = takeSummary)]
    pub fn take_summary(&mut self, into: &Uint8Array) -> Result<(), Thrown> {
        copy_into(&std::mem::take(&mut self.summary), into)
    }
}

/// Copies into a reusable buffer, which causes no garbage.
fn copy_into(bytes: &[u8], into: &Uint8Array) -> Result<(), Thrown> {
    if into.length() as usize != bytes.len() {
        return Err(Error::new(Code::Export, "the buffer doesn't have the required length").into());
    }
    into.copy_from(bytes);
    Ok(())
}

fn read_trust(file: Option<Vec<u8>>) -> Result<Trust, Error> {
    file.map_or_else(|| Ok(Trust::default()), |file| Trust::parse(&file))
}

fn options(
    trust: Option<Vec<u8>>,
    pins: &[String],
    expect: &JsValue,
    wants: &JsValue,
) -> Result<Options, Error> {
    let trust = read_trust(trust)?;
    let pins = pins.iter().map(|pin| Pin::parse(pin)).collect::<Result<_, _>>()?;
    let (events, marks, findings) =
        (is_true(wants, "events"), is_true(wants, "marks"), is_true(wants, "findings"));
    Ok(Options { trust, pins, expect: expectations(expect)?, events, marks, findings, tiles: false })
}

fn is_true(members: &JsValue, name: &str) -> bool {
    Reflect::get(members, &name.into()).is_ok_and(|value| value.is_truthy())
}

fn expectations(expect: &JsValue) -> Result<Expectations, Error> {
    if expect.is_undefined() || expect.is_null() {
        return Ok(Expectations::default());
    }
    let error = |member: &str, why: &str| Error::new(Code::Export, why).in_member(member);
    let member = |name: &str| {
        let value = Reflect::get(expect, &name.into()).unwrap_or(JsValue::UNDEFINED);
        (!value.is_undefined() && !value.is_null()).then_some(value)
    };
    let text = |name: &str| match member(name) {
        Some(value) => {
            value.as_string().map(Some).ok_or_else(|| error(name, &format!("`{name}` must be a string")))
        }
        None => Ok(None),
    };
    let index = |value: JsValue| value.as_f64().and_then(crate::index);
    let range = match member("range") {
        Some(range) => {
            let bound = |place: u32| Reflect::get_u32(&range, place).ok().and_then(index);
            let bounds = bound(0).zip(bound(1)).filter(|(begin, end)| begin < end);
            let (begin, end) = bounds.ok_or_else(|| {
                error("range", "`range` must be two indexes, the first less than the second")
            })?;
            Some((begin, end))
        }
        None => None,
    };
    let max_age = match (member("maxAgeSeconds"), text("now")?) {
        (Some(seconds), Some(now)) => {
            let seconds = index(seconds).ok_or_else(|| {
                error("maxAgeSeconds", "`maxAgeSeconds` must be an integer number of seconds")
            })?;
            let now: Time = now.parse().map_err(|error: Error| error.in_member("now"))?;
            Some(MaxAge { seconds: seconds.cast_signed(), now })
        }
        (Some(_), None) => return Err(error("now", "`now` must be set along with maxAgeSeconds")),
        (None, _) => None,
    };
    Ok(Expectations { origin: text("origin")?, range, max_age })
}

fn to_js(value: &impl Serialize) -> Result<JsValue, Thrown> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|_| Error::new(Code::Export, "the report can't be converted to JavaScript").into())
}

fn outcome(verification: &Verification) -> Result<JsValue, Thrown> {
    let Verification { report, pin, newer_pin } = verification;
    let pin = pin.as_deref().map_or(JsValue::NULL, JsValue::from);
    let newer_pin = newer_pin.as_ref().map_or(JsValue::NULL, |pin| {
        let tick = pin.head.map_or(JsValue::NULL, |head| (head.tick as f64).into());
        object([("size", (pin.size as f64).into()), ("tick", tick)])
    });
    let doubts = Doubts::from_report(report);
    let chains: Array = doubts.chains.iter().map(|chain| JsValue::from(chain.to_string())).collect();
    let not_needed: Array = report.not_needed().map(JsValue::from).collect();
    Ok(object([
        ("report", to_js(report)?),
        ("phrases", phrases::to_js(report.phrases())),
        ("why", report.why().map_or(JsValue::NULL, |why| why.as_str().into())),
        ("notNeeded", not_needed.into()),
        ("doubts", if doubts.all { "all".into() } else { chains.into() }),
        ("pin", pin),
        ("newerPin", newer_pin),
    ]))
}

fn object<const MEMBERS: usize>(members: [(&str, JsValue); MEMBERS]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        // Setting a property of a new object can't fail.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// Writes one line per event: its position, its signer, and its bytes as in the export.
fn ndjson(events: &[VerifiedEvent]) -> Vec<u8> {
    let mut text = Vec::with_capacity(events.iter().map(|event| event.event.len() + OVERHEAD_BYTES).sum());
    let is_placed = events.iter().all(|event| event.at.is_some());
    // Consecutive events mostly belong to the same chain.
    let mut last: Option<&CoveredLink> = None;
    let (mut chain, mut vkey) = (String::new(), Vec::new());
    for VerifiedEvent { link, event, at } in events {
        if last.is_none_or(|last| last.chain != link.chain || last.vkey != link.vkey) {
            last = Some(link);
            chain = link.chain.to_string();
            vkey.clear();
            countersign::canonical::write_string(link.vkey.as_str(), &mut vkey);
        }
        let CoveredLink { line: number, index, seq, time, authorized, .. } = *link;
        let (offset, chain, vkey) = (at.filter(|_| is_placed), &*chain, &*vkey);
        NewLine { number, offset, index, chain, seq, time, authorized, vkey, read: None, event }
            .write(&mut text);
    }
    text
}
