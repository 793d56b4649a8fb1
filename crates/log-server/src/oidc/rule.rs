//! Rules that map claims to access, such as `groups=auditors read tenant={org}`.
//!
//! A rule has words separated by spaces: the required claims, the rights, and conditions and tenant logs as in
//! `readers.txt`. All required claims must match; `*` matches every token. `{org}` is replaced by the token's claim
//! `org`; a token without that claim doesn't match the rule. With `log={org_log}`, the claim must contain IDs of tenants.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use countersign_log::tokens::{LogScope, Right, Rights, SCOPED, Scope};

/// Maximum number of words in a rule.
const MAX_WORDS: usize = 64;

/// A rule that maps claims to access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: String,
    claims: Vec<(String, String)>,
    rights: Rights,
    conditions: Vec<(String, ConditionValue)>,
    /// The tenant logs that the rule names.
    logs: LogScope,
    /// The claims that contain IDs of tenants.
    log_claims: Vec<String>,
}

/// The access that a rule grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) rights: Rights,
    pub(super) scope: Scope,
    pub(super) logs: LogScope,
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
    pub(super) fn apply(&self, claims: &Map<String, Value>) -> Option<Grant> {
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
                ConditionValue::Claim(claim) => claim_values(claims, claim)?,
            };
            for value in values {
                if !scope.conditions().contains(&(static_name(name), value.clone())) {
                    scope.allow(name, &value).ok()?;
                }
            }
        }
        Some(Grant { rights: self.rights, scope, logs: self.apply_logs(claims)? })
    }

    fn apply_logs(&self, claims: &Map<String, Value>) -> Option<LogScope> {
        let mut logs = self.logs.clone();
        for claim in &self.log_claims {
            for value in claim_values(claims, claim)? {
                // A claim can't grant all logs.
                let id = LogScope::parse_id(&value).ok()?;
                if !logs.permits(&id) {
                    logs.allow(id).ok()?;
                }
            }
        }
        Some(logs)
    }

    /// True if the rule names tenant logs, which only a log with tenants has.
    pub(super) fn has_logs(&self) -> bool {
        !self.logs.is_none() || !self.log_claims.is_empty()
    }
}

/// Returns a claim's values, of which there is at least one: an empty list must not mean all values.
fn claim_values(claims: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    claim_strings(claims, name).filter(|values| !values.is_empty())
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
        let (mut logs, mut log_claims) = (LogScope::default(), Vec::new());
        for word in &rest[1..] {
            let (name, value) = parse_pair(word)?;
            let claim = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
            let allowed = match claim {
                Some("") => return Err("the claim's name is missing in {}".into()),
                Some(claim) if name == "log" => {
                    log_claims.push(claim.to_owned());
                    continue;
                }
                None if name == "log" => {
                    logs.allow_written(&value)?;
                    continue;
                }
                Some(claim) if SCOPED.contains(&name.as_str()) => ConditionValue::Claim(claim.to_owned()),
                _ => {
                    checked.allow(&name, &value)?;
                    ConditionValue::Value(value)
                }
            };
            conditions.push((name, allowed));
        }
        if logs == LogScope::All && !log_claims.is_empty() {
            return Err("log=* must be the rule's only log".into());
        }
        if rights.allow(Right::Admin) && !conditions.is_empty() {
            return Err("the right admin covers the whole log, so its rule can't have conditions".into());
        }
        if rights.allow(Right::Record) && !conditions.is_empty() {
            return Err("the right record is not limited to events, so its rule can't have conditions".into());
        }
        if rights.allow(Right::Growth) && !(logs.is_all() && conditions.is_empty()) {
            return Err(
                "the right growth covers all tenant logs, so its rule needs log=*, and can't have conditions"
                    .into(),
            );
        }
        Ok(Self { text: words.join(" "), claims, rights, conditions, logs, log_claims })
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
        let Grant { rights, scope, logs } = rule.parse::<Rule>().unwrap().apply(&claims)?;
        let words = [rights.to_string(), scope.to_string(), logs.to_string()];
        Some(words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
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

    const A: &str = "8f000000000000000000000000000001";
    const B: &str = "a0000000000000000000000000000002";

    #[test]
    fn claim_gives_the_logs() {
        let read = |rest: &str| Some(format!("read {rest}"));
        let rule = "* read log={org.log}";
        assert_eq!(grants(rule, json!({ "org": { "log": A } })), read(&format!("log={A}")));
        assert_eq!(grants(rule, json!({ "org.log": [B, A, A] })), read(&format!("log={A} log={B}")));
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!(""),
            json!("*"),
            json!(["*"]),
            json!([A, "*"]),
            json!([A, null]),
            json!(A.to_uppercase()),
            json!(format!("log.example/t/{A}")),
            json!([A, "acme"]),
            json!(true),
        ] {
            assert_eq!(grants(rule, json!({ "org": { "log": value } })), None, "{value}");
        }
        assert_eq!(grants(rule, json!({})), None);
        let many: Vec<String> = (0..1025).map(|number| format!("{number:032x}")).collect();
        assert_eq!(grants(rule, json!({ "org.log": many })), None);
    }

    #[test]
    fn rule_names_logs() {
        let rule = format!("* admin log={B} log={A}");
        assert_eq!(grants(&rule, json!({})), Some(format!("admin log={A} log={B}")));
        assert_eq!(grants("* read,admin log=*", json!({})), Some("read,admin log=*".into()));
        assert_eq!(grants("* growth log=*", json!({})), Some("growth log=*".into()));
        let rule = format!("* read tenant={{org}} log={A} log={{log}}");
        let claims = json!({ "org": "acme", "log": [A, B] });
        assert_eq!(grants(&rule, claims), Some(format!("read tenant=acme log={A} log={B}")));
        assert_eq!(grants("* read", json!({ "log": A })), Some("read".into()));
        for (rule, has_logs) in [("* read", false), ("* read log=*", true), ("* read log={x}", true)] {
            assert_eq!(rule.parse::<Rule>().unwrap().has_logs(), has_logs, "{rule}");
        }
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
            "* growth",
            "* growth log=8f000000000000000000000000000001",
            "* growth log={x}",
            "* growth log=* tenant=a",
            "* admin tenant={a}",
            "* read tenant=%ff",
            "* read tenant=a tenant=a",
            "* read log",
            "* read log=",
            "* read log={}",
            "* read log=acme",
            "* read log=8F000000000000000000000000000001",
            "* read log=* log=*",
            "* read log=* log={x}",
            "* read log={x} log=*",
            "* read log=8f000000000000000000000000000001 log=8f000000000000000000000000000001",
            "* read log=8f000000000000000000000000000001 log=*",
        ] {
            assert!(rule.parse::<Rule>().is_err(), "{rule:?}");
        }
        assert_eq!("  groups=a   read ".parse::<Rule>().unwrap().to_string(), "groups=a read");
    }
}
