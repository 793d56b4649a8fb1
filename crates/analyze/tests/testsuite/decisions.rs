//! Decisions that are the same natively and in WebAssembly: this, and `js/test/gate/decisions.test.ts`, hold them against
//! one table. With `COUNTERSIGN_WRITE` in the environment it is written anew, to be looked through.

use std::fs;
use std::path::PathBuf;

use countersign::hash::Hash;
use countersign::note::SignerKey;
use countersign_analyze::watchlist::{Header, Kind, Watched, Watchlist};
use countersign_analyze::{Decision, Gate, Sources};
use serde_json::{Value as Json, json};

const FINDING: &str = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/gate").join(name)
}

fn holds(name: &str, text: &str) {
    if std::env::var_os("COUNTERSIGN_WRITE").is_some() {
        fs::write(path(name), text).unwrap();
    }
    let kept = fs::read_to_string(path(name)).unwrap();
    for (nth, (kept, now)) in kept.lines().zip(text.lines()).enumerate() {
        assert_eq!(kept, now, "{name}, line {}", nth + 1);
    }
    assert_eq!(kept.len(), text.len(), "{name}");
}

#[test]
fn are_those_of_the_table() {
    let mut sources = Sources::default();
    sources.add("rules.yml", &fs::read_to_string(path("rules.yml")).unwrap());
    let pack = sources.build("edge").unwrap_or_else(|faults| panic!("{faults:?}"));
    holds("pack.json", pack.as_json());
    let mut gate = Gate::parse(pack.as_json()).unwrap();
    assert_eq!((gate.rules(), gate.pack()), (30, pack.hash()));

    let key = SignerKey::from_seed("example.com/watch", [1; 32]).unwrap();
    let header = Header {
        origin: "log.example/audit".into(),
        sequence: 41,
        made: "2026-11-20T10:00:00.000Z".parse().unwrap(),
        until: "2026-11-22T00:00:00.000Z".parse().unwrap(),
        pack: Hash([2; 32]),
        salt: [3; 16],
    };
    let until = "2026-11-20T13:00:00.000Z".parse().unwrap();
    let entries = [
        (Kind::Actor, "u_evil", Decision::Deny, "failed-logins"),
        (Kind::Actor, "u_evil2", Decision::Challenge, "failed-logins"),
        (Kind::Address, "198.51.100.77", Decision::Deny, "password \"spraying\""),
        (Kind::Address, "2001:db8::77", Decision::Challenge, "enumeration"),
        (Kind::Session, "s_stolen", Decision::Deny, "two-addresses"),
        (Kind::Credential, "k_leaked", Decision::Challenge, "credential"),
    ];
    let watched = entries.map(|(kind, value, decision, rule)| Watched {
        kind,
        value,
        decision,
        until,
        finding: FINDING,
        rule,
    });
    let list = Watchlist::new(header, watched).unwrap();
    holds("watchlist.txt", &list.sign(&key).unwrap());
    holds("watchlist.vkey", &format!("{}\n", key.verifier_key()));
    gate.watch(list).unwrap();

    let mut table = String::new();
    for line in fs::read_to_string(path("decisions.ndjson")).unwrap().lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let (event, now) = (case["event"].as_str().unwrap(), case["now"].as_str().unwrap());
        let decided = gate.decide(event, now.parse().unwrap()).unwrap();
        let decision = decided.map(|decided| decided.to_json());
        table.push_str(&json!({ "decision": decision, "event": event, "now": now }).to_string());
        table.push('\n');
    }
    holds("decisions.ndjson", &table);
    let decisions = |word: &str| table.matches(&format!("\\\"decision\\\":\\\"{word}\\\"")).count();
    assert!(decisions("allow") >= 5 && decisions("challenge") > 20 && decisions("deny") > 60);
}
