//! The client of the log's witnesses, which runs as long as the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::VerifierKey;
use countersign::witness::MAX_BYTES;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::sync::watch;

use crate::log_server::LogServer;
use crate::short_response::ShortResponse;
use countersign_log::witnessing::Unwitnessed;
use countersign_log::witnessing::{
    AGAIN, Assessment, Contradiction, NoCosignature, PATIENCE, PendingCheckpoint, REFRESH, WitnessExchange,
    has_witnesses, proof_url,
};

/// The client of a log's witnesses, with the state of each.
pub(crate) struct WitnessClient {
    log_server: LogServer,
    unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    client: Client,
    /// The size of the last checkpoint that each witness cosigned.
    sizes: Mutex<HashMap<VerifierKey, u64>>,
    /// When each witness was last asked for a proof.
    proofs: Mutex<HashMap<VerifierKey, Instant>>,
}

/// The unproven contradictions of one round.
type Claims = Mutex<Vec<Contradiction>>;

/// When proofs of contradictions are fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ProofFetch {
    /// Sent before the round ends, which waits for the response.
    Awaited,
    /// Sent in the background, so that a witness can't delay publication.
    Background,
}

impl WitnessClient {
    pub(crate) fn new(
        log_server: LogServer,
        unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    ) -> reqwest::Result<Self> {
        let client = countersign_tls::http_client().timeout(PATIENCE).redirect(Policy::none()).build()?;
        let (sizes, proofs) = (Mutex::default(), Mutex::default());
        Ok(Self { log_server, unwitnessed, client, sizes, proofs })
    }

    /// Runs until the log stops.
    pub(crate) async fn run(mut self) {
        let mut wait = None;
        loop {
            let changed = async {
                match wait {
                    None => self.unwitnessed.changed().await,
                    Some(pause) => {
                        tokio::time::timeout(pause, self.unwitnessed.changed()).await.unwrap_or(Ok(()))
                    }
                }
            };
            if changed.await.is_err() {
                return;
            }
            let Some(newest) = self.unwitnessed.borrow_and_update().clone() else { continue };
            if self.log_server.signing().stopped().is_some_and(|stop| !stop.is_claim()) {
                wait = None;
                continue;
            }
            let (gathering, claims) = self.gather(newest).await;
            let witnessed = gathering.is_enough();
            wait = Some(if witnessed { REFRESH } else { AGAIN });
            if !witnessed {
                if !claims.is_empty() {
                    self.log_server.record_claims(claims).await;
                }
                if self.log_server.signing().stopped().is_some() {
                    continue;
                }
            }
            let published = gathering.end(self.log_server.now());
            if let Err(error) = self.log_server.publish(published).await {
                tracing::error!(%error, "publishing a checkpoint failed");
                wait = Some(AGAIN);
            }
        }
    }

    /// Sends the newest signed checkpoint to all witnesses before anything else is signed. A witness that proves that
    /// it has seen more stops the log, and all of them report the time.
    pub(crate) async fn present_newest(&self) {
        let unwitnessed = self.unwitnessed.borrow().clone();
        let published = self.log_server.published().borrow().clone();
        let Some(note) =
            unwitnessed.map(|newest| newest.note).or(published.map(|newest| newest.note.clone()))
        else {
            return;
        };
        let rules = self.log_server.rules();
        let stopped = self.log_server.signing().stopped();
        if !has_witnesses(rules.trust()) || stopped.is_some_and(|stop| !stop.is_claim()) {
            return;
        }
        let Ok(signed) = SignedCheckpoint::parse(&note) else { return };
        let newest = Unwitnessed { checkpoint: signed.checkpoint, note, latest: None };
        let mut gathering = PendingCheckpoint::new(newest.clone(), rules.trust());
        let claims = Claims::default();
        let mut responses = self.ask_all(&gathering, &Arc::new(newest), &claims, ProofFetch::Awaited);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while let Ok(Some((place, key, answer))) = tokio::time::timeout_at(deadline, responses.next()).await {
            match answer {
                Ok(lines) => gathering.add(place, &lines),
                Err(NoCosignature::Failed(why)) => {
                    tracing::warn!(
                        witness = key.name(),
                        why,
                        "a witness didn't report its newest checkpoint"
                    );
                }
                Err(NoCosignature::Contradicts(_)) => {}
            }
        }
        drop(responses);
        let claims = claims.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !gathering.is_enough() && !claims.is_empty() {
            self.log_server.record_claims(claims).await;
        }
    }

    /// Asks all witnesses in parallel until enough of them have cosigned. Returns the cosignatures and the unproven
    /// claims.
    async fn gather(&self, unwitnessed: Unwitnessed) -> (PendingCheckpoint, Vec<Contradiction>) {
        let mut gathering = PendingCheckpoint::new(unwitnessed.clone(), self.log_server.rules().trust());
        let claims = Claims::default();
        let mut responses = self.ask_all(&gathering, &Arc::new(unwitnessed), &claims, ProofFetch::Background);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !gathering.is_enough() {
            let Ok(Some((place, key, answer))) = tokio::time::timeout_at(deadline, responses.next()).await
            else {
                break;
            };
            match answer {
                Ok(lines) => gathering.add(place, &lines),
                Err(NoCosignature::Failed(why)) => {
                    self.log_server.metrics().witness_failed(key.name());
                    tracing::warn!(witness = key.name(), why, "a witness didn't cosign");
                }
                Err(NoCosignature::Contradicts(_)) => {
                    self.log_server.metrics().witness_failed(key.name());
                }
            }
        }
        drop(responses);
        (gathering, claims.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the responses of all witnesses as they arrive, each with the witness's position and key.
    fn ask_all<'a>(
        &'a self,
        gathering: &PendingCheckpoint,
        checkpoint: &Arc<Unwitnessed>,
        claims: &'a Claims,
        proofs: ProofFetch,
    ) -> FuturesUnordered<impl Future<Output = (usize, VerifierKey, Result<String, NoCosignature>)> + use<'a>>
    {
        let responses = gathering.witnesses().map(|(place, key, url)| {
            let (key, url, checkpoint) = (key.clone(), url.to_owned(), Arc::clone(checkpoint));
            async move {
                let answer = self.ask(&url, &key, &checkpoint, claims, proofs).await;
                (place, key, answer)
            }
        });
        responses.collect()
    }

    /// Returns one witness's signature lines. If the witness contradicts the checkpoint, that is assessed and added to
    /// the claims.
    async fn ask(
        &self,
        witness_url: &str,
        key: &VerifierKey,
        unwitnessed: &Unwitnessed,
        claims: &Claims,
        proofs: ProofFetch,
    ) -> Result<String, NoCosignature> {
        let url = format!("{}/add-checkpoint", witness_url.trim_end_matches('/'));
        let lock = || self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let old_size = lock().get(key).copied().unwrap_or(0);
        let mut asking = WitnessExchange::new(key, unwitnessed, old_size)?;
        loop {
            let reader = self.log_server.reader().clone();
            let request = tokio::task::spawn_blocking(move || (asking.request(&*reader), asking)).await;
            let (request, returned) = request.map_err(|error| error.to_string())?;
            asking = returned;
            let request = self.client.post(&url).body(request?);
            let ShortResponse { status, content_type, body } =
                ShortResponse::receive(request, MAX_BYTES).await?;
            match asking.process(status, content_type.as_deref(), &body, self.log_server.timekeeper()) {
                Ok(None) => {}
                Ok(Some(lines)) => {
                    lock().insert(key.clone(), asking.size());
                    self.log_server.metrics().witness_contradicts(key.name(), false);
                    return Ok(lines);
                }
                Err(NoCosignature::Contradicts(contradiction)) => {
                    if self.log_server.contradicted((*contradiction).clone()).await == Assessment::Refuted {
                        // The witness got a larger checkpoint from another server of the log.
                        return Err(NoCosignature::Failed(
                            "the witness has a larger checkpoint of this log".into(),
                        ));
                    }
                    claims.lock().unwrap_or_else(PoisonError::into_inner).push((*contradiction).clone());
                    self.fetch_proof(witness_url, &contradiction, proofs).await;
                    return Err(NoCosignature::Contradicts(contradiction));
                }
                Err(failed) => return Err(failed),
            }
        }
    }

    /// Requests the checkpoint that a witness claims to have seen, and has it assessed. Proof of a fork stops the log.
    async fn fetch_proof(&self, witness_url: &str, contradiction: &Contradiction, proofs: ProofFetch) {
        let key = contradiction.witness().clone();
        {
            let mut requested = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
            if proofs == ProofFetch::Background && requested.get(&key).is_some_and(|at| at.elapsed() < AGAIN)
            {
                return;
            }
            requested.insert(key.clone(), Instant::now());
        }
        let (log_server, contradiction) = (self.log_server.clone(), contradiction.clone());
        let request = self.client.get(proof_url(witness_url, log_server.origin()));
        let fetch = async move {
            let why = match ShortResponse::receive(request, MAX_BYTES).await {
                Ok(ShortResponse { status: 200, body, .. }) => {
                    match log_server.contradicted(contradiction.with_proof(&body)).await {
                        Assessment::Unproven => {
                            "the witness's latest checkpoint proves nothing against this log".to_owned()
                        }
                        Assessment::Proven | Assessment::Refuted => return,
                    }
                }
                Ok(ShortResponse { status, .. }) => {
                    format!(
                        "the witness responded with status {status} to a request for its latest checkpoint"
                    )
                }
                Err(why) => why,
            };
            tracing::error!(
                witness = key.name(),
                why,
                "a witness contradicts this log without proof; it counts as not having cosigned"
            );
        };
        match proofs {
            ProofFetch::Awaited => fetch.await,
            ProofFetch::Background => _ = tokio::spawn(fetch),
        }
    }
}
