//! COSE receipts: proofs that a leaf is in a log, for verifiers of COSE and SCITT (SPEC section 18; RFC 9942).
//!
//! A log signs the root of each published checkpoint a second time, as COSE does ([`TreeSignature`]). With the inclusion
//! proof of a leaf, that signature is a [`Receipt`]. It is for offline verification, as a
//! [`Proof`](crate::proof::Proof) is.
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
//! use countersign::cose::{Receipt, TreeSignature};
//! use countersign::merkle::{leaf_hash, node_hash};
//! use countersign::note::SignerKey;
//! use countersign::trust::Trust;
//!
//! let log = SignerKey::from_seed("log.example/audit", [1; 32])?;
//! let (left, right) = (leaf_hash(b"one leaf"), leaf_hash(b"another leaf"));
//! let checkpoint = Checkpoint::new("log.example/audit", 2, node_hash(&left, &right))?.sign(&log)?;
//! let signature = TreeSignature::sign(SignedCheckpoint::parse(&checkpoint)?, &log)?;
//! let receipt = TreeSignature::parse(&signature.to_bytes())?.prove(1, vec![left]);
//!
//! let read = Receipt::parse(&receipt.to_bytes())?;
//! let trust = Trust::default().with_log(log.verifier_key().clone())?;
//! read.verify(b"another leaf", None, &trust)?;
//! assert!(read.verify(b"one leaf", None, &trust).is_err());
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

mod cbor;
mod headers;

use crate::checkpoint::SignedCheckpoint;
use crate::error::{Code, Error, Quoted};
use crate::expectation::Expectation;
use crate::hash::Hash;
use crate::merkle::{MAX_SIZE, leaf_hash, root_of_inclusion};
#[cfg(feature = "sign")]
use crate::note::SignerKey;
use crate::note::VerifierKey;
use crate::trust::Trust;
use crate::verdict::Verdict;
use cbor::{Reader, Writer};
use headers::{Inclusion, Protected, Unprotected, write_unprotected};

/// The maximum size of a receipt or a tree signature, in bytes.
pub const MAX_BYTES: usize = 1 << 18;

/// The height of the tree of [`MAX_SIZE`] leaves.
const MAX_HASHES: u64 = MAX_SIZE.ilog2() as u64 + 1;

/// The tag of `COSE_Sign1`.
const SIGN1: u64 = 18;

fn refuse(why: impl Into<String>) -> Error {
    Error::new(Code::Proof, why)
}

/// A `COSE_Sign1` structure whose payload is the root of a tree, without its unprotected header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sign1 {
    protected: Protected,
    /// `None` if it is detached.
    payload: Option<Hash>,
    signature: [u8; 64],
}

impl Sign1 {
    fn parse(bytes: &[u8]) -> Result<(Self, Unprotected), Error> {
        if bytes.len() > MAX_BYTES {
            return Err(refuse("the receipt is larger than 256 KiB"));
        }
        let mut reader = Reader::new(bytes);
        let start = reader.tag(SIGN1).and_then(|()| reader.array());
        let protected = start.filter(|&length| length == 4).and_then(|_| reader.bytes());
        let protected =
            protected.ok_or_else(|| refuse("the receipt is not a tagged COSE_Sign1 structure"))?;
        let protected = Protected::parse(protected)?;
        let unprotected = Unprotected::read(&mut reader)?;
        let payload = reader.bytes_or_null().and_then(|payload| match payload {
            Some(bytes) => bytes.try_into().ok().map(|root| Some(Hash(root))),
            None => Some(None),
        });
        let payload = payload.ok_or_else(|| refuse("the payload is neither a root hash nor null"))?;
        let signature = reader.bytes().and_then(|bytes| bytes.try_into().ok());
        let signature = signature.ok_or_else(|| refuse("the signature does not have 64 bytes"))?;
        reader.end().ok_or_else(|| refuse("there are bytes after the receipt"))?;
        Ok((Self { protected, payload, signature }, unprotected))
    }

    fn to_bytes(&self, inclusion: Option<&Inclusion>, checkpoint: Option<&SignedCheckpoint>) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.tag(SIGN1).array(4).bytes(&self.protected.bytes);
        write_unprotected(inclusion, checkpoint, &mut writer);
        match &self.payload {
            Some(root) => writer.bytes(&root.0),
            None => writer.null(),
        };
        writer.bytes(&self.signature);
        writer.into_bytes()
    }
}

/// Returns the bytes that COSE signs: a `Sig_structure` without external data.
fn signed_bytes(protected: &[u8], root: &Hash) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.array(4).text("Signature1").bytes(protected).bytes(&[]).bytes(&root.0);
    writer.into_bytes()
}

/// A log's COSE signature of a published checkpoint's root, from which anyone makes the [`Receipt`] of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeSignature {
    sign1: Sign1,
    checkpoint: SignedCheckpoint,
}

impl TreeSignature {
    /// Signs the root of a checkpoint with the key of its log.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if that key didn't sign the checkpoint.
    #[cfg(feature = "sign")]
    pub fn sign(checkpoint: SignedCheckpoint, key: &SignerKey) -> Result<Self, Error> {
        let verifier = key.verifier_key();
        if !checkpoint.is_signed_by(verifier) {
            let why = format!("the key {} did not sign the checkpoint", Quoted(verifier.name()));
            return Err(Error::new(Code::Key, why));
        }
        let root = checkpoint.checkpoint.root;
        let protected = Protected::new(verifier, checkpoint.checkpoint.size);
        let signature = key.sign(&signed_bytes(&protected.bytes, &root));
        Ok(Self { sign1: Sign1 { protected, payload: Some(root), signature }, checkpoint })
    }

    /// Parses a tree signature. Verifies nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] or [`Code::Checkpoint`] if it is malformed, or its checkpoint is of another log or tree.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (sign1, unprotected) = Sign1::parse(bytes)?;
        let Unprotected { inclusion: None, checkpoint: Some(checkpoint) } = unprotected else {
            return Err(refuse("a tree signature has a checkpoint and no proof"));
        };
        let (origin, size) = (&checkpoint.checkpoint.origin, checkpoint.checkpoint.size);
        let is_same = sign1.payload == Some(checkpoint.checkpoint.root)
            && sign1.protected.issuer.as_ref() == Some(origin)
            && sign1.protected.size == Some(size);
        if !is_same {
            return Err(refuse("the checkpoint is of another log or tree than the signature"));
        }
        Ok(Self { sign1, checkpoint })
    }

    /// Returns the checkpoint.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Encodes the tree signature.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.sign1.to_bytes(None, Some(&self.checkpoint))
    }

    /// Returns the receipt of the leaf `index`, whose inclusion proof is `hashes`. Verifies nothing.
    pub fn prove(self, index: u64, hashes: Vec<Hash>) -> Receipt {
        let Self { sign1, checkpoint } = self;
        let inclusion = Inclusion { size: checkpoint.checkpoint.size, index, hashes };
        // Detached, so that every verifier computes the root from the entry.
        let sign1 = Sign1 { payload: None, ..sign1 };
        Receipt { sign1, inclusion, checkpoint: Some(checkpoint) }
    }
}

/// A proof that a leaf is in a log, as a COSE receipt.
///
/// Receipts of other logs are parsed too. If such a log doesn't sign the size of its tree, the
/// [index isn't authenticated](Self::is_index_signed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    sign1: Sign1,
    inclusion: Inclusion,
    checkpoint: Option<SignedCheckpoint>,
}

impl Receipt {
    /// Parses a receipt. Verifies nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] if it is malformed, if its algorithm or its verifiable data structure isn't supported, or if it
    /// requires a header parameter that isn't; [`Code::Checkpoint`] if the checkpoint in it is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (sign1, Unprotected { inclusion, checkpoint }) = Sign1::parse(bytes)?;
        let inclusion = inclusion.ok_or_else(|| refuse("the receipt has no inclusion proof"))?;
        Ok(Self { sign1, inclusion, checkpoint })
    }

    /// True if the bytes begin as a tagged `COSE_Sign1` structure does. No text begins like that.
    pub fn is_receipt(bytes: &[u8]) -> bool {
        bytes.starts_with(&[0xd2, 0x84])
    }

    /// Encodes the receipt.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.sign1.to_bytes(Some(&self.inclusion), self.checkpoint.as_ref())
    }

    /// Returns the log's origin, if the receipt states it.
    pub fn origin(&self) -> Option<&str> {
        self.sign1.protected.issuer.as_deref()
    }

    /// Returns the leaf's index.
    pub const fn index(&self) -> u64 {
        self.inclusion.index
    }

    /// Returns the size of the tree.
    pub const fn size(&self) -> u64 {
        self.inclusion.size
    }

    /// Returns the checkpoint of the tree, if the receipt has it.
    pub const fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// True if the log signed the size of the tree, and with it the index of the leaf. The root alone doesn't determine
    /// them: hashes that lead to it from one index may also do so from another, in a tree of another size.
    pub const fn is_index_signed(&self) -> bool {
        self.sign1.protected.size.is_some()
    }

    /// Returns the root of the tree that contains `leaf`. `None` if the proof doesn't have the form of its index and
    /// size.
    pub fn root(&self, leaf: &[u8]) -> Option<Hash> {
        let Inclusion { size, index, hashes } = &self.inclusion;
        root_of_inclusion(*index, *size, &leaf_hash(leaf), hashes)
    }

    /// Checks that `leaf` is in a trusted log: the log's key signed the root that the hashes lead to, and witnesses of
    /// the checkpoint meet the quorum. `expected` is the log's origin. If the trust file has `origin` lines, one of them
    /// must name the log in any case. Without both, any log of the trust file will do.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] if one of these is not the case.
    pub fn verify(&self, leaf: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), Error> {
        self.judge(leaf, expected, trust).map_err(|(_, error)| error)
    }

    /// Like [`verify`](Self::verify), with a verdict on failure: [`Verdict::Altered`] if the hashes do not lead to a
    /// root that the trusted log signed, [`Verdict::Broken`] if the log is another one or the quorum is not met,
    /// [`Verdict::Untrusted`] if no trusted key is the one that the receipt names. A signature of a trusted key on the
    /// checkpoint that is invalid is [`Verdict::Altered`].
    ///
    /// # Errors
    ///
    /// The verdict and the error.
    pub fn judge(&self, leaf: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), (Verdict, Error)> {
        let altered = |why: &str| (Verdict::Altered, refuse(why));
        let Protected { bytes, size, .. } = &self.sign1.protected;
        let Some(root) = self.root(leaf) else {
            let why = "the inclusion proof does not have the form of one for its index and size";
            return Err(altered(why));
        };
        if size.is_some_and(|size| size != self.inclusion.size) {
            return Err(altered("the inclusion proof is of a tree of another size than the log signed"));
        }
        if self.sign1.payload.is_some_and(|payload| payload != root) {
            return Err(altered("the inclusion proof leads to a different root"));
        }
        let keys: Vec<&VerifierKey> = trust.logs().filter(|key| self.may_be_signed_by(key)).collect();
        if keys.is_empty() {
            let why = match self.origin() {
                Some(origin) => format!("no trusted log key signed this receipt of {}", Quoted(origin)),
                None => "no trusted log key signed this receipt".to_owned(),
            };
            let hint = "add the log's key to the trust file if you have it from a source you trust";
            return Err((Verdict::Untrusted, refuse(why).with_hint(hint)));
        }
        let message = signed_bytes(bytes, &root);
        let signer = keys.into_iter().find(|key| key.verify(&message, &self.sign1.signature));
        let signer = signer
            .ok_or_else(|| altered("the log did not sign the root that the inclusion proof leads to"))?;
        Expectation::new(expected, trust).check(signer.name()).map_err(|error| (Verdict::Broken, error))?;
        self.judge_checkpoint(signer.name(), &root, trust)
    }

    /// True if the receipt doesn't rule out that key.
    fn may_be_signed_by(&self, key: &VerifierKey) -> bool {
        let Protected { key_id, issuer, .. } = &self.sign1.protected;
        issuer.as_ref().is_none_or(|issuer| issuer == key.name()) && key_id.is_none_or(|id| id == key.id())
    }

    /// Checks the checkpoint in the receipt, and that its witnesses meet the quorum.
    fn judge_checkpoint(&self, origin: &str, root: &Hash, trust: &Trust) -> Result<(), (Verdict, Error)> {
        let altered = |why: String| (Verdict::Altered, refuse(why));
        let mut witnesses = Vec::new();
        if let Some(signed) = self.checkpoint() {
            let checkpoint = &signed.checkpoint;
            if (checkpoint.origin.as_str(), checkpoint.size, checkpoint.root) != (origin, self.size(), *root)
            {
                return Err(altered("the checkpoint is of another log or tree than the receipt".to_owned()));
            }
            if let Some(key) = signed.log_signatures(trust.logs()).invalid.first() {
                return Err(altered(format!("the signature of {key} on the checkpoint is invalid")));
            }
            let cosigned = signed.cosignatures(trust.witnesses());
            if let Some(key) = cosigned.invalid.first() {
                return Err(altered(format!("the cosignature of {key} is invalid")));
            }
            witnesses = cosigned.verified.iter().map(|cosignature| cosignature.witness).collect();
        }
        if !trust.quorum_met(&|witness| witnesses.contains(&witness)) {
            let why = "too few trusted witnesses cosigned the checkpoint to meet the quorum";
            return Err((Verdict::Broken, refuse(why)));
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::merkle::{CompactRange, PendingTree, inclusion_proof};

    const ORIGIN: &str = "log.example/audit";
    const LEAVES: [&[u8]; 5] = [b"a", b"b", b"c", b"d", b"e"];

    fn key(seed: u8) -> SignerKey {
        SignerKey::from_seed(ORIGIN, [seed; 32]).expect("a name")
    }

    fn witness() -> SignerKey {
        SignerKey::witness_from_seed("witness.example", [9; 32]).expect("a name")
    }

    fn trust(key: &SignerKey) -> Trust {
        Trust::default().with_log(key.verifier_key().clone()).expect("a log")
    }

    /// Returns the receipt of the third of five leaves, with a cosignature.
    fn receipt() -> Receipt {
        let mut tree = PendingTree::new(&CompactRange::new());
        tree.extend(&LEAVES.map(leaf_hash));
        let checkpoint = Checkpoint::new(ORIGIN, 5, tree.root()).expect("a checkpoint");
        let note =
            checkpoint.sign(&key(1)).expect("its key") + &checkpoint.cosign(&witness(), 7).expect("a time");
        let checkpoint = SignedCheckpoint::parse(&note).expect("a checkpoint");
        let signature = TreeSignature::sign(checkpoint, &key(1)).expect("its key");
        assert_eq!(TreeSignature::parse(&signature.to_bytes()), Ok(signature.clone()));
        signature.prove(2, inclusion_proof(2, 5, &tree).expect("a proof"))
    }

    fn verdict(receipt: &Receipt, leaf: &[u8], trust: &Trust) -> Verdict {
        receipt.judge(leaf, None, trust).err().map_or(Verdict::Verified, |(verdict, _)| verdict)
    }

    #[test]
    fn a_receipt_proves_one_entry_to_readers_who_trust_the_log() {
        let receipt = receipt();
        let read = Receipt::parse(&receipt.to_bytes()).expect("a receipt");
        assert_eq!(read, receipt);
        assert_eq!((read.origin(), read.index(), read.size()), (Some(ORIGIN), 2, 5));
        assert!(read.is_index_signed() && Receipt::is_receipt(&read.to_bytes()));
        assert_eq!(verdict(&read, b"c", &trust(&key(1))), Verdict::Verified);
        assert_eq!(verdict(&read, b"d", &trust(&key(1))), Verdict::Altered);
        assert_eq!(verdict(&read, b"c", &trust(&key(2))), Verdict::Untrusted);
        assert_eq!(verdict(&read, b"c", &Trust::default()), Verdict::Untrusted);
        let other = SignerKey::from_seed("other.example", [1; 32]).expect("a name");
        assert_eq!(verdict(&read, b"c", &trust(&other)), Verdict::Untrusted, "a key of another name");
        assert!(read.verify(b"c", Some(ORIGIN), &trust(&key(1))).is_ok());
        let (verdict, _) = read.judge(b"c", Some("other.example"), &trust(&key(1))).expect_err("another log");
        assert_eq!(verdict, Verdict::Broken);
    }

    #[test]
    fn changes_are_found() {
        type Change = fn(&mut Receipt);
        let changes: [(&str, Change); 8] = [
            ("a hash", |receipt| receipt.inclusion.hashes[1].0[5] ^= 1),
            ("a hash less", |receipt| receipt.inclusion.hashes.truncate(2)),
            ("a hash more", |receipt| receipt.inclusion.hashes.push(Hash([0; 32]))),
            ("the index", |receipt| receipt.inclusion.index = 3),
            ("the size", |receipt| receipt.inclusion.size = 6),
            ("the signature", |receipt| receipt.sign1.signature[3] ^= 1),
            ("the payload", |receipt| receipt.sign1.payload = Some(Hash([0; 32]))),
            ("the checkpoint", |receipt| {
                let other = Checkpoint::new(ORIGIN, 5, Hash([7; 32])).and_then(|other| other.sign(&key(1)));
                let other = other.and_then(|note| SignedCheckpoint::parse(&note)).expect("a checkpoint");
                receipt.checkpoint = Some(other);
            }),
        ];
        for (what, change) in changes {
            let mut changed = receipt();
            change(&mut changed);
            assert_eq!(verdict(&changed, b"c", &trust(&key(1))), Verdict::Altered, "{what}");
        }
        let mut attached = receipt();
        attached.sign1.payload = attached.root(b"c");
        let attached = Receipt::parse(&attached.to_bytes()).expect("a receipt");
        assert_eq!(verdict(&attached, b"c", &trust(&key(1))), Verdict::Verified, "an attached payload");
    }

    /// SPEC section 8: all `origin` lines together are one expectation.
    #[test]
    fn the_log_must_be_an_expected_one() {
        let receipt = receipt();
        let expecting = |line: &str| {
            let text = format!("log {}\n{line}", key(1).verifier_key());
            verdict(&receipt, b"c", &Trust::parse(text.as_bytes()).expect("a trust file"))
        };
        assert_eq!(expecting(&format!("origin other.example\norigin {ORIGIN}\n")), Verdict::Verified);
        assert_eq!(expecting("origin other.example\n"), Verdict::Broken);
        let tenant = format!("origin {ORIGIN}/t/8f000000000000000000000000000001\n");
        assert_eq!(expecting(&tenant), Verdict::Broken);
    }

    #[test]
    fn an_invalid_signature_of_a_trusted_key_on_the_checkpoint_is_an_alteration() {
        let mut receipt = receipt();
        let Some(checkpoint) = &mut receipt.checkpoint else { panic!("no checkpoint") };
        checkpoint.note.signatures[0].signature[20] ^= 1;
        assert_eq!(verdict(&receipt, b"c", &trust(&key(1))), Verdict::Altered);
    }

    #[test]
    fn the_signed_size_determines_the_index() {
        // Seen from the first leaf, a tree of three leaves and one of four have the same hashes beside the path.
        let mut tree = PendingTree::new(&CompactRange::new());
        tree.extend(&LEAVES.map(leaf_hash)[..3]);
        let checkpoint =
            Checkpoint::new(ORIGIN, 3, tree.root()).and_then(|checkpoint| checkpoint.sign(&key(1)));
        let checkpoint = checkpoint.and_then(|note| SignedCheckpoint::parse(&note)).expect("a checkpoint");
        let signature = TreeSignature::sign(checkpoint, &key(1)).expect("its key");
        let mut moved = signature.prove(0, inclusion_proof(0, 3, &tree).expect("a proof"));
        let root = moved.root(b"a");
        moved.inclusion.size = 4;
        moved.checkpoint = None;
        assert_eq!(moved.root(b"a"), root);
        assert_eq!(verdict(&moved, b"a", &trust(&key(1))), Verdict::Altered);
    }

    #[test]
    fn witnesses_of_the_checkpoint_meet_the_quorum() {
        let file =
            format!("log {}\nwitness w {}\nquorum w\n", key(1).verifier_key(), witness().verifier_key());
        let strict = Trust::parse(file.as_bytes()).expect("a trust file");
        assert_eq!(verdict(&receipt(), b"c", &strict), Verdict::Verified);
        let mut without = receipt();
        without.checkpoint = None;
        assert_eq!(verdict(&without, b"c", &strict), Verdict::Broken);
        assert_eq!(verdict(&without, b"c", &trust(&key(1))), Verdict::Verified);
        let mut forged = receipt();
        let checkpoint = forged.checkpoint.as_mut().expect("a checkpoint");
        checkpoint.note.signatures[1].signature[70] ^= 1;
        assert_eq!(verdict(&forged, b"c", &strict), Verdict::Altered);
    }

    #[test]
    fn a_key_signs_only_trees_that_it_signed_as_checkpoints() {
        let note =
            Checkpoint::new(ORIGIN, 1, leaf_hash(b"a")).and_then(|checkpoint| checkpoint.sign(&key(1)));
        let checkpoint = SignedCheckpoint::parse(&note.expect("a note")).expect("a checkpoint");
        let refused = TreeSignature::sign(checkpoint, &key(2)).map_err(|error| error.code);
        assert_eq!(refused, Err(Code::Key));
    }

    #[test]
    fn no_text_is_signed_bytes() {
        let signed = signed_bytes(&[], &Hash([0; 32]));
        assert_eq!(signed[..12], *b"\x84\x6aSignature1");
        assert!(core::str::from_utf8(&signed[..1]).is_err());
    }

    /// Returns the error for a receipt with other bytes at one place.
    fn refused(from: &[u8], to: &[u8]) -> String {
        let bytes = receipt().to_bytes();
        let at = bytes.windows(from.len()).position(|window| window == from).expect("these bytes");
        let changed = [&bytes[..at], to, &bytes[at + from.len()..]].concat();
        Receipt::parse(&changed).expect_err("a malformed receipt").into_message()
    }

    /// Returns the error for a receipt with this protected header.
    fn refused_header(protected: &[u8]) -> String {
        let mut changed = receipt();
        changed.sign1.protected.bytes = protected.to_vec();
        Receipt::parse(&changed.to_bytes()).expect_err("a protected header").into_message()
    }

    #[test]
    fn malformed_receipts_are_refused() {
        let good = receipt().to_bytes();
        for length in 0..good.len() {
            assert!(Receipt::parse(&good[..length]).is_err(), "{length} bytes");
        }
        let more = Receipt::parse(&[&good[..], &[0]].concat()).expect_err("one byte more");
        assert_eq!(more.message, "there are bytes after the receipt");
        assert_eq!(refused(&[0xd2, 0x84], &[0xd1, 0x84]), "the receipt is not a tagged COSE_Sign1 structure");
        assert_eq!(refused(&[0xd2, 0x84], &[0x84]), "the receipt is not a tagged COSE_Sign1 structure");
        let unprotected = "the unprotected header is malformed, or has other proofs than one of inclusion";
        // The index as a number of two bytes; a map without an end; another kind of proof; two proofs.
        assert_eq!(refused(&[0x83, 5, 2], &[0x83, 5, 0x18, 2]), unprotected);
        assert_eq!(refused(&[0x19, 1, 0x8c, 0xa1], &[0x19, 1, 0x8c, 0xbf]), unprotected);
        assert_eq!(refused(&[0x20, 0x81, 0x58], &[0x21, 0x81, 0x58]), unprotected);
        assert_eq!(refused(&[0x20, 0x81, 0x58], &[0x20, 0x82, 0x58]), unprotected);
        assert_eq!(
            refused(&[0xf6, 0x58, 0x40], &[0xf7, 0x58, 0x40]),
            "the payload is neither a root hash nor null"
        );
        assert_eq!(
            refused(&[0xf6, 0x58, 0x40], &[0x41, 0, 0x58, 0x40]),
            "the payload is neither a root hash nor null"
        );
        assert_eq!(
            refused(&[0x3a, 0, 1, 0, 0], &[0x02]),
            "the critical header parameters are not protected",
            "a checkpoint under the label of critical parameters"
        );
    }

    #[test]
    fn unsuitable_protected_headers_are_refused() {
        let malformed = "the protected header is malformed";
        assert_eq!(refused_header(&[]), malformed);
        assert_eq!(refused_header(&[0xa2, 1, 0x27, 1, 0x27]), malformed, "a label twice");
        assert_eq!(refused_header(&[0xa1, 0x18, 1, 0x27]), malformed, "a longer number");
        assert_eq!(refused_header(&[0xa1, 1, 0x27, 0]), malformed, "a byte more");
        assert_eq!(refused_header(&[0xbf, 1, 0x27, 0xff]), malformed, "an indefinite length");
        assert_eq!(refused_header(&[0xa1, 2, 0x80]), malformed, "no critical parameter");
        assert_eq!(refused_header(&[0xa0]), "the protected header has no algorithm");
        assert_eq!(refused_header(&[0xa1, 1, 0x26]), "the signature algorithm -7 is not supported");
        assert_eq!(
            refused_header(&[0xa1, 1, 0x27]),
            "the protected header has no verifiable data structure (395)"
        );
        assert_eq!(
            refused_header(&[0xa2, 1, 0x27, 0x19, 1, 0x8b, 2]),
            "the verifiable data structure 2 is not RFC9162_SHA256 (1)"
        );
        assert_eq!(
            refused_header(&[0xa3, 1, 0x27, 2, 0x82, 1, 0x18, 99, 0x19, 1, 0x8b, 1]),
            "the critical header parameter 99 is not supported"
        );
        let known = [0xa3, 1, 0x32, 2, 0x82, 1, 0x19, 1, 0x8b, 0x19, 1, 0x8b, 1];
        assert!(Protected::parse(&known).is_ok(), "Ed25519, and critical parameters that are known");
    }
}
