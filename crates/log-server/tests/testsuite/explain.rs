//! What a log says of a search beside its export: fields that no event has, and why nothing was found.

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

fn explained(server: &Server, query: &str, token: &str) -> Value {
    let answer = ask(server, "/explain", &[("query", query)], token);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json()
}

/// A log with three events of acme's and two of others.
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
fn a_search_that_finds_nothing_is_explained_condition_by_condition() {
    let server = log();
    let auditor = token(&server, "auditor", &[]);
    let query = "actor:ada outcome:denied";
    let export = ask(&server, "/export", &[("query", query)], &auditor);
    assert_eq!(export.headers["countersign-matched"], "0");
    let told = explained(&server, query, &auditor);
    let part = |part: &str, events: u64| json!({ "part": part, "events": events });
    assert_eq!(told["matched"], 0);
    assert_eq!(told["of"], 5);
    assert_eq!(told["unknown"], json!([]));
    assert_eq!(told["conditions"], json!([part("actor:ada", 3), part("outcome:denied", 0)]));
    assert_eq!(told["steps"], told["conditions"]);
    assert_eq!(told["times"], json!(null));
    let told = explained(&server, "actor.id:ada", &auditor);
    assert_eq!(told["conditions"], json!([{ "part": "actor.id:ada", "events": 0, "short": "actor" }]));

    let export = ask(&server, "/export", &[("query", "actor:ada"), ("from", "2")], &auditor);
    assert_eq!(export.headers["countersign-matched"], "2");
    assert!(!ask(&server, "/export", &[], &auditor).headers.contains_key("countersign-matched"));

    let told = explained(&server, "since:2019-01-01 until:2020-01-01", &auditor);
    assert_eq!((&told["matched"], &told["times"]), (&json!(1), &json!({ "own": 1, "recorded": 4 })));
    assert_eq!(told["conditions"], json!([]));
}

#[test]
fn fields_that_no_event_has_are_named_with_those_near_to_them() {
    let server = log();
    let auditor = token(&server, "auditor", &[]);
    let told = explained(&server, "actor:ada -actr.id:u_1", &auditor);
    assert_eq!(told["matched"], 3);
    assert_eq!(told["unknown"], json!([{ "field": "actr.id", "at": [11, 22], "nearest": ["actor.id"] }]));
    let fields = |query| ask(&server, "/explain", &[("query", query), ("only", "fields")], &auditor).json();
    let told = fields("actor:ada -actr.id:u_1");
    assert_eq!(told["unknown"][0]["field"], "actr.id");
    // As soon as each field was seen, there is nothing more to look for.
    let told = fields("actor:nobody");
    assert_eq!((&told["unknown"], told.get("of"), told.get("matched")), (&json!([]), None, None));
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
fn who_may_not_see_an_event_is_told_nothing_of_it() {
    let server = log();
    let acme = token(&server, "acme", &[("tenant", "acme")]);
    let told = explained(&server, "secret:x OR action:job.stop OR secrets:y", &acme);
    assert_eq!((&told["of"], &told["matched"]), (&json!(3), &json!(0)));
    assert!(told["conditions"].as_array().unwrap().iter().all(|left| left["events"] == 0));
    let unknown: Vec<_> = told["unknown"].as_array().unwrap().iter().map(|told| &told["field"]).collect();
    assert_eq!(unknown, ["secret", "secrets"]);
    assert_eq!(told["unknown"][1]["nearest"], json!([]));
}

#[test]
fn events_are_read_by_the_readings_that_the_log_was_given() {
    let mut server = log();
    let auditor = token(&server, "auditor", &[]);
    let till = r#"{"as":"till","when":{"receipt":{"type":"string"}},"action":"=sale.close",
        "actor":{"id":"clerk"},"outcome":"=success"}"#;
    assert_eq!(explained(&server, "action:sale.close", &auditor)["matched"], 0);
    server.parsers = Parsers::built_in().with([("till.json", till)]).unwrap();
    server.begin();
    assert_eq!(explained(&server, "action:sale.close outcome:success as:till", &auditor)["matched"], 1);
    // An index by other parsers is made anew, and finds it too.
    let search = server.reading().search().unwrap().clone();
    let deadline = Instant::now() + Duration::from_mins(1);
    while search.advance(&**server.reader(), server.size(), 32).unwrap() > 0 {
        assert!(Instant::now() < deadline);
    }
    let export = ask(&server, "/export", &[("query", "action:sale.close")], &auditor);
    assert_eq!(export.headers["countersign-matched"], "1");
}
