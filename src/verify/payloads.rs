//! The check `payloads`: every shown event matches its link's commit.

use super::report::Check;
use crate::phrases;

/// Counts of the events so far.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    pub(super) shown: u64,
    pub(super) withheld: u64,
    pub(super) failed: u64,
}

impl Payloads {
    pub(super) fn check(&self) -> Check {
        let none = if self.withheld > 0 { phrases::REASON_NO_EVENT_SHOWN } else { phrases::REASON_NO_EVENT };
        Check::new(self.shown, self.failed, (self.shown == 0).then_some(none))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn reason_tells_withheld_events_from_none() {
        let reason = |withheld| Payloads { withheld, ..Payloads::default() }.check().reason;
        assert_eq!(reason(0).as_deref(), Some("the export has no event"));
        assert_eq!(reason(1).as_deref(), Some("the export shows no event"));
    }
}
