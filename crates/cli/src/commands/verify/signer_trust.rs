//! Signer trust, in words.

pub(crate) use countersign::verify::{SignerTrust, SignerTrusts};

/// The word for a standing, behind its mark.
pub(crate) fn marked(signer_trust: SignerTrust) -> String {
    let mark = match signer_trust {
        SignerTrust::Trusted => '✓',
        SignerTrust::Unknown => '?',
        SignerTrust::Suspect => '!',
        SignerTrust::Revoked => '✗',
    };
    format!("{mark} {}", signer_trust.as_str())
}
