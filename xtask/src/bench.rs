//! `cargo xtask bench`: measures speed, memory, and sizes, relative to the bare work: the same hashes and signatures in
//! a loop, and nothing else.
//!
//! Contestants run alternately, several times, each in a new process, so that other load affects all of
//! them. A figure is the median of the rounds; its spread is the minimum and maximum.

#![allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]

mod contest;
mod detection;
mod document;
mod extrapolation;
mod figure;
mod floods;
mod hostile;
mod log;
mod machine;
mod page;
mod query;
mod redaction;
mod results;
mod scale;
mod sdk;
mod tenants;
mod usage;
mod watch;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};

use crate::npm;
use crate::stamp::Stamp;
use crate::toolchain::{self, TARGET};
use crate::tools::Tools;
use crate::wasm;
use contest::Samples;
pub(crate) use document::{check as check_document, fill as fill_tables};
use figure::{Figure, Target};
use results::{PartResults, Results, Run};

/// The package with the generator and the native measurements. Its library does the bare work.
const PACKAGE: &str = "countersign-benches";
const MEBIBYTE: f64 = 1_048_576.0;
const MEGABYTE: f64 = 1e6;
const EVENTS: u64 = 1_000_000;
/// The number of events in an export of 1 GiB.
const EVENTS_OF_A_GIBIBYTE: u64 = 1_710_000;
/// The viewer's script, and its target in Brotli.
const VIEWER: &str = "js/packages/viewer/dist/viewer.js";
const VIEWER_TARGET_BYTES: u64 = 80_000;
const RECORDED_EVENTS: u64 = 200_000;
/// The divisor of the number of events with `--quick`.
const QUICK_DIVISOR: u64 = 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also write the results to a file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace the results of these parts in benches/results.json, and generate the tables of documents
    #[arg(long, conflicts_with = "quick")]
    save: bool,
    /// Measure nothing, only generate the tables of documents from benches/results.json
    #[arg(long, exclusive = true)]
    document: bool,
    /// Use a twentieth of the events, for a quick try; the figures mean little
    #[arg(long)]
    quick: bool,
    /// The number of rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The number of events in the export of `query`: 1,000,000 are 723 MB, 10,000,000 are 7 GB [default:
    /// 280000]; or of `scale`: 100,000,000 need 120 GB of disk [default: 1000000, then 10000000]
    #[arg(long)]
    events: Option<u64>,
    /// Only these parts [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
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
    /// Ten million events in the viewer; one round; needs 8 GB of disk
    PageLarge,
    /// Searching for a rare actor, relative to verification alone, jq, DuckDB and ripgrep
    Query,
    /// Peak memory
    Memory,
    /// The scaling curve: verification and detection in 1 to 8 parts, relative to one process; needs 12 GB of disk
    Scale,
    /// Hostile exports: growth of time and memory, which must be proportional to their size
    Hostile,
    /// The sizes of the artifacts
    Sizes,
    /// The time to instantiate an artifact
    Instantiate,
    /// A log under load, relative to Tessera's, and a log of 10 million links; needs 8 GB of disk
    Log,
    /// A root log with many tenants, relative to one log; needs 2 GB of disk
    Tenants,
    /// A log flooded by unauthorized clients: the effects on an honest emitter
    Floods,
    /// Detection rules: events per second and memory
    Analyze,
    /// Detection rules on generated sessions of AI agents: false alerts and recall
    Agents,
    /// The latency of alerts from a log under load
    Watch,
    /// The secrets that redaction masks, and the look-alikes that it keeps
    Redaction,
}

impl Part {
    /// Returns the name that the command line and the results use.
    fn name(self) -> String {
        self.to_possible_value().expect("no part is skipped").get_name().to_owned()
    }
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    if args.document {
        return document::save(tools, Results::new());
    }
    let bench = Bench { tools, args, built: Cell::new(false) };
    let chosen = |part: &&Part| args.parts.is_empty() || args.parts.contains(part);
    let (mut results, mut failed) = (Results::new(), Vec::new());
    for &part in Part::value_variants().iter().filter(chosen) {
        // Measuring everything takes hours, so a part that fails doesn't stop the others.
        match bench.results(part) {
            Ok(measured) => {
                if args.save {
                    document::save(tools, Results::from([(part, measured.clone())]))?;
                }
                results.insert(part, measured);
            }
            Err(error) => {
                tools.progress.line(&format!("{error:#}"));
                failed.push(part.name());
            }
        }
    }
    for (part, measured) in &results {
        println!("\n{}", part.name());
        match part {
            Part::Scale => println!("{}", scale::table(measured)),
            _ => measured.figures.iter().for_each(|figure| println!("  {figure}")),
        }
    }
    println!("\n{} describes what is measured.", document::FILE);
    if let Some(file) = &args.json {
        fs::write(file, results::to_json(&results)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    ensure!(failed.is_empty(), "could not be measured: {}", failed.join(", "));
    // The targets of the others depend on the machine.
    let hostile = results.get(&Part::Hostile).map_or(&[][..], |results| &results.figures);
    let missed = hostile.iter().find(|figure| figure.meets_target() == Some(false));
    ensure!(missed.is_none(), "the cost of a hostile export grows faster than its size");
    Ok(())
}

struct Bench<'a> {
    tools: &'a Tools,
    args: &'a Args,
    /// True once the native programs are built.
    built: Cell<bool>,
}

impl Bench<'_> {
    fn results(&self, part: Part) -> Result<PartResults> {
        let run = Run::begin(self.tools, self.rounds(part), self.events(part))?;
        Ok(PartResults { run, figures: self.measure(part)? })
    }

    fn measure(&self, part: Part) -> Result<Vec<Figure>> {
        match part {
            Part::Native => self.native(),
            Part::Threads => self.threads(),
            Part::Wasm => self.wasm(),
            Part::Lanes => self.lanes(),
            Part::Record => self.record(),
            Part::Sdk => sdk::measure(self),
            Part::Page => page::measure(self),
            Part::PageLarge => page::measure_large(self),
            Part::Query => query::measure(self),
            Part::Memory => self.memory(),
            Part::Scale => scale::measure(self),
            Part::Hostile => hostile::measure(self),
            Part::Sizes => self.sizes(),
            Part::Instantiate => self.instantiate(),
            Part::Log => log::measure(self),
            Part::Tenants => tenants::measure(self),
            Part::Floods => floods::measure(self),
            Part::Analyze => detection::measure(self),
            Part::Agents => detection::measure_agents(self),
            Part::Watch => watch::measure(self),
            Part::Redaction => redaction::measure(self),
        }
    }

    /// Returns the number of rounds of a part.
    fn rounds(&self, part: Part) -> usize {
        match part {
            Part::Sizes | Part::PageLarge | Part::Floods | Part::Watch | Part::Redaction => 1,
            Part::Agents => detection::SEEDS.len(),
            _ => self.args.rounds,
        }
    }

    /// Returns the number of events of a part, unless its figures have different ones.
    fn events(&self, part: Part) -> Option<u64> {
        let events = match part {
            Part::Native | Part::Threads | Part::Wasm | Part::Lanes | Part::Page => EVENTS,
            Part::PageLarge => page::MANY_EVENTS,
            Part::Memory => EVENTS_OF_A_GIBIBYTE,
            Part::Record => RECORDED_EVENTS,
            Part::Query => return Some(query::events(self)),
            _ => return None,
        };
        Some(self.scaled(events))
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
            Figure::times_as_long("native verification / bare work", &verify, &bare)
                .with_target(Target::AtMost(1.46)),
            Figure::new("native verification", "events/s", self.rate(&verify)),
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
        let verify = Figure::times_as_long("verification, one thread / two threads", &one, &two);
        let bare = Figure::times_as_long("bare work, one thread / two threads", &bare_one, &bare_two);
        // Two processors of a virtual machine can share one core, so the bare work's gain is the maximum
        // possible.
        let kept = verify
            .relative_to("gain of verification / gain of the bare work", &bare)
            .with_target(Target::AtLeast(0.88));
        Ok(vec![verify.with_target(Target::AtLeast(1.76)), bare, kept])
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
            Figure::times_as_long("verification in WebAssembly / bare work", &verify, &bare)
                .with_target(Target::AtMost(1.15)),
            Figure::times_as_long("verification in plain JavaScript / in WebAssembly", &plain, &verify)
                .with_target(Target::AtLeast(2.0)),
            Figure::new("verification in WebAssembly", "events/s", self.rate(&verify)),
        ])
    }

    fn lanes(&self) -> Result<Vec<Figure>> {
        let input = self.input(EVENTS, true)?;
        let mut native = [self.benches(), Command::new(self.benches_without_lanes()?)];
        for program in &mut native {
            program.arg("verify").arg(&input);
        }
        let [lanes, alone] = self.run("lanes, native", native)?;
        let native = Figure::times_as_long("native verification, sha2 / lanes", &alone, &lanes);
        let mut wasm = [self.script("verify-wasm.mjs")?, self.script("verify-wasm.mjs")?];
        for program in &mut wasm {
            program.arg(&input);
        }
        wasm[1].arg(wasm::build_without_lanes(self.tools)?);
        let [lanes, alone] = self.run("lanes, wasm", wasm)?;
        let wasm = Figure::times_as_long("verification in WebAssembly, sha2 / lanes", &alone, &lanes);
        // Lanes are kept if they save a tenth of the time.
        Ok([native, wasm].map(|figure| figure.with_target(Target::AtLeast(1.11))).into())
    }

    fn record(&self) -> Result<Vec<Figure>> {
        let mut script = self.script("record-wasm.mjs")?;
        script.arg(self.scaled(RECORDED_EVENTS).to_string());
        let [record] = self.run("record", [script])?;
        Ok(vec![
            Figure::new("recording in WebAssembly", "µs/event", record).with_target(Target::AtMost(30.0)),
        ])
    }

    fn memory(&self) -> Result<Vec<Figure>> {
        let input = self.input(EVENTS_OF_A_GIBIBYTE, false)?;
        let native = self.tools.progress.step("memory of the program", |_| {
            let mut verify = self.verify_with_program(&input, "2");
            Ok(usage::measure(verify.stdout(Stdio::null()).stderr(Stdio::null()))?.peak_bytes)
        })?;
        let in_browser = |what: &str| -> Result<Samples> {
            let mut script = self.script("browser-memory.mjs")?;
            self.tools.browser()?.configure(&mut script).arg(&input).arg(what);
            let [bytes] = self.run(&format!("memory of the {what}"), [script])?;
            Ok(bytes.map(|bytes| bytes / MEBIBYTE))
        };
        Ok(vec![
            Figure::new("peak memory of the program", "MiB", Samples::one(native / MEBIBYTE))
                .with_target(Target::AtMost(64.0)),
            Figure::new("peak memory of a tab's worker", "MiB", in_browser("worker")?)
                .with_target(Target::AtMost(128.0)),
            Figure::new("peak memory of the whole tab", "MiB", in_browser("tab")?),
        ])
    }

    fn sizes(&self) -> Result<Vec<Figure>> {
        let size = |name: &str, bytes: u64, target: Option<u64>| {
            Figure::new(format!("`{name}`"), "kB", Samples::one(bytes as f64 / 1000.0))
                .with_target(target.map(|bytes| Target::AtMost(bytes as f64 / 1000.0)))
        };
        let artifacts = self.tools.artifacts()?;
        let mut figures: Vec<Figure> =
            artifacts.iter().map(|built| size(&built.name, built.brotli, built.target)).collect();
        self.tools.js()?;
        let script = self.tools.path(VIEWER);
        figures.push(size("viewer.js", wasm::brotli_size(self.tools, &script)?, Some(VIEWER_TARGET_BYTES)));
        Ok(figures)
    }

    fn instantiate(&self) -> Result<Vec<Figure>> {
        let artifacts = self.tools.artifacts()?;
        let figures = artifacts.into_iter().map(|built| {
            let mut script = self.script("instantiate-wasm.mjs")?;
            script.arg(built.file.with_file_name(format!("{}.js", built.name)));
            let [time] = self.run(&format!("instantiate {}", built.name), [script])?;
            Ok(Figure::new(format!("`{}`", built.name), "ms", time))
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
            log.run(self.tools.cargo("build").args([
                "--profile",
                "dist",
                "-p",
                PACKAGE,
                "-p",
                "countersign-cli",
            ]))
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
            cargo.args(["--profile", "dist", "-p", PACKAGE, "--target-dir"]).arg(&target);
            log.run(cargo.env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}sha2_alone"))
        })?;
        Ok(target.join("dist").join(format!("{PACKAGE}{}", std::env::consts::EXE_SUFFIX)))
    }

    fn release(&self, program: &str) -> PathBuf {
        self.tools.host_program("dist", program)
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
        self.script_with(name, &[])
    }

    /// Returns the command that runs a script with these options of Node.js.
    fn script_with(&self, name: &str, options: &[&str]) -> Result<Command> {
        self.tools.js()?;
        npm::install(self.tools, "benches")?;
        let mut node = self.tools.node()?.node(self.tools);
        node.args(options).arg(self.tools.path("benches").join(name));
        Ok(node)
    }
}
