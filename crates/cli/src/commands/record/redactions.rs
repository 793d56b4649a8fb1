//! Counts what `countersign record` redacts, by field and reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign::event::{Event, Redaction};
use serde_json::{Value, json};
use strum::IntoStaticStr;

use crate::io::verdict::count;
use crate::io::{style, table};

/// The maximum number of fields that are counted separately, because events choose their field names.
const MAX_FIELDS: usize = 1000;
/// The maximum number of characters of a field's path that are kept.
const MAX_PATH_CHARS: usize = 200;
/// The maximum number of fields in a summary.
const MAX_LISTED: usize = 8;
const REDACTED: &str = "[redacted]";

/// The reason why a value is redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
enum Reason {
    #[strum(serialize = "--redact")]
    Requested,
    Name,
    Look,
}

impl Reason {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The redaction of events, and each of its parts separately, to determine reasons.
pub(crate) struct Rules {
    pub(crate) all: Redaction,
    /// Redacts nothing.
    pub(crate) none: Redaction,
    /// The names and paths given by `--redact`.
    requested: Option<Redaction>,
    look: Redaction,
}

impl Rules {
    /// Creates the rules. `kept` are the paths from `--keep`; with `shapes`, only the shapes of URL paths are kept.
    pub(crate) fn new(no_redact: bool, redact: &[String], kept: &[String], shapes: bool) -> Self {
        let shaped = |redaction: Redaction| if shapes { redaction.with_path_shapes() } else { redaction };
        let requested = || redact.iter().fold(shaped(Redaction::none()), Redaction::with);
        let keeping = |redaction| kept.iter().fold(shaped(redaction), Redaction::keeping);
        let all = if no_redact {
            requested()
        } else {
            redact.iter().fold(keeping(Redaction::default()), Redaction::with)
        };
        Self {
            all,
            none: shaped(Redaction::none()),
            requested: (!redact.is_empty()).then(requested),
            look: keeping(Redaction::by_look()),
        }
    }
}

/// The number of redacted values per field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactions {
    /// The values by the field's path, in the form of `--keep` and `--redact`, and the reason, if reasons are
    /// counted.
    fields: BTreeMap<(String, Option<Reason>), u64>,
    /// The number of values in fields above [`MAX_FIELDS`].
    others: u64,
}

impl Redactions {
    /// Counts what was redacted in an event, without reasons. `plain` parses the event without redaction.
    pub(crate) fn add(&mut self, event: &Event, plain: impl FnOnce() -> Option<Event>) {
        if event.redacted() == 0 {
            return;
        }
        let Ok(redacted) = serde_json::from_str::<Value>(event.as_str()) else { return };
        // An event can also contain the replacement text itself, if it was redacted before.
        let plain = (all_parts(&redacted) != event.redacted() as u64).then(|| {
            plain().and_then(|event| serde_json::from_str(event.as_str()).ok()).unwrap_or(Value::Null)
        });
        self.find(&redacted, plain.as_ref(), &mut String::new());
    }

    /// Counts what was redacted in an event, with reasons. `read` parses the event again with other rules.
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
        let requested = rules.requested.as_ref().map_or(Value::Null, value);
        let forms = Forms {
            redacted: &redacted,
            plain: &value(&rules.none),
            requested: &requested,
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
                let reason = if !forms.requested.is_null() && forms.requested != plain {
                    Reason::Requested
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
            .take(MAX_LISTED)
            .map(|(path, values)| format!("{} ({values})", style::plain(path)))
            .collect();
        let mut text =
            format!("; redacted {} in {}", count(values, "value"), count(fields.len() as u64, "field"));
        if self.others > 0 {
            text += " and more";
        }
        let _ = write!(text, ": {}", shown.join(", "));
        if listed.len() > MAX_LISTED {
            let _ = write!(text, ", and {} more (--redact-preview lists them)", listed.len() - MAX_LISTED);
        }
        text
    }

    /// Returns a table of the fields, and what to do about them.
    pub(crate) fn table(&self, events: u64, values: u64) -> String {
        let of = count(events, "event");
        if values == 0 {
            return format!("Nothing would be redacted in {of}. Nothing was recorded.\n");
        }
        let mut table = table::new(["VALUES", "WHY", "FIELD"]);
        for (path, reason, values) in self.sorted() {
            table.add_row([values.to_string(), reason.map_or("", Reason::as_str).into(), style::plain(path)]);
        }
        let mut text = String::new();
        for line in table::text(&table).lines() {
            let _ = writeln!(text, "{}", line.strip_prefix(' ').unwrap_or_default());
        }
        if self.others > 0 {
            let _ = writeln!(text, "{} in more fields", count(self.others, "value"));
        }
        let _ = write!(
            text,
            "\n{} in {of} would be redacted. Nothing was recorded.\n\
             Use --keep FIELD to keep a field, or --redact NAME to redact another.\n",
            count(values, "value")
        );
        text
    }
}

/// Adds a name to a path, up to a limit. Returns the path's length before.
fn push(path: &mut String, name: &str) -> usize {
    let length = path.len();
    if length < MAX_PATH_CHARS {
        path.push_str(if length > 0 { "." } else { "" });
        path.extend(name.chars().take(MAX_PATH_CHARS - length));
    }
    length
}

/// Returns the number of redacted parts of a string.
fn parts(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.matches(REDACTED).count() as u64)
}

/// Returns the number of redacted parts of all strings in a value.
fn all_parts(value: &Value) -> u64 {
    match value {
        Value::Object(members) => members.values().map(all_parts).sum(),
        Value::Array(elements) => elements.iter().map(all_parts).sum(),
        value => parts(value),
    }
}

/// A value of an event under four redactions.
#[derive(Clone, Copy)]
struct Forms<'a> {
    redacted: &'a Value,
    plain: &'a Value,
    requested: &'a Value,
    look: &'a Value,
}

impl<'a> Forms<'a> {
    /// Applies `part` to each; null if the whole value was redacted.
    fn map(self, part: impl Fn(&'a Value) -> Option<&'a Value>) -> Self {
        let part = |value| part(value).unwrap_or(&Value::Null);
        Self {
            redacted: part(self.redacted),
            plain: part(self.plain),
            requested: part(self.requested),
            look: part(self.look),
        }
    }
}
