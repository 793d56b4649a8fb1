//! Tests of `/explain`: unknown fields, and why a search matches nothing.

use std::time::{Duration, Instant};

use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::tokens;
use countersign_query::Parsers;
use serde_json::{Value, json};

use crate::common::server::{Answer, Server, client, send};

fn token(server: &Server, name: &str, conditions: &[(&str, &str)]) -> String {
    let mut scope = Scope::default();
    for (name, value) in conditions {
        scope.allow(name, value).unwrap();
    }
    tokens::add(server.folder(), name, Rights::READ, None, scope).unwrap().as_str().to_owned()
}

fn ask(server: &Server, address: &str, parameters: &[(&str, &str)], token: &str) -> Answer {
    let url = reqwest::Url::parse_with_params(&(server.url() + address), parameters).unwrap();
    send(client().get(url).bearer_auth(token))
}

fn explain(server: &Server, query: &str, token: &str) -> Value {
    let answer = ask(server, "/explain", &[("query", query)], token);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json()
}

/// Starts a log with three events of the tenant acme and two others.
fn log() -> Server {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    for number in 0..3 {
        let event = json!({ "action": "job.run", "actor": { "id": format!("u_{number}"), "name": "Ada Okafor" },
            "tenant": "acme", "outcome": "success" });
        emitter.record_event(&event.to_string());
    }
    emitter.record_event(
        r#"{"action":"job.stop","actor":{"id":"u_9"},"secret":"x","occurred_at":"2019-03-31T23:30:00.000Z"}"#,
    );
    emitter.record_event(r#"{"receipt":"R-1","clerk":"c_7"}"#);
    emitter.close();
    emitter.deliver_all(&server.url(), 100);
    server
}

#[test]
fn explains_an_empty_result_by_condition() {
    let server = log();
    let auditor = token(&server, "auditor", &[]);
    let query = "actor:ada outcome:denied";
    let export = ask(&server, "/export", &[("query", query)], &auditor);
    assert_eq!(export.headers["countersign-matched"], "0");
    let explanation = explain(&server, query, &auditor);
    let part = |part: &str, events: u64| json!({ "part": part, "events": events });
    assert_eq!(explanation["matched"], 0);
    assert_eq!(explanation["of"], 5);
    assert_eq!(explanation["unknown"], json!([]));
    assert_eq!(explanation["conditions"], json!([part("actor:ada", 3), part("outcome:denied", 0)]));
    assert_eq!(explanation["steps"], explanation["conditions"]);
    assert_eq!(explanation["times"], json!(null));
    let explanation = explain(&server, "actor.id:ada", &auditor);
    assert_eq!(explanation["conditions"], json!([{ "part": "actor.id:ada", "events": 0, "short": "actor" }]));

    let export = ask(&server, "/export", &[("query", "actor:ada"), ("from", "2")], &auditor);
    assert_eq!(export.headers["countersign-matched"], "2");
    assert!(!ask(&server, "/export", &[], &auditor).headers.contains_key("countersign-matched"));

    let explanation = explain(&server, "since:2019-01-01 until:2020-01-01", &auditor);
    assert_eq!(
        (&explanation["matched"], &explanation["times"]),
        (&json!(1), &json!({ "own": 1, "recorded": 4 }))
    );
    assert_eq!(explanation["conditions"], json!([]));
}

#[test]
fn names_unknown_fields_and_suggests_similar_ones() {
    let server = log();
    let auditor = token(&server, "auditor", &[]);
    let explanation = explain(&server, "actor:ada -actr.id:u_1", &auditor);
    assert_eq!(explanation["matched"], 3);
    assert_eq!(
        explanation["unknown"],
        json!([{ "field": "actr.id", "at": [11, 22], "nearest": ["actor.id"] }])
    );
    let fields = |query| ask(&server, "/explain", &[("query", query), ("only", "fields")], &auditor).json();
    let explanation = fields("actor:ada -actr.id:u_1");
    assert_eq!(explanation["unknown"][0]["field"], "actr.id");
    // The search for fields ends when every field has been found.
    let explanation = fields("actor:nobody");
    assert_eq!(
        (&explanation["unknown"], explanation.get("of"), explanation.get("matched")),
        (&json!([]), None, None)
    );
    for (parameters, code) in [
        (&[("query", "actor:")][..], "query.value"),
        (&[("only", "events")], "request.invalid"),
        (&[("limit", "1")], "request.invalid"),
        (&[("from", "99")], "request.invalid"),
    ] {
        assert_eq!(ask(&server, "/explain", parameters, &auditor).refusal(), (400, code.into()));
    }
    assert_eq!(ask(&server, "/explain", &[], "nobody").status, 401);
}

#[test]
fn explanation_covers_only_events_in_scope() {
    let server = log();
    let acme = token(&server, "acme", &[("tenant", "acme")]);
    let explanation = explain(&server, "secret:x OR action:job.stop OR secrets:y", &acme);
    assert_eq!((&explanation["of"], &explanation["matched"]), (&json!(3), &json!(0)));
    assert!(explanation["conditions"].as_array().unwrap().iter().all(|left| left["events"] == 0));
    let unknown: Vec<_> =
        explanation["unknown"].as_array().unwrap().iter().map(|item| &item["field"]).collect();
    assert_eq!(unknown, ["secret", "secrets"]);
    assert_eq!(explanation["unknown"][1]["nearest"], json!([]));
}

#[test]
fn uses_the_configured_parsers() {
    let mut server = log();
    let auditor = token(&server, "auditor", &[]);
    let till = r#"{"as":"till","when":{"receipt":{"type":"string"}},"action":"=sale.close",
        "actor":{"id":"clerk"},"outcome":"=success"}"#;
    assert_eq!(explain(&server, "action:sale.close", &auditor)["matched"], 0);
    server.parsers = Parsers::built_in().with([("till.json", till)]).unwrap();
    server.begin();
    assert_eq!(explain(&server, "action:sale.close outcome:success as:till", &auditor)["matched"], 1);
    // An index made with other parsers is rebuilt, and finds it too.
    let search = server.reading().search().unwrap().clone();
    let deadline = Instant::now() + Duration::from_mins(1);
    while search.advance(&**server.reader(), server.size(), 32).unwrap() > 0 {
        assert!(Instant::now() < deadline);
    }
    let export = ask(&server, "/export", &[("query", "action:sale.close")], &auditor);
    assert_eq!(export.headers["countersign-matched"], "1");
}
