//! The artifact `gate`: decides on events before they are recorded.

use countersign::error::{Code, Error};
use countersign::note::{Note, VerifierKey};
use countersign::time::Time;
use countersign_analyze::watchlist::{MAX_BYTES, Watchlist};
use countersign_analyze::{AnalyzeError, Gate as LocalGate};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Thrown;

/// The memory in which [`Gate::room`] has an address.
#[wasm_bindgen]
pub fn heap() -> JsValue {
    wasm_bindgen::memory()
}

/// A pack's rules that decide, and who is watched.
#[wasm_bindgen]
pub struct Gate {
    gate: LocalGate,
    room: Vec<u8>,
}

#[wasm_bindgen]
impl Gate {
    /// Reads a pack in canonical form. As bytes: texts are copied by a loop of wasm-bindgen's that engines interpret.
    #[wasm_bindgen(constructor)]
    pub fn new(pack: &[u8]) -> Result<Self, Thrown> {
        let pack = str::from_utf8(pack).map_err(|_| Error::new(Code::Pack, "the pack is no text"))?;
        Ok(Self { gate: LocalGate::parse(pack).map_err(|faults| refused(&faults))?, room: Vec::new() })
    }

    /// The pack's hash, base64.
    #[wasm_bindgen(getter)]
    pub fn pack(&self) -> String {
        self.gate.pack().to_string()
    }

    /// How many rules of the pack decide.
    #[wasm_bindgen(getter)]
    pub fn rules(&self) -> usize {
        self.gate.rules()
    }

    /// Where the text of an event of at most so many bytes is to be written: the engine encodes faster than what
    /// wasm-bindgen would copy.
    pub fn room(&mut self, bytes: usize) -> *const u8 {
        if self.room.len() < bytes {
            self.room.resize(bytes, 0);
        }
        self.room.as_ptr()
    }

    /// What is decided of the event that was written, of so many bytes, as JSON; nothing where nothing decides. `now` is in milliseconds.
    pub fn decide(&self, bytes: usize, now: f64) -> Result<Option<String>, Thrown> {
        let event = self.room.get(..bytes).and_then(|event| str::from_utf8(event).ok());
        let event = event.ok_or_else(|| Error::new(Code::Event, "no text was written"))?;
        Ok(self.gate.decide(event, time(now))?.map(|decided| decided.to_json()))
    }

    /// Takes a list, one of whose signatures has been verified, in place of the one before.
    pub fn watch(&mut self, list: &SignedList) -> Result<(), Thrown> {
        Ok(self.gate.watch(list.list.clone())?)
    }

    /// When the list was made that counts, in milliseconds; 0 without one.
    #[wasm_bindgen(getter, js_name = listMade)]
    pub fn list_made(&self) -> f64 {
        self.list(|list| list.header().made.millis() as f64)
    }

    /// When it no longer holds.
    #[wasm_bindgen(getter, js_name = listUntil)]
    pub fn list_until(&self) -> f64 {
        self.list(|list| list.header().until.millis() as f64)
    }

    /// Its number.
    #[wasm_bindgen(getter, js_name = listSequence)]
    pub fn list_sequence(&self) -> f64 {
        self.list(|list| list.header().sequence as f64)
    }

    /// How many entries it has.
    #[wasm_bindgen(getter, js_name = listEntries)]
    pub fn list_entries(&self) -> f64 {
        self.list(|list| list.entries().len() as f64)
    }

    fn list(&self, number: impl Fn(&Watchlist) -> f64) -> f64 {
        self.gate.watchlist().map_or(0.0, number)
    }
}

/// A watchlist as it was fetched. Its signatures are verified outside.
#[wasm_bindgen]
pub struct SignedList {
    list: Watchlist,
    message: String,
    /// Keys that are said to have signed, with what is said to be their signature.
    claims: Vec<([u8; 32], Vec<u8>)>,
}

#[wasm_bindgen]
impl SignedList {
    /// Reads a note. `keys` are vkeys, a line each.
    #[wasm_bindgen(constructor)]
    pub fn new(note: &str, keys: &str) -> Result<Self, Thrown> {
        if note.len() > MAX_BYTES {
            return Err(Error::new(Code::Watchlist, "a watchlist has at most 8 MiB").into());
        }
        let note = Note::parse(note)?;
        let mut claims = Vec::new();
        for key in keys.lines() {
            let key: VerifierKey = key.parse()?;
            let lines = note.signatures.iter().filter(|line| line.is_of(&key));
            claims.extend(lines.map(|line| (*key.public(), line.signature.clone())));
        }
        Ok(Self { list: Watchlist::read(&note.text)?, message: note.text, claims })
    }

    /// What is signed.
    pub fn message(&self) -> String {
        self.message.clone()
    }

    /// How many signatures there are of the keys that are known.
    #[wasm_bindgen(getter)]
    pub fn claims(&self) -> usize {
        self.claims.len()
    }

    /// The Ed25519 key of one.
    pub fn key(&self, nth: usize) -> Vec<u8> {
        self.claims.get(nth).map(|(key, _)| key.to_vec()).unwrap_or_default()
    }

    /// The signature of one.
    pub fn signature(&self, nth: usize) -> Vec<u8> {
        self.claims.get(nth).map(|(_, signature)| signature.clone()).unwrap_or_default()
    }
}

/// The first faults of a pack. The artifact has no room for what they say in words.
#[cold]
#[inline(never)]
fn refused(faults: &[AnalyzeError]) -> Error {
    let mut told = String::new();
    for fault in faults.iter().take(3) {
        let of = fault.member.as_deref().unwrap_or("the pack");
        for part in [if told.is_empty() { "" } else { "; " }, of, ": ", fault.code] {
            told.push_str(part);
        }
    }
    let hint = "`countersign rules build` says what is wrong with a pack, and where";
    Error::new(Code::Pack, told).with_hint(hint)
}

fn time(millis: f64) -> Time {
    Time::from_millis(millis as i64).unwrap_or(Time::MAX)
}
