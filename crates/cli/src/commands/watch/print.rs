//! The standard output.

use std::io::{self, Write as _};

use super::handing::{DestinationError, Receiver};
use super::item::{Item, Kind};
use crate::io::style::{self, bad, doubt, faint, plain};

/// Prints each item, as text or as a line of JSON.
pub(crate) struct Print {
    pub(crate) json: bool,
}

impl Receiver for Print {
    fn name(&self) -> &'static str {
        "output"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != Kind::Scan
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        let text = if self.json { item.text.clone() + "\n" } else { text(item) };
        match style::write(&text).and_then(|()| io::stdout().flush()) {
            // Nobody listens any more.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(DestinationError::later(error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

fn text(item: &Item) -> String {
    let mark = match item.kind {
        Kind::Alert => bad("✗ alert"),
        Kind::Unverified => bad("✗ altered"),
        Kind::Retract | Kind::Scan => doubt("! taken back"),
    };
    let title = item.title.strip_prefix("taken back: ").unwrap_or(&item.title);
    format!("{mark} {}\n  {} {}\n", plain(title).replace('\n', " "), faint("id:"), item.id)
}
