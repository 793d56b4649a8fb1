//! Mappings from facts to the fields of a format. They are JSON files, the reverse of parsers.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::facts::{Facts, is_name};
use crate::text;

/// The mapping of one format.
pub(crate) struct Mapping {
    /// Values computed first, which the members may use by name.
    given: Vec<(String, Source)>,
    members: Vec<Member>,
}

struct Member {
    to: String,
    source: Source,
    form: Form,
    /// The maximum length of the value, in bytes. A longer value is truncated.
    max_bytes: usize,
}

/// The type that a value is converted to.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Integer,
    Boolean,
    /// A time as milliseconds since 1970.
    Millis,
    /// A time as nanoseconds since 1970, as a string, because JSON numbers can't represent them exactly.
    Nanos,
    /// JSON, inserted unchanged.
    Json,
    /// A one-element array of the string.
    List,
    /// A string with the characters not allowed in a URI percent-encoded.
    Uri,
}

enum Source {
    Fact(String),
    Template(Vec<Part>),
    First(Vec<Source>),
    If { when: Condition, source: Box<Source>, map: Option<Vec<(String, String)>> },
}

enum Part {
    Text(String),
    Fact { name: String, width: usize },
}

/// Alternatives, each a list of tests that must all hold. No alternatives: always true.
struct Condition(Vec<Vec<(String, Test)>>);

enum Test {
    Exists(bool),
    /// One of these patterns, ignoring ASCII case; `*` at the start or end matches anything.
    Is(Vec<String>),
}

/// The fields of a record, in the order of the mapping.
pub(crate) type Fields<'m> = Vec<(&'m str, Value)>;

struct Scope<'f, 'a> {
    facts: &'f Facts<'a>,
    given: Vec<(&'f str, String)>,
}

impl Scope<'_, '_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let given = self.given.iter().rfind(|(given, _)| *given == name);
        given.map(|(_, value)| Cow::Borrowed(value.as_str())).or_else(|| self.facts.get(name))
    }
}

impl Mapping {
    pub(crate) fn apply<'m>(&'m self, facts: &'m Facts<'_>) -> Fields<'m> {
        let mut scope = Scope { facts, given: Vec::new() };
        for (name, source) in &self.given {
            if let Some(value) = source.value(&scope) {
                scope.given.push((name, value));
            }
        }
        let value = |member: &'m Member| {
            let value = text::cut(&member.source.value(&scope)?, member.max_bytes).into_owned();
            Some((member.to.as_str(), member.form.convert(value)?))
        };
        self.members.iter().filter_map(value).collect()
    }
}

impl Form {
    fn convert(self, value: String) -> Option<Value> {
        Some(match self {
            Self::Text => Value::String(value),
            Self::Integer => Value::from(value.parse::<u64>().ok()?),
            Self::Boolean => Value::Bool(value == "true"),
            Self::Millis => Value::from(millis(&value)?),
            Self::Nanos => Value::String(format!("{}000000", u64::try_from(millis(&value)?).ok()?)),
            Self::Json => serde_json::from_str(&value).ok()?,
            Self::List => json!([value]),
            Self::Uri => Value::String(text::uri(&value)),
        })
    }
}

fn millis(time: &str) -> Option<i64> {
    time.parse::<countersign::time::Time>().ok().map(countersign::time::Time::millis)
}

impl Source {
    fn value(&self, scope: &Scope<'_, '_>) -> Option<String> {
        match self {
            Self::Fact(name) => scope.get(name).map(Cow::into_owned),
            Self::First(sources) => sources.iter().find_map(|source| source.value(scope)),
            Self::Template(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(part) => text.push_str(part),
                        Part::Fact { name, width } => {
                            let value = scope.get(name)?;
                            text.extend(std::iter::repeat_n('0', width.saturating_sub(value.len())));
                            text.push_str(&value);
                        }
                    }
                }
                Some(text)
            }
            Self::If { when, source, map } => {
                let value = when.holds(scope).then(|| source.value(scope)).flatten()?;
                let Some(map) = map else { return Some(value) };
                map.iter().find(|(from, _)| matches_pattern(from, &value)).map(|(_, to)| to.clone())
            }
        }
    }
}

impl Condition {
    fn holds(&self, scope: &Scope<'_, '_>) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|all| all.iter().all(|(name, test)| test.holds(scope.get(name))))
    }
}

impl Test {
    fn holds(&self, value: Option<Cow<'_, str>>) -> bool {
        match self {
            Self::Exists(there) => value.is_some() == *there,
            Self::Is(patterns) => {
                value.is_some_and(|value| patterns.iter().any(|pattern| matches_pattern(pattern, &value)))
            }
        }
    }
}

/// True if the value matches the pattern.
fn matches_pattern(pattern: &str, value: &str) -> bool {
    let (pattern, value) = (pattern.to_ascii_lowercase(), value.to_ascii_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(end), None) => value.ends_with(end),
        (None, Some(begin)) => value.starts_with(begin),
        (Some(end), Some(_)) => value.contains(end.trim_end_matches('*')),
        (None, None) => value == pattern,
    }
}

/// Parses mapping files.
impl Mapping {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let file = object(&file, &["as", "doc", "given", "members"])?;
        let mut names: Vec<String> = Vec::new();
        let mut given = Vec::new();
        for one in list(file.get("given"))? {
            let one = object(one, &["name", "value"])?;
            let name = string(one.get("name"))?;
            given.push((name.clone(), source(one.get("value"), &names)?));
            names.push(name);
        }
        let mut members = Vec::new();
        for one in list(file.get("members"))? {
            let one = object(one, &["to", "value", "when", "map", "as", "most"])?;
            let to = string(one.get("to"))?;
            let within = |why| format!("{to}: {why}");
            let form = match one.get("as").map(Value::as_str) {
                None => Form::Text,
                Some(Some("integer")) => Form::Integer,
                Some(Some("boolean")) => Form::Boolean,
                Some(Some("millis")) => Form::Millis,
                Some(Some("nanos")) => Form::Nanos,
                Some(Some("json")) => Form::Json,
                Some(Some("list")) => Form::List,
                Some(Some("uri")) => Form::Uri,
                Some(_) => return Err(within("unknown type".into())),
            };
            let most = match one.get("most") {
                None => usize::MAX,
                Some(most) => most
                    .as_u64()
                    .and_then(|most| usize::try_from(most).ok())
                    .ok_or("most must be a number")?,
            };
            let mut rest = one.clone();
            rest.retain(|name, _| matches!(name.as_str(), "value" | "when" | "map"));
            let source = source(Some(&Value::Object(rest)), &names).map_err(within)?;
            members.push(Member { to, source, form, max_bytes: most });
        }
        Ok(Self { given, members })
    }
}

fn object<'v>(value: &'v Value, names: &[&str]) -> Result<&'v Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| format!("{value} is not an object"))?;
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(format!("unknown member {name:?}")),
        None => Ok(object),
    }
}

fn list(value: Option<&Value>) -> Result<&[Value], String> {
    match value {
        None => Ok(&[]),
        Some(value) => value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{value} is not an array")),
    }
}

fn string(value: Option<&Value>) -> Result<String, String> {
    value.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| "a string is missing".into())
}

fn fact_name(name: &str, given: &[String]) -> Result<String, String> {
    if is_name(name) || given.iter().any(|given| given == name) {
        return Ok(name.to_owned());
    }
    Err(format!("unknown fact {name:?}"))
}

fn source(value: Option<&Value>, given: &[String]) -> Result<Source, String> {
    match value {
        Some(Value::String(text)) => match text.strip_prefix('=') {
            Some(template) => parts(template, given).map(Source::Template),
            None => fact_name(text, given).map(Source::Fact),
        },
        Some(Value::Array(sources)) => {
            sources.iter().map(|one| source(Some(one), given)).collect::<Result<_, _>>().map(Source::First)
        }
        Some(value @ Value::Object(_)) => {
            let one = object(value, &["value", "when", "map"])?;
            let map =
                match one.get("map") {
                    None => None,
                    Some(map) => {
                        let map = map.as_object().ok_or("a map must be an object")?;
                        Some(
                            map.iter()
                                .map(|(from, to)| Ok((from.clone(), string(Some(to))?)))
                                .collect::<Result<_, String>>()?,
                        )
                    }
                };
            let (when, source) = (condition(one.get("when"), given)?, source(one.get("value"), given)?);
            Ok(Source::If { when, source: Box::new(source), map })
        }
        _ => Err("a value is missing".into()),
    }
}

fn parts(template: &str, given: &[String]) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a brace is not closed")?;
        let (name, width) = match name.split_once(":0") {
            Some((name, width)) => (name, width.parse().map_err(|_| "a width must be a number")?),
            None => (name, 0),
        };
        parts.push(Part::Text(before.to_owned()));
        parts.push(Part::Fact { name: fact_name(name, given)?, width });
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

fn condition(value: Option<&Value>, given: &[String]) -> Result<Condition, String> {
    let all = |all: &Value| {
        let all = all.as_object().ok_or("a condition must be an object")?;
        all.iter()
            .map(|(name, value)| Ok((fact_name(name, given)?, test(value)?)))
            .collect::<Result<Vec<_>, String>>()
    };
    Ok(Condition(match value {
        None => Vec::new(),
        Some(Value::Array(any)) => any.iter().map(all).collect::<Result<_, _>>()?,
        Some(one) => vec![all(one)?],
    }))
}

fn test(value: &Value) -> Result<Test, String> {
    match value {
        Value::String(one) => Ok(Test::Is(vec![one.clone()])),
        Value::Array(any) => any.iter().map(|one| string(Some(one))).collect::<Result<_, _>>().map(Test::Is),
        Value::Object(_) => {
            let there = object(value, &["there"])?.get("there").and_then(Value::as_bool);
            there.map(Test::Exists).ok_or_else(|| "there must be true or false".into())
        }
        _ => Err(format!("{value} is not a test")),
    }
}
