//! Generators of realistic logs with labeled attacks, and the accuracy of detection on them.
//!
//! A generator simulates identities for 75 days: people with working hours, time zones, leave and travel; services; build
//! pipelines; administrators; people on call. Each attack labels the events that belong to it. An attack counts as detected
//! if a finding names one of its events. A finding that names no event of an attack is a false alert.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    reason = "counts, days and numbers of identities are small"
)]

mod agents;
mod cloud;
mod office;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use countersign::time::Time;
use countersign_analyze::{Analyzer, Level, Pack};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use fastrand::Rng;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A Monday, 0:00 UTC, in milliseconds.
const BEGIN: i64 = 1_767_571_200_000;
const DAYS: i64 = 75;
/// Attacks start after habits are established.
const FIRST_ATTACK: i64 = 32;

/// An event of a simulated log.
struct Event {
    time: i64,
    json: String,
    /// The index of the attack that it belongs to.
    attack: Option<usize>,
}

/// A simulated log.
struct Simulation {
    random: Rng,
    events: Vec<Event>,
    /// The kind of each attack.
    attacks: Vec<&'static str>,
    identities: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), events: Vec::new(), attacks: Vec::new(), identities: 0 }
    }

    /// Returns true with this probability in percent.
    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
        self.random.i64(least..=most)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.random.usize(..list.len())]
    }

    /// Returns the address of a hotel, a train, or a mobile network.
    fn elsewhere(&mut self) -> String {
        format!(
            "{}.{}.{}.{}",
            self.between(77, 95),
            self.between(0, 30),
            self.between(0, 9),
            self.between(1, 250)
        )
    }

    fn push(&mut self, time: i64, json: String, attack: Option<usize>) {
        self.events.push(Event { time, json, attack });
    }

    /// Starts an attack of this kind.
    #[allow(clippy::unnecessary_wraps, reason = "events name an attack or none")]
    fn attack(&mut self, kind: &'static str) -> Option<usize> {
        self.attacks.push(kind);
        Some(self.attacks.len() - 1)
    }

    /// Returns the start of a working day on which attacks are possible, in milliseconds.
    fn attack_day(&mut self) -> i64 {
        loop {
            let day = self.between(FIRST_ATTACK, DAYS - 1);
            if is_workday(day) {
                return day;
            }
        }
    }
}

/// A person's working hours.
#[derive(Clone, Copy)]
struct Schedule {
    /// The first working hour in UTC; may be negative or above 23.
    begin: i64,
    hours: i64,
    leave: (i64, i64),
    /// The percentage of days that end late, and of weekend days with some work.
    late: u32,
    weekends: u32,
}

impl Schedule {
    fn new(simulation: &mut Simulation) -> Self {
        let zone = simulation.pick(&[-8, -5, -5, 0, 0, 1, 1, 1, 2, 5, 9]);
        let leave = simulation.between(10, DAYS);
        Self {
            begin: simulation.between(7, 10) - zone,
            hours: simulation.between(7, 9),
            leave: (leave, leave + simulation.between(4, 16)),
            late: simulation.pick(&[2, 4, 8, 15]),
            weekends: simulation.pick(&[0, 0, 0, 3, 10]),
        }
    }

    /// Returns the working hours of a day in milliseconds; none on free days.
    fn hours(&self, simulation: &mut Simulation, day: i64) -> Option<(i64, i64)> {
        let is_away = (self.leave.0..self.leave.1).contains(&day);
        if is_away || !is_workday(day) && !simulation.chance(self.weekends) {
            return None;
        }
        let late = if simulation.chance(self.late) { simulation.between(1, 3) } else { 0 };
        let begin = BEGIN + day * DAY + self.begin * HOUR;
        Some((begin, begin + (self.hours + late) * HOUR))
    }

    fn noon(&self, day: i64) -> i64 {
        BEGIN + day * DAY + (self.begin + 4) * HOUR
    }
}

fn is_workday(day: i64) -> bool {
    day % 7 < 5
}

/// The accuracy of a pack on a simulated log.
pub(crate) struct Accuracy {
    pub(crate) name: String,
    pub(crate) events: usize,
    /// For findings at `low`, `medium` and `high` or above: false alerts per identity and month, and recall.
    pub(crate) levels: [(Level, f64, f64); 3],
    /// False alerts by rule title and level, most frequent first.
    pub(crate) noise: Vec<(String, u32)>,
    pub(crate) missed: BTreeMap<&'static str, u32>,
}

/// Runs a pack's rules over a generator's log.
pub(crate) fn measure(pack: &Pack, name: &str, seed: u64) -> Result<Accuracy> {
    let mut simulation = Simulation::new(seed);
    match name {
        "agents" => agents::simulate(&mut simulation),
        "cloud" => cloud::simulate(&mut simulation),
        "office" => office::simulate(&mut simulation),
        _ => anyhow::bail!("no generator is called {name}"),
    }
    let Simulation { mut events, attacks, identities, .. } = simulation;
    events.sort_by_key(|event| event.time);
    let parsers = Parsers::built_in();
    let mut analyzer = Analyzer::new(pack);
    for (leaf, event) in (0..).zip(&events) {
        let document = Document::parse(&event.json).context("an event is JSON")?;
        let recorded = Time::from_millis(event.time).context("a time")?;
        let entry = Entry { event: Some(document.root()), chain: "app", ..Entry::recorded(recorded) };
        analyzer.accept(pack.detect_by(leaf, &parsers, &entry))?;
    }
    let findings = analyzer.finish().findings;
    let months = identities as f64 * DAYS as f64 / 30.0;
    let mut noise: BTreeMap<String, u32> = BTreeMap::new();
    let mut missed = BTreeMap::new();
    let levels = [Level::Low, Level::Medium, Level::High].map(|level| {
        let mut detected = vec![false; attacks.len()];
        let mut false_alerts = 0;
        for finding in findings.iter().filter(|finding| finding.level >= level) {
            let named = |leaf: &u64| events[usize::try_from(*leaf).unwrap_or(0)].attack;
            let hits: Vec<usize> = finding.leaves.iter().filter_map(named).collect();
            for attack in &hits {
                detected[*attack] = true;
            }
            if hits.is_empty() {
                false_alerts += 1;
                if level == Level::Low {
                    *noise.entry(format!("{} ({})", finding.title, finding.level.as_str())).or_default() += 1;
                }
            }
        }
        if level == Level::Low {
            for (kind, _) in attacks.iter().zip(&detected).filter(|(_, detected)| !**detected) {
                *missed.entry(*kind).or_default() += 1;
            }
        }
        let recall = detected.iter().filter(|detected| **detected).count() as f64 / attacks.len() as f64;
        (level, f64::from(false_alerts) / months, recall)
    });
    let mut noise: Vec<_> = noise.into_iter().collect();
    noise.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(Accuracy { name: format!("{name} {seed}"), events: events.len(), levels, noise, missed })
}
