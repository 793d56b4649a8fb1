//! The values that an identity was seen with, and since when.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use super::texts::{Number, Texts};

/// A kind of value that can be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub(crate) enum ValueKind {
    Address,
    UserAgent,
    Action,
    Path,
    /// A credential. It isn't reported as new by itself, since credentials are replaced regularly.
    Credential,
    /// An address from which one credential was used.
    CredentialAddress,
    Place,
    /// A tool that an agent called.
    Tool,
    /// The network of an address. Not stored, but computed from the addresses.
    Network,
}

/// The kinds of values with their names, and the maximum number kept per identity.
pub(super) const VALUE_KINDS: [(ValueKind, &str, usize); 9] = [
    (ValueKind::Address, "address", 64),
    (ValueKind::UserAgent, "user_agent", 32),
    (ValueKind::Action, "action", 128),
    (ValueKind::Path, "path", 128),
    (ValueKind::Credential, "credential", 16),
    (ValueKind::CredentialAddress, "credential_address", 64),
    (ValueKind::Place, "place", 32),
    (ValueKind::Tool, "tool", 128),
    (ValueKind::Network, "network", 0),
];

/// The number of days after which a value that wasn't seen again is new.
const FORGET_DAYS: i32 = 90;
/// The number of days for which a value counts as recent after it was first seen.
const RECENT_DAYS: i32 = 28;
/// The number that means "no text".
const NONE: Number = Number::MAX;

/// All values that an identity was seen with, in order of their first sighting.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct KnownValues(Box<[Entry]>);

/// A known value. There may be a million, so each takes 16 bytes.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "state", serde(from = "Stored", into = "Stored"))]
struct Entry {
    /// The kind in the three highest bits, and the number of the value's text.
    value: u32,
    /// For [`ValueKind::CredentialAddress`], the credential that was used from this address.
    of: Number,
    /// The day it was last seen, by number since 1970.
    last: i32,
    /// The number of days from the first to the last sighting, at most `u16::MAX`.
    age: u16,
    /// The number of days on which it was seen, at most `u16::MAX`.
    days: u16,
}

/// The position of the kind in [`Entry::value`]. The number of texts is limited to fewer than fit below.
const KIND_SHIFT: u32 = 29;

/// A known value in a snapshot.
#[cfg(feature = "state")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    kind: ValueKind,
    value: Number,
    of: Number,
    first: i32,
    last: i32,
    days: u32,
}

#[cfg(feature = "state")]
impl From<Stored> for Entry {
    fn from(Stored { kind, value, of, first, last, days }: Stored) -> Self {
        let age = i64::from(last) - i64::from(first);
        let age = u16::try_from(age.max(0)).unwrap_or(u16::MAX);
        // An out-of-range number becomes one that no text can have.
        let value = if value >> KIND_SHIFT == 0 { value } else { (1 << KIND_SHIFT) - 1 };
        Self { age, days: u16::try_from(days).unwrap_or(u16::MAX), ..Self::new(kind, value, of, last) }
    }
}

#[cfg(feature = "state")]
impl From<Entry> for Stored {
    fn from(entry: Entry) -> Self {
        let Entry { of, last, days, .. } = entry;
        let kind = VALUE_KINDS[usize::from(entry.kind())].0;
        Self { kind, value: entry.number(), of, first: entry.first(), last, days: days.into() }
    }
}

impl Entry {
    /// Creates a value that was first seen on this day.
    const fn new(kind: ValueKind, value: Number, of: Number, day: i32) -> Self {
        Self { value: (kind as u32) << KIND_SHIFT | value, of, last: day, age: 0, days: 1 }
    }

    const fn is(&self, kind: ValueKind) -> bool {
        self.value >> KIND_SHIFT == kind as u32
    }

    #[cfg(feature = "state")]
    const fn kind(&self) -> u8 {
        (self.value >> KIND_SHIFT) as u8
    }

    const fn number(&self) -> Number {
        self.value & ((1 << KIND_SHIFT) - 1)
    }

    fn first(&self) -> i32 {
        self.last - i32::from(self.age)
    }

    fn is_known(&self, day: i32) -> bool {
        self.last + FORGET_DAYS >= day
    }
}

impl KnownValues {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn find(&self, kind: ValueKind, value: Option<Number>, of: Option<Number>) -> Option<&Entry> {
        let (value, of) = (value?, of.unwrap_or(NONE));
        let wanted = Entry::new(kind, value, of, 0).value;
        self.0.iter().find(|entry| entry.value == wanted && entry.of == of)
    }

    /// True if the value was seen within the last [`FORGET_DAYS`].
    pub(super) fn has(&self, kind: ValueKind, value: Option<Number>, of: Option<Number>, day: i32) -> bool {
        self.find(kind, value, of).is_some_and(|entry| entry.is_known(day))
    }

    /// Returns the number of days on which a value was seen.
    pub(super) fn days(&self, kind: ValueKind, value: Option<Number>, day: i32) -> u32 {
        self.find(kind, value, None).filter(|entry| entry.is_known(day)).map_or(0, |entry| entry.days.into())
    }

    /// Returns the day on which a value was first seen.
    pub(super) fn since(&self, kind: ValueKind, value: Option<Number>, day: i32) -> Option<i32> {
        self.find(kind, value, None).filter(|entry| entry.is_known(day)).map(Entry::first)
    }

    /// Returns the number of other values of this kind that are recent and were first seen on or after
    /// `begin`.
    pub(super) fn recent(
        &self,
        kind: ValueKind,
        value: Option<Number>,
        of: Option<Number>,
        (begin, day): (i32, i32),
    ) -> u32 {
        let is_recent = |entry: &&Entry| {
            entry.is(kind)
                && Some(entry.number()) != value
                && of.is_none_or(|of| entry.of == of)
                && entry.first() >= begin
                && entry.first() + RECENT_DAYS > day
        };
        self.0.iter().filter(is_recent).count() as u32
    }

    /// Returns true if no known address lies in this network, and the number of other networks whose first
    /// address is recent and was first seen on or after `begin`.
    pub(super) fn networks(&self, network: &str, (begin, day): (i32, i32), texts: &Texts) -> (bool, u32) {
        let mut is_new = true;
        let mut firsts: Vec<(Cow<'_, str>, i32)> = Vec::new();
        for entry in self.0.iter().filter(|entry| entry.is(ValueKind::Address)) {
            let other = network_of(texts.text(entry.number()));
            if other == network {
                is_new &= !entry.is_known(day);
                continue;
            }
            match firsts.iter_mut().find(|(known, _)| *known == other) {
                Some((_, first)) => *first = entry.first().min(*first),
                None => firsts.push((other, entry.first())),
            }
        }
        let recent = firsts.iter().filter(|(_, first)| *first >= begin && *first + RECENT_DAYS > day);
        (is_new, recent.count() as u32)
    }

    /// Returns the values by the number of days on which they were seen, the most frequent first.
    pub(super) fn usual(&self, kind: ValueKind, of: Option<Number>, day: i32) -> Vec<(Number, u32)> {
        let is_selected =
            |entry: &&Entry| entry.is(kind) && entry.is_known(day) && of.is_none_or(|of| entry.of == of);
        let mut usual: Vec<_> =
            self.0.iter().filter(is_selected).map(|entry| (entry.number(), entry.days.into())).collect();
        usual.sort_by_key(|(_, days)| std::cmp::Reverse(*days));
        usual
    }

    /// Records that a value was seen. Returns true if this evicted another value.
    pub(super) fn note(
        &mut self,
        kind: ValueKind,
        value: &str,
        of: Option<Number>,
        day: i32,
        texts: &mut Texts,
    ) -> bool {
        let number = texts.find(value);
        let found = number.and_then(|number| {
            let wanted = Entry::new(kind, number, of.unwrap_or(NONE), 0);
            self.0.iter_mut().find(|entry| entry.value == wanted.value && entry.of == wanted.of)
        });
        if let Some(entry) = found {
            if !entry.is_known(day) {
                *entry = Entry { days: 0, ..Entry::new(kind, entry.number(), entry.of, day) };
            }
            entry.days = entry.days.saturating_add(u16::from(day > entry.last || entry.days == 0));
            let later = u16::try_from(day.saturating_sub(entry.last).max(0)).unwrap_or(u16::MAX);
            entry.age = entry.age.saturating_add(later);
            entry.last = entry.last.max(day);
            return false;
        }
        let max = VALUE_KINDS[kind as usize].2;
        let mut gone = None;
        let mut entries = std::mem::take(&mut self.0).into_vec();
        if entries.iter().filter(|entry| entry.is(kind)).count() >= max {
            let entries = entries.iter().enumerate().filter(|(_, entry)| entry.is(kind));
            gone = entries.min_by_key(|(nth, entry)| (entry.last, entry.days, *nth)).map(|(nth, _)| nth);
        }
        if let Some(nth) = gone {
            entries.remove(nth).release(texts);
        }
        let value = texts.acquire(value);
        if let Some(of) = of {
            texts.acquire_again(of);
        }
        // Most identities have few values, so reserve no spare capacity.
        entries.reserve_exact(1);
        entries.push(Entry::new(kind, value, of.unwrap_or(NONE), day));
        self.0 = entries.into();
        gone.is_some()
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn is_sound(&self) -> bool {
        let fits = |(kind, _, max): &(ValueKind, &str, usize)| {
            self.0.iter().filter(|entry| entry.is(*kind)).count() <= *max
        };
        let of_credential = |entry: &Entry| entry.is(ValueKind::CredentialAddress) == (entry.of != NONE);
        VALUE_KINDS.iter().all(fits) && self.0.iter().all(|entry| is_day(entry.last) && of_credential(entry))
    }

    /// Counts this list as a holder of each of its texts. Returns false if a text is missing or a value is
    /// repeated.
    #[cfg(feature = "snapshot")]
    pub(super) fn acquire_all(&self, texts: &mut Texts) -> bool {
        let mut seen = std::collections::HashSet::new();
        self.0.iter().all(|entry| {
            seen.insert((entry.value, entry.of))
                && texts.acquire_number(entry.number())
                && (entry.of == NONE || texts.acquire_number(entry.of))
        })
    }

    /// Releases all texts.
    pub(super) fn release(self, texts: &mut Texts) {
        self.0.iter().for_each(|entry| entry.release(texts));
    }
}

/// True if the day is in the range of events' times, or near it.
#[cfg(feature = "snapshot")]
pub(super) fn is_day(day: i32) -> bool {
    day.unsigned_abs() < 1 << 28
}

/// Returns the network of an address as stored in baselines: the first 48 bits of IPv6, and the first 24 of
/// IPv4, or 16 for private addresses, whose machines often get new ones. Returns other texts unchanged.
pub(super) fn network_of(address: &str) -> Cow<'_, str> {
    if let Some(address) = address.strip_suffix("/64").and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        let [a, b, c, ..] = address.segments();
        return format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)).into();
    }
    match address.parse::<Ipv4Addr>() {
        Ok(address) => {
            let [a, b, c, _] = address.octets();
            // Includes carriers' shared address space (RFC 6598).
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
