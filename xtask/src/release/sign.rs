//! Signing of releases: the hashes of the files, signed, in a log of releases.
//!
//! - `SHA256SUMS` lists each file with its SHA-256.
//! - `SHA256SUMS.note` is the same text as a signed note (C2SP), for programs that support those.
//! - `releases.ndjson` is the exported log of releases: an event `release.publish` for each, with the hash
//!   of its `SHA256SUMS`, and a checkpoint over all. It is only ever extended, so that no release can be
//!   replaced unnoticed.
//! - `releases.trust.txt` contains the public keys. Verifiers get it from elsewhere.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Commit, archive};
use crate::run::{self, Log};
use crate::stamp::sha256;
use crate::tools::Tools;

const SUMS: &str = "SHA256SUMS";
const NOTE: &str = "SHA256SUMS.note";
const RELEASES: &str = "releases.ndjson";
const TRUST: &str = "releases.trust.txt";

/// The keys to sign a release with. Without keys, it isn't signed.
#[derive(clap::Args)]
pub(super) struct Keys {
    /// The private key that signs releases
    #[arg(long, value_name = "FILE", requires_all = ["log_key", "trust"])]
    key: Option<PathBuf>,
    /// The private key of the log of releases
    #[arg(long, value_name = "FILE", requires = "key")]
    log_key: Option<PathBuf>,
    /// The trust file with both keys
    #[arg(long, value_name = "FILE", requires = "key")]
    trust: Option<PathBuf>,
    /// The log of releases so far, which is extended [default: start a new one]
    #[arg(long, value_name = "EXPORT", requires = "key")]
    log: Option<PathBuf>,
}

/// The keys, and the log so far.
pub(super) struct Signers {
    key: PathBuf,
    log_key: PathBuf,
    trust: PathBuf,
    log: Option<PathBuf>,
}

impl Keys {
    /// Returns the keys if any were given, after checking that all files exist.
    pub(super) fn read(&self) -> Result<Option<Signers>> {
        let (Some(key), Some(log_key), Some(trust)) = (&self.key, &self.log_key, &self.trust) else {
            return Ok(None);
        };
        for file in [key, log_key, trust] {
            ensure!(file.is_file(), "the file {} does not exist", file.display());
        }
        if let Some(log) = &self.log {
            let hint = "for the first release, omit --log to start a new log of releases";
            ensure!(log.is_file(), "the file {} does not exist: {hint}", log.display());
        }
        let absolute = |path: &Path| std::path::absolute(path);
        Ok(Some(Signers {
            key: absolute(key)?,
            log_key: absolute(log_key)?,
            trust: absolute(trust)?,
            log: self.log.as_deref().map(absolute).transpose()?,
        }))
    }
}

/// Writes the hashes of all files in a folder, in the format of `sha256sum --check`, and returns them.
pub(super) fn sum(folder: &Path) -> Result<String> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<String>>>()?;
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        writeln!(text, "{}  {name}", sha256(&fs::read(folder.join(&name))?))?;
    }
    fs::write(folder.join(SUMS), &text)?;
    Ok(text)
}

/// Signs the folder's `SHA256SUMS`, adds it to the log of releases, and verifies the result with the
/// program.
pub(super) fn sign(
    tools: &Tools,
    log: &Log,
    program: &Path,
    signers: &Signers,
    commit: &Commit,
    folder: &Path,
) -> Result<()> {
    let sums = fs::read(folder.join(SUMS))?;
    let mut note = tools.cargo("run");
    note.args(["--quiet", "-p", "xtask", "--features", "sign-note", "--bin", "sign-note", "--"]);
    log.run(note.arg(&signers.key).arg(folder.join(SUMS)).arg(folder.join(NOTE)))?;

    let trust = fs::read_to_string(&signers.trust)?;
    let origin = trust
        .lines()
        .find_map(|line| line.strip_prefix("log ")?.split('+').next())
        .context("the trust file has no `log` line")?;
    let event = json!({
        "action": "release.publish",
        "metadata": { "commit": commit.hash, "sha256sums": sha256(&sums) },
        "target": { "id": commit.version, "type": "release" },
    });
    let work = tools.path("target/xtask/release");
    fs::create_dir_all(&work)?;
    let (events, chain) = (work.join("event.ndjson"), work.join("chain.ndjson"));
    fs::write(&events, format!("{event}\n"))?;
    let countersign = |subcommand: &str| {
        let mut command = Command::new(program);
        command.arg(subcommand);
        command
    };
    log.run(
        countersign("record")
            .arg(&events)
            .arg("--key")
            .arg(&signers.key)
            .args(["--origin", origin, "-o"])
            .arg(&chain),
    )?;
    let releases = folder.join(RELEASES);
    log.run(
        countersign("seal")
            .args(&signers.log)
            .arg(&chain)
            .arg("--log-key")
            .arg(&signers.log_key)
            .arg("--trust")
            .arg(&signers.trust)
            .arg("-o")
            .arg(&releases),
    )?;
    fs::copy(&signers.trust, folder.join(TRUST))?;
    check(log, program, &signers.trust, folder)
}

/// Verifies the log of releases, and that it contains the release in a folder.
fn check(log: &Log, program: &Path, trust: &Path, folder: &Path) -> Result<()> {
    let releases = folder.join(RELEASES);
    log.run(Command::new(program).arg("verify").arg(&releases).arg("--trust").arg(trust))?;
    let sums = sha256(&fs::read(folder.join(SUMS))?);
    let mut show = Command::new(program);
    show.arg("show").arg(&releases).arg("--trust").arg(trust).args(["--json", "--query"]);
    let found = run::output(show.arg(format!("action:release.publish metadata.sha256sums:{sums}")))?;
    ensure!(!found.is_empty(), "the log of releases has no event with the hash of this {SUMS}");
    Ok(())
}

/// Creates two releases from sample files in one log. Checks that both verify, and that changed files
/// don't.
pub(crate) fn test(tools: &Tools, log: &Log) -> Result<String> {
    let program = tools.program()?;
    let work = tools.path("target/xtask/release-test");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let vkey = |name: &str, file: &str| {
        run::output(Command::new(&program).args(["keygen", name, "--out"]).arg(work.join(file)))
    };
    let (releaser, releases) = (vkey("example.com/releases", "key")?, vkey("releases.example", "log-key")?);
    fs::write(work.join("trust"), format!("log {releases}\nemitter {releaser}\n"))?;
    let mut signers = Signers {
        key: work.join("key"),
        log_key: work.join("log-key"),
        trust: work.join("trust"),
        log: None,
    };
    let mut commit = Commit::last(tools)?;
    for version in ["0.0.1", "0.0.2"] {
        let folder = work.join(version);
        fs::create_dir_all(&folder)?;
        let entries = [archive::Entry { name: "file", file: &tools.path("README.md"), executable: false }];
        let [first, second] = ["a.tar.gz", "b.tar.gz"].map(|name| folder.join(name));
        archive::write(&first, version, commit.time, &entries)?;
        archive::write(&second, version, commit.time, &entries)?;
        ensure!(fs::read(&first)? == fs::read(&second)?, "an archive depends on the time it was written");
        sum(&folder)?;
        version.clone_into(&mut commit.version);
        sign(tools, log, &program, &signers, &commit, &folder)?;
        signers.log = Some(folder.join(RELEASES));
    }

    let last = work.join("0.0.2");
    // The previous release is in the log as well.
    fs::copy(work.join("0.0.1").join(SUMS), last.join(SUMS))?;
    check(log, &program, &signers.trust, &last)?;
    fs::write(last.join(SUMS), "0".repeat(64))?;
    ensure!(check(log, &program, &signers.trust, &last).is_err(), "changed files verified as a release");
    Ok("two releases in one log".to_owned())
}
