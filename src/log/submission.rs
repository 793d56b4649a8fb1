//! What an emitter brings to a log at one time.

use core::convert::Infallible;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{AcceptanceError, Intake, Leaf, SubmissionError};
use crate::error::{Code, Error};
use crate::link::{ChainId, Link, signed_part};
use crate::note::VerifierKey;

/// So many chains and key notes together may be in one submission: each is answered with a proof of its own, and one
/// line is enough to ask for it.
pub const MAX_PROVEN: usize = 1_024;

/// How much may be brought at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, decompressed.
    pub bytes: usize,
    /// Lines that are not blank.
    pub lines: usize,
}

impl Default for Limits {
    /// 16 MiB and 16,384 lines.
    fn default() -> Self {
        Self { bytes: 16 << 20, lines: 16_384 }
    }
}

/// An export's lines without header, skips and checkpoints: every one a leaf, in the order in which the log shall
/// take them.
#[derive(Clone, Debug)]
pub struct Submission {
    /// There is one at least.
    pub(super) entries: Vec<Entry>,
}

/// A leaf of a submission.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line of the submission, from 1, where it is known.
    pub line: Option<u64>,
    /// The leaf: a log that takes it shares it.
    pub leaf: Arc<Leaf>,
    /// The key under which the link's signature was found valid.
    pub(super) verified_by: Option<VerifierKey>,
}

impl Entry {
    /// A leaf whose signature is not verified yet.
    pub(crate) fn new(line: Option<u64>, leaf: Leaf) -> Self {
        Self { line, leaf: Arc::new(leaf), verified_by: None }
    }
}

impl Submission {
    /// Reads a submission. Nothing but the events' commits is verified.
    ///
    /// # Errors
    /// As for [`Intake::push`] and [`Intake::finish`].
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, SubmissionError> {
        let mut intake = Intake::new(*limits);
        let mut admit = |_: &Leaf| Ok(());
        let read = intake.push(body, &mut admit).and_then(|()| intake.finish(&mut admit));
        read.map_err(AcceptanceError::<Infallible>::refusal)
    }

    /// What it brings, in its order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        let bytes = |entry: &Entry| {
            let event = entry.leaf.event().map_or(0, |event| event.text.len());
            size_of::<Entry>() + size_of::<Leaf>() + entry.leaf.text.len() + event
        };
        self.entries.iter().map(bytes).sum()
    }

    /// Verifies the links' signatures ahead of [`Growth::submit`](super::Growth::submit), which then need not: so that
    /// many submissions can be verified side by side. `key` gives the key of a chain that the log has; a chain's
    /// key never changes, so an older answer is as good. `may` says whether a key is known as one that may begin chains.
    ///
    /// Nothing is refused here. Chains whose key is not known so far are left for when the log knows whether it may
    /// write at all, and so is everything from the first invalid signature on, and a line that is there twice.
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
    /// Of one leaf, on no line.
    fn from(leaf: Leaf) -> Self {
        Self { entries: vec![Entry::new(None, leaf)] }
    }
}

/// Whether a link's signature, if it has one, is that of the key.
pub(super) fn check_signature(entry: &Entry, link: &Link, key: &VerifierKey) -> Result<(), SubmissionError> {
    let signed = signed_part(&entry.leaf.text).as_bytes();
    if link.signature().is_none_or(|signature| key.verify(signed, signature)) {
        return Ok(());
    }
    let error = Error::new(Code::Signature, "the link's signature is invalid");
    Err(SubmissionError::malformed(error.with_hint("the link is not what its emitter signed"))
        .at_line(entry.line))
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::ed25519::VERIFIED;
    use crate::keys::{KeyNote, Statement};
    use crate::log::{Empty, Growth, Kind, Rules, Taken};
    use crate::note::SignerKey;
    use crate::recorder::Recorder;
    use crate::time::Time;
    use crate::trust::Trust;

    const ORIGIN: &str = "log.example";
    const NOW: Time = Time::MAX;
    const LIMITS: Limits = Limits { bytes: 16 << 20, lines: 8_192 };

    fn key(name: &str) -> SignerKey {
        SignerKey::generate(name, [name.len() as u8; 32]).unwrap()
    }

    fn rules() -> Rules {
        let trust = Trust::default().with_issuer(key("example.com").verifier_key().clone()).unwrap();
        let trust = trust.with_emitter(key("example.com/known").verifier_key().clone()).unwrap();
        Rules::new(ORIGIN, Some(trust))
    }

    /// An open link that its key signed.
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

    /// What a log says to this, and how many signatures it verified for that.
    fn submitted(body: &str, ahead: bool) -> (Result<Taken, SubmissionError>, usize) {
        let (rules, before) = (rules(), VERIFIED.get());
        let mut submission = Submission::parse(body.as_bytes(), &LIMITS).unwrap();
        if ahead {
            submission.verify(|_| None, |key| rules.admits(key));
        }
        let taken = Growth::new(0)
            .submit(&rules, &Empty, &submission, NOW)
            .map_err(super::super::AcceptanceError::refusal);
        (taken, VERIFIED.get() - before)
    }

    #[test]
    fn one_signature_at_most_is_verified_of_a_key_that_may_not_write() {
        let stranger = key("example.com/stranger");
        let many: String = (0..1_000).map(|number| open(&stranger, number)).collect();
        for body in [open(&stranger, 0).repeat(8_192), many] {
            for ahead in [false, true] {
                let (taken, verified) = submitted(&body, ahead);
                let refusal = taken.unwrap_err();
                assert_eq!((refusal.kind, refusal.error.line), (Kind::Unauthorized, Some(1)));
                // Whether it was signed says what the refusal is counted as.
                assert_eq!(verified, 1);
            }
        }
    }

    #[test]
    fn a_line_is_verified_once_however_often_it_is_there() {
        let body = open(&key("example.com/known"), 0).repeat(8_192);
        for ahead in [false, true] {
            let (taken, verified) = submitted(&body, ahead);
            let taken = taken.unwrap();
            assert_eq!((taken.added, taken.repeated, taken.chains.len(), verified), (1, 8_191, 1, 1));
        }
    }

    #[test]
    fn key_notes_of_the_same_body_let_a_key_write() {
        let granted = key("example.com/granted");
        let grant = Statement::Grant { key: granted.verifier_key().clone(), from: None, until: None };
        let body = note(&[grant], &key("example.com")) + &open(&granted, 0);
        for ahead in [false, true] {
            let (taken, verified) = submitted(&body, ahead);
            assert_eq!((taken.unwrap().added, verified), (2, 2));
        }
    }

    #[test]
    fn a_key_note_is_told_once_and_its_signature_verified_once() {
        let revoked = key("example.com/known");
        let revoke = Statement::Revoke { key: revoked.verifier_key().clone(), since: None };
        let line = note(&vec![revoke; 500], &key("example.com"));
        let (taken, verified) = submitted(&line.repeat(50), true);
        let taken = taken.unwrap();
        assert_eq!((taken.notes.len(), taken.added, taken.repeated, verified), (1, 1, 49, 1));
    }

    #[test]
    fn an_invalid_signature_is_refused_in_its_turn() {
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
    fn chains_and_key_notes_are_so_many_that_all_can_be_proven() {
        let known = key("example.com/known");
        let most: String = (0..MAX_PROVEN as u128).map(|number| open(&known, number)).collect();
        assert_eq!(Submission::parse(most.as_bytes(), &LIMITS).unwrap().entries().len(), MAX_PROVEN);
        assert!(Submission::parse(most.repeat(2).as_bytes(), &LIMITS).is_ok());
        let revoke = Statement::Revoke { key: known.verifier_key().clone(), since: None };
        for more in [open(&known, MAX_PROVEN as u128), note(&[revoke], &known)] {
            let refusal = Submission::parse((most.clone() + &more).as_bytes(), &LIMITS).unwrap_err();
            assert_eq!(refusal.kind, Kind::TooMany);
        }
    }

    #[test]
    fn a_header_that_was_not_left_out_is_named() {
        let hint = |line: &str| Submission::parse(line.as_bytes(), &LIMITS).unwrap_err().error.hint;
        let header = hint(r#"{"countersign":"export/v1","origin":"log.example"}"#);
        assert!(header.is_some_and(|hint| hint.contains("has no header")));
        for line in [r#"{"countersign":"v1"}"#, r#"{"what":"export/v1"}"#] {
            assert!(hint(line).is_none_or(|hint| !hint.contains("has no header")), "{line}");
        }
    }

    #[test]
    fn a_note_that_is_there_twice_is_taken_once() {
        let grant =
            Statement::Grant { key: key("example.com/a").verifier_key().clone(), from: None, until: None };
        let line = note(&[grant], &key("example.com"));
        let submission = Submission::parse((line.clone() + &line).as_bytes(), &LIMITS).unwrap();
        let mut growth = Growth::new(0);
        let taken = growth.submit(&rules(), &Empty, &submission, NOW).unwrap();
        assert_eq!((taken.added, taken.repeated, taken.notes.len()), (1, 1, 1));
    }
}
