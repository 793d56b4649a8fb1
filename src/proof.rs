//! Self-contained proofs: a leaf's inclusion proof together with the checkpoint that it leads to (SPEC section 6;
//! C2SP tlog-proof).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 6
//! TDbqtrvTTssx+vJdgvcJDYIaUur6Ki8q83r7SCFfUto=
//! NsUDXhQEm/oknTCPUS6wEj0Pnpaqc5ms/3vb9+FjHxs=
//! 9WkBplZrF3ozJe4rwKGY63utG55UFNIaMtEleZEzcP0=
//! +VGcShwyUD+u1+IpnSA49EWkqqvQPyhQY4ZCsuxNIno=
//!
//! log.example/audit
//! 15
//! HpQxLmBSgSpRXEAqbnQ4ks5t/0Dj7bKZVX6n9Uw9pko=
//!
//! — log.example/audit jj6ON8tPF3NxcCyeLe5pZhL4cdRMeXjYjsK2atv1mYua4K0T/18/w16QfsXsdFx5JbR3MuCpshay3U+hKDowDmNRYgA=
//! ```
//!
//! The hashes lead from the leaf's sibling up to the root's child. After the first line there may be an `extra` line
//! with base64 data, which is not authenticated.
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
//! use countersign::merkle::{leaf_hash, node_hash};
//! use countersign::note::SignerKey;
//! use countersign::proof::Proof;
//! use countersign::trust::Trust;
//!
//! let log = SignerKey::from_seed("log.example/audit", [1; 32])?;
//! let (left, right) = (leaf_hash(b"one leaf"), leaf_hash(b"another leaf"));
//! let checkpoint = Checkpoint::new("log.example/audit", 2, node_hash(&left, &right))?.sign(&log)?;
//! let proof = Proof {
//!     extra: None,
//!     index: 1,
//!     hashes: vec![left],
//!     checkpoint: SignedCheckpoint::parse(&checkpoint)?,
//! };
//!
//! let read = Proof::parse(&proof.to_string())?;
//! let trust = Trust::default().with_log(log.verifier_key().clone())?;
//! read.verify(b"another leaf", None, &trust)?;
//! assert!(read.verify(b"one leaf", None, &trust).is_err());
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

use core::fmt;

use crate::base64;
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::error::{Code, Error, Quoted};
use crate::expectation::Expectation;
use crate::hash::Hash;
use crate::integer;
use crate::merkle::{MAX_SIZE, leaf_hash, verify_inclusion};
use crate::note::SignatureCheck;
use crate::trust::Trust;
pub use crate::verdict::Verdict;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The height of the tree of [`MAX_SIZE`] leaves.
const MAX_HASHES: usize = MAX_SIZE.ilog2() as usize + 1;

/// A proof that a leaf is in a log, for offline verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Data added by the proof's author; not authenticated. Not empty.
    pub extra: Option<Vec<u8>>,
    /// The leaf's index.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up to the root's child.
    pub hashes: Vec<Hash>,
    /// The checkpoint whose root the hashes lead to. Checkpoints of other logs may have extension lines.
    pub checkpoint: SignedCheckpoint,
}

impl Proof {
    /// Parses a proof. Verifies nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`], with the line, if it is malformed; [`Code::Checkpoint`], with the line counted from the
    /// checkpoint's first line, if the checkpoint in it is.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (head, checkpoint) = split_at_empty_line(text)
            .ok_or_else(|| Error::new(Code::Proof, "the proof has no empty line"))?;
        let mut lines = head.split('\n').zip(1..).peekable();
        if lines.next().is_none_or(|(line, _)| line != FIRST_LINE) {
            return Err(refuse(1, "the proof does not begin with the line \"c2sp.org/tlog-proof@v1\""));
        }
        let extra = lines.next_if(|(line, _)| line.starts_with("extra ")).map(|(line, at)| {
            let data = base64::decode(&line["extra ".len()..]).filter(|data| !data.is_empty());
            data.ok_or_else(|| refuse(at, "the extra data is not base64, or is empty"))
        });
        let extra = extra.transpose()?;
        let (index, hashes) = parse_path(lines)?;
        Ok(Self { extra, index, hashes, checkpoint: SignedCheckpoint::parse_extended(checkpoint)? })
    }

    /// Checks that `leaf` is in the log that the reader expects: the log's key signed the checkpoint, witnesses meet the
    /// quorum, and the hashes lead from the leaf to the root.
    ///
    /// `expected` is the log's origin. If the trust file has `origin` lines, one of them must name the log in any case.
    /// Without both, any log of the trust file will do.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] if one of these is not the case, or if a trusted key's signature on the checkpoint is invalid.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn verify(&self, leaf: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), Error> {
        self.judge(leaf, expected, trust).map_err(|(_, error)| error)
    }

    /// Like [`verify`](Self::verify), with a verdict on failure: [`Verdict::Altered`] if the hashes do not lead to
    /// the root or a trusted key's signature is invalid, [`Verdict::Broken`] if the log is another one or the quorum is
    /// not met, [`Verdict::Untrusted`] if no trusted log key signed.
    ///
    /// # Errors
    ///
    /// One of these verdicts, and the error.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn judge(&self, leaf: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), (Verdict, Error)> {
        self.judge_with(&mut |claim| claim.is_valid(), leaf, expected, trust)
    }

    /// Like [`judge`](Self::judge), with a caller-supplied signature check. As long as `is_valid` returns true, it is
    /// called with the same claims in the same order.
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
        let judged = self.judge_any_log(is_valid, leaf, trust);
        if matches!(judged, Ok(()) | Err((Verdict::Untrusted, _))) {
            let origin = &self.checkpoint.checkpoint.origin;
            Expectation::new(expected, trust).check(origin).map_err(|error| (Verdict::Broken, error))?;
        }
        judged
    }

    /// Checks that `leaf` is in a trusted log, whether or not the reader expects this log: a tenant log's head is proven by
    /// its root log.
    pub(crate) fn judge_any_log(
        &self,
        is_valid: SignatureCheck<'_>,
        leaf: &[u8],
        trust: &Trust,
    ) -> Result<(), (Verdict, Error)> {
        let refuse = |why: String| Error::new(Code::Proof, why);
        let altered = |error| (Verdict::Altered, error);
        let Checkpoint { origin, size, root } = &self.checkpoint.checkpoint;
        let invalid = |kind, key| altered(refuse(format!("the {kind} of {key} is invalid")));
        let log = self.checkpoint.log_signatures_with(is_valid, trust.logs());
        if let Some(key) = log.invalid.first() {
            return Err(invalid("signature", key));
        }
        let cosigned = self.checkpoint.cosignatures_with(is_valid, trust.witnesses());
        if let Some(key) = cosigned.invalid.first() {
            return Err(invalid("cosignature", key));
        }
        verify_inclusion(self.index, *size, &leaf_hash(leaf), &self.hashes, root).map_err(altered)?;
        let by = |witness| cosigned.verified.iter().any(|cosignature| cosignature.witness == witness);
        if !trust.quorum_met(&by) {
            let why = "too few trusted witnesses cosigned the checkpoint to meet the quorum";
            return Err((Verdict::Broken, refuse(why.to_owned())));
        }
        if log.verified.is_empty() {
            let why = format!("no trusted log key signed this checkpoint of {}", Quoted(origin));
            let hint = "add the log's key to the trust file if you have it from a source you trust";
            return Err((Verdict::Untrusted, refuse(why).with_hint(hint)));
        }
        Ok(())
    }
}

fn refuse(line: u64, why: &str) -> Error {
    Error::new(Code::Proof, why).at_line(line)
}

/// Returns the text before the first empty line, without its line feed, and the text after it.
pub(crate) fn split_at_empty_line(text: &str) -> Option<(&str, &str)> {
    // Not `split_once`: its general string search is a lot of code.
    let empty = text.as_bytes().windows(2).position(|pair| pair == b"\n\n")?;
    Some((&text[..empty], &text[empty + 2..]))
}

/// Parses the index line and the lines of hashes after it. The lines come with their numbers.
pub(crate) fn parse_path<'a>(
    mut lines: impl Iterator<Item = (&'a str, u64)>,
) -> Result<(u64, Vec<Hash>), Error> {
    let (line, at) = lines.next().ok_or_else(|| refuse(2, "the proof has no index line"))?;
    let index = line.strip_prefix("index ").and_then(|index| integer::parse(index.as_bytes()));
    let index = index
        .ok_or_else(|| refuse(at, "the index line is not \"index\" and a decimal number up to 2^53 - 1"))?;
    Ok((index, parse_hashes(lines)?))
}

/// Parses the lines with the hashes of an inclusion proof. The lines come with their numbers.
pub(crate) fn parse_hashes<'a>(lines: impl Iterator<Item = (&'a str, u64)>) -> Result<Vec<Hash>, Error> {
    let mut hashes = Vec::new();
    for (line, at) in lines {
        if hashes.len() == MAX_HASHES {
            return Err(refuse(at, "the proof has more hashes than any inclusion proof"));
        }
        hashes.push(Hash::from_base64(line).ok_or_else(|| refuse(at, "the line is not base64 of 32 bytes"))?);
    }
    Ok(hashes)
}

impl fmt::Display for Proof {
    /// Writes the proof as the text of a file. Omits an empty `extra`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "extra {}", base64::encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::note::{Claim, SignerKey};

    fn signer(seed: u8) -> SignerKey {
        SignerKey::from_seed("log.example", [seed; 32]).expect("a name")
    }

    /// Returns the proof of a log's only leaf, with more signature lines on the checkpoint.
    fn proof(lines: &str) -> Proof {
        let checkpoint = Checkpoint::new("log.example", 1, leaf_hash(b"leaf")).expect("a checkpoint");
        let note = checkpoint.sign(&signer(1)).expect("the log's key") + lines;
        let checkpoint = SignedCheckpoint::parse(&note).expect("a checkpoint");
        Proof { extra: Some(b"more".to_vec()), index: 0, hashes: vec![], checkpoint }
    }

    #[test]
    fn verifying_requires_the_quorum() {
        let witness = SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name");
        let checkpoint = proof("").checkpoint.checkpoint;
        let line = checkpoint.cosign(&witness, 5).expect("a witness's key");
        let file = format!("log {}\nwitness w {}\n", signer(1).verifier_key(), witness.verifier_key());
        let strict = Trust::parse(format!("{file}quorum w\n").as_bytes()).expect("a trust file");
        let lax = Trust::parse(format!("{file}quorum none\n").as_bytes()).expect("a trust file");
        assert_eq!(proof(&line).verify(b"leaf", None, &strict), Ok(()));
        assert!(proof("").verify(b"leaf", None, &strict).is_err());
        assert_eq!(proof("").verify(b"leaf", None, &lax), Ok(()));
        let mut forged = proof(&line);
        forged.checkpoint.note.signatures[1].signature[70] ^= 1;
        assert!(forged.verify(b"leaf", None, &lax).is_err(), "an invalid line of a trusted key");
    }

    #[test]
    fn each_failure_has_its_verdict() {
        let trust = |file: &str| Trust::parse(file.as_bytes()).expect("a trust file");
        let log = format!("log {}\n", signer(1).verifier_key());
        let witness = SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name");
        let quorum = format!("witness w {}\nquorum w\n", witness.verifier_key());
        let verdict = |proof: &Proof, leaf: &[u8], file: &str| {
            proof.judge(leaf, None, &trust(file)).map_err(|(verdict, _)| verdict)
        };
        let good = proof("");
        assert_eq!(verdict(&good, b"leaf", &log), Ok(()));
        assert_eq!(verdict(&good, b"another", &log), Err(Verdict::Altered));
        assert_eq!(verdict(&good, b"leaf", ""), Err(Verdict::Untrusted));
        assert_eq!(verdict(&good, b"another", ""), Err(Verdict::Altered), "even without a trusted signature");
        assert_eq!(verdict(&good, b"leaf", &(log.clone() + &quorum)), Err(Verdict::Broken));
        let mut forged = good;
        forged.checkpoint.note.signatures[0].signature[7] ^= 1;
        assert_eq!(verdict(&forged, b"leaf", &log), Err(Verdict::Altered));
    }

    /// SPEC section 8: all `origin` lines together are one expectation.
    #[test]
    fn the_log_must_be_an_expected_one() {
        let log = format!("log {}\n", signer(1).verifier_key());
        let verdict = |expected, lines: &str| {
            let trust = Trust::parse((log.clone() + lines).as_bytes()).expect("a trust file");
            proof("").judge(b"leaf", expected, &trust).map_err(|(verdict, _)| verdict)
        };
        let (this, other) = ("origin log.example\n", "origin other.example\n");
        let tenant = "origin log.example/t/8f000000000000000000000000000001\n";
        for lines in ["", this, &(other.to_owned() + this)] {
            assert_eq!(verdict(None, lines), Ok(()), "{lines}");
            assert_eq!(verdict(Some("log.example"), lines), Ok(()), "{lines}");
            assert_eq!(verdict(Some("other.example"), lines), Err(Verdict::Broken), "{lines}");
        }
        for lines in [other, tenant] {
            assert_eq!(verdict(None, lines), Err(Verdict::Broken), "{lines}");
            assert_eq!(verdict(Some("log.example"), lines), Err(Verdict::Broken), "{lines}");
        }
    }

    #[test]
    fn a_caller_supplied_signature_check_gives_the_same_verdict() {
        let witness = SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name");
        let line = proof("").checkpoint.checkpoint.cosign(&witness, 5).expect("a witness's key");
        let log = format!("log {}\n", signer(1).verifier_key());
        let quorum = format!("witness w {}\nquorum w\n", witness.verifier_key());
        let files = [String::new(), log.clone(), log + &quorum];
        let mut proofs = vec![proof(""), proof(&line)];
        for signature in 0..2 {
            for bytes in [63..64, 0..1] {
                let mut short = proof(&line);
                short.checkpoint.note.signatures[signature].signature.drain(bytes.clone());
                proofs.push(short);
                let mut forged = proof(&line);
                forged.checkpoint.note.signatures[signature].signature[10] ^= 1;
                proofs.push(forged);
            }
        }
        for (proof, file) in proofs.iter().flat_map(|proof| files.iter().map(move |file| (proof, file))) {
            let trust = Trust::parse(file.as_bytes()).expect("a trust file");
            for leaf in [&b"leaf"[..], b"another"] {
                let mut answers = Vec::new();
                let mut collect = |claim: &Claim<'_>| {
                    answers.push(claim.is_valid());
                    true
                };
                let _ = proof.judge_with(&mut collect, leaf, None, &trust);
                let mut answers = answers.into_iter();
                let judged = proof.judge_with(&mut |_| answers.next() == Some(true), leaf, None, &trust);
                assert_eq!(judged, proof.judge(leaf, None, &trust), "{proof} {file}");
            }
        }
    }

    #[test]
    fn checkpoints_of_other_logs_may_have_extension_lines() {
        let good = proof("");
        let text = format!("{}an extension line\n", good.checkpoint.note.text);
        let checkpoint = crate::note::sign_note(&text, &signer(1)).expect("a text");
        let head = good.to_string();
        let (head, _) = head.split_once("\n\n").expect("an empty line");
        let read = Proof::parse(&format!("{head}\n\n{checkpoint}")).expect("a proof");
        let trust = Trust::default().with_log(signer(1).verifier_key().clone()).expect("a log's key");
        assert_eq!(read.verify(b"leaf", None, &trust), Ok(()));
    }

    #[test]
    fn only_keys_named_like_the_log_count() {
        let named = |name: &str| {
            let key = SignerKey::from_seed(name, [1; 32]).expect("a name").verifier_key().clone();
            Trust::default().with_log(key).expect("a log's key")
        };
        assert_eq!(proof("").verify(b"leaf", None, &named("log.example")), Ok(()));
        assert!(proof("").verify(b"leaf", None, &named("other.example")).is_err());
        let other = Trust::default().with_log(signer(2).verifier_key().clone()).expect("a log's key");
        assert!(proof("").verify(b"leaf", None, &other).is_err());
    }

    #[test]
    fn rejects_malformed_proofs() {
        let good = proof("").to_string();
        assert_eq!(Proof::parse(&good), Ok(proof("")));
        let hash = format!("{}\n", leaf_hash(b"sibling"));
        let with_hashes = |count| good.replacen("index 0\n", &format!("index 0\n{}", hash.repeat(count)), 1);
        assert!(Proof::parse(&with_hashes(53)).is_ok());
        let cases = [
            with_hashes(54),
            good.replace("@v1", "@v2"),
            good.replace("index 0", "index 00"),
            good.replace("index 0", "index +0"),
            good.replace("index 0", "index  0"),
            good.replace("index 0", "index 9007199254740992"),
            good.replace("index 0\n", ""),
            good.replace("extra bW9yZQ==", "extra "),
            good.replace("extra bW9yZQ==", "extra bW9yZR=="),
            good.replace("extra bW9yZQ==", "extra bW9yZQ==\nextra bW9yZQ=="),
            good.replace('\n', "\r\n"),
            good.replace("\n\n", "\n"),
            good.trim_end().to_owned(),
            good + "\n",
        ];
        for text in cases {
            assert!(Proof::parse(&text).is_err(), "{text:?}");
        }
    }
}
