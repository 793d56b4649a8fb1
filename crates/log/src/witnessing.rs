//! Cosigning by witnesses: the log's side of C2SP tlog-witness.
//!
//! A checkpoint is published when the quorum of the log's trust file is met, or when the time limit for witnesses
//! has passed. If witnesses fail, the log continues, reports the failure, and asks them again. Verifiers require their
//! own quorum, so a checkpoint without one doesn't mislead them.
//!
//! A witness that contradicts the log is asked for its proof: a checkpoint with the log's own signature. A proof stops
//! the log. Without a proof, the witness counts as not cosigning. If the quorum isn't met without it, the log
//! signs nothing until it is met, or until the trust file no longer names the witness.

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

/// The time that witnesses have to respond before a checkpoint is published without them.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The time after which witnesses that failed are asked again, even if the log did not grow.
pub const AGAIN: Duration = Duration::from_secs(10);
/// The time after which a log that does not grow has its checkpoint cosigned again.
pub const REFRESH: Duration = Duration::from_mins(10);
/// The maximum number of conflicting sizes that one witness may report in a row.
const MAX_CONFLICTS: usize = 3;
/// The status with which a witness reports that a tree is not an extension of the one that it cosigned last.
const UNPROCESSABLE: u16 = 422;

/// True if the trust file names witnesses that the log can ask.
pub fn has_witnesses(trust: Option<&Trust>) -> bool {
    trust.is_some_and(|trust| {
        let has_url = |place| trust.witness_url(place).is_some();
        trust.has_quorum() && (0..trust.witnesses().len()).any(has_url)
    })
}

/// A checkpoint of durable entries that witnesses see before it is published.
#[derive(Clone, Debug)]
pub struct Unwitnessed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The signed note with it.
    pub note: String,
    /// The latest time of a link in it that no cosigned checkpoint contains.
    pub latest: Option<Time>,
}

/// A checkpoint with the cosignatures that it has so far.
pub struct PendingCheckpoint {
    checkpoint: Unwitnessed,
    trust: Trust,
    cosigned: Vec<bool>,
    note: String,
}

impl PendingCheckpoint {
    /// Starts with no cosignature, for a log with this trust file.
    pub fn new(checkpoint: Unwitnessed, trust: Option<&Trust>) -> Self {
        let trust = trust.cloned().unwrap_or_default();
        let cosigned = vec![false; trust.witnesses().len()];
        Self { note: checkpoint.note.clone(), checkpoint, trust, cosigned }
    }

    /// Returns the witnesses to ask: position, key, and URL.
    pub fn witnesses(&self) -> impl Iterator<Item = (usize, &VerifierKey, &str)> {
        let witnesses = self.trust.witnesses().enumerate();
        witnesses.filter_map(|(place, key)| Some((place, key, self.trust.witness_url(place)?)))
    }

    /// Adds signature lines from the witness at this position.
    pub fn add(&mut self, place: usize, lines: &str) {
        if let Some(cosigned @ false) = self.cosigned.get_mut(place) {
            *cosigned = true;
            self.note.push_str(lines);
        }
    }

    /// True if the cosignatures meet the quorum.
    pub fn is_enough(&self) -> bool {
        self.trust.quorum_met(&|place| self.cosigned.get(place).copied().unwrap_or_default())
    }

    /// Returns the checkpoint for publication, with or without a quorum.
    pub fn end(self, at: Time) -> Published {
        let (witnessed, size) = (self.is_enough(), self.checkpoint.checkpoint.size);
        if !witnessed {
            tracing::warn!(size, "publishing a checkpoint without a quorum of witnesses");
        }
        Published { size, note: self.note, at, witnessed }
    }
}

/// The reason why a witness returned no cosignature.
#[derive(Debug)]
pub enum NoCosignature {
    /// The witness failed, for the reason given.
    Failed(String),
    /// The witness has cosigned a checkpoint that contradicts this one.
    Contradicts(Box<Contradiction>),
}

impl From<String> for NoCosignature {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// A witness's contradiction of a checkpoint.
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
    /// The log contains what the witness has seen.
    Refuted,
    /// The contradiction is a claim by the witness alone.
    Unproven,
    /// The log signed what contradicts it, and is stopped.
    Proven,
}

/// Returns the URL at which a witness serves the latest checkpoint that it cosigned for the log with this origin.
pub fn proof_url(witness_url: &str, origin: &str) -> String {
    let Hash(hash) = Hash::digest(&[origin.as_bytes()]);
    format!("{}/{}/checkpoint", witness_url.trim_end_matches('/'), hex::encode(&hash))
}

impl Contradiction {
    /// Returns the cause for which the log would stop.
    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns the size that the witness has seen, if it reported one.
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
            (Cause::Rollback, Some(size)) => format!("a checkpoint of {size} entries, more than the log has"),
            _ => "a tree that differs from the log's".to_owned(),
        };
        let message = format!(
            "the witness {name} claims without proof that it cosigned {claim}, and the quorum is not met"
        );
        SigningStop {
            checkpoint: Some(checkpoint),
            witness: Some(answer),
            ..SigningStop::new(at, cause, message)
        }
    }

    /// Returns the stop for a claim that `proof` proves. `size` is the number of entries in the log.
    pub(crate) fn into_stop(self, at: Time, proof: &SignedCheckpoint, size: u64) -> SigningStop {
        let Self { checkpoint, answer, .. } = self;
        let (name, signed) = (answer.key.name(), proof.checkpoint.size);
        let (cause, message) = if signed > size {
            let message = format!(
                "the witness {name} has a checkpoint of {signed} entries that this log signed, but the log has only {size}"
            );
            (Cause::Rollback, message)
        } else {
            let message = format!(
                "the witness {name} has a checkpoint that this log signed, whose tree of {signed} entries differs \
                 from the log's"
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

/// The exchange with one witness about one checkpoint.
pub struct WitnessExchange {
    key: VerifierKey,
    checkpoint: SignedCheckpoint,
    /// The latest time of a link that its cosignature is the first to attest.
    latest: Option<Time>,
    /// The size from which the consistency proof starts.
    old_size: u64,
    /// The size that the witness reported, if it did.
    reported: Option<u64>,
    conflicts: usize,
}

impl WitnessExchange {
    /// Starts the exchange. `old_size` is the size that the witness is assumed to have cosigned last.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn new(key: &VerifierKey, checkpoint: &Unwitnessed, old_size: u64) -> Result<Self, String> {
        let signed = SignedCheckpoint::parse(&checkpoint.note).map_err(countersign::Error::into_message)?;
        let latest = checkpoint.latest;
        Ok(Self { key: key.clone(), checkpoint: signed, latest, old_size, reported: None, conflicts: 0 })
    }

    /// Returns the request body for the witness's URL followed by `/add-checkpoint`.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn request(&self, reader: &dyn EntryReader) -> Result<String, String> {
        let (old_size, size) = (self.old_size, self.checkpoint.checkpoint.size);
        if old_size > size {
            return Err(format!("the witness has a larger checkpoint, of {old_size} entries"));
        }
        let proof = consistency_proof(old_size, size, &StoredHashes::new(reader, size));
        let proof = proof.map_err(countersign::Error::into_message)?;
        Ok(Request { old_size, proof, checkpoint: self.checkpoint.clone() }.to_string())
    }

    /// Processes the response. Returns the signature lines; `None` if the witness must be asked again.
    ///
    /// # Errors
    /// [`NoCosignature`].
    pub fn process(
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
                    timekeeper.accept(&self.key, time, self.latest)?;
                }
                Ok(Some(lines.iter().map(SignatureLine::to_string).collect()))
            }
            AddCheckpointResponse::Conflict { size } if size > self.size() => {
                Err(self.contradicts(Cause::Rollback, status, Some(size), body))
            }
            // The proof started from the witness's own size, so the trees of this size must differ.
            AddCheckpointResponse::Conflict { size }
                if self.reported == Some(size) && size == self.size() =>
            {
                Err(self.contradicts(Cause::SplitView, status, Some(size), body))
            }
            AddCheckpointResponse::Conflict { size } => {
                (self.old_size, self.reported) = (size, Some(size));
                self.conflicts += 1;
                if self.conflicts == MAX_CONFLICTS {
                    return Err("the witness keeps reporting another size than the one it reported before"
                        .to_owned()
                        .into());
                }
                Ok(None)
            }
            AddCheckpointResponse::Refused { status: UNPROCESSABLE } => {
                Err(self.contradicts(Cause::SplitView, status, self.reported, body))
            }
            AddCheckpointResponse::Refused { status } => {
                Err(format!("the witness responded with status {status}").into())
            }
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

    /// Returns the size that the witness has seen once it cosigned.
    pub fn size(&self) -> u64 {
        self.checkpoint.checkpoint.size
    }
}
