//! Gathering cosignatures: the log's side of C2SP tlog-witness.
//!
//! A checkpoint is published when the quorum of the log's trust file is met, or when the witnesses had their time: a
//! log goes on when witnesses fail, says so, and asks them again. Readers ask for a quorum of their own and are never
//! misled by a checkpoint without one.
//!
//! A witness that contradicts the log is asked for its proof: a checkpoint with the log's own signature. A proof stops
//! the log. Without one the witness counts as one that doesn't cosign; if the quorum isn't met, the log signs nothing
//! until it is, or until the trust file no longer names the witness.

#[cfg(test)]
mod tests;

use std::time::Duration;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint, claimed_time};
use countersign::hash::Hash;
use countersign::hex;
use countersign::merkle::consistency_proof;
use countersign::note::{SignatureLine, VerifierKey};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::witness::{AddCheckpointResponse, Request};

use crate::clock::Timekeeper;
use crate::hashes::StoredHashes;
use crate::stop::{Cause, SigningStop, WitnessAnswer};
use crate::store::{EntryReader, Published};

/// How long witnesses get before a checkpoint is published without them.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// When witnesses who failed are asked again, though the log did not grow.
pub const AGAIN: Duration = Duration::from_secs(10);
/// When a log that does not grow shows that it is still seen.
pub const REFRESH: Duration = Duration::from_mins(10);
/// How often one witness may say that it is elsewhere.
const CONFLICTS: usize = 3;
/// The status by which a witness says that a tree did not grow from the one that it cosigned last.
const UNPROCESSABLE: u16 = 422;

/// Whether a log of that trust file has witnesses to ask.
pub fn has_witnesses(trust: Option<&Trust>) -> bool {
    trust.is_some_and(|trust| {
        let asked = |place| trust.witness_url(place).is_some();
        trust.has_quorum() && (0..trust.witnesses().len()).any(asked)
    })
}

/// A checkpoint of durable leaves, for witnesses to see before it is published.
#[derive(Clone, Debug)]
pub struct Unwitnessed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The signed note with it.
    pub note: String,
    /// The latest time of a link in it that no cosigned checkpoint holds.
    pub latest: Option<Time>,
}

/// A checkpoint, and who cosigned it so far.
pub struct Gathering {
    checkpoint: Unwitnessed,
    trust: Trust,
    cosigned: Vec<bool>,
    note: String,
}

impl Gathering {
    /// Of a log with that trust file.
    pub fn new(checkpoint: Unwitnessed, trust: Option<&Trust>) -> Self {
        let trust = trust.cloned().unwrap_or_default();
        let cosigned = vec![false; trust.witnesses().len()];
        Self { note: checkpoint.note.clone(), checkpoint, trust, cosigned }
    }

    /// The witnesses to ask: each one's place among all, its key, and where it is.
    pub fn witnesses(&self) -> impl Iterator<Item = (usize, &VerifierKey, &str)> {
        let witnesses = self.trust.witnesses().enumerate();
        witnesses.filter_map(|(place, key)| Some((place, key, self.trust.witness_url(place)?)))
    }

    /// One of them gave these signature lines.
    pub fn add(&mut self, place: usize, lines: &str) {
        if let Some(cosigned @ false) = self.cosigned.get_mut(place) {
            *cosigned = true;
            self.note.push_str(lines);
        }
    }

    /// Whether enough of them did.
    pub fn is_enough(&self) -> bool {
        self.trust.quorum_met(&|place| self.cosigned.get(place).copied().unwrap_or_default())
    }

    /// The checkpoint to publish.
    pub fn end(self, at: Time) -> Published {
        let (witnessed, size) = (self.is_enough(), self.checkpoint.checkpoint.size);
        if !witnessed {
            tracing::warn!(size, "published without the quorum of witnesses");
        }
        Published { size, note: self.note, at, witnessed }
    }
}

/// Why a witness gave no cosignature.
#[derive(Debug)]
pub enum NoCosignature {
    /// It cannot, or not now. The reason is for people.
    Failed(String),
    /// It has cosigned what contradicts the checkpoint.
    Contradicts(Box<Contradiction>),
}

impl From<String> for NoCosignature {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// What a witness has against a checkpoint.
#[derive(Clone, Debug)]
pub struct Contradiction {
    cause: Cause,
    checkpoint: String,
    answer: WitnessAnswer,
    /// The checkpoint that the witness says the log signed. Not verified.
    proof: Option<Box<SignedCheckpoint>>,
}

/// The sequencer's judgment of a contradiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assessment {
    /// The log has what the witness has seen.
    Refuted,
    /// Only the witness says so.
    Unproven,
    /// The log signed what contradicts it. It is stopped.
    Proven,
}

/// Returns where a witness shows the latest checkpoint that it cosigned for the log of that origin.
pub fn proof_url(witness_url: &str, origin: &str) -> String {
    let Hash(hash) = Hash::of(&[origin.as_bytes()]);
    format!("{}/{}/checkpoint", witness_url.trim_end_matches('/'), hex::encode(&hash))
}

impl Contradiction {
    /// What the log is accused of.
    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }

    /// The size that the witness has seen, where it told.
    pub(crate) fn size(&self) -> Option<u64> {
        self.answer.size
    }

    /// The witness's key.
    pub fn witness(&self) -> &VerifierKey {
        &self.answer.key
    }

    /// Adds the answer to a request for the witness's latest checkpoint, if it is a checkpoint.
    #[must_use]
    pub fn with_proof(self, note: &[u8]) -> Self {
        let proof = str::from_utf8(note).ok().and_then(|note| SignedCheckpoint::parse(note).ok());
        Self { proof: proof.map(Box::new), ..self }
    }

    /// Returns the witness's checkpoint if one of these keys of the log signed it, without other signatures.
    pub(crate) fn proof(&self, keys: &[VerifierKey]) -> Option<SignedCheckpoint> {
        let proof = self.proof.as_deref()?;
        let lines: Vec<_> =
            proof.log_signatures(keys).verified.iter().map(|verified| verified.line.clone()).collect();
        let mut proof = proof.clone();
        proof.note.signatures = lines;
        (!proof.note.signatures.is_empty()).then_some(proof)
    }

    /// Returns the stop for an unproven claim.
    pub(crate) fn into_claim(self, at: Time) -> SigningStop {
        let Self { cause, checkpoint, answer, .. } = self;
        let name = answer.key.name();
        let claim = match (cause, answer.size) {
            (Cause::Rollback, Some(size)) => format!("a checkpoint of {size} leaves, more than are here"),
            _ => "another tree than the one that is here".to_owned(),
        };
        let message = format!(
            "the witness {name} says, without a proof, that it cosigned {claim}, and the quorum is not met"
        );
        SigningStop {
            checkpoint: Some(checkpoint),
            witness: Some(answer),
            ..SigningStop::new(at, cause, message)
        }
    }

    /// Returns the stop for a claim that this checkpoint proves, with the number of leaves that are here.
    pub(crate) fn into_stop(self, at: Time, proof: &SignedCheckpoint, size: u64) -> SigningStop {
        let Self { checkpoint, answer, .. } = self;
        let (name, signed) = (answer.key.name(), proof.checkpoint.size);
        let (cause, message) = if signed > size {
            let message = format!(
                "the witness {name} has a checkpoint of {signed} leaves that this log signed, and {size} are here"
            );
            (Cause::Rollback, message)
        } else {
            let message = format!(
                "the witness {name} has a checkpoint that this log signed, of another tree of {signed} leaves than \
                 the one that is here"
            );
            (Cause::SplitView, message)
        };
        SigningStop {
            checkpoint: Some(checkpoint),
            signed: Some(proof.to_string()),
            witness: Some(answer),
            ..SigningStop::new(at, cause, message)
        }
    }
}

/// A witness while it is asked. It says why not, for people.
pub struct Asking {
    key: VerifierKey,
    checkpoint: SignedCheckpoint,
    /// The latest time of a link that it is the first to attest.
    latest: Option<Time>,
    /// The size that the witness is taken to have seen.
    old_size: u64,
    /// The size that it said, when it said one.
    told: Option<u64>,
    conflicts: usize,
}

impl Asking {
    /// Asks for a cosignature of that checkpoint.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn new(key: &VerifierKey, checkpoint: &Unwitnessed, old_size: u64) -> Result<Self, String> {
        let signed = SignedCheckpoint::parse(&checkpoint.note).map_err(countersign::Error::into_message)?;
        let latest = checkpoint.latest;
        Ok(Self { key: key.clone(), checkpoint: signed, latest, old_size, told: None, conflicts: 0 })
    }

    /// What is sent to it: at its address and `/add-checkpoint`.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn request(&self, reader: &dyn EntryReader) -> Result<String, String> {
        let (old_size, size) = (self.old_size, self.checkpoint.checkpoint.size);
        if old_size > size {
            return Err(format!("it has a larger checkpoint, of {old_size} leaves"));
        }
        let proof = consistency_proof(old_size, size, &StoredHashes::new(reader, size));
        let proof = proof.map_err(countersign::Error::into_message)?;
        Ok(Request { old_size, proof, checkpoint: self.checkpoint.clone() }.to_string())
    }

    /// Its signature lines, or none: then it is to be asked again.
    ///
    /// # Errors
    /// [`NoCosignature`].
    pub fn answered(
        &mut self,
        status: u16,
        kind: Option<&str>,
        body: &[u8],
        timekeeper: &Timekeeper,
    ) -> Result<Option<String>, NoCosignature> {
        let keys = std::slice::from_ref(&self.key);
        match AddCheckpointResponse::read(status, kind, body, &self.checkpoint, keys)
            .map_err(countersign::Error::into_message)?
        {
            AddCheckpointResponse::Cosigned(lines) => {
                for time in lines.iter().filter_map(claimed_time) {
                    timekeeper.hear(&self.key, time, self.latest)?;
                }
                Ok(Some(lines.iter().map(SignatureLine::to_string).collect()))
            }
            AddCheckpointResponse::Conflict { size } if size > self.size() => {
                Err(self.contradicts(Cause::Rollback, status, Some(size), body))
            }
            // Asked from its own size it has nothing to say but that the tree of that size is another.
            AddCheckpointResponse::Conflict { size } if self.told == Some(size) && size == self.size() => {
                Err(self.contradicts(Cause::SplitView, status, Some(size), body))
            }
            AddCheckpointResponse::Conflict { size } => {
                (self.old_size, self.told) = (size, Some(size));
                self.conflicts += 1;
                if self.conflicts == CONFLICTS {
                    return Err("it keeps saying that it is elsewhere".to_owned().into());
                }
                Ok(None)
            }
            AddCheckpointResponse::Refused { status: UNPROCESSABLE } => {
                Err(self.contradicts(Cause::SplitView, status, self.told, body))
            }
            AddCheckpointResponse::Refused { status } => Err(format!("it answered {status}").into()),
        }
    }

    fn contradicts(&self, cause: Cause, status: u16, size: Option<u64>, body: &[u8]) -> NoCosignature {
        let answer = WitnessAnswer::new(&self.key, status, size, body);
        NoCosignature::Contradicts(Box::new(Contradiction {
            cause,
            checkpoint: self.checkpoint.to_string(),
            answer,
            proof: None,
        }))
    }

    /// The size that it has seen when it cosigned.
    pub fn size(&self) -> u64 {
        self.checkpoint.checkpoint.size
    }
}
