//! Who did something, or what it was done to, as one text of a column.
//!
//! Three characters come first, one above the length in bytes of the identifier, the type and the name, or 0 where there
//! is none; then these.

use std::borrow::Cow;

use countersign_query::Party;

use crate::values::LONGEST;

/// What a text says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) kind: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

/// Writes a party, and tells whether all of it fitted: each text is cut to so many bytes.
pub(crate) fn write(party: &Party<'_>, most: usize, out: &mut String) -> bool {
    out.clear();
    let texts = [&party.id, &party.kind, &party.name];
    let most = most.min(LONGEST);
    let cut = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.floor_char_boundary(most));
    for text in texts {
        let length = if text.is_some() { cut(text) as u32 + 1 } else { 0 };
        // Such lengths are below the surrogates.
        out.push(char::from_u32(length).unwrap_or_default());
    }
    for text in texts {
        out.push_str(&text.as_deref().unwrap_or_default()[..cut(text)]);
    }
    texts.iter().all(|text| text.as_ref().is_none_or(|text| text.len() <= most))
}

/// Reads what was written; of anything else what can be read.
pub(crate) fn read(text: &str) -> Kept<'_> {
    let mut chars = text.chars();
    let mut length = || (chars.next().map_or(0, u32::from) as usize).checked_sub(1);
    let lengths = [length(), length(), length()];
    let mut rest = chars.as_str();
    let mut next = |length: Option<usize>| {
        let (text, after) = rest.split_at_checked(length?)?;
        rest = after;
        Some(text)
    };
    let [id, kind, name] = lengths.map(&mut next);
    Kept { id, kind, name }
}

impl<'a> Kept<'a> {
    pub(crate) fn party(self) -> Party<'a> {
        let text = |text: Option<&'a str>| text.map(Cow::Borrowed);
        Party { id: text(self.id), name: text(self.name), kind: text(self.kind) }
    }

    /// As it is counted and can be asked for: the identifier after its type, which is not said where it is this one.
    pub(crate) fn label(self, unsaid: &str) -> Option<Cow<'a, str>> {
        match (self.id, self.kind) {
            (Some(id), Some(kind)) if kind != unsaid => Some(Cow::Owned([kind, ":", id].concat())),
            (Some(id), _) => Some(Cow::Borrowed(id)),
            (None, _) => self.name.map(Cow::Borrowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written() {
        let long = "é".repeat(600);
        let mut text = String::new();
        for (id, kind, name) in [
            (Some("u_1"), Some("user"), Some("Ada")),
            (Some(""), None, None),
            (None, None, None),
            (None, Some("x"), Some("é")),
            (Some(&*long), None, Some("n")),
        ] {
            let kept = Kept { id, kind, name };
            let whole = write(&kept.party(), LONGEST, &mut text);
            assert_eq!(whole, id.is_none_or(|id| id.len() <= LONGEST));
            let read = read(&text);
            assert_eq!((read.kind, read.name), (kind, name));
            assert_eq!(read.id.is_some(), id.is_some());
            assert!(!whole || read == kept);
        }
        assert_eq!(read("\u{5}\u{1}\u{1}ab"), Kept { id: None, kind: Some(""), name: Some("") });
        assert_eq!(read(""), Kept::default());
    }
}
