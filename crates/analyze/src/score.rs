//! Scores of identities and sessions: sums of their findings' points, which decay over time.

use crate::baseline::{Ranked, Store};
use crate::finding::Level;
use crate::indexed_heap::Rank;

/// The time after which half of the points remain, in milliseconds.
const HALF_LIFE: u64 = 7 * 86_400_000;
/// The unit of sums: thousandths of a point.
const POINT: u64 = 1000;
/// The maximum number of identities, and of sessions, with a score.
const MAX_SCORED: usize = 20_000;
/// The maximum number of findings listed with a score, the newest being kept.
const MAX_NAMED: usize = 100;

/// Returns the points of a finding.
pub(crate) const fn points(level: Level) -> u64 {
    match level {
        Level::Informational => 1,
        Level::Low => 5,
        Level::Medium => 20,
        Level::High => 50,
        Level::Critical => 100,
    }
}

/// Returns the points that remain after a while: they halve every week, and decay linearly within a week.
fn decayed(thousandths: u64, millis: i64) -> u64 {
    let millis = u64::try_from(millis).unwrap_or(0);
    let (weeks, rest) = (millis / HALF_LIFE, millis % HALF_LIFE);
    let left = if weeks < 64 { thousandths >> weeks } else { 0 };
    let whole = u128::from(2 * HALF_LIFE);
    u64::try_from(u128::from(left) * (whole - u128::from(rest)) / whole).unwrap_or(u64::MAX)
}

/// A sum of points at a time, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Sum {
    thousandths: u64,
    time: i64,
}

impl Sum {
    fn add(&mut self, thousandths: u64, time: i64) {
        let (before, more) = if time >= self.time {
            (decayed(self.thousandths, time - self.time), thousandths)
        } else {
            (self.thousandths, decayed(thousandths, self.time - time))
        };
        self.thousandths = before.saturating_add(more);
        self.time = self.time.max(time);
    }
}

/// The score of an identity or a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scored {
    /// The identity's or session's id.
    pub id: String,
    /// The score at the time of the newest finding, in whole points.
    pub score: u64,
    /// The ids of the findings behind it: the newest hundred.
    pub findings: Vec<String>,
    /// The number of findings.
    pub count: u64,
}

/// The scores of all identities, or of all sessions.
#[derive(Clone, Debug)]
pub(crate) struct Scores {
    of: Store<Score>,
    next: u64,
}

impl Default for Scores {
    fn default() -> Self {
        Self { of: Store::new(MAX_SCORED), next: 0 }
    }
}

/// Scores in a snapshot.
#[cfg(feature = "snapshot")]
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredScores {
    of: Vec<(Box<str>, Score)>,
    next: u64,
}

#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Score {
    sum: Sum,
    newest: u64,
    findings: Vec<String>,
    count: u64,
}

/// The score that has gone longest without a finding is evicted first.
impl Ranked for Score {
    fn rank(&self) -> Rank {
        (0, self.newest)
    }
}

impl Scores {
    /// Adds a finding's points, and returns the new score in whole points. If the store is full, evicts the
    /// score that has gone longest without one.
    pub(crate) fn add(&mut self, id: &str, finding: &str, level: Level, time: i64) -> u64 {
        let (slot, _) = self.of.enter(id, 0);
        let newest = self.next;
        self.next += 1;
        self.of.change(slot, |score| {
            if score.count == 0 {
                score.sum.time = time;
            }
            score.sum.add(points(level) * POINT, time);
            score.newest = newest;
            score.count += 1;
            if score.findings.len() == MAX_NAMED {
                score.findings.remove(0);
            }
            // Most have few findings, so reserve no spare capacity.
            score.findings.reserve_exact(1);
            score.findings.push(finding.to_owned());
            score.sum.thousandths / POINT
        })
    }

    #[cfg(feature = "snapshot")]
    pub(crate) fn store(&self) -> StoredScores {
        let each = |slot| (self.of.name(slot).into(), self.of.get(slot).clone());
        let mut of: Vec<(Box<str>, Score)> = self.of.slots().map(each).collect();
        of.sort_by_key(|(_, score)| score.newest);
        StoredScores { of, next: self.next }
    }

    /// Restores a snapshot; `None` if a value is out of range.
    #[cfg(feature = "snapshot")]
    pub(crate) fn restore(StoredScores { of, next }: StoredScores) -> Option<Self> {
        let mut scores = Self { next, ..Self::default() };
        let mut newest = None;
        for (id, score) in of {
            let is_sound = score.newest < next
                && score.count >= score.findings.len() as u64
                && !score.findings.is_empty()
                && score.findings.len() <= MAX_NAMED
                && countersign::time::Time::from_millis(score.sum.time).is_some();
            // Scores are sorted by their newest finding.
            if !is_sound || newest.is_some_and(|newest| newest >= score.newest) {
                return None;
            }
            newest = Some(score.newest);
            scores.of.put(&id, score)?;
        }
        (next < 1 << 60).then_some(scores)
    }

    /// Returns all scores at a time, highest first. Of equal scores, the one with the newest finding comes
    /// first.
    pub(crate) fn ranked(&self, time: i64) -> Vec<Scored> {
        let mut ranked: Vec<_> = self
            .of
            .slots()
            .map(|slot| {
                let (id, score) = (self.of.name(slot), self.of.get(slot));
                let Sum { thousandths, time: then } = score.sum;
                (decayed(thousandths, time - then), score.newest, id, score)
            })
            .collect();
        ranked.sort_unstable_by_key(|(thousandths, newest, ..)| std::cmp::Reverse((*thousandths, *newest)));
        let scored = ranked.into_iter().map(|(thousandths, _, id, score)| Scored {
            id: id.to_owned(),
            score: thousandths / POINT,
            findings: score.findings.clone(),
            count: score.count,
        });
        scored.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn points_halve_in_a_week() {
        for (days, left) in [(0, 50_000), (1, 46_428), (7, 25_000), (14, 12_500), (21, 6250), (10_000, 0)] {
            assert_eq!(decayed(50_000, days * DAY), left, "{days} days");
        }
        assert_eq!(decayed(50_000, -DAY), 50_000);
        assert_eq!(decayed(u64::MAX, i64::MAX), 0);
    }

    #[test]
    fn findings_add_up_regardless_of_their_order() {
        let mut scores = Scores::default();
        assert_eq!(scores.add("u_1", "a", Level::High, 7 * DAY), 50);
        assert_eq!(scores.add("u_2", "b", Level::Critical, 7 * DAY), 100);
        assert_eq!(scores.add("u_1", "c", Level::Medium, 14 * DAY), 45);
        assert_eq!(scores.add("u_1", "d", Level::Medium, 0), 50);
        let ranked: Vec<_> = scores
            .ranked(14 * DAY)
            .into_iter()
            .map(|scored| (scored.id, scored.score, scored.findings))
            .collect();
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(ranked, [("u_1".into(), 50, named(&["a", "c", "d"])), ("u_2".into(), 50, named(&["b"]))]);
        assert_eq!(scores.ranked(21 * DAY)[0].score, 25);
    }

    #[test]
    fn evicts_the_score_without_findings_for_longest() {
        let mut scores = Scores::default();
        for nth in 0..MAX_SCORED {
            scores.add(&format!("u_{nth}"), "a", Level::Low, 0);
        }
        scores.add("u_0", "b", Level::Low, 0);
        scores.add("new", "c", Level::Low, 0);
        assert_eq!(scores.of.len(), MAX_SCORED);
        assert!(scores.of.find("u_0").is_some() && scores.of.find("u_1").is_none());
    }
}
