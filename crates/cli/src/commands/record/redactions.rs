//! Which fields `countersign record` redacts, how often, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign::event::{Event, Redaction};
use serde_json::{Value, json};
use strum::IntoStaticStr;

use crate::io::style;
use crate::io::verdict::count;

/// At most this many fields are counted apart: a log chooses the names of its fields.
const MAX_FIELDS: usize = 1000;
/// At most this many characters of a field's path are kept.
const MAX_PATH: usize = 200;
/// So many fields are listed in a summary.
const LISTED: usize = 8;
const REDACTED: &str = "[redacted]";

/// Why a value is redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
enum Reason {
    #[strum(serialize = "--redact")]
    Asked,
    Name,
    Look,
}

impl Reason {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How an event is redacted, and what comes of each part of that alone.
pub(crate) struct Rules {
    pub(crate) all: Redaction,
    /// Redacts nothing.
    pub(crate) none: Redaction,
    /// The names and paths given by `--redact`.
    asked: Option<Redaction>,
    look: Redaction,
}

impl Rules {
    /// `kept` are the paths of `--keep`, and `shapes` is whether only the shapes of requests' paths are kept.
    pub(crate) fn new(no_redact: bool, redact: &[String], kept: &[String], shapes: bool) -> Self {
        let shaped = |redaction: Redaction| if shapes { redaction.with_path_shapes() } else { redaction };
        let asked = || redact.iter().fold(shaped(Redaction::none()), Redaction::with);
        let keeping = |redaction| kept.iter().fold(shaped(redaction), Redaction::keeping);
        let all = if no_redact {
            asked()
        } else {
            redact.iter().fold(keeping(Redaction::default()), Redaction::with)
        };
        Self {
            all,
            none: shaped(Redaction::none()),
            asked: (!redact.is_empty()).then(asked),
            look: keeping(Redaction::by_look()),
        }
    }
}

/// Counts redacted values by their fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactions {
    /// By the field's path, as `--keep` and `--redact` take it, and the reason, if it is asked for.
    fields: BTreeMap<(String, Option<Reason>), u64>,
    /// Values in fields above [`MAX_FIELDS`].
    others: u64,
}

impl Redactions {
    /// Counts what was redacted of an event, without reasons. `plain` reads it without redaction.
    pub(crate) fn add(&mut self, event: &Event, plain: impl FnOnce() -> Option<Event>) {
        if event.redacted() == 0 {
            return;
        }
        let Ok(redacted) = serde_json::from_str::<Value>(event.as_str()) else { return };
        // An event that was redacted before has such values of its own.
        let plain = (all_parts(&redacted) != event.redacted() as u64).then(|| {
            plain().and_then(|event| serde_json::from_str(event.as_str()).ok()).unwrap_or(Value::Null)
        });
        self.find(&redacted, plain.as_ref(), &mut String::new());
    }

    /// Counts what was redacted of an event, with reasons. `read` reads its text once more, with other rules.
    pub(crate) fn add_with_reasons(
        &mut self,
        event: &Event,
        rules: &Rules,
        read: impl Fn(&Redaction) -> Option<Event>,
    ) {
        if event.redacted() == 0 {
            return;
        }
        let value = |redaction: &Redaction| {
            read(redaction).and_then(|event| serde_json::from_str(event.as_str()).ok()).unwrap_or(Value::Null)
        };
        let Ok(redacted) = serde_json::from_str::<Value>(event.as_str()) else { return };
        let asked = rules.asked.as_ref().map_or(Value::Null, value);
        let forms = Forms {
            redacted: &redacted,
            plain: &value(&rules.none),
            asked: &asked,
            look: &value(&rules.look),
        };
        self.compare(forms, &mut String::new());
    }

    fn find(&mut self, value: &Value, plain: Option<&Value>, path: &mut String) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let length = push(path, name);
                    self.find(value, plain.and_then(|plain| plain.get(name)), path);
                    path.truncate(length);
                }
            }
            Value::Array(elements) => {
                for (nth, value) in elements.iter().enumerate() {
                    self.find(value, plain.and_then(|plain| plain.get(nth)), path);
                }
            }
            value => match parts(value).saturating_sub(plain.map_or(0, parts)) {
                0 => {}
                values => self.count(path, None, values),
            },
        }
    }

    fn compare(&mut self, forms: Forms<'_>, path: &mut String) {
        match (forms.plain, forms.redacted) {
            (Value::Object(plain), Value::Object(_)) => {
                for name in plain.keys() {
                    let length = push(path, name);
                    self.compare(forms.map(|value| value.get(name)), path);
                    path.truncate(length);
                }
            }
            (Value::Array(plain), Value::Array(_)) => {
                for nth in 0..plain.len() {
                    self.compare(forms.map(|value| value.get(nth)), path);
                }
            }
            (plain, redacted) if plain != redacted => {
                let reason = if !forms.asked.is_null() && forms.asked != plain {
                    Reason::Asked
                } else if forms.look == redacted {
                    Reason::Look
                } else {
                    Reason::Name
                };
                self.count(path, Some(reason), parts(redacted).saturating_sub(parts(plain)).max(1));
            }
            _ => {}
        }
    }

    fn count(&mut self, path: &str, reason: Option<Reason>, values: u64) {
        let key = (path.to_owned(), reason);
        if self.fields.contains_key(&key) || self.fields.len() < MAX_FIELDS {
            *self.fields.entry(key).or_default() += values;
        } else {
            self.others += values;
        }
    }

    /// Returns the fields, those with the most values first.
    fn sorted(&self) -> Vec<(&str, Option<Reason>, u64)> {
        let fields = self.fields.iter().map(|((path, reason), values)| (path.as_str(), *reason, *values));
        let mut fields: Vec<_> = fields.collect();
        fields.sort_by_key(|(path, _, values)| (u64::MAX - values, *path));
        fields
    }

    /// Returns the fields as JSON.
    pub(crate) fn as_json(&self) -> Value {
        let field = |(path, reason, values): (&str, Option<Reason>, u64)| match reason {
            Some(reason) => json!({ "field": path, "reason": reason.as_str(), "values": values }),
            None => json!({ "field": path, "values": values }),
        };
        self.sorted().into_iter().map(field).collect()
    }

    /// Returns how much was redacted and where, as the end of a sentence; nothing if nothing was.
    pub(crate) fn summary(&self, values: u64) -> String {
        if values == 0 {
            return String::new();
        }
        let mut fields: BTreeMap<&str, u64> = BTreeMap::new();
        for ((path, _), values) in &self.fields {
            *fields.entry(path).or_default() += values;
        }
        let mut listed: Vec<_> = fields.iter().collect();
        listed.sort_by_key(|(path, values)| (u64::MAX - **values, **path));
        let shown: Vec<_> = listed
            .iter()
            .take(LISTED)
            .map(|(path, values)| format!("{} ({values})", style::plain(path)))
            .collect();
        let mut text =
            format!("; redacted {} in {}", count(values, "value"), count(fields.len() as u64, "field"));
        if self.others > 0 {
            text += " and more";
        }
        let _ = write!(text, ": {}", shown.join(", "));
        if listed.len() > LISTED {
            let _ = write!(text, ", and {} more (--redact-preview lists them)", listed.len() - LISTED);
        }
        text
    }

    /// Returns a table of the fields, and what to do about them.
    pub(crate) fn table(&self, events: u64, values: u64) -> String {
        let of = count(events, "event");
        if values == 0 {
            return format!("Nothing would be redacted in {of}. Nothing was recorded.\n");
        }
        let mut table = comfy_table::Table::new();
        table
            .load_style(comfy_table::presets::NOTHING)
            .set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        table.set_header(["VALUES", "WHY", "FIELD"]);
        for (path, reason, values) in self.sorted() {
            table.add_row([values.to_string(), reason.map_or("", Reason::as_str).into(), style::plain(path)]);
        }
        let mut text = String::new();
        for line in table.lines() {
            let _ = writeln!(text, "{}", line.trim_end().strip_prefix(' ').unwrap_or_default());
        }
        if self.others > 0 {
            let _ = writeln!(text, "{} in more fields", count(self.others, "value"));
        }
        let _ = write!(
            text,
            "\n{} in {of} would be redacted. Nothing was recorded.\n\
             --keep FIELD keeps a field as it is; --redact NAME redacts one more.\n",
            count(values, "value")
        );
        text
    }
}

/// Adds a name to a path, up to a limit. Returns the path's length before.
fn push(path: &mut String, name: &str) -> usize {
    let length = path.len();
    if length < MAX_PATH {
        path.push_str(if length > 0 { "." } else { "" });
        path.extend(name.chars().take(MAX_PATH - length));
    }
    length
}

/// Returns how many parts of a string were redacted.
fn parts(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.matches(REDACTED).count() as u64)
}

/// Returns how many parts of all strings in a value were redacted.
fn all_parts(value: &Value) -> u64 {
    match value {
        Value::Object(members) => members.values().map(all_parts).sum(),
        Value::Array(elements) => elements.iter().map(all_parts).sum(),
        value => parts(value),
    }
}

/// A value of an event, redacted in four ways.
#[derive(Clone, Copy)]
struct Forms<'a> {
    redacted: &'a Value,
    plain: &'a Value,
    asked: &'a Value,
    look: &'a Value,
}

impl<'a> Forms<'a> {
    /// Returns a part of each; null if the whole was redacted.
    fn map(self, part: impl Fn(&'a Value) -> Option<&'a Value>) -> Self {
        let part = |value| part(value).unwrap_or(&Value::Null);
        Self {
            redacted: part(self.redacted),
            plain: part(self.plain),
            asked: part(self.asked),
            look: part(self.look),
        }
    }
}
