//! `countersign dev`: runs a temporary log for local development.

#[cfg(feature = "native")]
mod command;
#[cfg(not(feature = "native"))]
mod hosted;
#[cfg(feature = "native")]
mod native;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use countersign::note::SignerKey;
use zeroize::Zeroizing;

use crate::commands::keygen::random;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::input;

#[cfg(not(feature = "native"))]
use hosted as platform;
#[cfg(feature = "native")]
use native as platform;

/// The names of the log and of the app that records.
const LOG: &str = "localhost/dev";
const EMITTER: &str = "localhost/dev-app";

/// Run a log for local development, deleted when it ends
///
/// Creates keys and a token, and prints the variables that your app needs, ready for an .env file. With a command, sets
/// them for it instead, and ends when it ends, with its exit status. The log, its keys, and its events are temporary:
/// they are deleted on Ctrl-C or SIGTERM. Don't use these keys for anything else.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign dev -- npm run dev   # your app, with AUDIT_KEY, AUDIT_URL and AUDIT_LOG for the SDK
  countersign dev > .env           # these variables, and COUNTERSIGN_TOKEN for the program
  countersign dev --listen 127.0.0.1:9000")]
pub(crate) struct Args {
    /// Address to listen on, on this machine only; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Serve this HTML file at / instead of the log's own page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Command to run while the log runs, with the variables set. Signals are passed on to it
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if !args.listen.ip().is_loopback() {
        let hint = "use a loopback address, since the keys are printed on the screen; run `countersign serve` for other clients";
        return Err(CliError::unusable("arguments.invalid", "the address is not a loopback address", hint));
    }
    if let Some(page) = &args.page {
        input::page(page)?;
    }
    platform::run(args)
}

/// The keys of a temporary log.
struct DevKeys {
    log: SignerKey,
    app: SignerKey,
}

impl DevKeys {
    fn generate() -> Result<Self, CliError> {
        Ok(Self { log: generate(LOG)?, app: generate(EMITTER)? })
    }

    /// Returns the text of the trust file.
    fn trust(&self) -> String {
        let (log, app) = (self.log.verifier_key(), self.app.verifier_key());
        format!("log {log}\nemitter {app}\nemitter {log}\n")
    }
}

fn generate(name: &str) -> Result<SignerKey, CliError> {
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed)?;
    Ok(SignerKey::from_seed(name, *seed)?)
}
