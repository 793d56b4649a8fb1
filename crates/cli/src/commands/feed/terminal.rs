//! Notices of a feed, as text on the terminal.

use countersign_dispatch::{DispatchNotice, DispatchObserver};

use crate::io::{stop, style};

/// Prints notices, and reports a request to stop.
pub(super) struct FeedTerminal;

impl DispatchObserver for FeedTerminal {
    fn is_stopped(&self) -> bool {
        stop::is_requested()
    }

    fn notice(&self, notice: &DispatchNotice) {
        match notice {
            DispatchNotice::Accepting => style::done(&notice.to_string()),
            _ => style::warn(&notice.to_string()),
        }
    }
}
