//! The options for the keys that a log's proofs are verified with.

use std::path::PathBuf;

use countersign::note::VerifierKey;
use countersign::trust::Trust;

use crate::args::origin;
use crate::errors::CliError;
use crate::io::input;

/// The key of the log, obtained from somewhere other than the log server.
#[derive(clap::Args)]
pub(super) struct ProofArgs {
    /// Public key of the log, obtained from somewhere other than the log server. Its name is the origin; for a tenant
    /// log, use the root log's key, and --origin
    // A string, parsed later: clap repeats invalid values in errors, and this may be a private key.
    #[arg(long, value_name = "VKEY", requires = "to")]
    log: Option<String>,
    /// Trust file with the log's key, and the quorum of witnesses that proofs must meet. If one origin line names a
    /// log, that log is the default
    #[arg(long, value_name = "FILE", requires = "to", conflicts_with = "log")]
    trust: Option<PathBuf>,
}

/// Fails if any of these options is used without --to. clap skips the check for a required option if another option
/// conflicts with it.
pub(super) fn refuse_any<const N: usize>(given: [(bool, &str); N]) -> Result<(), CliError> {
    let Some((_, name)) = given.iter().find(|(is_given, _)| *is_given) else { return Ok(()) };
    let message = format!("{name} requires --to");
    let hint = "use --to with the log server's URL instead of an output file, or omit {name}";
    Err(CliError::unusable("arguments.invalid", message, hint))
}

impl ProofArgs {
    /// Fails if either option is used without --to.
    pub(super) fn refuse_without_url(&self) -> Result<(), CliError> {
        refuse_any([(self.log.is_some(), "--log"), (self.trust.is_some(), "--trust")])
    }

    /// Returns the trust in the log, and its origin.
    pub(super) fn trust(&self, origin: Option<&str>) -> Result<(Trust, String), CliError> {
        let trust = match (&self.log, &self.trust) {
            (Some(key), _) => Trust::default().with_log(VerifierKey::parse_log(key)?)?,
            (None, Some(path)) => input::trust(path)?,
            (None, None) => {
                let hint = "use --log VKEY or --trust FILE; the log's key is never taken from the log itself";
                return Err(CliError::unusable(
                    "arguments.invalid",
                    "the log's public key is required to verify its proofs",
                    hint,
                ));
            }
        };
        let origin = origin::select(&trust, origin)?;
        Ok((trust, origin))
    }
}
