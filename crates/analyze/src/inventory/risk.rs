//! Risk of endpoints: points, each with a reason and the entries behind it.

use super::report::{Answer, Endpoint, Flag, Reason};

/// Topics that attackers look for, with the path words that indicate them.
const SENSITIVE: [(&str, &[&str]); 6] = [
    (
        "administration",
        &["admin", "administration", "administrator", "internal", "private", "root", "sudo", "superuser"],
    ),
    ("bulk data", &["backup", "backups", "download", "dump", "export", "exports"]),
    (
        "credentials",
        &[
            "2fa",
            "apikey",
            "apikeys",
            "certificate",
            "certificates",
            "credential",
            "credentials",
            "key",
            "keys",
            "login",
            "mfa",
            "oauth",
            "otp",
            "passwd",
            "password",
            "passwords",
            "saml",
            "secret",
            "secrets",
            "session",
            "sessions",
            "signin",
            "sso",
            "token",
            "tokens",
        ],
    ),
    (
        "debugging",
        &[
            "actuator",
            "config",
            "configuration",
            "debug",
            "env",
            "git",
            "graphiql",
            "heapdump",
            "metrics",
            "phpinfo",
            "pprof",
            "swagger",
            "trace",
        ],
    ),
    (
        "money",
        &[
            "bank", "billing", "card", "cards", "invoice", "invoices", "payment", "payments", "payout",
            "payouts", "refund", "refunds",
        ],
    ),
    ("personal data", &["medical", "passport", "patient", "patients", "payroll", "salary", "ssn"]),
];

/// Returns the sensitive topics in a path, by its words. Parameters are ignored.
pub(super) fn sensitive(path: &str) -> Vec<&'static str> {
    let words: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.starts_with('{'))
        .flat_map(|segment| segment.split(|c: char| !c.is_ascii_alphanumeric()))
        .map(str::to_ascii_lowercase)
        .collect();
    let is_about = |(_, of): &&(&str, &[&str])| words.iter().any(|word| of.contains(&&**word));
    SENSITIVE.iter().filter(is_about).map(|(about, _)| *about).collect()
}

/// The minimum number of calls for reasons about shares of calls.
const MIN_CALLS: u64 = 20;

/// Returns the reasons to review an endpoint, with their points.
pub(super) fn reasons(endpoint: &Endpoint, is_writing: bool) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |points: u32, text: String, leaves: &[u64]| {
        reasons.push(Reason { points, text, leaves: leaves.to_vec() });
    };
    let leaves = &endpoint.leaves[..];
    for flag in &endpoint.flags {
        match flag {
            Flag::Shadow => add(30, "it is called but not described".into(), leaves),
            Flag::Zombie => add(25, "it is deprecated but still called".into(), leaves),
            Flag::UndocumentedMethod => add(25, "its path is described, but not this method".into(), leaves),
            Flag::Unauthenticated => {
                let open = &endpoint.unauthenticated;
                let (points, but) = match endpoint.is_secured {
                    Some(true) => (40, "although its description requires credentials"),
                    _ => (25, "although other calls name one"),
                };
                let calls = if open.calls == 1 { "1 call".into() } else { format!("{} calls", open.calls) };
                add(points, format!("{calls} succeeded without a named caller, {but}"), &open.leaves);
            }
            Flag::Sensitive => {
                add(15, format!("its path is about {}", endpoint.sensitive.join(", ")), leaves);
            }
            Flag::New => add(10, "it was not called before".into(), &leaves[..leaves.len().min(1)]),
            Flag::NewCaller => {
                let new = endpoint.callers.iter().filter(|caller| caller.is_new);
                let leaves: Vec<u64> = new.map(|caller| caller.leaf).take(super::facts::LEAVES).collect();
                let number = endpoint.new_callers;
                let whose = if number == 1 { "1 caller".into() } else { format!("{number} callers") };
                add(15, format!("{whose} known from other endpoints called it for the first time"), &leaves);
            }
        }
    }
    if is_writing && !endpoint.flags.is_empty() {
        add(5, "it changes data".into(), leaves);
    }
    let of = |is: &dyn Fn(u16) -> bool| {
        let those = endpoint
            .statuses
            .iter()
            .filter(|status| matches!(status.answer, Answer::Status(code) if is(code)));
        those.fold((0, None), |(calls, leaf), status| {
            (calls + status.calls, Some(leaf.map_or(status.leaf, |leaf: u64| leaf.min(status.leaf))))
        })
    };
    for (points, min_percent, is, what) in [
        (10, 20, &(|code: u16| matches!(code, 401 | 403)) as &dyn Fn(u16) -> bool, "were refused (401, 403)"),
        (5, 5, &|code| code >= 500, "failed (5xx)"),
    ] {
        let (calls, leaf) = of(is);
        if endpoint.calls >= MIN_CALLS && calls * 100 >= min_percent * endpoint.calls {
            let share = calls * 100 / endpoint.calls;
            add(points, format!("{share} % of its calls {what}"), leaf.as_slice());
        }
    }
    reasons
}
