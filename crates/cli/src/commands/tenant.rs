//! `countersign tenant`: creates and ends tenants of a root log.

mod continuing;
mod ending;
mod many;
mod names;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Subcommand;
use countersign::note::VerifierKey;
use countersign::tenant::{State, TenantOrigin};
use countersign::time::Time;
use countersign_errors::now;
use countersign_log::own_chain::secure_random;
use countersign_log::stop::Cause;
use countersign_log::store::StoreError;
use countersign_log::tenants::CreationError;
use countersign_log::tenants::guard::{compare_heads, complete_to};
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::{Tenant, TenantNumber, check_name as check_tenant_name};
use countersign_log::tokens::{LogScope, Rights, Scope, check_name};
use countersign_log_server::accepted_losses;
use countersign_log_server::heads_file::TenantHeadsFile;
use countersign_log_server::serve::{StartError, lock};
use countersign_log_server::sqlite;
use countersign_log_server::tokens::{self, NewReader, Token};

use self::continuing::ContinuedLog;
use self::many::TokenArgs;
use crate::arg_groups::FolderArgs;
use crate::args;
use crate::commands::serve;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::{input, log_folder, style, table};

/// The longest wait for the first tick of a new tenant log. A server ticks every few seconds.
const TICK_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval at which the first tick is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The warning about a first tick that is not published.
const UNPUBLISHED: &str = "the first tick isn't published yet, so the log server doesn't answer for new logs; check that its witnesses cosign";
/// The number of tenants that are read at a time.
const PAGE: u64 = 1024;

/// Manage tenants, each with a complete log of its own
///
/// A log server that runs with --tenants keeps one log for each tenant. All are proven by one root log, which is
/// public, and shows neither who the tenants are nor what they record.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign serve --tenants --origin log.example/audit
  echo \"emitter $APP_VKEY\" >> countersign-log/trust.txt
  countersign tenant add acme -o acme-trust.txt      # prints the log's origin, which ends in its ID, and a token
  countersign record --key app.key --to http://127.0.0.1:8080/t/$ID --trust acme-trust.txt events.ndjson
  COUNTERSIGN_TOKEN=$TOKEN countersign export --dir http://127.0.0.1:8080/t/$ID -o acme.ndjson
  countersign verify acme.ndjson --trust acme-trust.txt
  countersign tenant end acme      # it accepts no more entries, and stays readable")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a tenant, and print its log's origin, a token that reads the log, and a trust file
    ///
    /// The trust file is for recorders and for the tenant itself. It contains the keys of the server's trust file: add
    /// your emitter or issuer there first. The server may be running: the log can be used when this command ends. If
    /// there is a tenant with this name, nothing is created but the token, if it is missing.
    Add {
        /// The tenant's name: the ID that your application has for it. Only you see it
        #[arg(required_unless_present = "from")]
        name: Option<String>,
        /// Create a tenant for each line of this file, and print a JSON object for each
        ///
        /// Each line is a name. The trust files are written to the folder --output, as ID.txt.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "token", "continues"])]
        from: Option<PathBuf>,
        #[command(flatten)]
        of: ServerArgs,
        /// Begin the log with the statement that it continues another one, whose last known state this file contains.
        /// Can be repeated
        ///
        /// The file is the answer of GET /head of a tenant log, or of GET /checkpoint of another log. For a log of this
        /// server that ended or is stopped, or of a root log that ended in this folder, t/ID or its origin is enough:
        /// the server remembers its last head. The old log stays under its own origin and key, and is verified on its
        /// own. If it is the log of this tenant, it must have ended.
        #[arg(long, value_name = "FILE|t/ID")]
        continues: Vec<PathBuf>,
        /// A trust file with the public keys of the continued logs [default: the server's trust file]
        #[arg(long, value_name = "FILE", requires = "continues")]
        continues_trust: Option<PathBuf>,
        /// Name of the token's reader [default: the tenant's name]
        #[arg(long, value_name = "NAME", conflicts_with = "no_token")]
        token: Option<String>,
        /// Create no token
        #[arg(long)]
        no_token: bool,
        /// When the token expires [default: never]
        #[arg(long, value_name = "T", value_parser = args::time, conflicts_with = "no_token")]
        until: Option<Time>,
        /// Write the trust file to this file, not to standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// End tenants' logs: they accept no more entries
    ///
    /// This can't be undone. The log's last event states the end. Readers can still read the log, and verify that it is
    /// complete. The server may be running or stopped: the log ends with its next tick. A log that the server stopped,
    /// because it contradicts what it showed, ends as it was shown last.
    End {
        /// The tenants' names
        #[arg(required_unless_present = "from", value_name = "NAME")]
        names: Vec<String>,
        /// End the logs of the tenants in this file too, one name per line
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        of: ServerArgs,
    },
    /// End a tenant's log, because it continues on another log server
    ///
    /// This can't be undone. First create the tenant on the other server, with --continues and this log's current head.
    /// The old log's last event then names the new log. The old server continues to show the old log.
    Move {
        /// The tenant's name
        name: String,
        /// The origin of the new log
        #[arg(long, value_name = "ORIGIN")]
        to: String,
        #[command(flatten)]
        of: ServerArgs,
    },
    /// List the tenants: number of entries, state, origin, and name
    ///
    /// The state of a log that contradicts what it showed is the reason why it is stopped: `log.rollback` (entries are
    /// missing), `log.split_view` (entries are different), or `log.unremembered` (the record in heads.bin is missing). A
    /// stopped log that you ended is `ended (after log.rollback)`.
    List {
        #[command(flatten)]
        of: FolderArgs,
    },
    /// Print the trust file for the readers and recorders of a tenant's log
    ///
    /// It names the log and its first tick, so that readers notice another log, or one that was started again. The keys
    /// are those of the server's trust file: write it again when they change.
    Trust {
        /// The tenant's name
        #[arg(required_unless_present = "all")]
        name: Option<String>,
        /// Write the trust files of all tenants whose logs have not ended to the folder --output, as ID.txt
        #[arg(long, conflicts_with = "name", requires = "output")]
        all: bool,
        #[command(flatten)]
        of: ServerArgs,
        /// Write to this file, not to standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// The log, and the trust file that those of tenants are made from.
#[derive(clap::Args)]
struct ServerArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// The server's trust file [default: trust.txt in the log's folder]
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl ServerArgs {
    /// Returns the server's trust file.
    fn trust_file(&self) -> PathBuf {
        self.trust.clone().unwrap_or_else(|| self.folder.dir.join(serve::TRUST))
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let folder = match &args.command {
        Command::Add { of, .. }
        | Command::End { of, .. }
        | Command::Move { of, .. }
        | Command::Trust { of, .. } => &of.folder,
        Command::List { of } => of,
    };
    log_folder::expect_folder(&folder.dir)?;
    match &args.command {
        Command::Add { name, from, of, continues, continues_trust, token, no_token, until, output } => {
            if let Some(from) = from {
                let token = TokenArgs { none: *no_token, until: *until };
                return many::add_all(of, from, &token, output.as_deref());
            }
            let name = name.as_deref().unwrap_or_default();
            let token = if *no_token { None } else { Some(token.as_deref().unwrap_or(name)) };
            let continued = continued(of, continues, continues_trust.as_deref())?;
            add(of, name, &continued, token, *until, output.as_deref())
        }
        Command::End { names, from, of } => {
            ending::check_own_key(of)?;
            ending::end(&of.folder.dir, names.clone(), from.as_ref())
        }
        Command::Move { name, to, of } => {
            ending::check_own_key(of)?;
            ending::move_to(&of.folder.dir, name, to)
        }
        Command::List { of } => list(&of.dir),
        Command::Trust { all: true, of, output, .. } => {
            many::write_trust_files(of, output.as_deref().unwrap_or(Path::new(".")))
        }
        Command::Trust { name, of, output, .. } => {
            let (origin, tenant) = find(&of.folder.dir, name.as_deref().unwrap_or_default())?;
            write(&trust_file(of, &origin, &tenant)?, output.as_deref())
        }
    }
}

fn add(
    of: &ServerArgs,
    name: &str,
    continued: &[ContinuedLog],
    token: Option<&str>,
    until: Option<Time>,
    output: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    check_tenant_name(name).map_err(|error| explain(&error, &of.folder.dir))?;
    if let Some(Err(reason)) = token.map(check_name) {
        let hint = "choose another name for the reader with --token, or use --no-token";
        return Err(CliError::unusable("arguments.invalid", format!("the token's name: {reason}"), hint));
    }
    let folder = &*of.folder.dir;
    let is_running = is_running(folder);
    let (root, readers) = open(folder)?;
    let is_index = is_index_of_running(folder, is_running)?;
    let known = readers.find_name(name).map_err(|error| unreadable(&error, folder))?;
    let mut random: countersign_log::own_chain::Random = Box::new(secure_random);
    let is_new = known.is_none() || !continued.is_empty();
    if continued.is_empty() {
        let created = sqlite::add_tenant(folder, name, &mut random, now()?);
        created.map_err(|error| explain(&error, folder))?;
    } else {
        check_reader_is_new(folder, token)?;
        let now = now()?;
        let openings: Vec<String> =
            continued.iter().map(|log| log.statement(&root, now).to_string()).collect();
        let replaced = known.map(|known| known.id);
        let replaced = replaced.filter(|id| continued.iter().any(|log| log.id_under(&root) == Some(*id)));
        let created =
            sqlite::continue_as_tenant(folder, name, &openings, replaced.as_ref(), &mut random, now);
        created.map_err(|error| ending::explain_request(&error, folder))?;
    }
    let deadline = Instant::now() + TICK_TIMEOUT;
    let (origin, tenant, is_published) = loop {
        let (origin, tenant) = find(folder, name)?;
        // Before its first tick is published, the server doesn't know the log.
        let is_published =
            is_published(&*readers, tenant.since).map_err(|error| unreadable(&error, folder))?;
        if is_published || !is_running || Instant::now() >= deadline {
            break (origin, tenant, is_published);
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    if tenant.since.is_none() {
        if is_index {
            return Err(not_in_bucket(folder, "so new tenants may not be created"));
        }
        style::warn(&format!(
            "{}, so the trust file lacks the log's first tick: write it again with `countersign tenant trust {}` once the server runs",
            no_tick(is_running),
            style::plain(name)
        ));
    } else if is_running && !is_published {
        style::warn(UNPUBLISHED);
    }
    let trust = trust_file(of, &origin, &tenant)?;
    let has = if is_new { "has a log" } else { "has a log already" };
    style::done(&format!("{} {has}: {origin}", style::plain(name)));
    let added = token.map(|reader| add_token(folder, reader, &origin, until)).transpose();
    // The log was made, whatever happened to the token.
    let token = added.map_err(|error| without_token(&error, name, &origin))?.flatten();
    let mut stdout = std::io::stdout().lock();
    let mut print = |label: &str, text: &str| writeln!(stdout, "{label} {text}");
    let mut printed = print("origin", origin.as_str());
    if let Some(token) = &token {
        printed = printed.and_then(|()| print("token", token.as_str()));
    }
    if output.is_none() {
        printed = printed.and_then(|()| writeln!(stdout));
    }
    printed.map_err(|error| CliError::io("write", "standard output", &error))?;
    drop(stdout);
    write(&trust, output)
}

/// Reads the last known states of the logs that a new log continues.
fn continued(
    of: &ServerArgs,
    files: &[PathBuf],
    trust: Option<&Path>,
) -> Result<Vec<ContinuedLog>, CliError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let trust = input::trust(trust.unwrap_or(&of.trust_file()))?;
    files.iter().map(|file| ContinuedLog::read(&of.folder.dir, file, &trust)).collect()
}

/// True if the checkpoint of a tenant log's first tick is published. The server answers for the log from then on.
fn is_published(readers: &dyn TenantReaders, since: Option<u64>) -> Result<bool, StoreError> {
    let Some(since) = since else { return Ok(false) };
    Ok(readers.root().published()?.is_some_and(|published| published.size > since))
}

/// True if a server uses the folder. Without one, requests wait for the first tick of a server that starts later.
fn is_running(folder: &Path) -> bool {
    matches!(lock(folder), Err(StartError::InUse(_)))
}

/// Returns the reason why no tick was made for a request.
const fn no_tick(is_running: bool) -> &'static str {
    if is_running { "the log server made no tick in time" } else { "the log server isn't running" }
}

/// True if the folder is only the index of a log in a bucket. Fails if no server uses such a folder: only a tick brings
/// requests into the bucket.
fn is_index_of_running(folder: &Path, is_running: bool) -> Result<bool, CliError> {
    let is_index = sqlite::is_index_folder(folder).map_err(|error| unreadable(&error, folder))?;
    if is_index && !is_running {
        let message = "the log is in a bucket, and no server uses this folder";
        let hint = "start the server with `countersign serve --store`, and run the command again";
        return Err(CliError::unusable("server.unavailable", message, hint).within(&shown(folder)));
    }
    Ok(is_index)
}

/// Returns the error about a request that no tick brought into the bucket.
fn not_in_bucket(folder: &Path, consequence: &str) -> CliError {
    let message = format!("the log server made no tick in time, {consequence}");
    let hint =
        "run the command in the folder of the server that makes the ticks: another server may be on standby";
    CliError::unusable("server.unavailable", message, hint).within(&shown(folder))
}

/// Fails if there is a token of this name: it is for another log than the one to be created.
fn check_reader_is_new(folder: &Path, token: Option<&str>) -> Result<(), CliError> {
    let Some(reader) = token else { return Ok(()) };
    let known = tokens::list(folder).map_err(|error| super::token::explain(&error, folder))?;
    if known.iter().all(|known| known.name != reader) {
        return Ok(());
    }
    let message = format!("there is a token named {reader:?}, for another log");
    let hint = "choose another name for the reader with --token, or use --no-token";
    Err(CliError::unusable("arguments.invalid", message, hint))
}

/// Creates a token for the log, unless the reader has one for it.
fn add_token(
    folder: &Path,
    reader: &str,
    origin: &TenantOrigin,
    until: Option<Time>,
) -> Result<Option<Token>, CliError> {
    let explain = |error: &_| super::token::explain(error, folder);
    let readers = tokens::list(folder).map_err(|error| explain(&error))?;
    if readers.iter().any(|known| known.name == reader && known.logs.permits(&origin.id())) {
        style::done(&format!("{} has a token already, which is not shown again", style::plain(reader)));
        return Ok(None);
    }
    let mut logs = LogScope::default();
    logs.allow(origin.id()).map_err(|reason| CliError::unusable("arguments.invalid", reason, "try again"))?;
    let new =
        NewReader { name: reader.to_owned(), rights: Rights::READ, until, scope: Scope::default(), logs };
    let token = tokens::add_all(folder, vec![new]).map_err(|error| explain(&error))?.pop();
    style::done(&format!("{} may read it with this token, which is not shown again", style::plain(reader)));
    Ok(token)
}

/// Returns the error about a log that was created, but whose token was not.
fn without_token(error: &CliError, name: &str, origin: &TenantOrigin) -> CliError {
    let message =
        format!("{} has the log {origin}, but no token was created: {}", style::plain(name), error.brief());
    let hint = "remove the cause, and run the same command again: it creates only the token";
    CliError::unusable(error.code(), message, hint)
}

/// Returns the trust file for readers and recorders of a tenant's log: the server's, with the log's origin. Warns if it
/// lets readers trust nobody's events.
fn trust_file(of: &ServerArgs, origin: &TenantOrigin, tenant: &Tenant) -> Result<Vec<u8>, CliError> {
    let file = of.trust_file();
    let trust = input::trust(&file)?;
    let is_log = |key: &VerifierKey| trust.logs().any(|log| log == key);
    if trust.issuers().is_empty() && trust.emitters().iter().all(is_log) {
        style::warn(&format!(
            "{} names no emitter and no issuer, so the log accepts no events yet: add one, and write the tenant's trust file again with `countersign tenant trust {}`",
            shown(&file),
            style::plain(&tenant.name)
        ));
    }
    let since = tenant.since.map_or_else(String::new, |tick| format!(" {tick}"));
    let about_keys = "# The keys of the log, and of those who write to it. Compare them with the log operator over another channel.\n";
    let about_log =
        "# The one log that this file is for, and the tick of the root log at which it was created.\n";
    let origin = format!("{about_log}origin {origin}{since}\n");
    Ok([about_keys.as_bytes(), &trust.to_text(), origin.as_bytes()].concat())
}

fn write(text: &[u8], output: Option<&Path>) -> Result<ExitStatus, CliError> {
    let mut out = Output::create(output)?;
    out.write(text)?;
    out.finish()?;
    Ok(ExitStatus::Success)
}

fn list(folder: &Path) -> Result<ExitStatus, CliError> {
    let (root, readers) = open(folder)?;
    let stopped = stopped(folder, &root, &*readers).map_err(|error| unreadable(&error, folder))?;
    let losses = accepted_losses::read(folder).map_err(|error| unreadable(&error, folder))?;
    let ended_after = |tenant: &Tenant| {
        let loss = losses.iter().find(|loss| loss.id == tenant.id && tenant.state != State::Live);
        loss.map(|loss| loss.cause)
    };
    let mut table = table::new(["TENANT", "ENTRIES", "STATE", "ORIGIN"]);
    let mut add_row = |tenant: Tenant| {
        let size = readers.log(tenant.number).size()?;
        let state = match (stopped.get(&tenant.number), ended_after(&tenant)) {
            (_, Some(cause)) => format!("{} (after {})", tenant.state.as_str(), cause.code()),
            (Some(cause), None) => cause.code().to_owned(),
            (None, None) if tenant.since.is_none() => "new".to_owned(),
            (None, None) => tenant.state.as_str().to_owned(),
        };
        let origin = TenantOrigin::new(&root, tenant.id);
        let origin = origin.map_or_else(String::new, |origin| origin.to_string());
        table.add_row([style::plain(&tenant.name), size.to_string(), state, origin]);
        Ok(())
    };
    for_each(&*readers, &mut add_row).map_err(|error| unreadable(&error, folder))?;
    if table.is_empty() {
        style::done("there is no tenant yet: add one with `countersign tenant add NAME`");
        return Ok(ExitStatus::Success);
    }
    write(table::text(&table).as_bytes(), None)
}

/// Calls `visit` with each tenant, in the order in which they were created.
pub(super) fn for_each(
    readers: &dyn TenantReaders,
    visit: &mut dyn FnMut(Tenant) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let page = readers.tenants(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number.get();
        page.into_iter().try_for_each(&mut *visit)?;
    }
}

/// Returns the tenant logs that a server stops, or would stop, because they contradict the heads that they showed.
fn stopped(
    folder: &Path,
    root: &str,
    readers: &dyn TenantReaders,
) -> Result<BTreeMap<TenantNumber, Cause>, StoreError> {
    // Read before the database: a server commits a head before it remembers it.
    let remembered = TenantHeadsFile::read(folder, root)?;
    let ticks = readers.root().size()?;
    // A server on standby follows ticks whose heads it doesn't remember yet, and a bucket loses no tenant.
    let complete_to = if sqlite::is_index_folder(folder)? { 0 } else { complete_to(ticks) };
    let comparison = compare_heads(&readers.heads()?, &remembered.heads, readers, complete_to, Time::MIN)?;
    let mut stopped: BTreeMap<TenantNumber, Cause> =
        comparison.stops.iter().map(|stop| (stop.head.number, stop.reason.cause)).collect();
    for head in comparison.heads {
        if readers.log(head.number).size()? < head.size {
            stopped.entry(head.number).or_insert(Cause::Rollback);
        }
    }
    Ok(stopped)
}

fn open(folder: &Path) -> Result<(String, std::sync::Arc<dyn TenantReaders>), CliError> {
    if !sqlite::has_tenants(folder).map_err(|error| unreadable(&error, folder))? {
        let hint = "create a log with tenants in a new folder with `countersign serve --tenants`";
        return Err(CliError::unusable("tenant.none", "the folder has no log with tenants", hint)
            .within(&shown(folder)));
    }
    sqlite::open_tenant_readers(folder).map_err(|error| unreadable(&error, folder))
}

/// Returns the tenant with this name, and its log's origin.
fn find(folder: &Path, name: &str) -> Result<(TenantOrigin, Tenant), CliError> {
    let (root, readers) = open(folder)?;
    let unknown = || {
        let hint =
            "list the tenants with `countersign tenant list`, or create it with `countersign tenant add`";
        CliError::unusable("tenant.unknown", format!("there is no tenant named {name:?}"), hint)
    };
    let tenant = readers.find_name(name).map_err(|error| unreadable(&error, folder))?.ok_or_else(unknown)?;
    let origin = TenantOrigin::new(&root, tenant.id).ok_or_else(unknown)?;
    Ok((origin, tenant))
}

fn unreadable(error: &StoreError, folder: &Path) -> CliError {
    let hint = log_folder::store_hint(error, folder, "check the folder and its permissions");
    CliError::unusable("store.failed", error.to_string(), hint).within(&shown(folder))
}

fn explain(error: &CreationError, folder: &Path) -> CliError {
    match error {
        CreationError::Store(error) => unreadable(error, folder),
        CreationError::Name => {
            CliError::unusable("arguments.invalid", error.to_string(), "use the ID that your application has")
        }
        CreationError::Full => {
            CliError::unusable("tenant.full", error.to_string(), "start a second log server")
        }
        CreationError::Random(error) => {
            CliError::unusable("random.failed", error.to_string(), "try again; nothing was written")
        }
    }
}
