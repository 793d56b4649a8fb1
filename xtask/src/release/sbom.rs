//! What a release is made of, in the format of `CycloneDX`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::run::{self, Log};
use crate::tools::Tools;

/// The tool that knows crates. npm knows its packages by itself.
const TOOL: &str = "cargo-cyclonedx@0.5.9";

/// Writes the crates of the program.
pub(super) fn program(tools: &Tools, log: &Log, out: &Path) -> Result<()> {
    let folder = tools.path("target/tools/cyclonedx");
    let tool = folder.join("bin/cargo-cyclonedx");
    if !tool.is_file() {
        log.run(tools.cargo("install").args(["--locked", TOOL, "--root"]).arg(&folder))?;
    }
    let mut list = Command::new(tool);
    list.args(["cyclonedx", "--format", "json", "--no-build-deps", "--override-filename", "sbom"]);
    log.run(list.arg("--manifest-path").arg(tools.path("cli/Cargo.toml")))?;
    // It writes one for each crate of the workspace, beside its manifest.
    write(tools, &fs::read_to_string(tools.path("cli/sbom.json"))?, out)
}

/// Writes the packages of npm's that are in what a folder builds.
pub(super) fn packages(tools: &Tools, folder: &str, out: &Path) -> Result<()> {
    let mut list = tools.node()?.npm(tools, folder);
    list.args(["sbom", "--package-lock-only", "--sbom-format", "cyclonedx"]);
    write(tools, &run::output(&mut list)?, out)
}

/// Writes it without what differs from one build to the next: a time, a random number, the folder's name.
fn write(tools: &Tools, text: &str, out: &Path) -> Result<()> {
    let root = tools.path("");
    let text = text.replace(root.to_string_lossy().trim_end_matches('/'), "/countersign");
    let mut sbom: Value = serde_json::from_str(&text).context("not JSON")?;
    let members = sbom.as_object_mut().context("not an object")?;
    members.remove("serialNumber");
    if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("timestamp");
    }
    fs::write(out, format!("{sbom:#}\n"))?;
    Ok(())
}
