//! Submitting a key note: once, and then its proof is looked at.

use countersign::trust::Trust;
use countersign_client::HttpLogServer;
use countersign_delivery::submit_note;

use super::proofs::Proofs;
use crate::errors::CliError;
use crate::io::submit::log_server;

/// Where a key note is submitted to.
#[derive(clap::Args)]
#[command(next_help_heading = "Submitting to a log")]
pub(crate) struct NoteTo {
    /// Submit it to this log server instead of writing a file
    #[arg(long, value_name = "URL", conflicts_with = "output")]
    #[allow(clippy::struct_field_names, reason = "it is the argument's name")]
    to: Option<String>,
    #[command(flatten)]
    proofs: Proofs,
}

/// A log server that key notes are submitted to.
pub(crate) struct NoteLogServer {
    log_server: HttpLogServer,
    trust: Trust,
    origin: String,
}

impl NoteTo {
    /// The log server, where one is given.
    pub(crate) fn log_server(&self, origin: Option<&str>) -> Result<Option<NoteLogServer>, CliError> {
        let Some(url) = &self.to else { return self.proofs.refuse_without_url().map(|()| None) };
        let (trust, origin) = self.proofs.trust(origin)?;
        Ok(Some(NoteLogServer { log_server: log_server(url)?, trust, origin }))
    }
}

impl NoteLogServer {
    /// The log's origin.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Submits an export's line with a key note, and gives the index that it is proven to have.
    pub(crate) fn submit(&mut self, line: &str, note: &str) -> Result<u64, CliError> {
        Ok(submit_note(&mut self.log_server, line, note, &self.origin, &self.trust)?)
    }
}
