//! What the project is made of: under which licenses, from where, and whether anything is known against it.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};

use crate::run::{self, Log};
use crate::suites::SKIPPED;
use crate::tools::Tools;

/// cargo-deny, of a version that `deny.toml` is written for.
const DENY: &str = "0.20.2";
/// Each has a lock file of its own.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "fuzz/Cargo.toml", "tests/oracle/Cargo.toml"];
/// Where packages of npm's are locked.
const FOLDERS: [&str; 3] = ["js", "www", "examples"];

/// What holds whatever the network does: licenses, sources and bans, by `deny.toml`. What is known against crates and
/// packages is asked for where it can be had, and else it is said that it was not.
pub(crate) fn test(tools: &Tools, log: &Log) -> Result<String> {
    let Some(deny) = deny(tools)? else {
        return Ok(format!("{SKIPPED}cargo-deny is not on this machine (cargo install --locked cargo-deny)"));
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
    for folder in FOLDERS {
        if !audit_packages(tools, folder)? {
            unknown.push(folder);
        }
    }
    Ok(if unknown.is_empty() {
        "licenses, sources and advisories".to_owned()
    } else {
        format!("licenses and sources; advisories could not be had of {}", unknown.join(", "))
    })
}

/// The machine's, or with `CI` set one that is built in `target/tools`.
fn deny(tools: &Tools) -> Result<Option<PathBuf>> {
    let found = run::find("cargo-deny");
    if found.is_some() || std::env::var_os("CI").is_none() {
        return Ok(found);
    }
    let root = tools.path("target/tools/cargo-deny");
    tools.progress.step("cargo-deny", |log| {
        let mut install = tools.cargo("install");
        install.args(["cargo-deny", "--version", DENY, "--locked", "--debug", "--root"]).arg(&root);
        // It runs for a second; building it is what takes time.
        log.run(install.env("CARGO_PROFILE_DEV_DEBUG", "false"))
    })?;
    Ok(Some(root.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX))))
}

/// Fails where something grave is known against a package of a folder. False where the registry does not tell.
fn audit_packages(tools: &Tools, folder: &str) -> Result<bool> {
    let Output { stdout, .. } = tools
        .node()?
        .npm(tools, folder)
        .args(["audit", "--json", "--package-lock-only", "--fetch-retries=0"])
        .output()
        .context("npm could not be started")?;
    let Ok(told) = serde_json::from_slice::<serde_json::Value>(&stdout) else { return Ok(false) };
    let Some(found) = told["vulnerabilities"].as_object() else { return Ok(false) };
    let grave: Vec<&str> = found
        .iter()
        .filter(|(_, known)| matches!(known["severity"].as_str(), Some("high" | "critical")))
        .map(|(name, _)| name.as_str())
        .collect();
    if !grave.is_empty() {
        bail!(
            "`npm audit` knows something grave against packages in {folder}/package-lock.json: {}",
            grave.join(", ")
        );
    }
    Ok(true)
}
