//! Completions for a query being typed.

use countersign_query::matcher::{Pattern, fold};
use countersign_query::{Field, Query};

use crate::answer_json::{field_of, units};
use crate::edit::short_names;
use crate::facets::COUNTED;
use crate::index::EventIndex;
use crate::json::Json;
use crate::question::Question;

/// Maximum number of suggestions, and of fields if values are suggested too.
const MAX_SUGGESTIONS: usize = 12;
const MAX_FIELDS: usize = 8;
/// Conditions whose value is a time, or a field.
const TIME_CONDITIONS: [&str; 6] = ["since", "until", "time", "recorded-since", "recorded-until", "recorded"];
const FIELD_CONDITIONS: [&str; 2] = ["has", "changed"];
const TIMES: [&str; 4] = ["-1h", "-24h", "-7d", "-30d"];
/// Longer input has no suggestions, in bytes.
const MAX_INPUT_BYTES: usize = 256;

/// The token being typed.
struct Draft<'t> {
    /// Byte range in the text.
    at: usize,
    end: usize,
    /// The part of the token to keep.
    before: &'t str,
    field: Option<&'t str>,
    /// The input to complete, without quotes.
    typed: String,
    /// The minus sign, if the token is negated.
    not: &'t str,
}

struct Suggestion {
    kind: &'static str,
    label: String,
    about: Option<String>,
    count: Option<u64>,
    text: String,
}

fn draft(text: &str, caret: usize) -> Draft<'_> {
    let (mut at, mut end) = (caret, text.len());
    let (mut quoted, mut escaped) = (false, false);
    let mut begin = 0;
    let mut operator = None;
    let mut comma = None;
    for (place, char) in text.char_indices() {
        let parts = !quoted && (char.is_whitespace() || matches!(char, '(' | ')'));
        if place >= caret {
            if parts {
                end = place;
                break;
            }
        } else if parts {
            begin = place + char.len_utf8();
            (operator, comma) = (None, None);
        } else if !quoted && matches!(char, ':' | '=' | '<' | '>') && (operator.is_none_or(|at| at == place))
        {
            operator = Some(place + 1);
        } else if !quoted && char == ',' {
            comma = Some(place + 1);
        }
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    at = at.min(begin);
    let token = &text[at..caret];
    let not = if token.starts_with('-') { "-" } else { "" };
    let Some(operator) = operator else {
        return Draft { at, end, before: not, field: None, typed: plain(&token[not.len()..]), not };
    };
    let value = comma.unwrap_or(operator).max(operator);
    let name = text[at + not.len()..operator].trim_end_matches([':', '=', '<', '>']);
    Draft { at, end, before: &text[at..value], field: Some(name), typed: plain(&text[value..caret]), not }
}

/// Removes the quotes.
fn plain(typed: &str) -> String {
    typed.chars().filter(|char| *char != '"').collect()
}

impl EventIndex {
    /// Returns suggestions at the caret as JSON; positions are in UTF-16 units. Values come from events whose
    /// columns match the rest of the query: the token being typed may already be part of the query.
    pub fn suggest_json(&mut self, text: &str, caret: usize) -> String {
        let caret = bytes(text, caret);
        let draft = draft(text, caret);
        self.ask_rest(text, &draft);
        let mut found: Vec<Suggestion> = Vec::new();
        if draft.typed.len() <= MAX_INPUT_BYTES {
            match draft.field {
                None => {
                    self.fields_like(&draft.typed, draft.not, ":", &mut found);
                    if !draft.typed.is_empty() {
                        found.truncate(MAX_FIELDS);
                        self.any_values(&draft, &mut found);
                    }
                }
                Some(name) if FIELD_CONDITIONS.contains(&name) => {
                    self.fields_like(&draft.typed, draft.before, "", &mut found);
                }
                Some(name) if TIME_CONDITIONS.contains(&name) => {
                    let likely = TIMES.iter().filter(|time| time.starts_with(&*draft.typed));
                    found.extend(likely.map(|time| Suggestion {
                        kind: "value",
                        label: (*time).into(),
                        about: Some(name.into()),
                        count: None,
                        text: format!("{}{time}", draft.before),
                    }));
                }
                Some(name) => self.values_of(name, &draft, &mut found),
            }
        }
        found.truncate(MAX_SUGGESTIONS);
        let mut json = Json::default();
        json.open("[");
        for Suggestion { kind, label, about, count, text: written } in &found {
            json.open("{").name("kind").text(kind).name("label").clipped(label, false);
            if let Some(about) = about {
                json.name("about").text(about);
            }
            if let Some(count) = count {
                json.name("count").number(*count as i64);
            }
            let at = units(text, draft.at);
            json.name("text").text(written).name("at").number(at).name("end").number(units(text, draft.end));
            json.name("caret").number(at + units(written, written.len())).raw("}");
        }
        json.raw("]");
        json.finish()
    }

    /// Evaluates the query without the token being typed.
    fn ask_rest(&mut self, text: &str, draft: &Draft<'_>) {
        let rest = format!("{}{}", &text[..draft.at], &text[draft.end..]);
        let Some(asked) = &self.question else { return };
        let rest = Query::parse(&rest, self.asked_at).ok().filter(|rest| *rest != asked.query);
        let Some(rest) = rest else {
            self.rest = None;
            return;
        };
        let before = self.rest.take().filter(|before| before.query == rest);
        let mut question = before.unwrap_or_else(|| Question::new(rest, asked.order));
        self.evaluate_all(&mut question);
        self.rest = Some(question);
    }

    /// Returns the query whose events supply suggested values.
    fn suggested_of(&self) -> Option<&Question> {
        self.rest.as_ref().or(self.question.as_ref())
    }

    /// Adds fields that start with the input, then those with a component that does.
    fn fields_like(&self, typed: &str, before: &str, after: &str, found: &mut Vec<Suggestion>) {
        let typed = fold(typed).into_owned();
        let own = short_names()
            .chain(FIELD_CONDITIONS)
            .chain(TIME_CONDITIONS)
            .filter(|_| after == ":")
            .chain(short_names().filter(|_| after.is_empty()));
        for name in own.filter(|name| name.starts_with(&*typed)) {
            found.push(Suggestion {
                kind: "field",
                label: name.into(),
                about: None,
                count: None,
                text: format!("{before}{name}{after}"),
            });
        }
        let mut paths: Vec<(bool, core::cmp::Reverse<u64>, &String)> = self
            .fields
            .iter()
            .filter_map(|(path, count)| {
                let folded = fold(path);
                let begins = folded.starts_with(&*typed);
                let within = || !typed.is_empty() && folded.split('.').any(|name| name.starts_with(&*typed));
                (begins || within()).then_some((!begins, core::cmp::Reverse(*count), path))
            })
            .collect();
        paths.sort_unstable();
        for (_, core::cmp::Reverse(count), path) in paths.into_iter().take(MAX_SUGGESTIONS) {
            found.push(Suggestion {
                kind: "field",
                label: path.clone(),
                about: None,
                count: Some(count),
                text: format!("{before}{path}{after}"),
            });
        }
    }

    /// Adds values of all counted fields; those that start with the input come first.
    fn any_values(&self, draft: &Draft<'_>, found: &mut Vec<Suggestion>) {
        let mut values = Vec::new();
        for (nth, short) in COUNTED.iter().enumerate() {
            for (value, count) in self.counted_like(nth, &draft.typed) {
                let begins = Pattern::starts_with(&draft.typed).matches(&value);
                values.push((!begins, core::cmp::Reverse(count), *short, value));
            }
        }
        values.sort_unstable();
        for (_, core::cmp::Reverse(count), field, value) in values.into_iter().take(MAX_SUGGESTIONS) {
            let name = field.as_str();
            let text = format!("{}{name}:{}", draft.not, Field::Short(field).written(&value));
            let about = Some(name.into());
            found.push(Suggestion { kind: "value", label: value, about, count: Some(count), text });
        }
    }

    fn values_of(&self, name: &str, draft: &Draft<'_>, found: &mut Vec<Suggestion>) {
        let Some(field) = field_of(name) else { return };
        let values: Vec<(String, u64)> = match &field {
            Field::Short(short) => COUNTED
                .iter()
                .position(|counted| counted == short)
                .map_or_else(Vec::new, |nth| self.counted_like(nth, &draft.typed)),
            Field::Member(_) => {
                let counted = self
                    .suggested_of()
                    .and_then(|question| self.count_values(question, &field, &draft.typed))
                    .unwrap_or_default();
                let values = counted.sorted(&draft.typed).into_iter().take(MAX_SUGGESTIONS);
                values.map(|(value, count)| (value.to_owned(), count)).collect()
            }
        };
        for (value, count) in values.into_iter().take(MAX_SUGGESTIONS) {
            let text = format!("{}{}", draft.before, field.written(&value));
            let about = Some(name.to_owned());
            found.push(Suggestion { kind: "value", label: value, about, count: Some(count), text });
        }
    }

    fn counted_like(&self, nth: usize, text: &str) -> Vec<(String, u64)> {
        let known = &self.known[nth];
        let pattern = Pattern::contains(text);
        let begins = Pattern::starts_with(text);
        let Some(question) = self.suggested_of() else { return Vec::new() };
        let value = |number: u32| known.get(number).map(|(value, _)| value);
        let counts = self.counts(question, nth);
        let (mut found, ..) =
            counts.most(MAX_SUGGESTIONS, |number| value(number).is_some_and(|value| begins.matches(value)));
        let (others, ..) = counts.most(MAX_SUGGESTIONS, |number| {
            value(number).is_some_and(|value| pattern.matches(value) && !begins.matches(value))
        });
        found.extend(others);
        let found = found
            .into_iter()
            .filter_map(|(number, count)| Some((value(number)?.to_owned(), u64::from(count))));
        found.collect()
    }
}

/// Converts a position in UTF-16 units to bytes.
fn bytes(text: &str, units: usize) -> usize {
    let mut left = units;
    for (at, char) in text.char_indices() {
        if left < char.len_utf16() {
            return at;
        }
        left -= char.len_utf16();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_token_at_the_caret() {
        for (text, caret, at, end, field, typed, before) in [
            ("", 0, 0, 0, None, "", ""),
            ("act", 3, 0, 3, None, "act", ""),
            ("a b", 2, 2, 3, None, "", ""),
            ("x -act y", 6, 2, 6, None, "act", "-"),
            ("(actor:ad", 9, 1, 9, Some("actor"), "ad", "actor:"),
            ("-actor:ada,\"be r", 16, 0, 16, Some("actor"), "be r", "-actor:ada,"),
            ("n>=40 é", 5, 0, 5, Some("n"), "40", "n>="),
        ] {
            let draft = draft(text, caret);
            assert_eq!(
                (draft.at, draft.end, draft.field, &*draft.typed, draft.before),
                (at, end, field, typed, before),
                "{text}"
            );
        }
    }
}
