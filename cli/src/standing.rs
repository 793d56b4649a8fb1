//! Whether to trust who signed an event, as the whole report has it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::verify::report::{Report, SignerTrust};
use countersign::verify::{CoveredLink, FindingCode, Standing as KeyStanding};

/// Whether the key that signed is one to trust, by the end of the export; the best comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Trusted,
    Unknown,
    Suspect,
    Revoked,
}

impl Standing {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Unknown => "unknown",
            Self::Suspect => "suspect",
            Self::Revoked => "revoked",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Trusted => "✓",
            Self::Unknown => "?",
            Self::Suspect => "!",
            Self::Revoked => "✗",
        }
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.mark(), self.word())
    }
}

/// What the whole report says of signers and chains.
pub(crate) struct Standings<'r> {
    signers: HashMap<Cow<'r, str>, SignerTrust>,
    suspects: HashSet<ChainId>,
}

impl<'r> Standings<'r> {
    pub(crate) fn of(report: &'r Report) -> Self {
        let doubted = |code| matches!(code, FindingCode::KeySuspect | FindingCode::KeyLate);
        let suspects = report.findings.iter().filter(|finding| doubted(finding.code));
        Self {
            signers: report
                .signers
                .iter()
                .map(|signer| (signer.vkey.as_str().into(), signer.trust))
                .collect(),
            suspects: suspects.filter_map(|finding| finding.chain).collect(),
        }
    }

    /// As they were kept, by their words.
    pub(crate) fn kept(signers: &'r [(String, String)], suspects: &[String]) -> Self {
        let signers =
            signers.iter().filter_map(|(key, word)| Some((Cow::Borrowed(&**key), SignerTrust::parse(word)?)));
        Self {
            signers: signers.collect(),
            suspects: suspects.iter().filter_map(|chain| ChainId::parse(chain.as_bytes())).collect(),
        }
    }

    /// Each key, and the word for how it is trusted.
    pub(crate) fn signers(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.signers.iter().map(|(key, trust)| (&**key, trust.as_str()))
    }

    /// The chains that are suspect.
    pub(crate) fn suspects(&self) -> impl Iterator<Item = &ChainId> {
        self.suspects.iter()
    }

    pub(crate) fn of_link(&self, link: &CoveredLink) -> Standing {
        self.of_signer(&link.vkey, link.chain, link.authorised)
    }

    pub(crate) fn of_signer(&self, vkey: &VerifierKey, chain: ChainId, authorised: bool) -> Standing {
        let trust = self.signers.get(vkey.as_str()).copied();
        match KeyStanding::of(trust, self.suspects.contains(&chain), authorised) {
            KeyStanding::Trusted => Standing::Trusted,
            KeyStanding::Unknown => Standing::Unknown,
            KeyStanding::Suspect => Standing::Suspect,
            KeyStanding::Revoked => Standing::Revoked,
        }
    }
}
