//! Sigma filters: documents that add the same exception to several rules ("Sigma Filters Specification").
//! In a built pack each rule contains its own copy, so that other programs needn't know filter documents.

use std::collections::HashMap;

use crate::detection::Detection;
use crate::error::{AnalyzeError, explain};
use crate::fields::Fields;
use crate::rule::{FILTERS, MAX_FILTERS, has_selectors};
use crate::tree::{Member, Node, Value, unknown_key};

/// The maximum number of filters in a pack.
const MAX_DOCUMENTS: usize = 1000;

const KEYS: [&str; 16] = [
    "title",
    "id",
    "name",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "related",
    "tags",
    "taxonomy",
    "sigma-version",
    "logsource",
    "filter",
];

/// True if a document is a filter and not a rule.
pub(crate) fn is_filter(document: &Node) -> bool {
    let has = |key| document.get(key).is_some();
    has("filter") && !has("detection") && !has("correlation")
}

/// Adds filters to the rules that they name. Each filter comes with its file.
pub(crate) fn apply(
    filters: &[(String, Node)],
    rules: &mut [(String, Node)],
    faults: &mut Vec<AnalyzeError>,
) {
    if filters.len() > MAX_DOCUMENTS {
        let problem = "a pack has at most 1,000 filters";
        return faults.push(AnalyzeError::new(
            "pack.filters",
            0,
            problem,
            "write one filter for several rules",
        ));
    }
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (nth, (_, rule)) in rules.iter().enumerate() {
        for id in ["name", "id"].into_iter().filter_map(|key| rule.get(key)?.text()) {
            by_name.insert(id.to_owned(), nth);
        }
    }
    for (file, filter) in filters {
        let title = filter.get("title").and_then(Node::text).unwrap_or_default();
        let mut found = Vec::new();
        if let Err(fault) = add(filter, &by_name, rules, &mut found) {
            found.push(fault);
        }
        faults.extend(found.into_iter().map(|fault| fault.of_rule(title).in_file(file)));
    }
}

fn add(
    filter: &Node,
    by_name: &HashMap<String, usize>,
    rules: &mut [(String, Node)],
    faults: &mut Vec<AnalyzeError>,
) -> Result<(), AnalyzeError> {
    if let Some(member) = filter.members().iter().find(|member| !KEYS.contains(&member.name.as_str())) {
        return Err(unknown_key(member, &KEYS));
    }
    if filter.get("title").and_then(Node::text).is_none() {
        return Err(AnalyzeError::new("rule.missing", filter.line, "`title` is missing", "add `title:`"));
    }
    let version = has_selectors(filter)?;
    let Some(Node { line, value: Value::Map(members) }) = filter.get("filter") else {
        let hint = "write `rules:`, named selections, and `condition:`";
        return Err(AnalyzeError::new("rule.shape", filter.line, "`filter` must be a map", hint));
    };
    let detection: Vec<Member> = members.iter().filter(|member| member.name != "rules").cloned().collect();
    let detection = Node { line: *line, value: Value::Map(detection) };
    check(&detection, version)?;
    let Some(named) = members.iter().find(|member| member.name == "rules") else {
        let hint = "name rules by id or name, or write `rules: any`";
        return Err(AnalyzeError::new("rule.missing", *line, "`rules` is missing in `filter`", hint));
    };
    let reference =
        |line, problem: String, hint: &str| AnalyzeError::new("rule.reference", line, problem, hint);
    let is_about = |rule: &Node| rule.get("detection").is_some() && is_of_source(filter, rule);
    if named.node.text() == Some("any") {
        let mut is_used = false;
        for (_, rule) in rules.iter_mut().filter(|(_, rule)| is_about(rule)) {
            is_used = true;
            put(rule, &detection, (named.line, version))?;
        }
        if !is_used {
            let problem = explain!("no rule has the filter's log source");
            return Err(reference(named.line, problem, "name rules by id or name, or remove the filter"));
        }
        return Ok(());
    }
    let mut seen = Vec::new();
    for item in named.node.items() {
        let Some(name) = item.text() else {
            let problem = explain!("`rules` must be a list of strings");
            return Err(reference(item.line, problem, "name rules by id or name, or write `rules: any`"));
        };
        let Some(nth) = by_name.get(name) else {
            let problem = explain!("no rule has the id or name `{name}`");
            faults.push(reference(item.line, problem, "add it to the pack, or correct the reference"));
            continue;
        };
        let (_, rule) = &mut rules[*nth];
        if seen.contains(nth) {
            let problem = explain!("the rule `{name}` is named twice");
            faults.push(reference(item.line, problem, "remove one of them"));
        } else if rule.get("detection").is_none() {
            let problem = explain!("the rule `{name}` has no detection");
            faults.push(reference(item.line, problem, "name the rules that it counts"));
        } else if is_of_source(filter, rule) {
            put(rule, &detection, (item.line, version))?;
        } else {
            let problem = explain!("the rule `{name}` has another log source than the filter");
            let hint = "write the same `logsource` in both, or remove it from the filter";
            faults.push(reference(item.line, problem, hint));
        }
        seen.push(*nth);
    }
    if seen.is_empty() && faults.is_empty() {
        return Err(reference(named.line, explain!("`rules` is empty"), "name rules by id or name"));
    }
    Ok(())
}

/// Rejects a filter that can't be added to a rule, so that the error names the filter's position.
fn check(detection: &Node, has_selectors: bool) -> Result<(), AnalyzeError> {
    let mut fields = Fields::default();
    fields.has_selectors = has_selectors;
    Detection::compile(detection, &mut fields)?;
    if fields.asks_baselines() {
        let problem = "a filter can't use baselines";
        return Err(AnalyzeError::new(
            "rule.baseline",
            detection.line,
            problem,
            "move the condition to the rule",
        ));
    }
    let conditions = detection.get("condition").map_or(&[][..], Node::items);
    let excepts = |condition: &&Node| {
        let first = condition.text().and_then(|text| text.split([' ', '(']).find(|word| !word.is_empty()));
        first.is_some_and(|word| word.eq_ignore_ascii_case("not"))
    };
    match conditions {
        [condition] if excepts(&condition) => Ok(()),
        _ => {
            // Sigma's specification shows `condition: selection` for an exception, but its tools join the
            // condition by `and`.
            let line = detection.get("condition").map_or(detection.line, |condition| condition.line);
            let problem = "the filter's condition must start with `not`";
            let hint = "write `not` and the exception, as in `not selection`: a rule fires if its own condition and this one hold";
            Err(AnalyzeError::new("rule.condition", line, problem, hint))
        }
    }
}

/// True if a rule has the filter's log source, comparing only the fields that the filter sets.
fn is_of_source(filter: &Node, rule: &Node) -> bool {
    let of_filter = filter.get("logsource").map_or(&[][..], Node::members);
    of_filter.iter().filter(|member| matches!(member.name.as_str(), "category" | "product" | "service")).all(
        |member| {
            let of_rule = rule.get("logsource").and_then(|source| source.get(&member.name));
            of_rule.is_some_and(|of_rule| of_rule.text() == member.node.text())
        },
    )
}

/// True if a name contains brackets, which are selectors in one version of Sigma and part of the name in
/// another.
fn has_brackets(node: &Node) -> bool {
    match &node.value {
        Value::List(items) => items.iter().any(has_brackets),
        _ => node.members().iter().any(|member| member.name.contains('[') || has_brackets(&member.node)),
    }
}

/// Adds a filter to a rule.
fn put(rule: &mut Node, detection: &Node, (line, version): (u32, bool)) -> Result<(), AnalyzeError> {
    if has_brackets(detection) && has_selectors(rule).is_ok_and(|of_rule| of_rule != version) {
        let problem = "the filter and the rule use different versions of Sigma";
        return Err(AnalyzeError::new(
            "rule.version",
            line,
            problem,
            "write the same `sigma-version` in both",
        ));
    }
    let Value::Map(members) = &mut rule.value else { return Ok(()) };
    let nth = members.iter().position(|member| member.name == FILTERS).unwrap_or_else(|| {
        let node = Node { line, value: Value::List(Vec::new()) };
        members.push(Member { name: FILTERS.into(), line, node });
        members.len() - 1
    });
    if let Value::List(filters) = &mut members[nth].node.value {
        if filters.len() >= MAX_FILTERS {
            let problem = "a rule has at most 64 filters";
            return Err(AnalyzeError::new("pack.filters", line, problem, "merge several filters into one"));
        }
        filters.push(detection.clone());
    }
    Ok(())
}
