//! The auditor's page: served as a preview before anything else is built, then as released.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::sample_log::SampleLog;
use super::watch::Watch;
use super::{FILES, SAMPLE, WATCHLIST};
use crate::page;
use crate::progress;
use crate::serve::Site;
use crate::tools::Tools;

/// The page that is served.
const SERVED: &str = "target/sample/page.html";

/// The URL of the page, and the sample files.
pub(super) struct Page {
    pub(super) address: String,
    pub(super) files: Vec<String>,
}

impl Page {
    /// Serves the page of the last build, or else a preview that builds quickly, with the sample files and
    /// the watchlist.
    pub(super) fn soon(tools: &Tools, listener: TcpListener, start: Instant) -> Result<Page> {
        if tools.path(page::COMPLETE).is_file() && tools.path(FILES).is_dir() {
            replace(tools, page::COMPLETE)?;
        } else {
            page::build_preview(tools)?;
            sample_files(tools)?;
            replace(tools, page::PREVIEW)?;
        }
        let page = serve(tools, listener)?;
        println!(
            "
The auditor's page is up after {}. Press “Try the sample” there.
  {}/
The logs, the dashboard, and the Worker follow once they are built.
",
            progress::time(start.elapsed()),
            page.address
        );
        Ok(page)
    }

    /// Replaces the served page with the page that was built with everything else.
    pub(super) fn complete(tools: &Tools) -> Result<()> {
        replace(tools, page::COMPLETE)
    }
}

/// Records the sample files.
pub(super) fn sample_files(tools: &Tools) -> Result<()> {
    tools.progress.step("sample events", |log| {
        let out = tools.path(FILES);
        fs::create_dir_all(&out)?;
        log.run(tools.node()?.node(tools).arg("www/scripts/sample.mjs").arg(out))
    })
}

/// Replaces the served page atomically.
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
