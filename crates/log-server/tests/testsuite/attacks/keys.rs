//! Attacks with keys that may not write to the log, or no longer.

use std::num::NonZeroU32;

use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{ChainId, append_signature, write_close, write_event};
use countersign::log::Limits;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::quota::Quota;
use countersign_log_server::server::Bounds;
use serde_json::json;

use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{ORIGIN, Server, emitter_key, log_key};
use crate::tenants::answers::Comparable;

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

fn issuer() -> SignerKey {
    key("example.com", 50)
}

/// Starts a log with an issuer that grants access, and one emitter that always has it.
fn server_with_issuer() -> Server {
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
fn rejects_a_key_without_a_grant() {
    let server = server_with_issuer();
    let app = key("example.com/app", 51);
    assert_forbidden(&server, body(&chain(&server, &app, 2)));
    // A key of another party may have the log's name.
    assert_forbidden(&server, body(&chain(&server, &key(ORIGIN, 52), 2)));
    server.assert_works();
}

/// Returns the open link of a chain.
fn open(server: &Server, key: &SignerKey, number: u64) -> String {
    let key = SignerKey::parse(&key.encode()).unwrap();
    Emitter::new(ORIGIN, key, number, server.trust()).body(0, 1).0
}

#[test]
fn rejects_thousands_of_chains_without_a_grant() {
    let server = server_with_issuer();
    let stranger = key("example.com/stranger", 51);
    assert_forbidden(&server, open(&server, &stranger, 0).repeat(16_384));
    let many: String = (0..1_024).map(|number| open(&server, &stranger, number)).collect();
    assert_forbidden(&server, many);
    // Even with an authorized key, a body with more chains than one response can cover is rejected as a whole.
    let known: String = (0..1_025).map(|number| open(&server, &emitter_key(3), number)).collect();
    let answer = server.submit(known);
    assert_eq!(answer.refusal(), (413, "submit.too_large".into()));
    assert_eq!(answer.json()["limits"], json!({ "bytes": 16 << 20, "lines": 1_024 }));
    assert_eq!(server.size(), 0);
    server.assert_works();
}

#[test]
fn grant_applies_to_later_entries() {
    let server = server_with_issuer();
    let app = key("example.com/app", 51);
    let chain = chain(&server, &app, 2);
    let grant = note(&grant(&app, None, None), &issuer());
    assert_forbidden(&server, body(&chain) + &grant);
    let answer = server.submit(grant + &body(&chain));
    assert_eq!((answer.status, answer.json()["added"].as_u64()), (200, Some(4)));
}

#[test]
fn rejects_grants_by_keys_without_the_right() {
    let server = server_with_issuer();
    let app = key("example.com/app", 51);
    let anybody = key("example.com", 53);
    for signer in [&app, &anybody, &key("example.org", 54), &log_key(), &emitter_key(3)] {
        assert_forbidden(&server, note(&grant(&app, None, None), signer));
    }
    // An issuer may only grant keys under its own name.
    for name in ["example.org/app", "example.com", "example.communal/app"] {
        assert_forbidden(&server, note(&grant(&key(name, 55), None, None), &issuer()));
    }
    assert_forbidden(&server, note_for("other.example", &grant(&app, None, None), &issuer()));
    // Other keys than the key itself and an issuer can't revoke a key.
    let revoke = Statement::Revoke { key: emitter_key(3).verifier_key().clone(), since: None };
    assert_forbidden(&server, note(&revoke, &app));
    assert_eq!(server.size(), 0);
    server.assert_works();
}

#[test]
fn rejects_keys_outside_of_their_window() {
    let server = server_with_issuer();
    let (early, late) = (key("example.com/early", 56), key("example.com/late", 57));
    // A chain's first event is a millisecond after its open link.
    let grants =
        note(&grant(&early, time(1), None), &issuer()) + &note(&grant(&late, None, time(2)), &issuer());
    assert_eq!(server.submit(grants).status, 200);
    assert_forbidden(&server, body(&chain(&server, &early, 1)));
    assert_forbidden(&server, body(&chain(&server, &late, 2)));
    assert_eq!(server.size(), 2);
    // Accepted until the last moment, but not a link longer.
    let mut late = chain(&server, &late, 1);
    late.deliver_all(&server.url(), usize::MAX);
    late.record(1);
    assert_forbidden(&server, body(&late));
    server.assert_works();
}

#[test]
fn rejects_a_revoked_key() {
    let server = server_with_issuer();
    let app = key("example.com/app", 51);
    let grant = note(&grant(&app, None, None), &issuer());
    assert_eq!(server.submit(grant.clone()).status, 200);
    let mut chain = chain(&server, &app, 2);
    let first = body(&chain);
    chain.deliver_all(&server.url(), usize::MAX);
    // A key may revoke itself.
    let revoke = note(&Statement::Revoke { key: app.verifier_key().clone(), since: time(0) }, &app);
    assert_eq!(server.submit(revoke.clone()).status, 200);
    chain.record(1);
    assert_forbidden(&server, body(&chain));
    // Revocation is permanent: a new grant doesn't undo it.
    let new_grant = Statement::Grant { key: app.verifier_key().clone(), from: time(0), until: None };
    let answer = server.submit(note(&new_grant, &issuer()) + &body(&chain));
    assert_eq!(answer.refusal(), (403, "log.unauthorized".into()));
    // Entries already in the log remain valid.
    let answer = server.submit(grant + &first + &revoke);
    assert_eq!((answer.status, answer.json()["added"].as_u64()), (200, Some(0)));
    server.assert_works();
}

/// Someone who knows at most the ID of a chain learns nothing about it and its key, not even by a quota.
#[test]
fn forged_links_get_the_same_answer_whatever_the_log_knows() {
    let lines = [
        format!("issuer {}\n", issuer().verifier_key()),
        format!("emitter {}\n", emitter_key(3).verifier_key()),
    ];
    let quota = Quota { events: NonZeroU32::new(1), bytes: None, burst: NonZeroU32::MIN };
    let server = Server::with(&lines.concat(), Limits::default(), Bounds { quota, ..Bounds::default() });
    let [granted, exhausted, revoked, closed] =
        ["granted", "exhausted", "revoked", "closed"].map(|name| key(&format!("example.com/{name}"), 70));
    let unknown = key("example.com/unknown", 71);
    for app in [&granted, &exhausted, &revoked, &closed] {
        assert_eq!(server.submit(note(&grant(app, None, None), &issuer())).status, 200);
    }
    let mut chains: Vec<Emitter> = Vec::new();
    for (app, events, closes) in
        [(&granted, 1, false), (&exhausted, 9, false), (&revoked, 1, false), (&closed, 1, true)]
    {
        let mut chain = chain(&server, app, events);
        if closes {
            chain.close();
        }
        chain.deliver_all(&server.url(), usize::MAX);
        chains.push(chain);
    }
    let revocation = Statement::Revoke { key: revoked.verifier_key().clone(), since: None };
    assert_eq!(server.submit(note(&revocation, &issuer())).status, 200);
    // These are not in the log.
    chains.extend([&granted, &revoked, &unknown].map(|app| {
        let key = SignerKey::parse(&app.encode()).unwrap();
        Emitter::new(ORIGIN, key, 1, server.trust())
    }));
    let size = server.size();
    let guess = Hash([5; 32]);
    let event = |chain: ChainId, seq: u64, after: i64| {
        write_event(chain, seq, Time::from_millis(BEGIN + after).unwrap(), &guess, &guess)
    };
    let signed = |mut link: String| {
        let signature = unknown.sign(link.as_bytes());
        append_signature(&mut link, &signature);
        json!({ "link": link }).to_string() + "\n"
    };
    let forgeries: [&dyn Fn(ChainId) -> String; 6] = [
        &|chain| signed(event(chain, 1, 1)),
        &|chain| signed(event(chain, 2, 1)),
        &|chain| signed(event(chain, 90, 1)),
        &|chain| signed(event(chain, 2, 86_400_000)),
        &|chain| json!({ "link": event(chain, 2, 1) }).to_string() + "\n",
        &|chain| signed(write_close(chain, 2, Time::from_millis(BEGIN + 1).unwrap(), &guess)),
    ];
    for (at, forge) in forgeries.iter().enumerate() {
        let answers: Vec<_> = chains
            .iter()
            .map(|chain| {
                let answer = Comparable::new(&server.submit(forge(chain.chain())));
                let body = answer.body.replace(&chain.chain().to_string(), "ID");
                Comparable { body, ..answer }
            })
            .collect();
        assert_eq!(answers[0].status, 409, "{answers:?}");
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{at}");
        }
    }
    // An open link names its key.
    let forge = |app: &SignerKey| {
        let line = open(&server, app, 2);
        let signature = line.rfind(' ').unwrap() + 1;
        let other = if line[signature..].starts_with('A') { "B" } else { "A" };
        server.submit(format!("{}{other}{}", &line[..signature], &line[signature + 1..]))
    };
    for app in [&granted, &exhausted, &revoked, &closed, &unknown] {
        assert_eq!(forge(app).refusal(), (400, "signature.invalid".into()));
        assert_eq!(Comparable::new(&forge(app)), Comparable::new(&forge(&unknown)));
    }
    assert_eq!((server.size(), server.evidence()), (size, vec![]));
}

#[test]
fn rejects_a_key_that_the_trust_file_revokes() {
    let app = emitter_key(0);
    let trust = format!("emitter {}\nrevoke {} -\n", app.verifier_key(), app.verifier_key())
        + &format!("emitter {}\n", emitter_key(3).verifier_key());
    let server = Server::with(&trust, Limits::default(), Bounds::default());
    let mut chain = server.emitter(0);
    chain.record(1);
    assert_forbidden(&server, body(&chain));
    server.assert_works();
}

#[test]
fn rejects_a_submission_for_another_log() {
    let server = server_with_issuer();
    let key = emitter_key(3);
    let mut other = Emitter::new("other.example/audit", key, 0, server.trust());
    other.record(3);
    assert_forbidden(&server, body(&other));
    // A link without its open link belongs to no known chain.
    let (tail, _) = other.body(1, usize::MAX);
    let answer = server.submit(tail);
    assert_eq!(answer.refusal(), (409, "log.gap".into()));
    let json = answer.json();
    assert_eq!((json["expected"].as_u64(), json.get("last")), (Some(0), None));
    assert_eq!(server.size(), 0);
    server.assert_works();
}

#[test]
fn rejects_links_in_another_emitters_chain() {
    let server = Server::start();
    let mut one = server.emitter(0);
    one.record(2);
    one.deliver_all(&server.url(), usize::MAX);
    one.record(1);
    // The links of one emitter, signed by another emitter that may write too.
    let link = &one.outbox[0].leaf;
    let unsigned = link.rsplit_once(' ').unwrap().0;
    let mut stolen = unsigned.to_owned();
    countersign::link::append_signature(&mut stolen, &emitter_key(1).sign(unsigned.as_bytes()));
    let answer = server.submit(body(&one).replace(link, &stolen));
    assert_eq!(answer.refusal(), (400, "signature.invalid".into()));
    assert_eq!(server.size(), 3);
    one.deliver_all(&server.url(), usize::MAX);
}

/// Anyone can make a key and revoke it, at 58 kB each, which would stay in the log forever.
#[test]
fn rejects_revocations_of_unknown_keys() {
    let server = server_with_issuer();
    let large = |key: &SignerKey| {
        let revoke = Statement::Revoke { key: key.verifier_key().clone(), since: None };
        let note = KeyNote::sign(ORIGIN, &vec![revoke; 500], key).unwrap();
        json!({ "note": note }).to_string() + "\n"
    };
    let many: String = (0..100).map(|seed| large(&key("stranger.example/app", seed))).collect();
    assert_forbidden(&server, many);
    assert_forbidden(&server, large(&key("example.com/app", 51)));
    assert_eq!(server.size(), 0);
    server.assert_works();
}

/// The operator's emergency stop: a thief backdates links to before the revocation.
#[test]
fn rejects_backdated_links_of_a_revoked_key() {
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
    server.assert_works();
}

/// Revoking a stolen issuer key revokes what it granted, however the thief dates grants and links.
#[test]
fn revoking_an_issuer_revokes_its_grants() {
    let server = server_with_issuer();
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
    // If a new issuer grants the key again, its new chains are accepted.
    let other = key("example.com", 56);
    server.log_server().set_trust(&trust(&format!("issuer {}\n{revoke}", other.verifier_key()))).unwrap();
    assert_eq!(server.submit(note(&grant(&app, None, None), &other) + &open(&server, &app, 8)).status, 200);
    assert_forbidden(&server, further.clone());
    server.log_server().set_trust(&trust("")).unwrap();
    assert_eq!(server.submit(further).status, 200);
    server.assert_works();
}

/// A key that may write can revoke itself only once.
#[test]
fn accepts_one_self_revocation_per_key() {
    let server = server_with_issuer();
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
    server.assert_works();
}

/// Unknown clients name keys that the log knows. This must not raise an alert.
#[test]
fn unsigned_links_of_known_keys_raise_no_alert() {
    let (revoked, good) = (emitter_key(2), emitter_key(3));
    let lines =
        format!("emitter {0}\nrevoke {0} -\nemitter {1}\n", revoked.verifier_key(), good.verifier_key());
    let server = Server::with(&lines, Limits::default(), Bounds::default());
    let metric = |name: &str| {
        let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_else(|| panic!("{name}: {metrics}")).trim().parse::<u64>().unwrap()
    };
    let outcome = |outcome: &str| metric(&format!("countersign_submissions_total{{outcome=\"{outcome}\"}}"));
    let unsigned = || metric("countersign_turned_away_total{reason=\"unsigned\"}");
    // Uses the signature of another link.
    let forged = |body: &str, other: &str| {
        let signature = |line: &str| line.rsplit_once(' ').unwrap().1.split('"').next().unwrap().to_owned();
        body.replace(&signature(body), &signature(other))
    };
    let open_link = |key: &SignerKey, number: u64| open(&server, key, number);
    for number in 1..=3 {
        let answer = server.submit(forged(&open_link(&revoked, number), &open_link(&revoked, 0)));
        assert_eq!(answer.refusal(), (400, "signature.invalid".into()));
    }
    assert_eq!((outcome("unauthorized"), unsigned()), (0, 0));
    assert_forbidden(&server, open_link(&revoked, 1));
    assert_eq!((outcome("unauthorized"), unsigned()), (1, 0));
    server.believe_clock(BEGIN - 3_600_000);
    let answer = server.submit(forged(&open_link(&good, 1), &open_link(&good, 0)));
    assert_eq!(answer.refusal(), (400, "signature.invalid".into()));
    assert_eq!((outcome("early"), unsigned()), (0, 0));
    assert_eq!(server.submit(open_link(&good, 1)).refusal().1, "submit.early");
    assert_eq!((outcome("early"), unsigned()), (1, 0));
}
