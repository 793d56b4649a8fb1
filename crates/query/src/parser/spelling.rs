//! How what parsers say differs from what stands in events.

use super::source::{Alternative, From, Part, PartySource, Source};
use crate::matcher::{fold, lower};

/// How texts that a short name stands for are put together: each is a text of the event, a part of one, one of the
/// reading's own, or several of these with seams between them.
#[derive(Clone, Debug, Default)]
pub struct Spelling {
    own: Vec<String>,
    seams: Vec<char>,
}

impl Spelling {
    /// Texts that may stand there and in no event, in lower case.
    pub fn own(&self) -> &[String] {
        &self.own
    }

    /// Whether this character, in lower case, may stand where two texts meet.
    pub fn parts(&self, char: char) -> bool {
        self.seams.contains(&lower(char))
    }

    fn add_own(&mut self, text: &str) {
        self.own.push(fold(text).into_owned());
    }

    fn add_seam(&mut self, char: Option<char>) {
        self.seams.extend(char.map(lower));
    }

    /// What may come of a source. Says whether that can be told.
    pub(super) fn add(&mut self, source: &Source) -> bool {
        source.alternatives.iter().all(|one| self.add_alternative(one))
    }

    /// The same for each that may be called by its type, a colon and its identifier.
    pub(super) fn add_party(&mut self, source: &PartySource, also: &Source) -> bool {
        self.add_seam(Some(':'));
        self.add(also)
            && source
                .alternatives
                .iter()
                .all(|one| [&one.id, &one.name, &one.kind].into_iter().all(|source| self.add(source)))
    }

    fn add_alternative(&mut self, one: &Alternative) -> bool {
        for text in one.map.iter().flat_map(|map| map.values()).chain(&one.otherwise) {
            self.add_own(text);
        }
        match &one.from {
            From::Path(_) => true,
            From::Text(text) => {
                self.add_own(text);
                true
            }
            From::Parts(parts) => {
                for (nth, part) in parts.iter().enumerate() {
                    if let Part::Text(text) = part {
                        self.add_own(text);
                        self.add_seam(text.chars().next().filter(|_| nth > 0));
                        self.add_seam(text.chars().next_back().filter(|_| nth + 1 < parts.len()));
                    }
                }
                // Where nothing stands between two paths, any text may be of both.
                parts.windows(2).all(|two| !matches!(two, [Part::Path(_), Part::Path(_)]))
            }
        }
    }
}
