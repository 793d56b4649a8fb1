//! The options of `countersign grant --to` and `countersign revoke --to`.

use super::proofs::ProofArgs;
use crate::errors::CliError;

/// The options for submitting a key note.
#[derive(clap::Args)]
#[command(next_help_heading = "Submitting to a log")]
pub(crate) struct NoteArgs {
    /// URL of the log server to submit to, instead of writing a file
    #[arg(long, value_name = "URL", conflicts_with = "output")]
    #[allow(clippy::struct_field_names, reason = "it is the option's name")]
    to: Option<String>,
    #[command(flatten)]
    pub(super) proofs: ProofArgs,
}

impl NoteArgs {
    /// Returns the URL of the log server, if one is set.
    pub(crate) fn url(&self) -> Option<&str> {
        self.to.as_deref()
    }

    /// Fails if options for submitting are used without --to.
    pub(crate) fn refuse_without_url(&self) -> Result<(), CliError> {
        self.proofs.refuse_without_url()
    }
}
