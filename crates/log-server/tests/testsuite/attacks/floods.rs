//! Floods from clients that may not write: they cost little, and don't keep others out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use countersign::log::Limits;
use countersign::note::SignerKey;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::server::{Bounds, Proxies};
use countersign_log_server::tokens;

use crate::common::emitter::{Emitter, client};
use crate::common::server::{Answer, ORIGIN, Server, emitter_key, send, until_closed};

fn serve(bounds: Bounds) -> Server {
    Server::with(&format!("emitter {}\n", emitter_key(3).verifier_key()), Limits::default(), bounds)
}

/// Returns an emitter whose key is not authorized.
fn stranger(server: &Server) -> Emitter {
    let key = SignerKey::from_seed("example.net/stranger", [77; 32]).unwrap();
    Emitter::new(ORIGIN, key, 0, server.trust())
}

/// Returns a body of about `bytes` bytes that compresses extremely well and that the log would accept.
fn repetitive(emitter: &mut Emitter, bytes: usize) -> String {
    let event = format!(r#"{{"action":"job.update","metadata":{{"x":"{}"}}}}"#, "x".repeat(200_000));
    for _ in 0..bytes / 200_000 {
        emitter.record_event(&event);
    }
    emitter.flush();
    emitter.body(0, usize::MAX).0
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn metric(server: &Server, name: &str) -> u64 {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// Checks that no metric changed that alerts are based on.
fn assert_no_alert(server: &Server) {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let outcomes: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("countersign_submissions_total{") && !line.contains("\"taken\""))
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    assert!(outcomes.is_empty(), "{outcomes:?}");
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn rejects_unknown_emitters_before_decompression() {
    let server = serve(Bounds::default());
    let body = repetitive(&mut stranger(&server), 2_000_000);
    let packed = gzip(body.as_bytes());
    // The body isn't read far enough to notice that it is truncated.
    let cut = &packed[..packed.len() - 9];
    for body in [packed.as_slice(), cut] {
        let answer = server.submit(body);
        assert_eq!(answer.refusal(), (403, "log.unauthorized".into()), "{}", answer.json());
        assert_eq!(answer.json()["error"]["line"], 1);
    }
    // An unknown chain is rejected at once too, with the expected position.
    let unknown = body.split_once('\n').unwrap().1;
    assert_eq!(server.submit(gzip(unknown.as_bytes())).refusal(), (409, "log.gap".into()));
    assert_eq!(metric(&server, "countersign_turned_away_total{reason=\"unknown\"}"), 3);
    assert_no_alert(&server);
    server.assert_works();
}

#[test]
fn rejects_unknown_emitters_before_receiving_the_body() {
    let server = serve(Bounds::default());
    let body = repetitive(&mut stranger(&server), 400_000);
    let mut stream = server.connect();
    let head = "POST /submit HTTP/1.1\r\nHost: l\r\nConnection: close\r\nContent-Length: 16000000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    // The rest never comes, and nothing but the connection waits for it.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(Answer::parse(&until_closed(&mut stream)).refusal(), (403, "log.unauthorized".into()));
    assert_no_alert(&server);
}

#[test]
fn rejects_extreme_compression_ratios() {
    let server = serve(Bounds::default());
    let blank = gzip(&vec![b'\n'; 16 << 20]);
    assert!(blank.len() < 20_000);
    assert_eq!(server.submit(blank).refusal(), (413, "submit.too_large".into()));
    assert_eq!(server.submit(vec![b'\n'; 1 << 20]).refusal(), (413, "submit.too_large".into()));
    // Rejected even with a key that may write.
    let mut emitter = server.emitter(3);
    let body = repetitive(&mut emitter, 4_000_000);
    let packed = gzip(body.as_bytes());
    assert!(packed.len() * 100 < body.len() / 2);
    assert_eq!(server.submit(packed).refusal(), (413, "submit.too_large".into()));
    assert_eq!(server.size(), 0);
    assert_eq!(metric(&server, "countersign_turned_away_total{reason=\"too_large\"}"), 3);
    assert_no_alert(&server);
    // Accepted in parts, and uncompressed.
    assert_eq!(server.submit(gzip(emitter.body(0, 1).0.as_bytes())).status, 200);
    assert_eq!(server.submit(body).status, 200);
}

/// Opens large submissions, with a key that may write, and never completes them.
fn open_bodies(server: &Server, bodies: usize, bytes: usize, from: &str) -> Vec<TcpStream> {
    let body = repetitive(&mut server.emitter(3), bytes);
    let head =
        format!("POST /submit HTTP/1.1\r\nHost: l\r\n{from}Content-Length: {}\r\n\r\n", body.len() + 1);
    let open = || {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).unwrap();
        // A connection without a slot gets its response before the body is sent.
        let _ = stream.write_all(body.as_bytes());
        stream
    };
    (0..bodies).map(|_| open()).collect()
}

#[test]
fn evicts_incomplete_large_bodies_and_frees_their_memory() {
    let second = Duration::from_secs(1);
    let server =
        serve(Bounds { memory: 3 << 20, silence: 2 * second, body: 2 * second, ..Bounds::default() });
    let open = open_bodies(&server, 4, 1_000_000, "");
    // A small submission needs no memory from the budget, and a larger one evicts another.
    server.assert_works();
    let mut emitter = Emitter::new(ORIGIN, emitter_key(3), 9, server.trust());
    let body = repetitive(&mut emitter, 400_000);
    assert_eq!(server.submit(body).status, 200);
    let answers: Vec<(u16, String)> =
        open.into_iter().map(|mut stream| Answer::parse(&until_closed(&mut stream)).refusal()).collect();
    let busy = (503, "server.busy".to_owned());
    let slow = (408, "server.timeout".to_owned());
    assert!(answers.iter().all(|answer| *answer == busy || *answer == slow), "{answers:?}");
    assert!(answers.contains(&busy), "{answers:?}");
    // All memory is free again.
    let mut emitter = Emitter::new(ORIGIN, emitter_key(3), 10, server.trust());
    assert_eq!(server.submit(repetitive(&mut emitter, 1_400_000)).status, 200);
    assert_no_alert(&server);
}

/// Removes the time limits on bodies.
fn patient(bounds: Bounds) -> Bounds {
    let hour = Duration::from_hours(1);
    Bounds { silence: hour, body: hour, ..bounds }
}

/// Starts submissions that never end.
fn begin(server: &Server, submissions: usize, from: &str) -> Vec<TcpStream> {
    let request = format!("POST /submit HTTP/1.1\r\nHost: l\r\n{from}Content-Length: 100\r\n\r\n{{");
    let open = || {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    (0..submissions).map(|_| open()).collect()
}

/// Repeats a request until it gets the expected response, because earlier requests may not have arrived yet.
fn until(server: &Server, path: &str, from: Option<&str>, expected: (u16, &str)) {
    for _ in 0..600 {
        let mut request = client().get(server.url() + path);
        if let Some(from) = from {
            request = request.header("x-forwarded-for", from);
        }
        let answer = send(request);
        if answer.status == expected.0 {
            assert_eq!(answer.json()["error"]["code"], expected.1);
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{path} is never answered {expected:?}");
}

#[test]
fn serves_health_checks_when_full() {
    let server = serve(Bounds { connections: 3, ..Bounds::default() });
    server.assert_works();
    let token = tokens::add(server.folder(), "reader", Rights::READ, None, Scope::default()).unwrap();
    let request =
        format!("GET /stream HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer {}\r\n\r\n", token.as_str());
    let live: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(request.as_bytes()).unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 200");
            stream
        })
        .collect();
    // Connections of readers aren't evicted for newer ones.
    until(&server, "/checkpoint", None, (503, "server.busy"));
    for _ in 0..100 {
        assert_eq!(server.get("/healthz").status, 200);
        assert_eq!(server.get("/metrics").status, 200);
    }
    assert_eq!(server.get("/checkpoint").status, 503);
    drop(live);
    let served = |_| {
        thread::sleep(Duration::from_millis(20));
        server.get("/checkpoint").status == 200
    };
    assert!((0..6_000).any(served));
    server.assert_works();
}

#[test]
fn evicts_idle_connections() {
    let hour = Duration::from_hours(1);
    let server = serve(patient(Bounds { connections: 8, head: hour, ..Bounds::default() }));
    let mut idle: Vec<TcpStream> = (0..50)
        .map(|number| {
            let mut stream = server.connect();
            let beginnings =
                ["", "GET /check", "POST /submit HTTP/1.1\r\nHost: l\r\nContent-Length: 9\r\n\r\n"];
            stream.write_all(beginnings[number % 3].as_bytes()).unwrap();
            stream
        })
        .collect();
    // Even though they may stay idle for an hour.
    server.assert_works();
    // The order in which the server accepts connections decides which are evicted.
    let started = Instant::now();
    while idle.iter_mut().map(is_closed).filter(|closed| *closed).count() < 40 {
        assert!(started.elapsed() < Duration::from_mins(2), "the connections stay open");
        thread::sleep(Duration::from_millis(5));
    }
    server.assert_works();
}

/// True if the peer has closed the connection. Fails if it sends anything.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    match stream.read(&mut [0]) {
        Ok(length) => {
            assert_eq!(length, 0, "the server sent data");
            true
        }
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn limits_one_client_behind_a_proxy() {
    let proxies = Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], ..Proxies::default() };
    let server = serve(patient(Bounds { connections_per_client: 2, proxies, ..Bounds::default() }));
    let from = "X-Forwarded-For: 198.51.100.1\r\n";
    let mut open = begin(&server, 2, from);
    let get = || client().get(server.url() + "/checkpoint").header("x-forwarded-for", "198.51.100.1");
    // A submission that arrives during another request of the client may be rejected itself.
    for _ in 0..600 {
        if send(get()).status == 429 {
            break;
        }
        open.extend(begin(&server, 1, from));
        thread::sleep(Duration::from_millis(50));
    }
    until(&server, "/checkpoint", Some("198.51.100.1"), (429, "server.busy"));
    // Addresses that the client sends before the proxy's own don't count.
    until(&server, "/checkpoint", Some("203.0.113.9, 198.51.100.1"), (429, "server.busy"));
    let other = client().get(server.url() + "/checkpoint").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(send(other).status, 200);
    let health = client().get(server.url() + "/healthz").header("x-forwarded-for", "198.51.100.1");
    assert_eq!(send(health).status, 200);
    drop(open);
    server.assert_works();
}

#[test]
fn ignores_forwarding_headers_of_untrusted_peers() {
    let server = serve(patient(Bounds { connections_per_client: 1, ..Bounds::default() }));
    let open = begin(&server, 4, "X-Forwarded-For: 198.51.100.1\r\n");
    let get = || client().get(server.url() + "/checkpoint").header("x-forwarded-for", "198.51.100.1");
    for _ in 0..20 {
        assert_eq!(send(get()).status, 200);
    }
    drop(open);
}

#[test]
fn flood_from_unknown_emitters_raises_no_alert() {
    let server = serve(Bounds::default());
    let (sender, answers) = mpsc::channel();
    let body = stranger(&server).body(0, usize::MAX).0;
    thread::scope(|scope| {
        for _ in 0..4 {
            let (sender, server, body) = (sender.clone(), &server, body.clone());
            scope.spawn(move || {
                for _ in 0..25 {
                    sender.send(server.submit(body.clone()).refusal()).unwrap();
                }
            });
        }
    });
    drop(sender);
    assert!(answers.iter().all(|answer| answer == (403, "log.unauthorized".into())));
    assert_eq!(metric(&server, "countersign_turned_away_total{reason=\"unknown\"}"), 100);
    assert_no_alert(&server);
}
