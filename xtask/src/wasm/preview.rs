//! Artifacts for a preview of the page: neither small nor fast, but built within a minute.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use super::{Artifact, BINDINGS, Manifest, bind, lock, put, rules, stamp};
use crate::toolchain::{self, TARGET};
use crate::tools::Tools;

/// The profile in `Cargo.toml`.
const PROFILE: &str = "preview";
/// The feature that makes the artifacts' shared code the same for all, so that it is compiled once.
const SHARED: &str = "shared";

/// Builds the named artifacts and the rule pack in the place of the real ones, which are rebuilt when they
/// are next needed.
pub(crate) fn build(tools: &Tools, names: &[String]) -> Result<()> {
    let manifest = Manifest::read(tools, names)?;
    let out_dir = tools.path("").join(&manifest.out_dir);
    let _lock = lock(tools)?;
    thread::scope(|scope| {
        let rules = scope.spawn(|| rules(tools, &out_dir, PROFILE));
        for (name, artifact) in &manifest.artifacts {
            make(tools, name, artifact, &out_dir)?;
        }
        rules.join().map_err(|_| anyhow!("building the rules panicked"))?
    })
}

fn make(tools: &Tools, name: &str, artifact: &Artifact, out_dir: &Path) -> Result<()> {
    remove_stamp(&stamp(tools, name))?;
    tools.progress.step(&format!("{name}, unoptimized"), |log| {
        let mut cargo = tools.wasm32()?.cargo(tools, "build");
        let features = format!("{},{SHARED}", artifact.features.join(","));
        cargo.args(["--package", BINDINGS, "--lib", "--profile", PROFILE, "--features", &features]);
        log.run(&mut cargo)?;
        let folder = toolchain::target_folder(tools).join(TARGET).join(PROFILE);
        let bound = bind(tools, name, name, &folder.join("countersign_wasm.wasm"), artifact.renewable)?;
        put(name, &bound, out_dir)
    })
}

/// Removes the stamp of an artifact that was replaced.
fn remove_stamp(stamp: &Path) -> Result<()> {
    if stamp.exists() {
        fs::remove_file(stamp).with_context(|| format!("cannot remove {}", stamp.display()))?;
    }
    Ok(())
}
