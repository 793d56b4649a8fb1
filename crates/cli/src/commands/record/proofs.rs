//! Whose proofs are believed.

use std::path::PathBuf;

use countersign::note::VerifierKey;
use countersign::trust::Trust;

use crate::args::origin;
use crate::errors::CliError;
use crate::io::input;

/// The log that something is submitted to, as it is known from elsewhere than the log server.
#[derive(clap::Args)]
pub(super) struct Proofs {
    /// The log's verifier key, obtained from somewhere other than the log server; its name is the origin
    // Read later: the parser of arguments repeats what it refuses, which may be a secret key.
    #[arg(long, value_name = "VKEY", requires = "to")]
    log: Option<String>,
    /// A trust file with the log's key, and the quorum of witnesses that proofs must meet
    #[arg(long, value_name = "FILE", requires = "to", conflicts_with = "log")]
    trust: Option<PathBuf>,
}

/// Refuses the first of these arguments that is given, where there is no --to: clap forgives what requires it, where
/// something else was given that --to cannot stand beside.
pub(super) fn refuse_any<const N: usize>(given: [(bool, &str); N]) -> Result<(), CliError> {
    let Some((_, name)) = given.iter().find(|(is_given, _)| *is_given) else { return Ok(()) };
    let message = format!("{name} is for delivering to a log, and there is no --to");
    let hint = "give the log's address with --to, in place of the file to write; or leave it out";
    Err(CliError::unusable("arguments.invalid", message, hint))
}

impl Proofs {
    /// Refuses both where nothing is submitted.
    pub(super) fn refuse_without_url(&self) -> Result<(), CliError> {
        refuse_any([(self.log.is_some(), "--log"), (self.trust.is_some(), "--trust")])
    }

    /// The trust in the log, and its origin.
    pub(super) fn trust(&self, origin: Option<&str>) -> Result<(Trust, String), CliError> {
        let trust = match (&self.log, &self.trust) {
            (Some(key), _) => Trust::default().with_log(key.parse::<VerifierKey>()?)?,
            (None, Some(path)) => input::trust(path)?,
            (None, None) => {
                let hint = "use --log VKEY or --trust FILE: a log's key is never taken from the log itself";
                return Err(CliError::unusable(
                    "arguments.invalid",
                    "no log key was given to check proofs with",
                    hint,
                ));
            }
        };
        let origin = origin::of(&trust, origin)?;
        Ok((trust, origin))
    }
}
