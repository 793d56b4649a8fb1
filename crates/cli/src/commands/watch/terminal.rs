//! Notices of a watch, as text on the terminal.

use countersign_watch::{Examined, WatchNotice, WatchObserver};

use crate::commands::analyze;
use crate::io::{stop, style};

/// Prints notices, and reports a request to stop.
pub(crate) struct WatchTerminal {
    /// The name of the rule pack.
    pub(crate) pack: String,
}

impl WatchObserver for WatchTerminal {
    fn is_stopped(&self) -> bool {
        stop::is_requested()
    }

    fn notice(&self, notice: &WatchNotice) {
        match notice {
            WatchNotice::Gaps(examined) => {
                let Examined { coverage, limits, future } = &**examined;
                let gaps = analyze::gaps(coverage, &self.pack);
                for gap in gaps.iter().chain(&analyze::skipped(limits, *future)) {
                    style::warn(gap);
                }
            }
            WatchNotice::Accepting { .. } => style::done(&notice.to_string()),
            _ => style::warn(&notice.to_string()),
        }
    }
}
