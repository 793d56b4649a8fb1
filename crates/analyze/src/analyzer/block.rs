//! Blocks: the matches of many events, serialized compactly.
//!
//! Events of one log are alike, so each distinct part of a match is stored once per block.

use countersign::time::Time;
use serde::{Deserialize, Serialize};

use super::{Detected, Fired, Join, Pending};
use crate::baseline::{Observation, Place};
use crate::coverage::Shape;
use crate::interner::{Interner, written};
use crate::pack::Pack;
use crate::pieces::PieceError;

/// The maximum size of the matches of a block in memory. Those of 256 KiB of events take a fraction of it.
const MAX_MEMORY_BYTES: usize = 256 << 20;

/// The distinct values in a block. Events refer to them by index.
#[derive(Default, Serialize, Deserialize)]
struct Values {
    outlines: Vec<(Option<Shape>, Vec<u32>)>,
    fired: Vec<Fired>,
    joins: Vec<Join>,
    pending: Vec<Pending>,
    texts: Vec<Box<str>>,
}

/// The matches of an event.
#[derive(Serialize, Deserialize)]
struct Event {
    outline: u32,
    is_future: bool,
    is_time_unclear: bool,
    /// None if no rule and no baseline needs the event.
    matches: Option<Matches>,
}

#[derive(Serialize, Deserialize)]
struct Matches {
    /// The time in milliseconds, since that of the previous event with matches.
    time: i64,
    fired: Vec<u32>,
    joins: Vec<u32>,
    pending: Vec<u32>,
    observed: Option<Observed>,
}

#[derive(Serialize, Deserialize)]
struct Observed {
    parts: Vec<u32>,
    place: Option<Place>,
    /// The link's time in milliseconds, since the event's.
    recorded: i64,
    is_for_baselines: bool,
    is_failed: bool,
}

impl Detected {
    /// Serializes the matches of several events, for another worker with the same pack. Their entries are not included.
    pub fn encode_block(matches: Vec<Self>) -> Vec<u8> {
        let mut values = Values::default();
        let [mut outlines, mut fired, mut joins, mut pending, mut texts] =
            std::array::from_fn(|_| Interner::default());
        let mut before = 0;
        let event = |detected: Self| {
            let outline = outlines.intern((detected.shape, detected.lacking), &mut values.outlines);
            let is_needed = !detected.fired.is_empty()
                || !detected.joins.is_empty()
                || !detected.pending.is_empty()
                || detected.observed.is_some();
            let time = detected.time.filter(|_| is_needed).map(Time::millis);
            let matches = time.map(|time| Matches {
                time: time - std::mem::replace(&mut before, time),
                fired: fired.intern_all(detected.fired, &mut values.fired),
                joins: joins.intern_all(detected.joins, &mut values.joins),
                pending: pending.intern_all(detected.pending, &mut values.pending),
                observed: detected.observed.map(|observed| Observed {
                    parts: observed.parts().map(|part| texts.intern(part.into(), &mut values.texts)).to_vec(),
                    place: observed.place,
                    recorded: observed.recorded - time,
                    is_for_baselines: observed.is_for_baselines,
                    is_failed: observed.is_failed,
                }),
            });
            let Self { is_future, is_time_unclear, .. } = detected;
            Event { outline, is_future, is_time_unclear, matches }
        };
        let events: Vec<Event> = matches.into_iter().map(event).collect();
        written(&(values, events))
    }

    /// Deserializes the matches of `count` events for this pack.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes don't contain as many matches for this pack.
    pub fn decode_block(bytes: &[u8], count: usize, pack: &Pack) -> Result<Vec<Self>, PieceError> {
        let ((values, events), rest) =
            postcard::take_from_bytes::<(Values, Vec<Event>)>(bytes).map_err(|_| PieceError)?;
        if events.len() != count || !rest.is_empty() || !values.is_of(pack) {
            return Err(PieceError);
        }
        let (mut before, mut memory) = (0, 0);
        let matches = events.into_iter().map(|event| {
            let detected = values.detected(event, &mut before)?;
            memory += detected.memory_bytes();
            (memory <= MAX_MEMORY_BYTES).then_some(detected)
        });
        matches.collect::<Option<_>>().ok_or(PieceError)
    }
}

impl Values {
    /// True if every rule and every field that a value names exists in `pack`.
    fn is_of(&self, pack: &Pack) -> bool {
        let Self { outlines, fired, joins, pending, .. } = self;
        let (fired, joins, pending) = (fired.clone(), joins.clone(), pending.clone());
        Detected { fired, joins, pending, ..Detected::default() }.is_of(pack)
            && outlines.iter().all(|(shape, lacking)| {
                let (shape, lacking) = (shape.clone(), lacking.clone());
                Detected { shape, lacking, ..Detected::default() }.is_of(pack)
            })
    }

    /// Returns the matches of an event. `before` is the time of the previous one.
    fn detected(&self, event: Event, before: &mut i64) -> Option<Detected> {
        let Event { outline, is_future, is_time_unclear, matches } = event;
        let (shape, lacking) = self.outlines.get(outline as usize)?.clone();
        let detected = Detected { is_future, is_time_unclear, shape, lacking, ..Detected::default() };
        let Some(Matches { time, fired, joins, pending, observed }) = matches else { return Some(detected) };
        *before = before.checked_add(time)?;
        let observed = observed.map(|Observed { parts, place, recorded, is_for_baselines, is_failed }| {
            let recorded = before.checked_add(recorded).and_then(Time::from_millis)?.millis();
            let parts = parts.iter().map(|part| self.texts.get(*part as usize).map(|text| &**text));
            let parts: [&str; Observation::LENGTH] = parts.collect::<Option<Vec<_>>>()?.try_into().ok()?;
            let mut observed = Box::new(Observation::from_parts(&parts, place));
            observed.recorded = recorded;
            observed.is_for_baselines = is_for_baselines;
            observed.is_failed = is_failed;
            Some(observed)
        });
        Some(Detected {
            time: Some(Time::from_millis(*before)?),
            fired: all(&self.fired, &fired)?,
            joins: all(&self.joins, &joins)?,
            pending: all(&self.pending, &pending)?,
            observed: if let Some(observed) = observed { Some(observed?) } else { None },
            ..detected
        })
    }
}

/// Returns the values at these positions.
fn all<T: Clone>(values: &[T], positions: &[u32]) -> Option<Vec<T>> {
    positions.iter().map(|position| values.get(*position as usize).cloned()).collect()
}

#[cfg(all(test, feature = "yaml"))]
mod tests {
    use countersign_query::value::Document;
    use countersign_query::{Entry, Parsers};

    use super::*;

    fn matches(pack: &Pack) -> Vec<Detected> {
        let events = (0..200).map(|number| match number % 4 {
            0 => {
                format!(r#"{{"action":"user.login","actor":{{"id":"u{}"}},"outcome":"denied"}}"#, number % 7)
            }
            1 => format!(r#"{{"action":"countersign.rotated","n":{number}}}"#),
            2 => format!(r#"{{"other":{number},"occurred_at":"2030-01-01T00:00:00Z"}}"#),
            _ => r#"{"action":"mfa.disable","actor":{"id":"u1"},"target":{"id":"t"},"occurred_at":"soon"}"#
                .into(),
        });
        let parsers = Parsers::built_in();
        let detect = |(number, text): (i64, String)| {
            let document = Document::parse(&text);
            let recorded = Time::from_millis(1_790_000_000_000 + number * 1717 % 1000).unwrap();
            let event = document.as_ref().map(Document::root);
            pack.detect_by(0, &parsers, &Entry { event, chain: "da7f", ..Entry::recorded(recorded) })
        };
        (0..).zip(events).map(detect).collect()
    }

    #[test]
    fn blocks_round_trip_and_keep_only_what_matters() {
        let pack = Pack::built_in();
        let matches = matches(&pack);
        let bytes = Detected::encode_block(matches.clone());
        let single: usize = matches.iter().map(|detected| detected.to_bytes().len()).sum();
        assert!(bytes.len() * 5 < single, "{} {single}", bytes.len());
        let decoded = Detected::decode_block(&bytes, matches.len(), &pack).unwrap();
        let mut needed = 0;
        for (found, expected) in decoded.iter().zip(&matches) {
            let is_needed = expected.observed.is_some();
            needed += usize::from(is_needed);
            let time = expected.time.filter(|_| is_needed);
            assert_eq!(found, &Detected { time, ..expected.clone() });
            assert_eq!(found.memory_bytes(), expected.memory_bytes());
        }
        assert!((1..matches.len()).contains(&needed), "{needed}");
    }

    #[test]
    fn damaged_blocks_and_those_of_other_packs_are_refused() {
        let pack = Pack::built_in();
        let matches = matches(&pack);
        let (count, bytes) = (matches.len(), Detected::encode_block(matches));
        for count in [0, count - 1, count + 1] {
            assert_eq!(Detected::decode_block(&bytes, count, &pack).err(), Some(PieceError));
        }
        for length in (0..bytes.len()).step_by(7) {
            assert_eq!(Detected::decode_block(&bytes[..length], count, &pack).err(), Some(PieceError));
        }
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 0x55;
            // Some changes give other matches of the same pack. None of them fails otherwise.
            let _ = Detected::decode_block(&altered, count, &pack);
        }
        let mut sources = crate::Sources::default();
        sources.add("rule.yml", "{title: One, id: one, level: low, detection: {s: {a: 1}, condition: s}}");
        let other = sources.build("other").unwrap();
        assert_eq!(Detected::decode_block(&bytes, count, &other).err(), Some(PieceError));
    }
}
