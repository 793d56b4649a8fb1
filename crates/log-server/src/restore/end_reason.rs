//! The end of a log that can't continue.

use serde_json::{Value, json};

use countersign_log::stop::Cause;

/// The reason why a log has ended.
#[derive(Clone, Debug)]
pub struct EndReason {
    /// The stable code of what stopped it.
    pub code: &'static str,
    /// The human-readable reason.
    pub why: String,
    /// The last checkpoint that the log is known to have signed.
    pub checkpoint: Option<String>,
}

impl EndReason {
    /// Formats the object in the log's bucket.
    pub(crate) fn to_line(&self, new: &str) -> String {
        let Self { code, why, .. } = self;
        json!({ "countersign": "ended/v1", "code": code, "message": why, "new": new }).to_string()
    }

    /// Parses the object in the log's bucket.
    pub(crate) fn read(bytes: &[u8]) -> (Cause, String) {
        let ended: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let cause = ended["code"].as_str().and_then(Cause::from_code).unwrap_or(Cause::Unremembered);
        let (why, new) = (ended["message"].as_str(), ended["new"].as_str());
        let message = format!(
            "this log has ended, and {} continues it: {}",
            new.unwrap_or("another log"),
            why.unwrap_or("unknown reason")
        );
        (cause, message)
    }
}
