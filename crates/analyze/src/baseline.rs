//! Baselines: the usual behavior of identities and chains.
//!
//! An event is first judged by the baselines before it, and then added to them. Events come in the order of
//! the log, so the same log produces the same baselines. Memory is bounded, and eviction depends only on the
//! events (SPEC section 13).

mod chains;
mod facts;
mod hours;
mod known;
mod observation;
mod place;
mod rate;
mod store;
#[cfg(feature = "snapshot")]
mod stored;
#[cfg(all(test, feature = "yaml"))]
mod tests;
mod texts;

use std::borrow::Cow;

use crate::finding::Reason;
use crate::indexed_heap::Rank;
use crate::limit::Limit;
use crate::zone::Zone;

pub(crate) use chains::Silence;
pub(crate) use facts::{Fact, Facts, Groups, HINT};
pub(crate) use observation::{Observation, Part, credential, session, user_agent};
#[cfg(feature = "snapshot")]
pub(crate) use stored::StoredBaselines;

use chains::Chains;
use hours::Hours;
use known::{KnownValues, VALUE_KINDS, ValueKind, network_of};
pub(crate) use place::Place;
use place::speed;
use rate::Rate;
pub(crate) use store::{Ranked, Store};
use texts::Texts;

/// The maximum number of identities.
const MAX_IDENTITIES: usize = 65_536;
/// The maximum number of known values of all identities, and the maximum size of their texts in bytes.
const MAX_ENTRIES: usize = 1 << 20;
const MAX_TEXT_BYTES: usize = 16 << 20;

/// The number of days for which an identity or a credential is observed before a new value counts, and the
/// number of days on which an identity must have been active.
const LEARN_DAYS: i32 = 14;
const LEARN_ACTIVE_DAYS: u32 = 5;
/// The number of active hours observed before an hour can be unusual.
const LEARN_HOURS: u32 = 30;
/// Distances below this count as the same place, in kilometers.
const MIN_TRAVEL_KM: u32 = 100;
/// The time for which a rule reports no further deviation of an identity, in milliseconds.
const QUIET_MS: i64 = 8 * 3_600_000;
const DAY: i64 = 86_400_000;
/// The maximum number of usual values listed in a reason.
const MAX_EXAMPLES: usize = 3;

/// The baseline of an identity.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Identity {
    /// The day on which it was first seen, by number since 1970. Unset while `days` is 0.
    first_day: i32,
    newest_day: i32,
    days: u32,
    newest: i64,
    leaf: u64,
    longest_idle: u32,
    known: KnownValues,
    hours: Hours,
    rate: Rate,
    place: Option<Box<(Place, i64)>>,
    /// The rules that reported a deviation, with the time. Few identities have any.
    quiet: Quiet,
}

#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "state", serde(from = "Vec<(u32, i64)>", into = "Vec<(u32, i64)>"))]
#[allow(clippy::box_collection, reason = "most have none, and an empty box takes a third of the space")]
struct Quiet(Option<Box<Vec<(u32, i64)>>>);

impl From<Vec<(u32, i64)>> for Quiet {
    fn from(quiet: Vec<(u32, i64)>) -> Self {
        Self((!quiet.is_empty()).then(|| quiet.into()))
    }
}

impl From<Quiet> for Vec<(u32, i64)> {
    fn from(Quiet(quiet): Quiet) -> Self {
        quiet.map_or_else(Self::new, |quiet| *quiet)
    }
}

impl Ranked for Identity {
    fn rank(&self) -> Rank {
        (self.days.into(), self.leaf)
    }
}

impl Identity {
    fn is_learned(&self, day: i32) -> bool {
        day - self.first_day >= LEARN_DAYS && self.days >= LEARN_ACTIVE_DAYS
    }
}

/// The baselines of all identities and chains.
#[derive(Clone, Debug)]
pub(crate) struct Baselines {
    zone: Zone,
    identities: Store<Identity>,
    texts: Texts,
    entries: usize,
    /// The number of values that identities lost to newer ones, and the entry that caused the first loss.
    cut: Option<(u64, u64)>,
    chains: Chains,
}

/// An event of an identity, at its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) observation: &'a Observation,
    pub(crate) leaf: u64,
    /// The event's time in milliseconds.
    pub(crate) time: i64,
}

/// An identity's slot in the store.
pub(crate) type Slot = u32;

impl Baselines {
    pub(crate) fn new(zone: Zone) -> Self {
        Self {
            zone,
            identities: Store::new(MAX_IDENTITIES),
            texts: Texts::default(),
            entries: 0,
            cut: None,
            chains: Chains::new(),
        }
    }

    /// Returns the evictions of identities, chains, and values.
    pub(crate) fn limits(&self) -> impl Iterator<Item = Limit> {
        let limits = [
            ("baseline", self.identities.evicted, self.cut),
            ("baseline.silent_hours", self.chains.evicted(), None),
        ];
        let reached = limits.into_iter().filter(|(_, groups, hits)| groups.or(*hits).is_some());
        reached.map(|(rule, groups, hits)| Limit {
            rule: rule.into(),
            title: rule.into(),
            groups,
            hits,
            findings: 0,
        })
    }

    /// Returns the day of a time in the pack's time zone, by number since 1970.
    pub(crate) fn day(&self, time: i64) -> i32 {
        i32::try_from(self.zone.local_millis(time).div_euclid(DAY)).unwrap_or(i32::MAX)
    }

    fn hour(&self, time: i64) -> i64 {
        self.zone.local_millis(time).div_euclid(3_600_000)
    }

    /// Compares an event with the baseline of its identity. `None` if it has no identity.
    pub(crate) fn judge(&mut self, moment: &Moment<'_>) -> Option<(Slot, Facts)> {
        let Moment { observation, leaf, time } = *moment;
        let (day, hour) = (self.day(time), self.hour(time));
        let name = observation.get(Part::Identity)?;
        // Failed attempts under arbitrary names must neither create nor evict identities.
        let (slot, gone) = if observation.is_failed {
            (self.identities.find(name)?, None)
        } else {
            self.identities.enter(name, leaf)
        };
        self.release(gone);
        self.identities.change(slot, |identity| identity.rate.advance(hour));
        let identity = self.identities.get(slot);
        let mut facts = Facts { age_days: Some(0), ..Facts::default() };
        if identity.days == 0 {
            return Some((slot, facts));
        }
        facts.age_days = u32::try_from(day - identity.first_day).ok().or(Some(0));
        facts.is_learned = identity.is_learned(day);
        facts.hour_share =
            (facts.is_learned && identity.hours.active >= LEARN_HOURS).then(|| identity.hours.share(hour));
        facts.rate = identity.rate.judge(hour);
        let idle = u32::try_from((time - identity.newest).max(0) / DAY).unwrap_or(u32::MAX);
        facts.idle = Some((idle, identity.longest_idle));
        if let (Some(here), Some((there, then))) = (observation.place, identity.place.as_deref().copied()) {
            let distance = here.distance(there);
            facts.travel = (distance >= MIN_TRAVEL_KM).then(|| (distance, speed(distance, time - then)));
        }
        if let Some(place) = observation.place {
            facts.place_days =
                Some(identity.known.days(ValueKind::Place, self.texts.find(&place.cell()), day));
        }
        self.add_news(identity, moment, day, &mut facts);
        Some((slot, facts))
    }

    fn add_news(&self, identity: &Identity, moment: &Moment<'_>, day: i32, facts: &mut Facts) {
        let known = &identity.known;
        let mut action = None;
        let mut add = |kind, value, of, begin| {
            if !known.has(kind, value, of, day) {
                facts.new.push((kind, known.recent(kind, value, of, (begin + LEARN_DAYS / 2, day))));
            }
        };
        if facts.is_learned {
            for (kind, value) in values(moment.observation) {
                if kind != ValueKind::Credential {
                    add(kind, self.texts.find(&value), None, identity.first_day);
                }
                if kind == ValueKind::Action {
                    action = self.texts.find(&value);
                }
            }
        }
        if let Some((credential, address)) = credential_address(moment.observation) {
            let credential = self.texts.find(credential);
            let since = known.since(ValueKind::Credential, credential, day);
            if let Some(since) = since.filter(|since| since + LEARN_DAYS <= day) {
                add(ValueKind::CredentialAddress, self.texts.find(address), credential, since);
            }
        }
        if facts.new.iter().any(|(kind, _)| *kind == ValueKind::Action) {
            facts.peers = Some(action.map_or(0, |action| self.texts.holders(action)));
        }
        // A network can only be new if the address is.
        if let Some(address) = moment.observation.get(Part::Address)
            && facts.new.iter().any(|(kind, _)| *kind == ValueKind::Address)
        {
            let since = (identity.first_day + LEARN_DAYS / 2, day);
            let (is_new, recent) = known.networks(&network_of(address), since, &self.texts);
            facts.new.extend(is_new.then_some((ValueKind::Network, recent)));
        }
        facts.new.sort_unstable_by_key(|(kind, _)| *kind as u8);
    }

    /// Adds an event to the baseline after it was judged, unless it failed: failed attempts aren't usual
    /// behavior.
    pub(crate) fn learn(&mut self, slot: Slot, moment: &Moment<'_>) {
        let Moment { observation, leaf, time } = *moment;
        if observation.is_failed {
            return;
        }
        let (day, hour) = (self.day(time), self.hour(time));
        let texts = &mut self.texts;
        let (mut added, mut cut) = (0, 0u64);
        self.identities.change(slot, |identity| {
            if identity.days == 0 {
                (identity.first_day, identity.newest, identity.newest_day) = (day, time, day - 1);
            }
            let idle = u32::try_from((time - identity.newest).max(0) / DAY).unwrap_or(u32::MAX);
            identity.longest_idle = identity.longest_idle.max(idle);
            identity.days += u32::from(day > identity.newest_day);
            identity.newest_day = identity.newest_day.max(day);
            identity.newest = identity.newest.max(time);
            identity.leaf = leaf;
            identity.hours.add(hour);
            identity.rate.add(hour);
            if let Some(place) = observation.place
                && identity.place.as_deref().is_none_or(|(_, then)| *then <= time)
            {
                identity.place = Some((place, time).into());
            }
            let before = identity.known.len();
            for (kind, value) in values(observation) {
                cut += u64::from(identity.known.note(kind, &value, None, day, texts));
            }
            if let Some((credential, address)) = credential_address(observation) {
                let credential = texts.find(credential);
                let kind = ValueKind::CredentialAddress;
                cut += u64::from(identity.known.note(kind, address, credential, day, texts));
            }
            added = identity.known.len() - before;
        });
        self.entries += added;
        if cut > 0 {
            let (number, _) = self.cut.get_or_insert((0, leaf));
            *number += cut;
        }
        while (self.entries > MAX_ENTRIES || self.texts.bytes > MAX_TEXT_BYTES) && self.identities.len() > 1 {
            let gone = self.identities.evict(leaf);
            self.release(gone);
        }
    }

    fn release(&mut self, gone: Option<Identity>) {
        if let Some(identity) = gone {
            self.entries -= identity.known.len();
            identity.known.release(&mut self.texts);
        }
    }

    /// Returns true if the rule reported a deviation of the identity shortly before. If not, starts a quiet
    /// period.
    pub(crate) fn is_quiet(&mut self, slot: Slot, rule: u32, time: i64) -> bool {
        self.identities.change(slot, |identity| {
            let quiet = identity.quiet.0.get_or_insert_default();
            match quiet.iter_mut().find(|(quiet, _)| *quiet == rule) {
                Some((_, since)) if since.abs_diff(time) <= QUIET_MS.unsigned_abs() => true,
                Some((_, since)) => {
                    *since = time;
                    false
                }
                None => {
                    quiet.reserve_exact(1);
                    quiet.push((rule, time));
                    false
                }
            }
        })
    }

    /// Returns the newest entry of each chain, which findings about silent chains name.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        self.chains.leaves()
    }

    /// Returns the chains that are silent, if this link is the first of a new hour.
    pub(crate) fn silent(&mut self, observation: &Observation, leaf: u64) -> Vec<Silence> {
        observation
            .get(Part::Chain)
            .map_or_else(Vec::new, |chain| self.chains.accept(chain, observation.recorded, leaf))
    }

    /// Marks a silence as reported by a rule. Returns true the first time.
    pub(crate) fn mark_reported(&mut self, silence: &Silence, rule: u32) -> bool {
        self.chains.mark_reported(silence, rule)
    }

    /// Returns the usual values as reasons, for those of the facts that need one.
    pub(crate) fn explain(
        &self,
        slot: Slot,
        moment: &Moment<'_>,
        facts: &Facts,
        selected: &[Fact],
    ) -> Vec<Reason> {
        let identity = self.identities.get(slot);
        let day = self.day(moment.time);
        let mut reasons: Vec<Reason> = Vec::new();
        let mut add = |field: String, value: String| {
            if !reasons.iter().any(|reason| reason.field.as_deref() == Some(&field)) {
                reasons.push(Reason { field: Some(field), value });
            }
        };
        for fact in selected {
            match fact {
                Fact::New | Fact::Recent(_) => {
                    for (kind, recent) in &facts.new {
                        if matches!(fact, Fact::Recent(other) if other != kind) {
                            continue;
                        }
                        let (_, word, _) = VALUE_KINDS[*kind as usize];
                        let value = match kind {
                            ValueKind::CredentialAddress => {
                                moment.observation.get(Part::Address).map(str::to_owned)
                            }
                            ValueKind::Network => moment
                                .observation
                                .get(Part::Address)
                                .map(|address| network_of(address).into_owned()),
                            _ => values(moment.observation)
                                .find(|(of, _)| of == kind)
                                .map(|(_, value)| value.into_owned()),
                        };
                        add(format!("baseline.new.{word}"), value.unwrap_or_default());
                        add(
                            format!("baseline.usual.{word}"),
                            self.usual(identity, *kind, moment, *recent, day),
                        );
                    }
                }
                Fact::HourShare => add("baseline.usual.hours".into(), identity.hours.describe()),
                Fact::Count | Fact::Median | Fact::Mad | Fact::Z | Fact::OfHigh => {
                    if let Some((count, usual)) = facts.rate {
                        let rate::Usual { hours, median, mad, high } = usual;
                        let usual = format!(
                            "median {median}, MAD {mad}, third highest {high} of {hours} active hours, now {count}"
                        );
                        add("baseline.usual.count".into(), usual);
                    }
                }
                Fact::IdleDays | Fact::IdleTimes => {
                    if let Some((idle, longest)) = facts.idle {
                        let usual = format!("longest pause before {longest} days, now {idle}");
                        add("baseline.usual.pause".into(), usual);
                    }
                }
                Fact::Distance | Fact::Speed | Fact::PlaceDays => {
                    if let (Some(here), Some((there, then))) =
                        (moment.observation.place, identity.place.as_deref().copied())
                    {
                        let then = countersign::time::Time::from_millis(then)
                            .unwrap_or(countersign::time::Time::MAX);
                        add("baseline.last.place".into(), format!("{there} at {then}, now {here}"));
                    }
                }
                Fact::AgeDays | Fact::Learned | Fact::Peers | Fact::SilentHours => {}
            }
        }
        reasons
    }

    fn usual(
        &self,
        identity: &Identity,
        kind: ValueKind,
        moment: &Moment<'_>,
        recent: u32,
        day: i32,
    ) -> String {
        let of = match kind {
            ValueKind::CredentialAddress => {
                moment.observation.get(Part::Credential).and_then(|text| self.texts.find(text))
            }
            ValueKind::Network => {
                return format!("none of its addresses; {recent} other networks new within 28 days");
            }
            _ => None,
        };
        let usual = identity.known.usual(kind, of, day);
        let days = |days: u32| if days == 1 { "1 day".into() } else { format!("{days} days") };
        let examples = usual
            .iter()
            .take(MAX_EXAMPLES)
            .map(|(value, on)| format!("{} ({})", self.texts.text(*value), days(*on)));
        let examples = examples.collect::<Vec<_>>().join(", ");
        let more = usual.len().saturating_sub(MAX_EXAMPLES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let examples = if examples.is_empty() { "none".into() } else { examples };
        format!("{examples}{more}; {recent} of them new within 28 days")
    }

    /// Describes the hours in which a chain is usually active.
    pub(crate) fn rhythm(&self, silence: &Silence) -> String {
        self.chains.describe_rhythm(silence)
    }
}

/// Returns the values in an event that an identity's baseline contains.
fn values(observation: &Observation) -> impl Iterator<Item = (ValueKind, Cow<'_, str>)> {
    let parts = [
        (ValueKind::Address, Part::Address),
        (ValueKind::UserAgent, Part::UserAgent),
        (ValueKind::Action, Part::Action),
        (ValueKind::Path, Part::Path),
        (ValueKind::Credential, Part::Credential),
        (ValueKind::Tool, Part::Tool),
    ];
    let place = observation.place.map(|place| (ValueKind::Place, place.cell().into()));
    parts.into_iter().filter_map(|(kind, part)| Some((kind, observation.get(part)?.into()))).chain(place)
}

fn credential_address(observation: &Observation) -> Option<(&str, &str)> {
    Some((observation.get(Part::Credential)?, observation.get(Part::Address)?))
}
