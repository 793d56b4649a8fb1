//! The interface to the program that runs a monitor.

/// The program that runs a monitor. It may stop a check, and shows its progress.
pub trait MonitorObserver: Sync {
    /// True if the program was asked to stop; a running check then ends soon.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called while entries are read: `done` of `total` entry bundles are read.
    fn reading(&self, _done: u64, _total: u64) {}

    /// Called when all entries are read.
    fn reading_done(&self) {}
}

/// Never stops, and shows nothing.
impl MonitorObserver for () {}
