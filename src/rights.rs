//! Authorization to make statements in key notes (SPEC section 5).

use crate::keys::{KeyNote, Statement, names_under};
use crate::note::VerifierKey;
use crate::time::Time;
use crate::trust::Trust;

/// A key with a valid signature on a key note, and its role in the trust file.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) key: VerifierKey,
    is_issuer: bool,
    /// The time since which the trust file revokes the key, if it does; `Some(None)` for always.
    pub(crate) revoked_since: Option<Option<Time>>,
}

impl Signer {
    fn new(key: &VerifierKey, trust: &Trust) -> Self {
        let (is_issuer, revoked_since) = (trust.issuers().contains(key), trust.revoked_since(key));
        Self { key: key.clone(), is_issuer, revoked_since }
    }

    /// True if the signer may make a statement: an issuer about emitters under its name, an emitter about its own
    /// revocation.
    pub(crate) fn may_state(&self, statement: &Statement) -> bool {
        let key = statement.key();
        (self.is_issuer && names_under(self.key.name(), key.name()))
            || (matches!(statement, Statement::Revoke { .. }) && self.key == *key)
    }
}

/// Returns the time since which the trust file revokes every signer that may make a statement: the latest of
/// their revocations, or `Some(None)` if all are revoked from the beginning. Returns `None` if one of them is
/// not revoked, or if no signer may make the statement.
pub(crate) fn all_revoked(signers: &[Signer], statement: &Statement) -> Option<Option<Time>> {
    let mut with_right = signers.iter().filter(|signer| signer.may_state(statement));
    let first = with_right.next()?.revoked_since?;
    with_right.try_fold(first, |latest, signer| signer.revoked_since.map(|since| since.max(latest)))
}

/// Returns the signers of a key note, and true if the signature line of a known key is invalid.
///
/// Keys in `known` and keys that the note revokes are known.
pub(crate) fn signers(note: &KeyNote, trust: &Trust, known: &[VerifierKey]) -> (Vec<Signer>, bool) {
    let revoked = note.statements.iter().filter_map(|statement| match statement {
        Statement::Revoke { key, .. } => Some(key),
        Statement::Grant { .. } => None,
    });
    // Filter by signature lines first: a note may have very many statements but has few lines.
    let has_line = |key: &&VerifierKey| note.note.signatures.iter().any(|line| line.is_of(key));
    let known: Vec<&VerifierKey> = known.iter().chain(revoked).filter(has_line).collect();
    let opened = note.note.open(known.iter().copied());
    let signers = opened.verified.iter().map(|signature| Signer::new(signature.key, trust));
    (signers.collect(), !opened.invalid.is_empty())
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::note::KeyType;

    #[test]
    fn issuers_state_about_names_under_theirs_and_keys_about_themselves() {
        let key = |name: &str| VerifierKey::new(name, KeyType::Ed25519, [7; 32]).expect("a name");
        let (issuer, below, other) = (key("example.com"), key("example.com/a"), key("example.org/a"));
        let further_below = key("example.com/a/b");
        let trust = Trust::default().with_issuer(issuer.clone()).expect("a key of type 0x01");
        let grant = |key: &VerifierKey| Statement::Grant { key: key.clone(), from: None, until: None };
        let revoke = |key: &VerifierKey| Statement::Revoke { key: key.clone(), since: None };
        let cases = [
            (&issuer, &below, true, true),
            (&issuer, &other, false, false),
            (&issuer, &issuer, false, true),
            (&below, &below, false, true),
            (&other, &below, false, false),
            (&below, &other, false, false),
            (&issuer, &further_below, true, true),
            (&below, &further_below, false, false),
        ];
        for (signer, about, grants, revokes) in cases {
            let may = [grant(about), revoke(about)]
                .map(|statement| Signer::new(signer, &trust).may_state(&statement));
            assert_eq!(may, [grants, revokes], "{signer} of {about}");
        }
    }
}
