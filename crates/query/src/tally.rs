//! What a search found, and what must be said of it so that "nothing found" is no lie.
//!
//! A [`Tally`] looks at each event and remembers which fields events had, how many events each condition leaves on its
//! own and step by step, and whose time counted. Events can be looked at elsewhere, on many cores: what was [`Seen`] of
//! each is counted then.

use std::collections::BTreeSet;
use std::ops::Deref;

use crate::condition::{Entry, Field, Path, Query, Short};
use crate::matcher::fold;
use crate::nearest::{nearest, ours};
use crate::parse::SPECIAL;
use crate::value::{Kind, Value};

/// How many events are asked for their fields, and how many fields are remembered, to tell those near to one that is
/// nowhere.
const MOST_EVENTS: u64 = 10_000;
const MOST_FIELDS: usize = 4096;
/// How deep a remembered field may be.
const MOST_NAMES: usize = 16;

/// What was seen of one event. The bits are conditions, by their indexes: a query that was parsed has at most 128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Which conditions hold.
    pub held: u128,
    /// Of which conditions the event has what they are about; of one that asks when it happened, whether it states that.
    pub about: u128,
}

impl Seen {
    /// Of an event that the query looks at. Conditions beyond these are not looked at.
    pub fn of(query: &Query, entry: &Entry<'_>, conditions: u128) -> Self {
        let mut seen = Self::default();
        for (asked, bit) in query.conditions.iter().zip(bits()).filter(|(_, bit)| conditions & bit != 0) {
            let condition = &asked.condition;
            let is_about = if condition.asks_when() { entry.time().1 } else { condition.is_about(entry) };
            seen.held |= if condition.holds(entry) { bit } else { 0 };
            seen.about |= if is_about { bit } else { 0 };
        }
        seen
    }
}

fn bits() -> impl Iterator<Item = u128> {
    (0..u128::BITS).map(|nth| 1 << nth)
}

/// What a search has seen so far. `Q` is how it has the query: a reference, or an [`Arc`](std::sync::Arc) where it is to outlast
/// whoever asks.
#[derive(Clone, Debug)]
pub struct Tally<Q> {
    query: Q,
    reads_events: bool,
    of: u64,
    matched: u64,
    /// For each condition, whether an event had what it is about, where that is a field.
    had: Vec<bool>,
    /// For each condition, how many events it leaves. Counted as long as nothing is found.
    alone: Vec<u64>,
    /// For each part that all must hold, how many events it and those before it leave.
    steps: Vec<u64>,
    fields: BTreeSet<String>,
    own_times: u64,
    recorded_times: u64,
    asks_time: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// How many events matched.
    pub matched: u64,
    /// How many were looked at.
    pub of: u64,
    /// The fields that no event had.
    pub unknown: Vec<Unknown>,
    /// How many events each condition leaves; none where events were found, or nothing was asked.
    pub conditions: Vec<Left>,
    /// How many events are left, part by part, where all parts must hold; none where events were found.
    pub steps: Vec<Left>,
    /// Of how many events the own time counted, and of how many the time of recording, as they state none, where the
    /// query asks when something happened.
    pub times: Option<(u64, u64)>,
}

/// A field that no event had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Where the condition stands in the query, in bytes.
    pub at: core::ops::Range<usize>,
    /// The field as it can be written.
    pub field: String,
    /// Fields that events had and that are nearest to it, the nearest first.
    pub nearest: Vec<String>,
}

/// A part of a query and how many events it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The part, as it can be written.
    pub part: String,
    /// How many events are so.
    pub events: u64,
    /// Of a condition that no event meets although some have its member, `actor.id` or `user`: the name that asks for
    /// what parsers say in such words.
    pub short: Option<&'static str>,
}

impl<Q: Deref<Target = Query> + Clone> Tally<Q> {
    /// Nothing seen yet.
    pub fn new(query: Q) -> Self {
        let count = query.conditions.len();
        Self {
            reads_events: query.reads_events(),
            of: 0,
            matched: 0,
            had: query.conditions.iter().map(|asked| asked.condition.field().is_none()).collect(),
            alone: vec![0; count],
            steps: vec![0; query.parts().len()],
            fields: BTreeSet::new(),
            own_times: 0,
            recorded_times: 0,
            asks_time: query.conditions.iter().any(|asked| asked.condition.asks_when()),
            query,
        }
    }

    /// Whether an event is as asked, by [`Query::matches`]. Counts it.
    pub fn look(&mut self, entry: &Entry<'_>) -> bool {
        self.of += 1;
        if self.asks_time {
            *(if entry.time().1 { &mut self.own_times } else { &mut self.recorded_times }) += 1;
        }
        for (had, asked) in self.had.iter_mut().zip(&self.query.conditions) {
            *had = *had || asked.condition.is_about(entry);
        }
        if self.of <= MOST_EVENTS
            && self.fields.len() < MOST_FIELDS
            && self.had.iter().any(|had| !had)
            && let Some(event) = entry.event
        {
            self.remember(event, &mut Vec::new());
        }
        if self.reads_events && entry.event.is_none() {
            return false;
        }
        let query = self.query.clone();
        self.settle(&|nth| query.conditions.get(nth).is_some_and(|asked| asked.condition.holds(entry)))
    }

    /// The same of an event that was looked at elsewhere.
    pub fn count(&mut self, seen: Seen) -> bool {
        self.of += 1;
        let has = |bits: u128, nth: usize| bits >> nth & 1 == 1;
        if self.asks_time {
            let mut asked = self.query.conditions.iter().enumerate();
            let own = asked.any(|(nth, asked)| asked.condition.asks_when() && has(seen.about, nth));
            *(if own { &mut self.own_times } else { &mut self.recorded_times }) += 1;
        }
        for (nth, had) in self.had.iter_mut().enumerate() {
            *had = *had || has(seen.about, nth);
        }
        self.settle(&|nth| has(seen.held, nth))
    }

    /// So many more events were looked at of which nothing was seen, and which are not as asked.
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

    /// Whether whole events are still of use, to name those of their fields that are near to one that none has: then
    /// [`Tally::look`] at them.
    pub fn wants_fields(&self) -> bool {
        self.of < MOST_EVENTS && self.fields.len() < MOST_FIELDS && self.lacking() != 0
    }

    /// The conditions about something that no event had so far.
    pub fn lacking(&self) -> u128 {
        let had = self.had.iter().zip(bits());
        had.filter(|(had, _)| !**had).fold(0, |lacking, (_, bit)| lacking | bit)
    }

    /// Whether anything was found.
    pub fn has_found(&self) -> bool {
        self.matched > 0
    }

    /// Whether an event of which these conditions hold is as asked. As long as nothing is found, each is counted.
    fn settle(&mut self, holds: &dyn Fn(usize) -> bool) -> bool {
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

    fn remember<'a>(&mut self, value: Value<'a>, path: &mut Vec<std::borrow::Cow<'a, str>>) {
        match value.kind() {
            Kind::Object if path.len() < MOST_NAMES => {
                for (name, value) in value.members() {
                    if self.fields.len() >= MOST_FIELDS {
                        return;
                    }
                    path.push(name.text());
                    self.fields.insert(Path::of(path.iter().map(|name| &**name)).to_string());
                    self.remember(value, path);
                    path.pop();
                }
            }
            Kind::Array => value.elements().for_each(|element| self.remember(element, path)),
            _ => {}
        }
    }

    /// What is to be said.
    pub fn finish(&self) -> Findings {
        let counted = (self.matched == 0).then_some((&self.alone[..], &self.steps[..]));
        let mut findings =
            Findings::of(&self.query, &self.had, &self.fields.iter().map(String::as_str), counted, self.of);
        findings.matched = self.matched;
        findings.times = self.asks_time.then_some((self.own_times, self.recorded_times));
        findings
    }
}

impl Findings {
    /// What is to be said by what was counted: for each condition whether any event had what it is about, the fields
    /// that there are, where nothing was found how many events each condition leaves, and each part with those before
    /// it, and of how many events that is. How many matched, and by which time, is for the caller to say.
    pub fn of<'a>(
        query: &Query,
        had: &[bool],
        fields: &(impl Iterator<Item = &'a str> + Clone),
        counted: Option<(&[u64], &[u64])>,
        of: u64,
    ) -> Self {
        let asked = || query.conditions.iter();
        // Where there is no event, no field is one that others have.
        let unknown = asked().zip(had).filter(|(_, had)| !**had && of > 0).filter_map(|(asked, _)| {
            let field = asked.condition.field()?;
            let wanted = match &*field {
                Field::Member(path) => path.names().join("."),
                Field::Short(short) => short.as_str().into(),
            };
            let shorts = Short::ALL.iter().map(|short| short.as_str());
            let is_short = matches!(*field, Field::Short(_));
            let meant = match &*field {
                Field::Member(path) => Short::of_shown(path),
                Field::Short(_) => None,
            };
            let names = fields.clone().chain(shorts.filter(|_| !is_short));
            let near = nearest(meant.map_or(&*wanted, |short| short.as_str()), names);
            Some(Unknown { at: asked.at.clone(), field: field.to_string(), nearest: near })
        });
        let mut findings = Self {
            matched: 0,
            of,
            unknown: unknown.collect(),
            conditions: Vec::new(),
            steps: Vec::new(),
            times: None,
        };
        if let Some((alone, steps)) = counted {
            let conditions = asked().zip(had).zip(alone).map(|((asked, had), events)| Left {
                part: asked.condition.to_string(),
                events: *events,
                short: if *had && *events == 0 { shown_as(asked.condition.field().as_deref()) } else { None },
            });
            findings.conditions = conditions.collect();
            let parts = query.parts().iter().map(|part| query.written(part)).zip(steps);
            findings.steps =
                parts.map(|(part, events)| Left { part, events: *events, short: None }).collect();
        }
        findings
    }
}

/// The name of ours that another program told, where there is one.
pub fn short_name(told: &str) -> Option<&'static str> {
    Short::parse(told).map(Short::as_str).or_else(|| SPECIAL.into_iter().find(|special| *special == told))
}

/// What asks for what parsers say, where a member has the name under which that is shown (`actor.id`, `target.name`), or
/// under which others ask for it (`user`, `after`).
fn shown_as(field: Option<&Field>) -> Option<&'static str> {
    let Field::Member(path) = field? else { return None };
    let names = path.names();
    let first = names.iter().find(|name| *name != "read");
    let short = first.and_then(|first| Short::of_shown(&Path::of([first])));
    short.map(Short::as_str).or_else(|| ours(&fold(names.last()?)))
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

    /// What is told of a search that looks at events one by one, and what where they were looked at elsewhere.
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
            let matched = here.look(&entry);
            let seen = Seen::of(&query, &entry, u128::MAX);
            if seen == Seen::default() && !matched {
                elsewhere.count_others(1);
            } else {
                assert_eq!(elsewhere.count(seen), matched, "{text}");
            }
        }
        assert_eq!(here.lacking(), elsewhere.lacking());
        [here.finish(), elsewhere.finish()]
    }

    #[test]
    fn what_was_looked_at_elsewhere_is_told_as_if_it_was_here() {
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
            // The fields near to those that no event has are told by whoever looks at whole events.
            let unknown = |findings: &Findings| {
                findings.unknown.iter().map(|unknown| unknown.field.clone()).collect::<Vec<_>>()
            };
            assert_eq!(unknown(&here), unknown(&elsewhere), "{query}");
            let told = |findings: Findings| Findings { unknown: Vec::new(), ..findings };
            assert_eq!(told(here), told(elsewhere), "{query}");
        }
    }

    #[test]
    fn who_asks_by_a_reading_s_member_is_told_the_short_name() {
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
    fn who_asks_by_a_member_that_some_events_have_is_told_the_short_name_too() {
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
    fn what_is_not_known_yet_leaves_it_open() {
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
