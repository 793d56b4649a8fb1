//! Facts from baselines about an event: the fields `baseline.…` in rules.

use strum::EnumString;

use super::known::{VALUE_KINDS, ValueKind};
use super::rate::Usual;

/// A field `baseline.…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Fact {
    AgeDays,
    Learned,
    New,
    #[strum(disabled)]
    Recent(ValueKind),
    Peers,
    HourShare,
    Count,
    Median,
    Mad,
    Z,
    OfHigh,
    IdleDays,
    IdleTimes,
    #[strum(serialize = "distance_km")]
    Distance,
    #[strum(serialize = "speed_kmh")]
    Speed,
    PlaceDays,
    SilentHours,
}

/// The hint for an unknown field.
pub(crate) const HINT: &str = "use `baseline.` followed by age_days, learned, new, recent.address (or user_agent, action, path, credential_address, place, tool, network), peers, hour_share, count, median, mad, z, of_high, idle_days, idle_times, distance_km, speed_kmh, place_days or silent_hours";

/// A set of groups of facts, one bit each. Facts of one group are either all present or all absent.
pub(crate) type Groups = u8;

impl Fact {
    /// Returns the group of the fact.
    pub(crate) const fn group(self) -> Groups {
        match self {
            Self::AgeDays | Self::Learned => 1,
            Self::New | Self::Recent(_) | Self::Peers => 1 << 1,
            Self::HourShare => 1 << 2,
            Self::Count | Self::Median | Self::Mad | Self::Z | Self::OfHigh => 1 << 3,
            Self::IdleDays | Self::IdleTimes => 1 << 4,
            Self::Distance | Self::Speed => 1 << 5,
            Self::PlaceDays => 1 << 6,
            Self::SilentHours => 1 << 7,
        }
    }

    /// Parses the name after `baseline.`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some(value) = name.strip_prefix("recent.") {
            return VALUE_KINDS
                .iter()
                .find(|(kind, word, _)| *word == value && *kind != ValueKind::Credential)
                .map(|(kind, ..)| Self::Recent(*kind));
        }
        name.parse().ok()
    }
}

/// The facts about an event. Unknown facts are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) age_days: Option<u32>,
    pub(crate) is_learned: bool,
    /// The kinds of values that are new, each with the number of other values of that kind that are recent.
    pub(crate) new: Vec<(ValueKind, u32)>,
    /// If the action is new for this identity: the number of known values of all identities, of any kind,
    /// that equal it.
    pub(crate) peers: Option<u32>,
    pub(crate) hour_share: Option<u32>,
    pub(crate) rate: Option<(u32, Usual)>,
    /// Whole days since the identity was last seen, and the longest pause before that, in days.
    pub(crate) idle: Option<(u32, u32)>,
    /// The distance from the last place in kilometers, and the speed in kilometers per hour.
    pub(crate) travel: Option<(u32, u32)>,
    /// The number of days on which the identity was seen at this place.
    pub(crate) place_days: Option<u32>,
    pub(crate) silent_hours: Option<u32>,
}

impl Facts {
    /// Returns the groups that are present.
    pub(crate) fn groups(&self) -> Groups {
        let there = [
            (Fact::AgeDays, self.age_days.is_some()),
            (Fact::New, !self.new.is_empty()),
            (Fact::HourShare, self.hour_share.is_some()),
            (Fact::Count, self.rate.is_some()),
            (Fact::IdleDays, self.idle.is_some()),
            (Fact::Distance, self.travel.is_some()),
            (Fact::PlaceDays, self.place_days.is_some()),
            (Fact::SilentHours, self.silent_hours.is_some()),
        ];
        there.iter().filter(|(_, is_there)| *is_there).fold(0, |groups, (fact, _)| groups | fact.group())
    }

    /// Passes the values of a field to `accept`.
    pub(crate) fn values(&self, fact: Fact, accept: &mut dyn FnMut(String)) {
        let usual = self.rate.map(|(_, usual)| usual);
        let number = match fact {
            Fact::New => {
                self.new.iter().for_each(|(kind, _)| accept(VALUE_KINDS[*kind as usize].1.to_owned()));
                None
            }
            Fact::Learned => {
                if self.age_days.is_some() {
                    accept(self.is_learned.to_string());
                }
                None
            }
            Fact::AgeDays => self.age_days.map(i64::from),
            Fact::Recent(kind) => {
                self.new.iter().find(|(new, _)| *new == kind).map(|(_, recent)| i64::from(*recent))
            }
            Fact::Peers => self.peers.map(i64::from),
            Fact::HourShare => self.hour_share.map(i64::from),
            Fact::Count => self.rate.map(|(count, _)| count.into()),
            Fact::Median => usual.map(|usual| usual.median.into()),
            Fact::Mad => usual.map(|usual| usual.mad.into()),
            Fact::Z => self.rate.map(|(count, usual)| usual.z(count)),
            Fact::OfHigh => {
                self.rate.map(|(count, usual)| i64::try_from(usual.of_high(count)).unwrap_or(i64::MAX))
            }
            Fact::IdleDays => self.idle.map(|(idle, _)| idle.into()),
            Fact::IdleTimes => self.idle.map(|(idle, longest)| i64::from(idle / longest.max(1))),
            Fact::Distance => self.travel.map(|(distance, _)| distance.into()),
            Fact::Speed => self.travel.map(|(_, speed)| speed.into()),
            Fact::PlaceDays => self.place_days.map(i64::from),
            Fact::SilentHours => self.silent_hours.map(i64::from),
        };
        if let Some(number) = number {
            accept(number.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_lists_all_names() {
        for name in HINT.split([' ', ',', '(', ')']).filter(|name| !name.is_empty()) {
            let is_field = !["use", "`baseline.`", "followed", "by", "or"].contains(&name);
            let recent = format!("recent.{name}");
            assert_eq!(Fact::parse(name).or_else(|| Fact::parse(&recent)).is_some(), is_field, "{name}");
        }
        assert_eq!(Fact::parse("distance_km"), Some(Fact::Distance));
        assert_eq!(Fact::parse("speed_kmh"), Some(Fact::Speed));
        assert_eq!(Fact::parse("recent"), None);
    }
}
