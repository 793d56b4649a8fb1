//! A log for local development that the native program serves itself.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use clap::FromArgMatches as _;

use super::command::Supervisor;
use super::env_file::EnvFile;
use super::{Args, DevFolder};
use crate::commands::serve;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::{stop, style};

/// The interval of the ticks, for which a submission to a tenant's log waits.
const TICK: &str = "1s";

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    // A signal must not end this process before it has deleted a temporary folder with keys.
    stop::enable_graceful();
    let address = free_address(args.address())?;
    if !args.temporary {
        return finish(serve_from(args, address, &args.dir));
    }
    let folder = tempfile::Builder::new().prefix("countersign-dev-").tempdir();
    let folder = folder.map_err(|error| CliError::io("make", "a temporary folder", &error))?;
    let ended = serve_from(args, address, folder.path());
    folder.close().map_err(|error| CliError::io("remove", "the temporary folder", &error))?;
    style::done("deleted the log, its keys, and its events");
    finish(ended)
}

/// Ends this process with the command's exit status, if there was a command.
fn finish(ended: Result<Option<i32>, CliError>) -> Result<ExitStatus, CliError> {
    match ended? {
        Some(status) => std::process::exit(status),
        None => Ok(ExitStatus::Success),
    }
}

/// Serves the log in a folder until this process is asked to stop, or the command ends. Returns the command's status.
fn serve_from(args: &Args, address: SocketAddr, path: &Path) -> Result<Option<i32>, CliError> {
    // Before the folder is created, which a failed start must not leave behind.
    let env = args.env.as_deref().map(EnvFile::open).transpose()?;
    let (folder, secrets) = DevFolder::open(path, args.tenants)?;
    folder.database()?;
    let variables = secrets.variables(address);
    let mut details = Vec::new();
    if let Some((env, path)) = env.zip(args.env.as_deref()) {
        env.write(&variables)?;
        details.push(("variables:", shown(path)));
    } else if args.command.is_empty() {
        let mut stdout = anstream::stdout();
        let mut written = Ok(());
        for (name, value) in &variables {
            written = written.and_then(|()| writeln!(stdout, "{name}={}", value.as_str()));
        }
        let written = written.and_then(|()| stdout.flush());
        written.map_err(|error| CliError::io("write", "standard output", &error))?;
    } else {
        details.push(("token:", secrets.token.as_str().to_owned()));
    }
    let console = if cfg!(has_console) {
        format!("http://{address}/, with COUNTERSIGN_TOKEN and the trust file")
    } else {
        "none: this program was built without it (docs/install.md)".to_owned()
    };
    details.push(("console:", console));
    if !args.temporary {
        details
            .push(("folder:", format!("{} (to start over, delete it and your app's outbox)", shown(path))));
    }
    let command = Supervisor::start(&args.command, address, &variables);
    let ended = serve(args, address, folder.log().into_os_string(), details);
    let status = command.map(Supervisor::end);
    ended?;
    status.transpose()
}

/// Serves the log until this process is asked to stop.
fn serve(
    args: &Args,
    address: SocketAddr,
    dir: OsString,
    details: Vec<(&'static str, String)>,
) -> Result<ExitStatus, CliError> {
    let command = <serve::Args as clap::Args>::augment_args(clap::Command::new("dev"));
    let flags = ["dev".into(), "--listen".into(), address.to_string().into(), "--dir".into(), dir];
    let page = args.page.iter().flat_map(|page| ["--page".into(), page.into()]);
    let tenants = args.tenants.then_some(["--tenants", "--tick", TICK].map(OsString::from));
    let flags: Vec<OsString> = flags.into_iter().chain(page).chain(tenants.into_iter().flatten()).collect();
    let matches = command.get_matches_from(flags);
    let mut args = serve::Args::from_arg_matches(&matches).map_err(|error| {
        CliError::unusable("arguments.invalid", error.to_string(), "report this as a bug")
    })?;
    args.details = details;
    serve::serve(&args)
}

/// Picks a port if it is 0: the address is printed before the log listens there.
fn free_address(address: SocketAddr) -> Result<SocketAddr, CliError> {
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    bound.map_err(|error| {
        CliError::io("listen at", &address.to_string(), &error)
            .with_hint("stop the program that uses it, or choose another port with `--port N` (0 picks a free one); if `npm run dev` runs `countersign dev`, add it in package.json")
    })
}
