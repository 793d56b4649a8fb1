//! Erasing events when they are old enough, and never links.
//!
//! A [`Rule`] says how long events are kept: all of them (`7y`) or a tenant's (`tenant=acme:30d`). An event grows old from
//! when the log has it, as the first checkpoint that holds it says: by its link's time an emitter could have its evidence
//! erased the next minute. From time to time a [`pass`] erases what is older, by [`erase`], which records it first. What a [hold](holds::Hold) names is kept whatever its age, and so is what the log itself did.
//!
//! A clock that has jumped ahead must not erase a log. So the time that a pass goes by is never later than the
//! [moment] that others vouch for.

pub(crate) mod due;
pub mod holds;
pub mod moment;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use countersign::time::Time;
use countersign_query::Path;
use countersign_query::value::{Document, Value};
use serde_json::{Map, json};
use tokio::time::{Instant, sleep};

use crate::erase::erase;
use crate::reading::Reading;
use countersign_log::erase::{Cause, EraseError, Erased};
use countersign_log::store::StoreError;
use due::Expired;
use moment::Moment;

/// How often it is looked what is old enough.
const INTERVAL: Duration = Duration::from_hours(1);
/// How long after the start it is looked for the first time.
const FIRST: Duration = Duration::from_mins(1);
/// After a failure.
const PAUSE: Duration = Duration::from_mins(5);
/// Between two passes while there is more to look at.
const REST: Duration = Duration::from_secs(5);

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How long events are kept: a number and `h`, `d`, `w` or `y`. A year has 366 days, so that none is too short.
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
        let refuse = || "write it as 48h, 30d, 12w or 7y".to_owned();
        let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refuse)?;
        let unit = match unit {
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "w" => Unit::Week,
            "y" => Unit::Year,
            _ => return Err(refuse()),
        };
        let digits_alone = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| digits_alone && *number > 0).ok_or_else(refuse)?;
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

/// How long some events are kept: `7y`, or `tenant=acme:30d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whose events; none for those of all tenants without a rule of their own.
    pub tenant: Option<String>,
    /// How long.
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

/// The rules of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    all: Option<Age>,
    tenants: BTreeMap<String, Age>,
}

impl Rules {
    /// Of these rules.
    ///
    /// # Errors
    /// When two are about the same events.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, String> {
        let mut all = Self::default();
        for Rule { tenant, age } in rules {
            let before = match &tenant {
                Some(tenant) => all.tenants.insert(tenant.clone(), age),
                None => all.all.replace(age),
            };
            if before.is_some() {
                let whose =
                    tenant.map_or("all tenants".to_owned(), |tenant| format!("the tenant {tenant:?}"));
                return Err(format!("there are two rules for {whose}"));
            }
        }
        Ok(all)
    }

    /// Whether everything is kept for ever.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How long an event is kept; none for ever. One of several tenants is kept as long as any of them asks.
    pub fn age(&self, event: &str) -> Option<Age> {
        let document = Document::parse(event);
        let mut longest: Option<Option<Age>> = None;
        let mut look = |tenant: Value<'_>| {
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
            Path::of(["tenant"]).any(document.root(), &mut look);
        }
        longest.unwrap_or(self.all)
    }

    fn texts(&self) -> Vec<String> {
        let all = self.all.map(|age| Rule { tenant: None, age });
        let tenants =
            self.tenants.iter().map(|(tenant, age)| Rule { tenant: Some(tenant.clone()), age: *age });
        all.into_iter().chain(tenants).map(|rule| rule.to_string()).collect()
    }
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The time that it went by; none where nobody vouches for any, and nothing was erased.
    pub now: Option<Time>,
    /// What was erased.
    pub erased: Erased,
    /// Whether there is more to look at, of which some may be old enough.
    pub more: bool,
}

/// Why a pass did not do all of its work. Nothing is lost: the next one does it.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Erasing failed.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The moment of the last pass, or the holds, cannot be read or written. Nothing was erased.
    #[error("{0}")]
    File(String),
}

/// Erases what is old enough by now, so many events at a time.
///
/// # Errors
/// [`PassError`].
pub async fn pass(
    reading: &Arc<Reading>,
    rules: &Rules,
    moment: &mut Moment,
    elapsed: Duration,
) -> Result<Passed, PassError> {
    let now = moment.advance(reading, elapsed).await?;
    let Some(now) = now.filter(|_| !rules.is_empty()) else { return Ok(Passed::default()) };
    let looked = tokio::task::spawn_blocking({
        let (reading, rules) = (reading.clone(), rules.clone());
        move || reading.due.lock().unwrap_or_else(PoisonError::into_inner).expired(&reading, &rules, now)
    });
    let looked = looked.await.map_err(|error| StoreError::unavailable("looking for old events", error));
    let Expired { leaves, more } = looked??;
    if leaves.is_empty() {
        return Ok(Passed { now: Some(now), more, ..Passed::default() });
    }
    let mut metadata = Map::new();
    metadata.insert("chosen_by".into(), "age".into());
    metadata.insert("rules".into(), rules.texts().into());
    metadata.insert("at".into(), json!(now.to_string()));
    let cause = Cause {
        actor_type: "service",
        actor: "retention".into(),
        reason: "older than this log keeps events".into(),
        metadata,
    };
    let erased = erase(reading, leaves, &cause).await?;
    Ok(Passed { now: Some(now), erased, more })
}

/// Passes from time to time until the log stops. `folder` is the log's: the moment of the last pass is kept there.
pub async fn keep(reading: Arc<Reading>, rules: Rules, folder: PathBuf) {
    let mut moment = Moment::of(&folder);
    let mut since = Instant::now();
    sleep(FIRST).await;
    while !reading.collector().is_stopping() {
        let elapsed = since.elapsed();
        since = Instant::now();
        let rest = match pass(&reading, &rules, &mut moment, elapsed).await {
            Ok(passed) => {
                if passed.erased.erased > 0 {
                    tracing::info!(events = passed.erased.erased, "events were erased that were old enough");
                }
                if passed.more { REST } else { INTERVAL }
            }
            Err(error) => {
                tracing::warn!(%error, "old events were not erased");
                PAUSE
            }
        };
        sleep(rest).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
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
    fn rules_are_read_and_written() {
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
    fn an_event_is_kept_as_long_as_any_of_its_tenants_asks() {
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
