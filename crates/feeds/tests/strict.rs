//! Tests records of hostile events with strict parsers of the formats.

mod given;

use std::collections::BTreeMap;

use countersign_feeds::{Finding, Format, Kind};
use given::{event, record};
use proptest::prelude::*;
use serde_json::json;

/// Parses a CEF line strictly. Keys of the extension end at an unescaped equals sign.
fn cef(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    assert!(!line.contains(['\n', '\r']) && !line.chars().any(char::is_control), "{line:?}");
    let mut fields = vec![String::new()];
    let mut characters = line.strip_prefix("CEF:").unwrap().chars();
    while fields.len() < 8 {
        match characters.next().expect("eight fields") {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | '|')) => fields.last_mut().unwrap().push(escaped),
                other => panic!("{other:?} is escaped in the header"),
            },
            '|' => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields.pop();
    // A key is the word before an unescaped equals sign.
    let extension: String = characters.collect();
    let mut pairs = BTreeMap::new();
    let mut key: Option<String> = None;
    let mut value = String::new();
    let mut rest = extension.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => value.push(match rest.next() {
                Some(escaped @ ('\\' | '=')) => escaped,
                Some('n') => '\n',
                Some('r') => '\r',
                other => panic!("{other:?} is escaped in the extension"),
            }),
            '=' => {
                let (before, next) = value.rsplit_once(' ').map_or(("", value.as_str()), |parts| parts);
                assert!(!next.is_empty() && next.chars().all(|one| one.is_ascii_alphanumeric()), "{next:?}");
                let (before, next) = (before.to_owned(), next.to_owned());
                if let Some(key) = key.replace(next) {
                    assert_eq!(pairs.insert(key, before), None);
                }
                value.clear();
            }
            other => value.push(other),
        }
    }
    pairs.insert(key.unwrap(), value);
    (fields, pairs)
}

/// Parses an RFC 5424 message strictly into its header, parameters, and text.
fn syslog(line: &str) -> (Vec<String>, BTreeMap<String, String>, String) {
    assert!(line.len() <= 8192, "{}", line.len());
    assert!(!line.chars().any(char::is_control), "{line:?}");
    let rest = line.strip_prefix('<').unwrap();
    let (priority, rest) = rest.split_once('>').unwrap();
    assert_eq!(priority.parse::<u8>().unwrap() / 8, 13);
    let mut parts = rest.splitn(7, ' ');
    let header: Vec<String> = parts.by_ref().take(6).map(str::to_owned).collect();
    for (field, most) in header.iter().zip([2, 32, 255, 48, 128, 32]) {
        assert!(
            !field.is_empty() && field.len() <= most && field.bytes().all(|byte| byte.is_ascii_graphic())
        );
    }
    assert_eq!(header[0], "1");
    let rest = parts.next().unwrap();
    let mut rest = rest.strip_prefix("[countersign@32473").unwrap();
    let mut parameters = BTreeMap::new();
    loop {
        if let Some(message) = rest.strip_prefix("] ") {
            return (header, parameters, message.to_owned());
        }
        let (name, after) = rest.strip_prefix(' ').unwrap().split_once("=\"").unwrap();
        assert!(name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let mut value = String::new();
        let mut characters = after.char_indices();
        rest = loop {
            match characters.next().unwrap() {
                (_, '\\') => match characters.next().unwrap() {
                    (_, escaped @ ('"' | '\\' | ']')) => value.push(escaped),
                    other => panic!("{other:?} is escaped"),
                },
                (at, '"') => break &after[at + 1..],
                (_, ']') => panic!("a bracket is not escaped"),
                (_, other) => value.push(other),
            }
        };
        assert_eq!(parameters.insert(name.to_owned(), value), None);
    }
}

/// Returns the text as a line can contain it: control characters as pictures, and truncated if it is too long.
fn shown(text: &str, most: usize, keeps_ends: bool) -> String {
    let picture = |one: char| match u32::from(one) {
        code @ 0..=31 => char::from_u32(0x2400 + code).unwrap(),
        127 => '␡',
        128..=159 | 0x2028 | 0x2029 => '\u{fffd}',
        _ => one,
    };
    let length = |text: &str| text.chars().map(|one| picture(one).len_utf8()).sum::<usize>();
    let mut cut = text.to_owned();
    if length(text) > most {
        while length(&cut) > most - '…'.len_utf8() {
            cut.pop();
        }
        cut.push('…');
    }
    cut.chars().map(|one| if keeps_ends && "\r\n".contains(one) { one } else { picture(one) }).collect()
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("|".to_owned()),
        Just("\\".to_owned()),
        Just("=".to_owned()),
        Just(" cs1=forged".to_owned()),
        Just("\"]".to_owned()),
        Just("] [countersign@32473 id=\"x\"".to_owned()),
        Just("\r\n<8>1 - - - - - - forged".to_owned()),
        Just("\u{0}\u{1b}[2J\u{7f}\u{9b}\u{2028}".to_owned()),
        Just("é😀".repeat(700)),
        "\\PC{1,8}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hostile_strings_stay_within_their_fields(
        [action, id, name, kind, reason, ip] in [hostile(), hostile(), hostile(), hostile(), hostile(), hostile()]
    ) {
        let event = json!({
            "action": action, "actor": {"id": id, "name": name, "type": kind}, "outcome": "denied",
            "reason": reason, "target": {"id": name, "type": kind, "name": id}, "context": {"ip": ip},
        });
        let text = event.to_string();
        let line = record(Format::Cef, &text).text;
        let (header, pairs) = cef(&line);
        prop_assert_eq!(header.len(), 7);
        prop_assert_eq!(&header[..3], &["0", "countersign", "countersign"]);
        prop_assert_eq!(&header[4], &shown(&action, 1023, false));
        for (key, value, most) in [("suid", &id, 1023), ("suser", &name, 1023), ("reason", &reason, 1023), ("act", &action, 63)] {
            prop_assert_eq!(&pairs[key], &shown(value, most, true), "{}", key);
        }
        prop_assert_eq!(&pairs["cs2"], "01010101010101010101010101010101/2");
        prop_assert_eq!((&*pairs["cn1"], &*pairs["outcome"]), ("4", "denied"));

        let line = record(Format::Syslog, &text).text;
        let (_, parameters, _) = syslog(&line);
        for (key, value, most) in [("actor", &id, 256), ("actorName", &name, 256), ("reason", &reason, 512), ("action", &action, 256)] {
            prop_assert_eq!(&parameters[key], &shown(value, most, false), "{}", key);
        }
        prop_assert_eq!((&*parameters["entry"], &*parameters["size"]), ("4", "9"));

        // JSON carries the strings unchanged.
        for format in Format::ALL.iter().copied().filter(|format| format.is_json()) {
            let line = record(format, &text).text;
            prop_assert!(!line.contains('\n'));
            let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert!(parsed.to_string().contains("01010101010101010101010101010101/2"));
        }
    }
}

/// A destination that truncates a message would lose the parameters that lead to the proof.
#[test]
fn syslog_records_fit_the_maximum_message_length() {
    for one in ["\u{1}", "\u{85}", "\"", "\\", "é", "😀"] {
        let text = one.repeat(2_000);
        let event = json!({
            "action": text, "actor": {"id": text, "name": text, "type": text}, "outcome": "denied",
            "reason": text, "target": {"id": text, "type": text, "name": text}, "context": {"ip": text},
        });
        let (_, parameters, _) = syslog(&record(Format::Syslog, &event.to_string()).text);
        assert_eq!(parameters["id"], "01010101010101010101010101010101/2");
        let (_, parameters, _) = syslog(&longest_alert(&text).text);
        assert_eq!(parameters["count"], "300");
    }
}

/// Returns a finding with strings as long as they get.
fn longest_alert(text: &str) -> countersign_feeds::Record {
    let found = json!({
        "finding": {
            "entries": (1_000_000_000_000_u64..1_000_000_000_300).collect::<Vec<_>>(), "first": "2026-11-20T06:00:00.000Z",
            "group": { "parsed.actor.id": text, "parsed.address": text, "parsed.target.id": text },
            "id": "f", "last": "2026-11-20T06:01:02.345Z", "level": "informational", "rule": text, "score": 100,
        },
        "event": { "action": text, "actor": text, "address": text, "target": text },
        "signer_trust": "untrusted",
    })
    .to_string();
    let time = "2026-11-20T06:01:02.345Z".parse().unwrap();
    let id = "f".repeat(64);
    let finding = Finding { kind: Kind::Alert, id: &id, title: text, time, text: &found };
    Format::Syslog.finding(&given::LOG, &finding)
}

#[test]
fn missing_outcome_is_missing_in_every_format() {
    for &format in Format::ALL {
        let line = |outcome: Option<&str>| {
            let mut event = event();
            if let Some(outcome) = outcome {
                event["outcome"] = outcome.into();
            }
            let record = record(format, &event.to_string());
            record.text
        };
        let silent = line(None).to_ascii_lowercase();
        for word in ["success", "failure", "status_id", "\"outcome\"", "outcome=", "denied"] {
            assert!(
                !silent.replace("\"outcome\":\"not stated\"", "").contains(word),
                "{format:?} {word}: {silent}"
            );
        }
        let words: std::collections::BTreeSet<String> =
            ["success", "failure", "denied", "unknown"].map(|word| line(Some(word))).into();
        assert_eq!(words.len(), 4, "{format:?}");
    }
}

/// An event that mentions another record in all ways.
const MENTIONS: &str = r#"{"action":"x| cs2Label=id cs2=bb/9 \\| [countersign@32473 id=\"bb/9\"","actor":{"id":"bb/9","name":" cs2Label=id cs2=bb/9"},"event":{"id":"bb/9"},"id":"bb/9","metadata":{"log.record.uid":"bb/9","uid":"bb/9"},"target":{"id":"x [countersign@32473 id=\"bb/9\"","type":"t"}}"#;

#[test]
fn the_id_in_a_records_text_is_its_own() {
    for format in Format::ALL {
        for text in [MENTIONS.to_owned(), given::event().to_string()] {
            let record = given::record(*format, &text);
            assert_eq!(format.record_id(&record.text).as_deref(), Some(&*record.id), "{}", record.text);
        }
        assert_eq!(format.record_id("a line of another program"), None);
    }
}
