//! Cost of recording in a program: on Node.js compared with an unsigned logger and with a signature per
//! event, and in a Cloudflare Worker.

use std::process::Command;

use anyhow::Result;

use super::Bench;
use super::contest::repeated;
use super::figure::{Figure, Target};

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
    let [node, node_ready] = repeated(bench, "gate on Node.js", &mut script("node")?)?;
    let [workerd, workerd_ready] = repeated(bench, "gate in workerd", &mut script("workerd")?)?;
    Ok(vec![
        Figure::new("decision of a gate on Node.js", "µs", node).with_target(Target::AtMost(5.0)),
        Figure::new("decision of a gate in workerd", "µs", workerd).with_target(Target::AtMost(5.0)),
        Figure::new("loading a gate's rules on Node.js", "ms", node_ready).with_target(Target::AtMost(5.0)),
        Figure::new("loading a gate's rules in workerd", "ms", workerd_ready)
            .with_target(Target::AtMost(5.0)),
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
        Figure::new("`record` on Node.js", "µs/event", call).with_target(Target::AtMost(6.0)),
        Figure::new("`record` on Node.js, p99", "µs", slow),
        Figure::new("recording on Node.js", "µs/event", recording.clone()),
        Figure::new("recording / pino", "times", recording.ratio(&pino)),
        Figure::new("WebCrypto signature per event / recording", "times", webcrypto.ratio(&recording)),
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
    let mut flushes = script("flush", bench.scaled(REQUESTS))?;
    let [flush, all] = repeated(bench, "sdk in workerd", &mut flushes)?;
    let mut starts = script("start", STARTS)?;
    let [loaded, passed, processor, first] = repeated(bench, "start in workerd", &mut starts)?;
    Ok(vec![
        Figure::new("flush of 64 events in workerd", "ms", flush).with_target(Target::AtMost(0.7)),
        Figure::new("recording and flush of 64 events in workerd", "ms", all),
        Figure::new("loading the package in workerd", "ms", loaded).with_target(Target::AtMost(10.0)),
        Figure::new("start of a recorder in workerd", "ms", passed).with_target(Target::AtMost(7.0)),
        Figure::new("start of a recorder in workerd, processor time", "ms", processor)
            .with_target(Target::AtMost(10.0)),
        Figure::new("start with an event, processor time", "ms", first),
    ])
}
