//! The built-in rules and their cases.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use countersign_analyze::{Level, Pack, Sources, cases};
use countersign_query::Parsers;

pub(crate) fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

pub(crate) fn is_cases(name: &str) -> bool {
    name.ends_with(".cases.yml")
}

pub(crate) fn pack() -> Pack {
    let mut sources = Sources::default();
    for (name, text) in files().iter().filter(|(name, _)| !is_cases(name)) {
        sources.add(name, text);
    }
    sources.build("countersign").unwrap_or_else(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", errors.join("\n"))
    })
}

#[test]
fn rules_pass_their_cases() {
    let (pack, parsers) = (pack(), Parsers::built_in());
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, text) in files().iter().filter(|(name, _)| is_cases(name)) {
        for case in cases::parse(name, text).unwrap_or_else(|error| panic!("{error}")) {
            let fired =
                case.run(&pack, &parsers).unwrap_or_else(|| panic!("{name}: there is no rule {}", case.rule));
            if fired != case.fires {
                wrong.push(format!(
                    "{}:{} {}: {}: {fired}, not {}",
                    case.place.0, case.place.1, case.rule, case.name, case.fires
                ));
            }
            let (fire, not) = counts.entry(case.rule).or_default();
            *if case.fires > 0 { fire } else { not } += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for rule in pack.rules().iter().filter(|rule| rule.level > Level::Informational) {
        let name = rule.name.as_deref().unwrap_or(&rule.id);
        let counts = counts.get(name).copied().unwrap_or_default();
        assert!(counts.0 >= 3 && counts.1 >= 3, "{name} has {counts:?} cases");
        assert!(
            !rule.description.is_empty() && !rule.response.is_empty() && !rule.false_positives.is_empty(),
            "{name}"
        );
        assert!(rule.tags.iter().any(|tag| tag.starts_with("attack.t")), "{name}");
    }
}

#[test]
fn rules_pass_their_cases_with_redacted_events() {
    let (pack, parsers) = (pack(), Parsers::built_in());
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, text) in files().iter().filter(|(name, _)| is_cases(name)) {
        for case in cases::parse(name, text).unwrap_or_else(|error| panic!("{error}")) {
            let place = format!("{}:{} {}: {}", case.place.0, case.place.1, case.rule, case.name);
            let fires = case.fires;
            let redacted = case.redacted().unwrap_or_else(|error| panic!("{place}: {error}"));
            let fired =
                redacted.run(&pack, &parsers).unwrap_or_else(|| panic!("{place}: there is no such rule"));
            if fired != fires {
                wrong.push(format!("{place}: {fired}, not {fires}"));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 1_700, "{count}");
}

#[test]
fn a_built_pack_round_trips() {
    let pack = pack();
    let again = Pack::parse(pack.as_json()).unwrap_or_else(|errors| panic!("{}", errors[0]));
    assert_eq!((again.hash(), again.as_json()), (pack.hash(), pack.as_json()));
    assert_eq!(again.rules().len(), pack.rules().len());
}
