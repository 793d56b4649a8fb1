//! Previews of artifacts, for `cargo xtask start`: larger and slower, but all of them are built within a minute.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};

use super::{Artifact, Manifest, RULES, lock, program};
use crate::tools::Tools;

/// The profile in `Cargo.toml`.
pub(crate) const PROFILE: &str = "preview";
/// The artifact that contains the built-in rules.
const ANALYZER: &str = "analyzer";
/// The feature that makes the artifacts' shared code the same for all, so that it is compiled once.
const SHARED: &str = "shared";

/// Builds previews of the named artifacts, or of all if none is named, and the rule pack. They are in the place of the
/// released ones, which are rebuilt when they are next needed.
pub(crate) fn build(tools: &Tools, names: &[String]) -> Result<()> {
    let manifest = Manifest::read(tools, names)?;
    ensure!(
        names.iter().all(|name| name != program::NAME),
        "the program has no preview: run `cargo xtask wasm program`"
    );
    let out_dir = tools.path("").join(&manifest.out_dir);
    let _lock = lock(tools)?;
    fs::create_dir_all(&out_dir)?;
    fs::write(mark(&out_dir), "")?;
    thread::scope(|scope| {
        // Needed only after the first compilation.
        let bindings = scope.spawn(|| tools.bindings());
        for (name, artifact) in &manifest.artifacts {
            let preview = artifact.preview();
            tools
                .progress
                .step(&format!("{name}, unoptimized"), |log| preview.make(tools, name, &out_dir, log))?;
        }
        bindings.join().map_err(|_| anyhow!("building the tool for bindings panicked"))?
    })?;
    if manifest.artifacts.contains_key(ANALYZER) {
        rules(tools, &out_dir)?;
    }
    Ok(())
}

/// Writes the built-in rule pack, with the analyzer's preview.
fn rules(tools: &Tools, out_dir: &Path) -> Result<()> {
    tools.progress.step("rules", |log| {
        let files = [format!("{ANALYZER}.js"), format!("{ANALYZER}_bg.wasm"), RULES.into()];
        let mut node = tools.node()?.node(tools);
        log.run(node.arg("js/build/rules.mjs").args(files.map(|file| out_dir.join(file))))
    })
}

/// True if artifacts are previews, or if there are none.
pub(crate) fn exist(tools: &Tools) -> Result<bool> {
    let manifest = Manifest::read(tools, &[])?;
    let out_dir = tools.path("").join(&manifest.out_dir);
    Ok(mark(&out_dir).exists() || !out_dir.exists())
}

/// Records that no artifact is a preview.
pub(super) fn unmark(out_dir: &Path) -> Result<()> {
    let mark = mark(out_dir);
    if mark.exists() {
        fs::remove_file(&mark).with_context(|| format!("cannot remove {}", mark.display()))?;
    }
    Ok(())
}

/// Returns the path of the file that exists while artifacts are previews.
fn mark(out_dir: &Path) -> PathBuf {
    out_dir.join("previews")
}

impl Artifact {
    /// Returns the configuration of the artifact's preview.
    fn preview(&self) -> Artifact {
        let mut preview = self.clone();
        preview.features.push(SHARED.into());
        PROFILE.clone_into(&mut preview.profile);
        preview.rustflags.retain(|flag| flag.starts_with("-Ctarget-feature"));
        preview.faster.clear();
        preview.wasm_opt.clear();
        preview
    }
}
