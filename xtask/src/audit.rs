//! Licenses, sources, and known vulnerabilities of dependencies.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};

use crate::docs;
use crate::run::{self, Log};
use crate::suites::SKIPPED;
use crate::tools::Tools;

/// The version of cargo-deny that `deny.toml` is written for.
const DENY_VERSION: &str = "0.20.2";
/// The manifests with separate lock files.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "fuzz/Cargo.toml", "tests/oracle/Cargo.toml"];
/// The folders with lock files of npm.
const NPM_FOLDERS: [&str; 4] = ["js", "www", "examples", docs::FOLDER];

/// Checks licenses, sources, and bans by `deny.toml`, which needs no network. Checks advisories if they can
/// be downloaded, and otherwise reports that they weren't checked.
pub(crate) fn test(tools: &Tools, log: &Log) -> Result<String> {
    let Some(deny) = deny(tools)? else {
        return Ok(format!("{SKIPPED}cargo-deny is not installed (cargo install --locked cargo-deny)"));
    };
    let denying = |manifest: &str| {
        let mut command = Command::new(&deny);
        command.current_dir(tools.path("")).arg("--manifest-path").arg(tools.path(manifest));
        command.args(["--workspace", "--all-features", "--locked"]);
        command
    };
    for manifest in MANIFESTS {
        log.run(denying(manifest).args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    }
    let mut unknown = Vec::new();
    if log.run(denying(MANIFESTS[0]).args(["fetch", "db"])).is_ok() {
        for manifest in MANIFESTS {
            log.run(denying(manifest).args(["check", "--disable-fetch", "advisories"]))?;
        }
    } else {
        unknown.push("crates");
    }
    for folder in NPM_FOLDERS {
        if !audit_packages(tools, folder)? {
            unknown.push(folder);
        }
    }
    Ok(if unknown.is_empty() {
        "licenses, sources and advisories".to_owned()
    } else {
        format!("licenses and sources; advisories could not be downloaded for {}", unknown.join(", "))
    })
}

/// Returns the machine's cargo-deny, or builds one in `target/tools` if `CI` is set.
fn deny(tools: &Tools) -> Result<Option<PathBuf>> {
    let found = run::find("cargo-deny");
    if found.is_some() || std::env::var_os("CI").is_none() {
        return Ok(found);
    }
    let root = tools.path("target/tools/cargo-deny");
    tools.progress.step("cargo-deny", |log| {
        let mut install = tools.cargo("install");
        install.args(["cargo-deny", "--version", DENY_VERSION, "--locked", "--debug", "--root"]).arg(&root);
        // cargo-deny runs for a second, so a quick build is better than an optimized one.
        log.run(install.env("CARGO_PROFILE_DEV_DEBUG", "false"))
    })?;
    Ok(Some(root.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX))))
}

/// Fails if a package of a folder has a severe vulnerability. Returns false if the registry doesn't
/// respond.
fn audit_packages(tools: &Tools, folder: &str) -> Result<bool> {
    let Output { stdout, .. } = tools
        .node()?
        .npm(tools, folder)
        .args(["audit", "--json", "--package-lock-only", "--fetch-retries=0"])
        .output()
        .context("npm could not be started")?;
    let Ok(report) = serde_json::from_slice::<serde_json::Value>(&stdout) else { return Ok(false) };
    let Some(found) = report["vulnerabilities"].as_object() else { return Ok(false) };
    let severe: Vec<&str> = found
        .iter()
        .filter(|(_, known)| matches!(known["severity"].as_str(), Some("high" | "critical")))
        .map(|(name, _)| name.as_str())
        .collect();
    if !severe.is_empty() {
        bail!(
            "`npm audit` reports severe vulnerabilities in {folder}/package-lock.json: {}",
            severe.join(", ")
        );
    }
    Ok(true)
}
