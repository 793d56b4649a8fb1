//! What emitters submit to a log: signed links with their events, the same for the same numbers.

use anyhow::{Context as _, Result, bail};
use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::trust::Trust;

use crate::generate::{ORIGIN, event, salt, time};

/// How many emitters there are, each with a chain.
pub(crate) const EMITTERS: u8 = 16;

/// The log's key.
pub(crate) fn log() -> Result<SignerKey> {
    Ok(SignerKey::generate(ORIGIN, [0x10; 32])?)
}

/// An emitter's key.
fn key(emitter: u8) -> Result<SignerKey> {
    Ok(SignerKey::generate(&format!("bench.example/{emitter}"), [0x20 + emitter; 32])?)
}

/// The log and its emitters.
pub(crate) fn trust() -> Result<Trust> {
    let trust = Trust::default().with_log(log()?.verifier_key().clone())?;
    (0..EMITTERS)
        .try_fold(trust, |trust, emitter| Ok(trust.with_emitter(key(emitter)?.verifier_key().clone())?))
}

/// An emitter with its chain.
pub(crate) struct Emitter {
    key: SignerKey,
    recorder: Recorder,
    /// Which event comes next: no two emitters have one in common.
    next: u64,
}

impl Emitter {
    /// Opens a chain. `part` tells apart the chains of one emitter.
    pub(crate) fn open(emitter: u8, part: u64) -> Result<Self> {
        Self::of(key(emitter)?, emitter, part)
    }

    /// The same with any key.
    pub(crate) fn of(key: SignerKey, emitter: u8, part: u64) -> Result<Self> {
        let mut nonce = [emitter; 16];
        nonce[..8].copy_from_slice(&part.to_le_bytes());
        let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), time(0)?, &nonce)?;
        recorder.sign_with(&key)?;
        Ok(Self { key, recorder, next: part + u64::from(emitter) })
    }

    /// Records this event, and gives what the emitter has to submit.
    pub(crate) fn submission_of(&mut self, event: &[u8]) -> Result<String> {
        let event = Event::parse(event, &Redaction::none())?;
        self.recorder.record(&event, time(self.next / u64::from(EMITTERS))?, &salt(self.next))?;
        self.next += u64::from(EMITTERS);
        self.submission(0)
    }

    /// Records so many events, and gives what the emitter has to submit, its last link signed.
    pub(crate) fn submission(&mut self, events: u64) -> Result<String> {
        for _ in 0..events {
            // No log takes links of a time that has not come, and there may be very many events.
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

/// The leaves of a submission.
pub(crate) fn leaves(submission: &str) -> impl Iterator<Item = Result<String>> {
    submission.lines().map(|line| {
        let line = Line::parse(line).map_err(|malformed| malformed.to_error())?;
        let Item::Link { text, .. } = line.item else { bail!("recorders write links") };
        Ok(text.into_owned())
    })
}

/// The last leaf of a submission.
pub(crate) fn last_entry(submission: &str) -> Result<String> {
    let (_, line) = submission.trim_end().rsplit_once('\n').unwrap_or(("", submission));
    leaves(line).next().context("a submission has a line")?
}
