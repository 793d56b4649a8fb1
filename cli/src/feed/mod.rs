//! `countersign feed`: what verifies, and what rules find in it, goes on to a SIEM or a collector.

mod delivery;
mod from_export;
mod progress;
mod sink;

use std::path::PathBuf;
use std::time::Duration;

use countersign_feeds::Format;
use countersign_query::{Query, Readings};

use self::delivery::Delivery;
use self::progress::Progress;
use crate::errors::Failure;
use crate::{query, readings, stop};

/// Feed verified events and findings to a SIEM or a collector
///
/// Verifies first; what does not verify goes nowhere. Each event is one record of the format, with its leaf, its place
/// in its chain, the root and size of the checkpoint that holds it, and whether its signer is trusted: that leads from a
/// row of a SIEM back to the proof. Records are sent at least once, and an event's id is the same each time.
/// docs/feeds.md has the formats and what receivers need.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign feed audit.ndjson --trust trust.txt --to ocsf
  countersign feed audit.ndjson --trust trust.txt --to ecs --findings --sink file --destination feed.ndjson

Exit status: 0 all was sent, or it was stopped; 1 the export or log is altered or broken, and nothing of it was sent; 2 not usable arguments or state, or a receiver that did not take all.")]
pub(crate) struct Args {
    /// The export, perhaps compressed with gzip or zstd; - is the standard input
    #[arg(value_name = "EXPORT")]
    from: PathBuf,
    /// The format of the records
    #[arg(long = "to", value_name = "FORMAT", value_parser = ["ocsf", "ecs", "cef", "syslog", "cloudevents", "otlp", "ndjson"])]
    format: String,
    /// Whom to trust
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Only events that are so (docs/query.md has the language)
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
    /// Feed what rules find too
    #[arg(long)]
    findings: bool,
    /// Feed findings alone
    #[arg(long, conflicts_with = "query")]
    no_events: bool,
    /// The rules: a pack, or files or directories of Sigma rules. May be given more than once [default: the rules that
    /// come with the program]
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    own: readings::Own,
    /// Where to remember what was sent, and to keep what a receiver refused; made where it does not exist
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// On how many threads to verify [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    #[command(flatten)]
    sink: sink::Sending,
}

/// How long a receiver is asked again where all is to be sent and the program is to end.
const PATIENCE: Duration = Duration::from_mins(5);

/// What is fed, and how it is written.
struct Feed {
    format: Format,
    readings: Readings,
    query: Option<Query>,
    events: bool,
    findings: bool,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let feed = Feed {
        format: Format::parse(&args.format).unwrap_or(Format::Ndjson),
        readings: args.own.load()?,
        query: args.query.as_deref().map(query::parse).transpose()?,
        events: !args.no_events,
        findings: args.findings || args.no_events,
    };
    let sink = args.sink.open(feed.format)?;
    let progress = Progress::open(args.state.as_deref())?;
    stop::gracefully();
    let delivery = Delivery::begin(sink, progress, Some(PATIENCE))?;
    from_export::run(args, &feed, delivery)
}
