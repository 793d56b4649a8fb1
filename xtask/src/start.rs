//! `cargo xtask start`: from a fresh checkout to the page with sample events at hand.

use std::time::Instant;

use anyhow::Result;

use crate::npm;
use crate::progress;
use crate::serve::{self, Site};
use crate::tools::Tools;

/// Where the sample goes.
const SAMPLE: &str = "target/sample";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port to serve on; when it is taken, the next free one
    #[arg(long, default_value_t = 4173)]
    port: u16,
    /// Build everything, but don't serve it
    #[arg(long)]
    no_serve: bool,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let start = Instant::now();
    // The network and the compiler have nothing to wait for each other.
    std::thread::scope(|scope| {
        scope.spawn(|| npm::install(tools, "js").and_then(|()| npm::install(tools, "www")));
        tools.artefacts().map(drop)
    })?;
    tools.www()?;
    tools.progress.step("sample events", |log| {
        let out = tools.path(SAMPLE);
        std::fs::create_dir_all(&out)?;
        log.run(tools.node()?.node(tools).arg("www/scripts/sample.mjs").arg(out))
    })?;
    println!("\nReady after {}.", progress::time(start.elapsed()));
    if args.no_serve {
        return Ok(());
    }
    let mut site = Site::default();
    site.add_folder("/", &tools.path("www/dist"))?;
    site.add_folder("/sample/", &tools.path(SAMPLE))?;
    let listener = serve::listen(args.port)?;
    let address = format!("http://{}", listener.local_addr()?);
    println!("\n  {address}/\n\nSample files, to download and drop on the page:\n");
    for path in site.addresses("/sample/") {
        println!("  {address}{path}");
    }
    println!("\nCtrl-C ends it.");
    site.serve(listener)
}
