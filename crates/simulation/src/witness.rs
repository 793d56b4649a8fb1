//! Witnesses.

use countersign::checkpoint::Checkpoint;
use countersign::note::{SignerKey, VerifierKey};
use countersign::witness::{CosignError, Request, SIZE_CONTENT_TYPE, TreeHead, check_add_checkpoint};

/// How a witness behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessState {
    /// It cosigns.
    Up,
    /// It doesn't respond.
    Down,
    /// It claims, falsely, to have cosigned a larger tree.
    Confused,
}

/// A witness, which decides by the product's own code.
pub struct Witness {
    key: SignerKey,
    log: VerifierKey,
    /// How it behaves now.
    pub state: WitnessState,
    /// The milliseconds by which its clock is ahead.
    pub ahead: i64,
    /// The last checkpoint that it cosigned.
    last: Option<(TreeHead, String)>,
    /// A backup of that.
    backup: Option<(TreeHead, String)>,
}

/// An HTTP response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The content type.
    pub kind: &'static str,
    /// The body.
    pub body: String,
}

impl Response {
    fn new(status: u16, kind: &'static str, body: String) -> Self {
        Self { status, kind, body }
    }
}

impl Witness {
    /// Creates the witness of a log.
    pub fn new(key: SignerKey, log: VerifierKey) -> Self {
        Self { key, log, state: WitnessState::Up, ahead: 0, last: None, backup: None }
    }

    /// Returns its public key.
    pub fn key(&self) -> &VerifierKey {
        self.key.verifier_key()
    }

    /// Returns the size of the last tree that it cosigned.
    pub fn size(&self) -> u64 {
        self.last.as_ref().map_or(0, |(head, _)| head.size)
    }

    /// Returns the last tree that it cosigned.
    pub fn head(&self) -> Option<TreeHead> {
        self.last.as_ref().map(|(head, _)| *head)
    }

    /// Backs up its state.
    pub fn back_up(&mut self) {
        self.backup.clone_from(&self.last);
    }

    /// Restores its state from the backup.
    pub fn restore(&mut self) {
        self.last.clone_from(&self.backup);
    }

    /// Responds to a request to cosign at this time, in milliseconds since 1970 by the true clock. `None` if it is down.
    pub fn add_checkpoint(&mut self, body: &str, now: i64) -> Option<Response> {
        match self.state {
            WitnessState::Down => None,
            WitnessState::Confused => {
                Some(Response::new(409, SIZE_CONTENT_TYPE, format!("{}\n", self.size() + 1_000)))
            }
            WitnessState::Up => Some(self.decide(body, now).unwrap_or_else(|refusal| {
                Response::new(refusal.status(), refusal.content_type(), refusal.body())
            })),
        }
    }

    fn decide(&mut self, body: &str, now: i64) -> Result<Response, CosignError> {
        let request = Request::parse(body.as_bytes())?;
        let last = self.last.as_ref().map(|(head, _)| *head);
        let accepted = check_add_checkpoint(&request, std::slice::from_ref(&self.log), last)?;
        let seconds = ((now + self.ahead) / 1000).unsigned_abs();
        let line = accepted.cosign(&self.key, seconds).map_err(CosignError::Malformed)?;
        self.last = Some((accepted.tree_head(), accepted.note(&line)));
        Ok(Response::new(200, "text/plain; charset=utf-8", line))
    }

    /// Cosigns a checkpoint of a log that it sees for the first time, at this time in seconds since 1970.
    ///
    /// # Errors
    /// If the time is after the year 9999.
    pub fn cosign(&self, checkpoint: &Checkpoint, seconds: u64) -> Result<String, countersign::Error> {
        checkpoint.cosign(&self.key, seconds)
    }

    /// Responds to a request for the last checkpoint that it cosigned. `None` if it is down.
    pub fn checkpoint(&self) -> Option<Response> {
        if self.state == WitnessState::Down {
            return None;
        }
        Some(match &self.last {
            Some((_, note)) => Response::new(200, "text/plain; charset=utf-8", note.clone()),
            None => Response::new(404, "text/plain; charset=utf-8", String::new()),
        })
    }
}
