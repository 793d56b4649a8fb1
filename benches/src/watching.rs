//! Latency of `countersign watch` from an acknowledgment to its alert, while other emitters load the log.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use countersign::proof::Proof;
use serde_json::Value;

use crate::load::{agent, post};
use crate::server::{Server, TOKEN};
use crate::submissions::{EMITTERS, Emitter};

/// The number of events per submission of the other emitters.
const SIZE: u64 = 16;
/// The pause between two marked events.
const PAUSE: Duration = Duration::from_millis(20);
/// The time within which the last alert must arrive.
const ALERT_TIMEOUT: Duration = Duration::from_mins(1);

const RULES: &str = "\
title: Marked Event
id: marked
level: high
detection:
  selection:
    action: bench.marked
  condition: selection
";

/// Milliseconds to an alert, and the events per second that the log accepted in the meantime.
pub(crate) struct Measured {
    pub(crate) median: f64,
    pub(crate) slow: f64,
    pub(crate) rate: f64,
}

/// Measures the alerts of this number of marked events.
pub(crate) fn watching(program: &Path, within: &Path, marks: usize) -> Result<Measured> {
    let folder = tempfile::tempdir_in(within)?;
    let log = folder.path().join("log");
    let server = Server::start(program, &log)?;
    let mut marked = Emitter::open(0, 0)?;
    let url = format!("{}/submit", server.url);
    post(&agent(), &url, &marked.submission(0)?)?;
    let (_watch, alerts) = watch(program, folder.path(), &server.url)?;
    let (over, accepted) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    let acknowledged = thread::scope(|scope| {
        let (over, accepted, url) = (&over, &accepted, url.as_str());
        let others: Vec<_> =
            (1..EMITTERS).map(|emitter| scope.spawn(move || load(emitter, url, over, accepted))).collect();
        let acknowledged = mark(&mut marked, url, marks);
        over.store(true, Ordering::Relaxed);
        for other in others {
            other.join().map_err(|_| anyhow!("an emitter panicked"))??;
        }
        acknowledged
    })?;
    #[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
    let rate = accepted.into_inner() as f64 / begin.elapsed().as_secs_f64();
    let mut took = Vec::with_capacity(marks);
    while took.len() < marks {
        let (leaf, received) = alerts.recv_timeout(ALERT_TIMEOUT).context("some alerts did not arrive")?;
        let acknowledged =
            acknowledged.get(&leaf).context("an alert names an entry that was not acknowledged")?;
        took.push(received.saturating_duration_since(*acknowledged).as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    Ok(Measured { median: took[took.len() / 2], slow: took[took.len() * 99 / 100], rate })
}

/// Starts the watcher. The receiver gets the entry of each alert and the time of its arrival.
fn watch(program: &Path, folder: &Path, url: &str) -> Result<(KillOnDrop, Receiver<(u64, Instant)>)> {
    fs::write(folder.join("rules.yml"), RULES)?;
    let token = folder.join("token.txt");
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(token)?.write_all(TOKEN.as_bytes())?;
    let mut child = Command::new(program)
        .current_dir(folder)
        .args(["watch", url, "--trust", "log/trust.txt", "--token-file", "token.txt", "--rules", "rules.yml"])
        .args(["--state", "watch", "--format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let lines = BufReader::new(child.stdout.take().context("standard output is not piped")?).lines();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let now = Instant::now();
            let alert: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(leaf) = alert["data"]["finding"]["entries"][0].as_u64() {
                let _ = sender.send((leaf, now));
            }
        }
    });
    Ok((KillOnDrop(child), receiver))
}

/// Submits marked events one at a time. Returns the time of each acknowledgment by entry.
fn mark(emitter: &mut Emitter, url: &str, marks: usize) -> Result<HashMap<u64, Instant>> {
    let agent = agent();
    let mut acknowledged = HashMap::new();
    for _ in 0..marks {
        let answer = post(&agent, url, &emitter.submission_of(br#"{"action":"bench.marked"}"#)?)?;
        let now = Instant::now();
        let answer: Value = serde_json::from_slice(&answer)?;
        let tips = answer["chains"].as_object().context("the response has no `chains`")?;
        let proof = tips
            .values()
            .next()
            .and_then(|tip| tip["proof"].as_str())
            .context("the response has no proof")?;
        acknowledged.insert(Proof::parse(proof)?.index, now);
        thread::sleep(PAUSE);
    }
    ensure!(acknowledged.len() == marks, "two events were acknowledged with the same entry");
    Ok(acknowledged)
}

/// Submits as fast as the log responds.
fn load(emitter: u8, url: &str, over: &AtomicBool, accepted: &AtomicU64) -> Result<()> {
    let agent = agent();
    let mut emitter = Emitter::open(emitter, 0)?;
    post(&agent, url, &emitter.submission(0)?)?;
    while !over.load(Ordering::Relaxed) {
        post(&agent, url, &emitter.submission(SIZE)?)?;
        accepted.fetch_add(SIZE, Ordering::Relaxed);
    }
    Ok(())
}

/// A process that is killed when dropped.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
