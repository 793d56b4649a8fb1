//! Floods from people who may not write: they cost little, and keep nobody out who may.

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

/// What somebody would send whose key nobody authorized.
fn stranger(server: &Server) -> Emitter {
    let key = SignerKey::generate("example.net/stranger", [77; 32]).unwrap();
    Emitter::new(ORIGIN, key, 0, server.trust())
}

/// A body of about so many bytes, with events that are compressed to nearly nothing, which the log would take.
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

/// Nothing of what alarms are made from.
fn assert_no_alarm(server: &Server) {
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
fn a_strangers_body_is_refused_before_it_is_unpacked() {
    let server = serve(Bounds::default());
    let body = repetitive(&mut stranger(&server), 2_000_000);
    let packed = gzip(body.as_bytes());
    // It is not looked at far enough to see that it is cut off.
    let cut = &packed[..packed.len() - 9];
    for body in [packed.as_slice(), cut] {
        let answer = server.submit(body);
        assert_eq!(answer.refusal(), (403, "log.unauthorized".into()), "{}", answer.json());
        assert_eq!(answer.json()["error"]["line"], 1);
    }
    // Neither is a chain that the log does not know: what it goes on with is told at once.
    let unknown = body.split_once('\n').unwrap().1;
    assert_eq!(server.submit(gzip(unknown.as_bytes())).refusal(), (409, "log.gap".into()));
    assert_eq!(metric(&server, "countersign_turned_away_total{reason=\"unknown\"}"), 3);
    assert_no_alarm(&server);
    server.assert_goes_on();
}

#[test]
fn a_strangers_body_is_refused_before_it_is_received() {
    let server = serve(Bounds::default());
    let body = repetitive(&mut stranger(&server), 400_000);
    let mut stream = server.connect();
    let head = "POST /submit HTTP/1.1\r\nHost: l\r\nConnection: close\r\nContent-Length: 16000000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    // The rest never comes, and is not waited for by anything but the connection.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(Answer::parse(&until_closed(&mut stream)).refusal(), (403, "log.unauthorized".into()));
    assert_no_alarm(&server);
}

#[test]
fn a_body_that_unpacks_to_too_many_times_its_size() {
    let server = serve(Bounds::default());
    let blank = gzip(&vec![b'\n'; 16 << 20]);
    assert!(blank.len() < 20_000);
    assert_eq!(server.submit(blank).refusal(), (413, "submit.too_large".into()));
    assert_eq!(server.submit(vec![b'\n'; 1 << 20]).refusal(), (413, "submit.too_large".into()));
    // Even of a key that may write.
    let mut emitter = server.emitter(3);
    let body = repetitive(&mut emitter, 4_000_000);
    let packed = gzip(body.as_bytes());
    assert!(packed.len() * 100 < body.len() / 2);
    assert_eq!(server.submit(packed).refusal(), (413, "submit.too_large".into()));
    assert_eq!(server.size(), 0);
    assert_eq!(metric(&server, "countersign_turned_away_total{reason=\"too_large\"}"), 3);
    assert_no_alarm(&server);
    // In parts it is taken, and as it is.
    assert_eq!(server.submit(gzip(emitter.body(0, 1).0.as_bytes())).status, 200);
    assert_eq!(server.submit(body).status, 200);
}

/// Holds so many large bodies open, of a key that may write.
fn hold(server: &Server, bodies: usize, bytes: usize, from: &str) -> Vec<TcpStream> {
    let body = repetitive(&mut server.emitter(3), bytes);
    let head =
        format!("POST /submit HTTP/1.1\r\nHost: l\r\n{from}Content-Length: {}\r\n\r\n", body.len() + 1);
    let held = || {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).unwrap();
        // One that finds no room is answered before it is sent.
        let _ = stream.write_all(body.as_bytes());
        stream
    };
    (0..bodies).map(|_| held()).collect()
}

#[test]
fn large_bodies_that_do_not_end_make_way_and_what_they_held_is_free_again() {
    let second = Duration::from_secs(1);
    let server =
        serve(Bounds { memory: 3 << 20, silence: 2 * second, body: 2 * second, ..Bounds::default() });
    let holding = hold(&server, 4, 1_000_000, "");
    // A small one needs no room, and a larger one is given it.
    server.assert_goes_on();
    let mut emitter = Emitter::new(ORIGIN, emitter_key(3), 9, server.trust());
    let body = repetitive(&mut emitter, 400_000);
    assert_eq!(server.submit(body).status, 200);
    let answers: Vec<(u16, String)> =
        holding.into_iter().map(|mut stream| Answer::parse(&until_closed(&mut stream)).refusal()).collect();
    let busy = (503, "server.busy".to_owned());
    let slow = (408, "server.timeout".to_owned());
    assert!(answers.iter().all(|answer| *answer == busy || *answer == slow), "{answers:?}");
    assert!(answers.contains(&busy), "{answers:?}");
    // All of it is free again.
    let mut emitter = Emitter::new(ORIGIN, emitter_key(3), 10, server.trust());
    assert_eq!(server.submit(repetitive(&mut emitter, 1_400_000)).status, 200);
    assert_no_alarm(&server);
}

/// Bodies that may take as long as they like.
fn patient(bounds: Bounds) -> Bounds {
    let hour = Duration::from_hours(1);
    Bounds { silence: hour, body: hour, ..bounds }
}

/// Begins so many submissions that do not end.
fn begin(server: &Server, submissions: usize, from: &str) -> Vec<TcpStream> {
    let request = format!("POST /submit HTTP/1.1\r\nHost: l\r\n{from}Content-Length: 100\r\n\r\n{{");
    let begun = || {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    (0..submissions).map(|_| begun()).collect()
}

/// Asks until it is answered so: what comes before may not have arrived.
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
fn how_the_log_is_can_be_asked_when_it_has_no_room_left() {
    let server = serve(Bounds { connections: 3, ..Bounds::default() });
    server.assert_goes_on();
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
    // Readers are not closed for who comes later.
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
    server.assert_goes_on();
}

#[test]
fn connections_that_do_nothing_make_way() {
    let hour = Duration::from_hours(1);
    let server = serve(patient(Bounds { connections: 8, head: hour, ..Bounds::default() }));
    let mut idle: Vec<TcpStream> = (0..50)
        .map(|number| {
            let mut stream = server.connect();
            let begun = ["", "GET /check", "POST /submit HTTP/1.1\r\nHost: l\r\nContent-Length: 9\r\n\r\n"];
            stream.write_all(begun[number % 3].as_bytes()).unwrap();
            stream
        })
        .collect();
    // However long they could stay.
    server.assert_goes_on();
    // Which ones these are depends on when the server hears of each.
    let begun = Instant::now();
    while idle.iter_mut().map(is_closed).filter(|closed| *closed).count() < 40 {
        assert!(begun.elapsed() < Duration::from_mins(2), "they stay");
        thread::sleep(Duration::from_millis(5));
    }
    server.assert_goes_on();
}

/// Whether the other side has ended a connection, on which it says nothing.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    match stream.read(&mut [0]) {
        Ok(length) => {
            assert_eq!(length, 0, "it says something");
            true
        }
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn one_client_behind_a_proxy_has_its_share_and_no_more() {
    let proxies = Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], ..Proxies::default() };
    let server = serve(patient(Bounds { of_one_client: 2, proxies, ..Bounds::default() }));
    let from = "X-Forwarded-For: 198.51.100.1\r\n";
    let mut begun = begin(&server, 2, from);
    let asked = || client().get(server.url() + "/checkpoint").header("x-forwarded-for", "198.51.100.1");
    // A submission that comes while a question of the same client is answered may be the one that is refused.
    for _ in 0..600 {
        if send(asked()).status == 429 {
            break;
        }
        begun.extend(begin(&server, 1, from));
        thread::sleep(Duration::from_millis(50));
    }
    until(&server, "/checkpoint", Some("198.51.100.1"), (429, "server.busy"));
    // What a client writes before what the proxy adds changes nothing.
    until(&server, "/checkpoint", Some("203.0.113.9, 198.51.100.1"), (429, "server.busy"));
    let other = client().get(server.url() + "/checkpoint").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(send(other).status, 200);
    let health = client().get(server.url() + "/healthz").header("x-forwarded-for", "198.51.100.1");
    assert_eq!(send(health).status, 200);
    drop(begun);
    server.assert_goes_on();
}

#[test]
fn who_is_no_proxy_is_not_believed() {
    let server = serve(patient(Bounds { of_one_client: 1, ..Bounds::default() }));
    let begun = begin(&server, 4, "X-Forwarded-For: 198.51.100.1\r\n");
    let asked = || client().get(server.url() + "/checkpoint").header("x-forwarded-for", "198.51.100.1");
    for _ in 0..20 {
        assert_eq!(send(asked()).status, 200);
    }
    drop(begun);
}

#[test]
fn a_flood_of_strangers_touches_no_alarm() {
    let server = serve(Bounds::default());
    let (told, answers) = mpsc::channel();
    let body = stranger(&server).body(0, usize::MAX).0;
    thread::scope(|scope| {
        for _ in 0..4 {
            let (told, server, body) = (told.clone(), &server, body.clone());
            scope.spawn(move || {
                for _ in 0..25 {
                    told.send(server.submit(body.clone()).refusal()).unwrap();
                }
            });
        }
    });
    drop(told);
    assert!(answers.iter().all(|answer| answer == (403, "log.unauthorized".into())));
    assert_eq!(metric(&server, "countersign_turned_away_total{reason=\"unknown\"}"), 100);
    assert_no_alarm(&server);
}
