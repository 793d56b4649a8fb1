//! Rules that map claims to access, such as `groups=auditors read tenant={org}`.
//!
//! A rule has words separated by spaces: the required claims, the rights, and conditions as in `readers.txt`. All
//! required claims must match; `*` matches every token. `{org}` is replaced by the token's claim `org`; a token
//! without that claim doesn't match the rule.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use countersign_log::tokens::{Right, Rights, SCOPED, Scope};

/// Maximum number of words in a rule.
const MAX_WORDS: usize = 64;

/// A rule that maps claims to access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: String,
    claims: Vec<(String, String)>,
    rights: Rights,
    conditions: Vec<(String, ConditionValue)>,
}

/// The value of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ConditionValue {
    Value(String),
    /// The value of the claim with this name.
    Claim(String),
}

impl Rule {
    /// Returns the access for a token with these claims, if the rule matches.
    pub(super) fn apply(&self, claims: &Map<String, Value>) -> Option<(Rights, Scope)> {
        let matches = |(name, value): &(String, String)| {
            claim_strings(claims, name).is_some_and(|values| values.contains(value))
        };
        if !self.claims.iter().all(matches) {
            return None;
        }
        let mut scope = Scope::default();
        for (name, allowed) in &self.conditions {
            let values = match allowed {
                ConditionValue::Value(value) => vec![value.clone()],
                // An empty list of values must not mean all values.
                ConditionValue::Claim(claim) => {
                    claim_strings(claims, claim).filter(|values| !values.is_empty())?
                }
            };
            for value in values {
                if !scope.conditions().contains(&(static_name(name), value.clone())) {
                    scope.allow(name, &value).ok()?;
                }
            }
        }
        Some((self.rights, scope))
    }
}

/// Returns the condition's name as a static string.
fn static_name(name: &str) -> &'static str {
    SCOPED.into_iter().find(|scoped| *scoped == name).unwrap_or_default()
}

/// Returns a claim's values as strings. The name may be a path with dots. Numbers and booleans are formatted as JSON;
/// `scope` is split at spaces.
fn claim_strings(claims: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match find(claims, name)? {
        Value::String(words) if name == "scope" => Some(words.split(' ').map(str::to_owned).collect()),
        Value::Array(values) => values.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    }
}

/// Returns the claim with that name, or else the one at that path.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        if words.len() > MAX_WORDS {
            return Err(format!("the rule has more than {MAX_WORDS} words"));
        }
        let place = words.iter().position(|word| *word != "*" && !word.contains('='));
        let place = place.filter(|place| *place > 0).ok_or(
            "write it as CLAIM=VALUE RIGHTS [CONDITION …], such as groups=auditors read, or * read for all tokens",
        )?;
        let (who, rest) = words.split_at(place);
        let claims: Vec<_> = match who {
            ["*"] => Vec::new(),
            who => who.iter().map(|word| parse_pair(word)).collect::<Result<_, _>>()?,
        };
        let rights: Rights = rest[0].parse()?;
        let mut conditions = Vec::new();
        let mut checked = Scope::default();
        for word in &rest[1..] {
            let (name, value) = parse_pair(word)?;
            let claim = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
            let allowed = match claim {
                Some("") => return Err("the claim's name is missing in {}".into()),
                Some(claim) if SCOPED.contains(&name.as_str()) => ConditionValue::Claim(claim.to_owned()),
                _ => {
                    checked.allow(&name, &value)?;
                    ConditionValue::Value(value)
                }
            };
            conditions.push((name, allowed));
        }
        if rights.allow(Right::Admin) && !conditions.is_empty() {
            return Err("the right admin covers the whole log, so its rule can't have conditions".into());
        }
        Ok(Self { text: words.join(" "), claims, rights, conditions })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses `name=value`, where `%20` is a space.
fn parse_pair(word: &str) -> Result<(String, String), String> {
    let invalid = || format!("{word:?} must be NAME=VALUE, with %20 for a space and %25 for a percent sign");
    let (name, value) = word
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or_else(invalid)?;
    let decoded = percent_decode_str(value).decode_utf8().map_err(|_| invalid())?;
    Ok((name.to_owned(), decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Formats the rights that the rule grants to a token with these claims.
    fn grants(rule: &str, claims: Value) -> Option<String> {
        let Value::Object(claims) = claims else { panic!("claims must be an object") };
        let (rights, scope) = rule.parse::<Rule>().unwrap().apply(&claims)?;
        Some(format!("{rights} {scope}").trim_end().to_owned())
    }

    #[test]
    fn matches_strings_lists_paths_and_scopes() {
        let read = Some("read".to_owned());
        assert_eq!(grants("groups=a read", json!({ "groups": ["b", "a"] })), read);
        assert_eq!(grants("groups=a read", json!({ "groups": "a" })), read);
        assert_eq!(grants("groups=a%20b read", json!({ "groups": "a b" })), read);
        assert_eq!(grants("scope=log:read read", json!({ "scope": "openid log:read" })), read);
        assert_eq!(grants("realm.roles=a read", json!({ "realm": { "roles": ["a"] } })), read);
        assert_eq!(grants("https://x.example/r=a read", json!({ "https://x.example/r": ["a"] })), read);
        assert_eq!(grants("verified=true n=7 read", json!({ "verified": true, "n": 7 })), read);
        assert_eq!(grants("* read", json!({})), read);
        for claims in [
            json!({}),
            json!({ "groups": "ab" }),
            json!({ "groups": "a b" }),
            json!({ "groups": [] }),
            json!({ "groups": [["a"]] }),
            json!({ "groups": { "a": true } }),
            json!({ "groups": null }),
        ] {
            assert_eq!(grants("groups=a read", claims.clone()), None, "{claims}");
        }
        assert_eq!(grants("a=1 b=2 read", json!({ "a": "1" })), None);
    }

    #[test]
    fn missing_claim_grants_nothing() {
        let rule = "* read,erase tenant={org} action=user.*";
        let both = |tenants: &str| Some(format!("read,erase {tenants} action=user.*"));
        assert_eq!(grants(rule, json!({ "org": "acme" })), both("tenant=acme"));
        assert_eq!(grants(rule, json!({ "org": ["a c", "b", "b"] })), both("tenant=a%20c tenant=b"));
        for claims in [
            json!({}),
            json!({ "org": [] }),
            json!({ "org": "" }),
            json!({ "org": {} }),
            json!({ "org": ["a", null] }),
        ] {
            assert_eq!(grants(rule, claims.clone()), None, "{claims}");
        }
        let many: Vec<String> = (0..65).map(|number| number.to_string()).collect();
        assert_eq!(grants(rule, json!({ "org": many })), None);
    }

    #[test]
    fn rejects_invalid_rules() {
        for rule in [
            "",
            "read",
            "*",
            "groups=a",
            "groups= read",
            "=a read",
            "groups=a write",
            "* * read",
            "* groups=a read",
            "* read tenant",
            "* read tenant=",
            "* read tenant={}",
            "* read group={x}",
            "* read q=x",
            "* admin tenant=a",
            "* admin tenant={a}",
            "* read tenant=%ff",
            "* read tenant=a tenant=a",
        ] {
            assert!(rule.parse::<Rule>().is_err(), "{rule:?}");
        }
        assert_eq!("  groups=a   read ".parse::<Rule>().unwrap().to_string(), "groups=a read");
    }
}
