//! C2SP signed notes and the keys that sign them (SPEC sections 2 and 5).
//!
//! A note is text that ends in a line feed, an empty line, and one signature line for each key:
//!
//! ```text
//! This is an example message.
//!
//! — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
//! ```
//!
//! The text after the name is base64 of the key ID (4 bytes) and the signature. To check it, a verifier needs the
//! public key as a *vkey*: `name+hhhhhhhh+base64(type ‖ public key)`. The eight hexadecimal digits are the key ID:
//! the first four bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`.
//!
//! ```
//! use countersign::note::{Note, VerifierKey};
//!
//! let key: VerifierKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse()?;
//! let note = Note::parse(
//!     "This is an example message.\n\n\
//!      — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
//! )?;
//! # #[cfg(feature = "verify")] {
//! let opened = note.open([&key]);
//! assert_eq!(opened.verified[0].key, &key);
//! assert!(opened.invalid.is_empty());
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

#[cfg(feature = "sign")]
mod ml_dsa_key;

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "sign")]
use zeroize::{Zeroize as _, Zeroizing};

use crate::base64;
use crate::error::{Code, Error, Quoted};
use crate::hash::Hash;
use crate::hex;
use crate::phrases;

#[cfg(feature = "sign")]
pub use self::ml_dsa_key::MlDsaKey;

/// Maximum number of signature lines in a note.
pub const MAX_SIGNATURES: usize = 64;

/// Checks that `name` can name a key or a log: it is not empty and contains no character with the Unicode property
/// `White_Space`, no control character, and no `+`.
///
/// # Errors
///
/// [`Code::Name`] otherwise.
pub fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::new(Code::Name, "a name is empty"));
    }
    if let Some(found) = rejected_in(name) {
        // The name is not repeated: it may be a private key in the wrong place.
        let why = format!("the name contains {}", Quoted(found.encode_utf8(&mut [0; 4])));
        let hint = "remove white space, control characters, and '+' from the name";
        return Err(Error::new(Code::Name, why).with_hint(hint));
    }
    Ok(())
}

/// True if [`check_name`] accepts `name`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && rejected_in(name).is_none()
}

/// Returns the first character that a name must not contain.
fn rejected_in(name: &str) -> Option<char> {
    name.chars().find(|&c| c == '+' || c.is_whitespace() || c.is_control())
}

/// The type byte of the signed-note specification. It determines what a key's signatures cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, derive_more::TryFrom)]
#[try_from(repr)]
#[repr(u8)]
#[non_exhaustive]
pub enum KeyType {
    /// `0x01`: Ed25519 over the note's text. Used by emitters, issuers, and logs.
    Ed25519 = 1,
    /// `0x04`: Ed25519 over a checkpoint and a time (C2SP tlog-cosignature). Used by witnesses.
    Cosignature = 4,
    /// `0x06`: ML-DSA-44 over a checkpoint's tree and a time (C2SP tlog-cosignature). Used by logs and witnesses.
    MlDsa44 = 6,
}

#[cfg(feature = "sign")]
impl KeyType {
    /// Returns the type of an encoded private key, to choose between [`SignerKey::parse`] and [`MlDsaKey::parse`], which
    /// also check its ID.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the text is not a private key. The message reveals nothing of the text.
    pub fn from_private_key(text: &str) -> Result<Self, Error> {
        Ok(PrivateKey::parse(text)?.kind)
    }
}

/// The types of keys that sign checkpoints for their log.
const LOG_TYPES: &[KeyType] = &[KeyType::Ed25519, KeyType::MlDsa44];

/// The types of keys that cosign checkpoints.
const WITNESS_TYPES: &[KeyType] = &[KeyType::Cosignature, KeyType::MlDsa44];

/// An ML-DSA-44 public key.
pub type MlDsaPublic = [u8; 1_312];

/// The bytes of a public key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum PublicKey {
    Ed25519([u8; 32]),
    /// Shared, because it is large.
    MlDsa44(Arc<MlDsaPublic>),
}

impl PublicKey {
    /// Returns `None` if the length is wrong for the type.
    fn new(kind: KeyType, bytes: &[u8]) -> Option<Self> {
        Some(match kind {
            KeyType::Ed25519 | KeyType::Cosignature => Self::Ed25519(bytes.try_into().ok()?),
            KeyType::MlDsa44 => Self::MlDsa44(Arc::new(bytes.try_into().ok()?)),
        })
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::MlDsa44(bytes) => &bytes[..],
        }
    }
}

/// Splits an encoded key, public or private, into name, ID, and the base64 of its type and key.
fn split_key(text: &str) -> Option<(&str, [u8; 4], &str)> {
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let id = hex::decode(id.as_bytes())?;
    is_name(name).then_some((name, id, key))
}

/// Splits a vkey into name, ID, type, and public key.
fn parse_key(text: &str) -> Option<(&str, [u8; 4], KeyType, PublicKey)> {
    let (name, id, key) = split_key(text)?;
    let typed = base64::decode(key)?;
    let (&byte, public) = typed.split_first()?;
    let kind = KeyType::try_from(byte).ok()?;
    Some((name, id, kind, PublicKey::new(kind, public)?))
}

fn typed_key_id(name: &str, kind: u8, public: &[u8]) -> [u8; 4] {
    let Hash([a, b, c, d, ..]) = Hash::digest(&[name.as_bytes(), b"\n", &[kind], public]);
    [a, b, c, d]
}

/// Returns the error for a string that [`parse_key`] rejects. A vkey of another type gets an error that names the type.
fn refuse_key(text: &str) -> Error {
    let unsupported = || {
        let (name, id, key) = split_key(text)?;
        let typed = base64::decode(key)?;
        let (&kind, public) = typed.split_first()?;
        let why = match kind {
            1 | 4 | 6 => return None,
            2 => phrases::VKEY_ECDSA.into(),
            5 => phrases::VKEY_RFC6962.into(),
            _ => format!("unsupported key type 0x{kind:02x}"),
        };
        // ECDSA and RFC 6962 keys compute their IDs differently.
        let is_whole = matches!(kind, 2 | 5) || typed_key_id(name, kind, public) == id;
        let hint = phrases::HINT_VKEY_TYPE;
        is_whole.then(|| Error::new(Code::Key, why).with_hint(hint))
    };
    // The text is not repeated: it may be a private key in the wrong place.
    unsupported()
        .unwrap_or_else(|| Error::new(Code::Key, phrases::VKEY_INVALID).with_hint(phrases::HINT_VKEY_INVALID))
}

/// A named public key that verifies signatures: a C2SP vkey.
///
/// Keys sort by vkey in byte order.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, derive_more::Debug, derive_more::Display)]
#[debug("{text}")]
#[display("{text}")]
pub struct VerifierKey {
    /// Must be the first field: the derived order compares it first.
    text: String,
    name_len: usize,
    id: [u8; 4],
    kind: KeyType,
    public: PublicKey,
}

impl VerifierKey {
    /// Creates a key. Does not check that an Ed25519 key is a point on the curve: a key that is not verifies no
    /// signature.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the name is invalid; [`Code::Key`] if `public` has a wrong length for the type.
    pub fn new(name: &str, kind: KeyType, public: impl AsRef<[u8]>) -> Result<Self, Error> {
        check_name(name)?;
        let public = PublicKey::new(kind, public.as_ref());
        let public = public.ok_or_else(|| Error::new(Code::Key, phrases::VKEY_INVALID))?;
        Ok(Self::with_public(name, kind, public))
    }

    /// Creates the key of an emitter or issuer.
    #[cfg(feature = "verify")]
    pub(crate) fn of_signer(name: &str, public: [u8; 32]) -> Self {
        Self::with_public(name, KeyType::Ed25519, PublicKey::Ed25519(public))
    }

    fn with_public(name: &str, kind: KeyType, public: PublicKey) -> Self {
        let id = typed_key_id(name, kind as u8, public.bytes());
        let mut text = String::from(name);
        text.push('+');
        hex::push(&id, &mut text);
        text.push('+');
        base64::encode_to([&[kind as u8], public.bytes()].concat(), &mut text);
        Self { text, name_len: name.len(), id, kind, public }
    }

    /// Parses a vkey of the given type.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the text is not a vkey, its key ID does not match its name and key, its base64 is not
    /// canonical, or it is of another type.
    pub fn parse(text: &str, kind: KeyType) -> Result<Self, Error> {
        Self::parse_any(text, &[kind])
    }

    /// Parses the vkey of a log, which has type `0x01` or `0x06`.
    ///
    /// # Errors
    ///
    /// As for [`VerifierKey::parse`].
    pub fn parse_log(text: &str) -> Result<Self, Error> {
        Self::parse_any(text, LOG_TYPES)
    }

    /// Parses the vkey of a witness, which has type `0x04` or `0x06`.
    ///
    /// # Errors
    ///
    /// As for [`VerifierKey::parse`].
    pub fn parse_witness(text: &str) -> Result<Self, Error> {
        Self::parse_any(text, WITNESS_TYPES)
    }

    fn parse_any(text: &str, kinds: &[KeyType]) -> Result<Self, Error> {
        let refuse = |why: &str| Error::new(Code::Key, why);
        let (name, id, kind, public) = parse_key(text).ok_or_else(|| refuse_key(text))?;
        if !kinds.contains(&kind) {
            let (why, hint) = match (kind, kinds) {
                (KeyType::MlDsa44, _) => (phrases::VKEY_ML_DSA, phrases::HINT_VKEY_ML_DSA),
                (_, [KeyType::Ed25519, ..]) => (phrases::VKEY_OF_WITNESS, phrases::HINT_VKEY_OF_WITNESS),
                (_, [KeyType::Cosignature, ..]) => {
                    (phrases::VKEY_NOT_OF_WITNESS, phrases::HINT_VKEY_NOT_OF_WITNESS)
                }
                _ => (phrases::VKEY_NOT_ML_DSA, phrases::HINT_VKEY_NOT_ML_DSA),
            };
            return Err(refuse(why).with_hint(hint));
        }
        let key = Self::with_public(name, kind, public);
        if key.id != id {
            return Err(refuse(phrases::VKEY_ID).with_hint(phrases::HINT_VKEY_ID));
        }
        Ok(key)
    }

    /// Returns the name, without the ID.
    pub fn name(&self) -> &str {
        &self.text[..self.name_len]
    }

    /// Returns the key ID. Together with the name, it selects the key of a signature line.
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Returns the key's type.
    pub const fn key_type(&self) -> KeyType {
        self.kind
    }

    /// True if the key can sign checkpoints for their log: it has type `0x01` or `0x06`.
    pub fn is_for_logs(&self) -> bool {
        LOG_TYPES.contains(&self.kind)
    }

    /// True if the key can cosign checkpoints: it has type `0x04` or `0x06`.
    pub fn is_for_witnesses(&self) -> bool {
        WITNESS_TYPES.contains(&self.kind)
    }

    /// Returns the public key: 32 bytes for Ed25519, 1,312 bytes for ML-DSA-44.
    pub fn public(&self) -> &[u8] {
        self.public.bytes()
    }

    /// Returns the Ed25519 public key. `None` for an ML-DSA-44 key.
    pub const fn ed25519(&self) -> Option<&[u8; 32]> {
        match &self.public {
            PublicKey::Ed25519(public) => Some(public),
            PublicKey::MlDsa44(_) => None,
        }
    }

    /// Returns the public key of an emitter or issuer, which is an Ed25519 key. Zeros, under which no signature is
    /// valid, for another key.
    #[cfg(feature = "verify")]
    pub(crate) fn signer_public(&self) -> [u8; 32] {
        self.ed25519().copied().unwrap_or_default()
    }

    /// Returns the vkey's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if `signature` is valid for `message` under this key, by the strict rules of SPEC section 2. Signatures
    /// of a wrong length are invalid.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            PublicKey::Ed25519(public) => {
                signature.try_into().is_ok_and(|signature| crate::ed25519::verify(public, message, signature))
            }
            PublicKey::MlDsa44(public) => crate::ml_dsa::verify(public, message, signature),
        }
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    /// Parses a vkey of SPEC section 2, which has type `0x01`. For a log's or witness's key, which can have other
    /// types, use [`VerifierKey::parse_log`] or [`VerifierKey::parse_witness`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text, KeyType::Ed25519)
    }
}

/// A private key. The seed is wiped from memory on drop; only [`SignerKey::encode`] reveals it.
#[cfg(feature = "sign")]
#[derive(derive_more::Debug)]
#[debug("SignerKey({verifier})")]
pub struct SignerKey {
    verifier: VerifierKey,
    signing: ed25519_dalek::SigningKey,
}

#[cfg(feature = "sign")]
impl SignerKey {
    /// Creates a key of type `0x01` (emitter, issuer, or log) from a seed: 32 bytes from a secure random source.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the name is invalid.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, Error> {
        Self::new(name, KeyType::Ed25519, seed)
    }

    /// Creates a witness's key, of type `0x04`, from a seed: 32 bytes from a secure random source.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the name is invalid.
    pub fn witness_from_seed(name: &str, seed: [u8; 32]) -> Result<Self, Error> {
        Self::new(name, KeyType::Cosignature, seed)
    }

    fn new(name: &str, kind: KeyType, mut seed: [u8; 32]) -> Result<Self, Error> {
        let signing = ed25519_dalek::SigningKey::from_bytes(&seed);
        seed.zeroize();
        let verifier = VerifierKey::new(name, kind, signing.verifying_key().to_bytes())?;
        Ok(Self { verifier, signing })
    }

    /// Parses the signer encoding of the signed-note tools: `PRIVATE+KEY+name+hhhhhhhh+base64(type ‖ seed)`, without
    /// surrounding white space.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the text does not have that form or its key ID does not match. The message reveals nothing of
    /// the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let private = PrivateKey::parse(text)?;
        if private.kind == KeyType::MlDsa44 {
            let why = "an ML-DSA-44 key (type 0x06) can sign only checkpoints";
            return Err(Error::new(Code::Key, why).with_hint("pass an Ed25519 key"));
        }
        let key = Self::new(private.name, private.kind, *private.seed)?;
        private.check_id(&key.verifier)?;
        Ok(key)
    }

    /// Returns the text that [`SignerKey::parse`] reads. Contains the secret.
    pub fn encode(&self) -> Zeroizing<String> {
        encode_private(&self.verifier, self.signing.as_bytes())
    }

    /// Returns the public key for this private key.
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Returns the Ed25519 signature of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.signing.sign(message).to_bytes()
    }
}

/// A parsed private key, whose seed is wiped from memory on drop.
#[cfg(feature = "sign")]
struct PrivateKey<'t> {
    name: &'t str,
    id: [u8; 4],
    kind: KeyType,
    seed: Zeroizing<[u8; 32]>,
}

#[cfg(feature = "sign")]
impl<'t> PrivateKey<'t> {
    const PREFIX: &'static str = "PRIVATE+KEY+";

    fn parse(text: &'t str) -> Result<Self, Error> {
        let parse = || {
            let (name, id, key) = split_key(text.strip_prefix(Self::PREFIX)?)?;
            let typed = Zeroizing::new(base64::decode_array::<33>(key)?);
            let mut seed = Zeroizing::new([0; 32]);
            seed.copy_from_slice(&typed[1..]);
            Some(Self { name, id, kind: KeyType::try_from(typed[0]).ok()?, seed })
        };
        parse().ok_or_else(|| {
            Error::new(Code::Key, "this is not a private key")
                .with_hint("pass the line that begins with PRIVATE+KEY+")
        })
    }

    /// Checks the ID with the public key of this private key.
    fn check_id(&self, verifier: &VerifierKey) -> Result<(), Error> {
        if verifier.id == self.id {
            return Ok(());
        }
        Err(Error::new(Code::Key, "the private key's ID does not match its name and key"))
    }
}

/// Returns the text of a private key.
#[cfg(feature = "sign")]
fn encode_private(verifier: &VerifierKey, seed: &[u8; 32]) -> Zeroizing<String> {
    let mut typed = Zeroizing::new([verifier.kind as u8; 33]);
    typed[1..].copy_from_slice(seed);
    let secret = Zeroizing::new(base64::encode(*typed));
    // Name, ID, and the '+' after each.
    let name_and_id = &verifier.text[..verifier.name_len + 10];
    // Reserve the final length first, so that growing leaves no copies of the secret behind.
    let length = PrivateKey::PREFIX.len() + name_and_id.len() + secret.len();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for part in [PrivateKey::PREFIX, name_and_id, &secret] {
        text.push_str(part);
    }
    text
}

/// A signature line of a note. It is only a claim until a known key [verifies](Note::open) it.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("— {name} {}\n", base64::encode([id, &signature[..]].concat()))]
pub struct SignatureLine {
    /// The claimed signer's key name.
    pub name: String,
    /// The claimed signer's key ID.
    pub id: [u8; 4],
    /// The signature: at least one byte; the required length depends on the key's type.
    pub signature: Vec<u8>,
}

impl SignatureLine {
    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        if !is_name(name) {
            return None;
        }
        let signature = base64::decode(signature)?;
        let (&id, signature) = signature.split_first_chunk()?;
        (!signature.is_empty()).then(|| Self { name: name.to_owned(), id, signature: signature.to_vec() })
    }

    /// Creates the line for a key and a signature, without verifying it.
    pub fn new(key: &VerifierKey, signature: &[u8]) -> Self {
        Self { name: key.name().to_owned(), id: key.id, signature: signature.to_vec() }
    }

    /// True if this line has the name and the ID of `key`. Does not check the signature.
    pub fn is_of(&self, key: &VerifierKey) -> bool {
        self.id == key.id && self.name == key.name()
    }
}

/// A parsed signed note. No signature is verified until the note is [opened](Self::open).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The signed text as received, including its last line feed but not the empty line after it.
    pub text: String,
    /// The signature lines in the note's order: at least one, at most [`MAX_SIGNATURES`], no two with the same name
    /// and key ID.
    pub signatures: Vec<SignatureLine>,
}

/// Public keys that can be iterated repeatedly.
pub trait Keys<'a>: IntoIterator<Item = &'a VerifierKey, IntoIter: Clone> {}

impl<'a, K: IntoIterator<Item = &'a VerifierKey, IntoIter: Clone>> Keys<'a> for K {}

impl Note {
    /// Parses a note. Verifies no signature.
    ///
    /// # Errors
    ///
    /// [`Code::Note`], with the line, if the note is malformed, has no signature line or more than
    /// [`MAX_SIGNATURES`], or has two with the same name and key ID.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::new(Code::Note, why);
        let refuse_at = |line, why| refuse(why).at_line(line);
        let line_of = |offset: usize| 1 + note.bytes().take(offset).filter(|&b| b == b'\n').count() as u64;
        if let Some(offset) = note.bytes().position(|b| b < b' ' && b != b'\n') {
            return Err(refuse_at(line_of(offset), "a note contains a control character"));
        }
        // Not `rfind`: its general string search is a lot of code.
        let Some(blank) = note.as_bytes().windows(2).rposition(|pair| pair == b"\n\n") else {
            return Err(refuse("a note has no empty line between its text and its signatures"));
        };
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let Some(lines) = lines.strip_suffix('\n') else {
            return Err(refuse("a note does not end with a signature line and a line feed"));
        };
        let mut signatures: Vec<SignatureLine> = Vec::new();
        for (line, at) in lines.split('\n').zip(line_of(blank + 2)..) {
            if signatures.len() == MAX_SIGNATURES {
                return Err(refuse_at(at, "a note has more than 64 signature lines"));
            }
            let line =
                SignatureLine::parse(line).ok_or_else(|| refuse_at(at, "a signature line is malformed"))?;
            if signatures.iter().any(|seen| seen.id == line.id && seen.name == line.name) {
                return Err(refuse_at(at, "two signature lines have the same name and key ID"));
            }
            signatures.push(line);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Verifies the signatures of known keys of type `0x01` and sorts them into valid and invalid ones.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn open<'a>(&'a self, known: impl Keys<'a>) -> Opened<'a, Verified<'a>> {
        self.open_with(&mut |claim| claim.is_valid(), known)
    }

    /// Like [`open`](Self::open), with a caller-supplied signature check.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub(crate) fn open_with<'a>(
        &'a self,
        is_valid: SignatureCheck<'_>,
        known: impl Keys<'a>,
    ) -> Opened<'a, Verified<'a>> {
        self.open_by(known, |_, key, line| {
            self.is_signed_line(is_valid, key, line).then_some(Verified { key, line })
        })
    }

    /// True if the line is the valid signature of the note's text by a key of type `0x01`.
    #[cfg(any(feature = "sign", feature = "prove"))]
    pub(crate) fn is_signed_line(
        &self,
        is_valid: SignatureCheck<'_>,
        key: &VerifierKey,
        line: &SignatureLine,
    ) -> bool {
        let signature = &line.signature[..];
        let claim = Claim { key, message: self.text.as_bytes(), signature };
        key.kind == KeyType::Ed25519 && signature.len() == 64 && is_valid(&claim)
    }

    /// Like [`open`](Self::open), for any kind of signature. `verify` gets the key's index among the known keys, the
    /// key, and the line.
    ///
    /// If several known keys share a name and ID, the first one that verifies the line owns it.
    #[cfg(any(feature = "sign", feature = "prove"))]
    pub(crate) fn open_by<'a, S>(
        &'a self,
        known: impl Keys<'a>,
        mut verify: impl FnMut(usize, &'a VerifierKey, &'a SignatureLine) -> Option<S>,
    ) -> Opened<'a, S> {
        let known = known.into_iter();
        let mut opened = Opened { verified: Vec::new(), invalid: Vec::new() };
        for line in &self.signatures {
            let mut tried: Vec<&VerifierKey> = Vec::new();
            let verified = known.clone().enumerate().find_map(|(place, key)| {
                if !line.is_of(key) || tried.contains(&key) {
                    return None;
                }
                tried.push(key);
                verify(place, key, line)
            });
            match verified {
                Some(verified) => opened.verified.push(verified),
                None => opened.invalid.extend(tried.first()),
            }
        }
        opened
    }

    /// True if that key, of type `0x01`, signed this note.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        !self.open([key]).verified.is_empty()
    }
}

impl fmt::Display for Note {
    /// Writes the whole note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

/// The signatures of a note by known keys, sorted into valid and invalid ones. Lines of other keys are in neither
/// list: they prove nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened<'a, S> {
    /// The valid signatures, in the note's order.
    pub verified: Vec<S>,
    /// The known keys whose signature line is invalid, in the note's order.
    pub invalid: Vec<&'a VerifierKey>,
}

/// A valid signature. Only [opening](Note::open) a note creates one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified<'a> {
    /// The key that signed.
    pub key: &'a VerifierKey,
    /// Its line in the note.
    pub line: &'a SignatureLine,
}

/// The claim that a key signed a message.
///
/// In builds without `sign` and `verify`, the caller checks it.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The claimed signer's key.
    pub key: &'a VerifierKey,
    /// The signed message.
    pub message: &'a [u8],
    /// The signature, with the length for the key's type: 64 bytes for Ed25519, 2,420 for ML-DSA-44.
    pub signature: &'a [u8],
}

impl Claim<'_> {
    /// True if the signature is valid, by the strict rules of SPEC section 2.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn is_valid(&self) -> bool {
        self.key.verify(self.message, self.signature)
    }
}

/// A function that decides if a signature is valid.
pub type SignatureCheck<'a> = &'a mut dyn FnMut(&Claim<'_>) -> bool;

/// Signs `text` with `key` and returns the whole note.
///
/// # Errors
///
/// [`Code::Note`] if the text does not end in a line feed or contains another control character; [`Code::Key`] if the
/// key is a witness's.
#[cfg(feature = "sign")]
pub fn sign_note(text: &str, key: &SignerKey) -> Result<String, Error> {
    if !text.ends_with('\n') || text.bytes().any(|b| b < b' ' && b != b'\n') {
        let why = "the note's text does not end in a line feed, or contains another control character";
        return Err(Error::new(Code::Note, why));
    }
    let verifier = key.verifier_key();
    if verifier.kind != KeyType::Ed25519 {
        return Err(Error::new(Code::Key, "a witness's key (type 0x04) can sign only checkpoints"));
    }
    let line = SignatureLine::new(verifier, &key.sign(text.as_bytes()));
    Ok(format!("{text}\n{line}"))
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn names_have_no_white_space_control_characters_or_plus() {
        for good in ["a", "example.com/dashboard", "café/ключ", "a-b_c:8080"] {
            assert_eq!(check_name(good), Ok(()), "{good:?}");
        }
        for bad in ["", "a b", "a+b", "a\tb", "a\u{7f}", "a\u{85}", "a\u{a0}b", "a\u{2028}b", "\u{3000}"] {
            assert_eq!(check_name(bad).map_err(|error| error.code), Err(Code::Name), "{bad:?}");
        }
        let error = check_name("PRIVATE+KEY+example.com+c74f20a3+ASEED").unwrap_err();
        assert_eq!(error.message, "the name contains \"+\"");
    }

    #[test]
    fn keys_sort_as_their_text_does() {
        let key = |name: &str| VerifierKey::new(name, KeyType::Ed25519, [7; 32]).expect("a name");
        let mut keys = ["a/b", "a", "a!", "b", "aa"].map(key);
        keys.sort();
        assert!(keys.is_sorted_by_key(VerifierKey::to_string));
        assert_eq!(keys[0].name(), "a!", "'!' comes before the '+' that ends a name");
    }

    #[test]
    fn debug_and_errors_hide_the_private_key() {
        let key = SignerKey::from_seed("example.com", [0x5a; 32]).expect("a name");
        let secret = base64::encode([0x5a; 32]);
        assert!(!format!("{key:?}").contains(&secret[4..40]));
        let encoded = key.encode();
        assert!(encoded.starts_with("PRIVATE+KEY+example.com+"));
        assert_eq!(encoded.len(), encoded.capacity());
        let damaged = encoded.replace("example.com", "example.org");
        let error = SignerKey::parse(&damaged).expect_err("another key ID");
        assert!(!error.to_string().contains(&damaged[30..]));
    }

    #[test]
    fn key_ids_are_eight_lower_case_digits() {
        let key = (0..=u8::MAX).map(|seed| SignerKey::from_seed("key.example", [seed; 32]).expect("a name"));
        let key = key.map(|key| key.verifier_key().to_string()).find(|key| {
            let id = &key["key.example+".len()..][..8];
            id.starts_with('0') && id.contains(|digit: char| digit.is_ascii_lowercase())
        });
        let key = key.expect("one of 256");
        let (id, rest) = key["key.example+".len()..].split_at(8);
        assert!(key.parse::<VerifierKey>().is_ok());
        for id in [id.to_uppercase(), id[1..].to_owned(), format!("+{}", &id[1..]), format!("0{id}")] {
            assert!(format!("key.example+{id}{rest}").parse::<VerifierKey>().is_err(), "{id}");
        }
    }

    #[test]
    fn errors_name_unsupported_key_types() {
        let vkey = |kind: u8, public: &[u8]| {
            let id = typed_key_id("key.example", kind, public);
            let mut text = String::from("key.example+");
            hex::push(&id, &mut text);
            text.push('+');
            base64::encode_to([&[kind][..], public].concat(), &mut text);
            text
        };
        let message = |text: &str| {
            let error = text.parse::<VerifierKey>().expect_err("unsupported");
            assert_eq!(error.code, Code::Key);
            assert_eq!(VerifierKey::parse(text, KeyType::Cosignature), Err(error.clone()));
            error.into_message()
        };
        assert_eq!(message(&vkey(0xff, b"a type of its own")), "unsupported key type 0xff");
        assert_eq!(message(&vkey(7, &[1; 32])), "unsupported key type 0x07");
        // ECDSA keys hash something else for their IDs.
        let (name, key) = ("key.example+00000000+", base64::encode([&[2_u8][..], &[1; 91]].concat()));
        assert_eq!(message(&format!("{name}{key}")), "unsupported key type 0x02 (ECDSA)");
        for text in [
            vkey(0xff, b"a type of its own").replace("key.example", "another.example"),
            vkey(6, b"")[..20].to_owned(),
            vkey(6, &[7; 1_311]),
            vkey(6, &[7; 1_313]),
            vkey(6, &[7; 32]),
            vkey(1, &[7; 1_312]),
            vkey(1, &[1; 31]),
        ] {
            assert_eq!(message(&text), "the key is not a public key (vkey)", "{text}");
        }
    }

    #[test]
    fn ml_dsa_keys_are_for_logs_and_witnesses_only() {
        let key = VerifierKey::new("key.example", KeyType::MlDsa44, [7; 1_312]).expect("a name");
        assert_eq!(VerifierKey::parse_log(key.as_str()), Ok(key.clone()));
        assert_eq!(VerifierKey::parse_witness(key.as_str()), Ok(key.clone()));
        assert_eq!(VerifierKey::parse(key.as_str(), KeyType::MlDsa44), Ok(key.clone()));
        let error = key.as_str().parse::<VerifierKey>().expect_err("an emitter's key is needed");
        assert_eq!(error.message, "the key is an ML-DSA-44 key (type 0x06), which can sign only checkpoints");
        let other = SignerKey::from_seed("key.example", [7; 32]).expect("a name");
        let other = other.verifier_key().as_str();
        assert!(VerifierKey::parse_witness(other).is_err() && VerifierKey::parse_log(other).is_ok());
        assert!(VerifierKey::parse(other, KeyType::MlDsa44).is_err());
        assert!(VerifierKey::new("key.example", KeyType::MlDsa44, [7; 32]).is_err());
    }

    #[test]
    fn signed_notes_parse_back() {
        let key = SignerKey::from_seed("key.example", [1; 32]).expect("a name");
        for text in ["", "text", "te\rxt\n", "te\txt\n"] {
            assert_eq!(sign_note(text, &key).map_err(|error| error.code), Err(Code::Note), "{text:?}");
        }
        for text in ["\n", "text\n\n"] {
            let note = Note::parse(&sign_note(text, &key).expect("a text")).expect("a note");
            assert!(note.text == text && note.is_signed_by(key.verifier_key()), "{text:?}");
        }
    }

    #[test]
    fn witnesses_sign_no_notes() {
        let witness = SignerKey::witness_from_seed("witness.example", [1; 32]).expect("a name");
        assert_eq!(sign_note("text\n", &witness).map_err(|error| error.code), Err(Code::Key));
        let line = SignatureLine::new(witness.verifier_key(), &witness.sign(b"text\n"));
        let note = Note::parse(&format!("text\n\n{line}")).expect("a note");
        assert_eq!(note.open([witness.verifier_key()]).invalid, [witness.verifier_key()]);
    }

    #[test]
    fn opening_sorts_signatures_and_ignores_unknown_keys() {
        let keys = [1, 2, 3].map(|seed| SignerKey::from_seed("key.example", [seed; 32]).expect("a name"));
        let [one, two, unknown] = &keys;
        let forged = SignatureLine::new(two.verifier_key(), &one.sign(b"text\n"));
        let short = SignatureLine::new(two.verifier_key(), &two.sign(b"text\n")[..63]);
        let unknown = SignatureLine::new(unknown.verifier_key(), &[0; 64]);
        let good = sign_note("text\n", one).expect("a text");
        let known = keys[..2].iter().map(SignerKey::verifier_key);
        for bad in [forged, short] {
            let note = Note::parse(&format!("{good}{unknown}{bad}")).expect("a note");
            assert_eq!(note.to_string(), format!("{good}{unknown}{bad}"));
            let opened = note.open(known.clone().chain(known.clone()));
            assert_eq!(opened.verified, [Verified { key: one.verifier_key(), line: &note.signatures[0] }]);
            assert_eq!(opened.invalid, [two.verifier_key()]);
            assert!(note.is_signed_by(one.verifier_key()) && !note.is_signed_by(two.verifier_key()));
        }
    }

    /// A key ID has only 32 bits, so another key of the same name can be made to share it.
    #[test]
    fn any_of_the_known_keys_with_one_name_and_id_may_verify() {
        let [one, two] = [1, 2].map(|seed| SignerKey::from_seed("key.example", [seed; 32]).expect("a name"));
        let other = VerifierKey { id: one.verifier.id, ..two.verifier.clone() };
        let mut checked = 0;
        let note = Note::parse(&sign_note("text\n", &one).expect("a text")).expect("a note");
        let mut is_valid = |claim: &Claim<'_>| {
            checked += 1;
            claim.is_valid()
        };
        let opened = note.open_with(&mut is_valid, [&other, &other, one.verifier_key()]);
        assert_eq!((opened.verified[0].key, opened.invalid.len()), (one.verifier_key(), 0));
        assert_eq!(checked, 2, "each key is tried once");
        let renamed = VerifierKey::new("other.example", KeyType::Ed25519, one.verifier.public());
        let renamed = VerifierKey { id: one.verifier.id, ..renamed.expect("a name") };
        let opened = note.open([&renamed]);
        assert!(opened.verified.is_empty() && opened.invalid.is_empty(), "the ID alone is not enough");
        assert_eq!(note.open([&other, &other]).invalid, [&other]);
    }

    #[test]
    fn malformed_notes_are_rejected_with_the_line() {
        let line_of = |signature: &[u8]| {
            let signature = signature.to_vec();
            SignatureLine { name: "key.example".to_owned(), id: [1, 2, 3, 4], signature }.to_string()
        };
        let line = line_of(&[9; 64]);
        let bad_base64 = line.replace('=', "");
        let cases = [
            (format!("text\n\n{line}"), Ok(())),
            (format!("\n\n{line}"), Ok(())),
            (format!("te\rxt\n\n{line}"), Err(Some(1))),
            (format!("text\nto\tgo\n\n{line}"), Err(Some(2))),
            (format!("text\n\n{line}\n"), Err(None)),
            (format!("text\n\n{}", line.trim_end()), Err(None)),
            (format!("text\n{line}"), Err(None)),
            ("text\n\n".to_owned(), Err(None)),
            (format!("text\n\n{line}more\n"), Err(Some(4))),
            (format!("{}\n\n{line}more\n", "long ".repeat(200)), Err(Some(4))),
            (format!("text\n\n{bad_base64}"), Err(Some(3))),
            (format!("text\n\n{}", line_of(b"")), Err(Some(3))),
            (format!("text\n\n{}", line.replace("key.", "key ")), Err(Some(3))),
            (format!("text\n\n{}", line.replace("key.", "key+")), Err(Some(3))),
        ];
        for (note, expected) in cases {
            assert_eq!(Note::parse(&note).map(|_| ()).map_err(|error| error.line), expected, "{note:?}");
        }
    }
}
