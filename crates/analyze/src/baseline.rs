//! Baselines: what is usual of an identity, and of a chain.
//!
//! An event is first judged by what was usual before it, and then learned. Events come in the order of the leaves, so
//! that the same log gives the same baselines, and memory is bounded: what has to go goes in an order that depends on
//! nothing but the events (SPEC section 13).

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
use known::{Known, WHAT, What, network_of};
use place::{Place, speed};
use rate::Rate;
pub(crate) use store::{Ranked, Store};
use texts::Texts;

/// The most identities that are known.
const MAX_IDENTITIES: usize = 65_536;
/// The most things that identities are known to be seen with, and how long their texts may be together.
const MAX_ENTRIES: usize = 1 << 20;
const MAX_TEXTS: usize = 16 << 20;

/// So many days an identity or a credential is watched before what is new says something, and on how many an identity
/// must have been active.
const LEARN: i32 = 14;
const LEARN_ACTIVE: u32 = 5;
/// So many active hours are watched before an hour can be unusual.
const LEARN_HOURS: u32 = 30;
/// Places that are no farther apart are one, in kilometers.
const NEAR: u32 = 100;
/// For so long a rule is quiet about an identity, in milliseconds.
const QUIET: i64 = 8 * 3_600_000;
const DAY: i64 = 86_400_000;
/// How many of the usual values are told.
const TOLD: usize = 3;

/// What is usual of an identity.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Identity {
    /// The day on which it was first seen, and on how many it was; none yet if that is nought.
    first_day: i32,
    newest_day: i32,
    days: u32,
    newest: i64,
    leaf: u64,
    longest_idle: u32,
    known: Known,
    hours: Hours,
    rate: Rate,
    place: Option<Box<(Place, i64)>>,
    /// Rules that found something, and when they did: of few identities.
    quiet: Quiet,
}

#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "state", serde(from = "Vec<(u32, i64)>", into = "Vec<(u32, i64)>"))]
#[allow(clippy::box_collection, reason = "most have none, which takes a third of the space so")]
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
        (self.days, self.leaf)
    }
}

impl Identity {
    fn is_learned(&self, day: i32) -> bool {
        day - self.first_day >= LEARN && self.days >= LEARN_ACTIVE
    }
}

/// What is usual of all identities and chains.
#[derive(Clone, Debug)]
pub(crate) struct Baselines {
    zone: Zone,
    identities: Store<Identity>,
    texts: Texts,
    entries: usize,
    /// Values of identities that were forgotten for others: how many, and the leaf that made the first go.
    cut: Option<(u64, u64)>,
    chains: Chains,
}

/// An event of an identity, at its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) seen: &'a Observation,
    pub(crate) leaf: u64,
    /// In milliseconds.
    pub(crate) time: i64,
}

/// An identity's place among the others.
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

    /// What had to be forgotten for want of room: identities or chains, and what identities were seen with.
    pub(crate) fn limits(&self) -> impl Iterator<Item = Limit> {
        let of = [
            ("baseline", self.identities.evicted, self.cut),
            ("baseline.silent_hours", self.chains.evicted(), None),
        ];
        let is_any = of.into_iter().filter(|(_, groups, hits)| groups.or(*hits).is_some());
        is_any.map(|(rule, groups, hits)| Limit { rule: rule.into(), groups, hits, findings: 0 })
    }

    /// The day of a time by the pack's time zone, by number since 1970.
    pub(crate) fn day(&self, time: i64) -> i32 {
        i32::try_from(self.zone.local_millis(time).div_euclid(DAY)).unwrap_or(i32::MAX)
    }

    fn hour(&self, time: i64) -> i64 {
        self.zone.local_millis(time).div_euclid(3_600_000)
    }

    /// Says of an event what was not usual before it. None where it is nobody's.
    pub(crate) fn judge(&mut self, moment: &Moment<'_>) -> Option<(Slot, Facts)> {
        let Moment { seen, leaf, time } = *moment;
        let (day, hour) = (self.day(time), self.hour(time));
        let name = seen.get(Part::Identity)?;
        // Who fails under any names brings nobody into being, and drives nobody out.
        let (slot, gone) = if seen.is_failed {
            (self.identities.find(name)?, None)
        } else {
            self.identities.enter(name, leaf)
        };
        self.release(gone);
        self.identities.change(slot, |identity| identity.rate.turn(hour));
        let identity = self.identities.get(slot);
        let mut facts = Facts { age_days: Some(0), ..Facts::default() };
        if identity.days == 0 {
            return Some((slot, facts));
        }
        facts.age_days = u32::try_from(day - identity.first_day).ok().or(Some(0));
        facts.is_learned = identity.is_learned(day);
        facts.hour_share =
            (facts.is_learned && identity.hours.seen >= LEARN_HOURS).then(|| identity.hours.share(hour));
        facts.rate = identity.rate.judge(hour);
        let idle = u32::try_from((time - identity.newest).max(0) / DAY).unwrap_or(u32::MAX);
        facts.idle = Some((idle, identity.longest_idle));
        if let (Some(here), Some((there, then))) = (seen.place, identity.place.as_deref().copied()) {
            let distance = here.distance(there);
            facts.travel = (distance >= NEAR).then(|| (distance, speed(distance, time - then)));
        }
        if let Some(place) = seen.place {
            facts.place_days = Some(identity.known.days(What::Place, self.texts.find(&place.cell()), day));
        }
        self.news(identity, moment, day, &mut facts);
        Some((slot, facts))
    }

    fn news(&self, identity: &Identity, moment: &Moment<'_>, day: i32, facts: &mut Facts) {
        let known = &identity.known;
        let mut action = None;
        let mut add = |what, value, of, begin| {
            if !known.has(what, value, of, day) {
                facts.new.push((what, known.recent(what, value, of, (begin + LEARN / 2, day))));
            }
        };
        if facts.is_learned {
            for (what, value) in values(moment.seen) {
                if what != What::Credential {
                    add(what, self.texts.find(&value), None, identity.first_day);
                }
                if what == What::Action {
                    action = self.texts.find(&value);
                }
            }
        }
        if let Some((credential, address)) = credential_address(moment.seen) {
            let credential = self.texts.find(credential);
            let since = known.since(What::Credential, credential, day);
            if let Some(since) = since.filter(|since| since + LEARN <= day) {
                add(What::CredentialAddress, self.texts.find(address), credential, since);
            }
        }
        if facts.new.iter().any(|(what, _)| *what == What::Action) {
            facts.peers = Some(action.map_or(0, |action| self.texts.holders(action)));
        }
        // A network can be new only where an address is.
        if let Some(address) = moment.seen.get(Part::Address)
            && facts.new.iter().any(|(what, _)| *what == What::Address)
        {
            let since = (identity.first_day + LEARN / 2, day);
            let (is_new, recent) = known.networks(&network_of(address), since, &self.texts);
            facts.new.extend(is_new.then_some((What::Network, recent)));
        }
        facts.new.sort_unstable_by_key(|(what, _)| *what as u8);
    }

    /// Learns an event that was judged, unless it failed: what is usual is not what somebody tried in vain.
    pub(crate) fn learn(&mut self, slot: Slot, moment: &Moment<'_>) {
        let Moment { seen, leaf, time } = *moment;
        if seen.is_failed {
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
            if let Some(place) = seen.place
                && identity.place.as_deref().is_none_or(|(_, then)| *then <= time)
            {
                identity.place = Some((place, time).into());
            }
            let before = identity.known.len();
            for (what, value) in values(seen) {
                cut += u64::from(identity.known.note(what, &value, None, day, texts));
            }
            if let Some((credential, address)) = credential_address(seen) {
                let credential = texts.find(credential);
                let what = What::CredentialAddress;
                cut += u64::from(identity.known.note(what, address, credential, day, texts));
            }
            added = identity.known.len() - before;
        });
        self.entries += added;
        if cut > 0 {
            let (number, _) = self.cut.get_or_insert((0, leaf));
            *number += cut;
        }
        while (self.entries > MAX_ENTRIES || self.texts.bytes > MAX_TEXTS) && self.identities.len() > 1 {
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

    /// Whether a rule that found something of an identity at this time found something shortly before. If not, it is
    /// quiet from now on.
    pub(crate) fn is_quiet(&mut self, slot: Slot, rule: u32, time: i64) -> bool {
        self.identities.change(slot, |identity| {
            let quiet = identity.quiet.0.get_or_insert_default();
            match quiet.iter_mut().find(|(quiet, _)| *quiet == rule) {
                Some((_, since)) if since.abs_diff(time) <= QUIET.unsigned_abs() => true,
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

    /// The newest leaf of each chain, which is named where the chain is silent.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        self.chains.leaves()
    }

    /// The chains that are silent where this link begins a new hour.
    pub(crate) fn silent(&mut self, seen: &Observation, leaf: u64) -> Vec<Silence> {
        seen.get(Part::Chain).map_or_else(Vec::new, |chain| self.chains.take(chain, seen.recorded, leaf))
    }

    /// Whether a rule tells of this silence for the first time.
    pub(crate) fn tell(&mut self, silence: &Silence, rule: u32) -> bool {
        self.chains.tell(silence, rule)
    }

    /// What was usual, for who is told that it is not: a reason for each of these facts that needs one.
    pub(crate) fn explain(
        &self,
        slot: Slot,
        moment: &Moment<'_>,
        facts: &Facts,
        asked: &[Fact],
    ) -> Vec<Reason> {
        let identity = self.identities.get(slot);
        let day = self.day(moment.time);
        let mut reasons: Vec<Reason> = Vec::new();
        let mut say = |field: String, value: String| {
            if !reasons.iter().any(|reason| reason.field.as_deref() == Some(&field)) {
                reasons.push(Reason { field: Some(field), value });
            }
        };
        for fact in asked {
            match fact {
                Fact::New | Fact::Recent(_) => {
                    for (what, recent) in &facts.new {
                        if matches!(fact, Fact::Recent(other) if other != what) {
                            continue;
                        }
                        let (_, word, _) = WHAT[*what as usize];
                        let value = match what {
                            What::CredentialAddress => moment.seen.get(Part::Address).map(str::to_owned),
                            What::Network => {
                                moment.seen.get(Part::Address).map(|address| network_of(address).into_owned())
                            }
                            _ => values(moment.seen)
                                .find(|(of, _)| of == what)
                                .map(|(_, value)| value.into_owned()),
                        };
                        say(format!("baseline.new.{word}"), value.unwrap_or_default());
                        say(
                            format!("baseline.usual.{word}"),
                            self.usual(identity, *what, moment, *recent, day),
                        );
                    }
                }
                Fact::HourShare => say("baseline.usual.hours".into(), identity.hours.told()),
                Fact::Count | Fact::Median | Fact::Mad | Fact::Z | Fact::OfHigh => {
                    if let Some((count, usual)) = facts.rate {
                        let rate::Usual { hours, median, mad, high } = usual;
                        let usual = format!(
                            "median {median}, MAD {mad}, third highest {high} of {hours} active hours, now {count}"
                        );
                        say("baseline.usual.count".into(), usual);
                    }
                }
                Fact::IdleDays | Fact::IdleTimes => {
                    if let Some((idle, longest)) = facts.idle {
                        let usual = format!("longest pause before {longest} days, now {idle}");
                        say("baseline.usual.pause".into(), usual);
                    }
                }
                Fact::Distance | Fact::Speed | Fact::PlaceDays => {
                    if let (Some(here), Some((there, then))) =
                        (moment.seen.place, identity.place.as_deref().copied())
                    {
                        let then = countersign::time::Time::from_millis(then)
                            .unwrap_or(countersign::time::Time::MAX);
                        say("baseline.last.place".into(), format!("{there} at {then}, now {here}"));
                    }
                }
                Fact::AgeDays | Fact::Learned | Fact::Peers | Fact::SilentHours => {}
            }
        }
        reasons
    }

    fn usual(&self, identity: &Identity, what: What, moment: &Moment<'_>, recent: u32, day: i32) -> String {
        let of = match what {
            What::CredentialAddress => {
                moment.seen.get(Part::Credential).and_then(|text| self.texts.find(text))
            }
            What::Network => {
                return format!("none of its addresses; {recent} other networks new within 28 days");
            }
            _ => None,
        };
        let usual = identity.known.usual(what, of, day);
        let days = |days: u32| if days == 1 { "1 day".into() } else { format!("{days} days") };
        let told =
            usual.iter().take(TOLD).map(|(value, on)| format!("{} ({})", self.texts.text(*value), days(*on)));
        let told = told.collect::<Vec<_>>().join(", ");
        let more = usual.len().saturating_sub(TOLD);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let told = if told.is_empty() { "none".into() } else { told };
        format!("{told}{more}; {recent} of them new within 28 days")
    }

    /// In which hours a chain usually says something.
    pub(crate) fn rhythm(&self, silence: &Silence) -> String {
        self.chains.usual(silence)
    }
}

/// What an identity is seen with in an event.
fn values(seen: &Observation) -> impl Iterator<Item = (What, Cow<'_, str>)> {
    let parts = [
        (What::Address, Part::Address),
        (What::UserAgent, Part::UserAgent),
        (What::Action, Part::Action),
        (What::Path, Part::Path),
        (What::Credential, Part::Credential),
    ];
    let place = seen.place.map(|place| (What::Place, place.cell().into()));
    parts.into_iter().filter_map(|(what, part)| Some((what, seen.get(part)?.into()))).chain(place)
}

fn credential_address(seen: &Observation) -> Option<(&str, &str)> {
    Some((seen.get(Part::Credential)?, seen.get(Part::Address)?))
}
