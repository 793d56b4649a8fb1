//! Exports from a log server's folder, with the code that the log server itself uses.

use std::io::{self, Cursor, Read};
use std::path::Path;

use countersign_client::unreadable_folder;
use countersign_log::export::{Explained, ExportError, Exporter, Lines, Request};
use countersign_log::store::StoreError;
use countersign_log_server::erasure_memory::repeat_in_folder;
use countersign_log_server::sqlite;

use crate::commands::slice::SelectionOptions;
use crate::errors::{CliError, shown};
use crate::io::input;
use crate::io::log_folder::{damaged_hint, store_hint};

/// The trust file that the log server of the folder uses by default.
const TRUST: &str = "trust.txt";

/// A log in a folder, and a request to it.
pub(super) struct Log {
    exporter: Exporter,
    request: Request,
    name: String,
}

/// An export that is being produced.
pub(super) struct ExportStream {
    lines: Lines,
    chunk: Cursor<Vec<u8>>,
    /// The number of links and events that match.
    pub(super) matched: u64,
}

/// Opens the log in a folder. A log server may be running there.
pub(super) fn open(
    folder: &Path,
    selection: &SelectionOptions,
    query: &[(&'static str, String)],
) -> Result<Log, CliError> {
    let name = shown(folder);
    std::fs::read_dir(folder).map_err(|error| unreadable_folder(&name, &error))?;
    if sqlite::has_tenants(folder).is_ok_and(|has_tenants| has_tenants) {
        let message = "the folder has a log with tenants, whose exports only its log server can prove";
        let hint = "start the log server, and use its address followed by /t/ and the ID of the tenant's log, with a token";
        return Err(CliError::unusable("store.failed", message, hint).within(&name));
    }
    let repeated = repeat_in_folder(folder, countersign_errors::now()?);
    let (origin, reader) = repeated.and_then(|()| sqlite::open_reader(folder)).map_err(|error| {
        let hint = "use the folder in which a log server stores its log; for a log in a bucket, use the log server's address";
        CliError::unusable("store.failed", error.to_string(), store_hint(&error, folder, hint)).within(&name)
    })?;
    let own = folder.join(TRUST);
    let trust = match &selection.trust {
        Some(path) => Some(input::trust(path)?),
        None if own.is_file() => Some(input::trust(&own)?),
        None => None,
    };
    let mut request = Request { places: selection.event.clone(), ..Request::default() };
    for (condition, value) in query {
        let bound = || value.parse::<u64>().ok();
        match *condition {
            "from" => request.from = bound(),
            "to" => request.to = bound(),
            "limit" => request.limit = bound(),
            "boundary" => request.boundary = bound(),
            condition => {
                request.filter.set(condition, value, countersign_errors::now()?).map_err(|error| {
                    let message = format!("--{condition}: {error}");
                    CliError::unusable("arguments.invalid", message, "see `countersign export --help`")
                })?;
            }
        }
    }
    let exporter = Exporter::new(reader, origin, trust).with_parsers(selection.own.load()?);
    Ok(Log { exporter, request, name })
}

impl Log {
    /// Starts the export.
    pub(super) fn export(&self) -> Result<ExportStream, CliError> {
        let plan = self.exporter.plan(&self.request, &|| false);
        let plan = plan.map_err(|error| explain(&error, &self.name).within(&self.name))?;
        Ok(ExportStream { matched: plan.shown().len(), lines: plan.lines(), chunk: Cursor::default() })
    }

    /// Explains the result of a search.
    pub(super) fn explain(&self, fields_alone: bool) -> Result<Explained, CliError> {
        let explained = self.exporter.explain(&self.request, fields_alone, &|| false);
        explained.map_err(|error| explain(&error, &self.name).within(&self.name))
    }
}

impl Read for ExportStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.chunk.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.lines.next_piece().map_err(io::Error::other)? {
                Some(chunk) => self.chunk = Cursor::new(chunk),
                None => return Ok(0),
            }
        }
    }
}

fn explain(error: &ExportError, folder: &str) -> CliError {
    let (code, hint) = match error {
        ExportError::Invalid { .. } => ("arguments.invalid", "see `countersign export --help`"),
        ExportError::NotFound(_) => {
            ("log.not_found", "check the arguments; only published entries can be exported")
        }
        ExportError::Restart
        | ExportError::Canceled
        | ExportError::Revoked
        | ExportError::Store(
            StoreError::Unavailable { .. } | StoreError::Journal(_) | StoreError::Stopped(_),
        ) => ("store.failed", "check the folder and its permissions"),
        ExportError::Store(StoreError::Damaged(_)) => ("store.damaged", damaged_hint(Path::new(folder))),
    };
    CliError::unusable(code, error.to_string(), hint)
}
