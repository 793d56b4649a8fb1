//! `cargo xtask docs`: builds the documentation as a site that works offline.

use std::path::Path;

use anyhow::Result;

use crate::command_line;
use crate::npm;
use crate::run::Log;
use crate::serve::{self, Site};
use crate::suites;
use crate::tools::Tools;

/// The folder with the site's configuration and tests.
pub(crate) const FOLDER: &str = "docs/site";
/// The built site, as `docs/site/src/paths.mjs` says.
const SITE: &str = "target/docs/site";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Serve the site on this machine until Ctrl-C is pressed
    #[arg(long)]
    serve: bool,
    /// The port to serve on, or the next free one
    #[arg(long, default_value_t = 8090)]
    port: u16,
}

/// Builds the site and prints its path, or serves it.
pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    install(tools)?;
    tools.progress.step("docs site", |log| build(tools, log))?;
    let site = tools.path(SITE);
    if !args.serve {
        println!("\nThe site, for any web server (`cargo xtask docs --serve` is one):\n  {}", site.display());
        return Ok(());
    }
    let listener = serve::listen(args.port)?;
    println!("\n  http://{}/\n\nCtrl-C stops the server.", listener.local_addr()?);
    served(&site)?.serve(listener)
}

/// Checks the reference of the command line, builds and tests the site, and returns a summary.
pub(crate) fn test(tools: &Tools, log: &Log) -> Result<String> {
    let commands = command_line::check(tools)?;
    install(tools)?;
    build(tools, log)?;
    Ok(format!("{}, {commands} commands", suites::npm_test(tools, FOLDER, None, log)?))
}

/// Installs the packages of the site, and those of `js`: the reference of the API needs their types, and the site's
/// tests use helpers of the tests there.
fn install(tools: &Tools) -> Result<()> {
    npm::install(tools, FOLDER)?;
    npm::install(tools, "js")
}

fn build(tools: &Tools, log: &Log) -> Result<()> {
    log.run(tools.node()?.npm(tools, FOLDER).args(["run", "build"]))
}

/// Returns the site with its home page.
fn served(site: &Path) -> Result<Site> {
    let mut files = Site::default();
    files.add_folder("/", site)?;
    let homes: Vec<String> =
        files.addresses("/").filter(|address| address.ends_with("/index.html")).map(str::to_owned).collect();
    for home in homes {
        let folder = home.trim_end_matches("index.html");
        files.add_file(folder, site.join(home.trim_start_matches('/')));
    }
    Ok(files)
}
