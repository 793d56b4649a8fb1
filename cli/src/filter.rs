//! `FIELD=VALUE`: a test of one member of an event.

use std::str::FromStr;

use serde_json::Value;

/// A member's path, its names parted by dots, and what it must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    path: String,
    value: String,
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.is_empty() => Ok(Self { path: path.into(), value: value.into() }),
            _ => Err("write it as FIELD=VALUE, for example actor.id=u_1".into()),
        }
    }
}

impl Filter {
    /// Whether the event has such a member. Any element of an array will do, and a name may itself hold dots.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        self.within(event, &self.path)
    }

    fn within(&self, value: &Value, path: &str) -> bool {
        match value {
            Value::Array(elements) => elements.iter().any(|element| self.within(element, path)),
            Value::Object(members) => {
                members.get(path).is_some_and(|value| self.says(value))
                    || path.match_indices('.').any(|(dot, _)| {
                        members.get(&path[..dot]).is_some_and(|value| self.within(value, &path[dot + 1..]))
                    })
            }
            _ => false,
        }
    }

    fn says(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => *text == self.value,
            Value::Number(number) => {
                let wanted = self.value.parse::<f64>().ok();
                number.to_string() == self.value
                    || wanted.is_some_and(|wanted| number.as_f64() == Some(wanted))
            }
            Value::Bool(yes) => self.value == yes.to_string(),
            Value::Null => self.value == "null",
            Value::Array(elements) => elements.iter().any(|element| self.says(element)),
            Value::Object(_) => false,
        }
    }
}

/// An event's text as a value; none passes any filter that cannot be read as one.
pub(crate) fn parse(event: &str) -> Value {
    serde_json::from_str(event).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, event: &str) -> bool {
        filter.parse::<Filter>().unwrap().matches(&parse(event))
    }

    #[test]
    fn finds_members_at_any_depth() {
        let event =
            r#"{"actor":{"id":"u_1","n":7},"tags":["a","b"],"to":[{"id":"x"}],"a.b":{"c":true},"z":null}"#;
        for filter in
            ["actor.id=u_1", "actor.n=7", "actor.n=7.0", "tags=b", "to.id=x", "a.b.c=true", "z=null"]
        {
            assert!(matches(filter, event), "{filter}");
        }
        for filter in
            ["actor.id=u_2", "actor=u_1", "actor.id.x=u_1", "id=u_1", "tags=c", "actor.n=\"7\"", "actor.id="]
        {
            assert!(!matches(filter, event), "{filter}");
        }
    }

    #[test]
    fn needs_a_field() {
        assert!("=x".parse::<Filter>().is_err() && "x".parse::<Filter>().is_err());
        assert!(matches("a=b=c", r#"{"a":"b=c"}"#));
    }
}
