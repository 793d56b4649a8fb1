//! Tests of quotas per key.

use std::num::NonZeroU32;

use countersign::log::Limits;
use countersign_log::quota::Quota;
use countersign_log_server::server::Bounds;

use crate::common;
use crate::common::emitter::BEGIN;
use crate::common::server::{Server, emitter_key};

fn start(events: u32, bytes: u32, burst: u32) -> Server {
    let quota = Quota {
        events: NonZeroU32::new(events),
        bytes: NonZeroU32::new(bytes),
        burst: NonZeroU32::new(burst).unwrap(),
    };
    let trust: String = (0..4)
        .map(|number| ["emitter ", &emitter_key(number).verifier_key().to_string(), "\n"].concat())
        .collect();
    Server::with(&trust, Limits::default(), Bounds { quota, ..Bounds::default() })
}

#[test]
fn rejects_a_key_over_its_quota_until_later() {
    let server = start(10, 0, 2);
    let mut flood = server.emitter(0);
    flood.record(50);
    flood.deliver_all(&server.url(), usize::MAX);
    let size = server.size();

    // 30 events over the quota, which take 3 seconds to regain.
    flood.record(1);
    let (body, _) = flood.body(0, usize::MAX);
    let rejected = server.submit(body.clone());
    assert_eq!(rejected.refusal(), (429, "submit.quota".into()));
    assert_eq!(rejected.headers["retry-after"], "4");
    assert!(rejected.json()["error"]["hint"].is_string());
    // The quota also covers the key's other chains, and submissions with events of several keys.
    let mut second = common::emitter::Emitter::new(common::server::ORIGIN, emitter_key(0), 7, server.trust());
    second.record(1);
    let (other_chain, _) = second.body(0, usize::MAX);
    assert_eq!(server.submit(other_chain.clone()).refusal().1, "submit.quota");
    let mut other = server.emitter(1);
    other.record(1);
    let (others, _) = other.body(0, usize::MAX);
    assert_eq!(server.submit(others.clone() + &other_chain).refusal().1, "submit.quota");
    assert_eq!(server.size(), size);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("countersign_submissions_total{outcome=\"quota\"} 3\n"), "{metrics}");

    // Other keys aren't affected.
    assert_eq!(server.submit(others).status, 200);
    server.set_clock(BEGIN + 2_000);
    let rejected = server.submit(body.clone());
    assert_eq!((rejected.status, &rejected.headers["retry-after"]), (429, &"2".parse().unwrap()));
    server.set_clock(BEGIN + 4_000);
    assert_eq!(server.submit(body).status, 200);
}

#[test]
fn evidence_counts_only_for_its_signing_key() {
    let server = start(10, 0, 2);
    let [mut one, mut twin, mut other] = [server.emitter(0), server.emitter(0), server.emitter(1)];
    for emitter in [&mut one, &mut other] {
        emitter.record(1);
    }
    let others = other.body(0, usize::MAX).0;
    one.deliver_all(&server.url(), usize::MAX);
    // Links of another key come with the fork, as anyone who reads the log has them.
    twin.record_event(r#"{"action":"another.story"}"#);
    for _ in 0..50 {
        twin.record_event(r#"{"action":"job.update"}"#);
    }
    twin.flush();
    let fork = twin.body(0, usize::MAX).0;
    assert_eq!(server.submit(others.clone() + &fork).refusal(), (409, "log.fork".into()));
    assert_eq!(server.submit(fork).refusal(), (429, "submit.quota".into()));
    assert_eq!(server.submit(others).status, 200);
}

#[test]
fn forged_submissions_do_not_use_up_a_quota() {
    let server = start(1, 0, 1);
    let mut honest = server.emitter(0);
    honest.record(1);
    let (body, _) = honest.body(0, usize::MAX);
    // The honest key's chain with a forged signature.
    let line = body.lines().last().unwrap();
    let end = line.find("\",\"").unwrap();
    let (place, other) = (end - 20, if line.as_bytes()[end - 20] == b'A' { "B" } else { "A" });
    let forged = body.replace(line, &[&line[..place], other, &line[place + 1..]].concat());
    for _ in 0..5 {
        assert_eq!(server.submit(forged.clone()).refusal().1, "signature.invalid");
    }
    assert_eq!(server.submit(body).status, 200);
}

#[test]
fn restarted_server_knows_the_key_of_a_chain() {
    let mut server = start(0, 1_000, 1);
    let mut emitter = server.emitter(0);
    emitter.record(1);
    emitter.deliver_all(&server.url(), usize::MAX);
    server.begin();
    emitter.record(20);
    emitter.deliver_all(&server.url(), usize::MAX);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    assert_eq!(server.submit(body).refusal(), (429, "submit.quota".into()));
}
