//! A temporary log in a temporary folder.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};

use clap::FromArgMatches as _;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::tokens;
use zeroize::Zeroizing;

use super::command::Supervisor;
use super::{Args, DevKeys};
use crate::commands::keygen::write_key;
use crate::commands::serve;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::{stop, style};

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    // A signal must not end this process before it has deleted the folder with the keys.
    stop::enable_graceful();
    let address = free_address(args.listen)?;
    let folder = tempfile::Builder::new().prefix("countersign-dev-").tempdir();
    let folder = folder.map_err(|error| CliError::io("make", "a temporary folder", &error))?;
    let dir = folder.path().join("log");
    std::fs::create_dir(&dir).map_err(|error| CliError::io("make", &shown(&dir), &error))?;
    let keys = DevKeys::generate()?;
    write_key(&dir.join("log.key"), &keys.log)?;
    let mut trust = Output::create(Some(&dir.join("trust.txt")))?;
    trust.write(keys.trust().as_bytes())?;
    trust.finish()?;
    let rights = "read,erase,admin".parse::<Rights>();
    let rights = rights.map_err(|why| CliError::unusable("token.file", why, "report this as a bug"))?;
    let token = tokens::add(&dir, "dev", rights, None, Scope::default());
    let token = token.map_err(|error| CliError::unusable("token.file", error.to_string(), "try again"))?;
    let variables = [
        ("AUDIT_KEY", Zeroizing::new(keys.app.encode().as_str().to_owned())),
        ("AUDIT_URL", Zeroizing::new(format!("http://{address}"))),
        ("AUDIT_LOG", Zeroizing::new(keys.log.verifier_key().to_string())),
        ("COUNTERSIGN_TOKEN", Zeroizing::new(token.as_str().to_owned())),
    ];
    if args.command.is_empty() {
        let mut stdout = anstream::stdout();
        let mut written = Ok(());
        for (name, value) in &variables {
            written = written.and_then(|()| writeln!(stdout, "{name}={}", value.as_str()));
        }
        let written = written.and_then(|()| stdout.flush());
        written.map_err(|error| CliError::io("write", "standard output", &error))?;
    } else {
        style::detail("token:", token.as_str());
    }
    style::detail("console:", &format!("http://{address}/, with COUNTERSIGN_TOKEN and the trust file"));
    let command = Supervisor::start(&args.command, address, &variables);
    let ended = serve_from(args, address, dir.into_os_string());
    let status = command.map(Supervisor::end);
    folder.close().map_err(|error| CliError::io("remove", "the temporary folder", &error))?;
    style::done("deleted the log, its keys, and its events");
    ended?;
    match status.transpose()? {
        Some(status) => std::process::exit(status),
        None => Ok(ExitStatus::Success),
    }
}

/// Serves the log in a folder until this process is asked to stop.
fn serve_from(args: &Args, address: SocketAddr, dir: OsString) -> Result<ExitStatus, CliError> {
    let command = <serve::Args as clap::Args>::augment_args(clap::Command::new("dev"));
    let flags = ["dev".into(), "--listen".into(), address.to_string().into(), "--dir".into(), dir];
    let page = args.page.iter().flat_map(|page| ["--page".into(), page.into()]);
    let flags: Vec<OsString> = flags.into_iter().chain(page).collect();
    let matches = command.get_matches_from(flags);
    serve::Args::from_arg_matches(&matches)
        .map_err(|error| CliError::unusable("arguments.invalid", error.to_string(), "report this as a bug"))
        .and_then(|args| serve::run(&args))
}

/// Picks a port if it is 0: the address is printed before the log listens there.
fn free_address(address: SocketAddr) -> Result<SocketAddr, CliError> {
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    bound.map_err(|error| {
        CliError::io("listen at", &address.to_string(), &error)
            .with_hint("use another address with --listen, or port 0 for a free port")
    })
}
