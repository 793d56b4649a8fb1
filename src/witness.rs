//! Witnesses: what they are asked, what they answer, and when they cosign (C2SP tlog-witness).
//!
//! A witness sees to it that a log only grows. For each log it keeps the size and root of the last
//! checkpoint that it cosigned, and cosigns another one only when a consistency proof shows that
//! the tree has grown from there. Nothing here reads a clock or keeps anything: whoever serves a
//! witness looks up the last state, asks [`check_add_checkpoint`], keeps the new state, and only then hands out the
//! cosignature.
//!
//! A request to `add-checkpoint` is the size of the last checkpoint that the witness is thought to
//! have, a consistency proof from there, and the new checkpoint:
//!
//! ```text
//! old 20852014
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
//! jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
//!
//! example.com/behind-the-sofa
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
//! use countersign::merkle::leaf_hash;
//! use countersign::note::SignerKey;
//! use countersign::witness::{AddCheckpointResponse, Request, check_add_checkpoint};
//!
//! let log = SignerKey::from_seed("log.example/audit", [1; 32])?;
//! let witness = SignerKey::witness_from_seed("witness.example", [2; 32])?;
//!
//! // The log asks,
//! let checkpoint = Checkpoint::new("log.example/audit", 1, leaf_hash(b"a leaf"))?.sign(&log)?;
//! let checkpoint = SignedCheckpoint::parse(&checkpoint)?;
//! let body = Request { old_size: 0, proof: vec![], checkpoint: checkpoint.clone() }.to_string();
//!
//! // the witness, which never saw the log before, decides,
//! let request = Request::parse(body.as_bytes()).expect("a request");
//! let accepted = check_add_checkpoint(&request, &[log.verifier_key().clone()], None).expect("a log may begin");
//! assert_eq!(accepted.tree_head().size, 1); // to be kept before it answers
//! let line = accepted.cosign(&witness, 1_795_154_400)?;
//!
//! // and the log reads the answer.
//! let keys = [witness.verifier_key().clone()];
//! let answer = AddCheckpointResponse::read(200, None, line.as_bytes(), &checkpoint, &keys)?;
//! assert!(matches!(answer, AddCheckpointResponse::Cosigned(lines) if lines.len() == 1));
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

use core::fmt;

use crate::checkpoint::SignedCheckpoint;
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::integer;
use crate::merkle::{empty_root, verify_consistency};
#[cfg(feature = "sign")]
use crate::note::SignerKey;
use crate::note::{Note, SignatureLine, VerifierKey};

/// The most lines that a consistency proof may have.
pub const MAX_PROOF: usize = 63;

/// The most bytes that a request, or an answer, may have: more than 64 signature lines of any
/// kind take.
pub const MAX_BYTES: usize = 1 << 18;

/// The content type of the answer that tells the size of the last cosigned checkpoint.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// What a witness is asked: to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The size of the last checkpoint of that log that the witness cosigned, or 0.
    pub old_size: u64,
    /// The consistency proof from there, of at most [`MAX_PROOF`] hashes.
    pub proof: Vec<Hash>,
    /// The checkpoint, perhaps with extension lines.
    pub checkpoint: SignedCheckpoint,
}

impl Request {
    /// Reads the body of a request. No signature and no proof is verified.
    ///
    /// # Errors
    ///
    /// [`CosignError::Malformed`] when it is above [`MAX_BYTES`] or not of the form that C2SP
    /// tlog-witness gives.
    pub fn parse(body: &[u8]) -> Result<Self, CosignError> {
        Self::read(body).map_err(CosignError::Malformed)
    }

    fn read(body: &[u8]) -> Result<Self, Error> {
        let refuse = |line: u64, why: &str| Error::new(Code::Witness, why).at_line(line);
        if body.len() > MAX_BYTES {
            return Err(Error::new(Code::Witness, "the request is above 256 KiB"));
        }
        let body =
            core::str::from_utf8(body).map_err(|_| Error::new(Code::Witness, "the request is not UTF-8"))?;
        let (head, checkpoint) = body
            .split_once("\n\n")
            .ok_or_else(|| Error::new(Code::Witness, "there is no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').zip(1..);
        let old_size =
            lines.next().and_then(|(line, _)| integer::parse(line.strip_prefix("old ")?.as_bytes()));
        let old_size =
            old_size.ok_or_else(|| refuse(1, "the first line is \"old\" and a decimal, at most 2^53 - 1"))?;
        let mut proof = Vec::new();
        for (line, at) in lines {
            if proof.len() == MAX_PROOF {
                return Err(refuse(at, "a consistency proof has at most 63 lines"));
            }
            proof.push(Hash::from_base64(line).ok_or_else(|| refuse(at, "a hash is base64 of 32 bytes"))?);
        }
        let before = 2 + proof.len() as u64;
        let checkpoint = SignedCheckpoint::parse_extended(checkpoint).map_err(|error| match error.line {
            Some(line) => error.at_line(line + before),
            None => error,
        })?;
        Ok(Self { old_size, proof, checkpoint })
    }
}

impl fmt::Display for Request {
    /// The body of the request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What a witness keeps of a log: the last checkpoint that it cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The number of leaves.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
}

/// Decides about a request. `logs` are the keys that the witness trusts, each with its log's origin
/// as its name; `last` is what it kept of the log that the checkpoint is of.
///
/// Between reading `last` and keeping the state of what was accepted no other decision about the
/// same log may come, or the log could be rolled back.
///
/// # Errors
///
/// The refusal to answer with.
pub fn check_add_checkpoint<'a>(
    request: &'a Request,
    logs: &[VerifierKey],
    last: Option<TreeHead>,
) -> Result<Accepted<'a>, CosignError> {
    let Request { old_size, proof, checkpoint: signed } = request;
    let new = &signed.checkpoint;
    if !logs.iter().any(|key| key.name() == new.origin) {
        return Err(CosignError::UnknownLog);
    }
    let opened = signed.log_signatures(logs);
    if !opened.invalid.is_empty() {
        return Err(CosignError::InvalidSignature);
    }
    if opened.verified.is_empty() {
        return Err(CosignError::Unsigned);
    }
    if *old_size > new.size {
        return Err(CosignError::OldSize);
    }
    let size = last.map_or(0, |last| last.size);
    if *old_size != size {
        return Err(CosignError::Conflict { size });
    }
    if new.size == 0 && new.root != empty_root() {
        return Err(CosignError::EmptyRoot);
    }
    let root = last.map_or_else(empty_root, |last| last.root);
    verify_consistency(size, new.size, &root, &new.root, proof).map_err(|error| {
        if size == new.size && root != new.root {
            CosignError::SplitView
        } else {
            CosignError::Inconsistent(error)
        }
    })?;
    let signatures = opened.verified.iter().map(|signature| signature.line.to_string()).collect();
    Ok(Accepted { signed, signatures })
}

/// A checkpoint that a witness may cosign, once it has kept its [tree head](Self::tree_head).
#[derive(Clone, Debug)]
pub struct Accepted<'a> {
    signed: &'a SignedCheckpoint,
    /// The log's signature lines, which are valid.
    signatures: String,
}

impl Accepted<'_> {
    /// What to keep of this log from now on.
    pub fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.signed.checkpoint.size, root: self.signed.checkpoint.root }
    }

    /// The cosignature: the answer to the request, once the state is kept. `seconds` is the time
    /// since 1970.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] when the key is not a witness's, [`Code::Time`] when the time is 0 or after
    /// the year 9999.
    #[cfg(feature = "sign")]
    pub fn cosign(&self, key: &SignerKey, seconds: u64) -> Result<String, Error> {
        if seconds == 0 {
            return Err(Error::new(Code::Time, "a witness's cosignature has a time"));
        }
        self.signed.cosign(key, seconds)
    }

    /// The checkpoint with the log's verified signatures and these cosignatures, for monitors.
    pub fn note(&self, cosignatures: &str) -> String {
        format!("{}\n{}{cosignatures}", self.signed.note.text, self.signatures)
    }
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[non_exhaustive]
pub enum CosignError {
    /// The request is not of the right form.
    Malformed(Error),
    /// The old size is above the checkpoint's.
    #[display("the old size is above the checkpoint's")]
    OldSize,
    /// No key that the witness trusts for this log signed.
    #[display("no key that is trusted for this log signed the checkpoint")]
    Unsigned,
    /// A signature that names a trusted key is invalid.
    #[display("a signature of a trusted key is invalid")]
    InvalidSignature,
    /// The witness does not watch this log.
    #[display("this witness does not watch a log of this origin")]
    UnknownLog,
    /// The last checkpoint that the witness cosigned is of another size.
    #[display("the last cosigned checkpoint is of {size} leaves")]
    Conflict {
        /// That size.
        size: u64,
    },
    /// The tree of no leaves has another root.
    #[display("the root of no leaves is the hash of nothing")]
    EmptyRoot,
    /// The last checkpoint that the witness cosigned is of the same size and has another root.
    #[display("a checkpoint of this size with another root was cosigned before")]
    SplitView,
    /// The tree is not shown to have grown from the last one that the witness cosigned.
    Inconsistent(Error),
}

impl CosignError {
    /// The status of the HTTP answer.
    pub const fn status(&self) -> u16 {
        self.parts().0
    }

    /// The reason as a word that programs may compare, for example `witness.conflict`.
    pub const fn code(&self) -> &'static str {
        self.parts().1
    }

    /// Status, code, and the text where it is always the same.
    const fn parts(&self) -> (u16, &'static str) {
        match self {
            Self::Malformed(_) => (400, "witness.malformed"),
            Self::OldSize => (400, "witness.old_size"),
            Self::Unsigned => (403, "witness.unsigned"),
            Self::InvalidSignature => (403, "witness.signature"),
            Self::UnknownLog => (404, "witness.unknown_log"),
            Self::Conflict { .. } => (409, "witness.conflict"),
            Self::EmptyRoot => (422, "witness.empty_root"),
            Self::SplitView => (422, "witness.split_view"),
            Self::Inconsistent(_) => (422, "witness.inconsistent"),
        }
    }

    /// The content type of the HTTP answer.
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => SIZE_CONTENT_TYPE,
            _ => "text/plain; charset=utf-8",
        }
    }

    /// The body of the HTTP answer.
    pub fn body(&self) -> String {
        match self {
            Self::Conflict { size } => format!("{size}\n"),
            other => format!("{}: {other}\n", other.code()),
        }
    }
}

impl core::error::Error for CosignError {}

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddCheckpointResponse {
    /// Its cosignatures: at least one, all valid, of known keys.
    Cosigned(Vec<SignatureLine>),
    /// The last checkpoint that it cosigned is of this size: ask again, with a proof from there.
    Conflict {
        /// That size.
        size: u64,
    },
    /// It does not cosign.
    Refused {
        /// The status of the HTTP answer.
        status: u16,
    },
}

impl AddCheckpointResponse {
    /// Reads the answer to a request for `checkpoint`, of a witness with these keys. Signature
    /// lines of other keys are ignored.
    ///
    /// # Errors
    ///
    /// [`Code::Witness`] when the answer is above [`MAX_BYTES`], is not of the form that C2SP
    /// tlog-witness gives, has an invalid cosignature of a known key, or has none of any.
    pub fn read(
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
        checkpoint: &SignedCheckpoint,
        keys: &[VerifierKey],
    ) -> Result<Self, Error> {
        let refuse = |why: &str| Error::new(Code::Witness, why);
        if body.len() > MAX_BYTES {
            return Err(refuse("the answer is above 256 KiB"));
        }
        let text = core::str::from_utf8(body);
        match status {
            200 => {
                let lines = text.map_err(|_| refuse("the answer is not UTF-8"))?;
                cosigned(lines, checkpoint, keys).map(Self::Cosigned)
            }
            409 => {
                let is_size =
                    content_type.is_some_and(|kind| kind.split(';').next() == Some(SIZE_CONTENT_TYPE));
                let size = text.ok().and_then(|text| integer::parse(text.strip_suffix('\n')?.as_bytes()));
                let size = size.filter(|_| is_size);
                let size = size.ok_or_else(|| refuse("the answer 409 does not tell a size"))?;
                Ok(Self::Conflict { size })
            }
            status => Ok(Self::Refused { status }),
        }
    }
}

fn cosigned(
    lines: &str,
    checkpoint: &SignedCheckpoint,
    keys: &[VerifierKey],
) -> Result<Vec<SignatureLine>, Error> {
    let refuse = |why: &str| Error::new(Code::Witness, why);
    let note = format!("{}\n{lines}", checkpoint.note.text);
    let note = Note::parse(&note).map_err(|_| refuse("the answer is not signature lines"))?;
    // An empty line among them would have made more of the answer text of the note.
    if note.text != checkpoint.note.text {
        return Err(refuse("the answer is not signature lines alone"));
    }
    let answer = SignedCheckpoint { checkpoint: checkpoint.checkpoint.clone(), note };
    let opened = answer.cosignatures(keys);
    if !opened.invalid.is_empty() || opened.verified.iter().any(|cosignature| cosignature.time.millis() == 0)
    {
        return Err(refuse("the witness's cosignature is invalid"));
    }
    if opened.verified.is_empty() {
        return Err(refuse("there is no cosignature of a known key in the answer"));
    }
    Ok(opened.verified.iter().map(|cosignature| cosignature.line.clone()).collect())
}
