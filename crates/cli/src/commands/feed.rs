//! `countersign feed`: sends verified events and findings to a SIEM or another destination.

mod destination;
mod from_export;
mod from_log;
mod integrity_args;
mod stdout;
mod terminal;

use std::path::PathBuf;
use std::time::Duration;

use countersign_dispatch::{Dispatch, Feed, Progress};
use countersign_feeds::Format;

use self::terminal::FeedTerminal;
use crate::arg_groups::{AccessArgs, RequiredTrustArgs, ThreadArgs};
use crate::args;
use crate::commands::export::log_url;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::{parsers, query, stop};

/// Send verified events and findings to a SIEM
///
/// Verifies first, and sends only what verified. Each event becomes one record with its entry, its position in its
/// chain, the root and size of the checkpoint that covers it, and whether its signer is trusted, so a row in a SIEM
/// leads back to the proof. Records are sent at least once, and an event's id is the same each time. docs/feeds.md
/// describes the formats and how to set up destinations.
#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "independent options")]
#[command(after_help = "\
Examples:
  countersign feed audit.ndjson --trust trust.txt --to ocsf
  countersign feed audit.ndjson --trust trust.txt --to ecs --findings --destination file --address feed.ndjson
  countersign feed https://log.example --trust trust.txt --state feed/ --to syslog --destination tls --address siem.example:6514 --ca siem.pem
  countersign feed audit.ndjson --trust trust.txt --to otlp --integrity-key feed.key --integrity-certificate feed.pem
  countersign feed https://log.example --trust trust.txt --state feed/ --to ecs --destination elastic --address https://es.example:9200/audit/_bulk --destination-token es.token --gzip

Exit status: 0 everything was sent, or it was stopped; 1 the export or log is altered or broken, and nothing was sent; \
2 unusable arguments or state, or a destination that did not accept everything.")]
pub(crate) struct Args {
    /// Export, plain or compressed with gzip or zstd, or - for standard input; or the URL of a log server, to follow
    /// its log
    #[arg(value_name = "EXPORT|URL")]
    from: PathBuf,
    /// Format of the records
    #[arg(long = "to", value_name = "FORMAT", value_parser = args::words(Format::ALL.iter().map(Into::into), Format::parse))]
    format: Format,
    #[command(flatten)]
    trust: RequiredTrustArgs,
    /// Send only events that match this query (see docs/query.md)
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true, help_heading = "Which records")]
    query: Option<String>,
    /// Send findings too
    #[arg(long, help_heading = "Which records")]
    findings: bool,
    /// Send only findings
    #[arg(long, conflicts_with = "query", help_heading = "Which records")]
    no_events: bool,
    /// Rules: a pack, or files or directories of Sigma rules, or built-in. Can be repeated [default: built-in]
    #[arg(long, value_name = "FILE|DIR", help_heading = "Detection")]
    rules: Vec<PathBuf>,
    #[command(flatten, next_help_heading = "Detection")]
    own: parsers::ParserArgs,
    /// Directory for the position and rejected records; created if missing
    #[arg(long, value_name = "DIR", help_heading = "Following a log")]
    state: Option<PathBuf>,
    /// Origin of the log, if the trust file names several
    #[arg(long, value_name = "O", help_heading = "Following a log")]
    origin: Option<String>,
    #[command(flatten, next_help_heading = "Following a log")]
    access: AccessArgs,
    /// Stop at the log's current end, once everything is sent
    #[arg(long, help_heading = "Following a log")]
    once: bool,
    /// Without a saved state, start at the log's current end instead of its first entry
    #[arg(long, help_heading = "Following a log")]
    from_now: bool,
    #[command(flatten, next_help_heading = None)]
    threads: ThreadArgs,
    #[command(flatten)]
    destination: destination::DestinationArgs,
    #[command(flatten)]
    integrity: integrity_args::IntegrityArgs,
}

/// The maximum time for which a destination may keep failing. A feed that follows a log has no such limit.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let feed = Feed {
        format: args.format,
        parsers: args.own.load()?,
        query: args.query.as_deref().map(query::parse).transpose()?,
        events: !args.no_events,
        findings: args.findings || args.no_events,
    };
    let destination = args.destination.open(feed.format)?;
    let destination = args.integrity.sign(destination, feed.format)?;
    let log = log_url(&args.from);
    if log.is_some() && args.state.is_none() {
        let hint = "use --state DIR, with a separate directory for each feed";
        return Err(CliError::unusable("arguments.invalid", "--state is required to follow a log", hint));
    }
    let progress = Progress::open(args.state.as_deref())?;
    stop::enable_service();
    let patience = (log.is_none() || args.once).then_some(PATIENCE);
    let dispatch = Dispatch::begin(destination, progress, patience, Box::new(FeedTerminal))?;
    match log {
        Some(url) => from_log::run(args, url, &feed, dispatch),
        None => from_export::run(args, &feed, dispatch),
    }
}
