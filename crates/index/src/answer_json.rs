//! Answers as JSON for pages. `ANSWERS.md` describes the formats.

use countersign::time::Time;
use countersign_query::batch::write_read;
use countersign_query::error::QueryError;
use countersign_query::matcher::Pattern;
use countersign_query::parser::Outcome;
use countersign_query::tally::PartMatches;
use countersign_query::value::{self, Document, Value};
use countersign_query::{Entry, Field, Parsers, Query, Read, Short};

use foldhash::fast::FixedState;

use crate::evaluate::short_columns;
use crate::facets::COUNTED;
use crate::index::EventIndex;
use crate::json::Json;
use crate::marks::WHY;
use crate::party::{ID, NAME, PartyStrings, TYPE};
use crate::question::Question;
use crate::segment::{Fact, PARTIES, RowKind, Segment, flag};
use crate::values::{Kind, MAX_STORED_BYTES, ValueBuilder};

/// Maximum number of values per field in an answer.
const MAX_VALUES: usize = 24;

/// Returns an outcome's word as written in queries.
pub(crate) fn word(outcome: Outcome) -> &'static str {
    if outcome == Outcome::NotStated { "not-stated" } else { outcome.as_str() }
}

/// Converts a byte position to UTF-16 units.
pub(crate) fn units(text: &str, at: usize) -> i64 {
    text[..text.floor_char_boundary(at)].chars().map(|char| char.len_utf16() as i64).sum()
}

/// Writes a query error as JSON.
pub fn error_json(error: &QueryError, query: &str) -> String {
    let mut json = Json::default();
    write_error(&mut json, error, query);
    json.finish()
}

pub(crate) fn write_error(json: &mut Json, error: &QueryError, query: &str) {
    json.open("{").name("code").text(error.code.as_str());
    json.name("message").text(&error.message);
    json.name("hint").text(error.hint());
    json.name("phrases").open("{");
    for (english, phrase) in error.phrases() {
        json.text(english).raw(":").open("{").name("code").text(phrase.code).raw("}");
    }
    json.raw("}");
    json.name("at")
        .open("[")
        .number(units(query, error.at().start))
        .number(units(query, error.at().end))
        .raw("]}");
}

/// Returns the parsed fields of an event as JSON, or `null`.
pub fn parsed_json(parsers: &Parsers, event: &[u8]) -> String {
    let document = parsed(event);
    let root = document.as_ref().map(Document::root);
    fields_json(root.as_ref().and_then(|event| parsers.parse(event)).as_ref())
}

fn parsed(event: &[u8]) -> Option<Document<'_>> {
    core::str::from_utf8(event).ok().and_then(Document::parse)
}

fn fields_json(read: Option<&Read<'_>>) -> String {
    let mut out = Vec::new();
    write_read(read, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Returns the fields of a feed record as JSON, uncut: the parsed fields or else the event's own, its time, and its
/// tenant.
pub fn facts_json(parsers: &Parsers, event: &[u8]) -> String {
    let document = parsed(event);
    let event = document.as_ref().map(Document::root);
    let read = event.as_ref().and_then(|event| parsers.parse(event));
    let entry = Entry { event, read: read.as_ref(), ..Entry::recorded(Time::MIN) };
    let mut json = Json::default();
    json.open("{").name("happened");
    match entry.time() {
        (time, true) => json.text(&time.to_string()),
        (_, false) => json.null(),
    };
    json.name("tenant");
    match first_text(Short::Tenant, &entry) {
        Some(tenant) => json.text(&tenant),
        None => json.null(),
    };
    json.name("parsed").raw(&fields_json(read.as_ref()));
    if read.is_none() {
        json.name("own").open("{");
        for (name, short) in [("action", Short::Action), ("address", Short::Ip), ("outcome", Short::Outcome)]
        {
            if let Some(text) = first_text(short, &entry) {
                json.name(name).text(&text);
            }
        }
        for (short, name) in PARTIES.into_iter().filter_map(|short| Some((short, short.party_field()?))) {
            let mut is_first = true;
            short.each_party(&entry, &mut |party| {
                if !party.is_empty() && core::mem::take(&mut is_first) {
                    json.name(name).open("{");
                    for (name, text) in [("id", &party.id), ("name", &party.name), ("type", &party.kind)] {
                        if let Some(text) = text {
                            json.name(name).text(text);
                        }
                    }
                    json.raw("}");
                }
            });
        }
        json.raw("}");
    }
    json.raw("}");
    json.finish()
}

/// Returns the first string of a short name, uncut.
fn first_text(short: Short, entry: &Entry<'_>) -> Option<String> {
    let mut first = None;
    short.each(entry, &mut |text| {
        first.get_or_insert_with(|| text.to_owned());
    });
    first
}

/// Returns the content of an event as JSON that keeps the order of fields and the digits of numbers: a string as it is,
/// anything else as an array starting with `{`, `[`, or `=`. Returns `null` for invalid JSON.
pub fn tree_json(event: &[u8]) -> String {
    let document = parsed(event);
    let mut json = Json::default();
    match &document {
        Some(document) => write_tree(&mut json, document.root()),
        None => {
            json.null();
        }
    }
    json.finish()
}

fn write_tree(json: &mut Json, value: Value<'_>) {
    match value.kind() {
        value::Kind::Object => {
            json.open("[").text("{");
            for (name, value) in value.members() {
                json.text(&name.text());
                write_tree(json, value);
            }
            json.raw("]");
        }
        value::Kind::Array => {
            json.open("[").text("[");
            value.elements().for_each(|element| write_tree(json, element));
            json.raw("]");
        }
        value::Kind::Text => {
            json.text(&value.text().unwrap_or_default());
        }
        _ => {
            json.open("[").text("=").text(&value.text().unwrap_or_default()).raw("]");
        }
    }
}

impl EventIndex {
    /// Like [`EventIndex::found`], as JSON with the most frequent values. `query` is the text passed to
    /// [`EventIndex::ask`].
    pub fn found_json(&mut self, query: &str) -> String {
        let Some(answer) = self.found() else { return "null".into() };
        let mut json = Json::default();
        json.open("{").name("rows").count(answer.rows).name("events").count(answer.events);
        json.name("of").count(answer.of).name("searched").count(answer.searched);
        json.name("complete").is(answer.complete);
        json.name("unknown").open("{").name("withheld").count(answer.unknown.0);
        json.name("gaps").count(answer.unknown.1).raw("}");
        json.name("facets").open("{");
        for (field, short) in COUNTED.iter().copied().enumerate() {
            json.name(short.as_str());
            self.write_facet(&mut json, field, short, "", MAX_VALUES);
        }
        json.raw("}").name("histogram");
        match &answer.histogram {
            None => {
                json.null();
            }
            Some(histogram) => {
                json.open("{").name("begin").number(histogram.begin).name("step").number(histogram.step);
                json.name("bars").open("{");
                for (outcome, bars) in Outcome::ALL.iter().copied().zip(&histogram.bars) {
                    json.name(word(outcome)).open("[");
                    for count in bars {
                        json.number(i64::from(*count));
                    }
                    json.raw("]");
                }
                json.raw("}}");
            }
        }
        json.name("tally").open("{").name("unknown").open("[");
        let findings = &answer.findings;
        for unknown in &findings.unknown {
            let at = &unknown.at;
            json.open("{").name("at").open("[").number(units(query, at.start)).number(units(query, at.end));
            json.raw("]").name("field").text(&unknown.field).name("nearest").open("[");
            for name in &unknown.nearest {
                json.text(name);
            }
            json.raw("]}");
        }
        json.raw("]");
        let mut write_matches = |name: &str, parts: &[PartMatches]| {
            json.name(name).open("[");
            for PartMatches { part, events, short } in parts {
                json.open("{").name("part").text(part).name("events").number(*events as i64);
                if let Some(short) = short {
                    json.name("short").text(short);
                }
                json.raw("}");
            }
            json.raw("]");
        };
        write_matches("conditions", &findings.conditions);
        write_matches("steps", &findings.steps);
        let (own, last) =
            (findings.times.unwrap_or_default().0, self.times.without_outliers().unwrap_or_default().1);
        json.name("times").open("[").number(own as i64).number(last).raw("]");
        let asks = self.question.as_ref().is_some_and(|question| asks_time(&question.query));
        json.name("asks").is(asks).raw("}}");
        json.finish()
    }

    fn write_facet(&self, json: &mut Json, field: usize, short: Short, text: &str, most: usize) {
        let known = &self.known[field];
        let pattern = Pattern::contains(text);
        let passes = |number: u32| {
            text.is_empty() || known.get(number).is_some_and(|(value, _)| pattern.matches(value))
        };
        let (values, more, others) = self
            .question
            .as_ref()
            .map_or_else(Default::default, |question| self.counts(question, field).most(most, passes));
        json.open("{").name("values").open("[");
        for (number, count) in values {
            let Some((value, name)) = known.get(number) else { continue };
            json.open("{").name("value").text(value).name("count").number(i64::from(count));
            if let Some(name) = name {
                json.name("name").clipped(name, false);
            }
            if self.is_chosen(short, value) {
                json.name("chosen").is(true);
            }
            json.raw("}");
        }
        json.raw("]").name("more").count(more).name("others").number(others as i64).raw("}");
    }

    /// Returns the rows at positions `from..to` of the answer as JSON, with the values of these fields.
    pub fn rows_json(&self, from: usize, to: usize, fields: &[Field]) -> String {
        let mut json = Json::default();
        json.open("[");
        for row in self.answer_rows(from, to) {
            if let Some(rows) = self.folded(row) {
                self.write_fold(&mut json, rows);
                continue;
            }
            if let Some(gap) = self.gap(row) {
                json.open("{").name("kind").text("gap").name("line").number(gap.line as i64);
                json.name("index")
                    .number(gap.index as i64)
                    .name("entries")
                    .number(gap.leaves as i64)
                    .raw("}");
                continue;
            }
            let Some((stored, local)) = self.locate(row) else { continue };
            let segment = &stored.segment;
            let is_event = segment.kind(local) == RowKind::Event;
            json.open("{").name("kind").text(if is_event { "event" } else { "withheld" });
            json.name("line").number(segment.lines.get(local)).name("index").number(segment.index(local));
            let text = |fact: Fact| segment.text(fact, local).map(|(_, text)| text).unwrap_or_default();
            json.name("chain").text(&text(Fact::Chain)).name("seq").number(segment.seqs.get(local));
            json.name("time").text(&segment.recorded(local).to_string()).name("vkey").text(&text(Fact::Key));
            json.name("authorized").is(segment.has(local, flag::AUTHORIZED));
            if is_event {
                self.write_event(&mut json, segment, local, row as usize, fields);
            } else {
                json.name("why");
                match WHY.get(segment.lengths.get(local) as usize).copied().flatten() {
                    Some(why) => json.text(why),
                    None => json.null(),
                };
            }
            json.raw("}");
        }
        json.raw("]");
        json.finish()
    }

    /// Writes withheld events and gaps as one row: its first line, its first and last entry, and the number of each.
    fn write_fold(&self, json: &mut Json, rows: &[u32]) {
        let (mut line, mut first, mut last) = (i64::MAX, i64::MAX, 0);
        let (mut withheld, mut skipped) = (0, 0);
        for row in rows {
            let (at, index, leaves) = if let Some(gap) = self.gap(*row) {
                skipped += gap.leaves as i64;
                (gap.line as i64, gap.index as i64, gap.leaves as i64)
            } else {
                let Some((stored, local)) = self.locate(*row) else { continue };
                withheld += 1;
                (stored.segment.lines.get(local), stored.segment.index(local), 1)
            };
            line = line.min(at);
            first = first.min(index);
            last = last.max(index.saturating_add(leaves - 1));
        }
        json.open("{").name("kind").text("fold").name("line").number(line).name("index").number(first);
        json.name("last").number(last).name("withheld").number(withheld);
        json.name("entries").number(skipped).raw("}");
    }

    fn write_event(&self, json: &mut Json, segment: &Segment, local: usize, row: usize, fields: &[Field]) {
        json.name("happened");
        if segment.has(local, flag::OWN_TIME) {
            let time = countersign::time::Time::from_millis(segment.happened(local));
            json.text(&time.map_or_else(String::new, |time| time.to_string()));
        } else {
            json.null();
        }
        let parsed_as = segment.text(Fact::As, local);
        json.name("parsed");
        match &parsed_as {
            None => {
                json.null().name("own").open("{");
            }
            Some((_, parsed_as)) => {
                json.open("{").name("as").clipped(parsed_as, false);
            }
        }
        let fact = |json: &mut Json, name: &str, fact: Fact| {
            if let Some((kind, text)) = segment.text(fact, local) {
                let text = if kind == Kind::Word { text.replace(' ', "-").into() } else { text };
                json.name(name).clipped(&text, kind == Kind::Cut);
            }
        };
        fact(json, "action", Fact::Action);
        for (short, name) in PARTIES.into_iter().filter_map(|short| Some((short, short.party_field()?))) {
            if let Some(party) = parties(segment, local, short).next() {
                write_party(json.name(name), &party);
            }
        }
        fact(json, "address", Fact::Ip);
        // An event of unknown shape has only its own fields.
        let is_own = parsed_as.is_none();
        if !is_own || segment.text(Fact::Outcome, local).is_some_and(|(kind, _)| kind != Kind::Word) {
            fact(json, "outcome", Fact::Outcome);
        }
        fact(json, "reason", Fact::Reason);
        json.raw("}").name("tenant");
        write_first(json, segment, local, &Field::Short(Short::Tenant));
        if let Some((blob, begin, end)) = self.place(row) {
            json.name("blob").number(i64::from(blob)).name("begin").number(begin as i64);
            json.name("end").number(end as i64);
        }
        if !fields.is_empty() {
            json.name("fields").open("[");
            for field in fields {
                write_all(json, segment, local, field);
            }
            json.raw("]");
        }
    }

    /// Returns the most frequent values of a field that contain `text`, among the events found. Returns `None` if no
    /// event has the field.
    pub fn facet_json(&self, field: &str, text: &str, most: usize) -> Option<String> {
        let mut json = Json::default();
        let field = field_of(field)?;
        if let Field::Short(short) = field {
            let nth = COUNTED.iter().position(|counted| *counted == short)?;
            self.write_facet(&mut json, nth, short, text, most);
            return Some(json.finish());
        }
        let counted = self.count_values(self.question.as_ref()?, &field, text)?;
        let values = counted.sorted(text);
        let more = values.len().saturating_sub(most);
        let others = counted.others + values.iter().skip(most).map(|(_, count)| *count).sum::<u64>();
        json.open("{").name("values").open("[");
        for (value, count) in values.into_iter().take(most) {
            json.open("{").name("value").text(value).name("count").number(count as i64).raw("}");
        }
        json.raw("]").name("more").count(more).name("others").number(others as i64).raw("}");
        Some(json.finish())
    }

    /// Counts the values of a field among the events found.
    pub(crate) fn count_values(&self, question: &Question, field: &Field, text: &str) -> Option<ValueCounts> {
        let Field::Member(path) = field else { return None };
        let pattern = Pattern::contains(text);
        let mut counted = ValueCounts::default();
        // Without a match yet, values of all events are suggested.
        let of_all = question.events == 0;
        let mut is_known = false;
        for stored in &self.segments {
            let segment = &stored.segment;
            let Some(column) = segment.column(path.names()) else { continue };
            is_known = true;
            let mut counts = vec![0_u64; column.values.len()];
            let mut last = None;
            column.each(|row, code| {
                if (of_all || question.found.get(stored.base + row))
                    && last.replace((row, code)) != Some((row, code))
                {
                    counts[code] += 1;
                }
            });
            let values = column.values.unpacked();
            for ((kind, value), count) in values.iter().zip(counts).filter(|(_, count)| *count > 0) {
                match kind {
                    Kind::Object | Kind::Array => {}
                    Kind::Cut => counted.others += count,
                    _ if value.len() > MAX_STORED_BYTES => counted.others += count,
                    _ if !text.is_empty() && !pattern.matches(value) => {}
                    _ => counted.add(self.hasher(), value, count),
                }
            }
        }
        is_known.then_some(counted)
    }
}

/// Values of a field, with the number of events that have each.
#[derive(Default)]
pub(crate) struct ValueCounts {
    known: ValueBuilder,
    counts: Vec<u64>,
    /// Occurrences of values that are not counted separately.
    pub(crate) others: u64,
}

/// Maximum number of distinct values counted separately.
const MAX_DISTINCT: usize = 1 << 16;

impl ValueCounts {
    fn add(&mut self, hasher: &FixedState, value: &str, count: u64) {
        let most = if self.known.len() < MAX_DISTINCT { usize::MAX } else { 0 };
        let Some(code) = self.known.code_within(hasher, Kind::Text, value, most) else {
            self.others += count;
            return;
        };
        let code = code as usize;
        self.counts.resize(self.counts.len().max(code + 1), 0);
        self.counts[code] += count;
    }

    /// Returns the values, those that start with `text` first, then by descending count.
    pub(crate) fn sorted(&self, text: &str) -> Vec<(&str, u64)> {
        let values = (0..).zip(&self.counts);
        let mut values: Vec<(&str, u64)> =
            values.filter_map(|(code, count)| Some((self.known.text(code)?, *count))).collect();
        let pattern = Pattern::starts_with(text);
        values.sort_by_cached_key(|(value, count)| (!pattern.matches(value), core::cmp::Reverse(*count)));
        values
    }
}

/// Parses a field as written in queries.
pub(crate) fn field_of(text: &str) -> Option<Field> {
    let now = countersign::time::Time::MIN;
    let query = Query::parse(&format!("has:{text}"), now).ok()?;
    match query.conditions() {
        [one] => one.condition.field().map(std::borrow::Cow::into_owned),
        _ => None,
    }
}

/// Parses a JSON array of fields. An invalid one becomes a field that no event has.
pub fn fields_of(json: &str) -> Vec<Field> {
    let Some(document) = Document::parse(json) else { return Vec::new() };
    let texts = document.root().elements().map(|text| text.string().unwrap_or_default().into_owned());
    texts
        .map(|text| {
            field_of(&text).unwrap_or_else(|| Field::Member(countersign_query::Path::from_names([text])))
        })
        .collect()
}

fn asks_time(query: &Query) -> bool {
    use countersign_query::condition::{Basis, Condition};
    query.conditions().iter().any(|placed| matches!(placed.condition, Condition::Time(Basis::Happened, _)))
}

fn write_party(json: &mut Json, party: &PartyStrings<'_>) {
    json.open("{");
    for (name, part) in [("id", ID), ("name", NAME), ("type", TYPE)] {
        if let Some((kind, text)) = &party.0[part] {
            json.name(name).clipped(text, *kind == Kind::Cut);
        }
    }
    json.raw("}");
}

fn write_first(json: &mut Json, segment: &Segment, row: usize, field: &Field) {
    match texts(segment, row, field, 1).first() {
        Some((kind, text)) => json.clipped(text, *kind == Kind::Cut),
        None => json.null(),
    };
}

fn write_all(json: &mut Json, segment: &Segment, row: usize, field: &Field) {
    let texts = texts(segment, row, field, 8);
    if texts.is_empty() {
        json.null();
        return;
    }
    json.open("[");
    for (kind, text) in texts {
        json.clipped(&text, kind == Kind::Cut);
    }
    json.raw("]");
}

/// Returns up to `most` values of a field, as displayed to people.
fn texts(segment: &Segment, row: usize, field: &Field, most: usize) -> Vec<(Kind, String)> {
    let (column, of_parties) = match field {
        Field::Member(path) => (segment.column(path.names()), None),
        Field::Short(short) => (short_columns(segment, *short).next(), Some(*short)),
    };
    let mut texts = Vec::new();
    for party in of_parties.into_iter().flat_map(|short| parties(segment, row, short)) {
        let kind = if party.is_cut() { Kind::Cut } else { Kind::Text };
        texts.extend(party.label("user").map(|label| (kind, label.into_owned())));
    }
    texts.truncate(most);
    if let Some(column) = column {
        let is_said = |code: &usize| column.values.kind(*code).of_event().is_some();
        for code in column.codes(row).filter(is_said).take(most) {
            let (kind, text) = column.values.get(code);
            texts.push((kind, text.into_owned()));
        }
    }
    texts
}

/// Returns the parties of a row; none if the short name stands for something else.
fn parties(segment: &Segment, row: usize, short: Short) -> impl Iterator<Item = PartyStrings<'_>> {
    let parties = segment.parties(short).into_iter();
    parties.flat_map(move |(parties, places)| places.codes(row).map(|party| parties.get(segment, party)))
}
