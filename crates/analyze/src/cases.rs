//! Test cases for rules: events that must make a rule fire, and events that must not.
//!
//! ```yaml
//! rule: logins-failed-by-identity
//! name: twenty within the hour
//! fires: 1
//! events:
//!   - at: 0s
//!     times: 20
//!     every: 189s
//!     event: {action: session.login, actor: {id: u_1}, outcome: failure}
//! ```
//!
//! In an event's strings, `$n` stands for 1, 2, 3 … as the event is repeated.

use countersign::time::Time;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};

use crate::analyzer::{Analysis, Analyzer};
use crate::error::AnalyzeError;
use crate::finding::Finding;
use crate::pack::Pack;
use crate::tree::{Node, Value, unknown_key};

/// The default time of a case's first event: Wednesday, 18 November 2026, 10:00 UTC.
const BEGIN: i64 = 1_794_996_000_000;
/// The maximum number of events in a case.
const MAX_EVENTS: i64 = 100_000;

/// Events, and the number of findings that a rule must raise for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The rule's id or name.
    pub rule: String,
    /// The case's name.
    pub name: String,
    /// The file and the line of the case.
    pub place: (String, u32),
    /// The expected number of findings.
    pub fires: u64,
    events: Vec<Event>,
}

/// The time of recording, the chain, and the event's JSON.
type Event = (Time, String, String);

/// Parses a file of cases, one per document.
///
/// # Errors
///
/// Returns the first error.
pub fn parse(file: &str, text: &str) -> Result<Vec<Case>, AnalyzeError> {
    let documents = crate::yaml::parse(text).map_err(|fault| fault.in_file(file))?;
    documents
        .iter()
        .filter(|document| document.value != Value::Null)
        .map(|document| case(file, document).map_err(|fault| fault.in_file(file)))
        .collect()
}

fn fault(line: u32, problem: impl Into<String>, hint: &str) -> AnalyzeError {
    AnalyzeError::new("case.shape", line, problem, hint)
}

fn case(file: &str, node: &Node) -> Result<Case, AnalyzeError> {
    const KEYS: [&str; 4] = ["rule", "name", "fires", "events"];
    if let Some(member) = node.members().iter().find(|member| !KEYS.contains(&member.name.as_str())) {
        return Err(unknown_key(member, &KEYS));
    }
    let text = |key: &str| {
        node.get(key).and_then(Node::text).map(str::to_owned).ok_or_else(|| {
            fault(node.line, format!("`{key}` is missing"), "write `rule`, `name`, `fires` and `events`")
        })
    };
    let fires = match node.get("fires").map(|fires| &fires.value) {
        Some(Value::Bool(fires)) => u64::from(*fires),
        Some(Value::Number(number)) => number.parse().map_err(|_| {
            fault(node.line, "`fires` must be a number of findings", "write the expected number of findings")
        })?,
        _ => {
            return Err(fault(
                node.line,
                "`fires` is missing",
                "write the expected number of findings, or true or false",
            ));
        }
    };
    let mut events = Vec::new();
    for item in node.get("events").map_or(&[][..], Node::items) {
        add(item, &mut events)?;
        if i64::try_from(events.len()).is_ok_and(|events| events > MAX_EVENTS) {
            return Err(fault(item.line, "the case has more than 100,000 events", "lower `times`"));
        }
    }
    if events.is_empty() {
        return Err(fault(node.line, "the case has no events", "add `events:`"));
    }
    Ok(Case { rule: text("rule")?, name: text("name")?, place: (file.into(), node.line), fires, events })
}

fn add(item: &Node, events: &mut Vec<Event>) -> Result<(), AnalyzeError> {
    const KEYS: [&str; 5] = ["at", "times", "every", "event", "chain"];
    if let Some(member) = item.members().iter().find(|member| !KEYS.contains(&member.name.as_str())) {
        return Err(unknown_key(member, &KEYS));
    }
    let length = |key: &str| match item.get(key) {
        None => Ok(None),
        Some(node) => match node.text().and_then(millis) {
            Some(millis) => Ok(Some(millis)),
            None if key == "at" => Err(fault(
                node.line,
                "`at` must be a duration or a time",
                "write a number followed by ms, s, m, h or d, or a time such as 2026-11-28T21:15:00Z",
            )),
            None => Err(fault(
                node.line,
                format!("`{key}` must be a duration"),
                "write a number followed by ms, s, m, h or d",
            )),
        },
    };
    let begin = match item.get("at").and_then(Node::text).and_then(time) {
        Some(time) => time.millis(),
        None => BEGIN + length("at")?.unwrap_or(0),
    };
    let every = length("every")?.unwrap_or(1000);
    let times: i64 = match item.get("times").map(|times| &times.value) {
        None => 1,
        Some(Value::Number(number)) => number
            .parse()
            .ok()
            .filter(|times| (1..=MAX_EVENTS).contains(times))
            .ok_or_else(|| {
            fault(item.line, "`times` must be a number from 1 to 100,000", "write a number from 1 to 100,000")
        })?,
        Some(_) => {
            return Err(fault(
                item.line,
                "`times` must be a number from 1 to 100,000",
                "write a number from 1 to 100,000",
            ));
        }
    };
    let chain = item.get("chain").and_then(Node::text).unwrap_or("00000000000000000000000000000000");
    let Some(event) = item.get("event") else {
        return Err(fault(item.line, "`event` is missing", "add the event in its recorded form"));
    };
    let mut json = Vec::new();
    event.write_json(&mut json);
    let json = String::from_utf8(json).unwrap_or_default();
    for nth in 0..times {
        let time = Time::from_millis(begin + nth * every)
            .ok_or_else(|| fault(item.line, "the event's time is out of range", "choose another time"))?;
        events.push((time, chain.to_owned(), json.replace("$n", &(nth + 1).to_string())));
    }
    Ok(())
}

/// Parses a time in UTC, with or without a fraction of a second.
fn time(text: &str) -> Option<Time> {
    Time::parse(text.as_bytes()).or_else(|| {
        let whole = text.strip_suffix('Z')?;
        let (_, fraction) = whole.split_once('.').unwrap_or((whole, ""));
        let zeros = "0".repeat(3_usize.checked_sub(fraction.len())?);
        let point = if fraction.is_empty() { "." } else { "" };
        Time::parse(format!("{whole}{point}{zeros}Z").as_bytes())
    })
}

fn millis(text: &str) -> Option<i64> {
    let digits = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit).filter(|millis| *millis < 1 << 42)
}

impl Case {
    /// Returns the case with its events as a recorder stores them by default: canonical and redacted.
    ///
    /// # Errors
    ///
    /// Returns an error if an event can't be recorded.
    pub fn redacted(mut self) -> Result<Self, countersign::Error> {
        for (_, _, event) in &mut self.events {
            let redaction = countersign::event::Redaction::default();
            let redacted = countersign::event::Event::parse(event.as_bytes(), &redaction)?;
            redacted.as_str().clone_into(event);
        }
        Ok(self)
    }

    /// Returns the number of findings that the case's rule raises for its events; `None` if the pack doesn't
    /// contain the rule.
    pub fn run(&self, pack: &Pack, parsers: &Parsers) -> Option<u64> {
        let rule = pack.rule(&self.rule)?;
        let findings = self.findings(pack, parsers);
        Some(findings.iter().filter(|finding| finding.rule == rule.id).count() as u64)
    }

    /// Returns the case with each event's JSON replaced, such as by the event in an envelope.
    #[must_use]
    pub fn map_events(mut self, replace: impl Fn(&str) -> String) -> Self {
        for (_, _, json) in &mut self.events {
            *json = replace(json);
        }
        self
    }

    /// Returns the JSON of its events, in order.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|(.., json)| json.as_str())
    }

    /// Returns the findings that all rules of a pack raise for the case's events.
    pub fn findings(&self, pack: &Pack, parsers: &Parsers) -> Vec<Finding> {
        self.analyze(pack, parsers).findings
    }

    /// Returns the number of events that state a time later than their recording, and the time of recording of the first;
    /// `None` if there are none. Rules over several events ignore them.
    pub fn future(&self, pack: &Pack, parsers: &Parsers) -> Option<(u64, Time)> {
        let (number, leaf) = self.analyze(pack, parsers).future?;
        let (recorded, ..) = self.events.get(usize::try_from(leaf).ok()?)?;
        Some((number, *recorded))
    }

    fn analyze(&self, pack: &Pack, parsers: &Parsers) -> Analysis {
        let mut analyzer = Analyzer::new(pack);
        for (leaf, (time, chain, json)) in (0..).zip(&self.events) {
            let document = Document::parse(json);
            let event = document.as_ref().map(Document::root);
            let signer = Some("example.com/app");
            let entry = Entry { event, chain, signer, ..Entry::recorded(*time) };
            let accepted = analyzer.accept(pack.detect_by(leaf, parsers, &entry));
            debug_assert!(accepted.is_ok());
        }
        analyzer.finish()
    }
}
