//! The check `payloads`: does every event shown match its link's commit?

use super::report::Check;

/// The events so far.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    pub(super) shown: u64,
    pub(super) withheld: u64,
    pub(super) failed: u64,
}

impl Payloads {
    pub(super) fn check(&self) -> Check {
        let none = if self.withheld > 0 { "no event is shown" } else { "there is no event" };
        Check::of(self.shown, self.failed, (self.shown == 0).then_some(none))
    }
}
