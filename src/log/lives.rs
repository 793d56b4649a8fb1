//! Grants and revocations of keys.

use std::collections::HashMap;

use super::Storage;
use crate::keys::{Statement, Window, Windows};
use crate::note::VerifierKey;

/// Grants and revocation of one key, from the log's key notes so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// The granted windows.
    pub windows: Windows,
    /// True if the key was revoked. Revocation is permanent.
    pub revoked: bool,
}

impl Life {
    /// Applies a statement that takes effect.
    pub fn state(&mut self, statement: &Statement) {
        match statement {
            Statement::Grant { from, until, .. } => {
                self.windows.push(Window { from: *from, until: *until });
            }
            Statement::Revoke { .. } => self.revoked = true,
        }
    }
}

/// Returns the state of each key that a key note is about, after the note.
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
