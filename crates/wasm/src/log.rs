//! The artifact `log`: a whole log server. A Durable Object runs it (`js/packages/cloudflare-log/`), and gives it its
//! storage.

mod answer;
mod console;
mod storage;

use std::num::NonZeroU32;

use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::embedded::{
    AGAIN, Config, Content, Cors, EmbeddedLogServer, Further, GATHER, PATIENCE, QUIET, QUIET_TEXT, Quota,
    WitnessRound,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;

use answer::Answer;
use storage::{Database, Storage};

/// A log server.
#[wasm_bindgen]
pub struct Log {
    log_server: EmbeddedLogServer,
}

/// An error whose message is for whoever runs the log.
fn failed(error: impl std::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}

fn time(now: f64) -> Time {
    Time::from_millis(now as i64).unwrap_or(Time::MIN)
}

/// Names and values that follow each other.
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
    /// Goes on with the log that a storage has, or begins it: `key` is its key, `trust` its trust file, `readers` what
    /// `readers.txt` would say, `cors` the origins of pages that may ask, with blanks between them. `quota` is how many events
    /// and bytes a second a key may bring, and how many seconds' worth after a rest, each `undefined` for what it is
    /// without; `record_reads` is `none`, `exports` or `all`, or `undefined` for what is by the trust file.
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
        now: f64,
    ) -> Result<Log, JsError> {
        console::install();
        let key = SignerKey::parse(key.trim()).map_err(failed)?;
        let trust = Trust::parse(trust.as_bytes()).map_err(|error| failed(format!("trust: {error}")))?;
        let cors = Cors::parse(cors.split_whitespace())
            .map_err(|origin| failed(format!("{origin:?} is not an origin of a page")))?;
        let database = Database::new(storage);
        let store = database.open(key.verifier_key().name()).map_err(failed)?;
        let readers = readers.to_owned();
        let (events, bytes) = (quota_events.and_then(NonZeroU32::new), quota_bytes.and_then(NonZeroU32::new));
        let quota = Quota { events, bytes, ..Quota::default() };
        let burst = quota_burst.and_then(NonZeroU32::new).unwrap_or(quota.burst);
        let config = Config {
            key,
            trust,
            readers,
            cors,
            copies: Box::new(database.clone()),
            stops: Box::new(database.clone()),
            quota: Quota { burst, ..quota },
            record_reads: record_reads.map(|which| which.parse()).transpose().map_err(failed)?,
            unrecorded: Box::new(database),
            now: time(now),
        };
        Ok(Self { log_server: EmbeddedLogServer::open(store, config).map_err(failed)? })
    }

    /// The log's origin.
    #[wasm_bindgen(getter)]
    pub fn origin(&self) -> String {
        self.log_server.origin().to_owned()
    }

    /// How many leaves are published.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> f64 {
        self.log_server.published_size() as f64
    }

    /// How many bytes of a request's body to read at most; none where it is not read at all. Of a longer one bring one byte more.
    #[wasm_bindgen(js_name = bodyLimit)]
    pub fn body_limit(&self, method: &str, path: &str, names: Vec<String>, now: f64) -> Option<u32> {
        self.log_server.set_time(time(now));
        self.log_server.body_limit(method, path, &headers(&names)).and_then(|limit| limit.try_into().ok())
    }

    /// The answer to a request whose body begins so, where no more of it is needed to refuse it.
    pub fn glance(&self, path: &str, names: Vec<String>, beginning: &[u8], now: f64) -> Option<Answer> {
        self.log_server.set_time(time(now));
        let headers = headers(&names);
        let answer = self.log_server.glance(path, &headers, beginning)?;
        Some(Answer::new(answer, headers))
    }

    /// Answers a request. `target` is its path and query, `names` the names and values of its headers.
    pub fn answer(
        &mut self,
        method: &str,
        target: &str,
        names: Vec<String>,
        body: Vec<u8>,
        now: f64,
    ) -> Answer {
        self.log_server.set_time(time(now));
        let headers = headers(&names);
        let mut request = Request::new(body);
        let (Ok(method), Ok(uri)) = (method.parse::<Method>(), target.parse::<Uri>()) else {
            return Answer::new(self.log_server.not_found(&headers), headers);
        };
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers.clone();
        Answer::new(self.log_server.answer(&request), headers)
    }

    /// The answer to a request whose body did not come, or (`busy`) for whose body there is no room.
    #[wasm_bindgen(js_name = withoutBody)]
    pub fn without_body(&self, names: Vec<String>, busy: bool) -> Answer {
        let headers = headers(&names);
        let answer =
            if busy { self.log_server.busy(&headers) } else { self.log_server.without_body(&headers) };
        Answer::new(answer, headers)
    }

    /// The answer to a submission that was waiting, if its checkpoint is published by now; with `late` in any case.
    pub fn resume(&mut self, waiting: &Answer, late: bool) -> Option<Answer> {
        let Content::Waiting(content) = &waiting.content else { return None };
        let answer = self.log_server.resume(&waiting.asked, content);
        let answer = answer.or_else(|| late.then(|| self.log_server.give_up(&waiting.asked)))?;
        Some(Answer::new(answer, waiting.asked.clone()))
    }

    /// Goes on with what is being looked for, for a turn. Gives the answer when there is one.
    pub fn look(&mut self, answer: &mut Answer, now: f64) -> Option<Answer> {
        self.log_server.set_time(time(now));
        let Content::Looking(looking) = &mut answer.content else { return None };
        let found = self.log_server.look(&answer.asked, looking)?;
        Some(Answer::new(found, answer.asked.clone()))
    }

    /// The next piece of an answer that has pieces; none at the end. With `before` none also when it has come to the
    /// checkpoint of that size.
    pub fn piece(
        &self,
        answer: &mut Answer,
        before: Option<f64>,
        now: f64,
    ) -> Result<Option<Vec<u8>>, JsError> {
        self.log_server.set_time(time(now));
        let Content::Export(sending) = &mut answer.content else { return Ok(None) };
        self.log_server.piece(sending, before.map_or(u64::MAX, |size| size as u64)).map_err(failed)
    }

    /// Leaves out what comes before the checkpoint of that size: it is sent from a copy, so many events in so many bytes.
    #[wasm_bindgen(js_name = passOver)]
    pub fn pass_over(
        &self,
        answer: &mut Answer,
        size: f64,
        events: u32,
        bytes: u32,
        now: f64,
    ) -> Result<(), JsError> {
        self.log_server.set_time(time(now));
        let Content::Export(sending) = &mut answer.content else { return Ok(()) };
        self.log_server.pass_over(sending, size as u64, events.into(), bytes as usize).map_err(failed)
    }

    /// Nobody takes more of an answer.
    pub fn ended(&mut self, answer: &mut Answer, now: f64) {
        self.log_server.set_time(time(now));
        self.log_server.ended(&mut answer.content);
    }

    /// When reads are to be recorded, if there are any.
    #[wasm_bindgen(getter, js_name = readsDue)]
    pub fn reads_due(&self) -> Option<f64> {
        self.log_server.reads_due().map(|due| due.millis() as f64)
    }

    /// Records who read what, when it is time.
    #[wasm_bindgen(js_name = recordReads)]
    pub fn record_reads(&mut self, now: f64) -> Result<(), JsError> {
        self.log_server.set_time(time(now));
        self.log_server.record_reads().map_err(failed)
    }

    /// What a live view goes on with: bytes, `true` when there is nothing to tell now, or none at its end.
    #[wasm_bindgen(unchecked_return_type = "Uint8Array | true | undefined")]
    pub fn further(&self, answer: &mut Answer, now: f64) -> Result<JsValue, JsError> {
        self.log_server.set_time(time(now));
        let Content::Live(live) = &mut answer.content else { return Ok(JsValue::UNDEFINED) };
        Ok(match self.log_server.further(live).map_err(failed)? {
            Further::Piece(piece) => Uint8Array::from(&*piece).into(),
            Further::Wait => JsValue::TRUE,
            Further::End => JsValue::UNDEFINED,
        })
    }

    /// For how many milliseconds a live view waits before it says that all is quiet.
    #[wasm_bindgen(getter)]
    pub fn quiet() -> f64 {
        QUIET.as_millis() as f64
    }

    /// That it says so.
    #[wasm_bindgen(getter, js_name = quietText)]
    pub fn quiet_text() -> Vec<u8> {
        QUIET_TEXT.to_vec()
    }

    /// For how many milliseconds checkpoints are let gather that a live view then tells of together.
    #[wasm_bindgen(getter)]
    pub fn gather() -> f64 {
        GATHER.as_millis() as f64
    }

    /// After how many milliseconds what failed is tried again.
    #[wasm_bindgen(getter)]
    pub fn again() -> f64 {
        AGAIN.as_millis() as f64
    }

    /// For how many milliseconds witnesses are waited for.
    #[wasm_bindgen(getter)]
    pub fn patience() -> f64 {
        PATIENCE.as_millis() as f64
    }

    /// What there is to copy next: how many leaves are then done, and full tiles, each with `path` and `bytes`. Empty
    /// when there is nothing.
    #[wasm_bindgen(js_name = toCopy, unchecked_return_type = "[] | [number, ...{ path: string; bytes: Uint8Array }[]]")]
    pub fn to_copy(&self) -> Result<Array, JsError> {
        let list = Array::new();
        if let Some((size, copies)) = self.log_server.to_copy().map_err(failed)? {
            list.push(&(size as f64).into());
            for copy in copies {
                let path = [JsValue::from("path"), copy.path.into()].into_iter().collect::<Array>();
                let bytes = [JsValue::from("bytes"), Uint8Array::from(&*copy.bytes).into()];
                let entries: Array = [path, bytes.into_iter().collect()].into_iter().collect();
                list.push(
                    &Object::from_entries(&entries).map_err(|_| failed("a copy is not an object"))?.into(),
                );
            }
        }
        Ok(list)
    }

    /// Whether erasures are recorded and not done.
    #[wasm_bindgen(getter, js_name = isErasing)]
    pub fn is_erasing(&self) -> Result<bool, JsError> {
        self.log_server.is_erasing().map_err(failed)
    }

    /// Goes on with erasures that are recorded and not done, as far as one turn goes. Says whether there is more.
    #[wasm_bindgen(js_name = eraseSome)]
    pub fn erase_some(&mut self, now: f64) -> Result<bool, JsError> {
        self.log_server.set_time(time(now));
        self.log_server.erase_some().map_err(failed)
    }

    /// The lines of an export of the whole log, from the checkpoint of that size on: an answer that has pieces.
    #[wasm_bindgen(js_name = linesFrom)]
    pub fn lines_from(&self, size: f64) -> Result<Answer, JsError> {
        let sending = self.log_server.lines_from(size as u64).map_err(failed)?;
        Ok(Answer::new(Response::new(Content::Export(Box::new(sending))), HeaderMap::new()))
    }

    /// All that is full was copied of so many leaves.
    pub fn copied(&self, size: f64) -> Result<(), JsError> {
        self.log_server.copied(size as u64).map_err(failed)
    }

    /// Whether the log has witnesses.
    #[wasm_bindgen(getter, js_name = hasWitnesses)]
    pub fn has_witnesses(&self) -> bool {
        self.log_server.has_witnesses()
    }

    /// A checkpoint for witnesses to see, if there is a new one; with `again` one that they have seen.
    pub fn round(&mut self, again: bool, now: f64) -> Result<Option<Witnesses>, JsError> {
        self.log_server.set_time(time(now));
        Ok(self.log_server.round(again).map_err(failed)?.map(|round| Witnesses { round }))
    }

    /// What is sent to the witness of that number; none where it is not to be asked.
    pub fn ask(&self, witnesses: &Witnesses, number: usize) -> Option<String> {
        self.log_server.ask(&witnesses.round, number)
    }

    /// That witness's answer. Says whether it is to be asked again.
    pub fn answered(
        &mut self,
        witnesses: &mut Witnesses,
        number: usize,
        status: u16,
        kind: Option<String>,
        body: &[u8],
        now: f64,
    ) -> bool {
        self.log_server.set_time(time(now));
        self.log_server.answered(&mut witnesses.round, number, status, kind.as_deref(), body)
    }

    /// Returns where to ask that witness for the checkpoint that proves what it answered, if it is to be asked.
    #[wasm_bindgen(js_name = proofUrl)]
    pub fn proof_url(&mut self, witnesses: &Witnesses, number: usize) -> Option<String> {
        self.log_server.proof_url(&witnesses.round, number)
    }

    /// Takes the body of an answer from there, with the status 200.
    pub fn prove(&mut self, witnesses: &Witnesses, number: usize, body: &[u8]) {
        self.log_server.prove(&witnesses.round, number, body);
    }

    /// That witness did not answer.
    pub fn unanswered(&self, witnesses: &Witnesses, number: usize, why: &str) {
        self.log_server.failed(&witnesses.round, number, why);
    }

    /// Publishes the checkpoint as witnesses saw it, and gives after how many milliseconds they are to be asked again.
    pub fn publish(&mut self, witnesses: Witnesses, now: f64) -> Result<f64, JsError> {
        self.log_server.set_time(time(now));
        Ok(self.log_server.end(witnesses.round).map_err(failed)?.as_millis() as f64)
    }
}

/// Witnesses, while they are asked.
#[wasm_bindgen]
pub struct Witnesses {
    round: WitnessRound,
}

#[wasm_bindgen]
impl Witnesses {
    /// Where they are asked, by their number.
    #[wasm_bindgen(getter)]
    pub fn urls(&self) -> Vec<String> {
        self.round.urls().collect()
    }

    /// Whether enough of them have cosigned.
    #[wasm_bindgen(getter, js_name = areEnough)]
    pub fn are_enough(&self) -> bool {
        self.round.is_enough()
    }
}
