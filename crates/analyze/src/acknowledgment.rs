//! Acknowledgments of findings: events whose target is a finding (SPEC section 13).

use countersign_query::value::Document;

/// The action of an acknowledgment.
const ACTION: &str = "countersign.acknowledged";
/// The maximum length of the person's id and of the reason, in characters. Longer strings are truncated.
const MAX_TEXT_CHARS: usize = 256;
/// The number of hex digits of a finding's id.
const ID_DIGITS: usize = 64;

/// A person's answer to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgment {
    /// The index of the event's entry.
    pub leaf: u64,
    /// The finding's id.
    pub finding: String,
    /// The id of the person who acknowledged it.
    pub by: String,
    /// The person's reason, if one is given.
    pub reason: Option<String>,
}

impl Acknowledgment {
    /// True if an event may be an acknowledgment.
    pub fn may_be(event: &str) -> bool {
        event.contains(ACTION)
    }

    /// Parses the event of the entry with index `leaf`; `None` if it acknowledges no finding.
    pub fn parse(event: &str, leaf: u64) -> Option<Self> {
        let document = Self::may_be(event).then(|| Document::parse(event)).flatten()?;
        let event = document.root();
        let text = |path: &[&str]| {
            let value = path.iter().try_fold(event, |value, name| value.get(name))?;
            Some(value.text()?.chars().take(MAX_TEXT_CHARS).collect::<String>())
        };
        if text(&["action"])? != ACTION {
            return None;
        }
        let finding = text(&["target", "id"]).filter(|id| id.len() == ID_DIGITS)?;
        Some(Self { leaf, finding, by: text(&["actor", "id"])?, reason: text(&["reason"]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgments_name_the_finding_and_the_person() {
        let id = "ab".repeat(32);
        let parse = |event: &str| Acknowledgment::parse(event, 7);
        let event = format!(
            r#"{{"action":"countersign.acknowledged","actor":{{"id":"ada"}},"target":{{"id":"{id}","type":"finding"}},"reason":"a drill"}}"#
        );
        let expected =
            Acknowledgment { leaf: 7, finding: id, by: "ada".into(), reason: Some("a drill".into()) };
        assert_eq!(parse(&event), Some(expected));
        for (from, to) in [("acknowledged", "alert"), (r#""id":"ada""#, r#""name":"ada""#), ("abab", "ab")] {
            assert_eq!(parse(&event.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(parse("no JSON: countersign.acknowledged"), None);
    }
}
