//! Submits a key note to a log server, and verifies its proof.

use std::time::{Duration, Instant};

use countersign::merkle::leaf_hash;
use countersign::note::SignerKey;
use countersign::tenant::KeyNoteRequest;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_client::HttpLogServer;
use countersign_delivery::{place_note, submit_note};
use countersign_errors::now;
use serde_json::json;

use super::note_args::NoteArgs;
use crate::errors::CliError;
use crate::io::submit::log_server;

/// The code with which the server of a root log refuses a submission that names no tenant.
const TENANT_REQUIRED: &str = "tenant.required";
/// The longest wait until all tenant logs have a key note.
const PLACING_TIMEOUT: Duration = Duration::from_mins(10);
/// The time between two requests while tenant logs lack a key note. The server waits before it answers, too.
const PLACING_INTERVAL: Duration = Duration::from_millis(500);

/// The place of a submitted key note.
pub(crate) enum SubmittedNote {
    /// The entry of the log with this index.
    Entry(u64),
    /// Entries of this number of tenant logs.
    Tenants(usize),
}

/// A log server that key notes are submitted to.
pub(crate) struct NoteLogServer {
    log_server: HttpLogServer,
    trust: Trust,
    origin: String,
}

impl NoteLogServer {
    /// Opens the log server.
    pub(crate) fn open(url: &str, args: &NoteArgs, origin: Option<&str>) -> Result<Self, CliError> {
        let (trust, origin) = args.proofs.trust(origin)?;
        Ok(Self { log_server: log_server(url)?, trust, origin })
    }

    /// Returns the log's origin.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Submits an export line with a key note, which this key signed. The server of a root log places it in all tenant logs
    /// that need it.
    pub(crate) fn submit(
        &mut self,
        line: &str,
        note: &str,
        key: &SignerKey,
    ) -> Result<SubmittedNote, CliError> {
        match submit_note(&mut self.log_server, line, note, &self.origin, &self.trust) {
            Ok(index) => Ok(SubmittedNote::Entry(index)),
            Err(error) if error.code() == TENANT_REQUIRED => {
                self.place(note, key).map(SubmittedNote::Tenants)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Places a key note in all tenant logs that need it, and returns their number.
    fn place(&self, note: &str, key: &SignerKey) -> Result<usize, CliError> {
        let hash = leaf_hash(note.as_bytes());
        let deadline = Instant::now() + PLACING_TIMEOUT;
        let send_at = |time: Time, after: Option<&str>| {
            let request = KeyNoteRequest::sign(&self.origin, &hash, time, key)?;
            let body = json!({ "request": request, "note": note }).to_string();
            Ok::<_, CliError>(self.log_server.place_note(&body, after)?)
        };
        let mut send = |after: Option<&str>| {
            let answer = send_at(now()?, after)?;
            // The log's clock may differ from this one, and it accepts each request once.
            match answer.log_time() {
                Some(time) => send_at(time, after),
                None => Ok(answer),
            }
        };
        let mut wait = || {
            std::thread::sleep(PLACING_INTERVAL);
            Instant::now() < deadline
        };
        place_note(&mut send, &mut wait, note, &self.trust)
    }
}
