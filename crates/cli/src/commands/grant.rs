//! `countersign grant` and `countersign revoke`: sign key notes.

use std::path::PathBuf;

use countersign::export::Header;
use countersign::export::writer::Writer;
use countersign::keys::{KeyNote, Statement, names_under};
use countersign::note::{SignerKey, VerifierKey};
use countersign_errors::now;

use crate::arg_groups::OutputArgs;
use crate::args::{self, Bound};
use crate::commands::record::note_args::NoteArgs;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::{key, style};

/// Maximum number of retries after the log rejected a statement as unauthorized. If its issuer was added to the trust
/// file just before, the server hasn't read the file again yet.
#[cfg(feature = "native")]
const RETRIES: u32 = 2;
/// Time between retries. The server checks its trust file for changes more often.
#[cfg(feature = "native")]
const RETRY_INTERVAL: std::time::Duration = std::time::Duration::from_millis(250);

/// Allow an emitter to write to a log, as an issuer
///
/// Submits one key note to a log, or writes it to an export for `seal`. It applies to chains that come after it in
/// the log, so pass it to `seal` before them. With the URL of a root log, it is for all tenant logs: it becomes an
/// entry of each one before the key's first chain there.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign grant \"$APP_VKEY\" --key issuer.key --to https://log.example --log \"$LOG_VKEY\"
  countersign grant \"$APP_VKEY\" --key issuer.key --origin log.example/audit -o grant.ndjson
  countersign grant \"$APP_VKEY\" --from 2026-11-01 --until 2027-02-01 --key issuer.key --origin log.example/audit -o grant.ndjson
  countersign seal --log-key log.key grant.ndjson app.ndjson -o audit.ndjson")]
pub(crate) struct GrantArgs {
    /// Public key (vkey) of the emitter, as keygen printed it
    // A string, parsed later: clap repeats invalid values in errors, and this may be a private key.
    vkey: String,
    /// Time from which the key may sign [default: no limit]
    #[arg(long, value_name = "T", value_parser = args::bound)]
    from: Option<Bound>,
    /// Time from which the key may no longer sign [default: no limit]
    #[arg(long, value_name = "T", value_parser = args::bound)]
    until: Option<Bound>,
    #[command(flatten)]
    common: Common,
}

/// Revoke an emitter's key, as an issuer or as the emitter itself
///
/// Submits one key note to a log, or writes it to an export for `seal`. A revocation is permanent: no later grant
/// undoes it. With the URL of a root log, an issuer revokes the key in all tenant logs where it has a chain or a grant;
/// the command fails unless each of them proves that it has the revocation.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign revoke \"$APP_VKEY\" --key issuer.key --to https://log.example --log \"$LOG_VKEY\"
  countersign revoke \"$APP_VKEY\" --since 2026-11-20T06:00:00Z --key issuer.key --origin log.example/audit -o revoke.ndjson
  countersign seal --log-key log.key audit.ndjson revoke.ndjson -o audit.ndjson")]
pub(crate) struct RevokeArgs {
    /// Public key (vkey) of the emitter, as keygen printed it
    // A string, parsed later: clap repeats invalid values in errors, and this may be a private key.
    vkey: String,
    /// Time from which the key can't be trusted [default: the beginning]
    #[arg(long, value_name = "T", value_parser = args::bound)]
    since: Option<Bound>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Common {
    /// File with the private key of the issuer, or of the emitter for its own revocation
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Origin of the log that the statement is for [default with --to: that of the log's key]
    #[arg(long, value_name = "O", required_unless_present = "to")]
    origin: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    to: NoteArgs,
}

pub(crate) fn grant(args: &GrantArgs) -> Result<ExitStatus, CliError> {
    let bound = |bound: Option<Bound>| bound.and_then(|Bound(time)| time);
    let (from, until) = (bound(args.from), bound(args.until));
    let vkey: VerifierKey = args.vkey.parse()?;
    let key = key::load(&args.common.key)?;
    let statement = Statement::Grant { key: vkey.clone(), from, until };
    if !names_under(key.verifier_key().name(), vkey.name()) {
        return Err(no_effect(
            &key,
            &vkey,
            "use the issuer's key; an issuer can only grant keys named ISSUER/…",
        ));
    }
    if until.is_some_and(|until| now().is_ok_and(|now| until <= now)) {
        style::warn("the grant ends in the past, so it covers nothing that is signed from now on");
    }
    submit_or_write(&args.common, &statement, &key)
}

pub(crate) fn revoke(args: &RevokeArgs) -> Result<ExitStatus, CliError> {
    let since = args.since.and_then(|Bound(time)| time);
    let vkey: VerifierKey = args.vkey.parse()?;
    let key = key::load(&args.common.key)?;
    let statement = Statement::Revoke { key: vkey.clone(), since };
    let own = *key.verifier_key() == vkey;
    if !own && !names_under(key.verifier_key().name(), vkey.name()) {
        return Err(no_effect(
            &key,
            &vkey,
            "use the issuer's or the emitter's own key; an issuer can only revoke keys named ISSUER/…",
        ));
    }
    submit_or_write(&args.common, &statement, &key)
}

fn no_effect(key: &SignerKey, about: &VerifierKey, hint: &str) -> CliError {
    let message =
        format!("a statement by {} about {} would have no effect", key.verifier_key().name(), about.name());
    CliError::unusable("note.invalid", style::plain(&message), hint)
}

/// Signs the statement, and submits it or writes it to a file.
fn submit_or_write(args: &Common, statement: &Statement, key: &SignerKey) -> Result<ExitStatus, CliError> {
    let sign = |origin: &str| KeyNote::sign(origin, std::slice::from_ref(statement), key);
    match args.to.url() {
        #[cfg(feature = "native")]
        Some(url) => return submit(args, url, statement, key, &sign),
        #[cfg(not(feature = "native"))]
        Some(_) => return Err(crate::errors::needs_native("`--to`")),
        None => args.to.refuse_without_url()?,
    }
    let mut lines = Writer::new();
    let origin = args.origin.as_deref().unwrap_or_default();
    let note = sign(origin)?;
    lines.header(&Header { origin: origin.into(), range: None });
    lines.note(&note);
    let mut output = Output::create(args.output.path())?;
    output.write(lines.as_bytes())?;
    output.finish()?;
    if args.output.path().is_some() {
        let what = match statement {
            Statement::Grant { .. } => {
                "grant written; pass it to `countersign seal` before the chains of its key"
            }
            Statement::Revoke { .. } => {
                "revocation written; it takes effect once `countersign seal` has added it to the log"
            }
        };
        style::wrote(args.output.path(), what);
    }
    Ok(ExitStatus::Success)
}

/// Submits the statement to a log server.
#[cfg(feature = "native")]
fn submit(
    args: &Common,
    url: &str,
    statement: &Statement,
    key: &SignerKey,
    sign: &dyn Fn(&str) -> Result<String, countersign::Error>,
) -> Result<ExitStatus, CliError> {
    use crate::commands::record::note::{NoteLogServer, SubmittedNote};

    let mut log_server = NoteLogServer::open(url, &args.to, args.origin.as_deref())?;
    let note = sign(log_server.origin())?;
    let mut lines = Writer::new();
    lines.note(&note);
    let mut submitted = log_server.submit(lines.as_str(), &note, key);
    for _ in 0..RETRIES {
        match &submitted {
            Err(error) if error.code() == "log.unauthorized" => {
                std::thread::sleep(RETRY_INTERVAL);
                submitted = log_server.submit(lines.as_str(), &note, key);
            }
            _ => break,
        }
    }
    let submitted = submitted?;
    let origin = log_server.origin();
    style::done(&match (submitted, statement) {
        (SubmittedNote::Entry(index), _) => {
            format!("the statement is entry {index} of the log {origin}, and applies to later entries")
        }
        (SubmittedNote::Tenants(logs), Statement::Grant { .. }) => format!(
            "the grant is for all tenant logs of {origin}, and becomes an entry of each one before the key's first chain there; {} so far",
            logs_have(logs)
        ),
        (SubmittedNote::Tenants(logs), Statement::Revoke { .. }) => format!(
            "the revocation is for all tenant logs of {origin}; {}, which is every log where the key has a chain or a grant",
            logs_have(logs)
        ),
    });
    Ok(ExitStatus::Success)
}

/// Says how many tenant logs have a statement.
#[cfg(feature = "native")]
fn logs_have(logs: usize) -> String {
    match logs {
        0 => "no log has it".into(),
        1 => "1 log has it".into(),
        logs => format!("{logs} logs have it"),
    }
}
