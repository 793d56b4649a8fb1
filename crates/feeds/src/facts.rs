//! The facts about an event or finding, by the names that mappings use.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use countersign::base64;
use countersign::link::LinkAttestation;
use countersign::time::Time;
use countersign_query::value::{Kind as ValueKind, Value};
use countersign_query::{Outcome, Read};
use serde_json::json;

use crate::records::{Event, Finding, Kind, Log};

/// The version of this crate, which is also the program's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Facts by name, and the fields of the event or finding by path.
pub(crate) struct Facts<'a> {
    by_name: BTreeMap<&'static str, Cow<'a, str>>,
    root: Option<Value<'a>>,
    time: Time,
}

impl<'a> Facts<'a> {
    fn new(log: &Log<'a>, time: Time, root: Option<Value<'a>>) -> Self {
        let mut facts = Self { by_name: BTreeMap::new(), root, time };
        facts.insert("version", VERSION);
        facts.insert("origin", log.origin);
        facts.insert("size", log.size.to_string());
        facts.insert("root", log.root.to_string());
        facts.insert("time", time.to_string());
        facts
    }

    pub(crate) fn from_event(
        log: &Log<'a>,
        event: &Event<'a>,
        read: Option<&'a Read<'a>>,
        root: Option<Value<'a>>,
    ) -> Self {
        let time = read.and_then(|read| read.time).unwrap_or(event.recorded);
        let mut facts = Self::new(log, time, root);
        facts.insert("kind", "event");
        facts.insert("id", format!("{}/{}", event.chain, event.seq));
        facts.insert("entry", event.leaf.to_string());
        facts.insert("chain", event.chain.to_string());
        facts.insert("seq", event.seq.to_string());
        facts.insert("recorded", event.recorded.to_string());
        facts.insert("signer", event.signer);
        facts.insert("signer.name", event.signer.split('+').next().unwrap_or_default());
        facts.insert("signer_trust", event.signer_trust);
        facts.insert("text", event.text);
        if let Some(attestation) = event.attestation {
            facts.insert_attestation(event, attestation);
        }
        if let Some(read) = read {
            facts.insert_parsed(read);
        }
        let summary = facts.summary();
        facts.insert("title", summary);
        facts
    }

    fn insert_attestation(&mut self, event: &Event<'a>, attestation: &LinkAttestation) {
        self.insert("link.hash", attestation.hash.to_string());
        self.insert("link.prev", attestation.prev.to_string());
        if let Some(signature) = &attestation.signature {
            self.insert("link.signature", base64::encode(&signature[..]));
        }
        // The link before the first event opens the chain, and is not an event.
        if event.seq > 1 {
            self.insert("link.prev.id", format!("{}/{}", event.chain, event.seq - 1));
        }
    }

    fn insert_parsed(&mut self, read: &'a Read<'a>) {
        let mut json = Vec::new();
        read.write_json(&mut json);
        self.insert("parsed", String::from_utf8(json).unwrap_or_default());
        self.insert("parsed.as", &*read.parsed_as);
        let parties = [
            (["actor.id", "actor.name", "actor.type"], &read.actor),
            (["on_behalf_of.id", "on_behalf_of.name", "on_behalf_of.type"], &read.on_behalf_of),
            (["target.id", "target.name", "target.type"], &read.target),
        ];
        for (names, party) in parties {
            for (name, value) in names.into_iter().zip([&party.id, &party.name, &party.kind]) {
                self.insert_some(name, value.as_ref());
            }
        }
        for (name, value) in [("action", &read.action), ("address", &read.address), ("reason", &read.reason)]
        {
            self.insert_some(name, value.as_ref());
        }
        if let Some(address) = read.address.as_deref().filter(|address| !address.is_empty()) {
            self.insert(address_kind(address), address);
        }
        // An outcome that isn't stated has no fact, so that no format claims one.
        if read.outcome != Outcome::NotStated {
            self.insert("outcome", read.outcome.as_str());
        }
    }

    /// Returns a human-readable one-line summary.
    fn summary(&self) -> String {
        let first = |names: [&str; 2]| names.into_iter().find_map(|name| self.get(name));
        let person = first(["on_behalf_of.name", "on_behalf_of.id"])
            .map_or_else(String::new, |person| format!(" for {person}"));
        let mut text =
            first(["actor.name", "actor.id"]).map_or_else(String::new, |who| format!("{who}{person}: "));
        text.push_str(&self.get("action").unwrap_or(Cow::Borrowed("event")));
        if let Some(target) = first(["target.name", "target.id"]) {
            text.extend([" ", &*target]);
        }
        if let Some(outcome) = self.get("outcome") {
            text.extend([", ", &*outcome]);
        }
        text
    }

    pub(crate) fn from_finding(log: &Log<'a>, finding: &Finding<'a>, root: Option<Value<'a>>) -> Self {
        let mut facts = Self::new(log, finding.time, root);
        let (kind, id) = match finding.kind {
            Kind::Alert => ("alert", finding.id.to_owned()),
            Kind::Retract => ("retract", format!("{}/retracted", finding.id)),
            Kind::Unverified => ("unverified", finding.id.to_owned()),
        };
        facts.insert("kind", kind);
        facts.insert("id", id);
        facts.insert("finding", finding.id);
        facts.insert("title", finding.title);
        facts.insert("text", finding.text);
        for name in ["signer_trust", "chain", "seq"] {
            if let Some(value) = facts.field(name) {
                facts.by_name.insert(name, value);
            }
        }
        let place = facts.field("index");
        // Earlier versions wrote the entries as `leaves`.
        let leaves = root
            .and_then(|root| root.at("finding.entries").or_else(|| root.at("finding.leaves")))
            .filter(|leaves| leaves.kind() == ValueKind::Array);
        let leaves: Vec<String> = leaves.map_or_else(
            || place.iter().map(|place| place.clone().into_owned()).collect(),
            |leaves| {
                leaves.elements().filter_map(Value::text).take(MAX_LEAVES).map(Cow::into_owned).collect()
            },
        );
        if let (Some(first), Some(last)) = (leaves.first(), leaves.last()) {
            facts.insert("entry", last.clone());
            facts.insert("entry.first", first.clone());
            facts.insert("entries", format!("[{}]", leaves.join(",")));
            facts.insert("entries.list", leaves.join(","));
        }
        facts.insert_subject();
        facts
    }

    /// Inserts whom a finding is about. A finding of several events states only its last event, whose actor and target
    /// may differ from those of the others: then only its group says who acted, and on what.
    fn insert_subject(&mut self) {
        let Some(root) = self.root else { return };
        let group: Vec<(Cow<'a, str>, Cow<'a, str>)> = root
            .at("finding.group")
            .filter(|group| group.kind() == ValueKind::Object)
            .into_iter()
            .flat_map(Value::members)
            .filter_map(|(name, value)| Some((name.text(), value.text()?)))
            .collect();
        let entries = root.at("finding.entries").filter(|entries| entries.kind() == ValueKind::Array);
        let count = entries.map_or(0, |entries| entries.elements().count());
        if count > 0 {
            self.insert("count", count.to_string());
        }
        // A field of the event itself, such as `userIdentity.arn`, is recognized by its value.
        let stated = |names: &[&str], event: &str| {
            let event = self.field(event);
            let by_name = group.iter().find(|(name, _)| names.contains(&&**name));
            let by_value = || {
                let is_value = |value| event.as_ref().is_some_and(|event| event == value);
                group.iter().find(|(name, value)| !name.starts_with("parsed.") && is_value(value))
            };
            (by_name.or_else(by_value).map(|(_, value)| value.clone()), event)
        };
        let (actor, last_actor) = stated(&["parsed.actor.id", "actor.id"], "event.actor");
        let (address, last_address) = stated(&["parsed.address", "context.ip"], "event.address");
        let (target, last_target) = stated(&["parsed.target.id", "target.id"], "event.target");
        let has_one_event = count < 2;
        let name = group.iter().find(|(name, _)| matches!(&**name, "parsed.actor.name" | "actor.name"));
        let name = name.map(|(_, name)| name.clone());
        let has_actor = actor.is_some();
        let parties = [
            ("actor.id", actor.or_else(|| last_actor.filter(|_| has_one_event))),
            ("actor.name", name),
            ("address", address.or_else(|| last_address.filter(|_| has_one_event || has_actor))),
            ("target", target.or_else(|| last_target.filter(|_| has_one_event))),
        ];
        for (name, value) in parties {
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            if name == "address" {
                self.insert(address_kind(&value), value.clone());
            }
            self.insert(name, value);
        }
        if group.is_empty() {
            return;
        }
        let list: Vec<_> =
            group.iter().map(|(field, value)| json!({ "field": field, "value": value })).collect();
        self.insert("group", json!(list).to_string());
        let text: Vec<_> = group.iter().map(|(field, value)| format!("{field}={value}")).collect();
        self.insert("group.text", text.join(", "));
    }

    fn insert(&mut self, name: &'static str, value: impl Into<Cow<'a, str>>) {
        self.by_name.insert(name, value.into());
    }

    fn insert_some(&mut self, name: &'static str, value: Option<&'a Cow<'a, str>>) {
        if let Some(value) = value.map(AsRef::as_ref).filter(|value| !value.is_empty()) {
            self.insert(name, value);
        }
    }

    /// Returns the value of a fact. A name with `@` is a path in an event, one with `#` a path in a finding.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let (is_of_event, is_of_finding) = (name.starts_with('@'), name.starts_with('#'));
        if is_of_event || is_of_finding {
            let is_event = self.by_name.get("kind").is_some_and(|kind| kind == "event");
            return if is_of_event == is_event { self.field(&name[1..]) } else { None };
        }
        self.by_name.get(name).map(|value| Cow::Borrowed(&**value))
    }

    fn field(&self, path: &str) -> Option<Cow<'a, str>> {
        let value = self.root?.at(path)?;
        value.text().filter(|text| value.kind() != ValueKind::Null && !text.is_empty())
    }

    pub(crate) fn id(&self) -> &str {
        self.by_name.get("id").map_or("", |id| id)
    }

    pub(crate) fn time(&self) -> Time {
        self.time
    }
}

/// Returns the name of the fact for an address of this kind.
fn address_kind(address: &str) -> &'static str {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => "address.v4",
        Ok(IpAddr::V6(_)) => "address.v6",
        Err(_) => "address.name",
    }
}

/// The maximum number of entry indexes of a finding in a record that doesn't contain the whole finding.
const MAX_LEAVES: usize = 256;

/// True if [`Facts`] may have a fact with this name.
pub(crate) fn is_name(name: &str) -> bool {
    const NAMES: [&str; 46] = [
        "action",
        "actor.id",
        "actor.name",
        "actor.type",
        "address",
        "address.name",
        "address.v4",
        "address.v6",
        "chain",
        "count",
        "finding",
        "group",
        "group.text",
        "id",
        "kind",
        "link.hash",
        "link.prev",
        "link.prev.id",
        "link.signature",
        "entry",
        "entry.first",
        "entries",
        "entries.list",
        "on_behalf_of.id",
        "on_behalf_of.name",
        "on_behalf_of.type",
        "origin",
        "outcome",
        "parsed",
        "parsed.as",
        "reason",
        "recorded",
        "root",
        "seq",
        "signer",
        "signer.name",
        "size",
        "signer_trust",
        "target",
        "target.id",
        "target.name",
        "target.type",
        "text",
        "time",
        "title",
        "version",
    ];
    name.starts_with(['@', '#']) || NAMES.contains(&name)
}
