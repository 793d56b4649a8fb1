//! What a condition can be about: a member of the event, or a short name.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::value::{Kind, Value};

/// The names of members, from the outermost in. It means nested members alone; an array stands for each of its elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(Vec<String>);

impl Path {
    /// A path of these names.
    pub fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// A path whose names are separated by dots.
    pub fn dotted(text: &str) -> Self {
        Self::of(text.split('.'))
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether any value at this path passes. Each node of the event is looked at once at most.
    pub fn any(&self, event: Value<'_>, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        any_at(&self.0, event, test)
    }

    /// Whether the event has a value there, be it an empty object or array.
    pub(crate) fn is_in(&self, event: Value<'_>) -> bool {
        is_in(&self.0, event)
    }
}

pub(crate) fn is_in(names: &[String], event: Value<'_>) -> bool {
    match names {
        [] => true,
        [first, rest @ ..] => match event.kind() {
            Kind::Array => event.elements().any(|element| is_in(names, element)),
            _ => event.get(first).is_some_and(|value| match rest {
                [] => true,
                rest => any_there(rest, value),
            }),
        },
    }
}

fn any_there(names: &[String], value: Value<'_>) -> bool {
    match (value.kind(), names) {
        (Kind::Array, _) => value.elements().any(|element| any_there(names, element)),
        (_, [last]) => value.get(last).is_some(),
        (_, [first, rest @ ..]) => value.get(first).is_some_and(|value| any_there(rest, value)),
        (_, []) => true,
    }
}

pub(crate) fn any_at<N: AsRef<str>>(
    names: &[N],
    value: Value<'_>,
    test: &mut dyn FnMut(Value<'_>) -> bool,
) -> bool {
    match (value.kind(), names) {
        (Kind::Array, _) => value.elements().any(|element| any_at(names, element, test)),
        (_, []) => test(value),
        (_, [first, rest @ ..]) => value.get(first.as_ref()).is_some_and(|value| any_at(rest, value, test)),
    }
}

/// What a condition can be about by a short name, whatever the event's shape: as its parser has it, or else as the
/// members of SPEC section 12 have it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Short {
    /// What was done.
    Action,
    /// Who did it: the identifier or the name.
    Actor,
    /// What it was done to: the identifier, the name, or the type, a colon and the identifier.
    Target,
    /// How it ended.
    Outcome,
    /// The member `tenant`.
    Tenant,
    /// The address from which it was done.
    Ip,
    /// The name of the key that signs the chain.
    Signer,
    /// The chain's id.
    Chain,
    /// The parser's name.
    As,
}

impl Short {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What is written so.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// What asks for what is shown of a reading at this path, where that is so: `parsed.actor.name`, `address`.
    pub fn of_shown(path: &Path) -> Option<Self> {
        path.names().iter().find_map(|name| Self::parse(if name == "address" { "ip" } else { name }))
    }

    /// Whether it is about the link, and not about the event.
    pub const fn is_of_link(self) -> bool {
        matches!(self, Self::Signer | Self::Chain)
    }
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// A short name.
    Short(Short),
    /// A member.
    Member(Path),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_stable() {
        let words = ["action", "actor", "target", "outcome", "tenant", "ip", "signer", "chain", "as"];
        assert!(Short::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Short::parse(word)).eq(Short::ALL.iter().copied().map(Some)));
    }
}
