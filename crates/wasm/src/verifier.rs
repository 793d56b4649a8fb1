//! The artifact `verifier`: verifying in one worker, or with summaries made in others.

use std::collections::VecDeque;

use countersign::checkpoint::SignedCheckpoint;
use countersign::error::{Code, Error};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::wire::{decode_opened, encode_opened};
use countersign::verify::{
    CoveredLink, Doubts, Expectations, Finding, InputError, Mark, MaxAge, Options, Progress, Splitter,
    Summarizer, Summary, Update, Verification, VerifiedEvent, Verifier as LocalVerifier,
};
use countersign_query::batch::{BESIDE, NewLine};
use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, marks, phrases};

/// How many marks are taken in one go.
const MARKS: usize = 4096;

/// Verifies an export in one worker.
#[wasm_bindgen(js_name = Verifier)]
pub struct WholeVerifier {
    verifier: LocalVerifier,
    waiting: Waiting,
}

#[wasm_bindgen(js_class = Verifier)]
impl WholeVerifier {
    /// `trust` is a trust file's bytes, `pins` are signed checkpoints, `expect` is undefined or an object of
    /// `origin`, `range` ([a, b]), `maxAgeSeconds` with `now` (a time), all optional. What is handed
    /// out are those members of `wants` that are true: `events`, with `offsets` where in a plain export they stand,
    /// `marks`, `findings`. With `live` the export goes on, and there are reports along the way.
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
        Ok(Self { verifier, waiting: Waiting::default() })
    }

    /// Takes bytes from the front and tells how many. It can be fewer than all, so that events can be taken between:
    /// push the rest then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Thrown> {
        let taken = self.verifier.push_some(bytes);
        self.waiting.add(self.verifier.take())?;
        Ok(taken)
    }

    /// Where the export goes on: verifies every whole line pushed so far, without waiting for more. What age the log's
    /// time has is measured at `now`, where that is given.
    pub fn settle(&mut self, now: Option<String>) -> Result<(), Thrown> {
        if let Some(now) = now {
            self.verifier.measure_at(now.parse()?);
        }
        self.verifier.settle();
        self.waiting.add(self.verifier.take())?;
        Ok(())
    }

    /// Where the export goes on: `{report, phrases, why, notNeeded, doubts, pin}` as if it had ended right after the last checkpoint, or undefined where
    /// there was none since the last call.
    #[wasm_bindgen(js_name = takeReport)]
    pub fn take_report(&mut self) -> Result<JsValue, Thrown> {
        self.verifier.report().map_or(Ok(JsValue::UNDEFINED), |verification| outcome(&verification))
    }

    /// Lines that were verified so far, blank ones not counted.
    #[wasm_bindgen(getter)]
    pub fn lines(&self) -> f64 {
        self.verifier.counts().lines as f64
    }

    /// Events among them.
    #[wasm_bindgen(getter)]
    pub fn events(&self) -> f64 {
        self.verifier.counts().events as f64
    }

    /// The events that became verified since the last call: NDJSON, empty where there are none.
    #[wasm_bindgen(js_name = takeEvents)]
    pub fn take_events(&mut self) -> Vec<u8> {
        self.waiting.take_events()
    }

    /// The next marks, empty where there are none. There can be more: call it again.
    #[wasm_bindgen(js_name = takeMarks)]
    pub fn take_marks(&mut self) -> Vec<u8> {
        self.waiting.take_marks()
    }

    /// The findings that were met since the last call, with what they say to people as data: `{findings, phrases}`, or
    /// undefined where there are none.
    #[wasm_bindgen(js_name = takeFindings)]
    pub fn take_findings(&mut self) -> Result<JsValue, Thrown> {
        self.waiting.take_findings()
    }

    /// The export ends here: `{report, phrases, why, notNeeded, doubts, pin}`. What became known at last can still be taken; then it is to be freed.
    pub fn finish(&mut self) -> Result<JsValue, Thrown> {
        let empty = LocalVerifier::new(Options::default());
        let (verification, told) = std::mem::replace(&mut self.verifier, empty).finish_telling();
        self.waiting.add(told)?;
        outcome(&verification)
    }
}

/// Verifies an export of which others summarize the stretches.
#[wasm_bindgen]
pub struct Coordinator {
    splitter: Splitter,
    progress: Progress,
    begun: bool,
    opened: Vec<u8>,
    /// The next stretch, where someone asked for its length.
    stretch: Option<Vec<u8>>,
    locates: bool,
    end: Option<Result<(), InputError>>,
    waiting: Waiting,
}

#[wasm_bindgen]
impl Coordinator {
    /// As for `Verifier`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        trust: Option<Vec<u8>>,
        pins: Vec<String>,
        expect: &JsValue,
        wants: &JsValue,
    ) -> Result<Self, Thrown> {
        let progress = Progress::new(options(trust, &pins, expect, wants)?);
        Ok(Self {
            splitter: Splitter::new(),
            progress,
            begun: false,
            opened: Vec::new(),
            stretch: None,
            locates: is_true(wants, "offsets"),
            end: None,
            waiting: Waiting::default(),
        })
    }

    /// Takes bytes from the front and tells how many. Fewer than all are taken when stretches are ready: take those
    /// first.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = self.splitter.push(bytes);
        self.begin();
        taken
    }

    /// The input ends here; stretches may be ready then.
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

    /// The header's origin, once it was read; summarizers need it.
    #[wasm_bindgen(getter)]
    pub fn origin(&self) -> Option<String> {
        self.progress.origin().map(str::to_owned)
    }

    /// How long the next stretch to be summarized is, where one is ready.
    #[wasm_bindgen(js_name = nextStretch)]
    pub fn next_stretch(&mut self) -> Option<usize> {
        self.stretch = self.stretch.take().or_else(|| self.splitter.next_stretch());
        self.stretch.as_ref().map(Vec::len)
    }

    /// Where that stretch stands in the export, in bytes, where that is wanted and known.
    #[wasm_bindgen(getter, js_name = stretchAt)]
    pub fn stretch_at(&self) -> Option<f64> {
        self.splitter.at().filter(|_| self.locates).map(|at| at as f64)
    }

    /// Takes that stretch, into as many bytes.
    #[wasm_bindgen(js_name = takeStretch)]
    pub fn take_stretch(&mut self, into: &Uint8Array) -> Result<(), Thrown> {
        copy(&self.stretch.take().unwrap_or_default(), into)
    }

    /// Takes the summary of the next stretch, in the order of the stretches, and where events are wanted the stretch and
    /// where it stands.
    pub fn absorb(&mut self, summary: &[u8], stretch: &[u8], at: Option<f64>) -> Result<(), Thrown> {
        let summary = Summary::decode(summary)
            .ok_or_else(|| Error::new(Code::Export, "these bytes are no summary of this version"))?;
        self.opened.extend(encode_opened(summary.opened()));
        self.progress.locate(at.and_then(crate::index));
        self.progress.absorb(summary, stretch);
        self.waiting.add(self.progress.take())?;
        Ok(())
    }

    /// As for `Verifier`.
    #[wasm_bindgen(getter)]
    pub fn lines(&self) -> f64 {
        self.progress.counts().lines as f64
    }

    /// As for `Verifier`.
    #[wasm_bindgen(getter)]
    pub fn events(&self) -> f64 {
        self.progress.counts().events as f64
    }

    /// The open links met since the last call, for all summarizers.
    #[wasm_bindgen(js_name = takeOpened)]
    pub fn take_opened(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.opened)
    }

    /// As for `Verifier`.
    #[wasm_bindgen(js_name = takeEvents)]
    pub fn take_events(&mut self) -> Vec<u8> {
        self.waiting.take_events()
    }

    /// As for `Verifier`.
    #[wasm_bindgen(js_name = takeMarks)]
    pub fn take_marks(&mut self) -> Vec<u8> {
        self.waiting.take_marks()
    }

    /// As for `Verifier`.
    #[wasm_bindgen(js_name = takeFindings)]
    pub fn take_findings(&mut self) -> Result<JsValue, Thrown> {
        self.waiting.take_findings()
    }

    /// All stretches were absorbed: as for `Verifier`.
    pub fn finish(&mut self) -> Result<JsValue, Thrown> {
        self.end();
        let progress = std::mem::replace(&mut self.progress, Progress::new(Options::default()));
        let (verification, told) = progress.finish_telling(self.end.take().unwrap_or(Ok(())));
        self.waiting.add(told)?;
        outcome(&verification)
    }
}

/// What became known and was not taken yet.
#[derive(Default)]
struct Waiting {
    events: Vec<VerifiedEvent>,
    marks: VecDeque<Mark>,
    findings: Vec<Finding>,
}

impl Waiting {
    fn add(&mut self, told: Update) -> Result<(), Thrown> {
        let mut told = told.whole()?;
        self.events.append(&mut told.events);
        self.marks.extend(told.marks);
        self.findings.append(&mut told.findings);
        Ok(())
    }

    fn take_events(&mut self) -> Vec<u8> {
        ndjson(&std::mem::take(&mut self.events))
    }

    fn take_marks(&mut self) -> Vec<u8> {
        marks::json(self.marks.drain(..self.marks.len().min(MARKS)))
    }

    fn take_findings(&mut self) -> Result<JsValue, Thrown> {
        let findings = std::mem::take(&mut self.findings);
        if findings.is_empty() {
            return Ok(JsValue::UNDEFINED);
        }
        let said = phrases::to_js(findings.iter().flat_map(Finding::phrases));
        Ok(object([("findings", to_js(&findings)?), ("phrases", said)]))
    }
}

/// Summarizes stretches of one export.
#[wasm_bindgen(js_name = Summarizer)]
pub struct StretchSummarizer {
    summarizer: Summarizer,
    summary: Vec<u8>,
}

#[wasm_bindgen(js_class = Summarizer)]
impl StretchSummarizer {
    /// For an export of this origin; `trust` as the coordinator got it.
    #[wasm_bindgen(constructor)]
    pub fn new(origin: &str, trust: Option<Vec<u8>>) -> Result<Self, Thrown> {
        Ok(Self { summarizer: Summarizer::new(origin, &read_trust(trust)?), summary: Vec::new() })
    }

    /// Takes open links that others met.
    pub fn learn(&mut self, opened: &[u8]) {
        self.summarizer.learn(decode_opened(opened));
    }

    /// Summarizes whole lines, and tells how long the summary is.
    pub fn summarize(&mut self, stretch: &[u8]) -> usize {
        self.summary = self.summarizer.summarize(stretch).encode();
        self.summary.len()
    }

    /// Takes that summary, into as many bytes.
    #[wasm_bindgen(js_name = takeSummary)]
    pub fn take_summary(&mut self, into: &Uint8Array) -> Result<(), Thrown> {
        copy(&std::mem::take(&mut self.summary), into)
    }
}

/// Into a buffer that is used again and again: new ones would wait for a log server.
fn copy(bytes: &[u8], into: &Uint8Array) -> Result<(), Thrown> {
    if into.length() as usize != bytes.len() {
        return Err(Error::new(Code::Export, "another number of bytes is taken than there is").into());
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
    let pins = pins.iter().map(|pin| SignedCheckpoint::parse_extended(pin)).collect::<Result<_, _>>()?;
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
    let refuse = |member: &str, why: &str| Error::new(Code::Export, why).in_member(member);
    let member = |name: &str| {
        let value = Reflect::get(expect, &name.into()).unwrap_or(JsValue::UNDEFINED);
        (!value.is_undefined() && !value.is_null()).then_some(value)
    };
    let text = |name: &str| match member(name) {
        Some(value) => value.as_string().map(Some).ok_or_else(|| refuse(name, "not a string")),
        None => Ok(None),
    };
    let index = |value: JsValue| value.as_f64().and_then(crate::index);
    let range = match member("range") {
        Some(range) => {
            let bound = |place: u32| Reflect::get_u32(&range, place).ok().and_then(index);
            let bounds = bound(0).zip(bound(1)).filter(|(begin, end)| begin < end);
            let (begin, end) =
                bounds.ok_or_else(|| refuse("range", "not two indexes, the first below the second"))?;
            Some((begin, end))
        }
        None => None,
    };
    let max_age = match (member("maxAgeSeconds"), text("now")?) {
        (Some(seconds), Some(now)) => {
            let seconds =
                index(seconds).ok_or_else(|| refuse("maxAgeSeconds", "not a whole number of seconds"))?;
            let now: Time = now.parse().map_err(|error: Error| error.in_member("now"))?;
            Some(MaxAge { seconds: seconds.cast_signed(), now })
        }
        (Some(_), None) => return Err(refuse("now", "missing: an age is measured at a moment")),
        (None, _) => None,
    };
    Ok(Expectations { origin: text("origin")?, range, max_age })
}

fn to_js(value: &impl Serialize) -> Result<JsValue, Thrown> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|_| Error::new(Code::Export, "the report cannot be handed to JavaScript").into())
}

fn outcome(verification: &Verification) -> Result<JsValue, Thrown> {
    let Verification { report, pin } = verification;
    let pin = pin.as_deref().map_or(JsValue::NULL, JsValue::from);
    let doubts = Doubts::of(report);
    let chains: Array = doubts.chains.iter().map(|chain| JsValue::from(chain.to_string())).collect();
    let not_needed: Array = report.not_needed().map(JsValue::from).collect();
    Ok(object([
        ("report", to_js(report)?),
        ("phrases", phrases::to_js(report.phrases())),
        ("why", report.why().map_or(JsValue::NULL, |why| why.as_str().into())),
        ("notNeeded", not_needed.into()),
        ("doubts", if doubts.all { "all".into() } else { chains.into() }),
        ("pin", pin),
    ]))
}

fn object<const MEMBERS: usize>(members: [(&str, JsValue); MEMBERS]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        // A new object takes any member.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// One line an event: the place and the signer, and the event's bytes as they stand in the export.
fn ndjson(events: &[VerifiedEvent]) -> Vec<u8> {
    let mut text = Vec::with_capacity(events.iter().map(|event| event.event.len() + BESIDE).sum());
    let is_placed = events.iter().all(|event| event.at.is_some());
    // Mostly the next event is of the same chain.
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
