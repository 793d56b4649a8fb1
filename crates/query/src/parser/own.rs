//! A hard-coded parser for our own event shape, for programs that need no other. Equivalent to
//! `parsers/countersign.json`, without the code that interprets parser files.

use std::borrow::Cow;

use countersign::time::Time;

use super::address::canonical;
use super::category::Categories;
use super::definition::UTC_OFFSET;
use super::parsed::{Outcome, Party, Read};
use super::promise::{PromisedFact, PromisedFacts};
use super::when::{TimeFormat, date, offset};
use crate::value::{Kind, Value};

/// The only fields of an event with no identified actor, in canonical order.
const FIELDS: [&str; 14] = [
    "action",
    "actor",
    "after",
    "before",
    "context",
    "countersign",
    "http",
    "metadata",
    "occurred_at",
    "on_behalf_of",
    "outcome",
    "reason",
    "target",
    "tenant",
];

/// Fields of an actor.
const ACTOR_FIELDS: [&str; 5] = ["type", "id", "name", "session", "credential"];

/// Fields in which events of other products state their time, instead of `occurred_at`.
const FOREIGN_TIMES: [&str; 21] = [
    "@timestamp",
    "created",
    "createdAt",
    "createdOn",
    "created_at",
    "created_on",
    "created_time",
    "date",
    "dateTime",
    "date_create",
    "datetime",
    "eventDate",
    "eventTime",
    "event_time",
    "occurredAt",
    "performed_at",
    "published",
    "time",
    "timestamp",
    "ts",
    "when",
];

/// Fields that mark events of other products with an `action` and an `actor`.
const FOREIGN: [&str; 4] = ["crud", "is_failure", "source_ip", "targets"];

/// Parses an event of our own shape (SPEC section 12), without its categories. Returns `None` for any other event.
pub fn parse_own<'a>(event: &Value<'a>) -> Option<Read<'a>> {
    // Few events of other shapes have an action, so this check comes first.
    if event.get("action")?.kind() != Kind::Text {
        return None;
    }
    // A single pass finds all top-level fields.
    let mut found = [None; FIELDS.len()];
    let (mut is_known, mut is_timed, mut is_foreign, mut next) = (true, false, false, 0);
    for (name, value) in event.members() {
        let name = name.text();
        // Fields are usually in order, so the search starts after the previous one.
        if let Some(nth) = (next..FIELDS.len()).chain(0..next).find(|nth| FIELDS[*nth] == name) {
            // The first of duplicate fields counts.
            found[nth] = found[nth].or(Some(value));
            next = nth + 1;
        } else {
            is_known = false;
            let is_there = value.kind() != Kind::Null;
            is_timed |= is_there && FOREIGN_TIMES.contains(&&*name);
            is_foreign |= is_there && FOREIGN.contains(&&*name);
        }
    }
    let [action, actor, _, _, context, _, _, metadata, occurred_at, on_behalf_of, outcome, reason, target, _] =
        found;
    let is_text = |value: Option<Value<'a>>| value.is_some_and(|value| value.kind() == Kind::Text);
    let within =
        |party: Option<Value<'a>>| party.map_or([None; 3], |party| party.several(["id", "name", "type"]));
    let (of_actor, of_person, of_target) = (within(actor), within(on_behalf_of), within(target));
    let [target_id, _, target_kind] = of_target;
    let has_id = is_text(of_actor[0]);
    let is_an_actor = |actor: Value<'_>| {
        actor.kind() == Kind::Object && actor.members().all(|(name, _)| ACTOR_FIELDS.contains(&&*name.text()))
    };
    let is_ours = if is_known {
        has_id || actor.is_none_or(|actor| actor.kind() != Kind::Object || is_an_actor(actor))
    } else {
        let is_acted_on = || is_text(target_id) && is_text(target_kind);
        !is_foreign
            && (!is_timed || is_text(occurred_at))
            && match actor.filter(|actor| actor.kind() != Kind::Null) {
                Some(actor) => has_id && is_an_actor(actor),
                None => is_acted_on(),
            }
    };
    if !is_ours {
        return None;
    }
    let text_of = |value: Option<Value<'a>>| value?.non_empty_text();
    let party =
        |party: Option<Value<'a>>, [id, name, kind]: [Option<Value<'a>>; 3], usual: Option<&'static str>| {
            let (id, name) = (text_of(id).or_else(|| text_of(party)), text_of(name));
            if id.is_none() && name.is_none() {
                return None;
            }
            Some(Party { id, name, kind: text_of(kind).or(usual.map(Cow::Borrowed)), also: Vec::new() })
        };
    let time =
        text_of(occurred_at).and_then(|text| date(&text, false).or_else(|| imported_time(event, &text)));
    Some(Read {
        parsed_as: Cow::Borrowed("countersign"),
        time,
        is_time_unclear: time.is_none() && occurred_at.is_some_and(Value::is_stated),
        action: text_of(action),
        also: Vec::new(),
        actor: party(actor, of_actor, Some("user")).unwrap_or_default(),
        on_behalf_of: with_others(
            party(on_behalf_of, of_person, Some("user")),
            on_behalf_of.and_then(|person| person.get("via")),
        ),
        target: with_others(
            party(target, of_target, None),
            metadata.and_then(|metadata| metadata.get("targets")),
        ),
        address: text_of(context.and_then(|context| context.get("ip"))).map(canonical),
        outcome: text_of(outcome).and_then(|word| Outcome::parse_stated(&word)).unwrap_or_default(),
        reason: text_of(reason),
        envelope: None,
        categories: Categories::default(),
        unread: if is_known { PromisedFacts::default() } else { PromisedFact::Kind.into() },
    })
}

/// Returns a time without an offset, if the event's import named one.
fn imported_time(event: &Value<'_>, text: &str) -> Option<Time> {
    let offset = offset(&event.at(UTC_OFFSET)?.string()?)?;
    let local = TimeFormat::default().read_local(text)?;
    Time::from_millis(local.millis().checked_sub(offset)?)
}

/// Adds the identifiers of other parties to one, then their names.
fn with_others<'a>(party: Option<Party<'a>>, others: Option<Value<'a>>) -> Party<'a> {
    let Some(mut party) = party else { return Party::default() };
    let Some(others) = others else { return party };
    for name in ["id", "name"] {
        let mut add = |other: Value<'a>| {
            if let Some(text) = other.get(name).and_then(Value::non_empty_text) {
                party.add_also(text);
            }
        };
        if others.kind() == Kind::Array {
            others.elements().for_each(add);
        } else {
            add(others);
        }
    }
    party
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parser::Parsers;
    use crate::value::Document;

    fn by_file() -> Parsers {
        let file = ("countersign.json", include_str!("../../parsers/countersign.json"));
        Parsers::default().with([file]).unwrap()
    }

    fn same(parsers: &Parsers, event: &str) -> bool {
        let document = Document::parse(event).unwrap();
        let root = document.root();
        // Only parsers assign categories.
        let read = parsers.parse(&root).map(|read| Read { categories: Categories::default(), ..read });
        assert_eq!(parse_own(&root), read, "{event}");
        parse_own(&root).is_some()
    }

    #[test]
    fn agrees_with_the_parser_file() {
        let parsers = by_file();
        for (event, is_ours) in [
            (
                r#"{"action":"job.run","actor":{"id":"u_1","name":"Ada","type":"agent"},"context":{"ip":"::1"},"x":1}"#,
                true,
            ),
            (
                r#"{"action":"job.run","actor":{"id":"u_1"},"occurred_at":"2026-11-20T06:00:00+01:00","outcome":"denied"}"#,
                true,
            ),
            (r#"{"action":"job.run","target":{"id":"1","type":"job"},"actor":null,"x":1}"#, true),
            (r#"{"action":"job.run","actor":"u_1","countersign":{"decision":"deny"}}"#, true),
            (r#"{"action":"job.run","actor":7,"outcome":"none","reason":""}"#, true),
            (r#"{"action":"job.run","actor":{"name":"Ada"}}"#, true),
            (r#"{"action":"job.run","actor":"u_1","x":1}"#, false),
            (
                r#"{"action":"tool.call","actor":{"id":"bot","type":"agent"},"on_behalf_of":{"id":"u_1","name":"Grace","grant":"g","via":[{"id":"planner","name":"Planner"},{"id":"u_1"},{"id":""},"x"]}}"#,
                true,
            ),
            (r#"{"action":"tool.call","actor":{"id":"bot"},"on_behalf_of":"u_1"}"#, true),
            (
                r#"{"action":"tool.call","actor":{"id":"bot"},"on_behalf_of":{"via":[{"id":"planner"}]}}"#,
                true,
            ),
            (
                r#"{"action":"a","target":{"id":"1","type":"job"},"metadata":{"targets":[{"id":"2","name":"Two"},[{"id":"3"}],{"name":"Four"}]}}"#,
                true,
            ),
            (r#"{"action":"a","target":{"id":"1","type":"job"},"metadata":{"targets":{"id":"2"}}}"#, true),
            (r#"{"action":"a","actor":"u_1","metadata":{"targets":[{"id":"2"}]}}"#, true),
            // Events of other products.
            (r#"{"action":"job.run","actor":{"id":"u_1","email":"u@example.com"},"x":1}"#, false),
            (r#"{"action":"job.run","actor":{"id":"u_1","email":"u@example.com"},"outcome":"denied"}"#, true),
            (r#"{"action":"job.run","actor":{"id":"u_1"},"timestamp":"2026-11-20T06:00:00Z"}"#, false),
            (r#"{"action":"job.run","actor":{"id":"u_1"},"timestamp":null}"#, true),
            (
                r#"{"action":"job.run","actor":{"id":"u_1"},"timestamp":7,"occurred_at":"2026-11-20T06:00:00Z"}"#,
                true,
            ),
            (
                r#"{"action":"job.run","actor":{"id":"u_1"},"targets":[],"occurred_at":"2026-11-20T06:00:00Z"}"#,
                false,
            ),
            (r#"{"action":"job.run","target":{"id":"1","type":"job"},"created":7}"#, false),
            (r#"{"action":"ekm_unenrolled","actor":{"type":"user","user":{"id":"W1"}},"context":{}}"#, false),
            (r#"{"action":7,"actor":{"id":"u_1"}}"#, false),
            (r#"["action"]"#, false),
        ] {
            assert_eq!(same(&parsers, event), is_ours, "{event}");
        }
    }

    /// Each of these fields alone marks an event of another product.
    #[test]
    fn rejects_events_with_fields_of_other_products() {
        let parsers = by_file();
        for name in FOREIGN_TIMES.into_iter().chain(FOREIGN) {
            for who in [r#""actor":{"id":"u_1"}"#, r#""target":{"id":"1","type":"job"}"#] {
                let event = |more: &str| format!(r#"{{"action":"job.run",{who}{more}}}"#);
                assert!(same(&parsers, &event("")));
                assert!(same(&parsers, &event(&format!(r#","{name}":null"#))));
                assert!(!same(&parsers, &event(&format!(r#","{name}":7"#))));
                let dated = event(&format!(r#","{name}":7,"occurred_at":"2026-11-20T06:00:00Z""#));
                assert_eq!(same(&parsers, &dated), FOREIGN_TIMES.contains(&name));
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_parser_file_on_any_event(members in proptest::collection::vec(
            (
                prop::sample::select(vec!["action", "actor", "target", "outcome", "reason", "occurred_at", "context", "on_behalf_of", "metadata", "x", "created", "crud"]),
                prop::sample::select(vec![
                    "null", "\"\"", "\"a\"", "7", "true", "[]", "[{\"id\":\"x\"}]", "\"denied\"", "\"2026-11-20T06:00:00Z\"",
                    r#"{"id":"u","ip":"[::1]:1"}"#, r#"{"id":"","name":"n"}"#, r#"{"id":"t","type":"job"}"#, r#"{"type":"x","ip":null}"#,
                    r#"{"session":"s","credential":"c"}"#,
                    r#"{"id":"v","targets":[{"id":"2","name":"n"},{"id":"2"},7],"via":[{"id":"w"},{"name":"x"}]}"#,
                    r#"{"id":"v","targets":{"id":"2"},"via":[[{"id":"w"}]]}"#,
                ]),
            ),
            0..7,
        )) {
            let members: std::collections::BTreeMap<_, _> = members.into_iter().collect();
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            same(&by_file(), &format!("{{{}}}", members.join(",")));
        }
    }
}
