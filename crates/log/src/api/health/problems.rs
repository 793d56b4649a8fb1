//! The problems that `/healthz` reports: which part is ill, and what to do.

use serde_json::{Value, json};

use crate::clock::{ClockComparison, ClockState};
use crate::condition::{Condition, MIN_FREE_BYTES, Room};
use crate::part::Part;
use crate::stop::SigningStop;
use crate::store::Published;

/// A problem of a log server. It contains no names of tenants, and nothing of an error's details, because an ordinary
/// log shows it to everyone.
pub(super) struct HealthProblem {
    pub(super) part: Part,
    code: String,
    message: String,
    hint: String,
    /// True if the log server is unhealthy because of it.
    pub(super) is_critical: bool,
}

impl HealthProblem {
    fn new(part: Part, code: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { part, code: code.into(), message: message.into(), hint: hint.into(), is_critical: true }
    }

    fn not_critical(self) -> Self {
        Self { is_critical: false, ..self }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "part": self.part.word(),
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "docs": self.part.docs(),
            "critical": self.is_critical,
        })
    }
}

/// Returns all problems, those of signing and storing first.
pub(super) fn find(
    size: Option<u64>,
    published: Option<&Published>,
    clock: &ClockComparison,
    condition: &Condition,
    stopped: Option<&SigningStop>,
) -> Vec<HealthProblem> {
    let mut problems = Vec::new();
    if let Some(stop) = stopped {
        problems.push(HealthProblem::new(Part::Signing, stop.cause.code(), &*stop.message, stop.hint()));
    }
    if size.is_none() {
        let hint = "check the disk, and read the server's logs";
        problems.push(HealthProblem::new(Part::Disk, "store.failed", "the log can't be read", hint));
    }
    problems.extend(of_storage(condition));
    problems.extend(of_journal(condition));
    problems.extend(of_clock(clock));
    match published {
        None => problems.push(HealthProblem::new(
            Part::Server,
            "log.unpublished",
            "the log has published no checkpoint",
            "wait until the server has started; if the problem persists, read its logs",
        )),
        Some(published) if !published.witnessed => problems.push(
            HealthProblem::new(
                Part::Witnesses,
                "log.unwitnessed",
                "the newest checkpoint lacks cosignatures that the quorum requires",
                "check that the witnesses are reachable; see countersign_witness_failures_total",
            )
            .not_critical(),
        ),
        Some(_) => {}
    }
    if condition.erasing.failing {
        problems.push(HealthProblem::new(
            Part::Erasing,
            "erasure.failing",
            "a recorded erasure can't be carried out, so events that should be erased still exist",
            "read the server's logs; the server retries, and GET /erasures lists erasures that aren't done",
        ));
    }
    problems.extend(condition.control_files.iter().map(of_control_file));
    problems.extend(of_tenants(condition));
    if condition.stopping {
        let hint = "wait until it has stopped, or start it again";
        problems.push(HealthProblem::new(Part::Server, "server.stopping", "the server is stopping", hint));
    }
    problems
}

/// Returns the problems of the disk, the stored data, and the bucket.
fn of_storage(condition: &Condition) -> Vec<HealthProblem> {
    let mut problems = Vec::new();
    if condition.storage.room.is_some_and(Room::is_full) {
        let message = format!("the disk has less than {} MiB of free space", MIN_FREE_BYTES >> 20);
        problems.push(HealthProblem::new(
            Part::Disk,
            "disk.full",
            message,
            "free space on the disk, or move the log",
        ));
    }
    if let Some(part) = condition.storage.failing {
        let (code, message, hint) = match part {
            Part::Disk => (
                "disk.failing",
                "the newest commit could not be written to the disk",
                "check the disk's free space, quota, and permissions, and its errors in the system's log",
            ),
            Part::Data => (
                "data.failing",
                "the newest commit failed, because stored data is damaged or can't be read",
                "check the disk's errors in the system's log, and run `countersign fsck`",
            ),
            Part::Bucket => (
                "bucket.failing",
                "the log's bucket does not answer, or rejects requests",
                "check the bucket, its credentials, and the network",
            ),
            Part::Clock => (
                "log.clock",
                "the newest commit failed, because the log's clock is wrong",
                "correct the clock of the server's machine",
            ),
            Part::Witnesses => (
                "witnesses.failing",
                "the newest commit waits for witnesses",
                "check that the witnesses are reachable",
            ),
            Part::Journal => (
                "journal.failing",
                "the newest commit could not be stored in the journal",
                "check that the journal is reachable, and that it has free space",
            ),
            _ => (
                "server.failing",
                "the newest commit failed",
                "read the server's logs, which have the reason",
            ),
        };
        problems.push(HealthProblem::new(part, code, message, hint));
    }
    if let Some([code, place, message, hint]) = &condition.damaged {
        problems.push(HealthProblem::new(Part::Data, code, format!("{place}: {message}"), hint));
    }
    problems
}

/// Returns the problem of the journal. It is critical only if submissions wait for the journal.
fn of_journal(condition: &Condition) -> Option<HealthProblem> {
    let journal = condition.journal.filter(|journal| journal.is_failing)?;
    // The newest commit says so too.
    if condition.storage.failing == Some(Part::Journal) {
        return None;
    }
    let message = "the journal can't be written";
    let hint = "check that the journal is reachable, and that it has free space";
    let problem = HealthProblem::new(Part::Journal, "journal.failing", message, hint);
    Some(if journal.delays_answers { problem } else { problem.not_critical() })
}

fn of_clock(clock: &ClockComparison) -> Option<HealthProblem> {
    let skew = match clock.state() {
        ClockState::Ahead | ClockState::Behind => clock.outside?,
        ClockState::Implausible => {
            let (machine, now) = (clock.machine, clock.now);
            let message = format!(
                "the machine's clock shows {machine}, but the newest time that the log knows is {now}; submissions are rejected"
            );
            let hint = "correct the clock, or confirm it with `countersign clock --dir DIR --confirm`";
            return Some(HealthProblem::new(Part::Clock, "log.clock", message, hint));
        }
        ClockState::Jumped => {
            let (machine, now) = (clock.machine, clock.now);
            let message = format!(
                "the machine's clock jumped to {machine}; the log continues with the elapsed time, {now}"
            );
            let hint = "correct the clock, or confirm it with `countersign clock --dir DIR --confirm`";
            return Some(HealthProblem::new(Part::Clock, "clock.jumped", message, hint).not_critical());
        }
        ClockState::BehindLastTick => {
            let message = "the last tick is dated ahead of the log's clock, and so are later ticks";
            let hint = "compare the clock with another one; it is now behind, or was ahead before";
            return Some(
                HealthProblem::new(Part::Clock, "clock.behind_last_tick", message, hint).not_critical(),
            );
        }
        ClockState::Unknown | ClockState::Agrees => return None,
    };
    let (seconds, side) = ((skew / 1000).unsigned_abs(), if skew > 0 { "ahead of" } else { "behind" });
    let message = format!("the log's clock is {seconds} s {side} the time of its witnesses");
    let hint = "correct the clock of the server's machine; submissions are rejected until then";
    Some(HealthProblem::new(Part::Clock, "log.clock", message, hint))
}

fn of_control_file(error: &Value) -> HealthProblem {
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let message = format!("{}: {}", text("file"), text("message"));
    HealthProblem::new(Part::ControlFiles, text("code"), message, text("hint"))
}

/// Returns the problem of stopped tenant logs. The others work, so it is critical only if there are no others.
fn of_tenants(condition: &Condition) -> Option<HealthProblem> {
    let counts = condition.tenants.as_ref()?.counts;
    if counts.stopped == 0 {
        return None;
    }
    let (stopped, running) = (counts.stopped, counts.live + counts.stopped);
    let message = format!("{stopped} of {running} tenant logs that have not ended are stopped");
    let hint = "list them with `countersign tenant list`, and continue or end each of them";
    let problem = HealthProblem::new(Part::Tenants, "tenants.stopped", message, hint);
    Some(if counts.live == 0 { problem } else { problem.not_critical() })
}
