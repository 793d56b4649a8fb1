//! Tests of a growth witness, and of the route that it reads.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, HashReader, Subtree, consistency_proof, empty_root, leaf_hash};
use countersign::note::SignerKey;
use countersign::tenant::{HeadProof, State};
use countersign::time::Time;
use countersign::verify::Severity;
use countersign_growth::wire::{
    Answer as Ticks, Change, Header, ProofRequest, Tick, change_line, head_line, parse_proofs, proof_line,
};
use countersign_growth::{GrowthCode, GrowthState};
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::heads::{HeadShards, SlotHead};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::tenant::TenantNumber;
use countersign_log_server::server::{Address, Bounds};
use countersign_log_server::sqlite;
use countersign_log_server::witness::{
    Config, Coverage, GrowthDb, GrowthError, GrowthFollower, GrowthGuard, GrowthReport, GrowthSource,
    RunningWitness, serve_guarded,
};
use reqwest::Method;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::answers::Comparable;
use super::world::{Customer, World, emitters, parse_id};
use crate::common::emitter::{BEGIN, client};
use crate::common::server::{ORIGIN, Server, log_key, send};

/// How far the witness's clock is ahead, in milliseconds. A witness cosigns no tick that is in its future.
const AHEAD: i64 = 10_000;

/// The place and the token of a log server. A restarted server has another place.
type Place = Arc<Mutex<(String, String)>>;

/// Reads a real log server.
struct OverHttp(Place);

impl OverHttp {
    fn ask(&self, method: Method, query: &str, body: String) -> Result<Vec<u8>, String> {
        let (url, token) = self.0.lock().unwrap().clone();
        let request = client().request(method, format!("{url}/growth{query}")).bearer_auth(token).body(body);
        let response = request.send().map_err(|error| error.to_string())?;
        if response.status() != 200 {
            return Err(format!("status {}", response.status()));
        }
        response.bytes().map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }
}

impl GrowthSource for OverHttp {
    fn ticks(&self, from: Option<u64>) -> Result<Vec<u8>, String> {
        let query = from.map_or_else(String::new, |from| format!("?from={from}"));
        self.ask(Method::GET, &query, String::new())
    }

    fn proofs(&self, body: String) -> Result<Vec<u8>, String> {
        self.ask(Method::POST, "", body)
    }

    /// The tests of the root log's own growth have another source.
    fn root_extends(&self, _: &Checkpoint, _: &Checkpoint) -> Result<bool, String> {
        Ok(true)
    }

    fn published_size(&self) -> Result<u64, String> {
        Err("the tiles suffice".to_owned())
    }
}

/// A growth witness.
struct GrowthWitness {
    place: Place,
    clock: Arc<AtomicI64>,
    folder: TempDir,
    runtime: Runtime,
    address: Address,
    reports: Arc<Mutex<Vec<GrowthReport>>>,
    serving: Option<RunningWitness>,
}

impl GrowthWitness {
    fn key() -> SignerKey {
        SignerKey::witness_from_seed("growth.example", [77; 32]).unwrap()
    }

    fn start() -> Self {
        let mut witness = Self {
            place: Place::default(),
            clock: Arc::new(AtomicI64::new(BEGIN + AHEAD)),
            folder: TempDir::new().unwrap(),
            runtime: Runtime::new().unwrap(),
            address: "127.0.0.1:0".parse().unwrap(),
            reports: Arc::default(),
            serving: None,
        };
        witness.begin();
        witness
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("growth")
    }

    fn begin(&mut self) {
        let follower = follower(Box::new(OverHttp(self.place.clone())), &self.state());
        let reports = self.reports.clone();
        let report = move |report: &GrowthReport| reports.lock().unwrap().push(report.clone());
        let guard = GrowthGuard::new(follower, Duration::from_secs(4), report);
        let (now, passed) = (self.clock.clone(), self.clock.clone());
        let config = Config {
            keys: vec![Box::new(Self::key())],
            logs: vec![log_key().verifier_key().clone()],
            state: self.folder.path().join("cosigned"),
            listen: self.address.clone(),
            bounds: Bounds::default(),
            clock: Arc::new(move || now.load(Ordering::SeqCst).cast_unsigned() / 1000),
            steady: Arc::new(move || Duration::from_millis(passed.load(Ordering::SeqCst).cast_unsigned())),
            stated_time: None,
        };
        let serving = self.runtime.block_on(serve_guarded(config, Some(Box::new(guard)))).unwrap();
        self.address = serving.address().clone();
        self.serving = Some(serving);
    }

    fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.stop());
        }
    }

    /// Starts a root log whose quorum is this witness.
    fn world(&self) -> World {
        let line = format!("witness w {} http://{}/\n", Self::key().verifier_key(), self.address);
        let world = World::with(&format!("{line}quorum w\n{}", emitters()), Bounds::default());
        let token = world.token("witness", "growth", &["*"]);
        *self.place.lock().unwrap() = (world.server.url(), token);
        world
    }

    fn find(&self, world: &World) {
        self.place.lock().unwrap().0 = world.server.url();
    }

    /// Records two events, and returns true if the witness cosigned the tick that contains them.
    fn cosigns(&self, world: &World, customer: &Customer, chain: u64) -> bool {
        self.clock.store(world.server.clock.load(Ordering::SeqCst) + AHEAD, Ordering::SeqCst);
        let mut emitter = world.emitter(customer, 0, chain);
        emitter.record(2);
        let answer = world.submit(&customer.id, emitter.body(0, usize::MAX).0);
        assert_eq!(answer.status, 200);
        let tick = world.newest().unwrap();
        let head = tick.head_proof(&super::world::parse_id(&customer.id), &**world.server.reader());
        let checkpoint = head.unwrap().unwrap().checkpoint;
        !checkpoint.cosignatures(world.trust(customer).witnesses()).times().is_empty()
    }
}

impl Drop for GrowthWitness {
    fn drop(&mut self) {
        self.stop();
    }
}

fn follower(source: Box<dyn GrowthSource>, state: &Path) -> GrowthFollower {
    GrowthFollower::new(ORIGIN, source, GrowthDb::open(state).unwrap()).unwrap()
}

#[test]
fn ticks_are_published_with_the_growth_witness() {
    let mut witness = GrowthWitness::start();
    let mut world = witness.world();
    let [acme, umbrella] = ["acme", "umbrella"].map(|name| world.add(name));
    let mut chain = 0;
    let mut cosigns = |witness: &GrowthWitness, world: &World, customer| {
        chain += 1;
        witness.cosigns(world, customer, chain)
    };
    for _ in 0..3 {
        assert!(cosigns(&witness, &world, &acme));
        assert!(cosigns(&witness, &world, &umbrella));
    }
    // A restarted witness continues with its state.
    witness.stop();
    assert!(!cosigns(&witness, &world, &acme));
    witness.begin();
    assert!(cosigns(&witness, &world, &acme));
    // A restarted server forgets the ticks before.
    world.restart();
    witness.find(&world);
    assert!(cosigns(&witness, &world, &umbrella));
    // If the witness missed some of them, it compares all heads with those that it knows.
    witness.stop();
    assert!(!cosigns(&witness, &world, &acme));
    let third = world.add("third");
    world.restart();
    world.restart();
    witness.begin();
    witness.find(&world);
    // Perhaps the server asked while its place was unknown.
    let is_back = (0..3).any(|_| cosigns(&witness, &world, &third));
    assert!(is_back);
    assert!(cosigns(&witness, &world, &acme));
    // The first tick, and the gap.
    let reports: Vec<_> = witness.reports.lock().unwrap().iter().map(|report| report.code).collect();
    assert_eq!(reports[0], GrowthCode::Began);
    assert!(reports.len() > 1 && reports[1..].iter().all(|code| *code == GrowthCode::Skipped), "{reports:?}");
    let token = world.token("acme", "read", &[&acme.id]);
    world.assert_verified(&acme, &token);
    witness.stop();
    // It has the heads of the signed ticks.
    let stored = GrowthDb::open(&witness.state()).unwrap().load(ORIGIN).unwrap().unwrap();
    let (state, checkpoint) = (stored.state, stored.checkpoint);
    let began = witness.reports.lock().unwrap()[0].tick;
    assert_eq!((state.size(), state.logs(), state.first()), (checkpoint.checkpoint.size, 3, began));
    assert!(stored.coverage.since > began && stored.coverage.skipped > 0);
    assert_eq!(checkpoint.checkpoint.size, world.server.size());
}

#[test]
fn only_its_right_shows_growth() {
    let mut world = World::start();
    let requests = [
        (Method::GET, "/growth"),
        (Method::GET, "/growth?from=0"),
        (Method::GET, "/growth?from=x"),
        (Method::POST, "/growth"),
    ];
    let tokens =
        ["read,erase,admin", "read"].map(|rights| world.token(&rights.replace(',', "-"), rights, &["*"]));
    let refused = |world: &World| {
        let tokens = [None, Some("csr_wrong"), Some(&*tokens[0]), Some(&*tokens[1])];
        let ask = |(method, path): &(Method, &str)| {
            tokens.map(|token| Comparable::new(&world.ask(method, path, token)))
        };
        requests.iter().map(ask).collect::<Vec<_>>()
    };
    let before = refused(&world);
    for answers in &before {
        assert_eq!(answers.clone().map(|answer| answer.status), [401, 401, 403, 403]);
        // Not even the form of the request is examined.
        assert_eq!(answers, &before[0]);
    }
    let customer = world.add("acme");
    let mut emitter = world.emitter(&customer, 0, 0);
    emitter.record(5);
    world.deliver(&customer, &mut emitter);
    assert_eq!(refused(&world), before);

    // The right shows nothing else.
    let token = world.token("witness", "growth", &["*"]);
    for path in ["export", "head", "stream", "evidence", "erasures"] {
        assert_eq!(world.get(&format!("/t/{}/{path}", customer.id), &token).status, 403, "{path}");
    }
    for path in ["/metrics", "/tenants", "/evidence"] {
        assert_eq!(world.get(path, &token).status, 403, "{path}");
    }
    let answer = world.get("/growth?from=x", &token);
    assert_eq!(answer.refusal(), (400, "request.invalid".into()));
    for body in ["", "{}\n", "{\"id\":\"3f\",\"from\":0,\"to\":0}\n"] {
        let request = client().post(world.server.url() + "/growth").bearer_auth(&token).body(body);
        assert_eq!(send(request).status, 400, "{body}");
    }
    let id = &customer.id;
    for (id, to, expected) in [(id, 6, 200), (id, 9, 400), (&"3f".repeat(16), 1, 400)] {
        let body = format!("{{\"id\":\"{id}\",\"from\":1,\"to\":{to}}}\n");
        let request = client().post(world.server.url() + "/growth").bearer_auth(&token).body(body);
        assert_eq!(send(request).status, expected, "{id} {to}");
    }
    // An ordinary log has no such route.
    assert_eq!(Server::start().get("/growth").status, 404);
}

/// A witness would take a proof of damaged hashes for one of a rewritten log.
#[test]
fn damaged_tiles_prove_no_growth() {
    let mut world = World::start();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    emitter.record(5);
    world.deliver(&acme, &mut emitter);
    let token = world.token("witness", "growth", &["*"]);
    let requests =
        [(1, 6), (1, 3), (0, 3), (6, 6)].map(|(from, to)| ProofRequest { id: parse_id(&acme.id), from, to });
    let proofs = || {
        let body: String = requests.iter().map(ProofRequest::to_line).collect();
        let request = client().post(world.server.url() + "/growth").bearer_auth(&token).body(body);
        parse_proofs(&send(request).body, &requests).unwrap()
    };
    let lengths: Vec<_> = proofs().iter().map(|proof| proof.as_ref().map(Vec::len)).collect();
    assert_eq!(lengths, [Some(3), Some(2), Some(0), Some(0)]);
    let database = Connection::open(world.server.folder().join(sqlite::FILE)).unwrap();
    assert!(database.execute("UPDATE tiles SET hashes = zeroblob(length(hashes))", []).unwrap() > 0);
    assert_eq!(proofs(), [None, None, Some(Vec::new()), Some(Vec::new())]);
}

#[test]
fn shows_the_ticks_that_a_reader_lacks() {
    let mut world = World::start();
    let acme = world.add("acme");
    let token = world.token("witness", "growth", &["*"]);
    let ticks = |query: &str| {
        let answer = world.get(&format!("/growth{query}"), &token);
        assert_eq!(
            (answer.status, &answer.headers["cache-control"]),
            (200, &"private, no-store".parse().unwrap())
        );
        Ticks::parse(&answer.body).unwrap()
    };
    let first = ticks("").snapshot.unwrap();
    let mut state = GrowthState::begin(ORIGIN, &first).unwrap().state;
    assert_eq!((state.logs(), state.size()), (1, world.server.size()));
    for round in 0..5 {
        let mut emitter = world.emitter(&acme, 0, round);
        emitter.record(round as usize + 1);
        world.deliver(&acme, &mut emitter);
        world.tick();
    }
    let answer = ticks(&format!("?from={}", state.size()));
    assert_eq!((answer.ticks.len(), answer.header.next), (10, world.server.size()));
    for tick in &answer.ticks {
        let step = state.apply(tick).unwrap();
        assert!(step.findings.is_empty() && step.state.is_whole());
        state = step.state;
    }
    let signed = SignedCheckpoint::parse(&world.newest().unwrap().checkpoint.note).unwrap();
    assert!(state.is_at(&signed.checkpoint));
    assert!(ticks(&format!("?from={}", state.size())).ticks.is_empty());
    // The ticks before the first request are not kept.
    assert!(ticks("?from=0").snapshot.is_some());
}

/// An operator who shows and signs whatever heads it wants. Shared with the source that the witness reads.
#[derive(Clone, Default)]
struct Operator(Arc<Mutex<Forged>>);

#[derive(Default)]
struct Forged {
    edge: CompactRange,
    /// The root hash after each tick.
    roots: Vec<Hash>,
    heads: Vec<SlotHead>,
    /// The lines of each tick with its changes, and of its snapshot.
    ticks: Vec<[String; 2]>,
    /// The first tick that is shown.
    first: u64,
    /// The answer to requests for proofs. Without one, the server fails.
    proofs: Option<Prove>,
    /// The number of requests for proofs.
    asked: usize,
    /// The size of the published root log, if tiles after it are hidden.
    published: Option<u64>,
    /// The number of milliseconds by which ticks are dated too early.
    early_ms: i64,
}

/// Proves that a log grew, if it can.
type Prove = fn(&ProofRequest) -> Option<Vec<Hash>>;

/// Returns the proof that a log with the root `[n; 32]` of one entry extends nothing but itself.
fn no_proof(_: &ProofRequest) -> Option<Vec<Hash>> {
    None
}

fn leaf(number: u8, nth: u64) -> Hash {
    leaf_hash(&[number, nth as u8])
}

/// The root of the honest log of a tenant.
fn honest_root(number: u8, size: u64) -> Hash {
    let mut tree = CompactRange::new();
    (0..size).for_each(|nth| tree.append(leaf(number, nth)));
    tree.root().filter(|_| size > 0).unwrap_or_else(empty_root)
}

/// Proves the growth of an honest log.
fn honest_proof(request: &ProofRequest) -> Option<Vec<Hash>> {
    struct Leaves(u8);
    impl HashReader for Leaves {
        fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, countersign::Error> {
            let root = |tree: &Subtree| {
                let mut range = CompactRange::new();
                (0..1 << tree.level).for_each(|nth| range.append(leaf(self.0, tree.index + nth)));
                range.root().unwrap()
            };
            Ok(subtrees.iter().map(root).collect())
        }
    }
    let is_trivial = request.from == 0 || request.from >= request.to;
    if is_trivial {
        return Some(Vec::new());
    }
    consistency_proof(request.from, request.to, &Leaves(request.id[0])).ok()
}

impl Operator {
    /// Returns the head of a forged log, or of an honest one if `root` is 0.
    fn head(number: u8, size: u64, root: u8) -> SlotHead {
        let mut id = [3; 16];
        id[0] = number;
        let root = if root == 0 || size == 0 { honest_root(number, size) } else { Hash([root; 32]) };
        SlotHead { id, number: TenantNumber::MAX, size, root, state: State::Live }
    }

    fn tick(&self, heads: Vec<SlotHead>) -> SignedCheckpoint {
        self.tick_with(heads, honest_proof)
    }

    /// Signs a tick with these heads.
    fn tick_with(&self, heads: Vec<SlotHead>, prove: Prove) -> SignedCheckpoint {
        let mut forged = self.0.lock().unwrap();
        let number = forged.ticks.len() as u64;
        let time = Time::from_millis(BEGIN + number.cast_signed() * 1000 - forged.early_ms).unwrap();
        let shards = HeadShards::new(8).unwrap();
        let before = shards.with(forged.heads.iter().copied()).unwrap();
        let after = shards.with(heads.iter().copied()).unwrap();
        let secret = [number as u8; 32];
        let tick = Tick { tick: number, time, secret, depth: 8, heads: heads.len() as u64 };
        let changes = after.changes_since(&before);
        let mut text = tick.to_tick_line(changes.len());
        for change in changes {
            let (id, from) =
                (change.after.or(change.before).unwrap().id, change.before.map_or(0, |before| before.size));
            let proof = match change.after {
                Some(after) if after.size > from => prove(&ProofRequest { id, from, to: after.size }),
                _ => Some(Vec::new()),
            };
            text += &change_line(&Change { id, head: change.after, from, proof });
        }
        let edge: Vec<Hash> = forged.edge.hashes().copied().collect();
        let snapshot = tick.to_snapshot_line(&edge) + &heads.iter().map(head_line).collect::<String>();
        let directory =
            TickDirectory::build(TickSecret::from_bytes(secret), ORIGIN, number, time, after).unwrap();
        forged.edge.append(leaf_hash(directory.entry().to_string().as_bytes()));
        let root = forged.edge.root().unwrap();
        forged.roots.push(root);
        (forged.heads, forged.ticks) =
            (heads, [std::mem::take(&mut forged.ticks), vec![[text, snapshot]]].concat());
        sign(number + 1, root)
    }

    /// Deletes the ticks before the newest one, as a restart does.
    fn forget(&self) {
        let mut forged = self.0.lock().unwrap();
        forged.first = forged.ticks.len() as u64 - 1;
    }

    fn answer_proofs(&self, prove: Prove) {
        self.0.lock().unwrap().proofs = Some(prove);
    }

    fn follower(&self, folder: &TempDir) -> GrowthFollower {
        follower(Box::new(self.clone()), &folder.path().join("state"))
    }
}

fn sign(size: u64, root: Hash) -> SignedCheckpoint {
    let note = Checkpoint::new(ORIGIN, size, root).unwrap().sign(&log_key()).unwrap();
    SignedCheckpoint::parse(&note).unwrap()
}

impl GrowthSource for Operator {
    fn ticks(&self, from: Option<u64>) -> Result<Vec<u8>, String> {
        let forged = self.0.lock().unwrap();
        let header =
            Header { origin: ORIGIN.to_owned(), first: forged.first, next: forged.ticks.len() as u64 };
        let lines = match from.filter(|from| *from >= forged.first) {
            Some(from) => forged.ticks.iter().skip(from as usize).map(|lines| lines[0].clone()).collect(),
            None => forged.ticks.last().map_or_else(String::new, |lines| lines[1].clone()),
        };
        Ok((header.to_line() + &lines).into_bytes())
    }

    fn proofs(&self, body: String) -> Result<Vec<u8>, String> {
        let mut forged = self.0.lock().unwrap();
        forged.asked += 1;
        let prove = forged.proofs.ok_or("no proofs")?;
        let requests = ProofRequest::parse_all(body.as_bytes()).unwrap();
        let line = |request: &ProofRequest| proof_line(&request.id, prove(request).as_deref());
        Ok(requests.iter().map(line).collect::<String>().into_bytes())
    }

    fn root_extends(&self, earlier: &Checkpoint, later: &Checkpoint) -> Result<bool, String> {
        let forged = self.0.lock().unwrap();
        let root = |size: u64| forged.roots.get(size as usize - 1);
        if forged.published.is_some_and(|published| published < later.size) {
            return Err("the tiles are not published".to_owned());
        }
        if root(later.size) != Some(&later.root) {
            return Err("the tiles have another root".to_owned());
        }
        Ok(root(earlier.size) == Some(&earlier.root))
    }

    fn published_size(&self) -> Result<u64, String> {
        let forged = self.0.lock().unwrap();
        Ok(forged.published.unwrap_or(forged.ticks.len() as u64))
    }
}

fn check(follower: &mut GrowthFollower, signed: &SignedCheckpoint) -> Result<(), GrowthError> {
    follower.catch_up(signed, Duration::ZERO)
}

/// Returns the code of the finding because of which a checkpoint doesn't pass.
fn found(follower: &mut GrowthFollower, signed: &SignedCheckpoint) -> GrowthCode {
    match check(follower, signed) {
        Err(GrowthError::Found(report)) => report.code,
        other => panic!("{other:?}"),
    }
}

/// Returns the codes of the open findings.
fn open_codes(follower: &GrowthFollower) -> Vec<GrowthCode> {
    follower.open_findings().iter().map(|finding| finding.code).collect()
}

/// Returns the codes of the reports since the last call.
fn reported(follower: &mut GrowthFollower) -> Vec<GrowthCode> {
    follower.take_reports().iter().map(|report| report.code).collect()
}

fn truth() -> Vec<SlotHead> {
    vec![Operator::head(1, 5, 1), Operator::head(2, 0, 0), Operator::head(3, 9, 3)]
}

fn replaced(at: usize, head: Option<SlotHead>) -> Vec<SlotHead> {
    let mut heads = truth();
    heads.splice(at..=at, head);
    heads
}

fn lies() -> [(GrowthCode, Vec<SlotHead>); 4] {
    [
        (GrowthCode::Rewritten, replaced(0, Some(Operator::head(1, 5, 9)))),
        (GrowthCode::Rewritten, replaced(0, Some(Operator::head(1, 6, 9)))),
        (GrowthCode::Shortened, replaced(2, Some(Operator::head(3, 8, 3)))),
        (GrowthCode::Dropped, replaced(1, None)),
    ]
}

#[test]
fn refuses_the_checkpoints_of_a_lying_operator() {
    for (code, lie) in lies() {
        let folder = TempDir::new().unwrap();
        let operator = Operator::default();
        let mut follower = operator.follower(&folder);
        for _ in 0..3 {
            check(&mut follower, &operator.tick(truth())).unwrap();
        }
        assert_eq!(reported(&mut follower), [GrowthCode::Began]);
        let signed = operator.tick(lie.clone());
        assert_eq!(found(&mut follower, &signed), code);
        let report = follower.take_reports().remove(0);
        assert_eq!((report.code, report.tick), (code, 3));
        assert!(report.log.as_ref().unwrap().starts_with("log.example/audit/t/0"), "{report}");
        // Each head is proven by a checkpoint that the log's key signed.
        let proofs: Vec<HeadProof> =
            report.evidence.iter().filter_map(|text| HeadProof::parse(text).ok()).collect();
        let expected = if code == GrowthCode::Dropped { 1 } else { 2 };
        assert_eq!(proofs.len(), expected, "{:?}", report.evidence);
        assert!(proofs.iter().all(|proof| {
            proof.check().is_ok()
                && !proof.checkpoint.log_signatures([log_key().verifier_key()]).verified.is_empty()
        }));
        // The finding is reported once, even while the lie lasts.
        assert_eq!(found(&mut follower, &signed), code);
        assert_eq!(found(&mut follower, &operator.tick(lie.clone())), code);
        assert!(follower.take_reports().is_empty());
        // A restarted witness remembers the truth, and reports the finding again.
        drop(follower);
        let mut follower = operator.follower(&folder);
        assert_eq!(follower.take_reports(), std::slice::from_ref(&report));
        assert_eq!(follower.state().unwrap().size(), 3);
        assert_eq!(found(&mut follower, &operator.tick(lie.clone())), code);
        // With the truth restored, no tick passes before the witness's operator decides.
        let signed = operator.tick(truth());
        // A proof could still settle one of the lies, but not that the log got shorter again. The tick at which it did
        // doesn't pass.
        let undone: &[GrowthCode] = if report.recheck.is_some() { &[GrowthCode::Shortened] } else { &[] };
        assert!(check(&mut follower, &signed).is_err());
        assert_eq!(open_codes(&follower), [&[code], undone].concat());
        let (size, news) = if undone.is_empty() { (7, &[GrowthCode::Skipped][..]) } else { (3, undone) };
        assert_eq!((follower.state().unwrap().size(), &*reported(&mut follower)), (size, news));
        drop(follower);
        let mut follower = operator.follower(&folder);
        assert!(check(&mut follower, &operator.tick(truth())).is_err());
        assert_eq!(follower.state().unwrap().size(), 8);
        assert_eq!((follower.decide(2).unwrap(), follower.decide(3).unwrap()), (0, 1));
        assert_eq!(follower.decide(6).unwrap(), undone.len());
        follower.take_reports();
        check(&mut follower, &operator.tick(truth())).unwrap();
        assert!(follower.open_findings().is_empty() && follower.take_reports().is_empty());
        // A new lie is a new finding.
        assert_eq!(found(&mut follower, &operator.tick(lie)), code);
        assert_eq!(reported(&mut follower), [code]);
    }
}

#[test]
fn a_lie_is_not_decided_away_while_it_lasts() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    let lie = replaced(0, Some(Operator::head(1, 5, 9)));
    assert_eq!(found(&mut follower, &operator.tick(lie.clone())), GrowthCode::Rewritten);
    assert_eq!(follower.decide(1).unwrap(), 1);
    reported(&mut follower);
    for is_restarted in [false, true] {
        if is_restarted {
            operator.forget();
        }
        assert_eq!(found(&mut follower, &operator.tick(lie.clone())), GrowthCode::Rewritten);
        assert_eq!(follower.decide(u64::MAX).unwrap(), 1);
    }
    assert_eq!(follower.state().unwrap().size(), 1);
}

#[test]
fn a_lie_that_is_undone_at_the_next_tick_stays_found() {
    for is_late in [false, true] {
        for (code, lie) in lies() {
            let folder = TempDir::new().unwrap();
            let operator = Operator::default();
            let mut follower = operator.follower(&folder);
            check(&mut follower, &operator.tick(truth())).unwrap();
            reported(&mut follower);
            let lied = operator.tick(lie);
            if !is_late {
                assert_eq!(found(&mut follower, &lied), code);
            }
            // The operator undoes it, perhaps before the witness looks: the next checkpoint then contains both ticks.
            let after = operator.tick(truth());
            found(&mut follower, &after);
            let reports = follower.take_reports();
            assert_eq!((reports[0].code, reports[0].tick), (code, 1), "{is_late}");
            let is_error = |report: &&GrowthReport| report.code.severity() == Severity::Error;
            let errors: Vec<GrowthCode> = reports.iter().filter(is_error).map(|report| report.code).collect();
            // A proof could still settle one of the lies, but not that the log got shorter again.
            let undone: &[GrowthCode] =
                if reports[0].recheck.is_some() { &[GrowthCode::Shortened] } else { &[] };
            assert_eq!(errors, [&[code], undone].concat());
            let proof = reports[0].evidence.iter().filter_map(|text| HeadProof::parse(text).ok());
            assert!(code == GrowthCode::Dropped || proof.into_iter().any(|proof| proof.anchor.tick == 1));
            // The state of the next tick follows from the one before, but it isn't cosigned.
            assert_eq!(follower.state().unwrap().size(), if undone.is_empty() { 3 } else { 1 });
            drop(follower);
            let mut follower = operator.follower(&folder);
            assert_eq!(reported(&mut follower), errors);
            assert!(check(&mut follower, &operator.tick(truth())).is_err());
            assert_eq!(open_codes(&follower), errors);
            // A checkpoint before a checked tick is never cosigned.
            let outdated = check(&mut follower, &lied).unwrap_err();
            assert!(matches!(outdated, GrowthError::Unchecked(_)), "{outdated}");
            assert_eq!((follower.decide(1).unwrap(), follower.decide(2).unwrap()), (1, undone.len()));
            check(&mut follower, &operator.tick(truth())).unwrap();
        }
    }
}

/// The operator of the witness examines the first one only.
#[test]
fn an_open_finding_hides_no_later_one_about_the_same_log() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    reported(&mut follower);
    let lie = replaced(2, Some(Operator::head(3, 8, 3)));
    for _ in 0..2 {
        assert_eq!(found(&mut follower, &operator.tick(lie.clone())), GrowthCode::Shortened);
        assert_eq!(found(&mut follower, &operator.tick(truth())), GrowthCode::Shortened);
    }
    assert_eq!(follower.state().unwrap().size(), 5);
    let ticks: Vec<u64> = follower.open_findings().iter().map(|finding| finding.tick).collect();
    assert_eq!(ticks, [1, 3]);
    assert_eq!(follower.decide(1).unwrap(), 1);
    assert_eq!(found(&mut follower, &operator.tick(truth())), GrowthCode::Shortened);
    drop(follower);
    let mut follower = operator.follower(&folder);
    assert_eq!(reported(&mut follower), [GrowthCode::Shortened]);
    assert_eq!(follower.decide(3).unwrap(), 1);
    check(&mut follower, &operator.tick(truth())).unwrap();
}

/// More findings than a witness keeps come up after a decision about the first ones.
#[test]
fn findings_that_are_not_kept_come_up_again() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    let lie = replaced(2, Some(Operator::head(3, 8, 3)));
    for _ in 0..101 {
        found(&mut follower, &operator.tick(lie.clone()));
        found(&mut follower, &operator.tick(truth()));
    }
    assert_eq!(follower.open_findings().len(), 100);
    // The state before the last lie is the last one that passed.
    assert_eq!(follower.state().unwrap().size(), 201);
    assert_eq!(follower.decide(u64::MAX).unwrap(), 100);
    reported(&mut follower);
    assert_eq!(found(&mut follower, &operator.tick(truth())), GrowthCode::Shortened);
    assert_eq!(follower.open_findings()[0].tick, 201);
    assert_eq!(follower.decide(u64::MAX).unwrap(), 1);
    check(&mut follower, &operator.tick(truth())).unwrap();
}

#[test]
fn ticks_that_are_dated_too_early_stay_found_after_a_decision() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    for _ in 0..2 {
        check(&mut follower, &operator.tick(truth())).unwrap();
    }
    reported(&mut follower);
    operator.0.lock().unwrap().early_ms = 60_000;
    for _ in 0..3 {
        assert_eq!(found(&mut follower, &operator.tick(truth())), GrowthCode::Directory);
        assert_eq!(reported(&mut follower), [GrowthCode::Directory]);
        assert_eq!(follower.decide(u64::MAX).unwrap(), 1);
    }
    assert_eq!(follower.state().unwrap().size(), 2);
    operator.0.lock().unwrap().early_ms = 0;
    check(&mut follower, &operator.tick(truth())).unwrap();
    assert_eq!(follower.state().unwrap().size(), 6);
}

#[test]
fn a_checkpoint_of_another_root_log_is_found() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    for _ in 0..3 {
        check(&mut follower, &operator.tick(truth())).unwrap();
    }
    reported(&mut follower);
    // An earlier one of the same root log is fine, and an earlier one of another isn't.
    let earlier = sign(2, operator.0.lock().unwrap().roots[1]);
    follower.check_earlier(&earlier).unwrap();
    let forged = [sign(2, Hash([1; 32])), sign(3, Hash([1; 32]))];
    let split = follower.check_earlier(&forged[0]).unwrap_err();
    assert!(matches!(&split, GrowthError::Found(report) if report.code == GrowthCode::Split), "{split}");
    let report = follower.take_reports().remove(0);
    assert_eq!(report.evidence.len(), 2);
    assert!(report.evidence.contains(&forged[0].to_string()));
    assert_eq!(found(&mut follower, &forged[1]), GrowthCode::Split);
    // It is evidence of its own, which is kept once.
    assert_eq!(reported(&mut follower), [GrowthCode::Split]);
    assert_eq!(found(&mut follower, &forged[1]), GrowthCode::Split);
    assert!(follower.take_reports().is_empty());
    assert_eq!(found(&mut follower, &operator.tick(truth())), GrowthCode::Split);
    follower.decide(2).unwrap();
    check(&mut follower, &operator.tick(truth())).unwrap();
    // After a gap, the snapshot has an edge of its own. The tiles show that the root log was replaced.
    {
        let mut forged = operator.0.lock().unwrap();
        forged.roots[4] = Hash([1; 32]);
    }
    operator.tick(truth());
    operator.forget();
    let signed = operator.tick(truth());
    operator.forget();
    assert_eq!(found(&mut follower, &signed), GrowthCode::Split);
    assert_eq!((reported(&mut follower), follower.state().unwrap().size()), (vec![GrowthCode::Split], 5));
}

#[test]
fn a_gap_whose_root_log_cannot_be_read_is_not_crossed() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    operator.tick(truth());
    let signed = operator.tick(truth());
    operator.forget();
    let root = std::mem::replace(&mut operator.0.lock().unwrap().roots[2], Hash([1; 32]));
    let unread = check(&mut follower, &signed).unwrap_err();
    assert!(matches!(unread, GrowthError::Unavailable(_)), "{unread}");
    operator.0.lock().unwrap().roots[2] = root;
    check(&mut follower, &signed).unwrap();
    let reports = follower.take_reports();
    assert_eq!(
        reports.iter().map(|report| report.code).collect::<Vec<_>>(),
        [GrowthCode::Began, GrowthCode::Skipped]
    );
    assert!(reports[1].message.starts_with("ticks 1 to 1 were not checked"), "{}", reports[1]);
    assert_eq!(follower.coverage(), Coverage { since: 2, skipped: 1 });
    drop(follower);
    let follower = operator.follower(&folder);
    assert_eq!(follower.coverage(), Coverage { since: 2, skipped: 1 });
    assert_eq!(follower.state().unwrap().first(), 0);
}

#[test]
fn heads_that_the_log_did_not_sign_are_found_and_settled() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    reported(&mut follower);
    let signed = operator.tick(truth());
    let shown = operator.0.lock().unwrap().ticks[1].clone();
    // It shows another secret than the one that it signed.
    operator.0.lock().unwrap().ticks[1][0] = shown[0].replace("AQEB", "AQIB");
    assert_eq!(found(&mut follower, &signed), GrowthCode::Directory);
    assert_eq!(found(&mut follower, &operator.tick(truth())), GrowthCode::Directory);
    assert_eq!(reported(&mut follower), [GrowthCode::Directory]);
    drop(follower);
    let mut follower = operator.follower(&folder);
    assert_eq!(reported(&mut follower), [GrowthCode::Directory]);
    // Once it shows the heads of this tick, they are checked like any others.
    operator.0.lock().unwrap().ticks[1] = shown;
    check(&mut follower, &operator.tick(truth())).unwrap();
    let reports = follower.take_reports();
    assert_eq!((reports.len(), reports[0].code, reports[0].is_settled), (1, GrowthCode::Directory, true));
    assert_eq!(follower.coverage(), Coverage { since: 0, skipped: 0 });
    drop(follower);
    assert!(operator.follower(&folder).open_findings().is_empty());
}

#[test]
fn a_tick_that_was_replaced_before_it_was_signed_is_no_finding() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    // The witness reads two ticks that the server loses in a crash, while the next one isn't shown yet.
    operator.tick(truth());
    let lost = operator.tick(truth());
    let next = sign(4, Hash([1; 32]));
    assert!(check(&mut follower, &next).is_err());
    {
        let mut forged = operator.0.lock().unwrap();
        forged.ticks.truncate(1);
        forged.roots.truncate(1);
        forged.edge = CompactRange::new();
        let root = forged.roots[0];
        forged.edge.append_subtree(0, root).unwrap();
    }
    let signed = operator.tick([truth(), vec![Operator::head(4, 1, 0)]].concat());
    assert_ne!(signed, lost);
    check(&mut follower, &operator.tick(truth_with_fourth())).unwrap();
    assert!(follower.open_findings().is_empty());
}

fn truth_with_fourth() -> Vec<SlotHead> {
    [truth(), vec![Operator::head(4, 1, 0)]].concat()
}

#[test]
fn one_unreadable_log_stops_no_report_about_the_others() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    let heads = |first: u64, third: u8| vec![Operator::head(1, first, 0), Operator::head(3, 9, third)];
    check(&mut follower, &operator.tick(heads(3, 3))).unwrap();
    reported(&mut follower);
    operator.answer_proofs(no_proof);
    for size in 4..7 {
        let unproven = check(&mut follower, &operator.tick_with(heads(size, 3), no_proof)).unwrap_err();
        let GrowthError::Unproven(names) = unproven else { panic!("{unproven}") };
        assert_eq!(names, "01".to_owned() + &"03".repeat(15));
    }
    // It is named once.
    let reports = follower.take_reports();
    assert_eq!((reports.len(), reports[0].code), (1, GrowthCode::Unproven));
    assert_eq!(reports[0].log, Some(format!("{ORIGIN}/t/01{}", "03".repeat(15))));
    assert_eq!(follower.state().unwrap().size(), 1);
    // Meanwhile, another log is rewritten.
    assert_eq!(found(&mut follower, &operator.tick_with(heads(7, 4), no_proof)), GrowthCode::Rewritten);
    assert_eq!(reported(&mut follower), [GrowthCode::Rewritten]);
    follower.decide(4).unwrap();
    // The decided ticks are read again, because the unreadable log holds up the state, but aren't found again.
    let signed = operator.tick_with(heads(8, 3), no_proof);
    assert!(matches!(check(&mut follower, &signed), Err(GrowthError::Unproven(_))));
    // Once the log can be read, the witness continues by itself.
    operator.answer_proofs(honest_proof);
    check(&mut follower, &signed).unwrap();
    assert_eq!(reported(&mut follower), [GrowthCode::Skipped]);
    assert_eq!(follower.coverage(), Coverage { since: 5, skipped: 4 });
}

#[test]
fn an_unreadable_log_recovers_by_itself() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(vec![Operator::head(1, 3, 0)])).unwrap();
    operator.answer_proofs(no_proof);
    for size in 4..7 {
        assert!(
            check(&mut follower, &operator.tick_with(vec![Operator::head(1, size, 0)], no_proof)).is_err()
        );
    }
    operator.answer_proofs(honest_proof);
    check(&mut follower, &operator.tick(vec![Operator::head(1, 7, 0)])).unwrap();
    assert_eq!(reported(&mut follower), [GrowthCode::Began, GrowthCode::Unproven, GrowthCode::Skipped]);
    assert_eq!(follower.coverage(), Coverage { since: 4, skipped: 3 });
    check(&mut follower, &operator.tick(vec![Operator::head(1, 9, 0)])).unwrap();
    assert!(follower.take_reports().is_empty());
}

#[test]
fn a_wrong_proof_is_a_finding_until_a_right_one_settles_it() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(vec![Operator::head(1, 3, 0)])).unwrap();
    reported(&mut follower);
    let wrong: fn(&ProofRequest) -> Option<Vec<Hash>> = |_| Some(vec![Hash([9; 32])]);
    operator.answer_proofs(wrong);
    let signed = operator.tick_with(vec![Operator::head(1, 4, 0)], wrong);
    assert_eq!(found(&mut follower, &signed), GrowthCode::Rewritten);
    drop(follower);
    let mut follower = operator.follower(&folder);
    let report = follower.take_reports().remove(0);
    assert!(report.message.contains("could not prove") && report.recheck.is_some(), "{report}");
    // The proxy in between is repaired.
    operator.answer_proofs(honest_proof);
    check(&mut follower, &operator.tick(vec![Operator::head(1, 5, 0)])).unwrap();
    let reports = follower.take_reports();
    assert!(reports[0].is_settled && reports[0].is_like(&report), "{reports:?}");
    assert!(follower.open_findings().is_empty());
}

#[test]
fn a_tick_that_is_not_shown_is_not_cosigned() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(vec![Operator::head(1, 5, 1)])).unwrap();
    let signed = operator.tick(vec![Operator::head(1, 5, 1)]);
    let lines = operator.0.lock().unwrap().ticks.pop().unwrap();
    let unseen = follower.catch_up(&signed, Duration::from_millis(120)).unwrap_err();
    assert!(matches!(unseen, GrowthError::Unchecked(_)), "{unseen}");
    operator.0.lock().unwrap().ticks.push(lines);
    check(&mut follower, &signed).unwrap();
}

#[test]
fn a_witness_resumes_although_the_newest_checkpoint_waits_for_it() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    let publish = |size| operator.0.lock().unwrap().published = Some(size);
    publish(1);
    operator.tick(truth());
    let third = operator.tick(truth());
    operator.forget();
    let error = check(&mut follower, &third).unwrap_err();
    assert!(matches!(error, GrowthError::Unavailable(_)), "{error}");
    // The log publishes the checkpoint without the witness, and makes the next one.
    publish(3);
    check(&mut follower, &operator.tick(truth())).unwrap();
    assert_eq!(follower.state().unwrap().size(), 4);
}

#[test]
fn a_snapshot_with_another_edge_is_another_root_log() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    {
        let mut forged = operator.0.lock().unwrap();
        forged.edge = CompactRange::new();
        forged.edge.append(leaf(9, 9));
        forged.roots[0] = forged.edge.root().unwrap();
    }
    let signed = operator.tick(truth());
    // The server shows a snapshot of the very next tick.
    operator.0.lock().unwrap().first = 2;
    assert_eq!(found(&mut follower, &signed), GrowthCode::Split);
}

#[test]
fn a_witness_that_is_far_behind_reads_a_snapshot() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    let mut signed = operator.tick(truth());
    for _ in 0..600 {
        signed = operator.tick(truth());
    }
    check(&mut follower, &signed).unwrap();
    assert_eq!(reported(&mut follower), [GrowthCode::Began, GrowthCode::Skipped]);
    assert_eq!(follower.coverage(), Coverage { since: 601, skipped: 600 });
}

#[test]
fn findings_and_freed_slots_survive_in_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let operator = Operator::default();
    let mut follower = operator.follower(&folder);
    check(&mut follower, &operator.tick(truth())).unwrap();
    let signed = operator.tick(truth());
    check(&mut follower, &signed).unwrap();
    let state = follower.state().unwrap().clone();
    drop(follower);
    // A log whose slot was freed is remembered when its head is deleted.
    let mut stored = state.to_stored();
    let (gone, _) = stored.heads.remove(1);
    stored.gone.push(gone.id);
    let later = GrowthState::from_stored(ORIGIN, &stored).unwrap();
    let mut db = GrowthDb::open(&path).unwrap();
    db.save(ORIGIN, &later, Some(&state), &signed, Coverage::default()).unwrap();
    assert_eq!(db.load(ORIGIN).unwrap().unwrap().state.to_stored().gone, [gone.id]);
    assert!(db.load("other.example").is_err());
    drop(db);
    let mut follower = operator.follower(&folder);
    assert_eq!(found(&mut follower, &operator.tick(truth())), GrowthCode::Directory);
    drop(follower);
    assert!(GrowthDb::open(&path).unwrap().open_findings("other.example").is_err());
}
