//! The log's own chain: what it did to itself, such as erasing events, signed with the log's key.
//!
//! Each run of the server has a chain of its own, opened with its first event and closed when the server stops.

use std::collections::HashMap;

use countersign::event::{Event, Redaction};
use countersign::link::ChainId;
use countersign::log::{KeyLookup, Limits, Submission};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::tolerance;

use crate::store::StoreError;
use crate::submitting::SubmitError;

/// The chain, once it is open.
#[derive(Default)]
pub(crate) struct OwnChain {
    recorder: Option<Recorder>,
}

impl OwnChain {
    /// The links of one more event.
    pub(crate) fn record(
        &mut self,
        event: &str,
        key: &SignerKey,
        now: Time,
    ) -> Result<Submission, SubmitError> {
        self.leave_what_is_ahead(now);
        let recorder = match &mut self.recorder {
            Some(recorder) => recorder,
            none => {
                let verifier = key.verifier_key();
                let opened =
                    Recorder::open(verifier.name(), verifier.clone(), now, &random()?).map_err(failed)?;
                none.insert(opened)
            }
        };
        recorder.sign_with(key).map_err(failed)?;
        let event = Event::parse(event.as_bytes(), &Redaction::none()).map_err(failed)?;
        recorder.record(&event, now, &random()?).map_err(failed)?;
        recorder.flush();
        recorder.sign_with(key).map_err(failed)?;
        submission(recorder)
    }

    /// A clock that was ahead was set back since: a further link of this chain would repeat the time that it showed then,
    /// which the log takes from nobody. The chain stays open.
    fn leave_what_is_ahead(&mut self, now: Time) {
        let last = self.recorder.as_ref().and_then(Recorder::position);
        if last.is_some_and(|last| tolerance::early(last.time, now).is_some()) {
            self.abandon();
        }
    }

    /// The links that close the chain, if it is open.
    pub(crate) fn close(&mut self, key: &SignerKey, now: Time) -> Result<Option<Submission>, SubmitError> {
        self.leave_what_is_ahead(now);
        let Some(mut recorder) = self.recorder.take() else { return Ok(None) };
        recorder.close(now).map_err(failed)?;
        recorder.sign_with(key).map_err(failed)?;
        submission(&mut recorder).map(Some)
    }

    /// Begins anew with the next event: the last one was not taken.
    pub(crate) fn abandon(&mut self) {
        self.recorder = None;
    }
}

fn submission(recorder: &mut Recorder) -> Result<Submission, SubmitError> {
    Ok(Submission::parse(recorder.drain().as_bytes(), &Limits::default())?)
}

fn failed(error: impl std::fmt::Display) -> SubmitError {
    SubmitError::Unavailable(error.to_string())
}

fn random() -> Result<[u8; 16], SubmitError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Tells which chains are the log's own: what they say is never erased.
pub struct OwnChains<'a> {
    keys: &'a dyn KeyLookup<Error = StoreError>,
    origin: &'a str,
    known: HashMap<ChainId, bool>,
}

impl<'a> OwnChains<'a> {
    /// Of the log of that origin.
    pub fn new(keys: &'a dyn KeyLookup<Error = StoreError>, origin: &'a str) -> Self {
        Self { keys, origin, known: HashMap::new() }
    }

    /// Whether this one is: the log may have had other keys before, of the same name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has(&mut self, chain: &ChainId) -> Result<bool, StoreError> {
        if let Some(own) = self.known.get(chain) {
            return Ok(*own);
        }
        let own = self.keys.key_of(chain)?.is_some_and(|key| key.name() == self.origin);
        self.known.insert(*chain, own);
        Ok(own)
    }
}
