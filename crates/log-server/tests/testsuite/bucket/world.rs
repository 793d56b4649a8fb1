//! Servers of one log over one store, and a look at what is in the store.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::check::{CheckReport, Walk};
use countersign::checkpoint::SignedCheckpoint;
use countersign::log::Limits;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{FindingCode, Options, Verdict, Verifier};
use countersign_log::store::{Reader, StoredEvent, StoredLeaf};
use countersign_log_server::bucket::Bucket;
use countersign_log_server::serve::{Config, Serving, StartError, serve};
use countersign_log_server::server::{Bounds, Cors, Hosts};
use countersign_query::Parsers;
use futures_util::TryStreamExt as _;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;

use crate::common::emitter::{Attempt, BEGIN, Emitter};
use crate::common::random::Random;

pub const ORIGIN: &str = "log.example/audit";
/// How many emitters the trust file names.
pub const EMITTERS: u8 = 4;

/// A log in a store.
pub struct World {
    pub runtime: Runtime,
    pub store: Arc<dyn ObjectStore>,
    pub prefix: ObjectPath,
}

pub fn log_key() -> SignerKey {
    SignerKey::generate(ORIGIN, [1; 32]).unwrap()
}

pub fn emitter_key(number: u8) -> SignerKey {
    SignerKey::generate(&format!("example.com/e{number}"), [100 + number; 32]).unwrap()
}

pub fn trust() -> Trust {
    let emitters = (0..EMITTERS).map(|number| format!("emitter {}\n", emitter_key(number).verifier_key()));
    let text: String = [format!("log {}\n", log_key().verifier_key())].into_iter().chain(emitters).collect();
    Trust::parse(text.as_bytes()).unwrap()
}

/// The chain of that number of an emitter.
pub fn emitter(number: u8, chain: u64) -> Emitter {
    Emitter::new(ORIGIN, emitter_key(number), chain, trust())
}

/// Has an emitter deliver all that is in its outbox, a few lines at a time, to any of the servers each time.
pub fn deliver(emitter: &mut Emitter, urls: &[String], random: &mut Random) {
    deliver_by(emitter, urls, random, 4);
}

/// The same with all of it in one submission.
pub fn deliver_at_once(emitter: &mut Emitter, urls: &[String], random: &mut Random) {
    deliver_by(emitter, urls, random, u64::MAX);
}

fn deliver_by(emitter: &mut Emitter, urls: &[String], random: &mut Random, most: u64) {
    for _ in 0..10_000 {
        if emitter.outbox.is_empty() {
            return;
        }
        let url = &urls[random.below(urls.len() as u64) as usize];
        let lines = if most == u64::MAX { usize::MAX } else { 1 + random.below(most) as usize };
        // Sometimes the first links are left out: the log takes the next ones only if it has them.
        let skip = if most < u64::MAX && random.below(8) == 0 { after_first_signed(emitter) } else { 0 };
        if emitter.deliver(url, skip, lines) == Attempt::Later {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    panic!("{} lines of the outbox stay", emitter.outbox.len());
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
    }

    /// Starts a server that goes to the store on that way.
    pub fn try_start(&self, way: Arc<dyn ObjectStore>, folder: &Path) -> Result<Serving, StartError> {
        self.runtime.block_on(serve(config(folder, Some(self.bucket(way)))))
    }

    /// Starts a server, and again if a fault keeps it from starting.
    pub fn start(&self, way: &Arc<impl ObjectStore>, folder: &Path) -> Serving {
        for _ in 0..1000 {
            match self.try_start(way.clone(), folder) {
                Ok(serving) => return serving,
                Err(StartError::Store(countersign_log::store::StoreError::Unavailable { .. })) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the server does not start");
    }

    pub fn stop(&self, serving: Serving) {
        self.runtime.block_on(serving.stop()).unwrap();
    }

    /// All objects, by name.
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

    /// The public checkpoint.
    pub fn checkpoint(&self) -> Option<SignedCheckpoint> {
        let note = String::from_utf8(self.public("checkpoint")?).unwrap();
        Some(SignedCheckpoint::parse(&note).unwrap())
    }

    /// Reads the public part as any C2SP client does, checks it, and gives its leaves.
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
        // Chains may be open.
        assert!(matches!(report.verdict, Verdict::Verified | Verdict::Partial), "{report:#?}");
        let open = |code: &FindingCode| *code == FindingCode::ChainOpen;
        assert!(
            report.tiles.pass() && report.report.finding_counts.iter().all(|(code, _)| open(code)),
            "{report:#?}"
        );
        assert_eq!(leaves.len() as u64, size);
        leaves
    }

    /// Waits until a server knows a log of that size and published it.
    pub fn wait_until_published(&self, serving: &Serving, size: u64) {
        let mut published = serving.log_server().published();
        let reached = self.runtime.block_on(async {
            let reached =
                published.wait_for(|newest| newest.as_ref().is_some_and(|newest| newest.size >= size));
            tokio::time::timeout(Duration::from_mins(2), reached).await.map(|reached| drop(reached.unwrap()))
        });
        reached.unwrap_or_else(|_| panic!("{size} leaves are not published"));
        // Where a store replaces without conditions, a late write is put right a little later.
        until("all leaves are public", || self.checkpoint().unwrap().checkpoint.size >= size);
    }
}

/// Waits for what is going to be so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(2), "not yet: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn config(folder: &Path, store: Option<Bucket>) -> Config {
    Config {
        holds: Vec::new(),
        check_within: None,
        folder: folder.to_owned(),
        store,
        key: log_key(),
        trust: trust(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        cors: Cors::default(),
        hosts: Hosts::default(),
        issuer: None,
        reads: countersign_log::reads::ReadRules::default(),
        parsers: Parsers::built_in(),
        page: None,
        limits: Limits::default(),
        bounds: Bounds::default(),
        clock: Arc::new(|| Time::from_millis(BEGIN).unwrap()),
        steady: Arc::new(|| Duration::ZERO),
    }
}

pub fn url(serving: &Serving) -> String {
    format!("http://{}", serving.address())
}

/// All that a server has.
pub fn contents(reader: &dyn Reader) -> Vec<StoredLeaf> {
    reader.leaves_with_events(0..reader.size().unwrap()).unwrap()
}

pub fn is_erased(leaf: &StoredLeaf) -> bool {
    leaf.event == StoredEvent::Erased
}

/// The files of a folder, however deep, that have these bytes.
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

/// A file's bytes; none where it is gone again, as those of a database that is just closed.
fn read(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.unwrap(),
    }
}

pub fn has(content: &[u8], bytes: &[u8]) -> bool {
    content.windows(bytes.len()).any(|window| window == bytes)
}
