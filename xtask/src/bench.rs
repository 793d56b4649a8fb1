//! `cargo xtask bench`: speed, memory and sizes as ratios to the bare work.
//!
//! Those who are compared run in turn, several times over, each time in a process of its own: a machine that is busy
//! for a while is busy for all of them. A figure is the median of the rounds; its spread is the least and the greatest.

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

/// The generator, the native measurements, and the bare work as a library.
const PACKAGE: &str = "countersign-benches";
const MEBIBYTE: f64 = 1_048_576.0;
const MEGABYTE: f64 = 1e6;
const EVENTS: u64 = 1_000_000;
/// The events of an export of 1 GiB.
const EVENTS_OF_A_GIBIBYTE: u64 = 1_710_000;
/// By how much `--quick` divides the events.
const QUICK: u64 = 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also write the figures to a file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// A twentieth of the events, to try things out: the figures mean little
    #[arg(long)]
    quick: bool,
    /// How many times each program runs
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many events the export of `query` has: 1,000,000 are 723 MB, 10,000,000 are 7 GB [default: 280000]
    #[arg(long)]
    events: Option<u64>,
    /// Only these parts
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Verifying natively, against the bare work
    Native,
    /// Verifying on two threads, against one
    Threads,
    /// Verifying in WebAssembly, against the bare work and against plain JavaScript
    Wasm,
    /// Verifying by sha2 alone, against the lanes that hash several messages at once
    Lanes,
    /// Recording in WebAssembly
    Record,
    /// What recording costs a program, on Node.js and in workerd
    Sdk,
    /// A million events in the viewer and in the auditor's page, which needs 1.5 GB of disk
    Page,
    /// Asking for a rare actor, against verifying alone, jq, DuckDB and ripgrep
    Query,
    /// Peak memory
    Memory,
    /// Exports that are made to cost much: how time and memory grow, which has to be in proportion
    Hostile,
    /// The artifacts' sizes
    Sizes,
    /// The time to instantiate an artifact
    Instantiate,
    /// A log under load, against Tessera's, and one of 10 million links, which needs 8 GB of disk
    Log,
    /// A log that is flooded by people who may not write: what an honest emitter notices of it
    Floods,
    /// Looking for what rules describe: events a second and memory
    Analyze,
    /// How soon a watch tells what a log under load acknowledged
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
        // What the others are held to depends on the machine.
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
    ensure!(!missed, "a hostile export costs more than in proportion to what it is made of");
    Ok(())
}

struct Bench<'a> {
    tools: &'a Tools,
    args: &'a Args,
    /// Whether the native programs were built.
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
        // Two processors of a virtual machine can share one core: what the bare work gains is all that there is to gain.
        let kept = verify.of("gain of the verifier/of the bare work", &bare).held_to(Bound::AtLeast(0.88));
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
            // WebCrypto works on threads of its own: it gets one, beside JavaScript's.
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
        // Lanes stay where they save a tenth of the time.
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
        if self.args.quick { count / QUICK } else { count }
    }

    /// Events a second, of the seconds that the export took.
    fn rate(&self, seconds: &Samples) -> Samples {
        let events = self.scaled(EVENTS) as f64;
        seconds.map(|seconds| events / seconds)
    }

    /// The folder of an export of so many events, generated where it is not there.
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

    /// Builds the program, and what measures it.
    fn build_natives(&self) -> Result<()> {
        if self.built.replace(true) {
            return Ok(());
        }
        self.tools.progress.step("native programs", |log| {
            log.run(self.tools.cargo("build").args(["--release", "-p", PACKAGE, "-p", "countersign-cli"]))
        })
    }

    /// The program that generates and measures.
    fn benches(&self) -> Command {
        Command::new(self.release(PACKAGE))
    }

    /// Builds the same program with the hashes of sha2 alone (`src/hash/lanes.rs`), and returns it.
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

    /// The bare work, compiled as the artifact `verifier` is.
    fn bare_wasm(&self) -> Result<PathBuf> {
        self.tools.progress.step("bare work in wasm", |log| {
            let mut cargo = self.tools.wasm32()?.cargo(self.tools, "build");
            cargo.args(["--package", PACKAGE, "--lib", "--profile", "wasm-fast"]);
            log.run(cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128"))
        })?;
        Ok(toolchain::target_folder(self.tools).join(TARGET).join("wasm-fast/bare.wasm"))
    }

    /// A script of `benches`, with the npm package built.
    fn script(&self, name: &str) -> Result<Command> {
        self.tools.js()?;
        npm::install(self.tools, "benches")?;
        let mut node = self.tools.node()?.node(self.tools);
        node.arg(self.tools.path("benches").join(name));
        Ok(node)
    }
}
