//! The choice of the checkpoints in a slice, by what they attest about time.

use std::collections::{BTreeSet, HashMap};

use countersign::checkpoint::{SignedCheckpoint, claimed_time};
use countersign::keys::{KeyNote, Statement};
use countersign::time::{DAY, Time};
use countersign::tolerance::is_future;
use countersign::trust::Trust;

/// The checkpoints of an export, and the moments for which verifiers of a slice need one.
#[derive(Default)]
pub(super) struct Attestations<'t> {
    /// The trust file, if it has a quorum.
    quorum: Option<&'t Trust>,
    cosigners: HashMap<(String, [u8; 4]), u32>,
    checkpoints: Vec<Attestation>,
    /// The times before which verifiers need the newest checkpoint.
    before: BTreeSet<Time>,
    /// The times by which verifiers need the newest checkpoint.
    by: BTreeSet<Time>,
    /// True if key notes came since the last checkpoint.
    has_notes: bool,
    /// True if anchors came since the last checkpoint, which the next one proves.
    has_anchors: bool,
    latest: Option<Time>,
}

/// The places of the checkpoints that attest what a slice shows, as the numbers of checkpoints before them.
#[derive(Default)]
pub(super) struct ShownPlaces {
    /// Those with entries shown since the previous checkpoint.
    shows: BTreeSet<usize>,
    /// Those for which one of these entries is the last link shown of its chain.
    settles: BTreeSet<usize>,
}

impl ShownPlaces {
    /// Records that an entry is shown which came after this number of checkpoints.
    pub(super) fn shows_after(&mut self, checkpoints: usize) {
        if self.shows.last() != Some(&checkpoints) {
            self.shows.insert(checkpoints);
        }
    }

    /// Records that the last links shown of chains came after these numbers of checkpoints.
    pub(super) fn settles_after(&mut self, checkpoints: impl IntoIterator<Item = usize>) {
        self.settles.extend(checkpoints);
    }
}

struct Attestation {
    size: u64,
    matches: bool,
    /// True if key notes came since the previous checkpoint.
    has_notes: bool,
    /// True if it proves anchors.
    has_anchors: bool,
    /// The latest time of a link between the previous checkpoint and this one.
    latest: Option<Time>,
    /// The time by which it existed, if it has times.
    existed_by: Option<Time>,
    /// The cosigners with their times, if the quorum isn't known.
    cosigned: Vec<(u32, Time)>,
}

impl Attestation {
    /// Returns a time before which the checkpoint can't have existed, regardless of the quorum.
    fn earliest(&self) -> Option<Time> {
        self.cosigned.iter().map(|&(_, time)| time).min().or(self.existed_by)
    }

    fn cosigners_by(&self, deadline: Time) -> BTreeSet<u32> {
        self.cosigned.iter().filter(|&&(_, time)| time <= deadline).map(|&(by, _)| by).collect()
    }
}

impl<'t> Attestations<'t> {
    pub(super) fn new(trust: Option<&'t Trust>) -> Self {
        let mut before = BTreeSet::new();
        for revocation in trust.map_or(&[][..], Trust::revocations) {
            before.extend(revocation.since);
        }
        Self { quorum: trust.filter(|trust| trust.has_quorum()), before, ..Self::default() }
    }

    /// Returns the number of checkpoints so far.
    pub(super) fn count(&self) -> usize {
        self.checkpoints.len()
    }

    /// Returns the size of the last checkpoint.
    pub(super) fn size(&self) -> u64 {
        self.checkpoints.last().map_or(0, |last| last.size)
    }

    /// True if the last checkpoint matches the entries before it.
    pub(super) fn last_matches(&self) -> bool {
        self.checkpoints.last().is_some_and(|last| last.matches)
    }

    /// Records the time of a link.
    pub(super) fn link(&mut self, time: Time) {
        self.latest = self.latest.max(Some(time));
    }

    /// Records a key note. Its statements may take effect, no matter who signed it.
    pub(super) fn note(&mut self, note: &KeyNote) {
        self.has_notes = true;
        for statement in &note.statements {
            match statement {
                Statement::Grant { until, .. } => {
                    self.by.extend(until.and_then(|until| Time::from_millis(until.millis() + DAY)));
                }
                Statement::Revoke { since, .. } => self.before.extend(*since),
            }
        }
    }

    /// Records an anchor.
    pub(super) fn anchor(&mut self) {
        self.has_anchors = true;
    }

    /// Records a checkpoint of `size` entries, or a head. It may not match the entries before it.
    pub(super) fn checkpoint(&mut self, signed: &SignedCheckpoint, size: u64, matches: bool) {
        let (mut existed_by, mut cosigned) = (None, Vec::new());
        if let (Some(trust), true) = (self.quorum, matches) {
            let times = trust.times(&signed.cosignatures(trust.witnesses()).times());
            existed_by = times.map(|times| times.existed_by);
        } else if matches {
            cosigned = self.cosigned(signed);
            existed_by = cosigned.iter().map(|&(_, time)| time).max();
        }
        self.checkpoints.push(Attestation {
            size,
            matches,
            has_notes: core::mem::take(&mut self.has_notes),
            has_anchors: core::mem::take(&mut self.has_anchors),
            latest: self.latest.take(),
            existed_by,
            cosigned,
        });
    }

    fn cosigned(&mut self, signed: &SignedCheckpoint) -> Vec<(u32, Time)> {
        let mut cosigned = Vec::new();
        for line in &signed.note.signatures {
            let Some(time) = claimed_time(line) else { continue };
            let next = self.cosigners.len() as u32;
            cosigned.push((*self.cosigners.entry((line.name.clone(), line.id)).or_insert(next), time));
        }
        cosigned
    }

    /// Returns true for each checkpoint, in order, that a slice keeps.
    pub(super) fn choose(&self, shown: &ShownPlaces) -> Vec<bool> {
        let mut kept = vec![false; self.checkpoints.len()];
        if let Some(last) = kept.last_mut() {
            *last = true;
        }
        // The root of the last checkpoint that witnesses saw determines samples.
        if self.quorum.is_some()
            && let Some(seen) = self.checkpoints.iter().rposition(|seen| seen.existed_by.is_some())
        {
            kept[seen] = true;
        }
        for (kept, checkpoint) in kept.iter_mut().zip(&self.checkpoints) {
            *kept |= checkpoint.has_anchors;
        }
        self.keep_days(shown, &mut kept);
        let millisecond_before = |time: &Time| Time::from_millis(time.millis() - 1);
        let deadlines: BTreeSet<Time> =
            self.before.iter().filter_map(millisecond_before).chain(self.by.iter().copied()).collect();
        for deadline in deadlines {
            let existed =
                |place: &usize| self.checkpoints[*place].existed_by.is_some_and(|time| time <= deadline);
            if let Some(newest) = (0..kept.len()).rev().find(existed) {
                kept[newest] = true;
            }
            self.keep_for_any_quorum(deadline, &mut kept);
        }
        self.keep_for_any_revocation(shown, &mut kept);
        self.keep_against_times_that_fall(&mut kept);
        kept
    }

    /// Keeps the last checkpoint of each day in which entries shown were added.
    fn keep_days(&self, shown: &ShownPlaces, kept: &mut [bool]) {
        let day = |checkpoint: &Attestation| checkpoint.existed_by.map(|time| time.millis().div_euclid(DAY));
        let (mut days, mut shows) = (BTreeSet::new(), false);
        for (place, checkpoint) in self.checkpoints.iter().enumerate() {
            shows |= shown.shows.contains(&place);
            if let Some(day) = day(checkpoint)
                && core::mem::take(&mut shows)
            {
                days.insert(day);
            }
        }
        for (place, checkpoint) in self.checkpoints.iter().enumerate().rev() {
            kept[place] |= day(checkpoint).is_some_and(|day| days.remove(&day));
        }
    }

    /// Keeps checkpoints for any quorum that is met by some cosignatures: of those cosigned by the deadline, each one
    /// with cosigners who didn't all cosign a newer one by then.
    fn keep_for_any_quorum(&self, deadline: Time, kept: &mut [bool]) {
        let mut newer: Vec<BTreeSet<u32>> = Vec::new();
        for (place, checkpoint) in self.checkpoints.iter().enumerate().rev() {
            if newer.iter().any(|cosigners| cosigners.len() == self.cosigners.len()) {
                break;
            }
            let cosigners = checkpoint.cosigners_by(deadline);
            if !cosigners.is_empty() && !newer.iter().any(|newer| cosigners.is_subset(newer)) {
                kept[place] = true;
                newer.push(cosigners);
            }
        }
    }

    /// Keeps checkpoints for any time since which a verifier may distrust a key: for each witness, the first
    /// cosignature that attests each key note, and the shown part of each chain.
    fn keep_for_any_revocation(&self, shown: &ShownPlaces, kept: &mut [bool]) {
        let mut first: HashMap<u32, usize> = HashMap::new();
        for (place, checkpoint) in self.checkpoints.iter().enumerate().rev() {
            first.extend(checkpoint.cosigned.iter().map(|&(by, _)| (by, place)));
            if checkpoint.has_notes || shown.settles.contains(&place) {
                for &place in first.values() {
                    kept[place] = true;
                }
            }
        }
    }

    /// Keeps checkpoints whose links would be too early for the next one kept, because a later checkpoint may have
    /// existed by an earlier time.
    fn keep_against_times_that_fall(&self, kept: &mut [bool]) {
        let mut least: Option<Time> = None;
        let mut latest: Vec<Option<Time>> = Vec::with_capacity(self.checkpoints.len());
        let mut so_far = None;
        for checkpoint in &self.checkpoints {
            so_far = so_far.max(checkpoint.latest);
            let timed = checkpoint.existed_by.is_some();
            latest.push(if timed { so_far } else { None });
            // If the quorum isn't known, this checkpoint may turn out to have no times.
            if timed && self.quorum.is_some() {
                so_far = None;
            }
        }
        for (place, checkpoint) in self.checkpoints.iter().enumerate().rev() {
            let too_early = |(link, existed)| is_future(link, existed);
            kept[place] |= latest[place].zip(least).is_some_and(too_early);
            least = least.into_iter().chain(checkpoint.earliest()).min();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign::checkpoint::Checkpoint;
    use countersign::hash::Hash;
    use countersign::note::{Note, SignatureLine};

    const HOUR: i64 = 3_600_000;

    fn time(hours: i64) -> Time {
        Time::from_millis(hours * HOUR).unwrap()
    }

    /// Returns a checkpoint with a cosignature of each witness, at the given hours.
    fn signed(cosigned: &[(&str, i64)]) -> SignedCheckpoint {
        let line = |&(name, hours): &(&str, i64)| SignatureLine {
            name: name.into(),
            id: [0; 4],
            signature: [&(hours * 3600).to_be_bytes()[..], &[0; 64]].concat(),
        };
        SignedCheckpoint {
            checkpoint: Checkpoint { origin: "o".into(), size: 0, root: Hash([0; 32]) },
            note: Note { text: String::new(), signatures: cosigned.iter().map(line).collect() },
        }
    }

    /// Returns the checkpoints with these cosignatures that are kept if all entries are shown.
    fn kept_indexes(checkpoints: &[&[(&str, i64)]], ask: impl Fn(&mut Attestations<'_>)) -> Vec<usize> {
        let mut attestations = Attestations::new(None);
        ask(&mut attestations);
        for cosigned in checkpoints {
            attestations.checkpoint(&signed(cosigned), 0, true);
        }
        let kept = attestations.choose(&ShownPlaces::default());
        (0..kept.len()).filter(|&place| kept[place]).collect()
    }

    #[test]
    fn last_is_kept() {
        assert_eq!(kept_indexes(&[&[], &[], &[]], |_| ()), [2]);
        assert_eq!(kept_indexes(&[&[("w", 1)], &[("w", 2)], &[("w", 3)]], |_| ()), [2]);
    }

    #[test]
    fn last_of_each_day_with_shown_entries_is_kept() {
        let mut attestations = Attestations::new(None);
        for hours in [1, 5, 30, 49, 60, 100] {
            attestations.checkpoint(&signed(&[("w", hours)]), 0, true);
        }
        let mut shown = ShownPlaces::default();
        for place in [0, 3, 5] {
            shown.shows_after(place);
        }
        assert_eq!(attestations.choose(&shown), [false, true, false, false, true, true]);
        shown.shows_after(2);
        assert_eq!(attestations.choose(&shown), [false, true, true, false, true, true]);
    }

    #[test]
    fn newest_before_a_deadline_is_kept() {
        let checkpoints: [&[(&str, i64)]; 4] = [&[("w", 1)], &[("w", 2)], &[("w", 3)], &[("w", 4)]];
        assert_eq!(kept_indexes(&checkpoints, |a| _ = a.before.insert(time(3))), [1, 3]);
        assert_eq!(kept_indexes(&checkpoints, |a| _ = a.by.insert(time(3))), [2, 3]);
        assert_eq!(kept_indexes(&checkpoints, |a| _ = a.before.insert(time(1))), [3]);
    }

    #[test]
    fn newest_within_a_day_of_a_grants_end_is_kept() {
        let key = "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";
        let (key, until) = (key.parse().unwrap(), Some(time(1)));
        let statements = vec![Statement::Grant { key, from: None, until }];
        let note = KeyNote { origin: "o".into(), statements, note: signed(&[]).note };
        let checkpoints: [&[(&str, i64)]; 4] = [&[("w", 2)], &[("w", 25)], &[("w", 26)], &[("w", 90)]];
        // The first is kept because of the note itself.
        assert_eq!(kept_indexes(&checkpoints, |a| a.note(&note)), [0, 1, 3]);
    }

    #[test]
    fn unknown_quorum_keeps_checkpoints_for_any_quorum() {
        let checkpoints: [&[(&str, i64)]; 4] =
            [&[("a", 1), ("b", 1)], &[("a", 2), ("b", 2)], &[("a", 3), ("b", 9)], &[("a", 8), ("b", 8)]];
        // The third existed by hour 4 for verifiers who require only a, the second for those who require b too. The
        // second attests everything that the first can.
        assert_eq!(kept_indexes(&checkpoints, |a| _ = a.by.insert(time(4))), [1, 2, 3]);
    }

    #[test]
    fn unknown_quorum_keeps_older_ones_until_one_has_all_witnesses() {
        let checkpoints: [&[(&str, i64)]; 3] = [&[("b", 1)], &[("a", 2)], &[("a", 9)]];
        assert_eq!(kept_indexes(&checkpoints, |a| _ = a.by.insert(time(4))), [0, 1, 2]);
        // The second attests everything that the first can.
        let checkpoints: [&[(&str, i64)]; 3] = [&[("a", 1)], &[("a", 2)], &[("a", 9), ("b", 9)]];
        assert_eq!(kept_indexes(&checkpoints, |a| _ = a.by.insert(time(4))), [1, 2]);
    }

    #[test]
    fn each_chain_keeps_its_first_witnesses_for_unknown_revocations() {
        let mut attestations = Attestations::new(None);
        for (hour, by) in [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "b")] {
            attestations.checkpoint(&signed(&[(by, hour)]), 0, true);
        }
        let mut shown = ShownPlaces::default();
        shown.settles_after([1, 5]);
        assert_eq!(attestations.choose(&shown), [false, true, true, false, true]);
    }

    #[test]
    fn first_with_a_link_is_kept_if_a_later_one_may_be_earlier() {
        let kept = |link: i64| {
            let mut attestations = Attestations::new(None);
            attestations.link(time(link));
            attestations.checkpoint(&signed(&[("a", 10)]), 0, true);
            attestations.checkpoint(&signed(&[("b", 4)]), 0, true);
            attestations.choose(&ShownPlaces::default())
        };
        assert_eq!(kept(9), [true, true]);
        assert_eq!(kept(4), [false, true]);
    }

    #[test]
    fn unknown_quorum_counts_a_link_for_all_candidates() {
        let mut attestations = Attestations::new(None);
        attestations.link(time(9));
        for cosigned in [("a", 10), ("a", 11), ("b", 4)] {
            attestations.checkpoint(&signed(&[cosigned]), 0, true);
        }
        assert_eq!(attestations.choose(&ShownPlaces::default()), [true, true, true]);
    }

    #[test]
    fn mismatching_checkpoint_attests_nothing() {
        let mut attestations = Attestations::new(None);
        attestations.by.insert(time(3));
        attestations.checkpoint(&signed(&[("w", 1)]), 0, true);
        attestations.checkpoint(&signed(&[("w", 2)]), 0, false);
        attestations.checkpoint(&signed(&[("w", 9)]), 0, true);
        assert_eq!(attestations.choose(&ShownPlaces::default()), [true, false, true]);
    }
}
