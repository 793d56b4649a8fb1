//! Tests of the routes for readers: authentication and parameters.

use std::io::Read as _;

use countersign::verify::{Options, Verification, VerifiedEvent, Verifier};
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::server::Page;
use countersign_log_server::tokens;
use flate2::read::GzDecoder;

use crate::common::server::{Answer, Server, client, send};

fn token(server: &Server, name: &str, erase: bool) -> String {
    tokens::add(
        server.folder(),
        name,
        if erase { Rights::READ_AND_ERASE } else { Rights::READ },
        None,
        Scope::default(),
    )
    .unwrap()
    .as_str()
    .to_owned()
}

fn get(server: &Server, path: &str, token: &str) -> Answer {
    send(client().get(server.url() + path).bearer_auth(token))
}

/// Starts a log with two chains and 40 events.
fn filled() -> Server {
    let server = Server::start();
    for number in 0..2 {
        let mut emitter = server.emitter(number);
        emitter.record(20);
        emitter.close();
        emitter.deliver_all(&server.url(), 8);
    }
    server
}

fn verify(server: &Server, export: &[u8]) -> (Verification, Vec<VerifiedEvent>) {
    let mut verifier = Verifier::new(Options { trust: server.trust(), events: true, ..Options::default() });
    verifier.push(export);
    let (verification, update) = verifier.finish_with_update();
    (verification, update.events)
}

fn intact(server: &Server, export: &[u8]) -> Vec<VerifiedEvent> {
    let (verification, events) = verify(server, export);
    let report = verification.report;
    assert!(matches!(report.verdict.as_str(), "partial" | "verified"), "{:#?}", report.findings);
    events
}

#[test]
fn rejects_requests_without_a_valid_token() {
    let server = filled();
    let good = token(&server, "auditor", false);
    let erase = || client().post(server.url() + "/erase");
    for path in ["/export", "/stream", "/proof/da7f84a510cb84b8cbb5b74a63c306ec/1"] {
        let get = || client().get(server.url() + path);
        for request in [
            get(),
            get().bearer_auth("csr_wrong"),
            get().bearer_auth(""),
            get().basic_auth("auditor", Some(&good)),
            get().header("authorization", &good),
            get().header("authorization", format!("Bearer  {good}")),
            get().bearer_auth(&good).header("authorization", "Bearer csr_wrong"),
            client().get(format!("{}{path}?token={good}&access_token={good}", server.url())),
            erase(),
            erase().bearer_auth("csr_wrong").body("{}"),
        ] {
            let answer = send(request);
            assert_eq!(answer.refusal(), (401, "request.unauthenticated".into()), "{path}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert!(!String::from_utf8_lossy(&answer.body).contains(&good));
        }
    }
    let answer = send(erase().bearer_auth(&good).body("{}"));
    assert_eq!(answer.refusal(), (403, "request.forbidden".into()));
    assert_eq!(get(&server, "/export", &good).status, 200);
    tokens::revoke(server.folder(), "auditor").unwrap();
    assert_eq!(get(&server, "/export", &good).status, 401);
    server.assert_works();
}

#[test]
fn export_has_headers_and_encodings() {
    let server = filled();
    let token = token(&server, "auditor", false);
    let answer = get(&server, "/export", &token);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"log.example-audit.countersign.ndjson\""
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let (verification, events) = verify(&server, &answer.body);
    assert_eq!(verification.report.verdict.as_str(), "verified", "{:#?}", verification.report.findings);
    assert_eq!(events.len(), 40);

    let zipped = send(
        client().get(server.url() + "/export").bearer_auth(&token).header("accept-encoding", "gzip, br"),
    );
    assert_eq!(zipped.headers["content-encoding"], "gzip");
    assert!(zipped.body.len() < answer.body.len());
    let mut plain = Vec::new();
    GzDecoder::new(&zipped.body[..]).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, answer.body);

    let rejected = send(
        client()
            .get(server.url() + "/export")
            .bearer_auth(&token)
            .header("accept-encoding", "br, identity;q=0"),
    );
    assert_eq!(rejected.refusal(), (406, "request.encoding".into()));
    assert!(rejected.headers.get("content-disposition").is_none(), "the response isn't an export");
}

#[test]
fn applies_export_parameters() {
    let server = filled();
    let token = token(&server, "auditor", false);
    let events = |query: &str| intact(&server, &get(&server, &format!("/export?{query}"), &token).body);
    assert_eq!(events("actor=u_3").len(), 6);
    assert_eq!(events("actor=u_3&limit=1").len(), 1);
    assert_eq!(events("action=job.*&q=u_3%20update&limit=3").len(), 3);
    assert_eq!(events("from=5&to=9").iter().filter(|event| (5..9).contains(&event.index)).count(), 4);
    assert_eq!(events("limit=7&boundary=3").len(), 7);
    let nothing = get(&server, "/export?actor=nobody", &token);
    assert_eq!(nothing.status, 200);
    assert!(verify(&server, &nothing.body).1.is_empty());
}

#[test]
fn names_invalid_parameters() {
    let server = filled();
    let token = token(&server, "auditor", false);
    for (query, parameter) in [
        ("color=red", "color"),
        ("from=1&from=1", "from"),
        ("from=x", "from"),
        ("from=-1", "from"),
        ("from=9007199254740992", "from"),
        ("from=1000", "from"),
        ("to=1000", "to"),
        ("from=9&to=3", "to"),
        ("limit=0", "limit"),
        ("boundary=1000", "boundary"),
        ("since=yesterday", "since"),
        ("until=2026-13-01", "until"),
        ("chain=../../etc/passwd", "chain"),
        ("action=*", "action"),
        ("actor=", "actor"),
        ("actor=%FF", "actor"),
        ("q=%21%21", "q"),
        ("%00=1", "\0"),
        ("token=x", "token"),
    ] {
        let answer = get(&server, &format!("/export?{query}"), &token);
        assert_eq!(answer.refusal(), (400, "request.invalid".into()), "{query}");
        assert_eq!(answer.json()["parameter"], parameter, "{query}");
    }
    let words: Vec<String> = (0..33).map(|word| format!("w{word}")).collect();
    let answer = get(&server, &format!("/export?q={}", words.join("+")), &token);
    assert_eq!(answer.json()["parameter"], "q");
    for path in ["/stream?from=x", "/stream?to=1", "/stream?from=1000", "/proof/x/1?a=1"] {
        assert_eq!(get(&server, path, &token).status, 400, "{path}");
    }
}

#[test]
fn proof_is_for_one_event() {
    let server = filled();
    let token = token(&server, "auditor", false);
    let whole = intact(&server, &get(&server, "/export", &token).body);
    let event = &whole[27];
    let answer = get(&server, &format!("/proof/{}/{}", event.chain, event.seq), &token);
    assert_eq!(answer.status, 200);
    let shown = intact(&server, &answer.body);
    assert_eq!((shown.len(), &shown[0].event), (1, &event.event));
    for (path, status) in [
        (format!("/proof/{}/9999", event.chain), 404),
        ("/proof/00000000000000000000000000000000/1".to_owned(), 404),
        (format!("/proof/{}/01", event.chain), 400),
        (format!("/proof/{}/1", event.chain.to_string().to_uppercase()), 400),
        ("/proof/..%2f..%2fetc/1".to_owned(), 400),
        ("/proof/x".to_owned(), 404),
    ] {
        assert_eq!(get(&server, &path, &token).status, status, "{path}");
    }
}

#[test]
fn the_auditors_page_is_public_and_optional() {
    let mut server = Server::start();
    assert_eq!(server.get("/auditor.html").status, 404);
    server.auditors_page = Some(Page::new(b"<!doctype html>\n<p>page".to_vec()).unwrap());
    server.begin();
    let answer = server.get("/auditor.html");
    assert_eq!((answer.status, &answer.body[..]), (200, &b"<!doctype html>\n<p>page"[..]));
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
}
