//! Artifacts for a page that is to be there soon: neither small nor fast, but built within a minute.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use super::{Artifact, BINDINGS, Manifest, alone, bind, put, rules, stamp};
use crate::toolchain::{self, TARGET};
use crate::tools::Tools;

/// The profile of `Cargo.toml`.
const PROFILE: &str = "preview";
/// With this feature, what artifacts share is the same for all of them, and compiled once.
const SHARED: &str = "shared";

/// Builds the artifacts named, and the pack of rules, where the real ones go. Those are built anew when they are asked for.
pub(crate) fn build(tools: &Tools, names: &[String]) -> Result<()> {
    let manifest = Manifest::read(tools, names)?;
    let out_dir = tools.path("").join(&manifest.out_dir);
    let _alone = alone(tools)?;
    thread::scope(|scope| {
        let rules = scope.spawn(|| rules(tools, &out_dir, PROFILE));
        for (name, artifact) in &manifest.artifacts {
            make(tools, name, artifact, &out_dir)?;
        }
        rules.join().map_err(|_| anyhow!("building the rules panicked"))?
    })
}

fn make(tools: &Tools, name: &str, artifact: &Artifact, out_dir: &Path) -> Result<()> {
    forget(&stamp(tools, name))?;
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

/// What was made before is no longer there.
fn forget(stamp: &Path) -> Result<()> {
    if stamp.exists() {
        fs::remove_file(stamp).with_context(|| format!("cannot remove {}", stamp.display()))?;
    }
    Ok(())
}
