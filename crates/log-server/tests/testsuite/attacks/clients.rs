//! Clients that are slow, too many, or lie about what they send.

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

/// How long what must happen may take.
const DEADLINE: Duration = Duration::from_mins(2);

fn impatient() -> Bounds {
    let second = Duration::from_secs(1);
    Bounds { head: second, silence: second, body: 3 * second, answer: second, ..Bounds::default() }
}

fn serve(bounds: Bounds) -> Server {
    let trust = format!("emitter {}\n", emitter_key(3).verifier_key());
    Server::with(&trust, Limits::default(), bounds)
}

/// Sends a byte every now and then until the server has enough of it, and gives its answer.
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
fn a_head_that_does_not_come() {
    let server = serve(impatient());
    thread::scope(|scope| {
        // Nothing at all, a part, and a byte at a time.
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
        // Nor does one that was served once stay for ever.
        let mut stream = server.connect();
        scope.spawn(move || {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: l\r\n\r\n").unwrap();
            assert_eq!(Answer::parse(&until_closed(&mut stream)).status, 200);
        });
        server.assert_goes_on();
    });
}

#[test]
fn a_body_that_does_not_come() {
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
        // Never silent for long, and never done.
        let mut stream = server.connect();
        let begin = head("Content-Length: 300");
        scope.spawn(move || {
            stream.write_all(begin.as_bytes()).unwrap();
            let answer = Answer::parse(&drip(stream, &[b'\n'; 299]));
            assert_eq!(answer.refusal(), (408, "server.timeout".into()));
        });
        server.assert_goes_on();
    });
    assert_eq!(server.size(), 2);
}

#[test]
fn an_answer_that_nobody_takes() {
    let server = serve(Bounds { connections: 1, ..impatient() });
    let mut emitter = server.emitter(3);
    emitter.record(255);
    emitter.deliver_all(&server.url(), usize::MAX);
    // More than any buffer holds.
    let mut stream = server.connect();
    let ask = "GET /tile/entries/000 HTTP/1.1\r\nHost: l\r\n\r\n";
    stream.write_all(ask.repeat(1_500).as_bytes()).unwrap();
    // There is room for one: this one is served when the other is not worked for, and makes way.
    let served = |_| {
        thread::sleep(Duration::from_millis(20));
        server.get("/checkpoint").status == 200
    };
    assert!((0..6_000).any(served));
    server.assert_goes_on();
}

#[test]
fn more_connections_than_there_is_room_for() {
    let server = serve(Bounds { connections: 20, ..impatient() });
    let idle: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
    server.assert_goes_on();
    drop(idle);
}

#[test]
fn a_server_that_is_full_stops_when_it_is_asked_to() {
    let hour = Duration::from_hours(1);
    let mut server = serve(Bounds { connections: 2, head: hour, grace: hour, ..impatient() });
    let idle: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    let (stopped, told) = mpsc::channel();
    let stopping = thread::spawn(move || {
        server.stop();
        stopped.send(()).unwrap();
    });
    told.recv_timeout(DEADLINE).expect("it stops");
    stopping.join().unwrap();
    drop(idle);
}

#[test]
fn lengths_that_are_not_true() {
    let server = serve(impatient());
    let mut emitter = server.emitter(3);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    let length = body.len();
    let refused = [
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
        // Half of it, then the end.
        format!("Content-Length: {length}\r\n\r\n{}", &body[..length / 2]),
    ];
    for rest in refused {
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
    // Two lengths, of which a server before this one might believe the other: at most one request comes of it.
    let both = "POST /submit HTTP/1.1\r\nHost: l\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n";
    let bytes = server.raw(both.as_bytes());
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.matches("HTTP/1.1 ").count() == 1, "{text}");
    // What is beyond the length is another request, and a bad one.
    let request = format!("POST /submit HTTP/1.1\r\nHost: l\r\nContent-Length: {length}\r\n\r\n{body}{body}");
    let bytes = server.raw(request.as_bytes());
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("HTTP/1.1 400 "), "{text}");
    assert_eq!(server.size(), 2);
}

#[test]
fn more_submissions_than_may_wait() {
    let server = serve(Bounds { waiting: 2, ..Bounds::default() });
    let mut emitter = server.emitter(3);
    emitter.deliver_all(&server.url(), 1);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    // Nothing can be made durable as long as somebody else writes.
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
                Err(_) => assert!(sent < 100, "none is told to come again"),
            }
        };
        assert_eq!(busy.refusal(), (429, "server.busy".into()));
        assert_eq!(busy.headers["retry-after"], "1");
        // Reading goes on meanwhile.
        assert_eq!(server.get("/checkpoint").status, 200);
        assert_eq!(server.get("/tile/entries/000.p/1").status, 200);
        database.execute_batch("ROLLBACK").unwrap();
        for _ in 1..sent {
            let answer = answers.recv_timeout(DEADLINE).unwrap();
            assert!(matches!(answer.status, 200 | 429), "{answer:?}");
        }
    });
    assert_eq!(server.size(), 2);
    server.assert_goes_on();
}
