//! The memory of tenant heads for a root log in a bucket. Commits are never replaced, so a head that they contain needs no
//! other record. The server's file still proves that the bucket lacks something that this server has shown.

use std::collections::BTreeSet;

use countersign_log::store::StoreError;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::memory::{AcceptedLoss, RememberedHead, TenantHeadMemory};
use countersign_log::tenants::tenant::TenantNumber;

use crate::heads_file::TenantHeadsFile;

/// The heads in a server's file, and those that only the bucket has: other servers showed them, or the folder is new.
pub(crate) struct HeadsOfBucket {
    file: TenantHeadsFile,
    heads: Vec<RememberedHead>,
    /// The number of ticks that the bucket had.
    ticks: u64,
}

impl HeadsOfBucket {
    /// Combines a server's file with the heads that the bucket has after this number of ticks.
    ///
    /// # Errors
    /// If the file can't be read or written.
    pub(crate) fn new(
        mut file: TenantHeadsFile,
        stored: &[SlotHead],
        ticks: u64,
    ) -> Result<Self, StoreError> {
        let tick = ticks.saturating_sub(1);
        let mut heads = file.heads()?;
        let known: std::collections::BTreeSet<_> = heads.iter().map(|known| known.head.number).collect();
        let new: Vec<SlotHead> =
            stored.iter().filter(|head| !known.contains(&head.number)).copied().collect();
        if !new.is_empty() {
            file.remember(tick, &new)?;
        }
        heads.extend(new.into_iter().map(|head| RememberedHead { tick, head }));
        Ok(Self { file, heads, ticks })
    }
}

impl TenantHeadMemory for HeadsOfBucket {
    fn heads(&mut self) -> Result<Vec<RememberedHead>, StoreError> {
        Ok(std::mem::take(&mut self.heads))
    }

    fn completed_at(&self) -> Option<u64> {
        Some(self.ticks)
    }

    fn remember(&mut self, tick: u64, heads: &[SlotHead]) -> Result<(), StoreError> {
        self.file.remember(tick, heads)
    }

    fn accepted_losses(&mut self) -> Result<Vec<AcceptedLoss>, StoreError> {
        self.file.accepted_losses()
    }

    fn ended_without_event(&self) -> BTreeSet<TenantNumber> {
        self.file.ended_without_event()
    }

    fn accept_loss(&mut self, loss: &AcceptedLoss) -> Result<(), StoreError> {
        self.file.accept_loss(loss)
    }
}
