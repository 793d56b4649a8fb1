//! The format's conformance vectors: every case gives its report, however it is verified.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::export::MAX_LINE;
use countersign::pin::Pin;
#[cfg(not(target_arch = "wasm32"))]
use countersign::verify::parallel;
use countersign::verify::{Options, Progress, Summary, Verifier};

use crate::common::cases::{self, Case, all, index};

fn compare(case: &Case, how: &str, report: &countersign::verify::Report, failures: &mut Vec<String>) {
    let found = cases::stripped(serde_json::to_value(report).unwrap());
    if found != case.report {
        failures.push(format!("{} ({how})\n  expected {}\n  found    {found}", case.name, case.report));
    }
}

fn assert_none(failures: &[String]) {
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_case_gives_its_report() {
    let mut failures = Vec::new();
    for case in all() {
        let mut verifier = Verifier::new(case.options());
        verifier.push(&case.export);
        compare(&case, "at once", &verifier.finish().report, &mut failures);
    }
    assert_none(&failures);
}

/// A pin must come only from a log without problems, because it is trusted from then on.
#[test]
fn pins_only_logs_without_problems() {
    for case in all() {
        let mut verifier = Verifier::new(case.options());
        verifier.push(&case.export);
        let pin = verifier.finish().pin.map(|pin| Pin::parse(&pin).unwrap());
        let checks = case.report["checks"].as_object().unwrap();
        let passes = |name: &str| checks[name]["state"] == "pass";
        let is_sound = checks.values().all(|check| check["state"] != "fail");
        assert_eq!(pin.is_some(), passes("tree") && passes("log") && is_sound, "{}", case.name);
        if let Some(pin) = pin {
            let (log, root) = (&case.report["log"], pin.root.to_string());
            assert_eq!((&log["size"], &log["root"]), (&pin.size.into(), &root.into()), "{}", case.name);
        }
    }
}

/// Checks messages, which the reports compared above don't have.
#[test]
fn messages_describe_what_happened() {
    let said = [
        ("pin-not-reached", "append_only.not_reached", "a skip passes over the pinned size"),
        ("alone-not-reached", "append_only.not_reached", "the export ends before the pinned size"),
        ("pin-split-view", "append_only.split_view", "a corrupt file looks the same as a rewritten log"),
        ("note-of-another-origin", "key.statement", "a key note is valid only in the log that it names"),
        ("key-statement-unknown-signer", "key.statement", "name the issuer that signed it"),
        ("note-bad-line-and-revocation", "key.statement", "the note takes effect by its other signatures"),
        ("log-key-unknown", "log.unknown", "no log key of the trust file signed the last checkpoint"),
    ];
    for (name, code, words) in said {
        let case = all().find(|case| case.name == name).expect(name);
        let mut verifier = Verifier::new(case.options());
        verifier.push(&case.export);
        let report = verifier.finish().report;
        let finding = report.findings.iter().find(|finding| finding.code.as_str() == code).expect(name);
        assert!(finding.message.contains(words) || finding.hint.contains(words), "{name}: {finding:?}");
    }
}

#[test]
fn only_overlong_lines_are_called_too_long() {
    for (length, words) in [(MAX_LINE, "not UTF-8"), (MAX_LINE + 1, "longer than 1 MiB")] {
        let mut verifier = Verifier::new(Options::default());
        verifier.push(b"{\"countersign\":\"export/v1\",\"origin\":\"log.example\"}\n");
        verifier.push(&vec![0xff; length]);
        verifier.push(b"\n");
        let findings = verifier.finish().report.findings;
        assert!(findings.iter().any(|finding| finding.message.contains(words)), "{length}: {findings:?}");
    }
}

#[test]
fn reports_do_not_depend_on_how_input_is_cut() {
    let mut failures = Vec::new();
    for case in all() {
        for size in [1, 7, 4096] {
            let mut verifier = Verifier::new(case.options());
            for piece in case.export.chunks(size) {
                verifier.push(piece);
            }
            compare(&case, &format!("in pieces of {size}"), &verifier.finish().report, &mut failures);
        }
    }
    assert_none(&failures);
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn reports_do_not_depend_on_threads() {
    let mut failures = Vec::new();
    for case in all() {
        for threads in [1, 2, 3] {
            let verified =
                parallel::verify(&case.export[..], case.options(), threads, |_| {}, |_| {}).unwrap();
            compare(&case, &format!("{threads} threads"), &verified.report, &mut failures);
        }
    }
    assert_none(&failures);
}

#[test]
fn reports_do_not_depend_on_lines_per_summary() {
    let mut failures = Vec::new();
    for case in all() {
        for lines in [1, 3] {
            let mut progress = Progress::new(case.options());
            let Some((summaries, end)) = case.summaries(&mut progress, lines) else { continue };
            for summary in summaries {
                progress.absorb(summary, b"");
            }
            let how = format!("summaries of {lines} lines");
            compare(&case, &how, &progress.finish_with_update(end).0.report, &mut failures);
        }
    }
    assert_none(&failures);
}

#[test]
fn reports_do_not_depend_on_serialized_summaries() {
    let mut failures = Vec::new();
    for case in all() {
        let mut progress = Progress::new(case.options());
        let Some((summaries, end)) = case.summaries(&mut progress, 5) else { continue };
        for summary in summaries {
            let bytes = summary.encode();
            progress.absorb(Summary::decode(&bytes).unwrap(), b"");
            // Cutting every summary at every byte would take longer than all other tests together.
            assert!(
                (0..bytes.len()).step_by(7).all(|cut| Summary::decode(&bytes[..cut]).is_none()),
                "{}",
                case.name
            );
        }
        compare(&case, "as bytes", &progress.finish_with_update(end).0.report, &mut failures);
    }
    assert_none(&failures);
}

#[test]
fn blank_lines_can_be_summarized_separately() {
    let mut failures = Vec::new();
    for case in all().filter_map(|case| case.with_blank_lines()) {
        let mut progress = Progress::new(case.options());
        let Some((summaries, end)) = case.summaries(&mut progress, 1) else { continue };
        for summary in summaries {
            progress.absorb(summary, b"");
        }
        compare(&case, "line by line", &progress.finish_with_update(end).0.report, &mut failures);
    }
    assert_none(&failures);
}

#[test]
fn index_names_every_case() {
    let index = index();
    let names: Vec<&str> = index.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let found: Vec<String> = all().map(|case| case.name).collect();
    assert_eq!(found, names);
}

/// Events that match verbatim report their position, whatever the size of the pieces.
#[test]
fn events_report_their_position_in_the_export() {
    let (mut placed, mut others) = (0, 0);
    for case in all() {
        for size in [7, case.export.len()] {
            let mut verifier = Verifier::new(Options { events: true, ..case.options() }).locate();
            let mut events = Vec::new();
            for piece in case.export.chunks(size.max(1)) {
                verifier.push(piece);
                events.extend(verifier.take().events);
            }
            events.extend(verifier.finish_with_update().1.events);
            for event in events {
                let stands = |at: u64| case.export[at as usize..].starts_with(event.event.as_bytes());
                assert!(event.at.is_none_or(stands), "{}: line {}", case.name, event.line);
                *(if event.at.is_some() { &mut placed } else { &mut others }) += 1;
            }
        }
    }
    assert!(placed > 100 && others > 0, "{placed} {others}");
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn events_of_a_compressed_export_have_no_position() {
    use std::io::Write as _;

    let case = all().max_by_key(|case| case.export.len()).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&case.export).unwrap();
    let mut verifier = Verifier::new(Options { events: true, ..case.options() }).locate();
    verifier.push(&gzip.finish().unwrap());
    let events = [verifier.take().events, verifier.finish_with_update().1.events].concat();
    assert!(!events.is_empty() && events.iter().all(|event| event.at.is_none()));
}
