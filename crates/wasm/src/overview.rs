//! The artifact `overview`: an inventory of called endpoints, and the risk of scenarios.

use countersign::Diagnostic;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::AnalyzeError;
use countersign_analyze::document::ExportFacts;
use countersign_analyze::inventory::{Description, Inventory, InventoryOptions};
use countersign_query::{Unparsed, batch};
use countersign_risk::{
    DEFAULT_YEARS, Log, Observation, Observations, ProposedFrequency, Report, Scenario, Span, chart, markdown,
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

/// Collects endpoints from verified events.
#[wasm_bindgen]
pub struct Endpoints {
    inventory: Inventory,
    events: u64,
}

#[wasm_bindgen]
impl Endpoints {
    /// Creates an inventory, compared with an API description if given: OpenAPI or Swagger, as JSON or YAML.
    #[wasm_bindgen(constructor)]
    pub fn new(description: Option<String>) -> Result<Self, Thrown> {
        let description = description.map(|text| Description::parse(&text)).transpose().map_err(faulty)?;
        let inventory = Inventory::new(InventoryOptions { description, since: None });
        Ok(Self { inventory, events: 0 })
    }

    /// Adds complete lines as written by an index.
    pub fn take(&mut self, lines: &[u8]) -> Result<(), Thrown> {
        let Self { inventory, events } = self;
        let mut are_read = true;
        let taken = batch::each(lines, |line| {
            *events += 1;
            let looked = line.with_parsed_fields(|entry| inventory.add(line.index.unsigned_abs(), entry));
            are_read &= looked.is_some();
        });
        match taken {
            Some(_) if are_read => Ok(()),
            _ => Err(Error::new(Code::Export, "the lines were not made by this version").into()),
        }
    }

    /// Returns the current inventory in the format of `countersign inventory --format json`, for an export with this
    /// report.
    pub fn describe(
        &self,
        origin: Option<String>,
        size: Option<f64>,
        root: Option<String>,
        verdict: String,
        complete: Option<Vec<f64>>,
    ) -> String {
        let complete = complete.and_then(|range| Some([index(*range.first()?)?, index(*range.get(1)?)?]));
        let log = size.and_then(index).zip(root);
        self.inventory.clone().finish().json(&ExportFacts {
            origin,
            log,
            verdict,
            complete,
            events: self.events,
        })
    }
}

/// The result of a simulation.
#[derive(Serialize)]
struct Exposure<'a> {
    report: &'a Report,
    /// The chart as SVG.
    svg: String,
    /// The report as Markdown.
    markdown: String,
    /// For each proposed frequency, the scenario's text with the frequency set; null if a person has to edit it.
    applied: Vec<Option<String>>,
    /// True if nothing is proposed because the log spans less than a day.
    short: bool,
}

/// An error in a scenario.
#[derive(Serialize)]
struct ScenarioFailure<'a> {
    /// The scenario's file; empty if several are concerned.
    file: &'a str,
    line: u64,
    member: String,
    problem: String,
    hint: String,
}

/// Findings and endpoints to compare with scenarios.
#[wasm_bindgen]
pub struct Signals {
    observations: Vec<Observation>,
    span: Span,
    is_complete: bool,
    unparsed: Unparsed,
    is_short: bool,
}

#[wasm_bindgen]
impl Signals {
    /// Creates signals for a time span, with times such as `2026-01-01T00:00:00.000Z`: from the first to the
    /// last entry of the log, or as stated by the user (`is_stated`).
    #[wasm_bindgen(constructor)]
    pub fn new(from: &str, to: &str, is_stated: bool, is_complete: bool) -> Result<Self, Thrown> {
        let time = |text: &str| Time::parse(text.as_bytes());
        let span = time(from).zip(time(to)).and_then(|(from, to)| Span::between(from, to));
        let span = span.ok_or_else(|| {
            Error::new(Code::Time, "the span must have a start and an end, and the end must be later")
        })?;
        let is_short = !is_stated && span.is_short();
        Ok(Self { observations: Vec::new(), is_short, span, is_complete, unparsed: Unparsed::default() })
    }

    /// Sets the number of events that no parser recognizes, and that of all events.
    pub fn set_unparsed(&mut self, unparsed: f64, events: f64) {
        let count = |number| index(number).unwrap_or_default();
        self.unparsed = Unparsed { unparsed: count(unparsed), events: count(events) };
    }

    /// Adds a finding, with its rule's tags.
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
        let found = Observation::from_finding(rule, title, level, signer_trust.as_deref(), tags, leaves);
        self.observations.extend(found);
    }

    /// Adds an endpoint: its method or service, and its path or operation.
    pub fn called(&mut self, one: Option<String>, other: Option<String>, flags: Vec<String>, leaves: &[f64]) {
        self.observations.push(Observation::from_endpoint([one, other], flags, indexes(leaves)));
    }
}

fn indexes(leaves: &[f64]) -> Vec<u64> {
    leaves.iter().copied().filter_map(index).collect()
}

/// Simulates years of scenarios, each the text of a file, seeded by the root of a log, and compares them with the
/// signals, as `countersign risk` does. Returns an `Exposure`, or a list of `ScenarioFailure`.
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
    let no_root = || Error::new(Code::Checkpoint, "`root` must be a root hash in base64");
    let root = root.map(|root| Hash::from_base64(&root).ok_or_else(no_root)).transpose()?;
    let log = root.map(|root| Log { origin, size: size.and_then(index), root });
    let short = signals.as_ref().is_some_and(|signals| signals.is_short);
    let observed =
        signals.filter(|_| !short).map(|Signals { observations, span, is_complete, unparsed, .. }| {
            Observations { observations, span, is_complete, unparsed, root }
        });
    let (mut proposed, mut applied) = (Vec::new(), Vec::new());
    for (scenario, text) in scenarios.iter().zip(&texts) {
        if let Some(one) =
            observed.as_ref().and_then(|observed| ProposedFrequency::from_observations(scenario, observed))
        {
            applied.push(one.applied(text));
            proposed.push(one);
        }
    }
    match Report::simulate(scenarios, log, DEFAULT_YEARS) {
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

/// Serializes a value to plain JavaScript objects, as `JSON.parse` would return.
fn value(of: &impl Serialize) -> Result<JsValue, Thrown> {
    of.serialize(&Serializer::json_compatible()).map_err(|error| Thrown(error.into()))
}
