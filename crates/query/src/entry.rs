//! An entry, as queries, rules, and baselines examine it.

use countersign::time::Time;

use crate::envelope::Root;
use crate::moment::Moment;
use crate::parser::{Path, Read};
use crate::value::{Document, Kind, Value};

/// An entry of a log: its event with the known facts about it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The signed event. `None` if it is withheld or erased, or if only the link is known.
    pub event: Option<Value<'a>>,
    /// The values at which paths start, if a parser found the event in an envelope: from the event outward. Empty if the
    /// record is the event itself. [`Entry::within`] fills it in.
    pub roots: &'a [Root<'a>],
    /// The fields that a parser extracted from the event.
    pub read: Option<&'a Read<'a>>,
    /// The time of recording, from the link.
    pub recorded: Time,
    /// The chain's identifier, 32 hex digits.
    pub chain: &'a str,
    /// The name of the key that signs the chain.
    pub signer: Option<&'a str>,
}

impl Entry<'_> {
    /// Creates an entry with nothing but its time of recording.
    pub const fn recorded(time: Time) -> Self {
        Self { event: None, roots: &[], read: None, recorded: time, chain: "", signer: None }
    }

    /// Returns the event's time, and true if the event itself states it: the parsed time, else the field
    /// `occurred_at`, else the time of recording.
    pub fn time(&self) -> (Time, bool) {
        let own = match self.read {
            Some(read) => read.time,
            None => self
                .event
                .and_then(|event| event.get("occurred_at")?.string())
                .and_then(|text| Moment::parse(&text))
                .map(|moment| moment.begin),
        };
        own.map_or((self.recorded, false), |own| (own, true))
    }

    /// True if the event states a time that can't be understood, so that it counts by the time of recording.
    pub fn has_unclear_time(&self) -> bool {
        if let Some(read) = self.read {
            return read.is_time_unclear;
        }
        let stated = self.event.and_then(|event| event.get("occurred_at"));
        stated.is_some_and(Value::is_stated) && !self.time().1
    }
}

impl<'a> Entry<'a> {
    /// Calls `look` with this entry. If the parser found the event in an envelope, [`Entry::roots`] is filled in.
    pub fn within<T>(&self, look: impl FnOnce(&Entry<'_>) -> T) -> T {
        let envelope = self.read.filter(|_| self.roots.is_empty()).and_then(|read| read.envelope.as_ref());
        let Some((record, envelope)) = self.event.zip(envelope) else { return look(self) };
        let path = Path::of_file(&envelope.path);
        let Some(inner) = path.as_ref().map_or(Some(record), |path| path.first(record)) else {
            return look(self);
        };
        let text = inner.string().unwrap_or_default();
        let document = if inner.kind() == Kind::Text { Document::parse(&text) } else { None };
        let value = document.as_ref().map_or(inner, Document::root);
        let mut roots = vec![Root { value, place: &envelope.place }];
        let outer = path.map_or_else(|| vec![record], |path| path.ancestors(record));
        roots.extend(outer.into_iter().rev().map(|value| Root { value, place: "" }));
        look(&Entry { roots: &roots, ..*self })
    }

    /// Returns the value at a dot-separated path through objects, in the innermost root that has the path's first name.
    pub fn at(&self, path: &str) -> Option<Value<'a>> {
        if self.roots.is_empty() {
            return self.event?.at(path);
        }
        let first = path.split('.').next().unwrap_or(path);
        let root = self.roots.iter().find(|root| root.has(first))?;
        root.value.at(root.rest(path)?)
    }

    /// True if `test` passes for any root, given the names of the path that remain below it.
    pub(crate) fn any_root(
        &self,
        names: &[String],
        test: &mut dyn FnMut(Value<'a>, &[String]) -> bool,
    ) -> bool {
        if self.roots.is_empty() {
            return self.event.is_some_and(|event| test(event, names));
        }
        self.roots.iter().any(|root| {
            let mut rest = names;
            for name in root.place.split('.').filter(|name| !name.is_empty()) {
                match rest {
                    [first, after @ ..] if first == name => rest = after,
                    _ => return false,
                }
            }
            test(root.value, rest)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::condition::Condition;
    use crate::field::{Field, Path as Names};
    use crate::matcher::{Matcher, Pattern};
    use crate::parser::{Parsers, Parts};

    const CALL: &str = r#"{"eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventVersion":"1.08","awsRegion":"eu-west-1","userIdentity":{"type":"IAMUser","userName":"ada"}}"#;
    const AUDIT: &str = r#"{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"storage.buckets.delete","serviceName":"storage.googleapis.com"}"#;

    fn with_entry<T>(text: &str, look: impl FnOnce(&Entry<'_>) -> T) -> T {
        let parsers = Parsers::built_in();
        let document = Document::parse(text).unwrap();
        let event = document.root();
        let read = parsers.parse_parts(&event, Parts::ACTION);
        let recorded = Time::from_millis(0).unwrap();
        Entry { event: Some(event), read: read.as_ref(), ..Entry::recorded(recorded) }.within(look)
    }

    fn text_at(record: &str, path: &str) -> Option<String> {
        with_entry(record, |entry| entry.at(path)?.text().map(Cow::into_owned))
    }

    #[test]
    fn paths_start_where_the_parser_found_the_event() {
        let quoted = format!("{CALL:?}");
        for record in [
            CALL.to_owned(),
            format!(r#"{{"detail":{CALL},"account":"1","id":"e"}}"#),
            format!(r#"{{"@message":{quoted},"account":"1"}}"#),
            format!(r#"{{"data":{{"aws":{CALL},"integration":"aws"}},"account":"1"}}"#),
        ] {
            assert_eq!(text_at(&record, "eventName").as_deref(), Some("StopLogging"), "{record}");
            assert_eq!(text_at(&record, "userIdentity.userName").as_deref(), Some("ada"), "{record}");
            let is_enveloped = record != CALL;
            assert_eq!(text_at(&record, "account").is_some(), is_enveloped, "{record}");
        }
    }

    #[test]
    fn a_field_of_the_event_hides_one_of_its_envelope() {
        let record = format!(r#"{{"detail":{CALL},"awsRegion":"outer","userIdentity":{{"arn":"outer"}}}}"#);
        assert_eq!(text_at(&record, "awsRegion").as_deref(), Some("eu-west-1"));
        assert_eq!(text_at(&record, "userIdentity.arn"), None);
    }

    #[test]
    fn looks_up_fields_in_objects_between_event_and_record() {
        let record = format!(r#"{{"data":{{"aws":{CALL},"integration":"aws"}},"id":7}}"#);
        assert_eq!(text_at(&record, "integration").as_deref(), Some("aws"));
        assert_eq!(text_at(&record, "id").as_deref(), Some("7"));
        assert_eq!(text_at(&record, "data.integration").as_deref(), Some("aws"));
    }

    #[test]
    fn finds_an_event_at_its_source_s_usual_place() {
        let plain = format!(r#"{{"protoPayload":{AUDIT},"resource":{{"type":"gcs_bucket"}}}}"#);
        for record in [
            plain.clone(),
            format!(r#"{{"data":{plain}}}"#),
            format!(r#"{{"data":{{"gcp":{plain}}}}}"#),
            format!(r#"{{"protopayload_auditlog":{AUDIT},"resource":{{"type":"gcs_bucket"}}}}"#),
            AUDIT.to_owned(),
        ] {
            let method = text_at(&record, "protoPayload.methodName");
            assert_eq!(method.as_deref(), Some("storage.buckets.delete"), "{record}");
            let kind = text_at(&record, "resource.type");
            assert_eq!(kind.is_some(), record != AUDIT, "{record}");
        }
    }

    #[test]
    fn queries_find_fields_of_the_event_and_of_its_envelope() {
        let record = format!(r#"{{"detail":{CALL},"account":"1"}}"#);
        for (path, value, expected) in [
            ("eventName", "StopLogging", true),
            ("detail.eventName", "StopLogging", true),
            ("account", "1", true),
            ("account", "2", false),
        ] {
            let field = Field::Member(Names::dotted(path));
            let is = Condition::Is { field, values: vec![Matcher::Text(Pattern::exactly(value))] };
            assert_eq!(with_entry(&record, |entry| is.holds(entry)), expected, "{path}");
        }
    }
}
