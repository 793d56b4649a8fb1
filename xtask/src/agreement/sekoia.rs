//! Sekoia's formats: `FORMAT/tests/*.json` contain an event, and the fields of the Elastic Common Schema that Sekoia's parser
//! extracts.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::case::{Case, files, text};
use super::fact::{Fact, Facts, facts, texts};

/// Reads the events of some formats. Those that aren't JSON are left out.
pub(super) fn read(checkout: &Path, formats: &BTreeSet<&str>) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for format in formats {
        for file in files(&checkout.join(format).join("tests"), "json")? {
            let test: Value =
                serde_json::from_str(&text(&file)?).with_context(|| file.display().to_string())?;
            let message = test["input"]["message"].as_str().unwrap_or_default();
            let Ok(event @ Value::Object(_)) = serde_json::from_str(message) else { continue };
            cases.push(Case {
                source: (*format).to_owned(),
                name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                event,
                expected: expected(&test["expected"]),
            });
        }
    }
    Ok(cases)
}

fn expected(ecs: &Value) -> Facts {
    let first = |places: &[&[&str]]| {
        places.iter().map(|paths| texts(ecs, paths)).find(|texts| !texts.is_empty()).unwrap_or_default()
    };
    facts([
        (
            Fact::Who,
            first(&[
                &["user.name", "user.email", "user.id", "user.full_name"],
                &["source.user.name", "source.user.email", "source.user.id"],
            ]),
        ),
        (Fact::Address, first(&[&["source.ip"], &["client.ip"]])),
        (Fact::Action, first(&[&["event.action"], &["action.name"]])),
        (Fact::Outcome, first(&[&["event.outcome"], &["action.outcome"]])),
        (Fact::Time, texts(ecs, &["@timestamp"])),
    ])
}
