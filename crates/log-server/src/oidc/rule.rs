//! What claims allow: `groups=auditors read tenant={org}`.
//!
//! A rule is words with blanks between them: what the claims are to say, then the rights, then which events, as in
//! `readers.txt`. Of several claims all are to be as the rule says, `*` is for all tokens. `{org}` stands for what the
//! token's claim `org` says: a token without it does not fulfill the rule.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use countersign_log::tokens::{Right, Rights, SCOPED, Scope};

/// The most words of a rule.
const MOST: usize = 64;

/// What claims allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: String,
    claims: Vec<(String, String)>,
    rights: Rights,
    conditions: Vec<(String, Allowed)>,
}

/// The value of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    Value(String),
    /// Of a claim.
    Claim(String),
}

impl Rule {
    /// What a token with such claims allows, if the rule is for it.
    pub(super) fn apply(&self, claims: &Map<String, Value>) -> Option<(Rights, Scope)> {
        let is_said =
            |(name, value): &(String, String)| texts(claims, name).is_some_and(|texts| texts.contains(value));
        if !self.claims.iter().all(is_said) {
            return None;
        }
        let mut scope = Scope::default();
        for (name, allowed) in &self.conditions {
            let values = match allowed {
                Allowed::Value(value) => vec![value.clone()],
                // A claim that names nobody is not one that names everybody.
                Allowed::Claim(claim) => texts(claims, claim).filter(|values| !values.is_empty())?,
            };
            for value in values {
                if !scope.conditions().contains(&(place(name), value.clone())) {
                    scope.allow(name, &value).ok()?;
                }
            }
        }
        Some((self.rights, scope))
    }
}

/// A condition's name, as it is there for ever.
fn place(name: &str) -> &'static str {
    SCOPED.into_iter().find(|scoped| *scoped == name).unwrap_or_default()
}

/// The texts of a claim, whose name may be a path with dots. Numbers and truth values are as JSON writes them; the
/// words of `scope` are several.
fn texts(claims: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
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

/// A claim of that name, or else of that path.
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
        if words.len() > MOST {
            return Err(format!("a rule has at most {MOST} words"));
        }
        let place = words.iter().position(|word| *word != "*" && !word.contains('='));
        let place = place.filter(|place| *place > 0).ok_or(
            "write it as CLAIM=VALUE RIGHTS [CONDITION …], such as groups=auditors read, or * read for all",
        )?;
        let (who, rest) = words.split_at(place);
        let claims: Vec<_> = match who {
            ["*"] => Vec::new(),
            who => who.iter().map(|word| pair(word)).collect::<Result<_, _>>()?,
        };
        let rights: Rights = rest[0].parse()?;
        let mut conditions = Vec::new();
        let mut checked = Scope::default();
        for word in &rest[1..] {
            let (name, value) = pair(word)?;
            let claim = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
            let allowed = match claim {
                Some("") => return Err("the name of the claim is missing in {}".into()),
                Some(claim) if SCOPED.contains(&name.as_str()) => Allowed::Claim(claim.to_owned()),
                _ => {
                    checked.allow(&name, &value)?;
                    Allowed::Value(value)
                }
            };
            conditions.push((name, allowed));
        }
        if rights.allow(Right::Admin) && !conditions.is_empty() {
            return Err("the right admin is for the whole log: such a rule has no conditions".into());
        }
        Ok(Self { text: words.join(" "), claims, rights, conditions })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `name=value`, with blanks as `%20`.
fn pair(word: &str) -> Result<(String, String), String> {
    let refuse = || format!("{word:?} is not NAME=VALUE, with %20 for a blank and %25 for a percent sign");
    let (name, value) = word
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or_else(refuse)?;
    let decoded = percent_decode_str(value).decode_utf8().map_err(|_| refuse())?;
    Ok((name.to_owned(), decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What the rule allows a token with these claims.
    fn allows(rule: &str, claims: Value) -> Option<String> {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        let (rights, scope) = rule.parse::<Rule>().unwrap().apply(&claims)?;
        Some(format!("{rights} {scope}").trim_end().to_owned())
    }

    #[test]
    fn claims_are_texts_lists_paths_and_scopes() {
        let read = Some("read".to_owned());
        assert_eq!(allows("groups=a read", json!({ "groups": ["b", "a"] })), read);
        assert_eq!(allows("groups=a read", json!({ "groups": "a" })), read);
        assert_eq!(allows("groups=a%20b read", json!({ "groups": "a b" })), read);
        assert_eq!(allows("scope=log:read read", json!({ "scope": "openid log:read" })), read);
        assert_eq!(allows("realm.roles=a read", json!({ "realm": { "roles": ["a"] } })), read);
        assert_eq!(allows("https://x.example/r=a read", json!({ "https://x.example/r": ["a"] })), read);
        assert_eq!(allows("verified=true n=7 read", json!({ "verified": true, "n": 7 })), read);
        assert_eq!(allows("* read", json!({})), read);
        for claims in [
            json!({}),
            json!({ "groups": "ab" }),
            json!({ "groups": "a b" }),
            json!({ "groups": [] }),
            json!({ "groups": [["a"]] }),
            json!({ "groups": { "a": true } }),
            json!({ "groups": null }),
        ] {
            assert_eq!(allows("groups=a read", claims.clone()), None, "{claims}");
        }
        assert_eq!(allows("a=1 b=2 read", json!({ "a": "1" })), None);
    }

    #[test]
    fn a_claim_that_is_missing_allows_nothing() {
        let rule = "* read,erase tenant={org} action=user.*";
        let both = |tenants: &str| Some(format!("read,erase {tenants} action=user.*"));
        assert_eq!(allows(rule, json!({ "org": "acme" })), both("tenant=acme"));
        assert_eq!(allows(rule, json!({ "org": ["a c", "b", "b"] })), both("tenant=a%20c tenant=b"));
        for claims in [
            json!({}),
            json!({ "org": [] }),
            json!({ "org": "" }),
            json!({ "org": {} }),
            json!({ "org": ["a", null] }),
        ] {
            assert_eq!(allows(rule, claims.clone()), None, "{claims}");
        }
        let many: Vec<String> = (0..65).map(|number| number.to_string()).collect();
        assert_eq!(allows(rule, json!({ "org": many })), None);
    }

    #[test]
    fn a_rule_that_means_nothing_is_refused() {
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
