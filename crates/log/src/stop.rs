//! Why a log signs nothing more: what it would sign next contradicts, or may contradict, what it signed before.
//!
//! A log that is stopped is read as before, takes nothing, and says why. The evidence is kept apart from the database,
//! which may be what was brought back. Each start checks again.

use std::fmt;
use std::sync::Arc;

use countersign::note::VerifierKey;
use countersign::time::Time;
use serde_json::{Value, json};
use strum::{IntoStaticStr, VariantArray};
use tokio::sync::watch;

use crate::store::StoreError;

/// What evidence says that it is.
const VERSION: &str = "stop/v1";
/// The most bytes of a witness's answer that are kept.
const MOST_ANSWER: usize = 4 << 10;

/// What contradicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(prefix = "log.", serialize_all = "snake_case")]
pub enum Cause {
    /// The log signed, or had cosigned, more leaves than are here.
    Rollback,
    /// The log signed, or had cosigned, another tree than the one that is here.
    SplitView,
    /// The folder is a copy: what was signed since it was made is not known.
    Copied,
    /// The record of what was signed is gone, damaged, or shorter than it was.
    Unremembered,
}

impl Cause {
    /// The stable code.
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// What can be done about it, for whoever runs the log.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Rollback | Self::SplitView => {
                "was a backup brought back? Look at `countersign forks`, then start the log once with --after-restore"
            }
            Self::Copied => {
                "was the folder moved, copied, or restored from a backup? Start the log once with --after-restore"
            }
            Self::Unremembered => {
                "put signed.txt back if it was moved away; otherwise start the log once with --after-restore"
            }
        }
    }

    /// The cause with this stable code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|cause| cause.code() == code)
    }
}

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// The witness's key.
    pub key: VerifierKey,
    /// The status of its answer.
    pub status: u16,
    /// The size that it said to have cosigned last.
    pub size: Option<u64>,
    /// The beginning of its answer, as text.
    pub body: String,
}

impl WitnessAnswer {
    /// An answer of that witness.
    pub(crate) fn new(key: &VerifierKey, status: u16, size: Option<u64>, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(&body[..body.len().min(MOST_ANSWER)]).into_owned();
        Self { key: key.clone(), status, size, body }
    }
}

/// Why a log stopped signing, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningStop {
    /// When it was noticed, by the log's clock.
    pub at: Time,
    /// What contradicts.
    pub cause: Cause,
    /// The same for people.
    pub message: String,
    /// The checkpoint, signed before, that the log has or showed to a witness.
    pub checkpoint: Option<String>,
    /// A checkpoint that the log signed earlier, and that the one above, or what is here, contradicts. If a witness
    /// caused the stop, this is its proof.
    pub signed: Option<String>,
    /// The witness that contradicts.
    pub witness: Option<WitnessAnswer>,
}

/// From how many lines on evidence is compacted: a witness that lies at times must not fill the disk.
const MAX_LINES: usize = 200;
/// How many of the newest lines compaction keeps, whatever they are.
const KEPT_LINES: usize = 50;

/// The hint for a stop that rests on an unproven claim of a witness.
const CLAIM_HINT: &str = "ask the witness's operator for the checkpoint that it cosigned; if the witness is wrong, remove its line from trust.txt, \
                          and the log continues; if a backup was restored, start the log once with --after-restore";

impl SigningStop {
    /// A stop without evidence beside what it says.
    pub fn new(at: Time, cause: Cause, message: impl Into<String>) -> Self {
        Self { at, cause, message: message.into(), checkpoint: None, signed: None, witness: None }
    }

    /// True if nothing but the unproven word of a witness stops the log: it continues once its quorum cosigns without
    /// that witness, or its trust file no longer names it.
    pub const fn is_claim(&self) -> bool {
        self.witness.is_some() && self.signed.is_none()
    }

    /// Returns what the operator can do about it.
    pub const fn hint(&self) -> &'static str {
        if self.is_claim() { CLAIM_HINT } else { self.cause.hint() }
    }

    /// The evidence as a line of NDJSON, without its line end.
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
        write!(f, "the log signs nothing more: {} [{}]", self.message, self.cause.code())
    }
}

/// What is known of stops: each line of evidence, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The log stopped.
    Stopped(Box<SigningStop>),
    /// Its operator had it go on, or began another log in its place.
    Resumed {
        /// When.
        at: Time,
        /// How, for people.
        message: String,
    },
}

impl Line {
    /// Reads a line; none where it is malformed.
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

    /// The line of a log that goes on.
    pub fn resumed(at: Time, message: &str) -> String {
        json!({ "countersign": VERSION, "at": at.to_string(), "code": RESUMED, "message": message })
            .to_string()
    }
}

/// The code of a line that says that the log went on.
const RESUMED: &str = "log.resumed";

/// Keeps the evidence of stops, one line each. A change is durable when its method returns.
///
/// # Errors
/// [`StoreError::Unavailable`] if the evidence can't be read or written. Lines that were kept before are still there.
#[allow(clippy::missing_errors_doc, reason = "the trait states the errors of all methods")]
pub trait Stops: Send + Sync {
    /// Returns all lines, oldest first.
    fn lines(&self) -> Result<Vec<String>, StoreError>;

    /// Appends a line.
    fn keep(&self, line: &str) -> Result<(), StoreError>;

    /// Replaces all lines by these in one step.
    fn replace(&self, lines: &[String]) -> Result<(), StoreError>;
}

/// Whether the log signs. Clones are the same one.
#[derive(Clone)]
pub struct Signing(Arc<Inner>);

struct Inner {
    stopped: watch::Sender<Option<Arc<SigningStop>>>,
    stops: Box<dyn Stops>,
}

impl Signing {
    /// Opens the evidence. A log whose last line is a stop that a witness caused stays stopped: with a proof until the
    /// sequencer has checked it again, without one while `is_witness` says that the trust file names the witness. Other
    /// stops are checked again. A line that cannot be read stops the log too.
    ///
    /// # Errors
    /// The store's own.
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
                let message = "there is evidence against going on that cannot be read";
                Some(Arc::new(SigningStop::new(now, Cause::Unremembered, message)))
            }
        };
        Ok(Self(Arc::new(Inner { stopped: watch::Sender::new(stop), stops })))
    }

    /// Why the log signs nothing more, if that is so.
    pub fn stopped(&self) -> Option<Arc<SigningStop>> {
        self.0.stopped.borrow().clone()
    }

    /// Tells when it stops.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<SigningStop>>> {
        self.0.stopped.subscribe()
    }

    /// The evidence, a line each, the oldest first.
    pub(crate) fn lines(&self) -> Result<Vec<String>, StoreError> {
        self.0.stops.lines()
    }

    /// Nothing is signed from now on, whether the evidence can be kept or not. The first cause counts, except that
    /// anything else replaces an unproven claim of a witness.
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
            tracing::error!(%error, evidence = stop.to_line(), "the evidence is not kept");
        }
    }

    /// Keeps the evidence, unless it is what was kept last.
    fn keep(&self, stop: &SigningStop) -> Result<(), StoreError> {
        if let Some(Line::Stopped(last)) = self.0.stops.lines()?.pop().and_then(|line| Line::parse(&line))
            && (SigningStop { at: stop.at, ..*last }) == *stop
        {
            return Ok(());
        }
        self.append(&stop.to_line())
    }

    /// Keeps a line. If there are many, older claims that ended are dropped; what was proven is not.
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

    /// Ends a stop that rests on what a witness said, if `ends` says so of it. The evidence that it ended is durable
    /// when this returns true.
    ///
    /// # Errors
    /// The store's own: the log stays stopped then.
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
        // Another cause may have come meanwhile, and counts.
        let resumed = self.0.stopped.send_if_modified(|stopped| {
            let same = stopped.as_ref().is_some_and(|stopped| Arc::ptr_eq(stopped, &stop));
            if same {
                *stopped = None;
            }
            same
        });
        if resumed {
            tracing::warn!("the log signs again: {why}");
        } else if let Some(stop) = self.stopped() {
            self.keep(&stop)?;
        }
        Ok(resumed)
    }

    /// Notes that nothing stops the log any more, where something did.
    pub(crate) fn note_resumed(&self, now: Time) -> Result<(), StoreError> {
        let last = self.0.stops.lines()?.pop().and_then(|line| Line::parse(&line));
        if self.stopped().is_none() && matches!(last, Some(Line::Stopped(_))) {
            let message = "what is here contradicts nothing that was signed any more";
            self.0.stops.keep(&Line::resumed(now, message))?;
        }
        Ok(())
    }

    /// That it may sign.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn check(&self) -> Result<(), StoreError> {
        match self.stopped() {
            Some(stop) => Err(StoreError::Stopped(stop)),
            None => Ok(()),
        }
    }
}

/// Evidence that ends with the process.
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
    fn evidence_is_read_as_it_was_written() {
        for stop in stops() {
            assert_eq!(Line::parse(&stop.to_line()), Some(Line::Stopped(Box::new(stop))));
        }
        let resumed = Line::resumed(Time::MIN, "it goes on");
        let message = "it goes on".to_owned();
        assert_eq!(Line::parse(&resumed), Some(Line::Resumed { at: Time::MIN, message }));
        assert_eq!(Line::parse("{}"), None);
    }

    #[test]
    fn a_claim_without_proof_gives_way_to_any_other_cause_and_ends_with_its_witness() {
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
        // A proof does not depend on who is named as a witness; a claim does.
        for (stop, named, stopped) in
            [(&claim, true, true), (&claim, false, false), (&proven, true, true), (&proven, false, true)]
        {
            let kept = InMemory(vec![stop.to_line()].into());
            let signing = Signing::open(Box::new(kept), Time::MIN, &|_| named).unwrap();
            assert_eq!(signing.stopped().is_some(), stopped, "{stop:?} {named}");
        }
    }

    #[test]
    fn claims_that_come_and_go_do_not_fill_the_evidence() {
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
    fn what_stopped_the_log_first_counts_and_stays() {
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
