//! The end of a log that cannot go on.

use serde_json::{Value, json};

use countersign_log::stop::Cause;

/// Why a log cannot go on.
#[derive(Clone, Debug)]
pub struct Over {
    /// The stable code of what stopped it.
    pub code: &'static str,
    /// Why, for people.
    pub why: String,
    /// The last checkpoint that it is known to have signed.
    pub checkpoint: Option<String>,
}

impl Over {
    /// The note that is kept in the log's bucket.
    pub(crate) fn to_line(&self, new: &str) -> String {
        let Self { code, why, .. } = self;
        json!({ "countersign": "ended/v1", "code": code, "message": why, "new": new }).to_string()
    }

    /// Why the log is over, as it was written down.
    pub(crate) fn read(bytes: &[u8]) -> (Cause, String) {
        let ended: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let cause = ended["code"].as_str().and_then(Cause::from_code).unwrap_or(Cause::Unremembered);
        let (why, new) = (ended["message"].as_str(), ended["new"].as_str());
        let message = format!(
            "this log is over, and {} goes on from it: {}",
            new.unwrap_or("another one"),
            why.unwrap_or("it is not known why")
        );
        (cause, message)
    }
}
