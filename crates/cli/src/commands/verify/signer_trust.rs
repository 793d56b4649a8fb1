//! Signer trust, in words.

pub(crate) use countersign::verify::{SignerTrust, SignerTrusts};

/// Formats a signer's trust, with an icon.
pub(crate) fn marked(signer_trust: SignerTrust) -> String {
    let mark = match signer_trust {
        SignerTrust::Trusted => '✓',
        SignerTrust::Untrusted => '?',
        SignerTrust::Suspect => '!',
        SignerTrust::Revoked => '✗',
    };
    format!("{mark} {}", signer_trust.as_str())
}
