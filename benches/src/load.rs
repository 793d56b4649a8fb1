//! A log server under load, by emitters that submit as fast as it responds.

use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use countersign::proof::Proof;
use serde::Deserialize;
use ureq::Agent;

use crate::server::Server;
use crate::submissions::{self, EMITTERS, Emitter};

/// The maximum size of a response, in bytes.
const MAX_RESPONSE_BYTES: u64 = 1 << 20;

/// The measurements: events per second, and the milliseconds from sending a submission to its receipts.
pub(crate) struct Measured {
    pub(crate) rate: f64,
    pub(crate) median: f64,
    pub(crate) slow: f64,
}

/// The parts of a response that are parsed while the clock runs.
#[derive(Deserialize)]
struct Response {
    chains: std::collections::BTreeMap<String, Tip>,
    added: u64,
}

#[derive(Deserialize)]
struct Tip {
    proof: String,
}

/// A receipt of a submission.
struct Receipt {
    /// The submission's index among those of its emitter.
    place: usize,
    took: Duration,
    proof: String,
}

/// Lets every emitter submit its events, `size` at a time, with one request each in flight. Only sending,
/// waiting, and reading responses is measured.
pub(crate) fn load(program: &Path, folder: &Path, events: u64, size: u64) -> Result<Measured> {
    let server = Server::start(program, folder)?;
    let submissions = (0..EMITTERS)
        .map(|emitter| submissions(emitter, events / u64::from(EMITTERS), size))
        .collect::<Result<Vec<_>>>()?;
    let begin = Barrier::new(submissions.len());
    let runs = thread::scope(|scope| {
        let emitters: Vec<_> = (submissions.iter())
            .map(|submissions| scope.spawn(|| submit(&server.url, submissions, size, &begin)))
            .collect();
        let join = |emitter: thread::ScopedJoinHandle<'_, _>| {
            emitter.join().map_err(|_| anyhow!("an emitter panicked"))?
        };
        emitters.into_iter().map(join).collect::<Result<Vec<(Instant, Instant, Vec<Receipt>)>>>()
    })?;

    let trust = submissions::trust()?;
    for ((_, _, receipts), submissions) in runs.iter().zip(&submissions) {
        for receipt in receipts {
            let leaf = submissions::last_entry(&submissions[receipt.place])?;
            Proof::parse(&receipt.proof)?.verify(leaf.as_bytes(), None, &trust)?;
        }
    }

    let start = runs.iter().map(|run| run.0).min().context("there are emitters")?;
    let end = runs.iter().map(|run| run.1).max().context("there are emitters")?;
    let mut took: Vec<f64> =
        (runs.iter()).flat_map(|run| run.2.iter().map(|receipt| receipt.took.as_secs_f64() * 1e3)).collect();
    took.sort_by(f64::total_cmp);
    let submitted = took.len() as u64 * size;
    #[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
    let rate = submitted as f64 / (end - start).as_secs_f64();
    Ok(Measured { rate, median: took[took.len() / 2], slow: took[took.len() * 99 / 100] })
}

/// Returns an emitter's submissions: the start of its chain, and then those that are measured.
pub(crate) fn submissions(emitter: u8, events: u64, size: u64) -> Result<Vec<String>> {
    let mut emitter = Emitter::open(emitter, 0)?;
    let mut submissions = vec![emitter.submission(0)?];
    for _ in 0..events / size {
        submissions.push(emitter.submission(size)?);
    }
    Ok(submissions)
}

fn submit(
    url: &str,
    submissions: &[String],
    size: u64,
    begin: &Barrier,
) -> Result<(Instant, Instant, Vec<Receipt>)> {
    let agent = agent();
    let url = format!("{url}/submit");
    let mut receipts = Vec::with_capacity(submissions.len());
    let mut submissions = submissions.iter().enumerate();
    let opened = submissions.next().map(|(_, submission)| send(&agent, &url, submission));
    // All threads wait here, even after errors, or the others couldn't finish.
    begin.wait();
    opened.context("a chain has a beginning")??;
    let start = Instant::now();
    for (place, submission) in submissions {
        let sent = Instant::now();
        let answer = send(&agent, &url, submission)?;
        ensure!(answer.added == size, "{} of {size} events were added", answer.added);
        let (_, tip) = answer.chains.into_iter().next().context("the response has no chain")?;
        receipts.push(Receipt { place, took: sent.elapsed(), proof: tip.proof });
    }
    Ok((start, Instant::now(), receipts))
}

/// Creates a client that keeps its connection.
pub(crate) fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().into()
}

/// Submits, and parses the response.
fn send(agent: &Agent, url: &str, submission: &str) -> Result<Response> {
    let bytes = post(agent, url, submission)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Submits, and returns the body of a successful response.
pub(crate) fn post(agent: &Agent, url: &str, submission: &str) -> Result<Vec<u8>> {
    let mut response = agent.post(url).content_type("application/x-ndjson").send(submission)?;
    let bytes = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec()?;
    ensure!(response.status() == 200, "{}: {}", response.status(), String::from_utf8_lossy(&bytes));
    Ok(bytes)
}
