//! A company's product and its sign-ins: support, sales, finance, human resources, administrators in
//! shifts, and their programs, as recorded by the product and by Okta.

use std::collections::BTreeSet;

use super::{BEGIN, DAY, DAYS, HOUR, MINUTE, Schedule, Simulation};

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
];

/// A department: its name, headcount, daily actions, and rarer actions.
struct Department {
    name: &'static str,
    people: i64,
    daily: &'static [&'static str],
    rare: &'static [&'static str],
    busy: i64,
}

const DEPARTMENTS: [Department; 5] = [
    Department {
        name: "support",
        people: 20,
        daily: &["ticket.read", "ticket.update", "customer.read", "customer.search", "order.read"],
        rare: &["customer.update", "refund.create", "password.reset"],
        busy: 45,
    },
    Department {
        name: "sales",
        people: 16,
        daily: &["lead.read", "lead.update", "quote.create", "customer.read", "report.read"],
        rare: &["report.export", "discount.approve", "lead.delete"],
        busy: 20,
    },
    Department {
        name: "finance",
        people: 7,
        daily: &["invoice.read", "invoice.update", "payment.read", "report.read"],
        rare: &["payment.approve", "invoice.delete", "report.export"],
        busy: 25,
    },
    Department {
        name: "people",
        people: 4,
        daily: &["employee.read", "employee.update", "document.read"],
        rare: &["employee.create", "document.download", "user.invite"],
        busy: 12,
    },
    Department {
        name: "product",
        people: 18,
        daily: &["job.read", "job.create", "config.read", "dashboard.read", "http.request"],
        rare: &["config.update", "key.create", "webhook.update", "secret.read"],
        busy: 15,
    },
];

#[derive(Clone)]
struct Actor {
    id: String,
    kind: &'static str,
    address: String,
    agent: String,
    place: (i64, i64),
}

struct Person {
    actor: Actor,
    schedule: Schedule,
    department: &'static Department,
}

fn own(simulation: &mut Simulation, who: &Actor, time: i64, action: &str, more: &str, attack: Option<usize>) {
    let Actor { id, kind, address, agent, place: (latitude, longitude) } = who;
    let outcome = if more.contains("\"outcome\"") { "" } else { r#","outcome":"success""# };
    let json = format!(
        r#"{{"action":"{action}","actor":{{"id":"{id}","type":"{kind}","session":"s_{id}_{}"}},"tenant":"acme","context":{{"ip":"{address}","user_agent":"{agent}","geo":{{"lat":{latitude},"lon":{longitude}}}}}{outcome}{more}}}"#,
        time / DAY
    );
    simulation.push(time, json, attack);
}

fn okta(
    simulation: &mut Simulation,
    who: &Actor,
    time: i64,
    event: (&str, &str, &str),
    attack: Option<usize>,
) {
    let (kind, result, target) = event;
    let more = if kind == "user.account.privilege.grant" {
        r#""debugContext":{"debugData":{"privilegeGranted":"Super administrator"}},"#
    } else {
        ""
    };
    let Actor { id, address, agent, place: (latitude, longitude), .. } = who;
    let json = format!(
        r#"{{"actor":{{"id":"{id}","type":"User","alternateId":"{id}@acme.example","displayName":"{id}"}},"client":{{"userAgent":{{"rawUserAgent":"{agent}"}},"ipAddress":"{address}","geographicalContext":{{"geolocation":{{"lat":{latitude},"lon":{longitude}}}}}}},"displayMessage":"{kind}","eventType":"{kind}","outcome":{{"result":"{result}"}},"severity":"INFO","version":"0",{more}"uuid":"{time}","target":[{target}]}}"#
    );
    simulation.push(time, json, attack);
}

pub(super) fn simulate(simulation: &mut Simulation) {
    let mut people = Vec::new();
    for department in &DEPARTMENTS {
        for nth in 0..department.people {
            people.push(person(simulation, department, nth));
        }
    }
    let admins: Vec<_> = (0..4).map(|nth| admin(simulation, nth)).collect();
    let robots: Vec<_> = (0..14).map(|nth| robot(simulation, nth)).collect();
    exporter(simulation);
    deployer(simulation);
    broken_client(simulation);
    simulation.identities = people.len() + admins.len() + robots.len() + 3;
    let mut victims = BTreeSet::new();
    for round in 0..3 {
        attacks(simulation, &people, &admins, &robots, &mut victims, round);
    }
}

fn person(simulation: &mut Simulation, department: &'static Department, nth: i64) -> Person {
    let mut schedule = Schedule::new(simulation);
    let name = department.name;
    if name == "support" && nth % 4 == 0 {
        // Early and night shifts, weekends included.
        schedule.begin = simulation.pick(&[4, 20, 21]);
        schedule.weekends = 45;
    }
    let place = (simulation.between(40, 58), simulation.between(-8, 24));
    let mut actor = Actor {
        id: format!("{name}{nth}"),
        kind: "user",
        address: format!("198.51.100.{}", place.0),
        agent: simulation.pick(&AGENTS[..3]).into(),
        place,
    };
    let home = format!("203.0.{}.{}", place.0 + 60, nth + 10);
    let remote = simulation.pick(&[0, 30, 50, 100]);
    let roams = simulation.pick(&[0, 3, 5, 25]);
    let new_computer = simulation.between(0, 200);
    let uses_phone = simulation.chance(30);
    let has_rare = simulation.pick(&[3, 8, 15]);
    let starts = if simulation.chance(8) { simulation.between(15, 40) } else { 0 };
    for day in starts..DAYS {
        if day == new_computer {
            actor.agent = simulation.pick(&AGENTS[..3]).into();
        }
        let Some((begin, end)) = schedule.hours(simulation, day) else { continue };
        let mut here = actor.clone();
        if simulation.chance(roams) {
            here.address = simulation.elsewhere();
            here.place = (place.0 + simulation.between(-3, 3), place.1 + simulation.between(-3, 3));
        } else if simulation.chance(remote) {
            here.address.clone_from(&home);
        }
        for failed in 0..if simulation.chance(7) { simulation.between(1, 4) } else { 0 } {
            okta(
                simulation,
                &here,
                begin - (failed + 1) * 20_000,
                ("user.session.start", "FAILURE", ""),
                None,
            );
        }
        okta(simulation, &here, begin, ("user.session.start", "SUCCESS", ""), None);
        for _ in 0..simulation.between(department.busy / 2, department.busy) {
            let mut here = here.clone();
            if uses_phone && simulation.chance(10) {
                here.agent = AGENTS[3].into();
            }
            let is_rare = simulation.chance(has_rare) && simulation.chance(20);
            let action = simulation.pick(if is_rare { department.rare } else { department.daily });
            let time = simulation.between(begin, end);
            let target = format!(r#","target":{{"type":"item","id":"i_{}"}}"#, simulation.between(0, 90_000));
            own(simulation, &here, time, action, &target, None);
        }
        if name == "finance" && (day % 30) < 3 {
            // The end of the month.
            let time = simulation.between(begin, end - HOUR);
            for report in 0..simulation.between(6, 16) {
                own(simulation, &here, time + report * 40_000, "report.export", "", None);
            }
        }
    }
    Person { actor, schedule, department }
}

fn admin(simulation: &mut Simulation, nth: i64) -> (Actor, Schedule) {
    let mut schedule = Schedule::new(simulation);
    schedule.weekends = 20;
    let actor = Actor {
        id: format!("it{nth}"),
        kind: "user",
        address: format!("198.51.100.{}", 200 + nth),
        agent: AGENTS[nth as usize % 3].into(),
        place: (51, 9),
    };
    for day in 0..DAYS {
        let Some((begin, end)) = schedule.hours(simulation, day) else { continue };
        okta(simulation, &actor, begin, ("user.session.start", "SUCCESS", ""), None);
        for _ in 0..simulation.between(2, 9) {
            let time = simulation.between(begin, end);
            let other = format!(
                r#"{{"id":"sales{}","type":"User","alternateId":"s@acme.example","displayName":"s"}}"#,
                simulation.between(0, 15)
            );
            let duty = simulation.pick(&[
                "user.lifecycle.create",
                "group.user_membership.add",
                "user.account.reset_password",
                "user.mfa.factor.deactivate",
                "application.user_membership.add",
                "user.lifecycle.deactivate",
            ]);
            okta(simulation, &actor, time, (duty, "SUCCESS", &other), None);
        }
        for _ in 0..simulation.between(0, 3) {
            let action = simulation.pick(&[
                "role.grant",
                "config.update",
                "user.create",
                "user.delete",
                "key.create",
                "role.revoke",
            ]);
            let time = simulation.between(begin, end);
            let more = format!(
                r#","target":{{"type":"user","id":"sales{}"}},"metadata":{{"role":"editor"}}"#,
                simulation.between(0, 15)
            );
            own(simulation, &actor, time, action, &more, None);
        }
        if simulation.chance(12) {
            // Maintenance in the evening.
            let night = BEGIN + day * DAY + (schedule.begin + 13) * HOUR;
            for step in 0..simulation.between(3, 9) {
                own(simulation, &actor, night + step * 3 * MINUTE, "config.update", "", None);
            }
        }
    }
    (actor, schedule)
}

fn robot(simulation: &mut Simulation, nth: i64) -> Actor {
    let kind = if nth % 4 == 3 { "agent" } else { "service" };
    let actor = Actor {
        id: format!("robot{nth}"),
        kind,
        address: format!("10.4.{nth}.2"),
        agent: format!("sync-{nth}/3.1 (linux)"),
        place: (50, 8),
    };
    let actions: &[&str] = [
        &["user.list", "job.create"][..],
        &["invoice.create", "payment.read"],
        &["document.download"],
        &["ticket.read", "customer.read"],
    ][nth as usize % 4];
    let (every, size) = (simulation.pick(&[1, 2, 4]), simulation.pick(&[3, 8, 20]));
    for hour in (0..DAYS * 24).filter(|hour| hour % every == 0) {
        if kind == "agent" && !(7..20).contains(&(hour % 24)) {
            continue;
        }
        let peak = if nth % 4 == 1 && (hour / 24) % 30 == 0 { 4 } else { 1 };
        for _ in 0..simulation.between(1, size * peak) {
            let time = BEGIN + hour * HOUR + simulation.between(0, 6 * MINUTE);
            let action = simulation.pick(actions);
            let target = format!(r#","target":{{"type":"item","id":"i_{}"}}"#, simulation.between(0, 90_000));
            own(simulation, &actor, time, action, &target, None);
        }
    }
    actor
}

fn exporter(simulation: &mut Simulation) {
    let actor = Actor {
        id: "nightly-export".into(),
        kind: "service",
        address: "10.4.90.2".into(),
        agent: "exporter/2".into(),
        place: (50, 8),
    };
    for day in 0..DAYS {
        for table in 0..25 {
            let time = BEGIN + day * DAY + HOUR + table * 11_000;
            own(
                simulation,
                &actor,
                time,
                "data.export",
                &format!(r#","target":{{"type":"table","id":"t_{table}"}}"#),
                None,
            );
        }
        for old in 0..simulation.between(15, 22) {
            own(simulation, &actor, BEGIN + day * DAY + 2 * HOUR + old * 4000, "backup.delete", "", None);
        }
    }
}

fn deployer(simulation: &mut Simulation) {
    for day in (0..DAYS).filter(|day| day % 7 < 5) {
        for _ in 0..simulation.between(0, 4) {
            let address = format!("20.{}.{}.7", simulation.between(1, 250), simulation.between(1, 250));
            let actor = Actor {
                id: "deployer".into(),
                kind: "service",
                address,
                agent: "deploy/5.2".into(),
                place: (50, 8),
            };
            let time = BEGIN + day * DAY + simulation.between(7 * HOUR, 18 * HOUR);
            for step in 0..simulation.between(8, 40) {
                own(simulation, &actor, time + step * 2000, "config.update", "", None);
            }
        }
    }
}

/// A client whose token expires every morning, and that keeps retrying for a while.
fn broken_client(simulation: &mut Simulation) {
    let actor = Actor {
        id: "legacy-client".into(),
        kind: "service",
        address: "10.4.91.2".into(),
        agent: "legacy/0.9".into(),
        place: (50, 8),
    };
    for hour in 0..DAYS * 24 {
        let is_refused = hour % 24 == 6;
        for step in 0..if is_refused { 60 } else { 12 } {
            let time = BEGIN + hour * HOUR + step * 4000;
            let more = if is_refused {
                r#","outcome":"denied","http":{"method":"GET","path":"/jobs","status":401}"#
            } else {
                r#","http":{"method":"GET","path":"/jobs","status":200}"#
            };
            own(simulation, &actor, time, "http.request", more, None);
        }
    }
}

#[allow(clippy::too_many_lines, reason = "a list of attacks")]
fn attacks(
    simulation: &mut Simulation,
    people: &[Person],
    admins: &[(Actor, Schedule)],
    robots: &[Actor],
    victims: &mut BTreeSet<usize>,
    round: i64,
) {
    let mut next = |simulation: &mut Simulation, departments: &[&str]| loop {
        let person = simulation.random.usize(..people.len());
        let Person { actor, schedule, department } = &people[person];
        let day = simulation.attack_day();
        let is_away = (schedule.leave.0..schedule.leave.1).contains(&day);
        let is_meant = departments.is_empty() || departments.contains(&department.name);
        // No person is attacked twice.
        if !is_away && is_meant && victims.insert(person) {
            return (actor.clone(), *department, schedule.noon(day));
        }
    };
    let outsider = |simulation: &mut Simulation| {
        format!("185.220.{}.{}", simulation.between(1, 250), simulation.between(1, 250))
    };

    let (mut who, department, noon) = next(simulation, &[]);
    let attack = simulation.attack("stolen session");
    (who.address, who.agent) =
        (outsider(simulation), "Mozilla/5.0 (X11; Ubuntu; Linux x86_64) HeadlessChrome/120.0".into());
    for step in 0..5 {
        own(simulation, &who, noon + step * MINUTE, department.daily[0], "", attack);
    }

    let (mut who, department, noon) = next(simulation, &[]);
    own(simulation, &who, noon, department.daily[1], "", None);
    let attack = simulation.attack("impossible travel");
    (who.address, who.place) = (outsider(simulation), (-34, 151));
    okta(simulation, &who, noon + 50 * MINUTE, ("user.session.start", "SUCCESS", ""), attack);

    let (who, _, noon) = next(simulation, &["sales", "support"]);
    let attack = simulation.attack("mass export");
    for report in 0..40 {
        own(simulation, &who, noon + report * 9000, "report.export", "", attack);
    }

    let (who, _, noon) = next(simulation, &["support"]);
    let attack = simulation.attack("snooping");
    for record in 0..260 {
        let target = format!(r#","target":{{"type":"customer","id":"c_{record}"}}"#);
        own(simulation, &who, noon + record * 8000, "customer.read", &target, attack);
    }

    let (who, _, noon) = next(simulation, &["support", "sales", "people"]);
    let attack = simulation.attack("role granted to oneself");
    let grant = format!(r#","target":{{"type":"user","id":"{}"}},"metadata":{{"role":"admin"}}"#, who.id);
    own(simulation, &who, noon, "role.grant", &grant, attack);

    let (who, _, noon) = next(simulation, &["support", "sales", "people"]);
    let attack = simulation.attack("configuration at night");
    for step in 0..3 {
        own(simulation, &who, noon + 11 * HOUR + step * MINUTE, "config.update", "", attack);
    }

    let attack = simulation.attack("password spraying");
    let address = outsider(simulation);
    let noon = BEGIN + simulation.attack_day() * DAY + 3 * HOUR;
    for (nth, person) in people.iter().enumerate().take(25) {
        let guess = Actor { address: address.clone(), agent: AGENTS[0].into(), ..person.actor.clone() };
        okta(simulation, &guess, noon + nth as i64 * 15_000, ("user.session.start", "FAILURE", ""), attack);
    }

    let (mut who, _, noon) = next(simulation, &[]);
    let attack = simulation.attack("password guessed");
    who.address = outsider(simulation);
    for guess in 0..15 {
        okta(simulation, &who, noon + guess * 20_000, ("user.session.start", "FAILURE", ""), attack);
    }
    okta(simulation, &who, noon + 6 * MINUTE, ("user.session.start", "SUCCESS", ""), attack);

    let mut who = robots[(round * 3) as usize].clone();
    let attack = simulation.attack("robot's key used elsewhere");
    who.address = outsider(simulation);
    let noon = BEGIN + simulation.attack_day() * DAY + 10 * HOUR;
    for step in 0..4 {
        own(simulation, &who, noon + step * MINUTE, "user.list", "", attack);
    }

    let who = robots[(round * 3 + 1) as usize].clone();
    let attack = simulation.attack("robot reads secrets");
    let noon = BEGIN + simulation.attack_day() * DAY + 10 * HOUR;
    for step in 0..3 {
        own(simulation, &who, noon + step * MINUTE, "secret.read", "", attack);
    }

    let (who, _, noon) = next(simulation, &["sales", "product"]);
    let attack = simulation.attack("tries what is allowed");
    for step in 0..60 {
        let more =
            format!(r#","outcome":"denied","http":{{"method":"GET","path":"/admin/{step}","status":403}}"#);
        own(simulation, &who, noon + step * 4000, "http.request", &more, attack);
    }

    let (who, _, noon) = next(simulation, &["sales", "support", "finance"]);
    let attack = simulation.attack("mass deletion");
    for item in 0..50 {
        own(simulation, &who, noon + item * 5000, "customer.delete", "", attack);
    }

    let (who, _, noon) = next(simulation, &["sales", "support", "people"]);
    let attack = simulation.attack("new administrator in Okta");
    let target = r#"{"id":"sales3","type":"User","alternateId":"s@acme.example","displayName":"s"}"#;
    okta(simulation, &who, noon, ("user.account.privilege.grant", "SUCCESS", target), attack);

    let (who, schedule) = &admins[round as usize];
    let attack = simulation.attack("recording stopped");
    let noon = schedule.noon(simulation.attack_day());
    own(simulation, who, noon, "log.disable", "", attack);

    let (mut who, department, noon) = next(simulation, &[]);
    let attack = simulation.attack("script in a session");
    who.agent = "python-requests/2.31".into();
    for step in 0..10 {
        own(simulation, &who, noon + step * 5000, department.daily[0], "", attack);
    }

    let attack = simulation.attack("dormant account");
    let sleeper = Actor {
        id: format!("former{round}"),
        kind: "user",
        address: "198.51.100.47".into(),
        agent: AGENTS[0].into(),
        place: (47, 3),
    };
    for day in (0..20).filter(|day| day % 7 < 5) {
        for step in 0..3 {
            own(simulation, &sleeper, BEGIN + day * DAY + (9 + step) * HOUR, "report.read", "", None);
        }
    }
    own(simulation, &sleeper, BEGIN + (66 + round) * DAY + 10 * HOUR, "report.read", "", attack);
}
