//! Who may sign what, at which position of the log (SPEC section 5).

use std::collections::HashMap;
use std::sync::Arc;

use super::FindingCode::KeyStatement;
use super::attested::Attested;
use super::finding::{Findings, Place};
use super::windows::{Grant, Voidable, Windows};
use crate::error::Quoted;
use crate::keys::{KeyNote, Statement};
use crate::note::VerifierKey;
use crate::time::Time;
use crate::trust::Trust;

/// The keys that the trust file, key notes and open links name.
#[derive(Debug)]
pub(super) struct Authority {
    trust: Trust,
    places: HashMap<VerifierKey, usize>,
    keys: Vec<Key>,
    /// Chains that were there when their key was revoked.
    suspicions: Vec<Suspicion>,
    /// Keys that a note granted, by the name and ID of a signature line.
    granted: HashMap<(String, [u8; 4]), Vec<usize>>,
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) vkey: VerifierKey,
    /// The trust file names it as an emitter.
    pub(super) vouched: bool,
    pub(super) revoked_in_log: bool,
    /// The least `since` of its revocations that count.
    least_since: Option<Option<Time>>,
    grants: Vec<Grant>,
    windows: Option<Arc<Windows>>,
    /// Its chains, by the verifier's numbers.
    pub(super) chains: Vec<usize>,
}

/// What lets a chain be signed by its key.
#[derive(Clone, Debug)]
pub(super) enum Right {
    /// Nobody whom the reader trusts.
    Unknown,
    /// The trust file, without bounds.
    TrustFile,
    /// Grants before its open link.
    Granted(Arc<Windows>),
}

/// What became of a key note.
#[derive(Debug)]
pub(super) struct Acted {
    pub(super) acts: bool,
    /// Known keys whose signature on it is valid.
    pub(super) signers: Vec<VerifierKey>,
}

/// A chain that a revocation makes suspect, if its last link there is not shown to precede `since`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    pub(super) chain: usize,
    pub(super) since: Option<Time>,
    pub(super) last_time: Time,
    pub(super) last_index: u64,
    pub(super) place: Place,
}

impl Suspicion {
    pub(super) fn holds(&self, quorum: bool, attested: &Attested) -> bool {
        let Some(since) = self.since else { return true };
        let attested_before =
            || attested.existed_by(self.last_index).is_some_and(|existed_by| existed_by < since);
        self.last_time >= since || (quorum && !attested_before())
    }
}

impl Key {
    /// Whether a revocation counts already that revokes it since then, or since before.
    fn is_revoked_since(&self, since: Option<Time>) -> bool {
        // No bound is the least, as is `None`.
        self.least_since.is_some_and(|least| since >= least)
    }
}

/// What a revocation makes of a key's chains.
fn suspicions<'a>(
    chains: &'a [usize],
    since: Option<Time>,
    place: Place,
    last_link: &'a impl Fn(usize) -> (Time, u64),
) -> impl Iterator<Item = Suspicion> + 'a {
    chains.iter().map(move |&chain| {
        let (last_time, last_index) = last_link(chain);
        Suspicion { chain, since, last_time, last_index, place }
    })
}

impl Authority {
    pub(super) fn new(trust: Trust) -> Self {
        let mut authority = Self {
            trust,
            places: HashMap::new(),
            keys: Vec::new(),
            suspicions: Vec::new(),
            granted: HashMap::new(),
        };
        for vkey in authority.trust.emitters().to_vec() {
            let key = authority.key(&vkey);
            authority.keys[key].vouched = true;
        }
        authority
    }

    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The number of a key.
    pub(super) fn key(&mut self, vkey: &VerifierKey) -> usize {
        if let Some(key) = self.places.get(vkey) {
            return *key;
        }
        self.keys.push(Key {
            vkey: vkey.clone(),
            vouched: false,
            revoked_in_log: false,
            least_since: None,
            grants: Vec::new(),
            windows: None,
            chains: Vec::new(),
        });
        self.places.insert(vkey.clone(), self.keys.len() - 1);
        self.keys.len() - 1
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Notes that a key signs a chain.
    pub(super) fn opened(&mut self, key: usize, chain: usize) {
        self.keys[key].chains.push(chain);
    }

    /// What lets a chain that is opened now be signed by its key.
    pub(super) fn right(&mut self, key: usize) -> Right {
        let key = &mut self.keys[key];
        if key.vouched {
            Right::TrustFile
        } else if key.grants.is_empty() {
            Right::Unknown
        } else {
            let grants = &key.grants;
            Right::Granted(key.windows.get_or_insert_with(|| Arc::new(Windows::new(grants.clone()))).clone())
        }
    }

    pub(super) fn is_revoked_by_trust_file(&self, vkey: &VerifierKey) -> bool {
        self.trust.revocations().iter().any(|revocation| revocation.key == *vkey)
    }

    /// A key note at its position, and what became of it. `last_link` tells the last time and index of a chain.
    pub(super) fn note(
        &mut self,
        note: &KeyNote,
        origin: &str,
        place: Place,
        last_link: impl Fn(usize) -> (Time, u64),
        findings: &mut Findings,
    ) -> Acted {
        let mut signers = Vec::new();
        let mut invalid = false;
        for line in &note.signatures {
            let known = self.known(note, &line.name, line.id);
            let valid = known.iter().find(|key| note.signed_by(key) == Some(true));
            invalid |= !known.is_empty() && valid.is_none();
            signers.extend(valid.cloned());
        }
        let allowed =
            |statement: &Statement| signers.iter().any(|signer| self.trust.may_state(signer, statement));
        let acts = note.origin == origin && note.statements.iter().all(allowed);
        if acts {
            for statement in &note.statements {
                match statement {
                    Statement::Grant { key, from, until } => {
                        let with_right: Vec<_> = signers
                            .iter()
                            .filter(|signer| self.trust.may_state(signer, statement))
                            .cloned()
                            .collect();
                        let voidable = self.voidable(&with_right, place.index.unwrap_or_default());
                        self.grant(key, Grant { from: *from, until: *until, voidable });
                    }
                    Statement::Revoke { key, since } => {
                        let key = self.key(key);
                        self.keys[key].revoked_in_log = true;
                        self.revoke(key, *since, place, &last_link);
                    }
                }
            }
        }
        if !acts || invalid {
            findings.add(KeyStatement, place, || {
                if note.origin != origin {
                    format!("the key note is for the log {} and does nothing here", Quoted(&note.origin))
                } else if !acts {
                    "the key note does nothing: a statement is signed by nobody who may make it".into()
                } else {
                    "a signature line of a known key is invalid, and ignored".into()
                }
            });
        }
        Acted { acts, signers }
    }

    /// The known keys that a signature line may be of.
    fn known(&self, note: &KeyNote, name: &str, id: [u8; 4]) -> Vec<VerifierKey> {
        let trust = &self.trust;
        let revoked = note.statements.iter().filter_map(|statement| match statement {
            Statement::Revoke { key, .. } => Some(key),
            Statement::Grant { .. } => None,
        });
        let granted =
            self.granted.get(&(name.to_owned(), id)).into_iter().flatten().map(|key| &self.keys[*key].vkey);
        let named = trust.issuers().iter().chain(trust.emitters());
        let named = named.chain(trust.revocations().iter().map(|revocation| &revocation.key));
        let mut known: Vec<VerifierKey> = named
            .chain(revoked)
            .filter(|key| key.name() == name && key.id() == id)
            .chain(granted)
            .cloned()
            .collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    fn voidable(&self, signers: &[VerifierKey], index: u64) -> Option<Voidable> {
        let since = |signer: &VerifierKey| {
            let lines = self.trust.revocations().iter().filter(|revocation| revocation.key == *signer);
            lines.map(|revocation| revocation.since).min()
        };
        let sinces: Option<Vec<_>> = signers.iter().map(since).collect();
        sinces.map(|sinces| Voidable { index, since: sinces.into_iter().max().flatten() })
    }

    fn grant(&mut self, vkey: &VerifierKey, grant: Grant) {
        let number = self.key(vkey);
        let key = &mut self.keys[number];
        if key.grants.is_empty() {
            self.granted.entry((vkey.name().to_owned(), vkey.id())).or_default().push(number);
        }
        key.grants.push(grant);
        key.windows = None;
    }

    fn revoke(
        &mut self,
        number: usize,
        since: Option<Time>,
        place: Place,
        last_link: &impl Fn(usize) -> (Time, u64),
    ) {
        let key = &mut self.keys[number];
        if key.is_revoked_since(since) {
            return;
        }
        key.least_since = Some(since);
        self.suspicions.extend(suspicions(&key.chains, since, place, last_link));
    }

    /// All suspicions in their order, with those by the trust file's revocations, which act after the last leaf.
    pub(super) fn suspicions(&self, last: Place, last_link: impl Fn(usize) -> (Time, u64)) -> Vec<Suspicion> {
        let mut all = self.suspicions.clone();
        let revocations = self.trust.revocations();
        for (place, revocation) in revocations.iter().enumerate() {
            let Some(key) = self.places.get(&revocation.key).map(|key| &self.keys[*key]) else { continue };
            let before = &mut revocations[..place].iter().filter(|before| before.key == revocation.key);
            if !key.is_revoked_since(revocation.since) && before.all(|before| before.since > revocation.since)
            {
                all.extend(suspicions(&key.chains, revocation.since, last, &last_link));
            }
        }
        all
    }
}
