//! Scores: what was found of an identity or of a session, as a sum of points that fades with time.

use crate::baseline::{Ranked, Store};
use crate::finding::Level;
use crate::indexed_heap::Rank;

/// After so long half of a point is left, in milliseconds.
const HALF_LIFE: u64 = 7 * 86_400_000;
/// Points are counted in thousandths.
const POINT: u64 = 1000;
/// The most identities, and the most sessions, that have a score.
const MAX_SCORED: usize = 20_000;
/// The most findings that are named with a score: the newest.
const MAX_NAMED: usize = 100;

/// What a finding of this level counts, in points.
pub(crate) const fn points(level: Level) -> u64 {
    match level {
        Level::Informational => 1,
        Level::Low => 5,
        Level::Medium => 20,
        Level::High => 50,
        Level::Critical => 100,
    }
}

/// What is left of points after a while: half of them for each week that is over, and of the week that is not over its
/// part of that half.
fn faded(thousandths: u64, millis: i64) -> u64 {
    let millis = u64::try_from(millis).unwrap_or(0);
    let (weeks, rest) = (millis / HALF_LIFE, millis % HALF_LIFE);
    let left = if weeks < 64 { thousandths >> weeks } else { 0 };
    let whole = u128::from(2 * HALF_LIFE);
    u64::try_from(u128::from(left) * (whole - u128::from(rest)) / whole).unwrap_or(u64::MAX)
}

/// A sum of points at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Sum {
    thousandths: u64,
    time: i64,
}

impl Sum {
    fn add(&mut self, thousandths: u64, time: i64) {
        let (before, more) = if time >= self.time {
            (faded(self.thousandths, time - self.time), thousandths)
        } else {
            (self.thousandths, faded(thousandths, self.time - time))
        };
        self.thousandths = before.saturating_add(more);
        self.time = self.time.max(time);
    }
}

/// The score of an identity or of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scored {
    /// Its identifier.
    pub id: String,
    /// Its score when the newest finding was made, in whole points.
    pub score: u64,
    /// The findings that it comes from, by their ids: the newest hundred.
    pub findings: Vec<String>,
    /// How many there are.
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

/// Scores as they are kept for another process.
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

/// What had nothing found for longest goes first.
impl Ranked for Score {
    fn rank(&self) -> Rank {
        (0, self.newest)
    }
}

impl Scores {
    /// Adds a finding's points, and tells the score after that, in whole points. What had nothing found for longest is
    /// forgotten where there is no more room.
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
            // Most have few: nothing is kept free for more.
            score.findings.reserve_exact(1);
            score.findings.push(finding.to_owned());
            score.sum.thousandths / POINT
        })
    }

    #[cfg(feature = "snapshot")]
    pub(crate) fn store(&self) -> StoredScores {
        let each = |slot| (self.of.name(slot).into(), self.of.get(slot).clone());
        let mut of: Vec<(Box<str>, Score)> = self.of.places().map(each).collect();
        of.sort_by_key(|(_, score)| score.newest);
        StoredScores { of, next: self.next }
    }

    /// None where it is out of bounds.
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
            // They are in the order in which something was found of them.
            if !is_sound || newest.is_some_and(|newest| newest >= score.newest) {
                return None;
            }
            newest = Some(score.newest);
            scores.of.put(&id, score)?;
        }
        (next < 1 << 60).then_some(scores)
    }

    /// All of them as they are at this time, the highest first, and of equal ones the one of which something was found
    /// last.
    pub(crate) fn ranked(&self, time: i64) -> Vec<Scored> {
        let mut ranked: Vec<_> = self
            .of
            .places()
            .map(|slot| {
                let (id, score) = (self.of.name(slot), self.of.get(slot));
                let Sum { thousandths, time: then } = score.sum;
                (faded(thousandths, time - then), score.newest, id, score)
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
    fn points_fade_by_half_in_a_week() {
        for (days, left) in [(0, 50_000), (1, 46_428), (7, 25_000), (14, 12_500), (21, 6250), (10_000, 0)] {
            assert_eq!(faded(50_000, days * DAY), left, "{days} days");
        }
        assert_eq!(faded(50_000, -DAY), 50_000);
        assert_eq!(faded(u64::MAX, i64::MAX), 0);
    }

    #[test]
    fn findings_add_up_in_any_order_of_their_times() {
        let mut scores = Scores::default();
        assert_eq!(scores.add("u_1", "a", Level::High, 7 * DAY), 50);
        assert_eq!(scores.add("u_2", "b", Level::Critical, 7 * DAY), 100);
        assert_eq!(scores.add("u_1", "c", Level::Medium, 14 * DAY), 45);
        assert_eq!(scores.add("u_1", "d", Level::Medium, 0), 50);
        let told: Vec<_> = scores
            .ranked(14 * DAY)
            .into_iter()
            .map(|scored| (scored.id, scored.score, scored.findings))
            .collect();
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(told, [("u_1".into(), 50, named(&["a", "c", "d"])), ("u_2".into(), 50, named(&["b"]))]);
        assert_eq!(scores.ranked(21 * DAY)[0].score, 25);
    }

    #[test]
    fn what_had_nothing_found_for_longest_is_forgotten() {
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
