//! From where in an event a text is taken, and what is made of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use countersign::time::Time;

use super::condition::Condition;
use super::parsed::{Outcome, Party};
use super::path::{Begins, Path, Scope};
use super::when::Written;

/// Places to look, the first of which that has anything counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug)]
pub(super) struct Alternative {
    pub(super) when: Condition,
    pub(super) from: From,
    /// What comes after the first of these.
    pub(super) after: Option<String>,
    /// What comes before the first of these.
    pub(super) before: Option<String>,
    /// What its texts stand for.
    pub(super) map: Option<BTreeMap<String, String>>,
    /// What any other stands for.
    pub(super) otherwise: Option<String>,
    pub(super) written: Written,
}

#[derive(Clone, Debug)]
pub(super) enum From {
    /// What stands there.
    Path(Path),
    /// This text.
    Text(String),
    /// These, all of which must be found.
    Parts(Vec<Part>),
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    Path(Path),
}

impl Source {
    pub(super) fn number(&mut self, begins: &mut Begins) {
        for one in &mut self.alternatives {
            one.when.number(begins);
            match &mut one.from {
                From::Path(path) => path.number(begins),
                From::Text(_) => {}
                From::Parts(parts) => parts.iter_mut().for_each(|part| {
                    if let Part::Path(path) = part {
                        path.number(begins);
                    }
                }),
            }
        }
    }

    /// Whether any of it can be found: false only where nothing is there of all that it could be made of.
    fn may_find(&self, scope: &Scope<'_, '_>) -> bool {
        self.alternatives.iter().any(|one| match &one.from {
            From::Path(path) => path.may_find(scope),
            From::Text(_) | From::Parts(_) => true,
        })
    }

    pub(super) fn text<'a>(&'a self, scope: &Scope<'a, '_>) -> Option<Cow<'a, str>> {
        self.alternatives.iter().find_map(|one| one.find(scope, Some))
    }

    /// Passes on every text that any of the alternatives gives.
    fn every<'a>(&'a self, scope: &Scope<'a, '_>, mut take: impl FnMut(Cow<'a, str>)) {
        for one in &self.alternatives {
            one.find(scope, |text| -> Option<()> {
                take(text);
                None
            });
        }
    }

    pub(super) fn time<'a>(&'a self, scope: &Scope<'a, '_>) -> Option<Time> {
        self.alternatives.iter().find_map(|one| one.find(scope, |text| one.written.read(&text)))
    }

    pub(super) fn outcome<'a>(&'a self, scope: &Scope<'a, '_>) -> Outcome {
        let stated = |text: Cow<'a, str>| Outcome::stated(&text);
        self.alternatives.iter().find_map(|one| one.find(scope, stated)).unwrap_or_default()
    }
}

impl Alternative {
    /// The first thing that `make` makes of a text that is found.
    fn find<'a, T>(
        &'a self,
        scope: &Scope<'a, '_>,
        mut make: impl FnMut(Cow<'a, str>) -> Option<T>,
    ) -> Option<T> {
        if !self.when.holds(scope) {
            return None;
        }
        match &self.from {
            From::Text(text) => self.made_of(Cow::Borrowed(text)).and_then(make),
            From::Parts(parts) => {
                let mut joined = String::new();
                for part in parts {
                    match part {
                        Part::Text(text) => joined.push_str(text),
                        Part::Path(path) => joined.push_str(&first_text(path, scope)?),
                    }
                }
                self.made_of(Cow::Owned(joined)).and_then(make)
            }
            From::Path(path) => {
                let mut made = None;
                path.find(scope, &mut |value| {
                    made = value.said().and_then(|text| self.made_of(text)).and_then(&mut make);
                    made.is_some()
                });
                made
            }
        }
    }

    fn made_of<'a>(&'a self, text: Cow<'a, str>) -> Option<Cow<'a, str>> {
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

fn first_text<'a>(path: &Path, scope: &Scope<'a, '_>) -> Option<Cow<'a, str>> {
    let mut text = None;
    path.find(scope, &mut |value| {
        text = value.said();
        text.is_some()
    });
    text
}

/// Who or what, in one of several ways.
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
    pub(super) fn number(&mut self, begins: &mut Begins) {
        for one in &mut self.alternatives {
            one.when.number(begins);
            for source in [&mut one.id, &mut one.name, &mut one.kind] {
                source.number(begins);
            }
        }
    }

    /// The first that has an identifier or a name, with all that is found of `also`, if that is wanted.
    pub(super) fn read<'a>(&'a self, scope: &Scope<'a, '_>, also: Option<&'a Source>) -> Party<'a> {
        let may = |one: &&PartyAlternative| one.id.may_find(scope) || one.name.may_find(scope);
        for one in self.alternatives.iter().filter(may).filter(|one| one.when.holds(scope)) {
            let (id, name) = (one.id.text(scope), one.name.text(scope));
            if id.is_some() || name.is_some() {
                let mut party = Party { id, name, kind: one.kind.text(scope), also: Vec::new() };
                if let Some(also) = also {
                    also.every(scope, |text| party.add_also(text));
                }
                return party;
            }
        }
        Party::default()
    }
}
