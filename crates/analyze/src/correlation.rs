//! Correlations: conditions on several events together (Sigma 2.1, "Correlation rules").

use crate::bounded::bounded;
use crate::detection::{Compare, Condition, MAX_NAMED, field};
use crate::error::{AnalyzeError, explain};
use crate::fields::{FieldValues, Fields, Id};
use crate::tree::{Member, Node, Value, unknown_key};
use countersign::canonical::write_string;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The maximum number of hits kept per group.
pub(crate) const MAX_HITS: usize = 4096;

/// The measure that is computed over the events in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Measure {
    /// The number of events.
    EventCount,
    /// The number of different values of a field.
    ValueCount,
    /// The number of rules that matched.
    Temporal,
    /// The number of rules that matched one after another.
    TemporalOrdered,
    ValueSum,
    #[strum(serialize = "value_avg")]
    ValueAverage,
    ValuePercentile,
    ValueMedian,
}

impl Measure {
    /// True if it is computed from the numbers in a field.
    pub(crate) const fn is_of_numbers(self) -> bool {
        matches!(self, Self::ValueSum | Self::ValueAverage | Self::ValuePercentile | Self::ValueMedian)
    }
}

/// A correlation of several events.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub(crate) measure: Measure,
    /// The rules that it counts, as named in its source, with the line.
    pub(crate) names: Vec<(String, u32)>,
    /// These rules by their index in the pack. Known after all rules are compiled.
    pub(crate) rules: Vec<usize>,
    by: Vec<Grouping>,
    /// The fields whose values are counted (as tuples if there are several), or the one field that is
    /// summed.
    counted: Vec<Id>,
    /// The timespan in milliseconds.
    pub(crate) span: i64,
    conditions: Vec<(Compare, f64)>,
    /// The condition on which of the rules fired, if it isn't on their number.
    pub(crate) joined: Option<Condition>,
    /// The percentile that is measured, from 0 to 100.
    pub(crate) percentile: f64,
    /// True if the rules that it counts also report findings of their own.
    pub(crate) generate: bool,
}

/// A field that events are grouped by.
#[derive(Clone, Debug)]
struct Grouping {
    name: String,
    /// One field for all rules, or one for each.
    fields: Vec<Id>,
}

const KEYS: [&str; 7] = ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];
const COMPARES: [(&str, Compare); 6] = [
    ("eq", Compare::Equal),
    ("neq", Compare::NotEqual),
    ("lt", Compare::Less),
    ("lte", Compare::AtMost),
    ("gt", Compare::More),
    ("gte", Compare::AtLeast),
];

impl Correlation {
    /// Returns the names of the fields that it groups by, or their aliases.
    pub(crate) fn group_by(&self) -> impl Iterator<Item = &str> {
        self.by.iter().map(|by| by.name.as_str())
    }

    pub(crate) fn compile(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let fault = |code, line, problem: String, hint: &str| AnalyzeError::new(code, line, problem, hint);
        let missing = |key: &str, hint: &str| {
            fault("rule.missing", node.line, explain!("`{key}` is missing in `correlation`"), hint)
        };
        if let Some(member) = node.members().iter().find(|member| !KEYS.contains(&member.name.as_str())) {
            return Err(unknown_key(member, &KEYS));
        }
        let kind = node.get("type").ok_or_else(|| missing("type", "add one, such as `type: event_count`"))?;
        let measure = kind.text().and_then(|name| name.parse::<Measure>().ok());
        let Some(measure) = measure else {
            let names: Vec<&str> = Measure::VARIANTS.iter().map(Into::into).collect();
            let hint = explain!("set `type` to one of {}", names.join(", "));
            return Err(fault(
                "rule.correlation",
                kind.line,
                explain!("the correlation type is not supported"),
                &hint,
            ));
        };
        let names =
            texts(node.get("rules").ok_or_else(|| missing("rules", "list the rules to count"))?, "rules")?;
        if names.is_empty() {
            return Err(missing("rules", "list the rules to count"));
        }
        let span =
            node.get("timespan").ok_or_else(|| missing("timespan", "add one, such as `timespan: 10m`"))?;
        let Some(millis) = span.text().and_then(parse_span) else {
            return Err(fault(
                "rule.timespan",
                span.line,
                explain!("`timespan` must be a number with a unit, and at most a year"),
                "write a number followed by s, m, h, d or w, such as 10m",
            ));
        };
        if cfg!(feature = "yaml") {
            check_unused_parts(node, measure == Measure::Temporal)?;
        }
        let mut by = Vec::new();
        if let Some(group) = node.get("group-by") {
            for (name, line) in texts(group, "group-by")? {
                let alias = node.get("aliases").and_then(|aliases| aliases.get(&name));
                let fields = match alias {
                    None => vec![of_event(&name, line, fields)?],
                    Some(alias) => of_alias(alias, &name, &names, fields)?,
                };
                by.push(Grouping { name, fields });
            }
        }
        let joined = joined_rules(node, measure, &names)?;
        let mut conditions = Vec::new();
        let mut counted = Vec::new();
        let mut percentile = None;
        for member in node.get("condition").map_or(&[][..], Node::members) {
            if member.name == "field" {
                counted = counted_fields(member, measure, fields)?;
                continue;
            }
            if member.name == "percentile" {
                percentile = Some(percentile_of(member, measure)?);
                continue;
            }
            let compare = COMPARES.iter().find(|(name, _)| *name == member.name);
            let number = match &member.node.value {
                Value::Number(number) => countersign::canonical::double(number),
                _ => None,
            };
            match (compare, number) {
                (Some((_, compare)), Some(number)) => {
                    // Reject a condition that can never match, which would look like an absence of attacks.
                    // Built packs contain none.
                    let (most, what) = match measure {
                        Measure::Temporal | Measure::TemporalOrdered => (names.len(), "rules"),
                        Measure::EventCount => (MAX_HITS, "events"),
                        Measure::ValueCount => (MAX_HITS, "values"),
                        _ => (usize::MAX, ""),
                    };
                    let most = most as f64;
                    let is_beyond = match compare {
                        Compare::AtLeast | Compare::Equal => number > most,
                        Compare::More => number >= most,
                        _ => false,
                    };
                    if cfg!(feature = "yaml") && is_beyond {
                        let hint = match measure {
                            Measure::Temporal | Measure::TemporalOrdered => {
                                "lower the number, or list more rules"
                            }
                            _ => "lower the number, and shorten the timespan",
                        };
                        let problem =
                            explain!("`{}` can never match: at most {most} {what} are counted", member.name);
                        return Err(fault("rule.correlation", member.line, problem, hint));
                    }
                    conditions.push((*compare, number));
                }
                (None, _) => {
                    return Err(unknown_key(
                        member,
                        &["field", "percentile", "eq", "neq", "lt", "lte", "gt", "gte"],
                    ));
                }
                (_, None) => {
                    return Err(fault(
                        "rule.correlation",
                        member.line,
                        explain!("`{}` must be a number", member.name),
                        "write a number",
                    ));
                }
            }
        }
        let in_sequence = matches!(measure, Measure::Temporal | Measure::TemporalOrdered);
        if conditions.is_empty() {
            if !in_sequence {
                return Err(missing("condition", "add one, such as `condition: {gte: 10}`"));
            }
            conditions.push((Compare::AtLeast, if joined.is_some() { 1.0 } else { names.len() as f64 }));
        }
        if measure == Measure::ValuePercentile && percentile.is_none() {
            return Err(missing(
                "percentile",
                "name it in the condition: `condition: {field: size, percentile: 95, gte: 10}`",
            ));
        }
        let percentile = percentile.unwrap_or(50.0);
        if counted.is_empty() && (measure == Measure::ValueCount || measure.is_of_numbers()) {
            return Err(missing(
                "field",
                "name the field in the condition: `condition: {field: user, gte: 10}`",
            ));
        }
        let generate = match node.get("generate") {
            None => false,
            Some(Node { value: Value::Bool(generate), .. }) => *generate,
            Some(other) => {
                return Err(fault(
                    "rule.correlation",
                    other.line,
                    explain!("`generate` must be true or false"),
                    "set `generate` to true or false",
                ));
            }
        };
        Ok(Self {
            measure,
            names,
            rules: Vec::new(),
            by,
            counted,
            span: millis,
            conditions,
            joined,
            percentile,
            generate,
        })
    }

    /// Returns the key of the group that an event joins if the rule at index `which` of [`Self::rules`]
    /// matches: a JSON array. `None` if a field of the key is missing.
    pub(crate) fn key(&self, which: usize, found: &FieldValues<'_>) -> Option<Box<str>> {
        let mut key = vec![b'['];
        for (nth, by) in self.by.iter().enumerate() {
            let field = by.fields.get(which).or(by.fields.first())?;
            if nth > 0 {
                key.push(b',');
            }
            write_string(&bounded(found.group_text(*field)?), &mut key);
        }
        key.push(b']');
        String::from_utf8(key).ok().map(Into::into)
    }

    /// Returns the value of an event that is counted or summed; several values as a JSON array. `None` if a
    /// field is missing.
    pub(crate) fn value(&self, found: &FieldValues<'_>) -> Option<Box<str>> {
        match &self.counted[..] {
            [] => Some("".into()),
            [field] => found.group_text(*field).map(|text| bounded(text).into()),
            fields => {
                let mut tuple = vec![b'['];
                for (nth, field) in fields.iter().enumerate() {
                    if nth > 0 {
                        tuple.push(b',');
                    }
                    write_string(&bounded(found.group_text(*field)?), &mut tuple);
                }
                tuple.push(b']');
                let tuple = String::from_utf8(tuple).ok()?;
                Some(bounded(&tuple).into())
            }
        }
    }

    /// Returns the fields that an event needs to join a group: those of the key, for any of the rules, and those that are
    /// counted.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Id> {
        self.by.iter().flat_map(|by| &by.fields).chain(&self.counted).copied()
    }

    /// Returns the names of the fields in a key, in order.
    pub(crate) fn by(&self) -> impl Iterator<Item = &str> {
        self.by.iter().map(|by| by.name.as_str())
    }

    /// True if a match can't be undone by more events, so that it also holds on its own entries alone.
    /// False for upper bounds.
    pub(crate) fn only_grows(&self) -> bool {
        self.conditions.iter().all(|(compare, _)| matches!(compare, Compare::More | Compare::AtLeast))
            && !self.joined.as_ref().is_some_and(Condition::negates)
    }

    pub(crate) fn holds(&self, value: f64) -> bool {
        self.conditions.iter().all(|(compare, number)| compare.holds(value, *number))
    }
}

/// Rejects parts that would otherwise be ignored, so that the groups or conditions would differ from those
/// intended.
fn check_unused_parts(node: &Node, is_temporal: bool) -> Result<(), AnalyzeError> {
    let fault =
        |line, problem: String, hint: &str| Err(AnalyzeError::new("rule.correlation", line, problem, hint));
    for (key, hint) in [
        (
            "condition",
            "write numbers, such as `condition: {gte: 2}`; only `temporal` joins rules by `and`, `or` and `not`",
        ),
        ("aliases", "write a map of names, each with a field for each rule"),
    ] {
        let is_joined = key == "condition" && is_temporal && node.get(key).and_then(Node::text).is_some();
        if let Some(of) = node.get(key).filter(|_| !is_joined)
            && !matches!(of.value, Value::Map(_))
        {
            return fault(of.line, explain!("`{key}` must be a map, not {}", of.kind()), hint);
        }
    }
    let groups = node.get("group-by").map_or(&[][..], Node::items);
    let is_used = |name: &str| groups.iter().any(|group| group.text() == Some(name));
    match node.get("aliases").map_or(&[][..], Node::members).iter().find(|alias| !is_used(&alias.name)) {
        None => Ok(()),
        Some(alias) => fault(
            alias.line,
            explain!("the alias `{}` is not used in `group-by`", alias.name),
            "add it to `group-by`, or remove it",
        ),
    }
}

/// Parses a condition that joins rules, such as `login and (export or deletion) and not approval`.
fn joined_rules(
    node: &Node,
    measure: Measure,
    names: &[(String, u32)],
) -> Result<Option<Condition>, AnalyzeError> {
    let condition = node.get("condition").filter(|_| measure == Measure::Temporal);
    let Some((condition, text)) = condition.and_then(|node| Some((node, node.text()?))) else {
        return Ok(None);
    };
    let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    Condition::parse(text, condition.line, &names, &mut MAX_NAMED.clone()).map(Some)
}

/// Parses `condition.percentile`: a number from 0 to 100.
fn percentile_of(member: &Member, measure: Measure) -> Result<f64, AnalyzeError> {
    let fault =
        |problem: String, hint: &str| AnalyzeError::new("rule.correlation", member.line, problem, hint);
    if measure != Measure::ValuePercentile {
        return Err(fault(
            explain!("only `value_percentile` has a percentile"),
            "remove it, or change the type",
        ));
    }
    let number = match &member.node.value {
        Value::Number(number) => countersign::canonical::double(number),
        _ => None,
    };
    number.filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| {
        fault(explain!("`percentile` must be a number from 0 to 100"), "write a number such as 95")
    })
}

/// Returns the fields in `condition.field`: one, or several that are counted as tuples.
fn counted_fields(member: &Member, measure: Measure, fields: &mut Fields) -> Result<Vec<Id>, AnalyzeError> {
    let fault =
        |line, problem: String, hint: &str| Err(AnalyzeError::new("rule.correlation", line, problem, hint));
    let names = member.node.items();
    if names.is_empty() {
        return fault(member.line, explain!("`field` is empty"), "name one or more fields");
    }
    if names.len() > 1 && measure != Measure::ValueCount {
        let problem = explain!("only `value_count` accepts several fields");
        return fault(member.line, problem, "name one field");
    }
    let mut ids = Vec::new();
    for name in names {
        let Some(text) = name.text() else {
            return fault(
                name.line,
                explain!("`field` must be a name, not {}", name.kind()),
                "write the name of a field",
            );
        };
        let id = of_event(text, name.line, fields)?;
        if ids.contains(&id) {
            return fault(name.line, explain!("`field` names `{text}` twice"), "remove one of them");
        }
        ids.push(id);
    }
    Ok(ids)
}

/// Returns a field that isn't from baselines, because events join groups before baselines are known.
fn of_event(name: &str, line: u32, fields: &mut Fields) -> Result<Id, AnalyzeError> {
    let id = field(name, line, fields)?;
    if fields.fact(id).is_none() {
        return Ok(id);
    }
    let problem = explain!("events can't be grouped or counted by `{name}`");
    Err(AnalyzeError::new("rule.baseline", line, problem, "use it in a rule, and name that rule here"))
}

fn texts(node: &Node, key: &str) -> Result<Vec<(String, u32)>, AnalyzeError> {
    let text = |item: &Node| {
        item.text().map(|text| (text.to_owned(), item.line)).ok_or_else(|| {
            let problem = explain!("`{key}` must be a list of strings");
            AnalyzeError::new("rule.correlation", item.line, problem, "write a list of strings")
        })
    };
    node.items().iter().map(text).collect()
}

fn of_alias(
    alias: &Node,
    name: &str,
    rules: &[(String, u32)],
    fields: &mut Fields,
) -> Result<Vec<Id>, AnalyzeError> {
    let of_rule = |(rule, _): &(String, u32)| {
        let Some(node) = alias.get(rule) else {
            let problem = explain!("the alias `{name}` has no field for the rule `{rule}`");
            return Err(AnalyzeError::new(
                "rule.correlation",
                alias.line,
                problem,
                "add a field for each rule to the alias",
            ));
        };
        let Some(text) = node.text() else {
            let problem = explain!("the alias `{name}` must map rules to names of fields");
            return Err(AnalyzeError::new(
                "rule.correlation",
                node.line,
                problem,
                "write the name of a field",
            ));
        };
        of_event(text, node.line, fields)
    };
    rules.iter().map(of_rule).collect()
}

/// Parses a timespan of at most a year into milliseconds.
fn parse_span(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let millis = match unit {
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 7 * 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).filter(|span| (1..=366 * 86_400_000).contains(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_match_sigma() {
        let names = [
            "event_count",
            "value_count",
            "temporal",
            "temporal_ordered",
            "value_sum",
            "value_avg",
            "value_percentile",
            "value_median",
        ];
        assert!(Measure::VARIANTS.iter().map(Into::<&str>::into).eq(names));
        assert!(names.iter().map(|name| name.parse().ok()).eq(Measure::VARIANTS.iter().copied().map(Some)));
    }
}
