//! The auditor's page: served before anything else is built, and then as it is released.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use super::sample_log::SampleLog;
use super::watch::Watch;
use super::{FILES, SAMPLE, WATCHLIST};
use crate::npm;
use crate::progress;
use crate::serve::Site;
use crate::tools::Tools;
use crate::wasm;

/// The page that is served.
const SERVED: &str = "target/sample/page.html";
/// The page as it is released.
const RELEASED: &str = "www/dist/index.html";
/// The page as `www/vite.config.ts` builds it in the mode `preview`.
const PREVIEW: &str = "target/preview/index.html";
/// What the page is made of, and what its sample is recorded by.
const ARTIFACTS: [&str; 5] = ["analyzer", "index", "recorder", "slicer", "verifier"];

/// Where the page is, and the sample files.
pub(super) struct Page {
    pub(super) address: String,
    pub(super) files: Vec<String>,
}

impl Page {
    /// Serves the page of the last build, or else one that is built quickly, with the sample files and the watchlist.
    pub(super) fn soon(tools: &Tools, listener: TcpListener, start: Instant) -> Result<Page> {
        if tools.path(RELEASED).is_file() && tools.path(FILES).is_dir() {
            replace(tools, RELEASED)?;
        } else {
            build(tools)?;
            replace(tools, PREVIEW)?;
        }
        let page = serve(tools, listener)?;
        println!(
            "
The auditor's page is up after {}. Press “Try the sample” there.
  {}/
The logs, the dashboard and the Worker follow as soon as they are built, and a smaller and faster page in place of this one.
",
            progress::time(start.elapsed()),
            page.address
        );
        Ok(page)
    }

    /// Serves the page as it is released, now that it is there.
    pub(super) fn complete(tools: &Tools) -> Result<()> {
        replace(tools, RELEASED)
    }
}

/// Builds the page with what is needed for nothing else, without optimizing.
fn build(tools: &Tools) -> Result<()> {
    // The network and the compilers have nothing to wait for each other.
    thread::scope(|scope| {
        let packages = scope.spawn(|| npm::install(tools, "www"));
        wasm::build_preview(tools, &ARTIFACTS.map(str::to_owned))?;
        packages.join().map_err(|_| anyhow!("installing packages panicked"))?
    })?;
    tools.progress.step("page, unoptimized", |log| {
        let node = || Ok::<_, anyhow::Error>(tools.node()?.node(tools));
        log.run(node()?.args(["js/build/preview.mjs", "www/node_modules/typescript/bin/tsc"]))?;
        log.run(tools.node()?.npm(tools, "www").args(["exec", "vite", "build", "--", "--mode", "preview"]))
    })?;
    sample_files(tools)
}

/// Records the sample files.
pub(super) fn sample_files(tools: &Tools) -> Result<()> {
    tools.progress.step("sample events", |log| {
        let out = tools.path(FILES);
        fs::create_dir_all(&out)?;
        log.run(tools.node()?.node(tools).arg("www/scripts/sample.mjs").arg(out))
    })
}

/// Puts a page in the place of the one that is served, at once.
fn replace(tools: &Tools, page: &str) -> Result<()> {
    let (from, to) = (tools.path(page), tools.path(SERVED));
    fs::create_dir_all(tools.path(SAMPLE))?;
    let beside = to.with_extension("new");
    fs::copy(&from, &beside).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(fs::rename(beside, to)?)
}

fn serve(tools: &Tools, listener: TcpListener) -> Result<Page> {
    let mut site = Site::default();
    site.add_file(WATCHLIST, Watch::list_in(&SampleLog::watch_in(&tools.path(SAMPLE))));
    site.add_file("/", tools.path(SERVED));
    site.add_folder("/sample/", &tools.path(FILES))?;
    let address = format!("http://{}", listener.local_addr()?);
    let files = site.addresses("/sample/").map(|path| format!("    {address}{path}")).collect();
    thread::spawn(move || site.serve(listener));
    Ok(Page { address, files })
}
