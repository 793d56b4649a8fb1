//! An emitter that trusts only proofs: events stay in its outbox until the log proves that it has them, and a
//! contradiction of an earlier proof fails the test.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use countersign::base64;
use countersign::event::{Event, Redaction};
use countersign::link::{ChainId, Link};
use countersign::merkle::leaf_hash;
use countersign::note::SignerKey;
use countersign::proof::Proof;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::trust::Trust;
use reqwest::blocking::Client;
use serde_json::Value;

/// When the first emitter recorded its first event, in milliseconds since 1970.
pub const BEGIN: i64 = 1_795_150_000_000;

/// Time limit for a response, after which the test fails.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(2);

/// Returns the shared client, which uses a new connection for each request.
pub fn client() -> &'static Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        countersign_tls::blocking_http_client()
            .timeout(RESPONSE_TIMEOUT)
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    });
    &CLIENT
}

/// A line to deliver.
#[derive(Clone, Debug)]
pub struct Line {
    pub seq: u64,
    pub leaf: String,
    pub text: String,
    pub signed: bool,
}

/// The log's proof for the last link of a submission.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub seq: u64,
    pub index: u64,
    pub leaf: String,
    pub proof: Proof,
}

/// The outcome of an attempt to deliver.
#[derive(Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The number of the outbox's lines that are proven to be in the log.
    Delivered(usize),
    /// The log expects other links first.
    Gap,
    /// The log didn't respond, or asks to retry later.
    Later,
}

fn copy_number(number: u64, into: &mut [u8; 16]) {
    into[..8].copy_from_slice(&number.to_be_bytes());
}

pub struct Emitter {
    pub key: SignerKey,
    recorder: Recorder,
    trust: Trust,
    pub outbox: VecDeque<Line>,
    pub receipts: Vec<Receipt>,
    /// All entries created so far.
    pub made: Vec<String>,
    /// The number of links created so far.
    pub links: u64,
    begin: i64,
    now: i64,
}

impl Emitter {
    /// Opens the chain with that number for the log of that trust file. The same arguments and events produce the same
    /// links.
    pub fn new(origin: &str, key: SignerKey, chain: u64, trust: Trust) -> Self {
        Self::beginning_at(BEGIN, origin, key, chain, trust)
    }

    /// Like `new`, with links dated from `begin` on, in milliseconds since 1970.
    pub fn beginning_at(begin: i64, origin: &str, key: SignerKey, chain: u64, trust: Trust) -> Self {
        let mut nonce = key.verifier_key().public()[..16].try_into().unwrap();
        copy_number(chain, &mut nonce);
        let time = Time::from_millis(begin).unwrap();
        let recorder = Recorder::open(origin, key.verifier_key().clone(), time, &nonce).unwrap();
        let (outbox, receipts, made) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut emitter = Self { key, recorder, trust, outbox, receipts, made, links: 0, begin, now: begin };
        emitter.recorder.sign_with(&emitter.key).unwrap();
        emitter.take_lines();
        emitter
    }

    pub fn chain(&self) -> ChainId {
        self.recorder.chain().unwrap()
    }

    /// Records that many events and signs the last link.
    pub fn record(&mut self, events: usize) {
        for number in self.links..self.links + events as u64 {
            self.record_event(&format!(
                r#"{{"action":"job.update","actor":{{"id":"u_{}"}},"metadata":{{"number":{number}}}}}"#,
                number % 7
            ));
        }
        self.flush();
    }

    /// Records an event without signing its link.
    pub fn record_event(&mut self, event: &str) {
        self.now += 1;
        let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
        let mut salt = self.key.verifier_key().public()[..16].try_into().unwrap();
        copy_number((self.now - self.begin).cast_unsigned(), &mut salt);
        self.recorder.record(&event, Time::from_millis(self.now).unwrap(), &salt).unwrap();
    }

    /// Signs the last link.
    pub fn flush(&mut self) {
        self.recorder.flush();
        self.recorder.sign_with(&self.key).unwrap();
        self.take_lines();
    }

    pub fn close(&mut self) {
        self.recorder.close(Time::from_millis(self.now).unwrap()).unwrap();
        self.recorder.sign_with(&self.key).unwrap();
        self.take_lines();
    }

    fn take_lines(&mut self) {
        for text in self.recorder.drain().lines() {
            let line: Value = serde_json::from_str(text).unwrap();
            let leaf = line["link"].as_str().unwrap().to_owned();
            let signed = Link::parse(&leaf).unwrap().signature().is_some();
            self.made.push(leaf.clone());
            self.outbox.push_back(Line { seq: self.links, leaf, text: text.to_owned(), signed });
            self.links += 1;
        }
    }

    /// Returns a body of about that many lines, ending at a signed one and without the first `skip`, and the number of
    /// lines of the outbox up to its end.
    pub fn body(&self, skip: usize, lines: usize) -> (String, usize) {
        let mut body = String::new();
        for (place, line) in self.outbox.iter().enumerate().skip(skip) {
            body.push_str(&line.text);
            body.push('\n');
            if place + 1 - skip >= lines && line.signed {
                return (body, place + 1);
            }
        }
        (body, self.outbox.len())
    }

    /// Sends the outbox once, from `skip` on. The outbox must not be empty.
    pub fn deliver(&mut self, url: &str, skip: usize, lines: usize) -> Attempt {
        let (body, end) = self.body(skip, lines);
        let response = match client().post(format!("{url}/submit")).body(body).send() {
            Ok(response) => response,
            Err(error) => {
                eprintln!("no answer: {error:?}");
                return Attempt::Later;
            }
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let Ok(text) = response.text() else { return Attempt::Later };
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
        match status {
            200 => {
                self.take_proof(&answer, end);
                Attempt::Delivered(end)
            }
            409 if answer["error"]["code"] == "log.gap" => {
                self.check_gap(&answer, skip);
                Attempt::Gap
            }
            429 | 503 => {
                assert!(headers.contains_key("retry-after"), "{text}");
                eprintln!("{status}: {text}");
                Attempt::Later
            }
            _ => panic!("{status}: {text}"),
        }
    }

    /// Sends until the outbox is empty.
    pub fn deliver_all(&mut self, url: &str, lines: usize) {
        while !self.outbox.is_empty() {
            let attempt = self.deliver(url, 0, lines);
            assert!(matches!(attempt, Attempt::Delivered(_)), "{attempt:?}");
        }
    }

    fn take_proof(&mut self, answer: &Value, end: usize) {
        let last = self.outbox[end - 1].clone();
        let chains = answer["chains"].as_object().unwrap();
        assert_eq!(chains.len(), 1, "{answer}");
        let tip = &chains[&self.chain().to_string()];
        assert_eq!(tip["seq"], last.seq, "{answer}");
        let proof = Proof::parse(tip["proof"].as_str().unwrap()).unwrap();
        proof.verify(last.leaf.as_bytes(), None, &self.trust).unwrap();
        assert_eq!(tip["index"], proof.index);
        self.receipts.push(Receipt { seq: last.seq, index: proof.index, leaf: last.leaf, proof });
        self.outbox.drain(..end);
    }

    /// Checks that a reported gap is before what was sent and after what was proven.
    fn check_gap(&self, answer: &Value, skip: usize) {
        assert_eq!(answer["chain"], self.chain().to_string());
        let expected = answer["expected"].as_u64().unwrap();
        let first = self.outbox[0].seq;
        assert!(expected >= first, "lost: the log expects {expected} but gave a proof for {}", first - 1);
        assert!(expected < self.outbox[skip].seq, "{answer}");
        if let Some(place) = (expected - first).checked_sub(1) {
            let hash = leaf_hash(self.outbox[place as usize].leaf.as_bytes());
            assert_eq!(answer["last"], base64::encode(hash.0));
        }
    }
}
