//! Splits deliveries (JSON Lines, arrays, objects with a list, arrays of these, OTLP) into events, in bounded memory.
//!
//! Each event is handed out as soon as it has ended: someone may be waiting for it.

mod envelope;
mod list;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use countersign::event::MAX_BYTES;
use countersign::export::MAX_LINE;
use countersign_query::value::{Document, Kind};

use crate::answer::Answer;
use crate::count::count;
use crate::encoding::BYTE_ORDER_MARK;
use crate::error::{IngestError, fault};
use crate::otlp;
use envelope::{Content, MAX_CONTENT};
use list::ListForm;

/// The most envelopes within each other: SQS delivers what SNS does, in which is an event of `EventBridge`.
const MAX_ENVELOPES: u8 = 4;

/// The most bytes of an export of log records, which is held as a whole: log servers send much smaller ones.
const MAX_EXPORT: usize = 32 << 20;

/// One event, cut out of what a source delivered. Whether it is valid JSON is for the caller to check.
pub struct SourceEvent<'a> {
    /// The event as it was written.
    pub bytes: &'a [u8],
    /// The line on which it begins, 1-based.
    pub line: u64,
    /// The event's position in the lists around it: `Records[3]`.
    pub place: Option<String>,
}

/// Takes each event. Its error ends the input.
pub type EachEvent<'a, E> = dyn FnMut(SourceEvent<'_>) -> Result<(), E> + 'a;

/// Cuts deliveries in JSON into events.
#[derive(Default)]
pub struct Unwrapper {
    phase: Phase,
    /// What has begun and not ended.
    held: Vec<u8>,
    /// Line feeds so far.
    lines: u64,
    /// The line on which what is held begins.
    first_line: u64,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// What the object that is held may turn out to be, and where its list begins in it.
    candidate: Option<(&'static ListForm, usize)>,
    list: Option<List>,
    summary: UnwrapSummary,
    /// The envelopes that all of this is in.
    envelopes: u8,
    /// How many more bytes may be taken out of the outermost.
    left: Rc<Cell<usize>>,
}

/// The lists that events were taken from, and what was left out.
///
/// `Display` writes it as the end of a clause, and nothing if there is nothing to report.
#[derive(Clone, Default)]
pub struct UnwrapSummary {
    unwrapped: BTreeMap<&'static str, u64>,
    /// How many lines were left out that tell Elasticsearch where the event of the next line goes.
    actions: u64,
}

impl UnwrapSummary {
    /// Adds the summary of another input.
    pub fn add(&mut self, other: &Self) {
        for (list, events) in &other.unwrapped {
            *self.unwrapped.entry(list).or_insert(0) += events;
        }
        self.actions += other.actions;
    }
}

impl fmt::Display for UnwrapSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists: Vec<_> = self
            .unwrapped
            .iter()
            .map(|(name, events)| match *name {
                "" => format!("{} from an array", count(*events, "event")),
                name => format!("{} from {name:?}", count(*events, "event")),
            })
            .collect();
        if !lists.is_empty() {
            write!(f, "; unwrapped {}", lists.join(", "))?;
        }
        if self.actions > 0 {
            write!(f, "; left out {} of a bulk request", count(self.actions, "action line"))?;
        }
        Ok(())
    }
}

/// A list that has begun.
struct List {
    /// None for an array that stands by itself.
    form: Option<&'static ListForm>,
    elements: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// A byte order mark may stand here.
    #[default]
    Mark,
    /// A value may begin, or another file with a byte order mark of its own.
    Between,
    /// After a list's comma, a value must.
    Element,
    /// Within an object or array.
    Value,
    /// Within something else, to the end of its line, or in a list to its comma.
    Other,
    /// After an element.
    Comma,
    /// After a list, within the object that holds it.
    Rest,
}

impl Unwrapper {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// If a list is no JSON, or something is too large to be held; and any error of `each`.
    pub fn push<E: From<IngestError>>(&mut self, bytes: &[u8], each: &mut EachEvent<'_, E>) -> Result<(), E> {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let taken = match self.phase {
                Phase::Mark => self.mark(byte),
                Phase::Between | Phase::Element => self.begin(byte)?,
                Phase::Value | Phase::Rest => self.value(rest, each)?,
                Phase::Other => self.other(rest, each)?,
                Phase::Comma => self.comma(byte)?,
            };
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// Takes one event that was found elsewhere, such as a row of a table, which may be an envelope.
    ///
    /// # Errors
    /// Any error of `each`.
    pub fn take<E: From<IngestError>>(
        &mut self,
        found: &SourceEvent<'_>,
        each: &mut EachEvent<'_, E>,
    ) -> Result<(), E> {
        self.held.extend_from_slice(found.bytes);
        self.first_line = found.line;
        self.hand_out(each)
    }

    /// Ends the input, and hands out the last event if only the end of the input ends it.
    ///
    /// # Errors
    /// If the input ends within an event or a list; and any error of `each`.
    pub fn finish<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        match self.phase {
            Phase::Mark if !self.held.is_empty() => self.hand_out(each),
            Phase::Other if self.list.is_none() => self.hand_out(each),
            Phase::Value if self.list.is_none() => {
                let why = "the input ends before the event does";
                let hint = "an event is one JSON object, in braces: was the file cut off, or a line altered?";
                Err(fault(why, hint, self.first_line).into())
            }
            Phase::Mark | Phase::Between if self.list.is_none() => Ok(()),
            _ => {
                let why = format!("the input ends within {}", self.place());
                Err(fault(&why, "was the file cut off? Get it whole", self.lines + 1).into())
            }
        }
    }

    /// Returns from which lists events were taken, and what was left out.
    pub fn summary(&self) -> &UnwrapSummary {
        &self.summary
    }

    fn place(&self) -> String {
        match &self.list {
            Some(List { form: Some(form), elements }) => format!("{}[{elements}]", form.list),
            Some(List { form: None, elements }) => format!("the array, at [{elements}]"),
            None => "an object".into(),
        }
    }

    /// A byte order mark says nothing.
    fn mark(&mut self, byte: u8) -> usize {
        let at = self.held.len();
        self.first_line = self.lines + 1;
        if BYTE_ORDER_MARK[at] != byte {
            // What came instead of it is no JSON; nothing did where this is the first byte.
            self.phase = if at == 0 { Phase::Between } else { Phase::Other };
            return 0;
        }
        self.held.push(byte);
        if at + 1 == BYTE_ORDER_MARK.len() {
            self.held.clear();
            self.phase = Phase::Between;
        }
        1
    }

    /// Before a value.
    fn begin(&mut self, byte: u8) -> Result<usize, IngestError> {
        match byte {
            b'\n' => self.lines += 1,
            b' ' | b'\t' | b'\r' => {}
            // Files that were joined, or compressed one after the other, may each have one.
            b'\xef' if self.list.is_none() => {
                self.phase = Phase::Mark;
                return Ok(0);
            }
            b'[' if self.list.is_none() => {
                self.list = Some(List { form: None, elements: 0 });
                self.first_line = self.lines + 1;
            }
            b']' if self.list.is_some() && self.phase == Phase::Between => self.end_list(),
            _ => {
                if self.list.is_some() && matches!(byte, b',' | b']' | b'}' | b':') {
                    let why =
                        format!("in {} stands {:?} where an event should", self.place(), char::from(byte));
                    return Err(fault(&why, "correct it: it is no JSON", self.lines + 1));
                }
                self.first_line = self.lines + 1;
                self.depth = 0;
                self.candidate = None;
                self.phase = if matches!(byte, b'{' | b'[') { Phase::Value } else { Phase::Other };
                return Ok(0);
            }
        }
        Ok(1)
    }

    /// After an element.
    fn comma(&mut self, byte: u8) -> Result<usize, IngestError> {
        match byte {
            b'\n' => self.lines += 1,
            b' ' | b'\t' | b'\r' => {}
            b',' => self.phase = Phase::Element,
            b']' => self.end_list(),
            _ => {
                let why =
                    format!("before {} stands {:?} where a comma should", self.place(), char::from(byte));
                return Err(fault(&why, "correct it: it is no JSON", self.lines + 1));
            }
        }
        Ok(1)
    }

    fn end_list(&mut self) {
        match self.list.take() {
            Some(List { form: Some(form), .. }) => {
                // What follows is read as the rest of an object whose list was left out.
                self.held = format!("{{{:?}:0", form.list).into_bytes();
                self.list = Some(List { form: Some(form), elements: 0 });
                self.depth = 1;
                self.phase = Phase::Rest;
            }
            _ => self.phase = Phase::Between,
        }
    }

    /// Within an object or array, up to its end or the end of these bytes.
    fn value<E: From<IngestError>>(&mut self, bytes: &[u8], each: &mut EachEvent<'_, E>) -> Result<usize, E> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            if self.escaped {
                self.escaped = false;
            } else if self.in_string {
                match byte {
                    b'"' => self.in_string = false,
                    b'\\' => self.escaped = true,
                    b'\n' => {
                        // No string goes on there: what is wrong with it is told of its line.
                        self.in_string = false;
                        self.hold(&bytes[..at - 1])?;
                        self.hand_out(each)?;
                        return Ok(at - 1);
                    }
                    _ => {
                        let plain = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]);
                        at += plain.unwrap_or(bytes.len() - at);
                    }
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'\n' => self.lines += 1,
                    b'{' => self.depth += 1,
                    b'[' => {
                        self.depth += 1;
                        if self.depth == 2 && self.candidate.is_none() && self.may_hold_events() {
                            self.hold(&bytes[..at])?;
                            self.candidate =
                                ListForm::begun_in(&self.held).map(|form| (form, self.held.len()));
                            return Ok(at);
                        }
                    }
                    b'}' | b']' => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            self.hold(&bytes[..at])?;
                            self.end_value(each)?;
                            return Ok(at);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.hold(bytes)?;
        if self.held.len() > MAX_BYTES
            && let Some((form, begins)) = self.candidate
            && self.list.is_none()
            && !form.is_deep()
        {
            self.enter(form, begins, each)?;
        }
        Ok(bytes.len())
    }

    fn end_value<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        if self.phase == Phase::Rest {
            let (held, list) = (std::mem::take(&mut self.held), self.list.take());
            self.phase = Phase::Between;
            return match list.and_then(|list| list.form) {
                Some(form) => Ok(form.check_rest(&held, self.lines + 1)?),
                None => Ok(()),
            };
        }
        match self.candidate {
            Some((form, _)) if self.list.is_some() => {
                if form.is_deep() || form.is(&self.held) {
                    self.hand_out_delivery(each)
                } else {
                    self.hand_out(each)
                }
            }
            Some((form, _)) if form.is_deep() => self.hand_out_records(each),
            // What is larger can be no event.
            Some((form, begins)) if self.held.len() > MAX_BYTES || form.is(&self.held) => {
                self.enter(form, begins, each)
            }
            _ => self.hand_out(each),
        }
    }

    /// Reads what is held once more, as an object whose list holds the events.
    fn enter<E: From<IngestError>>(
        &mut self,
        form: &'static ListForm,
        begins: usize,
        each: &mut EachEvent<'_, E>,
    ) -> Result<(), E> {
        let held = std::mem::take(&mut self.held);
        let (before, list) = held.split_at(begins);
        let mut object = before.to_vec();
        object.extend(b"]}");
        form.check_rest(&object, self.first_line)?;
        self.lines = self.first_line - 1 + memchr::memchr_iter(b'\n', before).count() as u64;
        self.list = Some(List { form: Some(form), elements: 0 });
        self.candidate = None;
        self.in_string = false;
        self.escaped = false;
        self.phase = Phase::Between;
        self.push(list, each)
    }

    /// Hands out the log records of the export that is held, or what is held where it is none.
    fn hand_out_records<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        let held = std::mem::take(&mut self.held);
        let Some(export) = core::str::from_utf8(&held).ok().and_then(otlp::Export::read) else {
            self.held = held;
            return self.hand_out(each);
        };
        let (mut line, mut counted) = (self.first_line, 0);
        export.records(|otlp::Record { export, begins, place }| {
            line += memchr::memchr_iter(b'\n', &held[counted..begins]).count() as u64;
            counted = begins;
            *self.summary.unwrapped.entry(otlp::LIST).or_insert(0) += 1;
            each(SourceEvent { bytes: export.as_bytes(), line, place: Some(place) })
        })?;
        self.phase = Phase::Between;
        Ok(())
    }

    /// Whether an object here may hold events: several deliveries stand in an array, and none in another.
    fn may_hold_events(&self) -> bool {
        self.list.as_ref().is_none_or(|list| list.form.is_none())
    }

    /// Hands out the events of a delivery that is an element of an array.
    fn hand_out_delivery<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        let held = std::mem::take(&mut self.held);
        let nth = self.list.as_ref().map_or(0, |list| list.elements);
        let inner = Self { envelopes: self.envelopes, left: Rc::clone(&self.left), ..Self::default() };
        for (list, events) in inner.all_within(&held, &format!("[{nth}]"), self.first_line, each)? {
            *self.summary.unwrapped.entry(list).or_insert(0) += events;
        }
        self.handed_out();
        Ok(())
    }

    /// Hands out all events of these bytes, which stand at this place, and tells from which lists.
    fn all_within<E: From<IngestError>>(
        mut self,
        bytes: &[u8],
        place: &str,
        first_line: u64,
        each: &mut EachEvent<'_, E>,
    ) -> Result<BTreeMap<&'static str, u64>, E> {
        self.phase = Phase::Between;
        let mut each = |SourceEvent { bytes, line, place: within }: SourceEvent<'_>| {
            let place = within.map_or_else(|| place.into(), |within| format!("{place}.{within}"));
            each(SourceEvent { bytes, line: first_line - 1 + line, place: Some(place) })
        };
        self.push(bytes, &mut each)?;
        self.finish(&mut each)?;
        Ok(self.summary.unwrapped)
    }

    /// Hands out the rows of the answer that is held, if it is one.
    fn hand_out_rows<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<bool, E> {
        if self.envelopes == MAX_ENVELOPES {
            return Ok(false);
        }
        let held = std::mem::take(&mut self.held);
        let Some(answer) = core::str::from_utf8(&held).ok().and_then(Answer::read) else {
            self.held = held;
            return Ok(false);
        };
        let before = self.place_in_list().map_or_else(String::new, |place| place + ".");
        let (line, unwrapped) = (self.first_line, &mut self.summary.unwrapped);
        answer.each(|place, row| {
            *unwrapped.entry(answer.name).or_insert(0) += 1;
            if self.envelopes == 0 {
                self.left.set(MAX_CONTENT);
            }
            let inner =
                Self { envelopes: self.envelopes + 1, left: Rc::clone(&self.left), ..Self::default() };
            // Its line is the answer's, which may be written on one or on many.
            let mut each = |found: SourceEvent<'_>| each(SourceEvent { line, ..found });
            inner.all_within(row, &format!("{before}{place}"), line, &mut each).map(drop)
        })?;
        self.handed_out();
        Ok(true)
    }

    /// Hands out the events that what is held carries, if it is an envelope and all in it are events.
    fn hand_out_contents<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<bool, E> {
        if self.envelopes == MAX_ENVELOPES {
            return Ok(false);
        }
        if self.envelopes == 0 {
            self.left.set(MAX_CONTENT);
        }
        let Some(opened) = envelope::open(&self.held, &self.left) else { return Ok(false) };
        let before = self.place_in_list().map_or_else(String::new, |place| place + ".");
        let mut events: Vec<(Vec<u8>, Option<String>)> = Vec::new();
        for Content { place, bytes } in &opened.contents {
            let (envelopes, left) = (self.envelopes + 1, Rc::clone(&self.left));
            let inner = Self { envelopes, left, ..Self::default() };
            let mut keep = |SourceEvent { bytes, place, .. }: SourceEvent<'_>| {
                events.push((bytes.to_vec(), place));
                Ok::<_, IngestError>(())
            };
            if inner.all_within(bytes, &format!("{before}{place}"), self.first_line, &mut keep).is_err() {
                return Ok(false);
            }
        }
        if events.is_empty()
            || !events.iter().all(|(bytes, _)| is_object(bytes))
            || !opened.is_all_in(&self.held, events.iter().map(|(bytes, _)| &**bytes))
        {
            return Ok(false);
        }
        for (bytes, place) in &events {
            // Its line is the envelope's: lines of a content are none of the input.
            each(SourceEvent { bytes, line: self.first_line, place: place.clone() })?;
        }
        *self.summary.unwrapped.entry(opened.name).or_insert(0) += events.len() as u64;
        self.held.clear();
        self.handed_out();
        Ok(true)
    }

    /// After an event or a delivery.
    fn handed_out(&mut self) {
        self.phase = Phase::Between;
        if let Some(list) = &mut self.list {
            list.elements += 1;
            self.phase = Phase::Comma;
        }
    }

    /// Within something that is neither an object nor an array, up to its end.
    fn other<E: From<IngestError>>(&mut self, bytes: &[u8], each: &mut EachEvent<'_, E>) -> Result<usize, E> {
        let end = if self.list.is_some() {
            bytes.iter().position(|byte| matches!(byte, b',' | b']' | b'\n'))
        } else {
            memchr::memchr(b'\n', bytes)
        };
        self.hold(&bytes[..end.unwrap_or(bytes.len())])?;
        if end.is_some() {
            self.hand_out(each)?;
        }
        Ok(end.unwrap_or(bytes.len()))
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), IngestError> {
        let size = self.held.len() + bytes.len();
        if size > MAX_LINE && (self.candidate.is_none() || self.list.is_some()) {
            let Some((form, _)) = self.candidate else {
                let hint = "record a hash of what is large; if this is one response with many events, write them one per line first: jq -c '.hits.hits[]' FILE, or '.results[]'";
                let why = "an event of more than 1 MiB: at most 256 KiB (262144 bytes) can be recorded";
                return Err(fault(why, hint, self.first_line));
            };
            let why = format!(
                "{} is a delivery with {:?} of more than 1 MiB, which can only be read outside of an array",
                self.place(),
                form.list
            );
            let hint = "take the deliveries out of their array, one a line: jq -c '.[]' FILE";
            return Err(fault(&why, hint, self.first_line));
        }
        if size > MAX_EXPORT && self.candidate.is_some_and(|(form, _)| form.is_deep()) {
            let hint = "ask for less at once, or have the log server write smaller batches";
            return Err(fault(
                "a delivery of more than 32 MiB that is no list of events",
                hint,
                self.first_line,
            ));
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn hand_out<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        // Of those within an envelope nobody would be told that they were left out.
        if self.envelopes == 0 && self.list.is_none() && is_bulk_action(&self.held) {
            self.summary.actions += 1;
            self.held.clear();
            self.handed_out();
            return Ok(());
        }
        if self.hand_out_contents(each)? || self.hand_out_rows(each)? {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        each(SourceEvent { bytes: &held, line: self.first_line, place: self.place_in_list() })?;
        self.held = held;
        self.held.clear();
        if let Some(list) = &self.list {
            *self.summary.unwrapped.entry(list.form.map_or("", |form| form.list)).or_insert(0) += 1;
        }
        self.handed_out();
        Ok(())
    }

    /// Where in a list what is held stands: `Records[3]`.
    fn place_in_list(&self) -> Option<String> {
        self.list.as_ref().map(|list| match list.form {
            Some(form) => format!("{}[{}]", form.list, list.elements),
            None => format!("[{}]", list.elements),
        })
    }
}

/// Whether this is no event, but says in a bulk request to Elasticsearch where that of the next line goes:
/// `{"index":{"_index":"audit"}}`.
fn is_bulk_action(object: &[u8]) -> bool {
    let Some(first) = object.strip_prefix(b"{").map(<[u8]>::trim_ascii_start) else { return false };
    if ![&b"\"index\""[..], b"\"create\""].iter().any(|name| first.starts_with(name)) {
        return false;
    }
    let Some(document) = core::str::from_utf8(object).ok().and_then(Document::parse) else { return false };
    let mut members = document.root().members();
    let Some((_, action)) = members.next() else { return false };
    members.next().is_none()
        && action.kind() == Kind::Object
        && action.members().all(|(name, _)| name.text().starts_with('_') || name.text() == "routing")
}

fn is_object(bytes: &[u8]) -> bool {
    core::str::from_utf8(bytes)
        .ok()
        .and_then(Document::parse)
        .is_some_and(|document| document.root().kind() == Kind::Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a text, or where it fails.
    fn events(pieces: &[&[u8]]) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let mut each = |event: SourceEvent<'_>| {
            let text = String::from_utf8_lossy(event.bytes).into_owned();
            found.push(format!(
                "{}{}: {text}",
                event.line,
                event.place.map_or_else(String::new, |at| format!(" {at}"))
            ));
            Ok(())
        };
        let mut unwrapper = Unwrapper::default();
        pieces
            .iter()
            .try_for_each(|piece| unwrapper.push(piece, &mut each))
            .and_then(|()| unwrapper.finish(&mut each))
            .map_err(|error: IngestError| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn takes_what_sources_deliver_however_it_is_cut() {
        for (text, wanted) in [
            ("", &[][..]),
            (" \r\n\n", &[]),
            ("{\"a\":1}\r\n\r\n{\"b\":[2]}", &["1: {\"a\":1}", "3: {\"b\":[2]}"]),
            ("{\"a\":\"}]\\\"{\"}{\"b\":2}\n", &["1: {\"a\":\"}]\\\"{\"}", "1: {\"b\":2}"]),
            ("{\n \"a\": 1\n}\n{}\n", &["1: {\n \"a\": 1\n}", "4: {}"]),
            ("\u{feff}{\"a\":1}", &["1: {\"a\":1}"]),
            // Files that were joined, with or without the end of the last line.
            (
                "\u{feff}{\"a\":1}\n\u{feff}{\"b\":\"\u{feff}\"}\u{feff}\u{feff}\n\u{feff}[{\"c\":1}]\u{feff} {}\n\u{feff}",
                &["1: {\"a\":1}", "2: {\"b\":\"\u{feff}\"}", "3 [0]: {\"c\":1}", "3: {}"],
            ),
            ("{}\n\u{feff}x\n\u{fefe}{}", &["1: {}", "2: x", "3: \u{fefe}{}"]),
            (
                "[{\"a\":1},\n{\"a\":2} ]\n[]\n{\"b\":1}",
                &["1 [0]: {\"a\":1}", "2 [1]: {\"a\":2}", "4: {\"b\":1}"],
            ),
            (
                "{\"Records\": [{\"a\":1},{\"a\":[2]}]}\n{\"Records\":[]}",
                &["1 Records[0]: {\"a\":1}", "1 Records[1]: {\"a\":[2]}"],
            ),
            ("{\n\"records\"\n:\n[\n{}\n]\n}", &["5 records[0]: {}"]),
            (
                r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"auditID":"a"}]}"#,
                &[r#"1 items[0]: {"auditID":"a"}"#],
            ),
            (r#"{"items":[{"a":1}],"kind":"EventList"}"#, &[r#"1 items[0]: {"a":1}"#]),
            (
                r#"{"entries":[{"a":1}],"response_metadata":{"next_cursor":""}}"#,
                &[r#"1 entries[0]: {"a":1}"#],
            ),
            (r#"{"activities":[{"a":1}]}"#, &[r#"1 activities[0]: {"a":1}"#]),
            (r#"{"value":[{"a":1}],"nextLink":"x"}"#, &[r#"1 value[0]: {"a":1}"#]),
            (r#"{"logs":[{"log_id":"1"}]}"#, &[r#"1 logs[0]: {"log_id":"1"}"#]),
            (r#"{"logs":[{"a":1}],"nextLogId":"n","status":"done"}"#, &[r#"1 logs[0]: {"a":1}"#]),
            (r#"{"data":[{"a":1}],"meta":{},"links":{}}"#, &[r#"1 data[0]: {"a":1}"#]),
            (r#"{"data":[{"a":1}]}"#, &[r#"1: {"data":[{"a":1}]}"#]),
            (r#"{"schema":[{"name":"a"}],"results":[{"a":1}]}"#, &[r#"1 results[0]: {"a":1}"#]),
            (r#"{"Stats":{},"Schema":[{"Name":"a"}],"Results":[{"a":1}]}"#, &[r#"1 Results[0]: {"a":1}"#]),
            (r#"{"Events":[{"a":1}],"NextToken":"x"}"#, &[r#"1 Events[0]: {"a":1}"#]),
            (
                r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","message":"{}"}]}"#,
                &[r#"1 logEvents[0]: {"id":"1","message":"{}"}"#],
            ),
            (
                r#"{"events":[{"message":"{}"}],"searchedLogStreams":[]}"#,
                &[r#"1 events[0]: {"message":"{}"}"#],
            ),
            (
                "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"a\":1},\n{\"a\":2}]}]}]}\n{\"b\":1}",
                &[
                    r#"1 resourceLogs[0].scopeLogs[0].logRecords[0]: {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"a":1}]}]}]}"#,
                    r#"2 resourceLogs[0].scopeLogs[0].logRecords[1]: {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"a":2}]}]}]}"#,
                    r#"3: {"b":1}"#,
                ],
            ),
            // Several deliveries in an array.
            (
                "[{\"records\":[{\"a\":1},\n{\"a\":2}]},\n{\"records\":[]},{\"a\":[3]},{\"items\":[{}]},\n{\"Records\":[{\"Records\":[{}]}]}]",
                &[
                    "1 [0].records[0]: {\"a\":1}",
                    "2 [0].records[1]: {\"a\":2}",
                    "3 [2]: {\"a\":[3]}",
                    "3 [3]: {\"items\":[{}]}",
                    "4 [4].Records[0]: {\"Records\":[{}]}",
                ],
            ),
            (
                r#"[{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"a":1}]}]}]},{"resourceLogs":[{"a":1}]}]"#,
                &[
                    r#"1 [0].resourceLogs[0].scopeLogs[0].logRecords[0]: {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"a":1}]}]}]}"#,
                    r#"1 [1]: {"resourceLogs":[{"a":1}]}"#,
                ],
            ),
            // A bulk request to Elasticsearch.
            (
                "{\"index\":{\"_index\":\"audit\"}}\n{\"a\":1}\n{\"create\":{}}\n{\"b\":2}\n",
                &["2: {\"a\":1}", "4: {\"b\":2}"],
            ),
            (
                r#"{"create":{"user":"ada"}} {"index":7} {"index":{},"a":1}"#,
                &[r#"1: {"create":{"user":"ada"}}"#, r#"1: {"index":7}"#, r#"1: {"index":{},"a":1}"#],
            ),
            // Events that have such a list, and more.
            (r#"{"resourceLogs":[{"a":1}]}"#, &[r#"1: {"resourceLogs":[{"a":1}]}"#]),
            (r#"{"events":[{"a":1}]}"#, &[r#"1: {"events":[{"a":1}]}"#]),
            (r#"{"records":[{"a":1}],"action":"x"}"#, &[r#"1: {"records":[{"a":1}],"action":"x"}"#]),
            (r#"{"items":[{"a":1}]}"#, &[r#"1: {"items":[{"a":1}]}"#]),
            (r#"{"Records":[1]}"#, &[r#"1: {"Records":[1]}"#]),
            // Neither of two lists is lost.
            (
                r#"{"Records":[{"a":1}],"Records":[{"a":2}]}"#,
                &[r#"1: {"Records":[{"a":1}],"Records":[{"a":2}]}"#],
            ),
            (r#"{"a":{"Records":[{}]}}"#, &[r#"1: {"a":{"Records":[{}]}}"#]),
            // What is no event is handed out to be told of.
            ("x\n{\"a\n1\n[1,\"x\"]", &["1: x", "2: {\"a", "3: 1", "4 [0]: 1", "4 [1]: \"x\""]),
        ] {
            let whole = events(&[text.as_bytes()]).unwrap();
            assert_eq!(whole, wanted, "{text}");
            for at in 0..=text.len() {
                assert_eq!(
                    events(&[&text.as_bytes()[..at], &text.as_bytes()[at..]]).unwrap(),
                    whole,
                    "{text}"
                );
            }
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(events(&bytes).unwrap(), whole, "{text}");
        }
    }

    #[test]
    fn takes_events_out_of_envelopes() {
        let event = r#"{"eventName":"DeleteVault","n":[1]}"#;
        let text = serde_json::to_string(event).unwrap();
        let coded = countersign::base64::encode(event);
        let several = countersign::base64::encode(format!("{event}\n{event}{event}"));
        let logs = format!(r#"{{"messageType":"DATA_MESSAGE","owner":"1","logEvents":[{event},{event}]}}"#);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, logs.as_bytes()).unwrap();
        let packed = countersign::base64::encode(packed.finish().unwrap());
        let topic =
            |message: &str| format!(r#"{{"Type":"Notification","TopicArn":"t","Message":{message}}}"#);
        let pushed =
            |data: &str| format!(r#"{{"message":{{"data":"{data}","messageId":"7"}},"subscription":"s"}}"#);
        for (envelope, places) in [
            (topic(&text), &["Message"][..]),
            (
                format!(r#"{{"Records":[{{"EventSource":"aws:sns","Sns":{{"Message":{text}}}}}]}}"#),
                &["Records[0].Sns.Message"],
            ),
            (
                format!(
                    r#"{{"Records":[{{"eventSource":"aws:sqs","body":{text}}},{{"eventSource":"aws:sqs","body":{text}}}]}}"#
                ),
                &["Records[0].body", "Records[1].body"],
            ),
            (
                format!(
                    r#"{{"Messages":[{{"ReceiptHandle":"r","Body":{}}}]}}"#,
                    serde_json::to_string(&topic(&text)).unwrap()
                ),
                &["Messages[0].Body.Message"],
            ),
            (format!(r#"[{{"ReceiptHandle":"r","Body":{text}}}]"#), &["[0].Body"]),
            (
                format!(r#"{{"Records":[{{"Data":"{coded}","PartitionKey":"p"}}],"MillisBehindLatest":0}}"#),
                &["Records[0].Data"],
            ),
            (
                format!(
                    r#"{{"Records":[{{"eventSource":"aws:kinesis","eventName":"aws:kinesis:record","kinesis":{{"data":"{coded}"}}}}]}}"#
                ),
                &["Records[0].kinesis.data"],
            ),
            (
                format!(
                    r#"{{"deliveryStreamArn":"d","records":[{{"recordId":"1","data":"{several}"}},{{"recordId":"2","data":"{coded}"}}]}}"#
                ),
                &["records[0].data", "records[0].data", "records[0].data", "records[1].data"],
            ),
            (
                format!(r#"{{"requestId":"r","timestamp":7,"records":[{{"data":"{coded}"}}]}}"#),
                &["records[0].data"],
            ),
            (
                format!(r#"{{"awslogs":{{"data":"{packed}"}}}}"#),
                &["awslogs.data.logEvents[0]", "awslogs.data.logEvents[1]"],
            ),
            (pushed(&coded), &["message.data"]),
            (
                format!(r#"{{"receivedMessages":[{{"ackId":"a","message":{{"data":"{coded}"}}}}]}}"#),
                &["receivedMessages[0].message.data"],
            ),
            (format!(r#"[{{"ackId":"a","message":{{"data":"{coded}"}}}}]"#), &["[0].message.data"]),
            (
                format!(r#"{{"eventType":"com.okta.event_hook","data":{{"events":[{event},{event}]}}}}"#),
                &["data.events[0]", "data.events[1]"],
            ),
        ] {
            let wanted: Vec<String> = places.iter().map(|place| format!("2 {place}: {event}")).collect();
            assert_eq!(events(&[b"\n", envelope.as_bytes()]).unwrap(), wanted, "{envelope}");
        }
        // What is around it may say when it happened, so it is taken out only if it says so itself, and how a parser knows.
        let dated = r#"{"action":"vault.delete","occurred_at":"2026-03-02T09:15:27.000Z"}"#;
        for (envelope, place) in [
            (r#"{"specversion":"1.0","type":"t","time":"2026-03-02T10:00:00Z","data":EVENT}"#, "data"),
            (r#"{"specversion":"1.0","type":"t","data":TEXT}"#, "data"),
            (r#"{"specversion":"1.0","type":"t","data_base64":"BASE64"}"#, "data_base64"),
            (
                r#"{"specversion":"1.0","data":{"message":{"data":"BASE64"},"subscription":"s"}}"#,
                "data.message.data",
            ),
            (r#"{"id":"1","eventType":"t","eventTime":"2026-03-02","dataVersion":"2","data":EVENT}"#, "data"),
            (r#"{"time":1772442927,"sourcetype":"_json","event":EVENT}"#, "event"),
            (r#"{"time":1772442927,"host":"h","event":TEXT}"#, "event"),
            (r#"{"preview":false,"offset":0,"result":{"_time":"2026-03-02","_raw":TEXT}}"#, "result._raw"),
            (r#"{"preview":false,"results":[{"_raw":TEXT}]}"#, "results[0]._raw"),
            (r#"{"_raw":TEXT,"_time":1772442927,"cribl_breaker":"b"}"#, "_raw"),
            (r#"{"_id":"1","date":"2026-03-02T09:15:28Z","source":"s","attributes":EVENT}"#, "attributes"),
            (
                r#"{"id":"1","type":"log","attributes":{"timestamp":"2026-03-02","attributes":EVENT}}"#,
                "attributes.attributes",
            ),
            (r#"{"id":"1","content":{"timestamp":"2026-03-02","attributes":EVENT}}"#, "content.attributes"),
            (r#"{"_index":"audit","_id":"1","_source":EVENT}"#, "_source"),
            (
                r#"{"took":1,"hits":{"total":1,"hits":[{"_index":"audit","_source":EVENT}]}}"#,
                "hits.hits[0]._source",
            ),
            (r#"{"result":{"_raw":TEXT}}"#, "result._raw"),
            (r#"{"log":TEXT,"stream":"stdout","time":"2026-03-02T09:15:28Z"}"#, "log"),
            (r#"{"date":1772442927.5,"log":TEXT}"#, "log"),
            (r#"{"@timestamp":"2026-03-02T09:15:28Z","log":TEXT,"kubernetes":{"pod_name":"p"}}"#, "log"),
            (r#"{"__REALTIME_TIMESTAMP":"1772442927000000","MESSAGE":TEXT,"_UID":"0"}"#, "MESSAGE"),
            (r#"{"logName":"projects/p/logs/stdout","jsonPayload":EVENT,"severity":"INFO"}"#, "jsonPayload"),
            (r#"{"logName":"projects/p/logs/stdout","textPayload":TEXT}"#, "textPayload"),
            (r#"{"labels":{"app":"a"},"line":TEXT,"timestamp":"2026-03-02T09:15:28Z"}"#, "line"),
            (
                r#"{"version":"0","detail-type":"audit","time":"2026-03-02T09:15:28Z","detail":EVENT}"#,
                "detail",
            ),
            (r#"{"EnqueuedTimeUtc":"3/2/2026 9:15:28 AM","Properties":{},"Body":TEXT}"#, "Body"),
            (r#"{"topic":"t","partition":0,"offset":1,"value":TEXT}"#, "value"),
            (r#"{"fields":[],"messages":[{"map":{"_raw":TEXT,"_size":"9"}}]}"#, "messages[0].map._raw"),
            (r#"{"messages":[{"index":"i","message":{"message":TEXT}}]}"#, "messages[0].message.message"),
        ] {
            let holding = |event: &str| {
                envelope
                    .replace("EVENT", event)
                    .replace("TEXT", &serde_json::to_string(event).unwrap())
                    .replace("BASE64", &countersign::base64::encode(event))
            };
            assert_eq!(events(&[holding(dated).as_bytes()]).unwrap(), [format!("1 {place}: {dated}")]);
            if place != "data.message.data" {
                for undated in [event, r#"{"action":"vault.delete"}"#] {
                    let whole = holding(undated);
                    assert_eq!(events(&[whole.as_bytes()]).unwrap(), [format!("1: {whole}")]);
                }
            }
        }
        // What a parser finds in the whole stays in it.
        let whole = r#"{"specversion":"1.0","data":{"protoPayload":{"methodName":"m","serviceName":"s"},"timestamp":"2026-03-02T09:15:27Z"}}"#;
        assert_eq!(events(&[whole.as_bytes()]).unwrap(), [format!("1: {whole}")]);
        let twice = format!(r#"{{"specversion":"1.0","data":{dated},"data":{dated}}}"#);
        assert_eq!(events(&[twice.as_bytes()]).unwrap(), [format!("1: {twice}")]);
        let bulk = r#"{"eventSource":"aws:sqs","body":"{\"index\":{}}\n{\"a\":1}"}"#;
        assert_eq!(events(&[bulk.as_bytes()]).unwrap(), [r#"1 body: {"index":{}}"#, r#"1 body: {"a":1}"#]);
        // What holds no event is recorded as it is.
        let mut deep = event.to_owned();
        for _ in 0..=MAX_ENVELOPES {
            deep = topic(&serde_json::to_string(&deep).unwrap());
        }
        assert!(events(&[deep.as_bytes()]).unwrap()[0].contains("TopicArn"));
        for envelope in [
            topic("\"[INFO] the vault is shut\""),
            topic("\"{vault}\""),
            topic("\"[1]\""),
            topic("\"\""),
            topic(event),
            pushed("bm90IEpTT04="),
            pushed("no base64"),
            pushed("H4sIAAAA"),
            r#"{"Messages":[{"Body":"{}"},{"Body":7}]}"#.into(),
            r#"{"deliveryStreamArn":"d","records":[]}"#.into(),
            r#"{"eventType":"com.okta.event_hook","data":{"events":[]}}"#.into(),
            r#"{"message":{"data":"e30="},"topic":"s"}"#.into(),
        ] {
            assert_eq!(events(&[envelope.as_bytes()]).unwrap(), [format!("1: {envelope}")]);
        }
    }

    /// The table of envelopes in docs/importing-logs.md.
    #[test]
    fn takes_out_what_the_documentation_says() {
        let cloudtrail = r#"{"eventVersion":"1.08","eventTime":"2026-03-02T09:15:27Z","eventSource":"s3.amazonaws.com","eventName":"DeleteBucket","eventType":"AwsApiCall"}"#;
        let okta = r#"{"uuid":"u","published":"2026-03-02T09:15:27Z","eventType":"user.lifecycle.create","actor":{"id":"00u1","type":"User"},"outcome":{"result":"SUCCESS"},"version":"0","severity":"INFO","legacyEventType":"x"}"#;
        let kubernetes = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"ResponseComplete","verb":"get","requestURI":"/x","requestReceivedTimestamp":"2026-03-02T09:15:27.000000Z","user":{"username":"ada"}}"#;
        let microsoft = r#"{"CreationTime":"2026-03-02T09:15:27","Id":"r","Operation":"Set-Mailbox","RecordType":1,"Workload":"Exchange","UserId":"ada@example.com","UserKey":"k","UserType":2,"OrganizationId":"o"}"#;
        let google = r#""protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"m","serviceName":"s"},"timestamp":"2026-03-02T09:15:27Z","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity""#;
        let text = |event: &str| serde_json::to_string(event).unwrap();
        let coded = |event: &str| countersign::base64::encode(event);
        for (envelope, is_taken_out) in [
            (format!(r#"{{"Type":"Notification","TopicArn":"t","Message":{}}}"#, text(cloudtrail)), true),
            (
                format!(
                    r#"{{"message":{{"data":"{}"}},"subscription":"s"}}"#,
                    coded(&format!("{{{google}}}"))
                ),
                true,
            ),
            (format!(r#"{{"id":"1","timestamp":7,"message":{}}}"#, text(cloudtrail)), false),
            (format!(r#"{{"id":"1","timestamp":7,"message":{}}}"#, text(kubernetes)), false),
            (format!(r#"{{"@timestamp":"2026-03-02 09:15:28.000","@message":{}}}"#, text(cloudtrail)), false),
            (format!(r#"{{"@timestamp":"2026-03-02 09:15:28.000","@message":{}}}"#, text(okta)), true),
            (format!(r#"{{"specversion":"1.0","type":"t","data":{{{google}}}}}"#), false),
            (format!(r#"{{"specversion":"1.0","type":"t","data":{cloudtrail}}}"#), true),
            (
                format!(
                    r#"{{"detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":{cloudtrail}}}"#
                ),
                false,
            ),
            (
                format!(r#"{{"detail-type":"SystemLog","source":"aws.partner/okta.com","detail":{okta}}}"#),
                false,
            ),
            (format!(r#"{{"detail-type":"x","source":"y","detail":{microsoft}}}"#), true),
            (
                format!(
                    r#"{{"EventId":"e","EventName":"DeleteBucket","CloudTrailEvent":{}}}"#,
                    text(cloudtrail)
                ),
                false,
            ),
            (format!(r#"{{"category":"kube-audit","properties":{{"log":{}}}}}"#, text(kubernetes)), false),
            (format!(r#"{{"RecordType":"1","AuditData":{}}}"#, text(microsoft)), false),
            (format!(r#"{{"RecordType":"1","AuditData":{microsoft}}}"#), false),
            (format!(r#"{{"time":7,"host":"h","event":{cloudtrail}}}"#), true),
            (format!(r#"{{"preview":false,"result":{{"_raw":{}}}}}"#, text(okta)), true),
            (format!(r#"{{"_id":"1","date":"d","attributes":{okta}}}"#), true),
            (format!(r#"{{"_index":"i","_source":{cloudtrail}}}"#), true),
            (
                format!(r#"{{"@timestamp":"2026-03-02T09:15:28Z","kubernetes":{{"audit":{kubernetes}}}}}"#),
                false,
            ),
            (format!(r#"{{"timestamp":"t","rule":{{}},"data":{{"aws":{cloudtrail}}}}}"#), false),
            (format!(r#"{{"log":{},"stream":"stdout","time":"t"}}"#, text(kubernetes)), true),
            (format!(r#"{{"log":{},"stream":"stdout","time":"t"}}"#, text("no event")), false),
        ] {
            let found = events(&[envelope.as_bytes()]).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0] != format!("1: {envelope}"), is_taken_out, "{envelope}\n{found:?}");
        }
    }

    #[test]
    fn takes_rows_out_of_answers() {
        let event = r#"{"action":"vault.delete","occurred_at":"2026-03-02T09:15:27.000Z"}"#;
        let text = serde_json::to_string(event).unwrap();
        for (answer, wanted) in [
            (
                r#"{"tables":[{"name":"PrimaryResult","columns":[{"name":"a","type":"string"},{"name":"b.c","type":"long"}],"rows":[["x",1],["",null]]}],"statistics":{}}"#.to_owned(),
                vec![
                    r#"tables[0].rows[0]: {"a":"x","b.c":1}"#.to_owned(),
                    r#"tables[0].rows[1]: {"a":"","b.c":null}"#.to_owned(),
                ],
            ),
            (
                format!(r#"{{"preview":false,"init_offset":0,"messages":[],"fields":["_time","_raw"],"rows":[["2026-03-02",{text}],["2026-03-02","x"]]}}"#),
                vec![format!("rows[0]._raw: {event}"), r#"rows[1]: {"_time":"2026-03-02","_raw":"x"}"#.to_owned()],
            ),
            (
                r#"{"columns":[{"name":"a","type":"keyword"}],"rows":[["x"]],"cursor":"c"}"#.to_owned(),
                vec![r#"rows[0]: {"a":"x"}"#.to_owned()],
            ),
            (
                r#"{"took":1,"columns":[{"name":"a"}],"values":[[["x","y"]]]}"#.to_owned(),
                vec![r#"values[0]: {"a":["x","y"]}"#.to_owned()],
            ),
            (
                r#"{"schema":[{"name":"a"}],"datarows":[["x"]],"total":1,"size":1,"status":200}"#.to_owned(),
                vec![r#"datarows[0]: {"a":"x"}"#.to_owned()],
            ),
            (
                format!(r#"{{"results":[[{{"field":"@timestamp","value":"2026-03-02 09:15:28.000"}},{{"field":"@message","value":{text}}}],[{{"field":"a","value":"1"}}]],"statistics":{{}},"status":"Complete"}}"#),
                vec![format!("results[0].@message: {event}"), r#"results[1]: {"a":"1"}"#.to_owned()],
            ),
            (
                format!(r#"{{"status":"success","data":{{"resultType":"streams","result":[{{"stream":{{"app":"a"}},"values":[["1772442927000000000",{text}],["7","x",{{"m":"1"}}]]}}]}}}}"#),
                vec![
                    format!("data.result[0].values[0].line: {event}"),
                    r#"data.result[0].values[1]: {"labels":{"app":"a"},"timestamp":"7","line":"x","metadata":{"m":"1"}}"#.to_owned(),
                ],
            ),
        ] {
            let wanted: Vec<String> = wanted.into_iter().map(|event| format!("2 {event}")).collect();
            assert_eq!(events(&[b"\n", answer.as_bytes()]).unwrap(), wanted, "{answer}");
        }
        assert_eq!(
            events(&[br#"[{"columns":["a"],"rows":[[1]]},{"b":2}]"#]).unwrap(),
            [r#"1 [0].rows[0]: {"a":1}"#, r#"1 [1]: {"b":2}"#]
        );
        // What is no table, or more than one, stays as it is.
        for whole in [
            r#"{"columns":["a"],"rows":[[1]],"action":"export"}"#,
            r#"{"columns":["a","a"],"rows":[[1,2]]}"#,
            r#"{"columns":["a"],"rows":[[1,2]]}"#,
            r#"{"columns":["a"],"rows":[{"a":1}]}"#,
            r#"{"columns":["a"],"rows":[[1]],"rows":[[2]]}"#,
            r#"{"columns":[],"rows":[[]]}"#,
            r#"{"tables":[{"name":"t","columns":["a"],"rows":[[1]],"error":{}}]}"#,
            r#"{"tables":[{"columns":["a"],"rows":[[1]]}],"error":{"code":"PartialError"}}"#,
            r#"{"rows":[[1]]}"#,
            r#"{"results":[[{"field":"a","value":"1"},{"field":"a","value":"2"}]],"status":"Complete"}"#,
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        ] {
            assert_eq!(events(&[whole.as_bytes()]).unwrap(), [format!("1: {whole}")]);
        }
        let long =
            format!(r#"{{"columns":["{}"],"rows":[{}]}}"#, "a".repeat(2000), vec!["[0]"; 2000].join(","));
        assert_eq!(events(&[long.as_bytes()]).unwrap().len(), 1);
    }

    #[test]
    fn takes_large_answers() {
        let rows = vec![format!("[\"{}\"]", "x".repeat(1000)); 3000].join(",");
        let text = format!(r#"{{"tables":[{{"name":"t","columns":[{{"name":"a"}}],"rows":[{rows}]}}]}}"#);
        assert_eq!(events(&[text.as_bytes()]).unwrap().len(), 3000);
    }

    #[test]
    fn tells_where_a_list_is_broken() {
        for (text, says) in [
            ("[{},", "within the array, at [1]"),
            ("[{}", "within the array, at [1]"),
            ("[{} {}]", "'{' where a comma should"),
            ("[,]", "',' where an event should"),
            ("[{},]", "']' where an event should"),
            ("{\"a\":1", "the input ends before the event does"),
        ] {
            let why = events(&[text.as_bytes()]).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }

    #[test]
    fn takes_large_deliveries_in_little_memory() {
        let event = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
        let list = vec![event.as_str(); 3000].join(",");
        for (text, wanted) in [
            (format!("[{list}]"), Ok(3000)),
            (format!("{{\"Records\":[{list}]}}"), Ok(3000)),
            (format!("{{\"kind\":\"EventList\",\"items\":[{list}],\"metadata\":{{}}}}"), Ok(3000)),
            (format!("{{\"Records\":[{list}],\"more\":1}}"), Err("\"more\", which would be lost")),
            (format!("{{\"more\":1,\"Records\":[{list}]}}"), Err("\"more\", which would be lost")),
            (format!("{{\"Records\":[{list}],\"Records\":[]}}"), Err("\"Records\" twice")),
            (format!("{{\"Records\":[{list}"), Err("within Records[3000]")),
            (format!("{{\"a\":[{list}]}}"), Err("an event of more than 1 MiB")),
            (
                format!("[{{}},{{\"records\":[{list}]}}]"),
                Err("the array, at [1] is a delivery with \"records\" of more than 1 MiB"),
            ),
        ] {
            let mut unwrapper = Unwrapper::default();
            let (mut events, mut most) = (0, 0);
            let mut each = |found: SourceEvent<'_>| {
                events += 1;
                most = most.max(found.bytes.len());
                Ok::<_, IngestError>(())
            };
            let done = text
                .as_bytes()
                .chunks(1 << 12)
                .try_for_each(|piece| unwrapper.push(piece, &mut each))
                .and_then(|()| unwrapper.finish(&mut each));
            assert!(unwrapper.held.capacity() <= 4 * MAX_LINE);
            match (done, wanted) {
                (Ok(()), Ok(wanted)) => assert_eq!((events, most), (wanted, event.len())),
                (Err(failure), Err(says)) => {
                    assert!(failure.to_string().contains(says), "{failure}");
                }
                (done, _) => panic!("{text:.40}: {done:?}"),
            }
        }
    }

    #[test]
    fn an_export_of_log_records_is_held_as_a_whole_up_to_a_limit() {
        let record = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
        for (records, wanted) in [(30, Ok(())), (340, Err("more than 32 MiB"))] {
            let list = vec![record.as_str(); records].join(",");
            let text = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{list}]}}]}}]}}");
            let mut unwrapper = Unwrapper::default();
            let mut events = 0;
            let mut each = |_: SourceEvent<'_>| {
                events += 1;
                Ok::<_, IngestError>(())
            };
            let done = text
                .as_bytes()
                .chunks(1 << 16)
                .try_for_each(|piece| unwrapper.push(piece, &mut each))
                .and_then(|()| unwrapper.finish(&mut each));
            match wanted {
                Ok(()) => assert_eq!((done.is_ok(), events), (true, records)),
                Err(says) => assert!(done.unwrap_err().to_string().contains(says)),
            }
        }
    }
}
