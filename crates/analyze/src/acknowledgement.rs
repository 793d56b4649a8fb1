//! How people answer findings: with an event whose target is the finding (SPEC section 13).

use countersign_query::value::Document;

/// The action of such an event.
const ACTION: &str = "countersign.acknowledged";
/// So many characters are kept of who answers, and of what they say.
const KEPT: usize = 256;
/// How many hex digits a finding's id has.
const ID: usize = 64;

/// A person's answer to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The index of the event's entry.
    pub leaf: u64,
    /// The finding's id.
    pub finding: String,
    /// The id of the person.
    pub by: String,
    /// The person's reason, if one is given.
    pub reason: Option<String>,
}

impl Acknowledgement {
    /// True if an event may be one.
    pub fn may_be(event: &str) -> bool {
        event.contains(ACTION)
    }

    /// Reads an event, which is the entry of index `leaf`; none if it answers no finding.
    pub fn of(event: &str, leaf: u64) -> Option<Self> {
        let document = Self::may_be(event).then(|| Document::parse(event)).flatten()?;
        let event = document.root();
        let text = |path: &[&str]| {
            let value = path.iter().try_fold(event, |value, name| value.get(name))?;
            Some(value.text()?.chars().take(KEPT).collect::<String>())
        };
        if text(&["action"])? != ACTION {
            return None;
        }
        let finding = text(&["target", "id"]).filter(|id| id.len() == ID)?;
        Some(Self { leaf, finding, by: text(&["actor", "id"])?, reason: text(&["reason"]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_finding_and_who_gives_it() {
        let id = "ab".repeat(32);
        let of = |event: &str| Acknowledgement::of(event, 7);
        let event = format!(
            r#"{{"action":"countersign.acknowledged","actor":{{"id":"ada"}},"target":{{"id":"{id}","type":"finding"}},"reason":"a drill"}}"#
        );
        let expected =
            Acknowledgement { leaf: 7, finding: id, by: "ada".into(), reason: Some("a drill".into()) };
        assert_eq!(of(&event), Some(expected));
        for (from, to) in [("acknowledged", "alert"), (r#""id":"ada""#, r#""name":"ada""#), ("abab", "ab")] {
            assert_eq!(of(&event.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(of("no JSON: countersign.acknowledged"), None);
    }
}
