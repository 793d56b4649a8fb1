//! What recording costs a program: on Node.js against an unsigned logger and against a signature for each event, and in a
//! Cloudflare Worker.

use std::process::Command;

use anyhow::Result;

use super::Bench;
use super::contest::{Samples, numbers};
use super::figure::{Bound, Figure};
use crate::run;

/// How the figures came about, for those who read them.
pub(super) const NOTES: &str = "\
About the SDK: on Node.js all is of the processor, of all threads together, and goes to memory; \"record\" is the call
alone, and \"record, p99\" what passed for the slowest hundredth. \"recording\" is 64 events and a flush, over and over;
pino writes each as a line of JSON, and \"signing each\" is JSON and a signature of WebCrypto's for each. In workerd a
request records 64 events with withCountersign and waits for the log's proof: \"flush\" is less a request that only
records, \"64 events\" less one that only sends them as JSON. Loading and start are from
that of the process to the first answer, less that of the same Worker without the package: for the first the package was
loaded until then, for the second the recorder was made too. A gate decides with the 30 rules and the watchlist of
crates/analyze/tests/gate; loading is its WebAssembly and the rules.";

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

/// What a gate with 30 rules and a watchlist costs: in workerd by the clock, for its own stands still.
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

/// The figures that a script prints, of each round.
fn rounds<const N: usize>(bench: &Bench, name: &str, mut script: Command) -> Result<[Samples; N]> {
    bench.tools.progress.step(name, |_| {
        let rounds = (0..bench.args.rounds).map(|_| numbers::<N>(&run::output(&mut script)?));
        let rounds: Vec<[f64; N]> = rounds.collect::<Result<_>>()?;
        Ok(std::array::from_fn(|which| Samples::of(rounds.iter().map(|round| round[which]).collect())))
    })
}
