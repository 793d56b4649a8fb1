//! Asking witnesses, as long as the log runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::VerifierKey;
use countersign::witness::MAX_BYTES;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use tokio::sync::watch;

use crate::log_server::LogServer;
use countersign_errors::reason::of_request;
use countersign_log::witnessing::Unwitnessed;
use countersign_log::witnessing::{
    AGAIN, Asking, Assessment, Contradiction, Gathering, NoCosignature, PATIENCE, REFRESH, has_witnesses,
    proof_url,
};

/// The witnesses of a log, and what is known of them.
pub(crate) struct Witnessing {
    log_server: LogServer,
    unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    client: Client,
    /// The size of the last checkpoint that each cosigned.
    sizes: Mutex<HashMap<VerifierKey, u64>>,
    /// When each witness was last asked for a proof.
    proofs: Mutex<HashMap<VerifierKey, Instant>>,
}

/// The unproven contradictions of one round.
type Claims = Mutex<Vec<Contradiction>>;

/// How long a round waits for proofs of contradictions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proofs {
    /// The round ends after them.
    Awaited,
    /// They are fetched beside it: a witness can't delay publication that way.
    Beside,
}

impl Witnessing {
    pub(crate) fn new(
        log_server: LogServer,
        unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    ) -> reqwest::Result<Self> {
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).build()?;
        let (sizes, proofs) = (Mutex::default(), Mutex::default());
        Ok(Self { log_server, unwitnessed, client, sizes, proofs })
    }

    /// Works until the log stops.
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
                    self.log_server.claimed(claims).await;
                }
                if self.log_server.signing().stopped().is_some() {
                    continue;
                }
            }
            let published = gathering.end(self.log_server.now());
            if let Err(error) = self.log_server.publish(published).await {
                tracing::error!(%error, "a checkpoint was not published");
                wait = Some(AGAIN);
            }
        }
    }

    /// Shows all witnesses the newest checkpoint that was signed, before anything else is signed: one that proves that
    /// it has seen more stops the log, and all say what time it is.
    pub(crate) async fn look(&self) {
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
        let mut gathering = Gathering::new(newest.clone(), rules.trust());
        let claims = Claims::default();
        let mut asked = self.ask_all(&gathering, &Arc::new(newest), &claims, Proofs::Awaited);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while let Ok(Some((place, key, answer))) = tokio::time::timeout_at(deadline, asked.next()).await {
            match answer {
                Ok(lines) => gathering.add(place, &lines),
                Err(NoCosignature::Failed(why)) => {
                    tracing::warn!(witness = key.name(), why, "it does not say what it has seen");
                }
                Err(NoCosignature::Contradicts(_)) => {}
            }
        }
        drop(asked);
        let claims = claims.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !gathering.is_enough() && !claims.is_empty() {
            self.log_server.claimed(claims).await;
        }
    }

    /// Asks all witnesses at once, until enough have answered. Returns their cosignatures, and what they claim.
    async fn gather(&self, unwitnessed: Unwitnessed) -> (Gathering, Vec<Contradiction>) {
        let mut gathering = Gathering::new(unwitnessed.clone(), self.log_server.rules().trust());
        let claims = Claims::default();
        let mut asked = self.ask_all(&gathering, &Arc::new(unwitnessed), &claims, Proofs::Beside);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !gathering.is_enough() {
            let Ok(Some((place, key, answer))) = tokio::time::timeout_at(deadline, asked.next()).await else {
                break;
            };
            match answer {
                Ok(lines) => gathering.add(place, &lines),
                Err(NoCosignature::Failed(why)) => {
                    self.log_server.metrics().witness_failed(key.name());
                    tracing::warn!(witness = key.name(), why, "no cosignature");
                }
                Err(NoCosignature::Contradicts(_)) => {
                    self.log_server.metrics().witness_failed(key.name());
                }
            }
        }
        drop(asked);
        (gathering, claims.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answers of all witnesses, each with its place and key, as they come.
    fn ask_all<'a>(
        &'a self,
        gathering: &Gathering,
        checkpoint: &Arc<Unwitnessed>,
        claims: &'a Claims,
        proofs: Proofs,
    ) -> FuturesUnordered<impl Future<Output = (usize, VerifierKey, Result<String, NoCosignature>)> + use<'a>>
    {
        let asked = gathering.witnesses().map(|(place, key, url)| {
            let (key, url, checkpoint) = (key.clone(), url.to_owned(), Arc::clone(checkpoint));
            async move {
                let answer = self.ask(&url, &key, &checkpoint, claims, proofs).await;
                (place, key, answer)
            }
        });
        asked.collect()
    }

    /// One witness's signature lines. What it has against the checkpoint is assessed, and added to the claims.
    async fn ask(
        &self,
        witness_url: &str,
        key: &VerifierKey,
        unwitnessed: &Unwitnessed,
        claims: &Claims,
        proofs: Proofs,
    ) -> Result<String, NoCosignature> {
        let url = format!("{}/add-checkpoint", witness_url.trim_end_matches('/'));
        let lock = || self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let old_size = lock().get(key).copied().unwrap_or(0);
        let mut asking = Asking::new(key, unwitnessed, old_size)?;
        loop {
            let reader = self.log_server.reader().clone();
            let request = tokio::task::spawn_blocking(move || (asking.request(&*reader), asking)).await;
            let (request, back) = request.map_err(|error| error.to_string())?;
            asking = back;
            let (status, kind, body) = read(self.client.post(&url).body(request?)).await?;
            match asking.answered(status, kind.as_deref(), &body, self.log_server.timekeeper()) {
                Ok(None) => {}
                Ok(Some(lines)) => {
                    lock().insert(key.clone(), asking.size());
                    self.log_server.metrics().witness_contradicts(key.name(), false);
                    return Ok(lines);
                }
                Err(NoCosignature::Contradicts(contradiction)) => {
                    if self.log_server.contradicted((*contradiction).clone()).await == Assessment::Refuted {
                        // Another server of the log showed it more.
                        return Err(NoCosignature::Failed("it has a larger checkpoint of this log".into()));
                    }
                    claims.lock().unwrap_or_else(PoisonError::into_inner).push((*contradiction).clone());
                    self.fetch_proof(witness_url, &contradiction, proofs).await;
                    return Err(NoCosignature::Contradicts(contradiction));
                }
                Err(failed) => return Err(failed),
            }
        }
    }

    /// Asks a witness for the checkpoint that it says it has seen, and has it assessed: a proof stops the log.
    async fn fetch_proof(&self, witness_url: &str, contradiction: &Contradiction, proofs: Proofs) {
        let key = contradiction.witness().clone();
        {
            let mut asked = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
            if proofs == Proofs::Beside && asked.get(&key).is_some_and(|at| at.elapsed() < AGAIN) {
                return;
            }
            asked.insert(key.clone(), Instant::now());
        }
        let (log_server, contradiction) = (self.log_server.clone(), contradiction.clone());
        let request = self.client.get(proof_url(witness_url, log_server.origin()));
        let fetch = async move {
            let why = match read(request).await {
                Ok((200, _, body)) => match log_server.contradicted(contradiction.with_proof(&body)).await {
                    Assessment::Unproven => {
                        "its latest checkpoint proves nothing against this log".to_owned()
                    }
                    Assessment::Proven | Assessment::Refuted => return,
                },
                Ok((status, ..)) => {
                    format!("it answered {status} when it was asked for its latest checkpoint")
                }
                Err(why) => why,
            };
            tracing::error!(
                witness = key.name(),
                why,
                "a witness contradicts this log without a proof: it counts as one that does not cosign"
            );
        };
        match proofs {
            Proofs::Awaited => fetch.await,
            Proofs::Beside => _ = tokio::spawn(fetch),
        }
    }
}

/// The status, content type and body of an answer.
async fn read(request: RequestBuilder) -> Result<(u16, Option<String>, Vec<u8>), String> {
    let response = request.send().await.map_err(|error| of_request(&error))?;
    let status = response.status().as_u16();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| of_request(&error))?);
        if bytes.len() > MAX_BYTES {
            return Err("its answer is too long".to_owned());
        }
    }
    Ok((status, kind, bytes))
}
