//! Tests of embedded tenant logs with a host that decides when ticks are made.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign::hex;
use countersign::keys::{KeyNote, Statement};
use countersign::merkle::leaf_hash;
use countersign::note::SignerKey;
use countersign::tenant::{KeyNoteRequest, TenantOrigin, TenantRequest};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_growth::GrowthRun;
use countersign_growth::wire::{self, ProofRequest};
use countersign_log::embedded::{
    Config, Content, Copies, Cors, EmbeddedTenants, MAX_INTERVAL, Pending, Quota, RecordReads, TenantHost,
    TickRule, Unrecorded, WaitingRoom,
};
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::reads::{Count, PendingReads, ReadRequest};
use countersign_log::store::StoreError;
use countersign_log::tables::RequestError;
use countersign_log::tenants::CreationError;
use countersign_log::tenants::requests::Ending;
use countersign_log::tenants::tenant::{Tenant, TenantId, TenantNumber};
use countersign_log::tokens;
use countersign_log_server::sqlite;
use countersign_log_server::stop_file::StopFile;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{ORIGIN, emitter_key, log_key};

/// A host that stores nothing but tenants. The log of the first one begins with reads that are not recorded.
struct Host {
    folder: PathBuf,
    reads: Option<String>,
}

impl TenantHost for Host {
    fn create(&self, name: &str, now: Time) -> Result<Tenant, CreationError> {
        let mut random: Random = Box::new(secure_random);
        sqlite::add_tenant(&self.folder, name, &mut random, now)
    }

    fn end(&self, name: &str, ending: &Ending) -> Result<Tenant, RequestError> {
        Ok(sqlite::end_tenants(&self.folder, &[name], ending)?.remove(0))
    }

    fn unrecorded(&self, number: TenantNumber) -> Box<dyn Unrecorded> {
        Box::new(Reads(self.reads.clone().filter(|_| number.get() == 1)))
    }

    fn with_unrecorded(&self) -> Result<Vec<TenantNumber>, StoreError> {
        Ok(self.reads.iter().filter_map(|_| TenantNumber::new(1)).collect())
    }
}

/// The reads that are stored at the start. Later ones are not stored.
struct Reads(Option<String>);

impl Unrecorded for Reads {
    fn stored(&self) -> Result<Option<String>, StoreError> {
        Ok(self.0.clone())
    }

    fn keep(&self, _: Option<&str>) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Nothing;

impl Copies for Nothing {
    fn copied(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn set_copied(&self, _: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn withdraw(&self, _: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }
}

fn issuer() -> SignerKey {
    SignerKey::from_seed("example.com", [50; 32]).unwrap()
}

fn trust() -> Trust {
    trust_with(&format!("emitter {}\n", log_key().verifier_key()))
}

fn trust_with(more: &str) -> Trust {
    let (log, emitter) = (log_key(), emitter_key(0));
    let (log, emitter, issuer) = (log.verifier_key(), emitter.verifier_key(), issuer());
    let text = format!("log {log}\nemitter {emitter}\nissuer {}\n{more}", issuer.verifier_key());
    Trust::parse(text.as_bytes()).unwrap()
}

/// An object with its clock.
struct Object {
    logs: EmbeddedTenants,
    now: i64,
}

impl Object {
    fn open(folder: &Path, rule: TickRule, now: i64) -> Self {
        Self::open_with_reads(folder, rule, now, None)
    }

    fn open_with_reads(folder: &Path, rule: TickRule, now: i64, reads: Option<String>) -> Self {
        Self::open_with(folder, rule, now, reads, trust())
    }

    fn open_with(folder: &Path, rule: TickRule, now: i64, reads: Option<String>, trust: Trust) -> Self {
        if !sqlite::has_tenants(folder).unwrap() {
            sqlite::create_with_tenants(folder, ORIGIN, 10).unwrap();
        }
        let config = Config {
            key: log_key(),
            ml_dsa_key: None,
            trust,
            readers: format!("{} admin,erase,growth,read eraser log=*\n", hex::encode(&tokens::hash(TOKEN))),
            cors: Cors::default(),
            copies: Box::new(Nothing),
            stops: Box::new(StopFile::new(folder)),
            quota: QUOTA,
            tenant_quota: TENANT_QUOTA,
            waiting: WaitingRoom::new(40, 1 << 20),
            record_reads: Some(RecordReads::None),
            unrecorded: Box::new(Reads(None)),
            now: Time::from_millis(now).unwrap(),
        };
        let store = sqlite::open_tenants(folder, ORIGIN).unwrap();
        let host = Box::new(Host { folder: folder.to_owned(), reads });
        Self { logs: EmbeddedTenants::open(store, config, rule, host).unwrap(), now }
    }

    fn pass(&mut self, millis: i64) {
        self.now += millis;
        self.logs.root().set_time(Time::from_millis(self.now).unwrap());
    }

    /// Returns the number of milliseconds until the next tick.
    fn wait(&self) -> i64 {
        self.logs.next_tick().millis() - self.now
    }

    /// Returns the number of ticks.
    fn ticks(&self) -> u64 {
        self.logs.root().published_size()
    }

    fn post(&mut self, path: &str, body: &str) -> (Option<TenantId>, http::Response<Content>) {
        let request = Request::post(path).header(AUTHORIZATION, format!("Bearer {TOKEN}"));
        let request = request.body(body.as_bytes().to_vec()).unwrap();
        self.logs.answer(request)
    }

    /// Sends a request that waits for a tick.
    fn queue(&mut self, path: &str, body: &str) -> (Option<TenantId>, Pending) {
        let (id, answer) = self.post(path, body);
        let status = answer.status();
        let Content::Waiting(pending) = answer.into_body() else { panic!("{path}: {status}") };
        (id, pending)
    }

    fn resume(&mut self, (id, pending): &mut (Option<TenantId>, Pending)) -> Option<(u16, Value)> {
        let answer = self.logs.resume(*id, &HeaderMap::new(), pending, false)?;
        let status = answer.status().as_u16();
        let Content::Whole(body) = answer.into_body() else { panic!("the answer is not complete") };
        Some((status, serde_json::from_slice(&body).unwrap()))
    }

    /// Returns a request of a time that no other request has.
    fn request_for(&self, name: &str) -> String {
        static REQUESTS: AtomicI64 = AtomicI64::new(0);
        let now = self.logs.root().now().millis() + REQUESTS.fetch_add(1, Ordering::Relaxed);
        TenantRequest::sign(ORIGIN, name, Time::from_millis(now).unwrap(), &emitter_key(0)).unwrap()
    }

    /// Creates a tenant, with a tick.
    fn create(&mut self, name: &str) -> TenantOrigin {
        let mut request = self.queue("/tenants", &self.request_for(name));
        self.pass(1000);
        assert!(self.logs.tick());
        let (status, answer) = self.resume(&mut request).unwrap();
        assert_eq!((status, answer["since"].as_u64()), (200, Some(self.ticks() - 1)), "{answer}");
        TenantOrigin::parse(answer["origin"].as_str().unwrap()).unwrap()
    }
}

fn path(origin: &TenantOrigin) -> String {
    format!("{}/submit", origin.as_str().strip_prefix(ORIGIN).unwrap())
}

fn emitter(origin: &TenantOrigin, chain: u64) -> Emitter {
    let mut emitter = Emitter::new(origin.as_str(), emitter_key(0), chain, trust());
    emitter.record(2);
    emitter
}

/// The token of a reader that may do everything in all tenant logs.
const TOKEN: &str = "eraser-token";

/// 50 events at once for each key in each log, and 70 for each log.
const QUOTA: Quota = Quota { events: NonZeroU32::new(5), bytes: None, burst: NonZeroU32::new(10).unwrap() };
const TENANT_QUOTA: Quota = Quota { events: NonZeroU32::new(7), ..QUOTA };

const START: i64 = BEGIN + 3_600_000;

#[test]
fn ticks_are_due_with_growth_or_every_10_minutes() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    assert!(object.logs.needs_tick() && object.wait() <= 0);
    assert_eq!(object.post("/t/00000000000000000000000000000000/submit", "").1.status(), 503);
    assert!(object.logs.tick() && !object.logs.needs_tick());
    let idle = i64::try_from(MAX_INTERVAL.as_millis()).unwrap();
    assert_eq!((object.wait(), object.ticks()), (idle, 1));
    assert!(!object.logs.tick());

    let mut request = object.queue("/tenants", &object.request_for("acme"));
    assert_eq!(object.wait(), 1000);
    assert!(!object.logs.tick() && object.resume(&mut request).is_none());
    let acme = object.create("acme");
    assert_eq!(object.resume(&mut request).unwrap().0, 200);
    assert_eq!((object.wait(), object.ticks()), (idle, 2));
    // The tenant exists, so nothing waits.
    let request = object.request_for("acme");
    assert_eq!(object.post("/tenants", &request).1.status(), 200);
    assert_eq!(code(object.post("/tenants", &request).1), (409, "request.time".into()), "it was accepted");

    object.pass(500);
    let sender = emitter(&acme, 0);
    let (body, _) = sender.body(0, usize::MAX);
    let mut submission = object.queue(&path(&acme), &body);
    assert_eq!(object.wait(), 500);
    object.pass(500);
    assert!(object.resume(&mut submission).is_none() && object.logs.tick());
    let (status, answer) = object.resume(&mut submission).unwrap();
    assert_eq!((status, answer["logs"][acme.as_str()]["added"].as_u64()), (200, Some(3)), "{answer}");
    // A repetition needs no tick.
    assert_eq!(object.post(&path(&acme), &body).1.status(), 200);
    assert_eq!(object.wait(), idle);
    object.pass(idle);
    assert!(object.logs.tick());
    assert_eq!(object.ticks(), 4);
}

#[test]
fn ticks_that_are_dated_ahead_delay_no_later_ones() {
    for rule in [TickRule::Changes, TickRule::Every(Duration::from_secs(10))] {
        let folder = TempDir::new().unwrap();
        let mut object = Object::open(folder.path(), rule, START + 10 * 365 * 86_400_000);
        assert!(object.logs.tick());
        drop(object);
        let mut object = Object::open(folder.path(), rule, START);
        assert!(object.wait() <= 0 && object.logs.tick() && !object.logs.needs_tick());
        object.pass(9_000);
        let acme = object.create("acme");
        let mut submission = object.queue(&path(&acme), &emitter(&acme, 0).body(0, usize::MAX).0);
        object.pass(10_000);
        assert!(object.logs.tick());
        assert_eq!(object.resume(&mut submission).unwrap().0, 200);
        assert_eq!(object.ticks(), 4);
    }
}

#[test]
fn ticks_at_an_interval_do_not_depend_on_growth() {
    let folder = TempDir::new().unwrap();
    let rule = TickRule::Every(Duration::from_secs(10));
    let mut object = Object::open(folder.path(), rule, START);
    assert!(object.logs.tick());
    assert_eq!(object.wait(), 10_000);
    let mut request = object.queue("/tenants", &object.request_for("acme"));
    assert_eq!(object.wait(), 10_000);
    object.pass(9_999);
    assert!(!object.logs.tick());
    object.pass(1);
    assert!(object.logs.tick() && object.resume(&mut request).is_some());
    assert_eq!(object.wait(), 10_000);
}

#[test]
fn an_object_that_ends_before_a_tick_loses_only_what_it_has_not_acknowledged() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    object.logs.tick();
    let acme = object.create("acme");
    let (first, second) = (emitter(&acme, 0).body(0, usize::MAX).0, emitter(&acme, 1).body(0, usize::MAX).0);
    let mut submission = object.queue(&path(&acme), &first);
    object.pass(1000);
    assert!(object.logs.tick() && object.resume(&mut submission).is_some());
    object.queue(&path(&acme), &second);
    let (now, ticks) = (object.now, object.ticks());
    drop(object);

    let mut object = Object::open(folder.path(), TickRule::Changes, now);
    // Nothing is signed before the host says so, and the next tick is a second after the last.
    assert_eq!((object.ticks(), object.wait()), (ticks, 1000));
    assert_eq!(object.post(&path(&acme), &first).1.status(), 503);
    object.pass(1000);
    assert!(object.logs.tick());
    assert_eq!(object.ticks(), ticks + 1);
    assert_eq!(object.post(&path(&acme), &first).1.status(), 200);
    let mut submission = object.queue(&path(&acme), &second);
    object.pass(1000);
    assert!(object.logs.tick());
    let (_, answer) = object.resume(&mut submission).unwrap();
    assert_eq!(answer["logs"][acme.as_str()]["added"].as_u64(), Some(3), "{answer}");
}

/// Opens an object with a tenant log in which reads must be recorded, after `change` changed the database. Makes two
/// ticks, the first of which publishes the log's head.
fn with_reads_to_record(folder: &Path, change: impl FnOnce()) -> Object {
    let mut object = Object::open(folder, TickRule::Changes, START);
    object.logs.tick();
    object.create("acme");
    let now = object.now + 1000;
    drop(object);
    change();
    let mut reads = PendingReads::default();
    let reader = ("reader".to_owned(), "token".to_owned(), Vec::new());
    let at = Time::from_millis(START - 3_600_000).unwrap();
    reads.add(&reader, &ReadRequest::for_proof("/proof/a/1"), Count::begun(), at);
    let reads = serde_json::to_string(&reads).unwrap();
    let mut object = Object::open_with_reads(folder, TickRule::Changes, now, Some(reads));
    assert!(object.logs.tick());
    assert_eq!(object.wait(), 1000);
    object.pass(1000);
    assert!(object.logs.tick());
    object
}

/// Changes the stored head of the first tenant, so that its log is stopped once it is opened.
fn change_head(folder: &Path) {
    let database = Connection::open(folder.join(sqlite::FILE)).unwrap();
    let changed = database.execute("UPDATE tenant_heads SET root = zeroblob(32) WHERE number = 1", []);
    assert_eq!(changed.unwrap(), 1);
}

#[test]
fn reads_are_recorded_at_a_tick() {
    let folder = TempDir::new().unwrap();
    let object = with_reads_to_record(folder.path(), || {});
    assert_eq!(i128::from(object.wait()), MAX_INTERVAL.as_millis().cast_signed());
}

#[test]
fn reads_that_a_stopped_log_cannot_record_are_retried_after_a_minute() {
    let folder = TempDir::new().unwrap();
    let mut object = with_reads_to_record(folder.path(), || change_head(folder.path()));
    for _ in 0..2 {
        assert_eq!(object.wait(), 60_000);
        object.pass(60_000);
        assert!(object.logs.tick());
    }
}

#[test]
fn reads_of_a_log_that_ended_are_not_recorded() {
    let folder = TempDir::new().unwrap();
    let end = || _ = sqlite::end_tenants(folder.path(), &["acme"], &Ending::End).unwrap();
    let object = with_reads_to_record(folder.path(), end);
    assert_eq!(i128::from(object.wait()), MAX_INTERVAL.as_millis().cast_signed());
}

#[test]
fn a_stopped_log_continues_its_erasures() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    object.logs.tick();
    for name in ["acme", "other"] {
        let log = object.create(name);
        let sender = emitter(&log, 0);
        object.queue(&path(&log), &sender.body(0, usize::MAX).0);
        object.pass(1000);
        assert!(object.logs.tick());
        // The tick contains the record, but nothing continues the erasure.
        let body = format!(r#"{{"events":["{}/1"],"reason":"test"}}"#, sender.chain());
        object.queue(&path(&log).replace("/submit", "/erase"), &body);
        object.pass(1000);
        assert!(object.logs.tick());
    }
    let now = object.now + 1000;
    drop(object);
    change_head(folder.path());
    let mut object = Object::open(folder.path(), TickRule::Changes, now);
    assert!(object.logs.tick() && object.logs.is_erasing().unwrap());
    while object.logs.erase_some().unwrap() {}
    assert!(!object.logs.is_erasing().unwrap());
}

/// Returns a submission of a key with this number of events, in a chain of its own.
fn flood(origin: &TenantOrigin, chain: u64, events: usize) -> String {
    let mut emitter = Emitter::new(origin.as_str(), emitter_key(0), chain, trust());
    emitter.record(events);
    emitter.body(0, usize::MAX).0
}

fn code(answer: http::Response<Content>) -> (u16, String) {
    let status = answer.status().as_u16();
    let Content::Whole(body) = answer.into_body() else { panic!("the answer is not complete") };
    let body: Value = serde_json::from_slice(&body).unwrap();
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn disconnected_clients_use_up_the_quotas_of_their_log_only() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    object.logs.tick();
    let [acme, other] = ["acme", "other"].map(|name| object.create(name));
    for chain in 0..3 {
        // The client disconnects: its request is never resumed.
        drop(object.queue(&path(&acme), &flood(&acme, chain, 25)));
        object.pass(1000);
        assert!(object.logs.tick());
    }
    let (_, refused) = object.post(&path(&acme), &flood(&acme, 9, 1));
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(code(refused), (429, "submit.quota".into()));
    object.queue(&path(&other), &flood(&other, 9, 1));
}

#[test]
fn entries_above_the_room_of_an_object_are_refused_until_the_tick() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    object.logs.tick();
    let [acme, other] = ["acme", "other"].map(|name| object.create(name));
    object.queue(&path(&acme), &flood(&acme, 0, 30));
    let (_, refused) = object.post(&path(&other), &flood(&other, 0, 20));
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(code(refused), (503, "server.busy".into()));
    object.pass(1000);
    assert!(object.logs.tick());
    object.queue(&path(&other), &flood(&other, 0, 20));
}

/// Makes ticks until a request is answered.
fn answered(object: &mut Object, mut request: (Option<TenantId>, Pending)) -> (u16, Value) {
    for _ in 0..10 {
        if let Some(answer) = object.resume(&mut request) {
            return answer;
        }
        // The request alone makes ticks due.
        object.pass(1000);
        assert!(object.logs.tick());
    }
    panic!("the request is not answered");
}

#[test]
fn an_object_places_key_notes_in_all_logs_that_need_them() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    object.logs.tick();
    let [acme, other] = ["acme", "other"].map(|name| object.create(name));
    let begin = object.logs.root().now().millis();
    let body = |statement: Statement, issuer: &SignerKey, seconds: i64| {
        let time = Time::from_millis(begin + 1000 * seconds).unwrap();
        let note = KeyNote::sign(ORIGIN, &[statement], issuer).unwrap();
        let request = KeyNoteRequest::sign(ORIGIN, &leaf_hash(note.as_bytes()), time, issuer).unwrap();
        json!({ "request": request, "note": note }).to_string()
    };
    let granted = emitter_key(7);
    let grant = Statement::Grant { key: granted.verifier_key().clone(), from: None, until: None };
    let mut writer = Emitter::new(acme.as_str(), emitter_key(7), 0, trust());
    writer.record(1);
    let entries = writer.body(0, usize::MAX).0;
    assert_eq!(code(object.post(&path(&acme), &entries).1), (403, "log.unauthorized".into()));
    let other_issuer = SignerKey::from_seed("example.com", [51; 32]).unwrap();
    let refused = object.post("/keys", &body(grant.clone(), &other_issuer, 0)).1;
    assert_eq!(code(refused), (403, "log.unauthorized".into()));
    // A grant waits for no log.
    let (_, answer) = object.post("/keys", &body(grant, &issuer(), 0));
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["cache-control"].as_bytes()),
        (200, &b"private, no-store"[..])
    );
    let submission = object.queue(&path(&acme), &entries);
    assert_eq!(answered(&mut object, submission).0, 200);
    let revocation = Statement::Revoke { key: granted.verifier_key().clone(), since: None };
    let placing = object.queue("/keys", &body(revocation.clone(), &issuer(), 1));
    assert_eq!(object.wait(), 1000, "a tick is due");
    let (status, answer) = answered(&mut object, placing);
    assert_eq!((status, &answer["missing"]), (200, &json!([])));
    let logs: Vec<&String> = answer["logs"].as_object().unwrap().keys().collect();
    assert_eq!(logs, [acme.as_str()]);
    // No new chain of the key is accepted anywhere, and no tick is due anymore.
    let mut writer = Emitter::new(other.as_str(), emitter_key(7), 1, trust());
    writer.record(1);
    assert_eq!(code(object.post(&path(&other), &writer.body(0, usize::MAX).0).1).0, 403);
    assert_eq!(i128::from(object.wait()), MAX_INTERVAL.as_millis().cast_signed());
    let again = body(revocation, &issuer(), 2);
    assert_eq!(object.post("/keys", &again).1.status(), 200, "it can be repeated");
    assert_eq!(code(object.post("/keys", &again).1), (409, "request.time".into()));
}

/// Reads a whole answer to a growth witness.
fn growth(object: &mut Object, path: &str) -> wire::Answer {
    let request =
        Request::get(path).header(AUTHORIZATION, format!("Bearer {TOKEN}")).body(Vec::new()).unwrap();
    let (_, answer) = object.logs.answer(request);
    assert_eq!(answer.status(), 200, "{path}");
    let Content::Growth(mut lines) = answer.into_body() else { panic!("no ticks") };
    let mut text = Vec::new();
    while let Some(piece) = object.logs.growth_piece(&mut lines) {
        text.extend(piece);
    }
    wire::Answer::parse(&text).unwrap()
}

#[test]
fn a_growth_witness_follows_an_object() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    assert!(growth(&mut object, "/growth").snapshot.is_none(), "before the first tick");
    object.logs.tick();
    let acme = object.create("acme");
    let snapshot = growth(&mut object, "/growth").snapshot.unwrap();
    let mut run = GrowthRun::begin(ORIGIN, &snapshot).unwrap();
    let before = run.state().clone();
    for chain in 0..2 {
        let submission = object.queue(&path(&acme), &flood(&acme, chain, 2));
        answered(&mut object, submission);
        let last = object.ticks() - 1;
        let ticks = growth(&mut object, &format!("/growth?from={last}")).ticks;
        assert_eq!(ticks.iter().map(|tick| tick.changes.len()).collect::<Vec<_>>(), [1]);
        run.apply(&ticks[0]).unwrap();
        assert_eq!(run.take_findings().0, []);
    }
    let id = acme.id();
    let request = ProofRequest { id, from: 3, to: 6 };
    let (_, answer) = object.post("/growth", &request.to_line());
    assert_eq!(answer.status(), 200);
    let Content::Whole(body) = answer.into_body() else { panic!("the answer is not complete") };
    assert_eq!(wire::parse_proofs(&body, &[request]).unwrap().len(), 1);
    let longer = ProofRequest { id, from: 3, to: 7 };
    assert_eq!(code(object.post("/growth", &longer.to_line()).1), (400, "request.invalid".into()));
    // Without the right, every request gets the same answer.
    for (method, path) in [("GET", "/growth"), ("GET", "/growth?from=x"), ("POST", "/growth")] {
        let request = Request::builder().method(method).uri(path).body(b"x".to_vec()).unwrap();
        assert_eq!(code(object.logs.answer(request).1).0, 401, "{method} {path}");
    }
    assert!(!run.state().changes_since(&before).is_empty());
}

#[test]
fn an_object_ends_no_log_if_readers_would_not_trust_its_end() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open_with(folder.path(), TickRule::Changes, START, None, trust_with(""));
    object.logs.tick();
    let acme = object.create("acme");
    let refused = object.post("/tenants/end", r#"{"name":"acme"}"#).1;
    assert_eq!(code(refused), (409, "tenant.own_key".into()));
    // It is still live.
    let submission = object.queue(&path(&acme), &flood(&acme, 0, 1));
    assert_eq!(answered(&mut object, submission).0, 200);
}

#[test]
fn an_object_ends_a_log() {
    let folder = TempDir::new().unwrap();
    let mut object = Object::open(folder.path(), TickRule::Changes, START);
    object.logs.tick();
    let [acme, other] = ["acme", "other"].map(|name| object.create(name));
    let submission = object.queue(&path(&acme), &flood(&acme, 0, 2));
    assert_eq!(answered(&mut object, submission).0, 200);
    for (body, status, expected) in [
        ("{}", 400, "request.invalid"),
        (r#"{"name":"nobody"}"#, 404, "tenant.unknown"),
        (
            r#"{"name":"acme","moved_to":"log.example/audit/t/00000000000000000000000000000000"}"#,
            400,
            "request.invalid",
        ),
    ] {
        assert_eq!(code(object.post("/tenants/end", body).1), (status, expected.into()), "{body}");
    }
    let request = Request::post("/tenants/end").body(br#"{"name":"acme"}"#.to_vec()).unwrap();
    assert_eq!(code(object.logs.answer(request).1).0, 401);
    let ending = object.queue("/tenants/end", r#"{"name":"acme"}"#);
    assert_eq!(object.wait(), 1000, "a tick is due");
    let (status, answer) = answered(&mut object, ending);
    assert_eq!(
        (status, &answer),
        (200, &json!({ "name": "acme", "origin": acme.as_str(), "state": "ended" }))
    );
    assert_eq!(object.post("/tenants/end", r#"{"name":"acme"}"#).1.status(), 200, "it can be repeated");
    let moved = r#"{"name":"acme","moved_to":"log.elsewhere/t/00000000000000000000000000000000"}"#;
    assert_eq!(code(object.post("/tenants/end", moved).1), (410, "log.ended".into()));
    assert_eq!(code(object.post(&path(&acme), &flood(&acme, 1, 1)).1), (410, "log.ended".into()));
    assert_eq!(object.post(&path(&acme), &flood(&acme, 0, 2)).1.status(), 200);
    let submission = object.queue(&path(&other), &flood(&other, 0, 1));
    assert_eq!(answered(&mut object, submission).0, 200);
}
