//! Escapes untrusted text for Markdown and CSV.

use countersign_errors::plain;

/// Escapes a string for Markdown.
pub(crate) fn marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in plain(text).chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(char);
            }
            _ => out.push(char),
        }
    }
    out
}

/// Formats a string as a Markdown code span, also in a table.
pub(crate) fn code(text: &str) -> String {
    // Inside a code span, only a table cell interprets a backslash before a bar.
    if text.contains('|') {
        return format!("<code>{}</code>", marked(text));
    }
    let text = plain(text);
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest == 0 { format!("{fence}{text}{fence}") } else { format!("{fence} {text} {fence}") }
}

/// Escapes a CSV cell (RFC 4180). Prevents formulas, including after a semicolon, which separates cells in the
/// spreadsheets of some locales.
pub(crate) fn cell(text: &str) -> String {
    let (plain, mut text) = (plain(text), String::new());
    let mut begins = true;
    for char in plain.chars() {
        if begins && ['=', '+', '-', '@', '＝', '＋', '－', '＠'].contains(&char) {
            text.push('\'');
        }
        begins = char == ';' || begins && (char.is_whitespace() || char == '"');
        text.push(char);
    }
    if text.contains(['"', ',', '\n', '\r', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// Formats entry indexes as ranges: `3, 7 to 9`.
pub(crate) fn runs(leaves: &[u64]) -> String {
    let runs = countersign_analyze::runs::from_leaves(leaves);
    let ranges = runs.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    });
    ranges.collect::<Vec<_>>().join(", ")
}

/// Formats a duration in its two largest units.
pub(crate) fn length(millis: i64) -> String {
    const UNITS: [(&str, i64); 5] =
        [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000), ("millisecond", 1)];
    let Some(first) = UNITS.iter().position(|(_, unit)| millis >= *unit) else { return "no time".into() };
    let mut rest = millis;
    let mut parts = Vec::new();
    for (name, unit) in UNITS.iter().skip(first).take(2) {
        let count = rest / unit;
        rest %= unit;
        if count > 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_untrusted_text() {
        assert_eq!(marked("a|b<script>\n*x*\u{202e}"), r"a\|b&lt;script&gt;\\u{a}\*x\*\\u{202e}");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(code("a`b|<"), r"<code>a\`b\|&lt;</code>");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!((&*cell(" @x"), &*cell("＝x")), ("\" '@x\"", "'＝x"));
        assert_eq!(cell("a; =1;b-c;\"@"), "\"a; '=1;b-c;\"\"'@\"");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("\t=x"), "\\u{9}=x");
        assert_eq!(runs(&[1, 2, 4, 5, 6, 9]), "1, 2, 4 to 6, 9");
        assert_eq!(length(90_061_000), "1 day 1 hour");
        assert_eq!(length(0), "no time");
        assert_eq!(length(59_999), "59 seconds 999 milliseconds");
    }
}
