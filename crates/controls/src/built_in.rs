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
