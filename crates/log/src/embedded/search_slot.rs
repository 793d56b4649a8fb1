//! Slots for searches, whose number is limited.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::tokens::Access;

/// The slot of a running search.
pub(super) struct SearchSlot {
    /// The credential of the reader.
    pub(super) reader: String,
    pub(super) gives_way: AtomicBool,
}

impl SearchSlot {
    pub(super) fn new(access: &Access) -> Arc<Self> {
        Arc::new(Self { reader: access.credential(), gives_way: AtomicBool::new(false) })
    }

    /// True if another search takes over this slot.
    pub(super) fn gives_way(&self) -> bool {
        self.gives_way.load(Ordering::Relaxed)
    }
}
