//! What is handed on: alerts, what takes them back, and what else receivers are told.

use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;
use countersign_analyze::{Coverage, ENGINE, Finding as Found, Pack};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most rules that a scan names.
const MAX_BLIND: usize = 20;

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemKind {
    /// Rules found something.
    Alert,
    /// What was found before does not hold any more.
    Retract,
    /// Something in the log does not verify.
    Unverified,
    /// A stretch of the log was looked at.
    Scan,
}

impl ItemKind {
    /// Returns the item's `type`, which is also the action of what is recorded.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Alert => "countersign.alert",
            Self::Retract => "countersign.retract",
            Self::Unverified => "countersign.unverified",
            Self::Scan => "countersign.scan",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Retract => "retract",
            Self::Unverified => "unverified",
            Self::Scan => "scan",
        }
    }
}

/// Something that is handed on to each receiver once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its number, from 1, without gaps.
    pub serial: u64,
    /// The kind.
    pub kind: ItemKind,
    /// The id of what it is about: a finding, for most.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// One JSON object; the same each time that it is sent.
    pub text: String,
}

impl Item {
    /// Returns the name by which a receiver recognizes it when it is sent again.
    pub fn name(&self) -> String {
        format!("{}_{}", self.kind.prefix(), self.id)
    }

    /// Returns what it says beside its type and time.
    pub fn data(&self) -> Value {
        let mut value: Value = serde_json::from_str(&self.text).unwrap_or_default();
        value["data"].take()
    }
}

/// An item that has no number yet.
#[derive(Debug, PartialEq)]
pub struct Draft {
    /// The kind.
    pub kind: ItemKind,
    /// The id of what it is about.
    pub id: String,
    /// One line for people.
    pub title: String,
    data: Value,
}

/// The log at a checkpoint.
pub struct LogState<'a> {
    /// The log's origin.
    pub origin: &'a str,
    /// The checkpoint's size.
    pub size: u64,
    /// Its root hash.
    pub root: Hash,
}

impl LogState<'_> {
    fn json(&self) -> Value {
        json!({ "origin": self.origin, "root": self.root.to_string(), "size": self.size })
    }
}

impl Draft {
    /// Creates the item of a finding. `signer_trust` is the least trusted of those who signed what it was made of.
    pub fn alert(found: &Found, signer_trust: &str, pack: &Pack, at: &LogState<'_>) -> Self {
        let mut text = Vec::new();
        found.write_json(&mut text);
        let finding: Value = serde_json::from_slice(&text).unwrap_or_default();
        let who: Vec<&str> = found.group.iter().map(|(_, value)| value.as_str()).collect();
        let who = if who.is_empty() { String::new() } else { format!(": {}", who.join(", ")) };
        Self {
            kind: ItemKind::Alert,
            id: found.id.clone(),
            title: format!("{}: {}{who}", found.level.as_str(), found.title),
            data: json!({
                "engine": ENGINE,
                "finding": finding,
                "log": at.json(),
                "pack": { "hash": pack.hash().to_string(), "name": pack.name },
                "signer_trust": signer_trust,
            }),
        }
    }

    /// Returns what it says.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// A chain that a finding was made of is not to be trusted any more.
    pub(crate) fn retract(id: &str, title: &str, chain: &str, at: &LogState<'_>) -> Self {
        Self {
            kind: ItemKind::Retract,
            id: id.to_owned(),
            title: format!("taken back: {title}"),
            data: json!({ "chain": chain, "id": id, "log": at.json(), "signer_trust": "suspect" }),
        }
    }

    pub(crate) fn unverified(finding: &countersign::verify::Finding, at: &LogState<'_>) -> Self {
        let place = json!([
            "countersign/unverified/v1",
            at.origin,
            finding.code.as_str(),
            finding.index,
            finding.chain.map(|chain| chain.to_string()),
            finding.seq
        ]);
        let id = hex::encode(&Hash::of(&[place.to_string().as_bytes()]).0);
        let mut data = json!({
            "code": finding.code.as_str(),
            "hint": finding.hint,
            "id": id,
            "log": at.json(),
            "message": finding.message,
        });
        for (name, value) in [
            ("chain", finding.chain.map(|chain| json!(chain.to_string()))),
            ("index", finding.index.map(|index| json!(index))),
            ("seq", finding.seq.map(|seq| json!(seq))),
        ] {
            if let Some(value) = value {
                data[name] = value;
            }
        }
        let title = format!("does not verify [{}]: {}", finding.code.as_str(), finding.message);
        Self { kind: ItemKind::Unverified, id, title, data }
    }

    /// What was found in the entries from one leaf up to, and not including, another. `coverage` is of all events that the
    /// watch has looked at so far.
    pub(crate) fn scan(
        range: [u64; 2],
        findings: u64,
        digest: &Hash,
        pack: &Pack,
        at: &LogState<'_>,
        coverage: &Coverage,
    ) -> Self {
        let digest = digest.to_string();
        let name = json!(["countersign/scan/v1", at.origin, range, pack.hash().to_string(), ENGINE]);
        let found = if findings == 1 { "1 finding".to_owned() } else { format!("{findings} findings") };
        let is_complete = coverage.events > 0 && coverage.is_complete();
        let but =
            if is_complete { "" } else { ", but rules couldn’t look at everything: there may be more" };
        let blind: Vec<&str> =
            coverage.blind.iter().take(MAX_BLIND).map(|blind| blind.rule.as_str()).collect();
        Self {
            kind: ItemKind::Scan,
            id: hex::encode(&Hash::of(&[name.to_string().as_bytes()]).0),
            title: format!("{found} in the entries {} to {}{but}", range[0], range[1].saturating_sub(1)),
            data: json!({
                "coverage": {
                    "applicable": coverage.applicable(),
                    "blind": blind,
                    "blind_rules": coverage.blind.len(),
                    "complete": is_complete,
                    "events": coverage.events,
                    "rules": coverage.rules.len(),
                    "uncovered": coverage.uncovered(),
                    "unparsed": coverage.unparsed,
                },
                "digest": digest,
                "engine": ENGINE,
                "findings": findings,
                "log": at.json(),
                "pack": { "hash": pack.hash().to_string(), "name": pack.name },
                "range": range,
            }),
        }
    }

    /// The same with its number, made at that moment.
    pub(crate) fn at(self, serial: u64, now: Time) -> Item {
        let Self { kind, id, title, data } = self;
        let text = json!({ "data": data, "timestamp": now.to_string(), "type": kind.action() });
        Item { serial, kind, id, title, text: text.to_string() }
    }
}
