//! Findings: what a rule found, by which entries of the log.

use countersign::canonical::write_string;
use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// What a rule found. Made from verified events alone, and from the same ones always the same.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Finding {
    /// SHA-256 over the pack, the rule, the group and the leaves, as 64 hex digits (docs/detection.md).
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How serious it is.
    pub level: Level,
    /// The evidence that proves it.
    pub evidence: Evidence,
    /// The score of the identity that it is about, or else of the session, with this finding, in whole points; of
    /// neither, the points of its level.
    pub score: u64,
    /// The group: its fields and their values, in the order in which the rule names them.
    pub group: Vec<(String, String)>,
    /// What the correlation measured; none of a rule that looks at each event by itself.
    pub value: Option<f64>,
    /// The leaves, ascending: with them alone the rule fires again, where they are evidence enough.
    pub leaves: Vec<u64>,
    /// When the first of the events happened.
    #[cfg_attr(feature = "state", serde(with = "crate::millis"))]
    pub first: Time,
    /// When the last of them happened.
    #[cfg_attr(feature = "state", serde(with = "crate::millis"))]
    pub last: Time,
    /// What the event that made it fire has, of what the rule asks for.
    pub reasons: Vec<Reason>,
    /// How often the same was found of the same group within a timespan, beside this.
    pub repeats: u64,
}

/// How serious it is when a rule fires.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Level {
    /// Worth knowing.
    Informational,
    /// Worth a look in a summary.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look today.
    High,
    /// Worth a look at once.
    Critical,
}

impl Level {
    /// All of them, the least first.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The one with this word.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// The evidence that proves a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Evidence {
    /// Its leaves: on them alone the rule fires again.
    Sufficient,
    /// All entries up to its last leaf: it says that something was not there before, or not often.
    Range,
}

impl Evidence {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A member that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Reason {
    /// The field; none where any text of the event counts.
    pub field: Option<String>,
    /// Its value. Of a long one the begin, and its SHA-256.
    pub value: String,
}

/// How findings' ids begin what they hash.
const PREFIX: &str = "countersign/finding/v1";

/// The id of a finding.
pub(crate) fn id(pack: &Hash, rule: &str, group: &str, leaves: &[u64]) -> String {
    let mut text = Vec::new();
    text.extend(format!("[\"{PREFIX}\",\"{pack}\",").bytes());
    write_string(rule, &mut text);
    text.push(b',');
    text.extend(group.bytes());
    text.extend(b",[");
    numbers(leaves, &mut text);
    text.extend(b"]]");
    hex::encode(&Hash::of(&[&text]).0)
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

    /// The same with what is known of who signed.
    pub fn write_told(&self, signer_trust: Option<&str>, out: &mut Vec<u8>) {
        self.write(Some(signer_trust), out);
    }

    fn write(&self, signer_trust: Option<Option<&str>>, out: &mut Vec<u8>) {
        let evidence = self.evidence.as_str();
        out.extend(
            format!("{{\"evidence\":\"{evidence}\",\"first\":\"{}\",\"group\":{{", self.first).bytes(),
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
        out.extend(format!("}},\"id\":\"{}\",\"last\":\"{}\",\"entries\":[", self.id, self.last).bytes());
        numbers(&self.leaves, out);
        out.extend(format!("],\"level\":\"{}\",\"reasons\":[", self.level.as_str()).bytes());
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
}
