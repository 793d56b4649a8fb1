//! The rules of `tests/prose/language.toml`, and what breaks them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::lexer::{Kind, Token};

/// The maximum length of a commit subject, in characters.
const MAX_SUBJECT: usize = 72;

/// The banned openings, phrases, and names, and the exempt paths.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// The commit after which subjects are checked while there is no release.
    first_commit: String,
    /// Beginnings of the paths that aren't checked.
    exempt: Vec<String>,
    /// Openings of comments, in whole words.
    openings: Vec<String>,
    /// More openings of doc comments.
    doc_openings: Vec<String>,
    /// Phrases in comments and strings, in whole words and lower case, and what to write instead.
    phrases: BTreeMap<String, String>,
    /// Names that are banned where they are declared, such as `fn of`, and what to choose instead.
    declarations: BTreeMap<String, String>,
    /// Beginnings of the names of limits that are banned where they are declared.
    limits: Vec<String>,
    /// Parts of names, in lower case, and what replaced them.
    parts: BTreeMap<String, String>,
}

impl Rules {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let rules: Self = toml::from_str(text)?;
        ensure!(
            !rules.openings.is_empty() && !rules.phrases.is_empty(),
            "the rules have no openings or no phrases"
        );
        Ok(rules)
    }

    pub(super) fn first_commit(&self) -> &str {
        &self.first_commit
    }

    pub(super) fn exempts(&self, file: &str) -> bool {
        self.exempt.iter().any(|prefix| file.starts_with(prefix))
    }

    /// Returns the complaints about a token.
    pub(super) fn complaints(&self, token: &Token) -> impl Iterator<Item = String> {
        let mut complaints = Vec::new();
        match token.kind {
            Kind::Comment | Kind::Doc => {
                let prose = prose(&token.text);
                let more = if token.kind == Kind::Doc { &self.doc_openings[..] } else { &[] };
                let opening =
                    self.openings.iter().chain(more).find(|opening| starts_with_words(&prose, opening));
                complaints.extend(opening.map(|opening| format!("a comment begins with \"{opening}\"")));
                complaints.extend(self.phrase(&prose));
            }
            // Codes, names, and other languages' texts have no spaces.
            Kind::String if token.text.contains(' ') => complaints.extend(self.phrase(&token.text)),
            Kind::String | Kind::Mark => {}
            Kind::Name => complaints.extend(self.name(&token.text)),
        }
        complaints.into_iter()
    }

    fn phrase(&self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        let (phrase, instead) = self.phrases.iter().find(|(phrase, _)| has_words(&text, phrase))?;
        Some(format!("\"{phrase}\": write {instead}"))
    }

    fn name(&self, text: &str) -> Option<String> {
        if let Some(instead) = self.declarations.get(text) {
            return Some(format!("`{text}`: choose {instead}"));
        }
        if let Some((_, name)) = text.split_once(' ')
            && self.limits.iter().any(|limit| name.starts_with(limit.as_str()))
        {
            return Some(format!("`{name}`: limits are MAX_… or MIN_…"));
        }
        let lower = text.to_lowercase();
        let (part, instead) = self.parts.iter().find(|(part, _)| lower.contains(part.as_str()))?;
        Some(format!("`{text}` has \"{part}\": say {instead}"))
    }
}

/// Returns the complaint about a commit subject.
pub(super) fn subject_complaint(subject: &str) -> Option<String> {
    let length = subject.chars().count();
    if length > MAX_SUBJECT {
        return Some(format!("commit subject of {length} characters: {subject}"));
    }
    let area = subject.split_once(": ").map(|(area, _)| area);
    let has_area = area.is_some_and(|area| {
        !area.is_empty() && area.chars().all(|char| char.is_alphanumeric() || ",-/_. ".contains(char))
    });
    (!has_area).then(|| format!("commit subject without an area (\"area: imperative\"): {subject}"))
}

/// Returns a comment's text without code, links, and examples.
fn prose(comment: &str) -> String {
    let mut is_example = false;
    let lines = comment.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_example ^= is_fence;
        !is_fence && !is_example
    });
    let text = lines.collect::<Vec<_>>().join(" ");
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// True if the text begins with these words.
fn starts_with_words(text: &str, words: &str) -> bool {
    text.strip_prefix(words).is_some_and(|rest| {
        !rest.starts_with(|char: char| char.is_alphanumeric() || char == '-' || char == '_')
    })
}

/// True if the text has these words, not as parts of longer ones.
fn has_words(text: &str, words: &str) -> bool {
    let is_inner =
        |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_' || char == '-');
    text.match_indices(words).any(|(at, _)| {
        !is_inner(text[..at].chars().next_back()) && !is_inner(text[at + words.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::parse(
            r#"
            first_commit = "0"
            exempt = ["tests/vectors/"]
            openings = ["What", "So"]
            doc_openings = ["The same"]
            limits = ["MOST_"]
            [phrases]
            anew = "again"
            [declarations]
            "fn of" = "`from_x`"
            [parts]
            unauthoris = "unauthorized"
            "#,
        )
        .unwrap()
    }

    fn complaints(kind: Kind, text: &str) -> usize {
        rules().complaints(&Token { kind, line: 1, text: text.into() }).count()
    }

    #[test]
    fn finds_banned_openings_phrases_and_names() {
        assert_eq!(complaints(Kind::Comment, "What it is."), 1);
        assert_eq!(complaints(Kind::Comment, "The same request."), 0);
        assert_eq!(complaints(Kind::Doc, "The same request."), 1);
        assert_eq!(complaints(Kind::Comment, "Whatever; `anew` is code.\n```\nanew\n```"), 0);
        assert_eq!(complaints(Kind::Comment, "Read\nanew."), 1);
        assert_eq!(complaints(Kind::String, "read Anew"), 1);
        assert_eq!(complaints(Kind::String, "anew"), 0);
        assert_eq!(complaints(Kind::Name, "fn of"), 1);
        assert_eq!(complaints(Kind::Name, "of"), 0);
        assert_eq!(complaints(Kind::Name, "const MOST_BYTES"), 1);
        assert_eq!(complaints(Kind::Name, "isUnauthorised"), 1);
    }

    #[test]
    fn checks_commit_subjects() {
        assert_eq!(subject_complaint("core, log: say what is missing"), None);
        assert!(subject_complaint("Say what is missing").is_some());
        assert!(subject_complaint(&format!("core: {}", "x".repeat(67))).is_some());
    }
}
