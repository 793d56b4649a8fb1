//! Bodies that are malformed, too large, or not what they claim to be.

use std::io::Write as _;

use countersign::link::{append_signature, write_event};
use countersign::log::Limits;
use countersign::merkle::leaf_hash;
use countersign::time::Time;
use countersign_log_server::server::Bounds;
use serde_json::{Value, json};

use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{Answer, ORIGIN, Server, emitter_key};

fn small(bytes: usize, lines: usize) -> Server {
    let trust = format!("emitter {}\n", emitter_key(3).verifier_key());
    Server::with(&trust, Limits { bytes, lines }, Bounds::default())
}

/// Returns an emitter's chain that the log hasn't accepted.
fn chain(server: &Server, events: usize) -> Emitter {
    let mut emitter = Emitter::new(ORIGIN, emitter_key(3), 1 << 40, server.trust());
    emitter.record(events);
    emitter
}

fn lines(emitter: &Emitter) -> Vec<String> {
    emitter.outbox.iter().map(|line| line.text.clone()).collect()
}

fn assert_rejected(server: &Server, body: impl Into<Vec<u8>>, status: u16, code: &str, line: Option<u64>) {
    let body = body.into();
    let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    let answer = server.submit(body);
    let error = (answer.refusal(), answer.json()["error"]["line"].as_u64());
    assert_eq!(error, ((status, code.to_owned()), line), "{shown}: {}", answer.json());
    assert_eq!(server.size(), 0, "{shown}");
    assert_eq!(server.evidence(), [], "{shown}");
}

#[test]
fn rejects_malformed_lines() {
    let server = Server::start();
    let lines = lines(&chain(&server, 2));
    let (open, first, last) = (&lines[0], &lines[1], &lines[2]);
    let cases: Vec<(String, &str, u64)> = vec![
        (String::new(), "export.invalid", 0),
        ("\n \r\n\t\n".into(), "export.invalid", 0),
        ("not JSON\n".into(), "export.invalid", 1),
        ("[]".into(), "export.invalid", 1),
        ("{}".into(), "export.invalid", 1),
        (format!("{open}\n\n{{\"link\":\"countersign/v1 event\"}}\n"), "export.invalid", 3),
        (format!("{{\"countersign\":\"export/v1\",\"origin\":\"{ORIGIN}\"}}\n{open}\n"), "export.invalid", 1),
        (format!("{open}\n{{\"skip\":[0,\"{}\"]}}\n", "A".repeat(43) + "="), "log.refused", 2),
        (format!("{open}\n{{\"leaf\":\"AAAA\"}}\n"), "log.refused", 2),
        (format!("{open}\n{{\"checkpoint\":\"x\"}}\n"), "export.invalid", 2),
        (format!("\u{feff}{open}\n"), "export.invalid", 1),
        (format!("{open} {open}\n"), "export.invalid", 1),
        (format!("{open}\n{first}\n{}", &last[..last.len() - 1]), "export.invalid", 3),
        (open.replace("\"link\"", "\"note\""), "export.invalid", 1),
        (open.replace("{\"link\"", "{\"link\":\"\",\"link\""), "export.invalid", 1),
        (format!("{open}\n{first}\n"), "log.refused", 2),
        (format!("{open}\n{first}\u{0}\n"), "export.invalid", 2),
        (format!("{open}\n{}\n", first.replace("\"salt\":\"", "\"salt\":\"\\ud800")), "export.invalid", 2),
    ];
    for (body, code, line) in cases {
        assert_rejected(&server, body, 400, code, Some(line).filter(|line| *line > 0));
    }
    assert_rejected(&server, [b"\n{\"link\":\"\xff\"}".as_slice()].concat(), 400, "export.invalid", Some(2));
    server.assert_works();
}

#[test]
fn one_bad_line_rejects_the_whole_body() {
    let server = Server::start();
    let mut lines = lines(&chain(&server, 200));
    let bad = lines[150].replace("job.update", "job.delete");
    let good = std::mem::replace(&mut lines[150], bad);
    assert_rejected(&server, lines.join("\n"), 400, "log.refused", Some(151));
    lines[150] = good;
    assert_eq!(server.submit(lines.join("\n")).status, 200);
    assert_eq!(server.size(), 201);
}

#[test]
fn rejects_events_that_do_not_match_their_links() {
    let server = Server::start();
    let lines = lines(&chain(&server, 1));
    let (open, event) = (&lines[0], &lines[1]);
    let other = self::lines(&chain(&server, 2))[2].clone();
    let member =
        |line: &str, name: &str| -> Value { serde_json::from_str::<Value>(line).unwrap()[name].clone() };
    let salt = member(event, "salt");
    let with =
        |event: &str| format!(r#"{{"link":{},"salt":{salt},"event":{event}}}"#, member(&lines[1], "link"));
    let content = member(event, "event").to_string();
    let changes = [
        event.replace(salt.as_str().unwrap(), member(&other, "salt").as_str().unwrap()),
        with(&member(&other, "event").to_string()),
        with(&content.replace('{', "{\"more\":1,")),
        // A second member with the same name, the first one as recorded.
        with(&content.replacen('{', "{\"action\":\"job.delete\",", 1)),
    ];
    for changed in changes {
        let body = format!("{open}\n{changed}\n");
        assert_rejected(&server, body, 400, "log.refused", Some(2));
    }
    // An open link doesn't commit to an event.
    let opening = format!(r#"{{"link":{},"salt":{salt},"event":{content}}}"#, member(open, "link"));
    assert_rejected(&server, opening, 400, "export.invalid", Some(1));
    for half in ["salt", "event"] {
        let mut line: Value = serde_json::from_str(event).unwrap();
        line.as_object_mut().unwrap().remove(half);
        assert_rejected(&server, format!("{open}\n{line}\n"), 400, "export.invalid", Some(2));
    }
    let unpaired = with(&content).replace("\"event\":{", "\"event\":\n{");
    assert_rejected(&server, format!("{open}\n{unpaired}\n"), 400, "export.invalid", Some(2));
    // An event reformatted by other tools is accepted, and stored as it was recorded.
    let reformatted = with(&content.replace(':', " : ").replace(',', " ,\t"));
    let answer = server.submit(format!("  {open}\r\n\n{reformatted}\r\n"));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let stored = server.reader().leaves_with_events(1..2).unwrap().remove(0);
    assert!(matches!(
        stored.event,
        countersign_log::store::StoredEvent::Here(event) if event.text == content
    ));
    server.assert_works();
}

/// Returns a link that commits to an event which no recorder would accept.
fn linked(emitter: &Emitter, event: &str) -> String {
    let salt = [7; 16];
    let commit = countersign::link::commit(&salt, event.as_bytes());
    let open = &emitter.outbox[0].leaf;
    let time = Time::from_millis(BEGIN).unwrap();
    let mut link = write_event(emitter.chain(), 1, time, &leaf_hash(open.as_bytes()), &commit);
    let signature = emitter.key.sign(link.as_bytes());
    append_signature(&mut link, &signature);
    let salt = countersign::base64::encode(salt);
    format!("{}\n{{\"link\":\"{link}\",\"salt\":\"{salt}\",\"event\":{event}}}\n", emitter.outbox[0].text)
}

#[test]
fn rejects_ambiguous_events() {
    let server = Server::start();
    let chain = chain(&server, 1);
    let answer = server.submit(linked(&chain, r#"{"a":1,"b":{"x":1,"x":2}}"#));
    assert_eq!(answer.refusal(), (400, "log.refused".into()));
    assert_eq!(answer.json()["error"]["member"], "x");
    assert_rejected(&server, linked(&chain, r#"{"a":1,"\u0061":2}"#), 400, "log.refused", Some(2));
    assert_rejected(&server, linked(&chain, r#"{"a":"\ud800"}"#), 400, "export.invalid", Some(2));
    assert_rejected(&server, linked(&chain, "[1]"), 400, "export.invalid", Some(2));
    // A line feed in an event would split it into two lines of an export.
    assert_rejected(&server, linked(&chain, "{\"a\":\n1}"), 400, "export.invalid", Some(2));
    let deep = |levels: usize| "{\"a\":".repeat(levels - 1) + "{}" + &"}".repeat(levels - 1);
    assert_rejected(&server, linked(&chain, &deep(65)), 400, "export.invalid", Some(2));
    assert_rejected(&server, linked(&chain, &deep(100_000)), 400, "export.invalid", Some(2));
    let large = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_rejected(&server, linked(&chain, &large(262_145)), 400, "export.invalid", Some(2));
    // Exactly at the limit, it is accepted.
    let answer = server.submit(linked(&chain, &large(262_144)));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let mut other = Emitter::new(ORIGIN, emitter_key(2), 9, server.trust());
    other.record(1);
    assert_eq!(server.submit(linked(&other, &deep(64))).status, 200);
    server.assert_works();
}

#[test]
fn rejects_long_entries_and_lines() {
    let server = Server::start();
    let long_name = "n".repeat(65_000);
    let note = countersign::note::sign_note(
        &format!("countersign/v1 keys\n{ORIGIN}\n{}", "revoke x - \n".repeat(6_000)),
        &emitter_key(0),
    );
    let note = json!({ "note": note.unwrap() }).to_string();
    assert_rejected(&server, note, 400, "export.invalid", Some(1));
    let open = format!("{{\"link\":\"countersign/v1 open {long_name} \"}}");
    assert_rejected(&server, open, 400, "export.invalid", Some(1));
    let padded =
        " ".repeat(1 << 15) + &lines(&chain(&server, 1))[0] + "\n{\"link\":\"" + &"x".repeat(1 << 20);
    assert_rejected(&server, padded, 400, "export.invalid", Some(2));
}

#[test]
fn rejects_a_key_note_with_too_many_signatures() {
    use countersign::keys::{KeyNote, Statement};
    let issuer = countersign::note::SignerKey::from_seed("example.com", [50; 32]).unwrap();
    let trust = format!("issuer {}\nemitter {}\n", issuer.verifier_key(), emitter_key(3).verifier_key());
    let server = Server::with(&trust, Limits::default(), Bounds::default());
    let grant = Statement::Grant { key: emitter_key(0).verifier_key().clone(), from: None, until: None };
    let note = KeyNote::sign(ORIGIN, &[grant], &issuer).unwrap();
    let signature = countersign::base64::encode([[1, 2, 3, 4].as_slice(), &[9; 64]].concat());
    let line = |signer: usize| format!("\u{2014} other{signer} {signature}\n");
    let crowded = note.clone() + &(0..64).map(line).collect::<String>();
    assert_rejected(&server, json!({ "note": crowded }).to_string(), 400, "export.invalid", Some(1));
    let doubled = note.clone() + note.rsplit_once("\n\u{2014}").unwrap().1.trim_start_matches('x');
    assert_rejected(&server, json!({ "note": doubled }).to_string(), 400, "export.invalid", Some(1));
    let crowded = note + &(0..63).map(line).collect::<String>();
    assert_eq!(server.submit(json!({ "note": crowded }).to_string()).status, 200);
    server.assert_works();
}

fn assert_too_large(server: &Server, answer: &Answer, limits: &Limits) {
    assert_eq!(answer.refusal(), (413, "submit.too_large".into()));
    assert_eq!(answer.json()["limits"], json!({ "bytes": limits.bytes, "lines": limits.lines }));
    assert_eq!(server.size(), 0);
}

#[test]
fn rejects_bodies_over_the_limits() {
    let server = small(20_000, 40);
    let limits = server.limits;
    let body = |lines: usize| chain(&server, lines - 1).body(0, usize::MAX).0;
    assert_too_large(&server, &server.submit(body(41)), &limits);
    assert_too_large(&server, &server.submit(body(40) + &" ".repeat(20_000)), &limits);
    assert_too_large(&server, &server.submit(vec![b'\n'; 20_001]), &limits);
    // The log reads no further than necessary if no length is declared.
    let mut chunked = b"POST /submit HTTP/1.1\r\nHost: log\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..30 {
        chunked.extend_from_slice(b"3e8\r\n");
        chunked.extend_from_slice(&[b'\n'; 1000]);
        chunked.extend_from_slice(b"\r\n");
    }
    assert_too_large(&server, &Answer::parse(&server.raw(&chunked)), &limits);
    // Exactly at the limit, it is accepted.
    let mut whole = body(40);
    whole.push_str(&" ".repeat(20_000 - whole.len()));
    assert_eq!(server.submit(whole).status, 200);
    server.assert_works();
}

#[test]
fn answers_a_large_body_with_an_error_instead_of_disconnecting() {
    let server = Server::start();
    let limits = server.limits;
    for _ in 0..5 {
        assert_too_large(&server, &server.submit(vec![b'\n'; (16 << 20) + 1]), &limits);
        assert_too_large(&server, &server.submit(vec![b'\n'; 24 << 20]), &limits);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn rejects_decompression_bombs() {
    let server = small(1 << 20, 1_000);
    let limits = server.limits;
    let zeros = vec![b'\n'; 64 << 20];
    for bomb in [gzip(&zeros), zstd(&zeros)] {
        assert!(bomb.len() < 1 << 20);
        assert_too_large(&server, &server.submit(bomb.clone()), &limits);
        // Many small gzip members.
        assert_too_large(&server, &server.submit(bomb.repeat(3)), &limits);
    }
    let member = gzip(&zeros[..1 << 16]);
    assert_too_large(&server, &server.submit(member.repeat(17)), &limits);
    // A nested bomb is just a body that isn't text.
    let nested = server.submit(gzip(&gzip(&zeros)));
    assert_eq!(nested.refusal(), (400, "export.invalid".into()));
    server.assert_works();
}

#[test]
fn rejects_bodies_that_do_not_decompress() {
    let server = Server::start();
    let body = chain(&server, 20).body(0, usize::MAX).0;
    for packed in [gzip(body.as_bytes()), zstd(body.as_bytes())] {
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x10;
        let mut trailing = packed.clone();
        trailing.extend_from_slice(b"more");
        for broken in [&packed[..packed.len() - 1], &packed[..12], &damaged, &trailing] {
            assert_rejected(&server, broken, 400, "submit.encoding", None);
        }
    }
    for encoding in ["br", "deflate", "gzip, gzip", "gzip,zstd", "", "x"] {
        let answer = server.submit_encoded(gzip(body.as_bytes()), Some(encoding));
        assert_eq!(answer.refusal(), (415, "submit.encoding".into()), "{encoding}");
    }
    assert_eq!(server.size(), 0);
    let answer = server.submit_encoded(gzip(body.as_bytes()), Some("gzip"));
    assert_eq!((answer.status, answer.json()["added"].as_u64()), (200, Some(21)));
    for (packed, encoding) in [(gzip(body.as_bytes()), None), (zstd(body.as_bytes()), Some("ZSTD"))] {
        let answer = server.submit_encoded(packed, encoding);
        assert_eq!((answer.status, answer.json()["repeated"].as_u64()), (200, Some(21)));
    }
    server.assert_works();
}

/// Compressed nothing, many times over: each part costs the server much more than the sender.
#[test]
fn rejects_wasteful_compression() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(3);
    let (body, _) = emitter.body(0, usize::MAX);
    let empty = gzip(b"");
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    let name = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3][..], &vec![b'a'; 1 << 20]].concat();
    // The beginning comes from a known emitter.
    let in_parts = |bytes: &[u8]| bytes.chunks(2).map(gzip).collect::<Vec<_>>().concat();
    for packed in [
        empty.repeat(2_000),
        [gzip(body.as_bytes()), empty.repeat(2_000)].concat(),
        skippable.repeat(2_000),
        [zstd(body.as_bytes()), skippable.repeat(2_000)].concat(),
        name.clone(),
        [gzip(body.as_bytes()), name].concat(),
        in_parts(body.repeat(10).as_bytes()),
    ] {
        assert_eq!(server.submit(packed).refusal(), (400, "submit.encoding".into()));
    }
    // A client that compresses each flush separately is accepted.
    let parts: Vec<u8> = body.lines().flat_map(|line| gzip(format!("{line}\n").as_bytes())).collect();
    assert_eq!(server.submit(parts).status, 200);
}

/// Sends one byte per chunk, as fast as possible.
#[test]
fn rejects_one_byte_chunks() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(3);
    let (body, _) = emitter.body(0, usize::MAX);
    let chunked = |body: &[u8], size: usize| {
        let head = b"POST /submit HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        let chunks: Vec<u8> = body.chunks(size).flat_map(chunk).collect();
        Answer::parse(&server.raw(&[&head[..], &chunks, b"0\r\n\r\n"].concat()))
    };
    // The beginning comes from a known emitter.
    let long = body.repeat(40);
    assert!(long.len() > 20_000);
    assert_eq!(chunked(long.as_bytes(), 1).refusal(), (400, "submit.encoding".into()));
    assert_eq!(chunked(body.as_bytes(), 1).status, 200);
    assert_eq!(chunked(long.as_bytes(), 80).status, 200);
}
