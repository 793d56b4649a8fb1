//! Keys that may not write to the log, or no longer.

use countersign::keys::{KeyNote, Statement};
use countersign::log::Limits;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign_log::server::Bounds;
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
    assert_eq!(answer.refusal(), (403, "log.unauthorised".into()), "{}", answer.json());
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
    assert_eq!(answer.refusal(), (403, "log.unauthorised".into()));
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
