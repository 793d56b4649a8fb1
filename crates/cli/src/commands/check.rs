//! `countersign check`: verifies a log from its tiles.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use countersign::check::{CheckReport, Resource, TileCode, TileFinding, Tiles, Walk};
use countersign::merkle::TILE_WIDTH;
use countersign::note::{VerifierKey, check_name};
use countersign::trust::Trust;
use countersign::verify::{Expectations, LISTED, Options, Verdict, Verification, parallel};
use countersign_client::{Source, first_bundle};
use countersign_errors::EngineError;

use crate::arg_groups::{Allow, FormatArgs, TrustArgs};
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::pin::{self, PinArgs};
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::count;
use crate::io::{input, progress, trust_notes, verdict};

/// The maximum number of findings shown per code; the report has more.
const MAX_SHOWN: usize = 3;
/// The maximum number of bundles whose lines wait for the verifier.
const MAX_WAITING: usize = 16;

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
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign check https://log.example/audit --vkey log.example/audit+8e3e8e37+AW/J8OsuOPVmWI8/pwifiQM4XIRhCKEm/ssmvJYjLcem
  countersign check https://log.example/audit --trust trust.txt --pin last.txt --save-pin last.txt
  countersign check https://log.example/pruned --trust trust.txt --from 1048576
  countersign check ./log --trust trust.txt --json | jq .tiles

Exit status: 0 verified, 1 altered or broken, 2 unreadable input or unusable arguments, \
3 signed by a key you don't trust, 4 unchanged but maybe only part of the log, 5 not fully checked.")]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["vkey", "trust"])))]
pub(crate) struct Args {
    /// The log: the URL of its checkpoint and tiles, or a folder with `checkpoint` and `tile/`
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
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
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
    let source = countersign_client::open(&args.log)?;
    let new_pin = args.pins.create_output()?;
    let (tiles, Verification { report, pin }) = check(&*source, args.from, options)?;
    let pin = pin.filter(|_| tiles.pass());
    let report = CheckReport::new(tiles, report);
    let text = if args.format.is_json() {
        trust_notes::json(&report, &trust)
    } else {
        trust_notes::warn(&trust, args.trust.path());
        text(&report)
    };
    verdict::print(&text)?;
    args.pins.warn_of_other_logs(&pins, report.report.origin.as_deref());
    if let Some(output) = new_pin {
        pin::save(output, pin.as_deref())?;
    }
    // A log with links is always partial, so `--allow partial` doesn't accept that entries are gone.
    let is_gone = report.tiles.finding_counts.contains_key(&TileCode::Pruned);
    let allowed = args.allow == Some(Allow::Partial) && report.verdict == Verdict::Partial && !is_gone;
    Ok(if allowed { ExitStatus::Success } else { report.verdict.into() })
}

/// Reads the whole log, or what is left of it from the minimum index on, and verifies its entries.
fn check(
    source: &dyn Source,
    from: Option<u64>,
    options: Options,
) -> Result<(Tiles, Verification), CliError> {
    let checkpoint = source.checkpoint()?;
    check_name(&checkpoint.checkpoint.origin).map_err(|error| {
        CliError::from(error)
            .within(&format!("{}checkpoint", source.name()))
            .with_hint("ask the log operator: the origin must be a valid key name")
    })?;
    let walk = if let Some(from) = from {
        Walk::starting_at(checkpoint, from)?
    } else {
        let first = first_bundle(source, checkpoint.checkpoint.size)?;
        Walk::after_missing(checkpoint, first)
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (lines, reader) = sync_channel(MAX_WAITING);
    thread::scope(|scope| {
        let walking = scope.spawn(|| {
            let walked = read_all(source, walk, &lines);
            if walked.is_err() {
                let _ = lines.send(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            drop(lines);
            walked
        });
        let verified = parallel::verify(Lines::new(reader), options, threads, |_| {}, |_| {});
        let tiles = walking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let verification = verified.map_err(|error| CliError::io("read", &source.name(), &error))?;
        Ok((tiles, verification))
    })
}

/// Reads all tiles and bundles concurrently, and sends the lines of the export that they form.
fn read_all(
    source: &dyn Source,
    mut walk: Walk,
    lines: &SyncSender<io::Result<Vec<u8>>>,
) -> Result<Tiles, CliError> {
    let (first, size) = walk.range();
    let bar = progress::count("checking", size.div_ceil(TILE_WIDTH) - first / TILE_WIDTH);
    let plan = walk.plan();
    let readers = source.readers();
    thread::scope(|scope| {
        let queues: Vec<_> = (0..readers)
            .map(|first| {
                let (sender, queue) = sync_channel(0);
                let resources = plan.clone().skip(first).step_by(readers);
                scope.spawn(move || read(source, resources, &sender));
                queue
            })
            .collect();
        for (resource, queue) in plan.zip(queues.iter().cycle()) {
            if walk.is_stopped() {
                break;
            }
            let Ok(got) = queue.recv() else { break };
            walk.push(got?.as_deref());
            // The verifier stops receiving only after a failure.
            if lines.send(Ok(walk.take_lines())).is_err() {
                break;
            }
            bar.inc(u64::from(matches!(resource, Resource::Bundle(_))));
        }
        Ok::<(), CliError>(())
    })?;
    bar.finish_and_clear();
    let (last, tiles) = walk.finish();
    let _ = lines.send(Ok(last));
    Ok(tiles)
}

type ReadResult = Result<Option<Vec<u8>>, EngineError>;

fn read(source: &dyn Source, plan: impl Iterator<Item = Resource>, sender: &SyncSender<ReadResult>) {
    for resource in plan {
        let got = source.get(resource);
        let failed = got.is_err();
        if sender.send(got).is_err() || failed {
            return;
        }
    }
}

/// A stream of the lines that another thread sends.
struct Lines {
    receiver: Receiver<io::Result<Vec<u8>>>,
    current: Cursor<Vec<u8>>,
}

impl Lines {
    fn new(receiver: Receiver<io::Result<Vec<u8>>>) -> Self {
        Self { receiver, current: Cursor::default() }
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.current.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            match self.receiver.recv() {
                Ok(lines) => self.current = Cursor::new(lines?),
                Err(_) => return Ok(0),
            }
        }
    }
}

/// Returns the verdict in words.
fn headline(report: &CheckReport) -> String {
    let tiles = &report.tiles;
    if tiles.finding_counts.is_empty() {
        return verdict::headline(&report.report);
    }
    if tiles.pass() && report.verdict == Verdict::Partial {
        let (first, _) = tiles.range;
        return good(format!("✓ Unchanged from entry {first} on,"))
            + &doubt(format!(" but the first {first} entries are gone."))
            + " If the log operator doesn't say that they were pruned, they may have been removed to hide something.";
    }
    let why = if tiles.pass() { report.report.why() } else { None };
    verdict::in_words(report.verdict, why, &report.report)
}

/// Formats the report.
fn text(report: &CheckReport) -> String {
    let headline = headline(report);
    let mut text = headline + "\n";
    text += &verdict::body(&report.report, verdict::ReportSource::Log);
    let tiles = &report.tiles;
    let _ = writeln!(text, "\n{}", label("Tiles"));
    let leaves = &tiles.entries;
    let covered = format!(
        "{}, {} with {}, {}, {}",
        count(tiles.checked, "tile"),
        count(tiles.bundles, "bundle"),
        count(leaves.links, "link"),
        count(leaves.notes, "key note"),
        if leaves.other == 1 { "1 other entry".into() } else { format!("{} other entries", leaves.other) },
    );
    let (first, size) = tiles.range;
    if first > 0 {
        let range = format!("from entry {first} up to {size}; nothing before entry {first} was checked");
        let _ = writeln!(text, "  {} {range}", doubt("! range      "));
    }
    if tiles.pass() {
        let _ = writeln!(text, "  {} {covered}", good("✓ pass       "));
    } else {
        let total: u64 = tiles.finding_counts.values().sum();
        let _ = writeln!(text, "  {} {} in {covered}", bad("✗ fail       "), count(total, "finding"));
    }
    for (code, count) in &tiles.finding_counts {
        for finding in tiles.findings.iter().filter(|finding| finding.code == *code).take(MAX_SHOWN) {
            let _ = writeln!(text, "  {}", finding_line(finding));
        }
        if *count > MAX_SHOWN as u64 {
            let more = count - MAX_SHOWN as u64;
            let _ = writeln!(text, "    … and {more} more (--json lists the first {LISTED})");
        }
        let _ = writeln!(text, "    {} {}", faint("hint:"), code.hint());
    }
    text
}

fn finding_line(finding: &TileFinding) -> String {
    let index = finding.index.map_or_else(String::new, |index| format!(", entry {index}"));
    let TileFinding { code, path, message, .. } = finding;
    let word = if *code == TileCode::Pruned { doubt("! warning") } else { bad("✗ error  ") };
    format!("{word} {} {path}{index}: {}", label(code.as_str()), plain(message))
}
