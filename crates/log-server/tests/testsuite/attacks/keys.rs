//! Keys that may not write to the log, or no longer.

use countersign::keys::{KeyNote, Statement};
use countersign::log::Limits;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log_server::server::Bounds;
use serde_json::json;

use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{ORIGIN, Server, emitter_key, log_key};

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::generate(name, [seed; 32]).unwrap()
}

fn issuer() -> SignerKey {
    key("example.com", 50)
}

/// A log of which an issuer says who writes to it, and one emitter that it may always have.
fn granting() -> Server {
    let lines = [
        format!("issuer {}\n", issuer().verifier_key()),
        format!("emitter {}\n", emitter_key(3).verifier_key()),
    ];
    Server::with(&lines.concat(), Limits::default(), Bounds::default())
}

fn time(after: i64) -> Option<Time> {
    Time::from_millis(BEGIN + after)
}

fn grant(key: &SignerKey, from: Option<Time>, until: Option<Time>) -> Statement {
    Statement::Grant { key: key.verifier_key().clone(), from, until }
}

fn note(statement: &Statement, signer: &SignerKey) -> String {
    note_for(ORIGIN, statement, signer)
}

fn note_for(origin: &str, statement: &Statement, signer: &SignerKey) -> String {
    let note = KeyNote::sign(origin, std::slice::from_ref(statement), signer).unwrap();
    json!({ "note": note }).to_string() + "\n"
}

fn chain(server: &Server, key: &SignerKey, events: usize) -> Emitter {
    let mut emitter = Emitter::new(ORIGIN, SignerKey::parse(&key.encode()).unwrap(), 0, server.trust());
    emitter.record(events);
    emitter
}

fn body(emitter: &Emitter) -> String {
    emitter.body(0, usize::MAX).0
}

fn assert_forbidden(server: &Server, body: String) {
    let size = server.size();
    let answer = server.submit(body);
    assert_eq!(answer.refusal(), (403, "log.unauthorized".into()), "{}", answer.json());
    assert_eq!(server.size(), size);
    assert_eq!(server.evidence(), []);
}

#[test]
fn a_key_that_nobody_granted() {
    let server = granting();
    let app = key("example.com/app", 51);
    assert_forbidden(&server, body(&chain(&server, &app, 2)));
    // The log's own key, made by another.
    assert_forbidden(&server, body(&chain(&server, &key(ORIGIN, 52), 2)));
    server.assert_goes_on();
}

/// The open link of a chain.
fn open(server: &Server, key: &SignerKey, number: u64) -> String {
    let key = SignerKey::parse(&key.encode()).unwrap();
    Emitter::new(ORIGIN, key, number, server.trust()).body(0, 1).0
}

#[test]
fn thousands_of_chains_that_nobody_granted() {
    let server = granting();
    let stranger = key("example.com/stranger", 51);
    assert_forbidden(&server, open(&server, &stranger, 0).repeat(16_384));
    let many: String = (0..1_024).map(|number| open(&server, &stranger, number)).collect();
    assert_forbidden(&server, many);
    // Nor of a key that may: more than can be answered is not begun with.
    let known: String = (0..1_025).map(|number| open(&server, &emitter_key(3), number)).collect();
    let answer = server.submit(known);
    assert_eq!(answer.refusal(), (413, "submit.too_large".into()));
    assert_eq!(answer.json()["limits"], json!({ "bytes": 16 << 20, "lines": 1_024 }));
    assert_eq!(server.size(), 0);
    server.assert_goes_on();
}

#[test]
fn a_grant_acts_on_what_comes_after_it() {
    let server = granting();
    let app = key("example.com/app", 51);
    let chain = chain(&server, &app, 2);
    let grant = note(&grant(&app, None, None), &issuer());
    assert_forbidden(&server, body(&chain) + &grant);
    let answer = server.submit(grant + &body(&chain));
    assert_eq!((answer.status, answer.json()["added"].as_u64()), (200, Some(4)));
}

#[test]
fn grants_by_nobody_with_the_right() {
    let server = granting();
    let app = key("example.com/app", 51);
    let anybody = key("example.com", 53);
    for signer in [&app, &anybody, &key("example.org", 54), &log_key(), &emitter_key(3)] {
        assert_forbidden(&server, note(&grant(&app, None, None), signer));
    }
    // An issuer grants under its own name alone.
    for name in ["example.org/app", "example.com", "example.communal/app"] {
        assert_forbidden(&server, note(&grant(&key(name, 55), None, None), &issuer()));
    }
    assert_forbidden(&server, note_for("other.example", &grant(&app, None, None), &issuer()));
    // Nobody revokes another's key.
    let revoke = Statement::Revoke { key: emitter_key(3).verifier_key().clone(), since: None };
    assert_forbidden(&server, note(&revoke, &app));
    assert_eq!(server.size(), 0);
    server.assert_goes_on();
}

#[test]
fn a_window_that_has_ended_or_not_begun() {
    let server = granting();
    let (early, late) = (key("example.com/early", 56), key("example.com/late", 57));
    // A chain's first event is a millisecond after its beginning.
    let grants =
        note(&grant(&early, time(1), None), &issuer()) + &note(&grant(&late, None, time(2)), &issuer());
    assert_eq!(server.submit(grants).status, 200);
    assert_forbidden(&server, body(&chain(&server, &early, 1)));
    assert_forbidden(&server, body(&chain(&server, &late, 2)));
    assert_eq!(server.size(), 2);
    // Up to the last moment, and not a link further.
    let mut late = chain(&server, &late, 1);
    late.deliver_all(&server.url(), usize::MAX);
    late.record(1);
    assert_forbidden(&server, body(&late));
    server.assert_goes_on();
}

#[test]
fn a_key_that_was_revoked() {
    let server = granting();
    let app = key("example.com/app", 51);
    let grant = note(&grant(&app, None, None), &issuer());
    assert_eq!(server.submit(grant.clone()).status, 200);
    let mut chain = chain(&server, &app, 2);
    let first = body(&chain);
    chain.deliver_all(&server.url(), usize::MAX);
    // It may say so itself.
    let revoke = note(&Statement::Revoke { key: app.verifier_key().clone(), since: time(0) }, &app);
    assert_eq!(server.submit(revoke.clone()).status, 200);
    chain.record(1);
    assert_forbidden(&server, body(&chain));
    // For good: a grant does not bring it back.
    let again = Statement::Grant { key: app.verifier_key().clone(), from: time(0), until: None };
    let answer = server.submit(note(&again, &issuer()) + &body(&chain));
    assert_eq!(answer.refusal(), (403, "log.unauthorized".into()));
    // What is there already is still what it was.
    let answer = server.submit(grant + &first + &revoke);
    assert_eq!((answer.status, answer.json()["added"].as_u64()), (200, Some(0)));
    server.assert_goes_on();
}

#[test]
fn a_key_that_the_trust_file_revokes() {
    let app = emitter_key(0);
    let trust = format!("emitter {}\nrevoke {} -\n", app.verifier_key(), app.verifier_key())
        + &format!("emitter {}\n", emitter_key(3).verifier_key());
    let server = Server::with(&trust, Limits::default(), Bounds::default());
    let mut chain = server.emitter(0);
    chain.record(1);
    assert_forbidden(&server, body(&chain));
    server.assert_goes_on();
}

#[test]
fn a_submission_replayed_to_another_log() {
    let server = granting();
    let key = emitter_key(3);
    let mut other = Emitter::new("other.example/audit", key, 0, server.trust());
    other.record(3);
    assert_forbidden(&server, body(&other));
    // Without its open link it belongs to no chain that the log knows.
    let (tail, _) = other.body(1, usize::MAX);
    let answer = server.submit(tail);
    assert_eq!(answer.refusal(), (409, "log.gap".into()));
    let json = answer.json();
    assert_eq!((json["expected"].as_u64(), json.get("last")), (Some(0), None));
    assert_eq!(server.size(), 0);
    server.assert_goes_on();
}

#[test]
fn links_under_the_name_of_anothers_chain() {
    let server = Server::start();
    let mut one = server.emitter(0);
    one.record(2);
    one.deliver_all(&server.url(), usize::MAX);
    one.record(1);
    // The links of one emitter, signed by another that may write as well.
    let link = &one.outbox[0].leaf;
    let unsigned = link.rsplit_once(' ').unwrap().0;
    let mut stolen = unsigned.to_owned();
    countersign::link::append_signature(&mut stolen, &emitter_key(1).sign(unsigned.as_bytes()));
    let answer = server.submit(body(&one).replace(link, &stolen));
    assert_eq!(answer.refusal(), (400, "signature.invalid".into()));
    assert_eq!(server.size(), 3);
    one.deliver_all(&server.url(), usize::MAX);
}

/// Anyone can make a key and revoke it: 58 kB each, in a log for good.
#[test]
fn revocations_of_strangers_keys() {
    let server = granting();
    let large = |key: &SignerKey| {
        let revoke = Statement::Revoke { key: key.verifier_key().clone(), since: None };
        let note = KeyNote::sign(ORIGIN, &vec![revoke; 500], key).unwrap();
        json!({ "note": note }).to_string() + "\n"
    };
    let many: String = (0..100).map(|seed| large(&key("stranger.example/app", seed))).collect();
    assert_forbidden(&server, many);
    assert_forbidden(&server, large(&key("example.com/app", 51)));
    assert_eq!(server.size(), 0);
    server.assert_goes_on();
}

/// The operator's emergency stop: a thief dates links to before it.
#[test]
fn a_thief_who_dates_links_back() {
    let stolen = emitter_key(2);
    let lines = format!(
        "emitter {0}\nrevoke {0} {1}\nemitter {2}\n",
        stolen.verifier_key(),
        time(1_000).unwrap(),
        emitter_key(3).verifier_key()
    );
    let server = Server::with(&lines, Limits::default(), Bounds::default());
    server.set_clock(BEGIN + 999);
    let mut chain = chain(&server, &stolen, 2);
    chain.deliver_all(&server.url(), usize::MAX);
    for clock in [1_000, 60_000, 1_000_000_000] {
        server.set_clock(BEGIN + clock);
        chain.record(1);
        assert_forbidden(&server, body(&chain));
        let long_ago = Emitter::beginning_at(0, ORIGIN, emitter_key(2), 9, server.trust());
        assert_forbidden(&server, body(&long_ago));
    }
    server.assert_goes_on();
}

/// The issuer's key was stolen: what it granted goes with it, however the thief dates grants and links.
#[test]
fn a_thief_who_was_granted_by_a_stolen_issuer() {
    let server = granting();
    let app = key("example.com/app", 51);
    let mut chain = chain(&server, &app, 2);
    assert_eq!(server.submit(note(&grant(&app, None, None), &issuer()) + &body(&chain)).status, 200);
    let (sent, _) = chain.body(0, usize::MAX);
    chain.record(1);
    let further = body(&chain)[sent.len()..].to_owned();
    let lines = String::from_utf8(server.trust().to_text()).unwrap();
    let trust = |more: &str| Trust::parse((lines.clone() + more).as_bytes()).unwrap();
    let revoke = format!("revoke {} {}\n", issuer().verifier_key(), time(3_600_000).unwrap());
    server.log_server().set_trust(&trust(&revoke)).unwrap();
    assert_forbidden(&server, further.clone());
    assert_forbidden(&server, open(&server, &app, 7));
    // Where a new issuer grants the key anew, its new chains are taken.
    let other = key("example.com", 56);
    server.log_server().set_trust(&trust(&format!("issuer {}\n{revoke}", other.verifier_key()))).unwrap();
    assert_eq!(server.submit(note(&grant(&app, None, None), &other) + &open(&server, &app, 8)).status, 200);
    assert_forbidden(&server, further.clone());
    server.log_server().set_trust(&trust("")).unwrap();
    assert_eq!(server.submit(further).status, 200);
    server.assert_goes_on();
}

/// A key that may write says of itself what it likes, once.
#[test]
fn a_key_that_revokes_itself_again_and_again() {
    let server = granting();
    let app = key("example.com/app", 51);
    assert_eq!(server.submit(note(&grant(&app, None, None), &issuer())).status, 200);
    let revoke =
        |seconds: i64| Statement::Revoke { key: app.verifier_key().clone(), since: time(seconds * 1_000) };
    let all: String = (0..20).map(|seconds| note(&revoke(-seconds), &app)).collect();
    assert_forbidden(&server, all.clone());
    for line in all.lines().take(1) {
        assert_eq!(server.submit(line.to_owned() + "\n").status, 200);
    }
    for line in all.lines().skip(1) {
        assert_forbidden(&server, line.to_owned() + "\n");
    }
    server.assert_goes_on();
}

/// Strangers name keys that the log knows. No alarm is made from that.
#[test]
fn strangers_who_name_a_key_that_may_not_write() {
    let (revoked, good) = (emitter_key(2), emitter_key(3));
    let lines =
        format!("emitter {0}\nrevoke {0} -\nemitter {1}\n", revoked.verifier_key(), good.verifier_key());
    let server = Server::with(&lines, Limits::default(), Bounds::default());
    let counted = |what: &str| {
        let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(what).map(str::to_owned));
        line.unwrap_or_else(|| panic!("{what}: {metrics}")).trim().parse::<u64>().unwrap()
    };
    let outcome = |outcome: &str| counted(&format!("countersign_submissions_total{{outcome=\"{outcome}\"}}"));
    let unsigned = || counted("countersign_turned_away_total{reason=\"unsigned\"}");
    // The signature of another link.
    let forged = |body: &str, other: &str| {
        let signature = |line: &str| line.rsplit_once(' ').unwrap().1.split('"').next().unwrap().to_owned();
        body.replace(&signature(body), &signature(other))
    };
    let of = |key: &SignerKey, number: u64| open(&server, key, number);
    for number in 1..=3 {
        assert_forbidden(&server, forged(&of(&revoked, number), &of(&revoked, 0)));
    }
    assert_eq!((outcome("unauthorized"), unsigned()), (0, 3));
    assert_forbidden(&server, of(&revoked, 1));
    assert_eq!((outcome("unauthorized"), unsigned()), (1, 3));
    server.set_clock(BEGIN - 3_600_000);
    assert_eq!(server.submit(forged(&of(&good, 1), &of(&good, 0))).refusal().1, "submit.early");
    assert_eq!((outcome("early"), unsigned()), (0, 4));
    assert_eq!(server.submit(of(&good, 1)).refusal().1, "submit.early");
    assert_eq!((outcome("early"), unsigned()), (1, 4));
}
