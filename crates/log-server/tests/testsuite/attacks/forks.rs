//! Attacks with forks: one key, two continuations of a chain.

use countersign::link::Link;

use crate::common::emitter::Emitter;
use crate::common::server::{Answer, ORIGIN, Server, emitter_key};

const OTHER: &str = r#"{"action":"job.update","metadata":{"number":"another"}}"#;

/// Returns an emitter whose first links are in the log, and a twin with the same key and links.
fn twins(server: &Server, links: usize) -> (Emitter, Emitter) {
    let mut emitters = [server.emitter(0), server.emitter(0)];
    for emitter in &mut emitters {
        emitter.record(links - 1);
    }
    let [mut one, mut other] = emitters;
    one.deliver_all(&server.url(), usize::MAX);
    other.outbox.clear();
    (one, other)
}

fn whole(emitter: &Emitter) -> String {
    emitter.body(0, usize::MAX).0
}

fn leaves(emitter: &Emitter) -> Vec<String> {
    emitter.outbox.iter().map(|line| line.leaf.clone()).collect()
}

/// Checks that the response reports a fork at that position, and that the log keeps exactly these links as evidence.
fn assert_fork(server: &Server, answer: &Answer, of: &Emitter, at: (u64, Option<u64>), refused: &[String]) {
    let (seq, index) = at;
    let json = answer.json();
    assert_eq!(answer.refusal(), (409, "log.fork".into()), "{json}");
    assert_eq!(json["chain"], of.chain().to_string());
    assert_eq!(json["seq"], seq);
    assert_eq!(json.get("index").and_then(serde_json::Value::as_u64), index, "{json}");
    let evidence = server.evidence();
    assert_eq!(evidence.len(), 1);
    assert_eq!((evidence[0].chain, evidence[0].seq, evidence[0].index), (of.chain(), seq, index));
    assert_eq!(evidence[0].refused, refused);
    for link in refused {
        assert_eq!(Link::parse(link).unwrap().chain(), of.chain());
    }
}

#[test]
fn rejects_a_different_continuation() {
    let server = Server::start();
    let (mut one, mut other) = twins(&server, 4);
    other.record_event(OTHER);
    other.record(2);
    one.record(1);
    one.deliver_all(&server.url(), usize::MAX);
    let size = server.size();
    let answer = server.submit(whole(&other));
    assert_fork(&server, &answer, &one, (4, Some(4)), &leaves(&other));
    assert_eq!(answer.json()["error"]["line"], 1);
    assert_eq!(server.size(), size);
    server.assert_works();
}

#[test]
fn rejects_a_link_after_a_different_predecessor() {
    let server = Server::start();
    let (one, mut other) = twins(&server, 4);
    // Its fourth link differs and isn't sent, but the next link proves the fork.
    other.record_event(OTHER);
    other.flush();
    other.record(1);
    let mut last = one;
    last.record(1);
    last.deliver_all(&server.url(), usize::MAX);
    let (body, _) = other.body(1, usize::MAX);
    let answer = server.submit(body);
    assert_fork(&server, &answer, &last, (5, Some(4)), &leaves(&other)[1..]);
    assert_eq!(server.size(), 5);
}

#[test]
fn rejects_a_fork_deep_in_the_past() {
    let server = Server::start();
    let (_, mut twin) = twins(&server, 4);
    let mut one = server.emitter(0);
    one.record(3);
    one.record(600);
    one.deliver_all(&server.url(), usize::MAX);
    twin.record_event(OTHER);
    twin.record(300);
    let answer = server.submit(whole(&twin));
    assert_fork(&server, &answer, &one, (4, Some(4)), &leaves(&twin));
    assert_eq!(server.size(), 604);
    server.assert_works();
}

#[test]
fn rejects_links_after_the_end_of_a_chain() {
    let server = Server::start();
    let (mut one, mut twin) = twins(&server, 2);
    one.close();
    one.deliver_all(&server.url(), usize::MAX);
    twin.record(1);
    let answer = server.submit(whole(&twin));
    assert_fork(&server, &answer, &one, (2, Some(2)), &leaves(&twin));
    // A link that follows the close link itself is a fork too.
    let late = after(&one, &twin);
    let answer = server.submit(format!("{{\"link\":\"{late}\"}}\n"));
    assert_eq!(answer.refusal(), (409, "log.fork".into()), "{}", answer.json());
    assert_eq!(answer.json()["seq"], 3);
    assert_eq!(server.evidence()[1].refused, [late]);
    assert_eq!(server.size(), 3);
    server.assert_works();
}

/// Returns a signed link that follows the last one of `one`.
fn after(one: &Emitter, twin: &Emitter) -> String {
    use countersign::link::{append_signature, write_event};
    use countersign::merkle::leaf_hash;
    let last = &one.receipts.last().unwrap().leaf;
    let time = Link::parse(&twin.outbox[0].leaf).unwrap().time();
    let commit = leaf_hash(b"anything");
    let mut link = write_event(one.chain(), 3, time, &leaf_hash(last.as_bytes()), &commit);
    let signature = one.key.sign(link.as_bytes());
    append_signature(&mut link, &signature);
    link
}

#[test]
fn rejects_a_fork_within_one_submission() {
    let server = Server::start();
    let (mut one, mut other) = twins(&server, 4);
    one.record(2);
    other.record_event(OTHER);
    other.flush();
    let both = whole(&one) + &whole(&other);
    let answer = server.submit(both.clone());
    let refused = [leaves(&one), leaves(&other)].concat();
    // The log contains neither.
    assert_fork(&server, &answer, &one, (4, None), &refused);
    assert_eq!(answer.json()["error"]["line"], 3);
    assert_eq!(server.size(), 4);
    // Repeating it adds no evidence.
    assert_eq!(server.submit(both).status, 409);
    assert_eq!(server.evidence().len(), 1);
    one.deliver_all(&server.url(), usize::MAX);
}

#[test]
fn unsigned_fork_is_no_evidence() {
    let server = Server::start();
    let (mut one, mut twin) = twins(&server, 4);
    one.record(1);
    one.deliver_all(&server.url(), usize::MAX);
    twin.record_event(OTHER);
    twin.flush();
    let line = whole(&twin);
    let link = &leaves(&twin)[0];
    // Anyone could have written it without its signature. The answer is that for an unknown chain.
    let unsigned = link.rsplit_once(' ').unwrap().0;
    let answer = server.submit(line.replace(link, unsigned));
    assert_eq!(answer.refusal(), (409, "log.gap".into()), "{}", answer.json());
    // A foreign signature is no proof either.
    let mut forged = unsigned.to_owned();
    let stranger = emitter_key(1);
    countersign::link::append_signature(&mut forged, &stranger.sign(unsigned.as_bytes()));
    let answer = server.submit(line.replace(link, &forged));
    assert_eq!(answer.refusal(), (409, "log.gap".into()), "{}", answer.json());
    // Nor is a signed link that follows a different one.
    let (mut third, _) = twins(&Server::start(), 4);
    third.record(2);
    let answer = server.submit(line.replace(link, unsigned) + &third.outbox[1].text + "\n");
    assert_eq!(answer.refusal(), (409, "log.gap".into()), "{}", answer.json());
    assert_eq!(server.evidence(), []);
    assert_eq!(server.size(), 5);
    server.assert_works();
}

#[test]
fn accepts_one_of_two_concurrent_forks() {
    let server = Server::start();
    for round in 0..20 {
        let mut emitters = [0, 1].map(|_| Emitter::new(ORIGIN, emitter_key(2), round, server.trust()));
        for (number, emitter) in emitters.iter_mut().enumerate() {
            emitter.record_event(&format!(r#"{{"half":{number}}}"#));
            emitter.flush();
        }
        let bodies = emitters.each_ref().map(whole);
        let answers = std::thread::scope(|scope| {
            let sent = bodies.each_ref().map(|body| scope.spawn(|| server.submit(body.clone())));
            sent.map(|sent| sent.join().unwrap())
        });
        let winner = usize::from(answers[0].status != 200);
        assert_eq!(answers[winner].status, 200);
        assert_eq!(answers[1 - winner].refusal(), (409, "log.fork".into()));
        let evidence = server.evidence().pop().unwrap();
        assert_eq!(evidence.refused, leaves(&emitters[1 - winner])[1..]);
        // The evidence points at the link that it contradicts.
        let index = evidence.index.unwrap();
        let stored = server.reader().leaves(index..index + 1).unwrap();
        assert_eq!(stored[0], leaves(&emitters[winner])[1].as_bytes());
        assert_eq!(server.size(), 2 * (round + 1));
    }
    assert_eq!(server.evidence().len(), 20);
}

#[test]
fn bounds_the_evidence_per_chain() {
    let server = Server::start();
    let (mut one, _) = twins(&server, 2);
    one.record(1);
    one.deliver_all(&server.url(), usize::MAX);
    for number in 0..40 {
        let mut twin = server.emitter(0);
        twin.record(1);
        twin.record_event(&format!(r#"{{"other":{number}}}"#));
        twin.flush();
        assert_eq!(server.submit(whole(&twin)).status, 409);
    }
    assert_eq!(server.evidence().len(), 16);
    assert_eq!(server.size(), 3);
}
