//! A destination that prints items to standard output.

use std::io::{self, Write as _};

use countersign_client::DestinationError;
use countersign_watch::{Destination, Item, ItemKind};

use crate::io::style::{self, bad, doubt, faint, plain};

/// Prints each item as text, or as one line of JSON.
pub(crate) struct Printer {
    pub(crate) json: bool,
}

impl Destination for Printer {
    fn name(&self) -> &'static str {
        "output"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != ItemKind::Scan
    }

    fn accept(&mut self, item: &Item) -> Result<(), DestinationError> {
        let text = if self.json { item.text.clone() + "\n" } else { text(item) };
        match style::write(&text).and_then(|()| io::stdout().flush()) {
            // A closed pipe is no error: the reader has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(DestinationError::later(error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

fn text(item: &Item) -> String {
    let mark = match item.kind {
        ItemKind::Alert => bad("✗ alert"),
        ItemKind::Unverified => bad("✗ altered"),
        ItemKind::Retract | ItemKind::Scan => doubt("! retracted"),
    };
    let title = item.title.strip_prefix("retracted: ").unwrap_or(&item.title);
    format!("{mark} {}\n  {} {}\n", plain(title).replace('\n', " "), faint("id:"), item.id)
}
