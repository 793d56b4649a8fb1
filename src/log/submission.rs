//! Submissions: what an emitter sends to a log at one time.

use core::convert::Infallible;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{AcceptanceError, Intake, Leaf, SubmissionError};
use crate::error::{Code, Error};
use crate::link::{ChainId, Link, signed_part};
use crate::note::VerifierKey;

/// Maximum number of chains and key notes in one submission. Each is answered with its own proof, and a single
/// line is enough to ask for one.
pub const MAX_PROVEN: usize = 1_024;

/// Size limits of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size in bytes, decompressed.
    pub bytes: usize,
    /// Maximum number of lines that are not blank.
    pub lines: usize,
}

impl Default for Limits {
    /// 16 MiB and 16,384 lines.
    fn default() -> Self {
        Self { bytes: 16 << 20, lines: 16_384 }
    }
}

/// A parsed submission: the lines of an export without header, skips, and checkpoints. Each line is an entry, in the
/// order in which the log accepts them.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Never empty.
    pub(super) entries: Vec<Entry>,
}

/// An entry of a submission.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The 1-based line of the submission, if known.
    pub line: Option<u64>,
    /// The leaf, shared with the log that accepts it.
    pub leaf: Arc<Leaf>,
    /// The key that verified the link's signature, if it was verified already.
    pub(super) verified_by: Option<VerifierKey>,
}

impl Entry {
    /// Creates an entry whose signature is not verified yet.
    pub(crate) fn new(line: Option<u64>, leaf: Leaf) -> Self {
        Self { line, leaf: Arc::new(leaf), verified_by: None }
    }

    /// Verifies the signature of this entry's link, whose chain has this key.
    pub(super) fn verify(&mut self, link: &Link, key: &VerifierKey) -> Result<(), SubmissionError> {
        check_signature(self, link, key)?;
        self.verified_by = Some(key.clone());
        Ok(())
    }

    /// True if this entry is a link that the key signed.
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        self.leaf
            .link()
            .is_some_and(|link| link.signature().is_some() && check_signature(self, link, key).is_ok())
    }
}

impl Submission {
    /// Parses a submission. Checks the events' commits but no signatures.
    ///
    /// # Errors
    /// The errors of [`Intake::push`] and [`Intake::finish`].
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, SubmissionError> {
        let mut intake = Intake::new(*limits);
        let mut admit = |_: &mut Entry| Ok(());
        let read = intake.push(body, &mut admit).and_then(|()| intake.finish(&mut admit));
        read.map_err(AcceptanceError::<Infallible>::refusal)
    }

    /// Returns the entries in the submission's order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the approximate size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let bytes = |entry: &Entry| {
            let event = entry.leaf.event().map_or(0, |event| event.text.len());
            size_of::<Entry>() + size_of::<Leaf>() + entry.leaf.text.len() + event
        };
        self.entries.iter().map(bytes).sum()
    }

    /// Verifies link signatures ahead of [`PendingBatch::submit`](super::PendingBatch::submit), so that many
    /// submissions can be verified in parallel. `key` returns the key of a chain that the log has; it may answer from
    /// an old state because a chain's key never changes. `may` returns true for a key known to be allowed to begin
    /// chains.
    ///
    /// Rejects nothing. Does not verify chains of unknown keys, repeated lines, or anything after the first
    /// invalid signature.
    pub fn verify(
        &mut self,
        key: impl Fn(&ChainId) -> Option<VerifierKey>,
        may: impl Fn(&VerifierKey) -> bool,
    ) {
        let mut keys: HashMap<ChainId, Option<VerifierKey>> = HashMap::new();
        let mut seen = HashSet::new();
        for entry in &mut self.entries {
            let Some(link) = entry.leaf.link() else { continue };
            let known = keys.entry(link.chain()).or_insert_with(|| match link {
                Link::Open(open) => Some(open.key.clone()).filter(&may),
                Link::Event(_) | Link::Close(_) => key(&link.chain()),
            });
            if let (Some(key), Some(_)) = (known, link.signature())
                && entry.verified_by.as_ref() != Some(key)
                && seen.insert(entry.leaf.hash)
            {
                if check_signature(entry, link, key).is_err() {
                    return;
                }
                entry.verified_by = Some(key.clone());
            }
        }
    }
}

impl From<Leaf> for Submission {
    /// Wraps one leaf without a line number.
    fn from(leaf: Leaf) -> Self {
        Self { entries: vec![Entry::new(None, leaf)] }
    }
}

/// Checks that a link's signature, if it has one, is by the key, unless that was verified already.
pub(super) fn check_signature(entry: &Entry, link: &Link, key: &VerifierKey) -> Result<(), SubmissionError> {
    if entry.verified_by.as_ref() == Some(key) {
        return Ok(());
    }
    let signed = signed_part(&entry.leaf.text).as_bytes();
    if link.signature().is_none_or(|signature| key.verify(signed, signature)) {
        return Ok(());
    }
    let error = Error::new(Code::Signature, "the link's signature is invalid");
    Err(SubmissionError::malformed(error.with_hint("send the link as its emitter signed it"))
        .at_line(entry.line))
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::ed25519::VERIFIED;
    use crate::keys::{KeyNote, Statement};
    use crate::log::{Empty, PendingBatch, RefusalKind, Rules, SubmissionOutcome};
    use crate::note::SignerKey;
    use crate::recorder::Recorder;
    use crate::time::Time;
    use crate::trust::Trust;

    const ORIGIN: &str = "log.example";
    const NOW: Time = Time::MAX;
    const LIMITS: Limits = Limits { bytes: 16 << 20, lines: 8_192 };

    fn key(name: &str) -> SignerKey {
        SignerKey::from_seed(name, [name.len() as u8; 32]).unwrap()
    }

    fn rules() -> Rules {
        let trust = Trust::default().with_issuer(key("example.com").verifier_key().clone()).unwrap();
        let trust = trust.with_emitter(key("example.com/known").verifier_key().clone()).unwrap();
        Rules::new(ORIGIN, Some(trust))
    }

    /// Returns an open link signed by its key.
    fn open(key: &SignerKey, number: u128) -> String {
        let at = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let nonce = number.to_be_bytes();
        let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), at, &nonce).unwrap();
        recorder.sign_with(key).unwrap();
        recorder.drain()
    }

    fn note(statements: &[Statement], signer: &SignerKey) -> String {
        let note = KeyNote::sign(ORIGIN, statements, signer).unwrap();
        let mut line = crate::export::writer::Writer::new();
        line.note(&note);
        line.as_str().to_owned()
    }

    /// Returns the log's outcome for a submission and the number of signatures it verified.
    fn submitted(body: &str, ahead: bool) -> (Result<SubmissionOutcome, SubmissionError>, usize) {
        let (rules, before) = (rules(), VERIFIED.get());
        let mut submission = Submission::parse(body.as_bytes(), &LIMITS).unwrap();
        if ahead {
            submission.verify(|_| None, |key| rules.admits(key));
        }
        let taken = PendingBatch::new(0)
            .submit(&rules, &Empty, &submission, NOW)
            .map_err(super::super::AcceptanceError::refusal);
        (taken, VERIFIED.get() - before)
    }

    #[test]
    fn verifies_at_most_one_signature_of_an_unauthorized_key() {
        let stranger = key("example.com/stranger");
        let many: String = (0..1_000).map(|number| open(&stranger, number)).collect();
        for body in [open(&stranger, 0).repeat(8_192), many] {
            for ahead in [false, true] {
                let (taken, verified) = submitted(&body, ahead);
                let refusal = taken.unwrap_err();
                assert_eq!((refusal.kind, refusal.error.line), (RefusalKind::Unauthorized, Some(1)));
                // Its result decides how the refusal is counted.
                assert_eq!(verified, 1);
            }
        }
    }

    #[test]
    fn verifies_a_repeated_line_once() {
        let body = open(&key("example.com/known"), 0).repeat(8_192);
        for ahead in [false, true] {
            let (taken, verified) = submitted(&body, ahead);
            let taken = taken.unwrap();
            assert_eq!((taken.added, taken.repeated, taken.chains.len(), verified), (1, 8_191, 1, 1));
        }
    }

    #[test]
    fn a_key_note_in_the_same_submission_authorizes_its_key() {
        let granted = key("example.com/granted");
        let grant = Statement::Grant { key: granted.verifier_key().clone(), from: None, until: None };
        let body = note(&[grant], &key("example.com")) + &open(&granted, 0);
        for ahead in [false, true] {
            let (taken, verified) = submitted(&body, ahead);
            assert_eq!((taken.unwrap().added, verified), (2, 2));
        }
    }

    #[test]
    fn a_repeated_key_note_is_reported_and_verified_once() {
        let revoked = key("example.com/known");
        let revoke = Statement::Revoke { key: revoked.verifier_key().clone(), since: None };
        let line = note(&vec![revoke; 500], &key("example.com"));
        let (taken, verified) = submitted(&line.repeat(50), true);
        let taken = taken.unwrap();
        assert_eq!((taken.notes.len(), taken.added, taken.repeated, verified), (1, 1, 49, 1));
    }

    #[test]
    fn reports_the_first_error_in_line_order() {
        let (known, stranger) = (key("example.com/known"), key("example.com/stranger"));
        let (good, other) = (open(&known, 0), open(&known, 1));
        let signature = |line: &str| line.rsplit_once(' ').unwrap().1.to_owned();
        let bad = other.replace(&signature(&other), &signature(&good));
        for (body, code, line) in [
            (good.clone() + &bad, Code::Signature, 2),
            (open(&stranger, 0) + &bad, Code::Unauthorized, 1),
            (bad + &open(&stranger, 0), Code::Signature, 1),
        ] {
            for ahead in [false, true] {
                let error = submitted(&body, ahead).0.unwrap_err().error;
                assert_eq!((error.code, error.line), (code, Some(line)));
            }
        }
    }

    #[test]
    fn limits_chains_and_key_notes() {
        let known = key("example.com/known");
        let most: String = (0..MAX_PROVEN as u128).map(|number| open(&known, number)).collect();
        assert_eq!(Submission::parse(most.as_bytes(), &LIMITS).unwrap().entries().len(), MAX_PROVEN);
        assert!(Submission::parse(most.repeat(2).as_bytes(), &LIMITS).is_ok());
        let revoke = Statement::Revoke { key: known.verifier_key().clone(), since: None };
        for more in [open(&known, MAX_PROVEN as u128), note(&[revoke], &known)] {
            let refusal = Submission::parse((most.clone() + &more).as_bytes(), &LIMITS).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::TooMany);
        }
    }

    #[test]
    fn hints_at_a_header() {
        let hint = |line: &str| Submission::parse(line.as_bytes(), &LIMITS).unwrap_err().error.hint;
        let header = hint(r#"{"countersign":"export/v1","origin":"log.example"}"#);
        assert!(header.is_some_and(|hint| hint.contains("has no header")));
        for line in [r#"{"countersign":"v1"}"#, r#"{"what":"export/v1"}"#] {
            assert!(hint(line).is_none_or(|hint| !hint.contains("has no header")), "{line}");
        }
    }

    #[test]
    fn accepts_a_repeated_key_note_once() {
        let grant =
            Statement::Grant { key: key("example.com/a").verifier_key().clone(), from: None, until: None };
        let line = note(&[grant], &key("example.com"));
        let submission = Submission::parse((line.clone() + &line).as_bytes(), &LIMITS).unwrap();
        let mut batch = PendingBatch::new(0);
        let taken = batch.submit(&rules(), &Empty, &submission, NOW).unwrap();
        assert_eq!((taken.added, taken.repeated, taken.notes.len()), (1, 1, 1));
    }
}
