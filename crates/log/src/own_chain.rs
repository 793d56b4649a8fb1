//! The log's own chain: events about the log itself, such as erasures, signed with the log's key.
//!
//! Each run of the server has its own chain, opened with its first event and closed when the server stops. In a tenant
//! log, the root log's key signs it: see [`tenants::sequencer`](crate::tenants::sequencer).

use std::collections::HashMap;

use countersign::event::{Event, Redaction};
use countersign::link::ChainId;
use countersign::log::{KeyLookup, Limits, Submission};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::tolerance;

use crate::store::StoreError;
use crate::submission::SubmitError;

/// A source of nonces and salts, 16 bytes each. It must be secure, except where a run has to be repeatable.
pub type Random = Box<dyn FnMut() -> Result<[u8; 16], SubmitError> + Send>;

/// The chain, opened with the first event.
pub struct OwnChain {
    recorder: OwnRecorder,
    random: Random,
}

impl Default for OwnChain {
    /// Creates a chain whose nonces and salts come from the system's secure source.
    fn default() -> Self {
        Self::new(Box::new(secure_random))
    }
}

impl OwnChain {
    /// Creates a chain with this source of nonces and salts.
    pub fn new(random: Random) -> Self {
        Self { recorder: OwnRecorder::default(), random }
    }

    /// Returns the links for one more event.
    pub(crate) fn record(
        &mut self,
        event: &str,
        key: &SignerKey,
        now: Time,
    ) -> Result<Submission, SubmitError> {
        self.recorder.record(key.verifier_key().name(), event, key, now, &mut self.random)
    }

    /// Returns the links that close the chain, if it is open.
    pub(crate) fn close(&mut self, key: &SignerKey, now: Time) -> Result<Option<Submission>, SubmitError> {
        self.recorder.close(key, now)
    }

    /// Makes the next event open a new chain, because the last one was not accepted.
    pub(crate) fn abandon(&mut self) {
        self.recorder.abandon();
    }
}

/// The recorder of a chain that a server signs itself, opened with the first event.
#[derive(Default)]
pub struct OwnRecorder(Option<Recorder>);

impl OwnRecorder {
    /// Returns the links for one more event in the log with this origin.
    pub(crate) fn record(
        &mut self,
        origin: &str,
        event: &str,
        key: &SignerKey,
        now: Time,
        random: &mut Random,
    ) -> Result<Submission, SubmitError> {
        let event = Event::parse(event.as_bytes(), &Redaction::none()).map_err(failed)?;
        self.record_all(origin, [&event], key, now, random)
    }

    /// Returns the links for more events in the log with this origin. The last one is signed.
    ///
    /// # Errors
    /// [`SubmitError`]. The chain must be [abandoned](Self::abandon).
    pub fn record_all<'e>(
        &mut self,
        origin: &str,
        events: impl IntoIterator<Item = &'e Event>,
        key: &SignerKey,
        now: Time,
        random: &mut Random,
    ) -> Result<Submission, SubmitError> {
        self.abandon_if_ahead(now);
        let recorder = match &mut self.0 {
            Some(recorder) => recorder,
            none => {
                let opened = Recorder::open(origin, key.verifier_key().clone(), now, &random()?);
                none.insert(opened.map_err(failed)?)
            }
        };
        recorder.sign_with(key).map_err(failed)?;
        for event in events {
            recorder.record(event, now, &random()?).map_err(failed)?;
        }
        recorder.flush();
        recorder.sign_with(key).map_err(failed)?;
        submission(recorder)
    }

    /// Abandons the chain, without closing it, if its last link is too far in the future because the clock was set back
    /// since. The next link would repeat that time, which the log accepts from no one.
    fn abandon_if_ahead(&mut self, now: Time) {
        let last = self.0.as_ref().and_then(Recorder::position);
        if last.is_some_and(|last| tolerance::early(last.time, now).is_some()) {
            self.abandon();
        }
    }

    /// Returns the links that close the chain, if it is open.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn close(&mut self, key: &SignerKey, now: Time) -> Result<Option<Submission>, SubmitError> {
        self.abandon_if_ahead(now);
        let Some(mut recorder) = self.0.take() else { return Ok(None) };
        recorder.close(now).map_err(failed)?;
        recorder.sign_with(key).map_err(failed)?;
        submission(&mut recorder).map(Some)
    }

    /// Makes the next event open a new chain, because the last one was not accepted.
    pub fn abandon(&mut self) {
        self.0 = None;
    }
}

fn submission(recorder: &mut Recorder) -> Result<Submission, SubmitError> {
    Ok(Submission::parse(recorder.drain().as_bytes(), &Limits::default())?)
}

fn failed(error: impl std::fmt::Display) -> SubmitError {
    SubmitError::Unavailable(error.to_string().into())
}

/// Returns 16 bytes of the system's secure random source. A [`Random`] if boxed.
///
/// # Errors
/// If the system has no random source.
pub fn secure_random() -> Result<[u8; 16], SubmitError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A lookup of the chains that are the log's own, whose events are never erased.
pub struct OwnChains<'a> {
    keys: &'a dyn KeyLookup<Error = StoreError>,
    name: &'a str,
    known: HashMap<ChainId, bool>,
}

impl<'a> OwnChains<'a> {
    /// Creates a lookup for the log whose own key has this name: its origin, or in a tenant log, the root log's origin.
    pub fn new(keys: &'a dyn KeyLookup<Error = StoreError>, name: &'a str) -> Self {
        Self { keys, name, known: HashMap::new() }
    }

    /// True if the chain is the log's own. Earlier keys of the log count: they have the same name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has(&mut self, chain: &ChainId) -> Result<bool, StoreError> {
        if let Some(own) = self.known.get(chain) {
            return Ok(*own);
        }
        let own = self.keys.key_of(chain)?.is_some_and(|key| key.name() == self.name);
        self.known.insert(*chain, own);
        Ok(own)
    }
}
