//! `cargo xtask release`: builds a release twice, and signs it if both builds are equal.
//!
//! Everything is built from the last commit, in clones at two paths of different lengths, so that
//! uncommitted files and folder names can't influence the result. The signed file is `SHA256SUMS`, both as
//! a note and as an event in the log of releases, which is published with its checkpoint. A release is
//! verified with the program that it contains.

mod archive;
mod compare;
mod sbom;
mod sign;
mod stage;
mod zig;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::run::{self, Log};
use crate::tools::Tools;
pub(crate) use sign::test;

/// Arguments of a release, including the keys to sign it with.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder to write; it must be empty or not exist
    #[arg(long, value_name = "DIR", default_value = "target/release-files")]
    out: PathBuf,
    /// Build only for these targets [default: x86-64 and aarch64, Linux, static]
    #[arg(long, value_name = "TRIPLE", value_delimiter = ',', default_values = zig::TARGETS)]
    targets: Vec<String>,
    /// Build only once, without comparing a second build
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    keys: sign::Keys,
    /// Only build the folder's project into `--out`, as each of the two builds does
    #[arg(long, hide = true)]
    stage: bool,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let out = env::current_dir()?.join(&args.out);
    if args.stage {
        return stage::build(tools, &args.targets, &out);
    }
    let empty = fs::read_dir(&out).map_or(true, |mut entries| entries.next().is_none());
    ensure!(empty, "{} is not empty: choose another folder with --out", out.display());
    let commit = Commit::clean(tools)?;
    let keys = args.keys.read()?;

    let builds = tools.path("target/release-build");
    let first = build(tools, &commit, &builds.join("1"), args)?;
    if !args.once {
        let second = build(tools, &commit, &builds.join("the-second-of-two"), args)?;
        tools.progress.step("compare both builds", |_| compare::equal(&first, &second))?;
    }
    copy(&first, &out)?;
    tools.progress.step("SHA256SUMS", |_| sign::sum(&out).map(drop))?;
    match keys {
        Some(keys) => tools
            .progress
            .step("sign", |log| sign::sign(tools, log, &tools.program()?, &keys, &commit, &out))?,
        None => tools.progress.line("          not signed: no --key and --log-key"),
    }
    tools.progress.line(&format!("          {}", out.display()));
    Ok(())
}

/// The commit that is released.
pub(crate) struct Commit {
    pub(crate) version: String,
    pub(crate) hash: String,
    /// The commit time, in seconds since 1970. All timestamps in the release are set to it.
    pub(crate) time: u64,
}

impl Commit {
    /// Returns the last commit, or an error if there are uncommitted changes.
    fn clean(tools: &Tools) -> Result<Commit> {
        let changed = git(tools, &["status", "--porcelain"])?;
        ensure!(
            changed.is_empty(),
            "a release is built from a commit: commit these changes first\n{changed}"
        );
        Commit::last(tools)
    }

    /// Returns the last commit, ignoring uncommitted changes.
    fn last(tools: &Tools) -> Result<Commit> {
        let hash = git(tools, &["rev-parse", "HEAD"])?;
        let time = git(tools, &["show", "--no-patch", "--format=%ct", "HEAD"])?.parse()?;
        let manifest: toml::Table = fs::read_to_string(tools.path("Cargo.toml"))?.parse()?;
        let version =
            manifest["workspace"]["package"]["version"].as_str().context("Cargo.toml has no version")?;
        Ok(Commit { version: version.to_owned(), hash, time })
    }
}

/// Runs one of the two builds: clones the commit to a folder, builds it there, moves the result next to the
/// folder, and removes the folder, which takes gigabytes.
fn build(tools: &Tools, commit: &Commit, folder: &Path, args: &Args) -> Result<PathBuf> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let out = folder.with_file_name(format!("{name}.files"));
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    tools.progress.step(&format!("build {name}"), |log| {
        clone(tools, log, commit, folder)?;
        let mut stage = Command::new(env::current_exe()?);
        stage
            .args(["release", "--stage", "--targets", &args.targets.join(","), "--out"])
            .arg(&out)
            .env("CARGO_MANIFEST_DIR", folder.join("xtask"))
            .env("SOURCE_DATE_EPOCH", commit.time.to_string())
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(folder);
        log.run(&mut stage)?;
        Ok(fs::remove_dir_all(folder)?)
    })?;
    Ok(out)
}

/// Clones the commit. Tools are shared, so that the second build doesn't download them again; build results
/// aren't.
fn clone(tools: &Tools, log: &Log, commit: &Commit, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(tools.path("target/tools"))?;
    let mut clone = Command::new("git");
    log.run(clone.args(["clone", "--quiet", "--no-checkout"]).arg(tools.path("")).arg(folder))?;
    log.run(Command::new("git").current_dir(folder).args(["checkout", "--quiet", "--detach", &commit.hash]))?;
    fs::create_dir_all(folder.join("target"))?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(tools.path("target/tools"), folder.join("target/tools"))?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn git(tools: &Tools, args: &[&str]) -> Result<String> {
    run::output(Command::new("git").args(args).current_dir(tools.path("")))
}
