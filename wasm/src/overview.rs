//! The artefact `overview`: which endpoints verified events say were called, and what may be lost by scenarios.

use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign_analyze::Fault;
use countersign_analyze::document::Seen;
use countersign_analyze::inventory::{Asked, Description, Inventory};
use countersign_query::{Readings, batch};
use countersign_risk::{DEFAULT_YEARS, Log, Report, Scenario, chart, markdown};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{CodedError, Thrown, index};

fn faulty(Fault { code, rule, problem, hint, line, .. }: Fault) -> Thrown {
    let thrown = CodedError::new(&problem);
    thrown.set_code(code);
    thrown.set_member(Some(&*rule).filter(|member| !member.is_empty()));
    thrown.set_hint(Some(&hint));
    thrown.set_line((line > 0).then(|| f64::from(line)));
    Thrown(thrown.into())
}

/// Learns of endpoints from verified events.
#[wasm_bindgen]
pub struct Endpoints {
    inventory: Inventory,
    readings: Readings,
    events: u64,
}

#[wasm_bindgen]
impl Endpoints {
    /// To be compared with what describes the API, where that is given: OpenAPI or Swagger, as JSON or YAML.
    #[wasm_bindgen(constructor)]
    pub fn new(description: Option<String>) -> Result<Self, Thrown> {
        let description = description.map(|text| Description::parse(&text)).transpose().map_err(faulty)?;
        let inventory = Inventory::new(Asked { description, since: None });
        Ok(Self { inventory, readings: Readings::built_in(), events: 0 })
    }

    /// Takes whole lines as the verifier writes them.
    pub fn take(&mut self, lines: &[u8]) -> Result<(), Thrown> {
        let Self { inventory, readings, events } = self;
        let is_read = batch::each(lines, |line| {
            *events += 1;
            line.look(readings, |entry| inventory.take(line.index.unsigned_abs(), entry));
        });
        match is_read {
            Some(_) => Ok(()),
            None => Err(Error::new(Code::Export, "this was not made by this version").into()),
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
}

/// Why scenarios cannot be used.
#[derive(Serialize)]
struct Refused<'a> {
    /// The scenario's file; empty where it is about several.
    file: &'a str,
    line: u32,
    member: String,
    problem: String,
    hint: String,
}

/// Simulates years of scenarios, each the text of a file, by the root of a log, as `countersign risk` does. Gives an
/// `Exposure`, or a list of `Refused`.
#[wasm_bindgen]
pub fn expose(
    names: Vec<String>,
    texts: Vec<String>,
    origin: Option<String>,
    size: Option<f64>,
    root: Option<String>,
) -> Result<JsValue, Thrown> {
    let mut refused = Vec::new();
    let mut scenarios = Vec::new();
    for (file, text) in names.iter().zip(&texts) {
        let refuse =
            |Fault { line, rule: member, problem, hint, .. }| Refused { file, line, member, problem, hint };
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
    match Report::of(scenarios, log, DEFAULT_YEARS) {
        Ok(report) => {
            let (svg, markdown) = (chart::svg(&report), markdown::markdown(&report));
            value(&Exposure { report: &report, svg, markdown })
        }
        Err(unfit) => {
            let (problem, hint) = (unfit.to_string(), unfit.hint().into());
            value(&[Refused { file: "", line: 0, member: String::new(), problem, hint }])
        }
    }
}

/// As `JSON.parse` would give it.
fn value(of: &impl Serialize) -> Result<JsValue, Thrown> {
    of.serialize(&Serializer::json_compatible()).map_err(|error| Thrown(error.into()))
}
