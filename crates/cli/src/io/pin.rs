//! Pins: states of logs that were verified before.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

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
    /// no check fails. A pin that the file already has counts as --pin, and is never replaced by an older one
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

    /// Reads the pins, and the one that the file for the new pin has.
    pub(crate) fn load(&self) -> Result<Vec<Pin>, CliError> {
        let mut pins = load_all(&self.pin)?;
        for kept in self.saved()? {
            if !pins.contains(&kept) {
                pins.push(kept);
            }
        }
        Ok(pins)
    }

    /// Creates the file for the new pin, so that an unwritable path fails before the work, not after it.
    pub(crate) fn create_output(&self) -> Result<Option<Output>, CliError> {
        self.save_pin.as_deref().map(|path| Output::create(Some(path))).transpose()
    }

    /// Saves the checkpoint as a pin, if verification allows it. `newer` is a pin that it must not replace.
    pub(crate) fn save(
        &self,
        mut output: Output,
        pin: Option<&str>,
        newer: Option<&Pin>,
    ) -> Result<(), CliError> {
        let Some(pin) = pin else {
            if newer.is_none() {
                style::warn(
                    "no pin was saved, because the tree or the log's signature did not pass, a check failed, or a pin has more entries",
                );
            }
            return Ok(());
        };
        let new = Pin::parse(pin).map_err(CliError::from)?;
        let _lock = self.save_pin.as_deref().and_then(lock_folder_of);
        let saved = self.saved()?;
        // Another program may have saved one in the meantime.
        if saved.iter().any(|kept| kept.origin == new.origin && !new.may_replace(kept)) {
            style::warn(&format!("no pin was saved, because {} has a newer one by now", output.name()));
            return Ok(());
        }
        if let Some(kept) = saved.into_iter().find(|kept| kept.origin != new.origin) {
            style::warn(&format!(
                "no pin was saved, because {} has the pin of the log {}; choose another file",
                output.name(),
                plain(&kept.origin)
            ));
            return Ok(());
        }
        output.write(pin.as_bytes())?;
        let name = output.name().to_owned();
        output.finish()?;
        style::done(&format!("{name}: pin saved; use it with --pin next time"));
        Ok(())
    }

    /// Returns the pin that the file for the new pin already has.
    fn saved(&self) -> Result<Vec<Pin>, CliError> {
        let is_kept = |path: &&PathBuf| fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
        load_all(&self.save_pin.iter().filter(is_kept).cloned().collect::<Vec<_>>())
    }
}

/// Waits until no other program compares and replaces a pin in the folder of this file, and keeps others from it until the
/// result is dropped. `None` if the file system has no locks.
pub(crate) fn lock_folder_of(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).ok()?;
    folder.lock().is_ok().then_some(folder)
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

/// Warns that the shown head is of an earlier tick than a pin.
pub(crate) fn warn_of_newer(pin: Option<&Pin>) {
    if let Some(head) = pin.and_then(|pin| pin.head) {
        let tick = head.tick;
        style::warn(&format!(
            "this state of the log is older than the pin, which is of tick {tick}; keep the pin"
        ));
    }
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
