//! What an [`Analyzer`] knows, as bytes, so that another process goes on where this one is.
//!
//! A snapshot is read as hostile input is: it has to be of this engine and this pack, within the bounds that hold for
//! what the analyzer remembers. What follows from something else in it is not in it, and so cannot contradict it.

use core::fmt;

use countersign::hash::Hash;
use serde::{Deserialize, Serialize};

use crate::analyzer::{Analyzer, ENGINE};
use crate::baseline::{Baselines, StoredBaselines};
use crate::coverage::{Counts, Shape, Shapes};
use crate::finding::Finding;
use crate::habits::{Habits, StoredHabits};
use crate::pack::Pack;
use crate::score::{Scores, StoredScores};
use crate::window::{MAX_GROUPS, StoredWindows, Windows};

/// What a snapshot begins with.
const MAGIC: &[u8] = b"countersign/analysis/v1\n";
/// The SHA-256 of all before it, which it ends with: what was damaged is told from what is of another version.
const CHECKSUM: usize = 32;
/// The most bytes of a snapshot.
pub const MAX_SNAPSHOT: usize = 1 << 30;

/// An error in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is none, or not the one that was made.
    Damaged,
    /// Another version of the program made it.
    Version,
    /// It was made by another engine, whose version is this.
    Engine(String),
    /// It was made with another pack of rules.
    Pack,
}

impl SnapshotError {
    /// A stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged => "snapshot.damaged",
            Self::Version => "snapshot.version",
            Self::Engine(_) => "snapshot.engine",
            Self::Pack => "snapshot.pack",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Damaged => {
                "put the right file in its place, or begin anew: the same log gives the same findings"
            }
            Self::Version | Self::Engine(_) => {
                "go on with the program that made it, or begin anew: the same log gives the same findings"
            }
            Self::Pack => "go on with the rules that it was made with, or begin anew with these",
        }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("it is damaged"),
            Self::Version => f.write_str("it is of another version"),
            Self::Engine(engine) => write!(f, "it is of engine {engine:?}, and not {ENGINE:?}"),
            Self::Pack => f.write_str("it is of another pack of rules"),
        }
    }
}

impl std::error::Error for SnapshotError {}

#[derive(Serialize, Deserialize)]
struct Body {
    engine: String,
    pack: [u8; 32],
    streams: bool,
    last: Option<u64>,
    future: Option<(u64, u64)>,
    rules: Vec<StoredRule>,
    findings: Vec<Finding>,
    /// Where the newest finding of a rule's group stands.
    newest: Vec<(u32, Box<str>, u32)>,
    newest_found: i64,
    baselines: StoredBaselines,
    habits: StoredHabits,
    identities: StoredScores,
    sessions: StoredScores,
    shapes: Vec<(Shape, u64)>,
    beyond: Counts,
    lacking: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredRule {
    made: u32,
    unlisted: u64,
    windows: Option<StoredWindows>,
}

impl<'p> Analyzer<'p> {
    /// All that it knows. The same events give the same bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let rules = self.windows.iter().zip(&self.made).zip(&self.unlisted).zip(&self.pack.rules);
        let rules = rules.map(|(((windows, made), unlisted), rule)| StoredRule {
            made: *made as u32,
            unlisted: *unlisted,
            windows: windows.as_ref().zip(rule.correlation()).map(|(windows, of)| windows.store(of)),
        });
        let newest = self.newest.iter().map(|((rule, key), at)| (*rule as u32, key.clone(), *at as u32));
        let mut newest: Vec<_> = newest.collect();
        newest.sort_unstable();
        let mut shapes: Vec<_> =
            self.shapes.known.iter().map(|(shape, events)| (shape.clone(), *events)).collect();
        shapes.sort_unstable();
        let body = Body {
            engine: ENGINE.into(),
            pack: self.pack.hash().0,
            streams: self.streams,
            last: self.last,
            future: self.future,
            rules: rules.collect(),
            findings: self.findings.clone(),
            newest,
            newest_found: self.newest_found,
            baselines: self.baselines.store(),
            habits: self.habits.store(),
            identities: self.identities.store(),
            sessions: self.sessions.store(),
            shapes,
            beyond: self.shapes.beyond.clone(),
            lacking: self.shapes.lacking.clone(),
        };
        let mut bytes = postcard::to_extend(&body, MAGIC.to_vec()).unwrap_or_default();
        let checksum = Hash::of(&[&bytes]);
        bytes.extend(checksum.0);
        bytes
    }

    /// Goes on from a snapshot, with the pack that it was made with.
    ///
    /// # Errors
    ///
    /// If it is not one of this engine and this pack.
    pub fn restore(pack: &'p Pack, bytes: &[u8]) -> Result<Self, SnapshotError> {
        Self::restore_with_groups(pack, bytes, MAX_GROUPS)
    }

    pub(crate) fn restore_with_groups(
        pack: &'p Pack,
        bytes: &[u8],
        most: usize,
    ) -> Result<Self, SnapshotError> {
        let begin = MAGIC.iter().rposition(|byte| *byte == b'/').unwrap_or_default();
        if bytes.len() > MAX_SNAPSHOT
            || bytes.len() < MAGIC.len() + CHECKSUM
            || !bytes.starts_with(&MAGIC[..begin])
        {
            return Err(SnapshotError::Damaged);
        }
        let (body, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        if Hash::of(&[body]).0 != *checksum {
            return Err(SnapshotError::Damaged);
        }
        let body = body.strip_prefix(MAGIC).ok_or(SnapshotError::Version)?;
        // The engine stands first, so that what another one wrote need not be understood.
        let (engine, _) = postcard::take_from_bytes::<String>(body).map_err(|_| SnapshotError::Damaged)?;
        if engine != ENGINE {
            return Err(SnapshotError::Engine(engine));
        }
        let (body, rest) = postcard::take_from_bytes::<Body>(body).map_err(|_| SnapshotError::Damaged)?;
        if body.pack != pack.hash().0 {
            return Err(SnapshotError::Pack);
        }
        if !rest.is_empty() {
            return Err(SnapshotError::Damaged);
        }
        Self::of_body(pack, body, most).ok_or(SnapshotError::Damaged)
    }

    fn of_body(pack: &'p Pack, body: Body, most: usize) -> Option<Self> {
        let mut analyzer = Self::with_groups(pack, most);
        if body.rules.len() != pack.rules.len() {
            return None;
        }
        for (number, stored) in body.rules.into_iter().enumerate() {
            analyzer.made[number] = stored.made as usize;
            analyzer.unlisted[number] = stored.unlisted;
            analyzer.windows[number] = match (stored.windows, pack.rules[number].correlation()) {
                (Some(windows), Some(correlation)) => {
                    Some(Windows::restore(windows, most, correlation, body.last)?)
                }
                (None, None) => None,
                _ => return None,
            };
        }
        for (rule, key, at) in body.newest {
            let is_there = (rule as usize) < pack.rules.len() && (at as usize) < body.findings.len();
            let known = is_there.then(|| analyzer.newest.insert((rule as usize, key), at as usize))?;
            if known.is_some() {
                return None;
            }
        }
        (analyzer.streams, analyzer.last) = (body.streams, body.last);
        (analyzer.future, analyzer.findings) = (body.future, body.findings);
        analyzer.newest_found = body.newest_found;
        analyzer.baselines = Baselines::restore(body.baselines, pack.zone, pack.rules.len())?;
        analyzer.habits = Habits::restore(body.habits)?;
        analyzer.identities = Scores::restore(body.identities)?;
        analyzer.sessions = Scores::restore(body.sessions)?;
        analyzer.shapes = Shapes::restore(pack, body.shapes, body.beyond, body.lacking)?;
        Some(analyzer)
    }
}

#[cfg(test)]
#[cfg(feature = "yaml")]
mod tests {
    use proptest::prelude::*;

    use countersign_query::Entry;
    use countersign_query::value::Document;

    use super::*;
    use crate::analyzer::Detected;
    use crate::pack::Sources;

    fn pack() -> Pack {
        let mut sources = Sources::default();
        let event = |name: &str| {
            format!(
                "title: {name}\nid: {name}\nlevel: low\ndetection:\n  s: {{what: {name}}}\n  condition: s\n---\n"
            )
        };
        let correlation = |id: &str, kind: &str, rules: &str, condition: &str, more: &str| {
            format!(
                "title: {id}\nid: {id}\nlevel: high\ncorrelation:\n  type: {kind}\n  rules: [{rules}]\n  group-by: [who]\n  timespan: 10s\n  condition: {{{condition}}}\n{more}---\n"
            )
        };
        let text = [
            event("a"),
            event("b"),
            correlation("count", "event_count", "a", "gte: 2", "  generate: true\n"),
            correlation("values", "value_count", "a, b", "field: value, gte: 2", ""),
            correlation("both", "temporal", "a, b", "gte: 2", ""),
            correlation("order", "temporal_ordered", "a, b", "gte: 2", ""),
            correlation("sum", "value_sum", "b", "field: value, gt: 4", ""),
            correlation("mean", "value_avg", "b", "field: value, gt: 2", ""),
            correlation("chained", "event_count", "count", "gte: 2", ""),
        ];
        sources.add("rules.yml", &text.concat());
        sources.build("test").unwrap_or_else(|faults| panic!("{}", faults[0]))
    }

    /// A time, a group, a value and which rule fires.
    type Event = (i64, u8, u8, bool);

    fn detect(pack: &Pack, leaf: u64, (time, who, value, is_a): Event) -> Detected {
        let what = if is_a { "a" } else { "b" };
        let json = format!(r#"{{"what":"{what}","who":"{who}","value":{value}}}"#);
        let document = Document::parse(&json).unwrap();
        let time = countersign::time::Time::from_millis(1_800_000_000_000 + time * 1000).unwrap();
        pack.detect(leaf, &Entry { event: Some(document.root()), ..Entry::recorded(time) })
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        proptest::collection::vec((0..60i64, 0..6u8, 0..4u8, any::<bool>()), 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        /// At the cap of groups too: three of six fit.
        #[test]
        fn goes_on_as_if_it_had_never_stopped(events in events(), most in 3..8usize) {
            let pack = pack();
            let mut whole = Analyzer::with_groups(&pack, most);
            let mut resumed = Analyzer::with_groups(&pack, most);
            let mut streaming = Analyzer::streaming_with_groups(&pack, most);
            let mut handed_out = Vec::new();
            for (leaf, event) in (0..).zip(events) {
                let detected = detect(&pack, leaf, event);
                whole.take(detected.clone()).unwrap();
                resumed.take(detected.clone()).unwrap();
                streaming.take(detected).unwrap();
                let bytes = resumed.snapshot();
                resumed = Analyzer::restore_with_groups(&pack, &bytes, most).unwrap();
                prop_assert_eq!(resumed.snapshot(), bytes);
                streaming = Analyzer::restore_with_groups(&pack, &streaming.snapshot(), most).unwrap();
                if leaf % 3 == 0 {
                    handed_out.append(&mut streaming.take_findings());
                }
            }
            handed_out.append(&mut streaming.take_findings());
            let (whole, resumed) = (whole.finish(), resumed.finish());
            let once = |finding: &Finding| Finding { repeats: 0, ..finding.clone() };
            prop_assert_eq!(handed_out, whole.findings.iter().map(once).collect::<Vec<_>>());
            prop_assert_eq!(whole, resumed);
        }

        #[test]
        fn no_bytes_make_it_panic(
            events in events(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let pack = pack();
            let mut analyzer = Analyzer::new(&pack);
            for (leaf, event) in (0..).zip(events) {
                analyzer.take(detect(&pack, leaf, event)).unwrap();
            }
            let bytes = analyzer.snapshot();
            prop_assert_eq!(
                Analyzer::restore(&pack, &bytes[..cut.index(bytes.len())]).err(),
                Some(SnapshotError::Damaged)
            );
            // Whoever changes it can make its checksum right, too.
            let mut changed = bytes[..bytes.len() - CHECKSUM].to_vec();
            for (at, byte) in changes {
                let at = at.index(changed.len());
                changed[at] = byte;
            }
            let checksum = Hash::of(&[&changed]);
            changed.extend(checksum.0);
            if let Ok(mut analyzer) = Analyzer::restore(&pack, &changed) {
                for leaf in 0..20 {
                    for who in 0..3 {
                        let leaf = (1 << 60) + u64::from(who) + leaf * 3;
                        let _ = analyzer.take(detect(&pack, leaf, (30, who, 3, leaf % 2 == 0)));
                    }
                }
                analyzer.finish();
            }
        }
    }

    /// One group with more hits than are kept, at times that go back now and then.
    #[test]
    fn goes_on_at_the_cap_of_hits() {
        let pack = pack();
        let mut whole = Analyzer::new(&pack);
        let mut resumed = Analyzer::new(&pack);
        for leaf in 0..5_000u32 {
            let time = i64::from(leaf / 2_000) - i64::from(leaf % 5 == 0);
            let detected = detect(&pack, leaf.into(), (time, 1, (leaf % 4) as u8, leaf % 3 > 0));
            whole.take(detected.clone()).unwrap();
            resumed.take(detected).unwrap();
            if leaf % 499 == 0 {
                resumed = Analyzer::restore(&pack, &resumed.snapshot()).unwrap();
            }
        }
        let outcome = whole.finish();
        assert!(outcome.limits.iter().any(|limit| limit.hits.is_some()), "{:?}", outcome.limits);
        assert_eq!(resumed.finish(), outcome);
    }

    #[test]
    fn is_for_one_pack_and_one_engine() {
        let pack = pack();
        let bytes = Analyzer::new(&pack).snapshot();
        assert!(Analyzer::restore(&pack, &bytes).is_ok());
        let mut sources = Sources::default();
        sources.add("a.yml", "title: a\nid: a\nlevel: low\ndetection:\n  s: {what: a}\n  condition: s\n");
        let other = sources.build("other").unwrap();
        assert_eq!(Analyzer::restore(&other, &bytes).err(), Some(SnapshotError::Pack));
        let with = |from: &[u8], to: &[u8]| {
            let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
            let mut changed = bytes[..bytes.len() - CHECKSUM].to_vec();
            changed[at..at + to.len()].copy_from_slice(to);
            let checksum = Hash::of(&[&changed]);
            changed.extend(checksum.0);
            Analyzer::restore(&pack, &changed).err()
        };
        assert_eq!(with(b"v1\n", b"v2\n"), Some(SnapshotError::Version));
        let engine = [&[ENGINE.len() as u8][..], ENGINE.as_bytes()].concat();
        let another = [&[ENGINE.len() as u8][..], &vec![b'x'; ENGINE.len()]].concat();
        assert_eq!(with(&engine, &another), Some(SnapshotError::Engine("x".repeat(ENGINE.len()))));
        for unfit in [
            SnapshotError::Damaged,
            SnapshotError::Version,
            SnapshotError::Engine(String::new()),
            SnapshotError::Pack,
        ] {
            assert!(unfit.code().starts_with("snapshot.") && !unfit.hint().is_empty());
        }
    }
}
