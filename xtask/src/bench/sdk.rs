//! Cost of recording in a program: on Node.js compared with an unsigned logger and with a signature per
//! event, and in a Cloudflare Worker.

use std::process::Command;

use anyhow::Result;

use super::Bench;
use super::contest::{Samples, numbers};
use super::figure::{Bound, Figure};
use crate::run;

/// Notes on the measurement, printed with the figures.
pub(super) const NOTES: &str = "\
About the SDK: on Node.js, everything is processor time of all threads, and goes to memory. \"record\" is only the
call, and \"record, p99\" the wall-clock time of the slowest hundredth. \"recording\" is 64 events and a flush, repeatedly;
pino writes each event as a line of JSON, and \"signing each\" is JSON and a WebCrypto signature for each. In workerd, a
request records 64 events with withCountersign and waits for the log's proof: \"flush\" is relative to a request that only
records, \"64 events\" relative to one that only sends them as JSON. Loading and start are the time from starting
the process to the first response, relative to the same Worker without the package: loading includes loading the
package, start also creating the recorder. A gate decides with the 30 rules and the watchlist of
crates/analyze/tests/gate; loading includes its WebAssembly and the rules.";

const EVENTS: u64 = 256_000;
const REQUESTS: u64 = 4_000;
const STARTS: u64 = 25;
const DECISIONS: u64 = 200_000;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = on_node(bench)?;
    figures.extend(in_workerd(bench)?);
    figures.extend(gates(bench)?);
    Ok(figures)
}

/// Measures a gate with 30 rules and a watchlist. In workerd by this process's clock, because its own
/// stands still.
fn gates(bench: &Bench) -> Result<Vec<Figure>> {
    let script = |place: &str| -> Result<Command> {
        let mut script = bench.script("gate.mjs")?;
        script.args([place, &bench.scaled(DECISIONS).to_string()]);
        Ok(script)
    };
    let [node, node_ready] = rounds(bench, "gate on Node.js", script("node")?)?;
    let [workerd, workerd_ready] = rounds(bench, "gate in workerd", script("workerd")?)?;
    Ok(vec![
        Figure::new("decision on Node.js", "µs", node).held_to(Bound::AtMost(5.0)),
        Figure::new("decision in workerd", "µs", workerd).held_to(Bound::AtMost(5.0)),
        Figure::new("loading rules on Node.js", "ms", node_ready).held_to(Bound::AtMost(5.0)),
        Figure::new("loading rules in workerd", "ms", workerd_ready).held_to(Bound::AtMost(5.0)),
    ])
}

fn on_node(bench: &Bench) -> Result<Vec<Figure>> {
    let of = |what: &str| -> Result<Command> {
        let mut script = bench.script("record-sdk.mjs")?;
        script.args([what, &bench.scaled(EVENTS).to_string()]);
        Ok(script)
    };
    let programs = [of("call")?, of("slow")?, of("recording")?, of("pino")?, of("webcrypto")?];
    let [call, slow, recording, pino, webcrypto] = bench.run("sdk on Node.js", programs)?;
    Ok(vec![
        Figure::new("record", "µs/event", call).held_to(Bound::AtMost(10.0)),
        Figure::new("record, p99", "µs", slow),
        Figure::new("recording", "µs/event", recording.clone()),
        Figure::new("recording/pino", "times", recording.ratio(&pino)),
        Figure::new("signing each/recording", "times", webcrypto.ratio(&recording)),
    ])
}

fn in_workerd(bench: &Bench) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    let program = bench.release("countersign");
    let script = |what: &str, count: u64| -> Result<Command> {
        let mut script = bench.script("workerd-sdk.mjs")?;
        script.arg(&program).args([what, &count.to_string()]);
        Ok(script)
    };
    let flushes = script("flush", bench.scaled(REQUESTS))?;
    let [flush, all] = rounds(bench, "sdk in workerd", flushes)?;
    let [loaded, passed, processor, first] = rounds(bench, "start in workerd", script("start", STARTS)?)?;
    Ok(vec![
        Figure::new("flush of 64 in workerd", "ms", flush).held_to(Bound::AtMost(2.0)),
        Figure::new("64 events in workerd", "ms", all),
        Figure::new("loading in workerd", "ms", loaded).held_to(Bound::AtMost(10.0)),
        Figure::new("start in workerd", "ms", passed).held_to(Bound::AtMost(10.0)),
        Figure::new("start in workerd, processor", "ms", processor).held_to(Bound::AtMost(10.0)),
        Figure::new("start with an event, processor", "ms", first),
    ])
}

/// Runs a script once per round, and returns the figures that it prints.
fn rounds<const N: usize>(bench: &Bench, name: &str, mut script: Command) -> Result<[Samples; N]> {
    bench.tools.progress.step(name, |_| {
        let rounds = (0..bench.args.rounds).map(|_| numbers::<N>(&run::output(&mut script)?));
        let rounds: Vec<[f64; N]> = rounds.collect::<Result<_>>()?;
        Ok(std::array::from_fn(|which| {
            Samples::from_rounds(rounds.iter().map(|round| round[which]).collect())
        }))
    })
}
