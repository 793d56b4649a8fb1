//! The artifact `log`: a complete log server. It runs in a Durable Object (`js/packages/cloudflare-log/`), which
//! provides its storage.

mod answer;
mod console;
mod server;
mod storage;

use std::num::NonZeroU32;
use std::time::Duration;

use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::embedded::{
    AGAIN, Config, Content, Cors, EmbeddedLogServer, EmbeddedTenants, GATHER, LiveStep, PATIENCE, QUIET,
    QUIET_TEXT, Quota, TickRule, WaitingRoom, WitnessRound,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;

use answer::Answer;
use server::Server;
use storage::{Database, Storage};

/// The default of the maximum size of the entries that wait for a tick, in bytes. An isolate has 128 MB in total, and
/// entries take a multiple of their size.
const DEFAULT_MAX_WAITING_BYTES: usize = 16 << 20;

thread_local! {
    /// The room for entries that wait for a tick, which all logs of the isolate share.
    static WAITING: WaitingRoom = WaitingRoom::with_bytes(DEFAULT_MAX_WAITING_BYTES);
}

/// A log server.
#[wasm_bindgen]
pub struct Log {
    server: Server,
}

/// Creates an error with a message for the log operator.
fn failed(error: impl std::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}

fn time(now: f64) -> Time {
    Time::from_millis(now as i64).unwrap_or(Time::MIN)
}

/// Converts alternating names and values to headers.
fn headers(pairs: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for [name, value] in pairs.as_chunks().0 {
        let name = HeaderName::try_from(name.as_str());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value.as_str())) {
            headers.append(name, value);
        }
    }
    headers
}

#[wasm_bindgen]
impl Log {
    /// Opens the log in a storage, or creates it. `key` is its private key, `trust` its trust file, `readers`
    /// the content of `readers.txt`, and `cors` the space-separated origins of pages that may send requests.
    /// The quotas limit the events and bytes per second of each key, and the burst in seconds; `undefined`
    /// uses the default. `record_reads` is `none`, `exports`, or `all`; `undefined` follows the trust file. With
    /// `tick_ms`, the log is a root log with a log for each tenant, and ticks at this interval; with 0, ticks depend on
    /// growth. The quotas of tenants limit each tenant's log. `max_waiting_bytes` limits the entries that wait for a tick,
    /// in all logs of the isolate together.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments, reason = "one call from JavaScript")]
    pub fn new(
        storage: Storage,
        key: &str,
        trust: &str,
        readers: &str,
        cors: &str,
        quota_events: Option<u32>,
        quota_bytes: Option<u32>,
        quota_burst: Option<u32>,
        record_reads: Option<String>,
        tick_ms: Option<u32>,
        quota_tenant_events: Option<u32>,
        quota_tenant_bytes: Option<u32>,
        max_waiting_bytes: Option<u32>,
        now: f64,
    ) -> Result<Log, JsError> {
        console::install();
        let key = SignerKey::parse(key.trim()).map_err(failed)?;
        let trust = Trust::parse(trust.as_bytes()).map_err(|error| failed(format!("trust: {error}")))?;
        let cors = Cors::parse(cors.split_whitespace())
            .map_err(|origin| failed(format!("{origin:?} is not the origin of a web page")))?;
        let database = Database::new(storage);
        let origin = key.verifier_key().name().to_owned();
        let readers = readers.to_owned();
        let (events, bytes) = (quota_events.and_then(NonZeroU32::new), quota_bytes.and_then(NonZeroU32::new));
        let quota = Quota { events, bytes, ..Quota::default() };
        let burst = quota_burst.and_then(NonZeroU32::new).unwrap_or(quota.burst);
        let tenant_quota = Quota {
            events: quota_tenant_events.and_then(NonZeroU32::new),
            bytes: quota_tenant_bytes.and_then(NonZeroU32::new),
            burst,
        };
        let max_waiting = max_waiting_bytes.map_or(DEFAULT_MAX_WAITING_BYTES, |bytes| bytes as usize);
        let config = Config {
            key,
            ml_dsa_key: None,
            trust,
            readers,
            cors,
            copies: Box::new(database.clone()),
            stops: Box::new(database.clone()),
            quota: Quota { burst, ..quota },
            tenant_quota,
            waiting: WAITING.with(|room| room.limited_to(max_waiting)),
            record_reads: record_reads.map(|which| which.parse()).transpose().map_err(failed)?,
            unrecorded: Box::new(database.clone()),
            now: time(now),
        };
        let server = match tick_ms {
            None => {
                let store = database.open(&origin).map_err(failed)?;
                Server::Log(Box::new(EmbeddedLogServer::open(store, config).map_err(failed)?))
            }
            Some(interval) => {
                let store = database.open_tenants(&origin).map_err(failed)?;
                let rule = match interval {
                    0 => TickRule::Changes,
                    interval => TickRule::Every(Duration::from_millis(interval.into())),
                };
                let tenants = EmbeddedTenants::open(store, config, rule, Box::new(database));
                Server::Tenants(Box::new(tenants.map_err(failed)?))
            }
        };
        Ok(Self { server })
    }

    /// Returns the log's origin.
    #[wasm_bindgen(getter)]
    pub fn origin(&self) -> String {
        self.server.main().origin().to_owned()
    }

    /// Returns the number of published entries.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> f64 {
        self.server.main().published_size() as f64
    }

    /// Returns the maximum number of bytes to read of a request's body, or undefined if the body isn't read at all. For
    /// a longer body, pass one byte more.
    #[wasm_bindgen(js_name = bodyLimit)]
    pub fn body_limit(&mut self, method: &str, path: &str, names: Vec<String>, now: f64) -> Option<u32> {
        let headers = headers(&names);
        let limit = match self.server.tenants_at(time(now)) {
            Some(tenants) => tenants.body_limit(method, path, &headers),
            None => self.server.main_at(time(now)).body_limit(method, path, &headers),
        };
        limit.and_then(|limit| limit.try_into().ok())
    }

    /// Returns the response that rejects a request, if the beginning of its body already decides it.
    pub fn glance(&mut self, path: &str, names: Vec<String>, beginning: &[u8], now: f64) -> Option<Answer> {
        let headers = headers(&names);
        let answer = match self.server.tenants_at(time(now)) {
            Some(tenants) => tenants.glance(path, &headers, beginning),
            None => self.server.main_at(time(now)).glance(path, &headers, beginning),
        }?;
        Some(Answer::new(answer, headers))
    }

    /// Handles a request. `target` is its path and query, `names` the alternating names and values of its headers.
    pub fn answer(
        &mut self,
        method: &str,
        target: &str,
        names: Vec<String>,
        body: Vec<u8>,
        now: f64,
    ) -> Answer {
        let log = self.server.main_at(time(now));
        let headers = headers(&names);
        let mut request = Request::new(body);
        let (Ok(method), Ok(uri)) = (method.parse::<Method>(), target.parse::<Uri>()) else {
            return Answer::new(log.not_found(&headers), headers);
        };
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers.clone();
        self.server.answer(request, headers)
    }

    /// Returns the response to a request whose body did not arrive, or with `busy`, for which there is no memory.
    #[wasm_bindgen(js_name = withoutBody)]
    pub fn without_body(&self, names: Vec<String>, busy: bool) -> Answer {
        let headers = headers(&names);
        let log = self.server.main();
        let answer = if busy { log.busy(&headers) } else { log.without_body(&headers) };
        Answer::new(answer, headers)
    }

    /// Returns the response to a waiting request if there is one by now, or in any case with `late`.
    pub fn resume(&mut self, waiting: &mut Answer, late: bool, now: f64) -> Option<Answer> {
        self.server.resume(waiting, late, time(now))
    }

    /// Returns the time in milliseconds at which the next tick is due; undefined for a log without tenants.
    #[wasm_bindgen(getter, js_name = nextTick)]
    pub fn next_tick(&self) -> Option<f64> {
        match &self.server {
            Server::Log(_) => None,
            Server::Tenants(tenants) => Some(tenants.next_tick().millis() as f64),
        }
    }

    /// True if tenant logs can't be read before the next tick, because there was none since the start.
    #[wasm_bindgen(getter, js_name = needsTick)]
    pub fn needs_tick(&self) -> bool {
        matches!(&self.server, Server::Tenants(tenants) if tenants.needs_tick())
    }

    /// Makes a tick, if it is due. Returns true if it tried to: waiting requests may have a response now.
    pub fn tick(&mut self, now: f64) -> bool {
        self.server.tenants_at(time(now)).is_some_and(EmbeddedTenants::tick)
    }

    /// Continues a search for one turn. Returns the response when it is complete.
    #[wasm_bindgen(js_name = continueSearch)]
    pub fn continue_search(&mut self, answer: &mut Answer, now: f64) -> Option<Answer> {
        let (tenant, headers) = (answer.tenant, &answer.request_headers);
        let Content::Search(looking) = &mut answer.content else { return None };
        let response = match self.server.log_at(tenant, time(now)) {
            Ok(log) => log.search(headers, looking)?,
            Err(error) => self.server.main().unavailable(headers, error),
        };
        Some(Answer::of_tenant(tenant, response, headers.clone()))
    }

    /// Returns the next piece of a streamed response, or undefined at the end. With `before`, also stops at the
    /// checkpoint of that size.
    pub fn piece(
        &mut self,
        answer: &mut Answer,
        before: Option<f64>,
        now: f64,
    ) -> Result<Option<Vec<u8>>, JsError> {
        if let (Content::Growth(lines), Server::Tenants(tenants)) = (&mut answer.content, &self.server) {
            return Ok(tenants.growth_piece(lines));
        }
        let Content::Export(sending) = &mut answer.content else { return Ok(None) };
        let log = self.server.log_at(answer.tenant, time(now)).map_err(failed)?;
        log.piece(sending, before.map_or(u64::MAX, |size| size as u64)).map_err(failed)
    }

    /// Skips what precedes the checkpoint of that size, which is sent from a copy with this many events and bytes.
    #[wasm_bindgen(js_name = passOver)]
    pub fn pass_over(
        &mut self,
        answer: &mut Answer,
        size: f64,
        events: u32,
        bytes: u32,
        now: f64,
    ) -> Result<(), JsError> {
        let Content::Export(sending) = &mut answer.content else { return Ok(()) };
        let log = self.server.log_at(answer.tenant, time(now)).map_err(failed)?;
        log.pass_over(sending, size as u64, events.into(), bytes as usize).map_err(failed)
    }

    /// Ends a response that the client no longer reads.
    pub fn ended(&mut self, answer: &mut Answer, now: f64) -> Result<(), JsError> {
        if let Some(tenants) = self.server.tenants_at(time(now)) {
            return tenants.ended(answer.tenant, &mut answer.content).map_err(failed);
        }
        self.server.main_at(time(now)).ended(&mut answer.content);
        Ok(())
    }

    /// Returns the time in milliseconds at which reads are due to be recorded, if any are. Those of tenant logs are
    /// recorded at ticks.
    #[wasm_bindgen(getter, js_name = readsDue)]
    pub fn reads_due(&self) -> Option<f64> {
        self.server.main().reads_due().map(|due| due.millis() as f64)
    }

    /// Records reads, if they are due.
    #[wasm_bindgen(js_name = recordReads)]
    pub fn record_reads(&mut self, now: f64) -> Result<(), JsError> {
        self.server.main_at(time(now)).record_reads().map_err(failed)
    }

    /// Returns the next bytes of a live view, `true` if there is nothing to send now, or undefined at its end. `idle` is
    /// true if there was nothing to send for `quiet` milliseconds.
    #[wasm_bindgen(js_name = nextStep, unchecked_return_type = "Uint8Array | true | undefined")]
    pub fn next_step(&mut self, answer: &mut Answer, idle: bool, now: f64) -> Result<JsValue, JsError> {
        let Content::Live(live) = &mut answer.content else { return Ok(JsValue::UNDEFINED) };
        let log = self.server.log_at(answer.tenant, time(now)).map_err(failed)?;
        Ok(match log.next_step(live, idle).map_err(failed)? {
            LiveStep::Piece(piece) => Uint8Array::from(&*piece).into(),
            LiveStep::Wait => JsValue::TRUE,
            LiveStep::End => JsValue::UNDEFINED,
        })
    }

    /// Returns the number of milliseconds after which an idle live view sends a keep-alive.
    #[wasm_bindgen(getter)]
    pub fn quiet() -> f64 {
        QUIET.as_millis() as f64
    }

    /// Returns the bytes of the keep-alive.
    #[wasm_bindgen(getter, js_name = quietText)]
    pub fn quiet_text() -> Vec<u8> {
        QUIET_TEXT.to_vec()
    }

    /// Returns the number of milliseconds for which checkpoints are collected before a live view sends them together.
    #[wasm_bindgen(getter)]
    pub fn gather() -> f64 {
        GATHER.as_millis() as f64
    }

    /// Returns the number of milliseconds to wait before a retry.
    #[wasm_bindgen(getter)]
    pub fn again() -> f64 {
        AGAIN.as_millis() as f64
    }

    /// Returns the number of milliseconds to wait for witnesses.
    #[wasm_bindgen(getter)]
    pub fn patience() -> f64 {
        PATIENCE.as_millis() as f64
    }

    /// Returns what to copy next: the number of entries copied afterwards, and the full tiles, each with `path` and
    /// `bytes`. Empty if there is nothing to copy.
    #[wasm_bindgen(js_name = toCopy, unchecked_return_type = "[] | [number, ...{ path: string; bytes: Uint8Array }[]]")]
    pub fn to_copy(&self) -> Result<Array, JsError> {
        let list = Array::new();
        if let Some((size, copies)) = self.server.main().to_copy().map_err(failed)? {
            list.push(&(size as f64).into());
            for copy in copies {
                let path = [JsValue::from("path"), copy.path.into()].into_iter().collect::<Array>();
                let bytes = [JsValue::from("bytes"), Uint8Array::from(&*copy.bytes).into()];
                let entries: Array = [path, bytes.into_iter().collect()].into_iter().collect();
                list.push(
                    &Object::from_entries(&entries)
                        .map_err(|_| failed("a copy can't be converted to an object"))?
                        .into(),
                );
            }
        }
        Ok(list)
    }

    /// True if recorded erasures are not completed.
    #[wasm_bindgen(getter, js_name = isErasing)]
    pub fn is_erasing(&self) -> Result<bool, JsError> {
        match &self.server {
            Server::Log(log) => log.is_erasing(),
            Server::Tenants(tenants) => tenants.is_erasing(),
        }
        .map_err(failed)
    }

    /// Continues recorded erasures for one turn. Returns true if there is more to do.
    #[wasm_bindgen(js_name = eraseSome)]
    pub fn erase_some(&mut self, now: f64) -> Result<bool, JsError> {
        match self.server.tenants_at(time(now)) {
            Some(tenants) => tenants.erase_some(),
            None => self.server.main_at(time(now)).erase_some(),
        }
        .map_err(failed)
    }

    /// Returns a streamed response with the lines of a full export from the checkpoint of that size on.
    #[wasm_bindgen(js_name = linesFrom)]
    pub fn lines_from(&self, size: f64) -> Result<Answer, JsError> {
        let sending = self.server.main().lines_from(size as u64).map_err(failed)?;
        Ok(Answer::new(Response::new(Content::Export(Box::new(sending))), HeaderMap::new()))
    }

    /// Records that all full tiles of this many entries were copied.
    pub fn copied(&self, size: f64) -> Result<(), JsError> {
        self.server.main().copied(size as u64).map_err(failed)
    }

    /// True if the log has witnesses.
    #[wasm_bindgen(getter, js_name = hasWitnesses)]
    pub fn has_witnesses(&self) -> bool {
        self.server.main().has_witnesses()
    }

    /// Returns a new checkpoint to send to witnesses, if there is one. With `again`, also returns one that
    /// they have already seen.
    pub fn round(&mut self, again: bool, now: f64) -> Result<Option<Witnesses>, JsError> {
        Ok(self.server.main_at(time(now)).round(again).map_err(failed)?.map(|round| Witnesses { round }))
    }

    /// Returns the request body for a witness, or undefined if it is not to be asked.
    pub fn ask(&self, witnesses: &Witnesses, number: usize) -> Option<String> {
        self.server.main().ask(&witnesses.round, number)
    }

    /// Handles a witness's response. Returns true if the witness must be asked again.
    pub fn answered(
        &mut self,
        witnesses: &mut Witnesses,
        number: usize,
        status: u16,
        kind: Option<String>,
        body: &[u8],
        now: f64,
    ) -> bool {
        self.server.main_at(time(now)).answered(&mut witnesses.round, number, status, kind.as_deref(), body)
    }

    /// Returns the URL of the checkpoint that proves this witness's response, if the witness must be asked for it.
    #[wasm_bindgen(js_name = proofUrl)]
    pub fn proof_url(&mut self, witnesses: &Witnesses, number: usize) -> Option<String> {
        self.server.main_mut().proof_url(&witnesses.round, number)
    }

    /// Handles the body of a response with status 200 from that URL.
    pub fn prove(&mut self, witnesses: &Witnesses, number: usize, body: &[u8]) {
        self.server.main_mut().prove(&witnesses.round, number, body);
    }

    /// Records that a witness did not respond.
    pub fn unanswered(&self, witnesses: &Witnesses, number: usize, why: &str) {
        self.server.main().failed(&witnesses.round, number, why);
    }

    /// Publishes the checkpoint with its cosignatures, and returns the number of milliseconds until witnesses must be
    /// asked again.
    pub fn publish(&mut self, witnesses: Witnesses, now: f64) -> Result<f64, JsError> {
        Ok(self.server.main_at(time(now)).end(witnesses.round).map_err(failed)?.as_millis() as f64)
    }
}

/// A round of requests to witnesses.
#[wasm_bindgen]
pub struct Witnesses {
    round: WitnessRound,
}

#[wasm_bindgen]
impl Witnesses {
    /// Returns the URLs of the witnesses, by number.
    #[wasm_bindgen(getter)]
    pub fn urls(&self) -> Vec<String> {
        self.round.urls().collect()
    }

    /// True if enough witnesses have cosigned.
    #[wasm_bindgen(getter, js_name = areEnough)]
    pub fn are_enough(&self) -> bool {
        self.round.is_enough()
    }
}
