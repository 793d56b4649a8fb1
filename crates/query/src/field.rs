//! Fields that conditions test: paths in the event, or short names.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::value::{Kind, Value};

/// A path of field names, outermost first. It follows nested objects; an array stands for each of its elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(Vec<String>);

impl Path {
    /// Creates a path from field names.
    pub fn from_names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Parses a dot-separated path.
    pub fn dotted(text: &str) -> Self {
        Self::from_names(text.split('.'))
    }

    /// Returns the field names, outermost first.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// True if `test` passes for any value at this path. Visits each node of the event at most once.
    pub fn any(&self, event: Value<'_>, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        any_at(&self.0, event, test)
    }

    /// True if the event has a value at this path, including an empty object or array.
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

/// A short field name that works for events of any shape: its value comes from the event's parser, or else from the
/// fields of SPEC section 12.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Short {
    /// The action.
    Action,
    /// The actor's identifier or name.
    Actor,
    /// The identifier or name of the party for whom the actor acted.
    For,
    /// The target's identifier, name, or type and identifier joined by a colon.
    Target,
    /// The categories that the event's parser assigns to its actions.
    Category,
    /// The outcome.
    Outcome,
    /// The field `tenant`.
    Tenant,
    /// The address the action came from.
    Ip,
    /// The name of the key that signs the chain.
    Signer,
    /// The chain's identifier.
    Chain,
    /// The name of the parser that fits the event.
    As,
}

impl Short {
    /// All short names.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the name as written in queries.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a name as written in queries.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns the short name for a path under which parsed fields are displayed, such as `parsed.actor.name` or
    /// `address`.
    pub fn from_displayed_path(path: &Path) -> Option<Self> {
        path.names().iter().find_map(|name| match name.as_str() {
            "address" => Some(Self::Ip),
            "on_behalf_of" => Some(Self::For),
            name => Self::parse(name),
        })
    }

    /// True if the value is a party: an identifier, a name, and a type.
    pub const fn is_party(self) -> bool {
        self.party_field().is_some()
    }

    /// Returns the name of the party's field in events and among the parsed fields. `None` if the value is no party.
    pub const fn party_field(self) -> Option<&'static str> {
        match self {
            Self::Actor => Some("actor"),
            Self::For => Some("on_behalf_of"),
            Self::Target => Some("target"),
            _ => None,
        }
    }

    /// True if the value comes from the link instead of the event.
    pub const fn is_of_link(self) -> bool {
        matches!(self, Self::Signer | Self::Chain)
    }
}

/// The subject of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// A short name.
    Short(Short),
    /// A path in the event.
    Member(Path),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_stable() {
        let words = [
            "action", "actor", "for", "target", "category", "outcome", "tenant", "ip", "signer", "chain",
            "as",
        ];
        assert!(Short::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Short::parse(word)).eq(Short::ALL.iter().copied().map(Some)));
    }
}
