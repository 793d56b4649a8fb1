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
    /// Submit it to this collector instead of writing a file
    #[arg(long, value_name = "URL", conflicts_with = "output")]
    #[allow(clippy::struct_field_names, reason = "it is the argument's name")]
    to: Option<String>,
    #[command(flatten)]
    proofs: Proofs,
}

/// A collector that key notes are submitted to.
pub(crate) struct NoteCollector {
    collector: HttpLogServer,
    trust: Trust,
    origin: String,
}

impl NoteTo {
    /// The collector, where one is given.
    pub(crate) fn collector(&self, origin: Option<&str>) -> Result<Option<NoteCollector>, CliError> {
        let Some(url) = &self.to else { return self.proofs.refuse_without_url().map(|()| None) };
        let (trust, origin) = self.proofs.trust(origin)?;
        Ok(Some(NoteCollector { collector: log_server(url)?, trust, origin }))
    }
}

impl NoteCollector {
    /// The log's origin.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Submits an export's line with a key note, and gives the index that it is proven to have.
    pub(crate) fn submit(&mut self, line: &str, note: &str) -> Result<u64, CliError> {
        Ok(submit_note(&mut self.collector, line, note, &self.origin, &self.trust)?)
    }
}
