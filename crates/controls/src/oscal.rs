//! Evidence as OSCAL assessment results.

use core::fmt::Write as _;

use countersign::hash::Hash;
use countersign::hex;
use serde_json::{Value, json};

use crate::report::{Answer, AnswerContent, ControlEvidence, Evidence, Source};
use crate::text::runs;

/// The supported version of OSCAL.
const VERSION: &str = "1.1.2";
/// The namespace of our properties.
const NAMESPACE: &str = "https://github.com/countersign/countersign/ns/oscal";

/// Writes evidence as canonical JSON, without a newline at the end.
///
/// The result names the reviewed controls, and has an observation for each answer of each control, with properties for
/// the entries and the root. It has no findings: whether a control is met is for an assessor to decide.
pub fn write(evidence: &Evidence) -> String {
    let text = value(evidence).to_string();
    countersign::canonical::rfc8785(text.as_bytes())
        .ok()
        .and_then(|text| String::from_utf8(text).ok())
        .unwrap_or(text)
}

/// Returns a UUID derived from a name and the log's state, so that equal evidence has equal UUIDs.
fn uuid(evidence: &Evidence, name: &str) -> String {
    let root = evidence.log.checkpoint.map_or_else(String::new, |(_, root)| root.to_string());
    let period = evidence.period.map_or_else(String::new, |period| format!("{} {}", period.from, period.to));
    let framework = evidence.framework.hash.to_string();
    let parts = [&evidence.log.origin, &root, &evidence.source.sha256, &period, &framework, name];
    let mut hashed = Vec::new();
    for part in parts {
        hashed.extend((part.len() as u64).to_be_bytes());
        hashed.extend(part.as_bytes());
    }
    let mut bytes: [u8; 16] =
        Hash::digest(&[b"countersign/oscal/v1", &hashed]).0[..16].try_into().unwrap_or_default();
    // OSCAL accepts only versions 4 and 5. This is the form of version 5, the hash of a name.
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Converts a control's number to an OSCAL token: a letter first, then letters, digits, dots, hyphens, and underscores.
pub(crate) fn id(framework: &str, number: &str) -> String {
    let mut id = format!("{framework}-");
    for char in number.chars() {
        if char.is_ascii_alphanumeric() || matches!(char, '.' | '_') {
            id.push(char.to_ascii_lowercase());
        } else if !id.ends_with('-') {
            id.push('-');
        }
    }
    id.trim_end_matches('-').to_owned()
}

fn property(name: &str, value: impl core::fmt::Display) -> Option<Value> {
    // OSCAL property values are non-empty and have no white space at the ends.
    let value = value.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    (!value.is_empty()).then(|| json!({"name": name, "ns": NAMESPACE, "value": value}))
}

fn value(evidence: &Evidence) -> Value {
    let extent = &evidence.counted.events;
    let newest =
        evidence.log.newest.map_or_else(|| "1970-01-01T00:00:00.000Z".to_owned(), |time| time.to_string());
    let start = match (evidence.period, extent.happened) {
        (Some(period), _) => period.from.to_string(),
        (None, Some((first, _))) => first.to_string(),
        (None, None) => newest.clone(),
    };
    let end = match (evidence.period, extent.happened) {
        (Some(period), _) => period.to.to_string(),
        (None, Some((_, last))) => last.to_string(),
        (None, None) => newest.clone(),
    };
    let framework = &evidence.framework;
    let ids: Vec<Value> = evidence
        .controls
        .iter()
        .map(|control| json!({"control-id": id(&framework.name, &control.number)}))
        .collect();
    let collected = newest.as_str();
    let observations: Vec<Value> = evidence
        .controls
        .iter()
        .flat_map(|control| {
            let answers = control.answers.iter().filter_map(|nth| evidence.answers.get(*nth));
            answers.map(move |answer| observation(evidence, control, answer, collected))
        })
        .collect();
    let properties: Vec<Value> = [
        property("log", &evidence.log.origin),
        property("verdict", evidence.log.verdict),
        evidence.log.checkpoint.and_then(|(size, _)| property("size", size)),
        evidence.log.checkpoint.and_then(|(_, root)| property("root", root)),
        property("export-sha256", &evidence.source.sha256),
        evidence.source.trust.as_ref().and_then(|trust| property("trust-sha256", trust)),
        property("catalog", framework.hash),
        property("rules", evidence.rules.hash),
        property("findings-digest", evidence.rules.digest),
    ]
    .into_iter()
    .flatten()
    .collect();
    let title = format!("Evidence from the audit log {}: {}", evidence.log.origin, framework.title);
    let doubts: Vec<_> = evidence.doubts.iter().map(|doubt| format!("{}.", doubt.message)).collect();
    let whole = if doubts.is_empty() {
        "Every entry of the log at its checkpoint was examined.".to_owned()
    } else {
        format!("Could not tell whether this is everything that was recorded. {}", doubts.join(" "))
    };
    let mut result = json!({
        "uuid": uuid(evidence, "result"),
        "title": title,
        "description": format!(
            "What verified events of an audit log show for controls of {}, and what they cannot. {whole} Whether a control \
             is met is for an assessor to decide.",
            framework.edition
        ),
        "start": start,
        "end": end,
        "props": properties,
        "reviewed-controls": {"control-selections": [{"include-controls": ids}]},
    });
    if !observations.is_empty() {
        result["observations"] = observations.into();
    }
    json!({"assessment-results": {
        "uuid": uuid(evidence, "assessment-results"),
        "metadata": {
            "title": title,
            "last-modified": newest,
            "version": "1",
            "oscal-version": VERSION,
            "remarks": format!(
                "Made by {} with {}. The time is the latest that the log shows.",
                evidence.source.tool,
                parsers(&evidence.source),
            ),
        },
        // OSCAL requires a plan. The only one is the catalog, which the property of this name identifies.
        "import-ap": {"href": format!("urn:countersign:catalog:{}", escaped(&framework.name))},
        "results": [result],
    }})
}

/// Names the parsers that were used.
fn parsers(source: &Source) -> String {
    let files = source.parsers.iter().map(|file| format!("{} (SHA-256 {})", file.name, file.sha256));
    let files: Vec<_> = files.collect();
    if files.is_empty() {
        return "its built-in parsers".into();
    }
    format!("the parsers {} and its built-in ones", files.join(", "))
}

/// Escapes a part of a URN.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn observation(evidence: &Evidence, control: &ControlEvidence, answer: &Answer, collected: &str) -> Value {
    let doubts: Vec<_> = evidence.doubts.iter().chain(&control.doubts).chain(&answer.doubts).collect();
    let is_complete = doubts.is_empty();
    let mut properties = vec![
        property("control-id", id(&evidence.framework.name, &control.number)),
        property("question", &answer.name),
        evidence.log.checkpoint.and_then(|(_, root)| property("root", root)),
        property("complete", if is_complete { "yes" } else { "could-not-tell" }),
    ];
    // An entry of the log: its index, its position in the chain, and its role here.
    let mut relevant: Vec<(u64, Option<&str>, String)> = Vec::new();
    let text = match &answer.found {
        AnswerContent::Events(events) => {
            properties.push(property("categories", events.categories.join(" ")));
            properties.push(property("query", &events.query));
            properties.push(property("events", events.extent.events));
            properties.push(property("failed-events", events.failed));
            if let Some((first, last)) = events.extent.leaves {
                properties.extend([property("first-entry", first), property("last-entry", last)]);
            }
            for shown in &events.sample {
                let text = format!("Sampled event: {}", shown.summary.action);
                relevant.push((shown.leaf, Some(&shown.place), text));
            }
            let more = if is_complete { "" } else { " Could not tell whether these are all." };
            format!("{} verified events.{more}", events.extent.events)
        }
        AnswerContent::Findings(findings) => {
            properties.push(property("findings", findings.found.count()));
            properties.push(property("unanswered", findings.unanswered));
            for finding in findings.found.listed.iter().take(20) {
                for leaf in finding.leaves.listed.iter().take(8) {
                    relevant.push((*leaf, None, format!("Finding {}: {}", finding.id, finding.title)));
                }
            }
            let listed = findings.found.listed.iter().map(|finding| {
                format!(
                    "{} ({}; entries {})",
                    finding.title,
                    finding.level.as_str(),
                    runs(&finding.leaves.listed)
                )
            });
            let listed = listed.collect::<Vec<_>>().join("; ");
            format!(
                "{} findings, {} of them not acknowledged in the log. {listed}",
                findings.found.count(),
                findings.unanswered
            )
        }
        AnswerContent::Log(fact) => format!("A fact about the log: {}.", fact.as_str()),
    };
    let doubts: Vec<_> = doubts.iter().map(|doubt| format!("{}.", doubt.message)).collect();
    let properties: Vec<Value> = properties.into_iter().flatten().collect();
    let remarks = ["The log cannot show:"].into_iter().map(str::to_owned);
    let remarks: Vec<String> = remarks.chain(control.cannot.iter().cloned()).chain(doubts).collect();
    let mut observation = json!({
        "uuid": uuid(evidence, &format!("observation {} {}", control.number, answer.name)),
        "title": answer.what,
        "description": format!("{}: {text}", control.title),
        "props": properties,
        "methods": ["EXAMINE"],
        "collected": collected,
        "remarks": remarks.join(" "),
    });
    let root = evidence.log.checkpoint.map(|(_, root)| root.to_string()).unwrap_or_default();
    let relevant: Vec<Value> = relevant
        .into_iter()
        .map(|(leaf, place, text)| {
            let href = format!("urn:countersign:entry:{}:{leaf}", escaped(&evidence.log.origin));
            let properties = [
                property("entry", leaf),
                property("root", &root),
                place.and_then(|place| property("event", place)),
            ];
            let properties: Vec<Value> = properties.into_iter().flatten().collect();
            json!({"href": href, "description": text, "props": properties})
        })
        .collect();
    if !relevant.is_empty() {
        observation["relevant-evidence"] = relevant.into();
    }
    observation
}
