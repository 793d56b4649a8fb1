//! `countersign witness`: runs a witness for logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign_log_server::server::{Address, Bounds};
use countersign_log_server::witness::{
    CheckpointGuard, Config, MemoryError, WitnessKey, WitnessStartError, serve_guarded, steady,
};

use crate::args;
use crate::commands::serve::{explain_listening, log_to_stderr, stop_requested, url};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::{key, stop, style};

/// The maximum number of connections, each with a request in memory.
pub(super) const MAX_CONNECTIONS: usize = 512;

/// Run a witness: cosign the checkpoints of logs that only grow
///
/// A C2SP tlog-witness. Logs ask it with POST /add-checkpoint, and get a cosignature if they prove that their tree
/// has grown from the last checkpoint that the witness cosigned. Each cosignature is saved to disk before it is
/// sent. Keep the state file, and never go back to an older copy of it: a witness that forgets can be shown two
/// histories. It cosigns nothing while its clock is before its last cosignature (by more than 60 seconds), leaps by more
/// than 2 minutes while it runs, or is more than 7 days after the last cosignature at its start: it answers 503, and
/// /healthz says why. Monitors get the last cosigned checkpoint at GET /HASH/checkpoint, where HASH is the SHA-256 of the
/// log's origin in hex. Stops on Ctrl-C or SIGTERM, once work in progress is done.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign witness --key witness.key --log \"$LOG_VKEY\" --state witness.state
  countersign witness --key witness.key --log \"$LOG_VKEY\" \"$OTHER_LOG_VKEY\" --state witness.state --listen 0.0.0.0:8081
  countersign witness --key witness.key witness-ml-dsa.key --log \"$LOG_VKEY\" --state witness.state")]
pub(crate) struct Args {
    /// Key files of the witness (`countersign keygen NAME --witness`, `--ml-dsa`): each key cosigns every checkpoint
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    key: Vec<PathBuf>,
    /// Public key (vkey) of a log to cosign; its name is the log's origin. Can be repeated
    // A string, parsed later: clap repeats invalid values in errors, and this may be a private key.
    #[arg(long, value_name = "VKEY", required = true, num_args = 1..)]
    log: Vec<String>,
    /// Address to listen on: host and port, or unix:PATH for a Unix socket
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    listen: Address,
    /// File for what was cosigned; created if missing
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// The time now, as 2026-11-20T06:01:00Z, read from a clock that you trust. If this machine's clock agrees
    /// within an hour, the witness starts although its last cosignature is later, or more than 7 days ago
    #[arg(long, value_name = "T", value_parser = args::time)]
    clock_is: Option<Time>,
    /// Write log messages as JSON, one object per line (`RUST_LOG` sets the level)
    #[arg(long)]
    log_json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    stop::enable_service();
    log_to_stderr(args.log_json);
    let keys = args.key.iter().map(|path| key::load_witness(path)).collect::<Result<_, _>>()?;
    let logs = args.log.iter().map(|vkey| VerifierKey::parse_log(vkey)).collect::<Result<_, _>>()?;
    // An empty file was truncated, or created by someone.
    if fs::metadata(&args.state).map_or(true, |state| state.len() == 0) {
        style::warn(&format!(
            "{} is new: if this witness cosigned before, stop it and restore its state",
            shown(&args.state)
        ));
    }
    let (state, listen, clock_is) = (args.state.clone(), args.listen.clone(), args.clock_is);
    Witness { title: "witness", keys, logs, state, listen, clock_is, guard: None }.run()
}

/// A witness to run.
pub(super) struct Witness {
    /// Its name for people.
    pub(super) title: &'static str,
    pub(super) keys: Vec<WitnessKey>,
    /// The keys of the logs to witness.
    pub(super) logs: Vec<VerifierKey>,
    /// The file for what was cosigned.
    pub(super) state: PathBuf,
    pub(super) listen: Address,
    /// The time now, as the operator states it.
    pub(super) clock_is: Option<Time>,
    pub(super) guard: Option<Box<dyn CheckpointGuard>>,
}

impl Witness {
    /// Cosigns until the process is asked to stop.
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let Self { title, keys, logs, state, listen, clock_is, guard } = self;
        let verifiers: Vec<VerifierKey> = keys.iter().map(|key| key.verifier_key().clone()).collect();
        let config = Config {
            keys,
            logs,
            state: state.clone(),
            listen,
            bounds: Bounds { connections: MAX_CONNECTIONS, ..Bounds::default() },
            clock: Arc::new(seconds),
            steady: steady(),
            stated_time: clock_is.and_then(|time| u64::try_from(time.millis() / 1_000).ok()),
        };
        let runtime =
            tokio::runtime::Runtime::new().map_err(|error| CliError::io("start", "the server", &error))?;
        runtime.block_on(async {
            let serving = serve_guarded(config, guard).await.map_err(|error| explain(&error, &state))?;
            let address = url(serving.address(), false);
            let name = verifiers.first().map_or("", VerifierKey::name);
            style::done(&format!("the {title} {name} listens on {address}"));
            for verifier in &verifiers {
                anstream::eprintln!("  {} {verifier}", style::label("witness key:"));
            }
            stop_requested().await;
            style::done("stopping: finishing work in progress");
            serving.stop().await;
            Ok(ExitStatus::Success)
        })
    }
}

/// Returns the system's time in seconds, or 0 before 1970.
pub(super) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn explain(error: &WitnessStartError, state: &Path) -> CliError {
    let (code, hint) = match error {
        WitnessStartError::Key(_) => {
            ("key.invalid", "pass each key of the witness once, and the public keys of logs")
        }
        WitnessStartError::Memory(MemoryError::InUse) => ("server.in_use", "stop the other witness first"),
        WitnessStartError::Memory(_) => ("state.invalid", "check the file and its permissions"),
        WitnessStartError::Listen(error) => explain_listening(error),
    };
    let failure = CliError::unusable(code, error.to_string(), hint);
    if matches!(error, WitnessStartError::Memory(_)) { failure.within(&shown(state)) } else { failure }
}
