//! Snapshots: the state of an [`Analyzer`] as bytes, so that another process can resume from it.
//!
//! A snapshot is parsed as hostile input: it must be from this engine and this pack, and within the limits
//! of the analyzer's state. It contains no derived state, which could contradict the rest.

use core::fmt;
use std::collections::BTreeSet;

use countersign::hash::Hash;
use serde::{Deserialize, Serialize};

use crate::analyzer::{Analyzer, ENGINE};
use crate::baseline::{Baselines, StoredBaselines};
use crate::coverage::{Counts, Shape, Shapes, UnreadCounts};
use crate::finding::Finding;
use crate::habits::{Habits, StoredHabits};
use crate::pack::Pack;
use crate::score::{Scores, StoredScores};
use crate::window::{MAX_GROUPS, StoredWindows, Windows};

/// The first bytes of a snapshot.
const MAGIC: &[u8] = b"countersign/analysis/v1\n";
/// The length of the SHA-256 of everything before it, at the end of a snapshot. It distinguishes corruption
/// from other versions.
const CHECKSUM_BYTES: usize = 32;
/// The maximum size of a snapshot, in bytes.
pub const MAX_SNAPSHOT: usize = 1 << 30;

/// An error in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Not a snapshot, or one whose checksum doesn't match.
    Damaged,
    /// A snapshot of another version of the format.
    Version,
    /// A snapshot of another engine, with the engine's version.
    Engine(String),
    /// A snapshot made with another rule pack.
    Pack,
}

impl SnapshotError {
    /// Returns the stable error code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged => "snapshot.damaged",
            Self::Version => "snapshot.version",
            Self::Engine(_) => "snapshot.engine",
            Self::Pack => "snapshot.pack",
        }
    }

    /// Returns what to do about the error.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Damaged => {
                "restore the right file, or start over without it: the same log produces the same findings"
            }
            Self::Version | Self::Engine(_) => {
                "continue with the version that made it, or start over without it: the same log produces the same findings"
            }
            Self::Pack => "continue with the rules that it was made with, or start over with the new rules",
        }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the snapshot is corrupted"),
            Self::Version => f.write_str("the snapshot has another format version"),
            Self::Engine(engine) => write!(f, "the snapshot is from engine {engine:?}, not {ENGINE:?}"),
            Self::Pack => f.write_str("the snapshot was made with another rule pack"),
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
    /// A rule, a group's key, and the index of the group's newest finding.
    newest: Vec<(u32, Box<str>, u32)>,
    newest_found: i64,
    baselines: StoredBaselines,
    habits: StoredHabits,
    identities: StoredScores,
    sessions: StoredScores,
    shapes: Vec<(Shape, u64)>,
    beyond: Counts,
    lacking: Vec<u64>,
    joined: BTreeSet<u32>,
    unclear_times: Option<(u64, u64)>,
    unread: UnreadCounts,
}

#[derive(Serialize, Deserialize)]
struct StoredRule {
    made: u32,
    unlisted: u64,
    windows: Option<StoredWindows>,
}

impl<'p> Analyzer<'p> {
    /// Returns the complete state as bytes. The same events give the same bytes.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn snapshot(&self) -> postcard::Result<Vec<u8>> {
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
            joined: self.shapes.joined.clone(),
            unclear_times: self.shapes.unclear_times,
            unread: self.shapes.unread.clone(),
        };
        let mut bytes = postcard::to_extend(&body, MAGIC.to_vec())?;
        let checksum = Hash::digest(&[&bytes]);
        bytes.extend(checksum.0);
        Ok(bytes)
    }

    /// Resumes from a snapshot, with the pack that it was made with.
    ///
    /// # Errors
    ///
    /// Returns an error if the snapshot isn't from this engine and this pack, or is corrupted.
    pub fn restore(pack: &'p Pack, bytes: &[u8]) -> Result<Self, SnapshotError> {
        Self::restore_with_groups(pack, bytes, MAX_GROUPS)
    }

    pub(crate) fn restore_with_groups(
        pack: &'p Pack,
        bytes: &[u8],
        max_groups: usize,
    ) -> Result<Self, SnapshotError> {
        let begin = MAGIC.iter().rposition(|byte| *byte == b'/').unwrap_or_default();
        if bytes.len() > MAX_SNAPSHOT
            || bytes.len() < MAGIC.len() + CHECKSUM_BYTES
            || !bytes.starts_with(&MAGIC[..begin])
        {
            return Err(SnapshotError::Damaged);
        }
        let (body, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
        if Hash::digest(&[body]).0 != *checksum {
            return Err(SnapshotError::Damaged);
        }
        let body = body.strip_prefix(MAGIC).ok_or(SnapshotError::Version)?;
        // The engine comes first, because the rest of another engine's snapshot may not parse.
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
        Self::from_body(pack, body, max_groups).ok_or(SnapshotError::Damaged)
    }

    fn from_body(pack: &'p Pack, body: Body, max_groups: usize) -> Option<Self> {
        let mut analyzer = Self::with_groups(pack, max_groups);
        if body.rules.len() != pack.rules.len() {
            return None;
        }
        for (number, stored) in body.rules.into_iter().enumerate() {
            analyzer.made[number] = stored.made as usize;
            analyzer.unlisted[number] = stored.unlisted;
            analyzer.windows[number] = match (stored.windows, pack.rules[number].correlation()) {
                (Some(windows), Some(correlation)) => {
                    Some(Windows::restore(windows, max_groups, correlation, body.last)?)
                }
                (None, None) => None,
                _ => return None,
            };
        }
        for (rule, key, at) in body.newest {
            let is_there = (rule as usize) < pack.rules.len() && (at as usize) < body.findings.len();
            let previous = is_there.then(|| analyzer.newest.insert((rule as usize, key), at as usize))?;
            if previous.is_some() {
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
        let Body { shapes, beyond, lacking, joined, unclear_times, unread, .. } = body;
        analyzer.shapes = Shapes::restore(pack, shapes, beyond, lacking, joined, unclear_times, unread)?;
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

    /// Time, group, value, and true for rule `a`, false for rule `b`.
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

        /// Also covers eviction: three to seven groups fit, and there are six.
        #[test]
                fn resumes_as_if_uninterrupted(events in events(), max_groups in 3..8usize) {
            let pack = pack();
                        let mut whole = Analyzer::with_groups(&pack, max_groups);
                        let mut resumed = Analyzer::with_groups(&pack, max_groups);
                        let mut streaming = Analyzer::streaming_with_groups(&pack, max_groups);
                        let mut streamed = Vec::new();
            for (leaf, event) in (0..).zip(events) {
                let detected = detect(&pack, leaf, event);
                whole.accept(detected.clone()).unwrap();
                resumed.accept(detected.clone()).unwrap();
                streaming.accept(detected).unwrap();
                let bytes = resumed.snapshot().unwrap();
                                resumed = Analyzer::restore_with_groups(&pack, &bytes, max_groups).unwrap();
                prop_assert_eq!(resumed.snapshot().unwrap(), bytes);
                                streaming = Analyzer::restore_with_groups(&pack, &streaming.snapshot().unwrap(), max_groups).unwrap();
                if leaf % 3 == 0 {
                                        streamed.append(&mut streaming.take_findings());
                }
            }
                        streamed.append(&mut streaming.take_findings());
            let (whole, resumed) = (whole.finish(), resumed.finish());
            let once = |finding: &Finding| Finding { repeats: 0, ..finding.clone() };
                        prop_assert_eq!(streamed, whole.findings.iter().map(once).collect::<Vec<_>>());
            prop_assert_eq!(whole, resumed);
        }

        #[test]
                fn never_panics_on_changed_bytes(
            events in events(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let pack = pack();
            let mut analyzer = Analyzer::new(&pack);
            for (leaf, event) in (0..).zip(events) {
                analyzer.accept(detect(&pack, leaf, event)).unwrap();
            }
            let bytes = analyzer.snapshot().unwrap();
            prop_assert_eq!(
                Analyzer::restore(&pack, &bytes[..cut.index(bytes.len())]).err(),
                Some(SnapshotError::Damaged)
            );
            // An attacker can also correct the checksum.
            let mut changed = bytes[..bytes.len() - CHECKSUM_BYTES].to_vec();
            for (at, byte) in changes {
                let at = at.index(changed.len());
                changed[at] = byte;
            }
            let checksum = Hash::digest(&[&changed]);
            changed.extend(checksum.0);
            if let Ok(mut analyzer) = Analyzer::restore(&pack, &changed) {
                for leaf in 0..20 {
                    for who in 0..3 {
                        let leaf = (1 << 60) + u64::from(who) + leaf * 3;
                        let _ = analyzer.accept(detect(&pack, leaf, (30, who, 3, leaf % 2 == 0)));
                    }
                }
                analyzer.finish();
            }
        }
    }

    /// One group with more hits than are kept, at times that sometimes go back.
    #[test]
    fn resumes_at_the_limit_of_hits() {
        let pack = pack();
        let mut whole = Analyzer::new(&pack);
        let mut resumed = Analyzer::new(&pack);
        for leaf in 0..5_000u32 {
            let time = i64::from(leaf / 2_000) - i64::from(leaf % 5 == 0);
            let detected = detect(&pack, leaf.into(), (time, 1, (leaf % 4) as u8, leaf % 3 > 0));
            whole.accept(detected.clone()).unwrap();
            resumed.accept(detected).unwrap();
            if leaf % 499 == 0 {
                resumed = Analyzer::restore(&pack, &resumed.snapshot().unwrap()).unwrap();
            }
        }
        let outcome = whole.finish();
        assert!(outcome.limits.iter().any(|limit| limit.hits.is_some()), "{:?}", outcome.limits);
        assert_eq!(resumed.finish(), outcome);
    }

    #[test]
    fn rejects_other_packs_and_engines() {
        let pack = pack();
        let bytes = Analyzer::new(&pack).snapshot().unwrap();
        assert!(Analyzer::restore(&pack, &bytes).is_ok());
        let mut sources = Sources::default();
        sources.add("a.yml", "title: a\nid: a\nlevel: low\ndetection:\n  s: {what: a}\n  condition: s\n");
        let other = sources.build("other").unwrap();
        assert_eq!(Analyzer::restore(&other, &bytes).err(), Some(SnapshotError::Pack));
        let with = |from: &[u8], to: &[u8]| {
            let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
            let mut changed = bytes[..bytes.len() - CHECKSUM_BYTES].to_vec();
            changed[at..at + to.len()].copy_from_slice(to);
            let checksum = Hash::digest(&[&changed]);
            changed.extend(checksum.0);
            Analyzer::restore(&pack, &changed).err()
        };
        assert_eq!(with(b"v1\n", b"v2\n"), Some(SnapshotError::Version));
        let engine = [&[ENGINE.len() as u8][..], ENGINE.as_bytes()].concat();
        let another = [&[ENGINE.len() as u8][..], &vec![b'x'; ENGINE.len()]].concat();
        assert_eq!(with(&engine, &another), Some(SnapshotError::Engine("x".repeat(ENGINE.len()))));
        for error in [
            SnapshotError::Damaged,
            SnapshotError::Version,
            SnapshotError::Engine(String::new()),
            SnapshotError::Pack,
        ] {
            assert!(error.code().starts_with("snapshot.") && !error.hint().is_empty());
        }
    }
}
