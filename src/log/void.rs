//! Grants that are void because the log's trust file revokes their issuers (SPEC section 5).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::keys::{KeyNote, Statement, Windows, names_under};
use crate::note::VerifierKey;
use crate::rights;
use crate::time::Time;
use crate::tolerance;
use crate::trust::Trust;

/// The void grants of a log, collected from its key notes in the log's order.
#[derive(Clone, Debug, Default)]
pub struct VoidGrants {
    /// The issuers that the trust file revokes.
    revoked: Vec<VerifierKey>,
    /// For each key that a revoked issuer may grant, the number of windows granted so far.
    granted: HashMap<VerifierKey, usize>,
    /// The numbers of each key's void windows, with the time on the log's clock from which the window is void, or
    /// `None` if it is void at any time.
    void: HashMap<VerifierKey, BTreeMap<usize, Option<Time>>>,
}

impl VoidGrants {
    /// Starts collecting for a log with this trust file. Returns `None` if the file revokes no issuer, so that no
    /// grant can be void.
    pub fn for_trust(trust: &Trust) -> Option<Self> {
        let revoked = trust.issuers().iter().filter(|issuer| trust.revoked_since(issuer).is_some());
        let revoked: Vec<VerifierKey> = revoked.cloned().collect();
        (!revoked.is_empty()).then(|| Self { revoked, ..Self::default() })
    }

    /// Processes the log's next key note under the same trust file. `existed_by` is the earliest time at
    /// which a quorum of witnesses had seen a checkpoint that covers it.
    pub fn note(&mut self, trust: &Trust, note: &KeyNote, existed_by: Option<Time>) {
        let is_theirs =
            self.revoked.iter().any(|issuer| note.note.signatures.iter().any(|line| line.is_of(issuer)));
        let signers = if is_theirs { rights::signers(note, trust, trust.issuers()).0 } else { Vec::new() };
        for statement in &note.statements {
            let key = statement.key();
            let may_be = self.revoked.iter().any(|issuer| names_under(issuer.name(), key.name()));
            if !may_be || !matches!(statement, Statement::Grant { .. }) {
                continue;
            }
            let count = self.granted.entry(key.clone()).or_default();
            let number = *count;
            *count += 1;
            let Some(since) = rights::all_revoked(&signers, statement) else { continue };
            let since = since.filter(|_| trust.has_quorum());
            if since.zip(existed_by).is_none_or(|(since, existed_by)| existed_by >= since) {
                self.void.entry(key.clone()).or_default().insert(number, since);
            }
        }
    }

    /// Returns a key's windows without those that are void at `now` on the log's clock.
    pub(super) fn without<'w>(
        &self,
        key: &VerifierKey,
        windows: &'w Windows,
        now: Option<Time>,
    ) -> Cow<'w, Windows> {
        let Some(void) = self.void.get(key) else { return Cow::Borrowed(windows) };
        let is_void = |number: usize| match void.get(&number) {
            None => false,
            Some(None) => true,
            // A link accepted now would be attested after that moment.
            Some(Some(since)) => now.is_some_and(|now| tolerance::is_too_late(now, since.millis())),
        };
        Cow::Owned(windows.without(is_void))
    }
}
