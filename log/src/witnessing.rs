//! Gathering cosignatures: the log's side of C2SP tlog-witness.
//!
//! A checkpoint is published when the quorum of the log's trust file is met, or when the witnesses had their time: a
//! log goes on when witnesses fail, says so, and asks them again. Readers ask for a quorum of their own and are never
//! misled by a checkpoint without one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::checkpoint::SignedCheckpoint;
use countersign::merkle::consistency_proof;
use countersign::note::{VerifierKey, write_signature_line};
use countersign::trust::Trust;
use countersign::witness::{Answer, MAX_BYTES, Request};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tokio::sync::watch;

use crate::collector::Collector;
use crate::hashes::StoredHashes;
use crate::sequencer::Unwitnessed;
use crate::store::{Published, Reader};

/// How long witnesses get before a checkpoint is published without them.
const PATIENCE: Duration = Duration::from_secs(5);
/// When witnesses who failed are asked again, though the log did not grow.
const AGAIN: Duration = Duration::from_secs(10);
/// When a log that does not grow shows that it is still seen.
const REFRESH: Duration = Duration::from_mins(10);
/// How often one witness may say that it is elsewhere.
const CONFLICTS: usize = 3;

/// The witnesses of a log, and what is known of them.
pub(crate) struct Witnessing {
    collector: Collector,
    unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    client: Client,
    /// The size of the last checkpoint that each cosigned.
    sizes: Mutex<HashMap<VerifierKey, u64>>,
}

/// Whether a log of that trust file has witnesses to ask.
pub(crate) fn has_witnesses(trust: Option<&Trust>) -> bool {
    trust.is_some_and(|trust| {
        let asked = |place| trust.witness_url(place).is_some();
        !trust.quorum().is_none() && (0..trust.witnesses().len()).any(asked)
    })
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
            let published = self.gather(newest).await;
            let witnessed = published.witnessed;
            wait = Some(if witnessed { REFRESH } else { AGAIN });
            if let Err(error) = self.collector.publish(published).await {
                tracing::error!(%error, "a checkpoint was not published");
                wait = Some(AGAIN);
            }
        }
    }

    /// Asks all witnesses at once, until enough have answered.
    async fn gather(&self, unwitnessed: Unwitnessed) -> Published {
        let rules = self.collector.rules();
        let nobody = Trust::default();
        let trust = rules.trust().unwrap_or(&nobody);
        let checkpoint = Arc::new(unwitnessed);
        let mut cosigned = vec![false; trust.witnesses().len()];
        let mut note = checkpoint.note.clone();
        let mut asked: FuturesUnordered<_> = (trust.witnesses().iter().enumerate())
            .filter_map(|(place, key)| Some((place, key, trust.witness_url(place)?)))
            .map(|(place, key, url)| {
                let checkpoint = Arc::clone(&checkpoint);
                async move { (place, key, self.ask(url, key, &checkpoint).await) }
            })
            .collect();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !trust.quorum_met(&|place| cosigned[place]) {
            let Ok(Some((place, key, answer))) = tokio::time::timeout_at(deadline, asked.next()).await else {
                break;
            };
            match answer {
                Ok(lines) => {
                    cosigned[place] = true;
                    note.push_str(&lines);
                }
                Err(why) => {
                    self.collector.metrics().witness_failed(key.name());
                    tracing::warn!(witness = key.name(), why, "no cosignature");
                }
            }
        }
        let witnessed = trust.quorum_met(&|place| cosigned[place]);
        if !witnessed {
            tracing::warn!(size = checkpoint.checkpoint.size, "published without the quorum of witnesses");
        }
        Published { size: checkpoint.checkpoint.size, note, at: self.collector.now(), witnessed }
    }

    /// One witness's signature lines.
    async fn ask(&self, url: &str, key: &VerifierKey, unwitnessed: &Unwitnessed) -> Result<String, String> {
        let size = unwitnessed.checkpoint.size;
        let signed = SignedCheckpoint::parse(&unwitnessed.note).map_err(|error| error.message)?;
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let lock = || self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old_size = lock().get(key).copied().unwrap_or(0);
        for _ in 0..CONFLICTS {
            if old_size > size {
                return Err(format!("it has a larger checkpoint, of {old_size} leaves"));
            }
            let proof = self.prove(old_size, size).await?;
            let request = Request { old_size, proof, checkpoint: signed.clone() };
            match self.post(&url, request.to_string(), &signed, key).await? {
                Answer::Cosigned(lines) => {
                    lock().insert(key.clone(), size);
                    return Ok(lines
                        .iter()
                        .map(|line| write_signature_line(&line.name, line.id, &line.signature))
                        .collect());
                }
                Answer::Conflict { size } => old_size = size,
                Answer::Refused { status } => return Err(format!("it answered {status}")),
            }
        }
        Err("it keeps saying that it is elsewhere".to_owned())
    }

    async fn prove(&self, old: u64, new: u64) -> Result<Vec<countersign::hash::Hash>, String> {
        let reader: Arc<dyn Reader> = self.collector.reader().clone();
        let proof = tokio::task::spawn_blocking(move || {
            consistency_proof(old, new, &StoredHashes::new(&*reader, new))
        });
        proof.await.map_err(|error| error.to_string())?.map_err(|error| error.message)
    }

    async fn post(
        &self,
        url: &str,
        body: String,
        checkpoint: &SignedCheckpoint,
        key: &VerifierKey,
    ) -> Result<Answer, String> {
        let without_url = |error: reqwest::Error| error.without_url().to_string();
        let response = self.client.post(url).body(body).send().await.map_err(without_url)?;
        let status = response.status().as_u16();
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let mut bytes = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.map_err(without_url)?);
            if bytes.len() > MAX_BYTES {
                return Err("its answer is too long".to_owned());
            }
        }
        let keys = std::slice::from_ref(key);
        Answer::read(status, kind.as_deref(), &bytes, checkpoint, keys).map_err(|error| error.message)
    }
}
