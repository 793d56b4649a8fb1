//! A log server in this process, with a clock that the test turns.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign::log::{Evidence, Limits};
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::reads::ReadRules;
use countersign_log::store::Reader;
use countersign_log_server::log_server::LogServer;
use countersign_log_server::retention::holds::Hold;
use countersign_log_server::serve::{Config, Serving, serve};
use countersign_log_server::server::{Address, Bounds, Cors, Hosts, Tls};
use countersign_query::Parsers;
use reqwest::blocking::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use super::emitter::client;
use super::emitter::{BEGIN, Emitter};

pub const ORIGIN: &str = "log.example/audit";

/// How long anything may take before the test has failed anyway.
const DEADLINE: Duration = Duration::from_mins(2);

pub struct Server {
    pub folder: TempDir,
    /// The server's clock, in milliseconds.
    pub clock: Arc<AtomicI64>,
    /// How much time has passed for the server, in milliseconds.
    steady: Arc<AtomicI64>,
    pub limits: Limits,
    pub bounds: Bounds,
    pub reads: ReadRules,
    /// Beside those that every log answers to.
    pub hosts: Hosts,
    pub holds: Vec<Hold>,
    pub check_within: Option<Duration>,
    pub listen: Address,
    pub tls: Option<Arc<Tls>>,
    pub issuer: Option<countersign_log_server::oidc::Config>,
    pub parsers: Parsers,
    /// What the trust file says beside the log.
    trust: String,
    runtime: Runtime,
    serving: Option<Serving>,
}

/// An answer, whole.
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

    /// Status and code of an answer that is no success.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// The answer in the bytes that a connection gave.
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
    SignerKey::generate(ORIGIN, [1; 32]).unwrap()
}

/// The key of an emitter that the default trust file names.
pub fn emitter_key(number: u8) -> SignerKey {
    SignerKey::generate(&format!("example.com/e{number}"), [100 + number; 32]).unwrap()
}

impl Server {
    /// A log that takes the chains of four emitters.
    pub fn start() -> Self {
        let lines: Vec<String> =
            (0..4).map(|number| format!("emitter {}\n", emitter_key(number).verifier_key())).collect();
        Self::with(&lines.concat(), Limits::default(), Bounds::default())
    }

    pub fn with(trust: &str, limits: Limits, bounds: Bounds) -> Self {
        Self::beginning_at(BEGIN, trust, limits, bounds)
    }

    /// The same, when its clock shows that.
    pub fn beginning_at(clock: i64, trust: &str, limits: Limits, bounds: Bounds) -> Self {
        let mut server = Self {
            folder: TempDir::new().unwrap(),
            clock: Arc::new(AtomicI64::new(clock)),
            steady: Arc::default(),
            limits,
            bounds,
            reads: ReadRules::default(),
            // What tests write by hand.
            hosts: Hosts::parse(["l", "log", "log.example"]).unwrap(),
            holds: Vec::new(),
            check_within: None,
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            issuer: None,
            parsers: Parsers::built_in(),
            trust: trust.to_owned(),
            runtime: Runtime::new().unwrap(),
            serving: None,
        };
        server.begin();
        server
    }

    /// Starts it, or starts it anew.
    pub fn begin(&mut self) {
        self.try_begin().unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn try_begin(&mut self) -> Result<(), countersign_log_server::serve::StartError> {
        self.stop();
        let (clock, steady) = (Arc::clone(&self.clock), Arc::clone(&self.steady));
        let config = Config {
            holds: self.holds.clone(),
            check_within: self.check_within,
            folder: self.folder.path().to_owned(),
            store: None,
            key: log_key(),
            trust: self.trust(),
            listen: self.listen.clone(),
            tls: self.tls.clone(),
            cors: Cors::default(),
            hosts: self.hosts.clone(),
            issuer: self.issuer.clone(),
            reads: self.reads,
            parsers: self.parsers.clone(),
            page: None,
            limits: self.limits,
            bounds: self.bounds.clone(),
            clock: Arc::new(move || Time::from_millis(clock.load(Ordering::SeqCst)).unwrap()),
            steady: Arc::new(move || Duration::from_millis(steady.load(Ordering::SeqCst).cast_unsigned())),
        };
        self.serving = Some(self.runtime.block_on(serve(config))?);
        Ok(())
    }

    pub fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.stop()).unwrap();
        }
    }

    pub fn set_clock(&self, millis: i64) {
        self.clock.store(millis, Ordering::SeqCst);
    }

    /// So much time passes, and the clock goes with it.
    pub fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
        self.steady.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn trust(&self) -> Trust {
        let text = format!("log {}\n{}", log_key().verifier_key(), self.trust);
        Trust::parse(text.as_bytes()).unwrap()
    }

    fn serving(&self) -> &Serving {
        self.serving.as_ref().unwrap()
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

    /// The first chain of an emitter.
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

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends bytes as they are, and gives all that comes back until the server ends the connection.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // The server may have answered and gone before it read all.
        let _ = stream.write_all(bytes);
        until_closed(&mut stream)
    }

    /// Asserts that the log goes on: a chain that nothing was heard of is taken.
    pub fn assert_goes_on(&self) {
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

/// What comes until the other side ends the connection, in whatever way it does.
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
