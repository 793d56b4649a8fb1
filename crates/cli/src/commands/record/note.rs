//! Submits a key note to a log server, and verifies its proof.

use countersign::trust::Trust;
use countersign_client::HttpLogServer;
use countersign_delivery::submit_note;

use super::proofs::ProofArgs;
use crate::errors::CliError;
use crate::io::submit::log_server;

/// The options for submitting a key note.
#[derive(clap::Args)]
#[command(next_help_heading = "Submitting to a log")]
pub(crate) struct NoteArgs {
    /// URL of the log server to submit to, instead of writing a file
    #[arg(long, value_name = "URL", conflicts_with = "output")]
    #[allow(clippy::struct_field_names, reason = "it is the option's name")]
    to: Option<String>,
    #[command(flatten)]
    proofs: ProofArgs,
}

/// A log server that key notes are submitted to.
pub(crate) struct NoteLogServer {
    log_server: HttpLogServer,
    trust: Trust,
    origin: String,
}

impl NoteArgs {
    /// Opens the log server, if one is set.
    pub(crate) fn log_server(&self, origin: Option<&str>) -> Result<Option<NoteLogServer>, CliError> {
        let Some(url) = &self.to else { return self.proofs.refuse_without_url().map(|()| None) };
        let (trust, origin) = self.proofs.trust(origin)?;
        Ok(Some(NoteLogServer { log_server: log_server(url)?, trust, origin }))
    }
}

impl NoteLogServer {
    /// Returns the log's origin.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Submits an export line with a key note. Returns the index that the log proves.
    pub(crate) fn submit(&mut self, line: &str, note: &str) -> Result<u64, CliError> {
        Ok(submit_note(&mut self.log_server, line, note, &self.origin, &self.trust)?)
    }
}
