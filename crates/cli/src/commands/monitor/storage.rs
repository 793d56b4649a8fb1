//! The storage of a monitor's state.

use std::path::{Path, PathBuf};

use countersign::pin::Pin;
use countersign_monitor::{LogState, MonitorState};

use crate::errors::{CliError, shown};
use crate::io::output::Output;
use crate::io::{input, pin, style};

/// The storage of a monitor's state.
pub(super) enum Storage {
    /// The whole state, in this file.
    State(PathBuf),
    /// Only the checkpoint, in this file.
    Pin(PathBuf),
    /// No storage: the state ends with the run.
    Nothing,
}

impl Storage {
    /// Returns the stored state, or an empty one if there is no file yet.
    pub(super) fn load(&self, origin: &str) -> Result<MonitorState, CliError> {
        let (Self::State(path) | Self::Pin(path)) = self else { return Ok(MonitorState::default()) };
        if !path.try_exists().map_err(|error| CliError::io("read", &shown(path), &error))? {
            return Ok(MonitorState::default());
        }
        let invalid = |why: &str| {
            let hint = "restore the file, or delete it to read the log from its beginning and forget its earlier state";
            CliError::unusable(
                "state.invalid",
                format!("the monitor can't continue from this state: {why}"),
                hint,
            )
            .within(&shown(path))
        };
        if let Self::State(_) = self {
            return MonitorState::parse(&read(path)?, origin).map_err(invalid);
        }
        let pin = LogState::parse(&input::small_text(path)?);
        let pin = pin.map_err(|_| invalid("it is neither a signed checkpoint nor a head"))?;
        if pin.checkpoint.origin != origin {
            return Err(invalid("it belongs to another log"));
        }
        Ok(MonitorState::from_pin(pin))
    }

    /// Checks that the file can be written, so that a long run doesn't fail at its first save.
    pub(super) fn try_writing(&self) -> Result<(), CliError> {
        match self {
            Self::State(path) | Self::Pin(path) => Output::create(Some(path)).map(drop),
            Self::Nothing => Ok(()),
        }
    }

    /// Saves the state, durably and atomically, unless it equals `saved`, the text that was saved last.
    pub(super) fn save(
        &self,
        state: &MonitorState,
        origin: &str,
        saved: &mut String,
    ) -> Result<(), CliError> {
        let (path, text) = match (self, state.pin()) {
            (Self::State(path), _) => {
                let text = state.to_text(origin);
                (path, text.map_err(|error| CliError::io("write", &shown(path), &error.into()))?)
            }
            (Self::Pin(path), Some(pin)) => (path, pin.to_string()),
            _ => return Ok(()),
        };
        if text == *saved {
            return Ok(());
        }
        let mut output = Output::create(Some(path))?;
        let _lock = pin::lock_folder_of(path);
        if let Self::Pin(_) = self
            && has_newer_pin(path, &text)?
        {
            style::warn(&format!(
                "{}: another program saved a newer pin, which is kept; restart the monitor to compare the log with it",
                shown(path)
            ));
            return Ok(());
        }
        output.write(text.as_bytes())?;
        output.finish()?;
        *saved = text;
        Ok(())
    }
}

/// True if the file has a pin that this one must not replace.
fn has_newer_pin(path: &Path, text: &str) -> Result<bool, CliError> {
    let is_there = std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if !is_there {
        return Ok(false);
    }
    let new = Pin::parse(text).map_err(CliError::from)?;
    let kept = pin::load_all(&[path.to_owned()])?;
    Ok(kept.iter().any(|kept| kept.origin != new.origin || !new.may_replace(kept)))
}

/// Reads a state file, whose size is limited only by the number of open chains.
fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::io("read", &shown(path), &error))
}
