//! What is handed on: alerts, what takes them back, and what else receivers are told.

use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;
use countersign_analyze::{Coverage, ENGINE, Finding as Found, Pack};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most rules that a scan names.
const MAX_BLIND: usize = 20;

/// What something that is handed on says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Rules found something.
    Alert,
    /// What was found before does not hold any more.
    Retract,
    /// Something in the log does not verify.
    Unverified,
    /// A stretch of the log was looked at.
    Scan,
}

impl Kind {
    /// As `type` has it, and the action of what is recorded.
    pub(crate) const fn action(self) -> &'static str {
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
pub(crate) struct Item {
    /// Counted from 1, without gaps.
    pub(crate) serial: u64,
    pub(crate) kind: Kind,
    /// What it is about: a finding's id, for most.
    pub(crate) id: String,
    /// One line for people.
    pub(crate) title: String,
    /// One JSON object; the same each time that it is sent.
    pub(crate) text: String,
}

impl Item {
    /// What a receiver knows it by when it is sent again.
    pub(crate) fn name(&self) -> String {
        format!("{}_{}", self.kind.prefix(), self.id)
    }

    /// What it says beside its type and time.
    pub(crate) fn data(&self) -> Value {
        let mut value: Value = serde_json::from_str(&self.text).unwrap_or_default();
        value["data"].take()
    }
}

/// What is handed on and has no number yet.
#[derive(Debug, PartialEq)]
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) title: String,
    data: Value,
}

/// The log at a checkpoint.
pub(crate) struct At<'a> {
    pub(crate) origin: &'a str,
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

impl At<'_> {
    fn json(&self) -> Value {
        json!({ "origin": self.origin, "root": self.root.to_string(), "size": self.size })
    }
}

impl Draft {
    pub(crate) fn alert(found: &Found, standing: &str, pack: &Pack, at: &At<'_>) -> Self {
        let mut text = Vec::new();
        found.write_json(&mut text);
        let finding: Value = serde_json::from_slice(&text).unwrap_or_default();
        let who: Vec<&str> = found.group.iter().map(|(_, value)| value.as_str()).collect();
        let who = if who.is_empty() { String::new() } else { format!(": {}", who.join(", ")) };
        Self {
            kind: Kind::Alert,
            id: found.id.clone(),
            title: format!("{}: {}{who}", found.level.as_str(), found.title),
            data: json!({
                "engine": ENGINE,
                "finding": finding,
                "log": at.json(),
                "pack": { "hash": pack.hash().to_string(), "name": pack.name },
                "standing": standing,
            }),
        }
    }

    /// What it says.
    pub(crate) fn data(&self) -> &Value {
        &self.data
    }

    /// A chain that a finding was made of is not to be trusted any more.
    pub(crate) fn retract(id: &str, title: &str, chain: &str, at: &At<'_>) -> Self {
        Self {
            kind: Kind::Retract,
            id: id.to_owned(),
            title: format!("taken back: {title}"),
            data: json!({ "chain": chain, "id": id, "log": at.json(), "standing": "suspect" }),
        }
    }

    pub(crate) fn unverified(finding: &countersign::verify::Finding, at: &At<'_>) -> Self {
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
        Self { kind: Kind::Unverified, id, title, data }
    }

    /// What was found in the entries from one leaf up to, and not including, another. `coverage` is of all events that the
    /// watch has looked at so far.
    pub(crate) fn scan(
        range: [u64; 2],
        findings: u64,
        digest: &Hash,
        pack: &Pack,
        at: &At<'_>,
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
            kind: Kind::Scan,
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
