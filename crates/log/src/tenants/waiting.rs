//! The room for entries that wait for a tick.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::log::Submission;

/// Limits on the entries that wait for a tick, and their current amounts. Clones share the amounts, so that several root
/// logs can share the memory of one process.
#[derive(Clone, Debug)]
pub struct WaitingRoom {
    max: Amount,
    used: Arc<Mutex<Amount>>,
}

/// A number of entries and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    entries: usize,
    bytes: usize,
}

impl WaitingRoom {
    /// Creates room for at most this many entries, whose text and events have at most this many bytes. An empty room
    /// has place for any single submission.
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { max: Amount { entries: max_entries, bytes: max_bytes }, used: Arc::default() }
    }

    /// Creates room for this many bytes, and for one entry for each KiB of them.
    pub fn with_bytes(max_bytes: usize) -> Self {
        Self::new(max_bytes >> 10, max_bytes)
    }

    /// Returns this room with another limit, for this many bytes, and for one entry for each KiB of them.
    #[must_use]
    pub fn limited_to(&self, max_bytes: usize) -> Self {
        Self { used: self.used.clone(), ..Self::with_bytes(max_bytes) }
    }

    /// Returns the part of the room that one root log uses. Nothing is used at first.
    pub(super) fn part(self) -> RoomPart {
        RoomPart { room: self, own: Amount::default() }
    }

    fn used(&self) -> MutexGuard<'_, Amount> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for WaitingRoom {
    /// Returns room for 131,072 entries and 128 MiB.
    fn default() -> Self {
        Self::with_bytes(128 << 20)
    }
}

/// The part of a room that one root log uses. Dropping it frees that part.
#[derive(Debug)]
pub(super) struct RoomPart {
    room: WaitingRoom,
    own: Amount,
}

impl RoomPart {
    /// True if a submission fits.
    pub(super) fn fits(&self, submission: &Submission) -> bool {
        self.fits_amount(submission.entries().len(), submission.bytes())
    }

    /// Uses the room of a submission that waits, of which this number of entries are new. Its answer needs room too.
    pub(super) fn take(&mut self, submission: &Submission, added: usize) {
        self.take_amount(added.max(1), if added == 0 { 0 } else { submission.bytes() });
    }

    /// Frees the part: nothing waits anymore.
    pub(super) fn clear(&mut self) {
        let Amount { entries, bytes } = std::mem::take(&mut self.own);
        let mut used = self.room.used();
        used.entries -= entries;
        used.bytes -= bytes;
    }

    fn fits_amount(&self, entries: usize, bytes: usize) -> bool {
        let (used, max) = (*self.room.used(), self.room.max);
        let fits = |used: usize, more, max| used.checked_add(more).is_some_and(|sum| sum <= max);
        used.entries == 0 || fits(used.entries, entries, max.entries) && fits(used.bytes, bytes, max.bytes)
    }

    fn take_amount(&mut self, entries: usize, bytes: usize) {
        let mut used = self.room.used();
        for amount in [&mut *used, &mut self.own] {
            amount.entries += entries;
            amount.bytes += bytes;
        }
    }
}

impl Drop for RoomPart {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_share_the_room_and_free_their_part() {
        let room = WaitingRoom::new(10, 100);
        let (mut one, mut other) = (room.clone().part(), room.clone().part());
        assert!(one.fits_amount(99, 999), "an empty room has place for any single submission");
        one.take_amount(9, 60);
        assert!(other.fits_amount(1, 40) && !other.fits_amount(2, 1) && !other.fits_amount(1, 41));
        assert!(!other.fits_amount(1, usize::MAX));
        other.take_amount(1, 40);
        assert!(!one.fits_amount(1, 0));
        one.clear();
        assert!(one.fits_amount(9, 60) && !one.fits_amount(10, 0));
        drop(other);
        assert_eq!(*room.used(), Amount::default());
    }
}
