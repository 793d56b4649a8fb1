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

/// The key that signs a chain. Without `seed`, signing happens elsewhere.
struct Signer {
    key: VerifierKey,
    seed: Option<SignerKey>,
}

/// Queues events at any time, and writes their links when it is flushed.
///
/// A flush is `begin`, then `step` and `sign` for as long as `step` returns bytes to sign, then `take`. After an error
/// it can be repeated from `begin`: nothing is lost or written twice.
#[wasm_bindgen(js_name = Recorder)]
pub struct QueueingRecorder {
    origin: String,
    signer: Signer,
    redaction: Redaction,
    queue: VecDeque<Queued>,
    /// Events whose links await a signature.
    unsigned: Vec<Queued>,
    recorder: Option<Recorder>,
    /// Number of queued events that the current flush has yet to link.
    left: usize,
    closing: bool,
    /// The lines of [`Queued`] that [`QueueingRecorder::unstored`] has not returned yet.
    unstored: String,
    keeps_unstored: bool,
    /// Number of redactions in the last recorded event.
    redacted: usize,
}

#[wasm_bindgen(js_class = Recorder)]
impl QueueingRecorder {
    /// Creates a recorder of a new chain. `key` is a private key, or the vkey of one held elsewhere. With `redact`, the
    /// rules of [`Redaction::default`] apply.
    #[wasm_bindgen(constructor)]
    pub fn new(origin: String, key: &str, redact: bool) -> Result<Self, Thrown> {
        countersign::note::check_name(&origin)?;
        let redaction = if redact { Redaction::default() } else { Redaction::none() };
        Ok(Self {
            origin,
            signer: Signer::parse(key)?,
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

    /// Sets whether [`QueueingRecorder::unstored`] returns the events recorded from now on.
    #[wasm_bindgen(js_name = keepUnstored)]
    pub fn keep_unstored(&mut self, keep: bool) {
        self.keeps_unstored = keep;
    }

    /// Adds a name or path to redact in future events.
    pub fn redact(&mut self, path: String) {
        self.redaction = core::mem::replace(&mut self.redaction, Redaction::none()).with(path);
    }

    /// Adds a name or path to exempt from redaction in future events.
    pub fn keep(&mut self, path: String) {
        self.redaction = core::mem::replace(&mut self.redaction, Redaction::none()).keeping(path);
    }

    /// Replaces the paths of requests by their shapes in future events.
    #[wasm_bindgen(js_name = shapePaths)]
    pub fn shape_paths(&mut self) {
        self.redaction = core::mem::replace(&mut self.redaction, Redaction::none()).with_path_shapes();
    }

    /// Returns the number of values, or parts of strings, redacted in the last recorded event.
    #[wasm_bindgen(getter)]
    pub fn redacted(&self) -> usize {
        self.redacted
    }

    /// Validates and queues an event: 16 random bytes followed by its JSON text, and the time in milliseconds since the
    /// epoch. With `typed`, the fields of SPEC section 12 are validated too. Returns the event's length in bytes.
    pub fn record(&mut self, salted: &[u8], time: f64, typed: bool) -> Result<usize, Thrown> {
        self.check_open()?;
        let (salt, json) = salted.split_at_checked(16).unwrap_or_default();
        let (time, salt) = (moment(time)?, random_bytes(salt)?);
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

    /// Returns one line for each event recorded since the last call, in the form that `restore` accepts.
    pub fn unstored(&mut self) -> String {
        core::mem::take(&mut self.unstored)
    }

    /// Queues an event from `unstored`, of this recorder or another, unchanged. Returns its length in bytes.
    pub fn restore(&mut self, line: &str) -> Result<usize, Thrown> {
        self.check_open()?;
        Ok(self.queue(line.parse()?))
    }

    /// Returns lines for the `restore` of another recorder: one for each event that awaits a link or its signature.
    #[wasm_bindgen(js_name = queuedLines)]
    pub fn queued_lines(&self) -> String {
        let mut lines = String::new();
        for queued in self.unsigned.iter().chain(&self.queue) {
            queued.write(&mut lines);
        }
        lines
    }

    /// Returns the number of queued events.
    #[wasm_bindgen(getter)]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Returns the chain's identifier, once its open link is signed.
    #[wasm_bindgen(getter)]
    pub fn chain(&self) -> Option<String> {
        self.recorder.as_ref()?.chain().map(|chain| chain.to_string())
    }

    /// Returns the number of links in the chain.
    #[wasm_bindgen(getter)]
    pub fn links(&self) -> f64 {
        self.recorder.as_ref().map_or(0, Recorder::links) as f64
    }

    /// Begins a flush of the queued events, at most `most` of them unless `most` is 0. `nonce` is 16 random
    /// bytes. With `close`, flushes all, ends the chain afterwards, and queues nothing more.
    pub fn begin(&mut self, time: f64, nonce: &[u8], close: bool, most: usize) -> Result<(), Thrown> {
        let (time, nonce) = (moment(time)?, random_bytes(nonce)?);
        self.closing |= close;
        let all = self.queue.len();
        self.left = if most == 0 || self.closing { all } else { most.min(all) };
        if self.recorder.is_none() && (self.left > 0 || self.closing) {
            // Times never decrease in a chain, so it opens no later than its first event was recorded.
            let opened = self.queue.front().map_or(time, |first| first.time.min(time));
            self.recorder = Some(Recorder::open(&self.origin, self.signer.key.clone(), opened, &nonce)?);
        }
        Ok(())
    }

    /// Writes links until a signature is needed from outside, and returns the bytes to sign, or undefined when the
    /// flush is complete. `time` is the time of the close link.
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

    /// Adds the signature of the bytes from `step`. Checks it, unless the signer is known to hold the chain's key.
    pub fn sign(&mut self, signature: &[u8], known: bool) -> Result<(), Thrown> {
        let signature = signature
            .try_into()
            .map_err(|_| Error::new(Code::Signature, "the signature must have 64 bytes"))?;
        match &mut self.recorder {
            Some(recorder) if known => Ok(recorder.sign_unchecked(&signature)?),
            Some(recorder) => Ok(recorder.sign(&signature)?),
            None => Err(Error::new(Code::Recorder, "no signature is expected now").into()),
        }
    }

    /// Returns the complete lines that can be sent, as UTF-8, possibly none.
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

/// Returns the shape of a path, or of a URL's path.
#[wasm_bindgen(js_name = pathShape)]
pub fn path_shape(path: &str) -> String {
    countersign::path::shape(path)
}

/// Returns the first line of an export of `origin`, with its line feed.
#[wasm_bindgen]
pub fn header(origin: &str) -> Result<String, Thrown> {
    countersign::note::check_name(origin)?;
    Ok(countersign::recorder::header(origin))
}

impl Signer {
    fn parse(text: &str) -> Result<Self, Error> {
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
    whole.then(|| Time::from_millis(millis as i64)).flatten().ok_or_else(|| {
        Error::new(Code::Time, "the time must be an integer number of milliseconds since the epoch")
    })
}

fn random_bytes(bytes: &[u8]) -> Result<[u8; 16], Error> {
    bytes.try_into().map_err(|_| Error::new(Code::Recorder, "16 random bytes are required"))
}

/// Creates a private key of this name from a seed of 32 bytes, and returns it with its vkey.
#[wasm_bindgen(js_name = signerKey)]
pub fn signer_key(name: &str, seed: &[u8]) -> Result<Vec<String>, Thrown> {
    let seed = seed.try_into().map_err(|_| Error::new(Code::Key, "the seed must have 32 bytes"))?;
    let key = SignerKey::from_seed(name, seed)?;
    Ok(vec![key.encode().to_string(), key.verifier_key().to_string()])
}
