//! The artifact `recorder`: a queue of events in front of a [`Recorder`].

mod queued;

use std::collections::VecDeque;

use countersign::error::{Code, Error};
use countersign::event::{Event, Redaction};
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::time::Time;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Thrown;
use queued::Queued;

/// Whose signatures a chain bears.
struct Signer {
    key: VerifierKey,
    seed: Option<SignerKey>,
}

/// Takes events at any time and writes their links when it is flushed.
///
/// A flush is `begin`, then `step` and `sign` for as long as `step` gives bytes to sign, then `take`. Whatever fails
/// on the way can be tried again from `begin` on: nothing is lost and nothing is written twice.
#[wasm_bindgen(js_name = Recorder)]
pub struct QueueingRecorder {
    origin: String,
    signer: Signer,
    redaction: Redaction,
    queue: VecDeque<Queued>,
    /// Events whose links wait for a signature.
    unsigned: Vec<Queued>,
    recorder: Option<Recorder>,
    /// How many of the queue the flush under way still takes.
    left: usize,
    closing: bool,
    /// The lines of [`Queued`] that [`QueueingRecorder::unstored`] has not given yet.
    unstored: String,
    keeps_unstored: bool,
    /// How much was redacted of the event that was recorded last.
    redacted: usize,
}

#[wasm_bindgen(js_class = Recorder)]
impl QueueingRecorder {
    /// A recorder of a new chain. `key` is a signer key, or the vkey of one elsewhere. With `redact` the rules of
    /// [`Redaction::default`] hold.
    #[wasm_bindgen(constructor)]
    pub fn new(origin: String, key: &str, redact: bool) -> Result<Self, Thrown> {
        countersign::note::check_name(&origin)?;
        let redaction = if redact { Redaction::default() } else { Redaction::none() };
        Ok(Self {
            origin,
            signer: Signer::read(key)?,
            redaction,
            queue: VecDeque::new(),
            unsigned: Vec::new(),
            recorder: None,
            left: 0,
            closing: false,
            unstored: String::new(),
            keeps_unstored: false,
            redacted: 0,
        })
    }

    /// Whether [`QueueingRecorder::unstored`] is to give what is recorded from now on.
    #[wasm_bindgen(js_name = keepUnstored)]
    pub fn keep_unstored(&mut self, keep: bool) {
        self.keeps_unstored = keep;
    }

    /// Has one more name or path redacted, in the events to come.
    pub fn redact(&mut self, path: String) {
        self.redaction = core::mem::replace(&mut self.redaction, Redaction::none()).with(path);
    }

    /// Keeps one more name or path as it is, in the events to come.
    pub fn keep(&mut self, path: String) {
        self.redaction = core::mem::replace(&mut self.redaction, Redaction::none()).keeping(path);
    }

    /// Has the paths of requests replaced by their shapes, in the events to come.
    #[wasm_bindgen(js_name = shapePaths)]
    pub fn shape_paths(&mut self) {
        self.redaction = core::mem::replace(&mut self.redaction, Redaction::none()).with_path_shapes();
    }

    /// How many values, or parts of texts, were redacted of the event that was recorded last.
    #[wasm_bindgen(getter)]
    pub fn redacted(&self) -> usize {
        self.redacted
    }

    /// Checks and queues one event: 16 random bytes with its JSON text behind them, and milliseconds from the epoch. With
    /// `typed` the members of SPEC section 12 are checked too. Gives the event's length in bytes.
    pub fn record(&mut self, salted: &[u8], time: f64, typed: bool) -> Result<usize, Thrown> {
        self.check_open()?;
        let (salt, json) = salted.split_at_checked(16).unwrap_or_default();
        let (time, salt) = (moment(time)?, random(salt)?);
        let event = if typed {
            Event::parse_typed(json, &self.redaction)?
        } else {
            Event::parse(json, &self.redaction)?
        };
        self.redacted = event.redacted();
        let queued = Queued { event, time, salt };
        if self.keeps_unstored {
            queued.write(&mut self.unstored);
        }
        Ok(self.queue(queued))
    }

    /// Of each event that `record` took since the last call a line for `restore`; empty where there is none.
    pub fn unstored(&mut self) -> String {
        core::mem::take(&mut self.unstored)
    }

    /// Queues an event that `unstored` of this recorder or another gave, as it is. Gives its length in bytes.
    pub fn restore(&mut self, line: &str) -> Result<usize, Thrown> {
        self.check_open()?;
        Ok(self.queue(line.parse()?))
    }

    /// The same lines of all that waits, for another recorder: for a link, or for the signature of one.
    #[wasm_bindgen(js_name = queuedLines)]
    pub fn queued_lines(&self) -> String {
        let mut lines = String::new();
        for queued in self.unsigned.iter().chain(&self.queue) {
            queued.write(&mut lines);
        }
        lines
    }

    /// How many events wait.
    #[wasm_bindgen(getter)]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The chain's name, once its open link is signed.
    #[wasm_bindgen(getter)]
    pub fn chain(&self) -> Option<String> {
        self.recorder.as_ref()?.chain().map(|chain| chain.to_string())
    }

    /// How many links the chain has.
    #[wasm_bindgen(getter)]
    pub fn links(&self) -> f64 {
        self.recorder.as_ref().map_or(0, Recorder::links) as f64
    }

    /// Begins a flush of what waits now, of at most `most` events where it is not 0; `nonce` is 16 random bytes. With
    /// `close` it is of all, the chain ends after it, and nothing more is queued from now on.
    pub fn begin(&mut self, time: f64, nonce: &[u8], close: bool, most: usize) -> Result<(), Thrown> {
        let (time, nonce) = (moment(time)?, random(nonce)?);
        self.closing |= close;
        let all = self.queue.len();
        self.left = if most == 0 || self.closing { all } else { most.min(all) };
        if self.recorder.is_none() && (self.left > 0 || self.closing) {
            // Times never go back in a chain, so it opens no later than its first event was taken.
            let opened = self.queue.front().map_or(time, |first| first.time.min(time));
            self.recorder = Some(Recorder::open(&self.origin, self.signer.key.clone(), opened, &nonce)?);
        }
        Ok(())
    }

    /// Writes links up to where a signature is needed from outside and gives the bytes to be signed, or nothing once
    /// the flush is done. `time` is that of the close link.
    pub fn step(&mut self, time: f64) -> Result<Option<Vec<u8>>, Thrown> {
        let time = moment(time)?;
        let Some(recorder) = &mut self.recorder else { return Ok(None) };
        loop {
            self.signer.sign(recorder)?;
            if let Some(bytes) = recorder.to_sign() {
                return Ok(Some(bytes.to_vec()));
            }
            if self.left > 0
                && let Some(next) = self.queue.front()
            {
                recorder.record(&next.event, next.time, &next.salt)?;
                self.left -= 1;
                self.unsigned.extend(self.queue.pop_front());
            } else if self.closing && !recorder.is_closed() {
                recorder.close(time)?;
            } else {
                recorder.flush();
                if recorder.to_sign().is_none() {
                    return Ok(None);
                }
            }
        }
    }

    /// Takes the signature over what `step` gave, and checks it unless its signer is known to hold the chain's key.
    pub fn sign(&mut self, signature: &[u8], known: bool) -> Result<(), Thrown> {
        let signature =
            signature.try_into().map_err(|_| Error::new(Code::Signature, "a signature is 64 bytes"))?;
        match &mut self.recorder {
            Some(recorder) if known => Ok(recorder.sign_unchecked(&signature)?),
            Some(recorder) => Ok(recorder.sign(&signature)?),
            None => Err(Error::new(Code::Recorder, "no signature is due").into()),
        }
    }

    /// The lines that can be handed on: UTF-8, whole lines, empty where there are none.
    pub fn take(&mut self) -> Vec<u8> {
        let Some(recorder) = &mut self.recorder else { return Vec::new() };
        if recorder.to_sign().is_none() {
            self.unsigned.clear();
        }
        recorder.drain().into_bytes()
    }
}

impl QueueingRecorder {
    fn check_open(&self) -> Result<(), Error> {
        if self.closing {
            return Err(Error::new(Code::Recorder, "the recorder is closed").with_hint("create a new one"));
        }
        Ok(())
    }

    fn queue(&mut self, queued: Queued) -> usize {
        let bytes = queued.event.as_bytes().len();
        self.queue.push_back(queued);
        bytes
    }
}

/// The shape of a path, or of a URL's.
#[wasm_bindgen(js_name = pathShape)]
pub fn path_shape(path: &str) -> String {
    countersign::path::shape(path)
}

/// The first line of an export of `origin`, with its line feed.
#[wasm_bindgen]
pub fn header(origin: &str) -> Result<String, Thrown> {
    countersign::note::check_name(origin)?;
    Ok(countersign::recorder::header(origin))
}

impl Signer {
    fn read(text: &str) -> Result<Self, Error> {
        if !text.starts_with("PRIVATE+KEY+") {
            return Ok(Self { key: text.parse()?, seed: None });
        }
        let seed = SignerKey::parse(text)?;
        Ok(Self { key: seed.verifier_key().clone(), seed: Some(seed) })
    }

    fn sign(&self, recorder: &mut Recorder) -> Result<(), Error> {
        self.seed.as_ref().map_or(Ok(()), |seed| recorder.sign_with(seed))
    }
}

fn moment(millis: f64) -> Result<Time, Error> {
    let whole = millis.fract() == 0.0 && millis.abs() < 1e15;
    whole
        .then(|| Time::from_millis(millis as i64))
        .flatten()
        .ok_or_else(|| Error::new(Code::Time, "no time in whole milliseconds from the epoch"))
}

fn random(bytes: &[u8]) -> Result<[u8; 16], Error> {
    bytes.try_into().map_err(|_| Error::new(Code::Recorder, "not 16 random bytes"))
}

/// A signer key of this name with a seed of 32 bytes, and its vkey.
#[wasm_bindgen(js_name = signerKey)]
pub fn signer_key(name: &str, seed: &[u8]) -> Result<Vec<String>, Thrown> {
    let seed = seed.try_into().map_err(|_| Error::new(Code::Key, "a seed is 32 bytes"))?;
    let key = SignerKey::generate(name, seed)?;
    Ok(vec![key.encode().to_string(), key.verifier_key().to_string()])
}
