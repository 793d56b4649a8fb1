//! Stops signing when what the log would sign next contradicts, or may contradict, what it signed before.
//!
//! A stopped log can still be read. It accepts nothing, and reports the reason. The evidence is kept apart from the
//! database, which may be a restored backup. Each start checks again.

use std::fmt;
use std::sync::Arc;

use countersign::note::VerifierKey;
use countersign::time::Time;
use serde_json::{Value, json};
use strum::{IntoStaticStr, VariantArray};
use tokio::sync::watch;

use crate::store::StoreError;

/// The format version of a line of evidence.
const VERSION: &str = "stop/v1";
/// The maximum number of bytes of a witness's response that is kept.
const MAX_ANSWER_BYTES: usize = 4 << 10;

/// The reason for a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(prefix = "log.", serialize_all = "snake_case")]
pub enum Cause {
    /// The log signed, or had cosigned, more entries than it has.
    Rollback,
    /// The log signed, or had cosigned, a different tree from the one it has.
    SplitView,
    /// The folder is a copy; what the original signed since then is unknown.
    Copied,
    /// The record of signed checkpoints is missing, corrupt, or shorter than it was.
    Unremembered,
}

impl Cause {
    /// The stable code.
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// Returns the hint: what the log operator can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Rollback | Self::SplitView => {
                "if a backup was restored, review `countersign forks`, then start the log once with --after-restore"
            }
            Self::Copied => {
                "if the folder was moved, copied, or restored from a backup, start the log once with --after-restore"
            }
            Self::Unremembered => {
                "put signed.txt back if it was moved; otherwise start the log once with --after-restore"
            }
        }
    }

    /// Returns the cause with this stable code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|cause| cause.code() == code)
    }
}

/// A witness's response that contradicts the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// The witness's key.
    pub key: VerifierKey,
    /// The HTTP status of the response.
    pub status: u16,
    /// The size that the witness claims to have cosigned last.
    pub size: Option<u64>,
    /// The beginning of the response body, as text.
    pub body: String,
}

impl WitnessAnswer {
    /// Creates a record of the response, whose body is cut to [`MAX_ANSWER_BYTES`].
    pub(crate) fn new(key: &VerifierKey, status: u16, size: Option<u64>, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(&body[..body.len().min(MAX_ANSWER_BYTES)]).into_owned();
        Self { key: key.clone(), status, size, body }
    }
}

/// The reason why a log stopped signing, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningStop {
    /// The time at which the log noticed it, by its own clock.
    pub at: Time,
    /// The stable cause.
    pub cause: Cause,
    /// The contradiction, in a sentence.
    pub message: String,
    /// A checkpoint that the log signed and stored, or sent to a witness.
    pub checkpoint: Option<String>,
    /// An earlier signed checkpoint that contradicts `checkpoint` or the log's data. If a witness caused the stop, this
    /// is the witness's proof.
    pub signed: Option<String>,
    /// The witness that contradicts the log.
    pub witness: Option<WitnessAnswer>,
}

/// The number of lines from which evidence is compacted: a witness that lies now and then must not fill the disk.
const MAX_LINES: usize = 200;
/// The number of newest lines that compaction always keeps.
const KEPT_LINES: usize = 50;

/// The hint for a stop that rests on an unproven claim of a witness.
const CLAIM_HINT: &str = "ask the witness's operator for the checkpoint that it cosigned; if the witness is wrong, remove its line from trust.txt, \
                          and the log continues; if a backup was restored, start the log once with --after-restore";

impl SigningStop {
    /// Creates a stop without further evidence.
    pub fn new(at: Time, cause: Cause, message: impl Into<String>) -> Self {
        Self { at, cause, message: message.into(), checkpoint: None, signed: None, witness: None }
    }

    /// True if only an unproven claim of a witness stops the log: it continues once its quorum cosigns
    /// without that witness, or its trust file no longer names it.
    pub const fn is_claim(&self) -> bool {
        self.witness.is_some() && self.signed.is_none()
    }

    /// Returns the hint: what the log operator can do about it.
    pub const fn hint(&self) -> &'static str {
        if self.is_claim() { CLAIM_HINT } else { self.cause.hint() }
    }

    /// Returns the evidence as a line of NDJSON, without its line end.
    pub fn to_line(&self) -> String {
        let witness = self.witness.as_ref().map(|witness| {
            json!({
                "vkey": witness.key.as_str(),
                "status": witness.status,
                "size": witness.size,
                "answer": witness.body,
            })
        });
        json!({
            "countersign": VERSION,
            "at": self.at.to_string(),
            "code": self.cause.code(),
            "message": self.message,
            "checkpoint": self.checkpoint,
            "signed": self.signed,
            "witness": witness,
        })
        .to_string()
    }
}

impl fmt::Display for SigningStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the log stopped signing: {} [{}]", self.message, self.cause.code())
    }
}

/// A line of the evidence, which is ordered from oldest to newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The log stopped signing.
    Stopped(Box<SigningStop>),
    /// The log operator resumed the log or replaced it with another one.
    Resumed {
        /// The time of the change.
        at: Time,
        /// A sentence that describes the circumstances.
        message: String,
    },
}

impl Line {
    /// Parses a line; `None` if it is malformed.
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value.get(name)?.as_str();
        let note = |name: &str| match value.get(name)? {
            Value::Null => Some(None),
            note => Some(Some(note.as_str()?.to_owned())),
        };
        if text("countersign")? != VERSION {
            return None;
        }
        let (at, message) = (text("at")?.parse().ok()?, text("message")?.to_owned());
        if text("code")? == RESUMED {
            return Some(Self::Resumed { at, message });
        }
        let cause = Cause::from_code(text("code")?)?;
        let witness = match value.get("witness")? {
            Value::Null => None,
            witness => Some(WitnessAnswer {
                key: VerifierKey::parse(
                    witness.get("vkey")?.as_str()?,
                    countersign::note::KeyType::Cosignature,
                )
                .ok()?,
                status: witness.get("status")?.as_u64()?.try_into().ok()?,
                size: witness.get("size")?.as_u64(),
                body: witness.get("answer")?.as_str()?.to_owned(),
            }),
        };
        let (checkpoint, signed) = (note("checkpoint")?, note("signed")?);
        Some(Self::Stopped(Box::new(SigningStop { at, cause, message, checkpoint, signed, witness })))
    }

    /// Returns the line for a log that continues.
    pub fn resumed(at: Time, message: &str) -> String {
        json!({ "countersign": VERSION, "at": at.to_string(), "code": RESUMED, "message": message })
            .to_string()
    }
}

/// The code of a line that says that the log continued.
const RESUMED: &str = "log.resumed";

/// Keeps the evidence of stops, one line each. A change is durable when its method returns.
///
/// # Errors
/// [`StoreError::Unavailable`] if the evidence can't be read or written. Lines that were kept before are still there.
#[allow(clippy::missing_errors_doc, reason = "the trait states the errors of all methods")]
pub trait Stops: Send + Sync {
    /// Returns all lines, oldest first.
    fn lines(&self) -> Result<Vec<String>, StoreError>;

    /// Appends a line of evidence.
    fn keep(&self, line: &str) -> Result<(), StoreError>;

    /// Replaces all lines by these in one step.
    fn replace(&self, lines: &[String]) -> Result<(), StoreError>;
}

/// The switch that stops signing. Clones share one state.
#[derive(Clone)]
pub struct Signing(Arc<Inner>);

struct Inner {
    stopped: watch::Sender<Option<Arc<SigningStop>>>,
    stops: Box<dyn Stops>,
}

impl Signing {
    /// Opens the evidence. If the last line is a stop that a witness caused, the log stays stopped: with a
    /// proof, until the sequencer has checked it again; without one, while `is_witness` returns true, because
    /// the trust file names the witness. Other stops are checked again. A line that cannot be read stops the
    /// log too.
    ///
    /// # Errors
    /// [`StoreError`] if the evidence can't be read.
    pub fn open(
        stops: Box<dyn Stops>,
        now: Time,
        is_witness: &dyn Fn(&VerifierKey) -> bool,
    ) -> Result<Self, StoreError> {
        let last = stops.lines()?.pop().map(|line| Line::parse(&line));
        let stop = match last {
            None | Some(Some(Line::Resumed { .. })) => None,
            Some(Some(Line::Stopped(stop))) => {
                let counts = |witness: &WitnessAnswer| !stop.is_claim() || is_witness(&witness.key);
                stop.witness.as_ref().is_some_and(counts).then(|| Arc::new(*stop))
            }
            Some(None) => {
                let message = "the newest line of evidence about stops cannot be parsed";
                Some(Arc::new(SigningStop::new(now, Cause::Unremembered, message)))
            }
        };
        Ok(Self(Arc::new(Inner { stopped: watch::Sender::new(stop), stops })))
    }

    /// Returns why the log stopped signing, if it did.
    pub fn stopped(&self) -> Option<Arc<SigningStop>> {
        self.0.stopped.borrow().clone()
    }

    /// Returns a receiver that sees each stop and its end.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<SigningStop>>> {
        self.0.stopped.subscribe()
    }

    /// Returns all lines of evidence, oldest first.
    pub(crate) fn lines(&self) -> Result<Vec<String>, StoreError> {
        self.0.stops.lines()
    }

    /// Stops signing, even if the evidence can't be kept. The first cause counts, except that anything else replaces an
    /// unproven claim of a witness.
    pub fn stop(&self, stop: SigningStop) {
        let stop = Arc::new(stop);
        let counts = self.0.stopped.send_if_modified(|stopped| {
            let counts = stopped.as_ref().is_none_or(|stopped| stopped.is_claim() && !stop.is_claim());
            if counts {
                *stopped = Some(Arc::clone(&stop));
            }
            counts
        });
        if !counts {
            return;
        }
        tracing::error!(code = stop.cause.code(), hint = stop.hint(), "{}", stop.message);
        if let Err(error) = self.keep(&stop) {
            tracing::error!(%error, evidence = stop.to_line(), "failed to keep the evidence");
        }
    }

    /// Keeps the evidence, unless the newest line is the same but for its time.
    fn keep(&self, stop: &SigningStop) -> Result<(), StoreError> {
        if let Some(Line::Stopped(last)) = self.0.stops.lines()?.pop().and_then(|line| Line::parse(&line))
            && (SigningStop { at: stop.at, ..*last }) == *stop
        {
            return Ok(());
        }
        self.append(&stop.to_line())
    }

    /// Appends a line. If there are many, older claims that ended are dropped; proofs are not.
    fn append(&self, line: &str) -> Result<(), StoreError> {
        let lines = self.0.stops.lines()?;
        if lines.len() >= MAX_LINES {
            let newer = lines.len() - KEPT_LINES;
            let is_kept = |line: &String| match Line::parse(line) {
                Some(Line::Stopped(stop)) => !stop.is_claim(),
                Some(Line::Resumed { .. }) => false,
                None => true,
            };
            let kept: Vec<String> = lines[..newer].iter().filter(|line| is_kept(line)).cloned().collect();
            self.0.stops.replace(&[&kept, &lines[newer..]].concat())?;
        }
        self.0.stops.keep(line)
    }

    /// Ends a stop that a witness caused, if `ends` returns true for it. The evidence of the end is durable when this
    /// returns true.
    ///
    /// # Errors
    /// [`StoreError`] if the evidence can't be kept; the log stays stopped.
    pub fn resume(
        &self,
        now: Time,
        why: &str,
        ends: &dyn Fn(&SigningStop, &WitnessAnswer) -> bool,
    ) -> Result<bool, StoreError> {
        let Some(stop) = self.stopped() else { return Ok(false) };
        if !stop.witness.as_ref().is_some_and(|witness| ends(&stop, witness)) {
            return Ok(false);
        }
        self.append(&Line::resumed(now, why))?;
        // Another stop that came in the meantime stays in force.
        let resumed = self.0.stopped.send_if_modified(|stopped| {
            let same = stopped.as_ref().is_some_and(|stopped| Arc::ptr_eq(stopped, &stop));
            if same {
                *stopped = None;
            }
            same
        });
        if resumed {
            tracing::warn!("the log resumed signing: {why}");
        } else if let Some(stop) = self.stopped() {
            self.keep(&stop)?;
        }
        Ok(resumed)
    }

    /// Records that the log is no longer stopped, if the newest line says it is.
    pub(crate) fn note_resumed(&self, now: Time) -> Result<(), StoreError> {
        let last = self.0.stops.lines()?.pop().and_then(|line| Line::parse(&line));
        if self.stopped().is_none() && matches!(last, Some(Line::Stopped(_))) {
            let message = "the log's data no longer contradicts what was signed";
            self.0.stops.keep(&Line::resumed(now, message))?;
        }
        Ok(())
    }

    /// Fails if the log is stopped.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub fn check(&self) -> Result<(), StoreError> {
        match self.stopped() {
            Some(stop) => Err(StoreError::Stopped(stop)),
            None => Ok(()),
        }
    }
}

/// Evidence in memory, for tests.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct InMemory(std::sync::Mutex<Vec<String>>);

#[cfg(test)]
impl Stops for InMemory {
    fn lines(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.lock().expect("no panic").clone())
    }

    fn keep(&self, line: &str) -> Result<(), StoreError> {
        self.0.lock().expect("no panic").push(line.to_owned());
        Ok(())
    }

    fn replace(&self, lines: &[String]) -> Result<(), StoreError> {
        *self.0.lock().expect("no panic") = lines.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops() -> [SigningStop; 2] {
        let key = countersign::note::SignerKey::witness_from_seed("w.example", [2; 32]).unwrap();
        let at = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let plain = SigningStop::new(at, Cause::Copied, "it is a copy");
        let witness = WitnessAnswer::new(key.verifier_key(), 409, Some(7), b"7\n");
        let full = SigningStop {
            checkpoint: Some("one\n".into()),
            signed: Some("two\n".into()),
            witness: Some(witness),
            ..SigningStop::new(at, Cause::Rollback, "it is ahead")
        };
        [plain, full]
    }

    #[test]
    fn lines_of_evidence_round_trip() {
        for stop in stops() {
            assert_eq!(Line::parse(&stop.to_line()), Some(Line::Stopped(Box::new(stop))));
        }
        let resumed = Line::resumed(Time::MIN, "it goes on");
        let message = "it goes on".to_owned();
        assert_eq!(Line::parse(&resumed), Some(Line::Resumed { at: Time::MIN, message }));
        assert_eq!(Line::parse("{}"), None);
    }

    #[test]
    fn other_causes_replace_an_unproven_claim() {
        let [copied, proven] = stops();
        let claim = SigningStop { signed: None, ..proven.clone() };
        assert!(claim.is_claim() && !proven.is_claim() && !copied.is_claim());
        let signing = Signing::open(Box::new(InMemory::default()), Time::MIN, &|_| true).unwrap();
        signing.stop(claim.clone());
        assert_eq!(signing.stopped().as_deref(), Some(&claim));
        assert!(!signing.resume(Time::MIN, "no", &|_, _| false).unwrap());
        assert!(signing.resume(Time::MIN, "gone", &|stop, _| stop.is_claim()).unwrap());
        signing.check().unwrap();
        signing.stop(claim.clone());
        signing.stop(proven.clone());
        signing.stop(claim.clone());
        assert_eq!(signing.stopped().as_deref(), Some(&proven));
        assert!(!signing.resume(Time::MIN, "gone", &|stop, _| stop.is_claim()).unwrap());
        let resumed = Line::resumed(Time::MIN, "gone");
        let lines = [claim.to_line(), resumed, claim.to_line(), proven.to_line()];
        assert_eq!(signing.lines().unwrap(), lines);
        // A proof counts whether or not the trust file names the witness; a claim doesn't.
        for (stop, named, stopped) in
            [(&claim, true, true), (&claim, false, false), (&proven, true, true), (&proven, false, true)]
        {
            let kept = InMemory(vec![stop.to_line()].into());
            let signing = Signing::open(Box::new(kept), Time::MIN, &|_| named).unwrap();
            assert_eq!(signing.stopped().is_some(), stopped, "{stop:?} {named}");
        }
    }

    #[test]
    fn evidence_is_compacted_but_keeps_proofs() {
        let [_, proven] = stops();
        let claim = SigningStop { signed: None, ..proven.clone() };
        let signing = Signing::open(Box::new(InMemory::default()), Time::MIN, &|_| true).unwrap();
        signing.stop(proven.clone());
        assert!(signing.resume(Time::MIN, "restored", &|_, _| true).unwrap());
        for _ in 0..500 {
            signing.stop(claim.clone());
            assert!(signing.resume(Time::MIN, "gone", &|_, _| true).unwrap());
        }
        signing.stop(claim.clone());
        let lines = signing.lines().unwrap();
        assert!(lines.len() <= MAX_LINES, "{}", lines.len());
        assert_eq!((&lines[0], lines.last()), (&proven.to_line(), Some(&claim.to_line())));
    }

    #[test]
    fn first_cause_stays_in_force_across_restarts() {
        let [one, other] = stops();
        let kept = InMemory::default();
        let signing = Signing::open(Box::new(kept), Time::MIN, &|_| true).unwrap();
        signing.check().unwrap();
        signing.stop(one.clone());
        signing.stop(other);
        assert_eq!(signing.stopped().as_deref(), Some(&one));
        assert_eq!(signing.lines().unwrap(), [one.to_line()]);
        let witnessed = stops()[1].to_line();
        for (lines, known, stopped) in [
            (vec![one.to_line()], true, false),
            (vec![witnessed.clone()], true, true),
            (vec![witnessed.clone()], false, true),
            (vec![witnessed, Line::resumed(Time::MIN, "so")], true, false),
            (vec!["torn".to_owned()], false, true),
        ] {
            let kept = InMemory(lines.into());
            let signing = Signing::open(Box::new(kept), Time::MIN, &|_| known).unwrap();
            assert_eq!(signing.stopped().is_some(), stopped);
        }
    }
}
