//! The tenant logs that a token is limited to.
//!
//! This is apart from the [`Scope`](super::Scope), which is about events. A token without `log=` reads no tenant log.

use std::fmt;
use std::sync::Arc;

use countersign::hex;

use crate::tenants::tenant::TenantId;

/// The name of a word such as `log=8f000000000000000000000000000001`.
pub(super) const NAME: &str = "log";

/// The maximum number of logs that a token names.
pub const MAX_LOGS: usize = 1024;

/// The tenant logs that a token is for. By default there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogScope {
    /// No tenant log.
    #[default]
    None,
    /// The logs of these tenants.
    Some(TenantIds),
    /// All tenant logs, including those created later.
    All,
}

/// The IDs of one or more tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantIds(
    /// Ascending, and shared by the requests of a token.
    Arc<Vec<TenantId>>,
);

impl LogScope {
    /// True if the token is for the log of the tenant with this ID.
    pub fn permits(&self, id: &TenantId) -> bool {
        match self {
            Self::None => false,
            Self::Some(ids) => ids.0.binary_search(id).is_ok(),
            Self::All => true,
        }
    }

    /// Returns the scope with other logs in place of some. A token for both has only the new one.
    #[must_use]
    pub fn with_replaced(&self, replace: impl Fn(&TenantId) -> TenantId) -> Self {
        let Self::Some(TenantIds(ids)) = self else { return self.clone() };
        let mut ids: Vec<TenantId> = ids.iter().map(replace).collect();
        ids.sort_unstable();
        ids.dedup();
        Self::Some(TenantIds(Arc::new(ids)))
    }

    /// True if the token is for all tenant logs.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// True if the token is for no tenant log.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Adds the log of the tenant with this ID.
    ///
    /// # Errors
    /// The problem, in words.
    pub fn allow(&mut self, id: TenantId) -> Result<(), String> {
        match self {
            Self::None => *self = Self::Some(TenantIds(Arc::new(vec![id]))),
            Self::Some(TenantIds(ids)) => {
                let Err(place) = ids.binary_search(&id) else {
                    return Err(format!("{NAME}={} must not be repeated", hex::encode(&id)));
                };
                if ids.len() == MAX_LOGS {
                    return Err(format!("a token must name at most {MAX_LOGS} logs; {NAME}=* permits all"));
                }
                Arc::make_mut(ids).insert(place, id);
            }
            Self::All => return Err(format!("{NAME}=* must be the token's only {NAME}")),
        }
        Ok(())
    }

    /// Adds a log in its file form: the tenant's ID in hex, or `*` for all.
    ///
    /// # Errors
    /// The problem, in words.
    pub fn allow_written(&mut self, value: &str) -> Result<(), String> {
        if value == "*" {
            if !self.is_none() {
                return Err(format!("{NAME}=* must be the token's only {NAME}"));
            }
            *self = Self::All;
            return Ok(());
        }
        let id = Self::parse_id(value).map_err(|rule| format!("{NAME} must be {rule}, or * for all logs"))?;
        self.allow(id)
    }

    /// Parses a tenant's ID.
    ///
    /// # Errors
    /// The form of an ID, in words.
    pub fn parse_id(text: &str) -> Result<TenantId, &'static str> {
        hex::decode(text.as_bytes()).ok_or("the tenant's ID as 32 lower-case hex digits")
    }
}

impl TenantIds {
    /// Returns the IDs, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TenantId> {
        self.0.iter()
    }
}

impl fmt::Display for LogScope {
    /// Writes the logs in their file form, separated by spaces. Writes nothing if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Some(ids) => {
                let mut before = "";
                for id in ids.iter() {
                    write!(f, "{before}{NAME}={}", hex::encode(id))?;
                    before = " ";
                }
                Ok(())
            }
            Self::All => write!(f, "{NAME}=*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "8f000000000000000000000000000001";
    const B: &str = "00000000000000000000000000000002";

    fn logs(values: &[&str]) -> Result<LogScope, String> {
        let mut logs = LogScope::default();
        values.iter().try_for_each(|value| logs.allow_written(value)).map(|()| logs)
    }

    fn id(text: &str) -> TenantId {
        hex::decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn permits_only_the_named_logs() {
        let none = LogScope::default();
        assert!(none.is_none() && !none.permits(&id(A)) && !none.permits(&[0; 16]));
        let one = logs(&[A]).unwrap();
        assert!(one.permits(&id(A)) && !one.permits(&id(B)) && !one.permits(&[0; 16]));
        let both = logs(&[A, B]).unwrap();
        assert!(both.permits(&id(A)) && both.permits(&id(B)) && !both.permits(&[0; 16]));
        assert!(logs(&["*"]).unwrap().permits(&[0; 16]));
    }

    #[test]
    fn file_form_is_ascending() {
        let both = logs(&[A, B]).unwrap();
        assert_eq!(both.to_string(), format!("log={B} log={A}"));
        assert_eq!(logs(&[B, A]).unwrap(), both);
        assert_eq!(logs(&["*"]).unwrap().to_string(), "log=*");
        assert_eq!(LogScope::None.to_string(), "");
    }

    #[test]
    fn rejects_other_forms_and_repetitions() {
        let (upper, short, long) = (A.to_uppercase(), &A[1..], format!("{A}0"));
        let origin = format!("log.example/t/{A}");
        for value in
            ["", "all", "**", "%2a", &upper, short, &long, &origin, &format!(" {A}"), &"é".repeat(16)]
        {
            assert!(logs(&[value]).is_err(), "{value:?}");
        }
        for values in [[A, A], ["*", "*"], ["*", A], [A, "*"]] {
            assert!(logs(&values).is_err(), "{values:?}");
        }
    }

    #[test]
    fn number_of_logs_is_limited() {
        let mut logs = LogScope::default();
        for number in 0..MAX_LOGS as u128 {
            logs.allow(number.to_be_bytes()).unwrap();
        }
        assert!(logs.allow([0xff; 16]).is_err());
        assert!(logs.permits(&1023_u128.to_be_bytes()) && !logs.permits(&[0xff; 16]));
    }
}
