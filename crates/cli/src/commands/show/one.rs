//! Formats one verified event in full, with its proof.

use std::fmt::Write as _;

use countersign::verify::report::Report;
use countersign::verify::{CoveredLink, VerifiedEvent};
use countersign_query::value::Document;
use countersign_query::{Parsers, Party};

use crate::commands::verify::signer_trust::{SignerTrust, SignerTrusts, marked};
use crate::io::style::{doubt, good, label, plain};
use crate::io::verdict;

pub(super) fn write(
    text: &mut String,
    event: &VerifiedEvent,
    report: &Report,
    signer_trusts: &SignerTrusts<'_>,
    parsers: &Parsers,
) {
    let VerifiedEvent { link, event: json, .. } = event;
    let CoveredLink { line, index, chain, seq, time, vkey, .. } = link;
    let signer_trust = signer_trusts.of_link(event);
    let look = if signer_trust == SignerTrust::Trusted { good } else { doubt };
    let fact = |name: &str, value: &str| format!("{} {value}\n", label(format_args!("{name:<12}")));
    text.push_str(&fact("event", &format!("{chain}/{seq}")));
    text.push_str(&fact("entry", &format!("{index}, on line {line}")));
    text.push_str(&fact("time", &format!("{time}, by the emitter's clock")));
    text.push_str(&fact("signer", &format!("{} {}", plain(vkey.as_str()), look(marked(signer_trust)))));
    text.push_str(&fact("key ID", &verdict::key_id(vkey)));
    text.push_str(&fact("payload", "matches its link's commitment"));
    text.push_str(&fact("signature", "a valid signature of this key covers the link"));
    text.push_str(&fact("tree", &tree(*index, report)));
    let document = Document::parse(json);
    let root = document.as_ref().map(Document::root);
    if let Some(read) = root.as_ref().and_then(|event| parsers.parse(event)) {
        text.push('\n');
        let party = |party: &Party<'_>| {
            let kind = party.kind.as_deref().map(|kind| format!("({kind})"));
            let parts = [party.name.as_deref(), party.id.as_deref(), kind.as_deref()];
            parts.into_iter().flatten().map(plain).collect::<Vec<_>>().join(" ")
        };
        let optional =
            |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(plain).unwrap_or_default();
        for (name, value) in [
            (
                "parsed as",
                format!("{}; these parsed fields are not signed, the event below is", plain(&read.parsed_as)),
            ),
            (
                "what",
                plain(
                    &read.action.iter().chain(&read.also).map(|text| &**text).collect::<Vec<_>>().join(", "),
                ),
            ),
            ("who", party(&read.actor)),
            ("for whom", party(&read.on_behalf_of)),
            ("when", read.time.map(|time| time.to_string()).unwrap_or_default()),
            ("to what", party(&read.target)),
            ("from", optional(&read.address)),
            ("outcome", read.outcome.as_str().to_owned()),
            ("reason", optional(&read.reason)),
        ] {
            if !value.is_empty() {
                text.push_str(&fact(name, &value));
            }
        }
    }
    let _ = writeln!(text, "\n{}", plain(&indented(json)));
}

/// Formats the event's JSON with one line per field and element, and leaves everything else unchanged, because it is
/// what was hashed.
fn indented(json: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    let mut in_string = false;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_string = !in_string;
                text.push('"');
            }
            '\\' if in_string => {
                text.push('\\');
                text.extend(characters.next());
            }
            _ if in_string => text.push(character),
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                text.push(character);
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(close);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(',');
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => text.push(character),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

fn tree(index: u64, report: &Report) -> String {
    match &report.log {
        Some(log) if index < log.size => {
            format!("within the checkpoint of {} entries, root {}", log.size, log.root)
        }
        _ => "no matching checkpoint covers it".into(),
    }
}
