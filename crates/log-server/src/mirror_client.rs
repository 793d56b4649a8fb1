//! Uploads a log's entries to a mirror (C2SP tlog-mirror), as long as the log runs.
//!
//! A mirror never delays the log: uploads begin after a checkpoint is published, and a mirror that fails is asked again
//! after a pause that doubles from 1 second to 5 minutes. If the log grew meanwhile, the newest checkpoint is uploaded.
//!
//! A server that stops finishes the uploads, for at most [`LAST_UPLOADS_LIMIT`]: what it signed last is then on its
//! mirrors, too.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::checkpoint::SignedCheckpoint;
use countersign::merkle::consistency_proof;
use countersign::witness::{Request, SIZE_CONTENT_TYPE};
use countersign_log::hashes::StoredHashes;
use countersign_log::mirroring::{
    MAX_ANSWER_BYTES, MAX_PACKAGES, MirrorInfo, UploadHead, package_proof, push_package,
};
use countersign_log::store::{EntryReader, Published};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Client;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::redirect::Policy;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::log_server::LogServer;
use crate::short_response::ShortResponse;

/// The time limit for one request.
const REQUEST_LIMIT: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_mins(5);
/// The pause after a failure while the server stops.
const LAST_PAUSE: Duration = Duration::from_millis(200);
/// The time limit for finishing all uploads when the server stops.
pub const LAST_UPLOADS_LIMIT: Duration = Duration::from_secs(10);
/// The size of a mirror from which nothing is known.
const UNKNOWN_SIZE: u64 = u64::MAX;
/// An upload gets no further package from this size on.
const MAX_UPLOAD_BYTES: usize = 4 << 20;
/// Answers that the mirror's state has changed, after which an update ends.
const MAX_CONFLICTS: u32 = 4;

/// The client of one mirror.
pub(crate) struct MirrorClient {
    log_server: LogServer,
    /// The submission prefix, without a slash at the end. It names the mirror in metrics.
    url: String,
    client: Client,
    /// The size of the mirror's pending checkpoint, as far as known.
    pending: u64,
    /// The first entry that the mirror lacks, as far as known.
    next: Option<u64>,
    /// The number of entries that were uploaded, or [`UNKNOWN_SIZE`].
    uploaded: Arc<AtomicU64>,
}

impl MirrorClient {
    pub(crate) fn new(log_server: LogServer, url: &str) -> reqwest::Result<Self> {
        let client =
            countersign_tls::http_client().timeout(REQUEST_LIMIT).redirect(Policy::none()).build()?;
        let url = url.trim_end_matches('/').to_owned();
        let uploaded = Arc::new(AtomicU64::new(UNKNOWN_SIZE));
        Ok(Self { log_server, url, client, pending: 0, next: None, uploaded })
    }

    /// Runs until the log stops. Once `ending` is true, nothing else is published, and it ends when the mirror has
    /// everything.
    pub(crate) async fn run(mut self, mut ending: watch::Receiver<bool>) {
        let mut published = self.log_server.published();
        published.mark_changed();
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::select! {
                biased;
                changed = published.changed() => if changed.is_err() { return },
                () = is_true(&mut ending) => return,
            }
            let Some(newest) = published.borrow_and_update().clone() else { continue };
            match self.update(&newest).await {
                Ok(size) => {
                    self.uploaded.store(size, Ordering::Release);
                    self.log_server.metrics().mirrored(&self.url, size);
                    pause = FIRST_PAUSE;
                }
                Err(why) => {
                    self.log_server.metrics().mirror_failed(&self.url);
                    tracing::warn!(mirror = self.url, why, "uploading to a mirror failed");
                    self.next = None;
                    // A server that stops doesn't wait for the end of a long pause.
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = is_true(&mut ending) => tokio::time::sleep(LAST_PAUSE).await,
                    }
                    pause = (pause * 2).min(MAX_PAUSE);
                    published.mark_changed();
                }
            }
        }
    }

    /// Uploads a checkpoint and all entries up to it that the mirror lacks. Returns the number of entries.
    async fn update(&mut self, newest: &Published) -> Result<u64, String> {
        let signed = SignedCheckpoint::parse(&newest.note).map_err(countersign::Error::into_message)?;
        let size = signed.checkpoint.size;
        self.send_checkpoint(&signed).await?;
        self.send_entries(size).await?;
        Ok(size)
    }

    async fn send_checkpoint(&mut self, signed: &SignedCheckpoint) -> Result<(), String> {
        let size = signed.checkpoint.size;
        for _ in 0..MAX_CONFLICTS {
            let old_size = self.pending;
            if old_size > size {
                return Err(format!(
                    "the mirror has a larger checkpoint, of {old_size} entries instead of {size}"
                ));
            }
            let (reader, checkpoint) = (self.log_server.reader().clone(), signed.clone());
            let body = tokio::task::spawn_blocking(move || {
                let proof = consistency_proof(old_size, size, &StoredHashes::new(&*reader, size));
                let proof = proof.map_err(countersign::Error::into_message)?;
                Ok::<_, String>(Request { old_size, proof, checkpoint }.to_string())
            });
            let body = body.await.map_err(|error| error.to_string())??;
            let request = self.client.post(format!("{}/add-checkpoint", self.url)).body(body);
            let answer = ShortResponse::receive(request, MAX_ANSWER_BYTES).await?;
            match answer.status {
                200 => {
                    self.pending = size;
                    return Ok(());
                }
                409 if answer.content_type.as_deref() == Some(SIZE_CONTENT_TYPE) => {
                    self.pending = size_in(&answer.body).ok_or("the mirror's answer has no size")?;
                }
                _ => return Err(unexpected(&answer, "add-checkpoint")),
            }
        }
        Err("other clients change the mirror's checkpoint".to_owned())
    }

    async fn send_entries(&mut self, size: u64) -> Result<(), String> {
        // If the mirror's state is unknown, an upload without entries returns it.
        let mut head = UploadHead {
            origin: self.log_server.origin().to_owned(),
            start: self.next.unwrap_or(size).min(size),
            end: size,
            ticket: Vec::new(),
        };
        let mut conflicts = 0;
        loop {
            let (reader, upload) = (self.log_server.reader().clone(), head.clone());
            let body = tokio::task::spawn_blocking(move || encode(&upload, &*reader)).await;
            let body = body.map_err(|error| error.to_string())??;
            let request = self.client.post(format!("{}/add-entries", self.url)).body(body);
            let request =
                request.header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_ENCODING, "gzip");
            let answer = ShortResponse::receive(request, MAX_ANSWER_BYTES).await?;
            let info = match answer.status {
                200 => {
                    self.next = Some(size);
                    return Ok(());
                }
                202 | 409 => MirrorInfo::parse(&answer.body).ok_or("the mirror's answer has no state")?,
                _ => return Err(unexpected(&answer, "add-entries")),
            };
            if answer.status == 202 && info.next <= head.start {
                return Err("the mirror accepts entries, but doesn't store them".to_owned());
            }
            if answer.status == 409 {
                conflicts += 1;
                if conflicts == MAX_CONFLICTS || info.pending != size || info.next > size {
                    return Err("another client uploads to the mirror".to_owned());
                }
            }
            (head.start, head.ticket) = (info.next, info.ticket);
        }
    }
}

/// Waits until this is true, or until it can't change anymore.
async fn is_true(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

/// Encodes an upload of the first packages, compressed.
fn encode(head: &UploadHead, reader: &dyn EntryReader) -> Result<Vec<u8>, String> {
    let hashes = StoredHashes::new(reader, head.end);
    let mut upload = head.encode().ok_or("the mirror's ticket is too long")?;
    for place in head.packages().take(MAX_PACKAGES as usize) {
        let entries = reader.leaves(place.start..place.end).map_err(|error| error.to_string())?;
        let proof = package_proof(place.bundle, head.end, &hashes);
        push_package(&mut upload, &entries, &proof.map_err(countersign::Error::into_message)?);
        if upload.len() >= MAX_UPLOAD_BYTES {
            break;
        }
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&upload).and_then(|()| encoder.finish()).map_err(|error| error.to_string())
}

/// Returns the size in the answer to a checkpoint with another old size.
fn size_in(body: &[u8]) -> Option<u64> {
    countersign::integer::parse(body.strip_suffix(b"\n")?)
}

fn unexpected(answer: &ShortResponse, request: &str) -> String {
    format!("the mirror answered {request} with status {}", answer.status)
}

/// A mirror that lacks entries although the server stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorLag {
    /// The mirror's submission prefix.
    pub url: String,
    /// The number of entries that were uploaded; `None` if it is unknown.
    pub uploaded: Option<u64>,
    /// The number of published entries.
    pub size: u64,
}

/// The uploads to mirrors of one log.
pub(crate) struct MirrorFeed {
    uploads: Vec<Upload>,
    ending: watch::Sender<bool>,
}

struct Upload {
    url: String,
    uploaded: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl MirrorFeed {
    /// Starts to upload to mirrors with these submission prefixes.
    pub(crate) fn start(log_server: &LogServer, urls: &[String]) -> reqwest::Result<Self> {
        let ending = watch::Sender::new(false);
        let clients = urls.iter().map(|url| MirrorClient::new(log_server.clone(), url));
        let clients = clients.collect::<reqwest::Result<Vec<_>>>()?;
        let start = |client: MirrorClient| Upload {
            url: client.url.clone(),
            uploaded: client.uploaded.clone(),
            task: tokio::spawn(client.run(ending.subscribe())),
        };
        Ok(Self { uploads: clients.into_iter().map(start).collect(), ending })
    }

    /// Finishes the uploads of all `size` published entries, within [`LAST_UPLOADS_LIMIT`]. Call it when no more are
    /// published. Returns the mirrors that lack entries; the next start continues their uploads.
    pub(crate) async fn finish(self, size: u64) -> Vec<MirrorLag> {
        self.ending.send_replace(true);
        let deadline = Instant::now() + LAST_UPLOADS_LIMIT;
        let mut behind = Vec::new();
        for Upload { url, uploaded, mut task } in self.uploads {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
            let uploaded = Some(uploaded.load(Ordering::Acquire)).filter(|size| *size != UNKNOWN_SIZE);
            if uploaded.is_none_or(|uploaded| uploaded < size) {
                behind.push(MirrorLag { url, uploaded, size });
            }
        }
        behind
    }
}
