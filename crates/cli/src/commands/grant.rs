//! `countersign grant` and `countersign revoke`: key notes.

use std::path::PathBuf;

use countersign::export::Header;
use countersign::export::writer::Writer;
use countersign::keys::{KeyNote, Statement, names_under};
use countersign::note::{SignerKey, VerifierKey};
use countersign_client::now;

use crate::arg_groups::OutputArgs;
use crate::args::{self, Bound};
use crate::commands::record::note::NoteTo;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::{key, style};

/// Allow an emitter to write to a log, as an issuer
///
/// Submits one key note to a log, or writes it to an export for `seal`. It applies to chains that come after it in
/// the log, so give it to `seal` before them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign grant \"$APP_VKEY\" --key issuer.key --to https://log.example.com --log \"$LOG_VKEY\"
  countersign grant \"$APP_VKEY\" --key issuer.key --origin log.example/audit -o grant.ndjson
  countersign grant \"$APP_VKEY\" --from 2026-11-01 --until 2027-02-01 --key issuer.key --origin log.example/audit -o grant.ndjson
  countersign seal --log-key log.key grant.ndjson app.ndjson -o audit.ndjson")]
pub(crate) struct GrantArgs {
    /// The emitter's verifier key, as keygen printed it
    // Read later: the parser of arguments repeats what it refuses, which may be a secret key.
    vkey: String,
    /// When it may begin to sign [default: no limit]
    #[arg(long, value_name = "T", value_parser = args::bound)]
    from: Option<Bound>,
    /// When it may no longer sign [default: no limit]
    #[arg(long, value_name = "T", value_parser = args::bound)]
    until: Option<Bound>,
    #[command(flatten)]
    common: Common,
}

/// Revoke an emitter's key, as an issuer or as the emitter itself
///
/// Submits one key note to a log, or writes it to an export for `seal`. A revocation is permanent: no later grant
/// undoes it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign revoke \"$APP_VKEY\" --key issuer.key --to https://log.example.com --log \"$LOG_VKEY\"
  countersign revoke \"$APP_VKEY\" --since 2026-11-20T06:00:00Z --key issuer.key --origin log.example/audit -o revoke.ndjson
  countersign seal --log-key log.key audit.ndjson revoke.ndjson -o audit.ndjson")]
pub(crate) struct RevokeArgs {
    /// The emitter's verifier key, as keygen printed it
    // Read later: the parser of arguments repeats what it refuses, which may be a secret key.
    vkey: String,
    /// From when on the key can't be trusted [default: from the beginning]
    #[arg(long, value_name = "T", value_parser = args::bound)]
    since: Option<Bound>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Common {
    /// Key file of whoever makes the statement
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The origin of the log it is for [default with --to: that of the log's key]
    #[arg(long, value_name = "O", required_unless_present = "to")]
    origin: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    to: NoteTo,
}

pub(crate) fn grant(args: &GrantArgs) -> Result<ExitStatus, CliError> {
    let bound = |bound: Option<Bound>| bound.and_then(|Bound(time)| time);
    let (from, until) = (bound(args.from), bound(args.until));
    let vkey: VerifierKey = args.vkey.parse()?;
    let key = key::load(&args.common.key)?;
    let statement = Statement::Grant { key: vkey.clone(), from, until };
    if !names_under(key.verifier_key().name(), vkey.name()) {
        return Err(no_right(&key, &vkey, "an issuer can only grant keys named ISSUER/…"));
    }
    if until.is_some_and(|until| now().is_ok_and(|now| until <= now)) {
        style::warn("the grant ends in the past: it covers nothing that is signed from now on");
    }
    state(&args.common, &statement, &key)
}

pub(crate) fn revoke(args: &RevokeArgs) -> Result<ExitStatus, CliError> {
    let since = args.since.and_then(|Bound(time)| time);
    let vkey: VerifierKey = args.vkey.parse()?;
    let key = key::load(&args.common.key)?;
    let statement = Statement::Revoke { key: vkey.clone(), since };
    let own = *key.verifier_key() == vkey;
    if !own && !names_under(key.verifier_key().name(), vkey.name()) {
        return Err(no_right(
            &key,
            &vkey,
            "an issuer can only revoke keys named ISSUER/…; an emitter can revoke itself",
        ));
    }
    state(&args.common, &statement, &key)
}

fn no_right(key: &SignerKey, about: &VerifierKey, hint: &str) -> CliError {
    let message =
        format!("a statement by {} about {} would have no effect", key.verifier_key().name(), about.name());
    CliError::unusable("note.invalid", style::plain(&message), hint)
}

/// Signs the statement, and writes it or submits it.
fn state(args: &Common, statement: &Statement, key: &SignerKey) -> Result<ExitStatus, CliError> {
    let sign = |origin: &str| KeyNote::sign(origin, std::slice::from_ref(statement), key);
    let mut lines = Writer::new();
    if let Some(mut log_server) = args.to.log_server(args.origin.as_deref())? {
        let note = sign(log_server.origin())?;
        lines.note(&note);
        let index = log_server.submit(lines.as_str(), &note)?;
        let origin = log_server.origin();
        style::done(&format!("it is entry {index} of the log {origin}, and applies to what comes after it"));
        return Ok(ExitStatus::Success);
    }
    let origin = args.origin.as_deref().unwrap_or_default();
    let note = sign(origin)?;
    lines.header(&Header { origin: origin.into(), range: None });
    lines.note(&note);
    let mut output = Output::create(args.output.path())?;
    output.write(lines.as_bytes())?;
    output.finish()?;
    if args.output.path().is_some() {
        let what = match statement {
            Statement::Grant { .. } => "a grant: give it to `countersign seal` before the chains of its key",
            Statement::Revoke { .. } => {
                "a revocation: it counts once it is in the log, by `countersign seal`"
            }
        };
        style::wrote(args.output.path(), what);
    }
    Ok(ExitStatus::Success)
}
