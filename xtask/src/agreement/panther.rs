//! Panther's rules: the events of their tests. Nothing is expected of them except what Panther's data models map: the paths
//! of the party that acted and of its address. Data models that compute these in Python are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};

use super::case::{Case, files, text};
use super::fact::{Fact, Facts, facts, texts};

/// The paths of facts by log type.
type Models = BTreeMap<String, Vec<(Fact, String)>>;

/// Reads the events of some log types. If several tests have the same event, it is read once. A rule for several log types
/// doesn't say of which its events are, so it is left out.
pub(super) fn read(checkout: &Path, log_types: &BTreeSet<&str>) -> Result<Vec<Case>> {
    let models = models(checkout)?;
    let mut seen = BTreeSet::new();
    let mut cases = Vec::new();
    for file in files(&checkout.join("rules"), "yml")? {
        // One file is invalid YAML, which Python accepts.
        let Ok(rule) = yaml(&file) else { continue };
        let [log_type] = &texts(&rule, &["LogTypes"])[..] else { continue };
        for test in rule["Tests"].as_array().into_iter().flatten() {
            let event = &test["Log"];
            if !log_types.contains(&**log_type) || !event.is_object() || !seen.insert(event.to_string()) {
                continue;
            }
            cases.push(Case {
                source: log_type.clone(),
                name: texts(test, &["Name"]).concat(),
                event: event.clone(),
                expected: models.get(log_type).map_or_else(Facts::new, |model| expected(event, model)),
            });
        }
    }
    Ok(cases)
}

fn models(checkout: &Path) -> Result<Models> {
    let mut models = Models::new();
    for file in files(&checkout.join("data_models"), "yml")? {
        let model = yaml(&file)?;
        let mappings = model["Mappings"].as_array().into_iter().flatten();
        let paths: Vec<(Fact, String)> = mappings
            .filter_map(|mapping| {
                let fact = match mapping["Name"].as_str()? {
                    "actor_user" => Fact::Who,
                    "source_ip" => Fact::Address,
                    _ => return None,
                };
                Some((fact, mapping["Path"].as_str()?.trim_start_matches("$.").to_owned()))
            })
            .collect();
        for log_type in texts(&model, &["LogTypes"]) {
            models.entry(log_type).or_default().extend(paths.iter().cloned());
        }
    }
    Ok(models)
}

fn expected(event: &Value, model: &[(Fact, String)]) -> Facts {
    facts(model.iter().map(|(fact, path)| (*fact, texts(event, &[path]))))
}

fn yaml(file: &Path) -> Result<Value> {
    let text = text(file)?;
    let documents = Yaml::load_from_str(&text).with_context(|| file.display().to_string())?;
    Ok(documents.first().map_or(Value::Null, json))
}

/// Converts a value to JSON. Keys become strings.
fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::from(value.as_ref()),
        Yaml::Sequence(elements) => elements.iter().map(json).collect(),
        Yaml::Mapping(members) => {
            let key = |key: &Yaml<'_>| match json(key) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Value::Object(members.iter().map(|(name, value)| (key(name), json(value))).collect::<Map<_, _>>())
        }
        Yaml::Tagged(_, value) => json(value),
        Yaml::Value(Scalar::Null) | Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_becomes_json() {
        let text = "a: 2026-11-20T06:00:00Z\nb: {\"c\": [1, 1.5, true, null, \"1\"]}\n7: &x text\nd: *x\n";
        let documents = Yaml::load_from_str(text).unwrap();
        let expected = json!({"a": "2026-11-20T06:00:00Z", "b": {"c": [1, 1.5, true, null, "1"]}, "7": "text", "d": "text"});
        assert_eq!(json(&documents[0]), expected);
    }
}
