//! `cargo xtask start`: from a fresh checkout to the page and a log at hand, both with sample events.

mod events;
mod sample_log;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use self::sample_log::{SampleLog, Started};
use crate::npm;
use crate::progress;
use crate::running::Stop;
use crate::serve::{self, Site};
use crate::tools::Tools;

/// Where the sample log is.
const SAMPLE: &str = "target/sample";
/// Where sample exports go.
const FILES: &str = "target/sample/files";
/// How often it is looked at what runs.
const GLANCE: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port to serve the offline page on; when it is taken, the next free one
    #[arg(long, default_value_t = 4173)]
    port: u16,
    /// The port of the sample log; when it is taken, the next free one
    #[arg(long, default_value_t = 8080)]
    log_port: u16,
    /// Begin a new sample log instead of going on with the last one
    #[arg(long)]
    fresh: bool,
    /// Build everything, but don't serve it
    #[arg(long)]
    no_serve: bool,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let start = Instant::now();
    // The network and the compilers have nothing to wait for each other.
    let program = thread::scope(|scope| {
        scope.spawn(|| npm::install(tools, "js").and_then(|()| npm::install(tools, "www")));
        let program = scope.spawn(|| tools.program());
        tools.artefacts()?;
        program.join().map_err(|_| anyhow!("building the program panicked"))?
    })?;
    tools.www()?;
    tools.progress.step("sample events", |log| {
        let out = tools.path(FILES);
        std::fs::create_dir_all(&out)?;
        log.run(tools.node()?.node(tools).arg("www/scripts/sample.mjs").arg(out))
    })?;
    println!("\nReady after {}.", progress::time(start.elapsed()));
    if args.no_serve {
        return Ok(());
    }
    let stop = Stop::on_signals()?;
    let sample = SampleLog::open(program.clone(), tools.path(SAMPLE), args.fresh)?;
    let mut started = sample.start(tools, args.log_port, &tools.path("www/dist/served.html"))?;
    let page = serve_page(tools, args.port)?;
    tell(tools, &program, &sample, &started, &page)?;
    while !stop.is_asked() {
        started.check()?;
        stop.sleep(GLANCE);
    }
    println!("\nStopping: the emitter closes its chain, then the log ends.");
    drop(started);
    println!("Stopped. The log is kept, and the next start goes on with it.");
    Ok(())
}

/// Serves the offline page and the sample files, and gives the address.
fn serve_page(tools: &Tools, port: u16) -> Result<String> {
    let mut site = Site::default();
    site.add_file("/", tools.path("www/dist/index.html"));
    site.add_folder("/sample/", &tools.path(FILES))?;
    let listener = serve::listen(port)?;
    let address = format!("http://{}", listener.local_addr()?);
    let files: Vec<String> = site.addresses("/sample/").map(|path| format!("    {address}{path}")).collect();
    thread::spawn(move || site.serve(listener));
    Ok(format!("{address}/\n  Files to download and drop on it:\n{}", files.join("\n")))
}

fn tell(tools: &Tools, program: &Path, sample: &SampleLog, started: &Started, page: &str) -> Result<()> {
    let shown = |path: &Path| path.strip_prefix(tools.path("")).unwrap_or(path).display().to_string();
    let address = started.address;
    let (trust, token_file) = (shown(&sample.trust_file()), shown(&sample.token_file()));
    let program = shown(program);
    println!(
        "
The auditor's page, which works from disk and connects to nowhere:
  {page}
A log that an emitter writes to, about once a second, and the page with a way to load from it:
  http://{address}/

  log key:         {vkey}
  reader's token:  {token}
  trust file:      {trust_whole}

To try:
  1. Open http://{address}/, choose the trust file, paste the token, and load an export. Save its pin.
  2. Load another one a minute later, with the pin: the page says whether the log has only grown.
  3. {program} export --dir http://{address} --token-file {token_file} -o export.ndjson
     {program} verify export.ndjson --trust {trust}
  4. {program} check http://{address} --trust {trust}
     which needs no token, for no event is in what it reads.

Ctrl-C ends all of it.",
        vkey = sample.vkey()?,
        token = sample.token()?,
        trust_whole = sample.trust_file().display(),
    );
    Ok(())
}
