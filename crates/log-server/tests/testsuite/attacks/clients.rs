//! Attacks by clients that are slow, too many, or lie about what they send.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use countersign::log::Limits;
use countersign_log_server::server::Bounds;
use countersign_log_server::sqlite;
use rusqlite::Connection;

use crate::common::server::{Answer, Server, emitter_key, until_closed};

/// Time limit for everything that must happen.
const DEADLINE: Duration = Duration::from_mins(2);

fn impatient() -> Bounds {
    let second = Duration::from_secs(1);
    Bounds { head: second, silence: second, body: 3 * second, answer: second, ..Bounds::default() }
}

fn serve(bounds: Bounds) -> Server {
    let trust = format!("emitter {}\n", emitter_key(3).verifier_key());
    Server::with(&trust, Limits::default(), bounds)
}

/// Sends a byte at a time, with pauses, until the server disconnects, and returns its response.
fn drip(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    for byte in bytes {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    until_closed(&mut stream)
}

#[test]
fn disconnects_clients_that_do_not_send_a_head() {
    let server = serve(impatient());
    thread::scope(|scope| {
        // Clients send nothing at all, part of a head, and one byte at a time.
        for begin in ["", "GET /check", "POST /submit HTTP/1.1\r\nHost: l\r\n"] {
            let mut stream = server.connect();
            scope.spawn(move || {
                stream.write_all(begin.as_bytes()).unwrap();
                assert_eq!(until_closed(&mut stream), b"");
            });
        }
        let stream = server.connect();
        scope.spawn(move || {
            let head = format!("GET /checkpoint HTTP/1.1\r\nHost: {}\r\n\r\n", "l".repeat(290));
            assert_eq!(drip(stream, head.as_bytes()), b"");
        });
        // A keep-alive connection doesn't stay open forever either.
        let mut stream = server.connect();
        scope.spawn(move || {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: l\r\n\r\n").unwrap();
            assert_eq!(Answer::parse(&until_closed(&mut stream)).status, 200);
        });
        server.assert_works();
    });
}

#[test]
fn times_out_bodies_that_do_not_arrive() {
    let server = serve(impatient());
    let head = |length: &str| format!("POST /submit HTTP/1.1\r\nHost: l\r\n{length}\r\n\r\n");
    thread::scope(|scope| {
        for begin in
            [head("Content-Length: 300") + "{\"link\":", head("Transfer-Encoding: chunked") + "5\r\n{\"li"]
        {
            let mut stream = server.connect();
            scope.spawn(move || {
                stream.write_all(begin.as_bytes()).unwrap();
                let answer = Answer::parse(&until_closed(&mut stream));
                assert_eq!(answer.refusal(), (408, "server.timeout".into()));
            });
        }
        // Never silent for long, and never complete.
        let mut stream = server.connect();
        let begin = head("Content-Length: 300");
        scope.spawn(move || {
            stream.write_all(begin.as_bytes()).unwrap();
            let answer = Answer::parse(&drip(stream, &[b'\n'; 299]));
            assert_eq!(answer.refusal(), (408, "server.timeout".into()));
        });
        server.assert_works();
    });
    assert_eq!(server.size(), 2);
}

#[test]
fn evicts_clients_that_do_not_read_their_response() {
    let server = serve(Bounds { connections: 1, ..impatient() });
    let mut emitter = server.emitter(3);
    emitter.record(255);
    emitter.deliver_all(&server.url(), usize::MAX);
    // More than any buffer holds.
    let mut stream = server.connect();
    let ask = "GET /tile/entries/000 HTTP/1.1\r\nHost: l\r\n\r\n";
    stream.write_all(ask.repeat(1_500).as_bytes()).unwrap();
    // The only slot is in use; the new connection evicts the other once the log no longer works for that one.
    let served = |_| {
        thread::sleep(Duration::from_millis(20));
        server.get("/checkpoint").status == 200
    };
    assert!((0..6_000).any(served));
    server.assert_works();
}

#[test]
fn survives_too_many_connections() {
    let server = serve(Bounds { connections: 20, ..impatient() });
    let idle: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
    server.assert_works();
    drop(idle);
}

#[test]
fn full_server_stops_on_request() {
    let hour = Duration::from_hours(1);
    let mut server = serve(Bounds { connections: 2, head: hour, grace: hour, ..impatient() });
    let idle: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    let (stopped, stop) = mpsc::channel();
    let stopping = thread::spawn(move || {
        server.stop();
        stopped.send(()).unwrap();
    });
    stop.recv_timeout(DEADLINE).expect("the server stops");
    stopping.join().unwrap();
    drop(idle);
}

#[test]
fn rejects_wrong_lengths() {
    let server = serve(impatient());
    let mut emitter = server.emitter(3);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    let length = body.len();
    let invalid = [
        format!("Content-Length: {}\r\n\r\n{body}", length + 1),
        format!("Content-Length: {length}\r\nContent-Length: {}\r\n\r\n{body}", length - 1),
        format!("Content-Length: +{length}\r\n\r\n{body}"),
        format!("Content-Length: 0x{length:x}\r\n\r\n{body}"),
        format!("Content-Length: -1\r\n\r\n{body}"),
        format!("Content-Length: 99999999999999999999999\r\n\r\n{body}"),
        format!("Content-Length: {length},{length}\r\n\r\n{body}").replace(',', ", x"),
        format!("Transfer-Encoding: chunked\r\n\r\n{body}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n"),
        format!("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{body}\r\n0\r\n\r\n"),
        format!("Transfer-Encoding: chunked\r\n\r\n-1\r\n{body}\r\n0\r\n\r\n"),
        format!("Transfer-Encoding: identity, x\r\n\r\n{body}"),
        // Half of the body, then the end of the stream.
        format!("Content-Length: {length}\r\n\r\n{}", &body[..length / 2]),
    ];
    for rest in invalid {
        let mut stream = server.connect();
        stream.write_all(format!("POST /submit HTTP/1.1\r\nHost: l\r\n{rest}").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let bytes = until_closed(&mut stream);
        let status = (!bytes.is_empty()).then(|| Answer::parse(&bytes).status);
        assert!(matches!(status, None | Some(400 | 408 | 413 | 501)), "{status:?}: {rest}");
        assert_eq!(server.size(), 0, "{rest}");
    }
    for chunks in ["zz\r\n", "ffffffffffffffff1\r\n", "-1\r\n", "3\r\nabcdef"] {
        let request =
            format!("POST /submit HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let answer = Answer::parse(&server.raw(request.as_bytes()));
        assert_eq!(answer.refusal(), (400, "submit.encoding".to_owned()), "{chunks}");
    }
    // A proxy might trust the other of two lengths, so at most one request may result.
    let both = "POST /submit HTTP/1.1\r\nHost: l\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n";
    let bytes = server.raw(both.as_bytes());
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.matches("HTTP/1.1 ").count() == 1, "{text}");
    // Data beyond the length is another, malformed request.
    let request = format!("POST /submit HTTP/1.1\r\nHost: l\r\nContent-Length: {length}\r\n\r\n{body}{body}");
    let bytes = server.raw(request.as_bytes());
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("HTTP/1.1 400 "), "{text}");
    assert_eq!(server.size(), 2);
}

#[test]
fn rejects_submissions_beyond_the_queue() {
    let server = serve(Bounds { waiting: 2, ..Bounds::default() });
    let mut emitter = server.emitter(3);
    emitter.deliver_all(&server.url(), 1);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    // No commit is possible while another process writes.
    let database = Connection::open(server.folder().join(sqlite::FILE)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (answered, answers) = mpsc::channel();
    thread::scope(|scope| {
        let mut sent = 0;
        let busy = loop {
            let answered = answered.clone();
            let (server, body) = (&server, body.clone());
            scope.spawn(move || answered.send(server.submit(body)).unwrap());
            sent += 1;
            let patience = if sent < 100 { Duration::from_millis(20) } else { DEADLINE };
            match answers.recv_timeout(patience) {
                Ok(answer) => break answer,
                Err(_) => assert!(sent < 100, "none is rejected as busy"),
            }
        };
        assert_eq!(busy.refusal(), (429, "server.busy".into()));
        assert_eq!(busy.headers["retry-after"], "1");
        // Reads work meanwhile.
        assert_eq!(server.get("/checkpoint").status, 200);
        assert_eq!(server.get("/tile/entries/000.p/1").status, 200);
        database.execute_batch("ROLLBACK").unwrap();
        for _ in 1..sent {
            let answer = answers.recv_timeout(DEADLINE).unwrap();
            assert!(matches!(answer.status, 200 | 429), "{answer:?}");
        }
    });
    assert_eq!(server.size(), 2);
    server.assert_works();
}
