//! `cargo xtask start`: from a fresh checkout to the page that verifies logs, then to logs, and to examples
//! that write to them.

mod events;
mod examples;
mod keys;
mod page;
mod ports;
mod sample_log;
mod service;
mod watch;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use self::examples::Workers;
use self::page::Page;
use self::ports::{Ports, PreferredPorts};
use self::sample_log::SampleLog;
use self::watch::Watch;
use crate::background::StopSignal;
use crate::npm;
use crate::progress;
use crate::tools::Tools;
use crate::wasm;

/// The folder of the sample log.
const SAMPLE: &str = "target/sample";
/// The folder of the Worker's log.
const WORKER: &str = "target/sample/worker";
/// The folder of sample exports.
const FILES: &str = "target/sample/files";
/// The URL path of the watchlist on the page's server.
const WATCHLIST: &str = "/watchlist.txt";
/// The interval between checks of running programs.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ports: PreferredPorts,
    /// Create new sample logs instead of continuing with the last ones
    #[arg(long)]
    fresh: bool,
    /// Build everything, but don't serve it
    #[arg(long)]
    no_serve: bool,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let start = Instant::now();
    // Optimized artifacts take several minutes, so they are used only if they were built before.
    if wasm::previews_exist(tools)? {
        tools.use_previews();
    }
    if args.no_serve {
        build(tools)?;
        println!("\nBuilt in {}.", progress::time(start.elapsed()));
        return Ok(());
    }
    let ports = args.ports.choose()?;
    let page = Page::soon(tools, ports.page.try_clone()?, start)?;
    let program = build(tools)?;
    Page::complete(tools)?;
    println!("\nReady after {}.", progress::time(start.elapsed()));
    let stop = StopSignal::on_signals()?;
    let sample = SampleLog::open(program.clone(), tools.path(SAMPLE), args.fresh)?;
    let workers = Workers::open(program.clone(), tools.path(WORKER), args.fresh)?;
    let mut started = sample.start(tools, &ports)?;
    let mut dashboard = examples::dashboard(tools, &sample, &ports)?;
    let mut watch = Watch::start(tools, &sample, &started.log.url())?;
    let list = format!("{}{WATCHLIST}", page.address);
    let console = tools.path("www/dist/console.html");
    let mut worker = workers.start(tools, &ports, &console, (&list, &watch.vkey()?))?;
    dashboard.await_answer("/")?;
    worker.await_answer("/")?;
    print_guide(tools, &program, &sample, &workers, &ports, &page)?;
    let enters = watch::enters();
    while !stop.is_requested() {
        if enters.try_recv().is_ok() {
            watch.attack(tools, &sample, &ports, &page.address)?;
        }
        started.check()?;
        watch.check()?;
        dashboard.check()?;
        worker.check()?;
        stop.sleep(POLL_INTERVAL);
    }
    println!("\nStopping the programs that write, then the logs.");
    drop((worker, dashboard, watch, started));
    println!("Stopped. The next start continues with the same logs.");
    Ok(())
}

/// Builds everything, and returns the program.
fn build(tools: &Tools) -> Result<PathBuf> {
    // Download packages while the compilers run.
    thread::scope(|scope| {
        scope.spawn(|| {
            ["js", "www"].iter().try_for_each(|folder| tools.install(folder))?;
            npm::install(tools, "examples")
        });
        let parts = scope.spawn(|| tools.program_parts());
        tools.packaged_artifacts()?;
        parts.join().map_err(|_| anyhow!("building the program panicked"))?
    })?;
    let program = tools.program_with_console()?;
    npm::install(tools, "examples")?;
    tools.progress.step("dashboard", |log| {
        log.run(tools.node()?.npm(tools, "examples/dashboard").args(["run", "build"]))
    })?;
    page::sample_files(tools)?;
    Ok(program)
}

fn print_guide(
    tools: &Tools,
    program: &Path,
    sample: &SampleLog,
    workers: &Workers,
    ports: &Ports,
    page: &Page,
) -> Result<()> {
    let shown = |path: &Path| path.strip_prefix(tools.path("")).unwrap_or(path).display().to_string();
    let program = shown(program);
    println!(
        "
A dashboard: press Run, and see the event verified a moment later. Cut its connection, and nothing is lost.
  http://127.0.0.1:{dashboard}/
A Worker, in workerd: press Delete, and it responds once the log has proven that it contains the event. It refuses to delete the backup.
  http://127.0.0.1:{worker}/
The auditor's page, which works offline:
  {page}/
  Files to download and drop on it:
{files}

Each log has a console: search, live view, coverage, keys, witnesses, storage. It asks for a reader's token, and for a trust file:
  the dashboard's log, to which an emitter writes about once a second
    http://127.0.0.1:{log}/
    trust file: {trust}
    token:      {token}
  the Worker's log, a Durable Object
    http://127.0.0.1:{worker_log}/
    trust file: {worker_trust}
    token:      {worker_token}

To try:
  1. Open Live in the console of either log, press Start, and do something in the dashboard or the Worker: it is verified
     as it arrives.
  2. {program} export --dir http://127.0.0.1:{log} --token-file {token_file} -o export.ndjson
     {program} verify export.ndjson --trust {trust_shown}
  3. {program} check http://127.0.0.1:{log} --trust {trust_shown}
     which needs no token, because it reads no events.
  4. Press Enter here: someone guesses a password at the dashboard. `countersign watch` reports it while it lasts, the
     Worker refuses the account's next request, and the evidence verifies on the auditor's page.

Ctrl-C stops everything.",
        page = page.address,
        files = page.files.join("\n"),
        dashboard = ports.dashboard,
        worker = ports.worker,
        log = ports.log,
        worker_log = ports.worker_log,
        trust = sample.reader.trust.display(),
        trust_shown = shown(&sample.reader.trust),
        token = sample.reader.token()?,
        token_file = shown(&sample.reader.token),
        worker_trust = workers.reader.trust.display(),
        worker_token = workers.reader.token()?,
    );
    Ok(())
}
