//! The artifact `gate`: decides on events before they are recorded.

use countersign::error::{Code, Error};
use countersign::note::{Note, VerifierKey};
use countersign::time::Time;
use countersign_analyze::watchlist::{MAX_BYTES, Watchlist};
use countersign_analyze::{AnalyzeError, Gate as LocalGate};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Thrown;

/// Returns the memory that [`Gate::room`] points into.
#[wasm_bindgen]
pub fn heap() -> JsValue {
    wasm_bindgen::memory()
}

/// A gate: the deciding rules of a pack, and a watchlist.
#[wasm_bindgen]
pub struct Gate {
    gate: LocalGate,
    room: Vec<u8>,
}

#[wasm_bindgen]
impl Gate {
    /// Parses a pack in canonical form. Takes bytes, because wasm-bindgen copies strings with a slow loop.
    #[wasm_bindgen(constructor)]
    pub fn new(pack: &[u8]) -> Result<Self, Thrown> {
        let pack = str::from_utf8(pack).map_err(|_| Error::new(Code::Pack, "the pack is not UTF-8"))?;
        Ok(Self { gate: LocalGate::parse(pack).map_err(|faults| invalid_pack(&faults))?, room: Vec::new() })
    }

    /// Returns the pack's hash in base64.
    #[wasm_bindgen(getter)]
    pub fn pack(&self) -> String {
        self.gate.pack().to_string()
    }

    /// Returns the number of rules that decide.
    #[wasm_bindgen(getter)]
    pub fn rules(&self) -> usize {
        self.gate.rules()
    }

    /// Returns the address of a buffer for an event of up to `bytes` bytes. The engine encodes text into it faster than
    /// wasm-bindgen would copy it.
    pub fn room(&mut self, bytes: usize) -> *const u8 {
        if self.room.len() < bytes {
            self.room.resize(bytes, 0);
        }
        self.room.as_ptr()
    }

    /// Decides on the event of `bytes` bytes in the buffer. Returns the decision as JSON, or undefined if no rule
    /// decides. `now` is in milliseconds.
    pub fn decide(&self, bytes: usize, now: f64) -> Result<Option<String>, Thrown> {
        let event = self.room.get(..bytes).and_then(|event| str::from_utf8(event).ok());
        let event = event.ok_or_else(|| Error::new(Code::Event, "the event is not UTF-8"))?;
        Ok(self.gate.decide(event, time(now))?.map(|decided| decided.to_json()))
    }

    /// Replaces the watchlist. The caller has verified one of its signatures.
    pub fn watch(&mut self, list: &SignedList) -> Result<(), Thrown> {
        Ok(self.gate.watch(list.list.clone())?)
    }

    /// Returns the time at which the current watchlist was made, in milliseconds, or 0 without one.
    #[wasm_bindgen(getter, js_name = listMade)]
    pub fn list_made(&self) -> f64 {
        self.list(|list| list.header().made.millis() as f64)
    }

    /// Returns the time at which the watchlist expires, in milliseconds, or 0 without one.
    #[wasm_bindgen(getter, js_name = listUntil)]
    pub fn list_until(&self) -> f64 {
        self.list(|list| list.header().until.millis() as f64)
    }

    /// Returns the watchlist's sequence number, or 0 without one.
    #[wasm_bindgen(getter, js_name = listSequence)]
    pub fn list_sequence(&self) -> f64 {
        self.list(|list| list.header().sequence as f64)
    }

    /// Returns the number of entries in the watchlist.
    #[wasm_bindgen(getter, js_name = listEntries)]
    pub fn list_entries(&self) -> f64 {
        self.list(|list| list.entries().len() as f64)
    }

    fn list(&self, number: impl Fn(&Watchlist) -> f64) -> f64 {
        self.gate.watchlist().map_or(0.0, number)
    }
}

/// A fetched watchlist. The caller verifies its signatures.
#[wasm_bindgen]
pub struct SignedList {
    list: Watchlist,
    message: String,
    /// Public keys with the signatures claimed to be theirs.
    claims: Vec<(Vec<u8>, Vec<u8>)>,
}

#[wasm_bindgen]
impl SignedList {
    /// Parses a signed note. `keys` are vkeys, one per line.
    #[wasm_bindgen(constructor)]
    pub fn new(note: &str, keys: &str) -> Result<Self, Thrown> {
        if note.len() > MAX_BYTES {
            return Err(Error::new(Code::Watchlist, "the watchlist is larger than 8 MiB").into());
        }
        let note = Note::parse(note)?;
        let mut claims = Vec::new();
        for key in keys.lines() {
            let key: VerifierKey = key.parse()?;
            let lines = note.signatures.iter().filter(|line| line.is_of(&key));
            let public = key.public();
            claims.extend(lines.map(|line| (public.to_vec(), line.signature.clone())));
        }
        Ok(Self { list: Watchlist::read(&note.text)?, message: note.text, claims })
    }

    /// Returns the signed text.
    pub fn message(&self) -> String {
        self.message.clone()
    }

    /// Returns the number of signatures by known keys.
    #[wasm_bindgen(getter)]
    pub fn claims(&self) -> usize {
        self.claims.len()
    }

    /// Returns the Ed25519 public key of a signature.
    pub fn key(&self, nth: usize) -> Vec<u8> {
        self.claims.get(nth).map(|(key, _)| key.clone()).unwrap_or_default()
    }

    /// Returns a signature by its index.
    pub fn signature(&self, nth: usize) -> Vec<u8> {
        self.claims.get(nth).map(|(_, signature)| signature.clone()).unwrap_or_default()
    }
}

/// Returns the first errors in a pack. This artifact contains only codes, no messages.
#[cold]
#[inline(never)]
fn invalid_pack(faults: &[AnalyzeError]) -> Error {
    let mut message = String::new();
    for fault in faults.iter().take(3) {
        let of = fault.member.as_deref().unwrap_or("the pack");
        for part in [if message.is_empty() { "" } else { "; " }, of, ": ", fault.code] {
            message.push_str(part);
        }
    }
    let hint = "build the pack with `countersign rules build`, which reports all errors with their place";
    Error::new(Code::Pack, message).with_hint(hint)
}

fn time(millis: f64) -> Time {
    Time::from_millis(millis as i64).unwrap_or(Time::MAX)
}
