//! Servers of one log over one store, and access to the store's content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::check::{CheckReport, Walk};
use countersign::checkpoint::SignedCheckpoint;
use countersign::trust::Trust;
use countersign::verify::{FindingCode, Options, Verdict, Verifier};
use countersign_log::store::{Reader, StoredEvent, StoredLeaf};
use countersign_log_server::bucket::Bucket;
use countersign_log_server::serve::{Config, RunningLog, StartError, serve};
use futures_util::TryStreamExt as _;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;

use crate::common::emitter::{Attempt, Emitter};
use crate::common::random::Random;
use crate::common::server;
pub use crate::common::server::{ORIGIN, emitter_key, log_key, until};

/// Number of emitters in the trust file.
pub const EMITTERS: u8 = 4;

/// A log in a store.
pub struct World {
    pub runtime: Runtime,
    pub store: Arc<dyn ObjectStore>,
    pub prefix: ObjectPath,
}

pub fn trust() -> Trust {
    let emitters = (0..EMITTERS).map(|number| format!("emitter {}\n", emitter_key(number).verifier_key()));
    let text: String = [format!("log {}\n", log_key().verifier_key())].into_iter().chain(emitters).collect();
    Trust::parse(text.as_bytes()).unwrap()
}

/// Returns an emitter that opens the chain with that number.
pub fn emitter(number: u8, chain: u64) -> Emitter {
    Emitter::new(ORIGIN, emitter_key(number), chain, trust())
}

/// Delivers everything in an emitter's outbox, a few lines at a time, to a random server each time.
pub fn deliver(emitter: &mut Emitter, urls: &[String], random: &mut Random) {
    deliver_by(emitter, urls, random, 4);
}

/// Delivers everything in an emitter's outbox in one submission.
pub fn deliver_at_once(emitter: &mut Emitter, urls: &[String], random: &mut Random) {
    deliver_by(emitter, urls, random, u64::MAX);
}

fn deliver_by(emitter: &mut Emitter, urls: &[String], random: &mut Random, max: u64) {
    for _ in 0..10_000 {
        if emitter.outbox.is_empty() {
            return;
        }
        let url = &urls[random.below(urls.len() as u64) as usize];
        let lines = if max == u64::MAX { usize::MAX } else { 1 + random.below(max) as usize };
        // Sometimes skips the first links: the log accepts the next ones only if it has them.
        let skip = if max < u64::MAX && random.below(8) == 0 { after_first_signed(emitter) } else { 0 };
        if emitter.deliver(url, skip, lines) == Attempt::Later {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    panic!("{} lines remain in the outbox", emitter.outbox.len());
}

fn after_first_signed(emitter: &Emitter) -> usize {
    let first = emitter.outbox.iter().position(|line| line.signed).map_or(0, |place| place + 1);
    if first < emitter.outbox.len() { first } else { 0 }
}

impl World {
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { runtime: Runtime::new().unwrap(), store, prefix: ObjectPath::from("logs/audit") }
    }

    pub fn bucket(&self, way: Arc<dyn ObjectStore>) -> Bucket {
        Bucket::new(way, self.prefix.clone())
            .with_pause(Duration::from_millis(1))
            .with_interval(Duration::from_millis(20))
            .with_patience(Duration::from_millis(40))
    }

    /// Starts a server with this access to the store.
    pub fn try_start(&self, way: Arc<dyn ObjectStore>, folder: &Path) -> Result<RunningLog, StartError> {
        self.runtime.block_on(serve(config(folder, Some(self.bucket(way)))))
    }

    /// Starts a server, and retries if a fault prevents it.
    pub fn start(&self, way: &Arc<impl ObjectStore>, folder: &Path) -> RunningLog {
        for _ in 0..1000 {
            match self.try_start(way.clone(), folder) {
                Ok(serving) => return serving,
                Err(StartError::Store(countersign_log::store::StoreError::Unavailable { .. })) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the server doesn't start");
    }

    pub fn stop(&self, serving: RunningLog) {
        self.runtime.block_on(serving.stop()).unwrap();
    }

    /// Returns all objects by name.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.runtime.block_on(async {
            let mut objects = BTreeMap::new();
            let all: Vec<_> = self.store.list(None).try_collect().await.unwrap();
            for meta in all {
                // A partial tile may be deleted meanwhile.
                if let Ok(found) = self.store.get(&meta.location).await {
                    objects.insert(meta.location.to_string(), found.bytes().await.unwrap().to_vec());
                }
            }
            objects
        })
    }

    fn public(&self, path: &str) -> Option<Vec<u8>> {
        let path = ObjectPath::from(format!("{}/public/{path}", self.prefix));
        self.runtime.block_on(async {
            match self.store.get(&path).await {
                Ok(found) => Some(found.bytes().await.unwrap().to_vec()),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        })
    }

    /// Returns the public checkpoint.
    pub fn checkpoint(&self) -> Option<SignedCheckpoint> {
        let note = String::from_utf8(self.public("checkpoint")?).unwrap();
        Some(SignedCheckpoint::parse(&note).unwrap())
    }

    /// Reads the public part as any C2SP client does, checks it, and returns its entries.
    pub fn read_static_log(&self) -> Vec<String> {
        let Some(signed) = self.checkpoint() else { return Vec::new() };
        let size = signed.checkpoint.size;
        let mut walk = Walk::new(signed);
        let mut verifier = Verifier::new(Options { trust: trust(), tiles: true, ..Options::default() });
        let mut leaves = Vec::new();
        for resource in walk.plan() {
            let exact = self.public(&resource.path());
            let bytes = exact.or_else(|| {
                let full = self.public(&resource.full()?.path())?;
                Some(resource.cut(&full).to_vec())
            });
            let bytes = bytes.unwrap_or_else(|| panic!("{} of {size} is missing", resource.path()));
            if let countersign::check::Resource::Bundle(bundle) = resource {
                let found = bundle.decode(&bytes).unwrap();
                leaves.extend(found.iter().map(|leaf| String::from_utf8(leaf.to_vec()).unwrap()));
            }
            walk.push(Some(&bytes));
            verifier.push(&walk.take_lines());
        }
        let (lines, tiles) = walk.finish();
        verifier.push(&lines);
        let report = CheckReport::new(tiles, verifier.finish().report);
        // Chains may still be open.
        assert!(matches!(report.verdict, Verdict::Verified | Verdict::Partial), "{report:#?}");
        let open = |code: &FindingCode| *code == FindingCode::ChainOpen;
        assert!(
            report.tiles.pass() && report.report.finding_counts.iter().all(|(code, _)| open(code)),
            "{report:#?}"
        );
        assert_eq!(leaves.len() as u64, size);
        leaves
    }

    /// Waits until a server has published a log of that size.
    pub fn wait_until_published(&self, serving: &RunningLog, size: u64) {
        let mut published = serving.log_server().published();
        let reached = self.runtime.block_on(async {
            let reached =
                published.wait_for(|newest| newest.as_ref().is_some_and(|newest| newest.size >= size));
            tokio::time::timeout(Duration::from_mins(2), reached).await.map(|reached| drop(reached.unwrap()))
        });
        reached.unwrap_or_else(|_| panic!("{size} entries aren't published"));
        // The effect of a late write is corrected a little later if replacement isn't conditional.
        until("all entries are public", || self.checkpoint().unwrap().checkpoint.size >= size);
    }
}

pub fn config(folder: &Path, store: Option<Bucket>) -> Config {
    Config { store, trust: trust(), ..server::config(folder) }
}

pub fn url(serving: &RunningLog) -> String {
    format!("http://{}", serving.address())
}

/// Returns everything that a server stores.
pub fn contents(reader: &dyn Reader) -> Vec<StoredLeaf> {
    reader.leaves_with_events(0..reader.size().unwrap()).unwrap()
}

pub fn is_erased(leaf: &StoredLeaf) -> bool {
    leaf.event == StoredEvent::Erased
}

/// Returns the files in a folder, at any depth, that contain these bytes.
pub fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if has(&read(&path), bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Returns a file's bytes, or none if it has been removed, as happens when a database is closed.
fn read(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.unwrap(),
    }
}

pub fn has(content: &[u8], bytes: &[u8]) -> bool {
    content.windows(bytes.len()).any(|window| window == bytes)
}
