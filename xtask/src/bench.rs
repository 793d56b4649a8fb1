//! `cargo xtask bench`: measures speed, memory, and sizes, relative to the bare work.
//!
//! Contestants run alternately, several times, each in a new process, so that other load affects all of
//! them. A figure is the median of the rounds; its spread is the minimum and maximum.

#![allow(clippy::cast_precision_loss, reason = "figures are for people")]

mod contest;
mod detection;
mod figure;
mod floods;
mod hostile;
mod log;
mod memory;
mod page;
mod query;
mod sdk;
mod watch;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::npm;
use crate::stamp::Stamp;
use crate::toolchain::{self, TARGET};
use crate::tools::Tools;
use crate::wasm;
use contest::Samples;
use figure::{Bound, Figure};

/// The package with the generator, the native measurements, and the bare work as a library.
const PACKAGE: &str = "countersign-benches";
const MEBIBYTE: f64 = 1_048_576.0;
const MEGABYTE: f64 = 1e6;
const EVENTS: u64 = 1_000_000;
/// The number of events in an export of 1 GiB.
const EVENTS_OF_A_GIBIBYTE: u64 = 1_710_000;
/// The divisor of the number of events with `--quick`.
const QUICK_DIVISOR: u64 = 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also write the figures to a file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Use a twentieth of the events, for a quick try; the figures mean little
    #[arg(long)]
    quick: bool,
    /// The number of rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The number of events in the export of `query`: 1,000,000 are 723 MB, 10,000,000 are 7 GB [default:
    /// 280000]
    #[arg(long)]
    events: Option<u64>,
    /// Only these parts [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Native verification, relative to the bare work
    Native,
    /// Verification on two threads, relative to one
    Threads,
    /// Verification in WebAssembly, relative to the bare work and to plain JavaScript
    Wasm,
    /// Verification with sha2 alone, relative to lanes that hash several messages at once
    Lanes,
    /// Recording in WebAssembly
    Record,
    /// The cost of recording in a program, on Node.js and in workerd
    Sdk,
    /// A million events in the viewer and in the auditor's page; needs 1.5 GB of disk
    Page,
    /// Searching for a rare actor, relative to verification alone, jq, DuckDB and ripgrep
    Query,
    /// Peak memory
    Memory,
    /// Hostile exports: growth of time and memory, which must be proportional to their size
    Hostile,
    /// The sizes of the artifacts
    Sizes,
    /// The time to instantiate an artifact
    Instantiate,
    /// A log under load, relative to Tessera's, and a log of 10 million links; needs 8 GB of disk
    Log,
    /// A log flooded by unauthorized clients: the effects on an honest emitter
    Floods,
    /// Detection rules: events per second and memory
    Analyze,
    /// The latency of alerts from a log under load
    Watch,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let mut figures = Vec::new();
    let bench = Bench { tools, args, built: Cell::new(false) };
    let chosen = |part: &&Part| args.parts.is_empty() || args.parts.contains(part);
    let mut notes = Vec::new();
    let mut missed = false;
    for part in <Part as clap::ValueEnum>::value_variants().iter().filter(chosen) {
        let measured = bench.measure(*part)?;
        // The bounds of the others depend on the machine.
        missed |= *part == Part::Hostile && measured.iter().any(|figure| figure.within() == Some(false));
        figures.extend(measured);
        notes.extend(match part {
            Part::Log => Some(log::NOTES),
            Part::Floods => Some(floods::NOTES),
            Part::Analyze => Some(detection::NOTES),
            Part::Watch => Some(watch::NOTES),
            Part::Sdk => Some(sdk::NOTES),
            Part::Page => Some(page::NOTES),
            Part::Query => Some(query::NOTES),
            _ => None,
        });
    }
    println!();
    for figure in &figures {
        println!("{figure}");
    }
    for note in notes {
        println!("\n{note}");
    }
    if let Some(file) = &args.json {
        let list: Vec<String> = figures.iter().map(Figure::to_json).collect();
        fs::write(file, format!("[{}]\n", list.join(",\n ")))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    ensure!(!missed, "the cost of a hostile export grows faster than its size");
    Ok(())
}

struct Bench<'a> {
    tools: &'a Tools,
    args: &'a Args,
    /// True once the native programs are built.
    built: Cell<bool>,
}

impl Bench<'_> {
    fn measure(&self, part: Part) -> Result<Vec<Figure>> {
        match part {
            Part::Native => self.native(),
            Part::Threads => self.threads(),
            Part::Wasm => self.wasm(),
            Part::Lanes => self.lanes(),
            Part::Record => self.record(),
            Part::Sdk => sdk::measure(self),
            Part::Page => page::measure(self),
            Part::Query => query::measure(self),
            Part::Memory => self.memory(),
            Part::Hostile => hostile::measure(self),
            Part::Sizes => self.sizes(),
            Part::Instantiate => self.instantiate(),
            Part::Log => log::measure(self),
            Part::Floods => floods::measure(self),
            Part::Analyze => detection::measure(self),
            Part::Watch => watch::measure(self),
        }
    }

    fn native(&self) -> Result<Vec<Figure>> {
        let input = self.input(EVENTS, true)?;
        let measured = |what: &str| {
            let mut command = self.benches();
            command.arg(what).arg(&input);
            command
        };
        let [verify, bare] = self.run("native", [measured("verify"), measured("bare")])?;
        Ok(vec![
            Figure::times_as_long("native/bare", &verify, &bare).held_to(Bound::AtMost(1.46)),
            Figure::new("native", "events/s", self.rate(&verify)),
        ])
    }

    fn threads(&self) -> Result<Vec<Figure>> {
        let input = self.input(EVENTS, true)?;
        let on = |what: &str, threads: &str| {
            let mut command = self.benches();
            command.arg(what).arg(&input).args(["--threads", threads]);
            command
        };
        let programs = [on("verify", "1"), on("verify", "2"), on("bare", "1"), on("bare", "2")];
        let [one, two, bare_one, bare_two] = self.run("threads", programs)?;
        let verify = Figure::times_as_long("1 thread/2 threads", &one, &two);
        let bare = Figure::times_as_long("1 thread/2 threads, bare work", &bare_one, &bare_two);
        // Two processors of a virtual machine can share one core, so the bare work's gain is the maximum
        // possible.
        let kept =
            verify.relative_to("gain of the verifier/of the bare work", &bare).held_to(Bound::AtLeast(0.88));
        Ok(vec![verify.held_to(Bound::AtLeast(1.76)), bare, kept])
    }

    fn wasm(&self) -> Result<Vec<Figure>> {
        let input = self.input(EVENTS, true)?;
        let bare = self.bare_wasm()?;
        let mut programs = [
            self.script("verify-wasm.mjs")?,
            self.script("bare-wasm.mjs")?,
            self.script("plain-verifier.mjs")?,
        ];
        for program in &mut programs {
            // WebCrypto uses separate threads: it gets one, in addition to JavaScript's.
            program.arg(&input).env("UV_THREADPOOL_SIZE", "1");
        }
        programs[1].arg(bare);
        let [verify, bare, plain] = self.run("wasm", programs)?;
        Ok(vec![
            Figure::times_as_long("wasm/bare", &verify, &bare).held_to(Bound::AtMost(1.15)),
            Figure::times_as_long("plain JavaScript/wasm", &plain, &verify).held_to(Bound::AtLeast(2.0)),
            Figure::new("wasm", "events/s", self.rate(&verify)),
        ])
    }

    fn lanes(&self) -> Result<Vec<Figure>> {
        let input = self.input(EVENTS, true)?;
        let mut native = [self.benches(), Command::new(self.benches_without_lanes()?)];
        for program in &mut native {
            program.arg("verify").arg(&input);
        }
        let [lanes, alone] = self.run("lanes, native", native)?;
        let native = Figure::times_as_long("native by sha2 alone/native", &alone, &lanes);
        let mut wasm = [self.script("verify-wasm.mjs")?, self.script("verify-wasm.mjs")?];
        for program in &mut wasm {
            program.arg(&input);
        }
        wasm[1].arg(wasm::build_without_lanes(self.tools)?);
        let [lanes, alone] = self.run("lanes, wasm", wasm)?;
        let wasm = Figure::times_as_long("wasm by sha2 alone/wasm", &alone, &lanes);
        // Lanes are kept if they save a tenth of the time.
        Ok([native, wasm].map(|figure| figure.held_to(Bound::AtLeast(1.11))).into())
    }

    fn record(&self) -> Result<Vec<Figure>> {
        let mut script = self.script("record-wasm.mjs")?;
        script.arg((self.scaled(200_000)).to_string());
        let [record] = self.run("record", [script])?;
        Ok(vec![Figure::new("recording in wasm", "µs/event", record).held_to(Bound::AtMost(30.0))])
    }

    fn memory(&self) -> Result<Vec<Figure>> {
        let input = self.input(EVENTS_OF_A_GIBIBYTE, false)?;
        let native = self
            .tools
            .progress
            .step("memory of the program", |_| memory::peak(&mut self.verify_with_program(&input, "2")))?;
        let in_browser = |what: &str| -> Result<Samples> {
            let mut script = self.script("browser-memory.mjs")?;
            self.tools.browser()?.configure(&mut script).arg(&input).arg(what);
            let [bytes] = self.run(&format!("memory of the {what}"), [script])?;
            Ok(bytes.map(|bytes| bytes / MEBIBYTE))
        };
        Ok(vec![
            Figure::new("memory, native", "MiB", Samples::one(native / MEBIBYTE))
                .held_to(Bound::AtMost(64.0)),
            Figure::new("memory, a tab's worker", "MiB", in_browser("worker")?).held_to(Bound::AtMost(128.0)),
            Figure::new("memory, all of the tab", "MiB", in_browser("tab")?),
        ])
    }

    fn sizes(&self) -> Result<Vec<Figure>> {
        let artifacts = self.tools.artifacts()?;
        let figures = artifacts.into_iter().map(|built| {
            let size = Samples::one(built.brotli as f64 / 1000.0);
            Figure::new(format!("{} in brotli", built.name), "KB", size)
                .held_to(Bound::AtMost(built.aim as f64 / 1000.0))
        });
        Ok(figures.collect())
    }

    fn instantiate(&self) -> Result<Vec<Figure>> {
        let artifacts = self.tools.artifacts()?;
        let figures = artifacts.into_iter().map(|built| {
            let mut script = self.script("instantiate-wasm.mjs")?;
            script.arg(built.file.with_file_name(format!("{}.js", built.name)));
            let [time] = self.run(&format!("instantiate {}", built.name), [script])?;
            Ok(Figure::new(format!("{}, to instantiate", built.name), "ms", time))
        });
        figures.collect()
    }

    fn run<const N: usize>(&self, name: &str, mut programs: [Command; N]) -> Result<[Samples; N]> {
        let progress = &self.tools.progress;
        let samples = contest::alternate(progress, name, self.args.rounds, &mut programs)?;
        samples.try_into().ok().context("as many samples as programs")
    }

    fn scaled(&self, count: u64) -> u64 {
        if self.args.quick { count / QUICK_DIVISOR } else { count }
    }

    /// Converts the seconds that an export took to events per second.
    fn rate(&self, seconds: &Samples) -> Samples {
        let events = self.scaled(EVENTS) as f64;
        seconds.map(|seconds| events / seconds)
    }

    /// Returns the folder of an export of this many events, generating it if it is missing.
    fn input(&self, events: u64, with_work: bool) -> Result<PathBuf> {
        let events = self.scaled(events);
        self.build_natives()?;
        let folder = self.tools.path("target/bench").join(events.to_string());
        Stamp::new(folder.with_extension("stamp"))
            .path(&self.tools.path("benches/src/generate.rs"))?
            .path(&self.tools.path("benches/src/lib.rs"))?
            .unless_done(&[folder.join("export.ndjson")], || {
                self.tools.progress.step(&format!("export of {events} events"), |log| {
                    let mut command = self.benches();
                    command.arg("generate").arg(&folder).args(["--events", &events.to_string()]);
                    log.run(if with_work { &mut command } else { command.arg("--no-work") })
                })
            })?;
        Ok(folder)
    }

    /// Builds the program, and the programs that measure it.
    fn build_natives(&self) -> Result<()> {
        if self.built.replace(true) {
            return Ok(());
        }
        self.tools.progress.step("native programs", |log| {
            log.run(self.tools.cargo("build").args(["--release", "-p", PACKAGE, "-p", "countersign-cli"]))
        })
    }

    /// Returns a command for the program that generates and measures.
    fn benches(&self) -> Command {
        Command::new(self.release(PACKAGE))
    }

    /// Builds the same program with only the hashes of sha2 (`src/hash/lanes.rs`), and returns it.
    fn benches_without_lanes(&self) -> Result<PathBuf> {
        let target = self.tools.path("target/bench/without-lanes");
        self.tools.progress.step("native program without lanes", |log| {
            let mut cargo = self.tools.cargo("build");
            cargo.args(["--release", "-p", PACKAGE, "--target-dir"]).arg(&target);
            log.run(cargo.env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}sha2_alone"))
        })?;
        Ok(target.join("release").join(format!("{PACKAGE}{}", std::env::consts::EXE_SUFFIX)))
    }

    fn release(&self, program: &str) -> PathBuf {
        self.tools.host_program("release", program)
    }

    fn verify_with_program(&self, input: &Path, threads: &str) -> Command {
        let mut command = Command::new(self.release("countersign"));
        command.arg("verify").arg(input.join("export.ndjson")).args(["--json", "--threads", threads]);
        command.arg("--trust").arg(input.join("trust.txt"));
        command
    }

    /// Compiles the bare work like the artifact `verifier`.
    fn bare_wasm(&self) -> Result<PathBuf> {
        self.tools.progress.step("bare work in wasm", |log| {
            let mut cargo = self.tools.wasm32()?.cargo(self.tools, "build");
            cargo.args(["--package", PACKAGE, "--lib", "--profile", "wasm-fast"]);
            log.run(cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128"))
        })?;
        Ok(toolchain::target_folder(self.tools).join(TARGET).join("wasm-fast/bare.wasm"))
    }

    /// Returns a command for a script of `benches`, after building the npm package.
    fn script(&self, name: &str) -> Result<Command> {
        self.tools.js()?;
        npm::install(self.tools, "benches")?;
        let mut node = self.tools.node()?.node(self.tools);
        node.arg(self.tools.path("benches").join(name));
        Ok(node)
    }
}
