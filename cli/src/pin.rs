//! Pins: checkpoints that were verified before.

use std::path::PathBuf;

use countersign::checkpoint::SignedCheckpoint;

use crate::errors::{Failure, shown};
use crate::output::Output;
use crate::{input, style};

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
    /// The checkpoints.
    pub(crate) fn load(&self) -> Result<Vec<SignedCheckpoint>, Failure> {
        let load = |path: &PathBuf| {
            SignedCheckpoint::parse_extended(&input::small_text(path)?).map_err(|error| {
                Failure::from(error)
                    .within(&shown(path))
                    .or_hint("a pin is a signed checkpoint, as --save-pin writes it")
            })
        };
        self.pin.iter().map(load).collect()
    }

    /// Where the next one is kept. A place that cannot be written to is told before the work, not after it.
    pub(crate) fn keep(&self) -> Result<Option<Output>, Failure> {
        self.save_pin.as_deref().map(|path| Output::create(Some(path))).transpose()
    }
}

/// Keeps the checkpoint of a log that is all right.
pub(crate) fn save(mut output: Output, pin: Option<&str>) -> Result<(), Failure> {
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
