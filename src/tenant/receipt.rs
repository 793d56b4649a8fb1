//! Receipts: proofs that a tenant log contains an entry (SPEC section 16.8).

use core::fmt;

use super::head::{Head, HeadProof};
use super::origin::TenantOrigin;
use crate::error::{Code, Error, Quoted};
use crate::expectation::Expectation;
use crate::hash::Hash;
use crate::integer;
use crate::merkle::{leaf_hash, verify_inclusion};
use crate::note::SignatureCheck;
use crate::proof::{Verdict, parse_hashes, split_at_empty_line};
use crate::trust::Trust;

/// Maximum size of a receipt, in bytes.
const MAX_TEXT_BYTES: usize = 20 << 10;

const FIRST_LINE: &str = "countersign/v1 receipt";

/// A proof that a tenant log contains an entry, for offline verification. Replaces the [`Proof`](crate::proof::Proof)
/// of an ordinary log.
///
/// The root log signs for all tenants, so a signature doesn't show whose log it is: the reader names the log.
///
/// ```
/// # #[cfg(feature = "sign")] {
/// use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
/// use countersign::hash::Hash;
/// use countersign::merkle::{leaf_hash, node_hash};
/// use countersign::note::SignerKey;
/// use countersign::tenant::{Anchor, Head, HeadProof, Receipt, State, TenantOrigin};
/// use countersign::trust::Trust;
///
/// // A log of two entries, in a directory that is the root log's only entry.
/// let origin = "log.example/t/8f000000000000000000000000000001";
/// let (left, right) = (leaf_hash(b"one entry"), leaf_hash(b"another entry"));
/// let head = Head {
///     origin: TenantOrigin::parse(origin).unwrap(),
///     size: 2,
///     root: node_hash(&left, &right),
///     state: State::Live,
/// };
/// let time = "2026-11-20T06:01:02.000Z".parse()?;
/// let siblings = vec![Hash([5; 32]); 10];
/// let anchor = Anchor { head, salt: [4; 16], time, siblings, tick: 0, hashes: vec![] };
/// let key = SignerKey::from_seed("log.example", [1; 32])?;
/// let directory = leaf_hash(anchor.entry().to_string().as_bytes());
/// let checkpoint = SignedCheckpoint::parse(&Checkpoint::new("log.example", 1, directory)?.sign(&key)?)?;
/// let receipt = Receipt { index: 1, hashes: vec![left], proof: HeadProof { anchor, checkpoint } };
///
/// let read = Receipt::parse(&receipt.to_string())?;
/// let trust = Trust::default().with_log(key.verifier_key().clone())?;
/// read.verify(b"another entry", Some(origin), &trust)?;
/// assert!(read.verify(b"one entry", Some(origin), &trust).is_err());
/// assert!(read.verify(b"another entry", None, &trust).is_err()); // it may be another tenant's
/// # }
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The entry's index in the tenant log.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up to the child of the head's root.
    pub hashes: Vec<Hash>,
    /// The proof of a head that contains the entry.
    pub proof: HeadProof,
}

impl Receipt {
    /// Parses a receipt. Verifies nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] or [`Code::Checkpoint`] if it is malformed, with the line: in the receipt, or, after its empty
    /// line, as in [`HeadProof::parse`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::new(Code::Proof, "the receipt is larger than 20 KiB"));
        }
        let (front, proof) = split_at_empty_line(text)
            .ok_or_else(|| Error::new(Code::Proof, "the receipt has no empty line"))?;
        let mut lines = front.split('\n').zip(1..);
        if lines.next().is_none_or(|(line, _)| line != FIRST_LINE) {
            let why = "the receipt does not begin with the line \"countersign/v1 receipt\"";
            return Err(Error::new(Code::Proof, why).at_line(1));
        }
        let index = lines.next().and_then(|(line, _)| integer::parse(line.as_bytes())).ok_or_else(|| {
            let why = "the index of the entry is not a decimal number up to 2^53 - 1";
            Error::new(Code::Proof, why).at_line(2)
        })?;
        Ok(Self { index, hashes: parse_hashes(lines)?, proof: HeadProof::parse(proof)? })
    }

    /// True if the text has the first line of a receipt.
    pub fn is_receipt(text: &str) -> bool {
        text.strip_prefix(FIRST_LINE).is_some_and(|rest| rest.starts_with('\n'))
    }

    /// Returns the head of the log.
    pub const fn head(&self) -> &Head {
        self.proof.head()
    }

    /// Checks that `leaf` is in the log that the reader expects: the hashes lead from the leaf to the head's root, and a
    /// trusted root log [proves the head](HeadProof::verify).
    ///
    /// `expected` is the log's origin. Without it, an `origin` line of the trust file must name the log. If the trust
    /// file has such lines, one of them must name the log in any case.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] if one of these conditions isn't met, or if a trusted key's signature is invalid.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn verify(&self, leaf: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), Error> {
        self.judge(leaf, expected, trust).map_err(|(_, error)| error)
    }

    /// Like [`verify`](Self::verify), with a verdict on failure: [`Verdict::Altered`] if hashes don't lead to a root or
    /// a trusted key's signature is invalid, [`Verdict::Broken`] if the log is another one or the quorum isn't met,
    /// [`Verdict::Untrusted`] if no trusted log key signed or the log isn't named.
    ///
    /// # Errors
    ///
    /// The verdict and the error.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn judge(&self, leaf: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), (Verdict, Error)> {
        self.judge_with(&mut |claim| claim.is_valid(), leaf, expected, trust)
    }

    /// Like [`judge`](Self::judge), with a caller-supplied signature check.
    ///
    /// # Errors
    ///
    /// The verdict and the error.
    pub fn judge_with(
        &self,
        is_valid: SignatureCheck<'_>,
        leaf: &[u8],
        expected: Option<&str>,
        trust: &Trust,
    ) -> Result<(), (Verdict, Error)> {
        let Head { origin, size, root, .. } = self.head();
        let origin = origin.as_str();
        verify_inclusion(self.index, *size, &leaf_hash(leaf), &self.hashes, root)
            .map_err(|error| (Verdict::Altered, error))?;
        let expectation = Expectation::new(expected, trust);
        expectation.check(origin).map_err(|error| (Verdict::Broken, error))?;
        if TenantOrigin::for_reader(origin, trust).is_none() {
            let found = Quoted(origin);
            let why = format!("the trust file has a key for the log {found}, so it is not a tenant log");
            return Err((Verdict::Broken, Error::new(Code::Proof, why)));
        }
        self.proof.judge_with(is_valid, trust)?;
        if expectation.is_empty() {
            let why = "no expected log is named, so this log may be another tenant's";
            let hint = "name the log that you expect";
            return Err((Verdict::Untrusted, Error::new(Code::Proof, why).with_hint(hint)));
        }
        Ok(())
    }
}

impl fmt::Display for Receipt {
    /// Writes the receipt as the text of a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\n{}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.proof)
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base64;
    use crate::checkpoint::{Checkpoint, SignedCheckpoint};
    use crate::merkle::{CompactRange, PendingTree, inclusion_proof};
    use crate::note::SignerKey;
    use crate::tenant::{Anchor, State};
    use crate::time::Time;

    type Change = fn(&mut Receipt);

    const ROOT: &str = "log.example";
    const ORIGIN: &str = "log.example/t/8f000000000000000000000000000001";
    const OTHER: &str = "log.example/t/00000000000000000000000000000001";
    const ENTRIES: [&[u8]; 5] = [b"a", b"b", b"c", b"d", b"e"];

    fn key() -> SignerKey {
        SignerKey::from_seed(ROOT, [1; 32]).expect("a name")
    }

    fn witness() -> SignerKey {
        SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name")
    }

    fn tree(entries: &[&[u8]]) -> PendingTree {
        let mut tree = PendingTree::new(&CompactRange::new());
        tree.extend(&entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>());
        tree
    }

    /// Returns the receipt of the third entry, with a head at the first tick of the root log.
    fn receipt(origin: &str) -> Receipt {
        let tree = tree(&ENTRIES);
        let head = Head {
            origin: TenantOrigin::parse(origin).expect("a tenant's origin"),
            size: tree.size(),
            root: tree.root(),
            state: State::Live,
        };
        let siblings = vec![Hash([5; 32]); 10];
        let anchor = Anchor { head, salt: [4; 16], time: Time::MIN, siblings, tick: 0, hashes: Vec::new() };
        let directory = leaf_hash(anchor.entry().to_string().as_bytes());
        let checkpoint = Checkpoint::new(ROOT, 1, directory).expect("a checkpoint");
        let note = checkpoint.sign(&key()).expect("its key")
            + &checkpoint.cosign(&witness(), 5).expect("a witness's key");
        let checkpoint = SignedCheckpoint::parse(&note).expect("a checkpoint");
        let hashes = inclusion_proof(2, tree.size(), &tree).expect("a proof");
        Receipt { index: 2, hashes, proof: HeadProof { anchor, checkpoint } }
    }

    fn trust(more: &str) -> Trust {
        let (log, witness) = (key(), witness());
        let (log, witness) = (log.verifier_key(), witness.verifier_key());
        let text = format!("log {log}\nwitness w {witness}\nquorum w\n{more}");
        Trust::parse(text.as_bytes()).expect("a trust file")
    }

    fn verdict(receipt: &Receipt, expected: Option<&str>, trust: &Trust) -> Option<Verdict> {
        receipt.judge(b"c", expected, trust).err().map(|(verdict, error)| {
            assert_eq!(error.code, Code::Proof);
            verdict
        })
    }

    #[test]
    fn texts_round_trip() {
        let text = receipt(ORIGIN).to_string();
        assert!(Receipt::is_receipt(&text) && !HeadProof::is_head(&text));
        assert_eq!(Receipt::parse(&text), Ok(receipt(ORIGIN)));
        let only = Receipt { index: 0, hashes: Vec::new(), ..receipt(ORIGIN) };
        assert_eq!(Receipt::parse(&only.to_string()), Ok(only));
    }

    #[test]
    fn the_reader_names_the_log() {
        let named = trust(&format!("origin {ORIGIN} 7\n"));
        let other = trust(&format!("origin {OTHER}\n"));
        let both = trust(&format!("origin {OTHER}\norigin {ORIGIN}\n"));
        let cases = [
            (Some(ORIGIN), &trust(""), None),
            (None, &named, None),
            (None, &both, None),
            (Some(ORIGIN), &named, None),
            (None, &trust(""), Some(Verdict::Untrusted)),
            (Some(OTHER), &trust(""), Some(Verdict::Broken)),
            (Some(ROOT), &trust(""), Some(Verdict::Broken)),
            (Some(OTHER), &named, Some(Verdict::Broken)),
            (None, &other, Some(Verdict::Broken)),
            (Some(ORIGIN), &other, Some(Verdict::Broken)),
        ];
        for (number, (expected, trust, outcome)) in cases.into_iter().enumerate() {
            assert_eq!(verdict(&receipt(ORIGIN), expected, trust), outcome, "{number}");
        }
        // With a key of its own, the log is an ordinary one.
        let own = SignerKey::from_seed(ORIGIN, [9; 32]).expect("a name");
        let own = trust(&format!("log {}\n", own.verifier_key()));
        assert_eq!(verdict(&receipt(ORIGIN), Some(ORIGIN), &own), Some(Verdict::Broken));
    }

    #[test]
    fn verifying_requires_each_part() {
        let trust = trust("");
        let altered: [Change; 9] = [
            |receipt| receipt.index = 3,
            |receipt| receipt.index = 5,
            |receipt| receipt.hashes[0].0[0] ^= 1,
            |receipt| receipt.hashes.truncate(2),
            |receipt| receipt.hashes.push(Hash([0; 32])),
            // The hashes of another size.
            |receipt| receipt.hashes = inclusion_proof(2, 4, &tree(&ENTRIES[..4])).expect("a proof"),
            |receipt| receipt.proof.anchor.head.root = tree(&ENTRIES[..4]).root(),
            |receipt| receipt.proof.anchor.salt[0] ^= 1,
            |receipt| receipt.proof.checkpoint.note.signatures[0].signature[60] ^= 1,
        ];
        for (number, change) in altered.into_iter().enumerate() {
            let mut changed = receipt(ORIGIN);
            change(&mut changed);
            assert_eq!(verdict(&changed, Some(ORIGIN), &trust), Some(Verdict::Altered), "{number}");
        }
        let (_, error) = receipt(ORIGIN).judge(b"d", Some(ORIGIN), &trust).expect_err("another entry");
        assert_eq!(error.message, "the inclusion proof leads to a different root");

        // The head of another tenant with the same entries, under this tenant's name.
        let mut renamed = receipt(OTHER);
        assert_eq!(verdict(&renamed, Some(OTHER), &trust), None);
        renamed.proof.anchor.head.origin = TenantOrigin::parse(ORIGIN).expect("a tenant's origin");
        assert_eq!(verdict(&renamed, Some(ORIGIN), &trust), Some(Verdict::Altered));
    }

    #[test]
    fn verifying_requires_a_trusted_root_log() {
        let mut unsigned = receipt(ORIGIN);
        unsigned.proof.checkpoint.note.signatures.remove(0);
        assert_eq!(verdict(&unsigned, Some(ORIGIN), &trust("")), Some(Verdict::Untrusted));
        let mut unwitnessed = receipt(ORIGIN);
        unwitnessed.proof.checkpoint.note.signatures.remove(1);
        assert_eq!(verdict(&unwitnessed, Some(ORIGIN), &trust("")), Some(Verdict::Broken));
        let mut of_another_root = receipt(ORIGIN);
        of_another_root.proof.checkpoint.checkpoint.origin = "other.example".into();
        assert_eq!(verdict(&of_another_root, Some(ORIGIN), &trust("")), Some(Verdict::Broken));
        assert_eq!(verdict(&receipt(ORIGIN), Some(ORIGIN), &Trust::default()), Some(Verdict::Untrusted));
    }

    #[test]
    fn a_stale_head_is_refused() {
        let mut stale = receipt(ORIGIN);
        let next = Hash([8; 32]);
        let directory = leaf_hash(stale.proof.anchor.entry().to_string().as_bytes());
        stale.proof.anchor.hashes = vec![next];
        let root = crate::merkle::node_hash(&directory, &next);
        let note = Checkpoint::new(ROOT, 2, root).expect("a checkpoint").sign(&key()).expect("its key");
        stale.proof.checkpoint = SignedCheckpoint::parse(&note).expect("a checkpoint");
        assert_eq!(verdict(&stale, Some(ORIGIN), &trust("")), Some(Verdict::Altered));
    }

    #[test]
    fn refuses_malformed_texts() {
        let good = receipt(ORIGIN).to_string();
        let line = format!("{}\n", receipt(ORIGIN).hashes[0]);
        // A signature line with a long name is valid, up to the size of a head proof.
        let padded = |length: usize| {
            let line = |name: &str| format!("— {name} {}\n", base64::encode([0_u8; 68]));
            let head = receipt(ORIGIN).proof.to_string().len();
            good.clone() + &line(&"x".repeat(length - head - line("").len()))
        };
        assert!(Receipt::parse(&padded(16 << 10)).is_ok());
        let cases = [
            String::new(),
            good.replacen("v1 receipt", "v2 receipt", 1),
            good.replacen("receipt\n2\n", "receipt\n02\n", 1),
            good.replacen("receipt\n2\n", "receipt\nindex 2\n", 1),
            good.replacen("receipt\n2\n", "receipt\n9007199254740992\n", 1),
            good.replacen("receipt\n2\n", "receipt\n", 1),
            good.replacen(&line, &line.repeat(60), 1),
            good.replacen(&line, "AAAA\n", 1),
            good.replacen("\n\n", "\n", 1),
            good.replacen("\n\n", "\n\n\n", 1),
            good.replacen('\n', "\r\n", 1),
            receipt(ORIGIN).proof.to_string(),
            padded((16 << 10) + 1),
            padded((20 << 10) + 1),
        ];
        for text in cases {
            assert!(Receipt::parse(&text).is_err(), "{text:?}");
        }
        let error = Receipt::parse(&(good + &"x".repeat(20 << 10))).expect_err("a long text");
        assert_eq!(error.message, "the receipt is larger than 20 KiB");
    }
}
