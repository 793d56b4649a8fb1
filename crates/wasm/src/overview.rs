//! The artifact `overview`: which endpoints verified events say were called, and what may be lost by scenarios.

use countersign::Diagnostic;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::AnalyzeError;
use countersign_analyze::document::Seen;
use countersign_analyze::inventory::{Asked, Description, Inventory};
use countersign_query::batch;
use countersign_risk::{
    DEFAULT_YEARS, Log, Observation, Observed, Proposed, Report, Scenario, Span, chart, markdown,
};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{CodedError, Thrown, index};

fn faulty(fault: AnalyzeError) -> Thrown {
    let thrown = CodedError::new(&fault.message);
    thrown.set_code(fault.code);
    thrown.set_member(fault.member.as_deref());
    thrown.set_hint(fault.hint.as_deref());
    thrown.set_line(fault.line.map(|line| line as f64));
    Thrown(thrown.into())
}

/// Learns of endpoints from verified events.
#[wasm_bindgen]
pub struct Endpoints {
    inventory: Inventory,
    events: u64,
}

#[wasm_bindgen]
impl Endpoints {
    /// To be compared with what describes the API, where that is given: OpenAPI or Swagger, as JSON or YAML.
    #[wasm_bindgen(constructor)]
    pub fn new(description: Option<String>) -> Result<Self, Thrown> {
        let description = description.map(|text| Description::parse(&text)).transpose().map_err(faulty)?;
        let inventory = Inventory::new(Asked { description, since: None });
        Ok(Self { inventory, events: 0 })
    }

    /// Takes whole lines as an index writes them.
    pub fn take(&mut self, lines: &[u8]) -> Result<(), Thrown> {
        let Self { inventory, events } = self;
        let mut are_read = true;
        let taken = batch::each(lines, |line| {
            *events += 1;
            let looked = line.look_as_read(|entry| inventory.take(line.index.unsigned_abs(), entry));
            are_read &= looked.is_some();
        });
        match taken {
            Some(_) if are_read => Ok(()),
            _ => Err(Error::new(Code::Export, "this was not made by this version").into()),
        }
    }

    /// What is known by now, as `countersign inventory --format json` prints it of an export with such a report.
    pub fn tell(
        &self,
        origin: Option<String>,
        size: Option<f64>,
        root: Option<String>,
        verdict: String,
        complete: Option<Vec<f64>>,
    ) -> String {
        let complete = complete.and_then(|range| Some([index(*range.first()?)?, index(*range.get(1)?)?]));
        let log = size.and_then(index).zip(root);
        self.inventory.clone().finish().json(&Seen { origin, log, verdict, complete, events: self.events })
    }
}

/// What scenarios come to.
#[derive(Serialize)]
struct Exposure<'a> {
    report: &'a Report,
    /// The chart.
    svg: String,
    /// All of it, to be filed.
    markdown: String,
    /// For each frequency that is proposed, its scenario's text with it; null where a person has to write it.
    applied: Vec<Option<String>>,
    /// Whether nothing is proposed because all was recorded in less than a day.
    short: bool,
}

/// Why scenarios cannot be used.
#[derive(Serialize)]
struct ScenarioFailure<'a> {
    /// The scenario's file; empty where it is about several.
    file: &'a str,
    line: u64,
    member: String,
    problem: String,
    hint: String,
}

/// What findings and endpoints show, on its way to be held against scenarios.
#[wasm_bindgen]
pub struct Signals {
    observations: Vec<Observation>,
    span: Span,
    is_complete: bool,
    is_short: bool,
}

#[wasm_bindgen]
impl Signals {
    /// Of what was looked at between two times, such as `2026-01-01T00:00:00.000Z`: those of the log's first and last
    /// entry, or those that somebody states (`is_stated`).
    #[wasm_bindgen(constructor)]
    pub fn new(from: &str, to: &str, is_stated: bool, is_complete: bool) -> Result<Self, Thrown> {
        let time = |text: &str| Time::parse(text.as_bytes());
        let span = time(from).zip(time(to)).and_then(|(from, to)| Span::between(from, to));
        let span = span.ok_or_else(|| Error::new(Code::Time, "not a span of time"))?;
        Ok(Self { observations: Vec::new(), is_short: !is_stated && span.is_short(), span, is_complete })
    }

    /// Takes a finding, with its rule's tags.
    pub fn found(
        &mut self,
        rule: String,
        title: String,
        level: String,
        signer_trust: Option<String>,
        tags: Vec<String>,
        leaves: &[f64],
    ) {
        let (rule, level, leaves) = (Some(rule), Some(level), indexes(leaves));
        let found = Observation::found(rule, title, level, signer_trust.as_deref(), tags, leaves);
        self.observations.extend(found);
    }

    /// Takes an endpoint: its method or service, and its path or operation.
    pub fn called(&mut self, one: Option<String>, other: Option<String>, flags: Vec<String>, leaves: &[f64]) {
        self.observations.push(Observation::called([one, other], flags, indexes(leaves)));
    }
}

fn indexes(leaves: &[f64]) -> Vec<u64> {
    leaves.iter().copied().filter_map(index).collect()
}

/// Simulates years of scenarios, each the text of a file, by the root of a log, and holds what was observed against them,
/// as `countersign risk` does. Gives an `Exposure`, or a list of `ScenarioFailure`.
#[wasm_bindgen]
pub fn expose(
    names: Vec<String>,
    texts: Vec<String>,
    origin: Option<String>,
    size: Option<f64>,
    root: Option<String>,
    signals: Option<Signals>,
) -> Result<JsValue, Thrown> {
    let mut refused = Vec::new();
    let mut scenarios = Vec::new();
    for (file, text) in names.iter().zip(&texts) {
        let refuse = |fault: AnalyzeError| {
            let Diagnostic { message: problem, line, member, hint, .. } = fault.into();
            let (line, member) = (line.unwrap_or_default(), member.unwrap_or_default());
            ScenarioFailure { file, line, member, problem, hint: hint.unwrap_or_default().into_owned() }
        };
        match Scenario::parse(text) {
            Ok(scenario) => scenarios.push(scenario),
            Err(faults) => refused.extend(faults.0.into_iter().map(refuse)),
        }
    }
    if !refused.is_empty() {
        return value(&refused);
    }
    let no_root = || Error::new(Code::Checkpoint, "not a root hash");
    let root = root.map(|root| Hash::from_base64(&root).ok_or_else(no_root)).transpose()?;
    let log = root.map(|root| Log { origin, size: size.and_then(index), root });
    let short = signals.as_ref().is_some_and(|signals| signals.is_short);
    let observed = signals.filter(|_| !short).map(|Signals { observations, span, is_complete, .. }| {
        Observed { observations, span, is_complete, root }
    });
    let (mut proposed, mut applied) = (Vec::new(), Vec::new());
    for (scenario, text) in scenarios.iter().zip(&texts) {
        if let Some(one) = observed.as_ref().and_then(|observed| Proposed::of(scenario, observed)) {
            applied.push(one.applied(text));
            proposed.push(one);
        }
    }
    match Report::of(scenarios, log, DEFAULT_YEARS) {
        Ok(mut report) => {
            report.proposed = proposed;
            let (svg, markdown) = (chart::svg(&report), markdown::markdown(&report));
            value(&Exposure { report: &report, svg, markdown, applied, short })
        }
        Err(unfit) => {
            let (problem, hint) = (unfit.to_string(), unfit.hint().into());
            value(&[ScenarioFailure { file: "", line: 0, member: String::new(), problem, hint }])
        }
    }
}

/// As `JSON.parse` would give it.
fn value(of: &impl Serialize) -> Result<JsValue, Thrown> {
    of.serialize(&Serializer::json_compatible()).map_err(|error| Thrown(error.into()))
}
