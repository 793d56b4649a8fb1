//! `countersign token`: manages readers' tokens.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Subcommand;
use countersign::hex;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign_errors::now;
use countersign_log::tokens::{LogScope, Rights, Scope};
use countersign_log_server::sqlite;
use countersign_log_server::tokens::{self, NewReader, Token, TokenError};
use zeroize::Zeroizing;

use crate::arg_groups::FolderArgs;
use crate::args;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::{input, log_folder, style, table};

/// The maximum size of a file of readers in MiB.
const MAX_INPUT_MIB: u64 = 64;

/// Manage who may read a log's events
///
/// A log server shows events only to readers with a token. It keeps the tokens' hashes in readers.txt in its folder
/// and reads that file again when it changes, so a running server needs no restart.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  (umask 077; countersign token add auditor > token.txt)   # shown once, and kept nowhere
  countersign token add privacy-desk --right read,erase --until 2027-01-01
  countersign token add acme --tenant acme --action 'user.*'
  countersign token add acme --log 8f000000000000000000000000000001          # on a log with tenants
  awk '{ print $1 \" tenant=\" $1 }' tenants.txt | countersign token add --from - > tokens.txt   # many at once
  countersign token list
  countersign token revoke auditor")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a token for a reader, and print it
    ///
    /// With --from, create a token for each line of a file, in one step, all or none. Prints one line for each: the
    /// reader's name, a tab, and the token.
    Add {
        /// The reader's name: one word
        #[arg(required_unless_present = "from", conflicts_with = "from")]
        name: Option<String>,
        /// Create a token for each line of this file, or of standard input (`-`): NAME [UNTIL] [CONDITION …]
        ///
        /// Conditions are words such as tenant=acme, action=user.*, or log=ID, with %20 for a space. The other options
        /// apply to each line. Empty lines and lines starting with # are ignored.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        of: FolderArgs,
        /// Rights of the reader: read, erase, admin, growth, record, separated by commas. admin allows reading data about
        /// the whole log, such as evidence of forks. growth is for growth witnesses, and needs --log all. record is for
        /// services that send logs to `countersign serve --otlp`
        ///
        /// A reader with the right growth reads no events and no names, but learns the number of tenants, and for each
        /// nameless tenant log its size and the times at which it grew.
        #[arg(long, value_name = "RIGHTS", alias = "may", default_value = "read")]
        right: Rights,
        /// When the token expires [default: never]
        #[arg(long, value_name = "T", value_parser = args::time)]
        until: Option<Time>,
        #[command(flatten)]
        scope: Conditions,
        /// On a log with tenants, the tenant log that the token is for: an ID, an origin (R/t/ID), or `all`. Can be
        /// repeated
        ///
        /// Without it, a token reads no tenant log. `all` includes tenants added later. An ordinary log has no
        /// tenants, so its tokens can't have this option.
        #[arg(long, value_name = "LOG")]
        log: Vec<LogArg>,
    },
    /// List the readers
    List {
        #[command(flatten)]
        of: FolderArgs,
    },
    /// Revoke readers' tokens, all or none in one step
    Revoke {
        /// The reader's name. Can be repeated
        #[arg(value_name = "NAME", required_unless_present = "from")]
        names: Vec<String>,
        /// Revoke the token of each reader named in this file, or on standard input (`-`), one name per line
        ///
        /// Text after a name is ignored, so you can use the output of `token add --from`.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        of: FolderArgs,
    },
}

/// The events the token is for [default: all]. An event must match each option, with one of its values.
#[derive(clap::Args)]
struct Conditions {
    /// Only events of this tenant. Can be repeated
    #[arg(long, value_name = "T")]
    tenant: Vec<String>,
    /// Only events by this actor. Can be repeated
    #[arg(long, value_name = "ID")]
    actor: Vec<String>,
    /// Only events with this action, or all of a kind: 'user.*'. Can be repeated
    #[arg(long, value_name = "A")]
    action: Vec<String>,
    /// Only events of this chain. Can be repeated
    #[arg(long, value_name = "CHAIN")]
    chain: Vec<String>,
}

/// A tenant log, or all of them.
#[derive(Clone)]
enum LogArg {
    Id([u8; 16]),
    Origin(TenantOrigin),
    All,
}

impl FromStr for LogArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self::All);
        }
        let id = LogScope::parse_id(text).ok().map(Self::Id);
        id.or_else(|| TenantOrigin::parse(text).map(Self::Origin))
            .ok_or("must be a tenant's ID of 32 lower-case hex digits, its log's origin, or all")
    }
}

impl Conditions {
    fn scope(&self) -> Result<Scope, CliError> {
        let Self { tenant, actor, action, chain } = self;
        let mut scope = Scope::default();
        for (name, values) in [("tenant", tenant), ("actor", actor), ("action", action), ("chain", chain)] {
            for value in values {
                scope.allow(name, value).map_err(|reason| {
                    let hint = "see `countersign token add --help`";
                    CliError::unusable("arguments.invalid", format!("--{name}: {reason}"), hint)
                })?;
            }
        }
        Ok(scope)
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let (Command::Add { of, .. } | Command::List { of } | Command::Revoke { of, .. }) = &args.command;
    log_folder::expect_folder(&of.dir)?;
    match &args.command {
        Command::Add { name, from, of, right, until, scope, log } => {
            let (scope, logs) = (scope.scope()?, log_scope(log, &of.dir)?);
            let template = NewReader {
                name: name.clone().unwrap_or_default(),
                rights: *right,
                until: *until,
                scope: scope.clone(),
                logs: logs.clone(),
            };
            let readers = match from {
                Some(from) => new_readers(from, &template)?,
                None => vec![template],
            };
            require_logs(&readers, &of.dir)?;
            let now = now()?;
            let expired =
                readers.iter().filter(|reader| reader.until.is_some_and(|until| until <= now)).count();
            if expired > 0 && from.is_none() {
                style::warn("the token is already expired");
            } else if expired > 0 {
                style::warn(&format!("{expired} of the tokens are already expired"));
            }
            let names: Vec<String> = readers.iter().map(|reader| reader.name.clone()).collect();
            let tokens = tokens::add_all(&of.dir, readers).map_err(|error| explain(&error, &of.dir))?;
            if from.is_some() {
                let count = tokens.len();
                style::done(&format!("{count} tokens were added; they are not shown again"));
                let mut lines = Zeroizing::new(String::new());
                for (name, token) in names.iter().zip(&tokens) {
                    *lines += name;
                    *lines += "\t";
                    *lines += token.as_str();
                    *lines += "\n";
                }
                return print(lines.trim_end_matches('\n'));
            }
            let of_events = if scope.is_everything() {
                String::new()
            } else {
                format!(" events of {}", shown_scope(&scope))
            };
            let in_logs = match &logs {
                LogScope::None => String::new(),
                LogScope::Some(ids) if ids.iter().len() == 1 => format!(" in {logs}"),
                LogScope::Some(ids) => format!(" in {} tenant logs", ids.iter().len()),
                LogScope::All => " in all tenant logs".to_owned(),
            };
            let rights = right.to_string().replace(',', " and ");
            let name = names.first().map_or("", String::as_str);
            style::done(&format!(
                "{name} may {rights}{of_events}{in_logs} with this token, which is not shown again"
            ));
            print(tokens.first().map_or("", Token::as_str))
        }
        Command::List { of } => list(&of.dir),
        Command::Revoke { names, from, of } => {
            let mut names = names.clone();
            if let Some(from) = from {
                names.extend(lines(from)?.iter().filter_map(|(_, line)| first_word(line)));
            }
            tokens::revoke_all(&of.dir, &names).map_err(|error| explain(&error, &of.dir))?;
            match &names[..] {
                [name] => style::done(&format!("{name}'s token no longer works")),
                names => style::done(&format!("{} tokens no longer work", names.len())),
            }
            Ok(ExitStatus::Success)
        }
    }
}

/// Returns the requested tenant logs.
fn log_scope(args: &[LogArg], folder: &Path) -> Result<LogScope, CliError> {
    let mut logs = LogScope::default();
    for arg in args {
        let allowed = match arg {
            LogArg::All => logs.allow_written("*"),
            LogArg::Id(id) => logs.allow(*id),
            LogArg::Origin(origin) => {
                let log = sqlite::identify(folder).map_err(|error| explain(&error.into(), folder))?;
                let root = log.map(|log| log.origin);
                if let Some(root) = root.filter(|root| root != origin.root()) {
                    let hint =
                        "use --dir with the folder of that log, or the origin of one of this log's tenants";
                    let message = format!("--log: {origin} is not a tenant log of {root}");
                    return Err(CliError::unusable("arguments.invalid", message, hint));
                }
                logs.allow(origin.id())
            }
        };
        allowed.map_err(|reason| {
            let hint = "see `countersign token add --help`";
            CliError::unusable("arguments.invalid", format!("--log: {reason}"), hint)
        })?;
    }
    Ok(logs)
}

/// Checks that each token is for a tenant log if the log has tenants.
fn require_logs(readers: &[NewReader], folder: &Path) -> Result<(), CliError> {
    let Some(reader) = readers.iter().find(|reader| reader.logs.is_none()) else { return Ok(()) };
    // A database that can't be read doesn't prevent adding tokens: such a token reads no tenant log.
    if !sqlite::identify(folder).ok().flatten().is_some_and(|log| log.has_tenants) {
        return Ok(());
    }
    let message = format!("the log has tenants, and {}'s token would be for none of them", reader.name);
    let hint = "add --log with the tenant's ID or origin, or --log all";
    Err(CliError::unusable("arguments.invalid", message, hint))
}

/// Reads the readers in a file, one per line. The template has what applies to all.
fn new_readers(file: &Path, template: &NewReader) -> Result<Vec<NewReader>, CliError> {
    let refuse = |reason: String, number| {
        let hint = "use NAME [UNTIL] [CONDITION …] on each line, such as acme tenant=acme";
        CliError::unusable("token.line", reason, hint).at_line(number).within(&input::name(file))
    };
    lines(file)?
        .iter()
        .map(|(number, line)| {
            let NewReader { rights, until, scope, logs, .. } = template.clone();
            NewReader::parse(line, rights, until, scope, logs).map_err(|reason| refuse(reason, *number))
        })
        .collect()
}

/// Returns the lines of a file with their numbers, without empty lines and comments.
fn lines(file: &Path) -> Result<Vec<(u64, String)>, CliError> {
    let bytes = Input::open(file)?.all(MAX_INPUT_MIB)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let hint = "save it as UTF-8";
        CliError::unusable("token.line", "the file is not UTF-8", hint).within(&input::name(file))
    })?;
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim().to_owned()));
    Ok(lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect())
}

fn first_word(line: &str) -> Option<String> {
    line.split_whitespace().next().map(str::to_owned)
}

fn list(folder: &Path) -> Result<ExitStatus, CliError> {
    let readers = tokens::list(folder).map_err(|error| explain(&error, folder))?;
    if readers.is_empty() {
        style::done("no reader has a token: add one with `countersign token add NAME`");
        return Ok(ExitStatus::Success);
    }
    // Only a log with tenants has tokens for tenant logs.
    let has_logs = readers.iter().any(|reader| !reader.logs.is_none());
    let mut header = vec!["READER", "MAY", "UNTIL", "EVENTS"];
    if has_logs {
        header.insert(3, "LOGS");
    }
    let mut table = table::new(header);
    for reader in readers {
        let until = reader.until.map_or("-".to_owned(), |until| until.to_string());
        let events = if reader.scope.is_everything() { "all".to_owned() } else { shown_scope(&reader.scope) };
        let mut row = vec![style::plain(&reader.name), reader.rights.to_string(), until, events];
        if has_logs {
            row.insert(3, shown_logs(&reader.logs));
        }
        table.add_row(row);
    }
    print(table::text(&table).trim_end_matches('\n'))
}

/// Returns the scope as in the file.
fn shown_scope(scope: &Scope) -> String {
    style::plain(&scope.to_string())
}

/// Returns the IDs of the tenants.
fn shown_logs(logs: &LogScope) -> String {
    match logs {
        LogScope::None => "none".to_owned(),
        LogScope::Some(ids) => ids.iter().map(|id| hex::encode(id)).collect::<Vec<_>>().join(" "),
        LogScope::All => "all".to_owned(),
    }
}

fn print(text: &str) -> Result<ExitStatus, CliError> {
    writeln!(anstream::stdout(), "{text}")
        .map_err(|error| CliError::io("write", "standard output", &error))?;
    Ok(ExitStatus::Success)
}

pub(super) fn explain(error: &TokenError, folder: &Path) -> CliError {
    match error {
        TokenError::Io { path, error } => CliError::io("use", &shown(path), error),
        TokenError::Malformed { .. } => CliError::unusable(
            "token.file",
            error.to_string(),
            "correct or remove the line: until then, no reader is admitted",
        ),
        TokenError::TooLarge { .. } => CliError::unusable(
            "token.too_large",
            error.to_string(),
            "revoke unused tokens, or use tokens of an OpenID Connect issuer; nothing was written",
        ),
        TokenError::Name(_) => CliError::unusable("token.name", error.to_string(), "choose another name"),
        TokenError::Scope(_) => CliError::unusable(
            "token.scope",
            error.to_string(),
            "remove the conditions, or the right that can't have them",
        ),
        TokenError::NoTenants => CliError::unusable(
            "token.no_tenants",
            error.to_string(),
            "remove --log and log=, or use --dir with the folder of a log with tenants",
        )
        .within(&shown(folder)),
        TokenError::Store(error) => {
            let hint = "check the folder and its permissions";
            CliError::unusable("store.failed", error.to_string(), log_folder::store_hint(error, folder, hint))
                .within(&shown(folder))
        }
        TokenError::Unknown(_) => CliError::unusable(
            "token.unknown",
            error.to_string(),
            "run `countersign token list` for the readers' names",
        )
        .within(&shown(folder)),
        TokenError::Random(_) => {
            CliError::unusable("random.failed", error.to_string(), "try again; nothing was written")
        }
    }
}
