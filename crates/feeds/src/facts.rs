//! What is known of something that is fed, by names that mappings use.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use countersign::time::Time;
use countersign_query::value::{Kind as ValueKind, Value};
use countersign_query::{Outcome, Read};

use crate::records::{Event, Finding, Kind, Log};

/// The version of this crate, which is the program's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is known, by name; and what the event or the finding has, by path.
pub(crate) struct Facts<'a> {
    by_name: BTreeMap<&'static str, Cow<'a, str>>,
    root: Option<Value<'a>>,
    time: Time,
}

impl<'a> Facts<'a> {
    fn new(log: &Log<'a>, time: Time, root: Option<Value<'a>>) -> Self {
        let mut facts = Self { by_name: BTreeMap::new(), root, time };
        facts.say("version", VERSION);
        facts.say("origin", log.origin);
        facts.say("size", log.size.to_string());
        facts.say("root", log.root.to_string());
        facts.say("time", time.to_string());
        facts
    }

    pub(crate) fn of_event(
        log: &Log<'a>,
        event: &Event<'a>,
        read: Option<&'a Read<'a>>,
        root: Option<Value<'a>>,
    ) -> Self {
        let time = read.and_then(|read| read.time).unwrap_or(event.recorded);
        let mut facts = Self::new(log, time, root);
        facts.say("kind", "event");
        facts.say("id", format!("{}/{}", event.chain, event.seq));
        facts.say("entry", event.leaf.to_string());
        facts.say("chain", event.chain.to_string());
        facts.say("seq", event.seq.to_string());
        facts.say("recorded", event.recorded.to_string());
        facts.say("signer", event.signer);
        facts.say("signer.name", event.signer.split('+').next().unwrap_or_default());
        facts.say("signer_trust", event.signer_trust);
        facts.say("text", event.text);
        if let Some(read) = read {
            facts.read(read);
        }
        let summary = facts.summary();
        facts.say("title", summary);
        facts
    }

    fn read(&mut self, read: &'a Read<'a>) {
        let mut said = Vec::new();
        read.write_json(&mut said);
        self.say("read", String::from_utf8(said).unwrap_or_default());
        self.say("parsed.as", &*read.parsed_as);
        let parties = [
            (["actor.id", "actor.name", "actor.type"], &read.actor),
            (["target.id", "target.name", "target.type"], &read.target),
        ];
        for (names, party) in parties {
            for (name, value) in names.into_iter().zip([&party.id, &party.name, &party.kind]) {
                self.say_if(name, value.as_ref());
            }
        }
        for (name, value) in [("action", &read.action), ("address", &read.address), ("reason", &read.reason)]
        {
            self.say_if(name, value.as_ref());
        }
        if let Some(address) = read.address.as_deref().filter(|address| !address.is_empty()) {
            match address.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => self.say("address.v4", address),
                Ok(IpAddr::V6(_)) => self.say("address.v6", address),
                Err(_) => self.say("address.name", address),
            }
        }
        // What is not stated has no fact: nothing may take it for anything.
        if read.outcome != Outcome::NotStated {
            self.say("outcome", read.outcome.as_str());
        }
    }

    /// One line for people.
    fn summary(&self) -> String {
        let first = |names: [&str; 2]| names.into_iter().find_map(|name| self.get(name));
        let mut text = first(["actor.name", "actor.id"]).map_or_else(String::new, |who| format!("{who}: "));
        text.push_str(&self.get("action").unwrap_or(Cow::Borrowed("event")));
        if let Some(target) = first(["target.name", "target.id"]) {
            text.extend([" ", &*target]);
        }
        if let Some(outcome) = self.get("outcome") {
            text.extend([", ", &*outcome]);
        }
        text
    }

    pub(crate) fn of_finding(log: &Log<'a>, finding: &Finding<'a>, root: Option<Value<'a>>) -> Self {
        let mut facts = Self::new(log, finding.time, root);
        let (kind, id) = match finding.kind {
            Kind::Alert => ("alert", finding.id.to_owned()),
            Kind::Retract => ("retract", format!("{}/retracted", finding.id)),
            Kind::Unverified => ("unverified", finding.id.to_owned()),
        };
        facts.say("kind", kind);
        facts.say("id", id);
        facts.say("finding", finding.id);
        facts.say("title", finding.title);
        facts.say("text", finding.text);
        for name in ["signer_trust", "chain", "seq"] {
            if let Some(value) = facts.member(name) {
                facts.by_name.insert(name, value);
            }
        }
        let place = facts.member("index");
        let leaves = root
            .and_then(|root| root.at("finding.leaves"))
            .filter(|leaves| leaves.kind() == ValueKind::Array);
        let leaves: Vec<String> = leaves.map_or_else(
            || place.iter().map(|place| place.clone().into_owned()).collect(),
            |leaves| leaves.elements().filter_map(Value::text).take(LEAVES).map(Cow::into_owned).collect(),
        );
        if let (Some(first), Some(last)) = (leaves.first(), leaves.last()) {
            facts.say("entry", last.clone());
            facts.say("entry.first", first.clone());
            facts.say("entries", format!("[{}]", leaves.join(",")));
        }
        facts
    }

    fn say(&mut self, name: &'static str, value: impl Into<Cow<'a, str>>) {
        self.by_name.insert(name, value.into());
    }

    fn say_if(&mut self, name: &'static str, value: Option<&'a Cow<'a, str>>) {
        if let Some(value) = value.map(AsRef::as_ref).filter(|value| !value.is_empty()) {
            self.say(name, value);
        }
    }

    /// What is known under this name. `@` stands before a path in an event, `#` before one in a finding.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let (is_of_event, is_of_finding) = (name.starts_with('@'), name.starts_with('#'));
        if is_of_event || is_of_finding {
            let is_event = self.by_name.get("kind").is_some_and(|kind| kind == "event");
            return if is_of_event == is_event { self.member(&name[1..]) } else { None };
        }
        self.by_name.get(name).map(|value| Cow::Borrowed(&**value))
    }

    fn member(&self, path: &str) -> Option<Cow<'a, str>> {
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

/// So many leaves of a finding are in a record that does not hold all of it.
const LEAVES: usize = 256;

/// Whether a name is one of those that [`Facts`] may have.
pub(crate) fn is_name(name: &str) -> bool {
    const NAMES: [&str; 34] = [
        "action",
        "actor.id",
        "actor.name",
        "actor.type",
        "address",
        "address.name",
        "address.v4",
        "address.v6",
        "chain",
        "finding",
        "id",
        "kind",
        "entry",
        "entry.first",
        "entries",
        "origin",
        "outcome",
        "read",
        "parsed.as",
        "reason",
        "recorded",
        "root",
        "seq",
        "signer",
        "signer.name",
        "size",
        "signer_trust",
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
