//! Who may sign what, at which position of the log (SPEC section 5).

use super::FindingCode::KeyStatement;
use super::attested::Attested;
use super::finding::{Findings, Place};
use super::numbers::Numbers;
use super::report::{Signer, TrustBasis};
use super::revocations::Revocations;
use super::void::{VoidableGrants, VoidedWindows};
use crate::error::Quoted;
use crate::keys::{KeyNote, Statement, Window, Windows};
use crate::note::{KeyType, VerifierKey};
use crate::phrases::{self, say};
use crate::rights;
use crate::time::Time;
use crate::trust::Trust;

/// The keys that the trust file, key notes and open links name.
#[derive(Debug, Default)]
pub(super) struct Authority {
    trust: Trust,
    keys: Vec<Key>,
    numbers: Numbers,
    /// Keys whose signatures on notes are looked at, by the name and ID of a signature line.
    known: Numbers,
}

/// A key. There can be as many as lines, so it is kept small.
#[derive(Debug)]
pub(super) struct Key {
    name: Box<str>,
    pub(super) public: [u8; 32],
    /// The trust file names it as an emitter.
    pub(super) vouched: bool,
    /// A chain of it was authorized by a grant.
    granted: bool,
    chains: u64,
    links: u64,
    first: Time,
    last: Time,
    stated: Option<Box<Stated>>,
}

/// What key notes and the trust file's `revoke` lines say about a key.
#[derive(Debug, Default)]
pub(super) struct Stated {
    pub(super) windows: Windows,
    pub(super) voidable: VoidableGrants,
    pub(super) revocations: Revocations,
}

/// What lets a chain be signed by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Nobody whom the reader trusts.
    Unknown,
    /// The trust file, without bounds.
    TrustFile,
    /// The first so many grants.
    Granted(usize),
}

/// What became of a key note.
#[derive(Debug)]
pub(super) struct Acted {
    pub(super) acts: bool,
    /// Known keys whose signature on it is valid.
    pub(super) signers: Vec<VerifierKey>,
}

impl Key {
    pub(super) fn vkey(&self) -> VerifierKey {
        VerifierKey::named(&self.name, KeyType::Ed25519, self.public)
    }

    pub(super) fn stated(&self) -> Option<&Stated> {
        self.stated.as_deref()
    }

    /// A chain is opened now: what lets it be signed by this key, unless it is for another log.
    pub(super) fn open(&mut self, foreign: bool) -> Right {
        self.chains += 1;
        let granted = self.stated().map_or(0, |stated| stated.windows.len());
        if foreign || (!self.vouched && granted == 0) {
            Right::Unknown
        } else if self.vouched {
            Right::TrustFile
        } else {
            self.granted = true;
            Right::Granted(granted)
        }
    }

    /// A link of one of its chains, no fork.
    #[inline]
    pub(super) fn link(&mut self, time: Time) {
        self.links += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    fn state(&mut self) -> &mut Stated {
        self.stated.get_or_insert_default()
    }

    fn signer(&self) -> Signer {
        let revoked =
            |stated: &Stated| stated.revocations.are_in_log() || stated.revocations.are_in_trust_file();
        let trust = if self.stated().is_some_and(revoked) {
            TrustBasis::Revoked
        } else if self.vouched {
            TrustBasis::TrustFile
        } else if self.granted {
            TrustBasis::Granted
        } else {
            TrustBasis::Unknown
        };
        let Self { chains, links, first, last, .. } = *self;
        Signer { vkey: self.vkey(), trust, chains, links, first, last }
    }
}

impl Authority {
    pub(super) fn new(trust: &Trust) -> Self {
        let mut authority = Self { trust: trust.clone(), ..Self::default() };
        for vkey in trust.issuers() {
            authority.know(vkey);
        }
        for vkey in trust.emitters() {
            authority.know(vkey).vouched = true;
        }
        for line in trust.revocations() {
            authority.know(&line.key).state().revocations.by_trust_file(line.since);
        }
        authority
    }

    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The number of a key.
    pub(super) fn number(&mut self, vkey: &VerifierKey) -> usize {
        let name = (vkey.name(), vkey.public());
        let is = |number: &usize| {
            let key = &self.keys[*number];
            (&*key.name, &key.public) == name
        };
        if let Some(number) = self.numbers.like(name).find(is) {
            return number;
        }
        let number = self.keys.len();
        self.numbers.add(name, number);
        self.keys.push(Key {
            name: vkey.name().into(),
            public: *vkey.public(),
            vouched: false,
            granted: false,
            chains: 0,
            links: 0,
            first: Time::MAX,
            last: Time::MIN,
            stated: None,
        });
        number
    }

    pub(super) fn key(&self, number: usize) -> &Key {
        &self.keys[number]
    }

    pub(super) fn key_mut(&mut self, number: usize) -> &mut Key {
        &mut self.keys[number]
    }

    /// The key, whose signatures on notes are looked at from now on.
    fn know(&mut self, vkey: &VerifierKey) -> &mut Key {
        let number = self.number(vkey);
        let line = (vkey.name(), vkey.id());
        if !self.known.like(line).any(|known| known == number) {
            self.known.add(line, number);
        }
        &mut self.keys[number]
    }

    /// A key note at its position, and what became of it.
    pub(super) fn note(
        &mut self,
        note: &KeyNote,
        origin: &str,
        place: Place,
        findings: &mut Findings,
    ) -> Acted {
        let lines = note.note.signatures.iter();
        let known = lines.flat_map(|line| self.known.like((&line.name, line.id)));
        let known: Vec<VerifierKey> = known.map(|number| self.keys[number].vkey()).collect();
        let (signers, invalid) = rights::signers(note, &self.trust, &known);
        let is_allowed = |statement| signers.iter().any(|signer| signer.may_state(statement));
        let denied = note.statements.iter().find(|statement| !is_allowed(statement));
        let acts = note.origin == origin && denied.is_none();
        for statement in note.statements.iter().filter(|_| acts) {
            match statement {
                Statement::Grant { key, from, until } => {
                    let since = rights::all_revoked(&signers, statement);
                    let Stated { windows, voidable, .. } = self.know(key).state();
                    windows.push(Window { from: *from, until: *until });
                    voidable.granted(windows, place.index.unwrap_or_default(), since);
                }
                Statement::Revoke { key, since } => {
                    let number = self.number(key);
                    self.keys[number].state().revocations.by_note(*since, place);
                }
            }
        }
        if note.origin != origin {
            let hint = phrases::HINT_KEY_NOTE_OTHER_LOG;
            let log = Quoted(&note.origin);
            let message =
                say!("key.note.other_log", "the key note is for the log {log}, so it does nothing here", log);
            findings.add_with_hint(KeyStatement, place, hint, message);
        } else if let Some(statement) = denied {
            let key = Quoted(statement.key().name());
            let message = match statement {
                Statement::Grant { .. } => say!(
                    "key.note.grant",
                    "the key note does nothing: no issuer in the trust file that may grant {key} signed it",
                    key
                ),
                Statement::Revoke { .. } => say!(
                    "key.note.revoke",
                    "the key note does nothing: neither {key} nor an issuer in the trust file that may revoke it signed it",
                    key
                ),
            };
            findings.add(KeyStatement, place, message);
        } else if invalid {
            let hint = phrases::HINT_KEY_NOTE_SIGNATURE;
            let message =
                say!("key.note.signature", "a signature line of a known key is invalid, and ignored");
            findings.add_with_hint(KeyStatement, place, hint, message);
        }
        Acted { acts, signers: signers.into_iter().map(|signer| signer.key).collect() }
    }

    /// No key is looked for any more.
    pub(super) fn forget_numbers(&mut self) {
        self.numbers = Numbers::default();
    }

    /// The grants that are void, by the numbers of their keys, which ascend.
    pub(super) fn void_grants(&self, attested: &Attested) -> Vec<(usize, VoidedWindows)> {
        let void = |key: &Key| {
            let Stated { windows, voidable, .. } = key.stated()?;
            voidable.void(windows, attested)
        };
        let keys = self.keys.iter().enumerate();
        keys.filter_map(|(number, key)| Some((number, void(key)?))).collect()
    }

    /// The keys that open links name, in byte order.
    pub(super) fn signers(&self) -> Vec<Signer> {
        let keys = self.keys.iter().filter(|key| key.chains > 0);
        let mut signers: Vec<Signer> = keys.map(Key::signer).collect();
        signers.sort_unstable_by(|a, b| a.vkey.cmp(&b.vkey));
        signers
    }
}
