//! Keys' lives: what a log's key notes say about a key.

use std::collections::HashMap;

use super::Storage;
use crate::keys::{Statement, Window, Windows};
use crate::note::VerifierKey;

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
pub(super) fn lives_after<S: Storage + ?Sized>(
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
