//! The reading of our own shape alone, for whoever has events of no other: `readings/countersign.json` in code, without
//! what reads readings.

use std::borrow::Cow;

use super::address::bare;
use super::when::date;
use super::{Outcome, Party, Read};
use crate::value::{Kind, Value};

/// Members besides which an event has none whose actor is not told, in the order in which canonical JSON has them.
const ONLY: [&str; 13] = [
    "action",
    "actor",
    "after",
    "before",
    "context",
    "countersign",
    "http",
    "metadata",
    "occurred_at",
    "outcome",
    "reason",
    "target",
    "tenant",
];

/// What an event of our own shape says (SPEC section 12); `None` of one of another.
pub fn read_own<'a>(event: &Value<'a>) -> Option<Read<'a>> {
    // Of other shapes few have an action: it is asked for before all else.
    if event.get("action")?.kind() != Kind::Text {
        return None;
    }
    // One walk finds what is at its top.
    let mut found = [None; ONLY.len()];
    let (mut is_known, mut next) = (true, 0);
    for (name, value) in event.members() {
        let name = name.text();
        // What comes after the last one is looked at first.
        match (next..ONLY.len()).chain(0..next).find(|nth| ONLY[*nth] == name) {
            Some(nth) => {
                // Of a member that is there twice the first counts.
                found[nth] = found[nth].or(Some(value));
                next = nth + 1;
            }
            None => is_known = false,
        }
    }
    let [action, actor, _, _, context, _, _, _, occurred_at, outcome, reason, target, _] = found;
    let is_text = |value: Option<Value<'a>>| value.is_some_and(|value| value.kind() == Kind::Text);
    let within =
        |party: Option<Value<'a>>| party.map_or([None; 3], |party| party.several(["id", "name", "type"]));
    let (of_actor, of_target) = (within(actor), within(target));
    let [target_id, _, target_kind] = of_target;
    let is_ours = is_text(of_actor[0])
        || actor.is_none_or(|actor| actor.kind() == Kind::Null) && is_text(target_id) && is_text(target_kind)
        || is_known;
    if !is_ours {
        return None;
    }
    let said = |value: Option<Value<'a>>| value?.said();
    let party =
        |party: Option<Value<'a>>, [id, name, kind]: [Option<Value<'a>>; 3], usual: Option<&'static str>| {
            let (id, name) = (said(id).or_else(|| said(party)), said(name));
            if id.is_none() && name.is_none() {
                return None;
            }
            Some(Party { id, name, kind: said(kind).or(usual.map(Cow::Borrowed)), also: Vec::new() })
        };
    Some(Read {
        read_as: Cow::Borrowed("countersign"),
        time: said(occurred_at).and_then(|text| date(&text, false)),
        action: said(action),
        also: Vec::new(),
        actor: party(actor, of_actor, Some("user")).unwrap_or_default(),
        target: party(target, of_target, None).unwrap_or_default(),
        address: said(context.and_then(|context| context.get("ip"))).map(bare),
        outcome: said(outcome).and_then(|word| Outcome::stated(&word)).unwrap_or_default(),
        reason: said(reason),
        envelope: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reading::Readings;
    use crate::value::Document;

    fn by_file() -> Readings {
        let file = ("countersign.json", include_str!("../../readings/countersign.json"));
        Readings::default().with([file]).unwrap()
    }

    fn same(readings: &Readings, event: &str) -> bool {
        let document = Document::parse(event).unwrap();
        let root = document.root();
        assert_eq!(read_own(&root), readings.read(&root), "{event}");
        read_own(&root).is_some()
    }

    #[test]
    fn reads_what_the_file_reads() {
        let readings = by_file();
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
            (r#"{"action":7,"actor":{"id":"u_1"}}"#, false),
            (r#"["action"]"#, false),
        ] {
            assert_eq!(same(&readings, event), is_ours, "{event}");
        }
    }

    proptest! {
        #[test]
        fn reads_any_event_as_the_file_does(members in proptest::collection::vec(
            (
                prop::sample::select(vec!["action", "actor", "target", "outcome", "reason", "occurred_at", "context", "x"]),
                prop::sample::select(vec![
                    "null", "\"\"", "\"a\"", "7", "true", "[]", "[{\"id\":\"x\"}]", "\"denied\"", "\"2026-11-20T06:00:00Z\"",
                    r#"{"id":"u","ip":"[::1]:1"}"#, r#"{"id":"","name":"n"}"#, r#"{"id":"t","type":"job"}"#, r#"{"type":"x","ip":null}"#,
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
