//! Races between many submissions of one chain.

use std::collections::HashSet;
use std::thread;

use countersign::merkle::CompactRange;
use countersign::proof::Proof;

use crate::common::emitter::Emitter;
use crate::common::server::{Answer, ORIGIN, Server, emitter_key};

const THREADS: usize = 8;
const LINKS: usize = 96;

/// Returns a chain in which every link is signed.
fn signed_chain(server: &Server) -> Emitter {
    let mut emitter = server.emitter(0);
    for _ in 1..LINKS {
        emitter.record(1);
    }
    emitter
}

fn assert_whole(server: &Server, emitter: &Emitter) {
    let stored = server.reader().leaves(0..server.size()).unwrap();
    let sent: Vec<&[u8]> = emitter.outbox.iter().map(|line| line.leaf.as_bytes()).collect();
    assert_eq!(stored, sent, "each link once, in the chain's order");
    let mut range = CompactRange::new();
    for leaf in &stored {
        range.append(countersign::merkle::leaf_hash(leaf));
    }
    let published = server.reader().published().unwrap().unwrap();
    let checkpoint = countersign::checkpoint::SignedCheckpoint::parse(&published.note).unwrap().checkpoint;
    assert_eq!((checkpoint.size, Some(checkpoint.root)), (sent.len() as u64, range.root()));
}

fn verify_proof(server: &Server, emitter: &Emitter, answer: &Answer) -> u64 {
    let tip = &answer.json()["chains"][emitter.chain().to_string()];
    let proof = Proof::parse(tip["proof"].as_str().unwrap()).unwrap();
    let leaf = &emitter.outbox[tip["seq"].as_u64().unwrap() as usize].leaf;
    proof.verify(leaf.as_bytes(), None, &server.trust()).unwrap();
    assert_eq!(tip["index"], proof.index);
    proof.index
}

#[test]
fn concurrent_links_of_one_chain() {
    let server = Server::start();
    let emitter = signed_chain(&server);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (server, emitter) = (&server, &emitter);
            scope.spawn(move || {
                for line in emitter.outbox.iter().skip(thread).step_by(THREADS) {
                    // The links before it may still be on their way.
                    loop {
                        let answer = server.submit(line.text.clone());
                        if answer.status == 200 {
                            assert_eq!(verify_proof(server, emitter, &answer), line.seq);
                            break;
                        }
                        assert_eq!(answer.refusal(), (409, "log.gap".into()));
                        assert!(answer.json()["expected"].as_u64().unwrap() < line.seq);
                    }
                }
            });
        }
    });
    assert_whole(&server, &emitter);
}

#[test]
fn concurrent_overlapping_parts_of_one_chain() {
    let server = Server::start();
    let emitter = signed_chain(&server);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (server, emitter) = (&server, &emitter);
            scope.spawn(move || {
                // Each thread sends the whole chain, cut differently.
                let mut end = 0;
                while end < LINKS {
                    let begin = end.saturating_sub(thread);
                    end = (end + 3 + 2 * thread).min(LINKS);
                    let body: String =
                        emitter.outbox.range(begin..end).map(|line| line.text.clone() + "\n").collect();
                    let answer = server.submit(body);
                    assert_eq!(answer.status, 200, "{}", answer.json());
                    assert_eq!(verify_proof(server, emitter, &answer), end as u64 - 1);
                    let json = answer.json();
                    let (added, repeated) = (json["added"].as_u64(), json["repeated"].as_u64());
                    assert_eq!(added.unwrap() + repeated.unwrap(), (end - begin) as u64);
                }
            });
        }
    });
    assert_whole(&server, &emitter);
    assert_eq!(server.evidence(), []);
}

#[test]
fn concurrent_identical_submissions_are_stored_once() {
    let server = Server::start();
    let emitter = signed_chain(&server);
    let (body, _) = emitter.body(0, usize::MAX);
    let added: u64 = thread::scope(|scope| {
        let sent: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    let answer = server.submit(body.clone());
                    assert_eq!(answer.status, 200);
                    assert_eq!(verify_proof(&server, &emitter, &answer), LINKS as u64 - 1);
                    answer.json()["added"].as_u64().unwrap()
                })
            })
            .collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).sum()
    });
    assert_eq!(added, LINKS as u64);
    assert_whole(&server, &emitter);
}

#[test]
fn concurrent_chains_keep_their_order() {
    let server = Server::start();
    thread::scope(|scope| {
        for number in 0..16 {
            let server = &server;
            scope.spawn(move || {
                let key = emitter_key((number % 4) as u8);
                let mut emitter = Emitter::new(ORIGIN, key, number, server.trust());
                for _ in 0..10 {
                    emitter.record(3);
                    emitter.deliver_all(&server.url(), 2);
                }
                emitter.close();
                emitter.deliver_all(&server.url(), 2);
            });
        }
    });
    assert_eq!(server.size(), 16 * 32);
    let leaves = server.reader().leaves(0..server.size()).unwrap();
    let once: HashSet<&Vec<u8>> = leaves.iter().collect();
    assert_eq!(once.len(), leaves.len());
    server.assert_works();
}
