//! Whether to trust who signed an event, as the whole report has it.

use std::borrow::Cow;
use std::collections::HashMap;

use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::verify::report::{Report, SignerTrust};
use countersign::verify::{CoveredLink, Doubts, Standing as KeyStanding};

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
    doubts: Doubts,
}

impl<'r> Standings<'r> {
    pub(crate) fn of(report: &'r Report) -> Self {
        Self {
            signers: report
                .signers
                .iter()
                .map(|signer| (signer.vkey.as_str().into(), signer.trust))
                .collect(),
            doubts: Doubts::of(report),
        }
    }

    /// As they were kept, by their words; without suspects each chain is one.
    pub(crate) fn kept(signers: &'r [(String, String)], suspects: Option<&[String]>) -> Self {
        let signers =
            signers.iter().filter_map(|(key, word)| Some((Cow::Borrowed(&**key), SignerTrust::parse(word)?)));
        let chains = suspects.unwrap_or_default().iter();
        let chains = chains.filter_map(|chain| ChainId::parse(chain.as_bytes())).collect();
        Self { signers: signers.collect(), doubts: Doubts { chains, all: suspects.is_none() } }
    }

    /// Each key, and the word for how it is trusted.
    pub(crate) fn signers(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.signers.iter().map(|(key, trust)| (&**key, trust.as_str()))
    }

    /// The chains that are suspect; none where each is.
    pub(crate) fn suspects(&self) -> Option<&[ChainId]> {
        (!self.doubts.all).then_some(&self.doubts.chains)
    }

    pub(crate) fn of_link(&self, link: &CoveredLink) -> Standing {
        self.of_signer(&link.vkey, link.chain, link.authorised)
    }

    pub(crate) fn of_signer(&self, vkey: &VerifierKey, chain: ChainId, authorised: bool) -> Standing {
        let trust = self.signers.get(vkey.as_str()).copied();
        match KeyStanding::of(trust, self.doubts.has(chain), authorised) {
            KeyStanding::Trusted => Standing::Trusted,
            KeyStanding::Unknown => Standing::Unknown,
            KeyStanding::Suspect => Standing::Suspect,
            KeyStanding::Revoked => Standing::Revoked,
        }
    }
}
