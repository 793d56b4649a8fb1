//! A full disk, simulated by a file size limit.

use fastrand::Rng;
use rlimit::Resource;

use crate::common::emitter::{Attempt, Emitter};
use crate::common::process::{Place, Process};
use crate::common::whole::assert_whole;

/// Limits the server's files to this many bytes.
fn limit(server: &Process, bytes: u64) {
    let process = server.child.id().cast_signed();
    rlimit::prlimit(process, Resource::FSIZE, Some((bytes, rlimit::INFINITY)), None).unwrap();
}

/// Returns the size of the database's largest file.
fn largest(place: &Place) -> u64 {
    let files = std::fs::read_dir(place.folder.path()).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).max().unwrap()
}

/// Delivers until the disk is full, and tries a few times more.
fn fill(server: &Process, emitter: &mut Emitter, rng: &mut Rng) {
    let mut refused = 0;
    while refused < 5 {
        emitter.record(rng.usize(1..100));
        match emitter.deliver(&server.url, 0, usize::MAX) {
            Attempt::Later => refused += 1,
            attempt => assert!(matches!(attempt, Attempt::Delivered(_)), "{attempt:?}"),
        }
    }
}

fn assert_unavailable(server: &Process, emitter: &Emitter) {
    let client = countersign_tls::blocking_http_client().build().unwrap();
    let (body, _) = emitter.body(0, usize::MAX);
    let answer = client.post(format!("{}/submit", server.url)).body(body).send().unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
    let text = answer.text().unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["error"]["code"], "server.unavailable", "{text}");
    assert!(!text.contains("sqlite"), "what the disk says is for the operator: {text}");
}

#[test]
fn recovers_from_a_full_disk_without_loss() {
    let place = Place::new(2);
    let mut server = place.serve();
    let (mut emitter, mut other) = (place.emitter(0), place.emitter(1));
    emitter.deliver_all(&server.url, 1);
    let mut rng = Rng::with_seed(5);
    let mut seen = Vec::new();
    for round in 0..12 {
        limit(&server, largest(&place) + rng.u64(0..60_000));
        fill(&server, &mut emitter, &mut rng);
        // Reading still works, and all proven entries are there.
        let (status, checkpoint) = server.get("/checkpoint");
        assert_eq!(status, 200);
        assert_eq!(server.get("/tile/entries/000.p/1").0, 200);
        seen.push(checkpoint);
        if round % 2 == 0 {
            // Not a single byte fits: each commit fails.
            limit(&server, 0);
            other.record(1);
            assert_unavailable(&server, &emitter);
            let (status, health) = server.get("/healthz");
            assert!(status == 503 && health.contains("\"failing\":true,\"full\""), "{health}");
            assert_eq!(other.deliver(&server.url, 0, usize::MAX), Attempt::Later);
        }
        if round % 4 == 3 {
            // The server is killed while the disk is full.
            server.kill();
            server = place.serve();
        }
        limit(&server, rlimit::INFINITY);
        emitter.deliver_all(&server.url, usize::MAX);
        other.deliver_all(&server.url, usize::MAX);
        assert_eq!(server.get("/healthz").0, 200);
    }
    for emitter in [&mut emitter, &mut other] {
        emitter.close();
        emitter.deliver_all(&server.url, usize::MAX);
    }
    assert_whole(&place, &server, &[emitter, other], &seen);
    server.stop();
}

#[test]
fn does_not_start_on_a_full_disk() {
    let place = Place::new(1);
    let server = place.serve();
    let mut emitter = place.emitter(0);
    emitter.record(300);
    emitter.deliver_all(&server.url, usize::MAX);
    server.kill();
    for bytes in [0, 1, 4_096, 40_000] {
        // `sh` counts in blocks of 512 bytes.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 512);
        let output = std::process::Command::new("timeout")
            .args(["2", "sh", "-c", &script, "sh"])
            .arg(assert_cmd::cargo::cargo_bin!("countersign"))
            .args(["serve", "--listen", "127.0.0.1:0", "--dir"])
            .arg(place.folder.path())
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // Either it starts and is stopped, or it reports the error.
        assert!(matches!(output.status.code(), Some(2 | 124)), "{output:?}");
        assert!(!said.contains("panicked"), "{said}");
    }
    let server = place.serve();
    emitter.close();
    emitter.deliver_all(&server.url, usize::MAX);
    assert_whole(&place, &server, &[emitter], &[]);
}
