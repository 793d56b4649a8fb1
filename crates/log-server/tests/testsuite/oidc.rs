//! Tests of readers with tokens of an OpenID Connect issuer, for which `oidc-provider` runs in Node.js.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use countersign_log::reads::{ReadRules, RecordReads};
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::oidc::{Config, Rule};
use countersign_log_server::tokens;
use serde_json::{Value, json};

use crate::common::server::{Answer, Server, client, send};

const AUDIENCE: &str = "https://log.example";
/// Minimum interval between the server's requests to the issuer, in milliseconds.
const PAUSE: i64 = 10_000;

/// An issuer controlled by the test.
struct Issuer {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Issuer {
    /// Starts the issuer. Without Node.js or `oidc-provider`, the test is skipped, or fails if `CI` is set.
    fn start() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc");
        let spawned = folder.join("node_modules/oidc-provider").is_dir().then(|| {
            let mut node = Command::new("node");
            node.arg("issuer.mjs").current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
            // The issuer warns on stderr that it isn't meant for production.
            node.stderr(Stdio::null()).spawn().ok()
        });
        let Some(Some(mut child)) = spawned else {
            assert!(
                std::env::var_os("CI").is_none(),
                "the issuer is missing; run npm ci in tests/oidc, with Node.js 22"
            );
            eprintln!("skipped: the issuer is missing (run npm ci in tests/oidc)");
            return None;
        };
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut issuer = Self { child, stdin, lines, url: String::new() };
        let started = issuer.answer();
        issuer.url.push_str(started["issuer"].as_str().unwrap());
        Some(issuer)
    }

    fn answer(&mut self) -> Value {
        loop {
            let line = self.lines.next().expect("the issuer responds").unwrap();
            if let Some(answer) = line.strip_prefix('@') {
                let answer: Value = serde_json::from_str(answer).unwrap();
                assert_eq!(answer.get("error"), None);
                return answer;
            }
        }
    }

    fn command(&mut self, what: &Value) -> Value {
        writeln!(self.stdin, "{what}").unwrap();
        self.answer()
    }

    /// Returns a token for the log that expires in ten minutes, with `more` merged into the request.
    fn token(&mut self, server: &Server, more: Value) -> String {
        let mut command = json!({
            "do": "token",
            "audience": AUDIENCE,
            "claims": { "groups": ["auditors"] },
            "payload": { "exp": seconds(server) + 600 },
        });
        merge(&mut command, more);
        self.command(&command)["token"].as_str().unwrap().to_owned()
    }

    /// Returns how often the issuer was asked for its keys.
    fn key_requests(&mut self) -> u64 {
        self.command(&json!({ "do": "asked" }))["keys"].as_u64().unwrap()
    }

    fn begin(&mut self, keys: &[(&str, &str)]) {
        let keys: Vec<_> = keys.iter().map(|(kid, alg)| json!({ "kid": kid, "alg": alg })).collect();
        self.command(&json!({ "do": "begin", "keys": keys }));
    }

    fn down(&mut self) {
        self.command(&json!({ "do": "down" }));
    }

    fn up(&mut self) {
        self.command(&json!({ "do": "up" }));
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn seconds(server: &Server) -> i64 {
    server.clock.load(std::sync::atomic::Ordering::SeqCst) / 1000
}

/// Starts a log with two chains and this issuer.
fn filled(issuer: &Issuer, rules: &[&str]) -> Server {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let mut server = Server::start();
    let config = Config::new(&issuer.url, vec![AUDIENCE.into()], rules, "sub".into()).unwrap();
    // The issuer may be slow on a busy machine.
    server.issuer = Some(config.with_patience(Duration::from_mins(2)));
    server.begin();
    for number in 0..2 {
        let mut emitter = server.emitter(number);
        emitter.record(5);
        emitter.close();
        emitter.deliver_all(&server.url(), 8);
    }
    server
}

fn started() -> Option<(Issuer, Server)> {
    let issuer = Issuer::start()?;
    let server = filled(&issuer, &["groups=auditors read"]);
    Some((issuer, server))
}

fn export(server: &Server, token: &str) -> Answer {
    send(client().get(server.url() + "/export").bearer_auth(token))
}

/// Returns the status, code, and message of an error.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let (status, code) = answer.refusal();
    (status, code, answer.json()["error"]["message"].as_str().unwrap().to_owned())
}

fn assert_rejected(server: &Server, token: &str, why: &str) {
    let (status, code, message) = refusal(&export(server, token));
    assert_eq!((status, code.as_str()), (401, "request.unauthenticated"), "{why}: {message}");
    assert!(message.contains(why), "{why}: {message}");
}

#[test]
fn admits_the_issuers_tokens_and_the_logs_own() {
    let Some((mut issuer, server)) = started() else { return };
    let own = tokens::add(server.folder(), "ada", Rights::READ, None, Scope::default()).unwrap();
    assert_eq!(export(&server, own.as_str()).status, 200);
    let token = issuer.token(&server, json!({}));
    assert_eq!(export(&server, &token).status, 200);
    let erase = send(client().post(server.url() + "/erase").bearer_auth(&token));
    assert_eq!(erase.refusal(), (403, "request.forbidden".to_owned()));
    let hint = erase.json()["error"]["hint"].as_str().unwrap_or_default().to_owned();
    assert!(hint.contains("--oidc-allow"), "{hint}");
    let other = issuer.token(&server, json!({ "claims": { "groups": ["others"] } }));
    assert_eq!(export(&server, &other).refusal(), (403, "request.forbidden".to_owned()));
    for algorithm in ["PS256", "ES256", "ES384", "EdDSA"] {
        issuer.begin(&[(algorithm, algorithm)]);
        server.pass(PAUSE);
        let token = issuer.token(&server, json!({}));
        assert_eq!(export(&server, &token).status, 200, "{algorithm}");
    }
}

#[test]
fn rejects_tokens_with_a_wrong_audience_issuer_or_time() {
    let Some((mut issuer, server)) = started() else { return };
    let now = seconds(&server);
    for (more, why) in [
        (json!({ "audience": "https://other.example" }), "another audience"),
        (json!({ "payload": { "aud": [] } }), "another audience"),
        (json!({ "payload": { "iss": "https://evil.example" } }), "another issuer"),
        (json!({ "payload": { "exp": now - 60 } }), "expired"),
        (json!({ "payload": { "nbf": now + 120 } }), "isn't valid yet"),
        (json!({ "payload": { "exp": null } }), "isn't a signed JWT"),
        (json!({ "payload": { "exp": "never" } }), "isn't a signed JWT"),
        (json!({ "payload": { "sub": "" } }), "isn't a signed JWT"),
        (json!({ "header": { "crit": ["b64"], "b64": true } }), "isn't a signed JWT"),
        (json!({ "header": { "typ": "logout+jwt" } }), "isn't a signed JWT"),
    ] {
        let token = issuer.token(&server, more.clone());
        assert_rejected(&server, &token, why);
    }
    let both = json!({ "payload": { "aud": ["https://other.example", AUDIENCE], "nbf": now + 30 } });
    let token = issuer.token(&server, both);
    assert_eq!(
        export(&server, &token).status,
        200,
        "one of its audiences is this log, and clocks may differ a little"
    );
}

#[test]
fn rejects_algorithms_other_than_the_keys() {
    let Some((mut issuer, server)) = started() else { return };
    let good = issuer.token(&server, json!({}));
    assert_eq!(export(&server, &good).status, 200);
    let parts: Vec<&str> = good.split('.').collect();
    // {"alg":"none"} and {"alg":"None","kid":"first"}
    for head in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIiwia2lkIjoiZmlyc3QifQ"] {
        assert_rejected(&server, &format!("{head}.{}.", parts[1]), "isn't a signed JWT");
        assert_rejected(&server, &format!("{head}.{}.{}", parts[1], parts[2]), "isn't a signed JWT");
    }
    let confused = json!({ "confused": true, "kid": "first" });
    let token = issuer.token(&server, confused);
    assert_rejected(&server, &token, "algorithm");
    let claims = issuer.token(&server, json!({ "claims": { "groups": ["auditors", "more"] } }));
    let claims = claims.split('.').nth(1).unwrap();
    assert_rejected(
        &server,
        &format!("{}.{claims}.{}", parts[0], parts[2]),
        "the token's signature isn't valid",
    );
    // Another issuer's token with the same issuer name.
    let mut other = Issuer::start().unwrap();
    let foreign = other.token(&server, json!({ "payload": { "iss": issuer.url } }));
    assert_rejected(&server, &foreign, "the token's signature isn't valid");
    for token in
        ["..", "a.b.c", &good[1..], &good[..good.len() - 10], &format!("{good}A"), &"a.b.c".repeat(9000)]
    {
        let status = export(&server, token).status;
        assert!(matches!(status, 401 | 431), "{status}");
    }
}

#[test]
fn fetches_unknown_keys_at_a_limited_rate() {
    let Some((mut issuer, server)) = started() else { return };
    let known = issuer.token(&server, json!({}));
    assert_eq!(export(&server, &known).status, 200);
    let before = issuer.key_requests();
    let unknown = issuer.token(&server, json!({ "header": { "kid": "nobody's" } }));
    server.pass(PAUSE);
    for _ in 0..20 {
        assert_rejected(&server, &unknown, "no key with the token's key ID");
    }
    assert_eq!(issuer.key_requests(), before + 1);
    assert_eq!(export(&server, &known).status, 200);
    let long = issuer.token(&server, json!({ "header": { "kid": "k".repeat(300) } }));
    server.pass(PAUSE);
    assert_rejected(&server, &long, "no key with the token's key ID");
    assert_eq!(issuer.key_requests(), before + 1);
}

#[test]
fn follows_key_rotation() {
    let Some((mut issuer, server)) = started() else { return };
    let old = issuer.token(&server, json!({}));
    assert_eq!(export(&server, &old).status, 200);
    let mut live = client().get(server.url() + "/stream").bearer_auth(&old).send().unwrap();
    issuer.begin(&[("second", "RS256")]);
    let new = issuer.token(&server, json!({}));
    assert_rejected(&server, &new, "no key with the token's key ID");
    server.pass(PAUSE);
    assert_eq!(export(&server, &new).status, 200);
    assert_rejected(&server, &old, "no key with the token's key ID");
    std::io::copy(&mut live, &mut std::io::sink()).expect("the stream ends");
}

#[test]
fn withdrawn_keys_end_open_streams() {
    let Some((mut issuer, server)) = started() else { return };
    let unknown = issuer.token(&server, json!({ "header": { "kid": "nobody's" } }));
    let changes: [fn(&mut Issuer); 2] = [
        |issuer| issuer.begin(&[("first", "RS256")]),
        |issuer| {
            issuer.command(&json!({ "do": "withdraw" }));
        },
    ];
    for (change, why) in
        changes.into_iter().zip(["the token's signature isn't valid", "no key with the token's key ID"])
    {
        let old = issuer.token(&server, json!({}));
        let mut live = client().get(server.url() + "/stream").bearer_auth(&old).send().unwrap();
        assert_eq!(live.status(), 200);
        change(&mut issuer);
        server.pass(PAUSE);
        assert_rejected(&server, &unknown, "no key with the token's key ID");
        assert_rejected(&server, &old, why);
        std::io::copy(&mut live, &mut std::io::sink()).expect("the stream ends");
    }
}

#[test]
fn expired_token_ends_its_streams() {
    let Some((mut issuer, server)) = started() else { return };
    let token = issuer.token(&server, json!({}));
    let mut live = client().get(server.url() + "/stream").bearer_auth(&token).send().unwrap();
    assert_eq!(live.status(), 200);
    server.pass(600_000 + 60_000);
    std::io::copy(&mut live, &mut std::io::sink()).expect("the stream ends");
    assert_rejected(&server, &token, "expired");
}

#[test]
fn unavailable_issuer_affects_only_unknown_keys() {
    let Some(mut issuer) = Issuer::start() else { return };
    issuer.down();
    let server = filled(&issuer, &["groups=auditors read"]);
    let own = tokens::add(server.folder(), "ada", Rights::READ, None, Scope::default()).unwrap();
    issuer.up();
    let token = issuer.token(&server, json!({}));
    issuer.down();
    assert_eq!(export(&server, &token).refusal(), (503, "server.issuer".to_owned()));
    assert_eq!(export(&server, own.as_str()).status, 200);
    issuer.up();
    server.pass(PAUSE);
    assert_eq!(export(&server, &token).status, 200);
    issuer.down();
    let long = json!({ "exp": seconds(&server) + 200_000 });
    server.pass(PAUSE);
    assert_eq!(export(&server, &token).status, 200, "known keys are still used");
    assert_eq!(export(&server, own.as_str()).status, 200);
    issuer.up();
    let token = issuer.token(&server, json!({ "payload": long }));
    issuer.down();
    server.pass(23 * 3_600_000);
    assert_eq!(export(&server, &token).status, 200, "keys of the last 24 hours are used");
    server.pass(3_600_000);
    assert_eq!(export(&server, &token).refusal(), (503, "server.issuer".to_owned()));
    assert_eq!(export(&server, own.as_str()).status, 200);
}

#[test]
fn claim_limits_a_token_to_a_tenant() {
    let Some(mut issuer) = Issuer::start() else { return };
    let server = filled(&issuer, &["org.staff=true read,erase", "* read tenant={org.name}"]);
    let with_org = |name: Value| json!({ "claims": { "groups": null, "org": name } });
    let customer = issuer.token(&server, with_org(json!({ "name": "nobody" })));
    let answer = export(&server, &customer);
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("\"checkpoint\"") && !text.contains("\"action\""), "{text}");
    let staff = issuer.token(&server, with_org(json!({ "name": "nobody", "staff": true })));
    assert!(String::from_utf8(export(&server, &staff).body).unwrap().contains("\"action\""));
    let nameless = issuer.token(&server, with_org(json!({ "name": [] })));
    assert_eq!(export(&server, &nameless).refusal(), (403, "request.forbidden".to_owned()));
}

#[test]
fn sign_in_uses_the_id_token() {
    let Some(mut issuer) = Issuer::start() else { return };
    let server = filled(&issuer, &["groups=auditors read"]);
    let sign_in = |issuer: &mut Issuer, groups: &[&str]| {
        issuer.command(&json!({ "do": "signIn", "person": "u_7", "claims": { "groups": groups } }))
    };
    let text = |tokens: &Value, which: &str| tokens[which].as_str().unwrap().to_owned();
    let signed_in = sign_in(&mut issuer, &["auditors"]);
    // The issuer uses this machine's clock.
    server.pass(PAUSE.max(now() - server.clock.load(std::sync::atomic::Ordering::SeqCst)));
    assert_eq!(export(&server, &text(&signed_in, "id")).status, 200);
    // A token for the issuer itself isn't valid here.
    assert_eq!(
        export(&server, &text(&signed_in, "access")).refusal(),
        (401, "request.unauthenticated".into())
    );
    let other = sign_in(&mut issuer, &["others"]);
    server.pass(PAUSE);
    assert_eq!(export(&server, &text(&other, "id")).refusal(), (403, "request.forbidden".into()));
}

#[test]
fn records_reads_under_the_issuers_name_for_the_reader() {
    let Some(mut issuer) = Issuer::start() else { return };
    let mut server = filled(&issuer, &["* read"]);
    server.reads = ReadRules { record: RecordReads::Exports, required: true };
    server.begin();
    let token = issuer.token(&server, json!({ "payload": { "sub": "u_7" } }));
    assert_eq!(export(&server, &token).status, 200);
    let export = String::from_utf8(export(&server, &token).body).unwrap();
    assert!(export.contains("\"log.export\"") && export.contains("\"oidc:u_7\""), "{export}");
}

#[test]
fn rejects_an_issuer_with_another_name() {
    let Some(mut issuer) = Issuer::start() else { return };
    let other = issuer.url.replace("127.0.0.1", "localhost");
    let rules = vec!["* read".parse().unwrap()];
    let mut server = Server::start();
    server.issuer = Some(Config::new(&other, vec![AUDIENCE.into()], rules, "sub".into()).unwrap());
    server.begin();
    let token = issuer.token(&server, json!({ "payload": { "iss": other } }));
    assert_eq!(export(&server, &token).refusal(), (503, "server.issuer".to_owned()));
    let config = |issuer: &str, audience: &str, rules: &[&str]| {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Config::new(issuer, vec![audience.into()], rules, "sub".into())
    };
    assert!(config("https://login.example/realms/one", AUDIENCE, &["* read"]).is_ok());
    for (issuer, audience, rules) in [
        ("http://login.example", AUDIENCE, &["* read"][..]),
        ("ftp://localhost", AUDIENCE, &["* read"]),
        ("https://login.example?a", AUDIENCE, &["* read"]),
        ("login.example", AUDIENCE, &["* read"]),
        ("https://login.example", "", &["* read"]),
        ("https://login.example", AUDIENCE, &[]),
    ] {
        assert!(config(issuer, audience, rules).is_err(), "{issuer}");
    }
}
