//! `countersign dev`: runs a log for local development.

#[cfg(feature = "native")]
mod command;
mod env_file;
mod folder;
#[cfg(not(feature = "native"))]
mod hosted;
#[cfg(feature = "native")]
mod native;
mod secrets;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::input;
pub(crate) use env_file::MARK as ENV_FILE_MARK;
pub(crate) use folder::DevFolder;
pub(crate) use secrets::DevSecrets;

#[cfg(not(feature = "native"))]
use hosted as platform;
#[cfg(feature = "native")]
use native as platform;

/// The default folder of the log.
pub(crate) const DEFAULT_FOLDER: &str = ".countersign/dev";
/// The default address of the log.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// Run a log for local development
///
/// Prints the variables that your app needs, or writes them to a file with --env. With a command, sets them for it
/// instead, and ends when it ends, with its exit status. Otherwise ends on Ctrl-C or SIGTERM. The next run continues the
/// log, with the same keys and token. Don't use these keys for anything else.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign dev -- npm run dev   # your app, with AUDIT_KEY, AUDIT_URL and AUDIT_LOG for the SDK
  countersign dev --env .env       # these variables, and COUNTERSIGN_TOKEN for the program
  countersign dev --temporary -- npm test
  countersign dev --tenants -- npm run dev
  countersign dev --port 9000")]
pub(crate) struct Args {
    /// Address to listen on, on this machine only; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_ADDRESS)]
    listen: SocketAddr,
    /// Port to listen on, at 127.0.0.1; 0 picks a free port
    #[arg(long, value_name = "N", conflicts_with = "listen")]
    port: Option<u16>,
    /// Folder of the log, its keys, and its token. It has a .gitignore; delete it to start over
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    dir: PathBuf,
    /// Write the variables to this file, for an app in another terminal: .env, .env.local, or .dev.vars. Other lines stay,
    /// and only you can read the file. Keep it out of version control
    #[arg(long, value_name = "FILE", conflicts_with = "temporary")]
    env: Option<PathBuf>,
    /// Use new keys and a new log, and delete them on exit. An app with an outbox can't continue with the next log
    #[arg(long, conflicts_with = "dir")]
    temporary: bool,
    /// Give each tenant a log of its own, as `countersign serve --tenants` does. Create one with `POST /tenants`. A folder
    /// keeps the kind of log that it was created with
    #[arg(long)]
    tenants: bool,
    /// Serve this HTML file at / instead of the log's own page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Command to run while the log runs, with the variables set. Signals are passed on to it
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    /// Returns the address to listen on.
    fn address(&self) -> SocketAddr {
        self.port.map_or(self.listen, |port| (Ipv4Addr::LOCALHOST, port).into())
    }
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
