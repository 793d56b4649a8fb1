//! What is known of who signed an event, by the end of the export.

use super::report::TrustBasis;
use crate::words::words;

words! {
    /// Whether the key that signed an event is one to trust (SPEC section 9); the best comes first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum SignerTrust {
        /// It was authorized. That it was revoked later takes nothing from what is shown to be older.
        Trusted = "trusted",
        /// Nobody the reader trusts vouches for it.
        Unknown = "unknown",
        /// Its chain is in doubt (`key.suspect`, `key.late`).
        Suspect = "suspect",
        /// It is one of the two before, and its key was revoked.
        Revoked = "revoked",
    }
}

impl SignerTrust {
    /// By what the report says of the signer, whether it names the chain as one in doubt, and whether the key was
    /// authorized where the event was handed out.
    pub fn of(trust: Option<TrustBasis>, is_doubted: bool, authorized: bool) -> Self {
        match trust {
            Some(TrustBasis::TrustFile | TrustBasis::Granted | TrustBasis::Revoked)
                if authorized && !is_doubted =>
            {
                Self::Trusted
            }
            Some(TrustBasis::Revoked) => Self::Revoked,
            _ if is_doubted => Self::Suspect,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// JavaScript tells signer trusts by this table too.
    const TABLE: &str = include_str!("../../tests/signer-trusts.txt");

    #[test]
    fn a_signer_stands_as_the_table_says() {
        let rows: BTreeSet<Vec<&str>> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').collect())
            .collect();
        let known = ["trust_file", "granted", "revoked", "unknown"].map(TrustBasis::parse);
        let mut all = BTreeSet::new();
        for trust in known.into_iter().chain([None]) {
            for (doubted, is_doubted) in [("in-doubt", true), ("-", false)] {
                for (allowed, authorized) in [("authorized", true), ("-", false)] {
                    let signer_trust = SignerTrust::of(trust, is_doubted, authorized).as_str();
                    all.insert(vec![trust.map_or("-", TrustBasis::as_str), doubted, allowed, signer_trust]);
                }
            }
        }
        assert_eq!(rows, all);
    }
}
