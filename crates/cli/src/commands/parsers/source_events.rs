//! Reads events as `countersign record` does, in any format that it accepts.

use std::path::Path;

use countersign::event::{Event, Redaction};

use crate::commands::record::explain;
use crate::errors::CliError;
use crate::io::import::ImportArgs;
use crate::io::input::{Input, is_export_line};

/// An event as it would be recorded, without redaction.
pub(super) struct NumberedEvent {
    pub(super) event: Event,
    /// The 1-based line on which it starts.
    pub(super) line: u64,
}

/// The content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceKind {
    Events,
    /// An export, whose lines were not visited.
    Export,
}

/// Calls `each` with each event of a file; `-` is standard input. Fails for an export.
pub(super) fn visit(
    path: &Path,
    import: &ImportArgs,
    each: impl FnMut(NumberedEvent) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut input = Input::open(path)?;
    if visit_input(&mut input, import, each)? == SourceKind::Events {
        return Ok(());
    }
    Err(not_events().within(input.name()))
}

fn not_events() -> CliError {
    let message = "this is an export, not a file of events";
    let hint = "save its events first: countersign show EXPORT --json | jq -c .event > events.ndjson";
    CliError::unusable("arguments.invalid", message, hint)
}

/// Calls `each` with each event, unless the input is an export.
pub(super) fn visit_input(
    input: &mut Input,
    import: &ImportArgs,
    mut each: impl FnMut(NumberedEvent) -> Result<(), CliError>,
) -> Result<SourceKind, CliError> {
    let (mut is_first, mut kind) = (true, SourceKind::Events);
    let read = input.events("reading", |source| {
        if std::mem::take(&mut is_first) && is_export_line(source.bytes) {
            kind = SourceKind::Export;
            // An error stops reading.
            return Err(not_events());
        }
        let event = Event::parse(&import.convert(source.bytes), &Redaction::none());
        let event = event.map_err(|error| explain(error, source.bytes))?;
        each(NumberedEvent { event, line: source.line })
    });
    if kind == SourceKind::Events {
        read?;
    }
    Ok(kind)
}
