//! `countersign show`: shows the verified events of an export.

#[cfg(feature = "native")]
mod export;
#[cfg(feature = "native")]
mod indexed;
mod one;
mod search;
mod searcher;
#[cfg(feature = "native")]
mod side;
mod table;

use std::io::{self, Write as _};
#[cfg(feature = "native")]
use std::path::Path;
use std::path::PathBuf;

use countersign::verify::{Options, VerifiedEvent};
use countersign_query::value::Document;
use countersign_query::{Findings, Parsers, Query};
use countersign_spill::PendingEvents;
#[cfg(feature = "native")]
use indexed::{Answer, IndexedQuery};
use search::{ExportQuery, Search, Selection, State};

use crate::arg_groups::{FormatArgs, ThreadArgs, TrustArgs};
use crate::args::{self, EventPlace};
use crate::commands::verify::signer_trust::SignerTrusts;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::contents::open_export;
use crate::io::visit::visit;
use crate::io::{parsers, query, style, verdict};

/// Show the verified events of an export
///
/// Verifies the export first. Shows only events that are unchanged since they were signed: as a table, or one event
/// in full with its proof. States who signed each event, and whether your trust file trusts that key.
///
/// As JSON, each event is an object on one line: `entry`, `chain`, `seq`, `time`, `signer`, `signer_trust`, `event` (as
/// it was signed), and `parsed` (the parsed fields, which are not signed). The verdict goes to standard error.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign show audit.ndjson --trust trust.txt
  countersign show audit.ndjson 21 --trust trust.txt
  countersign show audit.ndjson da7f84a510cb84b8cbb5b74a63c306ec/3 --trust trust.txt
  countersign show audit.ndjson --trust trust.txt --query 'actor:ada outcome:failure,denied since:-7d'
  countersign show audit.ndjson --trust trust.txt --query 'actor:ada' --index
  countersign show audit.ndjson --trust trust.txt --json | jq .parsed.action
  countersign show audit.ndjson --limit 100000 | less")]
pub(crate) struct Args {
    /// Export, plain or compressed with gzip or zstd, or - for standard input
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// Show one event, given the number of its entry, or its chain and its number in that chain (C/SEQ)
    #[arg(value_name = "ENTRY", value_parser = args::event_place)]
    event: Option<EventPlace>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Show only events that match this query (see docs/query.md)
    #[arg(long, value_name = "QUERY", conflicts_with = "event", allow_hyphen_values = true)]
    query: Option<String>,
    /// Keep the verified events in a file, so that the next query is fast and doesn't verify the export again. The
    /// file is sealed with a key of yours, and rebuilt if the export or the trust file changes (see
    /// docs/index-files.md) [default: EXPORT.csindex, next to the export]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, requires = "query")]
    index: Option<Option<PathBuf>>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    own: parsers::ParserArgs,
    /// Show at most this many events [default: 1000 in the table, all as JSON]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// The noun for searched events: singular and plural.
const EVENT_NOUN: [&str; 2] = ["verified event", "verified events"];
/// The default number of events in the table.
const DEFAULT_ROWS: u64 = 1000;

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let query = args.query.as_deref().map(query::parse).transpose()?;
    let parsers = args.own.load()?;
    let max_events =
        args.limit.map_or(if args.format.is_json() { u64::MAX } else { DEFAULT_ROWS }, u64::from);
    #[cfg(not(feature = "native"))]
    if args.index.is_some() {
        return Err(crate::errors::needs_native("`--index`"));
    }
    #[cfg(feature = "native")]
    if let (Some(side), Some(query)) = (&args.index, &query) {
        return show_by_index(args, side.as_deref(), query, &parsers, max_events);
    }
    let trust = args.trust.load()?;
    let options = Options { trust, ..Options::default() };
    let selection = selection(args.event, query.as_ref(), &parsers);
    let state = State::default();
    let mut search = Search::new(&selection, &state, max_events);
    let threads = args.threads.count();
    let mut input = open_export(&args.export)?;
    let verification = visit(&mut input, options, threads, || state.examiner(&selection), &mut search)?;
    let report = &verification.report;
    let (found, findings) = search.finish();
    let headline = verdict::headline(report);
    let signer_trusts = SignerTrusts::from_report(report);
    if let (Some(place), 0) = (args.event, found.kept_count()) {
        if !args.format.is_json() {
            print(&(headline + "\n\n"))?;
        }
        let hint = "run `countersign verify` for details: the event is missing, withheld, altered, or not covered by a valid signature, or the entry is not an event";
        let message = format!("no event {place} verifies");
        return Err(CliError::unusable("event.not_shown", message, hint).into_broken());
    }
    if args.event.is_some() && !args.format.is_json() {
        let mut text = headline + "\n\n";
        found.for_each(|event| {
            one::write(&mut text, &event, report, &signer_trusts, &parsers);
            Ok::<_, CliError>(())
        })?;
        print(&text)?;
    } else {
        print_events(args, headline, found, &signer_trusts, &parsers, findings.as_ref())?;
    }
    Ok(report.verdict.into())
}

#[cfg(feature = "native")]
fn show_by_index(
    args: &Args,
    side: Option<&Path>,
    query: &Query,
    parsers: &Parsers,
    max_events: u64,
) -> Result<ExitStatus, CliError> {
    let (export, trust) = (&*args.export, args.trust.path());
    let query =
        IndexedQuery { export, side, trust, query, parsers, threads: args.threads.count(), max_events };
    let Answer { found, findings, verified } = query.answer()?;
    let signer_trusts = SignerTrusts::from_stored(&verified.signers, verified.suspects.as_deref());
    print_events(args, verified.headline, found, &signer_trusts, parsers, Some(&findings))?;
    Ok(verified.status)
}

/// Prints the events in the requested format.
fn print_events(
    args: &Args,
    headline: String,
    found: PendingEvents,
    signer_trusts: &SignerTrusts<'_>,
    parsers: &Parsers,
    findings: Option<&Findings>,
) -> Result<(), CliError> {
    if args.format.is_json() {
        print_lines(found, signer_trusts, parsers)?;
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{headline}");
        if let Some(findings) = findings {
            let _ = write!(err, "{}", query::summary(findings, EVENT_NOUN));
        }
        return Ok(());
    }
    let mut text = headline + "\n\n";
    table::write(&mut text, found, signer_trusts, parsers, findings)?;
    print(&text)
}

fn selection<'q>(event: Option<EventPlace>, query: Option<&'q Query>, parsers: &'q Parsers) -> Selection<'q> {
    match (event, query) {
        (Some(place), _) => Selection::One(place),
        (None, Some(query)) => Selection::Matching(Box::new(ExportQuery::new(query, parsers))),
        (None, None) => Selection::All,
    }
}

/// Prints each event as one line of JSON.
fn print_lines(
    found: PendingEvents,
    signer_trusts: &SignerTrusts<'_>,
    parsers: &Parsers,
) -> Result<(), CliError> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut open = true;
    found.for_each(|event| {
        if open {
            open = is_read(out.write_all(json_line(&event, signer_trusts, parsers).as_bytes()))?;
        }
        Ok::<_, CliError>(())
    })?;
    is_read(out.flush()).map(drop)
}

/// True if the reader of standard output still reads.
fn is_read(result: io::Result<()>) -> Result<bool, CliError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CliError::io("write", "standard output", &error)),
    }
}

/// Formats an event as one line of JSON.
fn json_line(event: &VerifiedEvent, signer_trusts: &SignerTrusts<'_>, parsers: &Parsers) -> String {
    let document = Document::parse(&event.event);
    let root = document.as_ref().map(Document::root);
    let read = root.as_ref().and_then(|event| parsers.parse(event));
    let mut facts = serde_json::json!({
        "entry": event.index,
        "chain": event.chain.to_string(),
        "seq": event.seq,
        "time": event.time.to_string(),
        "signer": event.vkey.as_str(),
        "signer_trust": signer_trusts.of_link(event).as_str(),
    })
    .to_string();
    facts.pop();
    let mut parsed = Vec::new();
    match read {
        Some(read) => read.write_json(&mut parsed),
        None => parsed.extend(b"null"),
    }
    // The event is written unchanged, as it was signed.
    format!("{facts},\"event\":{},\"parsed\":{}}}\n", event.event, String::from_utf8_lossy(&parsed))
}

fn print(text: &str) -> Result<(), CliError> {
    is_read(style::write(text)).map(drop)
}
