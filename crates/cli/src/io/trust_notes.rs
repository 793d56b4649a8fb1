//! Notes on a trust file that is usable, but may not require what its author meant.

use std::path::Path;

use countersign::trust::Trust;
use serde::Serialize;

use crate::errors::shown;
use crate::io::style;

/// A report with the notes on the trust file, as JSON.
#[derive(Serialize)]
struct WithNotes<'a, R> {
    #[serde(flatten)]
    report: &'a R,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Returns the notes on a trust file.
fn notes(trust: &Trust) -> Vec<String> {
    let note = |double: countersign::trust::DoubleCount<'_>| {
        format!(
            "the group {} counts the two keys of {} as two witnesses, but both may belong to one; to require \
             ML-DSA-44, use a group of these keys alone",
            String::from_utf8_lossy(double.group),
            double.key_name
        )
    };
    trust.double_counts().map(note).collect()
}

/// Prints the notes on a trust file as warnings.
pub(crate) fn warn(trust: &Trust, path: Option<&Path>) {
    let place = path.map_or_else(String::new, |path| shown(path) + ": ");
    for note in notes(trust) {
        style::warn(&style::plain(&format!("{place}{note}")));
    }
}

/// Returns a report as a line of JSON, with the notes on the trust file in the field `notes`, if there are any.
pub(crate) fn json(report: &impl Serialize, trust: &Trust) -> String {
    let noted = WithNotes { report, notes: notes(trust) };
    serde_json::to_string(&noted).map_or_else(|_| String::new(), |json| json + "\n")
}
