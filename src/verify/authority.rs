//! Authorization of keys by position in the log (SPEC section 5).

use super::FindingCode::KeyStatement;
use super::attested::Attested;
use super::finding::{Findings, Place};
use super::numbers::Numbers;
use super::report::{Signer, TrustBasis};
use super::revocations::Revocations;
use super::void::{VoidableGrants, VoidedWindows};
use crate::error::Quoted;
use crate::keys::{KeyNote, Statement, Window, Windows};
use crate::note::VerifierKey;
use crate::phrases::{self, say};
use crate::rights;
use crate::time::Time;
use crate::trust::Trust;

/// The keys that the trust file, key notes, and open links name.
#[derive(Debug, Default)]
pub(super) struct Authority {
    trust: Trust,
    keys: Vec<Key>,
    numbers: Numbers,
    /// Keys whose signatures on notes are verified, by the name and ID of a signature line.
    known: Numbers,
}

/// A key and its use in the export. There can be as many keys as lines, so this type is kept small.
#[derive(Debug)]
pub(super) struct Key {
    name: Box<str>,
    pub(super) public: [u8; 32],
    /// True if the trust file names it as an emitter.
    pub(super) vouched: bool,
    /// True if a grant authorized a chain of this key.
    granted: bool,
    chains: u64,
    links: u64,
    first: Time,
    last: Time,
    stated: Option<Box<KeyStatements>>,
}

/// The statements about a key in key notes and in the trust file's `revoke` lines.
#[derive(Debug, Default)]
pub(super) struct KeyStatements {
    pub(super) windows: Windows,
    pub(super) voidable: VoidableGrants,
    pub(super) revocations: Revocations,
}

/// The authorization of a chain's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// No key or grant that the reader trusts authorizes it.
    Unknown,
    /// The trust file names it, without time limits.
    TrustFile,
    /// Grants authorize it; this many precede the chain.
    Granted(usize),
}

/// The effect of a key note.
#[derive(Debug)]
pub(super) struct NoteEffect {
    pub(super) acts: bool,
    /// The known keys with a valid signature on the note.
    pub(super) signers: Vec<VerifierKey>,
}

impl Key {
    pub(super) fn vkey(&self) -> VerifierKey {
        VerifierKey::of_signer(&self.name, self.public)
    }

    pub(super) fn stated(&self) -> Option<&KeyStatements> {
        self.stated.as_deref()
    }

    /// Opens a chain and returns the authorization of the key for it. A chain for another log is never authorized.
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

    /// Counts a link that is not a fork.
    #[inline]
    pub(super) fn link(&mut self, time: Time) {
        self.links += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    fn state(&mut self) -> &mut KeyStatements {
        self.stated.get_or_insert_default()
    }

    fn signer(&self) -> Signer {
        let revoked = |stated: &KeyStatements| {
            stated.revocations.are_in_log() || stated.revocations.are_in_trust_file()
        };
        let trust = if self.stated().is_some_and(revoked) {
            TrustBasis::Revoked
        } else if self.vouched {
            TrustBasis::TrustFile
        } else if self.granted {
            TrustBasis::Granted
        } else {
            TrustBasis::Untrusted
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

    /// Returns the number of a key, and adds the key if it is new.
    pub(super) fn number(&mut self, vkey: &VerifierKey) -> usize {
        let public = vkey.signer_public();
        let name = (vkey.name(), &public);
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
            public,
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

    /// Adds a key whose signatures on notes are verified from now on.
    fn know(&mut self, vkey: &VerifierKey) -> &mut Key {
        let number = self.number(vkey);
        let line = (vkey.name(), vkey.id());
        if !self.known.like(line).any(|known| known == number) {
            self.known.add(line, number);
        }
        &mut self.keys[number]
    }

    /// Applies a key note at its position and returns its effect. It acts if it is for one of these origins: the log's,
    /// or that of the root log of a tenant log.
    pub(super) fn note(
        &mut self,
        note: &KeyNote,
        origins: [&str; 2],
        place: Place,
        findings: &mut Findings,
    ) -> NoteEffect {
        let lines = note.note.signatures.iter();
        let known = lines.flat_map(|line| self.known.like((&line.name, line.id)));
        let known: Vec<VerifierKey> = known.map(|number| self.keys[number].vkey()).collect();
        let (signers, invalid) = rights::signers(note, &self.trust, &known);
        let is_allowed = |statement| signers.iter().any(|signer| signer.may_state(statement));
        let denied = note.statements.iter().find(|statement| !is_allowed(statement));
        let is_for_log = origins.contains(&&*note.origin);
        let acts = is_for_log && denied.is_none();
        for statement in note.statements.iter().filter(|_| acts) {
            match statement {
                Statement::Grant { key, from, until } => {
                    let since = rights::all_revoked(&signers, statement);
                    let KeyStatements { windows, voidable, .. } = self.know(key).state();
                    windows.push(Window { from: *from, until: *until });
                    voidable.granted(windows, place.index.unwrap_or_default(), since);
                }
                Statement::Revoke { key, since } => {
                    let number = self.number(key);
                    self.keys[number].state().revocations.by_note(*since, place);
                }
            }
        }
        if !is_for_log {
            let hint = phrases::HINT_KEY_NOTE_OTHER_LOG;
            let log = Quoted(&note.origin);
            let message = say!(
                "key.note.other_log",
                "the key note is for the log {log}, so it has no effect here",
                log
            );
            findings.add_with_hint(KeyStatement, place, hint, message);
        } else if let Some(statement) = denied {
            let key = Quoted(statement.key().name());
            let message = match statement {
                Statement::Grant { .. } => say!(
                    "key.note.grant",
                    "the key note has no effect: no issuer in the trust file that may grant {key} signed it",
                    key
                ),
                Statement::Revoke { .. } => say!(
                    "key.note.revoke",
                    "the key note has no effect: neither {key} nor an issuer in the trust file that may revoke it signed it",
                    key
                ),
            };
            findings.add(KeyStatement, place, message);
        } else if invalid {
            let hint = phrases::HINT_KEY_NOTE_SIGNATURE;
            let message =
                say!("key.note.signature", "a signature line of a known key is invalid and was ignored");
            findings.add_with_hint(KeyStatement, place, hint, message);
        }
        NoteEffect { acts, signers: signers.into_iter().map(|signer| signer.key).collect() }
    }

    /// Frees the index. No key may be looked up afterwards.
    pub(super) fn forget_numbers(&mut self) {
        self.numbers = Numbers::default();
    }

    /// Returns the void grants by key number, in ascending order.
    pub(super) fn void_grants(&self, attested: &Attested) -> Vec<(usize, VoidedWindows)> {
        let void = |key: &Key| {
            let KeyStatements { windows, voidable, .. } = key.stated()?;
            voidable.void(windows, attested)
        };
        let keys = self.keys.iter().enumerate();
        keys.filter_map(|(number, key)| Some((number, void(key)?))).collect()
    }

    /// Returns the keys that open links name, in byte order.
    pub(super) fn signers(&self) -> Vec<Signer> {
        let keys = self.keys.iter().filter(|key| key.chains > 0);
        let mut signers: Vec<Signer> = keys.map(Key::signer).collect();
        signers.sort_unstable_by(|a, b| a.vkey.cmp(&b.vkey));
        signers
    }
}
