//! The options of `countersign record --to`.

use std::path::PathBuf;
use std::time::Duration;

use super::proofs::{self, ProofArgs};
use crate::args;
use crate::errors::CliError;

/// The options for delivering to a log.
#[derive(clap::Args)]
#[command(next_help_heading = "Delivering to a log")]
pub(crate) struct DeliveryArgs {
    /// URL of the log server to deliver to, instead of writing a file. Each event is kept until the log has proven
    /// that it contains it
    #[arg(long, value_name = "URL", conflicts_with_all = ["output", "resume"])]
    #[allow(clippy::struct_field_names, reason = "it is the option's name")]
    to: Option<String>,
    #[command(flatten)]
    pub(super) proofs: ProofArgs,
    /// Directory for events that the log has not proven yet; created if missing
    ///
    /// A chain continues there from run to run, even after a kill: nothing is lost, sent twice, or forked. After a
    /// kill or a failure, run the command with the same file again; it continues after the recorded events. This is
    /// not possible for a stream. Without an outbox, undelivered events are lost at the end of the run, which reports
    /// them.
    #[arg(long, value_name = "DIR", requires = "to")]
    pub(super) outbox: Option<PathBuf>,
    /// Keep reading as the file grows, through rotations, until stopped
    ///
    /// Requires an outbox, which also stores how far the file was read, in the same step as the events: after
    /// a kill, no line is lost or recorded twice. A line that isn't an event is recorded as
    /// countersign.dropped. If files were rotated while the program didn't run, it still reads the last one
    /// to its end, but not the files between that one and the newest.
    #[arg(long, requires = "to")]
    pub(super) follow: bool,
    /// Sign and send at least this often, such as 500ms, 1s, or 1m
    #[arg(long, value_name = "AGE", default_value = "1s", value_parser = args::positive_duration, requires = "to")]
    pub(super) flush_every: Duration,
    /// Time to keep retrying after the last event, such as 0s, 30s, 5m, or 1h
    #[arg(long, value_name = "AGE", default_value = "1m", value_parser = args::duration, requires = "to")]
    pub(super) give_up: Duration,
}

impl DeliveryArgs {
    /// Returns the URL of the log server, if the chain is delivered to one.
    pub(crate) fn url(&self) -> Option<&str> {
        self.to.as_deref()
    }

    /// Fails if options for delivery are used without --to.
    pub(crate) fn refuse_without_url(&self) -> Result<(), CliError> {
        proofs::refuse_any([(self.outbox.is_some(), "--outbox"), (self.follow, "--follow")])?;
        self.proofs.refuse_without_url()
    }
}
