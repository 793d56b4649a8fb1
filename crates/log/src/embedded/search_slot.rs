//! Slots for searches, whose number is limited.

use std::cell::Cell;
use std::rc::Rc;

use crate::tokens::Access;

/// The slot of a running search.
pub(super) struct SearchSlot {
    /// The origin of the log.
    pub(super) log: Box<str>,
    /// The credential of the reader.
    pub(super) reader: String,
    pub(super) gives_way: Cell<bool>,
}

impl SearchSlot {
    pub(super) fn new(log: &str, access: &Access) -> Rc<Self> {
        Rc::new(Self { log: log.into(), reader: access.credential(), gives_way: Cell::new(false) })
    }

    /// True if another search takes over this slot.
    pub(super) fn gives_way(&self) -> bool {
        self.gives_way.get()
    }
}
