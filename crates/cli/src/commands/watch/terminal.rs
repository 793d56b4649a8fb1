//! Notices of a watch, as text on the terminal.

use countersign_watch::{Notice, Observer};

use crate::commands::analyze;
use crate::io::{stop, style};

/// Prints notices, and passes on that the program was asked to stop.
pub(crate) struct Terminal {
    /// The name of the rules.
    pub(crate) pack: String,
}

impl Observer for Terminal {
    fn is_stopped(&self) -> bool {
        stop::asked()
    }

    fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Coverage(coverage) => {
                for gap in analyze::gaps(coverage, &self.pack) {
                    style::warn(&gap);
                }
            }
            Notice::Accepting { .. } => style::done(&notice.to_string()),
            _ => style::warn(&notice.to_string()),
        }
    }
}
