//! Tests of a growth witness, and of the route that it reads.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, empty_root, leaf_hash};
use countersign::note::SignerKey;
use countersign::tenant::{HeadProof, State};
use countersign::time::Time;
use countersign_growth::wire::{Answer as Ticks, Change, Header, Tick, change_line, head_line};
use countersign_growth::{GrowthCode, GrowthState};
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::heads::{HeadShards, SlotHead};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::tenant::TenantNumber;
use countersign_log_server::server::{Address, Bounds};
use countersign_log_server::witness::{
    Config, GrowthDb, GrowthError, GrowthFollower, GrowthGuard, GrowthReport, GrowthSource, RunningWitness,
    serve_guarded,
};
use reqwest::Method;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::answers::Comparable;
use super::world::{Customer, World, emitters};
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
            key: Self::key(),
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
    assert!(witness.reports.lock().unwrap().is_empty());
    let token = world.token("acme", "read", &[&acme.id]);
    world.assert_verified(&acme, &token);
    witness.stop();
    // It has the heads of the signed ticks.
    let (state, checkpoint) = GrowthDb::open(&witness.state()).unwrap().load(ORIGIN).unwrap().unwrap();
    assert_eq!((state.size(), state.logs()), (checkpoint.checkpoint.size, 3));
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
    let mut state = GrowthState::begin(ORIGIN, &first).unwrap();
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
        state = state.apply(tick).unwrap();
    }
    let signed = SignedCheckpoint::parse(&world.newest().unwrap().checkpoint.note).unwrap();
    state.check(&signed.checkpoint).unwrap();
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
    heads: Vec<SlotHead>,
    /// The lines of each tick with its changes, and of its snapshot.
    ticks: Vec<[String; 2]>,
}

impl Operator {
    fn head(number: u8, size: u64, root: u8) -> SlotHead {
        let mut id = [3; 16];
        id[0] = number;
        let root = if size == 0 { empty_root() } else { Hash([root; 32]) };
        SlotHead { id, number: TenantNumber::MAX, size, root, state: State::Live }
    }

    /// Signs a tick with these heads.
    fn tick(&self, heads: Vec<SlotHead>) -> SignedCheckpoint {
        let mut forged = self.0.lock().unwrap();
        let number = forged.ticks.len() as u64;
        let time = Time::from_millis(BEGIN + number.cast_signed() * 1000).unwrap();
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
            text += &change_line(&Change { id, head: change.after, from, proof: Vec::new() });
        }
        let edge: Vec<Hash> = forged.edge.hashes().copied().collect();
        let snapshot = tick.to_snapshot_line(&edge) + &heads.iter().map(head_line).collect::<String>();
        let directory =
            TickDirectory::build(TickSecret::from_bytes(secret), ORIGIN, number, time, after).unwrap();
        forged.edge.append(leaf_hash(directory.entry().to_string().as_bytes()));
        (forged.heads, forged.ticks) =
            (heads, [std::mem::take(&mut forged.ticks), vec![[text, snapshot]]].concat());
        let checkpoint = Checkpoint::new(ORIGIN, number + 1, forged.edge.root().unwrap()).unwrap();
        SignedCheckpoint::parse(&checkpoint.sign(&log_key()).unwrap()).unwrap()
    }
}

impl GrowthSource for Operator {
    fn ticks(&self, from: Option<u64>) -> Result<Vec<u8>, String> {
        let forged = self.0.lock().unwrap();
        let header = Header { origin: ORIGIN.to_owned(), first: 0, next: forged.ticks.len() as u64 };
        let lines = match from {
            Some(from) => forged.ticks.iter().skip(from as usize).map(|lines| lines[0].clone()).collect(),
            None => forged.ticks.last().map_or_else(String::new, |lines| lines[1].clone()),
        };
        Ok((header.to_line() + &lines).into_bytes())
    }

    fn proofs(&self, _: String) -> Result<Vec<u8>, String> {
        Err("no proofs".to_owned())
    }
}

#[test]
fn refuses_the_checkpoints_of_a_lying_operator() {
    let truth = || vec![Operator::head(1, 5, 1), Operator::head(2, 0, 0), Operator::head(3, 9, 3)];
    let replaced = |at: usize, head: Option<SlotHead>| {
        let mut heads = truth();
        heads.splice(at..=at, head);
        heads
    };
    let lies = [
        (GrowthCode::Rewritten, replaced(0, Some(Operator::head(1, 5, 9)))),
        (GrowthCode::Rewritten, replaced(0, Some(Operator::head(1, 6, 9)))),
        (GrowthCode::Shortened, replaced(2, Some(Operator::head(3, 8, 3)))),
        (GrowthCode::Dropped, replaced(1, None)),
    ];
    for (code, lie) in lies {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        let operator = Operator::default();
        let mut follower = follower(Box::new(operator.clone()), &state);
        for _ in 0..3 {
            follower.catch_up(&operator.tick(truth()), Duration::ZERO).unwrap();
        }
        let signed = operator.tick(lie.clone());
        let found = follower.catch_up(&signed, Duration::ZERO).unwrap_err();
        let GrowthError::Found(finding) = found else { panic!("{found}") };
        assert_eq!(finding.code, code);
        let report = follower.take_reports().remove(0);
        assert_eq!(report.finding, *finding);
        // Each head is proven by a checkpoint that the log's key signed.
        let proofs: Vec<HeadProof> =
            report.evidence.iter().filter_map(|text| HeadProof::parse(text).ok()).collect();
        let expected = if code == GrowthCode::Dropped { 1 } else { 2 };
        assert_eq!(proofs.len(), expected, "{:?}", report.evidence);
        assert!(proofs.iter().all(|proof| {
            proof.check().is_ok()
                && !proof.checkpoint.log_signatures([log_key().verifier_key()]).verified.is_empty()
        }));
        // The same finding is reported once, also while the lie lasts.
        assert!(follower.catch_up(&signed, Duration::ZERO).is_err());
        assert!(follower.catch_up(&operator.tick(lie.clone()), Duration::ZERO).is_err());
        assert!(follower.take_reports().is_empty());
        // A restarted witness remembers the truth.
        drop(follower);
        let mut follower = self::follower(Box::new(operator.clone()), &state);
        assert_eq!(follower.state().unwrap().size(), 3);
        assert!(follower.catch_up(&operator.tick(lie), Duration::ZERO).is_err());
        // With the truth restored, only later ticks pass.
        let signed = operator.tick(truth());
        follower.catch_up(&signed, Duration::ZERO).unwrap();
        assert_eq!(follower.state().unwrap().size(), 7);
    }
}

#[test]
fn a_lie_that_is_undone_at_the_next_tick_is_found() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = follower(Box::new(operator.clone()), &folder.path().join("state"));
    let truth = || vec![Operator::head(1, 5, 1)];
    follower.catch_up(&operator.tick(truth()), Duration::ZERO).unwrap();
    let lie = operator.tick(vec![Operator::head(1, 5, 9)]);
    // The operator undoes it before the witness looks.
    let after = operator.tick(truth());
    let found = follower.catch_up(&lie, Duration::ZERO).unwrap_err();
    assert!(
        matches!(&found, GrowthError::Found(finding) if finding.code == GrowthCode::Rewritten),
        "{found}"
    );
    assert_eq!(follower.take_reports().len(), 1);
    follower.catch_up(&after, Duration::ZERO).unwrap();
    // A checkpoint before a checked tick is never cosigned, nor one with another root.
    let outdated = follower.catch_up(&lie, Duration::ZERO).unwrap_err();
    assert!(matches!(outdated, GrowthError::Unchecked(_)), "{outdated}");
    let forged = Checkpoint::new(ORIGIN, 3, Hash([1; 32])).unwrap().sign(&log_key()).unwrap();
    let forged = SignedCheckpoint::parse(&forged).unwrap();
    let found = follower.catch_up(&forged, Duration::ZERO).unwrap_err();
    assert!(
        matches!(&found, GrowthError::Found(finding) if finding.code == GrowthCode::Directory),
        "{found}"
    );
}

#[test]
fn a_tick_that_is_not_shown_is_not_cosigned() {
    let folder = TempDir::new().unwrap();
    let operator = Operator::default();
    let mut follower = follower(Box::new(operator.clone()), &folder.path().join("state"));
    follower.catch_up(&operator.tick(vec![Operator::head(1, 5, 1)]), Duration::ZERO).unwrap();
    let signed = operator.tick(vec![Operator::head(1, 5, 1)]);
    let lines = operator.0.lock().unwrap().ticks.pop().unwrap();
    let unseen = follower.catch_up(&signed, Duration::from_millis(120)).unwrap_err();
    assert!(matches!(unseen, GrowthError::Unchecked(_)), "{unseen}");
    operator.0.lock().unwrap().ticks.push(lines);
    follower.catch_up(&signed, Duration::ZERO).unwrap();
}
