//! Splits OpenTelemetry log exports (OTLP as JSON) into one export per record.
//!
//! A record means little without its resource and scope, so each keeps them, in the form that the parser
//! `OpenTelemetry` recognizes.

use std::ops::Range;

use countersign::canonical::{Part, TokenKind, Tokens};
use countersign_otlp::RESERVED_ATTRIBUTES;
use serde_json::Value;

/// The only member of an export of log records.
pub(crate) const LIST: &str = "resourceLogs";
/// The nested lists: each is in the elements of the one before it.
const LISTS: [&str; 3] = [LIST, "scopeLogs", "logRecords"];

/// True if an event in canonical form is an export or a record, in any form that the parser `OpenTelemetry` reads, in
/// which a resource or record has a reserved attribute.
pub fn has_reserved_attribute(event: &str) -> bool {
    // In canonical JSON, the name is never escaped. It may also occur in a string of the event.
    if !event.contains(RESERVED_ATTRIBUTES) {
        return false;
    }
    let Ok(export) = serde_json::from_str::<Value>(event) else { return false };
    let is_in_list = elements(&export[LIST]).any(|resource| {
        let mut records = elements(&resource["scopeLogs"]).flat_map(|scope| elements(&scope["logRecords"]));
        has_reserved(&resource["resource"]) || records.any(has_reserved)
    });
    // A record alone, with its resource.
    is_in_list
        || has_reserved(&export)
        || ["resource", "Resource"].iter().any(|name| has_reserved(&export[name]) || names(&export[name]))
}

/// True if a resource or record has a reserved attribute.
fn has_reserved(holder: &Value) -> bool {
    ["attributes", "Attributes"].iter().any(|member| {
        let attributes = &holder[member];
        names(attributes)
            || elements(attributes).any(|attribute| attribute["key"].as_str().is_some_and(is_reserved))
    })
}

/// True if an object of attributes has the name of a reserved one.
fn names(attributes: &Value) -> bool {
    attributes.as_object().is_some_and(|members| members.keys().any(|name| is_reserved(name)))
}

fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED_ATTRIBUTES)
}

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// An export of log records.
pub(crate) struct Export<'a> {
    text: &'a str,
    root: Holder,
}

/// An object with the next list.
struct Holder {
    at: Range<usize>,
    /// The position of the list, including brackets; empty for a record.
    list: Range<usize>,
    holds: Vec<Self>,
}

/// A record with its resource and scope, as a separate export.
pub(crate) struct Record {
    pub(crate) export: String,
    /// The offset of the record in the original text.
    pub(crate) begins: usize,
    /// The record's position in the lists: `resourceLogs[0].scopeLogs[0].logRecords[3]`.
    pub(crate) place: String,
}

impl<'a> Export<'a> {
    /// Parses an export; `None` for anything else. Every element must have the expected form, so that
    /// nothing is lost.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut reader = Reader { text, tokens: Tokens::new(text) };
        let first = reader.next()?;
        let root =
            if first.kind == TokenKind::Object { reader.object(first.start, &LISTS)? } else { return None };
        let before = text[root.at.start + 1..root.list.start].trim_ascii_start();
        let name = before.strip_prefix('"')?.strip_prefix(LIST)?.strip_prefix('"')?;
        let is_alone = name.trim_ascii() == ":" && text[root.list.end..root.at.end].trim_ascii_start() == "}";
        is_alone.then_some(Self { text, root })
    }

    /// Passes on each record, until `each` returns an error.
    pub(crate) fn records<E>(&self, mut each: impl FnMut(Record) -> Result<(), E>) -> Result<(), E> {
        self.within(&self.root, &LISTS, &Around::default(), &mut each)
    }

    fn within<E>(
        &self,
        holder: &Holder,
        lists: &[&str],
        around: &Around,
        each: &mut impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let Around { before, after, place } = around;
        let Some((list, deeper)) = lists.split_first() else {
            let export = [before.as_str(), &self.text[holder.at.clone()], after].concat();
            return each(Record { export, begins: holder.at.start, place: place.clone() });
        };
        let before = [before, &self.text[holder.at.start..holder.list.start], "["].concat();
        let after = ["]", &self.text[holder.list.end..holder.at.end], after].concat();
        let dot = if place.is_empty() { "" } else { "." };
        let mut around = Around { before, after, place: String::new() };
        for (nth, held) in holder.holds.iter().enumerate() {
            around.place = format!("{place}{dot}{list}[{nth}]");
            self.within(held, deeper, &around, each)?;
        }
        Ok(())
    }
}

/// The text around an element that is alone in its list, and the element's position.
#[derive(Default)]
struct Around {
    before: String,
    after: String,
    place: String,
}

struct Reader<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Part> {
        self.tokens.next_part()?
    }

    /// Parses the rest of an object, which must contain the first of the lists, if there is one.
    fn object(&mut self, start: usize, lists: &[&str]) -> Option<Holder> {
        let mut found = None;
        loop {
            let name = self.next()?;
            if name.kind == TokenKind::End {
                let (list, holds) = if lists.is_empty() { (0..0, Vec::new()) } else { found? };
                return Some(Holder { at: start..name.end, list, holds });
            }
            let value = self.next()?;
            match lists.split_first() {
                Some((list, deeper)) if self.text[name.start..name.end] == **list => {
                    if value.kind != TokenKind::Array || found.is_some() {
                        return None;
                    }
                    found = Some(self.list(value.start, deeper)?);
                }
                _ => self.skip(value)?,
            }
        }
    }

    /// Parses the rest of a list, which may contain only objects.
    fn list(&mut self, start: usize, lists: &[&str]) -> Option<(Range<usize>, Vec<Holder>)> {
        let mut holds = Vec::new();
        loop {
            let part = self.next()?;
            match part.kind {
                TokenKind::End => return Some((start..part.end, holds)),
                TokenKind::Object => holds.push(self.object(part.start, lists)?),
                _ => return None,
            }
        }
    }

    /// Skips the rest of a value.
    fn skip(&mut self, first: Part) -> Option<()> {
        let mut part = first;
        let mut depth = 0_u32;
        loop {
            match part.kind {
                TokenKind::Object | TokenKind::Array => depth += 1,
                TokenKind::End => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(());
            }
            part = self.next()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Option<Vec<(String, usize, String)>> {
        let mut found = Vec::new();
        let each = |Record { export, begins, place }: Record| {
            found.push((export, begins, place));
            Ok::<_, ()>(())
        };
        Export::parse(text)?.records(each).ok()?;
        Some(found)
    }

    #[test]
    fn records_keep_their_resource_and_scope() {
        let text = r#"{ "resourceLogs" : [
            {"resource":{"r":1},"scopeLogs":[{"scope":{"logRecords":[]},"logRecords":[{"a":[1]},{"a":"]}"}],"schemaUrl":"s"},{"logRecords":[]}]},
            {"scopeLogs":[{"logRecords":[{}]}],"resource":{"r":2}}
        ] }"#;
        let found = records(text).unwrap();
        let squeezed: Vec<String> = found
            .iter()
            .map(|(export, begins, place)| {
                assert!(text[*begins..].starts_with('{'));
                format!("{place} {}", export.replace(['\n', ' '], ""))
            })
            .collect();
        assert_eq!(
            squeezed,
            [
                r#"resourceLogs[0].scopeLogs[0].logRecords[0] {"resourceLogs":[{"resource":{"r":1},"scopeLogs":[{"scope":{"logRecords":[]},"logRecords":[{"a":[1]}],"schemaUrl":"s"}]}]}"#,
                r#"resourceLogs[0].scopeLogs[0].logRecords[1] {"resourceLogs":[{"resource":{"r":1},"scopeLogs":[{"scope":{"logRecords":[]},"logRecords":[{"a":"]}"}],"schemaUrl":"s"}]}]}"#,
                r#"resourceLogs[1].scopeLogs[0].logRecords[0] {"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}],"resource":{"r":2}}]}"#,
            ]
        );
        assert_eq!(records(r#"{"resourceLogs":[]}"#), Some(Vec::new()));
    }

    #[test]
    fn reserved_attributes_are_found_in_resources_and_records_only() {
        let export = |resource: &str, body: &str, record: &str| {
            format!(
                r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"{resource}"}}]}},"scopeLogs":[{{"logRecords":[{{}},{{"attributes":[{{"key":"{record}"}}],"body":{{"stringValue":"{body}"}}}}]}}]}}]}}"#
            )
        };
        let name = "countersign.integrity.verified_with";
        assert!(has_reserved_attribute(&export(name, "", "")));
        assert!(has_reserved_attribute(&export("", "", name)));
        // Not an attribute of this record, but for example of one that its body quotes.
        assert!(!has_reserved_attribute(&export("", &export("", "", name).replace('"', "\\\""), "")));
        // A record alone, in each form that the parser reads.
        for record in [
            format!(r#"{{"attributes":[{{"key":"{name}"}}]}}"#),
            format!(r#"{{"attributes":{{"{name}":1}}}}"#),
            format!(r#"{{"Attributes":{{"{name}":1}}}}"#),
            format!(r#"{{"Resource":{{"{name}":1}}}}"#),
            format!(r#"{{"resource":{{"attributes":{{"{name}":1}}}}}}"#),
        ] {
            assert!(has_reserved_attribute(&record), "{record}");
        }
        assert!(!has_reserved_attribute(&format!(r#"{{"metadata":{{"{name}":1}}}}"#)));
        assert!(!has_reserved_attribute(&export("countersign.integrity", "", "audit.integrity.value")));
    }

    #[test]
    fn anything_else_is_rejected_whole() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"resourceLogs":[1]}"#,
            r#"{"resourceLogs":{}}"#,
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[1]}]}]}"#,
            r#"{"resourceLogs":[{"scopeLogs":[]}],"action":"x"}"#,
            r#"{"action":"x","resourceLogs":[{"scopeLogs":[]}]}"#,
            // The format before OTLP 0.15.
            r#"{"resourceLogs":[{"instrumentationLibraryLogs":[{"logs":[{}]}]}]}"#,
            r#"{"resourceLogs":[{"scopeLogs":[],"scopeLogs":[]}]}"#,
            r#"{"resourceLogs":[{"scopeLogs":[]}"#,
        ] {
            assert_eq!(records(text), None, "{text}");
        }
    }
}
