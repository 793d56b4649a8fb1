//! Witness attestations: the times by which entries existed, and how recently witnesses saw them.

use crate::time::Time;
use crate::trust::Times;

/// The times of the matching checkpoints so far.
#[derive(Debug, Default)]
pub(super) struct Attested {
    /// Sizes of the log, each with the time by which the log had that size. Both increase: a larger
    /// checkpoint that existed earlier supersedes the ones before it.
    steps: Vec<(u64, Time)>,
    pub(super) newest_seen: Option<Time>,
}

impl Attested {
    /// Adds a matching checkpoint with its times.
    pub(super) fn add(&mut self, size: u64, times: Times) {
        while self.steps.last().is_some_and(|(_, existed_by)| *existed_by >= times.existed_by) {
            self.steps.pop();
        }
        self.steps.push((size, times.existed_by));
        self.newest_seen = self.newest_seen.max(Some(times.seen_at));
    }

    /// Returns the earliest time by which an entry is known to have existed.
    pub(super) fn existed_by(&self, index: u64) -> Option<Time> {
        let step = self.steps.partition_point(|(size, _)| *size <= index);
        self.steps.get(step).map(|(_, time)| *time)
    }

    /// Returns the number of entries known to have existed by a moment, in milliseconds since the epoch.
    pub(super) fn size_by(&self, millis: i64) -> u64 {
        let after = self.steps.partition_point(|(_, existed_by)| existed_by.millis() <= millis);
        after.checked_sub(1).map_or(0, |step| self.steps[step].0)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn an_earlier_attestation_of_more_entries_supersedes() {
        let time = |millis| Time::from_millis(millis).unwrap();
        let mut attested = Attested::default();
        for (size, existed_by) in [(5, 100), (8, 300), (9, 200), (12, 400)] {
            attested.add(size, Times { existed_by: time(existed_by), seen_at: time(existed_by) });
        }
        assert_eq!(attested.existed_by(4), Some(time(100)));
        assert_eq!(attested.existed_by(5), Some(time(200)));
        assert_eq!(attested.existed_by(11), Some(time(400)));
        assert_eq!(attested.existed_by(12), None);
        // Equal times add nothing; one step is kept.
        attested.add(13, Times { existed_by: time(400), seen_at: time(400) });
        assert_eq!((attested.steps.len(), attested.existed_by(12)), (3, Some(time(400))));
        assert_eq!([99, 100, 250, 300, 400].map(|millis| attested.size_by(millis)), [0, 5, 9, 9, 13]);
    }
}
