//! A log server in this process, with a clock that the test sets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use countersign::log::{Evidence, Limits};
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::reads::ReadRules;
use countersign_log::store::Reader;
use countersign_log_server::bucket::{Bucket, JournalConfig};
use countersign_log_server::log_server::LogServer;
use countersign_log_server::retention::holds::Hold;
use countersign_log_server::serve::{Config, MirrorLag, RunningLog, TenantConfig, serve};
use countersign_log_server::server::{Address, Bounds, Cors, Hosts, Page, Tls};
use countersign_query::Parsers;
use reqwest::blocking::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use super::emitter::client;
use super::emitter::{BEGIN, Emitter};

pub const ORIGIN: &str = "log.example/audit";

/// Time limit for any operation, after which the test fails.
const DEADLINE: Duration = Duration::from_mins(2);

pub struct Server {
    pub folder: TempDir,
    /// The server's clock, in milliseconds.
    pub clock: Arc<AtomicI64>,
    /// The elapsed time for the server, in milliseconds.
    steady: Arc<AtomicI64>,
    pub limits: Limits,
    pub bounds: Bounds,
    pub reads: ReadRules,
    /// Host names besides those that every log accepts.
    pub hosts: Hosts,
    pub holds: Vec<Hold>,
    pub check_within: Option<Duration>,
    pub listen: Address,
    pub tls: Option<Arc<Tls>>,
    pub issuer: Option<countersign_log_server::oidc::Config>,
    pub auditors_page: Option<Page>,
    pub parsers: Parsers,
    /// The number of the emitter whose key signs the events of logs received over OTLP.
    pub otlp: Option<u8>,
    /// Set if it is the server of a root log.
    pub tenants: Option<TenantConfig>,
    /// The bucket that contains the log, if it is in one.
    pub store: Option<Bucket>,
    /// The log's journal, if it has one.
    pub journal: Option<JournalConfig>,
    /// The trust file's lines besides the log's own.
    trust: String,
    runtime: Runtime,
    serving: Option<RunningLog>,
}

/// A complete response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Returns the status and the error code of an unsuccessful response.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Parses the bytes of a response.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        Self { status, headers, body: body.as_bytes().to_vec() }
    }
}

pub fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

/// Returns the key of an emitter in the default trust file.
pub fn emitter_key(number: u8) -> SignerKey {
    SignerKey::from_seed(&format!("example.com/e{number}"), [100 + number; 32]).unwrap()
}

/// Returns the configuration of an ordinary log without emitters, whose clock stands still.
pub fn config(folder: &Path) -> Config {
    Config {
        folder: folder.to_owned(),
        store: None,
        journal: None,
        key: log_key(),
        ml_dsa_key: None,
        trust: Trust::parse(format!("log {}\n", log_key().verifier_key()).as_bytes()).unwrap(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        cors: Cors::default(),
        hosts: Hosts::default(),
        issuer: None,
        reads: ReadRules::default(),
        parsers: Parsers::built_in(),
        page: None,
        auditors_page: None,
        limits: Limits::default(),
        bounds: Bounds::default(),
        clock: Arc::new(|| Time::from_millis(BEGIN).unwrap()),
        steady: Arc::new(|| Duration::ZERO),
        holds: Vec::new(),
        check_within: None,
        tenants: None,
        otlp: None,
        new_keys: Vec::new(),
    }
}

/// Waits until a condition becomes true.
pub fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < DEADLINE, "not yet: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Server {
    /// Starts a log with four emitters.
    pub fn start() -> Self {
        let lines: Vec<String> =
            (0..4).map(|number| format!("emitter {}\n", emitter_key(number).verifier_key())).collect();
        Self::with(&lines.concat(), Limits::default(), Bounds::default())
    }

    pub fn with(trust: &str, limits: Limits, bounds: Bounds) -> Self {
        Self::beginning_at(BEGIN, trust, limits, bounds)
    }

    /// Starts a log whose clock shows `clock`.
    pub fn beginning_at(clock: i64, trust: &str, limits: Limits, bounds: Bounds) -> Self {
        let mut server = Self::stopped(clock, trust, limits, bounds);
        server.begin();
        server
    }

    /// Returns a log that isn't started.
    pub fn stopped(clock: i64, trust: &str, limits: Limits, bounds: Bounds) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            clock: Arc::new(AtomicI64::new(clock)),
            steady: Arc::default(),
            limits,
            bounds,
            reads: ReadRules::default(),
            // Host names in the tests' handwritten requests.
            hosts: Hosts::parse(["l", "log", "log.example"]).unwrap(),
            holds: Vec::new(),
            check_within: None,
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            issuer: None,
            auditors_page: None,
            parsers: Parsers::built_in(),
            otlp: None,
            tenants: None,
            store: None,
            journal: None,
            trust: trust.to_owned(),
            runtime: Runtime::new().unwrap(),
            serving: None,
        }
    }

    /// Starts or restarts the server.
    pub fn begin(&mut self) {
        self.try_begin().unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn try_begin(&mut self) -> Result<(), countersign_log_server::serve::StartError> {
        self.stop();
        let (clock, steady) = (Arc::clone(&self.clock), Arc::clone(&self.steady));
        let config = Config {
            holds: self.holds.clone(),
            check_within: self.check_within,
            trust: self.trust(),
            listen: self.listen.clone(),
            tls: self.tls.clone(),
            hosts: self.hosts.clone(),
            issuer: self.issuer.clone(),
            auditors_page: self.auditors_page.clone(),
            reads: self.reads,
            parsers: self.parsers.clone(),
            limits: self.limits,
            bounds: self.bounds.clone(),
            clock: Arc::new(move || Time::from_millis(clock.load(Ordering::SeqCst)).unwrap()),
            steady: Arc::new(move || Duration::from_millis(steady.load(Ordering::SeqCst).cast_unsigned())),
            tenants: self.tenants,
            otlp: self.otlp.map(emitter_key),
            store: self.store.clone(),
            journal: self.journal.clone(),
            ..config(self.folder.path())
        };
        self.serving = Some(self.runtime.block_on(serve(config))?);
        Ok(())
    }

    /// Stops the server. Returns the mirrors that lack entries.
    pub fn stop(&mut self) -> Vec<MirrorLag> {
        let serving = self.serving.take();
        serving.map_or_else(Vec::new, |serving| self.runtime.block_on(serving.stop()).unwrap())
    }

    pub fn feed_mirrors(&mut self, urls: &[String]) {
        let _runtime = self.runtime.enter();
        self.serving.as_mut().unwrap().feed_mirrors(urls).unwrap();
    }

    /// Sets the clock. Up to a later time, time passes on both clocks.
    pub fn set_clock(&self, millis: i64) {
        let before = self.clock.swap(millis, Ordering::SeqCst);
        self.steady.fetch_add((millis - before).max(0), Ordering::SeqCst);
    }

    /// Sets the clock wrong, or right again: no time passes.
    pub fn jump_clock_to(&self, millis: i64) {
        self.clock.store(millis, Ordering::SeqCst);
    }

    /// Sets the clock of a running server, which believes it.
    pub fn believe_clock(&self, millis: i64) {
        self.jump_clock_to(millis);
        self.log_server().timekeeper().confirm(Time::from_millis(millis).unwrap());
    }

    /// Restarts the server with another clock, which the operator confirms.
    pub fn restart_at(&mut self, millis: i64) {
        self.stop();
        self.clock.store(millis, Ordering::SeqCst);
        self.confirm_clock();
        self.begin();
    }

    /// Confirms the clock, as `countersign clock --confirm` does.
    pub fn confirm_clock(&self) {
        let now = Time::from_millis(self.clock.load(Ordering::SeqCst)).unwrap();
        countersign_log_server::clock_file::confirm(self.folder(), now).unwrap();
    }

    /// Lets time pass on both clocks.
    pub fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
        self.steady.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn trust(&self) -> Trust {
        let text = format!("log {}\n{}", log_key().verifier_key(), self.trust);
        Trust::parse(text.as_bytes()).unwrap()
    }

    pub fn serving(&self) -> &RunningLog {
        self.serving.as_ref().unwrap()
    }

    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// Waits for a future.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(DEADLINE, future).await };
        self.runtime.block_on(limited).expect("it ends in time")
    }

    /// Replaces the trust file's lines besides the log's own.
    pub fn set_trust(&mut self, lines: &str) {
        lines.clone_into(&mut self.trust);
        let (target, trust) = (self.serving().trust_target(), self.trust());
        target.set_trust(&trust).unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        self.serving().address().tcp().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn log_server(&self) -> &LogServer {
        self.serving().log_server()
    }

    pub fn reading(&self) -> &Arc<countersign_log_server::reading::Reading> {
        self.serving().reading()
    }

    pub fn reader(&self) -> &Arc<dyn Reader> {
        self.log_server().reader()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns an emitter that opens its first chain.
    pub fn emitter(&self, number: u8) -> Emitter {
        Emitter::new(ORIGIN, emitter_key(number), 0, self.trust())
    }

    pub fn size(&self) -> u64 {
        self.reader().size().unwrap()
    }

    pub fn evidence(&self) -> Vec<Evidence> {
        self.reader().evidence().unwrap().into_iter().map(|(_, evidence)| evidence).collect()
    }

    pub fn get(&self, path: &str) -> Answer {
        send(client().get(self.url() + path))
    }

    pub fn submit(&self, body: impl Into<Vec<u8>>) -> Answer {
        self.submit_encoded(body, None)
    }

    pub fn submit_encoded(&self, body: impl Into<Vec<u8>>, encoding: Option<&str>) -> Answer {
        let mut request = client().post(self.url() + "/submit").body(body.into());
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        send(request)
    }

    /// Opens a connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends bytes as is, and returns everything received until the server disconnects.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // The server may respond and disconnect before it has read everything.
        let _ = stream.write_all(bytes);
        until_closed(&mut stream)
    }

    /// Checks that the log still works, by submitting a new chain.
    pub fn assert_works(&self) {
        let before = self.size();
        let mut emitter = Emitter::new(ORIGIN, emitter_key(3), before, self.trust());
        emitter.record(1);
        emitter.deliver_all(&self.url(), usize::MAX);
        assert_eq!(self.size(), before + 2);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

/// Reads until the peer disconnects, in whatever way.
pub fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return bytes,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("{error}"),
        }
    }
}

pub fn send(request: RequestBuilder) -> Answer {
    let response = request.send().unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().unwrap().to_vec() }
}
