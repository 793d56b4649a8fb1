//! A root log's server with tenants. Ticks are made by the test.

use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use countersign::hex;
use countersign::log::Limits;
use countersign::tenant::{HeadProof, Receipt, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Options, Report, Verifier};
use countersign_log::own_chain::Random;
use countersign_log::tenants::published::PublishedTick;
use countersign_log::tokens::{LogScope, Scope};
use countersign_log_server::serve::TenantConfig;
use countersign_log_server::server::Bounds;
use countersign_log_server::sqlite;
use countersign_log_server::tenants::TenantLogs;
use countersign_log_server::tokens::{self, NewReader};
use reqwest::Method;
use reqwest::blocking::{RequestBuilder, Response};

use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{Answer, ORIGIN, Server, client, emitter_key, send, until};

/// Ticks are never due by themselves.
const NEVER: Duration = Duration::from_hours(24);

/// A root log's server.
pub struct World {
    pub server: Server,
    tenants: u8,
}

/// A tenant of a world.
#[derive(Clone, Debug)]
pub struct Customer {
    pub id: String,
    pub origin: String,
    pub since: u64,
}

/// Returns the trust file's lines for emitters 0 to 3.
pub fn emitters() -> String {
    let lines: Vec<String> =
        (0..4).map(|number| format!("emitter {}\n", emitter_key(number).verifier_key())).collect();
    lines.concat()
}

impl World {
    pub fn start() -> Self {
        Self::with(&emitters(), Bounds::default())
    }

    pub fn with(trust: &str, bounds: Bounds) -> Self {
        let mut world = Self::stopped(trust, bounds);
        world.server.begin();
        world
    }

    /// Returns a log that isn't started.
    pub fn stopped(trust: &str, bounds: Bounds) -> Self {
        let mut server = Server::stopped(BEGIN, trust, Limits::default(), bounds);
        server.tenants = Some(TenantConfig { tick: NEVER, depth: 8, has_metrics: true });
        Self { server, tenants: 0 }
    }

    /// Starts the server again, and waits for its first tick.
    pub fn restart(&mut self) {
        self.server.begin();
        let mut ticks = self.logs().ticks();
        self.server.wait(async { ticks.wait_for(Option::is_some).await.map(drop) }).unwrap();
    }

    pub fn logs(&self) -> &Arc<TenantLogs> {
        self.server.serving().tenants().unwrap()
    }

    /// Returns the newest published tick.
    pub fn newest(&self) -> Option<Arc<PublishedTick>> {
        self.logs().ticks().borrow().clone()
    }

    /// Makes a tick, and waits until it is published.
    pub fn tick(&self) {
        self.server.pass(1000);
        self.server.wait(self.logs().tick()).unwrap();
        let size = self.server.size();
        let mut ticks = self.logs().ticks();
        let is_published = |tick: &Option<Arc<PublishedTick>>| {
            tick.as_ref().is_some_and(|tick| tick.checkpoint.size >= size)
        };
        self.server.wait(async { ticks.wait_for(is_published).await.map(drop) }).unwrap();
    }

    /// Adds a tenant, whose ID depends only on the number of tenants before it.
    pub fn add(&mut self, name: &str) -> Customer {
        self.create(name);
        self.tick();
        let tenant = self.logs().readers().find_name(name).unwrap().unwrap();
        let id = hex::encode(&tenant.id);
        Customer { origin: format!("{ORIGIN}/t/{id}"), id, since: tenant.since.unwrap() }
    }

    /// Adds a tenant that no tick contains yet.
    pub fn create(&mut self, name: &str) {
        let mut first = self.tenants.wrapping_mul(37);
        self.tenants += 1;
        let mut random: Random = Box::new(move || {
            first = first.wrapping_add(1);
            let mut id = [0x5a; 16];
            id[0] = first;
            Ok(id)
        });
        sqlite::add_tenant(self.server.folder(), name, &mut random, Time::MIN).unwrap();
    }

    /// Returns the trust file of a tenant's readers.
    pub fn trust(&self, customer: &Customer) -> Trust {
        let server = String::from_utf8(self.server.trust().to_text()).unwrap();
        let text = format!("{server}origin {} {}\n", customer.origin, customer.since);
        Trust::parse(text.as_bytes()).unwrap()
    }

    /// Returns an emitter that opens a chain in a tenant's log.
    pub fn emitter(&self, customer: &Customer, number: u8, chain: u64) -> Emitter {
        Emitter::new(&customer.origin, emitter_key(number), chain, self.trust(customer))
    }

    pub fn submission(&self, id: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
        client().post(format!("{}/t/{id}/submit", self.server.url())).body(body.into())
    }

    /// Submits all of these at once to the logs with these IDs. One tick is made if any answer waits for it.
    pub fn submit_all(&self, submissions: Vec<(&str, String)>) -> Vec<Answer> {
        let requests = submissions.into_iter().map(|(id, body)| self.submission(id, body));
        let sending: Vec<_> = requests.map(|request| thread::spawn(move || send(request))).collect();
        let answered = || sending.iter().filter(|sending| sending.is_finished()).count();
        until("all wait or are answered", || self.waiting() + answered() >= sending.len());
        if answered() < sending.len() {
            self.tick();
        }
        until("all are answered", || answered() == sending.len());
        sending.into_iter().map(|sending| sending.join().unwrap()).collect()
    }

    /// Submits to the log with this ID. One tick is made if the answer waits for it.
    pub fn submit(&self, id: &str, body: impl Into<String>) -> Answer {
        self.submit_all(vec![(id, body.into())]).remove(0)
    }

    /// Returns the number of submissions that wait for a tick.
    pub fn waiting(&self) -> usize {
        self.server.wait(self.logs().count_waiting()).unwrap()
    }

    /// Delivers everything that an emitter has, and verifies the receipt.
    pub fn deliver(&self, customer: &Customer, emitter: &mut Emitter) -> Receipt {
        let answer = self.submit(&customer.id, emitter.body(0, usize::MAX).0);
        self.delivered(customer, emitter, &answer)
    }

    /// Verifies the receipt of everything that an emitter has.
    pub fn delivered(&self, customer: &Customer, emitter: &mut Emitter, answer: &Answer) -> Receipt {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let receipt = receipt(answer, &customer.origin, &emitter.chain().to_string());
        let last = emitter.outbox.back().unwrap().leaf.clone();
        receipt.verify(last.as_bytes(), None, &self.trust(customer)).unwrap();
        emitter.outbox.clear();
        receipt
    }

    /// Adds a token for the logs with these IDs; `*` is all.
    pub fn token(&self, name: &str, rights: &str, ids: &[&str]) -> String {
        let mut logs = LogScope::default();
        for id in ids {
            match *id {
                "*" => logs = LogScope::All,
                id => logs.allow(parse_id(id)).unwrap(),
            }
        }
        let (rights, name) = (rights.parse().unwrap(), name.to_owned());
        let reader = NewReader { name, rights, until: None, scope: Scope::default(), logs };
        tokens::add_all(self.server.folder(), vec![reader]).unwrap().remove(0).as_str().to_owned()
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(&Method::GET, path, Some(token))
    }

    pub fn ask(&self, method: &Method, path: &str, token: Option<&str>) -> Answer {
        let mut request = client().request(method.clone(), self.server.url() + path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        send(request)
    }

    pub fn export(&self, customer: &Customer, token: &str) -> String {
        let answer = self.get(&format!("/t/{}/export", customer.id), token);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        String::from_utf8(answer.body).unwrap()
    }

    pub fn report(export: &str, trust: Trust) -> Report {
        let mut verifier = Verifier::new(Options { trust, ..Options::default() });
        verifier.push(export.as_bytes());
        verifier.finish().report
    }

    /// Checks that a tenant's export is complete and verified for its readers.
    pub fn assert_verified(&self, customer: &Customer, token: &str) -> Report {
        let report = Self::report(&self.export(customer, token), self.trust(customer));
        assert_eq!(report.verdict.as_str(), "verified", "{:#?}", report.findings);
        let size = self.head(customer).head().size;
        assert_eq!(report.complete_range(), Some([0, size]));
        report
    }

    /// Returns a tenant's newest head proof, which is valid.
    pub fn head(&self, customer: &Customer) -> HeadProof {
        let tick = self.newest().unwrap();
        let id = parse_id(&customer.id);
        let proof = tick.head_proof(&id, &**self.server.reader()).unwrap().unwrap();
        proof.verify(&self.trust(customer)).unwrap();
        proof
    }
}

pub fn parse_id(id: &str) -> [u8; 16] {
    TenantOrigin::parse(&format!("{ORIGIN}/t/{id}")).unwrap().id()
}

/// Returns the receipt of a chain's last link in an answer.
pub fn receipt(answer: &Answer, origin: &str, chain: &str) -> Receipt {
    let answer = answer.json();
    let log = &answer["logs"][origin];
    let (head, root) = (log["head"].as_str().unwrap(), answer["root"].as_str().unwrap());
    let tip = &log["chains"][chain];
    let hashes: Vec<String> = (tip["hashes"].as_array().unwrap().iter())
        .map(|hash| format!("{}\n", hash.as_str().unwrap()))
        .collect();
    let hashes = hashes.concat();
    let text = format!("countersign/v1 receipt\n{}\n{hashes}\n{head}\n{root}", tip["index"]);
    Receipt::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A live view.
pub struct View(BufReader<Response>);

impl View {
    pub fn open(world: &World, id: &str, token: &str) -> Self {
        let url = format!("{}/t/{id}/stream?from=0", world.server.url());
        let response = client().get(url).bearer_auth(token).send().unwrap();
        assert_eq!(response.status(), 200);
        Self(BufReader::new(response))
    }

    /// Returns the next entries with the head after them, without heads that a quiet view got before.
    pub fn read_entries(&mut self) -> String {
        loop {
            let text = self.read_to("{\"head\":");
            if text.is_empty() || text.contains("{\"link\":") {
                return text;
            }
        }
    }

    /// Returns the text up to and with a line that contains this; all of it if the view ends before.
    pub fn read_to(&mut self, end: &str) -> String {
        let mut text = String::new();
        loop {
            let before = text.len();
            if self.0.read_line(&mut text).unwrap_or(0) == 0 || text[before..].contains(end) {
                return text;
            }
        }
    }
}
