//! Sample events: the actions of people and machines in a dashboard.

use fastrand::Rng;
use serde_json::{Value, json};

const PEOPLE: [(&str, &str, &str, &str); 4] = [
    ("u_ada", "Ada Okafor", "198.51.100.24", "NL"),
    ("u_lin", "Lin Zhao", "198.51.100.71", "SG"),
    ("u_noor", "Noor Haddad", "203.0.113.9", "JO"),
    ("u_zoe", "Zoë Müller", "203.0.113.140", "DE"),
];
const JOBS: [&str; 5] =
    ["nightly-backup", "invoice-run", "search-reindex", "certificate-check", "report-mail"];
const PATHS: [&str; 4] = ["/api/jobs", "/api/reports", "/api/users", "/api/settings"];

/// Returns the event with this number on one line; always the same for a number.
pub(crate) fn event(number: u64) -> String {
    let mut dice = Rng::with_seed(number);
    let mut event = if dice.u64(..3) == 0 { by_a_machine(&mut dice) } else { by_a_person(&mut dice) };
    event["context"]["request_id"] = json!(format!("req_{:012x}", dice.u64(..1 << 48)));
    format!("{event}\n")
}

fn by_a_machine(dice: &mut Rng) -> Value {
    let failed = dice.u64(..12) == 0;
    let mut event = json!({
        "action": "job.trigger",
        "actor": { "type": "service", "id": "svc_scheduler" },
        "target": job(dice),
        "outcome": if failed { "failure" } else { "success" },
        "metadata": { "took_ms": 120 + dice.u64(..4_000) },
    });
    if failed {
        event["reason"] = json!("exit status 1");
    }
    event
}

fn by_a_person(dice: &mut Rng) -> Value {
    let (id, name, ip, country) = PEOPLE[dice.usize(..PEOPLE.len())];
    let (other, other_name, ..) = PEOPLE[dice.usize(..PEOPLE.len())];
    let mut event = match dice.u64(..14) {
        0 | 1 => json!({ "action": "session.login" }),
        2 => json!({ "action": "session.login", "outcome": "failure", "reason": "wrong password" }),
        3 => json!({ "action": "session.logout" }),
        4 => json!({ "action": "job.create", "target": job(dice), "after": { "schedule": "0 4 * * *" } }),
        5 => json!({
            "action": "job.update", "target": job(dice), "before": { "retries": 1 }, "after": { "retries": 3 },
        }),
        6 => json!({ "action": "job.delete", "target": job(dice) }),
        7 => json!({
            "action": "config.update",
            "target": { "type": "setting", "id": "retention" },
            "before": { "days": 90 },
            "after": { "days": 365 },
        }),
        8 => json!({
            "action": "role.grant",
            "target": { "type": "user", "id": other, "name": other_name },
            "after": { "role": "operator" },
        }),
        9 => json!({
            "action": "credential.rotate",
            "target": { "type": "credential", "id": format!("cred_{}", 10 + dice.u64(..20)) },
        }),
        10 => json!({
            "action": "data.export",
            "target": { "type": "report", "id": format!("rep_{}", 100 + dice.u64(..900)) },
            "metadata": { "rows": dice.u64(..90_000) },
        }),
        _ => {
            let status = [200, 200, 200, 201, 404, 403][dice.usize(..6)];
            json!({
                "action": "http.request",
                "outcome": if status < 400 { "success" } else { "failure" },
                "http": { "method": "GET", "path": PATHS[dice.usize(..PATHS.len())], "status": status, "latency_ms": 4 + dice.u64(..300) },
            })
        }
    };
    event["actor"] = json!({ "type": "user", "id": id, "name": name });
    event["context"] = json!({ "ip": ip, "geo": { "country": country } });
    event
}

fn job(dice: &mut Rng) -> Value {
    let number = dice.usize(..JOBS.len());
    json!({ "type": "cron_job", "id": format!("job_{number}"), "name": JOBS[number] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines_with_actor_and_action() {
        let mut actions = std::collections::BTreeSet::new();
        for number in 0..1_000 {
            let line = event(number);
            assert_eq!(line, event(number));
            assert_eq!(line.matches('\n').count(), 1);
            let event: Value = serde_json::from_str(&line).unwrap();
            actions.insert(event["action"].as_str().unwrap().to_owned());
            assert!(event["actor"]["id"].is_string());
        }
        assert!(actions.len() >= 11, "{actions:?}");
    }
}
