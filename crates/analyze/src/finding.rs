//! Findings: matches of rules, with the entries of the log that prove them.

use countersign::canonical::write_string;
use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// A match of a rule. Computed from verified events alone, and always the same for the same events.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Finding {
    /// SHA-256 over the pack, the rule, the group and the entries, as 64 hex digits (docs/detection.md).
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The rule's severity, possibly lowered for a habit.
    pub level: Level,
    /// The entries that are needed to prove it.
    pub evidence: Evidence,
    /// The score of the finding's identity or else session, including this finding, in whole points. If it has
    /// neither, the points of its level.
    pub score: u64,
    /// The group: its fields and their values, in the order of the rule.
    pub group: Vec<(String, String)>,
    /// The value that the correlation measured; `None` for a rule that judges single events.
    pub value: Option<f64>,
    /// The entries, ascending. If they are sufficient evidence, the rule fires on them alone.
    pub leaves: Vec<u64>,
    /// The time of the first event.
    #[cfg_attr(feature = "state", serde(with = "crate::millis"))]
    pub first: Time,
    /// The time of the last event.
    #[cfg_attr(feature = "state", serde(with = "crate::millis"))]
    pub last: Time,
    /// The fields of the event that made the rule fire.
    pub reasons: Vec<Reason>,
    /// The number of additional matches of the same group within the rule's timespan.
    pub repeats: u64,
    /// The identity that it is about, for lists of findings; in neither the written finding nor the stored state.
    #[cfg_attr(feature = "state", serde(skip))]
    pub identity: Option<String>,
    /// The event on which the rule fired, for lists of findings; like `identity`, in neither of them.
    #[cfg_attr(feature = "state", serde(skip))]
    pub event: Option<Box<FindingEvent>>,
}

/// The parties of the event on which a rule fired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingEvent {
    /// The actor's id.
    pub actor: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// The target: its type, if it has one, and its id or else its name.
    pub target: Option<String>,
    /// The address that the action came from; of IPv6, its network of 64 bits.
    pub address: Option<String>,
}

/// The severity of a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Level {
    /// For information only.
    Informational,
    /// Review in a periodic summary.
    Low,
    /// Review when convenient.
    Medium,
    /// Review on the same day.
    High,
    /// Review immediately.
    Critical,
}

impl Level {
    /// All levels, least severe first.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the level's name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a level's name.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// The entries that are needed to prove a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Evidence {
    /// The finding's own entries: the rule fires on them alone.
    Sufficient,
    /// All entries up to the finding's last, because it depends on the absence or frequency of earlier
    /// ones.
    Range,
}

impl Evidence {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A field and value that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Reason {
    /// The field's name; `None` if any text of the event may match.
    pub field: Option<String>,
    /// The field's value. A long value is truncated and followed by its SHA-256.
    pub value: String,
}

/// The first element of the array that is hashed for a finding's id.
const PREFIX: &str = "countersign/finding/v1";

/// Computes the id of a finding (docs/detection.md).
pub(crate) fn id(pack: &Hash, rule: &str, group: &str, leaves: &[u64]) -> String {
    let mut text = Vec::new();
    text.extend(format!("[\"{PREFIX}\",\"{pack}\",").bytes());
    write_string(rule, &mut text);
    text.push(b',');
    text.extend(group.bytes());
    text.extend(b",[");
    numbers(leaves, &mut text);
    text.extend(b"]]");
    hex::encode(&Hash::digest(&[&text]).0)
}

fn numbers(numbers: &[u64], out: &mut Vec<u8>) {
    for (nth, number) in numbers.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        out.extend(number.to_string().bytes());
    }
}

impl Finding {
    /// Appends it as one JSON object in canonical form.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        self.write(None, out);
    }

    /// Appends it as JSON with a member for the trust in the signers of its entries.
    pub fn write_with_trust(&self, signer_trust: Option<&str>, out: &mut Vec<u8>) {
        self.write(Some(signer_trust), out);
    }

    fn write(&self, signer_trust: Option<Option<&str>>, out: &mut Vec<u8>) {
        let evidence = self.evidence.as_str();
        out.extend(b"{\"entries\":[");
        numbers(&self.leaves, out);
        out.extend(
            format!("],\"evidence\":\"{evidence}\",\"first\":\"{}\",\"group\":{{", self.first).bytes(),
        );
        let mut group: Vec<_> = self.group.iter().collect();
        group.sort();
        for (nth, (field, value)) in group.into_iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            write_string(field, out);
            out.push(b':');
            write_string(value, out);
        }
        let level = self.level.as_str();
        out.extend(
            format!(
                "}},\"id\":\"{}\",\"last\":\"{}\",\"level\":\"{level}\",\"reasons\":[",
                self.id, self.last
            )
            .bytes(),
        );
        for (nth, Reason { field, value }) in self.reasons.iter().enumerate() {
            out.extend(if nth == 0 { &b"{"[..] } else { b",{" });
            if let Some(field) = field {
                out.extend(b"\"field\":");
                write_string(field, out);
                out.push(b',');
            }
            out.extend(b"\"value\":");
            write_string(value, out);
            out.push(b'}');
        }
        out.extend(format!("],\"repeats\":{},\"rule\":", self.repeats).bytes());
        write_string(&self.rule, out);
        out.extend(format!(",\"score\":{}", self.score).bytes());
        match signer_trust {
            Some(Some(signer_trust)) => out.extend(format!(",\"signer_trust\":\"{signer_trust}\"").bytes()),
            Some(None) => out.extend(b",\"signer_trust\":null"),
            None => {}
        }
        out.extend(b",\"title\":");
        write_string(&self.title, out);
        if let Some(value) = self.value {
            out.extend(b",\"value\":");
            match countersign::canonical::number(value) {
                Some(number) => out.extend(number.bytes()),
                None => out.extend(b"null"),
            }
        }
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_levels_are_stable() {
        let words = ["informational", "low", "medium", "high", "critical"];
        assert!(Level::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Level::parse(word)).eq(Level::ALL.iter().copied().map(Some)));
    }

    #[test]
    fn words_for_evidence_are_stable() {
        let words = [Evidence::Sufficient, Evidence::Range].map(Evidence::as_str);
        assert_eq!(words, ["sufficient", "range"]);
    }

    #[test]
    fn json_is_canonical() {
        let time: Time = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let finding = Finding {
            id: "0".repeat(64),
            rule: "deleted".into(),
            title: "Job Deleted".into(),
            level: Level::High,
            evidence: Evidence::Sufficient,
            score: 3,
            group: vec![("target".into(), "7".into()), ("actor".into(), "u_1".into())],
            value: Some(2.0),
            leaves: vec![3, 8],
            first: time,
            last: time,
            reasons: vec![Reason { field: Some("action".into()), value: "job.delete".into() }],
            repeats: 1,
            identity: None,
            event: None,
        };
        for signer_trust in [None, Some("trusted")] {
            let mut json = Vec::new();
            finding.write_with_trust(signer_trust, &mut json);
            assert_eq!(countersign::canonical::rfc8785(&json).unwrap(), json);
        }
    }
}
