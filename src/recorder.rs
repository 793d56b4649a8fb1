//! Records one chain.
//!
//! A recorder reads no clock, draws no random numbers, and holds no key. Times, salts, nonces, and signatures come in
//! as arguments; lines of an export come out. A signature is due for the open link, for every n-th event link if
//! [`Recorder::sign_every`] is set, for the last link of each flush ([`Recorder::flush`]), and for the close link.
//! While a signature is due, nothing can be recorded, because `prev` of the next link covers it.
//!
//! ```
//! use countersign::event::{Event, Redaction};
//! use countersign::note::SignerKey;
//! use countersign::recorder::{Recorder, header};
//!
//! let key = SignerKey::from_seed("example.com/job", [7; 32])?;
//! let sign = |recorder: &mut Recorder| {
//!     let signature = key.sign(recorder.to_sign().unwrap());
//!     recorder.sign(&signature)
//! };
//!
//! let opened = "2026-11-20T06:00:00.000Z".parse()?;
//! let mut recorder = Recorder::open("log.example/audit", key.verifier_key().clone(), opened, &[1; 16])?;
//! sign(&mut recorder)?;
//! let event = Event::parse(br#"{"action":"job.update"}"#, &Redaction::default())?;
//! recorder.record(&event, opened, &[2; 16])?;
//! recorder.flush();
//! sign(&mut recorder)?;
//!
//! let lines = recorder.drain();
//! assert!(lines.starts_with(r#"{"link":"countersign/v1 open log.example/audit example.com/job+"#));
//! assert!(lines.ends_with(",\"event\":{\"action\":\"job.update\"}}\n"));
//! let export = header("log.example/audit") + &lines;
//! # assert_eq!(export.lines().count(), 3);
//! # Ok::<(), countersign::Error>(())
//! ```

use core::num::NonZeroU32;

use crate::base64;
use crate::canonical::write_string;
use crate::error::{Code, Error};
use crate::event::Event;
use crate::hash::Hash;
use crate::integer;
use crate::link::{self, ChainId, Salt, Signature};
use crate::merkle::{MAX_LEAF, leaf_hash};
use crate::note::{KeyType, VerifierKey, check_name};
use crate::time::Time;

/// The length of a signature in a link, including the space before it.
const SIGNATURE_LENGTH: usize = 89;

/// Returns the first line of an export of `origin`, with its line end.
pub fn header(origin: &str) -> String {
    let mut line = br#"{"countersign":"export/v1","origin":"#.to_vec();
    write_string(origin, &mut line);
    line.extend_from_slice(b"}\n");
    String::from_utf8(line).unwrap_or_default()
}

/// The state of an open chain, from which it can be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The chain.
    pub chain: ChainId,
    /// The `seq` of the last link, 0 for the open link.
    pub seq: u64,
    /// The leaf hash of the last link.
    pub last: Hash,
    /// The time of the last link.
    pub time: Time,
}

/// A chain that is being written.
#[derive(Debug)]
pub struct Recorder {
    key: VerifierKey,
    chain: Option<ChainId>,
    seq: u64,
    time: Time,
    sign_every: Option<NonZeroU32>,
    /// The number of event links since the last signed link.
    unsigned: u32,
    /// The leaf hash of the link before `tail`, or of the last link if there is no tail.
    prev: Hash,
    tail: Option<Tail>,
    /// True if the tail must be signed before the next link.
    due: bool,
    closed: bool,
    /// Lines up to the last signed link.
    ready: Vec<u8>,
    /// Lines after the last signed link, including the tail's.
    held: Vec<u8>,
}

/// The last link, while a signature may still be added to it.
#[derive(Debug)]
struct Tail {
    link: String,
    /// The position in `held` where the link ends.
    end: usize,
}

impl Recorder {
    /// Begins a chain. The open link's signature is due at once.
    ///
    /// `nonce` must come from a secure random source; it makes the chain ID unique.
    ///
    /// # Errors
    /// [`Code::Name`] if the origin is invalid or too long for a link; [`Code::Key`] for a witness's key.
    pub fn open(origin: &str, key: VerifierKey, time: Time, nonce: &[u8; 16]) -> Result<Self, Error> {
        check_name(origin)?;
        let link = link::write_open(origin, &key, time, nonce);
        if link.len() + SIGNATURE_LENGTH > MAX_LEAF {
            return Err(Error::new(Code::Name, "the origin and the key's name are too long for a link"));
        }
        let mut recorder = Self::for_key(key, time)?;
        recorder.write(link, b"");
        recorder.due = true;
        Ok(recorder)
    }

    /// Continues an open chain whose last link is signed.
    ///
    /// # Errors
    /// [`Code::Key`] for a witness's key.
    pub fn resume(key: VerifierKey, at: &Position) -> Result<Self, Error> {
        let mut recorder = Self::for_key(key, at.time)?;
        recorder.chain = Some(at.chain);
        recorder.seq = at.seq;
        recorder.prev = at.last;
        Ok(recorder)
    }

    fn for_key(key: VerifierKey, time: Time) -> Result<Self, Error> {
        if key.key_type() != KeyType::Ed25519 {
            return Err(Error::new(Code::Key, "a witness's key cannot sign a chain")
                .with_hint("create an emitter's key with countersign keygen"));
        }
        Ok(Self {
            key,
            chain: None,
            seq: 0,
            time,
            sign_every: None,
            unsigned: 0,
            prev: Hash([0; 32]),
            tail: None,
            due: false,
            closed: false,
            ready: Vec::new(),
            held: Vec::new(),
        })
    }

    /// Requires a signature on every `links`-th event link, in addition to the mandatory ones.
    #[must_use]
    pub fn sign_every(mut self, links: NonZeroU32) -> Self {
        self.sign_every = Some(links);
        self
    }

    /// Returns the emitter's key.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Returns the chain's ID, or `None` before the open link is signed.
    pub fn chain(&self) -> Option<ChainId> {
        self.chain
    }

    /// Returns the number of links written, including the open link.
    pub fn links(&self) -> u64 {
        self.seq + 1
    }

    /// Returns the chain's state, or `None` if its last link is not signed or the chain is closed.
    pub fn position(&self) -> Option<Position> {
        let chain = self.chain.filter(|_| self.tail.is_none() && !self.closed)?;
        Some(Position { chain, seq: self.seq, last: self.prev, time: self.time })
    }

    /// Adds an event link. If `time` is before the last link's, the last link's time is used.
    ///
    /// `salt` must be new for every event and come from a secure random source.
    ///
    /// # Errors
    /// [`Code::Recorder`] while a signature is due and after the close link. In either case, nothing was recorded.
    pub fn record(&mut self, event: &Event, time: Time, salt: &Salt) -> Result<(), Error> {
        let chain = self.next(time)?;
        let link = link::write_event(chain, self.seq, self.time, &self.prev, &event.commit(salt));
        let mut rest = Vec::with_capacity(event.as_bytes().len() + 48);
        rest.extend_from_slice(br#","salt":""#);
        rest.extend_from_slice(base64::encode(salt).as_bytes());
        rest.extend_from_slice(br#"","event":"#);
        rest.extend_from_slice(event.as_bytes());
        self.write(link, &rest);
        self.unsigned += 1;
        self.due = self.sign_every.is_some_and(|links| self.unsigned >= links.get());
        Ok(())
    }

    /// Makes the last link's signature due, so that everything recorded can be sent. Nothing is due if it is signed
    /// already.
    pub fn flush(&mut self) {
        self.due = self.tail.is_some();
    }

    /// Adds the close link, after which nothing can be recorded. Its signature is due at once.
    ///
    /// # Errors
    /// [`Code::Recorder`] while a signature is due and after the close link.
    pub fn close(&mut self, time: Time) -> Result<(), Error> {
        let chain = self.next(time)?;
        self.write(link::write_close(chain, self.seq, self.time, &self.prev), b"");
        self.due = true;
        self.closed = true;
        Ok(())
    }

    /// Returns the bytes to sign if a signature is due.
    pub fn to_sign(&self) -> Option<&[u8]> {
        self.tail.as_ref().filter(|_| self.due).map(|tail| tail.link.as_bytes())
    }

    /// Adds the due signature, over the bytes of [`Recorder::to_sign`].
    ///
    /// # Errors
    /// [`Code::Recorder`] if no signature is due; [`Code::Signature`] if it does not verify under the chain's key, in
    /// which case it stays due. Builds without Ed25519 do not check it.
    pub fn sign(&mut self, signature: &Signature) -> Result<(), Error> {
        #[cfg(any(feature = "sign", feature = "verify"))]
        if self.to_sign().is_some_and(|bytes| !self.key.verify(bytes, signature)) {
            return Err(Error::new(Code::Signature, "the signature does not verify under the chain's key")
                .with_hint("check that the signer uses the private key of its vkey"));
        }
        self.sign_unchecked(signature)
    }

    /// Adds the due signature without checking it. For signers known to hold the chain's key.
    ///
    /// # Errors
    /// [`Code::Recorder`] if no signature is due.
    pub fn sign_unchecked(&mut self, signature: &Signature) -> Result<(), Error> {
        if self.to_sign().is_none() {
            return Err(Error::new(Code::Recorder, "no signature is due"));
        }
        self.end_tail(Some(signature));
        Ok(())
    }

    /// Signs with `key` if a signature is due.
    ///
    /// # Errors
    /// [`Code::Key`] if `key` is not the chain's.
    #[cfg(feature = "sign")]
    pub fn sign_with(&mut self, key: &crate::note::SignerKey) -> Result<(), Error> {
        if *key.verifier_key() != self.key {
            return Err(Error::new(Code::Key, "the chain was opened with another key"));
        }
        if let Some(bytes) = self.to_sign() {
            let signature = key.sign(bytes);
            self.end_tail(Some(&signature));
        }
        Ok(())
    }

    /// True if the close link was written.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Removes and returns the lines up to the last signed link, each with its line end.
    pub fn drain(&mut self) -> String {
        // The buffer contains valid UTF-8 only.
        String::from_utf8(core::mem::take(&mut self.ready)).unwrap_or_default()
    }

    /// Advances to the next link's position. Returns the chain.
    fn next(&mut self, time: Time) -> Result<ChainId, Error> {
        let refused = |message, hint| Err(Error::new(Code::Recorder, message).with_hint(hint));
        if self.due {
            return refused("a signature is due", "sign the bytes of to_sign first");
        }
        let Some(chain) = self.chain.filter(|_| !self.closed) else {
            return refused("the chain is closed", "open a new chain");
        };
        if self.seq == integer::MAX {
            return refused("the chain has the maximum length", "open a new chain");
        }
        self.end_tail(None);
        self.seq += 1;
        self.time = self.time.max(time);
        Ok(chain)
    }

    /// Adds the line of `link`, which becomes the tail. `rest` follows the link on its line.
    fn write(&mut self, link: String, rest: &[u8]) {
        self.held.extend_from_slice(br#"{"link":"#);
        if self.chain.is_none() {
            write_string(&link, &mut self.held);
        } else {
            // Names, which may need escaping, are in the open link only.
            self.held.push(b'"');
            self.held.extend_from_slice(link.as_bytes());
            self.held.push(b'"');
        }
        let end = self.held.len() - 1;
        self.held.extend_from_slice(rest);
        self.held.extend_from_slice(b"}\n");
        self.tail = Some(Tail { link, end });
    }

    /// Completes the tail, with or without a signature.
    fn end_tail(&mut self, signature: Option<&Signature>) {
        let Some(Tail { mut link, end }) = self.tail.take() else { return };
        if let Some(signature) = signature {
            let unsigned = link.len();
            link::append_signature(&mut link, signature);
            let (before, after) = self.held.split_at(end);
            for part in [before, &link.as_bytes()[unsigned..], after] {
                self.ready.extend_from_slice(part);
            }
            self.held.clear();
            self.due = false;
            self.unsigned = 0;
        }
        self.prev = leaf_hash(link.as_bytes());
        self.chain.get_or_insert_with(|| ChainId::of_open(&self.prev));
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::event::Redaction;
    use crate::link::{Link, signed_part};
    use crate::note::SignerKey;

    fn key() -> SignerKey {
        SignerKey::from_seed("example.com/a", [1; 32]).unwrap()
    }

    fn time(millis: i64) -> Time {
        Time::from_millis(millis).unwrap()
    }

    fn event(text: &str) -> Event {
        Event::parse(text.as_bytes(), &Redaction::none()).unwrap()
    }

    fn opened() -> Recorder {
        let key = key();
        let mut recorder =
            Recorder::open("log.example", key.verifier_key().clone(), time(1000), &[2; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        recorder
    }

    fn links(lines: &str) -> Vec<String> {
        let values = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        values.map(|value| value["link"].as_str().unwrap().to_owned()).collect()
    }

    /// Checks what any verifier would: each prev, each signature, non-decreasing times, and a signed end.
    fn check(links: &[String]) {
        let key = key().verifier_key().clone();
        let parsed: Vec<Link> = links.iter().map(|link| Link::parse(link).unwrap()).collect();
        for (text, link) in links.iter().zip(&parsed) {
            if let Some(signature) = link.signature() {
                assert!(key.verify(signed_part(text).as_bytes(), signature), "{text}");
            }
        }
        for ((before, pair), seq) in links.iter().zip(parsed.windows(2)).zip(1..) {
            assert_eq!(pair[1].prev(), Some(&leaf_hash(before.as_bytes())));
            assert_eq!((pair[1].seq(), pair[1].chain()), (seq, parsed[0].chain()));
            assert!(pair[0].time() <= pair[1].time());
        }
        assert!(parsed.last().unwrap().signature().is_some());
    }

    #[test]
    fn writes_a_chain_that_ends_signed() {
        let mut recorder = opened();
        for nth in 0..5_u8 {
            let event = event(&format!("{{\"n\":{nth}}}"));
            recorder.record(&event, time(2000 + i64::from(nth)), &[nth; 16]).unwrap();
        }
        recorder.flush();
        recorder.sign_with(&key()).unwrap();
        recorder.close(time(3000)).unwrap();
        recorder.sign_with(&key()).unwrap();
        let drained = recorder.drain();
        let links = links(&drained);
        check(&links);
        let signed: Vec<bool> =
            links.iter().map(|link| Link::parse(link).unwrap().signature().is_some()).collect();
        assert_eq!(signed, [true, false, false, false, false, true, true]);
        assert!(
            drained
                .lines()
                .nth(2)
                .unwrap()
                .ends_with(r#"","salt":"AQEBAQEBAQEBAQEBAQEBAQ==","event":{"n":1}}"#)
        );
    }

    #[test]
    fn drains_nothing_after_the_last_signed_link() {
        let mut recorder = opened();
        assert_eq!(recorder.drain().lines().count(), 1);
        recorder.record(&event("{}"), time(2000), &[0; 16]).unwrap();
        recorder.record(&event("{}"), time(2000), &[0; 16]).unwrap();
        assert_eq!(recorder.drain(), "");
        recorder.flush();
        assert_eq!(recorder.drain(), "");
        recorder.sign_with(&key()).unwrap();
        assert_eq!(recorder.drain().lines().count(), 2);
        assert_eq!(recorder.drain(), "");
    }

    #[test]
    fn signs_every_nth_link() {
        let mut recorder = opened().sign_every(NonZeroU32::new(3).unwrap());
        for _ in 0..7 {
            recorder.record(&event("{}"), time(2000), &[0; 16]).unwrap();
            recorder.sign_with(&key()).unwrap();
        }
        let links = links(&recorder.drain());
        check(&links);
        assert_eq!(links.len(), 7);
    }

    #[test]
    fn repeats_the_last_time_if_the_clock_goes_back() {
        let mut recorder = opened();
        for millis in [2000, 1500, 500, 2500] {
            recorder.record(&event("{}"), time(millis), &[0; 16]).unwrap();
        }
        recorder.close(time(0)).unwrap();
        recorder.sign_with(&key()).unwrap();
        let times: Vec<i64> =
            links(&recorder.drain()).iter().map(|link| Link::parse(link).unwrap().time().millis()).collect();
        assert_eq!(times, [1000, 2000, 2000, 2000, 2500, 2500]);
    }

    #[test]
    fn rejects_calls_out_of_turn_and_changes_nothing() {
        let code = |result: Result<(), Error>| result.unwrap_err().code;
        let key = key();
        let mut recorder =
            Recorder::open("log.example", key.verifier_key().clone(), time(0), &[0; 16]).unwrap();
        assert_eq!(code(recorder.record(&event("{}"), time(0), &[0; 16])), Code::Recorder);
        assert_eq!(code(recorder.close(time(0))), Code::Recorder);
        recorder.sign_with(&key).unwrap();
        let position = recorder.position().unwrap();
        assert_eq!(code(recorder.sign(&[0; 64])), Code::Recorder);
        recorder.flush();
        assert_eq!((recorder.to_sign(), recorder.position()), (None, Some(position)));
        recorder.close(time(0)).unwrap();
        assert_eq!(code(recorder.close(time(0))), Code::Recorder);
        recorder.sign_with(&key).unwrap();
        assert_eq!(code(recorder.record(&event("{}"), time(0), &[0; 16])), Code::Recorder);
        assert_eq!(code(recorder.close(time(0))), Code::Recorder);
        assert_eq!((recorder.is_closed(), recorder.position()), (true, None));
        check(&links(&recorder.drain()));
    }

    #[test]
    fn detects_a_wrong_signer_at_once() {
        let other = SignerKey::from_seed("example.com/a", [9; 32]).unwrap();
        let mut recorder =
            Recorder::open("log.example", key().verifier_key().clone(), time(0), &[0; 16]).unwrap();
        assert_eq!(recorder.sign_with(&other).unwrap_err().code, Code::Key);
        let signature = other.sign(recorder.to_sign().unwrap());
        assert_eq!(recorder.sign(&signature).unwrap_err().code, Code::Signature);
        assert_eq!(recorder.drain(), "");
        let signature = key().sign(recorder.to_sign().unwrap());
        recorder.sign(&signature).unwrap();
        check(&links(&recorder.drain()));
    }

    #[test]
    fn resumes_a_chain() {
        let mut whole = opened();
        whole.record(&event("{}"), time(2000), &[3; 16]).unwrap();
        assert_eq!(whole.position(), None);
        whole.flush();
        whole.sign_with(&key()).unwrap();
        let mut lines = whole.drain();
        let mut resumed = Recorder::resume(key().verifier_key().clone(), &whole.position().unwrap()).unwrap();
        assert_eq!(resumed.chain(), whole.chain());
        resumed.record(&event("{}"), time(1), &[4; 16]).unwrap();
        resumed.close(time(2)).unwrap();
        resumed.sign_with(&key()).unwrap();
        lines += &resumed.drain();
        check(&links(&lines));
        assert_eq!(links(&lines).len(), 4);
    }

    #[test]
    fn escapes_an_origin_in_json() {
        let origin = r#"a"b\c"#;
        let mut recorder = Recorder::open(origin, key().verifier_key().clone(), time(0), &[0; 16]).unwrap();
        recorder.sign_with(&key()).unwrap();
        let links = links(&recorder.drain());
        check(&links);
        assert!(links[0].starts_with("countersign/v1 open a\"b\\c "));
        assert_eq!(header(origin), "{\"countersign\":\"export/v1\",\"origin\":\"a\\\"b\\\\c\"}\n");
    }

    #[test]
    fn rejects_invalid_origins_and_witness_keys() {
        let key = key().verifier_key().clone();
        for origin in ["", "a b", "a+b", &"x".repeat(65_400)] {
            assert_eq!(Recorder::open(origin, key.clone(), time(0), &[0; 16]).unwrap_err().code, Code::Name);
        }
        let witness = SignerKey::witness_from_seed("w", [1; 32]).unwrap();
        let error = Recorder::open("o", witness.verifier_key().clone(), time(0), &[0; 16]).unwrap_err();
        assert_eq!(error.code, Code::Key);
    }
}
