//! Which log it is about.

use countersign::note::VerifierKey;
use countersign::trust::Trust;

use crate::errors::CliError;

/// The origin of the trust's log: the one asked for, or the only one.
pub(crate) fn of(trust: &Trust, origin: Option<&str>) -> Result<String, CliError> {
    let mut names: Vec<&str> = trust.logs().map(VerifierKey::name).collect();
    names.sort_unstable();
    names.dedup();
    let found = match (origin, &names[..]) {
        (Some(origin), names) if names.contains(&origin) => origin.to_owned(),
        (None, [only]) => (*only).to_owned(),
        (_, []) => {
            let hint = "add a line: log VKEY";
            return Err(CliError::unusable("trust.invalid", "the trust file names no log", hint));
        }
        (Some(origin), _) => {
            let message = format!("the key given is not of the log {origin:?}");
            return Err(CliError::unusable(
                "arguments.invalid",
                message,
                "a log's key has the origin as its name",
            ));
        }
        (None, _) => {
            let hint = "choose one with --origin";
            return Err(CliError::unusable("arguments.invalid", "the trust file names several logs", hint));
        }
    };
    Ok(found)
}
