//! `countersign check`: verifies a log from its tiles.

mod part;
mod read_ahead;
mod summaries;
mod text;

use std::path::{Path, PathBuf};

use countersign::check::{CheckReport, TileCode, Tiles, Walk, parallel};
use countersign::checkpoint::SignedCheckpoint;
use countersign::merkle::TILE_WIDTH;
use countersign::note::{VerifierKey, check_name};
use countersign::trust::Trust;
use countersign::verify::{Expectations, Options, Verdict, Verification};
use countersign_client::{Source, first_bundle};

use crate::arg_groups::{Allow, FormatArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::pin::{self, PinArgs};
use crate::io::style::plain;
use crate::io::{input, log_source, progress, style, trust_notes, verdict};
use read_ahead::read_ahead;

/// Check any C2SP tiled log by its tiles
///
/// Reads the checkpoint, all entry bundles, and all tiles. Every entry's hash must be in its tile, every
/// tile's root in the tile above it, and the tree must lead to the checkpoint's root. Entries that are links
/// or key notes are verified as by `countersign verify`. Tiles don't contain events, so the best verdict for
/// a log with links is `partial`.
///
/// A log may be pruned: it then has neither bundles nor tiles of its first entries. With --from, nothing before that
/// entry is read, and everything after it must be there. Without --from, a log that lacks its first bundles is at best
/// `partial`, because pruned entries can't be told from lost ones.
///
/// To share the work of a large log among machines, save its checkpoint, check parts of its tree there, and combine
/// their summaries, which gives the same report. Checking with a summary means trusting the person who made it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign check https://log.example --vkey log.example/audit+8e3e8e37+AW/J8OsuOPVmWI8/pwifiQM4XIRhCKEm/ssmvJYjLcem
  countersign check https://log.example --trust trust.txt --pin last.txt --save-pin last.txt
  countersign check https://log.example/pruned --trust trust.txt --from 1048576
  countersign check ./log --trust trust.txt --json | jq .tiles
  countersign check s3://bucket/logs/audit/public --trust trust.txt
  countersign check https://log.example --save-checkpoint checkpoint.txt
  countersign check https://log.example --checkpoint checkpoint.txt --part 3/8 -o part-3.summary
  countersign check https://log.example --summaries part-*.summary --trust trust.txt

Exit status: 0 verified, 1 altered or broken, 2 unreadable input or unusable arguments, \
3 signed by a key you don't trust, 4 unchanged but maybe only part of the log, 5 not fully checked.")]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["vkey", "trust", "part", "save_checkpoint"])))]
pub(crate) struct Args {
    /// The log: the URL of its checkpoint and tiles, or a folder with `checkpoint` and `tile/`, also in a bucket
    /// (s3://, gs://, or az:// with credentials from the environment)
    #[arg(value_name = "URL|DIR")]
    log: String,
    /// Public key of the log, whose name is the log's origin
    // A string, parsed later: clap repeats invalid values in errors, and this may be a private key.
    #[arg(long, value_name = "V")]
    vkey: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    pins: PinArgs,
    /// Minimum index of a pruned log: begin with the entry bundle that contains this entry
    /// [default: the first bundle that the log has]
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// Expect a log with this origin
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    /// Exit with status 0 for this verdict, too, unless entries are gone (tile.pruned)
    #[arg(long, value_name = "VERDICT", value_enum)]
    allow: Option<Allow>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten, next_help_heading = "Large logs")]
    threads: ThreadArgs,
    /// Check the tree of this checkpoint instead of the log's newest one
    #[arg(long, value_name = "FILE", help_heading = "Large logs")]
    checkpoint: Option<PathBuf>,
    /// Save the log's newest checkpoint in this file for --checkpoint, and check nothing
    #[arg(long, value_name = "FILE", help_heading = "Large logs")]
    #[arg(conflicts_with_all = ["checkpoint", "summaries", "pin", "save_pin", "from", "origin", "allow", "format", "json"])]
    save_checkpoint: Option<PathBuf>,
    /// Check only this part, and write a summary for --summaries; the first part is 1/N
    #[arg(long, value_name = "I/N", value_parser = args::part, requires = "checkpoint")]
    #[arg(help_heading = "Large logs")]
    #[arg(conflicts_with_all = ["summaries", "pin", "save_pin", "origin", "allow", "format", "json"])]
    part: Option<(u64, u64)>,
    /// File for the summary of --part [default: standard output]
    #[arg(short, long, value_name = "FILE", requires = "part", help_heading = "Large logs")]
    output: Option<PathBuf>,
    /// Combine the summaries of all parts, instead of reading the log's entries
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Large logs")]
    #[arg(conflicts_with_all = ["checkpoint", "from"])]
    summaries: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let source = log_source::open(&args.log)?;
    if let Some(path) = &args.save_checkpoint {
        return save_checkpoint(&*source, path);
    }
    if let Some(place) = args.part {
        let walk = begin(&*source, args.checkpoint.as_deref(), args.from)?;
        return part::summarize(&*source, &walk, place, args.output.as_deref(), args.threads.count());
    }
    let trust = match (&args.vkey, args.trust.path()) {
        (Some(vkey), _) => Trust::default().with_log(VerifierKey::parse_log(vkey)?)?,
        (None, Some(path)) => input::trust(path)?,
        (None, None) => Trust::default(),
    };
    let pins = args.pins.load()?;
    let options = Options {
        trust: trust.clone(),
        pins: pins.clone(),
        expect: Expectations { origin: args.origin.clone(), ..Expectations::default() },
        tiles: true,
        ..Options::default()
    };
    let new_pin = args.pins.create_output()?;
    let threads = args.threads.count();
    let (tiles, Verification { report, pin, newer_pin }) = if args.summaries.is_empty() {
        let walk = begin(&*source, args.checkpoint.as_deref(), args.from)?;
        check(&*source, walk, options, threads)?
    } else {
        summaries::verify(&*source, &args.summaries, options, threads)?
    };
    let pin = pin.filter(|_| tiles.pass());
    let report = CheckReport::new(tiles, report);
    let text = if args.format.is_json() {
        trust_notes::json(&report, &trust)
    } else {
        trust_notes::warn(&trust, args.trust.path());
        text::text(&report)
    };
    verdict::print(&text)?;
    args.pins.warn_of_other_logs(&pins, report.report.origin.as_deref());
    pin::warn_of_newer(newer_pin.as_ref());
    if let Some(output) = new_pin {
        args.pins.save(output, pin.as_deref(), newer_pin.as_ref())?;
    }
    // A log with links is always partial, so `--allow partial` doesn't accept that entries are gone.
    let is_gone = report.tiles.finding_counts.contains_key(&TileCode::Pruned);
    let allowed = args.allow == Some(Allow::Partial) && report.verdict == Verdict::Partial && !is_gone;
    Ok(if allowed { ExitStatus::Success } else { report.verdict.into() })
}

/// Saves the newest checkpoint, so that all parts are of the same tree.
fn save_checkpoint(source: &dyn Source, path: &Path) -> Result<ExitStatus, CliError> {
    let checkpoint = source.checkpoint()?;
    let mut output = Output::create(Some(path))?;
    output.write(checkpoint.to_string().as_bytes())?;
    output.finish()?;
    let size = checkpoint.checkpoint.size;
    style::wrote(Some(path), &format!("checkpoint of {}, not verified", verdict::entries(size)));
    Ok(ExitStatus::Success)
}

/// Starts the walk over the whole log, or over what is left of it from the minimum index on.
fn begin(source: &dyn Source, checkpoint: Option<&Path>, from: Option<u64>) -> Result<Walk, CliError> {
    let (checkpoint, name) = match checkpoint {
        Some(path) => {
            let name = shown(path);
            let hint = "save it with `countersign check URL --save-checkpoint FILE`";
            let parsed = SignedCheckpoint::parse_extended(&input::small_text(path)?);
            let parsed = parsed.map_err(|error| CliError::from(error).or_hint(hint).within(&name))?;
            refuse_other_log(source, &parsed).map_err(|failure| failure.within(&name))?;
            (parsed, name)
        }
        None => (source.checkpoint()?, format!("{}checkpoint", source.name())),
    };
    check_name(&checkpoint.checkpoint.origin).map_err(|error| {
        CliError::from(error)
            .within(&name)
            .with_hint("ask the log operator: the origin must be a valid key name")
    })?;
    if let Some(from) = from {
        Ok(Walk::starting_at(checkpoint, from)?)
    } else {
        let first = first_bundle(source, checkpoint.checkpoint.size)?;
        Ok(Walk::after_missing(checkpoint, first))
    }
}

/// Refuses a checkpoint that isn't of the log at the given place, because its tiles would look altered.
fn refuse_other_log(source: &dyn Source, checkpoint: &SignedCheckpoint) -> Result<(), CliError> {
    let (given, served) = (&checkpoint.checkpoint.origin, source.checkpoint()?.checkpoint.origin);
    if *given == served {
        return Ok(());
    }
    let message =
        format!("the checkpoint belongs to the log {}, but this is the log {}", plain(given), plain(&served));
    Err(CliError::unusable("checkpoint.other_log", message, "pass the URL of the checkpoint's log"))
}

/// Reads the whole log, and verifies its entries.
fn check(
    source: &dyn Source,
    walk: Walk,
    options: Options,
    threads: usize,
) -> Result<(Tiles, Verification), CliError> {
    let (first, size) = walk.range();
    let bar = progress::count("checking", size.div_ceil(TILE_WIDTH) - first / TILE_WIDTH);
    let plan = walk.plan();
    let verified = read_ahead(source, &plan, |resources| {
        parallel::verify(walk, options, threads, resources, || bar.inc(1))
    });
    bar.finish_and_clear();
    Ok(verified?)
}
