//! Drafts a parser from example events: guesses each fact by the names and values of fields.

mod field;
mod words;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use countersign_query::Parsers;
use countersign_query::parser::{PromisedFact, PromisedFacts};
use countersign_query::value::{Document, Kind, Value};
use serde_json::{Map, Value as Json, json};

use field::{Field, fields};

/// The maximum number of fields that a drafted condition requires.
const MAX_REQUIRED: usize = 4;
/// The maximum number of characters of an action.
const MAX_ACTION_CHARS: usize = 100;

/// A drafted parser file.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) json: String,
}

/// Drafts a parser that parses all these events. Returns `None` if they have no field in common to recognize them by.
pub(super) fn draft(name: &str, events: &[Value<'_>]) -> Option<Draft> {
    let fields = fields(events);
    let action = guess_action(&fields);
    let time = guess_time(&fields);
    let actor = guess_party(&fields, &words::ACTORS);
    let target = guess_party(&fields, &words::TARGETS);
    let used = action.into_iter().chain(time.map(|(field, _)| field));
    let used = used.chain(actor.iter().chain(&target).filter_map(|party| party.id));
    let when = guess_condition(&fields, used, events.len())?;
    let mut parser = Map::new();
    parser.insert("as".into(), json!(name));
    parser.insert(
        "doc".into(),
        json!("A draft: check each guess, and write down where the source documents its events."),
    );
    parser.insert("when".into(), when);
    if let Some((field, unit)) = time {
        let mut source = source(field, "its name and values look like the time of the event");
        if let (Some(unit), Some(object)) = (unit, source.as_object_mut()) {
            object.insert("unit".into(), json!(unit));
        }
        parser.insert("time".into(), source);
    }
    parser.insert(
        "action".into(),
        action.map_or_else(
            || json!({"value": format!("={name}"), "doc": "guessed: no field looks like an action, so all events have this one"}),
            |field| source(field, "its name and values look like an action"),
        ),
    );
    for (member, party) in [("actor", actor), ("target", target)] {
        if let Some(party) = party {
            parser.insert(member.into(), party.json(member));
        }
    }
    if let Some(field) = guess_address(&fields) {
        parser.insert("address".into(), source(field, "its name and values look like an IP address"));
    }
    if let Some((field, map)) = guess_outcome(&fields) {
        let mut source =
            source(field, "only values that were seen, and whose meaning is clear, are in the map");
        if let Some(object) = source.as_object_mut() {
            object.insert("map".into(), json!(map));
        }
        parser.insert("outcome".into(), source);
    }
    if let Some(field) = find(&fields, &words::REASONS, field::Field::is_text) {
        parser.insert("reason".into(), source(field, "its name looks like a reason"));
    }
    let facts = common_facts(&Json::Object(parser.clone()).to_string(), events)?;
    if !facts.is_empty() {
        let promise = json!({"facts": facts, "doc": "guessed: every example has these facts"});
        parser.insert("promises".into(), promise);
    }
    let doc = "guessed: the names of actions follow conventions, such as user.create and session.login";
    parser.insert("category".into(), json!([{"of": "countersign", "doc": doc}]));
    let json = serde_json::to_string_pretty(&Json::Object(parser)).ok()? + "\n";
    Some(Draft { json })
}

/// Returns the facts that this parser finds in all these events, and can promise. `None` if it doesn't parse all of
/// them.
fn common_facts(json: &str, events: &[Value<'_>]) -> Option<Vec<&'static str>> {
    let parsers = Parsers::default().with([("draft", json)]).ok()?;
    let mut common = PromisedFacts::all();
    for event in events {
        common = common.intersection(PromisedFacts::found_in(&parsers.parse(event)?));
    }
    Some(common.iter().filter(|fact| *fact != PromisedFact::Kind).map(PromisedFact::as_str).collect())
}

fn source(field: &Field<'_>, why: &str) -> Json {
    json!({"value": field.path, "doc": format!("guessed: {why}")})
}

/// Returns the field with the earliest of these names whose values pass the test.
fn find<'f, 'v>(
    fields: &'f [Field<'v>],
    names: &[&str],
    test: impl Fn(&Field<'v>) -> bool,
) -> Option<&'f Field<'v>> {
    names.iter().find_map(|name| fields.iter().find(|field| field.is_called(name) && test(field)))
}

fn guess_action<'f, 'v>(fields: &'f [Field<'v>]) -> Option<&'f Field<'v>> {
    find(fields, &words::ACTIONS, |field| {
        field.is_text() && field.texts().all(|text| text.chars().count() <= MAX_ACTION_CHARS)
    })
}

/// Returns the field with the time, and the unit of a number.
fn guess_time<'f, 'v>(fields: &'f [Field<'v>]) -> Option<(&'f Field<'v>, Option<&'static str>)> {
    let unit = |field: &Field<'v>| {
        [None, Some("s"), Some("ms"), Some("us"), Some("ns")]
            .into_iter()
            .find(|unit| field.values.iter().all(|value| is_time(*value, *unit)))
    };
    let field = find(fields, &words::TIMES, |field| unit(field).is_some())?;
    Some((field, unit(field)?))
}

/// True if a parser reads this value as a time, with numbers in this very unit.
fn is_time(value: Value<'_>, unit: Option<&str>) -> bool {
    let Some(text) = value.text() else { return false };
    if let (Some(unit), Some(whole)) = (unit, text.split('.').next()) {
        let digits = match unit {
            "s" => 10,
            "ms" => 13,
            "us" => 16,
            _ => 19,
        };
        return whole.len() == digits && whole.bytes().all(|byte| byte.is_ascii_digit());
    }
    let parser = r#"{"as": "x", "when": {"at": {"there": true}}, "time": "at", "action": "=x"}"#;
    let event = json!({ "at": text }).to_string();
    let parsers = Parsers::default().with([("time", parser)]);
    let document = Document::parse(&event);
    parsers.is_ok_and(|parsers| {
        document
            .is_some_and(|document| parsers.parse(&document.root()).is_some_and(|read| read.time.is_some()))
    })
}

fn guess_address<'f, 'v>(fields: &'f [Field<'v>]) -> Option<&'f Field<'v>> {
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok();
    find(fields, &words::ADDRESSES, |field| field.is_text() && field.texts().all(|text| is_address(&text)))
}

/// Returns the field with the outcome, and the meanings of its values that were seen.
fn guess_outcome<'f, 'v>(fields: &'f [Field<'v>]) -> Option<(&'f Field<'v>, BTreeMap<String, &'static str>)> {
    let meanings = |field: &Field<'v>| -> BTreeMap<String, &'static str> {
        let known = |text: &str| words::outcome(text).map(|outcome| (text.to_owned(), outcome));
        field.texts().filter_map(|text| known(&text)).collect()
    };
    let field = find(fields, &words::OUTCOMES, |field| !meanings(field).is_empty())?;
    Some((field, meanings(field)))
}

/// The fields that may describe an actor or a target.
struct PartyGuess<'f, 'v> {
    id: Option<&'f Field<'v>>,
    name: Option<&'f Field<'v>>,
    kind: Option<&'f Field<'v>>,
}

impl PartyGuess<'_, '_> {
    fn json(&self, member: &str) -> Json {
        let mut party = Map::new();
        for (name, field) in [("id", self.id), ("name", self.name)] {
            if let Some(field) = field {
                party.insert(name.into(), json!(field.path));
            }
        }
        if let Some(field) = self.kind.filter(|_| member == "target") {
            party.insert("type".into(), json!(field.path));
        }
        party.insert(
            "doc".into(),
            json!(format!("guessed: the names of these fields look like the {member}")),
        );
        Json::Object(party)
    }
}

/// Guesses the fields of a party by the earliest of these words that has an identifier or a name.
fn guess_party<'f, 'v>(fields: &'f [Field<'v>], words: &[&str]) -> Option<PartyGuess<'f, 'v>> {
    words.iter().find_map(|word| {
        let find = |rests: &[&str]| {
            rests.iter().find_map(|rest| {
                fields
                    .iter()
                    .find(|field| field.is_scalar() && field.rest_after(word).as_deref() == Some(*rest))
            })
        };
        let (id, name) = (find(&words::IDS), find(&words::NAMES));
        let is_same = |name: &&Field<'_>| id.is_none_or(|id| id.path != name.path);
        (id.is_some() || name.is_some()).then(|| PartyGuess {
            id: id.or(name),
            name: name.filter(is_same).filter(|_| id.is_some()),
            kind: find(&["type", "kind"]),
        })
    })
}

/// Guesses a condition that all events meet: fields that all of them have, those of the facts first.
fn guess_condition<'f, 'v: 'f>(
    fields: &'f [Field<'v>],
    used: impl Iterator<Item = &'f Field<'v>>,
    events: usize,
) -> Option<Json> {
    let is_required = |field: &&Field<'_>| {
        field.values.len() == events && !field.path.contains("[]") && field.type_name().is_some()
    };
    let constant =
        |field: &&Field<'_>| is_required(field) && words::CONSTANTS.iter().any(|name| field.is_called(name));
    let mut when = Map::new();
    let constants = fields.iter().filter(constant);
    for field in constants.chain(used.filter(is_required)).chain(fields.iter().filter(is_required)) {
        if when.len() == MAX_REQUIRED {
            break;
        }
        let test = match field.single_text().filter(|_| constant(&field)) {
            Some(text) => json!(text),
            None => json!({"type": field.type_name()?}),
        };
        when.entry(field.path.clone()).or_insert(test);
    }
    (!when.is_empty()).then_some(Json::Object(when))
}

/// Returns the type as a parser file has it.
const fn type_name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => Some("string"),
        Kind::Number => Some("number"),
        Kind::Bool => Some("boolean"),
        Kind::Object | Kind::Array | Kind::Null => None,
    }
}
