//! Baselines over the habits of many identities with anomalies among them: measures true and false
//! findings.

use std::collections::BTreeMap;

use countersign::time::Time;
use countersign_analyze::{Analyzer, Pack, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// A Monday, 0:00 UTC.
const BEGIN: i64 = 1_793_577_600_000;
const DAYS: i64 = 90;

/// `SplitMix64`, which gives the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `least` to below `end`.
    fn in_range(&mut self, least: i64, end: i64) -> i64 {
        least + i64::try_from(self.next() % u64::try_from((end - least).max(1)).unwrap()).unwrap()
    }

    /// Returns true with this probability in percent.
    fn chance(&mut self, percent: i64) -> bool {
        self.in_range(0, 100) < percent
    }
}

/// Parameters of a simulation. Several sets are tested, so that thresholds don't fit just one.
struct World {
    seed: u64,
    identities: i64,
    /// The maximum number of actions per person and day.
    busy: i64,
    /// The percentage of days on which a person is elsewhere.
    roams: i64,
    /// The percentage of days on which a person works late.
    late: i64,
    /// The percentage of anomalies that must be found. A new address alone is no anomaly for identities
    /// that often have new ones.
    found: usize,
}

struct Event {
    time: i64,
    json: String,
    /// The anomaly that the event belongs to, if any.
    anomaly: Option<usize>,
}

#[derive(Clone)]
struct Who {
    id: String,
    kind: &'static str,
    address: String,
    agent: String,
    place: (i64, i64),
    actions: Vec<&'static str>,
}

const ACTIONS: [&str; 8] = [
    "job.create",
    "job.update",
    "job.trigger",
    "config.read",
    "session.login",
    "http.request",
    "report.read",
    "user.read",
];

fn event(who: &Who, time: i64, action: &str, anomaly: Option<usize>) -> Event {
    let Who { id, kind, address, agent, place: (latitude, longitude), .. } = who;
    let json = format!(
        r#"{{"action":"{action}","actor":{{"type":"{kind}","id":"{id}","credential":"key-{id}"}},"outcome":"success","context":{{"ip":"{address}","user_agent":"{agent}","geo":{{"lat":{latitude},"lon":{longitude}}}}}}}"#
    );
    Event { time, json, anomaly }
}

impl World {
    /// Returns the events in the order of their times, and the kind of each anomaly.
    fn events(&self) -> (Vec<Event>, Vec<&'static str>) {
        let mut dice = Dice(self.seed);
        let (mut events, mut anomalies) = (Vec::new(), Vec::new());
        for nth in 0..self.identities {
            match dice.in_range(0, 10) {
                0..6 => self.person(nth, &mut dice, &mut events, &mut anomalies),
                kind => Self::machine(nth, kind == 9, &mut dice, &mut events, &mut anomalies),
            }
        }
        events.sort_by_key(|event| event.time);
        (events, anomalies)
    }

    fn person(&self, nth: i64, dice: &mut Dice, events: &mut Vec<Event>, anomalies: &mut Vec<&'static str>) {
        let mut who = Who {
            id: format!("u_{nth}"),
            kind: "user",
            address: format!("198.51.{}.{}", nth / 200, nth % 200),
            agent: "Mozilla/5.0 (Macintosh) Safari/17".into(),
            place: (dice.in_range(40, 60), dice.in_range(-5, 20)),
            actions: (0..5).map(|_| ACTIONS[usize::try_from(dice.in_range(0, 8)).unwrap()]).collect(),
        };
        let (mut begin, hours) = (dice.in_range(6, 11), dice.in_range(6, 10));
        let holiday = dice.in_range(15, 80);
        let length = dice.in_range(5, 16);
        let (new_computer, moves) = (dice.in_range(0, 200), dice.in_range(0, 250));
        let sleeps = dice.chance(4);
        for day in 0..DAYS {
            let midnight = BEGIN + day * DAY;
            if day == new_computer {
                who.agent = "Mozilla/5.0 (X11; Linux) Firefox/130".into();
            }
            if day == moves {
                who.address = format!("203.0.113.{}", nth % 250);
                begin += 1;
            }
            let is_away = (holiday..holiday + length).contains(&day) || sleeps && (30..75).contains(&day);
            let is_weekend = day % 7 >= 5 && !dice.chance(2);
            if is_away || is_weekend {
                continue;
            }
            let there = if dice.chance(self.roams) {
                Who { address: format!("192.0.2.{}", dice.in_range(0, 250)), ..who.clone() }
            } else {
                who.clone()
            };
            let late = if dice.chance(self.late) { dice.in_range(1, 4) } else { 0 };
            for _ in 0..dice.in_range(2, self.busy) {
                let time = midnight + dice.in_range(begin * HOUR, (begin + hours + late) * HOUR);
                let action = there.actions[usize::try_from(dice.in_range(0, 5)).unwrap()];
                events.push(event(&there, time, action, None));
            }
        }
        if sleeps {
            // The first event after the pause.
            let first = events
                .iter_mut()
                .filter(|event| {
                    event.time >= BEGIN + 75 * DAY && event.json.contains(&format!("\"{}\"", who.id))
                })
                .min_by_key(|event| event.time);
            if let Some(first) = first {
                first.anomaly = Some(anomalies.len());
                anomalies.push("dormant");
            }
            return;
        }
        if !dice.chance(40) {
            return;
        }
        let mut day = dice.in_range(35, DAYS);
        while day % 7 >= 5 || (holiday..holiday + length).contains(&day) {
            day = dice.in_range(35, DAYS);
        }
        let noon = BEGIN + day * DAY + (begin + 3) * HOUR;
        let number = Some(anomalies.len());
        let action = who.actions[0];
        match dice.in_range(0, 6) {
            0 => {
                let thief =
                    Who { address: format!("203.0.112.{}", nth % 250), agent: "curl/8.4".into(), ..who };
                events.push(event(&thief, noon, action, number));
                anomalies.push("stolen session");
            }
            1 => {
                events.push(event(&who, BEGIN + day * DAY + (begin + 14) % 24 * HOUR, action, number));
                anomalies.push("night");
            }
            2 => {
                (0..150).for_each(|nth| events.push(event(&who, noon + nth * 9000, action, number)));
                anomalies.push("burst");
            }
            3 => {
                events.push(event(&who, noon, action, None));
                let far = Who { place: (-34, 151), address: format!("203.0.112.{}", nth % 250), ..who };
                events.push(event(&far, noon + HOUR, action, number));
                anomalies.push("travel");
            }
            4 => {
                events.push(event(&who, noon, "data.export", number));
                anomalies.push("first export");
            }
            _ => {
                let thief = Who { address: format!("203.0.112.{}", nth % 250), ..who };
                events.push(event(&thief, noon, action, number));
                anomalies.push("new address");
            }
        }
    }

    fn machine(
        nth: i64,
        is_agent: bool,
        dice: &mut Dice,
        events: &mut Vec<Event>,
        anomalies: &mut Vec<&'static str>,
    ) {
        let who = Who {
            id: format!("s_{nth}"),
            kind: if is_agent { "agent" } else { "service" },
            address: format!("10.0.{}.{}", nth / 200, nth % 200),
            agent: format!("worker-{nth}/1.2"),
            place: (50, 8),
            actions: vec!["job.trigger", "http.request"],
        };
        let (every, load) = (dice.in_range(1, 5), dice.in_range(1, 4));
        for hour in 0..DAYS * 24 {
            // Agents work when people do.
            let runs =
                if is_agent { (7..20).contains(&(hour % 24)) && dice.chance(30) } else { hour % every == 0 };
            for _ in 0..if runs { dice.in_range(1, 2 + load) } else { 0 } {
                let time = BEGIN + hour * HOUR + dice.in_range(0, HOUR);
                events.push(event(
                    &who,
                    time,
                    who.actions[usize::try_from(dice.in_range(0, 2)).unwrap()],
                    None,
                ));
            }
        }
        if !dice.chance(40) {
            return;
        }
        let time = BEGIN + dice.in_range(35, DAYS) * DAY + 10 * HOUR;
        let number = Some(anomalies.len());
        match dice.in_range(0, 3) {
            0 => {
                events.push(event(&who, time, "secret.read", number));
                anomalies.push("machine does something new");
            }
            1 => {
                let thief = Who { address: format!("203.0.111.{}", nth % 250), ..who };
                events.push(event(&thief, time, "http.request", number));
                anomalies.push("stolen key");
            }
            _ => {
                (0..200).for_each(|nth| events.push(event(&who, time + nth * 5000, "http.request", number)));
                anomalies.push("machine bursts");
            }
        }
    }
}

fn pack() -> Pack {
    let mut sources = Sources::default();
    for (file, text) in [
        ("first-seen.yml", include_str!("../../rules/first-seen.yml")),
        ("unusual.yml", include_str!("../../rules/unusual.yml")),
    ] {
        sources.add(file, text);
    }
    sources.build("habits").unwrap_or_else(|faults| panic!("{}", faults[0]))
}

#[test]
fn anomalies_are_found_and_habits_are_not() {
    let (pack, parsers) = (pack(), Parsers::built_in());
    for world in [
        World { seed: 7, identities: 200, busy: 10, roams: 5, late: 5, found: 95 },
        World { seed: 2026, identities: 60, busy: 25, roams: 25, late: 15, found: 90 },
        World { seed: 90, identities: 60, busy: 15, roams: 50, late: 10, found: 90 },
    ] {
        let (events, kinds) = world.events();
        let mut analyzer = Analyzer::new(&pack);
        for (leaf, event) in (0..).zip(&events) {
            let document = Document::parse(&event.json).unwrap();
            let root = document.root();
            let read = parsers.parse(&root);
            let time = Time::from_millis(event.time).unwrap();
            let entry =
                Entry { event: Some(root), read: read.as_ref(), chain: "app", ..Entry::recorded(time) };
            analyzer.accept(pack.detect(leaf, &entry)).unwrap();
        }
        let findings = analyzer.finish().findings;
        let mut found = vec![false; kinds.len()];
        let mut wrong: BTreeMap<&str, u32> = BTreeMap::new();
        for finding in &findings {
            let hits: Vec<_> = finding
                .leaves
                .iter()
                .filter_map(|leaf| events[usize::try_from(*leaf).unwrap()].anomaly)
                .collect();
            for anomaly in &hits {
                found[*anomaly] = true;
            }
            if hits.is_empty() {
                *wrong.entry(&finding.title).or_default() += 1;
            }
        }
        let mut missed: BTreeMap<&str, u32> = BTreeMap::new();
        for (kind, _) in kinds.iter().zip(&found).filter(|(_, found)| !**found) {
            *missed.entry(*kind).or_default() += 1;
        }
        let recalled = found.iter().filter(|found| **found).count();
        let false_alerts: u32 = wrong.values().sum();
        let summary = format!(
            "{} events, {recalled} of {} anomalies found (missed: {missed:?}), {false_alerts} false: {wrong:?}",
            events.len(),
            kinds.len()
        );
        println!("{summary}");
        assert!(recalled * 100 >= kinds.len() * world.found, "{summary}");
        assert!(i64::from(false_alerts) * 100 <= world.identities * DAYS / 30 * 70, "{summary}");
    }
}

/// Returns the level and number of repeats of each finding of a rule about deletions, for events given by
/// day and actor.
fn levels(habits: &str, events: &[(i64, &str)]) -> Vec<(String, u64)> {
    let mut sources = Sources::default();
    let rule = "title: Deleted\nid: deleted\nlevel: high\ndetection:\n  s: {parsed.action: job.delete}\n  condition: s\n";
    sources.add("rules.yml", rule);
    sources.add("pack.yml", habits);
    let (pack, parsers) = (sources.build("habits").unwrap(), Parsers::built_in());
    let mut analyzer = Analyzer::new(&pack);
    for (leaf, (day, who)) in (0..).zip(events) {
        let json = format!(r#"{{"action":"job.delete","actor":{{"id":"{who}"}}}}"#);
        let document = Document::parse(&json).unwrap();
        let time = Time::from_millis(BEGIN + day * DAY + i64::try_from(leaf).unwrap()).unwrap();
        let entry = Entry { event: Some(document.root()), chain: "app", ..Entry::recorded(time) };
        analyzer.accept(pack.detect_by(leaf, &parsers, &entry)).unwrap();
    }
    let findings = analyzer.finish().findings.into_iter();
    findings.map(|finding| (finding.level.as_str().to_owned(), finding.repeats)).collect()
}

#[test]
fn habits_lower_the_level_and_give_one_finding_a_day() {
    let days =
        [(0, "ada"), (0, "ada"), (0, "bob"), (7, "ada"), (14, "ada"), (21, "ada"), (21, "ada"), (21, "bob")];
    let high = |repeats| ("high".to_owned(), repeats);
    let low = |repeats| ("low".to_owned(), repeats);
    assert_eq!(levels("habits: low", &days), [high(1), high(0), high(0), low(0), low(1), high(0)]);
    assert_eq!(levels("version: '1'", &days), vec![high(0); days.len()], "only a pack that asks for it");
    assert_eq!(levels("habits: critical", &days).len(), 6);
    let later = [(0, "ada"), (7, "ada"), (36, "ada"), (70, "ada")];
    assert_eq!(levels("habits: low", &later), vec![high(0); 4], "a habit ends");
}
