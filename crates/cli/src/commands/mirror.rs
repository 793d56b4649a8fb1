//! `countersign mirror`: keeps a verified copy of a log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign::note::VerifierKey;
use countersign_client::{Source, open};
use countersign_log_server::server::{Address, Bounds};
use countersign_mirror::{
    Config, LogCopy, MirrorError, PullMetrics, PullObserver, PullOutcome, RunningMirror, pull, serve,
};
use tokio::runtime::Runtime;

use crate::arg_groups::RequiredTrustArgs;
use crate::args;
use crate::args::origin;
use crate::commands::serve::{explain_listening, log_to_stderr, url};
use crate::commands::witness::{MAX_CONNECTIONS, seconds};
use crate::errors::{CliError, explain as explain_io, shown};
use crate::exit_status::ExitStatus;
use crate::io::progress::SharedCount;
use crate::io::style::plain;
use crate::io::verdict::entries;
use crate::io::{key, stop, style};

/// Keep a verified copy of a log, and serve it
///
/// Reads the log's checkpoint, entries, and tiles, from the log or from another copy. Each entry is verified against a
/// checkpoint that the log signed before it is stored, and each checkpoint must extend the last one. What contradicts
/// that is reported and never stored. The copy is a folder of plain files: DIR/public/HASH has `checkpoint` and `tile/`,
/// where HASH is the SHA-256 of the log's origin in hex. Serve DIR/public with any web server, or with --listen. An
/// interrupted run continues where it ended.
///
/// With --key, the mirror cosigns each checkpoint once it has all its entries (C2SP tlog-mirror). With --key and --listen,
/// it also accepts uploads from the log (POST /add-checkpoint and /add-entries); leave out the URL if the log uploads
/// everything. A mirror's key must not be that of a witness. /healthz and /metrics report its state. Stops on Ctrl-C or
/// SIGTERM.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign mirror https://log.example --trust trust.txt --dir mirror
  countersign mirror https://log.example --trust trust.txt --dir mirror --once
  countersign mirror --trust trust.txt --dir mirror --key mirror.key --listen 0.0.0.0:8082

Exit status: 0 complete (or stopped), 1 the log or the source contradicts what the log signed, 2 unusable arguments, \
3 not signed by a key you trust, 5 not (fully) copied because the source could not be read.")]
pub(crate) struct Args {
    /// The log to copy: the URL of its checkpoint and tiles, or a folder with `checkpoint` and `tile/`
    #[arg(value_name = "URL|DIR", required_unless_present = "listen")]
    log: Option<String>,
    #[command(flatten)]
    trust: RequiredTrustArgs,
    /// Origin of the log, if the trust file names several
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    /// Folder for the copy; created if missing
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Key file of the mirror, to cosign with (`countersign keygen NAME --witness`)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Serve the copy at this address: host and port, or unix:PATH for a Unix socket
    #[arg(long, value_name = "ADDR", conflicts_with = "once")]
    listen: Option<Address>,
    /// Time between two reads of the log's checkpoint, such as 10s or 5m
    #[arg(long, value_name = "AGE", default_value = "30s", value_parser = args::positive_duration)]
    every: Duration,
    /// Copy once, and exit with a status that shows the result
    #[arg(long, requires = "log")]
    once: bool,
    /// Write log messages as JSON, one object per line (`RUST_LOG` sets the level)
    #[arg(long)]
    log_json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    stop::enable_service();
    log_to_stderr(args.log_json);
    let trust = args.trust.load()?;
    let origin = origin::select(&trust, args.origin.as_deref())?;
    let keys: Vec<VerifierKey> = trust.logs().filter(|key| key.name() == origin).cloned().collect();
    if keys.is_empty() {
        let hint = "mirror the root log; keep copies of a tenant log with `countersign export`";
        return Err(CliError::unusable("arguments.invalid", "a tenant log can't be mirrored", hint));
    }
    let cosigner = args.key.as_deref().map(key::load_witness).transpose()?;
    if args.log.is_none() && cosigner.is_none() {
        let hint = "pass the log's URL, or the mirror's --key";
        return Err(CliError::unusable("arguments.invalid", "there is nothing to copy from", hint));
    }
    let source = args.log.as_deref().map(open).transpose()?;
    let mirror_key = cosigner.as_ref().map(|key| key.verifier_key().to_string());
    let copy = LogCopy::open(&args.dir, keys, cosigner, Arc::new(seconds));
    let copy = copy.map_err(|error| explain(&error, args))?;
    let copy = Arc::new(copy.with_witnesses(trust.witnesses().cloned().collect()));
    let pulls = Arc::new(PullMetrics::default());
    let server = args.listen.as_ref().map(|listen| Server::start(listen, &copy, &pulls)).transpose()?;
    if let Some(key) = mirror_key {
        anstream::eprintln!("  {} {key}", style::label("mirror key:"));
    }
    let status = if let Some(source) = &source {
        Puller { args, copy: &copy, pulls: &pulls, reported: None }.follow(&**source)
    } else {
        while !stop::sleep(args.every) {}
        ExitStatus::Success
    };
    if let Some(server) = server {
        server.stop();
    }
    Ok(status)
}

/// The server of a copy, with its runtime.
struct Server {
    runtime: Runtime,
    running: RunningMirror,
}

impl Server {
    fn start(listen: &Address, copy: &Arc<LogCopy>, pulls: &Arc<PullMetrics>) -> Result<Self, CliError> {
        let runtime = Runtime::new().map_err(|error| CliError::io("start", "the server", &error))?;
        let bounds = Bounds { connections: MAX_CONNECTIONS, ..Bounds::default() };
        let config = Config { copy: copy.clone(), listen: listen.clone(), bounds, pulls: pulls.clone() };
        let running = runtime.block_on(serve(config)).map_err(|error| {
            let (code, hint) = explain_listening(&error);
            CliError::unusable(code, format!("can't listen on the address: {error}"), hint)
        })?;
        let address = url(running.address(), false);
        style::done(&format!("the mirror of {} listens on {address}", plain(copy.origin())));
        Ok(Self { runtime, running })
    }

    fn stop(self) {
        style::done("stopping: finishing work in progress");
        self.runtime.block_on(self.running.stop());
    }
}

/// Copies the log repeatedly, and reports results that differ from the last one.
struct Puller<'a> {
    args: &'a Args,
    copy: &'a LogCopy,
    pulls: &'a PullMetrics,
    reported: Option<Result<u64, String>>,
}

impl Puller<'_> {
    fn follow(mut self, source: &dyn Source) -> ExitStatus {
        loop {
            let terminal = Terminal(SharedCount::new("copying"));
            let result = pull(self.copy, source, &terminal);
            terminal.0.clear();
            self.pulls.count(&result);
            let status = self.report(&result);
            let stopped = self.args.once || matches!(result, Ok(PullOutcome::Stopped));
            if stopped || stop::sleep(self.args.every) {
                return if self.args.once { status } else { ExitStatus::Success };
            }
        }
    }

    fn report(&mut self, result: &Result<PullOutcome, MirrorError>) -> ExitStatus {
        match result {
            Ok(PullOutcome::Complete { size, added }) => {
                if self.reported.replace(Ok(*size)) != Some(Ok(*size)) {
                    let new = format!("{added} new");
                    style::done(&format!("{}: {}, {new}", plain(self.copy.origin()), entries(*size)));
                }
                ExitStatus::Success
            }
            Ok(PullOutcome::Stopped) => ExitStatus::NotChecked,
            Err(error) => {
                let message = format!("{}: {error}", error.code());
                let is_new = self.reported.as_ref() != Some(&Err(message.clone()));
                if is_new {
                    style::warn(&message);
                    if matches!(error, MirrorError::Fork { .. }) {
                        style::warn(&format!("both checkpoints are in {}", shown(self.copy.evidence_path())));
                    }
                    self.reported = Some(Err(message));
                }
                match error {
                    MirrorError::Unsigned | MirrorError::OtherLog(_) => ExitStatus::Untrusted,
                    error if error.is_contradiction() => ExitStatus::Broken,
                    _ => ExitStatus::NotChecked,
                }
            }
        }
    }
}

/// Shows the progress of a pull, and reports a request to stop.
struct Terminal(SharedCount);

impl PullObserver for Terminal {
    fn is_stopped(&self) -> bool {
        stop::is_requested()
    }

    fn copied(&self, done: u64, total: u64) {
        self.0.show(done, total);
    }
}

fn explain(error: &MirrorError, args: &Args) -> CliError {
    let (code, hint) = match error {
        MirrorError::InUse => ("server.in_use", "stop the other mirror first"),
        MirrorError::Key(_) => {
            ("key.invalid", "pass the key of a mirror, and a trust file with the log's key")
        }
        MirrorError::Storage(error) => explain_io("open", error),
        _ => ("mirror.damaged", "move the folder away, and copy the log again"),
    };
    CliError::unusable(code, error.to_string(), hint).within(&shown(&args.dir))
}
