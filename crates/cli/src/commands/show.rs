//! `countersign show`: the events that verify, and nothing beside them.

mod export;
mod indexed;
mod one;
mod search;
mod searcher;
mod side;
mod table;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use countersign::link::ChainId;
use countersign::verify::{Options, VerifiedEvent};
use countersign_query::value::Document;
use countersign_query::{Findings, Parsers, Query};
use countersign_spill::PendingEvents as Found;
use indexed::{Answer, Asked as Asking};
use search::{Asked, Search, State, Wanted};

use crate::arg_groups::{FormatArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::verify::signer_trust::SignerTrusts;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::contents::contents;
use crate::io::visit::visit;
use crate::io::{parsers, query, style, verdict};

/// Show the events of an export that verify
///
/// Verifies the export first. Shows only events that were not changed after they were signed: as a table, or one event
/// in full, with what proves it. Each says who signed it, and whether your trust file trusts that key.
///
/// As JSON, each event is an object on one line: leaf, chain, seq, time, signer, standing, event (as it was signed) and
/// read (what its parser makes of it, which was not signed). The verdict goes to standard error.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign show audit.ndjson --trust trust.txt
  countersign show audit.ndjson da7f84a510cb84b8cbb5b74a63c306ec/3 --trust trust.txt
  countersign show audit.ndjson --trust trust.txt --query 'actor:ada outcome:failure,denied since:-7d'
  countersign show audit.ndjson --trust trust.txt --query 'actor:ada' --index
  countersign show audit.ndjson --trust trust.txt --json | jq .read.action
  countersign show audit.ndjson --limit 100000 | less")]
pub(crate) struct Args {
    /// The export, plain or compressed with gzip or zstd; - for standard input
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// Show one event: its chain and its number in that chain
    #[arg(value_name = "C/SEQ", value_parser = args::place)]
    event: Option<(ChainId, u64)>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Only events that match this query (see docs/query.md)
    #[arg(long, value_name = "QUERY", conflicts_with = "event", allow_hyphen_values = true)]
    query: Option<String>,
    /// Keep the verified events in a file, so that the next query is fast: the export is not verified again. The file
    /// is sealed with a key of yours, and made anew if the export or the trust file changes (see docs/index-files.md)
    /// [default: EXPORT.csindex, beside the export]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, requires = "query")]
    index: Option<Option<PathBuf>>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    own: parsers::Own,
    /// Show at most this many events [default: 1000 in the table, all as JSON]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// What is searched: one of them, and several.
const SEARCHED: [&str; 2] = ["verified event", "verified events"];
/// How many events the table shows where nothing is said.
const ROWS: u64 = 1000;

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let asked = args.query.as_deref().map(query::parse).transpose()?;
    let parsers = args.own.load()?;
    let most = args.limit.map_or(if args.format.is_json() { u64::MAX } else { ROWS }, u64::from);
    if let (Some(side), Some(query)) = (&args.index, &asked) {
        return by_index(args, side.as_deref(), query, &parsers, most);
    }
    let trust = args.trust.load()?;
    let options = Options { trust, ..Options::default() };
    let wanted = wanted(args.event, asked.as_ref(), &parsers);
    let state = State::default();
    let mut search = Search::new(&wanted, &state, most);
    let threads = args.threads.count();
    let mut input = contents(&args.export)?;
    let verification = visit(&mut input, options, threads, || state.examiner(&wanted), &mut search)?;
    let report = &verification.report;
    let (found, findings) = search.finish();
    let headline = verdict::headline(report);
    let signer_trusts = SignerTrusts::of(report);
    if let (Some((chain, seq)), 0) = (args.event, found.kept()) {
        if !args.format.is_json() {
            print(&(headline + "\n\n"))?;
        }
        let hint = "it is not here, withheld, altered, or no valid signature covers it: `countersign verify` says more";
        let message = format!("no event {chain}/{seq} verifies");
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
        all(args, headline, found, &signer_trusts, &parsers, findings.as_ref())?;
    }
    Ok(report.verdict.into())
}

fn by_index(
    args: &Args,
    side: Option<&Path>,
    query: &Query,
    parsers: &Parsers,
    most: u64,
) -> Result<ExitStatus, CliError> {
    let (export, trust) = (&*args.export, args.trust.path());
    let asked = Asking { export, side, trust, query, parsers, threads: args.threads.count(), most };
    let Answer { found, findings, verified } = asked.answer()?;
    let signer_trusts = SignerTrusts::kept(&verified.signers, verified.suspects.as_deref());
    all(args, verified.headline, found, &signer_trusts, parsers, Some(&findings))?;
    Ok(verified.status)
}

/// What was found, as it was asked for.
fn all(
    args: &Args,
    headline: String,
    found: Found,
    signer_trusts: &SignerTrusts<'_>,
    parsers: &Parsers,
    findings: Option<&Findings>,
) -> Result<(), CliError> {
    if args.format.is_json() {
        lines(found, signer_trusts, parsers)?;
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{headline}");
        if let Some(findings) = findings {
            let _ = write!(err, "{}", query::told(findings, SEARCHED));
        }
        return Ok(());
    }
    let mut text = headline + "\n\n";
    table::write(&mut text, found, signer_trusts, parsers, findings)?;
    print(&text)
}

fn wanted<'q>(event: Option<(ChainId, u64)>, asked: Option<&'q Query>, parsers: &'q Parsers) -> Wanted<'q> {
    match (event, asked) {
        (Some((chain, seq)), _) => Wanted::One(chain, seq),
        (None, Some(query)) => Wanted::Matching(Box::new(Asked::new(query, parsers))),
        (None, None) => Wanted::All,
    }
}

/// Each event as one line of JSON.
fn lines(found: Found, signer_trusts: &SignerTrusts<'_>, parsers: &Parsers) -> Result<(), CliError> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut open = true;
    found.for_each(|event| {
        if open {
            open = written(out.write_all(json_line(&event, signer_trusts, parsers).as_bytes()))?;
        }
        Ok::<_, CliError>(())
    })?;
    written(out.flush()).map(drop)
}

/// Whether somebody still reads what was written.
fn written(result: io::Result<()>) -> Result<bool, CliError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CliError::io("write", "standard output", &error)),
    }
}

/// One event on one line.
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
    let mut said = Vec::new();
    match read {
        Some(read) => read.write_json(&mut said),
        None => said.extend(b"null"),
    }
    // The event stands as it was signed, to the byte.
    format!("{facts},\"event\":{},\"read\":{}}}\n", event.event, String::from_utf8_lossy(&said))
}

fn print(text: &str) -> Result<(), CliError> {
    written(style::write(text)).map(drop)
}
