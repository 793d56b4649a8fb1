//! Attacks with paths that try to reach what isn't published.

use countersign::merkle::{Bundle, Tile};

use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::tokens;

use crate::common::server::{Answer, Server};

fn get(server: &Server, path: &str) -> Answer {
    // Sent as is, because a client library would normalize it.
    let request = format!("GET {path} HTTP/1.1\r\nHost: log.example\r\nConnection: close\r\n\r\n");
    Answer::parse(&server.raw(request.as_bytes()))
}

#[test]
fn serves_only_published_tiles() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(299);
    emitter.deliver_all(&server.url(), usize::MAX);
    let tiles = Tile::grown(0, 300).map(Tile::path).chain(Bundle::grown(0, 300).map(Bundle::path));
    let tiles: Vec<String> = tiles.collect();
    assert!(tiles.contains(&"tile/entries/001.p/44".into()) && tiles.contains(&"tile/1/000.p/1".into()));
    for path in &tiles {
        let answer = get(&server, &format!("/{path}"));
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["content-type"], "application/octet-stream");
        assert_eq!(answer.headers["cache-control"], "public, max-age=31536000, immutable");
    }
    let absent = [
        "/tile/0/002",
        "/tile/0/001",
        "/tile/0/001.p/45",
        "/tile/0/001.p/0",
        "/tile/0/001.p/256",
        "/tile/0/000.p/256",
        "/tile/0/000.p/044",
        "/tile/0/000.p/-1",
        "/tile/0/000.p/",
        "/tile/0/000.p",
        "/tile/1/000",
        "/tile/1/000.p/2",
        "/tile/2/000.p/1",
        "/tile/00/000",
        "/tile/-1/000",
        "/tile/64/000",
        "/tile/255/000",
        "/tile/256/000",
        "/tile/18446744073709551616/000",
        "/tile/0/0",
        "/tile/0/0000",
        "/tile/0/x000/000",
        "/tile/0/000/",
        "/tile/0/x001",
        "/tile/0/x999/x999/x999/x999/x999/x999/999",
        "/tile/entries/x018/x446/x744/x073/x709/x551/615",
        "/tile/entries/x036/x028/x797/x018/x963/967.p/255",
        "/tile/0/x036/x028/x797/x018/x963/967",
        "/tile/entries/001",
        "/tile/entries/001.p/45",
        "/tile/entries/002.p/1",
        "/tile/entries/",
        "/tile/Entries/000",
        "/tile/",
        "/tile",
        "/tile/0",
        "/tile//0/000",
        "//tile/0/000",
        "/./tile/0/000",
        "/tile/../checkpoint",
        "/tile/0/../../checkpoint",
        "/tile/%2e%2e/%2e%2e/log.sqlite",
        "/tile/0/%30%30%30",
        "/tile%2f0%2f000",
        "/tile/0/000%00",
        "/tile/0/000%2fx",
        "/tile/..%5c..%5clog.sqlite",
        "/tile/0/\u{660}\u{660}\u{660}",
        "/tile/../../../../etc/passwd",
        "/../log.key",
        "/log.sqlite",
        "/trust.txt",
        "/checkpoint/",
        "/Checkpoint",
    ];
    for path in absent {
        let answer = get(&server, path);
        let not_found = [(404, "request.not_found".to_owned())];
        // Paths that aren't valid at all are rejected before routing.
        assert!(
            answer.status == 400 && answer.body.is_empty() || not_found.contains(&answer.refusal()),
            "{path}: {answer:?}"
        );
    }
    let long = format!("/tile/0/{}000", "x000/".repeat(8_000));
    assert_eq!(get(&server, &long).refusal(), (404, "request.not_found".into()));
    assert_eq!(get(&server, "/tile/0/000?x=../../y").status, 200);
    server.assert_works();
}

#[test]
fn serves_only_published_tree_sizes() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(1);
    emitter.deliver_all(&server.url(), usize::MAX);
    let before = get(&server, "/tile/entries/000.p/2");
    emitter.record(1);
    emitter.deliver_all(&server.url(), usize::MAX);
    // Older tree sizes stay as they were.
    assert_eq!(get(&server, "/tile/entries/000.p/2").body, before.body);
    assert_eq!(get(&server, "/tile/entries/000.p/4").status, 404);
}

#[test]
fn rejects_wrong_methods_and_malformed_heads() {
    let server = Server::start();
    let send = |request: &str| Answer::parse(&server.raw(request.as_bytes()));
    for (method, path) in
        [("PUT", "/checkpoint"), ("POST", "/tile/0/000"), ("DELETE", "/submit"), ("GET", "/submit")]
    {
        let answer = send(&format!("{method} {path} HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.refusal(), (405, "request.invalid".into()), "{method} {path}");
    }
    // The response's headers may contain nothing from the request.
    let injected = "GET /checkpoint?a=%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: l\r\n\
                    Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n";
    let answer = send(injected);
    assert_eq!(answer.status, 200);
    assert!(!format!("{:?}", answer.headers).contains("evil"));
    for name in ["set-cookie", "location", "access-control-allow-origin"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    // A continuation line isn't a valid header.
    assert_eq!(
        send("GET /checkpoint HTTP/1.1\r\nHost: l\r\nX: a\r\n b: c\r\nConnection: close\r\n\r\n").status,
        400
    );
    assert_eq!(send("GET /check point HTTP/1.1\r\nHost: l\r\n\r\n").status, 400);
    assert_eq!(send("GET /checkpoint HTTP/1.1\r\nHost : l\r\n\r\n").status, 400);
    let many = "X: y\r\n".repeat(200);
    assert_eq!(send(&format!("GET /checkpoint HTTP/1.1\r\nHost: l\r\n{many}\r\n")).status, 431);
    let long = "x".repeat(200_000);
    assert_eq!(send(&format!("GET /checkpoint HTTP/1.1\r\nHost: l\r\nX: {long}\r\n\r\n")).status, 431);
    server.assert_works();
}

#[test]
fn rejects_foreign_host_names_on_every_route() {
    let server = Server::start();
    let token = tokens::add(server.folder(), "auditor", Rights::READ, None, Scope::default()).unwrap();
    let bearer = format!("Authorization: Bearer {}\r\n", token.as_str());
    let port = server.address().port();
    for path in ["/", "/checkpoint", "/tile/0/000", "/export", "/stream", "/healthz", "/metrics", "/nothing"]
    {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            for host in
                ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", "10.0.0.1"]
            {
                let head =
                    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{bearer}Connection: close\r\n\r\n");
                let answer = Answer::parse(&server.raw(head.as_bytes()));
                assert_eq!(answer.status, 421, "{method} {path} {host}");
                if method != "HEAD" {
                    assert_eq!(answer.refusal().1, "request.host");
                    assert!(answer.json()["error"]["hint"].as_str().unwrap().contains("--host"));
                }
            }
        }
    }
    for host in ["localhost", &format!("127.0.0.1:{port}"), "[::1]:1", "log.example", "LOG.example:443"] {
        let head = format!("GET /checkpoint HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(Answer::parse(&server.raw(head.as_bytes())).status, 200, "{host}");
    }
    server.assert_works();
}
