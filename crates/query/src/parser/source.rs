//! Sources of a parsed field: where in an event its text comes from, and how it is converted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use countersign::time::Time;

use super::condition::Condition;
use super::parsed::{Outcome, Party};
use super::path::{Path, Prefixes, Scope};
use super::when::TimeFormat;
use crate::value::Kind;

/// Alternatives for a field; the first that yields a string is used.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug)]
pub(super) struct Alternative {
    pub(super) when: Condition,
    pub(super) from: Input,
    /// Keeps what follows the first occurrence of this text.
    pub(super) after: Option<String>,
    /// Keeps what precedes the first occurrence of this text.
    pub(super) before: Option<String>,
    /// Replaces known texts.
    pub(super) map: Option<BTreeMap<String, String>>,
    /// Replaces all texts that `map` doesn't contain.
    pub(super) otherwise: Option<String>,
    pub(super) time_format: TimeFormat,
}

#[derive(Clone, Debug)]
pub(super) enum Input {
    /// The values at a path.
    Path(Path),
    /// A constant text.
    Text(String),
    /// Parts to concatenate; all must be found.
    Parts(Vec<TemplatePart>),
}

#[derive(Clone, Debug)]
pub(super) enum TemplatePart {
    Text(String),
    Path(Path),
}

impl Source {
    pub(super) fn assign_numbers(&mut self, prefixes: &mut Prefixes) {
        for one in &mut self.alternatives {
            one.when.assign_numbers(prefixes);
            match &mut one.from {
                Input::Path(path) => path.assign_numbers(prefixes),
                Input::Text(_) => {}
                Input::Parts(parts) => parts.iter_mut().for_each(|part| {
                    if let TemplatePart::Path(path) = part {
                        path.assign_numbers(prefixes);
                    }
                }),
            }
        }
    }

    /// False if none of the alternatives can yield a string for this event.
    fn may_find(&self, scope: &Scope<'_, '_>) -> bool {
        self.alternatives.iter().any(|one| match &one.from {
            Input::Path(path) => path.may_find(scope),
            Input::Text(_) | Input::Parts(_) => true,
        })
    }

    pub(super) fn text<'a>(&'a self, scope: &Scope<'a, '_>) -> Option<Cow<'a, str>> {
        self.alternatives.iter().find_map(|one| one.find(scope, Some))
    }

    /// Calls `accept` with every text of every alternative.
    fn each_text<'a>(&'a self, scope: &Scope<'a, '_>, mut accept: impl FnMut(Cow<'a, str>)) {
        for one in &self.alternatives {
            one.find(scope, |text| -> Option<()> {
                accept(text);
                None
            });
        }
    }

    pub(super) fn time<'a>(&'a self, scope: &Scope<'a, '_>) -> Option<Time> {
        self.alternatives.iter().find_map(|one| one.find(scope, |text| one.time_format.read(&text)))
    }

    /// Returns the first time without an offset, as if it were in UTC.
    pub(super) fn local_time<'a>(&'a self, scope: &Scope<'a, '_>) -> Option<Time> {
        self.alternatives.iter().find_map(|one| one.find(scope, |text| one.time_format.read_local(&text)))
    }

    /// True if the event has a value for one of the alternatives.
    pub(super) fn is_stated<'a>(&'a self, scope: &Scope<'a, '_>) -> bool {
        let is_text = |text: Cow<'a, str>| (!text.is_empty()).then_some(());
        self.alternatives.iter().any(|one| one.find(scope, is_text).is_some() || one.is_nested(scope))
    }

    pub(super) fn outcome<'a>(&'a self, scope: &Scope<'a, '_>) -> Outcome {
        let stated = |text: Cow<'a, str>| Outcome::parse_stated(&text);
        self.alternatives.iter().find_map(|one| one.find(scope, stated)).unwrap_or_default()
    }
}

impl Alternative {
    /// Returns the first result of `make` for a string found here.
    pub(super) fn find<'a, T>(
        &'a self,
        scope: &Scope<'a, '_>,
        mut make: impl FnMut(Cow<'a, str>) -> Option<T>,
    ) -> Option<T> {
        if !self.when.holds(scope) {
            return None;
        }
        match &self.from {
            Input::Text(text) => self.convert(Cow::Borrowed(text)).and_then(make),
            Input::Parts(parts) => {
                let mut joined = String::new();
                for part in parts {
                    match part {
                        TemplatePart::Text(text) => joined.push_str(text),
                        TemplatePart::Path(path) => joined.push_str(&first_text(path, scope)?),
                    }
                }
                self.convert(Cow::Owned(joined)).and_then(make)
            }
            Input::Path(path) => {
                let mut made = None;
                path.find(scope, &mut |value| {
                    made = value.non_empty_text().and_then(|text| self.convert(text)).and_then(&mut make);
                    made.is_some()
                });
                made
            }
        }
    }

    /// True if the value is an object or array, which has no text of its own.
    fn is_nested<'a>(&'a self, scope: &Scope<'a, '_>) -> bool {
        let Input::Path(path) = &self.from else { return false };
        let mut is_nested = false;
        path.find(scope, &mut |value| {
            is_nested = matches!(value.kind(), Kind::Object | Kind::Array);
            is_nested
        });
        is_nested && self.when.holds(scope)
    }

    pub(super) fn convert<'a>(&'a self, text: Cow<'a, str>) -> Option<Cow<'a, str>> {
        let mut range = 0..text.len();
        if let Some(mark) = &self.after {
            range.start += text.find(mark.as_str())? + mark.len();
        }
        if let Some(mark) = &self.before {
            range.end = range.start + text[range.start..].find(mark.as_str())?;
        }
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
            Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
        };
        let Some(map) = &self.map else { return (!text.is_empty()).then_some(text) };
        map.get(&*text).or(self.otherwise.as_ref()).map(|text| Cow::Borrowed(text.as_str()))
    }
}

pub(super) fn first_text<'a>(path: &Path, scope: &Scope<'a, '_>) -> Option<Cow<'a, str>> {
    let mut text = None;
    path.find(scope, &mut |value| {
        text = value.non_empty_text();
        text.is_some()
    });
    text
}

/// Alternatives for a party.
#[derive(Clone, Debug, Default)]
pub(super) struct PartySource {
    pub(super) alternatives: Vec<PartyAlternative>,
}

#[derive(Clone, Debug)]
pub(super) struct PartyAlternative {
    pub(super) when: Condition,
    pub(super) id: Source,
    pub(super) name: Source,
    pub(super) kind: Source,
}

impl PartySource {
    pub(super) fn assign_numbers(&mut self, prefixes: &mut Prefixes) {
        for one in &mut self.alternatives {
            one.when.assign_numbers(prefixes);
            for source in [&mut one.id, &mut one.name, &mut one.kind] {
                source.assign_numbers(prefixes);
            }
        }
    }

    /// Returns the first party that has an identifier or a name, with all texts of `also` if given.
    pub(super) fn read<'a>(&'a self, scope: &Scope<'a, '_>, also: Option<&'a Source>) -> Party<'a> {
        let may = |one: &&PartyAlternative| one.id.may_find(scope) || one.name.may_find(scope);
        for one in self.alternatives.iter().filter(may).filter(|one| one.when.holds(scope)) {
            let (id, name) = (one.id.text(scope), one.name.text(scope));
            if id.is_some() || name.is_some() {
                let mut party = Party { id, name, kind: one.kind.text(scope), also: Vec::new() };
                if let Some(also) = also {
                    also.each_text(scope, |text| party.add_also(text));
                }
                return party;
            }
        }
        Party::default()
    }
}
