//! What is known of who signed an event, by the end of the export.

use super::report::SignerTrust;
use crate::words::words;

words! {
    /// Whether the key that signed an event is one to trust; the best comes first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Standing {
        /// It was authorised.
        Trusted = "trusted",
        /// Nobody the reader trusts vouches for it.
        Unknown = "unknown",
        /// Its chain is in doubt (SPEC section 9, `key.suspect` and `key.late`).
        Suspect = "suspect",
        /// It was revoked.
        Revoked = "revoked",
    }
}

impl Standing {
    /// By what the report says of the signer, whether it names the chain as one in doubt, and whether the key was
    /// authorised where the event was handed out.
    pub fn of(trust: Option<SignerTrust>, is_doubted: bool, authorised: bool) -> Self {
        match trust {
            Some(SignerTrust::Revoked) => Self::Revoked,
            _ if is_doubted => Self::Suspect,
            _ if !authorised => Self::Unknown,
            Some(SignerTrust::TrustFile | SignerTrust::Granted) => Self::Trusted,
            Some(SignerTrust::Unknown) | None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_signer_stands_as_what_speaks_most_against_it_says() {
        use Standing::{Revoked, Suspect, Trusted, Unknown};
        let of =
            |trust, is_doubted| [true, false].map(|authorised| Standing::of(trust, is_doubted, authorised));
        for trust in [SignerTrust::TrustFile, SignerTrust::Granted].map(Some) {
            assert_eq!((of(trust, false), of(trust, true)), ([Trusted, Unknown], [Suspect; 2]));
        }
        for trust in [Some(SignerTrust::Unknown), None] {
            assert_eq!((of(trust, false), of(trust, true)), ([Unknown; 2], [Suspect; 2]));
        }
        let revoked = Some(SignerTrust::Revoked);
        assert_eq!((of(revoked, false), of(revoked, true)), ([Revoked; 2], [Revoked; 2]));
    }
}
