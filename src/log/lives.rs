//! Keys' lives: what a log's key notes say about a key.

use core::fmt;
use std::collections::HashMap;
use std::sync::Arc;

use super::State;
use crate::error::{Code, Error};
use crate::keys::{Statement, parse_bound, write_bound};
use crate::note::VerifierKey;
use crate::time::Time;

/// From which moment up to, and not including, which: `None` for no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: Option<Time>,
    /// The first moment after.
    pub until: Option<Time>,
}

impl Window {
    fn holds(self, time: Time) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// The windows granted to a key, in the order of their grants.
///
/// As text, as storage may keep it: `from until`, one window a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows(Arc<Vec<Window>>);

impl Windows {
    /// Reads what [`Windows`] shows as text.
    ///
    /// # Errors
    /// [`Code::Time`] where a line is no window.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let window = |line: &str| {
            let (from, until) = line.split_once(' ')?;
            Some(Window { from: parse_bound(from.as_bytes())?, until: parse_bound(until.as_bytes())? })
        };
        let windows: Option<Vec<Window>> = text.lines().map(window).collect();
        windows
            .map(|windows| Self(Arc::new(windows)))
            .ok_or_else(|| Error::new(Code::Time, "a window is a time or -, a space, and a time or -"))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the moment lies in one of them.
    pub fn hold(&self, time: Time) -> bool {
        self.0.iter().any(|window| window.holds(time))
    }

    /// Adds a window.
    pub fn push(&mut self, window: Window) {
        Arc::make_mut(&mut self.0).push(window);
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|window| writeln!(f, "{} {}", write_bound(window.from), write_bound(window.until)))
    }
}

/// What the key notes of a log say about one key so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// What was granted.
    pub windows: Windows,
    /// Whether it was revoked, which is for good.
    pub revoked: bool,
}

impl Life {
    /// Takes a statement that acts.
    pub fn state(&mut self, statement: &Statement) {
        match statement {
            Statement::Grant { from, until, .. } => {
                self.windows.push(Window { from: *from, until: *until });
            }
            Statement::Revoke { .. } => self.revoked = true,
        }
    }
}

/// The lives of the keys that a key note's statements are about, as they are after it.
pub(super) fn lives_after<S: State + ?Sized>(
    statements: &[Statement],
    state: &S,
) -> Result<HashMap<VerifierKey, Life>, S::Error> {
    let mut lives: HashMap<VerifierKey, Life> = HashMap::new();
    for statement in statements {
        let key = statement.key();
        let mut life = match lives.remove(key) {
            Some(life) => life,
            None => state.life(key)?,
        };
        life.state(statement);
        lives.insert(key.clone(), life);
    }
    Ok(lives)
}
