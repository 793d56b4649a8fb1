//! What an identity was seen with, and since when.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

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
    /// The network of an address. It is no value of its own: addresses tell.
    Network,
}

/// What can be first seen: its word, and how many of it are kept of an identity.
pub(super) const WHAT: [(What, &str, usize); 8] = [
    (What::Address, "address", 64),
    (What::UserAgent, "user_agent", 32),
    (What::Action, "action", 128),
    (What::Path, "path", 128),
    (What::Credential, "credential", 16),
    (What::CredentialAddress, "credential_address", 64),
    (What::Place, "place", 32),
    (What::Network, "network", 0),
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
pub(super) struct Known(Box<[Entry]>);

/// There may be a million of them: each takes 16 bytes.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "state", serde(from = "Stored", into = "Stored"))]
struct Entry {
    /// What it is, in the three highest bits, and the number of the value.
    value: u32,
    /// The credential, of an address from which it was used.
    of: Number,
    /// The newest day since 1970.
    last: i32,
    /// How many days before that was the first, as far as that can be told.
    age: u16,
    /// On how many days it was seen, as far as that can be told.
    days: u16,
}

/// Where in [`Entry::value`] it stands what it is. There are fewer values than fit below.
const WHAT_AT: u32 = 29;

/// An entry as it is kept for another process.
#[cfg(feature = "state")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    what: What,
    value: Number,
    of: Number,
    first: i32,
    last: i32,
    days: u32,
}

#[cfg(feature = "state")]
impl From<Stored> for Entry {
    fn from(Stored { what, value, of, first, last, days }: Stored) -> Self {
        let age = i64::from(last) - i64::from(first);
        let age = u16::try_from(age.max(0)).unwrap_or(u16::MAX);
        // A number that no text can have, where it is out of bounds.
        let value = if value >> WHAT_AT == 0 { value } else { (1 << WHAT_AT) - 1 };
        Self { age, days: u16::try_from(days).unwrap_or(u16::MAX), ..Self::new(what, value, of, last) }
    }
}

#[cfg(feature = "state")]
impl From<Entry> for Stored {
    fn from(entry: Entry) -> Self {
        let Entry { of, last, days, .. } = entry;
        let what = WHAT[usize::from(entry.what())].0;
        Self { what, value: entry.number(), of, first: entry.first(), last, days: days.into() }
    }
}

impl Entry {
    /// First seen on this day.
    const fn new(what: What, value: Number, of: Number, day: i32) -> Self {
        Self { value: (what as u32) << WHAT_AT | value, of, last: day, age: 0, days: 1 }
    }

    const fn is(&self, what: What) -> bool {
        self.value >> WHAT_AT == what as u32
    }

    #[cfg(feature = "state")]
    const fn what(&self) -> u8 {
        (self.value >> WHAT_AT) as u8
    }

    const fn number(&self) -> Number {
        self.value & ((1 << WHAT_AT) - 1)
    }

    fn first(&self) -> i32 {
        self.last - i32::from(self.age)
    }

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
        let wanted = Entry::new(what, value, of, 0).value;
        self.0.iter().find(|entry| entry.value == wanted && entry.of == of)
    }

    /// Whether this was seen within the last while.
    pub(super) fn has(&self, what: What, value: Option<Number>, of: Option<Number>, day: i32) -> bool {
        self.find(what, value, of).is_some_and(|entry| entry.is_at(day))
    }

    /// On how many days it was seen.
    pub(super) fn days(&self, what: What, value: Option<Number>, day: i32) -> u32 {
        self.find(what, value, None).filter(|entry| entry.is_at(day)).map_or(0, |entry| entry.days.into())
    }

    /// Since which day it is known.
    pub(super) fn since(&self, what: What, value: Option<Number>, day: i32) -> Option<i32> {
        self.find(what, value, None).filter(|entry| entry.is_at(day)).map(Entry::first)
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
            entry.is(what)
                && Some(entry.number()) != value
                && of.is_none_or(|of| entry.of == of)
                && entry.first() >= begin
                && entry.first() + RECENT > day
        };
        self.0.iter().filter(is_recent).count() as u32
    }

    /// Whether no address that was seen within the last while lies in this network, and in how many others the first
    /// address was first seen within the last while and after `begin`.
    pub(super) fn networks(&self, network: &str, (begin, day): (i32, i32), texts: &Texts) -> (bool, u32) {
        let mut is_new = true;
        let mut firsts: Vec<(Cow<'_, str>, i32)> = Vec::new();
        for entry in self.0.iter().filter(|entry| entry.is(What::Address)) {
            let other = network_of(texts.text(entry.number()));
            if other == network {
                is_new &= !entry.is_at(day);
                continue;
            }
            match firsts.iter_mut().find(|(known, _)| *known == other) {
                Some((_, first)) => *first = entry.first().min(*first),
                None => firsts.push((other, entry.first())),
            }
        }
        let recent = firsts.iter().filter(|(_, first)| *first >= begin && *first + RECENT > day);
        (is_new, recent.count() as u32)
    }

    /// The values that were seen on most days, with how many.
    pub(super) fn usual(&self, what: What, of: Option<Number>, day: i32) -> Vec<(Number, u32)> {
        let is_meant =
            |entry: &&Entry| entry.is(what) && entry.is_at(day) && of.is_none_or(|of| entry.of == of);
        let mut usual: Vec<_> =
            self.0.iter().filter(is_meant).map(|entry| (entry.number(), entry.days.into())).collect();
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
            let wanted = Entry::new(what, number, of.unwrap_or(NONE), 0);
            self.0.iter_mut().find(|entry| entry.value == wanted.value && entry.of == wanted.of)
        });
        if let Some(entry) = found {
            if !entry.is_at(day) {
                *entry = Entry { days: 0, ..Entry::new(what, entry.number(), entry.of, day) };
            }
            entry.days = entry.days.saturating_add(u16::from(day > entry.last || entry.days == 0));
            let later = u16::try_from(day.saturating_sub(entry.last).max(0)).unwrap_or(u16::MAX);
            entry.age = entry.age.saturating_add(later);
            entry.last = entry.last.max(day);
            return false;
        }
        let most = WHAT[what as usize].2;
        let mut gone = None;
        let mut entries = std::mem::take(&mut self.0).into_vec();
        if entries.iter().filter(|entry| entry.is(what)).count() >= most {
            let entries = entries.iter().enumerate().filter(|(_, entry)| entry.is(what));
            gone = entries.min_by_key(|(nth, entry)| (entry.last, entry.days, *nth)).map(|(nth, _)| nth);
        }
        if let Some(nth) = gone {
            entries.remove(nth).release(texts);
        }
        let value = texts.hold(value);
        if let Some(of) = of {
            texts.hold_again(of);
        }
        // Most identities are seen with few things: nothing is kept free for more.
        entries.reserve_exact(1);
        entries.push(Entry::new(what, value, of.unwrap_or(NONE), day));
        self.0 = entries.into();
        gone.is_some()
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn is_sound(&self) -> bool {
        let fits = |(what, _, most): &(What, &str, usize)| {
            self.0.iter().filter(|entry| entry.is(*what)).count() <= *most
        };
        let of_credential = |entry: &Entry| entry.is(What::CredentialAddress) == (entry.of != NONE);
        WHAT.iter().all(fits) && self.0.iter().all(|entry| is_day(entry.last) && of_credential(entry))
    }

    /// Counts who holds which text, after both were read. False where one is not there, or something is there twice.
    #[cfg(feature = "snapshot")]
    pub(super) fn hold_all(&self, texts: &mut Texts) -> bool {
        let mut seen = std::collections::HashSet::new();
        self.0.iter().all(|entry| {
            seen.insert((entry.value, entry.of))
                && texts.hold_number(entry.number())
                && (entry.of == NONE || texts.hold_number(entry.of))
        })
    }

    /// Forgets everything.
    pub(super) fn release(self, texts: &mut Texts) {
        self.0.iter().for_each(|entry| entry.release(texts));
    }
}

/// Returns true if this is a day of an event, or near it.
#[cfg(feature = "snapshot")]
pub(super) fn is_day(day: i32) -> bool {
    day.unsigned_abs() < 1 << 28
}

/// The network that an address is in, as addresses are kept: IPv4's first 24 bits, or 16 where nobody else can route to
/// it, since machines of one network get new addresses there; IPv6's first 48. Other texts are their own.
pub(super) fn network_of(address: &str) -> Cow<'_, str> {
    if let Some(address) = address.strip_suffix("/64").and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        let [a, b, c, ..] = address.segments();
        return format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)).into();
    }
    match address.parse::<Ipv4Addr>() {
        Ok(address) => {
            let [a, b, c, _] = address.octets();
            // Of carriers' own addresses (RFC 6598) too.
            if address.is_private() || (a == 100 && b & 0xc0 == 64) {
                return format!("{a}.{b}.0.0/16").into();
            }
            format!("{a}.{b}.{c}.0/24").into()
        }
        Err(_) => address.into(),
    }
}

impl Entry {
    fn release(&self, texts: &mut Texts) {
        texts.release(self.number());
        if self.of != NONE {
            texts.release(self.of);
        }
    }
}
