//! Selects the log that a command is about.

use countersign::note::VerifierKey;
use countersign::trust::Trust;

use crate::errors::CliError;

/// Returns the requested origin, if the trust file has a key for it, or without a request the origin of its only log.
pub(crate) fn select(trust: &Trust, origin: Option<&str>) -> Result<String, CliError> {
    let mut names: Vec<&str> = trust.logs().map(VerifierKey::name).collect();
    names.sort_unstable();
    names.dedup();
    let selected = match (origin, &names[..]) {
        (Some(origin), names) if names.contains(&origin) => origin.to_owned(),
        (None, [only]) => (*only).to_owned(),
        (_, []) => {
            let hint = "add a line: log VKEY";
            return Err(CliError::unusable("trust.invalid", "the trust file names no log", hint));
        }
        (Some(origin), _) => {
            let message = format!("the trust file has no key for the log {origin:?}");
            return Err(CliError::unusable(
                "arguments.invalid",
                message,
                "check --origin: it must be the name of a log's key",
            ));
        }
        (None, _) => {
            let hint = "choose one with --origin";
            return Err(CliError::unusable("arguments.invalid", "the trust file names several logs", hint));
        }
    };
    Ok(selected)
}
