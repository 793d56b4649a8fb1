//! The numbers of tenant logs by state. They contain no names, so metrics can show them.

use std::sync::atomic::{AtomicU64, Ordering};

use countersign::tenant::State;

use super::heads::SlotHead;

/// The numbers of tenant logs by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantCounts {
    /// The logs that accept entries.
    pub live: u64,
    /// The logs that ended, also if they had been stopped before.
    pub ended: u64,
    /// The stopped logs that have not ended.
    pub stopped: u64,
}

/// The numbers of heads as of the last tick, which the sequencer keeps.
#[derive(Debug, Default)]
pub(super) struct HeadCounts {
    all: AtomicU64,
    ended: AtomicU64,
}

impl HeadCounts {
    /// Counts all heads again.
    pub(super) fn reset<'h>(&self, heads: impl Iterator<Item = &'h SlotHead>) {
        let (mut all, mut ended) = (0, 0);
        for head in heads {
            all += 1;
            ended += u64::from(head.state != State::Live);
        }
        self.all.store(all, Ordering::Relaxed);
        self.ended.store(ended, Ordering::Relaxed);
    }

    /// Counts a head that a tick changed, given the one before.
    pub(super) fn changed(&self, before: Option<&SlotHead>, head: &SlotHead) {
        if before.is_none() {
            self.all.fetch_add(1, Ordering::Relaxed);
        }
        if head.state != State::Live && before.is_none_or(|before| before.state == State::Live) {
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the numbers of logs, given the last heads of those that are stopped.
    pub(super) fn with_stopped<'h>(&self, stopped: impl Iterator<Item = &'h SlotHead>) -> TenantCounts {
        let ended = self.ended.load(Ordering::Relaxed);
        let running = self.all.load(Ordering::Relaxed).saturating_sub(ended);
        let stopped = stopped.filter(|head| head.state == State::Live).count() as u64;
        TenantCounts { live: running.saturating_sub(stopped), ended, stopped }
    }
}
