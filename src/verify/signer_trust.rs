//! Trust in the signer of an event, as known at the end of the export.

use super::report::TrustBasis;
use crate::words::words;

words! {
    /// How far the key that signed an event is trusted (SPEC section 9), from most to least.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum SignerTrust {
        /// The key was authorized. A later revocation does not affect links proven to be older.
        Trusted = "trusted",
        /// No key or grant that the reader trusts vouches for the key.
        Untrusted = "untrusted",
        /// The signer's chain is in doubt (`key.suspect`, `key.late`).
        Suspect = "suspect",
        /// The key would be untrusted or suspect, and it was revoked.
        Revoked = "revoked",
    }
}

impl SignerTrust {
    /// Determines the trust in a signer. `trust` is the report's entry for the signer. `is_doubted` is true if the
    /// report lists the chain as in doubt, and `authorized` if the key was authorized when the event was returned.
    pub fn evaluate(trust: Option<TrustBasis>, is_doubted: bool, authorized: bool) -> Self {
        match trust {
            Some(TrustBasis::TrustFile | TrustBasis::Granted | TrustBasis::Revoked)
                if authorized && !is_doubted =>
            {
                Self::Trusted
            }
            Some(TrustBasis::Revoked) => Self::Revoked,
            _ if is_doubted => Self::Suspect,
            _ => Self::Untrusted,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// The table is shared with the JavaScript tests.
    const TABLE: &str = include_str!("../../tests/signer-trusts.txt");

    #[test]
    fn signer_trust_follows_the_table() {
        let rows: BTreeSet<Vec<&str>> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').collect())
            .collect();
        let known = ["trust_file", "granted", "revoked", "untrusted"].map(TrustBasis::parse);
        let mut all = BTreeSet::new();
        for trust in known.into_iter().chain([None]) {
            for (doubted, is_doubted) in [("in-doubt", true), ("-", false)] {
                for (allowed, authorized) in [("authorized", true), ("-", false)] {
                    let signer_trust = SignerTrust::evaluate(trust, is_doubted, authorized).as_str();
                    all.insert(vec![trust.map_or("-", TrustBasis::as_str), doubted, allowed, signer_trust]);
                }
            }
        }
        assert_eq!(rows, all);
    }
}
