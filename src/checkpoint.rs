//! Checkpoints: a log's size and root hash, signed by the log and cosigned by witnesses
//! (SPEC section 6; C2SP tlog-checkpoint and tlog-cosignature).
//!
//! A checkpoint is a signed note whose text has three lines: the log's origin, the number of leaves, and the root
//! hash in base64.
//!
//! ```text
//! log.example/audit
//! 15
//! HpQxLmBSgSpRXEAqbnQ4ks5t/0Dj7bKZVX6n9Uw9pko=
//!
//! — log.example/audit jj6ON8tPF3NxcCyeLe5pZhL4cdRMeXjYjsK2atv1mYua4K0T/18/w16QfsXsdFx5JbR3MuCpshay3U+hKDowDmNRYgA=
//! ```
//!
//! The log's key (type `0x01`) signs the text. A witness's key (type `0x04`) signs two additional lines,
//! `cosignature/v1` and `time SECONDS`, followed by the text. Its signature line has the time, as 8 bytes, before the
//! signature. An ML-DSA-44 key (type `0x06`), of a log or a witness, signs a binary message with the same content and
//! the key's name, and its signature line has the time as well.
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
//! use countersign::merkle::CompactRange;
//! use countersign::note::SignerKey;
//!
//! let log = SignerKey::from_seed("log.example/audit", [1; 32])?;
//! let witness = SignerKey::witness_from_seed("witness.example", [2; 32])?;
//! let empty = Checkpoint::new("log.example/audit", 0, CompactRange::new().root().unwrap())?;
//! let note = empty.sign(&log)? + &empty.cosign(&witness, 1_795_154_400)?;
//!
//! let read = SignedCheckpoint::parse(&note)?;
//! assert_eq!(read.checkpoint, empty);
//! assert!(read.is_signed_by(log.verifier_key()));
//! let opened = read.cosignatures([witness.verifier_key()]);
//! assert_eq!(opened.verified[0].time.to_string(), "2026-11-20T06:00:00.000Z");
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

#[cfg(feature = "sign")]
use crate::error::Quoted;
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::integer;
use crate::merkle::MAX_SIZE;
use crate::note::{
    Claim, KeyType, Keys, Note, Opened, SignatureCheck, SignatureLine, Verified, VerifierKey, check_name,
};
#[cfg(feature = "sign")]
use crate::note::{MlDsaKey, SignerKey, sign_note};
use crate::time::Time;

/// The state of a log: its size and root hash.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{origin}\n{size}\n{root}\n")]
pub struct Checkpoint {
    /// The log's origin. Follows the rules for key names, unless it was parsed from an
    /// [extended](SignedCheckpoint::parse_extended) text.
    pub origin: String,
    /// The number of leaves, at most 2^53 − 1.
    pub size: u64,
    /// The root hash of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Creates a checkpoint of a log.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the origin is invalid; [`Code::Checkpoint`] if the size is greater than 2^53 − 1.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, Error> {
        check_name(origin)?;
        if size > MAX_SIZE {
            return Err(Error::new(Code::Checkpoint, "a log has at most 2^53 - 1 entries"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Parses a checkpoint's text: exactly three lines, each with its line feed.
    ///
    /// # Errors
    ///
    /// [`Code::Checkpoint`], with the line, if it is malformed or has extension lines.
    pub fn parse_text(text: &str) -> Result<Self, Error> {
        let (checkpoint, extensions) = Self::read_lines(text)?;
        if !extensions.is_empty() {
            return Err(refuse(4, "the checkpoint has extension lines, which this log does not use"));
        }
        check_name(&checkpoint.origin).map_err(|error| refuse(1, &error.message))?;
        Ok(checkpoint)
    }

    /// Parses a checkpoint's text by the rules of C2SP tlog-checkpoint, for checkpoints of other logs: the origin may
    /// be any text, and extension lines may follow, which are ignored. An empty line is malformed.
    fn read_extended(text: &str) -> Result<Self, Error> {
        let (checkpoint, extensions) = Self::read_lines(text)?;
        if checkpoint.origin.is_empty() {
            return Err(refuse(1, "the checkpoint's origin is empty"));
        }
        for (line, at) in extensions.split_inclusive('\n').zip(4..) {
            if line == "\n" || !line.ends_with('\n') {
                return Err(refuse(at, "the extension line is empty or does not end in a line feed"));
            }
        }
        Ok(checkpoint)
    }

    /// Parses the first three lines, with any origin, and returns what follows them.
    fn read_lines(text: &str) -> Result<(Self, &str), Error> {
        let mut rest = text;
        let mut next = |at| {
            let (line, after) = rest
                .split_once('\n')
                .ok_or_else(|| refuse(at, "the checkpoint has fewer than three lines"))?;
            rest = after;
            Ok::<_, Error>(line)
        };
        let (origin, size, root) = (next(1)?, next(2)?, next(3)?);
        let size = integer::parse(size.as_bytes())
            .ok_or_else(|| refuse(2, "the checkpoint's size is not a decimal number up to 2^53 - 1"))?;
        let root =
            Hash::from_base64(root).ok_or_else(|| refuse(3, "the root hash is not base64 of 32 bytes"))?;
        Ok((Self { origin: origin.to_owned(), size, root }, rest))
    }

    /// Signs this checkpoint with the log's key and returns the note.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the key is a witness's or its name is not the origin.
    #[cfg(feature = "sign")]
    pub fn sign(&self, key: &SignerKey) -> Result<String, Error> {
        self.check_owner(key.verifier_key())?;
        sign_note(&self.to_string(), key)
    }

    /// Signs this checkpoint with both keys of the log and returns the note. Without `ml_dsa`, signs like
    /// [`Checkpoint::sign`].
    ///
    /// The ML-DSA-44 signature states no time: a log's signature never means that a checkpoint is the newest.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if a key is a witness's, its name is not the origin, or the origin has more than 255 bytes.
    #[cfg(feature = "sign")]
    pub fn sign_with_both(&self, key: &SignerKey, ml_dsa: Option<&MlDsaKey>) -> Result<String, Error> {
        let mut note = self.sign(key)?;
        if let Some(key) = ml_dsa {
            self.check_owner(key.verifier_key())?;
            note += &self.cosign(key, 0)?;
        }
        Ok(note)
    }

    #[cfg(feature = "sign")]
    fn check_owner(&self, key: &VerifierKey) -> Result<(), Error> {
        if key.name() == self.origin {
            return Ok(());
        }
        let (name, origin) = (Quoted(key.name()), Quoted(&self.origin));
        let why = format!("the key {name} does not belong to the log {origin}");
        Err(Error::new(Code::Key, why).with_hint("use the key that has the log's origin as its name"))
    }

    /// Returns the signature line of a witness that saw this checkpoint, `seconds` after 1970, and verified that it
    /// extends every earlier one.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the key can't cosign this checkpoint; [`Code::Time`] if the time is after the year 9999.
    #[cfg(feature = "sign")]
    pub fn cosign(&self, key: &(impl Cosigner + ?Sized), seconds: u64) -> Result<String, Error> {
        cosign(self, &self.to_string(), key, seconds)
    }
}

/// A private key that can cosign checkpoints: a [`SignerKey`] of a witness, or an [`MlDsaKey`].
#[cfg(feature = "sign")]
pub trait Cosigner {
    /// Returns the public key.
    fn verifier_key(&self) -> &VerifierKey;

    /// Returns the signature of a message.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the key can't sign.
    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Error>;
}

#[cfg(feature = "sign")]
impl Cosigner for SignerKey {
    fn verifier_key(&self) -> &VerifierKey {
        Self::verifier_key(self)
    }

    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.sign(message).to_vec())
    }
}

#[cfg(feature = "sign")]
impl Cosigner for MlDsaKey {
    fn verifier_key(&self) -> &VerifierKey {
        Self::verifier_key(self)
    }

    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.sign(message)
    }
}

fn refuse(line: u64, why: &str) -> Error {
    Error::new(Code::Checkpoint, why).at_line(line)
}

#[cfg(feature = "sign")]
fn cosign(
    checkpoint: &Checkpoint,
    text: &str,
    key: &(impl Cosigner + ?Sized),
    seconds: u64,
) -> Result<String, Error> {
    let verifier = key.verifier_key();
    if !verifier.is_for_witnesses() {
        return Err(Error::new(Code::Key, format!("the key {} is not a witness's", Quoted(verifier.name()))));
    }
    if Time::from_seconds(seconds).is_none() {
        return Err(Error::new(Code::Time, "the cosignature's time is after the year 9999"));
    }
    let message = cosigned_message(checkpoint, text, verifier, seconds);
    let message = message.ok_or_else(|| {
        Error::new(Code::Key, "ML-DSA-44 keys sign only names and origins of at most 255 bytes")
    })?;
    let timestamped = [&seconds.to_be_bytes()[..], &key.sign_message(&message)?].concat();
    Ok(SignatureLine::new(verifier, &timestamped).to_string())
}

/// Maximum size of a signed checkpoint, in bytes.
const MAX_NOTE: usize = 1 << 20;

/// Maximum length of the names and origins that an ML-DSA-44 key signs, in bytes.
pub const MAX_ML_DSA_NAME_BYTES: usize = u8::MAX as usize;

/// Returns the message that a key of type `0x04` or `0x06` signs (SPEC section 2). `None` if a name is too long for it.
fn cosigned_message(checkpoint: &Checkpoint, text: &str, key: &VerifierKey, seconds: u64) -> Option<Vec<u8>> {
    if key.key_type() != KeyType::MlDsa44 {
        return Some(format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes());
    }
    let prefixed = |name: &str| Some([&[u8::try_from(name.len()).ok()?], name.as_bytes()].concat());
    Some(
        [
            &b"subtree/v1\n\0"[..],
            &prefixed(key.name())?,
            &seconds.to_be_bytes(),
            &prefixed(&checkpoint.origin)?,
            &0_u64.to_be_bytes(),
            &checkpoint.size.to_be_bytes(),
            &checkpoint.root.0,
        ]
        .concat(),
    )
}

/// A checkpoint as a signed note. No signature is verified until the note is opened, with the keys of the
/// [log](Self::log_signatures) or of [witnesses](Self::cosignatures).
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{note}")]
pub struct SignedCheckpoint {
    /// The parsed checkpoint.
    pub checkpoint: Checkpoint,
    /// The note as received.
    pub note: Note,
}

impl SignedCheckpoint {
    /// Parses a signed checkpoint. Verifies no signature.
    ///
    /// # Errors
    ///
    /// [`Code::Checkpoint`], with the line if there is one, if it is malformed as a note or as a checkpoint.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let note = Self::note(note)?;
        Ok(Self { checkpoint: Checkpoint::parse_text(&note.text)?, note })
    }

    /// Parses a signed checkpoint of any log, by the rules of C2SP tlog-checkpoint: the origin may be any text, and
    /// extension lines may follow, which are ignored. Verifies no signature. Signatures cover the text including
    /// extension lines.
    ///
    /// # Errors
    ///
    /// [`Code::Checkpoint`], with the line if there is one, if it is malformed as a note or as a checkpoint.
    pub fn parse_extended(note: &str) -> Result<Self, Error> {
        let note = Self::note(note)?;
        Ok(Self { checkpoint: Checkpoint::read_extended(&note.text)?, note })
    }

    fn note(note: &str) -> Result<Note, Error> {
        if note.len() > MAX_NOTE {
            return Err(Error::new(Code::Checkpoint, "the signed checkpoint is larger than 1 MiB"));
        }
        Note::parse(note).map_err(|error| error.with_code(Code::Checkpoint))
    }

    /// Returns the signature line of a witness over the text as received. See [`Checkpoint::cosign`].
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the key can't cosign this checkpoint; [`Code::Time`] if the time is after the year 9999.
    #[cfg(feature = "sign")]
    pub fn cosign(&self, key: &(impl Cosigner + ?Sized), seconds: u64) -> Result<String, Error> {
        cosign(&self.checkpoint, &self.note.text, key, seconds)
    }

    /// Verifies the log's signatures with the known keys of logs. Only keys named like this checkpoint's origin
    /// count.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn log_signatures<'a>(&'a self, logs: impl Keys<'a>) -> Opened<'a, Verified<'a>> {
        self.log_signatures_with(&mut |claim| claim.is_valid(), logs)
    }

    /// Like [`log_signatures`](Self::log_signatures), with a caller-supplied signature check.
    pub(crate) fn log_signatures_with<'a>(
        &'a self,
        is_valid: SignatureCheck<'_>,
        logs: impl Keys<'a>,
    ) -> Opened<'a, Verified<'a>> {
        let logs = logs.into_iter().filter(|key| key.name() == self.checkpoint.origin);
        self.note.open_by(logs, |_, key, line| {
            let valid = if key.key_type() == KeyType::MlDsa44 {
                self.timestamped(is_valid, key, line).is_some()
            } else {
                self.note.is_signed_line(is_valid, key, line)
            };
            valid.then_some(Verified { key, line })
        })
    }

    /// True if that key belongs to this checkpoint's log and signed it.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        !self.log_signatures([key]).verified.is_empty()
    }

    /// True if one of these signatures of the log covers the extension lines, or there are none. ML-DSA-44 signatures don't
    /// cover them, so anyone could have added them.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn has_signed_extensions(&self, verified: &[Verified<'_>]) -> bool {
        let covers_text = |signature: &Verified<'_>| signature.key.key_type() != KeyType::MlDsa44;
        self.note.text == self.checkpoint.to_string() || verified.iter().any(covers_text)
    }

    /// Verifies cosignatures with the known keys of witnesses. Cosignatures dated after the year 9999 are invalid, and
    /// ML-DSA-44 cosignatures without a time.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn cosignatures<'a>(&'a self, witnesses: impl Keys<'a>) -> Opened<'a, Cosignature<'a>> {
        self.cosignatures_with(&mut |claim| claim.is_valid(), witnesses)
    }

    /// Like [`cosignatures`](Self::cosignatures), with a caller-supplied signature check.
    pub(crate) fn cosignatures_with<'a>(
        &'a self,
        is_valid: SignatureCheck<'_>,
        witnesses: impl Keys<'a>,
    ) -> Opened<'a, Cosignature<'a>> {
        self.note.open_by(witnesses, |witness, key, line| {
            let time = self.timestamped(is_valid, key, line).filter(|_| key.is_for_witnesses())?;
            // A zero time of an ML-DSA-44 key isn't 1970: the witness states no time.
            let is_timed = key.key_type() != KeyType::MlDsa44 || time.millis() != 0;
            is_timed.then_some(Cosignature { witness, key, time, line })
        })
    }

    /// Returns the time of a line if it is the valid signature of a key of type `0x04` or `0x06`.
    fn timestamped(
        &self,
        is_valid: SignatureCheck<'_>,
        key: &VerifierKey,
        line: &SignatureLine,
    ) -> Option<Time> {
        let length = match key.key_type() {
            KeyType::Ed25519 => return None,
            KeyType::Cosignature => ED25519_SIGNATURE,
            KeyType::MlDsa44 => ML_DSA_SIGNATURE,
        };
        let (seconds, time, signature) =
            split_time(line).filter(|(_, _, signature)| signature.len() == length)?;
        let message = cosigned_message(&self.checkpoint, &self.note.text, key, seconds)?;
        is_valid(&Claim { key, message: &message, signature }).then_some(time)
    }
}

/// A valid cosignature: the witness saw this checkpoint and verified that it extends every earlier one. Only
/// [opening](SignedCheckpoint::cosignatures) a checkpoint creates one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cosignature<'a> {
    /// The index of the witness among the keys that the checkpoint was opened with.
    pub witness: usize,
    /// The witness's key.
    pub key: &'a VerifierKey,
    /// When the witness saw the checkpoint, in whole seconds.
    pub time: Time,
    /// The cosignature's line in the note.
    pub line: &'a SignatureLine,
}

impl Opened<'_, Cosignature<'_>> {
    /// Returns the witnesses that cosigned, by index, and when.
    pub fn times(&self) -> Vec<(usize, Time)> {
        self.verified.iter().map(|cosignature| (cosignature.witness, cosignature.time)).collect()
    }
}

/// Returns the time on a line that has the length of a cosignature. Does not verify it. `None` if an ML-DSA-44 line
/// states no time, as a log's own.
pub fn claimed_time(line: &SignatureLine) -> Option<Time> {
    let (seconds, time, signature) = split_time(line)?;
    match signature.len() {
        ED25519_SIGNATURE => Some(time),
        ML_DSA_SIGNATURE if seconds != 0 => Some(time),
        _ => None,
    }
}

/// Length of an Ed25519 signature, in bytes.
const ED25519_SIGNATURE: usize = 64;

/// Length of an ML-DSA-44 signature, in bytes.
const ML_DSA_SIGNATURE: usize = 2_420;

/// Splits a line into the time in seconds, the time, and the signature.
fn split_time(line: &SignatureLine) -> Option<(u64, Time, &[u8])> {
    let (seconds, signature) = line.signature.split_first_chunk()?;
    let seconds = u64::from_be_bytes(*seconds);
    Some((seconds, Time::from_seconds(seconds)?, signature))
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint::new("log.example", 7, Hash::digest(&[b"root"])).expect("a checkpoint")
    }

    #[test]
    fn signed_checkpoints_have_at_most_1_mib() {
        let parse = |length: usize| {
            let (text, end) = (checkpoint().to_string(), "\n\n— x AAAAAAA=\n");
            let extension = "x".repeat(length - text.len() - end.len());
            SignedCheckpoint::parse_extended(&format!("{text}{extension}{end}"))
        };
        assert!(parse(1 << 20).is_ok());
        assert_eq!(parse((1 << 20) + 1).expect_err("too large").code, Code::Checkpoint);
    }

    #[test]
    fn malformed_texts_are_rejected_with_the_line() {
        let good = checkpoint().to_string();
        assert_eq!(Checkpoint::parse_text(&good), Ok(checkpoint()));
        let root = checkpoint().root;
        let with_size = |size: &str| format!("log.example\n{size}\n{root}\n");
        assert!(Checkpoint::parse_text(&with_size("0")).is_ok());
        assert!(Checkpoint::parse_text(&with_size("9007199254740991")).is_ok());
        let cases = [
            (String::new(), 1),
            (good.replace("log.", "log "), 1),
            (good.replace("log.", "log+"), 1),
            (good.replace("log.example", ""), 1),
            (with_size("9007199254740992"), 2),
            (with_size("18446744073709551616"), 2),
            (with_size("07"), 2),
            (with_size("+7"), 2),
            (with_size("-0"), 2),
            (with_size(""), 2),
            (with_size("7 "), 2),
            (good.replace('=', ""), 3),
            (good.trim_end().to_owned(), 3),
            (good.clone() + "extension\n", 4),
            (good.clone() + "extension", 4),
            (good + "\n", 4),
        ];
        for (text, line) in cases {
            let error = Checkpoint::parse_text(&text).expect_err(&text);
            assert_eq!((error.code, error.line), (Code::Checkpoint, Some(line)), "{text:?}");
        }
    }

    #[test]
    fn checkpoints_of_other_logs_may_have_any_origin_and_extension_lines() {
        let parse = |text: &str| Checkpoint::read_extended(text);
        let good = checkpoint().to_string();
        let extended = good.clone() + "extension 1\n — 2\n";
        assert_eq!(parse(&extended), Ok(checkpoint()));
        assert_eq!(parse(&good), Ok(checkpoint()));
        assert!(Checkpoint::parse_text(&extended).is_err());
        let origin = "go.sum database + tree";
        let other = good.replace("log.example", origin);
        assert_eq!(parse(&other).expect("an origin").origin, origin);
        assert!(Checkpoint::parse_text(&other).is_err());
        for (text, line) in [
            (good.clone() + "\n", 4),
            (good.clone() + "a\n\nb\n", 5),
            (good.clone() + "extension", 4),
            (good.replace("log.example", ""), 1),
            (good.replace('7', "07"), 2),
        ] {
            let error = parse(&text).expect_err(&text);
            assert_eq!((error.code, error.line), (Code::Checkpoint, Some(line)), "{text:?}");
        }

        let log = SignerKey::from_seed("log.example", [1; 32]).expect("a name");
        let witness = SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name");
        let note = sign_note(&extended, &log).expect("a note");
        let read = SignedCheckpoint::parse_extended(&note).expect("a checkpoint");
        let cosigned = note + &read.cosign(&witness, 5).expect("a witness's key");
        let read = SignedCheckpoint::parse_extended(&cosigned).expect("a checkpoint");
        assert!(read.is_signed_by(log.verifier_key()));
        let opened = read.cosignatures([witness.verifier_key()]);
        assert_eq!(opened.verified[0].time.millis(), 5_000, "the extension lines are signed too");
    }

    #[test]
    fn limits_the_number_of_leaves() {
        let of = |size| Checkpoint::new("log.example", size, checkpoint().root).map(|_| ());
        assert_eq!(of((1 << 53) - 1), Ok(()));
        assert_eq!(of(1 << 53).map_err(|error| error.code), Err(Code::Checkpoint));
    }

    #[test]
    fn a_key_of_another_name_does_not_count_as_the_logs() {
        let [log, other] =
            ["log.example", "other.example"].map(|name| SignerKey::from_seed(name, [1; 32]).expect("a name"));
        let line = SignatureLine::new(other.verifier_key(), &other.sign(checkpoint().to_string().as_bytes()));
        let note = checkpoint().sign(&log).expect("the log's key") + &line.to_string();
        let read = SignedCheckpoint::parse(&note).expect("a checkpoint");
        assert!(read.note.is_signed_by(other.verifier_key()) && !read.is_signed_by(other.verifier_key()));
        let opened = read.log_signatures([other.verifier_key(), log.verifier_key()]);
        assert_eq!((opened.verified.len(), opened.verified[0].key), (1, log.verifier_key()));
        assert!(opened.invalid.is_empty());
    }

    #[test]
    fn claims_a_time_only_on_lines_of_a_cosignatures_length() {
        let key = VerifierKey::new("witness.example", KeyType::Cosignature, [1; 32]).expect("a name");
        let claimed = |seconds: u64, length| {
            let signature = [&seconds.to_be_bytes()[..], &vec![0; length]].concat();
            claimed_time(&SignatureLine::new(&key, &signature)).map(|time| time.millis() / 1000)
        };
        assert_eq!([63, 64, 65, 0].map(|length| claimed(9, length)), [None, Some(9), None, None]);
        assert_eq!(claimed(u64::MAX, 64), None);
    }

    #[test]
    fn a_log_signs_only_its_own_origin() {
        let other = SignerKey::from_seed("other.example", [1; 32]).expect("a name");
        assert_eq!(checkpoint().sign(&other).map_err(|error| error.code), Err(Code::Key));
        let witness = SignerKey::witness_from_seed("log.example", [1; 32]).expect("a name");
        assert_eq!(checkpoint().sign(&witness).map_err(|error| error.code), Err(Code::Key));
        assert_eq!(checkpoint().cosign(&other, 0).map_err(|error| error.code), Err(Code::Key));
    }

    #[test]
    fn cosignatures_after_the_year_9999_are_invalid() {
        let witness = SignerKey::witness_from_seed("witness.example", [1; 32]).expect("a name");
        let verifier = witness.verifier_key();
        let last = 253_402_300_799;
        assert!(checkpoint().cosign(&witness, last).is_ok());
        assert!(checkpoint().cosign(&witness, last + 1).is_err());
        for (seconds, valid) in [(0, true), (last, true), (last + 1, false), (u64::MAX, false)] {
            let text = checkpoint().to_string();
            let message = cosigned_message(&checkpoint(), &text, verifier, seconds).expect("short names");
            let signature = witness.sign(&message);
            let timestamped = [&seconds.to_be_bytes()[..], &signature].concat();
            let line = SignatureLine::new(verifier, &timestamped);
            let read = SignedCheckpoint::parse(&format!("{}\n{line}", checkpoint())).expect("a checkpoint");
            let opened = read.cosignatures([verifier]);
            let times: Vec<_> = opened.verified.iter().map(|cosignature| cosignature.time).collect();
            assert_eq!(times, Vec::from_iter(Time::from_seconds(seconds)), "{seconds}");
            assert_eq!(opened.invalid.len(), usize::from(!valid), "{seconds}");
        }
    }
}
