//! Deliveries from sources are recorded event by event.

use predicates::prelude::*;

use crate::common::{ORIGIN, Place, gzip};

fn record(place: &Place, input: &[u8]) -> assert_cmd::assert::Assert {
    place.write("in", input);
    place.command(&["record", "--key", "app.key", "--origin", ORIGIN, "in", "-o", "out.ndjson"]).assert()
}

#[test]
fn records_each_event_of_a_delivery() {
    let place = Place::new();
    let three = r#"{"a":1},{"a":[2]},{"a":"}"}"#;
    let mut two = vec![0xef, 0xbb, 0xbf];
    two.extend(b"{\"a\":1}\r\n\r\n{\"a\":2}\r\n");
    for (input, events, says) in [
        (format!("{{\"Records\":[{three}]}}").into_bytes(), 3, "; unwrapped 3 events from \"Records\"\n"),
        (gzip(format!("{{\"Records\":[{three}]}}").as_bytes()), 3, "; unwrapped 3 events from \"Records\"\n"),
        (
            format!("{{\"records\":[{three}]}}\n{{\"records\":[{three}]}}\n").into_bytes(),
            6,
            "; unwrapped 6 events from \"records\"\n",
        ),
        (
            format!("{{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[{three}]}}")
                .into_bytes(),
            3,
            "; unwrapped 3 events from \"items\"\n",
        ),
        (format!("[\n{three}\n]\n").into_bytes(), 3, "; unwrapped 3 events from an array\n"),
        (
            format!(
                "{{\"resourceLogs\":[{{\"resource\":{{}},\"scopeLogs\":[{{\"logRecords\":[{three}]}}]}}]}}\n"
            )
            .into_bytes(),
            3,
            "; unwrapped 3 events from \"resourceLogs\"\n",
        ),
        (
            b"{\"ackId\":\"a\",\"message\":{\"data\":\"eyJhIjoxfQ==\"}}\n{\"a\":2}\n".to_vec(),
            2,
            "; unwrapped 1 event from \"message.data\"\n",
        ),
        (two, 2, "the chain is closed\n"),
        (b"{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}".to_vec(), 2, "the chain is closed\n"),
    ] {
        record(&place, &input).success().stderr(predicate::str::ends_with(says));
        assert_eq!(place.report("out.ndjson", &[])["counts"]["events"], events);
    }
}

#[test]
fn keeps_large_integers_as_strings_on_request() {
    let place = Place::new();
    let input = br#"{"value":[{"id":638543210123456789,"n":[-9007199254740992,7]}]}"#;
    record(&place, input).code(1).stderr(predicate::str::contains("--large-integers text"));
    let recording = ["record", "--key", "app.key", "--origin", ORIGIN, "in", "-o", "out.ndjson"];
    place.command(&recording).args(["--large-integers", "text"]).assert().success();
    let event = r#"{"id":"638543210123456789","n":["-9007199254740992",7]}"#;
    assert!(place.read("out.ndjson").contains(event));
}

#[test]
fn keeps_duplicate_fields_as_an_array_on_request() {
    let place = Place::new();
    let line = r#"{"event_type":"alert","tls":{"subject":"CN=a.example","sni":"a.example","subject":"CN=b.example"},"n":638543210123456789,"\u006e":7,"Host":"a","host":"b","token":"t-1","token":["t-2"]}"#;
    let input = format!("{{\"a\":1}}\n{line}\n");
    record(&place, input.as_bytes()).code(1).stderr(
        predicate::str::contains("line 2")
            .and(predicate::str::contains("--duplicate-fields keep-all --large-integers text")),
    );
    let recording = ["record", "--key", "app.key", "--origin", ORIGIN, "in", "-o", "out.ndjson"];
    let options = ["--duplicate-fields", "keep-all", "--large-integers", "text"];
    place.command(&recording).args(options).assert().success();
    let event = r#"{"Host":"a","event_type":"alert","host":"b","n":["638543210123456789",7],"tls":{"sni":"a.example","subject":["CN=a.example","CN=b.example"]},"token":"[redacted]"}"#;
    let export = place.read("out.ndjson");
    assert!(export.contains(event), "{export}");

    record(&place, br#"{"s":400,"\u0073":200}"#).code(1).stderr(
        predicate::str::contains("line 1").and(predicate::str::contains("--duplicate-fields keep-all")),
    );
    record(&place, br#"{"Host":"a","host":"b"}"#).success();
}

#[test]
fn accepts_byte_order_marks_in_each_file() {
    let place = Place::new();
    let file = |n: u8| format!("\u{feff}{{\"a\":\"\u{feff}{n}\"}}\r\n");
    let joined = [file(1), file(2), file(3)].concat().into_bytes();
    let members = [gzip(file(1).as_bytes()), gzip(file(2).as_bytes()), gzip(file(3).as_bytes())].concat();
    for input in [joined, members] {
        record(&place, &input).success();
        let export = place.read("out.ndjson");
        for n in 1..=3 {
            assert!(export.contains(&format!("\"event\":{{\"a\":\"\u{feff}{n}\"}}")), "{export}");
        }
    }
    place.write("t.csv", "\u{feff}when,who\r\n1,ada\r\n\u{feff}when,who\r\n2,lin\r\n");
    place.run(&["record", "--key", "app.key", "--origin", ORIGIN, "t.csv", "-o", "out.ndjson"]).success();
    assert_eq!(place.report("out.ndjson", &[])["counts"]["events"], 2);
}

#[test]
fn reads_each_record_of_an_otlp_export() {
    let place = Place::new();
    let one = |name: &str| {
        format!(
            "{{\"timeUnixNano\":\"1772442927500000000\",\"eventName\":\"{name}\",\"body\":{{\"stringValue\":\"x\"}}}}"
        )
    };
    let service = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"till"}}]}"#;
    let records = [one("sale"), one("refund")].join(",");
    let export = format!(
        "{{\"resourceLogs\":[{{\"resource\":{service},\"scopeLogs\":[{{\"logRecords\":[{records}]}}]}}]}}"
    );
    record(&place, export.as_bytes()).success();
    let shown = place.command(&["show", "out.ndjson", "--trust", "trust.txt", "--json"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    for action in ["sale", "refund"] {
        assert!(shown.contains(&format!("\"as\":\"OpenTelemetry\",\"time\":\"2026-03-02T09:15:27.500Z\",\"action\":\"{action}\",\"outcome\"")), "{shown}");
    }
}

#[test]
fn records_rows_of_tables_with_any_separator() {
    let place = Place::new();
    for (name, table) in
        [("t.csv", "when,who\n1,ada\n"), ("t.csv", "when;who\r\n1;ada\r\n"), ("t.tsv", "when\twho\n1\tada")]
    {
        place.write(name, table);
        let recording = ["record", "--key", "app.key", "--origin", ORIGIN, name, "-o", "out.ndjson"];
        place.run(&recording).success();
        assert!(place.read("out.ndjson").contains(r#""event":{"when":"1","who":"ada"}"#), "{table}");
    }
}

#[test]
fn reports_an_archive() {
    let place = Place::new();
    for name in ["a.csv", "a.json"] {
        place.write(name, b"PK\x03\x04\x14\0\x08\0a.csv;,\n");
        place
            .run(&["record", "--key", "app.key", "--origin", ORIGIN, name, "-o", "out.ndjson"])
            .code(1)
            .stderr(
                predicate::str::contains("the input is a ZIP archive")
                    .and(predicate::str::contains("unpack it")),
            );
    }
}

#[test]
fn an_empty_delivery_has_nothing_to_record() {
    let place = Place::new();
    record(&place, b"{\"Records\":[]}").code(1).stderr(predicate::str::contains("no event to record"));
}
