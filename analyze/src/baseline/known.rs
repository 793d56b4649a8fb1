//! What an identity was seen with, and since when.

use super::texts::{Number, Texts};

/// What can be first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub(crate) enum What {
    Address,
    UserAgent,
    Action,
    Path,
    /// A credential; by itself it is no news, since credentials are made anew.
    Credential,
    /// An address from which one credential was used.
    CredentialAddress,
    Place,
}

/// What can be first seen: its word, and how many of it are kept of an identity.
pub(super) const WHAT: [(What, &str, usize); 7] = [
    (What::Address, "address", 64),
    (What::UserAgent, "user_agent", 32),
    (What::Action, "action", 128),
    (What::Path, "path", 128),
    (What::Credential, "credential", 16),
    (What::CredentialAddress, "credential_address", 64),
    (What::Place, "place", 32),
];

/// What was not seen for so many days is new again.
const FORGET: i32 = 90;
/// What was first seen within so many days counts as recent.
const RECENT: i32 = 28;
/// Nobody holds this number.
const NONE: Number = Number::MAX;

/// All that an identity was seen with, in the order in which it was.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Known(Vec<Entry>);

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Entry {
    what: What,
    value: Number,
    /// The credential, of an address from which it was used.
    of: Number,
    /// Days since 1970: the first, the newest.
    first: i32,
    last: i32,
    /// On how many days it was seen.
    days: u32,
}

impl Entry {
    fn is_at(&self, day: i32) -> bool {
        self.last + FORGET >= day
    }
}

impl Known {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn find(&self, what: What, value: Option<Number>, of: Option<Number>) -> Option<&Entry> {
        let (value, of) = (value?, of.unwrap_or(NONE));
        self.0.iter().find(|entry| entry.what == what && entry.value == value && entry.of == of)
    }

    /// Whether this was seen within the last while.
    pub(super) fn has(&self, what: What, value: Option<Number>, of: Option<Number>, day: i32) -> bool {
        self.find(what, value, of).is_some_and(|entry| entry.is_at(day))
    }

    /// On how many days it was seen.
    pub(super) fn days(&self, what: What, value: Option<Number>, day: i32) -> u32 {
        self.find(what, value, None).filter(|entry| entry.is_at(day)).map_or(0, |entry| entry.days)
    }

    /// Since which day it is known.
    pub(super) fn since(&self, what: What, value: Option<Number>, day: i32) -> Option<i32> {
        self.find(what, value, None).filter(|entry| entry.is_at(day)).map(|entry| entry.first)
    }

    /// How many of this kind were first seen within the last while and after `begin`, this value apart.
    pub(super) fn recent(
        &self,
        what: What,
        value: Option<Number>,
        of: Option<Number>,
        (begin, day): (i32, i32),
    ) -> u32 {
        let is_recent = |entry: &&Entry| {
            entry.what == what
                && Some(entry.value) != value
                && of.is_none_or(|of| entry.of == of)
                && entry.first >= begin
                && entry.first + RECENT > day
        };
        self.0.iter().filter(is_recent).count() as u32
    }

    /// The values that were seen on most days, with how many.
    pub(super) fn usual(&self, what: What, of: Option<Number>, day: i32) -> Vec<(Number, u32)> {
        let is_meant =
            |entry: &&Entry| entry.what == what && entry.is_at(day) && of.is_none_or(|of| entry.of == of);
        let mut usual: Vec<_> =
            self.0.iter().filter(is_meant).map(|entry| (entry.value, entry.days)).collect();
        usual.sort_by_key(|(_, days)| std::cmp::Reverse(*days));
        usual
    }

    /// Notes that it was seen. Whether another had to go for it.
    pub(super) fn note(
        &mut self,
        what: What,
        value: &str,
        of: Option<Number>,
        day: i32,
        texts: &mut Texts,
    ) -> bool {
        let number = texts.find(value);
        let found = number.and_then(|number| {
            let of = of.unwrap_or(NONE);
            self.0.iter_mut().find(|entry| entry.what == what && entry.value == number && entry.of == of)
        });
        if let Some(entry) = found {
            if !entry.is_at(day) {
                (entry.first, entry.days) = (day, 0);
            }
            entry.days += u32::from(day > entry.last || entry.days == 0);
            entry.last = entry.last.max(day);
            return false;
        }
        let most = WHAT[what as usize].2;
        let mut gone = None;
        if self.0.iter().filter(|entry| entry.what == what).count() >= most {
            let entries = self.0.iter().enumerate().filter(|(_, entry)| entry.what == what);
            gone = entries.min_by_key(|(nth, entry)| (entry.last, entry.days, *nth)).map(|(nth, _)| nth);
        }
        if let Some(nth) = gone {
            let entry = self.0.remove(nth);
            entry.release(texts);
        }
        let value = texts.hold(value);
        if let Some(of) = of {
            let text = texts.text(of).to_owned();
            texts.hold(&text);
        }
        let of = of.unwrap_or(NONE);
        self.0.push(Entry { what, value, of, first: day, last: day, days: 1 });
        gone.is_some()
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn is_sound(&self) -> bool {
        let fits = |(what, _, most): &(What, &str, usize)| {
            self.0.iter().filter(|entry| entry.what == *what).count() <= *most
        };
        let is_day = super::stored::is_day;
        let of_credential = |entry: &Entry| (entry.what == What::CredentialAddress) == (entry.of != NONE);
        WHAT.iter().all(fits)
            && self.0.iter().all(|entry| is_day(entry.first) && is_day(entry.last) && of_credential(entry))
    }

    /// Counts who holds which text, after both were read. False where one is not there, or something is there twice.
    #[cfg(feature = "snapshot")]
    pub(super) fn hold_all(&self, texts: &mut Texts) -> bool {
        let mut seen = std::collections::HashSet::new();
        self.0.iter().all(|Entry { what, value, of, .. }| {
            seen.insert((*what as u8, *value, *of))
                && texts.hold_number(*value)
                && (*of == NONE || texts.hold_number(*of))
        })
    }

    /// Forgets everything.
    pub(super) fn release(self, texts: &mut Texts) {
        self.0.iter().for_each(|entry| entry.release(texts));
    }
}

impl Entry {
    fn release(&self, texts: &mut Texts) {
        texts.release(self.value);
        if self.of != NONE {
            texts.release(self.of);
        }
    }
}
