//! Heads of tenant logs, and proofs of them (SPEC section 16.4).

use core::fmt;

use super::anchors::is_anchor;
use super::directory::{
    DirectoryEntry, MAX_DEPTH, MIN_DEPTH, SALT_BYTES, directory_hash, head_leaf, root_of_path,
};
use super::origin::TenantOrigin;
use crate::base64;
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::integer;
use crate::merkle::{leaf_hash, verify_inclusion};
use crate::note::SignatureCheck;
use crate::proof::{Proof, Verdict, parse_path, split_at_empty_line};
use crate::time::Time;
use crate::trust::Trust;
use crate::words::words;

/// Maximum size of a head proof or an anchor, in bytes.
const MAX_TEXT_BYTES: usize = 16 << 10;

const HEAD_LINE: &str = "countersign/v1 head";
const ANCHOR_LINE: &str = "countersign/v1 anchor";

words! {
    /// The state of a tenant log. It never goes back.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum State {
        /// The log may grow.
        Live = "live",
        /// The log ended and never grows again.
        Ended = "ended",
        /// The log continues under another root log.
        Moved = "moved",
    }
}

impl State {
    /// Returns the state's number in the [hash](head_leaf) of a head.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Live => 0,
            Self::Ended => 1,
            Self::Moved => 2,
        }
    }

    /// Returns the state with this number.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Live),
            1 => Some(Self::Ended),
            2 => Some(Self::Moved),
            _ => None,
        }
    }
}

/// The size, root hash, and state of a tenant log. Corresponds to the checkpoint of another log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The tenant log's origin.
    pub origin: TenantOrigin,
    /// The number of entries.
    pub size: u64,
    /// The root hash of the entries.
    pub root: Hash,
    /// The log's state.
    pub state: State,
}

/// A proof that a head is in the directory of one tick. Proves nothing without a checkpoint of the root log to compare
/// it with.
///
/// Displayed as the text of an anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The head.
    pub head: Head,
    /// The salt that hides the head in the directory.
    pub salt: [u8; SALT_BYTES],
    /// The time of the tick, by the log server's clock.
    pub time: Time,
    /// The siblings in the directory, from the leaf up: 8 to 32.
    pub siblings: Vec<Hash>,
    /// The number of the tick, which is the directory's index in the root log.
    pub tick: u64,
    /// The inclusion proof of the directory in the root log.
    pub hashes: Vec<Hash>,
}

/// A proof of a tenant log's head: an [`Anchor`] at the last entry of a signed checkpoint of the root log. Replaces the
/// signed checkpoint of an ordinary log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadProof {
    /// The head and the proof that leads to the checkpoint.
    pub anchor: Anchor,
    /// The root log's checkpoint.
    pub checkpoint: SignedCheckpoint,
}

/// A reason why a head proof is invalid, regardless of who signed its checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// The checkpoint is not from the tenant's root log.
    Origin,
    /// The hashes do not lead from the head to the checkpoint.
    Path,
    /// The directory is not the last entry of the checkpoint, so it may be outdated.
    NotLast,
}

fn refuse(line: u64, why: &str) -> Error {
    Error::new(Code::Proof, why).at_line(line)
}

impl Anchor {
    /// Parses an anchor. Verifies nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`], with the line, if it is malformed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (mut anchor, proof, at) = Self::parse_before_proof(text, ANCHOR_LINE)?;
        let proof = proof
            .strip_suffix('\n')
            .ok_or_else(|| refuse(at, "the last line does not end in a line feed"))?;
        (anchor.tick, anchor.hashes) = parse_path(proof.split('\n').zip(at..))?;
        if !is_anchor(anchor.tick) {
            return Err(refuse(at, "the head at this tick is not an anchor"));
        }
        Ok(anchor)
    }

    /// Parses the lines before the first empty line. Returns the rest and the number of its first line.
    fn parse_before_proof<'a>(text: &'a str, first_line: &str) -> Result<(Self, &'a str, u64), Error> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::new(Code::Proof, "the proof of a head is larger than 16 KiB"));
        }
        let (front, proof) =
            split_at_empty_line(text).ok_or_else(|| refuse(1, "the proof has no empty line"))?;
        let mut lines = front.split('\n').zip(1_u64..);
        let mut next =
            || lines.next().ok_or_else(|| refuse(1, "the proof of a head has fewer than seven lines"));
        let (line, at) = next()?;
        if line != first_line {
            return Err(refuse(at, "the first line is not that of a head or an anchor"));
        }
        let (line, at) = next()?;
        let origin =
            TenantOrigin::parse(line).ok_or_else(|| refuse(at, "the origin is not that of a tenant log"))?;
        let (line, at) = next()?;
        let size = integer::parse(line.as_bytes())
            .ok_or_else(|| refuse(at, "the size is not a decimal number up to 2^53 - 1"))?;
        let (line, at) = next()?;
        let root =
            Hash::from_base64(line).ok_or_else(|| refuse(at, "the root hash is not base64 of 32 bytes"))?;
        let (line, at) = next()?;
        let state = State::parse(line).ok_or_else(|| refuse(at, "the state is not live, ended, or moved"))?;
        let (line, at) = next()?;
        let salt =
            base64::decode_array(line).ok_or_else(|| refuse(at, "the salt is not base64 of 16 bytes"))?;
        let (line, at) = next()?;
        let time = Time::parse(line.as_bytes())
            .ok_or_else(|| refuse(at, "the time is not of the form 2026-11-20T06:01:02.345Z"))?;
        let mut siblings = Vec::new();
        for (line, at) in lines.by_ref() {
            siblings
                .push(Hash::from_base64(line).ok_or_else(|| refuse(at, "a hash is not base64 of 32 bytes"))?);
        }
        if !(MIN_DEPTH.into()..=MAX_DEPTH.into()).contains(&siblings.len()) {
            return Err(refuse(8, "a path in a directory has 8 to 32 hashes"));
        }
        let at = 9 + siblings.len() as u64;
        let head = Head { origin, size, root, state };
        Ok((Self { head, salt, time, siblings, tick: 0, hashes: Vec::new() }, proof, at))
    }

    /// Computes the root log's entry from the head and its siblings.
    pub fn entry(&self) -> DirectoryEntry {
        // At most 32 siblings were parsed; a longer path gives an entry of no root log.
        let depth = self.siblings.len() as u8;
        let slot = self.head.origin.slot(depth);
        let top = root_of_path(slot, &head_leaf(&self.head, &self.salt), &self.siblings);
        DirectoryEntry { time: self.time, hash: directory_hash(depth, &top) }
    }

    /// True if the root log with this size and root hash has a directory with this head at the anchor's tick.
    pub fn is_in(&self, size: u64, root: &Hash) -> bool {
        let leaf = leaf_hash(self.entry().to_string().as_bytes());
        verify_inclusion(self.tick, size, &leaf, &self.hashes, root).is_ok()
    }

    fn write(&self, first_line: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Head { origin, size, root, state } = &self.head;
        let (state, salt) = (state.as_str(), base64::encode(self.salt));
        writeln!(f, "{first_line}\n{origin}\n{size}\n{root}\n{state}\n{salt}\n{}", self.time)?;
        self.siblings.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        writeln!(f)
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(ANCHOR_LINE, f)?;
        writeln!(f, "index {}", self.tick)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))
    }
}

impl HeadProof {
    /// Parses a head proof. Verifies nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`], with the line, if the head proof is malformed. [`Code::Checkpoint`] if its checkpoint is, with
    /// the line counted from the checkpoint's first line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (anchor, proof, at) = Anchor::parse_before_proof(text, HEAD_LINE)?;
        let proof = Proof::parse(proof)?;
        if proof.extra.is_some() {
            return Err(refuse(at + 1, "the proof in a head must not have an extra line"));
        }
        Checkpoint::parse_text(&proof.checkpoint.note.text)?;
        let anchor = Anchor { tick: proof.index, hashes: proof.hashes, ..anchor };
        Ok(Self { anchor, checkpoint: proof.checkpoint })
    }

    /// True if the text has the first line of a head proof.
    pub fn is_head(text: &str) -> bool {
        text.strip_prefix(HEAD_LINE).is_some_and(|rest| rest.starts_with('\n'))
    }

    /// Returns the head.
    pub const fn head(&self) -> &Head {
        &self.anchor.head
    }

    /// Checks that the head is in the last directory of the root log's checkpoint. Does not verify signatures.
    ///
    /// # Errors
    ///
    /// The first [`HeadError`] that applies, in the order of its variants.
    pub fn check(&self) -> Result<(), HeadError> {
        let Checkpoint { origin, size, root } = &self.checkpoint.checkpoint;
        if origin != self.head().origin.root() {
            return Err(HeadError::Origin);
        }
        if !self.anchor.is_in(*size, root) {
            return Err(HeadError::Path);
        }
        if self.anchor.tick + 1 != *size {
            return Err(HeadError::NotLast);
        }
        Ok(())
    }

    /// Checks that a trusted root log proves this head: [`check`](Self::check) succeeds, the root log's key signed the
    /// checkpoint, and witnesses meet the quorum.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] if one of these conditions isn't met, or if a trusted key's signature is invalid.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn verify(&self, trust: &Trust) -> Result<(), Error> {
        self.judge_with(&mut |claim| claim.is_valid(), trust).map_err(|(_, error)| error)
    }

    /// Like [`verify`](Self::verify), with a caller-supplied signature check and a verdict on failure: that of
    /// [`Proof::judge_with`], or [`Verdict::Broken`] if the checkpoint is not from the tenant's root log.
    ///
    /// # Errors
    ///
    /// The verdict and the error.
    pub fn judge_with(&self, is_valid: SignatureCheck<'_>, trust: &Trust) -> Result<(), (Verdict, Error)> {
        let why = match self.check() {
            Err(HeadError::Origin) => {
                Some((Verdict::Broken, "the head's checkpoint is not of the tenant's root log"))
            }
            Err(HeadError::NotLast) => {
                Some((Verdict::Altered, "the head is not of the checkpoint's last directory"))
            }
            Err(HeadError::Path) => {
                Some((Verdict::Altered, "the hashes do not lead from the head to the checkpoint"))
            }
            Ok(()) => None,
        };
        if let Some((verdict, why)) = why {
            return Err((verdict, Error::new(Code::Proof, why)));
        }
        let Anchor { tick: index, hashes, .. } = &self.anchor;
        let proof =
            Proof { extra: None, index: *index, hashes: hashes.clone(), checkpoint: self.checkpoint.clone() };
        proof.judge_any_log(is_valid, self.anchor.entry().to_string().as_bytes(), trust)
    }
}

impl fmt::Display for HeadProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.anchor.write(HEAD_LINE, f)?;
        let Anchor { tick: index, hashes, .. } = &self.anchor;
        write!(
            f,
            "{}",
            Proof { extra: None, index: *index, hashes: hashes.clone(), checkpoint: self.checkpoint.clone() }
        )
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::note::SignerKey;

    type Change = fn(&mut HeadProof);

    const ORIGIN: &str = "log.example/t/8f000000000000000000000000000001";

    fn signer() -> SignerKey {
        SignerKey::from_seed("log.example", [1; 32]).expect("a name")
    }

    fn anchor() -> Anchor {
        Anchor {
            head: Head {
                origin: TenantOrigin::parse(ORIGIN).expect("a tenant's origin"),
                size: 3,
                root: Hash([3; 32]),
                state: State::Live,
            },
            salt: [4; 16],
            time: Time::MIN,
            siblings: vec![Hash([5; 32]); 10],
            tick: 1,
            hashes: vec![Hash([6; 32])],
        }
    }

    /// Returns a proof at the second of two entries.
    fn proof(anchor: Anchor) -> HeadProof {
        let leaf = leaf_hash(anchor.entry().to_string().as_bytes());
        let root = crate::merkle::node_hash(&Hash([6; 32]), &leaf);
        let note =
            Checkpoint::new("log.example", 2, root).expect("a checkpoint").sign(&signer()).expect("its key");
        HeadProof { anchor, checkpoint: SignedCheckpoint::parse(&note).expect("a checkpoint") }
    }

    #[test]
    fn states_have_numbers() {
        for state in [State::Live, State::Ended, State::Moved] {
            assert_eq!(State::from_byte(state.to_byte()), Some(state));
        }
        assert_eq!(State::from_byte(3), None);
    }

    #[test]
    fn texts_round_trip() {
        let proof = proof(anchor());
        assert_eq!(HeadProof::parse(&proof.to_string()), Ok(proof.clone()));
        let anchor = Anchor { tick: 4095, ..anchor() };
        assert_eq!(Anchor::parse(&anchor.to_string()), Ok(anchor.clone()));
        assert!(HeadProof::parse(&anchor.to_string()).is_err());
        assert!(Anchor::parse(&proof.to_string()).is_err());
    }

    #[test]
    fn verifying_requires_each_part() {
        let trust = Trust::default().with_log(signer().verifier_key().clone()).expect("a log's key");
        assert_eq!(proof(anchor()).verify(&trust), Ok(()));
        assert!(proof(anchor()).verify(&Trust::default()).is_err());
        let path: [Change; 10] = [
            |proof| proof.anchor.head.size += 1,
            |proof| proof.anchor.head.root.0[0] ^= 1,
            |proof| proof.anchor.head.state = State::Ended,
            |proof| {
                proof.anchor.head.origin = TenantOrigin::new("log.example", [0x8f; 16]).expect("a tenant");
            },
            |proof| proof.anchor.salt[15] ^= 1,
            |proof| proof.anchor.time = Time::MAX,
            |proof| proof.anchor.siblings[9].0[0] ^= 1,
            |proof| proof.anchor.siblings.truncate(9),
            |proof| proof.anchor.hashes[0].0[0] ^= 1,
            |proof| proof.anchor.tick = 0,
        ];
        for (number, change) in path.into_iter().enumerate() {
            let mut changed = proof(anchor());
            change(&mut changed);
            assert_eq!(changed.check(), Err(HeadError::Path), "{number}");
            assert!(changed.verify(&trust).is_err(), "{number}");
        }
        let mut other = proof(anchor());
        other.checkpoint.checkpoint.origin = "other.example".into();
        assert_eq!(other.check(), Err(HeadError::Origin));
    }

    #[test]
    fn an_earlier_directory_of_the_checkpoint_is_outdated() {
        let anchor = Anchor { tick: 0, ..anchor() };
        let leaf = leaf_hash(anchor.entry().to_string().as_bytes());
        let root = crate::merkle::node_hash(&leaf, &Hash([6; 32]));
        let note =
            Checkpoint::new("log.example", 2, root).expect("a checkpoint").sign(&signer()).expect("its key");
        let proof = HeadProof { anchor, checkpoint: SignedCheckpoint::parse(&note).expect("a checkpoint") };
        assert_eq!(proof.check(), Err(HeadError::NotLast));
    }

    #[test]
    fn refuses_malformed_texts() {
        let good = proof(anchor()).to_string();
        let sibling = format!("{}\n", Hash([5; 32]));
        let with_siblings = |count| good.replacen(&sibling.repeat(10), &sibling.repeat(count), 1);
        for count in [8, 32] {
            assert!(HeadProof::parse(&with_siblings(count)).is_ok(), "{count}");
        }
        // A signature line with a long name is valid.
        let padded = |length: usize| {
            let line = |name: &str| format!("— {name} {}\n", base64::encode([0_u8; 68]));
            good.clone() + &line(&"x".repeat(length - good.len() - line("").len()))
        };
        assert!(HeadProof::parse(&padded(MAX_TEXT_BYTES)).is_ok());
        let index = "index 1\n";
        let cases = [
            with_siblings(7),
            with_siblings(33),
            good.replacen("head", "heads", 1),
            good.replacen("\n3\n", "\n03\n", 1),
            good.replacen("live", "lived", 1),
            good.replacen("/t/8f", "/t/8F", 1),
            good.replacen("\n\n", "\n", 1),
            good.replacen(index, &format!("extra AAAA\n{index}"), 1),
            good.replacen(".000Z", "Z", 1),
            good.replacen('\n', "\r\n", 1),
            padded(MAX_TEXT_BYTES + 1),
        ];
        for text in cases {
            assert!(HeadProof::parse(&text).is_err(), "{text:?}");
        }
        let good = Anchor { tick: 4095, ..anchor() }.to_string();
        assert!(Anchor::parse(&good).is_ok());
        let other_tick = good.replacen("4095", "4096", 1);
        for text in [
            good.trim_end().to_owned(),
            good.clone() + "\n",
            good.replacen("index 4095\n", "", 1),
            other_tick,
        ] {
            assert!(Anchor::parse(&text).is_err(), "{text:?}");
        }
    }
}
