//! Exports out of a log server's folder: the same code that the log server serves them by.

use std::io::{self, Cursor, Read};
use std::path::Path;

use countersign_client::unreadable_folder;
use countersign_log::export::{Explained, ExportError, Exporter, Lines, Request};
use countersign_log::store::StoreError;
use countersign_log_server::sqlite;

use crate::commands::serve::{DAMAGED_STORE, store_hint};
use crate::commands::slice::Chosen;
use crate::errors::{CliError, shown};
use crate::io::input;

/// The trust file that the log server of the folder goes by, unless it was given another.
const TRUST: &str = "trust.txt";

/// A log in a folder, and what is asked of it.
pub(super) struct Log {
    exporter: Exporter,
    request: Request,
    name: String,
}

/// An export as it is made.
pub(super) struct Made {
    lines: Lines,
    piece: Cursor<Vec<u8>>,
    /// How many links and events of it are as asked.
    pub(super) matched: u64,
}

/// Opens the log in that folder; a log server may run there meanwhile.
pub(super) fn open(
    folder: &Path,
    chosen: &Chosen,
    query: &[(&'static str, String)],
) -> Result<Log, CliError> {
    let name = shown(folder);
    std::fs::read_dir(folder).map_err(|error| unreadable_folder(&name, &error))?;
    let (origin, reader) = sqlite::open_reader(folder).map_err(|error| {
        let hint = "give the folder of a log server whose log is in it; of one in a bucket, give its address";
        CliError::unusable("store.failed", error.to_string(), store_hint(&error, hint)).within(&name)
    })?;
    let own = folder.join(TRUST);
    let trust = match &chosen.trust {
        Some(path) => Some(input::trust(path)?),
        None if own.is_file() => Some(input::trust(&own)?),
        None => None,
    };
    let mut request = Request { places: chosen.event.clone(), ..Request::default() };
    for (condition, value) in query {
        let bound = || value.parse::<u64>().ok();
        match *condition {
            "from" => request.from = bound(),
            "to" => request.to = bound(),
            "limit" => request.limit = bound(),
            "boundary" => request.boundary = bound(),
            condition => {
                request.asked.set(condition, value, countersign_client::now()?).map_err(|error| {
                    let message = format!("--{condition}: {error}");
                    CliError::unusable("arguments.invalid", message, "see `countersign export --help`")
                })?;
            }
        }
    }
    let exporter = Exporter::new(reader, origin, trust).with_parsers(chosen.own.load()?);
    Ok(Log { exporter, request, name })
}

impl Log {
    /// Begins the export.
    pub(super) fn export(&self) -> Result<Made, CliError> {
        let plan = self.exporter.plan(&self.request, &|| false);
        let plan = plan.map_err(|error| explain(&error).within(&self.name))?;
        Ok(Made { matched: plan.shown().len(), lines: plan.lines(), piece: Cursor::default() })
    }

    /// What a search of it finds.
    pub(super) fn explain(&self, fields_alone: bool) -> Result<Explained, CliError> {
        let explained = self.exporter.explain(&self.request, fields_alone, &|| false);
        explained.map_err(|error| explain(&error).within(&self.name))
    }
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.lines.next_piece().map_err(io::Error::other)? {
                Some(piece) => self.piece = Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}

fn explain(error: &ExportError) -> CliError {
    let (code, hint) = match error {
        ExportError::Invalid { .. } => ("arguments.invalid", "see `countersign export --help`"),
        ExportError::NotFound(_) => ("log.not_found", "only what the log has published can be exported"),
        ExportError::Canceled
        | ExportError::Revoked
        | ExportError::Store(StoreError::Unavailable { .. } | StoreError::Stopped(_)) => {
            ("store.failed", "check the folder, and who may read it")
        }
        ExportError::Store(StoreError::Damaged(_)) => ("store.damaged", DAMAGED_STORE),
    };
    CliError::unusable(code, error.to_string(), hint)
}
