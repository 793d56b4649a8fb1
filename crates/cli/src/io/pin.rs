//! Pins: checkpoints that were verified before.

use std::path::PathBuf;

use countersign::checkpoint::SignedCheckpoint;

use crate::errors::{CliError, shown};
use crate::io::output::Output;
use crate::io::style::plain;
use crate::io::{input, style};

/// The arguments of commands that compare a log with what was seen of it before.
#[derive(clap::Args)]
pub(crate) struct Pins {
    /// A pin: a checkpoint that you verified before. The log must have grown from it. Can be repeated
    #[arg(long, value_name = "FILE")]
    pin: Vec<PathBuf>,
    /// Save the checkpoint here for next time, if the tree and the log pass and no check fails
    #[arg(long, value_name = "FILE")]
    save_pin: Option<PathBuf>,
}

impl Pins {
    /// Warns of each pin of another log than the one that was verified.
    pub(crate) fn warn_of_other_logs(&self, pins: &[SignedCheckpoint], origin: Option<&str>) {
        for (path, pin) in self.pin.iter().zip(pins) {
            warn_if_of_another_log(&shown(path), &pin.checkpoint.origin, origin);
        }
    }

    /// The checkpoints.
    pub(crate) fn load(&self) -> Result<Vec<SignedCheckpoint>, CliError> {
        let load = |path: &PathBuf| {
            SignedCheckpoint::parse_extended(&input::small_text(path)?).map_err(|error| {
                CliError::from(error)
                    .within(&shown(path))
                    .or_hint("a pin is a signed checkpoint, as --save-pin writes it")
            })
        };
        self.pin.iter().map(load).collect()
    }

    /// Where the next one is kept. A place that cannot be written to is told before the work, not after it.
    pub(crate) fn keep(&self) -> Result<Option<Output>, CliError> {
        self.save_pin.as_deref().map(|path| Output::create(Some(path))).transpose()
    }
}

/// Warns if the pin of that name is of another log: the reader takes the log for compared, and it wasn't. Without an
/// origin nothing could be verified anyway.
pub(crate) fn warn_if_of_another_log(name: &str, pinned: &str, origin: Option<&str>) {
    if let Some(origin) = origin.filter(|origin| *origin != pinned) {
        let (pinned, origin) = (plain(pinned), plain(origin));
        style::warn(&format!(
            "{name}: the pin is of the log {pinned}, and this is the log {origin}: nothing was compared with it"
        ));
    }
}

/// Keeps the checkpoint of a log that is all right.
pub(crate) fn save(mut output: Output, pin: Option<&str>) -> Result<(), CliError> {
    let Some(pin) = pin else {
        style::warn("no pin was saved: the tree and the log's signature must pass, and no check may fail");
        return Ok(());
    };
    output.write(pin.as_bytes())?;
    let name = output.name().to_owned();
    output.finish()?;
    style::done(&format!("{name}: the pin, for --pin next time"));
    Ok(())
}
