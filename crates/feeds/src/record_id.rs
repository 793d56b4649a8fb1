//! The ID of a record, read from its text.

use serde_json::Value;

use crate::format::Format;

/// The text before the ID in a syslog record: the first structured data, before any text of an event.
const IN_SYSLOG: &str = " [countersign@32473 id=\"";
/// The text before the ID in the extension of a CEF record. A value has no `=` that isn't escaped.
const IN_CEF: &str = " cs2Label=id cs2=";
/// The number of fields before the extension of a CEF record.
const CEF_FIELDS: usize = 7;

impl Format {
    /// Returns the ID of the record with this text, in this format; `None` if it isn't the text of a record. An ID that an
    /// event mentions isn't the record's.
    pub fn record_id(self, text: &str) -> Option<String> {
        let pointer = match self {
            Self::Ndjson | Self::CloudEvents => "/id",
            Self::Ocsf => "/metadata/uid",
            Self::Ecs => "/event/id",
            Self::Otlp => "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes",
            Self::Syslog => return before(text.split_once(IN_SYSLOG)?.1, '"'),
            Self::Cef => return before(cef_extension(text)?.split_once(IN_CEF)?.1, ' '),
        };
        let record: Value = serde_json::from_str(text).ok()?;
        let found = record.pointer(pointer)?;
        let id = match found.as_array() {
            Some(attributes) => {
                let own = attributes.iter().find(|attribute| attribute["key"] == "log.record.uid")?;
                &own["value"]["stringValue"]
            }
            None => found,
        };
        id.as_str().map(str::to_owned)
    }
}

fn before(text: &str, end: char) -> Option<String> {
    text.split(end).next().map(str::to_owned)
}

/// Returns what follows the header. In a header, `|` and `\` are escaped by `\`.
fn cef_extension(text: &str) -> Option<&str> {
    let mut fields = 0;
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '|' if !is_escaped => fields += 1,
            _ => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
        if fields == CEF_FIELDS {
            return text.get(at..);
        }
    }
    None
}
