//! How much the most expensive searches of one tenant slow the searches of another.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use countersign::hash::Hash;
use ureq::Agent;

use super::{RootLog, check, median, parse};
use crate::server::Server;

/// The number of events in the quiet tenant's log.
const FEW_EVENTS: u64 = 1_000;
/// The number of events that are submitted at a time.
const AT_A_TIME: u64 = 1_000;
/// The number of searches that are measured.
const SEARCHES: usize = 20;
/// The number of readers of the loud tenant, and of the searches that each of them repeats at the same time.
const LOUD_READERS: usize = 4;
const SEARCHES_PER_READER: usize = 4;
/// The number of conditions in each of their searches: the maximum.
const CONDITIONS: usize = 128;

/// Explains a search in one tenant's log, alone and while another tenant's readers search `events` events without a pause.
/// Returns the median milliseconds of both.
pub(crate) fn neighbors(program: &Path, within: &Path, events: u64) -> Result<[f64; 2]> {
    let folder = tempfile::tempdir_in(within)?;
    let mut log = RootLog::create(folder.path(), 2, 10)?;
    for (nth, events) in [events, FEW_EVENTS].into_iter().enumerate() {
        let mut emitter = log.emitter(nth)?;
        for _ in 0..events.div_ceil(AT_A_TIME) {
            let answer = log.submit(nth, parse(&emitter.submission(AT_A_TIME)?)?);
            log.tick();
            check(vec![answer])?;
        }
    }
    let [loud, quiet] = [0, 1].map(|nth| {
        let origin = log.tenants[nth].1.origin();
        origin.rsplit_once('/').map_or(origin, |(_, id)| id).to_owned()
    });
    drop(log);
    let server = Server::start_with(program, folder.path(), |readers| {
        for (name, id) in readers_of(&loud, LOUD_READERS).chain(readers_of(&quiet, 1)) {
            let hash = Hash::digest(&[name.as_bytes()]).0;
            let hex = hash.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            writeln!(readers, "{hex} read {name} log={id}")?;
        }
        Ok(())
    })?;
    let config = Agent::config_builder().timeout_global(Some(Duration::from_mins(5)));
    let agent: Agent = config.http_status_as_error(false).build().into();
    let search = |id: &str, token: &str, query: &str| -> Result<Duration> {
        let start = Instant::now();
        let mut answer = agent
            .get(format!("{}/t/{id}/explain", server.url))
            .query("query", query)
            .header("Authorization", format!("Bearer {token}"))
            .call()?;
        let text = answer.body_mut().read_to_string()?;
        let took = start.elapsed();
        ensure!(answer.status().is_success(), "the search failed: {text}");
        Ok(took)
    };
    let worst: String =
        (0..CONDITIONS).fold(String::new(), |query, nth| query + &format!("absent.member{nth}:x "));
    let measured = || -> Result<f64> {
        let times = (0..SEARCHES).map(|_| search(&quiet, &token(&quiet, 0), "action:absent"));
        let times: Result<Vec<Duration>> = times.collect();
        Ok(median(times?.iter().map(Duration::as_secs_f64).collect()) * 1e3)
    };
    let alone = measured()?;
    let (is_over, search, worst) = (AtomicBool::new(false), &search, &worst);
    thread::scope(|scope| {
        let searching: Vec<_> = (0..LOUD_READERS * SEARCHES_PER_READER)
            .map(|nth| {
                let (is_over, token, loud) = (&is_over, token(&loud, nth % LOUD_READERS), &loud);
                scope.spawn(move || -> Result<u64> {
                    let mut searches = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        search(loud, &token, worst)?;
                        searches += 1;
                    }
                    Ok(searches)
                })
            })
            .collect();
        let beside = measured();
        is_over.store(true, Ordering::Relaxed);
        let mut searches = 0;
        for searching in searching {
            searches += searching.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        ensure!(searches > 0, "the other tenant searched nothing");
        Ok([alone, beside.context("the quiet tenant's searches")?])
    })
}

/// Returns the token of a tenant's reader, which is also its name.
fn token(id: &str, nth: usize) -> String {
    format!("csr_{id}{nth}")
}

fn readers_of(id: &str, readers: usize) -> impl Iterator<Item = (String, &str)> {
    (0..readers).map(move |nth| (token(id, nth), id))
}
