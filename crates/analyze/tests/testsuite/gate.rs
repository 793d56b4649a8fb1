//! Decisions of a gate, by rules and by a watchlist.

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::watchlist::{Header, Kind, Watched, Watchlist};
use countersign_analyze::{Decision, Gate, Pack, Sources};

const FINDING: &str = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";

const RULES: &str = r"
title: An internal path
id: internal
level: high
countersign.decision: deny
detection:
  path: {http.path|startswith: /internal}
  condition: path
---
title: A sensitive change
id: sensitive
level: medium
countersign.decision: challenge
detection:
  change: {parsed.action: [role.*, config.update], parsed.actor.type: user}
  night: {derived.local_hour: [22, 23, 0, 1, 2, 3, 4, 5]}
  condition: change and night
---
title: The office
id: office
level: low
countersign.decision: allow
detection:
  office: {parsed.address|cidr: 192.0.2.0/24}
  condition: office
---
title: Our own records
id: ours
level: low
countersign.decision: deny
detection:
  ours: {action: countersign.alert}
  condition: ours
---
title: Anything of a machine
id: machine
level: low
detection:
  machine: {parsed.actor.type: service}
  condition: machine
---
title: Often
id: often
level: high
countersign.decision: deny
correlation: {type: event_count, rules: [machine], group-by: [parsed.actor.id], timespan: 1m, condition: {gte: 5}}
";

fn pack(rules: &str) -> Pack {
    let mut sources = Sources::default();
    sources.add("rules.yml", rules);
    sources.build("edge").unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn watched(kind: Kind, value: &'static str, decision: Decision) -> Watched<'static> {
    Watched {
        kind,
        value,
        decision,
        until: time("2026-11-20T07:00:00.000Z"),
        finding: FINDING,
        rule: "often",
    }
}

fn list(sequence: u64, entries: &[Watched<'static>]) -> Watchlist {
    let header = Header {
        origin: "log.example/audit".into(),
        sequence,
        made: time("2026-11-20T06:00:00.000Z"),
        until: time("2026-11-20T12:00:00.000Z"),
        pack: Hash([2; 32]),
        salt: [3; 16],
    };
    Watchlist::new(header, entries.iter().copied()).unwrap()
}

#[test]
fn rules_decide_before_the_watchlist() {
    let pack = pack(RULES);
    let mut gate = Gate::parse(pack.as_json()).unwrap();
    assert_eq!(gate.pack(), pack.hash());
    assert_eq!(gate.rules(), 4, "only rules on single events with a decision");
    gate.watch(list(
        1,
        &[
            watched(Kind::Actor, "u_9", Decision::Deny),
            watched(Kind::Actor, "u_8", Decision::Challenge),
            watched(Kind::Address, "198.51.100.7", Decision::Challenge),
            watched(Kind::Session, "s_1", Decision::Deny),
            watched(Kind::Credential, "k_1", Decision::Challenge),
        ],
    ))
    .unwrap();
    let noon = "2026-11-20T06:30:00.000Z";
    let rule = |decision, rule| Some((decision, rule, false));
    let listed = |decision| Some((decision, "often", true));
    for (event, now, expected) in [
        (r#"{"action":"http.request","http":{"path":"/jobs"}}"#, noon, None),
        (
            r#"{"action":"http.request","http":{"path":"/Internal/x"}}"#,
            noon,
            rule(Decision::Deny, "internal"),
        ),
        (r#"{"action":"role.grant","actor":{"id":"u_1"}}"#, noon, None),
        (
            r#"{"action":"role.grant","actor":{"id":"u_1"}}"#,
            "2026-11-20T23:59:59.999Z",
            rule(Decision::Challenge, "sensitive"),
        ),
        (
            r#"{"action":"role.grant","actor":{"id":"u_1"},"occurred_at":"2026-11-20T01:00:00Z"}"#,
            noon,
            rule(Decision::Challenge, "sensitive"),
        ),
        (r#"{"action":"role.grant","actor":{"id":"s","type":"service"}}"#, "2026-11-20T23:00:00.000Z", None),
        // The stricter decision wins; if they are equal, the rule's.
        (
            r#"{"action":"role.grant","actor":{"id":"u_9"},"occurred_at":"2026-11-20T01:00:00Z"}"#,
            noon,
            listed(Decision::Deny),
        ),
        (
            r#"{"action":"role.grant","actor":{"id":"u_8"},"occurred_at":"2026-11-20T01:00:00Z"}"#,
            noon,
            rule(Decision::Challenge, "sensitive"),
        ),
        (
            r#"{"action":"http.request","actor":{"id":"u_9"},"http":{"path":"/internal"}}"#,
            noon,
            rule(Decision::Deny, "internal"),
        ),
        (r#"{"action":"job.run","actor":"u_9"}"#, noon, listed(Decision::Deny)),
        (r#"{"action":"job.run","actor":{"id":"u_9"}}"#, "2026-11-20T07:00:00.000Z", None),
        (
            r#"{"action":"job.run","context":{"ip":"::ffff:198.51.100.7"},"more":1}"#,
            noon,
            listed(Decision::Challenge),
        ),
        (
            r#"{"action":"job.run","actor":{"id":"u_1","session":"s_1"},"context":{"ip":"198.51.100.7"}}"#,
            noon,
            listed(Decision::Deny),
        ),
        (
            r#"{"action":"job.run","actor":{"id":"u_1","credential":"k_1"}}"#,
            noon,
            listed(Decision::Challenge),
        ),
        // An exemption by a rule overrides everything else.
        (
            r#"{"action":"http.request","actor":{"id":"u_9"},"context":{"ip":"192.0.2.9"},"http":{"path":"/internal"}}"#,
            noon,
            rule(Decision::Allow, "office"),
        ),
        (r#"{"action":"countersign.alert","http":{"path":"/internal"}}"#, noon, rule(Decision::Deny, "ours")),
        ("{}", noon, None),
        ("[]", noon, None),
    ] {
        let decided = gate.decide(event, time(now)).unwrap();
        let found = decided.map(|decided| (decided.decision, decided.rule, decided.finding.is_some()));
        assert_eq!(found, expected, "{event}");
        if let Some(decided) = decided {
            assert_eq!(decided.pack, if decided.finding.is_some() { Hash([2; 32]) } else { pack.hash() });
        }
    }
    assert!(gate.decide("{", time(noon)).is_err());
    let event = r#"{"action":"job.run","actor":{"id":"u_9"}}"#;
    let json = gate.decide(event, time(noon)).unwrap().unwrap().to_json();
    assert_eq!(
        json,
        format!(
            r#"{{"decision":"deny","finding":"{FINDING}","pack":"{}","rule":"often","until":"2026-11-20T07:00:00.000Z"}}"#,
            Hash([2; 32])
        )
    );
    // An older list is rejected, and the previous one stays in force.
    assert!(gate.watch(list(0, &[])).is_err());
    assert!(gate.decide(event, time(noon)).unwrap().is_some());
    gate.watch(list(2, &[])).unwrap();
    assert_eq!(gate.decide(event, time(noon)).unwrap(), None);
}

#[test]
fn expired_lists_are_ignored() {
    let mut gate = Gate::parse(pack(RULES).as_json()).unwrap();
    let until = time("2026-11-21T00:00:00.000Z");
    gate.watch(list(1, &[Watched { until, ..watched(Kind::Actor, "u_9", Decision::Deny) }])).unwrap();
    let event = r#"{"action":"job.run","actor":{"id":"u_9"}}"#;
    assert!(gate.decide(event, time("2026-11-20T11:59:59.999Z")).unwrap().is_some());
    assert!(gate.decide(event, time("2026-11-20T12:00:00.000Z")).unwrap().is_none());
}

#[test]
fn packs_that_were_not_built_are_rejected() {
    let built = pack(RULES).as_json().to_owned();
    for (text, code) in [
        ("{".to_owned(), "pack.json"),
        ("[]".into(), "pack.shape"),
        ("{\"rules\":[]}".into(), "pack.shape"),
        ("{\"countersign\":\"rules/v2\",\"rules\":[]}".into(), "pack.shape"),
        (built.replace("{\"condition\"", "{ \"condition\""), "pack.canonical"),
        (built.replace("[22,", "[22.0,"), "pack.canonical"),
        (built.replace("\"allow\"", "\"\\u0061llow\""), "pack.canonical"),
        (format!("{built} "), "pack.canonical"),
        (built.replacen("\"name\":", "\"name\":\"\",\"name\":", 1), "rule.duplicate_key"),
        (
            built.replacen(
                "{\"countersign\":\"rules/v1\",\"name\":\"edge\",",
                "{\"name\":\"edge\",\"countersign\":\"rules/v1\",",
                1,
            ),
            "pack.canonical",
        ),
        (built.replace("\"allow\"", "\"permit\""), "rule.decision"),
        (built.replace("|cidr", "|cidrs"), "rule.modifier"),
        (format!("{}1{}", "[".repeat(40), "]".repeat(40)), "rule.deep"),
    ] {
        assert_ne!(text, built);
        let faults = Gate::parse(&text).map(|_| ()).expect_err(&text);
        assert_eq!(faults[0].code, code, "{text}");
    }
}
