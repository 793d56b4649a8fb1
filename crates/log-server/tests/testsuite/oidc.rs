//! Readers whom an issuer of OpenID Connect vouches for. The issuer is `oidc-provider`, in Node.js.

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
/// How long the server waits between two questions to the issuer, in milliseconds.
const PAUSE: i64 = 10_000;

/// An issuer that does what the test says.
struct Issuer {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Issuer {
    /// Where there is no Node.js or no `oidc-provider` the test says that it is skipped; with `CI` set it fails.
    fn start() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc");
        let spawned = folder.join("node_modules/oidc-provider").is_dir().then(|| {
            let mut node = Command::new("node");
            node.arg("issuer.mjs").current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
            // It warns that it is none for production.
            node.stderr(Stdio::null()).spawn().ok()
        });
        let Some(Some(mut child)) = spawned else {
            assert!(std::env::var_os("CI").is_none(), "no issuer: run npm ci in tests/oidc, with Node.js 22");
            eprintln!("skipped: there is no issuer (npm ci in tests/oidc)");
            return None;
        };
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut issuer = Self { child, stdin, lines, url: String::new() };
        let told = issuer.answer();
        issuer.url.push_str(told["issuer"].as_str().unwrap());
        Some(issuer)
    }

    fn answer(&mut self) -> Value {
        loop {
            let line = self.lines.next().expect("the issuer answers").unwrap();
            if let Some(answer) = line.strip_prefix('@') {
                let answer: Value = serde_json::from_str(answer).unwrap();
                assert_eq!(answer.get("error"), None);
                return answer;
            }
        }
    }

    fn tell(&mut self, what: &Value) -> Value {
        writeln!(self.stdin, "{what}").unwrap();
        self.answer()
    }

    /// A token for the log, which ends ten minutes from its now; `more` says what is else.
    fn token(&mut self, server: &Server, more: Value) -> String {
        let mut told = json!({
            "do": "token",
            "audience": AUDIENCE,
            "claims": { "groups": ["auditors"] },
            "payload": { "exp": seconds(server) + 600 },
        });
        merge(&mut told, more);
        self.tell(&told)["token"].as_str().unwrap().to_owned()
    }

    /// How often it was asked for its keys.
    fn asked(&mut self) -> u64 {
        self.tell(&json!({ "do": "asked" }))["keys"].as_u64().unwrap()
    }

    fn begin(&mut self, keys: &[(&str, &str)]) {
        let keys: Vec<_> = keys.iter().map(|(kid, alg)| json!({ "kid": kid, "alg": alg })).collect();
        self.tell(&json!({ "do": "begin", "keys": keys }));
    }

    fn down(&mut self) {
        self.tell(&json!({ "do": "down" }));
    }

    fn up(&mut self) {
        self.tell(&json!({ "do": "up" }));
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

/// A log of two chains that goes by the issuer.
fn filled(issuer: &Issuer, rules: &[&str]) -> Server {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let mut server = Server::start();
    let config = Config::new(&issuer.url, vec![AUDIENCE.into()], rules, "sub".into()).unwrap();
    // On a busy machine the issuer may take long.
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

/// Status, code, and what is said of it.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let (status, code) = answer.refusal();
    (status, code, answer.json()["error"]["message"].as_str().unwrap().to_owned())
}

fn assert_refused(server: &Server, token: &str, why: &str) {
    let (status, code, message) = refusal(&export(server, token));
    assert_eq!((status, code.as_str()), (401, "request.unauthenticated"), "{why}: {message}");
    assert!(message.contains(why), "{why}: {message}");
}

#[test]
fn the_issuers_tokens_let_in_by_their_claims_and_the_logs_own_do_too() {
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
fn what_is_not_for_this_log_and_of_now_is_refused() {
    let Some((mut issuer, server)) = started() else { return };
    let now = seconds(&server);
    for (more, why) in [
        (json!({ "audience": "https://other.example" }), "another audience"),
        (json!({ "payload": { "aud": [] } }), "another audience"),
        (json!({ "payload": { "iss": "https://evil.example" } }), "another issuer"),
        (json!({ "payload": { "exp": now - 60 } }), "expired"),
        (json!({ "payload": { "nbf": now + 120 } }), "not valid yet"),
        (json!({ "payload": { "exp": null } }), "not a signed token"),
        (json!({ "payload": { "exp": "never" } }), "not a signed token"),
        (json!({ "payload": { "sub": "" } }), "not a signed token"),
        (json!({ "header": { "crit": ["b64"], "b64": true } }), "not a signed token"),
        (json!({ "header": { "typ": "logout+jwt" } }), "not a signed token"),
    ] {
        let token = issuer.token(&server, more.clone());
        assert_refused(&server, &token, why);
    }
    let both = json!({ "payload": { "aud": ["https://other.example", AUDIENCE], "nbf": now + 30 } });
    let token = issuer.token(&server, both);
    assert_eq!(export(&server, &token).status, 200, "it is for this log too, and clocks differ a little");
}

#[test]
fn another_algorithm_than_the_keys_is_refused() {
    let Some((mut issuer, server)) = started() else { return };
    let good = issuer.token(&server, json!({}));
    assert_eq!(export(&server, &good).status, 200);
    let parts: Vec<&str> = good.split('.').collect();
    // {"alg":"none"} and {"alg":"None","kid":"first"}
    for head in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIiwia2lkIjoiZmlyc3QifQ"] {
        assert_refused(&server, &format!("{head}.{}.", parts[1]), "not a signed token");
        assert_refused(&server, &format!("{head}.{}.{}", parts[1], parts[2]), "not a signed token");
    }
    let confused = json!({ "confused": true, "kid": "first" });
    let token = issuer.token(&server, confused);
    assert_refused(&server, &token, "algorithm");
    let claims = issuer.token(&server, json!({ "claims": { "groups": ["auditors", "more"] } }));
    let claims = claims.split('.').nth(1).unwrap();
    assert_refused(&server, &format!("{}.{claims}.{}", parts[0], parts[2]), "did not sign");
    // Of the same name at another issuer.
    let mut other = Issuer::start().unwrap();
    let foreign = other.token(&server, json!({ "payload": { "iss": issuer.url } }));
    assert_refused(&server, &foreign, "did not sign");
    for token in
        ["..", "a.b.c", &good[1..], &good[..good.len() - 10], &format!("{good}A"), &"a.b.c".repeat(9000)]
    {
        let status = export(&server, token).status;
        assert!(matches!(status, 401 | 431), "{status}");
    }
}

#[test]
fn an_unknown_key_is_asked_for_and_not_too_often() {
    let Some((mut issuer, server)) = started() else { return };
    let known = issuer.token(&server, json!({}));
    assert_eq!(export(&server, &known).status, 200);
    let before = issuer.asked();
    let unknown = issuer.token(&server, json!({ "header": { "kid": "nobody's" } }));
    server.pass(PAUSE);
    for _ in 0..20 {
        assert_refused(&server, &unknown, "no key of that name");
    }
    assert_eq!(issuer.asked(), before + 1);
    assert_eq!(export(&server, &known).status, 200);
    let long = issuer.token(&server, json!({ "header": { "kid": "k".repeat(300) } }));
    server.pass(PAUSE);
    assert_refused(&server, &long, "no key of that name");
    assert_eq!(issuer.asked(), before + 1);
}

#[test]
fn a_key_that_is_rotated_is_taken_and_the_one_before_no_more() {
    let Some((mut issuer, server)) = started() else { return };
    let old = issuer.token(&server, json!({}));
    assert_eq!(export(&server, &old).status, 200);
    let mut live = client().get(server.url() + "/stream").bearer_auth(&old).send().unwrap();
    issuer.begin(&[("second", "RS256")]);
    let new = issuer.token(&server, json!({}));
    assert_refused(&server, &new, "no key of that name");
    server.pass(PAUSE);
    assert_eq!(export(&server, &new).status, 200);
    assert_refused(&server, &old, "no key of that name");
    std::io::copy(&mut live, &mut std::io::sink()).expect("what it began ends");
}

#[test]
fn keys_that_are_taken_back_or_exchanged_let_nobody_in_and_end_what_they_began() {
    let Some((mut issuer, server)) = started() else { return };
    let unknown = issuer.token(&server, json!({ "header": { "kid": "nobody's" } }));
    let changes: [fn(&mut Issuer); 2] = [
        |issuer| issuer.begin(&[("first", "RS256")]),
        |issuer| {
            issuer.tell(&json!({ "do": "withdraw" }));
        },
    ];
    for (change, why) in changes.into_iter().zip(["did not sign", "no key of that name"]) {
        let old = issuer.token(&server, json!({}));
        let mut live = client().get(server.url() + "/stream").bearer_auth(&old).send().unwrap();
        assert_eq!(live.status(), 200);
        change(&mut issuer);
        server.pass(PAUSE);
        assert_refused(&server, &unknown, "no key of that name");
        assert_refused(&server, &old, why);
        std::io::copy(&mut live, &mut std::io::sink()).expect("what it began ends");
    }
}

#[test]
fn what_a_token_began_ends_with_it() {
    let Some((mut issuer, server)) = started() else { return };
    let token = issuer.token(&server, json!({}));
    let mut live = client().get(server.url() + "/stream").bearer_auth(&token).send().unwrap();
    assert_eq!(live.status(), 200);
    server.pass(600_000 + 60_000);
    std::io::copy(&mut live, &mut std::io::sink()).expect("what it began ends");
    assert_refused(&server, &token, "expired");
}

#[test]
fn an_issuer_that_is_down_stops_its_new_keys_alone() {
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
    assert_eq!(export(&server, &token).status, 200, "its keys are known");
    assert_eq!(export(&server, own.as_str()).status, 200);
    issuer.up();
    let token = issuer.token(&server, json!({ "payload": long }));
    issuer.down();
    server.pass(23 * 3_600_000);
    assert_eq!(export(&server, &token).status, 200, "of yesterday");
    server.pass(3_600_000);
    assert_eq!(export(&server, &token).refusal(), (503, "server.issuer".to_owned()));
    assert_eq!(export(&server, own.as_str()).status, 200);
}

#[test]
fn a_claim_binds_a_token_to_a_tenant() {
    let Some(mut issuer) = Issuer::start() else { return };
    let server = filled(&issuer, &["org.staff=true read,erase", "* read tenant={org.name}"]);
    let of = |name: Value| json!({ "claims": { "groups": null, "org": name } });
    let customer = issuer.token(&server, of(json!({ "name": "nobody" })));
    let answer = export(&server, &customer);
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("\"checkpoint\"") && !text.contains("\"action\""), "{text}");
    let staff = issuer.token(&server, of(json!({ "name": "nobody", "staff": true })));
    assert!(String::from_utf8(export(&server, &staff).body).unwrap().contains("\"action\""));
    let nameless = issuer.token(&server, of(json!({ "name": [] })));
    assert_eq!(export(&server, &nameless).refusal(), (403, "request.forbidden".to_owned()));
}

#[test]
fn a_person_who_signed_in_is_let_in_by_the_id_token_and_by_no_other() {
    let Some(mut issuer) = Issuer::start() else { return };
    let server = filled(&issuer, &["groups=auditors read"]);
    let sign_in = |issuer: &mut Issuer, groups: &[&str]| {
        issuer.tell(&json!({ "do": "signIn", "person": "u_7", "claims": { "groups": groups } }))
    };
    let text = |tokens: &Value, which: &str| tokens[which].as_str().unwrap().to_owned();
    let signed_in = sign_in(&mut issuer, &["auditors"]);
    // The issuer dates it by this machine's clock.
    server.pass(PAUSE.max(now() - server.clock.load(std::sync::atomic::Ordering::SeqCst)));
    assert_eq!(export(&server, &text(&signed_in, "id")).status, 200);
    // What is for the issuer alone says nothing here.
    assert_eq!(
        export(&server, &text(&signed_in, "access")).refusal(),
        (401, "request.unauthenticated".into())
    );
    let other = sign_in(&mut issuer, &["others"]);
    server.pass(PAUSE);
    assert_eq!(export(&server, &text(&other, "id")).refusal(), (403, "request.forbidden".into()));
}

#[test]
fn reads_are_recorded_under_what_the_issuer_calls_the_reader() {
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
fn an_issuer_that_is_not_the_one_is_not_believed() {
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
