//! Items that a watch delivers: alerts, retractions, and reports.

use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;
use countersign_analyze::{ENGINE, Finding, FindingEvent, Pack};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::examined::Examined;

/// The maximum number of rule ids in a scan's `blind` list.
const MAX_BLIND_RULES: usize = 20;

/// The kind of an [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemKind {
    /// A rule raised a finding.
    Alert,
    /// An earlier finding no longer holds, because a chain that it is based on is now suspect.
    Retract,
    /// Something in the log doesn't verify.
    Unverified,
    /// A range of the log was checked by the rules.
    Scan,
}

impl ItemKind {
    /// Returns the item's `type`, which is also the action of its record in the log.
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

/// An alert, retraction, or report that each destination receives once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The item's number, from 1, without gaps.
    pub serial: u64,
    /// The kind.
    pub kind: ItemKind,
    /// The id of its subject: for most kinds a finding's id.
    pub id: String,
    /// A human-readable one-line title.
    pub title: String,
    /// The JSON object that is sent; identical on every attempt.
    pub text: String,
}

impl Item {
    /// Returns the name by which a destination recognizes the item when it is sent again.
    pub fn name(&self) -> String {
        format!("{}_{}", self.kind.prefix(), self.id)
    }

    /// Returns the `data` field of the item's JSON.
    pub fn data(&self) -> Value {
        let mut value: Value = serde_json::from_str(&self.text).unwrap_or_default();
        value["data"].take()
    }
}

/// An item without a number.
#[derive(Debug, PartialEq)]
pub struct Draft {
    /// The kind.
    pub kind: ItemKind,
    /// The id of its subject; see [`Item::id`].
    pub id: String,
    /// A human-readable one-line title.
    pub title: String,
    data: Value,
}

/// A log at a checkpoint.
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
    /// Creates the alert for a finding. `signer_trust` is the lowest signer trust among the events it is based on.
    pub fn alert(finding: &Finding, signer_trust: &str, pack: &Pack, at: &LogState<'_>) -> Self {
        let mut text = Vec::new();
        finding.write_json(&mut text);
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        let event = finding.event.as_deref();
        let mut who: Vec<&str> = finding.group.iter().map(|(_, value)| value.as_str()).collect();
        if who.is_empty() {
            who.extend(event.and_then(|event| event.actor.as_deref()));
        }
        let who = if who.is_empty() { String::new() } else { format!(": {}", who.join(", ")) };
        let mut data = json!({
            "engine": ENGINE,
            "finding": value,
            "log": at.json(),
            "pack": { "hash": pack.hash().to_string(), "name": pack.name },
            "signer_trust": signer_trust,
        });
        if let Some(FindingEvent { actor, action, target, address }) = event {
            let parties = [("actor", actor), ("action", action), ("target", target), ("address", address)];
            let stated = parties.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
            data["event"] =
                stated.map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>().into();
        }
        Self {
            kind: ItemKind::Alert,
            id: finding.id.clone(),
            title: format!("{}: {}{who}", finding.level.as_str(), finding.title),
            data,
        }
    }

    /// Returns the `data` field of the item's JSON.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// Creates the retraction of a finding, because `chain`, which it is based on, is now suspect.
    pub(crate) fn retract(id: &str, title: &str, chain: &str, at: &LogState<'_>) -> Self {
        Self {
            kind: ItemKind::Retract,
            id: id.to_owned(),
            title: format!("retracted: {title}"),
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
        let id = hex::encode(&Hash::digest(&[place.to_string().as_bytes()]).0);
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
        let title = format!("doesn't verify [{}]: {}", finding.code.as_str(), finding.message);
        Self { kind: ItemKind::Unverified, id, title, data }
    }

    /// Creates the scan of the entries in the half-open `range`. `examined` is about all events of the watch so far.
    pub(crate) fn scan(
        range: [u64; 2],
        findings: u64,
        digest: &Hash,
        pack: &Pack,
        at: &LogState<'_>,
        examined: &Examined,
    ) -> Self {
        let digest = digest.to_string();
        let name = json!(["countersign/scan/v1", at.origin, range, pack.hash().to_string(), ENGINE]);
        let found = if findings == 1 { "1 finding".to_owned() } else { format!("{findings} findings") };
        let coverage = &examined.coverage;
        let is_complete = coverage.events > 0 && examined.is_complete();
        let caveat = if is_complete {
            ""
        } else if examined.has_skipped() {
            "; rules skipped some events, to save memory or because of their times, so there may be more"
        } else {
            "; some events couldn’t be checked, so there may be more"
        };
        let blind: Vec<&str> =
            coverage.blind.iter().take(MAX_BLIND_RULES).map(|blind| blind.rule.as_str()).collect();
        Self {
            kind: ItemKind::Scan,
            id: hex::encode(&Hash::digest(&[name.to_string().as_bytes()]).0),
            title: format!("{found} in entries {} to {}{caveat}", range[0], range[1].saturating_sub(1)),
            data: json!({
                "coverage": {
                    "applicable": coverage.applicable(),
                    "blind": blind,
                    "blind_rules": coverage.blind.len(),
                    "complete": is_complete,
                    "events": coverage.events,
                    "future": examined.future.map_or(0, |(number, _)| number),
                    "limited_rules": examined.limits.len(),
                    "rules": coverage.rules.len(),
                    "unclear_times": coverage.unclear_times.map_or(0, |(number, _)| number),
                    "uncovered": coverage.uncovered(),
                    "unparsed": coverage.unparsed,
                    "unread": coverage.unread(),
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

    /// Numbers the draft and formats its JSON, with `now` as the timestamp.
    pub(crate) fn into_item(self, serial: u64, now: Time) -> Item {
        let Self { kind, id, title, data } = self;
        let text = json!({ "data": data, "timestamp": now.to_string(), "type": kind.action() });
        Item { serial, kind, id, title, text: text.to_string() }
    }
}
