//! Retention rules.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use countersign_query::Path;
use countersign_query::value::{Document, Value};

/// Milliseconds in an hour.
const HOUR: i64 = 3_600_000;
/// Milliseconds in a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// A retention period: a number and `h`, `d`, `w`, or `y`. A year has 366 days, so that none is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    number: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Hour,
    Day,
    Week,
    Year,
}

impl Age {
    /// The age in milliseconds.
    pub fn millis(self) -> i64 {
        let unit = match self.unit {
            Unit::Hour => HOUR,
            Unit::Day => DAY,
            Unit::Week => 7 * DAY,
            Unit::Year => 366 * DAY,
        };
        i64::from(self.number) * unit
    }
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "write it as 48h, 30d, 12w, or 7y".to_owned();
        let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(invalid)?;
        let unit = match unit {
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "w" => Unit::Week,
            "y" => Unit::Year,
            _ => return Err(invalid()),
        };
        let digits_alone = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| digits_alone && *number > 0).ok_or_else(invalid)?;
        Ok(Self { number, unit })
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Hour => 'h',
            Unit::Day => 'd',
            Unit::Week => 'w',
            Unit::Year => 'y',
        };
        write!(f, "{}{unit}", self.number)
    }
}

/// A retention rule: `7y`, or `tenant=acme:30d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The tenant, or `None` for all tenants without their own rule.
    pub tenant: Option<String>,
    /// The retention period.
    pub age: Age,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("tenant=") else {
            return Ok(Self { tenant: None, age: text.parse()? });
        };
        match rest.rsplit_once(':') {
            Some((tenant, age)) if !tenant.is_empty() => {
                Ok(Self { tenant: Some(tenant.to_owned()), age: age.parse()? })
            }
            _ => Err("write a tenant's rule as tenant=acme:30d".into()),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "tenant={tenant}:{}", self.age),
            None => self.age.fmt(f),
        }
    }
}

/// The rules of a log. Clones share them, because each tenant log's schedule has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    all: Option<Age>,
    tenants: Arc<BTreeMap<String, Age>>,
}

impl Rules {
    /// Creates the set of these rules.
    ///
    /// # Errors
    /// If two of them apply to the same events.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, String> {
        let (mut all, mut tenants) = (None, BTreeMap::new());
        for Rule { tenant, age } in rules {
            let before = match &tenant {
                Some(tenant) => tenants.insert(tenant.clone(), age),
                None => all.replace(age),
            };
            if before.is_some() {
                let whose =
                    tenant.map_or("all tenants".to_owned(), |tenant| format!("the tenant {tenant:?}"));
                return Err(format!("there is more than one rule for {whose}"));
            }
        }
        Ok(Self { all, tenants: Arc::new(tenants) })
    }

    /// True if everything is kept forever.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns an event's retention period, or `None` if it is kept forever. For an event of several tenants, the
    /// longest of their rules applies.
    pub fn age(&self, event: &str) -> Option<Age> {
        let document = Document::parse(event);
        let mut longest: Option<Option<Age>> = None;
        let mut visit = |tenant: Value<'_>| {
            let own = tenant.text().and_then(|tenant| self.tenants.get(&*tenant).copied());
            let age = own.or(self.all);
            longest = Some(match longest {
                Some(other) => {
                    other.zip(age).map(|(other, age)| if age.millis() > other.millis() { age } else { other })
                }
                None => age,
            });
            false
        };
        if let Some(document) = &document {
            Path::from_names(["tenant"]).any(document.root(), &mut visit);
        }
        longest.unwrap_or(self.all)
    }

    /// Returns the rules in their text form.
    pub(super) fn texts(&self) -> Vec<String> {
        let all = self.all.map(|age| Rule { tenant: None, age });
        let tenants =
            self.tenants.iter().map(|(tenant, age)| Rule { tenant: Some(tenant.clone()), age: *age });
        all.into_iter().chain(tenants).map(|rule| rule.to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_ages_with_a_unit() {
        let millis = |text: &str| text.parse::<Age>().map(Age::millis);
        assert_eq!(millis("48h"), Ok(2 * DAY));
        assert_eq!(millis("30d"), Ok(30 * DAY));
        assert_eq!(millis("2w"), Ok(14 * DAY));
        assert_eq!(millis("7y"), Ok(7 * 366 * DAY));
        for text in ["", "d", "7", "0d", "-1d", "+1d", "1.5y", "7 y", "7Y", "7m", "99999999999y", "７y"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parses_and_formats_rules() {
        for text in ["7y", "tenant=acme:30d", "tenant=a:b:1h"] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        for text in ["tenant=acme", "tenant=:30d", "actor=u_1:30d", "tenant=acme:"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        let rules = |texts: &[&str]| Rules::new(texts.iter().map(|text| text.parse().unwrap()));
        assert!(rules(&["7y", "7y"]).is_err());
        assert!(rules(&["tenant=a:7y", "tenant=a:8y"]).is_err());
        assert!(rules(&[]).unwrap().is_empty());
    }

    #[test]
    fn longest_rule_of_an_events_tenants_applies() {
        let rules = |texts: &[&str]| Rules::new(texts.iter().map(|text| text.parse().unwrap())).unwrap();
        let age = |rules: &Rules, event: &str| rules.age(event).map(|age| age.to_string());
        let with_all = rules(&["7y", "tenant=acme:30d", "tenant=globex:10y"]);
        for (event, kept) in [
            (r#"{"tenant":"acme"}"#, "30d"),
            (r#"{"tenant":"globex"}"#, "10y"),
            (r#"{"tenant":"other"}"#, "7y"),
            ("{}", "7y"),
            (r#"{"tenant":["acme","other"]}"#, "7y"),
            (r#"{"tenant":["acme","globex"]}"#, "10y"),
        ] {
            assert_eq!(age(&with_all, event).as_deref(), Some(kept), "{event}");
        }
        let alone = rules(&["tenant=acme:30d"]);
        assert_eq!(age(&alone, r#"{"tenant":"acme"}"#).as_deref(), Some("30d"));
        assert_eq!(age(&alone, r#"{"tenant":["acme","other"]}"#), None);
        assert_eq!(age(&alone, "{}"), None);
    }
}
