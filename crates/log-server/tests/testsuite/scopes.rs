//! Tests of tokens limited to some events, and of what ends when a token is revoked.

use std::io::{BufRead as _, BufReader, Read as _};

use countersign::verify::{Options, VerifiedEvent, Verifier};
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::tokens;
use reqwest::blocking::Response;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::common::server::{Answer, Server, client, send};

/// Strings that acme's reader must never see.
const BETA: [&str; 2] = ["beta-works", "secret plan"];

fn scope(conditions: &[(&str, &str)]) -> Scope {
    let mut scope = Scope::default();
    for (name, value) in conditions {
        scope.allow(name, value).unwrap();
    }
    scope
}

fn add(server: &Server, name: &str, rights: Rights, conditions: &[(&str, &str)]) -> String {
    tokens::add(server.folder(), name, rights, None, scope(conditions)).unwrap().as_str().to_owned()
}

fn event(tenant: &str, number: u64) -> String {
    let action = if number.is_multiple_of(2) { "user.create" } else { "job.update" };
    let (actor, note) = (format!("u_{tenant}"), if tenant == "beta-works" { "secret plan" } else { "plan" });
    json!({ "action": action, "actor": { "id": actor }, "tenant": tenant, "metadata": { "note": note, "n": number } })
        .to_string()
}

/// Starts a log in which two tenants share chains: 40 events in all, plus two that name both tenants.
fn shared() -> Server {
    let server = Server::start();
    for number in 0..2 {
        let mut emitter = server.emitter(number);
        for number in 0..10 {
            emitter.record_event(&event("acme", number));
            emitter.record_event(&event("beta-works", number));
        }
        emitter.record_event(r#"{"action":"log.note","tenant":["acme","beta-works"]}"#);
        emitter.close();
        emitter.deliver_all(&server.url(), 7);
    }
    server
}

fn get(server: &Server, path: &str, token: &str) -> Answer {
    send(client().get(server.url() + path).bearer_auth(token))
}

/// Returns the events of an export, which must be intact.
fn shown(server: &Server, answer: &Answer) -> Vec<VerifiedEvent> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let options = Options { trust: server.trust(), events: true, ..Options::default() };
    let mut verifier = Verifier::new(options);
    verifier.push(&answer.body);
    let (verification, countersign::verify::Update { events, .. }) = verifier.finish_with_update();
    let report = verification.report;
    let empty = events.is_empty() && report.verdict.as_str() == "not_checked";
    let intact = empty || matches!(report.verdict.as_str(), "partial" | "verified");
    assert!(intact, "{:#?}", report.findings);
    events
}

fn assert_silent(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for word in BETA {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn token_shows_only_events_in_its_scope() {
    let server = shared();
    let whole = add(&server, "auditor", Rights::READ, &[]);
    assert_eq!(shown(&server, &get(&server, "/export", &whole)).len(), 42);
    let acme = add(&server, "acme", Rights::READ, &[("tenant", "acme")]);
    for (query, events) in [
        ("", 20),
        ("?tenant=acme", 20),
        ("?tenant=beta-works", 0),
        ("?actor=u_beta-works", 0),
        ("?q=secret", 0),
        ("?q=plan", 20),
        ("?limit=3", 3),
        ("?limit=1000", 20),
        ("?from=5&to=9", 2),
        ("?action=user.*", 10),
        ("?action=log.note", 0),
        ("?since=2000-01-01", 20),
        ("?boundary=7", 20),
    ] {
        let answer = get(&server, &format!("/export{query}"), &acme);
        assert_silent(&answer.body);
        assert_eq!(shown(&server, &answer).len(), events, "{query}");
        let text = String::from_utf8(answer.body).unwrap();
        let withheld = text.lines().filter(|line| line.contains("\"withheld\"")).count();
        let filtered = text.lines().filter(|line| line.contains("\"withheld\":\"filtered\"")).count();
        assert_eq!(withheld, filtered, "{query}");
    }
    let narrow = [("tenant", "acme"), ("tenant", "gamma"), ("action", "user.*"), ("actor", "u_acme")];
    let narrow = add(&server, "narrow", Rights::READ, &narrow);
    assert_eq!(shown(&server, &get(&server, "/export", &narrow)).len(), 10);
    let nothing = add(&server, "gamma", Rights::READ, &[("tenant", "gamma")]);
    assert!(shown(&server, &get(&server, "/export", &nothing)).is_empty());
    let chain = server.emitter(0).chain().to_string();
    let chain = add(&server, "chain", Rights::READ, &[("chain", &chain)]);
    assert_eq!(shown(&server, &get(&server, "/export", &chain)).len(), 21);
}

#[test]
fn proofs_outside_of_the_scope_are_not_found() {
    let server = shared();
    let acme = add(&server, "acme", Rights::READ, &[("tenant", "acme")]);
    let chain = server.emitter(0).chain().to_string();
    let proof = |seq: u64| get(&server, &format!("/proof/{chain}/{seq}"), &acme);
    let answer = proof(1);
    assert_eq!(shown(&server, &answer).len(), 1);
    assert_silent(&answer.body);
    let missing = proof(999);
    // An event of beta, one of both tenants, and the open link.
    for seq in [2, 21, 0] {
        let answer = proof(seq);
        assert_eq!(answer.refusal(), missing.refusal());
        let same = String::from_utf8(answer.body).unwrap().replace(&format!("/{seq}"), "/999");
        assert_eq!(same.as_bytes(), missing.body);
    }
}

#[test]
fn token_erases_only_events_in_its_scope() {
    let server = shared();
    let whole = add(&server, "auditor", Rights::READ, &[]);
    let desk = add(&server, "desk", Rights::READ_AND_ERASE, &[("tenant", "acme")]);
    let chain = server.emitter(0).chain().to_string();
    let erase = |body: serde_json::Value| {
        send(client().post(server.url() + "/erase").bearer_auth(&desk).body(body.to_string()))
    };
    let missing = erase(json!({ "events": [format!("{chain}/999")], "reason": "case 1" }));
    let others = erase(json!({ "events": [format!("{chain}/1"), format!("{chain}/2")], "reason": "case 1" }));
    assert_eq!((others.refusal(), others.status), (missing.refusal(), 404));
    let none = erase(json!({ "filter": { "tenant": "beta-works" }, "reason": "case 2" }));
    assert_eq!(none.json()["erased"], 0);
    assert_eq!(shown(&server, &get(&server, "/export", &whole)).len(), 42);
    let own = erase(json!({ "filter": { "action": "user.create" }, "reason": "case 3" }));
    assert_eq!(own.json()["erased"], 10);
    let left = shown(&server, &get(&server, "/export?tenant=beta-works", &whole));
    assert_eq!(left.len(), 22);
    // Others' events look the same whether or not they are erased: filtered.
    let other = add(&server, "beta-works", Rights::READ, &[("tenant", "beta-works")]);
    let answer = get(&server, "/export", &other);
    assert_eq!(shown(&server, &answer).len(), 20);
    assert!(!String::from_utf8(answer.body).unwrap().contains("\"withheld\":\"erased\""));
}

/// Opens a live view.
fn view(server: &Server, token: &str, query: &str) -> BufReader<Response> {
    let response = client().get(format!("{}/stream{query}", server.url())).bearer_auth(token).send().unwrap();
    assert_eq!(response.status(), 200);
    BufReader::new(response)
}

fn until(view: &mut BufReader<Response>, size: u64) -> String {
    let (mut text, end) = (String::new(), format!("{{\"checkpoint\":\"log.example/audit\\n{size}\\n"));
    loop {
        let before = text.len();
        assert_ne!(view.read_line(&mut text).unwrap(), 0, "the stream ended");
        if text[before..].contains(&end) {
            return text;
        }
    }
}

fn assert_ends(mut view: BufReader<Response>) {
    // The connection may also just be cut.
    let mut rest = Vec::new();
    let _ = view.read_to_end(&mut rest);
    assert_silent(&rest);
}

#[test]
fn live_view_takes_the_conditions_of_an_export() {
    let server = shared();
    let whole = add(&server, "whole", Rights::READ, &[]);
    let conditions = [
        "tenant=acme",
        "actor=u_acme",
        "tenant=acme&action=job.*",
        "query=tenant:acme",
        "q=u_acme",
        "since=2000-01-01&tenant=acme",
    ];
    let size = server.size();
    let mut views: Vec<_> = conditions
        .map(|conditions| (conditions, view(&server, &whole, &format!("?from=0&{conditions}"))))
        .into_iter()
        .collect();
    let mut texts: Vec<String> = views.iter_mut().map(|(_, view)| until(view, size)).collect();
    let mut emitter = server.emitter(2);
    emitter.record_event(&event("beta-works", 1));
    emitter.record_event(&event("acme", 1));
    emitter.flush();
    emitter.deliver_all(&server.url(), usize::MAX);
    for ((conditions, view), text) in views.iter_mut().zip(&mut texts) {
        text.push_str(&until(view, size + 3));
        let exported = get(&server, &format!("/export?{conditions}"), &whole);
        let exported = shown(&server, &exported).into_iter().map(|event| event.index).collect::<Vec<_>>();
        let mut verifier =
            Verifier::new(Options { trust: server.trust(), events: true, ..Options::default() });
        for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
            verifier.push(line.as_bytes());
            verifier.push(b"\n");
        }
        let (_, countersign::verify::Update { events, .. }) = verifier.finish_with_update();
        let viewed = events.into_iter().map(|event| event.index).collect::<Vec<_>>();
        assert!(!viewed.is_empty(), "{conditions}");
        assert_eq!(viewed, exported, "{conditions}");
        assert!(!text.contains("u_beta-works"), "{conditions}");
    }
}

#[test]
fn start_time_alone_withholds_nothing_once_it_has_passed() {
    let server = shared();
    let whole = add(&server, "whole", Rights::READ, &[]);
    let size = server.size();
    let withheld = |conditions: &str| {
        let text = until(&mut view(&server, &whole, &format!("?from=0&{conditions}")), size);
        text.contains("\"withheld\":\"filtered\"")
    };
    // The first line claims all entries, as in an export with this condition.
    assert!(!withheld("since=2026-11-20"));
    assert!(withheld("since=9999-01-01"));
    assert!(withheld("until=2000-01-01"));
    assert!(withheld("since=2026-11-20&actor=nobody"));
}

#[test]
fn live_view_shows_only_events_in_scope() {
    let server = shared();
    let acme = add(&server, "acme", Rights::READ, &[("tenant", "acme")]);
    let mut view = view(&server, &acme, "?from=0");
    let size = server.size();
    let beginning = until(&mut view, size);
    let mut emitter = server.emitter(2);
    emitter.record_event(&event("beta-works", 1));
    emitter.record_event(&event("acme", 1));
    emitter.flush();
    emitter.deliver_all(&server.url(), usize::MAX);
    let text = beginning + &until(&mut view, size + 3);
    assert_silent(text.as_bytes());
    assert_eq!(text.matches("\"tenant\":\"acme\"").count(), 21);
    let mut body = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        body.extend_from_slice(line.as_bytes());
        body.push(b'\n');
    }
    let lines = Answer { status: 200, headers: HeaderMap::new(), body };
    assert_eq!(shown(&server, &lines).len(), 21);
}

#[test]
fn replacing_a_token_ends_its_idle_view() {
    let server = shared();
    let stolen = add(&server, "auditor", Rights::READ, &[]);
    let mut quiet = view(&server, &stolen, "");
    until(&mut quiet, server.size());
    tokens::revoke(server.folder(), "auditor").unwrap();
    let new = add(&server, "auditor", Rights::READ, &[]);
    // The stream ends although no entries are added.
    assert_ends(quiet);
    assert_eq!(get(&server, "/export", &stolen).status, 401);
    assert_eq!(get(&server, "/export", &new).status, 200);
}

#[test]
fn narrowing_a_token_ends_its_view() {
    let server = shared();
    let token = add(&server, "auditor", Rights::READ, &[]);
    let mut quiet = view(&server, &token, "");
    until(&mut quiet, server.size());
    let file = server.folder().join(tokens::FILE);
    let line = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{} tenant=acme\n", line.trim_end())).unwrap();
    assert_ends(quiet);
    assert_eq!(shown(&server, &get(&server, "/export", &token)).len(), 20);
}

#[test]
fn expiry_ends_an_idle_view() {
    let server = shared();
    let now = server.clock.load(std::sync::atomic::Ordering::SeqCst);
    let until_then = countersign::time::Time::from_millis(now + 60_000);
    let token = tokens::add(server.folder(), "guest", Rights::READ, until_then, Scope::default()).unwrap();
    let mut quiet = view(&server, token.as_str(), "");
    until(&mut quiet, server.size());
    server.set_clock(now + 60_000);
    assert_ends(quiet);
}

#[test]
fn revocation_ends_a_running_export() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    let long = "x".repeat(60_000);
    for _ in 0..4 {
        for _ in 0..100 {
            emitter.record_event(&format!("{{\"long\":\"{long}\"}}"));
        }
        emitter.flush();
        emitter.deliver_all(&server.url(), usize::MAX);
    }
    let token = add(&server, "auditor", Rights::READ, &[]);
    let whole = get(&server, "/export", &token).body.len();
    assert!(whole > 24_000_000);
    let mut response = client().get(server.url() + "/export").bearer_auth(&token).send().unwrap();
    let mut first = vec![0; 1 << 16];
    response.read_exact(&mut first).unwrap();
    tokens::revoke(server.folder(), "auditor").unwrap();
    add(&server, "auditor", Rights::READ, &[]);
    let mut rest = Vec::new();
    let cut = response.read_to_end(&mut rest);
    assert!(cut.is_err(), "the response is complete after {} bytes", rest.len());
    assert!(first.len() + rest.len() < whole);
}
