//! Tests of the conversion of log records to events.

use countersign_otlp::{EventId, Format, Intake, Problem, decode};
use serde_json::{Value, json};

/// The cases that the npm package's processor is tested with too.
const CASES: &str = include_str!("../../../../tests/data/otlp/cases.json");

/// Returns the events of an export of one resource and scope.
fn events(
    intake: &Intake<'_>,
    resource: &Value,
    scope: &str,
    records: &[Value],
) -> Vec<Result<Value, Problem>> {
    let body = json!({ "resourceLogs": [{
        "resource": { "attributes": resource },
        "scopeLogs": [{ "scope": { "name": scope }, "logRecords": records }],
    }]});
    let mut found = Vec::new();
    decode(Format::Json, body.to_string().as_bytes(), &mut |record| {
        let event = intake.event(found.len(), &record.expect("a record within the limits"));
        found.push(event.map(|event| serde_json::from_str(event.as_str()).expect("JSON")));
        Ok::<_, std::convert::Infallible>(())
    })
    .expect("an export");
    found
}

fn string(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

#[test]
fn records_become_the_events_of_the_npm_package() {
    let cases: Vec<Value> = serde_json::from_str(CASES).expect("cases");
    assert!(cases.len() > 10);
    let intake = Intake::new("payments", None, b"");
    for case in cases {
        let found = events(&intake, &json!([]), "jobs", &[case["record"].clone()]);
        let mut event = found[0].clone().unwrap_or_else(|problem| panic!("{problem:?}: {case}"));
        let metadata = event["metadata"].as_object_mut().expect("an object");
        assert!(metadata.remove("event_id").is_some_and(|id| id.as_str().is_some_and(|id| id.len() == 32)));
        assert_eq!(metadata.remove("recorded_by"), Some(json!({ "protocol": "otlp", "sender": "payments" })));
        assert_eq!(event, case["event"], "{}", case["name"]);
    }
}

#[test]
fn events_say_who_sent_them_and_for_which_service() {
    let resource = json!([
        string("service.name", "payments-api"),
        string("service.version", "2.1"),
        string("host.name", "h")
    ]);
    // A sender can't claim to be another one.
    let forged = json!([
        string("recorded_by", "other"),
        string("service", "other"),
        string("event_id", "1"),
        string("a", "b")
    ]);
    let records = [json!({ "eventName": "a.b" }), json!({ "eventName": "a.b", "attributes": forged })];
    let found = events(&Intake::new("payments", None, b"body"), &resource, "", &records);
    let [Ok(first), Ok(second)] = &found[..] else { panic!("{found:?}") };
    let (first, second) = (&first["metadata"], &second["metadata"]);
    for metadata in [first, second] {
        assert_eq!(metadata["service"], json!({ "name": "payments-api", "version": "2.1" }));
        assert_eq!(metadata["recorded_by"], json!({ "protocol": "otlp", "sender": "payments" }));
    }
    assert_ne!(first["event_id"], second["event_id"]);
    assert_eq!((&first["countersign_problems"], &second["a"]), (&Value::Null, &json!("b")));
    let problems = second["countersign_problems"].as_array().expect("problems");
    let fields: Vec<_> = problems.iter().map(|problem| &problem["field"]).collect();
    assert_eq!(fields, ["metadata.event_id", "metadata.service", "metadata.recorded_by"]);
}

#[test]
fn ids_depend_on_the_sender_and_on_what_identifies_the_record() {
    let record = |uid: &str| json!({ "eventName": "a.b", "attributes": [string("log.record.uid", uid)] });
    let id = |sender, key, body: &str, position: usize, uid: &str| {
        let records = vec![record(uid); position + 1];
        let found = events(&Intake::new(sender, key, body.as_bytes()), &json!([]), "", &records);
        let event = found[position].clone().expect("an event");
        EventId::in_event(event.to_string().as_bytes()).expect("an ID")
    };
    // A record's own ID counts alone, but only among those of its sender.
    assert_eq!(id("s", None, "x", 0, "u"), id("s", Some("k"), "y", 1, "u"));
    assert_ne!(id("s", None, "x", 0, "u"), id("t", None, "x", 0, "u"));
    // Without it, the key and the position count, or the body and the position.
    assert_eq!(id("s", Some("k"), "x", 1, ""), id("s", Some("k"), "y", 1, ""));
    assert_ne!(id("s", Some("k"), "x", 1, ""), id("s", Some("k"), "x", 0, ""));
    assert_eq!(id("s", None, "x", 1, ""), id("s", None, "x", 1, ""));
    let others = [
        id("s", None, "y", 1, ""),
        id("s", None, "x", 0, ""),
        id("t", None, "x", 1, ""),
        id("s", Some("x"), "x", 1, ""),
    ];
    assert!(!others.contains(&id("s", None, "x", 1, "")));
    // Nothing else has an ID.
    for event in
        [r#"{"metadata":{"event_id":"00000000000000000000000000000001"}}"#, r#"{"action":"a"}"#, "[]"]
    {
        assert_eq!(EventId::in_event(event.as_bytes()), None);
    }
}

#[test]
fn records_that_are_no_events_are_refused() {
    let long = "x".repeat(257);
    let intake = Intake::new("s", None, b"");
    let nameless = json!({ "body": { "stringValue": "a line of a log" } });
    assert_eq!(events(&intake, &json!([]), "", &[nameless]), [Err(Problem::Nameless)]);
    let named = json!({ "eventName": "a.b" });
    assert_eq!(events(&intake, &json!([]), &long, std::slice::from_ref(&named)), [Err(Problem::LongName)]);
    assert_eq!(
        events(&intake, &json!([string("service.name", &long)]), "", &[named]),
        [Err(Problem::LongName)]
    );
}

#[test]
fn records_that_claim_to_be_verified_are_refused() {
    let intake = Intake::new("s", None, b"");
    let claim = string("countersign.integrity.verified_with", "HMAC-SHA256");
    let claiming = json!({ "eventName": "a.b", "attributes": [claim] });
    let honest = json!({ "eventName": "a.b" });
    let results = events(&intake, &json!([]), "", &[claiming, honest.clone()]);
    assert_eq!(results[0], Err(Problem::Reserved));
    assert!(results[1].is_ok());
    assert_eq!(events(&intake, &json!([claim]), "", &[honest]), [Err(Problem::Reserved)]);
}

#[test]
fn an_event_that_is_too_large_says_so() {
    let body = json!({ "stringValue": "x".repeat(300_000) });
    let found = events(
        &Intake::new("s", None, b""),
        &json!([]),
        "",
        &[json!({ "eventName": "a.b", "body": body, "timeUnixNano": 1_772_366_400_250_000_000_u64 })],
    );
    let event = found[0].clone().expect("an event");
    assert_eq!(
        (&event["action"], &event["occurred_at"]),
        (&json!("a.b"), &json!("2026-03-01T12:00:00.250Z"))
    );
    assert_eq!(event["metadata"]["countersign_problems"][0]["recorded"], false);
    assert_eq!(event["metadata"]["recorded_by"]["sender"], "s");
}

#[test]
fn protobuf_and_json_mean_the_same() {
    // A tag with the type, the length in two bytes, and the content.
    let field = |tag: u8, bytes: &[u8]| {
        [&[tag << 3 | 2, bytes.len() as u8 | 0x80, (bytes.len() >> 7) as u8], bytes].concat()
    };
    let string = |name: &[u8], value: &[u8]| [field(1, name), field(2, &field(1, value))].concat();
    let number =
        [field(1, b"n"), field(2, &[0x18, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])]
            .concat();
    let record = [
        &[1 << 3 | 1][..],
        &1_772_366_400_250_000_000_u64.to_le_bytes(),
        &[2 << 3, 17],
        &field(3, b"ERROR"),
        &field(5, &field(7, &[1, 2, 255])),
        &field(6, &string(b"user.id", b"u_1")),
        &field(6, &number),
        &[7 << 3, 2],
        &[8 << 3 | 5, 0, 0, 0, 0],
        &field(9, &[1; 16]),
        &field(10, &[2; 8]),
        &field(12, b"job.run"),
        // An unknown field.
        &[0xf8, 0x07, 0x01],
    ]
    .concat();
    let scope = [field(2, &record), field(1, &field(1, b"jobs"))].concat();
    let resource = [field(2, &scope), field(1, &field(1, &string(b"service.name", b"payments")))].concat();
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772366400250000000","severityNumber":17,
        "severityText":"ERROR","body":{"bytesValue":"AQL_"},"attributes":[{"key":"user.id","value":{"stringValue":"u_1"}},
        {"key":"n","value":{"intValue":-5}}],"droppedAttributesCount":2,"traceId":"01010101010101010101010101010101",
        "spanId":"0202020202020202","eventName":"job.run","unknown":[{}]}],"scope":{"name":"jobs"}}],
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"payments"}}]}}]}"#;
    let decoded = |format, body: &[u8]| {
        let mut found = Vec::new();
        decode(format, body, &mut |record| {
            found.push(format!("{:?}", record.expect("a record")));
            Ok::<_, std::convert::Infallible>(())
        })
        .expect("an export");
        found
    };
    let protobuf = decoded(Format::Protobuf, &field(1, &resource));
    assert_eq!(protobuf.len(), 1);
    assert_eq!(protobuf, decoded(Format::Json, json.as_bytes()));
}
