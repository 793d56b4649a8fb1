//! Notices of a feed, as text on the terminal.

use countersign_dispatch::{DispatchObserver, Notice};

use crate::io::{stop, style};

/// Prints notices, and passes on that the program was asked to stop.
pub(super) struct Terminal;

impl DispatchObserver for Terminal {
    fn is_stopped(&self) -> bool {
        stop::asked()
    }

    fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Accepting => style::done(&notice.to_string()),
            _ => style::warn(&notice.to_string()),
        }
    }
}
