//! `countersign parsers new`: drafts a parser from example events.

use std::path::PathBuf;

use countersign::event::Event;
use countersign_query::Parsers;
use countersign_query::value::{Document, Value};
use serde_json::json;

use super::{draft, facts, source_events};
use crate::arg_groups::OutputArgs;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::import::ImportArgs;
use crate::io::output::Output;
use crate::io::verdict::count;
use crate::io::{input, parsers, style};

/// The maximum number of events that are read.
const MAX_EVENTS: usize = 1000;

/// Draft a parser from example events
///
/// Guesses each fact by the names and values of fields, and says so in `doc`. An outcome is mapped only if its value
/// occurs in the examples and its meaning is clear. The draft parses all events given. Check each guess before you use
/// it: `countersign parsers explain` shows where each fact comes from.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign parsers new events.ndjson --name till -o till.json
  countersign parsers new events.ndjson --name till -o till.json --cases till.cases.ndjson
  countersign parsers new events.ndjson --line 7 --name till")]
pub(super) struct Args {
    /// File with events of one shape, in any format that `countersign record` accepts, or - for standard input; the first
    /// 1000 events are used
    #[arg(value_name = "EVENTS")]
    events: PathBuf,
    /// Name of the parser, which becomes the field `as` [default: the name of the file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Use only the event that starts on this line
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    line: Option<u64>,
    /// Write the events with their parsed facts to this file, as test cases to correct
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    #[command(flatten)]
    import: ImportArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let mut events: Vec<Event> = Vec::new();
    source_events::visit(&args.events, &args.import, |numbered| {
        if events.len() < MAX_EVENTS && args.line.is_none_or(|line| line == numbered.line) {
            events.push(numbered.event);
        }
        Ok(())
    })?;
    let file = input::name(&args.events);
    if events.is_empty() {
        let hint = "check the file, and the line number of --line";
        return Err(CliError::unusable(
            "arguments.invalid",
            "there is no event to draft a parser from",
            hint,
        )
        .within(&file));
    }
    let documents: Vec<Document<'_>> =
        events.iter().filter_map(|event| Document::parse(event.as_str())).collect();
    let roots: Vec<Value<'_>> = documents.iter().map(Document::root).collect();
    let stem = args.events.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.filter(|stem| stem != "-");
    let name = args.name.clone().or(stem).filter(|name| !name.is_empty()).unwrap_or_else(|| "events".into());
    let draft = draft::draft(&name, &roots).ok_or_else(|| {
        let hint = "draft from events of one shape; `countersign parsers coverage` groups them";
        CliError::unusable("parsers.shapes", "the events have no field in common to recognize them by", hint)
            .within(&file)
    })?;
    let mut output = Output::create(args.output.path())?;
    output.write(draft.json.as_bytes())?;
    output.finish()?;
    let what = format!("draft of the parser {name:?}, from {}", count(events.len() as u64, "event"));
    style::wrote(args.output.path(), &what);
    if let Some(path) = &args.cases {
        let mut output = Output::create(Some(path))?;
        output.write(cases(&name, &draft.json, &events)?.as_bytes())?;
        output.finish()?;
        style::wrote(
            Some(path),
            &format!("{} to check and correct", count(events.len() as u64, "test case")),
        );
    }
    Ok(ExitStatus::Success)
}

/// Returns the events as test cases, with the facts that the draft extracts.
fn cases(name: &str, parser: &str, events: &[Event]) -> Result<String, CliError> {
    let parsers = Parsers::built_in().with([(name, parser)]).map_err(parsers::refused)?;
    let mut cases = String::new();
    for event in events {
        let parsed = facts::parse(&parsers, event.as_str());
        let event: serde_json::Value = serde_json::from_str(event.as_str()).unwrap_or_default();
        cases += &json!({"event": event, "parsed": parsed}).to_string();
        cases.push('\n');
    }
    Ok(cases)
}
