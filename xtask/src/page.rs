//! `cargo xtask page`: builds the auditor's page, one HTML file that works offline.

use std::fs;
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use crate::npm;
use crate::tools::Tools;
use crate::wasm;

/// The page that `npm run build` writes.
pub(crate) const COMPLETE: &str = "www/dist/index.html";
/// The page that `www/vite.config.ts` builds in the mode `preview`.
pub(crate) const PREVIEW: &str = "target/preview/index.html";
/// The result of this command.
const PAGE: &str = "target/countersign-page.html";
/// The artifacts that the page consists of, and that record its sample.
const ARTIFACTS: [&str; 5] = ["analyzer", "index", "recorder", "slicer", "verifier"];

/// Builds the page, and prints its path. Uses optimized artifacts only if they were built before, because they take
/// several minutes.
pub(crate) fn run(tools: &Tools) -> Result<()> {
    let built = if wasm::previews_exist(tools)? {
        build_preview(tools)?;
        PREVIEW
    } else {
        tools.www()?;
        COMPLETE
    };
    let page = tools.path(PAGE);
    fs::copy(tools.path(built), &page).with_context(|| format!("cannot copy {built}"))?;
    println!("\nOpen this file in a browser; it works offline:\n  {}", page.display());
    Ok(())
}

/// Builds a preview of the page and only what it needs, without optimizing.
pub(crate) fn build_preview(tools: &Tools) -> Result<()> {
    // Download packages while the compilers run.
    thread::scope(|scope| {
        let packages = scope.spawn(|| npm::install_for_build(tools, "www"));
        wasm::build_previews(tools, &ARTIFACTS.map(str::to_owned))?;
        packages.join().map_err(|_| anyhow!("installing packages panicked"))?
    })?;
    tools.progress.step("page, unoptimized", |log| {
        let node = || Ok::<_, anyhow::Error>(tools.node()?.node(tools));
        log.run(node()?.args(["js/build/preview.mjs", "www/node_modules/typescript/bin/tsc"]))?;
        log.run(tools.node()?.npm(tools, "www").args(["exec", "vite", "build", "--", "--mode", "preview"]))
    })
}
