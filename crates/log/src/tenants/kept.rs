//! Keeps a head of each tenant log for every hour in which it grew, so that its exports show when entries existed (SPEC
//! section 7).

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::time::Time;

use super::anchors::PastHead;
use super::directory::TickDirectory;
use super::heads::{HeadShards, SlotHead};
use super::store::{KeptHead, TenantWriter};
use super::tenant::TenantNumber;
use crate::store::Published;
use crate::tables::hour;

/// Follows published ticks. Before the first publication in a new hour, it keeps heads of the tick before, whose
/// checkpoint the store keeps as the last one of its hour.
pub(super) struct HeadKeeper {
    /// The logs with entries that no kept head contains.
    unkept: BTreeSet<TenantNumber>,
    /// The last tick whose checkpoint was published with the quorum.
    last: Option<LastTick>,
}

struct LastTick {
    at: Time,
    directory: Arc<TickDirectory>,
    /// True if its heads are kept.
    is_kept: bool,
}

impl LastTick {
    fn to_kept_head(&self, head: &SlotHead) -> Option<KeptHead> {
        let SlotHead { id, number, size, state, .. } = *head;
        let (_, salt, siblings) = self.directory.prove(&id)?;
        let head = PastHead { tick: self.directory.tick(), size, state, salt, siblings };
        Some(KeptHead { number, head })
    }
}

impl HeadKeeper {
    /// Starts with the logs that have entries which no kept head contains.
    pub(super) fn new(unkept: &[TenantNumber]) -> Self {
        Self { unkept: unkept.iter().copied().collect(), last: None }
    }

    /// Records that these logs grew at a tick.
    pub(super) fn grew(&mut self, logs: impl IntoIterator<Item = TenantNumber>) {
        self.unkept.extend(logs);
    }

    /// Records that the checkpoint of a tick is published. One without the quorum proves no times.
    pub(super) fn published(&mut self, checkpoint: &Published, directory: Arc<TickDirectory>) {
        if checkpoint.witnessed {
            self.last = Some(LastTick { at: checkpoint.at, directory, is_kept: false });
        }
    }

    /// Keeps heads if the checkpoint that is to be published at this time is the first one of its hour. If that fails,
    /// it is tried again before the next publication. `newest` are the heads as of the last committed tick.
    pub(super) fn keep_before(&mut self, at: Time, newest: &HeadShards, writer: &mut dyn TenantWriter) {
        let is_due = |last: &&mut LastTick| !last.is_kept && hour(last.at) != hour(at);
        let Some(last) = self.last.as_mut().filter(is_due) else { return };
        let is_unkept = |head: &&SlotHead| head.size > 0 && self.unkept.contains(&head.number);
        let unkept: Vec<SlotHead> = last.directory.heads().iter().filter(is_unkept).copied().collect();
        let heads: Vec<KeptHead> = unkept.iter().filter_map(|head| last.to_kept_head(head)).collect();
        let done = if heads.is_empty() { Ok(()) } else { writer.keep_heads(&heads) };
        match done {
            Ok(()) => {
                last.is_kept = true;
                let is_kept =
                    |head: &&SlotHead| newest.find(&head.id).is_some_and(|newest| newest.size == head.size);
                for head in unkept.iter().filter(is_kept) {
                    self.unkept.remove(&head.number);
                }
            }
            Err(error) => tracing::warn!(%error, "the heads of an hour can't be kept"),
        }
    }
}
