//! Reports: the results of several scenarios.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use serde::{Serialize, Serializer};

use crate::figures::Figures;
use crate::proposed::ProposedFrequency;
use crate::scenario::Scenario;
use crate::seed::Seed;
use crate::simulation::{Simulation, SimulationError};

/// The format's identifier.
const FORMAT: &str = "risk/v1";
/// The version of the computation. Figures of one version are equal bit for bit.
const ENGINE: &str = "1";

/// The log whose root seeds the simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// The log's origin, if known.
    pub origin: Option<String>,
    /// The number of entries, if known.
    pub size: Option<u64>,
    /// The root hash of the log.
    #[serde(serialize_with = "hash")]
    pub root: Hash,
}

/// The results of scenarios that are analyzed together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    countersign: &'static str,
    engine: &'static str,
    /// The log whose root seeds the simulation; `None` if only the scenarios do.
    pub log: Option<Log>,
    /// The number of simulated years.
    pub years: u32,
    /// The currency of all amounts.
    pub currency: String,
    /// The result of each scenario.
    pub scenarios: Vec<ScenarioResult>,
    /// The combined losses of the same years, if there are several scenarios.
    pub together: Option<Together>,
    /// The effect of each control, and of all together if there are several.
    pub controls: Vec<ControlEffect>,
    /// Frequencies proposed from observations. The figures don't use them.
    pub proposed: Vec<ProposedFrequency>,
}

/// The result of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioResult {
    /// The scenario.
    #[serde(flatten)]
    pub scenario: Scenario,
    /// The seed of the simulated years.
    #[serde(serialize_with = "seed")]
    pub seed: Seed,
    /// The mean by the formula.
    pub closed_form: f64,
    /// The figures of the simulated years.
    pub figures: Figures,
    /// SHA-256 over the losses of all years.
    #[serde(serialize_with = "hash")]
    pub digest: Hash,
}

/// The combined result of all scenarios.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Together {
    /// The mean by the formula.
    pub closed_form: f64,
    /// The figures of the simulated years.
    pub figures: Figures,
    /// SHA-256 over the losses of all years.
    #[serde(serialize_with = "hash")]
    pub digest: Hash,
}

/// The effect of a control: the same years with and without it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ControlEffect {
    /// The control's id; `None` for all controls together.
    pub id: Option<String>,
    /// The control's title.
    pub title: String,
    /// The scenarios that it changes.
    pub scenarios: Vec<String>,
    /// The combined figures of all scenarios with it.
    pub figures: Figures,
    /// The mean by the formula with it.
    pub closed_form: f64,
    /// The mean reduction of the annual loss.
    pub less: f64,
    /// The standard error of the reduction, over the same years.
    pub standard_error: f64,
    /// The mean annual cost of the control, if given.
    pub cost: Option<f64>,
}

/// An error in analyzing scenarios together.
#[derive(Clone, Debug, PartialEq)]
pub enum RiskError {
    /// There are no scenarios.
    None,
    /// A scenario has another currency than the first: the scenario's id, and the first currency.
    Currency(String, String),
    /// Two scenarios have the same id.
    Twice(String),
    /// A scenario has too many events for this number of years.
    TooMany(String, SimulationError),
}

impl core::fmt::Display for RiskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::None => write!(f, "no scenario was given"),
            Self::Currency(id, first) => {
                write!(f, "the scenario {id} must be in {first}, like the first scenario")
            }
            Self::Twice(id) => write!(f, "two scenarios have the id {id}"),
            Self::TooMany(id, why) => write!(f, "the scenario {id} is too large: {why}"),
        }
    }
}

impl RiskError {
    /// Returns what to do about the error.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::None => "name at least one scenario",
            Self::Currency(..) => "write all scenarios in one currency, since amounts are never converted",
            Self::Twice(_) => "give each scenario its own id",
            Self::TooMany(..) => "lower --years",
        }
    }
}

impl std::error::Error for RiskError {}

impl Report {
    /// Simulates scenarios and each of their controls. Each scenario has its own seed.
    ///
    /// # Errors
    /// Returns a [`RiskError`] if the scenarios can't be analyzed together.
    pub fn simulate(scenarios: Vec<Scenario>, log: Option<Log>, years: u32) -> Result<Self, RiskError> {
        let currency = scenarios.first().ok_or(RiskError::None)?.currency.clone();
        for (nth, scenario) in scenarios.iter().enumerate() {
            if scenario.currency != currency {
                return Err(RiskError::Currency(scenario.id.clone(), currency));
            }
            if scenarios[..nth].iter().any(|other| other.id == scenario.id) {
                return Err(RiskError::Twice(scenario.id.clone()));
            }
        }
        let root = log.as_ref().map(|log| log.root);
        let run = |scenario: &Scenario, controls: &[&str]| {
            let seed = Seed::derive(root.as_ref(), &scenario.hash);
            Simulation::run(scenario, controls, &seed, years)
                .map_err(|why| RiskError::TooMany(scenario.id.clone(), why))
        };
        let simulations =
            scenarios.iter().map(|scenario| run(scenario, &[])).collect::<Result<Vec<_>, _>>()?;
        let all = sum(&simulations);
        // Scenarios that a control doesn't change keep their simulation.
        let effect = |id: Option<&str>, title: &str, controls: &[&str]| -> Result<ControlEffect, RiskError> {
            let (mut with, mut changed, mut closed_form) = (Vec::new(), Vec::new(), 0.0);
            for (scenario, simulation) in scenarios.iter().zip(&simulations) {
                closed_form += scenario.with(controls).mean();
                if scenario.controls.iter().any(|control| controls.contains(&control.id.as_str())) {
                    changed.push(scenario.id.clone());
                    with.push(run(scenario, controls)?);
                } else {
                    with.push(simulation.clone());
                }
            }
            let with = sum(&with);
            let (less, standard_error) = with.less_than(&all);
            Ok(ControlEffect {
                id: id.map(str::to_owned),
                title: title.to_owned(),
                scenarios: changed,
                figures: with.figures(),
                closed_form,
                less,
                standard_error,
                cost: cost(&scenarios, controls),
            })
        };
        let mut titles: BTreeMap<&str, &str> = BTreeMap::new();
        for control in scenarios.iter().flat_map(|scenario| &scenario.controls) {
            titles.entry(&control.id).or_insert(&control.title);
        }
        let mut controls =
            titles.iter().map(|(id, title)| effect(Some(id), title, &[id])).collect::<Result<Vec<_>, _>>()?;
        if titles.len() > 1 {
            let ids: Vec<&str> = titles.keys().copied().collect();
            controls.push(effect(None, "all of them", &ids)?);
        }
        let together = (scenarios.len() > 1).then(|| Together {
            closed_form: scenarios.iter().map(|scenario| scenario.inputs.mean()).sum(),
            figures: all.figures(),
            digest: all.digest(),
        });
        let results = scenarios.into_iter().zip(&simulations).map(|(scenario, simulation)| ScenarioResult {
            seed: Seed::derive(root.as_ref(), &scenario.hash),
            closed_form: scenario.inputs.mean(),
            figures: simulation.figures(),
            digest: simulation.digest(),
            scenario,
        });
        let scenarios = results.collect();
        Ok(Self {
            countersign: FORMAT,
            engine: ENGINE,
            log,
            years,
            currency,
            scenarios,
            together,
            controls,
            proposed: Vec::new(),
        })
    }

    /// Returns the figures of all scenarios together, and the mean by the formula.
    pub fn all(&self) -> (&Figures, f64) {
        match (&self.together, &self.scenarios[..]) {
            (Some(together), _) => (&together.figures, together.closed_form),
            (None, [only, ..]) => (&only.figures, only.closed_form),
            (None, []) => unreachable!("a report has a scenario"),
        }
    }
}

/// Adds up the losses of the same years.
fn sum(of: &[Simulation]) -> Simulation {
    let mut all = of.first().cloned().unwrap_or(Simulation { losses: Vec::new() });
    of.iter().skip(1).for_each(|more| all.add(more));
    all
}

/// Returns the annual cost of controls; `None` if one has no cost. A control of several scenarios is
/// counted once, at its highest cost.
fn cost(scenarios: &[Scenario], controls: &[&str]) -> Option<f64> {
    let of = |id: &str| {
        let costs = scenarios
            .iter()
            .flat_map(|scenario| &scenario.controls)
            .filter(|control| control.id == id)
            .filter_map(|control| control.cost.as_ref());
        costs.map(|cost| cost.0.pert.mean()).reduce(f64::max)
    };
    controls.iter().map(|id| of(id)).sum()
}

pub(crate) fn hash<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hash)
}

fn seed<S: Serializer>(Seed(seed): &Seed, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(seed)
}
