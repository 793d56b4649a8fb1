//! Formats the result as JUnit tests: each requirement is a test, and each violation a failed one.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::PolicyResult;

pub(super) fn junit(result: &PolicyResult<'_>) -> String {
    let (mut cases, mut tests, mut failures, mut skipped) = (String::new(), 0, 0, 0);
    for check in &result.checks {
        let class = escaped(&check.id);
        if check.violations.is_empty() {
            tests += 1;
            let _ = writeln!(
                cases,
                "    <testcase classname=\"{class}\" name=\"{}\"/>",
                escaped(&check.requirement)
            );
        }
        for violation in &check.violations {
            tests += 1;
            // A test keeps its name when it fails, so that its history stays connected.
            let is_whole = check.violations.len() == 1 && violation.identity.is_empty();
            let name = escaped(if is_whole { &check.requirement } else { &violation.description });
            let message = escaped(&violation.text());
            let entries: Vec<String> = violation.leaves.iter().map(u64::to_string).collect();
            let entries = match &entries[..] {
                [] => String::new(),
                [entry] => format!("entry {entry}"),
                entries => format!("entries {}", entries.join(", ")),
            };
            let inner = if let Some(exception) = &violation.exception {
                skipped += 1;
                format!("<skipped message=\"{}, until {}\"/>", escaped(&exception.reason), exception.until)
            } else {
                failures += 1;
                format!("<failure type=\"{class}\" message=\"{message}\">{entries}</failure>")
            };
            let _ = writeln!(cases, "    <testcase classname=\"{class}\" name=\"{name}\">{inner}</testcase>");
        }
    }
    let gaps: String = result.gaps.iter().map(|gap| escaped(gap) + "\n").collect();
    let gaps = if gaps.is_empty() { gaps } else { format!("    <system-out>{gaps}</system-out>\n") };
    let name = escaped(&result.policy.name);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"countersign\" {counts}>\n  <testsuite name=\"{name}\" {counts}>\n{cases}{gaps}  </testsuite>\n</testsuites>\n"
    )
}

/// Escapes text for an attribute or element, on one line. Characters not allowed in XML 1.0 are replaced.
fn escaped(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|char| match char {
            '\t' | '\n' | '\r' => ' ',
            '\u{fffe}' | '\u{ffff}' | '\0'..'\u{20}' => '\u{fffd}',
            char => char,
        })
        .collect();
    escape(line).into_owned()
}
