//! Chooses the checkpoints in an export by what they attest about time (SPEC section 7).

use std::collections::BTreeSet;
use std::ops::Range;

use countersign::checkpoint::claimed_time;
use countersign::keys::{KeyNote, Statement};
use countersign::log::VoidGrants;
use countersign::time::{DAY, Time};
use countersign::trust::Trust;

use crate::store::{EntryReader, Published, Reader, StoreError};

/// The times that a log's checkpoints attest, and the moments at which verifiers will need one.
#[derive(Clone, Debug, Default)]
pub(super) struct Attested {
    /// The kept checkpoints, by size.
    checkpoints: Vec<Attestation>,
    /// The indexes of key notes, ascending.
    pub(super) notes: Vec<u64>,
    /// The moments at which verifiers need the newest checkpoint that existed by then.
    deadlines: BTreeSet<Time>,
    /// The index below which all key notes are known.
    read: u64,
    /// True if a quorum of witnesses determines when checkpoints existed.
    by_quorum: bool,
}

#[derive(Clone, Copy, Debug)]
struct Attestation {
    size: u64,
    /// The time by which it existed, if it has times.
    existed_by: Option<Time>,
    /// The time of its first cosignature.
    first: Option<Time>,
    /// The time of publication, by the server's clock.
    at: Time,
    /// The tick of a head.
    tick: Option<u64>,
}

/// The time since which a log has had each entry, according to its kept checkpoints. Emitters have no influence on it.
pub struct Had(Vec<(u64, Time)>);

impl Had {
    /// Returns the time of the first kept checkpoint that contains the entry: never before the entry arrived,
    /// and at most an hour after. `None` if no checkpoint contains it.
    pub fn since(&self, index: u64) -> Option<Time> {
        let first = self.0.partition_point(|(size, _)| *size <= index);
        self.0.get(first).map(|(_, time)| *time)
    }
}

impl Attested {
    /// Reads the checkpoints and key notes up to `size` that have not been read yet.
    pub(super) fn catch_up(
        &mut self,
        reader: &dyn Reader,
        trust: Option<&Trust>,
        size: u64,
    ) -> Result<(), StoreError> {
        self.by_quorum = trust.is_some_and(Trust::has_quorum);
        if self.read == 0 {
            let since = trust.map_or(&[][..], Trust::revocations).iter().filter_map(|line| line.since);
            self.deadlines.extend(since.filter_map(just_before));
        }
        // The store keeps only the last checkpoint of each hour: the newest known one may have been replaced.
        if let Some(newest) = self.checkpoints.pop() {
            // A kept head may have the size of the newest one. Both are read again.
            while self.checkpoints.pop_if(|kept| kept.size == newest.size).is_some() {}
        }
        let known = self.checkpoints.last().map_or(0, |last| last.size + 1);
        for published in reader.checkpoints(known..size.max(known) + 1)? {
            self.checkpoints.push(attestation(&published, trust)?);
        }
        if size > self.read {
            // Notes that were read before an error are known.
            let unread = self.notes.last().map_or(self.read, |last| self.read.max(last + 1));
            for index in reader.notes(unread..size)? {
                self.read_note(reader, index)?;
                self.notes.push(index);
            }
            self.read = size;
        }
        Ok(())
    }

    fn read_note(&mut self, reader: &dyn EntryReader, index: u64) -> Result<(), StoreError> {
        for statement in &key_note(reader, index)?.statements {
            let deadline = match statement {
                Statement::Grant { until, .. } => {
                    until.and_then(|until| Time::from_millis(until.millis() + DAY))
                }
                Statement::Revoke { since, .. } => since.and_then(just_before),
            };
            self.deadlines.extend(deadline);
        }
        Ok(())
    }

    /// Returns the sizes of the checkpoints to keep. `shows` returns true if one of these entries is shown. `settled`
    /// are key notes, and the last link shown of each chain: the time by which they existed must be as exact as
    /// possible.
    pub(super) fn choose(
        &self,
        size: u64,
        shows: &dyn Fn(Range<u64>) -> bool,
        settled: impl Iterator<Item = u64>,
    ) -> BTreeSet<u64> {
        let timed: Vec<(u64, Time, Time)> = self
            .checkpoints
            .iter()
            .take_while(|checkpoint| checkpoint.size <= size)
            .filter_map(|checkpoint| Some((checkpoint.size, checkpoint.existed_by?, checkpoint.first?)))
            .collect();
        // The earliest times among the checkpoints from each one on.
        let mut earliest: Vec<(Time, Time)> = Vec::with_capacity(timed.len());
        for &(_, existed_by, first) in timed.iter().rev() {
            let (least, least_first) = earliest.last().copied().unwrap_or((existed_by, first));
            earliest.push((least.min(existed_by), least_first.min(first)));
        }
        earliest.reverse();

        let mut kept = BTreeSet::new();
        keep_days(&timed, shows, &mut kept);
        for &deadline in &self.deadlines {
            // The earliest times ascend, so the last one in time belongs to the newest checkpoint in time.
            let in_time = earliest.partition_point(|(least, _)| *least <= deadline);
            kept.extend(in_time.checked_sub(1).and_then(|newest| Some(timed.get(newest)?.0)));
        }
        for index in settled {
            let first = timed.partition_point(|(size, ..)| *size <= index);
            kept.extend(timed.get(first).map(|(size, ..)| *size));
        }
        // If a later checkpoint existed by an earlier time, links could seem to be in its future.
        for ((size, existed_by, _), (_, later)) in timed.iter().zip(earliest.iter().skip(1)) {
            if later < existed_by {
                kept.insert(*size);
            }
        }
        kept
    }

    /// Returns when the newest checkpoint with times existed: according to the quorum, or else to its first
    /// cosignature, so that no single witness can move it to a later time.
    pub(super) fn newest_time(&self) -> Option<Time> {
        let newest = self.checkpoints.iter().rev().find(|checkpoint| checkpoint.existed_by.is_some())?;
        if self.by_quorum { newest.existed_by } else { newest.first }
    }

    /// Returns the times since which the log has had its entries, according to witnesses, or else to its own clock. A
    /// checkpoint that witnesses saw again counts from when they saw it `first`.
    pub(super) fn had(&self, first: Option<&Published>, trust: Option<&Trust>) -> Result<Had, StoreError> {
        let first = first.map(|first| attestation(first, trust)).transpose()?;
        let time = |checkpoint: &Attestation| {
            let had = first.filter(|first| first.size == checkpoint.size).unwrap_or(*checkpoint);
            had.existed_by.unwrap_or(had.at)
        };
        Ok(Had(self.checkpoints.iter().map(|checkpoint| (checkpoint.size, time(checkpoint))).collect()))
    }

    /// Returns the time by which a kept checkpoint with the entry existed, according to a quorum.
    fn existed_by(&self, index: u64) -> Option<Time> {
        let first = self.checkpoints.partition_point(|checkpoint| checkpoint.size <= index);
        let holding = self.checkpoints[first..].iter().filter(|_| self.by_quorum);
        holding.filter_map(|checkpoint| checkpoint.existed_by).min()
    }

    /// Returns the sizes of all kept checkpoints in this range.
    pub(super) fn sizes(&self, within: Range<u64>) -> impl Iterator<Item = u64> {
        let sizes = self.checkpoints.iter().map(|checkpoint| checkpoint.size);
        sizes.filter(move |size| within.contains(size))
    }
}

impl Attested {
    /// Returns the sizes and ticks of the kept heads with these sizes, before a tick.
    pub(super) fn heads(&self, sizes: &BTreeSet<u64>, before: u64) -> Vec<(u64, u64)> {
        let heads = self.checkpoints.iter().filter_map(|head| Some((head.size, head.tick?)));
        heads.filter(|(size, tick)| *tick < before && sizes.contains(size)).collect()
    }
}

/// Returns the grants in a log that this trust file makes void; `None` if there can be none.
///
/// # Errors
/// [`StoreError`].
pub fn void_grants(reader: &dyn Reader, trust: &Trust) -> Result<Option<VoidGrants>, StoreError> {
    let Some(mut void) = VoidGrants::for_trust(trust) else { return Ok(None) };
    let mut attested = Attested::default();
    attested.catch_up(reader, Some(trust), reader.size()?)?;
    for &index in &attested.notes {
        void.note(trust, &key_note(reader, index)?, attested.existed_by(index));
    }
    Ok(Some(void))
}

fn key_note(reader: &dyn EntryReader, index: u64) -> Result<KeyNote, StoreError> {
    let leaf = reader.leaves(index..index + 1)?.pop().unwrap_or_default();
    let note = str::from_utf8(&leaf).ok().and_then(|text| KeyNote::parse(text).ok());
    note.ok_or_else(|| StoreError::Damaged(format!("entry {index} is not a key note")))
}

/// Keeps the last checkpoint of each day in which entries shown were added.
fn keep_days(timed: &[(u64, Time, Time)], shows: &dyn Fn(Range<u64>) -> bool, kept: &mut BTreeSet<u64>) {
    let day = |time: Time| time.millis().div_euclid(DAY);
    let (mut days, mut before) = (BTreeSet::new(), 0);
    for &(size, existed_by, _) in timed {
        if shows(before..size) {
            days.insert(day(existed_by));
        }
        before = size;
    }
    for &(size, existed_by, _) in timed.iter().rev() {
        if days.remove(&day(existed_by)) {
            kept.insert(size);
        }
    }
}

fn just_before(time: Time) -> Option<Time> {
    Time::from_millis(time.millis() - 1)
}

fn attestation(published: &Published, trust: Option<&Trust>) -> Result<Attestation, StoreError> {
    let signed = published.state().checkpoint()?;
    let lines = &signed.note.signatures;
    let cosigned = || lines.iter().filter_map(claimed_time);
    let existed_by = match trust.filter(|trust| trust.has_quorum()) {
        Some(trust) => {
            // The cosignatures were verified when they arrived.
            let by_witness = |(place, key)| {
                Some((place, lines.iter().find(|line| line.is_of(key)).and_then(claimed_time)?))
            };
            let cosignatures: Vec<(usize, Time)> =
                trust.witnesses().enumerate().filter_map(by_witness).collect();
            trust.times(&cosignatures).map(|times| times.existed_by)
        }
        None => cosigned().max(),
    };
    Ok(Attestation {
        size: published.size,
        existed_by,
        first: cosigned().min(),
        at: published.at,
        tick: published.state().tick()?,
    })
}
