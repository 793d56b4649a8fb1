//! Splits JSON deliveries (JSON Lines, arrays, objects with a list, arrays of these, OTLP) into events, in
//! bounded memory.
//!
//! Each event is passed on as soon as it is complete, because a consumer may be waiting for it.

mod envelope;
mod list;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use countersign::event::MAX_BYTES;
use countersign::export::MAX_LINE;
use countersign_query::value::{Document, Kind};

use crate::count::count;
use crate::encoding::BYTE_ORDER_MARK;
use crate::error::{IngestError, fault};
use crate::otlp;
use crate::query_result::QueryResult;
use envelope::{Content, MAX_CONTENT};
use list::ListForm;

/// The maximum nesting of envelopes: SQS can deliver an SNS message that contains an `EventBridge` event.
const MAX_ENVELOPES: u8 = 4;

/// The maximum size in bytes of an export of log records, which is buffered whole. OpenTelemetry Collectors
/// send far smaller ones.
const MAX_EXPORT: usize = 32 << 20;

/// An event from a delivery. It may be invalid JSON; the caller checks that.
pub struct SourceEvent<'a> {
    /// The event as written.
    pub bytes: &'a [u8],
    /// The 1-based line on which it starts.
    pub line: u64,
    /// Its position in the lists around it: `Records[3]`.
    pub place: Option<String>,
}

/// A callback for each event. An error stops the input.
pub type EachEvent<'a, E> = dyn FnMut(SourceEvent<'_>) -> Result<(), E> + 'a;

/// Splits JSON deliveries into events.
#[derive(Default)]
pub struct Unwrapper {
    phase: Phase,
    /// The bytes of the current value so far.
    held: Vec<u8>,
    /// The number of line feeds so far.
    lines: u64,
    /// The line on which the current value starts.
    first_line: u64,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The list form that the current object may have, and the offset at which its list starts.
    candidate: Option<(&'static ListForm, usize)>,
    list: Option<List>,
    summary: UnwrapSummary,
    /// The number of envelopes around this input.
    envelopes: u8,
    /// The number of bytes that may still be extracted from the outermost envelope.
    left: Rc<Cell<usize>>,
}

/// The lists that events were extracted from, and the lines that were skipped.
///
/// `Display` formats it as the end of a sentence; empty if there is nothing to report.
#[derive(Clone, Default)]
pub struct UnwrapSummary {
    unwrapped: BTreeMap<&'static str, u64>,
    /// The number of action lines in Elasticsearch bulk requests, which were skipped.
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
            write!(f, "; skipped {} of a bulk request", count(self.actions, "action line"))?;
        }
        Ok(())
    }
}

/// A list being read.
struct List {
    /// The list's form; `None` for a top-level array.
    form: Option<&'static ListForm>,
    elements: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// A byte order mark may follow.
    #[default]
    Mark,
    /// A value may follow, or another file with its own byte order mark.
    Between,
    /// A value must follow, after a comma in a list.
    Element,
    /// Within an object or array.
    Value,
    /// Within any other text, up to the end of the line, or in a list up to the comma.
    Other,
    /// After an element of a list.
    Comma,
    /// After a list, within the object that contains it.
    Rest,
}

impl Unwrapper {
    /// Accepts the next bytes.
    ///
    /// # Errors
    /// Returns an error if a list is invalid JSON or something is too large to buffer, and any error of
    /// `each`.
    pub fn push<E: From<IngestError>>(&mut self, bytes: &[u8], each: &mut EachEvent<'_, E>) -> Result<(), E> {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let consumed = match self.phase {
                Phase::Mark => self.mark(byte),
                Phase::Between | Phase::Element => self.begin(byte)?,
                Phase::Value | Phase::Rest => self.value(rest, each)?,
                Phase::Other => self.other(rest, each)?,
                Phase::Comma => self.comma(byte)?,
            };
            rest = &rest[consumed..];
        }
        Ok(())
    }

    /// Accepts one event from elsewhere, such as a row of a table, which may be an envelope.
    ///
    /// # Errors
    /// Returns any error of `each`.
    pub fn push_event<E: From<IngestError>>(
        &mut self,
        found: &SourceEvent<'_>,
        each: &mut EachEvent<'_, E>,
    ) -> Result<(), E> {
        self.held.extend_from_slice(found.bytes);
        self.first_line = found.line;
        self.emit(each)
    }

    /// Ends the input, and passes on a last event that has no terminator.
    ///
    /// # Errors
    /// Returns an error if the input ends within an event or a list, and any error of `each`.
    pub fn finish<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        match self.phase {
            Phase::Mark if !self.held.is_empty() => self.emit(each),
            Phase::Other if self.list.is_none() => self.emit(each),
            Phase::Value if self.list.is_none() => {
                let why = "the input ends before the event does";
                let hint =
                    "check that the file is complete, and that each event is one JSON object in braces";
                Err(fault(why, hint, self.first_line).into())
            }
            Phase::Mark | Phase::Between if self.list.is_none() => Ok(()),
            _ => {
                let why = format!("the input ends within {}", self.place());
                Err(fault(&why, "get the complete file: it may have been cut off", self.lines + 1).into())
            }
        }
    }

    /// Returns the lists that events were extracted from, and the lines that were skipped.
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

    /// Handles a byte that may belong to a byte order mark.
    fn mark(&mut self, byte: u8) -> usize {
        let at = self.held.len();
        self.first_line = self.lines + 1;
        if BYTE_ORDER_MARK[at] != byte {
            // These bytes are not a byte order mark. Unless they are empty, they aren't JSON either.
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

    /// Handles a byte before a value.
    fn begin(&mut self, byte: u8) -> Result<usize, IngestError> {
        match byte {
            b'\n' => self.lines += 1,
            b' ' | b'\t' | b'\r' => {}
            // Concatenated files, also in compressed form, may each start with a byte order mark.
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
                    let why = format!("{} has {:?} instead of an event", self.place(), char::from(byte));
                    return Err(fault(&why, "correct the JSON", self.lines + 1));
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

    /// Handles a byte after an element of a list.
    fn comma(&mut self, byte: u8) -> Result<usize, IngestError> {
        match byte {
            b'\n' => self.lines += 1,
            b' ' | b'\t' | b'\r' => {}
            b',' => self.phase = Phase::Element,
            b']' => self.end_list(),
            _ => {
                let why = format!("{} has {:?} before it instead of a comma", self.place(), char::from(byte));
                return Err(fault(&why, "correct the JSON", self.lines + 1));
            }
        }
        Ok(1)
    }

    fn end_list(&mut self) {
        match self.list.take() {
            Some(List { form: Some(form), .. }) => {
                // Parse what follows as the rest of an object from which the list was removed.
                self.held = format!("{{{:?}:0", form.list).into_bytes();
                self.list = Some(List { form: Some(form), elements: 0 });
                self.depth = 1;
                self.phase = Phase::Rest;
            }
            _ => self.phase = Phase::Between,
        }
    }

    /// Reads within an object or array, up to its end or the end of the bytes.
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
                        // Strings can't contain line feeds, so end the event here; its error then names
                        // this line.
                        self.in_string = false;
                        self.append(&bytes[..at - 1])?;
                        self.emit(each)?;
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
                        if self.depth == 2 && self.candidate.is_none() && self.may_contain_events() {
                            self.append(&bytes[..at])?;
                            self.candidate = ListForm::find(&self.held).map(|form| (form, self.held.len()));
                            return Ok(at);
                        }
                    }
                    b'}' | b']' => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            self.append(&bytes[..at])?;
                            self.end_value(each)?;
                            return Ok(at);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.append(bytes)?;
        if self.held.len() > MAX_BYTES
            && let Some((form, begins)) = self.candidate
            && self.list.is_none()
            && !form.is_deep()
        {
            self.enter_list(form, begins, each)?;
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
                if form.is_deep() || form.matches(&self.held) {
                    self.emit_delivery(each)
                } else {
                    self.emit(each)
                }
            }
            Some((form, _)) if form.is_deep() => self.emit_records(each),
            // A larger object can't be an event.
            Some((form, begins)) if self.held.len() > MAX_BYTES || form.matches(&self.held) => {
                self.enter_list(form, begins, each)
            }
            _ => self.emit(each),
        }
    }

    /// Reads the buffered bytes again, as an object with a list of events.
    fn enter_list<E: From<IngestError>>(
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

    /// Passes on the log records of the buffered export, or the buffered object as an event if it isn't an
    /// export.
    fn emit_records<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        let held = std::mem::take(&mut self.held);
        let Some(export) = core::str::from_utf8(&held).ok().and_then(otlp::Export::parse) else {
            self.held = held;
            return self.emit(each);
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

    /// True if an object here may contain a list of events. An array may contain several deliveries; a
    /// delivery contains no others.
    fn may_contain_events(&self) -> bool {
        self.list.as_ref().is_none_or(|list| list.form.is_none())
    }

    /// Passes on the events of a delivery that is an element of an array.
    fn emit_delivery<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        let held = std::mem::take(&mut self.held);
        let nth = self.list.as_ref().map_or(0, |list| list.elements);
        let inner = Self { envelopes: self.envelopes, left: Rc::clone(&self.left), ..Self::default() };
        for (list, events) in inner.push_all(&held, &format!("[{nth}]"), self.first_line, each)? {
            *self.summary.unwrapped.entry(list).or_insert(0) += events;
        }
        self.end_element();
        Ok(())
    }

    /// Passes on all events in these bytes, which are at `place`, and returns the lists that they are from.
    fn push_all<E: From<IngestError>>(
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

    /// Passes on the rows of the buffered query result. Returns false if the value isn't one.
    fn emit_rows<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<bool, E> {
        if self.envelopes == MAX_ENVELOPES {
            return Ok(false);
        }
        let held = std::mem::take(&mut self.held);
        let Some(result) = core::str::from_utf8(&held).ok().and_then(QueryResult::parse) else {
            self.held = held;
            return Ok(false);
        };
        let before = self.place_in_list().map_or_else(String::new, |place| place + ".");
        let (line, unwrapped) = (self.first_line, &mut self.summary.unwrapped);
        result.each(|place, row| {
            *unwrapped.entry(result.name).or_insert(0) += 1;
            if self.envelopes == 0 {
                self.left.set(MAX_CONTENT);
            }
            let inner =
                Self { envelopes: self.envelopes + 1, left: Rc::clone(&self.left), ..Self::default() };
            // All rows get the result's line, because a result may be formatted on one line or many.
            let mut each = |found: SourceEvent<'_>| each(SourceEvent { line, ..found });
            inner.push_all(row, &format!("{before}{place}"), line, &mut each).map(drop)
        })?;
        self.end_element();
        Ok(true)
    }

    /// Passes on the events in the buffered envelope. Returns false if the value isn't an envelope, or
    /// contains anything but events.
    fn emit_contents<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<bool, E> {
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
            let mut collect = |SourceEvent { bytes, place, .. }: SourceEvent<'_>| {
                events.push((bytes.to_vec(), place));
                Ok::<_, IngestError>(())
            };
            if inner.push_all(bytes, &format!("{before}{place}"), self.first_line, &mut collect).is_err() {
                return Ok(false);
            }
        }
        if events.is_empty()
            || !events.iter().all(|(bytes, _)| is_object(bytes))
            || !opened.is_lossless(&self.held, events.iter().map(|(bytes, _)| &**bytes))
        {
            return Ok(false);
        }
        for (bytes, place) in &events {
            // Events get the envelope's line, because lines within the content aren't lines of the input.
            each(SourceEvent { bytes, line: self.first_line, place: place.clone() })?;
        }
        *self.summary.unwrapped.entry(opened.name).or_insert(0) += events.len() as u64;
        self.held.clear();
        self.end_element();
        Ok(true)
    }

    /// Ends an event or a delivery, which may be an element of a list.
    fn end_element(&mut self) {
        self.phase = Phase::Between;
        if let Some(list) = &mut self.list {
            list.elements += 1;
            self.phase = Phase::Comma;
        }
    }

    /// Reads within a value that is neither an object nor an array, up to its end.
    fn other<E: From<IngestError>>(&mut self, bytes: &[u8], each: &mut EachEvent<'_, E>) -> Result<usize, E> {
        let end = if self.list.is_some() {
            bytes.iter().position(|byte| matches!(byte, b',' | b']' | b'\n'))
        } else {
            memchr::memchr(b'\n', bytes)
        };
        self.append(&bytes[..end.unwrap_or(bytes.len())])?;
        if end.is_some() {
            self.emit(each)?;
        }
        Ok(end.unwrap_or(bytes.len()))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), IngestError> {
        let size = self.held.len() + bytes.len();
        if size > MAX_LINE && (self.candidate.is_none() || self.list.is_some()) {
            let Some((form, _)) = self.candidate else {
                let hint = "record a hash of each large value; if this is one response with many events, write them one per line first: jq -c '.hits.hits[]' FILE, or '.results[]'";
                let why = "an event is larger than 1 MiB, but at most 256 KiB (262144 bytes) can be recorded";
                return Err(fault(why, hint, self.first_line));
            };
            let why = format!(
                "{} is a delivery with {:?} larger than 1 MiB, which can't be read within an array",
                self.place(),
                form.list
            );
            let hint = "extract the deliveries from the array, one per line: jq -c '.[]' FILE";
            return Err(fault(&why, hint, self.first_line));
        }
        if size > MAX_EXPORT && self.candidate.is_some_and(|(form, _)| form.is_deep()) {
            let hint =
                "request less at once, or configure the OpenTelemetry Collector to write smaller batches";
            return Err(fault(
                "a delivery without a known list of events is larger than 32 MiB",
                hint,
                self.first_line,
            ));
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn emit<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        // Action lines within an envelope are kept, because the summary couldn't report them.
        if self.envelopes == 0 && self.list.is_none() && is_bulk_action(&self.held) {
            self.summary.actions += 1;
            self.held.clear();
            self.end_element();
            return Ok(());
        }
        if self.emit_contents(each)? || self.emit_rows(each)? {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        each(SourceEvent { bytes: &held, line: self.first_line, place: self.place_in_list() })?;
        self.held = held;
        self.held.clear();
        if let Some(list) = &self.list {
            *self.summary.unwrapped.entry(list.form.map_or("", |form| form.list)).or_insert(0) += 1;
        }
        self.end_element();
        Ok(())
    }

    /// Returns the position of the buffered value in its list: `Records[3]`.
    fn place_in_list(&self) -> Option<String> {
        self.list.as_ref().map(|list| match list.form {
            Some(form) => format!("{}[{}]", form.list, list.elements),
            None => format!("[{}]", list.elements),
        })
    }
}

/// True for an action line of an Elasticsearch bulk request, which states the target of the event on the next
/// line: `{"index":{"_index":"audit"}}`.
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

    /// Returns the events of a text, or its error.
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
    fn splits_deliveries_regardless_of_how_input_is_cut() {
        for (text, wanted) in [
            ("", &[][..]),
            (" \r\n\n", &[]),
            ("{\"a\":1}\r\n\r\n{\"b\":[2]}", &["1: {\"a\":1}", "3: {\"b\":[2]}"]),
            ("{\"a\":\"}]\\\"{\"}{\"b\":2}\n", &["1: {\"a\":\"}]\\\"{\"}", "1: {\"b\":2}"]),
            ("{\n \"a\": 1\n}\n{}\n", &["1: {\n \"a\": 1\n}", "4: {}"]),
            ("\u{feff}{\"a\":1}", &["1: {\"a\":1}"]),
            // Concatenated files, with or without a final line feed.
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
            (r#"{"object":"list","data":[{"a":1}],"has_more":false}"#, &[r#"1 data[0]: {"a":1}"#]),
            (r#"{"data":[{"a":1}],"next_page":null}"#, &[r#"1 data[0]: {"a":1}"#]),
            (r#"{"data":[{"a":1}],"object":"list"}"#, &[r#"1: {"data":[{"a":1}],"object":"list"}"#]),
            (r#"{"records":[{"a":1}],"next_cursor":null,"limit":10}"#, &[r#"1 records[0]: {"a":1}"#]),
            (r#"{"events":[{"a":1}],"meta":{"page":0}}"#, &[r#"1 events[0]: {"a":1}"#]),
            (r#"{"ok":1,"result":[{"a":1}],"wait_time":5}"#, &[r#"1 result[0]: {"a":1}"#]),
            (
                r#"{"links":[{"rel":"self"}],"results":[{"a":1}],"totalCount":1}"#,
                &[r#"1 results[0]: {"a":1}"#],
            ),
            (r#"{"audit_logs":[{"a":1}],"meta":{}}"#, &[r#"1 audit_logs[0]: {"a":1}"#]),
            (r#"{"Findings":[{"a":1}],"NextToken":"n"}"#, &[r#"1 Findings[0]: {"a":1}"#]),
            (r#"{"schema":[{"name":"a"}],"results":[{"a":1}]}"#, &[r#"1 results[0]: {"a":1}"#]),
            (r#"{"Stats":{},"Schema":[{"Name":"a"}],"Results":[{"a":1}]}"#, &[r#"1 Results[0]: {"a":1}"#]),
            (r#"{"Events":[{"a":1}],"NextToken":"x"}"#, &[r#"1 Events[0]: {"a":1}"#]),
            // Pages of products' APIs.
            (r#"{"cursor":"c","has_more":true,"items":[{"a":1}]}"#, &[r#"1 items[0]: {"a":1}"#]),
            (r#"{"stat":"OK","response":[{"a":1}]}"#, &[r#"1 response[0]: {"a":1}"#]),
            (r#"{"response":[{"a":1}]}"#, &[r#"1: {"response":[{"a":1}]}"#]),
            (r#"{"status":{"code":200},"pagination":{},"data":[{"a":1}]}"#, &[r#"1 data[0]: {"a":1}"#]),
            (r#"{"endCursor":"c","data":[{"a":1}]}"#, &[r#"1 data[0]: {"a":1}"#]),
            (r#"{"status":"x","data":[{"a":1}]}"#, &[r#"1: {"status":"x","data":[{"a":1}]}"#]),
            (
                r#"{"chunk_size":1,"next_stream_position":"7","entries":[{"a":1}]}"#,
                &[r#"1 entries[0]: {"a":1}"#],
            ),
            (r#"{"events":[{"a":1}],"cursor":"c","has_more":false}"#, &[r#"1 events[0]: {"a":1}"#]),
            (r#"{"events":[{"a":1}],"cursor":"c"}"#, &[r#"1: {"events":[{"a":1}],"cursor":"c"}"#]),
            (
                r#"{"from":"d","to":"d","next_page_token":"","page_size":30,"operation_logs":[{"a":1}]}"#,
                &[r#"1 operation_logs[0]: {"a":1}"#],
            ),
            (r#"{"activity_logs":[{"a":1}]}"#, &[r#"1 activity_logs[0]: {"a":1}"#]),
            (r#"{"totalSize":1,"done":true,"records":[{"a":1}]}"#, &[r#"1 records[0]: {"a":1}"#]),
            (r#"{"offset":0,"limit":9,"total":1,"records":[{"a":1}]}"#, &[r#"1 records[0]: {"a":1}"#]),
            (
                r#"{"results":[{"a":1}],"start":0,"limit":9,"size":1,"_links":{}}"#,
                &[r#"1 results[0]: {"a":1}"#],
            ),
            (r#"{"pagingInfo":{},"entities":[{"a":1}]}"#, &[r#"1 entities[0]: {"a":1}"#]),
            (r#"{"entities":[{"a":1}]}"#, &[r#"1: {"entities":[{"a":1}]}"#]),
            (
                r#"{"audit_logs":[{"a":1}],"count":1,"next_page":null,"previous_page":null}"#,
                &[r#"1 audit_logs[0]: {"a":1}"#],
            ),
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
            // An Elasticsearch bulk request.
            (
                "{\"index\":{\"_index\":\"audit\"}}\n{\"a\":1}\n{\"create\":{}}\n{\"b\":2}\n",
                &["2: {\"a\":1}", "4: {\"b\":2}"],
            ),
            (
                r#"{"create":{"user":"ada"}} {"index":7} {"index":{},"a":1}"#,
                &[r#"1: {"create":{"user":"ada"}}"#, r#"1: {"index":7}"#, r#"1: {"index":{},"a":1}"#],
            ),
            // Events that contain such a list and other members.
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
            // Values that aren't events are passed on, so that the caller reports them.
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
    fn extracts_events_from_envelopes() {
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
            (
                format!(
                    r#"{{"stat":"OK","response":{{"authlogs":[{event}],"metadata":{{"total_objects":1}}}}}}"#
                ),
                &["response.authlogs[0]"],
            ),
            (
                format!(r#"{{"response":{{"items":[{event},{event}],"metadata":{{}}}},"stat":"OK"}}"#),
                &["response.items[0]", "response.items[1]"],
            ),
        ] {
            let wanted: Vec<String> = places.iter().map(|place| format!("2 {place}: {event}")).collect();
            assert_eq!(events(&[b"\n", envelope.as_bytes()]).unwrap(), wanted, "{envelope}");
        }
        // The surroundings may contain the time, so the event is only extracted if a parser finds the
        // action and the time in it.
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
        // Lists in responses are extracted if a parser recognizes each element.
        let entry = r#"{"type":"login","createdAt":"2026-03-02T09:15:27Z","actorId":"u","ip":"203.0.113.9","countryCode":"SE","metadata":{}}"#;
        for (envelope, place) in [
            (r#"{"data":{"auditEntries":{"nodes":[EVENT,EVENT],"pageInfo":{}}}}"#, "data.auditEntries.nodes"),
            (r#"{"status":200,"error":false,"meta":{"activity_logs":[EVENT,EVENT]}}"#, "meta.activity_logs"),
            (r#"{"rows":[EVENT,EVENT],"options":{}}"#, "rows"),
            (r#"{"data":{"items":[EVENT,EVENT]},"jsonapi":{"version":"1.0"},"links":{}}"#, "data.items"),
            (r#"{"data":{"auditLogEntries":{"nodes":[EVENT,EVENT]}}}"#, "data.auditLogEntries.nodes"),
        ] {
            let wanted = [0, 1].map(|nth| format!("1 {place}[{nth}]: {entry}"));
            assert_eq!(events(&[envelope.replace("EVENT", entry).as_bytes()]).unwrap(), wanted);
            let unknown = envelope.replace("EVENT", r#"{"action":"vault.delete"}"#);
            assert_eq!(events(&[unknown.as_bytes()]).unwrap(), [format!("1: {unknown}")]);
        }
        // If a parser recognizes the whole, nothing is extracted.
        let whole = r#"{"specversion":"1.0","data":{"protoPayload":{"methodName":"m","serviceName":"s"},"timestamp":"2026-03-02T09:15:27Z"}}"#;
        assert_eq!(events(&[whole.as_bytes()]).unwrap(), [format!("1: {whole}")]);
        let twice = format!(r#"{{"specversion":"1.0","data":{dated},"data":{dated}}}"#);
        assert_eq!(events(&[twice.as_bytes()]).unwrap(), [format!("1: {twice}")]);
        let bulk = r#"{"eventSource":"aws:sqs","body":"{\"index\":{}}\n{\"a\":1}"}"#;
        assert_eq!(events(&[bulk.as_bytes()]).unwrap(), [r#"1 body: {"index":{}}"#, r#"1 body: {"a":1}"#]);
        // An envelope without an event is recorded as it is.
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

    /// Tests the table of envelopes in docs/importing-logs.md.
    #[test]
    fn extracts_what_the_documentation_says() {
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
                r#"{"detail-type":"GuardDuty Finding","source":"aws.guardduty","detail":{"schemaVersion":"2.0","accountId":"1","type":"t","service":{"serviceName":"guardduty","eventLastSeen":"2026-03-02T09:15:27Z"}}}"#.into(),
                false,
            ),
            (
                r#"{"sourcetype":"zscalernss-audit","event":{"auditlogtype":"ZIA","adminid":"a","action":"UPDATE","category":"c","epochtime":"1772442927"}}"#.into(),
                false,
            ),
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
    fn extracts_rows_from_query_results() {
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
        // Objects that aren't exactly one table stay as they are.
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
    fn accepts_large_query_results() {
        let rows = vec![format!("[\"{}\"]", "x".repeat(1000)); 3000].join(",");
        let text = format!(r#"{{"tables":[{{"name":"t","columns":[{{"name":"a"}}],"rows":[{rows}]}}]}}"#);
        assert_eq!(events(&[text.as_bytes()]).unwrap().len(), 3000);
    }

    #[test]
    fn errors_in_a_list_name_the_position() {
        for (text, says) in [
            ("[{},", "within the array, at [1]"),
            ("[{}", "within the array, at [1]"),
            ("[{} {}]", "'{' before it instead of a comma"),
            ("[,]", "',' instead of an event"),
            ("[{},]", "']' instead of an event"),
            ("{\"a\":1", "the input ends before the event does"),
        ] {
            let why = events(&[text.as_bytes()]).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }

    #[test]
    fn large_deliveries_need_little_memory() {
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
            (format!("{{\"a\":[{list}]}}"), Err("an event is larger than 1 MiB")),
            (
                format!("[{{}},{{\"records\":[{list}]}}]"),
                Err("the array, at [1] is a delivery with \"records\" larger than 1 MiB"),
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
    fn exports_of_log_records_are_buffered_up_to_a_limit() {
        let record = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
        for (records, wanted) in [(30, Ok(())), (340, Err("larger than 32 MiB"))] {
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
