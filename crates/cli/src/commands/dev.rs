//! `countersign dev`: runs a temporary log for local development.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::FromArgMatches as _;
use countersign::note::SignerKey;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::server::Address;
use countersign_log_server::tokens;
use zeroize::Zeroizing;

use crate::commands::keygen::{random, write_key};
use crate::commands::serve;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::style;

/// The names of the log and of the app that records.
const LOG: &str = "localhost/dev";
const EMITTER: &str = "localhost/dev-app";

/// Run a log for local development, deleted when it ends
///
/// Creates keys and a token, and prints the variables that your app needs, ready for an .env file. The log, its keys,
/// and its events are kept in a temporary folder, which is removed on Ctrl-C or SIGTERM. Don't use these keys for
/// anything else.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign dev > .env        # AUDIT_KEY, AUDIT_URL and AUDIT_LOG for the SDK, COUNTERSIGN_TOKEN for the program
  countersign dev --listen 127.0.0.1:9000")]
pub(crate) struct Args {
    /// Address to listen on, on this machine only; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Serve this HTML file at / instead of the console
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let address = free_address(args.listen)?;
    let folder = tempfile::Builder::new().prefix("countersign-dev-").tempdir();
    let folder = folder.map_err(|error| CliError::io("make", "a temporary folder", &error))?;
    let dir = folder.path().join("log");
    std::fs::create_dir(&dir).map_err(|error| CliError::io("make", &shown(&dir), &error))?;
    let (log, app) = (generate(LOG)?, generate(EMITTER)?);
    write_key(&dir.join("log.key"), &log)?;
    let mut trust = Output::create(Some(&dir.join("trust.txt")))?;
    let (log_key, app_key) = (log.verifier_key(), app.verifier_key());
    trust.write(format!("log {log_key}\nemitter {app_key}\nemitter {log_key}\n").as_bytes())?;
    trust.finish()?;
    let rights = "read,erase,admin".parse::<Rights>();
    let rights = rights.map_err(|why| CliError::unusable("token.file", why, "report this as a bug"))?;
    let token = tokens::add(&dir, "dev", rights, None, Scope::default());
    let token = token.map_err(|error| CliError::unusable("token.file", error.to_string(), "try again"))?;
    let paste = Zeroizing::new(format!(
        "AUDIT_KEY={}\nAUDIT_URL=http://{address}\nAUDIT_LOG={log_key}\nCOUNTERSIGN_TOKEN={}\n",
        app.encode().as_str(),
        token.as_str()
    ));
    let mut stdout = anstream::stdout();
    let written = stdout.write_all(paste.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| CliError::io("write", "standard output", &error))?;
    let console = style::label("console:");
    anstream::eprintln!("  {console} http://{address}/, with COUNTERSIGN_TOKEN and the trust file");
    let command = <serve::Args as clap::Args>::augment_args(clap::Command::new("dev"));
    let dir = dir.into_os_string();
    let flags = ["dev".into(), "--listen".into(), address.to_string().into(), "--dir".into(), dir];
    let page = args.page.iter().flat_map(|page| ["--page".into(), page.into()]);
    let flags: Vec<OsString> = flags.into_iter().chain(page).collect();
    let matches = command.get_matches_from(flags);
    let ended = serve::Args::from_arg_matches(&matches)
        .map_err(|error| CliError::unusable("arguments.invalid", error.to_string(), "report this as a bug"))
        .and_then(|args| serve::run(&args));
    folder.close().map_err(|error| CliError::io("remove", "the temporary folder", &error))?;
    style::done("deleted the log, its keys, and its events");
    ended
}

fn generate(name: &str) -> Result<SignerKey, CliError> {
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed)?;
    Ok(SignerKey::from_seed(name, *seed)?)
}

/// Checks the address, and picks a port if it is 0: the address is printed before the log listens there.
fn free_address(address: SocketAddr) -> Result<Address, CliError> {
    if !address.ip().is_loopback() {
        let hint = "use a loopback address, since the keys are printed on the screen; run `countersign serve` for other clients";
        return Err(CliError::unusable("arguments.invalid", "the address is not a loopback address", hint));
    }
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    bound.map(Address::Tcp).map_err(|error| {
        CliError::io("listen at", &address.to_string(), &error)
            .with_hint("use another address with --listen, or port 0 for a free port")
    })
}
