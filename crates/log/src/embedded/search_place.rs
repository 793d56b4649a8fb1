//! Places of searches, of which there are few.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::tokens::Access;

/// The place of one of the searches that there are.
pub(super) struct Place {
    /// Who searches.
    pub(super) reader: String,
    pub(super) gives_way: AtomicBool,
}

impl Place {
    pub(super) fn of(access: &Access) -> Arc<Self> {
        Arc::new(Self { reader: access.credential(), gives_way: AtomicBool::new(false) })
    }

    /// True if another search takes this place.
    pub(super) fn gives_way(&self) -> bool {
        self.gives_way.load(Ordering::Relaxed)
    }
}
