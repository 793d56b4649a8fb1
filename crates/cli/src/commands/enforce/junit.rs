//! What a policy asks, as tests in JUnit's format: each is one, and each thing against it is one that fails.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::Judged;

pub(super) fn junit(judged: &Judged<'_>) -> String {
    let (mut cases, mut tests, mut failures, mut skipped) = (String::new(), 0, 0, 0);
    for check in &judged.checks {
        let class = escaped(&check.id);
        if check.against.is_empty() {
            tests += 1;
            let _ =
                writeln!(cases, "    <testcase classname=\"{class}\" name=\"{}\"/>", escaped(&check.wanted));
        }
        for against in &check.against {
            tests += 1;
            // A test keeps its name when it fails, so that whoever follows it over many runs finds it.
            let is_whole = check.against.len() == 1 && against.identity.is_empty();
            let name = escaped(if is_whole { &check.wanted } else { &against.said });
            let said = escaped(&against.whole());
            let entries: Vec<String> = against.leaves.iter().map(u64::to_string).collect();
            let entries = match &entries[..] {
                [] => String::new(),
                [entry] => format!("entry {entry}"),
                entries => format!("entries {}", entries.join(", ")),
            };
            let inner = if let Some(passed) = &against.passed {
                skipped += 1;
                format!("<skipped message=\"{}, until {}\"/>", escaped(&passed.reason), passed.until)
            } else {
                failures += 1;
                format!("<failure type=\"{class}\" message=\"{said}\">{entries}</failure>")
            };
            let _ = writeln!(cases, "    <testcase classname=\"{class}\" name=\"{name}\">{inner}</testcase>");
        }
    }
    let name = escaped(&judged.policy.name);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"countersign\" {counts}>\n  <testsuite name=\"{name}\" {counts}>\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

/// Text in an attribute or an element, on one line; what XML 1.0 cannot say is replaced.
fn escaped(text: &str) -> String {
    let said: String = text
        .chars()
        .map(|char| match char {
            '\t' | '\n' | '\r' => ' ',
            '\u{fffe}' | '\u{ffff}' | '\0'..'\u{20}' => '\u{fffd}',
            char => char,
        })
        .collect();
    escape(said).into_owned()
}
