//! All that is told of scenarios.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use serde::{Serialize, Serializer};

use crate::figures::Figures;
use crate::proposed::Proposed;
use crate::scenario::Scenario;
use crate::seed::Seed;
use crate::simulation::{Simulation, SimulationError};

/// How the document says what it is.
const FORMAT: &str = "risk/v1";
/// The version of the computation: figures of one version are equal bit for bit.
const ENGINE: &str = "1";

/// The log by whose root years are simulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Its origin, where it is known.
    pub origin: Option<String>,
    /// How many entries it has, where that is known.
    pub size: Option<u64>,
    /// Its root.
    #[serde(serialize_with = "hash")]
    pub root: Hash,
}

/// All that is told of scenarios that are looked at together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    countersign: &'static str,
    engine: &'static str,
    /// The log by whose root years are simulated; `None` where they are by the scenarios alone.
    pub log: Option<Log>,
    /// How many years are simulated.
    pub years: u32,
    /// The currency of all amounts.
    pub currency: String,
    /// Each scenario.
    pub scenarios: Vec<Told>,
    /// Their losses of the same years together, where there are several scenarios.
    pub together: Option<Together>,
    /// What each control buys, and all of them together where there are several.
    pub controls: Vec<Bought>,
    /// Frequencies that observations propose; the figures are without them.
    pub proposed: Vec<Proposed>,
}

/// What is told of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// The scenario.
    #[serde(flatten)]
    pub scenario: Scenario,
    /// What its years were simulated by.
    #[serde(serialize_with = "seed")]
    pub seed: Seed,
    /// The mean by the formula.
    pub closed_form: f64,
    /// The figures.
    pub figures: Figures,
    /// SHA-256 over the losses of all years.
    #[serde(serialize_with = "hash")]
    pub digest: Hash,
}

/// Losses together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Together {
    /// The mean by the formula.
    pub closed_form: f64,
    /// The figures.
    pub figures: Figures,
    /// SHA-256 over the losses of all years.
    #[serde(serialize_with = "hash")]
    pub digest: Hash,
}

/// What a control buys: the same years, with and without it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bought {
    /// Its name; `None` for all of them together.
    pub id: Option<String>,
    /// What it is.
    pub title: String,
    /// The scenarios that it changes.
    pub scenarios: Vec<String>,
    /// The figures of all scenarios together with it.
    pub figures: Figures,
    /// The mean by the formula, with it.
    pub closed_form: f64,
    /// What a year's losses are less with it, in the mean.
    pub less: f64,
    /// The standard error of that, over the same years.
    pub standard_error: f64,
    /// What it costs a year, in the mean, where that is said.
    pub cost: Option<f64>,
}

/// An error in looking at scenarios together.
#[derive(Clone, Debug, PartialEq)]
pub enum RiskError {
    /// No scenario.
    None,
    /// A scenario has another currency than the first one.
    Currency(String, String),
    /// Two scenarios have the same name.
    Twice(String),
    /// A scenario has too many events for so many years.
    TooMany(String, SimulationError),
}

impl core::fmt::Display for RiskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::None => write!(f, "there is no scenario"),
            Self::Currency(id, first) => {
                write!(f, "the scenario {id} is not in {first}, as the first one is")
            }
            Self::Twice(id) => write!(f, "there are two scenarios with the id {id}"),
            Self::TooMany(id, why) => write!(f, "{id}: {why}"),
        }
    }
}

impl RiskError {
    /// What would repair it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::None => "name a scenario",
            Self::Currency(..) => "amounts are never converted: write all scenarios in one currency",
            Self::Twice(_) => "give each scenario an id of its own",
            Self::TooMany(..) => "ask for fewer --years",
        }
    }
}

impl std::error::Error for RiskError {}

impl Report {
    /// Simulates scenarios, each with its own seed, and each of their controls.
    ///
    /// # Errors
    /// Where scenarios cannot be looked at together: [`RiskError`].
    pub fn of(scenarios: Vec<Scenario>, log: Option<Log>, years: u32) -> Result<Self, RiskError> {
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
            let seed = Seed::of(root.as_ref(), &scenario.hash);
            Simulation::run(scenario, controls, &seed, years)
                .map_err(|why| RiskError::TooMany(scenario.id.clone(), why))
        };
        let simulations =
            scenarios.iter().map(|scenario| run(scenario, &[])).collect::<Result<Vec<_>, _>>()?;
        let all = sum(&simulations);
        // What a control does not touch is as it was.
        let bought = |id: Option<&str>, title: &str, controls: &[&str]| -> Result<Bought, RiskError> {
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
            Ok(Bought {
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
            titles.iter().map(|(id, title)| bought(Some(id), title, &[id])).collect::<Result<Vec<_>, _>>()?;
        if titles.len() > 1 {
            let ids: Vec<&str> = titles.keys().copied().collect();
            controls.push(bought(None, "all of them", &ids)?);
        }
        let together = (scenarios.len() > 1).then(|| Together {
            closed_form: scenarios.iter().map(|scenario| scenario.inputs.mean()).sum(),
            figures: all.figures(),
            digest: all.digest(),
        });
        let told = scenarios.into_iter().zip(&simulations).map(|(scenario, simulation)| Told {
            seed: Seed::of(root.as_ref(), &scenario.hash),
            closed_form: scenario.inputs.mean(),
            figures: simulation.figures(),
            digest: simulation.digest(),
            scenario,
        });
        let scenarios = told.collect();
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

    /// The figures of all scenarios together, and the mean by the formula.
    pub fn all(&self) -> (&Figures, f64) {
        match (&self.together, &self.scenarios[..]) {
            (Some(together), _) => (&together.figures, together.closed_form),
            (None, [only, ..]) => (&only.figures, only.closed_form),
            (None, []) => unreachable!("a report has a scenario"),
        }
    }
}

/// Losses of the same years together.
fn sum(of: &[Simulation]) -> Simulation {
    let mut all = of.first().cloned().unwrap_or(Simulation { losses: Vec::new() });
    of.iter().skip(1).for_each(|more| all.add(more));
    all
}

/// What controls cost a year; `None` where that is not said of each. One of several scenarios is paid for once, at the
/// highest price that is said.
fn cost(scenarios: &[Scenario], controls: &[&str]) -> Option<f64> {
    let of = |id: &str| {
        let said = scenarios
            .iter()
            .flat_map(|scenario| &scenario.controls)
            .filter(|control| control.id == id)
            .filter_map(|control| control.cost.as_ref());
        said.map(|cost| cost.0.pert.mean()).reduce(f64::max)
    };
    controls.iter().map(|id| of(id)).sum()
}

pub(crate) fn hash<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hash)
}

fn seed<S: Serializer>(Seed(seed): &Seed, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(seed)
}
