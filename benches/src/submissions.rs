//! Submissions of emitters: signed links with their events, the same for the same arguments.

use anyhow::{Context as _, Result, bail};
use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::trust::Trust;

use crate::generate::{ORIGIN, event, salt, time};

/// The number of emitters, each with a chain.
pub(crate) const EMITTERS: u8 = 16;

/// Returns the log's key.
pub(crate) fn log() -> Result<SignerKey> {
    Ok(SignerKey::from_seed(ORIGIN, [0x10; 32])?)
}

/// Returns an emitter's key.
fn key(emitter: u8) -> Result<SignerKey> {
    Ok(SignerKey::from_seed(&format!("bench.example/{emitter}"), [0x20 + emitter; 32])?)
}

/// Returns the trust in the log and its emitters.
pub(crate) fn trust() -> Result<Trust> {
    let trust = Trust::default().with_log(log()?.verifier_key().clone())?;
    (0..EMITTERS)
        .try_fold(trust, |trust, emitter| Ok(trust.with_emitter(key(emitter)?.verifier_key().clone())?))
}

/// An emitter with its chain.
pub(crate) struct Emitter {
    key: SignerKey,
    recorder: Recorder,
    /// The number of the next event. No two emitters share one.
    next: u64,
}

impl Emitter {
    /// Opens a chain. `part` distinguishes the chains of one emitter.
    pub(crate) fn open(emitter: u8, part: u64) -> Result<Self> {
        Self::with_key(key(emitter)?, emitter, part)
    }

    /// Opens a chain in the log with this origin.
    pub(crate) fn for_log(origin: &str, emitter: u8, part: u64) -> Result<Self> {
        Self::new(origin, key(emitter)?, emitter, part)
    }

    /// Opens a chain with any key.
    pub(crate) fn with_key(key: SignerKey, emitter: u8, part: u64) -> Result<Self> {
        Self::new(ORIGIN, key, emitter, part)
    }

    fn new(origin: &str, key: SignerKey, emitter: u8, part: u64) -> Result<Self> {
        let mut nonce = [emitter; 16];
        nonce[..8].copy_from_slice(&part.to_le_bytes());
        let mut recorder = Recorder::open(origin, key.verifier_key().clone(), time(0)?, &nonce)?;
        recorder.sign_with(&key)?;
        Ok(Self { key, recorder, next: part + u64::from(emitter) })
    }

    /// Returns the emitter's public key.
    pub(crate) fn verifier_key(&self) -> VerifierKey {
        self.key.verifier_key().clone()
    }

    /// Records this event, and returns the submission.
    pub(crate) fn submission_of(&mut self, event: &[u8]) -> Result<String> {
        let event = Event::parse(event, &Redaction::none())?;
        self.recorder.record(&event, time(self.next / u64::from(EMITTERS))?, &salt(self.next))?;
        self.next += u64::from(EMITTERS);
        self.submission(0)
    }

    /// Records this number of events, and returns the submission, whose last link is signed.
    pub(crate) fn submission(&mut self, events: u64) -> Result<String> {
        for _ in 0..events {
            // A log rejects links from the future, and there may be very many events.
            let time = time(self.next / u64::from(EMITTERS))?;
            self.recorder.record(&event(self.next)?, time, &salt(self.next))?;
            self.next += u64::from(EMITTERS);
        }
        self.recorder.flush();
        if self.recorder.to_sign().is_some() {
            self.recorder.sign_with(&self.key)?;
        }
        Ok(self.recorder.drain())
    }
}

/// Returns the entries of a submission.
pub(crate) fn leaves(submission: &str) -> impl Iterator<Item = Result<String>> {
    submission.lines().map(|line| {
        let line = Line::parse(line).map_err(|malformed| malformed.to_error())?;
        let Item::Link { text, .. } = line.item else { bail!("recorders write links") };
        Ok(text.into_owned())
    })
}

/// Returns the last entry of a submission.
pub(crate) fn last_entry(submission: &str) -> Result<String> {
    let (_, line) = submission.trim_end().rsplit_once('\n').unwrap_or(("", submission));
    leaves(line).next().context("a submission has a line")?
}
