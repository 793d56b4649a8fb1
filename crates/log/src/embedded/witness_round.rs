//! Asking witnesses about one checkpoint.

use std::collections::HashMap;
use std::time::Duration;

use countersign::note::VerifierKey;
use countersign::time::Time;

use super::log_server::EmbeddedLogServer;
use crate::sequencer::Job;
use crate::store::StoreError;
use crate::witnessing::{
    AGAIN, Asking, Assessment, Contradiction, Gathering, NoCosignature, REFRESH, Unwitnessed, proof_url,
};

/// The size of the last checkpoint that each witness cosigned.
pub(super) type Sizes = HashMap<VerifierKey, u64>;

/// When each witness was last asked for a proof.
pub(super) type Proofs = HashMap<VerifierKey, Time>;

/// All witnesses, while they are asked.
pub struct WitnessRound {
    gathering: Gathering,
    asked: Vec<Asked>,
    /// The unproven contradictions, each with the number of its witness.
    claims: Vec<(usize, Contradiction)>,
}

struct Asked {
    place: usize,
    key: VerifierKey,
    url: String,
    asking: Option<Asking>,
}

impl WitnessRound {
    /// Where they are asked, by their number.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.asked.iter().map(|asked| format!("{}/add-checkpoint", asked.url.trim_end_matches('/')))
    }

    /// Whether enough of them have cosigned.
    pub fn is_enough(&self) -> bool {
        self.gathering.is_enough()
    }
}

impl EmbeddedLogServer {
    /// A checkpoint that witnesses have not seen, if there is one; with `again` one that they have seen.
    ///
    /// # Errors
    /// The store's own.
    pub fn round(&mut self, again: bool) -> Result<Option<WitnessRound>, StoreError> {
        let stopped = self.signing.stopped();
        if stopped.as_ref().is_some_and(|stop| !stop.is_claim()) {
            return Ok(None);
        }
        if again {
            // While a claim stops the log, witnesses see again what was signed before.
            if stopped.is_none() {
                self.working.show_witnesses()?;
            }
        } else if !self.unwitnessed.has_changed().unwrap_or_default() {
            return Ok(None);
        }
        let Some(newest) = self.unwitnessed.borrow_and_update().clone() else { return Ok(None) };
        Ok(Some(self.begin(&newest)))
    }

    fn begin(&self, checkpoint: &Unwitnessed) -> WitnessRound {
        let rules = self.working.rules();
        let gathering = Gathering::new(checkpoint.clone(), rules.trust());
        let asked = gathering.witnesses().map(|(place, key, url)| {
            let old_size = self.sizes.get(key).copied().unwrap_or(0);
            let asking = Asking::new(key, checkpoint, old_size).ok();
            Asked { place, key: key.clone(), url: url.to_owned(), asking }
        });
        let asked = asked.collect();
        WitnessRound { gathering, asked, claims: Vec::new() }
    }

    /// What is sent to the witness of that number; none where it is not to be asked.
    pub fn ask(&self, round: &WitnessRound, number: usize) -> Option<String> {
        let asked = round.asked.get(number)?;
        match asked.asking.as_ref()?.request(&*self.reader) {
            Ok(request) => Some(request),
            Err(why) => {
                self.no_cosignature(asked, &why);
                None
            }
        }
    }

    /// That witness's answer. Says whether it is to be asked again.
    pub fn answered(
        &mut self,
        round: &mut WitnessRound,
        number: usize,
        status: u16,
        kind: Option<&str>,
        body: &[u8],
    ) -> bool {
        let Some(asked) = round.asked.get_mut(number) else { return false };
        let Some(asking) = &mut asked.asking else { return false };
        match asking.answered(status, kind, body, &self.timekeeper) {
            Ok(Some(lines)) => {
                self.sizes.insert(asked.key.clone(), asking.size());
                self.metrics.witness_contradicts(asked.key.name(), false);
                round.gathering.add(asked.place, &lines);
                false
            }
            Ok(None) => true,
            Err(NoCosignature::Failed(why)) => {
                self.no_cosignature(asked, &why);
                false
            }
            Err(NoCosignature::Contradicts(contradiction)) => {
                self.no_cosignature(asked, "it has seen what is not here");
                let contradiction = *contradiction;
                if self.assess(contradiction.clone()) == Assessment::Unproven {
                    round.claims.push((number, contradiction));
                }
                false
            }
        }
    }

    /// Returns where to ask the witness of that number for the checkpoint that proves its contradiction; none if it has
    /// none, or was asked lately: a witness can't delay every round that way.
    pub fn proof_url(&mut self, round: &WitnessRound, number: usize) -> Option<String> {
        let asked = round.asked.get(number)?;
        round.claims.iter().find(|(witness, _)| *witness == number)?;
        let now = self.now();
        let lately = |at: &Time| {
            u128::from(now.millis().saturating_sub(at.millis()).unsigned_abs()) < REFRESH.as_millis()
        };
        if self.proofs.get(&asked.key).is_some_and(lately) {
            return None;
        }
        self.proofs.insert(asked.key.clone(), now);
        Some(proof_url(&asked.url, &self.origin))
    }

    /// Takes the answer to a request to that address, with the status 200. A proof stops the log.
    pub fn prove(&mut self, round: &WitnessRound, number: usize, body: &[u8]) {
        let Some((_, claim)) = round.claims.iter().find(|(witness, _)| *witness == number) else { return };
        self.assess(claim.clone().with_proof(body));
    }

    fn assess(&mut self, contradiction: Contradiction) -> Assessment {
        self.work(|reply| Job::Contradicted { contradiction, reply }).unwrap_or_else(|error| {
            tracing::error!(%error, "what a witness has against the log was not assessed");
            Assessment::Refuted
        })
    }

    /// That witness did not answer.
    pub fn failed(&self, round: &WitnessRound, number: usize, why: &str) {
        if let Some(asked) = round.asked.get(number) {
            self.no_cosignature(asked, why);
        }
    }

    fn no_cosignature(&self, asked: &Asked, why: &str) {
        self.metrics.witness_failed(asked.key.name());
        tracing::warn!(witness = asked.key.name(), why, "no cosignature");
    }

    /// Publishes the checkpoint with the cosignatures that came, and gives when witnesses are to be asked again.
    ///
    /// # Errors
    /// The store's own.
    pub fn end(&mut self, round: WitnessRound) -> Result<Duration, StoreError> {
        let WitnessRound { gathering, claims, .. } = round;
        let witnessed = gathering.is_enough();
        if !witnessed && !claims.is_empty() {
            let claims = claims.into_iter().map(|(_, claim)| claim).collect();
            self.work(|reply| Job::Claimed { claims, reply })?;
        }
        if let Some(stop) = self.signing.stopped() {
            if !stop.is_claim() {
                return Ok(REFRESH);
            }
            if !witnessed {
                return Ok(AGAIN);
            }
        }
        let published = gathering.end(self.now());
        self.work(|reply| Job::Publish { published, reply })??;
        Ok(if witnessed { REFRESH } else { AGAIN })
    }

    /// Whether the log has witnesses.
    pub fn has_witnesses(&self) -> bool {
        crate::witnessing::has_witnesses(self.working.rules().trust())
    }
}
