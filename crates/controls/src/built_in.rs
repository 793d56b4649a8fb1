//! The built-in catalogs. The texts are our own; only the numbers come from the frameworks.

/// Questions that every catalog may ask.
pub(crate) const QUESTIONS: &str = include_str!("../catalogs/questions.yml");

/// The catalogs, by name.
pub(crate) const CATALOGS: [(&str, &str); 6] = [
    ("gdpr", include_str!("../catalogs/gdpr.yml")),
    ("hipaa", include_str!("../catalogs/hipaa.yml")),
    ("iso27001", include_str!("../catalogs/iso27001.yml")),
    ("nis2", include_str!("../catalogs/nis2.yml")),
    ("pci", include_str!("../catalogs/pci.yml")),
    ("soc2", include_str!("../catalogs/soc2.yml")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use countersign_analyze::Pack;
    use countersign_query::parser::{Categories, Category, Parsers, Read};
    use countersign_query::value::Document;

    use super::*;
    use crate::{AnswerSource, Catalog};

    #[test]
    fn built_in_catalogs_parse_and_refer_to_built_in_rules() {
        let pack = Pack::built_in();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogs");
        let files =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut named: BTreeSet<String> = CATALOGS.iter().map(|(name, _)| format!("{name}.yml")).collect();
        named.insert("questions.yml".into());
        assert_eq!(files.collect::<BTreeSet<_>>(), named);
        for (name, text) in CATALOGS {
            let catalog = Catalog::parse(text).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
            assert_eq!(catalog.framework, name);
            assert!((8..=20).contains(&catalog.controls.len()), "{name}: {}", catalog.controls.len());
            assert_eq!(catalog.unanswered(&pack).collect::<Vec<_>>(), [], "{name}");
            let is_query =
                |place: &usize| matches!(catalog.questions[*place].by, AnswerSource::Events { .. });
            assert!(catalog.controls.iter().filter(|control| control.shows.iter().any(is_query)).count() > 4);
        }
    }

    #[test]
    fn actions_that_rules_treat_as_logins_have_the_category() {
        let file =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../analyze/rules/authentication.yml");
        let rules = std::fs::read_to_string(file).unwrap();
        let list = rules.split("  login:\n    parsed.action:\n").nth(1).unwrap();
        let actions: Vec<&str> = list.lines().map_while(|line| line.strip_prefix("      - ")).collect();
        assert!(actions.len() > 10);
        let parsers = Parsers::built_in();
        let authentication: Categories = [Category::Authentication].into_iter().collect();
        for action in actions {
            let action = action.trim_matches('\'').replace('*', "x");
            let document = Document::parse(r#"{"type":"x"}"#).unwrap();
            let is_login = parsers.names().any(|parser| {
                let (parsed_as, action) = (parser.into(), Some(action.as_str().into()));
                let read = Read { parsed_as, action, ..Read::default() };
                let mut found = false;
                parsers.classify(&document.root(), &read, &mut |_, categories| {
                    found |= categories.intersects(authentication);
                });
                // Every event of this parser is a login.
                found && parser != "Entra sign-in"
            });
            assert!(is_login || action == "Sign-in activity", "{action}");
        }
    }

    #[test]
    fn every_question_is_asked_by_some_catalog() {
        let asked: BTreeSet<String> = CATALOGS
            .iter()
            .flat_map(|(name, _)| Catalog::built_in(name).unwrap().questions)
            .map(|question| question.name)
            .collect();
        for line in QUESTIONS.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            let name = line.trim().split(':').next().unwrap();
            assert!(asked.contains(name), "{name}");
        }
    }
}
