//! The JavaScript program around this one, in the npm package. It does what WASI can't: send requests, and run servers.
#![allow(unsafe_code, reason = "imports of a WebAssembly module are foreign functions")]

use std::time::Duration;

use countersign::tenant::Since;
use countersign_delivery::{Answer, LogServer};
use countersign_errors::EngineError;
use serde::{Deserialize, Serialize};

use crate::errors::CliError;

#[link(wasm_import_module = "countersign_host")]
unsafe extern "C" {
    /// Does what the JSON in `request` says, with `body`. Returns the length of the answer in bytes.
    #[link_name = "call"]
    fn host_call(request: *const u8, request_length: usize, body: *const u8, body_length: usize) -> usize;

    /// Copies the answer of the last call to `answer`, which has the length that the call returned.
    #[link_name = "answer"]
    fn host_answer(answer: *mut u8);

    /// Returns 1 after a signal that the program handles, otherwise 0.
    #[link_name = "is_stopped"]
    fn host_is_stopped() -> u32;
}

/// A task for the host. [`call`] returns its answer: a line of JSON, and bytes.
#[derive(Serialize)]
#[serde(tag = "task", rename_all = "snake_case")]
enum Task<'a> {
    /// Checks the address of a log server.
    CheckUrl { url: &'a str },
    /// Submits links to a log server.
    Submit { url: &'a str, since: Option<String> },
    /// Makes the first signal only a request to stop, and ends the wait for standard input.
    HandleSignals,
    /// Runs a log for local development after this program has ended with status 0.
    Dev(&'a DevLog),
}

/// A log for local development, with its secrets.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DevLog {
    /// The address to listen on: host and port.
    pub(crate) listen: String,
    /// The private key of the log.
    pub(crate) log: String,
    /// The public key of the log.
    pub(crate) log_vkey: String,
    /// The private key of the app that records.
    pub(crate) app: String,
    /// The text of the trust file.
    pub(crate) trust: String,
    /// The token of a reader who may do everything.
    pub(crate) token: String,
    /// The text of `readers.txt`.
    pub(crate) readers: String,
    /// True to give each tenant a log of its own.
    pub(crate) tenants: bool,
    /// The path of the HTML file at `/`.
    pub(crate) page: Option<String>,
    /// The command to run beside the log.
    pub(crate) command: Vec<String>,
    /// The files that keep the log; `None` for a temporary log.
    pub(crate) files: Option<DevLogFiles>,
    /// The file to write the variables to.
    pub(crate) env: Option<DevLogEnv>,
}

/// The file with the variables of a log for local development.
#[derive(Serialize)]
pub(crate) struct DevLogEnv {
    pub(crate) path: String,
    /// The text before the variables.
    pub(crate) before: String,
}

/// The files of a log for local development.
#[derive(Serialize)]
pub(crate) struct DevLogFiles {
    /// The path of the folder with all files, for messages.
    pub(crate) folder: String,
    /// The path of the trust file.
    pub(crate) trust: String,
    /// The path of the database.
    pub(crate) database: String,
    /// The topmost folder that was created for them, which is removed if the log can't start.
    pub(crate) created: Option<String>,
}

/// The first line of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerHead {
    /// The reason why the task failed.
    error: Option<HostError>,
    #[serde(default)]
    status: u16,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
struct HostError {
    code: String,
    message: String,
    hint: String,
    place: Option<String>,
}

impl From<HostError> for EngineError {
    fn from(HostError { code, message, hint, place }: HostError) -> Self {
        let error = Self::new(&code, message, hint);
        match place {
            Some(place) => error.within(&place),
            None => error,
        }
    }
}

/// Has the host do a task. Returns its answer.
fn call(task: &Task<'_>, body: &[u8]) -> Result<(AnswerHead, Vec<u8>), EngineError> {
    let broken = || {
        let hint = "install the package again: its files belong to different versions";
        EngineError::new("program.host", "the program around this one gave no valid answer", hint)
    };
    let request = serde_json::to_vec(task).map_err(|_| broken())?;
    let mut answer = {
        // SAFETY: the pointers and lengths are those of slices that live during the call.
        let length = unsafe { host_call(request.as_ptr(), request.len(), body.as_ptr(), body.len()) };
        vec![0; length]
    };
    // SAFETY: the host writes as many bytes as the call returned, and the vector has this length.
    unsafe { host_answer(answer.as_mut_ptr()) };
    let end = memchr::memchr(b'\n', &answer).ok_or_else(broken)?;
    let mut head: AnswerHead = serde_json::from_slice(&answer[..end]).map_err(|_| broken())?;
    match head.error.take() {
        Some(error) => Err(error.into()),
        None => Ok((head, answer.split_off(end + 1))),
    }
}

/// Runs a log for local development after this program has ended.
pub(crate) fn run_dev_log(log: &DevLog) -> Result<(), CliError> {
    call(&Task::Dev(log), &[])?;
    Ok(())
}

/// Makes the first signal only a request to stop.
pub(crate) fn handle_signals() -> Result<(), CliError> {
    call(&Task::HandleSignals, &[])?;
    Ok(())
}

/// True if a signal asked the program to stop.
pub(crate) fn is_stopped() -> bool {
    // SAFETY: the function has no arguments and no effect.
    unsafe { host_is_stopped() == 1 }
}

/// A log server that links are submitted to by the host.
pub(crate) struct HostLogServer {
    url: String,
}

impl HostLogServer {
    /// Checks the address. Sends nothing yet.
    pub(crate) fn new(url: &str) -> Result<Self, CliError> {
        call(&Task::CheckUrl { url }, &[])?;
        Ok(Self { url: url.to_owned() })
    }
}

impl LogServer for HostLogServer {
    type Error = EngineError;

    fn submit(&mut self, lines: &str, since: Option<Since>) -> Result<Answer, EngineError> {
        let task = Task::Submit { url: &self.url, since: since.map(|since| since.to_string()) };
        let (AnswerHead { status, retry_after_ms, .. }, body) = call(&task, lines.as_bytes())?;
        Ok(Answer { status, retry_after: retry_after_ms.map(Duration::from_millis), body })
    }
}
