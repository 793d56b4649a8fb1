//! Exports from a log server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use predicates::prelude::*;

use crate::common::{Place, gzip, shown};

/// Serves one response repeatedly; returns its address, and the requests with headers.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/audit", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines();
            let request: Vec<String> =
                lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let _ = stream.write_all(&answer(&request[0]));
            let _ = sender.send(request.join("\n"));
        }
    });
    (url, requests)
}

/// Waits for the next request.
fn next(requests: &Receiver<String>) -> String {
    requests.recv_timeout(std::time::Duration::from_mins(1)).unwrap()
}

fn chunked(body: &[u8], whole: bool) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".to_vec();
    for piece in body.chunks(1_000) {
        answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        answer.extend_from_slice(piece);
        answer.extend_from_slice(b"\r\n");
    }
    if whole {
        answer.extend_from_slice(b"0\r\n\r\n");
    }
    answer
}

fn refusal(status: u16, code: &str) -> Vec<u8> {
    let body = format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"no\\u001b[2J\"}}}}");
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

fn sealed() -> (Place, String) {
    let place = Place::new();
    place.sealed(12);
    let export = place.read("audit.ndjson");
    (place, export)
}

#[test]
fn exports_verify() {
    let (place, export) = sealed();
    for body in [export.clone().into_bytes(), gzip(export.as_bytes())] {
        let (url, requests) = serve(move |_| chunked(&body, true));
        place.write("token.txt", "secret-token\n");
        place
            .run(&[
                "export",
                "--dir",
                &url,
                "--token-file",
                "token.txt",
                "--since",
                "2026-11-01",
                "--action",
                "job.*",
                "-o",
                "x.ndjson",
            ])
            .success()
            .stderr(predicate::str::contains("exported to x.ndjson"))
            .stderr(predicate::str::contains("secret-token").not());
        let request = next(&requests);
        let mut lines = request.lines();
        assert_eq!(
            lines.next(),
            Some("GET /audit/export?since=2026-11-01T00%3A00%3A00.000Z&action=job.* HTTP/1.1")
        );
        assert!(lines.any(|line| line.eq_ignore_ascii_case("authorization: Bearer secret-token")));
        assert_eq!(place.read("x.ndjson"), export);
        assert_eq!(place.verdict("x.ndjson"), "verified");
    }
}

#[test]
fn reads_the_token_from_the_environment() {
    let (place, export) = sealed();
    let (url, requests) = serve(move |_| chunked(export.as_bytes(), true));
    place.command(&["export", "--dir", &url]).env("COUNTERSIGN_TOKEN", "from-env").assert().success();
    assert!(next(&requests).to_ascii_lowercase().contains("authorization: bearer from-env"));
    place.run(&["export", "--dir", &url]).success();
    assert!(!next(&requests).to_ascii_lowercase().contains("authorization"));
    place
        .command(&["export", "--dir", &url])
        .env("COUNTERSIGN_TOKEN", "two words")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("two words").not());
}

#[test]
fn rejects_custom_parsers_for_server_exports() {
    let place = Place::new();
    place.write("own.json", r#"{"as":"own","when":{"n":{"type":"number"}},"action":"=own"}"#);
    place
        .run(&["export", "--dir", "http://127.0.0.1:9/audit", "--query", "as:own", "--parsers", "own.json"])
        .code(2)
        .stderr(predicate::str::contains("a log server parses events only with its own parsers"));
}

#[test]
fn filters_locally_what_the_server_cannot() {
    let (place, export) = sealed();
    let chain = place.chain("audit.ndjson");
    let (url, requests) = serve(move |_| chunked(export.as_bytes(), true));
    place.run(&["export", "--dir", &url, "--withhold", "-n:3", "-o", "x.ndjson"]).success();
    assert!(next(&requests).starts_with("GET /audit/export HTTP"));
    assert_eq!(shown(&place.read("x.ndjson")).len(), 1);
    assert_eq!(place.verdict("x.ndjson"), "partial");
    let event = format!("{chain}/2");
    place
        .run(&[
            "export",
            "--dir",
            &url,
            "--event",
            &event,
            "--event",
            &format!("{chain}/4"),
            "-o",
            "x.ndjson",
        ])
        .success();
    assert!(next(&requests).starts_with(&format!("GET /audit/export?chain={chain} HTTP")));
    assert_eq!(shown(&place.read("x.ndjson")).len(), 2);
    // Unused fields are queried separately.
    assert!(next(&requests).starts_with(&format!("GET /audit/explain?chain={chain}")));
    place.run(&["export", "--dir", &url, "--event", &event]).success();
    assert!(next(&requests).starts_with(&format!("GET /audit/proof/{chain}/2 HTTP")));
}

#[test]
fn does_not_keep_a_truncated_export() {
    let (place, export) = sealed();
    let files = place.files();
    let half = export.as_bytes()[..export.len() / 2].to_vec();
    let last = export.trim_end().rfind('\n').unwrap() + 1;
    let without_checkpoint = export.as_bytes()[..last].to_vec();
    let zipped = gzip(export.as_bytes());
    let zipped = zipped[..zipped.len() - 9].to_vec();
    for (body, whole) in [(half, false), (without_checkpoint, true), (zipped, true), (Vec::new(), true)] {
        let (url, _requests) = serve(move |_| chunked(&body, whole));
        place.run(&["export", "--dir", &url, "-o", "x.ndjson"]).failure();
        assert_eq!(place.files(), files);
    }
}

#[test]
fn rejections_have_hints() {
    let place = Place::new();
    let (url, _requests) = serve(|_| refusal(401, "request.unauthenticated"));
    place
        .run(&["export", "--dir", &url])
        .code(2)
        .stderr(predicate::str::contains("error[request.unauthenticated]"))
        .stderr(predicate::str::contains("--token-file"))
        .stderr(predicate::str::contains("\u{1b}[2J").not());
    place
        .command(&["export", "--dir", &url])
        .env("COUNTERSIGN_TOKEN", "old")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("ask the log operator"));
    let (url, _requests) =
        serve(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<html></h".to_vec());
    place
        .run(&["export", "--dir", &url])
        .code(2)
        .stderr(predicate::str::contains("not a countersign export"));
    place
        .run(&["export", "--dir", "https://user:pass@log.example"])
        .code(2)
        .stderr(predicate::str::contains("pass@").not());
}
