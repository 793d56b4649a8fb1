//! The native part of `cargo xtask bench`: input generators, the verifier, the bare work, and load
//! generators for a log.
//!
//! Each command prints its measurements on one line. Start-up and reading input into memory aren't
//! measured.

mod detection;
mod floods;
mod generate;
mod grow;
mod hostile;
mod load;
mod people;
mod realistic;
mod server;
mod submissions;
mod tenants;
mod usage;
mod watching;

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bare::Worker;
use clap::Parser;
use countersign::trust::Trust;
use countersign::verify::{Options, Verdict, parallel};

#[derive(Parser)]
enum Command {
    /// Writes a sealed export, its trust file and its bare work into a folder
    Generate {
        /// The folder
        folder: PathBuf,
        /// The number of events
        #[arg(long)]
        events: u64,
        /// Write no bare work
        #[arg(long)]
        no_work: bool,
    },
    /// Writes a sealed export of a year of varied events, and its trust file, into a folder
    Realistic {
        /// The folder
        folder: PathBuf,
        /// The number of events
        #[arg(long)]
        events: u64,
    },
    /// Lists the shapes of hostile exports, each after its count
    HostileShapes,
    /// Writes an export of a hostile shape, with its trust and pin files, into a folder
    HostileWrite {
        /// The folder
        folder: PathBuf,
        /// The shape's name
        #[arg(long)]
        shape: String,
        /// The number of repeated parts
        #[arg(long)]
        count: u64,
    },
    /// Verifies a hostile export: prints the seconds and the bytes of memory it takes
    HostileVerify {
        /// The folder
        folder: PathBuf,
    },
    /// Verifies a folder's export: prints the seconds it takes
    Verify {
        /// The folder
        folder: PathBuf,
        /// The number of threads
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Does a folder's bare work: prints the seconds it takes
    Bare {
        /// The folder
        folder: PathBuf,
        /// The number of threads
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Submits to a new log from many emitters: prints events per second, and the median and 99th
    /// percentile of the milliseconds to a receipt
    Load {
        /// The program that serves the log
        program: PathBuf,
        /// The folder for a temporary folder with the log
        #[arg(long)]
        within: PathBuf,
        #[command(flatten)]
        amount: Amount,
    },
    /// Runs rules on events: prints the seconds, the bytes of memory, and the number of findings
    Detect {
        /// The rules: a file, or a folder of files [default: the built-in rules]
        #[arg(long)]
        rules: Option<PathBuf>,
        /// The number of events
        #[arg(long)]
        events: u64,
        /// The number of identities
        #[arg(long)]
        identities: u64,
    },
    /// Writes the events of `detect`, one per line
    Events {
        /// The file
        file: PathBuf,
        /// The number of events
        #[arg(long)]
        events: u64,
        /// The number of identities
        #[arg(long)]
        identities: u64,
    },
    /// Runs rules on a generated log with labeled attacks: prints false alerts per identity and month, and
    /// recall, for findings at `low`, `medium` and `high` or above
    Accuracy {
        /// The generator: `agents`, `cloud` or `office`
        generator: String,
        /// The rules: a file, or a folder of files [default: the built-in rules]
        #[arg(long)]
        rules: Option<PathBuf>,
        /// The seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Also print the rules that raised false alerts, and the attacks that were missed
        #[arg(long)]
        details: bool,
    },
    /// Counts distinct values of events in one window: prints the seconds it takes
    Window {
        /// The number of events
        #[arg(long)]
        events: u64,
    },
    /// Writes the entries that `load` submits, one file per emitter
    Leaves {
        /// The folder
        folder: PathBuf,
        #[command(flatten)]
        amount: Amount,
    },
    /// Floods a new log in several ways: prints for each its name, the 99th percentile of the milliseconds
    /// of honest submissions of two sizes without and during the flood, and the bytes of memory during and
    /// after it
    Floods {
        /// The program that serves the log
        program: PathBuf,
        /// The folder for a temporary folder with the log
        #[arg(long)]
        within: PathBuf,
        /// The number of submissions of each size
        #[arg(long)]
        submissions: usize,
    },
    /// Watches a new log under load: prints the median and 99th percentile of the milliseconds from an
    /// acknowledgment to its alert, and events per second
    Watching {
        /// The program that serves and watches the log
        program: PathBuf,
        /// The folder for a temporary folder with the log
        #[arg(long)]
        within: PathBuf,
        /// The number of alerts to measure
        #[arg(long)]
        alerts: usize,
    },
    /// Records events in the logs of many tenants, or in one log: prints events per second
    TenantLoad {
        /// The folder for a temporary folder with the log
        #[arg(long)]
        within: PathBuf,
        /// The number of tenants; 0 for one log without tenants
        #[arg(long)]
        tenants: usize,
        #[command(flatten)]
        amount: Amount,
    },
    /// Makes ticks of many tenants: prints the median milliseconds of a tick, and of one log's commit
    TenantTick {
        /// The folder for a temporary folder with the logs
        #[arg(long)]
        within: PathBuf,
        /// The number of tenants
        #[arg(long)]
        tenants: usize,
        /// The number of tenants whose logs grow
        #[arg(long)]
        changed: usize,
    },
    /// Verifies exports of a tenant's log, and of a log without tenants that has the same events: prints the events per
    /// second of both
    TenantVerify {
        /// The folder for temporary folders with the logs
        #[arg(long)]
        within: PathBuf,
        /// The number of events
        #[arg(long)]
        events: u64,
    },
    /// Searches one tenant's log, alone and while another tenant's readers search without a pause: prints the median
    /// milliseconds of both
    TenantNeighbors {
        /// The program that serves the log
        program: PathBuf,
        /// The folder for a temporary folder with the log
        #[arg(long)]
        within: PathBuf,
        /// The number of events in the other tenant's log
        #[arg(long)]
        events: u64,
    },
    /// Fills the logs of many tenants: prints the bytes of a head proof, the bytes of the database per entry, the
    /// seconds of a start, and the bytes of memory
    TenantFill {
        /// The program that serves the log
        program: PathBuf,
        /// The folder for a temporary folder with the log
        #[arg(long)]
        within: PathBuf,
        /// The number of tenants
        #[arg(long)]
        tenants: usize,
        /// The number of entries of each tenant's log
        #[arg(long)]
        entries: usize,
    },
    /// Grows a new log: prints the number of links and bytes of memory three times, then events per second
    /// of growth and of an export, and the seconds of a restart
    Grow {
        /// The program that serves the log
        program: PathBuf,
        /// The folder for a temporary folder with the log
        #[arg(long)]
        within: PathBuf,
        /// The approximate number of links
        #[arg(long)]
        links: u64,
    },
}

/// The amount to submit.
#[derive(clap::Args)]
struct Amount {
    /// The total number of events of all emitters
    #[arg(long)]
    events: u64,
    /// The number of events per submission
    #[arg(long)]
    size: u64,
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Generate { folder, events, no_work } => generate::generate(&folder, events, !no_work)?,
        Command::Realistic { folder, events } => realistic::generate(&folder, events)?,
        Command::HostileShapes => {
            for shape in hostile::SHAPES {
                println!("{} {}", shape.count, shape.name);
            }
        }
        Command::HostileWrite { folder, shape, count } => hostile::write(&shape, count, &folder)?,
        Command::HostileVerify { folder } => {
            let (seconds, bytes) = hostile::verify(&folder)?;
            println!("{seconds} {bytes}");
        }
        Command::Verify { folder, threads } => println!("{}", verify(&folder, threads)?.as_secs_f64()),
        Command::Bare { folder, threads } => println!("{}", work(&folder, threads)?.as_secs_f64()),
        Command::Load { program, within, amount } => {
            let folder = tempfile::tempdir_in(within)?;
            let load::Measured { rate, median, slow } =
                load::load(&program, folder.path(), amount.events, amount.size)?;
            println!("{rate} {median} {slow}");
        }
        Command::Detect { rules, events, identities } => {
            let detection::Measured { seconds, bytes, findings } =
                detection::detect(rules.as_deref(), events, identities)?;
            println!("{seconds} {bytes} {findings}");
        }
        Command::Events { file, events, identities } => {
            let mut out = std::io::BufWriter::new(fs::File::create(file)?);
            detection::write(events, identities, &mut out)?;
            out.flush()?;
        }
        Command::Accuracy { generator, rules, seed, details } => {
            let accuracy = people::measure(&detection::pack(rules.as_deref())?, &generator, seed)?;
            let figures = accuracy.levels.map(|(_, false_alerts, recall)| format!("{false_alerts} {recall}"));
            println!("{}", figures.join(" "));
            if details {
                println!("{}: {} events", accuracy.name, accuracy.events);
                for (rule, count) in accuracy.noise {
                    println!("{count:6} {rule}");
                }
                for (kind, count) in accuracy.missed {
                    println!("missed {count}: {kind}");
                }
            }
        }
        Command::Window { events } => println!("{}", detection::window(events)?),
        Command::Leaves { folder, amount } => write_leaves(&folder, &amount)?,
        Command::Floods { program, within, submissions } => {
            for flood in floods::floods(&program, &within, submissions)? {
                let floods::Measured { name, quiet, flooded, memory, refused } = flood;
                let refused = refused.unwrap_or_default();
                let times = [quiet[0], quiet[1], flooded[0], flooded[1]].map(|time| time.to_string());
                println!("{name}\t{} {} {} {refused}", times.join(" "), memory[0], memory[1]);
            }
        }
        Command::Watching { program, within, alerts } => {
            let watching::Measured { median, slow, rate } = watching::watching(&program, &within, alerts)?;
            println!("{median} {slow} {rate}");
        }
        Command::TenantLoad { within, tenants, amount } => {
            let (events, size) = (usize::try_from(amount.events)?, usize::try_from(amount.size)?);
            println!("{}", tenants::load(&within, tenants, events, size)?);
        }
        Command::TenantTick { within, tenants, changed } => {
            let [tick, commit] = tenants::tick(&within, tenants, changed)?;
            println!("{tick} {commit}");
        }
        Command::TenantVerify { within, events } => {
            let [tenant, one] = tenants::verify(&within, events)?;
            println!("{tenant} {one}");
        }
        Command::TenantNeighbors { program, within, events } => {
            let [alone, beside] = tenants::neighbors(&program, &within, events)?;
            println!("{alone} {beside}");
        }
        Command::TenantFill { program, within, tenants, entries } => {
            let tenants::Measured { head, per_entry, start, memory } =
                tenants::fill(&program, &within, tenants, entries)?;
            println!("{head} {per_entry} {start} {memory}");
        }
        Command::Grow { program, within, links } => {
            let folder = tempfile::tempdir_in(within)?;
            let grow::Measured { memory, growth, export, start } =
                grow::grow(&program, folder.path(), links)?;
            for (links, bytes) in memory {
                print!("{links} {bytes} ");
            }
            println!("{growth} {export} {start}");
        }
    }
    Ok(())
}

/// Writes entries as in a C2SP tlog-tiles entry bundle: the length in two big-endian bytes, then the bytes.
fn write_leaves(folder: &Path, amount: &Amount) -> Result<()> {
    fs::create_dir_all(folder)?;
    for emitter in 0..submissions::EMITTERS {
        let events = amount.events / u64::from(submissions::EMITTERS);
        let submissions = load::submissions(emitter, events, amount.size)?;
        let mut file = std::io::BufWriter::new(fs::File::create(folder.join(format!("{emitter}.leaves")))?);
        for leaf in submissions.iter().skip(1).flat_map(|submission| submissions::leaves(submission)) {
            let leaf = leaf?;
            file.write_all(&u16::try_from(leaf.len())?.to_be_bytes())?;
            file.write_all(leaf.as_bytes())?;
        }
        file.flush()?;
    }
    Ok(())
}

/// The number of pieces a thread takes at a time, about the same as the verifier's threads.
const PIECES_AT_A_TIME: usize = 256;

fn work(folder: &Path, threads: usize) -> Result<Duration> {
    let file = fs::read(folder.join("work.bin"))?;
    let mut rest = file.as_slice();
    let mut pieces = Vec::new();
    while let Some((length, more)) = rest.split_first_chunk() {
        let (piece, more) = more.split_at(u32::from_le_bytes(*length) as usize);
        pieces.push(piece);
        rest = more;
    }
    let mut known = Worker::default();
    if threads > 1 {
        for piece in &pieces {
            known.learn(piece);
        }
    }
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let work = || {
            let mut worker = known.clone();
            while let Some(pieces) = pieces.chunks(PIECES_AT_A_TIME).nth(next.fetch_add(1, Ordering::Relaxed))
            {
                for piece in pieces {
                    worker.work(piece);
                }
            }
            black_box(worker.trace());
        };
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    Ok(start.elapsed())
}

fn verify(folder: &Path, threads: usize) -> Result<Duration> {
    let export = fs::read(folder.join("export.ndjson"))?;
    let trust = fs::read(folder.join("trust.txt"))?;
    let start = Instant::now();
    let options = Options { trust: Trust::parse(&trust)?, ..Options::default() };
    let verification = parallel::verify(export.as_slice(), options, threads, |_| (), |_| ())?;
    let seconds = start.elapsed();
    ensure!(
        verification.report.verdict == Verdict::Verified,
        "the verdict is {:?}",
        verification.report.verdict
    );
    Ok(seconds)
}
