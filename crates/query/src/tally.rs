//! Search results, with what is needed to explain an empty one.
//!
//! A [`Tally`] examines each event. It tracks which fields occurred, how many events each condition matches alone and
//! step by step, and which times were compared. Events can also be examined elsewhere, on several cores; the resulting
//! [`ConditionHits`] values are then counted here.

use std::collections::BTreeSet;
use std::ops::Deref;

use crate::condition::{Entry, Field, Path, Query, Short};
use crate::matcher::fold;
use crate::nearest::{nearest, short_for_foreign};
use crate::parse::SPECIAL;
use crate::unparsed::Unparsed;
use crate::value::{Kind, Value};

/// Limits on the events whose fields are collected, and on the number of fields, for suggesting alternatives to an
/// unknown field.
const MAX_SAMPLED_EVENTS: u64 = 10_000;
const MAX_FIELDS: usize = 4096;
/// Maximum depth of a collected field.
const MAX_DEPTH: usize = 16;

/// Per-condition results for one event. Each bit is a condition, by index: a parsed query has at most 128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConditionHits {
    /// Conditions that the event meets.
    pub held: u128,
    /// Conditions whose field the event has. For a condition on the event's own time, set if the event states one.
    pub about: u128,
    /// True if no parser recognizes the event.
    pub is_unparsed: bool,
}

impl ConditionHits {
    /// Evaluates the conditions in the bit set `conditions` on an entry.
    pub fn evaluate(query: &Query, entry: &Entry<'_>, conditions: u128) -> Self {
        let mut hits = Self { is_unparsed: is_unparsed(entry), ..Self::default() };
        for (placed, bit) in query.conditions.iter().zip(bits()).filter(|(_, bit)| conditions & bit != 0) {
            let condition = &placed.condition;
            let is_about = if condition.asks_when() { entry.time().1 } else { condition.is_about(entry) };
            hits.held |= if condition.holds(entry) { bit } else { 0 };
            hits.about |= if is_about { bit } else { 0 };
        }
        hits
    }
}

fn is_unparsed(entry: &Entry<'_>) -> bool {
    entry.event.is_some() && entry.read.is_none()
}

fn bits() -> impl Iterator<Item = u128> {
    (0..u128::BITS).map(|nth| 1 << nth)
}

/// Running counts of a search. `Q` holds the query: a reference, or an [`Arc`](std::sync::Arc) if the tally must
/// outlive the caller.
#[derive(Clone, Debug)]
pub struct Tally<Q> {
    query: Q,
    reads_events: bool,
    of: u64,
    matched: u64,
    /// For each condition, true if any event had its field, or if the condition has no field.
    had: Vec<bool>,
    /// The number of events each condition matches. Counted until the first match.
    alone: Vec<u64>,
    /// For each part that must hold, the number of events that match it and all parts before it.
    steps: Vec<u64>,
    fields: BTreeSet<String>,
    own_times: u64,
    recorded_times: u64,
    asks_time: bool,
    unparsed: u64,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// The number of events that matched.
    pub matched: u64,
    /// The number of events examined.
    pub of: u64,
    /// Fields in the query that no event had.
    pub unknown: Vec<UnknownField>,
    /// The number of events each condition matches; empty if events were found or the query is empty.
    pub conditions: Vec<PartMatches>,
    /// The number of events that remain after each part that must hold; empty if events were found.
    pub steps: Vec<PartMatches>,
    /// If the query compares event times: the number of events with a time of their own, and of those compared by their
    /// time of recording instead.
    pub times: Option<(u64, u64)>,
    /// The events that no parser recognizes. `None` if events were found, if no condition is about parsed facts, or if
    /// the program that searched doesn't count them.
    pub unparsed: Option<Unparsed>,
}

/// A field that no event had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// The byte range of the condition in the query.
    pub at: core::ops::Range<usize>,
    /// The field as written in queries.
    pub field: String,
    /// Similar fields that events had, most similar first.
    pub nearest: Vec<String>,
}

/// A part of a query and the number of events that match it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartMatches {
    /// The part as written in queries.
    pub part: String,
    /// The number of matching events.
    pub events: u64,
    /// A short name to try instead. Set for a condition that no event meets although some have its field, such as
    /// `actor.id` or `user`.
    pub short: Option<&'static str>,
}

impl<Q: Deref<Target = Query> + Clone> Tally<Q> {
    /// Creates an empty tally.
    pub fn new(query: Q) -> Self {
        let count = query.conditions.len();
        Self {
            reads_events: query.reads_events(),
            of: 0,
            matched: 0,
            had: query.conditions.iter().map(|placed| placed.condition.field().is_none()).collect(),
            alone: vec![0; count],
            steps: vec![0; query.parts().len()],
            fields: BTreeSet::new(),
            own_times: 0,
            recorded_times: 0,
            asks_time: query.conditions.iter().any(|placed| placed.condition.asks_when()),
            unparsed: 0,
            query,
        }
    }

    /// Counts an event, and returns true if it matches the query as in [`Query::matches`].
    pub fn examine(&mut self, entry: &Entry<'_>) -> bool {
        self.of += 1;
        self.unparsed += u64::from(is_unparsed(entry));
        if self.asks_time {
            *(if entry.time().1 { &mut self.own_times } else { &mut self.recorded_times }) += 1;
        }
        for (had, placed) in self.had.iter_mut().zip(&self.query.conditions) {
            *had = *had || placed.condition.is_about(entry);
        }
        if self.of <= MAX_SAMPLED_EVENTS
            && self.fields.len() < MAX_FIELDS
            && self.had.iter().any(|had| !had)
            && let Some(event) = entry.event
        {
            self.collect_fields(event, &mut Vec::new());
        }
        if self.reads_events && entry.event.is_none() {
            return false;
        }
        let query = self.query.clone();
        self.count_results(&|nth| {
            query.conditions.get(nth).is_some_and(|placed| placed.condition.holds(entry))
        })
    }

    /// Counts an event that was examined elsewhere, and returns true if it matches.
    pub fn count(&mut self, hits: ConditionHits) -> bool {
        self.of += 1;
        self.unparsed += u64::from(hits.is_unparsed);
        let has = |bits: u128, nth: usize| bits >> nth & 1 == 1;
        if self.asks_time {
            let mut placed = self.query.conditions.iter().enumerate();
            let own = placed.any(|(nth, placed)| placed.condition.asks_when() && has(hits.about, nth));
            *(if own { &mut self.own_times } else { &mut self.recorded_times }) += 1;
        }
        for (nth, had) in self.had.iter_mut().enumerate() {
            *had = *had || has(hits.about, nth);
        }
        self.count_results(&|nth| has(hits.held, nth))
    }

    /// Counts events in which no condition holds and that don't match.
    pub fn count_others(&mut self, events: u64) {
        self.of += events;
        self.recorded_times += events;
        if self.matched == 0 {
            let mut so_far = true;
            for (left, part) in self.steps.iter_mut().zip(self.query.parts()) {
                so_far = so_far && part.holds(&mut |_| false);
                *left += if so_far { events } else { 0 };
            }
        }
    }

    /// True if more whole events are needed to suggest fields. Pass them to [`Tally::examine`].
    pub fn wants_fields(&self) -> bool {
        self.of < MAX_SAMPLED_EVENTS && self.fields.len() < MAX_FIELDS && self.lacking() != 0
    }

    /// Returns the conditions whose field no event has had so far, as bits.
    pub fn lacking(&self) -> u128 {
        let had = self.had.iter().zip(bits());
        had.filter(|(had, _)| !**had).fold(0, |lacking, (_, bit)| lacking | bit)
    }

    /// True if any event matched.
    pub fn has_found(&self) -> bool {
        self.matched > 0
    }

    /// Counts an event by the results of its conditions, and returns true if it matches. Single conditions are counted
    /// only until the first match.
    fn count_results(&mut self, holds: &dyn Fn(usize) -> bool) -> bool {
        let mut matched = true;
        if self.matched > 0 {
            matched = self.query.root.holds(&mut |nth| holds(nth));
        } else {
            let held: Vec<bool> = (0..self.alone.len()).map(holds).collect();
            for (alone, held) in self.alone.iter_mut().zip(&held) {
                *alone += u64::from(*held);
            }
            for (left, part) in self.steps.iter_mut().zip(self.query.parts()) {
                matched = matched && part.holds(&mut |nth| held.get(nth).is_some_and(|held| *held));
                *left += u64::from(matched);
            }
        }
        self.matched += u64::from(matched);
        matched
    }

    fn collect_fields<'a>(&mut self, value: Value<'a>, path: &mut Vec<std::borrow::Cow<'a, str>>) {
        match value.kind() {
            Kind::Object if path.len() < MAX_DEPTH => {
                for (name, value) in value.members() {
                    if self.fields.len() >= MAX_FIELDS {
                        return;
                    }
                    path.push(name.text());
                    self.fields.insert(Path::from_names(path.iter().map(|name| &**name)).to_string());
                    self.collect_fields(value, path);
                    path.pop();
                }
            }
            Kind::Array => value.elements().for_each(|element| self.collect_fields(element, path)),
            _ => {}
        }
    }

    /// Returns the result.
    pub fn finish(&self) -> Findings {
        let counted = (self.matched == 0).then_some((&self.alone[..], &self.steps[..]));
        let mut findings = Findings::from_counts(
            &self.query,
            &self.had,
            &self.fields.iter().map(String::as_str),
            counted,
            self.of,
        );
        findings.matched = self.matched;
        let unparsed = Unparsed { unparsed: self.unparsed, events: self.of };
        findings.unparsed = (self.matched == 0 && self.query.asks_parsed_facts()).then_some(unparsed);
        findings.times = self.asks_time.then_some((self.own_times, self.recorded_times));
        findings
    }
}

impl Findings {
    /// Builds the result from counts. `had` says for each condition whether any event had its field, `fields` lists the
    /// fields that occurred, `counted` has the matches of each condition and each step if nothing was found, and `of`
    /// is the number of events. The caller sets `matched`, `times`, and `unparsed`.
    pub fn from_counts<'a>(
        query: &Query,
        had: &[bool],
        fields: &(impl Iterator<Item = &'a str> + Clone),
        counted: Option<(&[u64], &[u64])>,
        of: u64,
    ) -> Self {
        let all_conditions = || query.conditions.iter();
        // Without events there are no fields to compare with.
        let unknown =
            all_conditions().zip(had).filter(|(_, had)| !**had && of > 0).filter_map(|(placed, _)| {
                let field = placed.condition.field()?;
                let wanted = match &*field {
                    Field::Member(path) => path.names().join("."),
                    Field::Short(short) => short.as_str().into(),
                };
                let shorts = Short::ALL.iter().map(|short| short.as_str());
                let is_short = matches!(*field, Field::Short(_));
                let meant = match &*field {
                    Field::Member(path) => Short::from_displayed_path(path),
                    Field::Short(_) => None,
                };
                let names = fields.clone().chain(shorts.filter(|_| !is_short));
                let near = nearest(meant.map_or(&*wanted, |short| short.as_str()), names);
                Some(UnknownField { at: placed.at.clone(), field: field.to_string(), nearest: near })
            });
        let mut findings = Self {
            matched: 0,
            of,
            unknown: unknown.collect(),
            conditions: Vec::new(),
            steps: Vec::new(),
            times: None,
            unparsed: None,
        };
        if let Some((alone, steps)) = counted {
            let conditions =
                all_conditions().zip(had).zip(alone).map(|((placed, had), events)| PartMatches {
                    part: placed.condition.to_string(),
                    events: *events,
                    short: if *had && *events == 0 {
                        short_name_for(placed.condition.field().as_deref())
                    } else {
                        None
                    },
                });
            findings.conditions = conditions.collect();
            let parts = query.parts().iter().map(|part| query.written(part)).zip(steps);
            findings.steps =
                parts.map(|(part, events)| PartMatches { part, events: *events, short: None }).collect();
        }
        findings
    }
}

/// Returns the static name of a short name or special condition received from another program.
pub fn short_name(name: &str) -> Option<&'static str> {
    Short::parse(name).map(Short::as_str).or_else(|| SPECIAL.into_iter().find(|special| *special == name))
}

/// Returns the short name to try for a field that is displayed under that name (`actor.id`, `target.name`),
/// or that has this name in other languages (`user`, `after`).
fn short_name_for(field: Option<&Field>) -> Option<&'static str> {
    let Field::Member(path) = field? else { return None };
    let names = path.names();
    let first = names.iter().find(|name| *name != "parsed");
    let short = first.and_then(|first| Short::from_displayed_path(&Path::from_names([first])));
    short.map(Short::as_str).or_else(|| short_for_foreign(&fold(names.last()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parsers;
    use crate::value::Document;

    const EVENTS: [&str; 5] = [
        r#"{"action":"job.run","actor":{"id":"u_1","name":"Ada Okafor"},"occurred_at":"2026-01-01T00:00:00.000Z","outcome":"failure"}"#,
        r#"{"action":"job.run","actor":{"id":"u_2"},"n":7,"outcome":"success"}"#,
        r#"{"action":"job.stop","actor":{"id":"u_1"},"outcome":"success"}"#,
        r#"{"@timestamp":1772442927,"after":{"role":"viewer"},"request":{"User":"u_3"},"verb":"create"}"#,
        "null",
    ];

    /// Returns the findings of a search that examines events here, and of one that counts results from elsewhere.
    fn findings(query: &str) -> [Findings; 2] {
        let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let query = Query::parse(query, now).unwrap();
        let parsers = Parsers::built_in();
        let (mut here, mut elsewhere) = (Tally::new(&query), Tally::new(&query));
        for text in EVENTS {
            let document = Document::parse(text).unwrap();
            let event = document.root();
            let read = parsers.parse(&event);
            let entry = Entry { event: Some(event), read: read.as_ref(), ..Entry::recorded(now) };
            let matched = here.examine(&entry);
            let hits = ConditionHits::evaluate(&query, &entry, u128::MAX);
            if hits == ConditionHits::default() && !matched {
                elsewhere.count_others(1);
            } else {
                assert_eq!(elsewhere.count(hits), matched, "{text}");
            }
        }
        assert_eq!(here.lacking(), elsewhere.lacking());
        [here.finish(), elsewhere.finish()]
    }

    #[test]
    fn counting_elsewhere_yields_the_same_findings() {
        for query in [
            "",
            "actor:u_1",
            "actor:u_1 outcome:success",
            "actor:u_1 -has:verb outcome:denied",
            "-actor:u_1 (n:8 OR since:2027)",
            "since:2020 until:2026-02",
            "-since:2020",
            "night word:day",
            "signer:x",
            "color:red actor:u_9 OR has:weight",
        ] {
            let [here, elsewhere] = findings(query);
            // Only the search that examines whole events can suggest fields.
            let unknown = |findings: &Findings| {
                findings.unknown.iter().map(|unknown| unknown.field.clone()).collect::<Vec<_>>()
            };
            assert_eq!(unknown(&here), unknown(&elsewhere), "{query}");
            let without_unknown = |findings: Findings| Findings { unknown: Vec::new(), ..findings };
            assert_eq!(without_unknown(here), without_unknown(elsewhere), "{query}");
        }
    }

    #[test]
    fn suggests_the_short_name_for_a_parsed_field() {
        for (query, first) in [
            ("parsed.actor.name:ada", Some("actor")),
            ("actor.email:ada", Some("actor")),
            ("parsed.outcome:failure", Some("outcome")),
            ("address:192.0.2.0/24", Some("ip")),
            ("parsed.address:192.0.2.7", Some("ip")),
            ("ip:192.0.2.7", None),
        ] {
            let nearest = &findings(query)[0].unknown[0].nearest;
            assert_eq!(nearest.first().map(String::as_str), first, "{query}");
        }
    }

    #[test]
    fn suggests_the_short_name_for_a_field_that_some_events_have() {
        for (query, short) in [
            ("actor.id:x", Some("actor")),
            ("-has:verb actor.name:x", Some("actor")),
            ("occurred_at:2027", None),
            ("request.User:x", Some("actor")),
            ("@timestamp>2026-01-01", Some("time")),
            ("after:2026-01-01", Some("since")),
            ("after.role:admin", None),
            ("actor.id:u_1 n:8", None),
            ("actor:x", None),
            ("\"actor\":\"ada\"", Some("actor")),
            ("n:8", None),
            ("actor.email:x", None),
        ] {
            for Findings { conditions, steps, .. } in findings(query) {
                assert_eq!(conditions.last().unwrap().short, short, "{query}");
                assert!(steps.iter().all(|left| left.short.is_none()), "{query}");
            }
        }
        assert!(findings("actor.id:u_1").iter().all(|findings| findings.conditions.is_empty()));
    }

    #[test]
    fn may_match_with_unknown_conditions() {
        let query = Query::parse("a:1 (b:2 OR -c:3)", "2026-11-20T06:00:00.000Z".parse().unwrap()).unwrap();
        for (known, may) in [
            ([None, None, None], true),
            ([Some(false), None, None], false),
            ([Some(true), Some(false), None], true),
            ([None, Some(false), Some(true)], false),
            ([None, Some(true), Some(true)], true),
            ([Some(true), Some(false), Some(false)], true),
        ] {
            assert_eq!(query.may_match(&|nth| known[nth]), may, "{known:?}");
        }
    }
}
