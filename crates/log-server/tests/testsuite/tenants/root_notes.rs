//! Tests of key notes for all tenant logs at once.

use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::merkle::leaf_hash;
use countersign::note::{SignerKey, VerifierKey};
use countersign::tenant::{KeyNoteRequest, Receipt};
use countersign::time::Time;
use countersign_log_server::server::Bounds;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::world::{Customer, World, emitters};
use crate::common::emitter::Emitter;
use crate::common::server::{Answer, ORIGIN, client, emitter_key, send, until};

/// The number of an emitter that the trust file doesn't name.
pub const GRANTED: u8 = 7;
/// The number of one that it names.
const NAMED: u8 = 0;

/// Returns the body of a request with a key note.
type MakeBody<'f> = &'f dyn Fn(&str) -> String;

pub fn issuer() -> SignerKey {
    SignerKey::from_seed("example.com", [50; 32]).unwrap()
}

fn world() -> (World, [Customer; 3]) {
    let trust = format!("{}issuer {}\n", emitters(), issuer().verifier_key());
    let mut world = World::with(&trust, Bounds::default());
    let customers = ["acme", "umbrella", "silent"].map(|name| world.add(name));
    (world, customers)
}

fn key(number: u8) -> VerifierKey {
    emitter_key(number).verifier_key().clone()
}

pub fn grant(number: u8) -> Statement {
    Statement::Grant { key: key(number), from: None, until: None }
}

pub fn revocation(number: u8) -> Statement {
    Statement::Revoke { key: key(number), since: None }
}

pub fn note(statement: Statement) -> String {
    KeyNote::sign(ORIGIN, &[statement], &issuer()).unwrap()
}

pub fn request_by(world: &World, note: &str, root: &str, signer: &SignerKey) -> String {
    signed_request(world, leaf_hash(note.as_bytes()), note, root, signer)
}

/// Returns a request of a time that no other request has.
fn signed_request(world: &World, hash: Hash, note: &str, root: &str, signer: &SignerKey) -> String {
    static REQUESTS: AtomicI64 = AtomicI64::new(0);
    let now = world.server.log_server().now().millis() + REQUESTS.fetch_add(1, Ordering::Relaxed);
    let request = KeyNoteRequest::sign(root, &hash, Time::from_millis(now).unwrap(), signer).unwrap();
    json!({ "request": request, "note": note }).to_string()
}

pub fn post(world: &World, body: String) -> JoinHandle<Answer> {
    let request = client().post(world.server.url() + "/keys").body(body);
    thread::spawn(move || send(request))
}

/// Makes ticks until a request is answered.
pub fn answered(world: &World, sending: JoinHandle<Answer>) -> Answer {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !sending.is_finished() {
        assert!(Instant::now() < deadline, "the request is not answered");
        world.tick();
    }
    sending.join().unwrap()
}

pub fn place(world: &World, statement: Statement) -> Value {
    let note = note(statement);
    let answer = answered(world, post(world, request_by(world, &note, ORIGIN, &issuer())));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert!(answer.headers["cache-control"].to_str().unwrap().contains("no-store"));
    answer.json()
}

/// Verifies the receipts in an answer, and returns the origins of the logs with the note's index in each.
fn proven(world: &World, answer: &Value, statement: Statement, customers: &[Customer]) -> Vec<(String, u64)> {
    let note = note(statement);
    assert_eq!(answer["missing"], json!([]));
    let logs = answer["logs"].as_object().unwrap();
    let verified = logs.iter().map(|(origin, log)| {
        let entry = &log["notes"][0];
        let hashes = entry["hashes"].as_array().unwrap().iter();
        let hashes: String = hashes.flat_map(|hash| [hash.as_str().unwrap(), "\n"]).collect();
        let (head, root) = (log["head"].as_str().unwrap(), answer["root"].as_str().unwrap());
        let receipt = format!("countersign/v1 receipt\n{}\n{hashes}\n{head}\n{root}", entry["index"]);
        let customer = customers.iter().find(|customer| customer.origin == *origin).unwrap();
        let receipt = Receipt::parse(&receipt).unwrap();
        receipt.verify(note.as_bytes(), None, &world.trust(customer)).unwrap();
        (origin.clone(), receipt.index)
    });
    verified.collect()
}

fn size(world: &World, customer: &Customer) -> u64 {
    world.head(customer).head().size
}

/// Returns the number of entries in a tenant's export that contain this text.
fn entries_with(world: &World, customer: &Customer, text: &str) -> usize {
    let token = world.token(&format!("reader-{}-{}", &customer.id[..8], text.len()), "read", &[&customer.id]);
    world.export(customer, &token).lines().filter(|line| line.contains(text)).count()
}

fn code(answer: &Answer) -> String {
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// Returns the number of stored notes, and of those that need no pass.
fn stored(world: &World) -> (u64, u64) {
    let database = Connection::open(world.server.folder().join("log.sqlite")).unwrap();
    let sql = "SELECT count(*), coalesce(sum(placed), 0) FROM root_notes";
    database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[test]
fn a_grant_comes_before_the_first_chain_in_each_log_and_a_revocation_goes_to_these_logs() {
    let (world, customers) = world();
    let [acme, umbrella, silent] = &customers;
    let mut early = world.emitter(acme, GRANTED, 0);
    early.record(2);
    let refused = world.submit(&acme.id, early.body(0, usize::MAX).0);
    assert_eq!((refused.status, code(&refused).as_str()), (403, "log.unauthorized"));

    assert_eq!(proven(&world, &place(&world, grant(GRANTED)), grant(GRANTED), &customers), []);
    assert_eq!([acme, umbrella, silent].map(|customer| size(&world, customer)), [0; 3]);
    for (number, customer) in [(1, acme), (2, umbrella), (3, acme)] {
        let mut emitter = world.emitter(customer, GRANTED, number);
        emitter.record(2);
        world.deliver(customer, &mut emitter);
    }
    for customer in [acme, umbrella] {
        assert_eq!(entries_with(&world, customer, "grant example.com"), 1, "once, before two chains");
        let token = world.token(&format!("verifier-{}", &customer.id[..8]), "read", &[&customer.id]);
        world.assert_verified(customer, &token);
    }
    let answer = place(&world, grant(GRANTED));
    let with_grant: Vec<_> = proven(&world, &answer, grant(GRANTED), &customers);
    assert_eq!(with_grant.len(), 2);
    assert!(with_grant.iter().all(|(_, index)| *index == 0), "{with_grant:?}");

    let answer = place(&world, revocation(GRANTED));
    let with_revocation = proven(&world, &answer, revocation(GRANTED), &customers);
    assert_eq!(with_revocation.len(), 2, "{answer}");
    assert!(with_revocation.iter().all(|(origin, _)| *origin != silent.origin));
    let sizes = customers.each_ref().map(|customer| size(&world, customer));
    // The request can be repeated: nothing is added.
    let again = place(&world, revocation(GRANTED));
    assert_eq!(proven(&world, &again, revocation(GRANTED), &customers), with_revocation);
    // No log accepts the key anymore, and a refusal leaves nothing behind.
    for (number, customer) in (4..).zip(&customers) {
        let mut emitter = world.emitter(customer, GRANTED, number);
        emitter.record(1);
        let refused = world.submit(&customer.id, emitter.body(0, usize::MAX).0);
        assert_eq!((refused.status, code(&refused).as_str()), (403, "log.unauthorized"), "{refused:?}");
    }
    world.tick();
    assert_eq!(customers.each_ref().map(|customer| size(&world, customer)), sizes);
    assert_eq!(stored(&world), (2, 2));
}

#[test]
fn a_stranger_does_not_learn_which_keys_are_granted() {
    let (world, [acme, ..]) = world();
    place(&world, grant(GRANTED));
    let unknown = "3f".repeat(16);
    let forged = |id: &str, number: u8| {
        let origin = acme.origin.replace(&acme.id, id);
        let mut emitter = Emitter::new(&origin, emitter_key(number), 0, world.trust(&acme));
        emitter.record(2);
        let body = emitter.body(0, usize::MAX).0;
        // The first line is the open link, and its signature ends with padding.
        let place = body.find("==").unwrap() - 10;
        let other = if body[place..].starts_with('A') { "B" } else { "A" };
        format!("{}{other}{}", &body[..place], &body[place + 1..])
    };
    for id in [&acme.id, &unknown] {
        let [granted, named, other] =
            [GRANTED, NAMED, GRANTED + 1].map(|number| world.submit(id, forged(id, number)));
        assert_eq!(granted.refusal(), (400, "signature.invalid".into()), "{id}");
        for answer in [named, other] {
            assert_eq!((answer.status, &answer.body), (granted.status, &granted.body), "{id}");
        }
    }
    assert_eq!(size(&world, &acme), 0);
    // The holder of the key is accepted.
    let mut emitter = world.emitter(&acme, GRANTED, 1);
    emitter.record(1);
    world.deliver(&acme, &mut emitter);
}

#[test]
fn a_revocation_reaches_a_chain_that_was_opened_at_the_same_time() {
    let (world, customers) = world();
    let acme = &customers[0];
    let mut emitter = world.emitter(acme, NAMED, 0);
    emitter.record(2);
    let request = world.submission(&acme.id, emitter.body(0, usize::MAX).0);
    let opening = thread::spawn(move || send(request));
    until("the chain waits for a tick", || world.waiting() == 1);
    let sending = post(&world, request_by(&world, &note(revocation(NAMED)), ORIGIN, &issuer()));
    until("the revocation is stored", || stored(&world).0 == 1);
    // Entries that the log accepts before the tick come before the revocation.
    let answer = answered(&world, sending);
    assert_eq!(opening.join().unwrap().status, 200);
    let with_revocation = proven(&world, &answer.json(), revocation(NAMED), &customers);
    assert_eq!(with_revocation.len(), 1);
    assert_eq!((&with_revocation[0].0, with_revocation[0].1 + 1), (&acme.origin, size(&world, acme)));
    // The trust file names the key, but a log without its revocation doesn't accept it either.
    let mut emitter = world.emitter(&customers[1], NAMED, 1);
    emitter.record(1);
    assert_eq!(world.submit(&customers[1].id, emitter.body(0, usize::MAX).0).status, 403);
    assert_eq!(size(&world, &customers[1]), 0);
}

#[test]
fn a_grant_in_one_log_follows_a_revocation_for_all() {
    let (world, customers) = world();
    let [acme, ..] = &customers;
    assert_eq!(proven(&world, &place(&world, revocation(GRANTED)), revocation(GRANTED), &customers), []);
    let own = KeyNote::sign(&acme.origin, &[grant(GRANTED)], &issuer()).unwrap();
    let mut line = countersign::export::writer::Writer::new();
    line.note(&own);
    assert_eq!(world.submit(&acme.id, line.as_str()).status, 200);
    assert_eq!(size(&world, acme), 2);
    let answer = place(&world, revocation(GRANTED));
    assert_eq!(proven(&world, &answer, revocation(GRANTED), &customers), [(acme.origin.clone(), 0)]);
    let mut emitter = world.emitter(acme, GRANTED, 0);
    emitter.record(1);
    assert_eq!(world.submit(&acme.id, emitter.body(0, usize::MAX).0).status, 403);
}

#[test]
fn a_server_that_ended_continues_to_place_a_revocation() {
    let (mut world, customers) = world();
    let [acme, umbrella, _] = &customers;
    for (number, customer) in [(0, acme), (1, umbrella)] {
        let mut emitter = world.emitter(customer, NAMED, number);
        emitter.record(1);
        world.deliver(customer, &mut emitter);
    }
    let before = size(&world, acme);
    let sending = post(&world, request_by(&world, &note(revocation(NAMED)), ORIGIN, &issuer()));
    until("the revocation is stored", || stored(&world) == (1, 0));
    world.restart();
    assert_ne!(sending.join().unwrap().status, 200);
    for _ in 0..3 {
        world.tick();
    }
    assert_eq!([acme, umbrella].map(|customer| size(&world, customer)), [before + 1; 2]);
    assert_eq!(stored(&world), (1, 1));
    world.restart();
    let answer = place(&world, revocation(NAMED));
    assert_eq!(proven(&world, &answer, revocation(NAMED), &customers).len(), 2);
    assert_eq!(size(&world, acme), before + 1);
}

#[test]
fn a_stopped_log_is_reported_as_missing() {
    let (mut world, customers) = world();
    let [acme, umbrella, _] = &customers;
    for (number, customer) in [(0, acme), (1, umbrella)] {
        let mut emitter = world.emitter(customer, NAMED, number);
        emitter.record(1);
        world.deliver(customer, &mut emitter);
    }
    let database = Connection::open(world.server.folder().join("log.sqlite")).unwrap();
    let acme_tile = 1_i64 << 32;
    database
        .execute("UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE tile = ?", [acme_tile])
        .unwrap();
    database.execute("UPDATE tenant_heads SET root = zeroblob(32) WHERE number = 1", []).unwrap();
    drop(database);
    world.restart();
    for _ in 0..2 {
        let mut answer = place(&world, revocation(NAMED));
        assert_eq!(answer["missing"].take(), json!([acme.origin]));
        answer["missing"] = json!([]);
        let with_revocation = proven(&world, &answer, revocation(NAMED), &customers);
        assert_eq!(with_revocation.iter().map(|(origin, _)| origin).collect::<Vec<_>>(), [&umbrella.origin]);
        assert_eq!(stored(&world), (1, 0), "a restart tries again");
    }
}

#[test]
fn only_an_issuer_learns_which_logs_have_a_note() {
    let (world, customers) = world();
    let [acme, ..] = &customers;
    let mut emitter = world.emitter(acme, NAMED, 0);
    emitter.record(1);
    world.deliver(acme, &mut emitter);
    place(&world, revocation(NAMED));
    let other = SignerKey::from_seed("example.com", [51; 32]).unwrap();
    // The first key has a log with its revocation, the second one hasn't.
    let [known, unknown] = [NAMED, 1].map(|number| note(revocation(number)));
    let refusals = |body: MakeBody<'_>| {
        [&known, &unknown].map(|note| {
            let answer = post(&world, body(note)).join().unwrap();
            (answer.status, code(&answer), String::from_utf8(answer.body).unwrap())
        })
    };
    let bodies: [(MakeBody<'_>, u16); 6] = [
        (&|note| request_by(&world, note, ORIGIN, &other), 403),
        (&|note| request_by(&world, note, ORIGIN, &emitter_key(NAMED)), 403),
        (&|note| request_by(&world, note, "other.example", &issuer()), 400),
        (&|note| json!({ "request": note, "note": note }).to_string(), 400),
        (&|note| json!({ "note": note }).to_string(), 400),
        (&|note| signed_request(&world, leaf_hash(b"another note"), note, ORIGIN, &issuer()), 400),
    ];
    for (place, (body, status)) in bodies.into_iter().enumerate() {
        let [known, unknown] = refusals(body);
        assert_eq!((known.0, &known), (status, &unknown), "{place}");
    }
    // An issuer can't state anything about other names, nor in a note of another origin or signer.
    let foreign = SignerKey::from_seed("example.org/a", [9; 32]).unwrap();
    let about_foreign = Statement::Revoke { key: foreign.verifier_key().clone(), since: None };
    let notes = [
        note(about_foreign),
        KeyNote::sign(&acme.origin, &[revocation(NAMED)], &issuer()).unwrap(),
        KeyNote::sign(ORIGIN, &[revocation(NAMED)], &emitter_key(NAMED)).unwrap(),
    ];
    for note in notes {
        assert_eq!(
            post(&world, request_by(&world, &note, ORIGIN, &issuer())).join().unwrap().status,
            403,
            "{note}"
        );
    }
    let two = KeyNote::sign(ORIGIN, &[revocation(NAMED), revocation(1)], &issuer()).unwrap();
    assert_eq!(post(&world, request_by(&world, &two, ORIGIN, &issuer())).join().unwrap().status, 400);
    assert_eq!(stored(&world), (1, 1));
}
