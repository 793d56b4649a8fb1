//! Tests that no answer reveals anything about other tenants.

use countersign_log_server::server::Bounds;
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::answers::{Comparable, masked};
use super::world::{Customer, View, World, emitters};
use crate::common::server::Answer;

/// All routes of a tenant log, with a right that each requires and one that it doesn't.
const ROUTES: [(Method, &str, &str, &str); 14] = [
    (Method::GET, "head", "read", "admin"),
    (Method::GET, "tile/0/000.p/3", "read", "admin"),
    (Method::GET, "tile/entries/000.p/3", "read", "erase"),
    (Method::GET, "export", "read", "admin"),
    (Method::GET, "export?from=1&actor=u_1", "read", "erase"),
    (Method::GET, "explain?actor=u_1", "read", "admin"),
    (Method::GET, "proof/da7f84a510cb84b8cbb5b74a63c306ec/1", "read", "admin"),
    (Method::GET, "stream?from=0", "read", "admin"),
    (Method::GET, "findings", "read", "admin"),
    (Method::GET, "evidence", "admin", "read"),
    (Method::POST, "erase", "erase", "read"),
    (Method::GET, "erasures", "erase", "read"),
    (Method::GET, "erasures/1", "erase", "admin"),
    (Method::GET, "submit", "read", "admin"),
];

/// Two tenants with entries, of which the second one is foreign to all tokens.
fn filled() -> (World, [Customer; 2]) {
    let mut world = World::start();
    let customers = ["acme", "foreign"].map(|name| world.add(name));
    for (number, customer) in customers.iter().enumerate() {
        let mut emitter = world.emitter(customer, number as u8, 0);
        emitter.record(5);
        world.deliver(customer, &mut emitter);
    }
    (world, customers)
}

fn assert_private(answer: &Answer, context: &str) {
    let caching = answer.headers.get("cache-control").unwrap_or_else(|| panic!("{context}: {answer:?}"));
    assert!(caching.to_str().unwrap().contains("no-store"), "{context}: {caching:?}");
    assert!(answer.headers.get("expires").is_none() && answer.headers.get("last-modified").is_none());
}

#[test]
fn foreign_and_unknown_tenant_logs_look_the_same() {
    let (world, [acme, foreign]) = filled();
    let unknown = "3f".repeat(16);
    for (at, (method, path, required, other)) in ROUTES.into_iter().enumerate() {
        let own = world.token(&format!("own {at}").replace(' ', "-"), required, &[&acme.id]);
        let powerless = world.token(&format!("other-{at}"), other, &[&acme.id]);
        let without_logs = world.token(&format!("none-{at}"), required, &[]);
        let tokens = [None, Some("csr_wrong"), Some(&*own), Some(&*powerless), Some(&*without_logs)];
        for (token, expected) in tokens.into_iter().zip([401, 401, 404, 403, 404]) {
            let ask = |id: &str| world.ask(&method, &format!("/t/{id}/{path}"), token);
            let answers = [&*foreign.id, &unknown].map(ask);
            let context = format!("{method} {path} {expected}");
            assert_eq!(answers[0].status, expected, "{context}: {:?}", answers[0]);
            assert_eq!(Comparable::new(&answers[0]), Comparable::new(&answers[1]), "{context}");
            for answer in &answers {
                assert_private(answer, &context);
            }
            // Without a valid token, not even the own log differs.
            if expected != 404 {
                let own = ask(&acme.id);
                assert_eq!(Comparable::new(&own), Comparable::new(&answers[0]), "{context}");
            }
            for malformed in ["x", &acme.id.to_uppercase(), &acme.id[1..], &format!("{}%00", acme.id)] {
                let answer = ask(malformed);
                assert_eq!(answer.refusal(), (404, "request.not_found".into()), "{context} {malformed}");
                assert_private(&answer, &context);
            }
        }
        if !path.starts_with("stream") {
            assert_private(&world.ask(&method, &format!("/t/{}/{path}", acme.id), Some(&own)), path);
        }
    }
    // A token for all logs learns which exist, but not by other means.
    let all = world.token("all", "read", &["*"]);
    assert_eq!(world.get(&format!("/t/{unknown}/head"), &all).status, 404);
    assert_eq!(world.get(&format!("/t/{}/head", foreign.id), &all).status, 200);
}

#[test]
fn paths_can_not_be_disguised() {
    let (world, [acme, foreign]) = filled();
    let token = world.token("acme", "read", &[&acme.id]);
    let own = &acme.id;
    for path in [
        format!("/t/{own}/../{}/head", foreign.id),
        format!("/t/{own}/..%2f{}/head", foreign.id),
        format!("/t/{own}%2f..%2f{}/head", foreign.id),
        format!("/t/{own}/export%3ffrom=1"),
        format!("/t/{own}/%65xport"),
        format!("/t/{own}/tile/0/%30%30%30.p/3"),
        format!("/t/{own}//export"),
        format!("/t/{own}/export/"),
        format!("/t//{own}/export"),
        format!("/t/{own}/checkpoint"),
        format!("/t/{own}/metrics"),
        format!("/t/{own}/healthz"),
        format!("/t/{own}/t/{}/head", foreign.id),
        format!("/t/{own}/%ff"),
        "/t/%ff/head".to_owned(),
    ] {
        // Not normalized by a client.
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: log\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let answer = Answer::parse(&world.server.raw(request.as_bytes()));
        assert_eq!(answer.refusal(), (404, "request.not_found".into()), "{path}");
        assert_private(&answer, &path);
    }
}

#[test]
fn strangers_get_the_same_refusal_from_every_log() {
    let (world, [acme, _]) = filled();
    let unknown = "3f".repeat(16);
    let stranger = || countersign::note::SignerKey::from_seed("example.net/x", [9; 32]).unwrap();
    let body = |id: &str| {
        let origin = acme.origin.replace(&acme.id, id);
        let mut emitter = crate::common::emitter::Emitter::new(&origin, stranger(), 0, world.trust(&acme));
        emitter.record(3);
        emitter.body(0, usize::MAX).0
    };
    let large = |id: &str| body(id) + &" ".repeat(200_000);
    let bodies: [&dyn Fn(&str) -> String; 6] = [
        &body,
        &large,
        &|_| String::new(),
        &|_| "x".repeat(100_000),
        &|id| body(id).split_inclusive('\n').skip(1).collect(),
        &|_| "{\"note\":\"\"}\n".to_owned(),
    ];
    for (at, body) in bodies.iter().enumerate() {
        let [known, unknown] = [&*acme.id, &unknown].map(|id| world.submit(id, body(id)));
        assert!(known.status >= 400, "{at}");
        // The IDs of their chains depend on the origin.
        let comparable = |answer| {
            let answer = Comparable::new(answer);
            Comparable { body: masked(&answer.body), ..answer }
        };
        assert_eq!(comparable(&known), comparable(&unknown), "{at}");
        assert_private(&known, "submit");
    }
    // Other methods need a token.
    for method in [Method::PUT, Method::DELETE, Method::HEAD] {
        let ask = |id: &str| Comparable::new(&world.ask(&method, &format!("/t/{id}/submit"), None));
        assert_eq!(ask(&acme.id), ask(&unknown));
        assert_eq!(ask(&acme.id).status, 401);
    }
}

/// Returns everything that a tenant and the public receive while a neighbor is silent, or records much.
fn received(is_neighbor_busy: bool) -> Vec<String> {
    let mut world = World::with(&emitters(), Bounds::default());
    let [acme, neighbor] = ["acme", "neighbor"].map(|name| world.add(name));
    let token = world.token("acme", "read,erase,admin", &[&acme.id]);
    let mut received = Vec::new();
    let text = |answer: &Answer| {
        let headers: HeaderMap = Comparable::new(answer).headers;
        // Only a tile of hashes is not text.
        let hashes = "#".repeat(answer.body.len());
        format!("{} {headers:?} {}", answer.status, str::from_utf8(&answer.body).unwrap_or(&hashes))
    };
    let mut view = View::open(&world, &acme.id, &token);
    received.push(view.read_to("{\"head\":"));
    for round in 0..6 {
        let mut emitter = world.emitter(&acme, 0, round);
        emitter.record(round as usize);
        let mut bodies = vec![(&*acme.id, emitter.body(0, usize::MAX).0)];
        if is_neighbor_busy {
            for chain in 0..3 {
                let mut emitter = world.emitter(&neighbor, chain as u8, round * 3 + chain);
                emitter.record(20);
                bodies.push((&*neighbor.id, emitter.body(0, usize::MAX).0));
            }
        }
        let answers = world.submit_all(bodies);
        assert!(answers.iter().all(|answer| answer.status == 200));
        received.push(text(&answers[0]));
        let repeated = emitter.body(0, usize::MAX).0;
        received.push(text(&world.submit(&acme.id, repeated)));
        received.push(view.read_entries());
        // The neighbor's readers, too.
        if is_neighbor_busy {
            let token = world.token(&format!("neighbor{round}"), "read", &[&neighbor.id]);
            world.assert_verified(&neighbor, &token);
        }
        for path in
            ["head", "export", "export?limit=2", "explain?actor=u_1", "erasures", "evidence", "findings"]
        {
            received.push(text(&world.get(&format!("/t/{}/{path}", acme.id), &token)));
        }
        for path in [
            "/",
            "/checkpoint",
            "/healthz",
            "/metrics",
            "/tenants",
            "/evidence",
            "/tile/0/000.p/3",
            "/tile/entries/000.p/3",
        ] {
            received.push(text(&world.server.get(path)));
            received.push(text(&world.get(path, &token)));
        }
        world.tick();
    }
    world.restart();
    received.push(text(&world.get(&format!("/t/{}/export", acme.id), &token)));
    received
}

#[test]
fn a_busy_neighbor_changes_only_hashes() {
    let [silent, busy] = [false, true].map(received);
    assert_eq!(silent.len(), busy.len());
    for (silent, busy) in silent.iter().zip(&busy) {
        assert_eq!(masked(silent), masked(busy));
    }
    assert!(silent.iter().zip(&busy).any(|(silent, busy)| silent != busy), "the secrets differ");
}

#[test]
fn masks_only_hashes() {
    let hash = countersign::hash::Hash::digest(&[]).to_string();
    let text = format!("countersign/v1 head\\n{hash}\\n12 {{\"size\":3}} \u{2014}");
    let expected = format!("countersign/v1 head\\n{}\\n12 {{\"size\":3}} \u{2014}", "#".repeat(44));
    assert_eq!(masked(&text).replace("\\#", "\\n"), expected.replace("\\#", "\\n"));
}
