//! A witness that claims to have seen what the log never signed.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::merkle::leaf_hash;
use countersign::note::SignerKey;
use serde_json::Value;

use super::scene::{Scene, files, roll_back};
use crate::common::emitter::client;
use crate::common::process::{DEADLINE, ORIGIN, Place, Process, log_key, run, spawn_with};
use crate::common::witness::Witness;

/// A witness that responds to cosignature requests with a conflict, and to others as the test defines.
struct Liar {
    address: SocketAddr,
    key: SignerKey,
    /// The claimed size; without one, it cosigns.
    claim: Arc<Mutex<Option<u64>>>,
    /// The latest checkpoint it serves.
    proof: Arc<Mutex<Option<String>>>,
}

impl Liar {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let liar = Self {
            address: listener.local_addr().unwrap(),
            key: SignerKey::witness_from_seed("liar.example", [8; 32]).unwrap(),
            claim: Arc::new(Mutex::new(Some(999_999))),
            proof: Arc::default(),
        };
        let (claim, proof) = (liar.claim.clone(), liar.proof.clone());
        let key = SignerKey::witness_from_seed("liar.example", [8; 32]).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client may disconnect.
                let _ = answer(stream, *claim.lock().unwrap(), proof.lock().unwrap().clone(), &key);
            }
        });
        liar
    }

    fn line(&self) -> String {
        format!("witness liar {} http://{}/\n", self.key.verifier_key(), self.address)
    }
}

fn answer(
    stream: TcpStream,
    claim: Option<u64>,
    proof: Option<String>,
    key: &SignerKey,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begin = head.len();
        reader.read_line(&mut head)?;
        let line = head[begin..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, kind, body) = match (head.starts_with("POST"), claim, proof) {
        (true, Some(size), _) => ("409 Conflict", "text/x.tlog.size", format!("{size}\n")),
        (true, None, _) => {
            let request = String::from_utf8(body).unwrap();
            let signed = SignedCheckpoint::parse(request.split_once("\n\n").unwrap().1).unwrap();
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            ("200 OK", "text/plain", signed.cosign(key, since.as_secs()).unwrap())
        }
        (false, _, Some(note)) => ("200 OK", "text/plain", note),
        (false, _, None) => ("404 Not Found", "text/plain", String::new()),
    };
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Returns trust lines for the witnesses `w`, which is honest, and `liar`.
fn trusting(witness: &Witness, liar: &Liar, quorum: &str) -> Place {
    let lines = format!("{}{}group g {quorum} w liar\nquorum g\n", witness.unquorate, liar.line());
    Place::with(2, &lines)
}

/// Submits an event; returns the response's status and code.
fn submit(place: &Place, server: &Process, chain: u8) -> (u16, String) {
    let mut emitter = place.emitter(chain % 2);
    emitter.record(usize::from(chain) + 1);
    let answer = client().post(format!("{}/submit", server.url)).body(emitter.body(0, usize::MAX).0).send();
    let answer = answer.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn health(server: &Process) -> (u16, Value) {
    let (status, body) = server.get("/healthz");
    (status, serde_json::from_str(&body).unwrap())
}

fn metric(server: &Process, line: &str) -> bool {
    server.get("/metrics").1.lines().any(|known| known == line)
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "not yet: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Removes the lines with the liar, and its group.
fn remove_liar(place: &Place, quorum: &str) {
    let text = fs::read_to_string(place.trust_file()).unwrap();
    let kept: String = text
        .lines()
        .filter(|line| !line.contains("liar") && !line.starts_with("quorum"))
        .flat_map(|line| [line, "\n"])
        .collect();
    fs::write(place.trust_file(), kept + quorum).unwrap();
}

/// The evidence format of earlier versions, which had no quorum.
fn old_evidence(liar: &Liar, shown: &str) -> String {
    let vkey = liar.key.verifier_key();
    serde_json::json!({
        "countersign": "stop/v1", "at": "2026-11-20T06:00:00.000Z", "code": "log.rollback",
        "message": "the witness liar.example says that it cosigned a checkpoint of 999999 leaves, more than are here",
        "checkpoint": shown, "signed": null,
        "witness": { "vkey": vkey.as_str(), "status": 409, "size": 999_999, "answer": "999999\n" },
    })
    .to_string()
}

#[test]
fn a_lying_witness_stops_nothing_if_others_meet_the_quorum() {
    let (witness, liar) = (Witness::start(), Liar::start());
    let place = trusting(&witness, &liar, "any");
    let contradicts = r#"countersign_witness_contradicts{witness="liar.example"} 1"#;
    for _ in 0..2 {
        let server = place.serve();
        for chain in 0..2 {
            assert_eq!(submit(&place, &server, chain).0, 200);
        }
        // The other one may have been faster until now.
        until("the lie is reported", || {
            assert_eq!(submit(&place, &server, 0).0, 200);
            metric(&server, contradicts)
        });
        let (status, health) = health(&server);
        assert_eq!((status, &health["published"]["witnessed"]), (200, &Value::Bool(true)), "{health}");
        let heard = server.heard.join("\n");
        assert!(heard.contains("without proof") && heard.contains("liar.example"), "{heard}");
        server.stop();
    }
    assert!(!place.path("evidence.ndjson").exists(), "it stopped nothing");
}

#[test]
fn an_unproven_stop_ends_with_the_claim() {
    let (witness, liar) = (Witness::start(), Liar::start());
    let place = trusting(&witness, &liar, "all");
    let server = place.serve();
    assert_eq!(submit(&place, &server, 0), (503, "log.rollback".into()));
    let (status, stopped) = health(&server);
    assert_eq!((status, &stopped["stopped"]["proven"]), (503, &Value::Bool(false)), "{stopped}");
    assert!(stopped["stopped"]["hint"].as_str().unwrap().contains("trust.txt"), "{stopped}");
    let is_stopped = |server: &Process| {
        assert!(metric(server, r#"countersign_stopped{code="log.copied"} 0"#));
        metric(server, r#"countersign_stopped{code="log.rollback"} 1"#)
    };
    assert!(is_stopped(&server));
    // While the server runs.
    remove_liar(&place, "quorum w\n");
    until("it goes on", || submit(&place, &server, 0).0 == 200);
    until("it is healthy", || health(&server).0 == 200);
    assert!(!is_stopped(&server));
    assert!(!metric(&server, r#"countersign_witness_contradicts{witness="liar.example"} 1"#));
    server.stop();

    // The liar is added again, lies, and then retracts its claim.
    let text = fs::read_to_string(place.trust_file()).unwrap();
    let text = text.replace("quorum w\n", &format!("{}group g all w liar\nquorum g\n", liar.line()));
    fs::write(place.trust_file(), text).unwrap();
    let server = place.serve();
    assert_eq!(submit(&place, &server, 0).0, 503);
    server.stop();
    let server = place.serve();
    assert_eq!(submit(&place, &server, 0).0, 503, "the stop survives a restart");
    *liar.claim.lock().unwrap() = None;
    until("it goes on", || submit(&place, &server, 0).0 == 200);
    assert_eq!(health(&server).0, 200);
    let said = run(&["forks", "--dir", place.folder.path().to_str().unwrap()]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("resumed signing") && said.contains("cosigned the newest checkpoint"), "{said}");
}

/// The guide's remedy, step by step: remove the witness, then start the log with `--after-restore`.
#[test]
fn the_documented_remedy_works_for_older_evidence() {
    for old in [false, true] {
        let (witness, liar) = (Witness::start(), Liar::start());
        let place = trusting(&witness, &liar, "all");
        if old {
            *liar.claim.lock().unwrap() = None;
            let server = place.serve();
            assert_eq!(submit(&place, &server, 0).0, 200);
            let shown = server.get("/checkpoint").1;
            server.stop();
            fs::write(place.path("evidence.ndjson"), old_evidence(&liar, &shown) + "\n").unwrap();
            *liar.claim.lock().unwrap() = Some(999_999);
        }
        let server = place.serve();
        assert_eq!(submit(&place, &server, 1), (503, "log.rollback".into()));
        server.stop();
        // While it is in the trust file, its claim counts, and the operator must overrule it.
        let dir = place.folder.path().to_str().unwrap();
        let args = ["serve", "--listen", "127.0.0.1:0", "--dir", dir, "--after-restore"];
        let refused = run(&args);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("liar.example") && said.contains("trust file"), "{said}");
        remove_liar(&place, "quorum w\n");
        let server = Process::listening(spawn_with(place.folder.path(), &["--after-restore"]));
        assert_eq!(submit(&place, &server, 1).0, 200);
        assert_eq!(health(&server).0, 200);
        server.stop();
        let server = place.serve();
        assert_eq!(submit(&place, &server, 0).0, 200);
    }
}

#[test]
fn nothing_newer_overrides_claims_but_not_proofs() {
    let (witness, liar) = (Witness::start(), Liar::start());
    let place = trusting(&witness, &liar, "all");
    let server = place.serve();
    assert_eq!(submit(&place, &server, 0).0, 503);
    server.stop();
    let begin = |place: &Place| {
        Process::listening(spawn_with(place.folder.path(), &["--after-restore", "--nothing-newer"]))
    };
    *liar.claim.lock().unwrap() = None;
    let server = begin(&place);
    assert_eq!(submit(&place, &server, 0).0, 200);
    server.stop();

    let note = Checkpoint::new(ORIGIN, 500, leaf_hash(b"lost")).unwrap().sign(&log_key()).unwrap();
    *liar.proof.lock().unwrap() = Some(note);
    *liar.claim.lock().unwrap() = Some(500);
    let server = place.serve();
    assert_eq!(submit(&place, &server, 0).0, 503);
    assert_eq!(health(&server).1["stopped"]["proven"], Value::Bool(true));
    server.stop();
    // The log stays stopped without the witness: the proof has the log's signature.
    remove_liar(&place, "quorum w\n");
    let server = place.serve();
    assert_eq!(submit(&place, &server, 0).0, 503);
    server.stop();
    let dir = place.folder.path().to_str().unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--dir", dir, "--after-restore", "--nothing-newer"];
    let refused = run(&args);
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
}

/// One of two witnesses meets the quorum, and the one that knows more proves it. The other one never saw the log.
#[test]
fn a_proven_rollback_stops_the_log() {
    let (witness, other) = (Witness::start(), Liar::start());
    *other.claim.lock().unwrap() = None;
    let scene = Scene::new(trusting(&witness, &other, "any"));
    // Either may have met the quorum; this one has seen it.
    let server = scene.place.serve();
    until("it has seen it", || {
        let (_, health) = health(&server);
        health["published"]["witnessed"] == true
    });
    server.stop();
    let newest = files(scene.folder());
    roll_back(scene.folder(), &scene.backup);
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
    assert_eq!(health(&server).1["stopped"]["proven"], Value::Bool(true));
    server.stop();
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
    server.stop();
    // With the right files, the log continues, and keeps the evidence of the stop.
    let evidence = fs::read(scene.place.path("evidence.ndjson")).unwrap();
    roll_back(scene.folder(), &newest);
    fs::write(scene.place.path("evidence.ndjson"), evidence).unwrap();
    let server = scene.place.serve();
    assert_eq!(scene.submit(&server).0, 200);
}
