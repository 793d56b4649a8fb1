//! Where a monitor's state is kept.

use std::path::{Path, PathBuf};

use countersign::checkpoint::SignedCheckpoint;
use countersign_monitor::MonitorState;

use crate::errors::{CliError, shown};
use crate::io::input;
use crate::io::output::Output;

/// Where it is kept.
pub(super) enum Keep {
    /// Everything, in this file.
    State(PathBuf),
    /// The checkpoint alone, in this file.
    Pin(PathBuf),
    /// Nothing outlives the run.
    Nothing,
}

impl Keep {
    /// Returns the stored state, or nothing if there is no file yet.
    pub(super) fn load(&self, origin: &str) -> Result<MonitorState, CliError> {
        let (Self::State(path) | Self::Pin(path)) = self else { return Ok(MonitorState::default()) };
        if !path.try_exists().map_err(|error| CliError::io("read", &shown(path), &error))? {
            return Ok(MonitorState::default());
        }
        let damaged = |why: &str| {
            let hint = "put the right file in its place. Without it, the log is read from its beginning, and what was seen before is forgotten";
            CliError::unusable("state.invalid", format!("it can't be continued: {why}"), hint)
                .within(&shown(path))
        };
        if let Self::State(_) = self {
            return MonitorState::parse(&read(path)?, origin).map_err(damaged);
        }
        let pin = SignedCheckpoint::parse_extended(&input::small_text(path)?);
        let pin = pin.map_err(|_| damaged("a pin is a signed checkpoint"))?;
        if pin.checkpoint.origin != origin {
            return Err(damaged("it is of another log"));
        }
        Ok(MonitorState::from_pin(pin))
    }

    /// Whether it can be kept: who monitors a log for weeks wants to know before the first look.
    pub(super) fn try_writing(&self) -> Result<(), CliError> {
        match self {
            Self::State(path) | Self::Pin(path) => Output::create(Some(path)).map(drop),
            Self::Nothing => Ok(()),
        }
    }

    /// Keeps it, durably and in one step, unless it is what was `kept` last.
    pub(super) fn save(&self, state: &MonitorState, origin: &str, kept: &mut String) -> Result<(), CliError> {
        let (path, text) = match (self, state.pin()) {
            (Self::State(path), _) => (path, state.to_text(origin)),
            (Self::Pin(path), Some(pin)) => (path, pin.to_string()),
            _ => return Ok(()),
        };
        if text == *kept {
            return Ok(());
        }
        let mut output = Output::create(Some(path))?;
        output.write(text.as_bytes())?;
        output.finish()?;
        *kept = text;
        Ok(())
    }
}

/// A state file grows with the chains that are open.
fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::io("read", &shown(path), &error))
}
