//! Tests of recording to tenant logs: receipts, repetitions, keys, quotas, and growth of the directory.

use std::num::NonZeroU32;

use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::note::SignerKey;
use countersign::tenant::NewestHead;
use countersign::time::Time;
use countersign_log::quota::Quota;
use countersign_log::stop::{Cause, SigningStop};
use countersign_log::tenants::waiting::WaitingRoom;
use countersign_log_server::server::Bounds;
use countersign_log_server::sqlite;
use serde_json::json;

use super::answers::Comparable;
use super::world::{Customer, World, emitters, receipt};
use crate::common::emitter::Emitter;
use crate::common::server::{Answer, client, send, until, until_closed};

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

fn issuer() -> SignerKey {
    key("example.com", 50)
}

fn with_issuer() -> String {
    format!("issuer {}\n{}", issuer().verifier_key(), emitters())
}

/// Returns the line of a grant for a tenant's log.
fn grant(customer: &Customer, key: &SignerKey) -> String {
    let grant = Statement::Grant { key: key.verifier_key().clone(), from: None, until: None };
    json!({ "note": KeyNote::sign(&customer.origin, &[grant], &issuer()).unwrap() }).to_string() + "\n"
}

fn body(emitter: &Emitter) -> String {
    emitter.body(0, usize::MAX).0
}

#[test]
fn two_tenants_record_at_once() {
    let mut world = World::start();
    let customers = ["acme", "umbrella"].map(|name| world.add(name));
    let tokens = customers.clone().map(|customer| world.token(&customer.id, "read", &[&customer.id]));
    let mut emitters: Vec<(usize, Emitter)> = (0..6)
        .map(|number| (number % 2, world.emitter(&customers[number % 2], number as u8 / 2, 0)))
        .collect();
    for round in 1..5 {
        for (_, emitter) in &mut emitters {
            emitter.record(round);
        }
        let bodies = emitters.iter().map(|(at, emitter)| (&*customers[*at].id, body(emitter))).collect();
        let answers = world.submit_all(bodies);
        for ((at, emitter), answer) in emitters.iter_mut().zip(&answers) {
            world.delivered(&customers[*at], emitter, answer);
        }
    }
    for (at, customer) in customers.iter().enumerate() {
        let report = world.assert_verified(customer, &tokens[at]);
        assert_eq!(report.counts.events, 3 * (1 + 2 + 3 + 4));
        // A trust file names one log, so that no other tenant's passes for it.
        let other = world.trust(&customers[1 - at]);
        let report = World::report(&world.export(customer, &tokens[at]), other);
        assert_ne!(report.verdict.as_str(), "verified");
    }
    world.server.stop();
    let wal = world.server.folder().join(format!("{}-wal", sqlite::FILE));
    assert!(!wal.exists(), "the last connection is closed before the server ends");
    world.restart();
    for (customer, token) in customers.iter().zip(&tokens) {
        world.assert_verified(customer, token);
    }
}

#[test]
fn keys_granted_in_one_tenant_log_are_strangers_in_others() {
    let mut world = World::with(&with_issuer(), Bounds::default());
    let [acme, other] = ["acme", "other"].map(|name| world.add(name));
    let browser = || key("example.com/browser", 51);
    let emitter = |customer: &Customer| {
        let mut emitter = Emitter::new(&customer.origin, browser(), 0, world.trust(customer));
        emitter.record(2);
        emitter
    };
    let mut granted = emitter(&acme);
    let answer = world.submit(&acme.id, grant(&acme, &browser()) + &body(&granted));
    world.delivered(&acme, &mut granted, &answer);
    let unknown =
        Customer { id: "00".repeat(16), origin: acme.origin.replace(&acme.id, &"00".repeat(16)), since: 0 };
    let refused = [&other, &unknown].map(|customer| world.submit(&customer.id, body(&emitter(customer))));
    assert_eq!(refused[0].refusal(), (403, "log.unauthorized".into()));
    let [known, unknown_log] = refused.each_ref().map(Comparable::new);
    assert_eq!(known, unknown_log);
    // The grant is for one log.
    let answer = world.submit(&other.id, grant(&acme, &browser()) + &body(&emitter(&other)));
    assert_eq!(answer.status, 403, "{}", answer.json());
    // An emitter of the trust file learns that a log doesn't exist.
    let mut trusted = world.emitter(&unknown, 0, 0);
    trusted.record(1);
    assert_eq!(world.submit(&unknown.id, body(&trusted)).refusal(), (404, "tenant.unknown".into()));
    assert_eq!(world.waiting(), 0);
}

#[test]
fn a_grant_that_waits_while_its_issuer_is_revoked_is_void() {
    let mut world = World::with(&with_issuer(), Bounds::default());
    let acme = world.add("acme");
    let app = || key("example.com/app", 52);
    let chain = |world: &World, number: u64| {
        let mut emitter = Emitter::new(&acme.origin, app(), number, world.trust(&acme));
        emitter.record(1);
        body(&emitter)
    };
    let request = world.submission(&acme.id, grant(&acme, &app()) + &chain(&world, 0));
    let sending = std::thread::spawn(move || send(request));
    until("it waits", || world.waiting() == 1);
    let since = Time::from_millis(crate::common::emitter::BEGIN + 3_600_000).unwrap();
    let revoked = format!("{}revoke {} {since}\n", with_issuer(), issuer().verifier_key());
    world.server.set_trust(&revoked);
    world.tick();
    assert_eq!(sending.join().unwrap().status, 200, "it was accepted before");
    for number in 1..5 {
        let answer = world.submit(&acme.id, chain(&world, number));
        assert_eq!(answer.refusal(), (403, "log.unauthorized".into()));
        world.tick();
    }
    world.server.set_trust(&with_issuer());
    assert_eq!(world.submit(&acme.id, chain(&world, 5)).status, 200);
    // An emitter that the trust file no longer names opens no chain in a log that is open already.
    world.server.set_trust("");
    let mut trusted = world.emitter(&acme, 0, 0);
    trusted.record(1);
    assert_eq!(world.submit(&acme.id, body(&trusted)).refusal(), (403, "log.unauthorized".into()));
}

#[test]
fn repeated_submissions_get_their_old_indexes() {
    let mut world = World::start();
    let customers = ["acme", "umbrella"].map(|name| world.add(name));
    let mut kept = Vec::new();
    for (number, customer) in customers.iter().enumerate() {
        let mut emitter = world.emitter(customer, number as u8, 0);
        emitter.record(3);
        let body = body(&emitter);
        let (chain, index) = (emitter.chain().to_string(), world.deliver(customer, &mut emitter).index);
        kept.push((customer, body, chain, index));
    }
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        for (customer, body, chain, index) in &kept {
            let answer = world.submit(&customer.id, body.clone());
            let log = &answer.json()["logs"][&customer.origin];
            assert_eq!((&log["added"], &log["repeated"]), (&json!(0), &json!(4)), "{}", answer.json());
            assert_eq!(receipt(&answer, &customer.origin, chain).index, *index);
        }
    }
}

#[test]
fn answers_prove_how_the_log_grew_since_the_stated_head() {
    let mut world = World::start();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    emitter.record(3);
    let body = body(&emitter);
    world.deliver(&acme, &mut emitter);
    let seen = world.head(&acme);
    emitter.record(2);
    world.deliver(&acme, &mut emitter);
    let submit = |id: &str, query: &str| {
        let request = client().post(format!("{}/t/{id}/submit{query}", world.server.url()));
        send(request.body(body.clone()))
    };
    let log = |answer: &Answer| answer.json()["logs"][&acme.origin].clone();
    let without = log(&submit(&acme.id, ""));
    assert_eq!((&without["anchors"], &without["consistency"]), (&json!(null), &json!(null)));

    let newest = NewestHead::from(&seen);
    let since = newest.since();
    assert_eq!((since.size, since.tick), (4, seen.anchor.tick));
    for query in [format!("?since={since}"), format!("?since={}%2C{}", since.size, since.tick)] {
        let answer = log(&submit(&acme.id, &query));
        assert_eq!(answer["anchors"], json!([]));
        let hashes = answer["consistency"].as_array().unwrap().iter();
        let hashes: Vec<_> = hashes.map(|hash| Hash::from_base64(hash.as_str().unwrap()).unwrap()).collect();
        assert!(!hashes.is_empty());
        assert!(newest.compare(&world.head(&acme), &[], &hashes).is_ok());
    }
    let first = log(&submit(&acme.id, "?since=0,0"));
    assert_eq!((&first["anchors"], &first["consistency"]), (&json!([]), &json!([])));
    // A head that this log never had.
    let larger = log(&submit(&acme.id, "?since=1000,0"));
    assert_eq!((&larger["anchors"], &larger["consistency"]), (&json!([]), &json!([])));

    for query in ["?since=", "?since=4", "?since=4,x", "?since=04,1", "?since=1,2&since=1,2", "?until=1,2"] {
        let refused = [&*acme.id, &"00".repeat(16)].map(|id| submit(id, query));
        assert_eq!(refused[0].refusal(), (400, "request.invalid".into()), "{query}");
        let [known, unknown] = refused.each_ref().map(Comparable::new);
        assert_eq!(known, unknown);
    }
}

#[test]
fn repetition_of_a_waiting_submission_waits_too() {
    let mut world = World::start();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    emitter.record(2);
    let answers = world.submit_all(vec![(&acme.id, body(&emitter)), (&acme.id, body(&emitter))]);
    let indexes =
        answers.iter().map(|answer| receipt(answer, &acme.origin, &emitter.chain().to_string()).index);
    assert_eq!(indexes.collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_client_that_disconnects_loses_nothing() {
    let mut world = World::start();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    emitter.record(2);
    let body = body(&emitter);
    let mut connection = world.server.connect();
    let request = format!(
        "POST /t/{}/submit HTTP/1.1\r\nhost: log\r\ncontent-length: {}\r\n\r\n{body}",
        acme.id,
        body.len()
    );
    std::io::Write::write_all(&mut connection, request.as_bytes()).unwrap();
    until("it waits", || world.waiting() == 1);
    drop(connection);
    world.tick();
    assert_eq!(world.head(&acme).head().size, 3);
    let answer = world.submit(&acme.id, body);
    assert_eq!(answer.json()["logs"][&acme.origin]["repeated"], 3);
    world.delivered(&acme, &mut emitter, &answer);
}

#[test]
fn a_stopping_server_answers_what_waits() {
    let mut world = World::start();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    emitter.record(2);
    let request = world.submission(&acme.id, body(&emitter));
    let sending = std::thread::spawn(move || send(request));
    until("it waits", || world.waiting() == 1);
    world.server.stop();
    world.delivered(&acme, &mut emitter, &sending.join().unwrap());
    world.restart();
    assert_eq!(world.head(&acme).head().size, 3);
}

#[test]
fn quotas_are_per_key_and_tenant() {
    let quota = Quota { events: NonZeroU32::new(10), bytes: None, burst: NonZeroU32::new(2).unwrap() };
    let mut world = World::with(&emitters(), Bounds { quota, ..Bounds::default() });
    let [acme, other] = ["acme", "other"].map(|name| world.add(name));
    let mut flood = world.emitter(&acme, 0, 0);
    flood.record(1000);
    world.deliver(&acme, &mut flood);
    flood.record(1);
    assert_eq!(world.submit(&acme.id, body(&flood)).refusal(), (429, "submit.quota".into()));
    // Neither the same key in another log nor another key in this log has used up anything.
    for (customer, number) in [(&other, 0), (&acme, 1)] {
        let mut emitter = world.emitter(customer, number, 7);
        emitter.record(5);
        world.deliver(customer, &mut emitter);
    }
    assert_eq!(world.submit(&acme.id, body(&flood)).refusal(), (429, "submit.quota".into()));
    // A log that is closed and opened again keeps what was used up.
    world.logs().close_idle();
    assert_eq!(world.submit(&acme.id, body(&flood)).refusal(), (429, "submit.quota".into()));
    world.server.pass(200_000);
    world.deliver(&acme, &mut flood);
}

#[test]
fn tenant_quotas_count_all_keys_of_a_log() {
    let quota = Quota { events: NonZeroU32::new(10), bytes: None, burst: NonZeroU32::new(2).unwrap() };
    let mut world = World::with(&emitters(), Bounds { tenant_quota: quota, ..Bounds::default() });
    let [acme, other] = ["acme", "other"].map(|name| world.add(name));
    let mut flood = world.emitter(&acme, 0, 0);
    flood.record(1000);
    world.deliver(&acme, &mut flood);
    let mut same_log = world.emitter(&acme, 1, 7);
    same_log.record(1);
    for _ in 0..2 {
        let refused = world.submit(&acme.id, body(&same_log));
        assert_eq!(refused.refusal(), (429, "submit.quota".into()));
        assert!(refused.json()["error"]["message"].as_str().unwrap().contains("this tenant's log"));
        assert!(refused.headers.contains_key("retry-after"));
        world.logs().close_idle();
    }
    let mut other_log = world.emitter(&other, 0, 0);
    other_log.record(5);
    world.deliver(&other, &mut other_log);
    let metrics = world.get("/metrics", &world.token("ops", "admin", &["*"])).body;
    let metrics = String::from_utf8(metrics).unwrap();
    let refusals: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("countersign_tenant_quota_refusals_total")).collect();
    let line = format!("countersign_tenant_quota_refusals_total{{tenant=\"acme\",id=\"{}\"}} 2", acme.id);
    assert_eq!(refusals, [line]);
    world.server.pass(200_000);
    world.deliver(&acme, &mut same_log);
}

#[test]
fn clients_that_disconnect_use_up_their_quotas() {
    let quota = Quota { events: NonZeroU32::new(1), bytes: None, burst: NonZeroU32::new(20).unwrap() };
    let bounds = Bounds { quota, tenant_quota: quota, ..Bounds::default() };
    let mut world = World::with(&emitters(), bounds);
    let acme = world.add("acme");
    for chain in 0..10 {
        let mut emitter = world.emitter(&acme, 0, chain);
        emitter.record(5);
        let body = body(&emitter);
        let request = format!(
            "POST /t/{}/submit HTTP/1.1\r\nhost: log\r\ncontent-length: {}\r\n\r\n{body}",
            acme.id,
            body.len()
        );
        let mut connection = world.server.connect();
        std::io::Write::write_all(&mut connection, request.as_bytes()).unwrap();
        until("it waits", || world.waiting() == chain as usize + 1);
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        // The server gave up the request.
        assert_eq!(until_closed(&mut connection), b"");
    }
    world.tick();
    assert_eq!(world.head(&acme).head().size, 60);
    // The key, and the log as a whole.
    for number in 0..2 {
        let mut emitter = world.emitter(&acme, number, 90);
        emitter.record(1);
        assert_eq!(world.submit(&acme.id, body(&emitter)).refusal(), (429, "submit.quota".into()));
    }
    let metrics = world.get("/metrics", &world.token("ops", "admin", &["*"])).body;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.contains("countersign_submissions_total{outcome=\"taken\"} 10\n"), "{metrics}");
}

#[test]
fn entries_above_the_room_for_waiting_ones_are_refused_until_the_tick() {
    let bounds = Bounds { waiting_room: WaitingRoom::new(8, 1 << 20), ..Bounds::default() };
    let mut world = World::with(&emitters(), bounds);
    let [acme, other] = ["acme", "other"].map(|name| world.add(name));
    let mut first = world.emitter(&acme, 0, 0);
    first.record(5);
    let request = world.submission(&acme.id, body(&first));
    let sending = std::thread::spawn(move || send(request));
    until("it waits", || world.waiting() == 1);
    let mut second = world.emitter(&other, 1, 1);
    second.record(5);
    let refused = send(world.submission(&other.id, body(&second)));
    assert_eq!(refused.refusal(), (503, "server.busy".into()));
    assert!(refused.headers.contains_key("retry-after"));
    world.tick();
    world.delivered(&acme, &mut first, &sending.join().unwrap());
    world.deliver(&other, &mut second);
}

#[test]
fn a_full_queue_refuses_submissions_and_delays_no_tick() {
    let mut world = World::with(&emitters(), Bounds { waiting: 1, ..Bounds::default() });
    let acme = world.add("acme");
    let bodies: Vec<String> = (0..32)
        .map(|chain| {
            let mut emitter = world.emitter(&acme, 0, chain);
            emitter.record(1);
            body(&emitter)
        })
        .collect();
    let answers = world.submit_all(bodies.iter().map(|body| (&*acme.id, body.clone())).collect());
    let accepted = answers.iter().filter(|answer| answer.status == 200).count() as u64;
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.refusal().1 == "server.busy"));
    assert_eq!(world.head(&acme).head().size, 2 * accepted);
    assert!(accepted > 0);
}

#[test]
fn the_directory_grows_with_the_tenants() {
    let mut world = World::start();
    let first = world.add("first");
    let mut emitter = world.emitter(&first, 0, 0);
    emitter.record(1);
    world.deliver(&first, &mut emitter);
    for number in 2..=224 {
        world.create(&format!("tenant {number}"));
    }
    world.tick();
    let depth = |world: &World| world.newest().unwrap().directory.depth();
    assert_eq!((depth(&world), world.head(&first).anchor.siblings.len()), (8, 8));
    let last = world.add("tenant 225");
    assert_eq!((depth(&world), world.newest().unwrap().directory.heads().len()), (9, 225));
    for round in 0..2 {
        for customer in [&first, &last] {
            let mut emitter = world.emitter(customer, 1, round);
            emitter.record(2);
            world.deliver(customer, &mut emitter);
            assert_eq!(world.head(customer).anchor.siblings.len(), 9);
        }
        world.restart();
        assert_eq!((depth(&world), world.newest().unwrap().directory.heads().len()), (9, 225));
    }
    for customer in [&first, &last] {
        let token = world.token(&customer.id, "read", &[&customer.id]);
        world.assert_verified(customer, &token);
    }
}

#[test]
fn readers_learn_why_a_stopped_log_proves_nothing() {
    let mut world = World::start();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    emitter.record(1);
    world.deliver(&acme, &mut emitter);
    let token = world.token("acme", "read", &[&acme.id]);
    let stop = SigningStop::new(Time::MIN, Cause::Unremembered, "a test");
    world.server.log_server().signing().stop(stop);
    // The newest tick still proves what it did.
    world.assert_verified(&acme, &token);
    emitter.record(1);
    let before = world.server.size();
    world.server.wait(world.logs().tick()).unwrap();
    assert_eq!(world.submit(&acme.id, body(&emitter)).status, 503);
    world.server.stop();
    std::fs::write(world.server.folder().join("signed.txt"), "damaged").unwrap();
    world.server.begin();
    assert_eq!(world.server.size(), before, "a stopped log makes no tick");
    let refused = world.get(&format!("/t/{}/export", acme.id), &token);
    assert_eq!(refused.refusal(), (503, "log.unremembered".into()));
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("stopped signing"), "{message}");
    // This says nothing about an ID.
    let unknown = world.submit(&"00".repeat(16), body(&emitter));
    let known = world.submit(&acme.id, body(&emitter));
    assert_eq!(Comparable::new(&unknown), Comparable::new(&known));
}
