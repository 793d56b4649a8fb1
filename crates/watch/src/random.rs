//! Random bytes from the system.

use countersign_errors::EngineError;

/// Returns 16 bytes from the system's secure random source.
pub(crate) fn random() -> Result<[u8; 16], EngineError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("the system can't provide random numbers: {error}");
        EngineError::new("random.failed", message, "try again; nothing was written")
    })?;
    Ok(bytes)
}
