//! What a release is made of, in the format of `CycloneDX`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::run::Log;
use crate::tools::Tools;

/// The tool that knows crates.
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
    log.run(list.arg("--manifest-path").arg(tools.path("crates/cli/Cargo.toml")))?;
    // It writes one for each crate of the workspace, beside its manifest.
    let text = fs::read_to_string(tools.path("crates/cli/sbom.json"))?;
    // What differs from one build to the next: a time, a random number, the folder's name.
    let root = tools.path("");
    let text = text.replace(root.to_string_lossy().trim_end_matches('/'), "/countersign");
    let mut sbom: Value = serde_json::from_str(&text).context("not JSON")?;
    let members = sbom.as_object_mut().context("not an object")?;
    members.remove("serialNumber");
    if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("timestamp");
    }
    write(out, &sbom)
}

/// Writes the crates and the packages of npm's that are in what a bundler made, by the list at the head of its licenses.
///
/// npm would tell of all that is installed where it was made, which is what builds and tests it too.
pub(super) fn bundle(tools: &Tools, name: &str, version: &str, licenses: &str, out: &Path) -> Result<()> {
    let licenses = fs::read_to_string(tools.path(licenses))?;
    let crates = crates(&fs::read_to_string(tools.path("Cargo.lock"))?)?;
    write(out, &of_bundle(name, version, &licenses, &crates)?)
}

/// The names and versions of all crates that were resolved.
fn crates(lock: &str) -> Result<HashSet<String>> {
    let lock: toml::Table = lock.parse()?;
    let packages =
        lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let text = |package: &toml::Value, member| Some(package.get(member)?.as_str()?.to_owned());
    let named = |package| Some(format!("{} {}", text(package, "name")?, text(package, "version")?));
    packages.iter().map(|package| named(package).context("a package without name or version")).collect()
}

fn of_bundle(name: &str, version: &str, licenses: &str, crates: &HashSet<String>) -> Result<Value> {
    // A head, an empty line, the list, an empty line, the texts.
    let list = licenses.split("\n\n").nth(1).context("there is no list of what is licensed")?;
    let components = list.lines().map(|line| component(line, crates)).collect::<Result<Vec<_>>>()?;
    ensure!(!components.is_empty(), "nothing is licensed");
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application",
            "bom-ref": name,
            "name": name,
            "version": version,
            "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        } },
        "components": components,
    }))
}

/// A line of the list: `NAME VERSION: LICENSE`.
fn component(line: &str, crates: &HashSet<String>) -> Result<Value> {
    let (part, license) = line.rsplit_once(": ").with_context(|| format!("no license stands in {line:?}"))?;
    let (name, version) = part.rsplit_once(' ').with_context(|| format!("no version stands in {line:?}"))?;
    let mut component = json!({
        "type": "library",
        "bom-ref": part,
        "name": name,
        "version": version,
        // Older manifests part alternatives by a slash.
        "licenses": [{ "expression": license.replace('/', " OR ") }],
    });
    let ecosystem = if crates.contains(part) { "cargo" } else { "npm" };
    // Rust's own library is in no registry.
    if !name.contains(' ') {
        component["purl"] = format!("pkg:{ecosystem}/{}@{version}", name.replace('@', "%40")).into();
    }
    Ok(component)
}

fn write(out: &Path, sbom: &Value) -> Result<()> {
    Ok(fs::write(out, format!("{sbom:#}\n"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_made_of_what_its_licenses_name() {
        let lock = "[[package]]\nname = \"memchr\"\nversion = \"2.8.3\"\n";
        let licenses = "This page is MIT. In it are also:\n\n@lit/element 2.1.2: BSD-3-Clause\n\
                        The Rust standard library 1.95.0: MIT OR Apache-2.0\nmemchr 2.8.3: Unlicense/MIT\n\n---\n\na 1\n";
        let sbom = of_bundle("page", "0.1.0", licenses, &crates(lock).unwrap()).unwrap();
        let purls: Vec<_> = sbom["components"].as_array().unwrap().iter().map(|one| &one["purl"]).collect();
        assert_eq!(
            purls,
            [&json!("pkg:npm/%40lit/element@2.1.2"), &json!(null), &json!("pkg:cargo/memchr@2.8.3")]
        );
        assert_eq!(sbom["components"][2]["licenses"][0]["expression"], "Unlicense OR MIT");
        assert_eq!(sbom["metadata"]["component"]["version"], "0.1.0");
    }

    #[test]
    fn a_list_that_does_not_read_is_refused() {
        for licenses in ["", "head\n\n", "head\n\nmemchr 2.8.3\n\n", "head\n\nmemchr: MIT\n\n"] {
            assert!(of_bundle("page", "0.1.0", licenses, &HashSet::new()).is_err(), "{licenses:?}");
        }
    }
}
