//! Tests of the live view.

use std::io::{BufRead as _, BufReader};

use countersign::time::Time;
use countersign::verify::{Options, VerifiedEvent, Verifier};
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::tokens;
use reqwest::blocking::Response;

use crate::common;
use crate::common::emitter::BEGIN;
use crate::common::server::{Server, client};

/// A server-sent event.
#[derive(Clone, Debug)]
struct ServerSentEvent {
    id: Option<u64>,
    line: String,
}

struct View {
    lines: BufReader<Response>,
}

impl View {
    fn open(server: &Server, token: &str, query: &str, last: Option<u64>) -> Self {
        let mut request = client().get(format!("{}/stream{query}", server.url())).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { lines: BufReader::new(response) }
    }

    /// Returns the next event, or `None` when the server has ended the stream.
    fn next(&mut self) -> Option<ServerSentEvent> {
        let (mut id, mut line) = (None, None);
        loop {
            let mut text = String::new();
            if self.lines.read_line(&mut text).unwrap_or(0) == 0 {
                return None;
            }
            match text.trim_end_matches('\n') {
                "" => {
                    if let Some(line) = line {
                        return Some(ServerSentEvent { id, line });
                    }
                }
                text => match text.split_once(": ").unwrap() {
                    ("id", number) => id = Some(number.parse().unwrap()),
                    ("data", text) => line = Some(text.to_owned()),
                    ("", _) => {}
                    other => panic!("{other:?}"),
                },
            }
        }
    }

    /// Returns all events up to the checkpoint of that size.
    fn until(&mut self, size: u64) -> Vec<ServerSentEvent> {
        let mut sent = Vec::new();
        loop {
            let next = self.next().expect("the stream continues");
            let checkpoint = format!("{{\"checkpoint\":\"log.example/audit\\n{size}\\n");
            let last = next.line.starts_with(&checkpoint);
            sent.push(next);
            if last {
                return sent;
            }
        }
    }
}

fn start() -> (Server, String) {
    let server = Server::start();
    let token = tokens::add(server.folder(), "viewer", Rights::READ, None, Scope::default()).unwrap();
    (server, token.as_str().to_owned())
}

fn intact(server: &Server, sent: &[ServerSentEvent]) -> Vec<VerifiedEvent> {
    let mut verifier = Verifier::new(Options { trust: server.trust(), events: true, ..Options::default() });
    for sent in sent {
        verifier.push(sent.line.as_bytes());
        verifier.push(b"\n");
    }
    let (verification, countersign::verify::Update { events, .. }) = verifier.finish_with_update();
    let report = verification.report;
    assert!(matches!(report.verdict.as_str(), "partial" | "verified"), "{:#?}", report.findings);
    events
}

#[test]
fn streams_new_entries_that_verify() {
    let (server, token) = start();
    let mut emitter = server.emitter(0);
    emitter.record(5);
    emitter.deliver_all(&server.url(), usize::MAX);
    let mut view = View::open(&server, &token, "?from=0", None);
    let mut sent = view.until(6);
    assert_eq!(intact(&server, &sent).len(), 5);
    for round in 1..4 {
        emitter.record(10);
        emitter.deliver_all(&server.url(), usize::MAX);
        sent.extend(view.until(6 + round * 10));
        assert_eq!(intact(&server, &sent).len() as u64, 5 + round * 10);
    }
    let ids: Vec<u64> = sent.iter().filter_map(|sent| sent.id).collect();
    assert_eq!(ids, (0..36).collect::<Vec<_>>());
    assert!(sent.iter().all(|sent| sent.id.is_some() == sent.line.starts_with("{\"link\"")));
}

#[test]
fn reconnecting_client_continues_without_a_gap() {
    let (server, token) = start();
    let mut emitter = server.emitter(0);
    emitter.record(30);
    emitter.deliver_all(&server.url(), 7);
    let size = server.size();
    let whole = View::open(&server, &token, "?from=0", None).until(size);
    for cut in 1..whole.len() {
        let seen = &whole[..cut];
        let last = seen.iter().rev().find_map(|sent| sent.id);
        let rest = View::open(&server, &token, "?from=0", last).until(size);
        let mut all: Vec<ServerSentEvent> = if last.is_some() { seen.to_vec() } else { Vec::new() };
        all.extend(rest);
        assert_eq!(intact(&server, &all).len(), 30, "after {last:?}");
        let ids: Vec<u64> = all.iter().filter_map(|sent| sent.id).collect();
        assert_eq!(ids, (0..size).collect::<Vec<_>>());
    }
    let beyond = client()
        .get(server.url() + "/stream")
        .bearer_auth(&token)
        .header("last-event-id", size)
        .send()
        .unwrap();
    assert_eq!(beyond.status(), 400);
}

#[test]
fn view_from_the_middle_verifies() {
    let (server, token) = start();
    let mut emitters = [server.emitter(0), server.emitter(1)];
    for emitter in &mut emitters {
        emitter.record(20);
        emitter.deliver_all(&server.url(), usize::MAX);
    }
    // The view starts with the next entry if no parameter is given.
    let mut view = View::open(&server, &token, "", None);
    let mut sent = view.until(42);
    assert!(sent.iter().all(|sent| sent.id.is_none()));
    emitters[0].record(3);
    emitters[0].deliver_all(&server.url(), usize::MAX);
    sent.extend(view.until(45));
    assert_eq!(intact(&server, &sent).len(), 3);
    let sent = View::open(&server, &token, "?from=30", None).until(45);
    assert_eq!(intact(&server, &sent).iter().filter(|event| event.index >= 30).count(), 15);
}

#[test]
fn withholds_events_with_line_breaks() {
    let (server, token) = start();
    // Canonical JSON has no carriage return, but a log accepts any JSON that its emitter committed to.
    let key = common::server::emitter_key(0);
    let time = Time::from_millis(BEGIN).unwrap();
    let mut recorder = countersign::recorder::Recorder::open(
        "log.example/audit",
        key.verifier_key().clone(),
        time,
        &[1; 16],
    )
    .unwrap();
    recorder.sign_with(&key).unwrap();
    let open = recorder.drain();
    let position = recorder.position().unwrap();
    let event = "{\"action\":\r\"x\"}";
    let commit = countersign::link::commit(&[2; 16], event.as_bytes());
    let mut link = countersign::link::write_event(position.chain, 1, time, &position.last, &commit);
    let signature = key.sign(link.as_bytes());
    countersign::link::append_signature(&mut link, &signature);
    let mut writer = countersign::export::writer::Writer::new();
    writer.event(&link, &[2; 16], event);
    assert_eq!(server.submit(open + writer.as_str()).status, 200);
    let sent = View::open(&server, &token, "?from=0", None).until(2);
    assert!(sent.iter().any(|sent| sent.line.ends_with(",\"withheld\":\"filtered\"}")));
    assert!(sent.iter().all(|sent| !sent.line.contains('\r')));
}

#[test]
fn slow_client_does_not_block_others() {
    let (server, token) = start();
    let mut slow = View::open(&server, &token, "?from=0", None);
    let mut emitter = server.emitter(0);
    let long = "x".repeat(60_000);
    for _ in 0..200 {
        emitter.record_event(&format!("{{\"long\":\"{long}\"}}"));
    }
    emitter.flush();
    let (body, end) = emitter.body(0, usize::MAX);
    assert!(body.len() > 11 << 20 && end == 201);
    emitter.deliver_all(&server.url(), usize::MAX);
    assert_eq!(intact(&server, &View::open(&server, &token, "?from=0", None).until(201)).len(), 200);
    server.assert_works();
    assert_eq!(intact(&server, &slow.until(203)).len(), 201);
}

#[test]
fn stopping_server_ends_streams() {
    let (mut server, token) = start();
    let mut emitter = server.emitter(0);
    emitter.record(1);
    emitter.deliver_all(&server.url(), usize::MAX);
    let mut view = View::open(&server, &token, "?from=0", None);
    view.until(2);
    server.stop();
    assert!(view.next().is_none());
}

#[test]
fn revoked_reader_sees_no_more() {
    let (server, token) = start();
    let mut emitter = server.emitter(0);
    emitter.record(1);
    emitter.deliver_all(&server.url(), usize::MAX);
    let mut view = View::open(&server, &token, "?from=0", None);
    view.until(2);
    tokens::revoke(server.folder(), "viewer").unwrap();
    emitter.record(1);
    emitter.deliver_all(&server.url(), usize::MAX);
    assert!(view.next().is_none());
}
