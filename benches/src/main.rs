//! What `cargo xtask bench` runs natively: the input's generator, the verifier and the bare work.
//!
//! What is timed prints the seconds it took, input in memory and start-up not counted.

mod generate;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
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
        /// How many events
        #[arg(long)]
        events: u64,
        /// Write no bare work
        #[arg(long)]
        no_work: bool,
    },
    /// Verifies a folder's export on one thread
    Verify {
        /// The folder
        folder: PathBuf,
    },
    /// Does a folder's bare work
    Bare {
        /// The folder
        folder: PathBuf,
    },
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Generate { folder, events, no_work } => generate::generate(&folder, events, !no_work)?,
        Command::Verify { folder } => println!("{}", verify(&folder)?.as_secs_f64()),
        Command::Bare { folder } => println!("{}", work(&folder)?.as_secs_f64()),
    }
    Ok(())
}

fn work(folder: &Path) -> Result<Duration> {
    let file = fs::read(folder.join("work.bin"))?;
    let mut rest = file.as_slice();
    let mut worker = Worker::default();
    let start = Instant::now();
    while let Some((length, more)) = rest.split_first_chunk() {
        let (piece, more) = more.split_at(u32::from_le_bytes(*length) as usize);
        worker.work(piece);
        rest = more;
    }
    black_box(worker.trace());
    Ok(start.elapsed())
}

fn verify(folder: &Path) -> Result<Duration> {
    let export = fs::read(folder.join("export.ndjson"))?;
    let trust = fs::read(folder.join("trust.txt"))?;
    let start = Instant::now();
    let options = Options { trust: Trust::parse(&trust)?, ..Options::default() };
    let verification = parallel::verify(export.as_slice(), options, 1, |_| (), |_| ())?;
    let seconds = start.elapsed();
    ensure!(
        verification.report.verdict == Verdict::Verified,
        "the verdict is {:?}",
        verification.report.verdict
    );
    Ok(seconds)
}
