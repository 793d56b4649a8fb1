//! The operations that each state of a log allows: tries each cell of the table in docs/stopped-log.md, in a folder and in a bucket.
//!
//! To add a state, add a row to that table, and a way into the state to [`Bench::enter`].

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign::tenant::State;
use countersign_log::stop::{Cause, SigningStop};
use countersign_log::tenants::requests::Ending;
use countersign_log_server::bucket::Bucket;
use countersign_log_server::retention::moment::Moment;
use countersign_log_server::retention::tenants::TenantRetention;
use countersign_log_server::retention::{self, Rules, holds, moment};
use countersign_log_server::server::Bounds;
use countersign_log_server::{backup, heads_file, sqlite, tokens};
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::world::{Customer, World, emitters};
use crate::common::emitter::Emitter;
use crate::common::server::{Answer, client, send, until};
use crate::common::witness::Witness;

const PAGE: &str = include_str!("../../../../../docs/stopped-log.md");
const OPERATIONS: [&str; 11] =
    ["submit", "read", "head", "export", "erase", "hold", "retain", "revoke", "backup", "move", "end"];
const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
/// States that a folder alone can have: a bucket records what was shown, and lacks no entries of it.
const IN_FOLDER: [&str; 4] =
    ["entries missing", "head not remembered", "stopped, then ended", "root log stopped at its start"];

/// A log in a state.
struct Bench {
    world: World,
    /// The tenant, if it is a tenant log.
    customer: Option<Customer>,
    emitter: Emitter,
    token: String,
    other_token: String,
    /// A witness that never answers, if the log needs one.
    #[allow(dead_code, reason = "it runs while the log does")]
    silent_witness: Option<Witness>,
}

impl Bench {
    /// Brings a log into a state.
    fn in_state(state: &str, is_tenant: bool, in_bucket: bool) -> Self {
        let witness = (state == "witnesses don't answer").then(|| Witness::start(0, 0));
        let lines = witness.as_ref().map(|witness| witness.line("w0") + "quorum w0\n");
        let trust = emitters() + &lines.unwrap_or_default();
        let mut bench = Self::new(&trust, is_tenant, in_bucket);
        bench.silent_witness = witness;
        bench.enter(state);
        bench
    }

    fn new(trust: &str, is_tenant: bool, in_bucket: bool) -> Self {
        let mut world = World::stopped(trust, Bounds::default());
        if in_bucket {
            let bucket = Bucket::new(Arc::new(InMemory::new()), ObjectPath::from("logs/audit"));
            world.server.store = Some(bucket.with_pause(Duration::from_millis(1)));
        }
        if !is_tenant {
            world.server.tenants = None;
        }
        world.server.begin();
        let customer = is_tenant.then(|| world.add("a"));
        let emitter = match &customer {
            Some(customer) => world.emitter(customer, 0, 0),
            None => world.server.emitter(0),
        };
        let ids: &[&str] = if is_tenant { &["*"] } else { &[] };
        let token = world.token("desk", "read,erase,admin", ids);
        let other_token = world.token("other", "read", ids);
        let mut bench = Self { world, customer, emitter, token, other_token, silent_witness: None };
        bench.submit(9);
        bench.world.server.pass(2 * HOUR_MS);
        // The head of the hour before is kept, so that events have an age.
        bench.submit(2);
        bench
    }

    fn path(&self, path: &str) -> String {
        let log = self.customer.as_ref().map_or_else(String::new, |customer| format!("/t/{}", customer.id));
        format!("{}{log}/{path}", self.world.server.url())
    }

    fn get(&self, path: &str, token: &str) -> u16 {
        send(client().get(self.path(path)).bearer_auth(token)).status
    }

    /// Runs this on another thread, and makes the ticks that it waits for.
    fn with_ticks<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let working = std::thread::spawn(work);
        until("it is done", || {
            if self.customer.is_some() && !working.is_finished() && self.world.waiting() > 0 {
                if self.world.server.log_server().signing().stopped().is_some() {
                    // It fails, and answers what waits for it.
                    self.world.server.wait(self.world.logs().tick()).unwrap();
                } else {
                    self.world.tick();
                }
            }
            working.is_finished()
        });
        working.join().unwrap()
    }

    fn submit(&mut self, events: usize) -> u16 {
        self.emitter.record(events);
        let body = self.emitter.body(0, usize::MAX).0;
        let request = client().post(self.path("submit")).body(body);
        let Answer { status, .. } = self.with_ticks(move || send(request));
        if status == 200 {
            self.emitter.outbox.clear();
        }
        status
    }

    fn erase(&self, actor: &str) -> Value {
        let body = json!({ "filter": { "actor": actor }, "reason": "case 1" });
        let request = client().request(Method::POST, self.path("erase")).bearer_auth(&self.token);
        let answer = self.with_ticks(move || send(request.body(body.to_string())));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    fn retain(&self) -> countersign_log::erase::Erased {
        let server = &self.world.server;
        let now = server.log_server().now();
        fs::write(server.folder().join(moment::FILE), format!("{now}\n")).unwrap();
        server.pass(48 * HOUR_MS);
        let rules = Rules::new(["1d".parse().unwrap()]).unwrap();
        let elapsed = Duration::from_hours(48);
        let (reading, folder) = (server.reading().clone(), server.folder().to_owned());
        let (tenants, handle) = (server.serving().tenants().cloned(), server.handle());
        let result = self.with_ticks(move || {
            handle.block_on(async {
                match tenants {
                    Some(tenants) => {
                        TenantRetention::new(reading, tenants, rules, &folder).pass(elapsed).await
                    }
                    None => retention::pass(&reading, &rules, &mut Moment::open(&folder), elapsed).await,
                }
            })
        });
        result.unwrap().erased
    }

    fn state(&self) -> State {
        let readers = self.world.logs().readers();
        readers.find_name("a").unwrap().unwrap().state
    }

    fn end(&self, ending: &Ending) -> &'static str {
        if self.state() != State::Live {
            return "no";
        }
        sqlite::end_tenants(self.world.server.folder(), &["a"], ending).unwrap();
        if self.world.server.log_server().signing().stopped().is_some() {
            return if self.state() == State::Live { "later" } else { "yes" };
        }
        self.world.tick();
        if self.state() == State::Live && !self.believes_clock() {
            let machine = self.world.server.clock.load(Ordering::SeqCst);
            self.world.server.believe_clock(machine);
            self.world.tick();
            return if self.state() == State::Live { "no" } else { "later" };
        }
        if self.state() == State::Live { "no" } else { "yes" }
    }

    fn believes_clock(&self) -> bool {
        self.world.server.log_server().now().millis() == self.world.server.clock.load(Ordering::SeqCst)
    }

    fn set_back(&self) {
        let connection = Connection::open(self.world.server.folder().join(sqlite::FILE)).unwrap();
        let sql = "DELETE FROM leaves WHERE idx = (SELECT max(idx) FROM leaves)";
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
    }

    /// Brings the log into a state.
    fn enter(&mut self, state: &str) {
        let folder = self.world.server.folder().to_owned();
        let moved = || Ending::Move(format!("other.example/audit/t/{}", "5".repeat(32)));
        match state {
            "live" | "witnesses don't answer" => {}
            "clock not believed" => {
                self.world.server.stop();
                self.world.server.clock.fetch_add(YEAR_MS, Ordering::SeqCst);
                if self.customer.is_some() { self.world.restart() } else { self.world.server.begin() }
            }
            "stopped" | "root log stopped while it runs" => {
                let stop = SigningStop::new(self.world.server.log_server().now(), Cause::SplitView, "a test");
                self.world.server.log_server().signing().stop(stop);
            }
            "root log stopped at its start" => {
                self.world.server.stop();
                fs::remove_file(folder.join("signed.txt")).unwrap();
                self.world.server.begin();
            }
            "entries missing" | "stopped, then ended" => {
                self.world.server.stop();
                self.set_back();
                self.world.restart();
                assert_eq!(self.get("export", &self.token), 503);
                if state == "stopped, then ended" {
                    assert_eq!(self.end(&Ending::End), "yes");
                }
            }
            "head not remembered" => {
                self.world.server.stop();
                let file = folder.join(heads_file::FILE);
                let mut bytes = fs::read(&file).unwrap();
                (bytes[170], bytes[250]) = (bytes[170] ^ 1, bytes[250] ^ 1);
                fs::write(file, bytes).unwrap();
                self.world.restart();
            }
            "ended" => assert_eq!(self.end(&Ending::End), "yes"),
            "moved" => assert_eq!(self.end(&moved()), "yes"),
            _ => panic!("no way into the state {state:?}"),
        }
    }

    /// Tries an operation, and returns what the table says about it.
    fn attempt(&mut self, operation: &str) -> &'static str {
        let yes = |is_allowed| if is_allowed { "yes" } else { "no" };
        let erased = |erased: u64, unrecorded: u64| match (erased, unrecorded) {
            (0, _) => "no",
            (_, 0) => "yes",
            _ => "unrecorded",
        };
        let folder = self.world.server.folder().to_owned();
        match operation {
            "submit" => yes(self.submit(1) == 200),
            "read" => yes(["erasures", "evidence"].iter().all(|path| self.get(path, &self.token) == 200)),
            "head" => {
                let path = if self.customer.is_some() { "head" } else { "checkpoint" };
                yes(self.get(path, &self.token) == 200)
            }
            "export" => yes(self.get("export", &self.token) == 200),
            "erase" => {
                let answer = self.erase("u_2");
                let number = |name: &str| answer[name].as_u64().unwrap_or_default();
                erased(number("erased"), number("unrecorded"))
            }
            "retain" => {
                let result = self.retain();
                erased(result.erased, result.unrecorded)
            }
            "hold" => {
                fs::write(folder.join(holds::FILE), "actor=u_1\n").unwrap();
                let answer = self.erase("u_1");
                yes(answer["erased"] == 0 && answer["held"].as_u64().unwrap() > 0)
            }
            "revoke" => {
                tokens::revoke(&folder, "other").unwrap();
                yes(self.get("erasures", &self.other_token) == 401)
            }
            "backup" => {
                let to = tempfile::tempdir().unwrap();
                yes(backup::make(&folder, &to.path().join("backup"), self.world.server.log_server().now())
                    .is_ok())
            }
            "end" => self.end(&Ending::End),
            "move" => self.end(&Ending::Move(format!("other.example/audit/t/{}", "5".repeat(32)))),
            _ => panic!("unknown operation {operation:?}"),
        }
    }
}

/// Returns the rows of the table: the kind of log, the state, and a cell for each operation.
fn rows() -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let mut lines = PAGE.lines().skip_while(|line| !line.starts_with("| log | state |"));
    let heading = cells(lines.next().expect("the table"));
    assert_eq!(heading[2..], OPERATIONS);
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

fn try_all(is_tenant: bool) {
    let rows = rows();
    let of_kind = rows.iter().filter(|row| (row[0] == "tenant log") == is_tenant);
    for row in of_kind {
        assert_eq!(row.len(), OPERATIONS.len() + 2, "{row:?}");
        let (state, cells) = (row[1], &row[2..]);
        for in_bucket in [false, true] {
            if in_bucket && IN_FOLDER.contains(&state) {
                continue;
            }
            let mut bench = Bench::in_state(state, is_tenant, in_bucket);
            for (operation, cell) in OPERATIONS.iter().zip(cells) {
                // Only tenant logs end.
                let expected = match (*operation, *cell) {
                    (_, "–") => continue,
                    (_, cell) => cell,
                };
                if *operation == "move" {
                    // The log can end only once.
                    let mut other = Bench::in_state(state, is_tenant, in_bucket);
                    assert_eq!(other.attempt(operation), expected, "{state}, {operation}, {in_bucket}");
                    continue;
                }
                assert_eq!(
                    bench.attempt(operation),
                    expected,
                    "{state}, {operation}, in a bucket: {in_bucket}"
                );
            }
        }
    }
}

#[test]
fn ordinary_logs_allow_what_the_table_says() {
    try_all(false);
}

#[test]
fn tenant_logs_allow_what_the_table_says() {
    try_all(true);
}
