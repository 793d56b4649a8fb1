//! What is known of who signed an event, by the end of the export.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr};

use super::report::SignerTrust;

/// Whether the key that signed an event is one to trust (SPEC section 9); the best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(into = "&'static str")]
pub enum Standing {
    /// It was authorised. That it was revoked later takes nothing from what is shown to be older.
    Trusted,
    /// Nobody the reader trusts vouches for it.
    Unknown,
    /// Its chain is in doubt (`key.suspect`, `key.late`).
    Suspect,
    /// It is one of the two before, and its key was revoked.
    Revoked,
}

impl Standing {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What has this word.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

impl Standing {
    /// By what the report says of the signer, whether it names the chain as one in doubt, and whether the key was
    /// authorised where the event was handed out.
    pub fn of(trust: Option<SignerTrust>, is_doubted: bool, authorised: bool) -> Self {
        match trust {
            Some(SignerTrust::TrustFile | SignerTrust::Granted | SignerTrust::Revoked)
                if authorised && !is_doubted =>
            {
                Self::Trusted
            }
            Some(SignerTrust::Revoked) => Self::Revoked,
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

    /// JavaScript tells standings by this table too.
    const TABLE: &str = include_str!("../../tests/standings.txt");

    #[test]
    fn a_signer_stands_as_the_table_says() {
        let rows: BTreeSet<Vec<&str>> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').collect())
            .collect();
        let known = ["trust_file", "granted", "revoked", "unknown"].map(SignerTrust::parse);
        let mut all = BTreeSet::new();
        for trust in known.into_iter().chain([None]) {
            for (doubted, is_doubted) in [("in-doubt", true), ("-", false)] {
                for (allowed, authorised) in [("authorised", true), ("-", false)] {
                    let standing = Standing::of(trust, is_doubted, authorised).as_str();
                    all.insert(vec![trust.map_or("-", SignerTrust::as_str), doubted, allowed, standing]);
                }
            }
        }
        assert_eq!(rows, all);
    }
}
