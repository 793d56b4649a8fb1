//! A round of requests to witnesses about one checkpoint.

use std::collections::HashMap;
use std::time::Duration;

use countersign::note::VerifierKey;
use countersign::time::Time;

use super::log_server::EmbeddedLogServer;
use crate::sequencer::Job;
use crate::store::StoreError;
use crate::witnessing::{
    AGAIN, Assessment, Contradiction, NoCosignature, PendingCheckpoint, REFRESH, Unwitnessed,
    WitnessExchange, proof_url,
};

/// The size of the last checkpoint that each witness cosigned.
pub(super) type Sizes = HashMap<VerifierKey, u64>;

/// The time of the last request for a proof to each witness.
pub(super) type Proofs = HashMap<VerifierKey, Time>;

/// A round of requests to all witnesses.
pub struct WitnessRound {
    checkpoint: PendingCheckpoint,
    requests: Vec<WitnessRequest>,
    /// The unproven contradictions, each with the number of its witness.
    claims: Vec<(usize, Contradiction)>,
}

struct WitnessRequest {
    place: usize,
    key: VerifierKey,
    url: String,
    exchange: Option<WitnessExchange>,
}

impl WitnessRound {
    /// Returns the URL for each witness, in the order of their numbers.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.requests.iter().map(|request| format!("{}/add-checkpoint", request.url.trim_end_matches('/')))
    }

    /// True if the cosignatures meet the quorum.
    pub fn is_enough(&self) -> bool {
        self.checkpoint.is_enough()
    }
}

impl EmbeddedLogServer {
    /// Starts a round for a checkpoint that witnesses have not seen, if there is one. With `again`, also for one that
    /// they have seen.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub fn round(&mut self, again: bool) -> Result<Option<WitnessRound>, StoreError> {
        let stopped = self.shared.signing.stopped();
        if stopped.as_ref().is_some_and(|stop| !stop.is_claim()) {
            return Ok(None);
        }
        if again {
            // While a claim stops the log, witnesses get what was signed before.
            if stopped.is_none() {
                self.engine.show_witnesses()?;
            }
        } else if !self.unwitnessed.has_changed().unwrap_or_default() {
            return Ok(None);
        }
        let Some(newest) = self.unwitnessed.borrow_and_update().clone() else { return Ok(None) };
        Ok(Some(self.begin(&newest)))
    }

    fn begin(&self, unwitnessed: &Unwitnessed) -> WitnessRound {
        let rules = self.engine.rules();
        let checkpoint = PendingCheckpoint::new(unwitnessed.clone(), rules.trust());
        let requests = checkpoint.witnesses().map(|(place, key, url)| {
            let old_size = self.sizes.get(key).copied().unwrap_or(0);
            let exchange = WitnessExchange::new(key, unwitnessed, old_size).ok();
            WitnessRequest { place, key: key.clone(), url: url.to_owned(), exchange }
        });
        let requests = requests.collect();
        WitnessRound { checkpoint, requests, claims: Vec::new() }
    }

    /// Returns the request body for the witness with this number; `None` if it must not be asked.
    pub fn ask(&self, round: &WitnessRound, number: usize) -> Option<String> {
        let request = round.requests.get(number)?;
        match request.exchange.as_ref()?.request(&*self.reader) {
            Ok(body) => Some(body),
            Err(why) => {
                self.no_cosignature(request, &why);
                None
            }
        }
    }

    /// Processes the response of the witness with this number. Returns true if it must be asked again.
    pub fn answered(
        &mut self,
        round: &mut WitnessRound,
        number: usize,
        status: u16,
        kind: Option<&str>,
        body: &[u8],
    ) -> bool {
        let Some(request) = round.requests.get_mut(number) else { return false };
        let Some(exchange) = &mut request.exchange else { return false };
        match exchange.process(status, kind, body, &self.shared.timekeeper) {
            Ok(Some(lines)) => {
                self.sizes.insert(request.key.clone(), exchange.size());
                self.shared.metrics.witness_contradicts(request.key.name(), false);
                round.checkpoint.add(request.place, &lines);
                false
            }
            Ok(None) => true,
            Err(NoCosignature::Failed(why)) => {
                self.no_cosignature(request, &why);
                false
            }
            Err(NoCosignature::Contradicts(contradiction)) => {
                self.no_cosignature(request, "the witness has seen a checkpoint that this log does not have");
                let contradiction = *contradiction;
                if self.assess(contradiction.clone()) == Assessment::Unproven {
                    round.claims.push((number, contradiction));
                }
                false
            }
        }
    }

    /// Returns the URL of the checkpoint with which the witness proves its contradiction. `None` if it has no
    /// contradiction, or was asked recently: this way a witness can't delay every round.
    pub fn proof_url(&mut self, round: &WitnessRound, number: usize) -> Option<String> {
        let request = round.requests.get(number)?;
        round.claims.iter().find(|(witness, _)| *witness == number)?;
        let now = self.now();
        let lately = |at: &Time| {
            u128::from(now.millis().saturating_sub(at.millis()).unsigned_abs()) < REFRESH.as_millis()
        };
        if self.proofs.get(&request.key).is_some_and(lately) {
            return None;
        }
        self.proofs.insert(request.key.clone(), now);
        Some(proof_url(&request.url, &self.origin))
    }

    /// Processes the content of that URL. A proof stops the log.
    pub fn prove(&mut self, round: &WitnessRound, number: usize, body: &[u8]) {
        let Some((_, claim)) = round.claims.iter().find(|(witness, _)| *witness == number) else { return };
        self.assess(claim.clone().with_proof(body));
    }

    fn assess(&mut self, contradiction: Contradiction) -> Assessment {
        self.work(|reply| Job::Contradicted { contradiction, reply }).unwrap_or_else(|error| {
            tracing::error!(%error, "failed to assess the contradiction of a witness");
            Assessment::Refuted
        })
    }

    /// Records that the witness did not respond.
    pub fn failed(&self, round: &WitnessRound, number: usize, why: &str) {
        if let Some(request) = round.requests.get(number) {
            self.no_cosignature(request, why);
        }
    }

    fn no_cosignature(&self, request: &WitnessRequest, why: &str) {
        self.shared.metrics.witness_failed(request.key.name());
        tracing::warn!(witness = request.key.name(), why, "the witness returned no cosignature");
    }

    /// Publishes the checkpoint with the cosignatures so far. Returns the time after which witnesses must be asked
    /// again.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub fn end(&mut self, round: WitnessRound) -> Result<Duration, StoreError> {
        let WitnessRound { checkpoint, claims, .. } = round;
        let witnessed = checkpoint.is_enough();
        if !witnessed && !claims.is_empty() {
            let claims = claims.into_iter().map(|(_, claim)| claim).collect();
            self.work(|reply| Job::Claimed { claims, reply })?;
        }
        if let Some(stop) = self.shared.signing.stopped() {
            if !stop.is_claim() {
                return Ok(REFRESH);
            }
            if !witnessed {
                return Ok(AGAIN);
            }
        }
        let published = checkpoint.end(self.now());
        self.work(|reply| Job::Publish { published, reply })??;
        Ok(if witnessed { REFRESH } else { AGAIN })
    }

    /// True if the log has witnesses to ask.
    pub fn has_witnesses(&self) -> bool {
        crate::witnessing::has_witnesses(self.engine.rules().trust())
    }
}
