//! What baselines say of an event: the fields `baseline.…` that rules ask for.

use strum::EnumString;

use super::known::{WHAT, What};
use super::rate::Usual;

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Fact {
    AgeDays,
    Learned,
    New,
    #[strum(disabled)]
    Recent(What),
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

/// What there is, for who asked for something else.
pub(crate) const HINT: &str = "a baseline has age_days, learned, new, recent.address (or user_agent, action, path, credential_address, place, network), peers, hour_share, count, median, mad, z, of_high, idle_days, idle_times, distance_km, speed_kmh, place_days and silent_hours";

/// Facts that are there together or not at all, a bit for each such group.
pub(crate) type Groups = u8;

impl Fact {
    /// The group that it is of.
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

    /// The fact of this name, which stands behind `baseline.`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some(what) = name.strip_prefix("recent.") {
            return WHAT
                .iter()
                .find(|(kind, word, _)| *word == what && *kind != What::Credential)
                .map(|(kind, ..)| Self::Recent(*kind));
        }
        name.parse().ok()
    }
}

/// What baselines say of an event. What is not known is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) age_days: Option<u32>,
    pub(crate) is_learned: bool,
    /// What was never seen before, and how many others of the kind were first seen of late.
    pub(crate) new: Vec<(What, u32)>,
    /// The number of identities' known values, of any kind, that equal the text of the action, if it is new.
    pub(crate) peers: Option<u32>,
    pub(crate) hour_share: Option<u32>,
    pub(crate) rate: Option<(u32, Usual)>,
    /// Whole days since the identity was last seen, and the longest pause before, in days.
    pub(crate) idle: Option<(u32, u32)>,
    /// Kilometers from the last place, and kilometers an hour.
    pub(crate) travel: Option<(u32, u32)>,
    /// On how many days the identity was seen at this place.
    pub(crate) place_days: Option<u32>,
    pub(crate) silent_hours: Option<u32>,
}

impl Facts {
    /// The groups of which anything is there.
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

    /// Tells the values of a field.
    pub(crate) fn tell(&self, fact: Fact, tell: &mut dyn FnMut(String)) {
        let usual = self.rate.map(|(_, usual)| usual);
        let number = match fact {
            Fact::New => {
                self.new.iter().for_each(|(what, _)| tell(WHAT[*what as usize].1.to_owned()));
                None
            }
            Fact::Learned => {
                if self.age_days.is_some() {
                    tell(self.is_learned.to_string());
                }
                None
            }
            Fact::AgeDays => self.age_days.map(i64::from),
            Fact::Recent(what) => {
                self.new.iter().find(|(new, _)| *new == what).map(|(_, recent)| i64::from(*recent))
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
            tell(number.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_hint_lists() {
        for name in HINT.split([' ', ',', '(', ')']).filter(|name| !name.is_empty()) {
            let is_field = !["a", "baseline", "has", "or", "and"].contains(&name);
            let recent = format!("recent.{name}");
            assert_eq!(Fact::parse(name).or_else(|| Fact::parse(&recent)).is_some(), is_field, "{name}");
        }
        assert_eq!(Fact::parse("distance_km"), Some(Fact::Distance));
        assert_eq!(Fact::parse("speed_kmh"), Some(Fact::Speed));
        assert_eq!(Fact::parse("recent"), None);
    }
}
