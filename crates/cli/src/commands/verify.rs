//! `countersign verify`: verifies an export and prints a verdict.

#[cfg(feature = "native")]
pub(crate) mod part_rows;
#[cfg(feature = "native")]
mod rows;
pub(crate) mod signer_trust;
pub(crate) mod summaries;
pub(crate) mod trust_compared;

use std::path::{Path, PathBuf};

use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Expectations, MaxAge, Options, Report, Verdict, Verification};
use countersign_errors::now;

use crate::arg_groups::{Allow, FormatArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::contents::open_export;
use crate::io::pin::{self, PinArgs};
use crate::io::{parsers, trust_notes, verdict, visit};

/// Verify an export
///
/// Checks that the export is unchanged, complete, and signed by keys in your trust file. Nothing is trusted because
/// the export says so: without a trust file, the best verdict is "signed by a key you don't trust". Prints the
/// verdict, what each check covered, the first findings, and the signers.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign verify audit.ndjson --trust trust.txt
  countersign verify audit.ndjson.zst --trust trust.txt --pin last.txt --save-pin last.txt
  countersign verify slice.ndjson --trust trust.txt --range 0..1000 --origin log.example/audit
  countersign verify audit.ndjson --trust trust.txt --parquet audit.parquet
  countersign verify --summaries part-*.summary --trust trust.txt
  countersign verify audit.ndjson --trust trust.txt --summaries part-*.summary --parquet rows --part 3/8
  curl -s https://log.example/export | countersign verify - --trust trust.txt --max-age 24h --json | jq .verdict

Exit status: 0 verified, 1 altered or broken, 2 unreadable input or unusable arguments, \
3 signed by a key you don't trust, 4 unchanged but maybe only part of the log, 5 not fully checked.")]
pub(crate) struct Args {
    /// Export, plain or compressed with gzip or zstd, or - for standard input
    #[arg(value_name = "EXPORT", required_unless_present = "summaries")]
    export: Option<PathBuf>,
    /// Verify summaries of all parts, made by `countersign summarize`, instead of the export. With EXPORT, also check
    /// that they belong to that file
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Large exports")]
    summaries: Vec<PathBuf>,
    /// Also check that these Parquet files are exactly what `countersign export --format parquet` writes for EXPORT
    #[arg(long, value_name = "FILE|DIR", requires = "export")]
    #[arg(conflicts_with_all = ["pin", "save_pin", "origin", "range", "max_age"])]
    parquet: Option<PathBuf>,
    /// With --parquet and --summaries: check only the rows of this part
    #[arg(long, value_name = "I/N", value_parser = args::part, requires_all = ["parquet", "summaries"])]
    #[arg(help_heading = "Large exports")]
    part: Option<(u64, u64)>,
    #[command(flatten)]
    own: parsers::ParserArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten, next_help_heading = "Expectations")]
    pins: PinArgs,
    /// Expect a log with this origin
    #[arg(long, value_name = "O", help_heading = "Expectations")]
    origin: Option<String>,
    /// Expect exactly the entries from A up to, but not including, B
    #[arg(long, value_name = "A..B", value_parser = args::range, help_heading = "Expectations")]
    range: Option<(u64, u64)>,
    /// Expect the log's time to be no older than this, such as 90s, 15m, 24h, 7d, or 2w
    #[arg(long, value_name = "AGE", value_parser = args::seconds, help_heading = "Expectations")]
    max_age: Option<i64>,
    /// Time from which --max-age counts back [default: now]
    #[arg(long, value_name = "T", value_parser = args::time, requires = "max_age", help_heading = "Expectations")]
    now: Option<Time>,
    /// Exit with status 0 for this verdict, too
    #[arg(long, value_name = "VERDICT", value_enum, help_heading = "Expectations")]
    allow: Option<Allow>,
    #[command(flatten, next_help_heading = None)]
    format: FormatArgs,
    #[command(flatten, next_help_heading = "Large exports")]
    threads: ThreadArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let pins = args.pins.load()?;
    let options = Options {
        trust: args.trust.load()?,
        pins: pins.clone(),
        expect: Expectations { origin: args.origin.clone(), range: args.range, max_age: max_age(args)? },
        ..Options::default()
    };
    let threads = args.threads.count();
    let trust = options.trust.clone();
    #[cfg(not(feature = "native"))]
    if args.parquet.is_some() {
        return Err(crate::errors::needs_native("`--parquet`"));
    }
    #[cfg(feature = "native")]
    if let (Some(path), Some(export)) = (&args.parquet, &args.export) {
        return rows::verify(args, export, path, &options.trust);
    }
    let new_pin = args.pins.create_output()?;
    let Verification { report, pin, newer_pin } = match &args.export {
        Some(export) if args.summaries.is_empty() => verify(export, options, threads)?,
        export => summaries::verify(&args.summaries, export.as_deref(), options, threads)?,
    };
    print_report(args, &trust, &report)?;
    args.pins.warn_of_other_logs(&pins, report.origin.as_deref());
    pin::warn_of_newer(newer_pin.as_ref());
    if let Some(output) = new_pin {
        args.pins.save(output, pin.as_deref(), newer_pin.as_ref())?;
    }
    Ok(status(args, &report))
}

fn print_report(args: &Args, trust: &Trust, report: &Report) -> Result<(), CliError> {
    verdict::print(&if args.format.is_json() {
        trust_notes::json(report, trust)
    } else {
        trust_notes::warn(trust, args.trust.path());
        let file = args.trust.path().map(shown);
        let compared = file.map_or_else(String::new, |file| trust_compared::text(report, trust, &file));
        verdict::headline(report) + "\n" + &compared + &verdict::body(report, verdict::ReportSource::Export)
    })
}

fn status(args: &Args, report: &Report) -> ExitStatus {
    let allowed = args.allow == Some(Allow::Partial) && report.verdict == Verdict::Partial;
    if allowed { ExitStatus::Success } else { report.verdict.into() }
}

/// Verifies an export.
pub(crate) fn verify(export: &Path, options: Options, threads: usize) -> Result<Verification, CliError> {
    visit::verify(&mut open_export(export)?, options, threads)
}

/// Fails if the input is not an export.
pub(crate) fn refuse_unread(report: &Report, name: &str) -> Result<(), CliError> {
    let (None, Some(finding)) = (&report.origin, report.findings.first()) else { return Ok(()) };
    let failure = CliError::unusable(finding.code.as_str(), finding.message.as_str(), finding.hint);
    Err(failure.with_status(report.verdict.into()).within(name))
}

fn max_age(args: &Args) -> Result<Option<MaxAge>, CliError> {
    let Some(seconds) = args.max_age else { return Ok(None) };
    let now = match args.now {
        Some(now) => now,
        None => now()?,
    };
    Ok(Some(MaxAge { seconds, now }))
}
