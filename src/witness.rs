//! Witnesses: requests, responses, and the decision to cosign (C2SP tlog-witness).
//!
//! A witness ensures that a log only grows. For each log it stores the size and root of the last checkpoint that it
//! cosigned, and cosigns another one only if a consistency proof shows that the tree grew from there. This module
//! reads no clock and stores nothing. The server of a witness looks up the last state, calls
//! [`check_add_checkpoint`], stores the new state, and only then returns the cosignature.
//!
//! An `add-checkpoint` request has the size of the last checkpoint that the witness is believed to have cosigned, a
//! consistency proof from there, and the new checkpoint:
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
//! // The log sends a request.
//! let checkpoint = Checkpoint::new("log.example/audit", 1, leaf_hash(b"a leaf"))?.sign(&log)?;
//! let checkpoint = SignedCheckpoint::parse(&checkpoint)?;
//! let body = Request { old_size: 0, proof: vec![], checkpoint: checkpoint.clone() }.to_string();
//!
//! // The witness, which has never seen the log before, decides.
//! let request = Request::parse(body.as_bytes()).expect("a request");
//! let accepted = check_add_checkpoint(&request, &[log.verifier_key().clone()], None).expect("an acceptable request");
//! assert_eq!(accepted.tree_head().size, 1); // store it before responding
//! let line = accepted.cosign(&witness, 1_795_154_400)?;
//!
//! // The log reads the response.
//! let keys = [witness.verifier_key().clone()];
//! let answer = AddCheckpointResponse::read(200, None, line.as_bytes(), &checkpoint, &keys)?;
//! assert!(matches!(answer, AddCheckpointResponse::Cosigned(lines) if lines.len() == 1));
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

use core::fmt;

#[cfg(feature = "sign")]
use crate::checkpoint::Cosigner;
use crate::checkpoint::SignedCheckpoint;
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::integer;
use crate::merkle::{empty_root, verify_consistency};
use crate::note::{Note, SignatureLine, VerifierKey};

/// Maximum number of hashes in a consistency proof.
pub const MAX_PROOF: usize = 63;

/// Maximum size of a request or response, in bytes. 64 signature lines of any kind need less.
pub const MAX_BYTES: usize = 1 << 18;

/// The content type of the response with the size of the last cosigned checkpoint.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The size of the last checkpoint of the log that the witness cosigned, or 0.
    pub old_size: u64,
    /// The consistency proof from there, with at most [`MAX_PROOF`] hashes.
    pub proof: Vec<Hash>,
    /// The checkpoint, possibly with extension lines.
    pub checkpoint: SignedCheckpoint,
}

impl Request {
    /// Parses the body of a request. Verifies no signature and no proof.
    ///
    /// # Errors
    ///
    /// [`CosignError::Malformed`] if the body is larger than [`MAX_BYTES`] or does not have the form of C2SP
    /// tlog-witness.
    pub fn parse(body: &[u8]) -> Result<Self, CosignError> {
        Self::read(body).map_err(CosignError::Malformed)
    }

    fn read(body: &[u8]) -> Result<Self, Error> {
        let refuse = |line: u64, why: &str| Error::new(Code::Witness, why).at_line(line);
        if body.len() > MAX_BYTES {
            return Err(Error::new(Code::Witness, "the request is larger than 256 KiB"));
        }
        let body =
            core::str::from_utf8(body).map_err(|_| Error::new(Code::Witness, "the request is not UTF-8"))?;
        let (head, checkpoint) = body.split_once("\n\n").ok_or_else(|| {
            Error::new(Code::Witness, "the request has no empty line before the checkpoint")
        })?;
        let mut lines = head.split('\n').zip(1..);
        let old_size =
            lines.next().and_then(|(line, _)| integer::parse(line.strip_prefix("old ")?.as_bytes()));
        let old_size = old_size
            .ok_or_else(|| refuse(1, "the first line is not \"old\" and a decimal number up to 2^53 - 1"))?;
        let mut proof = Vec::new();
        for (line, at) in lines {
            if proof.len() == MAX_PROOF {
                return Err(refuse(at, "the consistency proof has more than 63 hashes"));
            }
            proof.push(
                Hash::from_base64(line).ok_or_else(|| refuse(at, "the line is not base64 of 32 bytes"))?,
            );
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
    /// Writes the body of the request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The state that a witness stores for a log: the last checkpoint that it cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The number of leaves.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
}

/// Decides on a request. `logs` are the keys that the witness trusts, named by their logs' origins. `last` is the
/// stored state of the checkpoint's log.
///
/// The caller must not decide on another request for the same log between reading `last` and storing the new state,
/// or the log could be rolled back.
///
/// # Errors
///
/// The refusal to respond with.
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
    if opened.verified.is_empty() || !signed.has_signed_extensions(&opened.verified) {
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

/// A checkpoint that a witness may cosign after storing its [tree head](Self::tree_head).
#[derive(Clone, Debug)]
pub struct Accepted<'a> {
    signed: &'a SignedCheckpoint,
    /// The log's valid signature lines.
    signatures: String,
}

impl Accepted<'_> {
    /// Returns the new state to store for this log.
    pub fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.signed.checkpoint.size, root: self.signed.checkpoint.root }
    }

    /// Cosigns the checkpoint and returns the response body. Store the state first. `seconds` is the time since 1970.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the key is not a witness's; [`Code::Time`] if the time is 0 or after the year 9999.
    #[cfg(feature = "sign")]
    pub fn cosign(&self, key: &(impl Cosigner + ?Sized), seconds: u64) -> Result<String, Error> {
        if seconds == 0 {
            return Err(Error::new(Code::Time, "the time of a witness's cosignature is 0"));
        }
        self.signed.cosign(key, seconds)
    }

    /// Returns the checkpoint with the log's verified signatures and these cosignatures, for monitors.
    pub fn note(&self, cosignatures: &str) -> String {
        format!("{}\n{}{cosignatures}", self.signed.note.text, self.signatures)
    }
}

/// The reason why a witness refuses to cosign.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[non_exhaustive]
pub enum CosignError {
    /// The request is malformed.
    Malformed(Error),
    /// The old size is greater than the checkpoint's size.
    #[display("the old size is greater than the checkpoint's size")]
    OldSize,
    /// No key that the witness trusts for this log signed the checkpoint.
    #[display("no trusted key of this log signed the checkpoint")]
    Unsigned,
    /// A trusted key's signature on the checkpoint is invalid.
    #[display("a trusted key's signature on the checkpoint is invalid")]
    InvalidSignature,
    /// The witness does not watch this log.
    #[display("this witness does not watch a log of this origin")]
    UnknownLog,
    /// The last checkpoint that the witness cosigned has another size.
    #[display("the last cosigned checkpoint has {size} entries")]
    Conflict {
        /// The size of that checkpoint.
        size: u64,
    },
    /// The root of an empty tree is wrong.
    #[display("the root of an empty tree is not the hash of nothing")]
    EmptyRoot,
    /// The witness cosigned another checkpoint of the same size with a different root.
    #[display("a checkpoint of this size with another root was cosigned before")]
    SplitView,
    /// The consistency proof from the last cosigned checkpoint is invalid.
    Inconsistent(Error),
}

impl CosignError {
    /// Returns the status of the HTTP response.
    pub const fn status(&self) -> u16 {
        self.parts().0
    }

    /// Returns the reason as a stable code, for example `witness.conflict`.
    pub const fn code(&self) -> &'static str {
        self.parts().1
    }

    /// Returns the HTTP status and the code.
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

    /// Returns the content type of the HTTP response.
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => SIZE_CONTENT_TYPE,
            _ => "text/plain; charset=utf-8",
        }
    }

    /// Returns the body of the HTTP response.
    pub fn body(&self) -> String {
        match self {
            Self::Conflict { size } => format!("{size}\n"),
            other => format!("{}: {other}\n", other.code()),
        }
    }
}

impl core::error::Error for CosignError {}

/// A witness's response to an `add-checkpoint` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddCheckpointResponse {
    /// The valid cosignatures of known keys; at least one.
    Cosigned(Vec<SignatureLine>),
    /// The last checkpoint that the witness cosigned has this size: retry with a proof from there.
    Conflict {
        /// The size of that checkpoint.
        size: u64,
    },
    /// The witness refuses to cosign.
    Refused {
        /// The status of the HTTP response.
        status: u16,
    },
}

impl AddCheckpointResponse {
    /// Parses the response to a request for `checkpoint` of a witness with these keys. Ignores signature lines of
    /// other keys.
    ///
    /// # Errors
    ///
    /// [`Code::Witness`] if the response is larger than [`MAX_BYTES`], does not have the form of C2SP tlog-witness,
    /// has an invalid cosignature of a known key, or has no cosignature of a known key.
    pub fn read(
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
        checkpoint: &SignedCheckpoint,
        keys: &[VerifierKey],
    ) -> Result<Self, Error> {
        let refuse = |why: &str| Error::new(Code::Witness, why);
        if body.len() > MAX_BYTES {
            return Err(refuse("the response is larger than 256 KiB"));
        }
        let text = core::str::from_utf8(body);
        match status {
            200 => {
                let lines = text.map_err(|_| refuse("the response is not UTF-8"))?;
                cosigned(lines, checkpoint, keys).map(Self::Cosigned)
            }
            409 => {
                let is_size =
                    content_type.is_some_and(|kind| kind.split(';').next() == Some(SIZE_CONTENT_TYPE));
                let size = text.ok().and_then(|text| integer::parse(text.strip_suffix('\n')?.as_bytes()));
                let size = size.filter(|_| is_size);
                let size =
                    size.ok_or_else(|| refuse("the response with status 409 does not contain a size"))?;
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
    let note = Note::parse(&note).map_err(|_| refuse("the response does not consist of signature lines"))?;
    // An empty line in the response would have turned part of it into the note's text.
    if note.text != checkpoint.note.text {
        return Err(refuse("the response does not consist of signature lines"));
    }
    let answer = SignedCheckpoint { checkpoint: checkpoint.checkpoint.clone(), note };
    let opened = answer.cosignatures(keys);
    if !opened.invalid.is_empty() || opened.verified.iter().any(|cosignature| cosignature.time.millis() == 0)
    {
        return Err(refuse("the witness's cosignature is invalid"));
    }
    if opened.verified.is_empty() {
        return Err(refuse("the response contains no cosignature of a known key"));
    }
    Ok(opened.verified.iter().map(|cosignature| cosignature.line.clone()).collect())
}
