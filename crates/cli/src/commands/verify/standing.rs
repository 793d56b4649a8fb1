//! Signer trust, in words.

pub(crate) use countersign::verify::{Standing, Standings};

/// Formats a signer's trust, with an icon.
pub(crate) fn marked(standing: Standing) -> String {
    let mark = match standing {
        Standing::Trusted => '✓',
        Standing::Unknown => '?',
        Standing::Suspect => '!',
        Standing::Revoked => '✗',
    };
    format!("{mark} {}", standing.as_str())
}
