//! Whose proofs are believed.

use std::path::PathBuf;

use countersign::note::VerifierKey;
use countersign::trust::Trust;

use crate::errors::Failure;
use crate::{input, origin};

/// The log that something is submitted to, as it is known from elsewhere than the collector.
#[derive(clap::Args)]
pub(super) struct Proofs {
    /// The log's verifier key, obtained from somewhere other than the collector; its name is the origin
    // Read later: the parser of arguments repeats what it refuses, which may be a secret key.
    #[arg(long, value_name = "VKEY", requires = "to")]
    log: Option<String>,
    /// A trust file with the log's key, and the quorum of witnesses that proofs must meet
    #[arg(long, value_name = "FILE", requires = "to", conflicts_with = "log")]
    trust: Option<PathBuf>,
}

impl Proofs {
    /// The trust in the log, and its origin.
    pub(super) fn trust(&self, origin: Option<&str>) -> Result<(Trust, String), Failure> {
        let trust = match (&self.log, &self.trust) {
            (Some(key), _) => Trust::default().with_log(key.parse::<VerifierKey>()?)?,
            (None, Some(path)) => input::trust(path)?,
            (None, None) => {
                let hint = "use --log VKEY or --trust FILE: a log's key is never taken from the log itself";
                return Err(Failure::unusable(
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
