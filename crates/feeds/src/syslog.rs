//! Syslog, RFC 5424.

use std::fmt::Write as _;

use countersign::time::Time;

use crate::mapping::Fields;
use crate::records::SyslogHeader;
use crate::text::picture;

/// The facility for audit logs (RFC 5424, section 6.2.1).
const FACILITY: u8 = 13;
/// The default severity, "Informational".
pub(crate) const SEVERITY_INFORMATIONAL: u8 = 6;
/// The name of the structured data element. RFC 5612 reserves this enterprise number for examples.
const ELEMENT: &str = "countersign@32473";

pub(crate) fn line(fields: &Fields<'_>) -> String {
    let field = |name: &str| {
        let value = fields.iter().find(|(to, _)| to.strip_prefix("header:") == Some(name));
        value.and_then(|(_, value)| value.as_str())
    };
    let severity =
        field("severity").and_then(|severity| severity.parse().ok()).unwrap_or(SEVERITY_INFORMATIONAL);
    let mut line = head(severity, field("time").unwrap_or("-"), field("host"), field("message"));
    line.push('[');
    line.push_str(ELEMENT);
    for (name, value) in fields.iter().filter(|(to, _)| !to.contains(':')) {
        let _ = write!(line, " {name}=\"");
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for character in text.chars() {
            if matches!(character, '"' | '\\' | ']') {
                line.push('\\');
            }
            line.push(picture(character).unwrap_or(character));
        }
        line.push('"');
    }
    line.push_str("] ");
    line.extend(field("text").unwrap_or_default().chars().map(|one| picture(one).unwrap_or(one)));
    line
}

/// Wraps a line of another format as a syslog message, for destinations that accept nothing else.
pub fn wrap(header: Option<&SyslogHeader>, time: Time, text: &str) -> String {
    let severity = header.map_or(SEVERITY_INFORMATIONAL, |header| header.severity);
    let origin = header.map(|header| header.origin.as_str());
    let mut line = head(severity, &time.to_string(), origin, None);
    line.push_str("- ");
    line.push_str(text);
    line
}

fn head(severity: u8, time: &str, host: Option<&str>, message: Option<&str>) -> String {
    let priority = FACILITY * 8 + severity.min(7);
    let (host, message) = (printable(host, 255), printable(message, 32));
    format!("<{priority}>1 {time} {host} countersign - {message} ")
}

/// Returns a header field: printable ASCII without spaces, of at most `max_chars` characters.
fn printable(text: Option<&str>, max_chars: usize) -> String {
    let text: String = text
        .unwrap_or_default()
        .chars()
        .map(|character| if character.is_ascii_graphic() { character } else { '?' })
        .take(max_chars)
        .collect();
    if text.is_empty() { "-".into() } else { text }
}
