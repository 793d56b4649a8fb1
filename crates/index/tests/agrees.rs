//! Tests that an index finds exactly what `Query::matches` finds.

use std::fmt::Write as _;

use countersign::time::Time;
use countersign_index::{By, ByteRange, EventIndex, Order, SegmentBuilder, decode, encode};
use countersign_query::tally::{Findings, PartMatches};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query, Short, Tally};
use proptest::prelude::*;
use serde_json::{Value, json};

fn now() -> Time {
    "2026-11-20T06:00:00.000Z".parse().unwrap()
}

fn recorded(nth: usize) -> Time {
    Time::from_millis(now().millis() - 86_400_000 * i64::try_from(nth % 12).unwrap()).unwrap()
}

const CHAINS: [&str; 2] = ["00000000000000000000000000000001", "00000000000000000000000000000002"];
const KEYS: [&str; 2] = ["example.com/app+01234567+AAAA", "k\"ey+89abcdef+BBBB"];

/// Returns the batch a verifier would write for these events, and the begin and end of each event in it.
fn batch(events: &[String], first: usize) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut places = Vec::new();
    for (nth, event) in (first..).zip(events) {
        let (line, chain, key) = (nth + 3, CHAINS[nth % 2], json!(KEYS[nth % 2]));
        write!(
            text,
            r#"{{"line":{line},"index":{nth},"chain":"{chain}","seq":{nth},"time":"{}","authorized":true,"vkey":{key},"event":"#,
            recorded(nth)
        )
        .unwrap();
        places.push((text.len(), text.len() + event.len()));
        text.push_str(event);
        text.push_str("}\n");
    }
    (text, places)
}

/// Runs a query, providing the requested bytes. Returns the result and the number of bytes read.
fn ask(index: &mut EventIndex, blobs: &[String], query: &str) -> ((Vec<u64>, [Vec<PartMatches>; 2]), u64) {
    index.ask(query, now(), Order { descending: query.len() % 2 == 1, ..Order::default() }).unwrap();
    let mut read = 0;
    loop {
        if index.step(5) {
            continue;
        }
        let Some(range) = index.wants() else { break };
        let (begin, end) = (range.begin as usize, range.end as usize);
        read += range.end - range.begin;
        index.provide(&blobs[range.blob as usize].as_bytes()[begin..end]);
    }
    let answer = index.found().unwrap();
    assert!(answer.complete && answer.searched == answer.of, "{query}: {answer:?}");
    let found = index.indexes();
    assert_eq!(found.len(), answer.events, "{query}");
    let bars: u32 = answer.histogram.iter().flat_map(|histogram| histogram.bars.iter().flatten()).sum();
    assert_eq!(bars as usize, answer.events, "{query}");
    let Findings { conditions, steps, .. } = answer.findings;
    ((found, [conditions, steps]), read)
}

/// Builds an index of these events in one of the possible ways.
fn indexed(events: &[String], way: usize) -> (EventIndex, Vec<String>) {
    let mut index = EventIndex::new(7, Parsers::built_in());
    let mut blobs = Vec::new();
    for (nth, part) in events.chunks(1 + way % 7).enumerate() {
        let (text, _) = batch(part, nth * (1 + way % 7));
        if way.is_multiple_of(2) {
            index.add(text.as_bytes(), nth as u32).unwrap();
            if nth % 3 == 0 {
                index.step(usize::MAX);
            }
        } else {
            let mut builder = SegmentBuilder::new(9, Parsers::built_in());
            builder.add(text.as_bytes()).unwrap();
            let bytes = encode(&builder.finish());
            for segment in decode(&bytes).unwrap() {
                let again = decode(&encode(std::slice::from_ref(&segment))).unwrap();
                assert_eq!(again.first(), Some(&segment));
                index.add_segment(segment, nth as u32);
            }
        }
        blobs.push(text);
    }
    (index, blobs)
}

/// Returns the expected result: the matching events, and the matches of each condition and each step.
fn expected(events: &[String], query: &str) -> (Vec<u64>, [Vec<PartMatches>; 2]) {
    let query = Query::parse(query, now()).unwrap();
    let mut tally = Tally::new(&query);
    let parsers = Parsers::built_in();
    let mut matches = |nth: usize, event: &str| {
        let document = Document::parse(event);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| parsers.parse(event));
        tally.examine(&Entry {
            event: root,
            roots: &[],
            read: read.as_ref(),
            recorded: recorded(nth),
            chain: CHAINS[nth % 2],
            signer: KEYS[nth % 2].split('+').next(),
        })
    };
    let found = (0..events.len()).filter(|nth| matches(*nth, &events[*nth])).map(|nth| nth as u64).collect();
    let findings = tally.finish();
    (found, if query.is_empty() { Default::default() } else { [findings.conditions, findings.steps] })
}

fn texts() -> impl Strategy<Value = String> {
    prop::sample::select(
        vec![
            "x",
            "xy",
            "Xy",
            "zxYz",
            "Å",
            "K",
            "k",
            "7",
            "7.0",
            "",
            "two words",
            "Ada Okafor",
            "user:x",
            "2026-11-20",
            "2026-11-18T06:00:00Z",
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "[10.1.2.3]:443",
            "10.1.2.3%0",
            "Ada <ada@acme.example>",
            "success",
            "not stated",
            "\n\"",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain([300, 1700].map(|times| format!("{}needle", "long ".repeat(times))))
        .chain(["é".repeat(700)])
        .collect::<Vec<_>>(),
    )
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        texts().prop_map(Value::String),
        prop::sample::select(vec![
            json!(7),
            json!(7.5),
            json!(-1),
            json!(200),
            json!(true),
            json!(false),
            json!(null)
        ]),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array), members(inner)]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "a", "b", "id", "name", "type", "email", "login", "before", "after", "a.b", "tenant",
    ]);
    prop::collection::btree_map(name, value, 0..4)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn events() -> impl Strategy<Value = Vec<String>> {
    let own = || prop::option::weighted(0.6, values());
    let event = (own(), own(), own(), own(), own(), own(), own(), own(), own(), members(values()));
    let event =
        event.prop_map(|(action, actor, person, target, outcome, context, before, after, occurred, rest)| {
            let mut event = rest;
            let given = [
                ("action", action),
                ("actor", actor),
                ("on_behalf_of", person),
                ("target", target),
                ("outcome", outcome),
                ("context", context.map(|ip| json!({"ip": ip}))),
                ("before", before),
                ("after", after),
                ("occurred_at", occurred),
            ];
            for (name, value) in given {
                if let Some(value) = value {
                    event[name] = value;
                }
            }
            event.to_string()
        });
    prop::collection::vec(event, 0..24)
}

fn conditions() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec![
        "a",
        "a.b",
        "\"a.b\"",
        "b",
        "a.a",
        "actor",
        "actor.id",
        "actor.name",
        "for",
        "on_behalf_of.id",
        "target",
        "target.id",
        "action",
        "outcome",
        "ip",
        "context.ip",
        "tenant",
        "as",
        "before.a",
        "signer",
        "chain",
        "nowhere.at.all",
        "\"action\"",
    ]);
    let value = prop::sample::select(vec![
        "x",
        "xy",
        "x*",
        "*y*",
        "å",
        "K",
        "7",
        "7.5",
        "\"7\"",
        "true",
        "null",
        "*",
        "\"\"",
        "ada",
        "user:x",
        "*:x",
        "*@acme.example",
        "ada@*",
        "10.0.0.0/8",
        "10.1.2.3",
        "2026-11-20",
        "success",
        "not-stated",
        "countersign",
        "*needle",
        "lo*dle",
        "*é",
        "words",
        "example.com/*",
        "*1",
        "200..300",
        "7..8",
    ]);
    let time = prop::sample::select(vec!["-3d", "-8d", "2026-11-18", "2026-11-20T06:00:00Z"]);
    prop_oneof![
        8 => (field.clone(), prop::collection::vec(value, 1..3)).prop_map(|(field, values)| {
            // Other words than the five outcomes must be quoted.
            let written = |value: &str| match field {
                "outcome" if !value.contains(['*', '"']) => format!("\"{value}\""),
                _ => value.to_owned(),
            };
            format!("{field}:{}", values.into_iter().map(written).collect::<Vec<_>>().join(","))
        }),
        1 => (field.clone(), prop::sample::select(vec![">", "<=", "=="]), prop::sample::select(vec!["7", "2026-11-19", "100"]))
            .prop_map(|(field, operator, value)| match field {
                "outcome" => format!("{field}{operator}\"{value}\""),
                _ => format!("{field}{operator}{value}"),
            }),
        1 => field.clone().prop_map(|field| format!("has:{field}")),
        1 => prop::sample::select(vec!["a", "b", "a.b", "id"]).prop_map(|path| format!("changed:{path}")),
        3 => prop::sample::select(vec!["x", "xy", "å", "k", "7", "needle", "\"long needle\"", "x*z", "ok", "ong l", "é", "\"\\\"\""]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["x", "words", "needle", "ada", "7", "å"]).prop_map(|word| format!("word:{word}")),
        1 => Just("time:unclear".to_owned()),
        1 => (prop::sample::select(vec!["since", "until", "recorded-since", "recorded-until", "time"]), time)
            .prop_map(|(name, time)| format!("{name}:{time}")),
    ]
}

fn queries() -> impl Strategy<Value = String> {
    conditions().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("-({one})")),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| format!("({})", all.join(" "))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.join(" ")),
            prop::collection::vec(inner, 1..4).prop_map(|any| format!("({})", any.join(" OR "))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_query_matches(
        events in events(),
        queries in prop::collection::vec(queries(), 1..8),
        way in 0_usize..20,
    ) {
        let (mut index, blobs) = indexed(&events, way);
        for query in &queries {
            let found = ask(&mut index, &blobs, query).0;
            prop_assert_eq!(found, expected(&events, query), "{} over {:?}", query, events);
        }
    }

    #[test]
    fn survives_corrupted_segments(cut in any::<prop::sample::Index>(), byte in any::<u8>(), events in events()) {
        let mut builder = SegmentBuilder::new(9, Parsers::built_in());
        builder.add(batch(&events, 0).0.as_bytes()).unwrap();
        let mut bytes = encode(&builder.finish());
        let at = cut.index(bytes.len());
        bytes[at] = byte;
        query_decoded(&bytes);
        query_decoded(&bytes[..at]);
    }
}

/// Runs queries on segments decoded from these bytes, if any.
fn query_decoded(bytes: &[u8]) {
    let Some(segments) = decode(bytes) else { return };
    let mut index = EventIndex::new(1, Parsers::built_in());
    for segment in segments {
        index.add_segment(segment, 0);
    }
    for (query, by) in [
        ("", By::Time),
        ("x -actor:ada has:a changed:b since:-3d", By::Value(Short::Actor)),
        ("needle", By::Value(Short::Outcome)),
    ] {
        index.ask(query, now(), Order { by, ..Order::default() }).unwrap();
        while index.step(1000) {}
        if index.wants().is_some() {
            index.provide(&[]);
        }
        index.found_json(query);
        index.rows_json(0, 100, &countersign_index::fields_of("[\"a\"]"));
        index.suggest_json("a", 1);
        index.coverage();
    }
}

/// Returns events with so many texts that they are compressed.
fn with_many_texts() -> Vec<String> {
    let words = ["approved by", "Zoë", "\\u0000 for", "the", "K\u{212a}", "auditor", "needle", "𝄞"];
    let event = |nth: usize| {
        let word = |step: usize| words[nth * nth % (step + 7) % words.len()];
        let note: Vec<&str> = (0..9).map(word).collect();
        let (id, address) = (nth.wrapping_mul(0x9e37_79b9_7f4a_7c15), nth % 256);
        format!(
            r#"{{"action":"note.add","actor":{{"id":"u_{}","name":"Zoë {nth}"}},"context":{{"ip":"10.9.{address}.1","id":"{id:016x}"}},"note":"{}","nth":{nth}}}"#,
            nth * 7,
            note.join(" "),
        )
    };
    (0..1500).map(event).collect()
}

#[test]
fn finds_and_shows_compressed_values() {
    let events = with_many_texts();
    let blobs = [batch(&events, 0).0];
    let mut builder = SegmentBuilder::new(9, Parsers::built_in());
    builder.add(blobs[0].as_bytes()).unwrap();
    let bytes = encode(&builder.finish());
    assert!(bytes.len() * 3 < blobs[0].len(), "{} of {}", bytes.len(), blobs[0].len());
    let mut index = EventIndex::new(7, Parsers::built_in());
    decode(&bytes).unwrap().into_iter().for_each(|segment| _ = index.add_segment(segment, 1));
    for query in [
        "auditor",
        "zoë",
        "\"zoë 17\"",
        "note:\"the\"*needle",
        "kk",
        "-note:*𝄞*",
        "actor:u_7,u_14",
        "actor:\"zoë 1499\"",
        "actor:u_17*",
        "context.ip:10.9.7.0/24",
        "context.id:*9e3779*",
        "nth>=1400",
        "nth:7",
        "has:note -has:nth",
        "\u{0}",
    ] {
        assert_eq!(ask(&mut index, &blobs, query), (expected(&events, query), 0), "{query}");
    }
    let fields = countersign_index::fields_of(r#"["note","context.id"]"#);
    ask(&mut index, &blobs, "");
    let rows: Value = serde_json::from_str(&index.rows_json(0, events.len(), &fields)).unwrap();
    for (row, event) in rows.as_array().unwrap().iter().zip(&events) {
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(row["fields"], json!([[event["note"]], [event["context"]["id"]]]));
        assert_eq!(row["parsed"]["actor"]["name"], event["actor"]["name"]);
    }
}

#[test]
fn decompresses_a_few_long_texts() {
    // With so few texts a single block is compressed, which starts at 0.
    for count in [17, 32, 33] {
        let said = |nth: usize| format!("{{\"note\":\"{nth} {}\"}}", "needle in a haystack ".repeat(48));
        let events: Vec<String> = (0..count).map(said).collect();
        let blobs = [batch(&events, 0).0];
        let mut builder = SegmentBuilder::new(9, Parsers::built_in());
        builder.add(blobs[0].as_bytes()).unwrap();
        let segments = builder.finish();
        assert_eq!(decode(&encode(&segments)), Some(segments.clone()), "{count}");
        let mut index = EventIndex::new(7, Parsers::built_in());
        for segment in segments {
            index.add_segment(segment, 0);
        }
        assert_eq!(ask(&mut index, &blobs, "note:\"16 \"*").0, expected(&events, "note:\"16 \"*"), "{count}");
    }
}

#[test]
fn survives_corrupted_compressed_texts() {
    let mut builder = SegmentBuilder::new(9, Parsers::built_in());
    builder.add(batch(&with_many_texts(), 0).0.as_bytes()).unwrap();
    let bytes = encode(&builder.finish());
    for nth in 0..200 {
        let mut hostile = bytes.clone();
        let at = bytes.len() * nth / 200;
        hostile[at] = hostile[at].wrapping_add([1, 0x80, 0xff][nth % 3]);
        query_decoded(&hostile);
    }
}

#[test]
fn counts_are_independent_of_when_the_query_started() {
    let event = |nth: usize| {
        let outcome = if nth < 40 { "success" } else { "failure" };
        json!({ "action": "a", "outcome": outcome, "actor": format!("u_{}", nth % 5), "target": format!("t_{nth}") })
    };
    let events: Vec<String> = (0..100).map(|nth| event(nth).to_string()).collect();
    let facets = |index: &mut EventIndex, query: &str| {
        let mut told: Value = serde_json::from_str(&index.found_json(query)).unwrap();
        told["facets"].take()
    };
    // All events of the first segments match, then some or none, then all again. Small segments are merged meanwhile.
    for query in
        ["", "outcome:success", "outcome:failure", "actor:u_1", "-target:t_3", "target:t_3* outcome:success"]
    {
        let mut early = EventIndex::new(7, Parsers::built_in());
        early.ask(query, now(), Order::default()).unwrap();
        for (nth, part) in events.chunks(3).enumerate() {
            let mut builder = SegmentBuilder::new(9, Parsers::built_in());
            builder.add(batch(part, nth * 3).0.as_bytes()).unwrap();
            for segment in builder.finish() {
                early.add_segment(segment, 0);
            }
            while early.step(1) {}
        }
        let (mut late, blobs) = indexed(&events, 6);
        ask(&mut late, &blobs, query);
        assert_eq!(facets(&mut early, query), facets(&mut late, query), "{query}");
    }
}

#[test]
fn partially_provided_bytes_are_discarded_by_the_next_query() {
    let events = [format!(r#"{{"action":"d","text":"{}end"}}"#, "x".repeat(200_000))];
    let (mut index, blobs) = indexed(&events, 1);
    index.ask("text:*end", now(), Order::default()).unwrap();
    while index.step(5) {}
    let ByteRange { blob, begin, .. } = index.wants().unwrap();
    index.provide(&blobs[blob as usize].as_bytes()[begin as usize..][..100]);
    assert_eq!(ask(&mut index, &blobs, "text:*xend").0, expected(&events, "text:*xend"));
}

#[test]
fn searches_long_texts_in_columns_up_to_a_limit() {
    let text = |nth: usize| format!(r#"{{"action":"d","text":"{}end {nth}"}}"#, "x".repeat(4000));
    let few: Vec<String> = (0..10).map(text).collect();
    let many: Vec<String> = (0..200).map(text).collect();
    for (events, are_read) in [(few, false), (many, true)] {
        let blobs = [batch(&events, 0).0];
        let mut index = EventIndex::new(7, Parsers::built_in());
        index.add(blobs[0].as_bytes(), 0).unwrap();
        for query in ["\"xend 7\"", "text:*7", "word:end"] {
            let (found, read) = ask(&mut index, &blobs, query);
            assert_eq!(found, expected(&events, query), "{query}");
            assert_eq!(read > 0, are_read, "{query}");
        }
    }
}

#[test]
fn finds_and_counts_each_action_of_an_event() {
    let of = |names: &[&str]| {
        let events: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"kind": "admin#reports#activity", "id": {"applicationName": "drive"}, "events": events})
            .to_string()
    };
    let events = [of(&["create", "share", "share"]), of(&["share"]), of(&["create"])];
    for way in 0..4 {
        let (mut index, blobs) = indexed(&events, way);
        for query in ["action:share", "action:create", "-action:share", "action:create action:share"] {
            assert_eq!(ask(&mut index, &blobs, query).0, expected(&events, query), "{query}");
        }
        ask(&mut index, &blobs, "");
        let found: Value = serde_json::from_str(&index.found_json("")).unwrap();
        let values = json!([{"value": "create", "count": 2}, {"value": "share", "count": 2}]);
        assert_eq!(found["facets"]["action"]["values"], values);
        let rows: Value = serde_json::from_str(&index.rows_json(0, 1, &[])).unwrap();
        assert_eq!(rows[0]["parsed"]["action"], json!("create"));
    }
}

#[test]
fn finds_events_that_exceed_the_columns() {
    let many = |names: std::ops::Range<usize>| {
        let members: Vec<String> = names.map(|nth| format!(r#""id-{nth}":{{"v":{nth}}}"#)).collect();
        format!(r#"{{"action":"a","by":{{{}}}}}"#, members.join(","))
    };
    let list = format!(r#"{{"action":"b","list":[{}7]}}"#, "1,".repeat(3000));
    let deep = format!(r#"{{"action":"c","d":{}"x"{}}}"#, r#"{"e":"#.repeat(60), "}".repeat(60));
    let long = format!(r#"{{"action":"d","text":"{}end"}}"#, "x".repeat(200_000));
    let parties: Vec<String> = (0..40).map(|nth| format!(r#"{{"id":"p{nth}"}}"#)).collect();
    let parties = format!(r#"{{"action":"e","actor":"x","target":[{}]}}"#, parties.join(","));
    let before: Vec<String> = (0..100).map(|nth| format!(r#""m{nth}":1"#)).collect();
    let changed = format!(r#"{{"action":"f","before":{{{}}},"after":{{}}}}"#, before.join(","));
    let events = [many(0..5000), many(4000..9000), list, deep, long, parties, changed];
    for way in 0..4 {
        let (mut index, blobs) = indexed(&events, way);
        for query in [
            "by.id-3.v:3",
            "by.id-4500.v:4500",
            "by.id-8999.v:8999",
            "has:by.id-8999",
            "-by.id-8999.v:8999",
            "list:7",
            "list:8",
            "text:*end",
            "xend",
            "xen",
            "nowhere",
            "target:p39",
            "target:p1",
            "changed:m1",
            "changed:m99",
            "changed:m100",
            "7",
            "word:x",
            &format!("d{}:x", ".e".repeat(60)),
        ] {
            assert_eq!(ask(&mut index, &blobs, query).0, expected(&events, query), "{query}");
        }
        assert_eq!(
            ask(&mut index, &blobs, "action:a,b outcome:not-stated").1,
            0,
            "nothing must be read for this"
        );
    }
}

#[test]
fn suggests_values_that_match_the_rest_of_the_query() {
    let event = |action: &str, outcome: &str, size: u32| {
        format!(r#"{{"action":"{action}","actor":{{"id":"ada"}},"outcome":"{outcome}","size":"s{size}"}}"#)
    };
    let events = [
        event("log.out", "success", 1),
        event("log.in", "failure", 2),
        event("log.in", "success", 3),
        event("log.in", "failure", 3),
    ];
    let (mut index, blobs) = indexed(&events, 1);
    let mut suggested = |asked: &str, text: &str| {
        ask(&mut index, &blobs, asked);
        let caret = text.encode_utf16().count();
        let suggestions: Vec<Value> = serde_json::from_str(&index.suggest_json(text, caret)).unwrap();
        let values = suggestions.iter().filter(|one| one["kind"] == "value");
        values.map(|one| format!("{} {}", one["label"].as_str().unwrap(), one["count"])).collect::<Vec<_>>()
    };
    // During a pause in typing, the text typed so far becomes the query.
    assert_eq!(suggested("out", "outcome:"), ["success 2", "failure 2"]);
    assert_eq!(suggested("outcome:failure", "outcome:"), ["success 2", "failure 2"]);
    assert_eq!(suggested("action:log.in out", "action:log.in outcome:"), ["failure 2", "success 1"]);
    assert_eq!(suggested("action:log.in s3", "action:log.in size:"), ["s3 2", "s2 1"]);
    assert_eq!(suggested("since:-100d size:s1", "since:-100d size:"), ["s3 2", "s1 1", "s2 1"]);
    // Text that doesn't parse yet doesn't replace the current query.
    assert_eq!(suggested("action:log.in", "action:log.in ( outcome:"), ["failure 2", "success 1"]);
}

#[test]
fn sorts_by_displayed_values() {
    let actors = [Some(("u_3", Some("ben"))), Some(("u_1", Some("Ada"))), None, Some(("Cem", None))];
    let events: Vec<String> = (0..12)
        .map(|nth| match actors[nth % actors.len()] {
            Some((id, Some(name))) => format!("{{\"actor\":{{\"id\":\"{id}\",\"name\":\"{name}\"}}}}"),
            Some((id, None)) => format!("{{\"actor\":{{\"id\":\"{id}\"}}}}"),
            None => "{}".to_owned(),
        })
        .collect();
    // Two segments, so that values have other codes in each.
    let mut index = EventIndex::new(4, Parsers::built_in());
    for (nth, half) in events.chunks(6).enumerate() {
        let mut builder = SegmentBuilder::new(4, Parsers::built_in());
        builder.add(batch(half, 6 * nth).0.as_bytes()).unwrap();
        for segment in builder.finish() {
            index.add_segment(segment, 0);
        }
    }
    let mut sorted = |by, descending| {
        index.ask("", now(), Order { by, descending, folds: false }).unwrap();
        while index.step(5) {}
        index.found().unwrap();
        let rows: Value = serde_json::from_str(&index.rows_json(0, 12, &[])).unwrap();
        rows.as_array().unwrap().iter().map(|row| row["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sorted(By::Value(Short::Actor), false), [1, 5, 9, 0, 4, 8, 3, 7, 11, 2, 6, 10]);
    assert_eq!(sorted(By::Value(Short::Actor), true), [3, 7, 11, 0, 4, 8, 1, 5, 9, 2, 6, 10]);
    assert_eq!(By::parse("actor"), Some(By::Value(Short::Actor)));
    assert_eq!(By::parse("line"), None);
}
