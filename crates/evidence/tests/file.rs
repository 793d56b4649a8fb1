//! Tests of evidence files: what is written can be read, and anything else is refused with a code, a place, and a hint.

use countersign::Code;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Options, Verdict, Verifier};
use countersign_evidence::{
    Block, Described, Examined, File, Frame, MARK, Paper, Scope, Section, Sliced, Tool, canonical_report,
    is_page,
};

const EXPORT: &[u8] = include_bytes!("../../../tests/vectors/log-two-chains/export.ndjson");
const TRUST: &[u8] = include_bytes!("../../../tests/vectors/log-two-chains/trust.txt");
const PAGE: &[u8] = b"<!doctype html>\n<html><body><script>1</script></body></html>\n";

fn report(export: &[u8]) -> String {
    let trust = Trust::parse(TRUST).unwrap();
    let mut verifier = Verifier::new(Options { trust, ..Options::default() });
    verifier.push(export);
    let report = verifier.finish().report;
    assert!(matches!(report.verdict, Verdict::Verified | Verdict::Partial), "{:?}", report.findings);
    canonical_report(serde_json::to_string(&report).unwrap().as_bytes()).unwrap()
}

/// Text that would have an effect in a page that took it for markup.
const HOSTILE: &str = "</script><script>alert(1)</script><!-- \u{2028} \\u003c \" 'x' &lt; ]]>";

fn file() -> File {
    let pin = b"a pin, of which the frame has the hash alone".to_vec();
    let frame = Frame {
        file: Described::new("audit.ndjson", EXPORT),
        tool: Tool {
            name: "countersign".into(),
            version: "0.1.0".into(),
            sha256: countersign::hash::Hash([3; 32]),
        },
        time: "2026-11-21T12:00:00.000Z".parse().unwrap(),
        trust: Some(Described::new("trust.txt", TRUST)),
        pins: vec![Described::new("last.txt", &pin)],
        query: Some(HOSTILE.into()),
        scope: Scope {
            events: 9,
            examined: Some(Examined { events: 9, unrecognized: 0 }),
            range: Some((0, 15)),
            sample: None,
        },
        detections: None,
        report: report(EXPORT),
        slice: None,
        reference: "WP-7".into(),
        examiner: "Ada".into(),
        papers: vec![Paper { leaf: 3, ticked: true, flagged: false, comment: HOSTILE.into() }],
        sections: vec![Section {
            title: "Controls".into(),
            blocks: vec![
                Block::Text("One.".into()),
                Block::List(vec!["a".into()]),
                Block::Table { head: vec!["x".into()], rows: vec![vec!["1".into()]] },
            ],
            data: Some(r#"{"message":1}"#.into()),
        }],
    };
    File {
        page: PAGE.to_vec(),
        frame,
        trust: Some(TRUST.to_vec()),
        pins: vec![pin],
        rules: None,
        export: EXPORT.to_vec(),
    }
}

fn refused(bytes: &[u8]) -> countersign::Error {
    let error = File::read(bytes).expect_err("it is refused");
    assert_eq!(error.code, Code::Evidence, "{error}");
    assert!(error.hint.is_some() || error.member.is_some(), "{error}");
    error
}

#[test]
fn file_round_trips() {
    let bytes = file().write().unwrap();
    let read = File::read(&bytes).unwrap();
    assert!(read == file());
    assert!(read.write().unwrap() == bytes);
    assert!(bytes.starts_with(PAGE) && is_page(&bytes));
    assert_eq!(read.page_sha256(), countersign::hash::Hash::digest(&[PAGE]));
    read.frame.has_report(report(&read.export).as_bytes()).unwrap();
}

#[test]
fn content_cannot_end_the_element_or_start_a_comment() {
    let bytes = file().write().unwrap();
    let block = std::str::from_utf8(&bytes[PAGE.len() + MARK.len()..]).unwrap();
    let block = block.strip_suffix("</script>\n").unwrap();
    assert!(!block.contains('<'));
}

#[test]
fn missing_hashes_are_computed_from_the_content() {
    let whole = file();
    let json = String::from_utf8(whole.frame.to_json().unwrap()).unwrap();
    let mut request: serde_json::Value = serde_json::from_str(&json).unwrap();
    request["trust"] = serde_json::json!({"name": "trust.txt"});
    request["pins"] = serde_json::json!([{"name": "last.txt"}]);
    let request = request.to_string();
    let made = File::assemble(
        request.as_bytes(),
        whole.page.clone(),
        whole.trust.clone(),
        whole.pins.clone(),
        None,
        whole.export.clone(),
    );
    assert!(made.unwrap().write().unwrap() == whole.write().unwrap());
    assert_eq!(Frame::parse(request.as_bytes()).unwrap_err().member.as_deref(), Some("sha256"));
}

#[test]
fn parts_must_match_their_hashes() {
    for (member, change) in [
        ("trust", (|file: &mut File| file.trust.as_mut().unwrap().push(b'\n')) as fn(&mut File)),
        ("trust", |file| file.trust = None),
        ("pins", |file| file.pins[0][0] ^= 1),
        ("pins", |file| file.pins.clear()),
        ("export", |file| file.export[500] ^= 1),
    ] {
        let mut changed = file();
        change(&mut changed);
        assert_eq!(changed.write().unwrap_err().member.as_deref(), Some(member));
    }
}

#[test]
fn changing_any_byte_of_the_evidence_is_detected() {
    let bytes = file().write().unwrap();
    for place in (PAGE.len()..bytes.len()).step_by(7).chain(bytes.len() - 200..bytes.len()) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        refused(&changed);
    }
}

/// Changes a file like a forger who corrects its checksum.
fn forged(bytes: &[u8], one: &str, other: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(one), "{one}");
    let changed = text.replacen(one, other, 1);
    let end = changed.find("\nsum ").unwrap() + 1;
    let sum = countersign::hash::Hash::digest(&[&changed.as_bytes()[PAGE.len()..end]]);
    format!("{}sum {}\n</script>\n", &changed[..end], countersign::hex::encode(&sum.0)).into_bytes()
}

#[test]
fn truncated_file_is_refused() {
    let bytes = file().write().unwrap();
    for end in (0..bytes.len()).step_by(13).chain([bytes.len() - 1]) {
        refused(&bytes[..end]);
    }
    refused(&[&bytes[..], b"\n"].concat());
    refused(&[&bytes[..], b"<script>alert(1)</script>"].concat());
}

#[test]
fn repeated_missing_and_reordered_lines_are_refused() {
    let bytes = file().write().unwrap();
    let block = &bytes[PAGE.len()..];
    refused(&[&bytes, block].concat());
    let text = String::from_utf8(bytes.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let first = lines.iter().position(|line| line.starts_with("countersign evidence")).unwrap();
    for place in first..lines.len() {
        let mut doubled = lines.clone();
        doubled.insert(place, lines[place]);
        let error = refused(doubled.concat().as_bytes());
        assert!(error.line.is_some() || error.hint.is_some());
        let mut missing = lines.clone();
        missing.remove(place);
        refused(missing.concat().as_bytes());
        let mut swapped = lines.clone();
        swapped.swap(place, place - 1);
        refused(swapped.concat().as_bytes());
    }
}

#[test]
fn frames_that_are_not_canonical_are_refused() {
    let bytes = file().write().unwrap();
    for (one, other) in [
        ("frame {", "frame { "),
        ("\"examiner\":\"Ada\"", "\"examiner\":\"\\u0041da\""),
        ("\"reference\":\"WP-7\"", "\"reference\":\"WP-7\",\"reference\":\"WP-7\""),
        ("\"reference\":\"WP-7\"", "\"reference\":\"WP-7\",\"referred\":\"WP-7\""),
        ("\\u003c/script>", "</script>"),
        ("\"ticked\":true", "\"ticked\":1"),
        ("evidence/v1\nframe", "evidence/v2\nframe"),
    ] {
        refused(&forged(&bytes, one, other));
    }
}

#[test]
fn export_larger_than_stated_is_refused() {
    let mut large = file();
    large.export = vec![b'x'; 10 << 20];
    large.frame.file = Described::new("audit.ndjson", &large.export);
    let bytes = large.write().unwrap();
    assert!(bytes.len() < 200_000, "{}", bytes.len());
    let small = forged(&bytes, "\"size\":10485760", "\"size\":1048576");
    assert_eq!(refused(&small).member.as_deref(), Some("export"));
}

#[test]
fn altered_report_does_not_agree() {
    let bytes = file().write().unwrap();
    let now = report(EXPORT);
    for (one, other) in [
        ("\"counts\":{\"chains\":2", "\"counts\":{\"chains\":3"),
        ("\"verdict\":\"verified\"", "\"verdict\":\"partial\""),
        ("\"origin\":\"", "\"origin\":\"x"),
    ] {
        let read = File::read(&forged(&bytes, one, other)).unwrap();
        let error = read.frame.has_report(now.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.member.as_deref()), (Code::Evidence, Some("report")));
    }
    // Text for people may differ.
    let reworded = now.replacen("\"reason\":null", "\"reason\":\"in other words\"", 1);
    assert_ne!(reworded, now);
    File::read(&bytes).unwrap().frame.has_report(reworded.as_bytes()).unwrap();
}

#[test]
fn slice_has_its_own_report_of_the_same_log() {
    let mut sliced = file();
    let slice = Sliced { file: Described::new("slice.ndjson", EXPORT), events: 9, report: report(EXPORT) };
    sliced.frame.slice = Some(slice);
    let read = File::read(&sliced.write().unwrap()).unwrap();
    assert_eq!(read.export_name(), "slice.ndjson");
    read.frame.has_report(report(EXPORT).as_bytes()).unwrap();
    let mut other = read.frame;
    other.report = other.report.replacen("\"log\":{\"root\"", "\"log\":{\"more\":1,\"root\"", 1);
    other.has_report(report(EXPORT).as_bytes()).unwrap_err();
}

#[test]
fn strings_and_lists_are_bounded() {
    let long = |change: fn(&mut Frame)| {
        let mut frame = file().frame;
        change(&mut frame);
        assert_eq!(frame.to_json().unwrap_err().code, Code::Evidence);
    };
    long(|frame| frame.papers[0].comment = "x".repeat(8_001));
    long(|frame| frame.reference = "x".repeat(16_001));
    long(|frame| frame.papers.push(frame.papers[0].clone()));
    long(|frame| frame.pins = vec![frame.pins[0].clone(); 65]);
    long(|frame| frame.scope.range = Some((4, 4)));
    long(|frame| {
        frame.sections[0].blocks = vec![Block::Table { head: vec![], rows: vec![vec!["1".into()]] }];
    });
    long(|frame| frame.report = "{}".into());
}

#[test]
fn verdict_reason_is_derived_from_the_filed_report() {
    let mut met = std::collections::BTreeSet::new();
    for vector in std::fs::read_dir("../../tests/vectors").unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(export) = std::fs::read(vector.join("export.ndjson")) else { continue };
        let trust = std::fs::read(vector.join("trust.txt")).ok().and_then(|trust| Trust::parse(&trust).ok());
        let options = Options { trust: trust.unwrap_or_default(), ..Options::default() };
        let mut verifier = Verifier::new(options);
        verifier.push(&export);
        let report = verifier.finish().report;
        let text = canonical_report(serde_json::to_string(&report).unwrap().as_bytes()).unwrap();
        let mut filed = file().frame;
        filed.report = text;
        filed.query = None;
        filed.scope = Scope::default();
        filed.papers.clear();
        filed.time = Time::MAX;
        let filed = Frame::parse(&filed.to_json().unwrap()).unwrap();
        assert_eq!(filed.why(), report.why(), "{}", vector.display());
        met.extend(report.why());
    }
    assert!(met.len() > 6, "{met:?}");
    let mut newer = file().frame;
    newer.report = newer.report.replace("\"finding_counts\":{", "\"finding_counts\":{\"a.newer\":1,");
    assert_eq!(newer.why(), None);
}
