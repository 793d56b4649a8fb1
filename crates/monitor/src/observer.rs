//! The program around a monitor.

/// The program around a monitor, which may stop a check and shows how far it is.
pub trait Observer: Sync {
    /// True if the program was asked to stop: a check ends soon then.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called while entries are read: `done` of `total` entry bundles were.
    fn reading(&self, _done: u64, _total: u64) {}

    /// Called when reading entries has ended.
    fn has_read(&self) {}
}

/// Never stops, and shows nothing.
impl Observer for () {}
