//! Asking witnesses, as long as the log runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::VerifierKey;
use countersign::witness::MAX_BYTES;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tokio::sync::watch;

use super::{AGAIN, Asking, Gathering, NoCosignature, PATIENCE, REFRESH, has_witnesses};
use crate::collector::Collector;
use crate::reason::of_request;
use crate::sequencer::Unwitnessed;
use crate::store::Published;

/// The witnesses of a log, and what is known of them.
pub(crate) struct Witnessing {
    collector: Collector,
    unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    client: Client,
    /// The size of the last checkpoint that each cosigned.
    sizes: Mutex<HashMap<VerifierKey, u64>>,
}

impl Witnessing {
    pub(crate) fn new(
        collector: Collector,
        unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    ) -> reqwest::Result<Self> {
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).build()?;
        Ok(Self { collector, unwitnessed, client, sizes: Mutex::new(HashMap::new()) })
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
            if self.collector.signing().stopped().is_some() {
                wait = None;
                continue;
            }
            let published = self.gather(newest).await;
            let witnessed = published.witnessed;
            wait = Some(if witnessed { REFRESH } else { AGAIN });
            if let Err(error) = self.collector.publish(published).await {
                tracing::error!(%error, "a checkpoint was not published");
                wait = Some(AGAIN);
            }
        }
    }

    /// Shows all witnesses the newest checkpoint that was published, before anything else is signed: one that has seen
    /// more stops the log, and all say what time it is.
    pub(crate) async fn look(&self) {
        let unwitnessed = self.unwitnessed.borrow().clone();
        let published = self.collector.published().borrow().clone();
        let Some(note) =
            unwitnessed.map(|newest| newest.note).or(published.map(|newest| newest.note.clone()))
        else {
            return;
        };
        let rules = self.collector.rules();
        if !has_witnesses(rules.trust()) || self.collector.signing().stopped().is_some() {
            return;
        }
        let Ok(signed) = SignedCheckpoint::parse(&note) else { return };
        let newest = Unwitnessed { checkpoint: signed.checkpoint, note, latest: None };
        let asked: FuturesUnordered<_> = Gathering::new(newest.clone(), rules.trust())
            .witnesses()
            .map(|(_, key, url)| {
                let (key, url, newest) = (key.clone(), url.to_owned(), newest.clone());
                async move {
                    if let Err(NoCosignature::Failed(why)) = self.ask(&url, &key, &newest).await {
                        tracing::warn!(witness = key.name(), why, "it does not say what it has seen");
                    }
                }
            })
            .collect();
        let _ = tokio::time::timeout(PATIENCE, asked.collect::<()>()).await;
    }

    /// Asks all witnesses at once, until enough have answered.
    async fn gather(&self, unwitnessed: Unwitnessed) -> Published {
        let mut gathering = Gathering::new(unwitnessed.clone(), self.collector.rules().trust());
        let checkpoint = Arc::new(unwitnessed);
        let mut asked: FuturesUnordered<_> = gathering
            .witnesses()
            .map(|(place, key, url)| (place, key.clone(), url.to_owned()))
            .map(|(place, key, url)| {
                let checkpoint = Arc::clone(&checkpoint);
                async move {
                    let answer = self.ask(&url, &key, &checkpoint).await;
                    (place, key, answer)
                }
            })
            .collect();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !gathering.is_enough() {
            let Ok(Some((place, key, answer))) = tokio::time::timeout_at(deadline, asked.next()).await else {
                break;
            };
            match answer {
                Ok(lines) => gathering.add(place, &lines),
                Err(NoCosignature::Failed(why)) => {
                    self.collector.metrics().witness_failed(key.name());
                    tracing::warn!(witness = key.name(), why, "no cosignature");
                }
                Err(NoCosignature::Contradicts(_)) => {
                    self.collector.metrics().witness_failed(key.name());
                }
            }
        }
        drop(asked);
        gathering.end(self.collector.now())
    }

    /// One witness's signature lines. What it has against the checkpoint stops the log.
    async fn ask(
        &self,
        url: &str,
        key: &VerifierKey,
        unwitnessed: &Unwitnessed,
    ) -> Result<String, NoCosignature> {
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let lock = || self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let old_size = lock().get(key).copied().unwrap_or(0);
        let mut asking = Asking::new(key, unwitnessed, old_size)?;
        loop {
            let reader = self.collector.reader().clone();
            let request = tokio::task::spawn_blocking(move || (asking.request(&*reader), asking)).await;
            let (request, back) = request.map_err(|error| error.to_string())?;
            asking = back;
            let (status, kind, body) = self.post(&url, request?).await?;
            match asking.answered(status, kind.as_deref(), &body, self.collector.timekeeper()) {
                Ok(None) => {}
                Ok(Some(lines)) => {
                    lock().insert(key.clone(), asking.size());
                    return Ok(lines);
                }
                Err(NoCosignature::Contradicts(contradiction)) => {
                    if !self.collector.contradicted((*contradiction).clone()).await {
                        // Another server of the log showed it more.
                        return Err(NoCosignature::Failed("it has a larger checkpoint of this log".into()));
                    }
                    return Err(NoCosignature::Contradicts(contradiction));
                }
                Err(failed) => return Err(failed),
            }
        }
    }

    /// The status, content type and body of an answer.
    async fn post(&self, url: &str, body: String) -> Result<(u16, Option<String>, Vec<u8>), String> {
        let response = self.client.post(url).body(body).send().await.map_err(|error| of_request(&error))?;
        let status = response.status().as_u16();
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
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
}
