//! Signer trust, in words.

pub(crate) use countersign::verify::{Standing, Standings};

/// The word for a standing, behind its mark.
pub(crate) fn marked(standing: Standing) -> String {
    let mark = match standing {
        Standing::Trusted => '✓',
        Standing::Unknown => '?',
        Standing::Suspect => '!',
        Standing::Revoked => '✗',
    };
    format!("{mark} {}", standing.as_str())
}
