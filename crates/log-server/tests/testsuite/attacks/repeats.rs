//! Repeated submissions: entries already in the log keep their index.

use countersign::keys::{KeyNote, Statement};
use countersign::log::Limits;
use countersign::note::SignerKey;
use countersign::proof::Proof;
use countersign_log_server::server::Bounds;
use serde_json::json;

use crate::common::emitter::Emitter;
use crate::common::server::{ORIGIN, Server, emitter_key};

#[test]
fn links_repeated_in_one_submission() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(2);
    let (body, _) = emitter.body(0, usize::MAX);
    let answer = server.submit(body.repeat(3));
    let json = answer.json();
    assert_eq!((answer.status, json["added"].as_u64(), json["repeated"].as_u64()), (200, Some(3), Some(6)));
    let tip = &json["chains"][emitter.chain().to_string()];
    assert_eq!((tip["seq"].as_u64(), tip["index"].as_u64()), (Some(2), Some(2)));
    assert_eq!(server.size(), 3);
    server.assert_works();
}

#[test]
fn rejects_links_in_the_wrong_order() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(1);
    emitter.record(1);
    let lines: Vec<&str> = emitter.outbox.iter().map(|line| line.text.as_str()).collect();
    let answer = server.submit([lines[0], lines[2], lines[1]].join("\n"));
    assert_eq!(answer.refusal(), (409, "log.gap".into()));
    // The expected position refers to the log, which has nothing of this submission.
    let json = answer.json();
    assert_eq!(
        (json["expected"].as_u64(), json.get("last"), json["error"]["line"].as_u64()),
        (Some(0), None, Some(2))
    );
    assert_eq!(server.size(), 0);
    server.assert_works();
}

#[test]
fn repeated_key_notes_are_stored_once() {
    let issuer = SignerKey::from_seed("example.com", [50; 32]).unwrap();
    let trust = format!("issuer {}\nemitter {}\n", issuer.verifier_key(), emitter_key(3).verifier_key());
    let server = Server::with(&trust, Limits::default(), Bounds::default());
    let grant = Statement::Grant { key: emitter_key(0).verifier_key().clone(), from: None, until: None };
    let note = KeyNote::sign(ORIGIN, &[grant], &issuer).unwrap();
    let line = json!({ "note": note }).to_string() + "\n";
    for added in [1, 0] {
        let json = server.submit(line.repeat(5)).json();
        assert_eq!((json["added"].as_u64(), json["repeated"].as_u64()), (Some(added), Some(5 - added)));
        let notes = json["notes"].as_array().unwrap();
        assert_eq!(notes.len(), 1);
        for item in notes {
            let proof = Proof::parse(item["proof"].as_str().unwrap()).unwrap();
            proof.verify(note.as_bytes(), None, &server.trust()).unwrap();
            assert_eq!((item["index"].as_u64(), proof.index), (Some(0), 0));
        }
    }
    assert_eq!(server.size(), 1);
    server.assert_works();
}

#[test]
fn thousands_of_repeats_of_one_key_note() {
    let server = Server::start();
    let key = emitter_key(2);
    let revoke = Statement::Revoke { key: key.verifier_key().clone(), since: None };
    let note = KeyNote::sign(ORIGIN, &[revoke], &key).unwrap();
    let body = (json!({ "note": note }).to_string() + "\n").repeat(16_384);
    for added in [1, 0] {
        let answer = server.submit(body.clone());
        let json = answer.json();
        let counted = (json["added"].as_u64(), json["repeated"].as_u64());
        assert_eq!((answer.status, counted), (200, (Some(added), Some(16_384 - added))));
        assert_eq!(json["notes"].as_array().unwrap().len(), 1);
        assert!(answer.body.len() < 10_000, "{} bytes", answer.body.len());
    }
    server.assert_works();
}

/// Makes the log prove each of these links once more.
fn assert_proven(server: &Server, emitter: &Emitter, links: &[(u64, String, String)]) {
    for (seq, leaf, text) in links {
        let answer = server.submit(text.clone());
        assert_eq!(answer.status, 200, "{}", answer.json());
        let json = answer.json();
        assert_eq!((json["added"].as_u64(), json["repeated"].as_u64()), (Some(0), Some(1)));
        let tip = &json["chains"][emitter.chain().to_string()];
        let proof = Proof::parse(tip["proof"].as_str().unwrap()).unwrap();
        proof.verify(leaf.as_bytes(), None, &server.trust()).unwrap();
        assert_eq!(proof.index, *seq);
        assert_eq!(proof.checkpoint.checkpoint.size, server.size());
    }
}

/// Grows a log with one chain to each of these sizes, and requests proofs of these entries.
fn proofs_at(sizes: &[u64], entries: &[u64]) {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    let mut kept = Vec::new();
    for size in sizes {
        while *size > emitter.links {
            emitter.record((size - emitter.links).min(8_000) as usize);
        }
        for line in &emitter.outbox {
            if entries.contains(&line.seq) || line.seq + 1 == *size {
                kept.push((line.seq, line.leaf.clone(), line.text.clone()));
            }
        }
        emitter.deliver_all(&server.url(), 8_000);
        assert_eq!(server.size(), *size);
        assert_proven(&server, &emitter, &kept);
    }
    server.assert_works();
}

#[test]
fn proofs_of_repeats_at_tile_borders() {
    proofs_at(&[1, 2, 3, 254, 255, 256, 257, 258, 511, 512, 513, 700], &[0, 1, 128, 255, 256, 300]);
}

#[test]
fn proofs_of_repeats_at_the_third_tile_level() {
    proofs_at(
        &[65_534, 65_535, 65_536, 65_537, 65_792, 65_793],
        &[0, 255, 256, 32_767, 32_768, 65_279, 65_280, 65_535, 65_536],
    );
}
