//! Tests of the embedded log with a host: erasures that take several turns, witnesses, and searches.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{ChainId, append_signature, write_event};
use countersign::merkle::leaf_hash;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::embedded::{
    Config, Content, Copies, Cors, EmbeddedLogServer, Quota, RecordReads, Unrecorded, WaitingRoom,
    WitnessRound,
};
use countersign_log::store::StoreError;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::sqlite;
use countersign_log_server::stop_file::StopFile;
use countersign_log_server::tokens;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{ORIGIN, emitter_key, log_key};

const NOW: i64 = BEGIN + 3_600_000;

/// A public copy that counts withdrawn entries.
struct CountingCopies(Rc<Cell<usize>>);

impl Copies for CountingCopies {
    fn copied(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn set_copied(&self, _: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn withdraw(&self, leaves: &[u64]) -> Result<(), StoreError> {
        self.0.set(self.0.get() + leaves.len());
        Ok(())
    }
}

/// Unrecorded reads, kept in memory.
#[derive(Clone, Default)]
struct MemoryReads(Rc<RefCell<Option<String>>>);

impl Unrecorded for MemoryReads {
    fn stored(&self) -> Result<Option<String>, StoreError> {
        Ok(self.0.borrow().clone())
    }

    fn keep(&self, text: Option<&str>) -> Result<(), StoreError> {
        *self.0.borrow_mut() = text.map(str::to_owned);
        Ok(())
    }
}

fn trust() -> Trust {
    let text = format!("log {}\nemitter {}\n", log_key().verifier_key(), emitter_key(0).verifier_key());
    Trust::parse(text.as_bytes()).unwrap()
}

fn open(folder: &Path, withdrawn: &Rc<Cell<usize>>) -> EmbeddedLogServer {
    open_with(folder, withdrawn, trust())
}

fn open_with(folder: &Path, withdrawn: &Rc<Cell<usize>>, trust: Trust) -> EmbeddedLogServer {
    let config = Config {
        key: log_key(),
        ml_dsa_key: None,
        trust,
        readers: std::fs::read_to_string(folder.join("readers.txt")).unwrap_or_default(),
        cors: Cors::default(),
        copies: Box::new(CountingCopies(withdrawn.clone())),
        stops: Box::new(StopFile::new(folder)),
        quota: Quota::default(),
        tenant_quota: Quota::default(),
        waiting: WaitingRoom::default(),
        record_reads: Some(RecordReads::None),
        unrecorded: Box::new(MemoryReads::default()),
        now: Time::from_millis(NOW).unwrap(),
    };
    EmbeddedLogServer::open(sqlite::open(folder, ORIGIN).unwrap(), config).unwrap()
}

fn send(log: &mut EmbeddedLogServer, method: &str, path: &str, token: &str, body: String) -> (u16, Value) {
    let request =
        Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    let request = request.body(body.into_bytes()).unwrap();
    let mut answer = log.answer(&request);
    while let Content::Search(looking) = answer.body_mut() {
        if let Some(found) = log.search(request.headers(), looking) {
            answer = found;
        }
    }
    let status = answer.status().as_u16();
    let Content::Whole(body) = answer.into_body() else { panic!("{path}") };
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn large_erasure_continues_in_later_turns_and_after_a_restart() {
    const EVENTS: u64 = 20_000;
    let folder = TempDir::new().unwrap();
    let token =
        tokens::add(folder.path(), "privacy-desk", Rights::READ_AND_ERASE, None, Scope::default()).unwrap();
    let withdrawn = Rc::new(Cell::new(0));
    let mut log = open(folder.path(), &withdrawn);
    let mut emitter = Emitter::new(ORIGIN, emitter_key(0), 0, trust());
    for number in 1..=EVENTS {
        emitter.record_event(r#"{"actor":{"id":"ann"}}"#);
        if number % 4_000 == 0 {
            emitter.flush();
            let (body, lines) = emitter.body(0, usize::MAX);
            assert_eq!(send(&mut log, "POST", "/submit", "", body).0, 200);
            emitter.outbox.drain(..lines);
        }
    }
    let erase = json!({ "filter": { "actor": "ann" }, "reason": "case 17" }).to_string();
    let (status, answer) = send(&mut log, "POST", "/erase", token.as_str(), erase.clone());
    let left = answer["left"].as_u64().unwrap();
    assert_eq!((status, answer["erased"].as_u64()), (202, Some(EVENTS - left)), "{answer}");
    assert!((1..EVENTS).contains(&left), "{left}");
    let state = |log: &mut EmbeddedLogServer| send(log, "GET", "/erasures", token.as_str(), String::new()).1;
    let first = &state(&mut log)["erasures"][0];
    assert_eq!((&first["state"], &first["left"]), (&json!("erasing"), &json!(left)));

    // The object ends, and a new one continues.
    drop(log);
    let mut log = open(folder.path(), &withdrawn);
    assert!(log.is_erasing().unwrap());
    while log.erase_some().unwrap() {}
    assert!(!log.is_erasing().unwrap());
    let list = state(&mut log);
    let [only] = &list["erasures"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((&only["state"], &only["events"], &only["left"]), (&json!("done"), &json!(EVENTS), &json!(0)));
    let record = only["record"].as_u64().unwrap();
    let (status, one) = send(&mut log, "GET", &format!("/erasures/{record}"), token.as_str(), String::new());
    assert_eq!((status, &one), (200, only));
    assert_eq!(withdrawn.get() as u64, EVENTS);
    let (status, answer) = send(&mut log, "POST", "/erase", token.as_str(), erase);
    assert_eq!((status, answer), (200, json!({ "erased": 0, "without": 0, "own": 0, "held": 0 })));
    assert_eq!(send(&mut log, "GET", "/erasures", "csr_nobody", String::new()).0, 401);
}

#[test]
fn contradicting_witness_stops_the_log_until_it_is_removed() {
    for (status, kind, answer, code) in [
        (409, "text/x.tlog.size", "99\n", "log.rollback"),
        (422, "text/plain", "another tree\n", "log.split_view"),
    ] {
        let folder = TempDir::new().unwrap();
        let token =
            tokens::add(folder.path(), "operator", "admin".parse().unwrap(), None, Scope::default()).unwrap();
        let withdrawn = Rc::new(Cell::new(0));
        let witness = SignerKey::witness_from_seed("w.example", [9; 32]).unwrap();
        let (log, emitters) =
            (log_key().verifier_key().to_string(), emitter_key(0).verifier_key().to_string());
        let witnessed = format!(
            "log {log}\nemitter {emitters}\nwitness w {} https://w.example/\nquorum w\n",
            witness.verifier_key()
        );
        let witnessed = Trust::parse(witnessed.as_bytes()).unwrap();
        let mut log = open_with(folder.path(), &withdrawn, witnessed.clone());
        let mut emitter = Emitter::new(ORIGIN, emitter_key(0), 0, trust());
        emitter.record(2);
        let (body, _) = emitter.body(0, usize::MAX);
        let submit = || Request::post("/submit").body(body.clone().into_bytes()).unwrap();
        let waiting = log.answer(&submit()).into_body();
        let Content::Waiting(mut pending) = waiting else { panic!("witnesses see it first") };
        let mut round = log.round(false).unwrap().unwrap();
        let request = log.ask(&round, 0).unwrap();
        let shown = request.split_once("\n\n").unwrap().1.to_owned();
        assert!(!log.answered(&mut round, 0, status, Some(kind), answer.as_bytes()));
        log.end(round).unwrap();
        let status_of_witness = status;
        let resumed = log.resume(&http::HeaderMap::new(), &mut pending).unwrap();
        assert_eq!(resumed.status(), 503);
        for reopened in [false, true] {
            if reopened {
                log = open_with(folder.path(), &withdrawn, witnessed.clone());
            }
            let (status, refused) = send(&mut log, "POST", "/submit", "", body.clone());
            assert_eq!((status, &refused["error"]["code"]), (503, &json!(code)));
            let (status, health) = send(&mut log, "GET", "/healthz", "", String::new());
            assert_eq!((status, &health["stopped"]["code"]), (503, &json!(code)));
            // The witness gets the same checkpoint again, because no other is signed.
            let mut round = log.round(true).unwrap().unwrap();
            assert!(log.ask(&round, 0).unwrap().ends_with(&shown));
            assert!(!log.answered(&mut round, 0, status_of_witness, Some(kind), answer.as_bytes()));
            log.end(round).unwrap();
            assert_eq!(log.published_size(), 0);
        }
        let (got, evidence) = send(&mut log, "GET", "/evidence", token.as_str(), String::new());
        assert_eq!((got, &evidence["witness"]["status"]), (200, &json!(status)));
        assert_eq!(evidence["witness"]["vkey"], witness.verifier_key().as_str());
        // Durable entries were not acknowledged, but they aren't lost.
        let mut log = open(folder.path(), &withdrawn);
        assert_eq!(log.published_size(), 3);
        assert_eq!(send(&mut log, "POST", "/submit", "", body.clone()).0, 200);
    }
}

/// A Durable Object runs this code, too.
#[test]
fn a_stranger_learns_nothing_about_chains_and_keys() {
    let text = trust().to_text();
    let with_second =
        format!("{}emitter {}\n", String::from_utf8(text).unwrap(), emitter_key(1).verifier_key());
    let both = Trust::parse(with_second.as_bytes()).unwrap();
    let revoking = format!("{with_second}revoke {} -\n", emitter_key(1).verifier_key());
    let (folder, withdrawn) = (TempDir::new().unwrap(), Rc::default());
    let mut log = open_with(folder.path(), &withdrawn, both);
    let mut chains = Vec::new();
    for number in [0, 1] {
        let mut emitter = Emitter::new(ORIGIN, emitter_key(number), 0, trust());
        emitter.record(2);
        assert_eq!(send(&mut log, "POST", "/submit", "", emitter.body(0, usize::MAX).0).0, 200);
        chains.push(emitter.chain());
    }
    drop(log);
    let mut log = open_with(folder.path(), &withdrawn, Trust::parse(revoking.as_bytes()).unwrap());
    chains.push(ChainId([7; 16]));
    let guess = Hash([5; 32]);
    for (seq, after) in [(1, 1), (3, 9), (3, 86_400_000), (90, 9)] {
        let time = Time::from_millis(NOW + after).unwrap();
        for is_signed in [false, true] {
            let mut answers = chains.iter().map(|chain| {
                let mut link = write_event(*chain, seq, time, &guess, &guess);
                if is_signed {
                    append_signature(&mut link, &[7; 64]);
                }
                let (status, answer) =
                    send(&mut log, "POST", "/submit", "", json!({ "link": link }).to_string());
                (status, answer.to_string().replace(&chain.to_string(), "ID"))
            });
            let first = answers.next().unwrap();
            assert_eq!(first.0, 409, "{first:?}");
            answers.for_each(|answer| assert_eq!(answer, first));
        }
    }
}

/// Returns the witnesses `w` and `x`, and a trust file in which either is enough for the quorum.
fn any_of_two() -> ([SignerKey; 2], Trust) {
    let keys =
        [9, 10].map(|seed| SignerKey::witness_from_seed(&format!("w{seed}.example"), [seed; 32]).unwrap());
    let lines = format!(
        "log {}\nemitter {}\nwitness w {} https://w.example/\nwitness x {} https://x.example/\ngroup g any w x\nquorum g\n",
        log_key().verifier_key(),
        emitter_key(0).verifier_key(),
        keys[0].verifier_key(),
        keys[1].verifier_key()
    );
    (keys, Trust::parse(lines.as_bytes()).unwrap())
}

/// Returns the response of a witness that cosigns the request.
fn cosigned(request: &str, key: &SignerKey) -> String {
    let note = request.split_once("\n\n").unwrap().1;
    SignedCheckpoint::parse(note).unwrap().cosign(key, (NOW / 1000).cast_unsigned()).unwrap()
}

#[test]
fn lying_witness_does_not_stop_a_log_with_a_quorum() {
    let (keys, trust) = any_of_two();
    let (folder, withdrawn) = (TempDir::new().unwrap(), Rc::new(Cell::new(0)));
    let mut log = open_with(folder.path(), &withdrawn, trust.clone());
    let mut emitter = Emitter::new(ORIGIN, emitter_key(0), 0, trust.clone());
    let lie = |log: &mut EmbeddedLogServer, round: &mut WitnessRound| {
        assert!(log.ask(round, 0).is_some());
        assert!(!log.answered(round, 0, 409, Some("text/x.tlog.size"), b"999999\n"));
    };
    emitter.record(2);
    let (body, _) = emitter.body(0, usize::MAX);
    let submit = Request::post("/submit").body(body.clone().into_bytes()).unwrap();
    let Content::Waiting(mut pending) = log.answer(&submit).into_body() else {
        panic!("witnesses see it first")
    };
    let mut round = log.round(false).unwrap().unwrap();
    lie(&mut log, &mut round);
    // The witness is asked for its proof once, and has none.
    let url = log.proof_url(&round, 0).unwrap();
    assert!(url.starts_with("https://w.example/") && url.ends_with("/checkpoint"), "{url}");
    assert_eq!((log.proof_url(&round, 0), log.proof_url(&round, 1)), (None, None));
    log.prove(&round, 0, b"no checkpoint");
    let request = log.ask(&round, 1).unwrap();
    assert!(!log.answered(&mut round, 1, 200, None, cosigned(&request, &keys[1]).as_bytes()));
    assert!(round.is_enough());
    log.end(round).unwrap();
    assert_eq!(log.resume(&http::HeaderMap::new(), &mut pending).unwrap().status(), 200);
    assert_eq!(send(&mut log, "GET", "/healthz", "", String::new()).0, 200);

    // There is no quorum without the other witness, so the log stops until it is back.
    emitter.record(2);
    let (body, _) = emitter.body(3, usize::MAX);
    let submit = Request::post("/submit").body(body.clone().into_bytes()).unwrap();
    let Content::Waiting(_) = log.answer(&submit).into_body() else { panic!("witnesses see it first") };
    let mut round = log.round(false).unwrap().unwrap();
    lie(&mut log, &mut round);
    log.end(round).unwrap();
    assert_eq!(send(&mut log, "POST", "/submit", "", body.clone()).0, 503);
    let (_, health) = send(&mut log, "GET", "/healthz", "", String::new());
    assert_eq!(
        (&health["stopped"]["code"], &health["stopped"]["proven"]),
        (&json!("log.rollback"), &json!(false))
    );
    for _ in 0..2 {
        log = open_with(folder.path(), &withdrawn, trust.clone());
        assert_eq!(send(&mut log, "POST", "/submit", "", body.clone()).0, 503);
    }
    let mut round = log.round(false).unwrap().unwrap();
    lie(&mut log, &mut round);
    let request = log.ask(&round, 1).unwrap();
    // The witness has cosigned the published checkpoint, so the next request starts there.
    assert!(log.answered(&mut round, 1, 409, Some("text/x.tlog.size"), b"3\n"));
    assert!(log.ask(&round, 1).unwrap().starts_with("old 3\n"));
    assert!(!log.answered(&mut round, 1, 200, None, cosigned(&request, &keys[1]).as_bytes()));
    log.end(round).unwrap();
    assert_eq!(log.published_size(), 5);
    assert_eq!(send(&mut log, "GET", "/healthz", "", String::new()).0, 200);
    // An evidence file that ends with a claim doesn't stop the log once its witness is gone.
    assert_eq!(send(&mut open(folder.path(), &withdrawn), "POST", "/submit", "", body).0, 200);
}

#[test]
fn witness_with_proof_stops_a_log_with_a_quorum() {
    let (keys, trust) = any_of_two();
    let (folder, withdrawn) = (TempDir::new().unwrap(), Rc::new(Cell::new(0)));
    let mut log = open_with(folder.path(), &withdrawn, trust.clone());
    let mut emitter = Emitter::new(ORIGIN, emitter_key(0), 0, trust.clone());
    emitter.record(2);
    let (body, _) = emitter.body(0, usize::MAX);
    let submit = Request::post("/submit").body(body.clone().into_bytes()).unwrap();
    let Content::Waiting(_) = log.answer(&submit).into_body() else { panic!("witnesses see it first") };
    let forged = |size: u64, key: &SignerKey| {
        Checkpoint::new(ORIGIN, size, leaf_hash(b"another")).unwrap().sign(key).unwrap()
    };
    let other = SignerKey::from_seed(ORIGIN, [99; 32]).unwrap();
    for (note, stops) in [(forged(7, &other), false), (forged(7, &log_key()), true)] {
        let mut round = log.round(true).unwrap().unwrap();
        assert!(log.ask(&round, 0).is_some());
        assert!(!log.answered(&mut round, 0, 409, Some("text/x.tlog.size"), b"7\n"));
        log.prove(&round, 0, note.as_bytes());
        let request = log.ask(&round, 1).unwrap();
        assert!(!log.answered(&mut round, 1, 200, None, cosigned(&request, &keys[1]).as_bytes()));
        log.end(round).unwrap();
        let (status, health) = send(&mut log, "GET", "/healthz", "", String::new());
        assert_eq!(status == 503, stops, "{health}");
    }
    // The proof counts even if the witness is no longer in the trust file.
    for mut log in [open_with(folder.path(), &withdrawn, trust), open(folder.path(), &withdrawn)] {
        let (_, health) = send(&mut log, "GET", "/healthz", "", String::new());
        let stopped = &health["stopped"];
        assert_eq!((&stopped["code"], &stopped["proven"]), (&json!("log.rollback"), &json!(true)));
        assert!(log.round(true).unwrap().is_none());
    }
}

#[test]
fn evicts_searches_of_the_busiest_reader() {
    let folder = TempDir::new().unwrap();
    let token = |name: &str| {
        tokens::add(folder.path(), name, Rights::READ, None, Scope::default()).unwrap().as_str().to_owned()
    };
    let (curious, other, third) = (token("curious"), token("other"), token("third"));
    let withdrawn = Rc::new(Cell::new(0));
    let mut log = open_with(folder.path(), &withdrawn, trust());
    let mut emitter = Emitter::new(ORIGIN, emitter_key(0), 0, trust());
    emitter.record(2_000);
    assert_eq!(send(&mut log, "POST", "/submit", "", emitter.body(0, usize::MAX).0).0, 200);
    let mut begin = |token: &str| {
        let request =
            Request::builder().uri("/export?q=nothing").header("authorization", format!("Bearer {token}"));
        let request = request.body(Vec::new()).unwrap();
        (log.answer(&request), request)
    };
    let mut searches: Vec<_> = (0..4).map(|_| begin(&curious)).collect();
    // A reader doesn't evict their own searches, because repeated requests would never finish.
    assert_eq!(begin(&curious).0.status(), 503);
    searches.push(begin(&other));
    searches.push(begin(&third));
    assert_eq!(begin(&third).0.status(), 503, "readers have equally many searches");
    let statuses = searches.into_iter().map(|(mut answer, request)| {
        while let Content::Search(looking) = answer.body_mut() {
            if let Some(found) = log.search(request.headers(), looking) {
                answer = found;
            }
        }
        answer.status().as_u16()
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 200, 503, 503, 200, 200]);
}

#[test]
fn revoking_an_issuer_ends_its_grants() {
    let folder = TempDir::new().unwrap();
    tokens::add(folder.path(), "operator", "admin".parse().unwrap(), None, Scope::default()).unwrap();
    let withdrawn = Rc::new(Cell::new(0));
    let issuer = SignerKey::from_seed("example.com", [50; 32]).unwrap();
    let app = || SignerKey::from_seed("example.com/app", [51; 32]).unwrap();
    let trust = |more: &str| {
        let lines = format!("log {}\nissuer {}\n{more}", log_key().verifier_key(), issuer.verifier_key());
        Trust::parse(lines.as_bytes()).unwrap()
    };
    let grant = Statement::Grant { key: app().verifier_key().clone(), from: None, until: None };
    let grant = json!({ "note": KeyNote::sign(ORIGIN, &[grant], &issuer).unwrap() }).to_string() + "\n";
    let mut emitter = Emitter::new(ORIGIN, app(), 0, trust(""));
    emitter.record(2);
    let (begun, _) = emitter.body(0, usize::MAX);
    emitter.record(1);
    let further = emitter.body(0, usize::MAX).0[begun.len()..].to_owned();
    let mut log = open_with(folder.path(), &withdrawn, trust(""));
    assert_eq!(send(&mut log, "POST", "/submit", "", grant + &begun).0, 200);
    let revoked = trust(&format!("revoke {} -\n", issuer.verifier_key()));
    let mut log = open_with(folder.path(), &withdrawn, revoked);
    let (status, answer) = send(&mut log, "POST", "/submit", "", further.clone());
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("log.unauthorized")));
    let mut log = open_with(folder.path(), &withdrawn, trust(""));
    assert_eq!(send(&mut log, "POST", "/submit", "", further).0, 200);
}

#[test]
fn rejects_unknown_emitters_by_the_first_bytes() {
    let folder = TempDir::new().unwrap();
    tokens::add(folder.path(), "auditor", Rights::READ, None, Scope::default()).unwrap();
    let log = open(folder.path(), &Rc::default());
    let headers = http::HeaderMap::new();
    let beginning = |number: u8| {
        let mut emitter = Emitter::new(ORIGIN, emitter_key(number), 0, trust());
        emitter.record(2_000);
        let (body, _) = emitter.body(0, usize::MAX);
        body.into_bytes()[..64 << 10].to_vec()
    };
    let (known, stranger) = (beginning(0), beginning(1));
    let response = log.glance("/submit", &headers, &stranger).unwrap();
    assert_eq!(response.status(), 403);
    assert!(log.glance("/submit", &headers, &known).is_none(), "the rest must be read");
    assert!(log.glance("/submit", &headers, &known[..40]).is_none(), "there is no complete line yet");
    assert!(log.glance("/erase", &headers, &stranger).is_none());
}
