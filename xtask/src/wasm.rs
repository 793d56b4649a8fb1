//! `cargo xtask wasm`: builds the artifacts described in `wasm-pack.toml`.

mod preview;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;

use crate::npm;
use crate::run::{self, Log};
use crate::stamp::Stamp;
use crate::suites::PRODUCT;
use crate::toolchain::{self, TARGET};
use crate::tools::Tools;
pub(crate) use preview::{PROFILE as PREVIEW_PROFILE, build as build_previews, exist as previews_exist};
pub(crate) use program::{OFFLINE, PACKAGE};

/// The package that artifacts are built from.
pub(crate) const BINDINGS: &str = "countersign-wasm";
/// The folder with the lock file of wasm-opt.
const OPTIMIZER: &str = "xtask/npm";
/// The file with the built-in rule pack.
const RULES: &str = "rules.json";
/// The example of countersign-analyze that writes it.
const RULES_WRITER: &str = "built-in-pack";
/// The WebAssembly features that the compiler may use. All supported runtimes have them.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];
const BROTLI_SIZE: &str = "const { readFileSync } = require('node:fs');
const { brotliCompressSync } = require('node:zlib');
console.log(brotliCompressSync(readFileSync(process.argv[1])).length);";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The artifacts to build, or `program` [default: all]
    artifacts: Vec<String>,
    /// Build within a minute, without optimizing: larger and slower artifacts, without a limit of their size
    #[arg(long)]
    preview: bool,
}

/// The contents of `wasm-pack.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Manifest {
    out_dir: PathBuf,
    artifacts: BTreeMap<String, Artifact>,
    program: Program,
}

/// The build configuration of an artifact.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Artifact {
    features: Vec<String>,
    profile: String,
    #[serde(default)]
    rustflags: Vec<String>,
    /// Our packages that are optimized for speed in this artifact, unlike in other artifacts of its
    /// profile.
    #[serde(default)]
    faster: Vec<String>,
    wasm_opt: Vec<String>,
    /// The artifact with the same bindings, whose JavaScript it shares.
    bindings: Option<String>,
    /// True if its JavaScript can create a new instance after one was stopped.
    #[serde(default)]
    renewable: bool,
    brotli_budget: u64,
    /// The size to aim for, which is smaller than the budget.
    brotli_target: Option<u64>,
}

/// The build configuration of the program for WASI.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Program {
    profile: String,
    rustflags: Vec<String>,
    wasm_opt: Vec<String>,
    brotli_budget: u64,
}

/// A built artifact.
#[derive(Clone)]
pub(crate) struct Built {
    pub(crate) name: String,
    /// The path of the `.wasm` file.
    pub(crate) file: PathBuf,
    /// Its size compressed with Brotli, in bytes.
    pub(crate) brotli: u64,
    /// The maximum size compressed with Brotli, in bytes.
    pub(crate) budget: u64,
    /// The size that `bench` compares it with.
    pub(crate) target: Option<u64>,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    if args.preview {
        return preview::build(tools, &args.artifacts);
    }
    check_budgets(&build(tools, &args.artifacts)?).map(drop)
}

/// Returns the features of all artifacts together, as cargo accepts them.
pub(crate) fn features(tools: &Tools) -> Result<String> {
    let manifest = Manifest::read(tools, &[])?;
    let features: BTreeSet<String> =
        manifest.artifacts.into_values().flat_map(|artifact| artifact.features).collect();
    Ok(Vec::from_iter(features).join(","))
}

/// Builds the named artifacts, or all if none is named.
pub(crate) fn build(tools: &Tools, names: &[String]) -> Result<Vec<Built>> {
    let manifest = Manifest::read(tools, names)?;

    let _lock = lock(tools)?;
    // Cargo builds different profiles in parallel, but artifacts of one profile one by one.
    let mut profiles: BTreeMap<&str, Vec<(&str, &Artifact)>> = BTreeMap::new();
    for (name, artifact) in &manifest.artifacts {
        profiles.entry(&artifact.profile).or_default().push((name, artifact));
    }
    let out_dir = tools.path("").join(&manifest.out_dir);
    let build_one = |&(name, artifact): &(&str, &Artifact)| artifact.build(tools, name, &out_dir);
    tools.wasm32()?;
    npm::install(tools, OPTIMIZER)?;
    let built: Vec<Result<Vec<Built>>> = thread::scope(|scope| {
        let threads: Vec<_> = profiles
            .into_values()
            .map(|group| scope.spawn(move || group.iter().map(build_one).collect()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a build panicked"))))
            .collect()
    });
    let mut built: Vec<Built> = built.into_iter().collect::<Result<Vec<_>>>()?.concat();
    if names.is_empty() || names.iter().any(|name| name == program::NAME) {
        built.push(manifest.program.build(tools, &out_dir)?);
    }
    if manifest.artifacts.contains_key("analyzer") {
        rules(tools, &out_dir)?;
    }
    if names.is_empty() {
        preview::unmark(&out_dir)?;
    }
    for Built { name, brotli, budget, .. } in &built {
        tools.progress.line(&format!("          {name}: {brotli} bytes in brotli, of at most {budget}"));
    }
    Ok(built)
}

/// Builds the artifact `verifier` with only the hashes of sha2 (`src/hash/lanes.rs`), and returns its
/// `.wasm` file, which has the bindings of `verifier`.
pub(crate) fn build_without_lanes(tools: &Tools) -> Result<PathBuf> {
    let bindings = "verifier";
    let mut manifest = Manifest::read(tools, &[bindings.into()])?;
    let mut artifact = manifest.artifacts.remove(bindings).context("wasm-pack.toml has no verifier")?;
    artifact.rustflags.extend(["--cfg", "sha2_alone"].map(str::to_owned));
    artifact.bindings = Some(bindings.into());
    let _lock = lock(tools)?;
    tools.wasm32()?;
    npm::install(tools, OPTIMIZER)?;
    let built = artifact.build(tools, "verifier-without-lanes", &tools.path("target/bench"))?;
    Ok(built.file)
}

impl Manifest {
    /// Reads the configuration of the named artifacts, or of all if none is named.
    fn read(tools: &Tools, names: &[String]) -> Result<Manifest> {
        let text = fs::read_to_string(tools.path("wasm-pack.toml")).context("cannot read wasm-pack.toml")?;
        let mut manifest: Manifest = toml::from_str(&text).context("wasm-pack.toml")?;
        for name in names {
            let is_known = name == program::NAME || manifest.artifacts.contains_key(name);
            ensure!(is_known, "wasm-pack.toml has no artifact {name}");
        }
        manifest.artifacts.retain(|name, _| names.is_empty() || names.contains(name));
        Ok(manifest)
    }
}

/// Builds the built-in rule pack, which pages ship as a file.
fn rules(tools: &Tools, out_dir: &Path) -> Result<()> {
    tools.progress.step("rules", |log| {
        fs::create_dir_all(out_dir)?;
        // With the features of all packages, the crate is already built if tests are.
        log.run(tools.cargo("build").args(PRODUCT).args(["--example", RULES_WRITER]))?;
        let writer = tools.host_program("dev", &format!("examples/{RULES_WRITER}"));
        log.run(Command::new(writer).arg(out_dir.join(RULES)))
    })
}

/// Waits until no other xtask builds artifacts in this folder. Others wait until the returned file is
/// dropped.
fn lock(tools: &Tools) -> Result<File> {
    let folder = toolchain::target_folder(tools);
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("artifacts.lock"))?;
    lock.lock()?;
    Ok(lock)
}

impl Artifact {
    fn build(&self, tools: &Tools, name: &str, out_dir: &Path) -> Result<Built> {
        tools.progress.step(name, |log| {
            let file = self.make(tools, name, out_dir, log)?;
            refuse_warnings(name, log)?;
            let brotli = brotli_size(tools, &file)?;
            let (budget, target) = (self.brotli_budget, self.brotli_target);
            Ok(Built { name: name.to_owned(), file, brotli, budget, target })
        })
    }

    /// Builds the files, unless they are up to date, and returns the path of the `.wasm` file.
    fn make(&self, tools: &Tools, name: &str, out_dir: &Path, log: &Log) -> Result<PathBuf> {
        let compiled = self.compile(tools, name, log)?;
        let file = out_dir.join(format!("{name}_bg.wasm"));
        let mut outputs = vec![file.clone()];
        if self.bindings.is_none() {
            outputs.extend(["js", "d.ts"].map(|kind| out_dir.join(format!("{name}.{kind}"))));
        }
        stamp(tools, name, &format!("{self:?}"), &compiled)?
            .unless_done(&outputs, || self.finish(tools, name, &compiled, out_dir, log))?;
        Ok(file)
    }

    /// Compiles the bindings. Cargo decides if there is anything to do.
    fn compile(&self, tools: &Tools, name: &str, log: &Log) -> Result<PathBuf> {
        let wasm32 = tools.wasm32()?;
        let mut cargo = wasm32.cargo(tools, "build");
        cargo
            .args(["--package", BINDINGS, "--lib", "--features", &self.features.join(",")])
            .args(["--profile", &self.profile]);
        for package in &self.faster {
            let level = format!("profile.{}.package.{package}.opt-level=\"s\"", self.profile);
            cargo.args(["--config", &level]);
        }
        cargo.env("CARGO_ENCODED_RUSTFLAGS", rustflags(tools, &self.rustflags));
        log.run(&mut cargo)?;
        let folder = toolchain::target_folder(tools);
        let compiled = folder.join(TARGET).join(&self.profile).join("countersign_wasm.wasm");
        // Artifacts of one profile share the file name.
        let own = folder.join(format!("{name}.wasm"));
        fs::copy(&compiled, &own).with_context(|| format!("cannot copy {}", compiled.display()))?;
        Ok(own)
    }

    /// Creates the JavaScript bindings, optimizes, and copies the files to their destination.
    fn finish(&self, tools: &Tools, name: &str, compiled: &Path, out_dir: &Path, log: &Log) -> Result<()> {
        let bound = self.bindings.as_deref().unwrap_or(name);
        let folder = bind(tools, name, bound, compiled, self.renewable, log)?;
        let file = folder.join(format!("{bound}_bg.wasm"));
        optimize(tools, &self.wasm_opt, &file, log)?;
        if self.bindings.is_some() {
            fs::create_dir_all(out_dir)?;
            fs::copy(&file, out_dir.join(format!("{name}_bg.wasm")))?;
            return Ok(());
        }
        put(name, &folder, out_dir)
    }
}

/// In CI, fails if the compiler warned about an artifact. No other suite notices code that is unused in one artifact,
/// but not in another one.
fn refuse_warnings(name: &str, log: &Log) -> Result<()> {
    let is_warned = || Ok::<_, anyhow::Error>(log.text()?.lines().any(|line| line.starts_with("warning: ")));
    ensure!(std::env::var_os("CI").is_none() || !is_warned()?, "the compiler warned about {name}");
    Ok(())
}

/// Encodes these flags, and those that make paths in panic messages the same on every machine.
fn rustflags(tools: &Tools, own: &[String]) -> String {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let roots = [Some(tools.path("")), cargo_home];
    let paths = roots.iter().flatten().map(|root| format!("--remap-path-prefix={}=", root.display()));
    paths.chain(own.iter().cloned()).collect::<Vec<_>>().join("\u{1f}")
}

/// Returns the stamp of what is made from a compiled file with this configuration.
fn stamp(tools: &Tools, name: &str, config: &str, compiled: &Path) -> Result<Stamp> {
    Stamp::new(tools.path("target/xtask/stamps").join(name))
        .text(env!("CARGO_PKG_VERSION"))
        .text(config)
        .path(&tools.path(OPTIMIZER).join("package-lock.json"))?
        .path(compiled)
}

/// Runs wasm-opt on a file, unless there are no options.
fn optimize(tools: &Tools, options: &[String], file: &Path, log: &Log) -> Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    let mut optimizer = tools.node()?.node(tools);
    optimizer
        .arg(tools.path(OPTIMIZER).join("node_modules/binaryen/bin/wasm-opt"))
        .args(WASM_FEATURES)
        .args(options)
        .arg(file)
        .arg("-o")
        .arg(file);
    log.run(&mut optimizer)
}

/// Creates an artifact's JavaScript bindings with this name, and returns the folder with both files.
fn bind(
    tools: &Tools,
    name: &str,
    bound: &str,
    compiled: &Path,
    renewable: bool,
    log: &Log,
) -> Result<PathBuf> {
    let folder = toolchain::target_folder(tools).join("bindgen").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut bindings = Command::new(tools.bindings()?);
    bindings.args([compiled, Path::new(bound), &folder]).args(renewable.then_some("renewable"));
    log.run(&mut bindings)?;
    Ok(folder)
}

/// Copies an artifact's files to the package that contains them.
fn put(name: &str, folder: &Path, out_dir: &Path) -> Result<()> {
    fs::create_dir_all(out_dir)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            bail!("{name} has a JavaScript snippet in {}: loaders expect one file", entry.path().display());
        }
        fs::copy(entry.path(), out_dir.join(entry.file_name()))?;
    }
    Ok(())
}

/// Returns an error if an artifact is larger than its budget, and otherwise a summary of their sizes.
pub(crate) fn check_budgets(built: &[Built]) -> Result<String> {
    let sizes = |built: &[&Built]| {
        let sizes: Vec<String> =
            built.iter().map(|built| format!("{} {}", built.name, built.brotli)).collect();
        sizes.join(", ")
    };
    let (over, within): (Vec<&Built>, Vec<&Built>) =
        built.iter().partition(|built| built.brotli > built.budget);
    ensure!(
        over.is_empty(),
        "these artifacts exceed their budgets in wasm-pack.toml, in bytes of Brotli: {}",
        sizes(&over)
    );
    Ok(format!("bytes in brotli: {}", sizes(&within)))
}

/// Returns the size of a file compressed with Brotli, in bytes.
pub(crate) fn brotli_size(tools: &Tools, file: &Path) -> Result<u64> {
    let mut node: Command = tools.node()?.node(tools);
    Ok(run::output(node.args(["-e", BROTLI_SIZE]).arg(file))?.parse()?)
}
