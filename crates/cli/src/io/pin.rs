//! Pins: states of logs that were verified before.

use std::path::PathBuf;

use countersign::pin::Pin;

use crate::errors::{CliError, shown};
use crate::io::output::Output;
use crate::io::style::plain;
use crate::io::{input, style};

/// The options of commands that compare a log with its pins.
#[derive(clap::Args)]
pub(crate) struct PinArgs {
    /// Pin: a checkpoint or head that you verified before, and that the log must have grown from. Can be
    /// repeated
    #[arg(long, value_name = "FILE")]
    pin: Vec<PathBuf>,
    /// Save the newest checkpoint or head as a pin in this file, if the tree and the log's signature pass and
    /// no check fails
    #[arg(long, value_name = "FILE")]
    save_pin: Option<PathBuf>,
}

impl PinArgs {
    /// Warns about each pin of a log other than the verified one.
    pub(crate) fn warn_of_other_logs(&self, pins: &[Pin], origin: Option<&str>) {
        for (path, pin) in self.pin.iter().zip(pins) {
            warn_if_of_another_log(&shown(path), &pin.origin, origin);
        }
    }

    /// Reads the pins.
    pub(crate) fn load(&self) -> Result<Vec<Pin>, CliError> {
        load_all(&self.pin)
    }

    /// Creates the file for the new pin, so that an unwritable path fails before the work, not after it.
    pub(crate) fn create_output(&self) -> Result<Option<Output>, CliError> {
        self.save_pin.as_deref().map(|path| Output::create(Some(path))).transpose()
    }
}

/// Reads pins.
pub(crate) fn load_all(paths: &[PathBuf]) -> Result<Vec<Pin>, CliError> {
    let load = |path: &PathBuf| {
        Pin::parse(&input::small_text(path)?).map_err(|error| {
            CliError::from(error)
                .within(&shown(path))
                .or_hint("use a signed checkpoint or a head proof, as --save-pin writes it")
        })
    };
    paths.iter().map(load).collect()
}

/// Warns if a pin belongs to another log, because the user would think that the log was compared with it. Without an
/// origin, nothing could be verified anyway.
pub(crate) fn warn_if_of_another_log(name: &str, pinned: &str, origin: Option<&str>) {
    if let Some(origin) = origin.filter(|origin| *origin != pinned) {
        let (pinned, origin) = (plain(pinned), plain(origin));
        style::warn(&format!(
            "{name}: the pin belongs to the log {pinned}, but this is the log {origin}, so it was not used"
        ));
    }
}

/// Saves the checkpoint as a pin, if verification allows it.
pub(crate) fn save(mut output: Output, pin: Option<&str>) -> Result<(), CliError> {
    let Some(pin) = pin else {
        style::warn(
            "no pin was saved, because the tree or the log's signature did not pass, or a check failed",
        );
        return Ok(());
    };
    output.write(pin.as_bytes())?;
    let name = output.name().to_owned();
    output.finish()?;
    style::done(&format!("{name}: pin saved; use it with --pin next time"));
    Ok(())
}
