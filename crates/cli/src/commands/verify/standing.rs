//! Whether to trust who signed an event, as the whole report has it.

use std::borrow::Cow;
use std::collections::HashMap;

use countersign::link::ChainId;
use countersign::note::VerifierKey;
pub(crate) use countersign::verify::Standing;
use countersign::verify::report::{Report, SignerTrust};
use countersign::verify::{CoveredLink, Doubts};

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

    /// Whether the report has a chain of that key.
    pub(crate) fn has(&self, vkey: &VerifierKey) -> bool {
        self.signers.contains_key(vkey.as_str())
    }

    /// The chains that are suspect; none where each is.
    pub(crate) fn suspects(&self) -> Option<&[ChainId]> {
        (!self.doubts.all).then_some(&self.doubts.chains)
    }

    pub(crate) fn of_link(&self, link: &CoveredLink) -> Standing {
        self.of_signer(&link.vkey, link.chain, link.authorised)
    }

    pub(crate) fn of_signer(&self, vkey: &VerifierKey, chain: ChainId, authorised: bool) -> Standing {
        Standing::of(self.signers.get(vkey.as_str()).copied(), self.doubts.has(chain), authorised)
    }
}
