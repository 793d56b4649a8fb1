//! `ArcSight`'s Common Event Format (CEF): a header of seven fields, and an extension of keys and values.

use serde_json::Value;

use crate::facts::Facts;
use crate::mapping::Fields;
use crate::records::SyslogHeader;
use crate::syslog::SEVERITY_INFORMATIONAL;
use crate::text::picture;

/// The fields of the header in order, after the version.
const HEADER: [&str; 6] = ["vendor", "product", "version", "signature", "name", "severity"];

pub(crate) fn line(fields: &Fields<'_>) -> String {
    let mut line = String::from("CEF:0");
    for field in HEADER {
        line.push('|');
        let value = fields.iter().find(|(to, _)| to.strip_prefix("header:") == Some(field));
        if let Some((_, value)) = value {
            push(&text(value), "\\|", "", &mut line);
        }
    }
    line.push('|');
    let mut is_first = true;
    for (key, value) in fields.iter().filter(|(to, _)| !to.starts_with("header:")) {
        if !std::mem::take(&mut is_first) {
            line.push(' ');
        }
        line.push_str(key);
        line.push('=');
        push(&text(value), "\\=", "\r\n", &mut line);
    }
    line
}

/// Returns the header for a line within syslog.
pub(crate) fn syslog_header(fields: &Fields<'_>, facts: &Facts<'_>) -> SyslogHeader {
    let severity = fields.iter().find(|(to, _)| *to == "header:priority");
    let severity = severity.and_then(|(_, value)| value.as_str()?.parse().ok());
    let origin = facts.get("origin").unwrap_or_default().into_owned();
    SyslogHeader { severity: severity.unwrap_or(SEVERITY_INFORMATIONAL), origin }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Appends a value, with a backslash before each of the characters in `escaped`, and the line ends in `ends` as `\n`
/// and `\r`.
fn push(value: &str, escaped: &str, ends: &str, line: &mut String) {
    for character in value.chars() {
        if escaped.contains(character) {
            line.push('\\');
            line.push(character);
        } else if ends.contains(character) {
            line.push_str(if character == '\n' { "\\n" } else { "\\r" });
        } else {
            line.push(picture(character).unwrap_or(character));
        }
    }
}
