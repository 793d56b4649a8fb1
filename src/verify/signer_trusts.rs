//! Signer trust, as the whole report determines it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::report::{Report, TrustBasis};
use super::{CoveredLink, Doubts, SignerTrust};
use crate::link::ChainId;
use crate::note::VerifierKey;

/// The signers and suspect chains of a complete report.
pub struct SignerTrusts<'r> {
    signers: HashMap<Cow<'r, str>, TrustBasis>,
    doubts: Doubts,
}

impl<'r> SignerTrusts<'r> {
    /// Collects the signers and suspect chains of a report.
    pub fn from_report(report: &'r Report) -> Self {
        Self {
            signers: report
                .signers
                .iter()
                .map(|signer| (signer.vkey.as_str().into(), signer.trust))
                .collect(),
            doubts: Doubts::from_report(report),
        }
    }

    /// Restores stored state: keys with the words of [`Self::signers`], and the suspect chains. Without a list of
    /// suspects, every chain is suspect.
    pub fn from_stored(signers: &'r [(String, String)], suspects: Option<&[String]>) -> Self {
        let signers =
            signers.iter().filter_map(|(key, word)| Some((Cow::Borrowed(&**key), TrustBasis::parse(word)?)));
        let chains = suspects.unwrap_or_default().iter();
        let chains = chains.filter_map(|chain| ChainId::parse(chain.as_bytes())).collect();
        Self { signers: signers.collect(), doubts: Doubts { chains, all: suspects.is_none() } }
    }

    /// Returns each key with the word for how it is trusted.
    pub fn signers(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.signers.iter().map(|(key, trust)| (&**key, trust.as_str()))
    }

    /// True if the report has a chain of that key.
    pub fn has(&self, vkey: &VerifierKey) -> bool {
        self.signers.contains_key(vkey.as_str())
    }

    /// Returns the suspect chains, or `None` if all are.
    pub fn suspects(&self) -> Option<&[ChainId]> {
        (!self.doubts.all).then_some(&self.doubts.chains)
    }

    /// Returns the trust in the signer of a link.
    pub fn of_link(&self, link: &CoveredLink) -> SignerTrust {
        self.of_signer(&link.vkey, link.chain, link.authorized)
    }

    /// Returns the trust in a key that signed a chain. `authorized` is the link's authorization when it was returned.
    pub fn of_signer(&self, vkey: &VerifierKey, chain: ChainId, authorized: bool) -> SignerTrust {
        SignerTrust::evaluate(self.signers.get(vkey.as_str()).copied(), self.doubts.has(chain), authorized)
    }
}
