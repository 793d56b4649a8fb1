//! `countersign token`: who may read a log's events.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use countersign::time::Time;
use countersign_log::tokens::{self, Rights, Scope, TokenError};

use crate::errors::{Failure, shown};
use crate::verify::now;
use crate::{args, serve, style};

/// Manage who may read a log's events
///
/// A collector shows events only to readers with a token. It keeps the tokens' hashes in readers.txt in its folder
/// and reads that file again when it changes, so a running server needs no restart.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  (umask 077; countersign token add auditor > token.txt)   # shown once, and kept nowhere
  countersign token add privacy-desk --right read,erase --until 2027-01-01
  countersign token add acme --tenant acme --action 'user.*'
  countersign token list
  countersign token revoke auditor")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a token for a reader, and print it
    Add {
        /// The reader's name: one word
        name: String,
        #[command(flatten)]
        of: Of,
        /// What the reader may do: read, erase, admin, separated by commas. admin sees what concerns the log as a
        /// whole, such as evidence of forks
        #[arg(long, value_name = "RIGHTS", alias = "may", default_value = "read")]
        right: Rights,
        /// When the token expires [default: never]
        #[arg(long, value_name = "T", value_parser = args::time)]
        until: Option<Time>,
        #[command(flatten)]
        scope: Conditions,
    },
    /// List the readers
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Revoke a reader's token
    Revoke {
        /// The reader's name
        name: String,
        #[command(flatten)]
        of: Of,
    },
}

/// Of which log.
#[derive(clap::Args)]
struct Of {
    /// The log's folder
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    dir: PathBuf,
}

/// Which events the token is for [default: all]. Of several names an event fulfils each, of several values one.
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

impl Conditions {
    fn scope(&self) -> Result<Scope, Failure> {
        let Self { tenant, actor, action, chain } = self;
        let mut scope = Scope::default();
        for (name, values) in [("tenant", tenant), ("actor", actor), ("action", action), ("chain", chain)] {
            for value in values {
                scope.allow(name, value).map_err(|why| {
                    let hint = "see `countersign token add --help`";
                    Failure::unusable("arguments.invalid", format!("--{name}: {why}"), hint)
                })?;
            }
        }
        Ok(scope)
    }
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let (What::Add { of, .. } | What::List { of } | What::Revoke { of, .. }) = &args.what;
    serve::expect_folder(&of.dir)?;
    match &args.what {
        What::Add { name, of, right, until, scope } => {
            let scope = scope.scope()?;
            if until.is_some_and(|until| now().is_ok_and(|now| until <= now)) {
                style::warn("the token ends in the past: nobody may read with it");
            }
            let of_what = if scope.is_everything() {
                String::new()
            } else {
                format!(" events of {}", shown_scope(&scope))
            };
            let token = tokens::add(&of.dir, name, *right, *until, scope);
            let token = token.map_err(|error| explain(&error, &of.dir))?;
            let rights = right.to_string().replace(',', " and ");
            style::done(&format!("{name} may {rights}{of_what} with this token, which is not shown again"));
            print(token.as_str())
        }
        What::List { of } => list(&of.dir),
        What::Revoke { name, of } => {
            tokens::revoke(&of.dir, name).map_err(|error| explain(&error, &of.dir))?;
            style::done(&format!("{name}'s token no longer works"));
            Ok(0)
        }
    }
}

fn list(folder: &Path) -> Result<u8, Failure> {
    let readers = tokens::list(folder).map_err(|error| explain(&error, folder))?;
    if readers.is_empty() {
        style::done("nobody may read this log's events: `countersign token add NAME` lets somebody in");
        return Ok(0);
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["READER", "MAY", "UNTIL", "EVENTS"]);
    for reader in readers {
        let until = reader.until.map_or("-".to_owned(), |until| until.to_string());
        let events = if reader.scope.is_everything() { "all".to_owned() } else { shown_scope(&reader.scope) };
        table.add_row([style::plain(&reader.name), reader.rights.to_string(), until, events]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    print(&lines.join("\n"))
}

/// As it stands in the file, in which it holds no control characters.
fn shown_scope(scope: &Scope) -> String {
    style::plain(&scope.to_string())
}

fn print(text: &str) -> Result<u8, Failure> {
    writeln!(anstream::stdout(), "{text}")
        .map_err(|error| Failure::io("write", "standard output", &error))?;
    Ok(0)
}

fn explain(error: &TokenError, folder: &Path) -> Failure {
    match error {
        TokenError::Io { path, error } => Failure::io("use", &shown(path), error),
        TokenError::Malformed { .. } => Failure::unusable(
            "token.file",
            error.to_string(),
            "mend the line, or take it out: until then nobody is let in",
        ),
        TokenError::Name(_) => {
            Failure::unusable("token.name", error.to_string(), "give the reader another name")
        }
        TokenError::Scope(_) => Failure::unusable(
            "token.scope",
            error.to_string(),
            "leave the conditions out, or the right admin",
        ),
        TokenError::Unknown(_) => Failure::unusable(
            "token.unknown",
            error.to_string(),
            "`countersign token list` lists the readers",
        )
        .within(&shown(folder)),
        TokenError::Random(_) => {
            Failure::unusable("random.failed", error.to_string(), "nothing was written: try again")
        }
    }
}
