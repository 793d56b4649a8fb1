//! Differences between parsed fields and the texts of events.

use super::source::{Alternative, Input, PartySource, Source, TemplatePart};
use crate::matcher::{fold, lower};

/// Describes how a parser assembles the values of a short name. Each value is a string of the event, a part of one, one
/// of the parser's own constants, or several of these joined.
#[derive(Clone, Debug, Default)]
pub struct Spelling {
    constants: Vec<String>,
    seams: Vec<char>,
}

impl Spelling {
    /// Returns the constants that may occur in values but not in events, in lower case.
    pub fn constants(&self) -> &[String] {
        &self.constants
    }

    /// True if this character may occur where two texts are joined.
    pub fn is_seam(&self, char: char) -> bool {
        self.seams.contains(&lower(char))
    }

    fn add_constant(&mut self, text: &str) {
        self.constants.push(fold(text).into_owned());
    }

    fn add_seam(&mut self, char: Option<char>) {
        self.seams.extend(char.map(lower));
    }

    /// Adds the values of a source. Returns false if they can't be described.
    pub(super) fn add(&mut self, source: &Source) -> bool {
        source.alternatives.iter().all(|one| self.add_alternative(one))
    }

    /// Adds the values of a party, which may also be written as its type, a colon, and its identifier.
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
            self.add_constant(text);
        }
        match &one.from {
            Input::Path(_) => true,
            Input::Text(text) => {
                self.add_constant(text);
                true
            }
            Input::Parts(parts) => {
                for (nth, part) in parts.iter().enumerate() {
                    if let TemplatePart::Text(text) = part {
                        self.add_constant(text);
                        self.add_seam(text.chars().next().filter(|_| nth > 0));
                        self.add_seam(text.chars().next_back().filter(|_| nth + 1 < parts.len()));
                    }
                }
                // With nothing between two paths, any text may span both.
                parts.windows(2).all(|two| !matches!(two, [TemplatePart::Path(_), TemplatePart::Path(_)]))
            }
        }
    }
}
