//! Scenarios: what may happen, how often and at what loss, and who says so.

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::AnalyzeError;
use countersign_analyze::written::{Document, Written};
use serde::Serialize;
use strum::IntoStaticStr;

use crate::pert::Pert;

/// The greatest amount of money, in the currency's units.
pub const MAX_AMOUNT: f64 = 1e15;
/// The most threat events of a year.
pub const MAX_EVENTS: f64 = 100_000.0;
/// The most controls of a scenario, and the most signals.
const MAX_LISTED: usize = 64;
/// How a scenario says what it is.
const FORMAT: &str = "scenario/v1";

/// A loss that may happen, by three numbers for each of what determines it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Its name among others: lower-case letters, digits and hyphens.
    pub id: String,
    /// What happens, in a sentence.
    pub title: String,
    /// The currency of all its amounts, as ISO 4217 has it.
    pub currency: String,
    /// SHA-256 over its canonical JSON: comments and layout make no difference.
    #[serde(serialize_with = "crate::report::hash")]
    pub hash: Hash,
    /// What it is computed with, without any control.
    #[serde(skip)]
    pub inputs: Inputs,
    /// The same as people wrote it, with source and date.
    #[serde(rename = "inputs")]
    pub sources: Vec<Input>,
    /// What, among findings and endpoints, is one of its threat events.
    pub observed: Vec<Signal>,
    /// What could be done about it.
    pub controls: Vec<Control>,
}

/// What a scenario is computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inputs {
    /// Threat events of a year.
    pub frequency: Pert,
    /// The part of them that become losses.
    pub vulnerability: Pert,
    /// What one loss costs.
    pub loss: Pert,
    /// How probable it is that others then cause a second loss, such as fines and customers who leave, and what that is.
    pub secondary: Option<(Pert, Pert)>,
}

/// Three numbers, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    /// Which: `frequency`, `vulnerability`, `loss`, `secondary.probability`, `secondary.loss`.
    pub of: String,
    /// The numbers.
    #[serde(flatten)]
    pub pert: Pert,
    /// Who or what says so.
    pub source: String,
    /// As of when: `2026-11-20`.
    pub date: String,
}

/// What is counted as a threat event where it is observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Signal {
    /// Findings of the rule with this id.
    Rule(String),
    /// Findings with this tag, such as `attack.credential-access`.
    Tag(String),
    /// Findings of this level or above.
    Level(String),
    /// Endpoints that an inventory marks so, such as `shadow`.
    Endpoint(String),
}

/// What could be done about a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control {
    /// Its name: a control of several scenarios has the same in all.
    pub id: String,
    /// What it is, in a sentence.
    pub title: String,
    /// What of the scenario it changes.
    pub changes: Vec<Change>,
    /// What it costs a year, where that is said.
    pub cost: Option<Cost>,
}

/// What an input is with a control.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Change(pub Input);

/// What a control costs a year.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Cost(pub Input);

impl Inputs {
    /// The mean of a year's losses, by the formula.
    pub fn mean(&self) -> f64 {
        let secondary = self.secondary.map_or(0.0, |(probability, loss)| probability.mean() * loss.mean());
        self.events() * (self.loss.mean() + secondary)
    }

    /// How many losses of a year are expected.
    pub fn events(&self) -> f64 {
        self.frequency.mean() * self.vulnerability.mean()
    }

    fn set(&mut self, Change(Input { of, pert, .. }): &Change) {
        match (of.as_str(), &mut self.secondary) {
            ("frequency", _) => self.frequency = *pert,
            ("vulnerability", _) => self.vulnerability = *pert,
            ("loss", _) => self.loss = *pert,
            ("secondary.probability", Some((probability, _))) => *probability = *pert,
            ("secondary.loss", Some((_, loss))) => *loss = *pert,
            _ => {}
        }
    }
}

impl Scenario {
    /// Reads a scenario, in YAML or JSON (`docs/risk.md`).
    ///
    /// # Errors
    /// What cannot be used, with its line, its member and a hint: `scenario.range` for numbers that make no distribution,
    /// `scenario.source` and `scenario.date` where it is not said whose numbers they are, and the codes of
    /// [`Document`]. All that is wrong is told, not the first fault alone.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let document = Document::parse(text).map_err(ScenarioError::one)?;
        let mut faults = ScenarioError::default();
        let scenario = Self::read(&document, &mut faults);
        match scenario {
            Some(scenario) if faults.0.is_empty() => Ok(scenario),
            _ => Err(faults),
        }
    }

    fn read(document: &Document, faults: &mut ScenarioError) -> Option<Self> {
        let root = document.root();
        faults.of(root.only(&[
            "countersign",
            "id",
            "title",
            "currency",
            "note",
            "frequency",
            "vulnerability",
            "loss",
            "secondary",
            "observed",
            "controls",
        ]))?;
        faults.of(format(&root));
        if let Some(note) = root.get("note") {
            faults.of(note.text());
        }
        let id = faults.of(id(&root));
        let title = faults.of(title(&root));
        let currency = faults.of(currency(&root));
        let frequency = faults.input(&root, Kind::Frequency);
        let vulnerability = faults.input(&root, Kind::Vulnerability);
        let loss = faults.input(&root, Kind::Loss);
        let secondary = root.get("secondary").map(|secondary| {
            faults.of(secondary.only(&["probability", "loss"]));
            let probability = faults.input(&secondary, Kind::Probability);
            (probability, faults.input(&secondary, Kind::SecondaryLoss))
        });
        let has_secondary = secondary.is_some();
        let observed = faults.list(&root, "observed", Signal::read);
        let controls =
            faults.list(&root, "controls", |written, faults| Control::read(written, has_secondary, faults));
        for (nth, control) in controls.iter().enumerate() {
            if controls[..nth].iter().any(|other| other.id == control.id) {
                let problem = format!("the control {} is there twice", control.id);
                let fault = root.get("controls").unwrap_or(root.clone());
                faults.0.push(fault.fault("scenario.controls", problem, "give each a name of its own"));
            }
        }
        let secondary = match secondary {
            None => None,
            Some((probability, loss)) => Some((probability?, loss?)),
        };
        let (frequency, vulnerability, loss) = (frequency?, vulnerability?, loss?);
        let canonical = document.canonical().or_else(|| {
            let hint = "numbers beyond 2^53 and half of a surrogate pair cannot be";
            faults.0.push(root.fault("scenario.canonical", "it has no canonical form", hint));
            None
        })?;
        Some(Self {
            id: id?,
            title: title?,
            currency: currency?,
            hash: Hash::of(&[&canonical]),
            inputs: Inputs {
                frequency: frequency.pert,
                vulnerability: vulnerability.pert,
                loss: loss.pert,
                secondary: secondary.as_ref().map(|(probability, loss)| (probability.pert, loss.pert)),
            },
            sources: [frequency, vulnerability, loss]
                .into_iter()
                .chain(secondary.into_iter().flat_map(|(probability, loss)| [probability, loss]))
                .collect(),
            observed,
            controls,
        })
    }

    /// What it is computed with where these of its controls are in place. Where several change the same, the last one in
    /// the scenario counts.
    pub fn with(&self, controls: &[&str]) -> Inputs {
        let mut inputs = self.inputs;
        for control in self.controls.iter().filter(|control| controls.contains(&control.id.as_str())) {
            control.changes.iter().for_each(|change| inputs.set(change));
        }
        inputs
    }
}

/// The errors in a scenario's file, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioError(pub Vec<AnalyzeError>);

impl core::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (nth, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if nth == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

impl ScenarioError {
    fn one(fault: AnalyzeError) -> Self {
        Self(vec![fault])
    }

    /// The value, or one fault more.
    fn of<T>(&mut self, result: Result<T, AnalyzeError>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    fn input(&mut self, of: &Written<'_>, kind: Kind) -> Option<Input> {
        let written = self.of(of.need(kind.name(), kind.about()))?;
        Input::read(&written, kind, self)
    }

    fn list<T>(
        &mut self,
        of: &Written<'_>,
        name: &str,
        mut read: impl FnMut(&Written<'_>, &mut Self) -> Option<T>,
    ) -> Vec<T> {
        let Some(items) = of.get(name).and_then(|list| self.of(list.items())) else { return Vec::new() };
        if items.len() > MAX_LISTED {
            let problem = format!("there are {}", items.len());
            self.0.push(of.fault("scenario.long", format!("{name}: {problem}"), "64 are the most"));
            return Vec::new();
        }
        items.iter().filter_map(|item| read(item, self)).collect()
    }
}

/// What an input is about, and what it may be.
#[derive(Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
enum Kind {
    Frequency,
    Vulnerability,
    Loss,
    Probability,
    #[strum(serialize = "loss")]
    SecondaryLoss,
    Cost,
}

impl Kind {
    fn name(self) -> &'static str {
        self.into()
    }

    fn of(self) -> &'static str {
        match self {
            Self::Probability => "secondary.probability",
            Self::SecondaryLoss => "secondary.loss",
            _ => self.name(),
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Frequency => {
                "write how many threat events there are in a year: low, mode, high, source and date"
            }
            Self::Vulnerability => {
                "write which part of the threat events become losses, from 0 to 1: low, mode, high, source and date"
            }
            Self::Loss => "write what one loss costs you: low, mode, high, source and date",
            Self::Probability => {
                "write how probable it is that others then cause a second loss, from 0 to 1: low, mode, high, source and date"
            }
            Self::SecondaryLoss => {
                "write what that second loss costs, such as fines and customers who leave: low, mode, high, source and date"
            }
            Self::Cost => "write what the control costs a year: low, mode, high, source and date",
        }
    }

    const fn most(self) -> (f64, &'static str) {
        match self {
            Self::Frequency => (MAX_EVENTS, "from 0 to 100,000 events a year"),
            Self::Vulnerability | Self::Probability => (1.0, "from 0 to 1, so that 20 % is 0.2"),
            Self::Loss | Self::SecondaryLoss | Self::Cost => (MAX_AMOUNT, "an amount from 0 to 10^15"),
        }
    }
}

impl Input {
    fn read(written: &Written<'_>, kind: Kind, faults: &mut ScenarioError) -> Option<Self> {
        faults.of(written.only(&["low", "mode", "high", "source", "date"]))?;
        let mut number = |name: &str, about: &str| -> Option<f64> {
            let number =
                faults.of(written.need(name, &format!("write {about}, and in source who says so")))?;
            let value = faults.of(number.number())?;
            let (most, range) = kind.most();
            if (0.0..=most).contains(&value) {
                return Some(value);
            }
            faults.0.push(number.fault("scenario.range", "it is out of range", format!("write {range}")));
            None
        };
        let low = number("low", "the least that you think possible");
        let mode = number("mode", "what you think likeliest");
        let high = number("high", "the most that you think possible");
        let source = faults.of(source(written));
        let date = faults.of(date(written));
        let (low, mode, high) = (low?, mode?, high?);
        if !(low <= mode && mode <= high) {
            let problem = format!("low {low}, mode {mode} and high {high} are not in order");
            faults.0.push(written.fault(
                "scenario.range",
                problem,
                "low is the least of them and high the most",
            ));
            return None;
        }
        let pert = Pert { low, mode, high };
        Some(Self { of: kind.of().into(), pert, source: source?, date: date? })
    }
}

fn format(root: &Written<'_>) -> Result<(), AnalyzeError> {
    let hint = "write `countersign: scenario/v1`";
    let format = root.need("countersign", hint)?;
    if format.text()? == FORMAT {
        return Ok(());
    }
    Err(format.fault("scenario.format", "it is not a scenario that this program knows", hint))
}

fn id(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "write lower-case letters, digits and hyphens, 64 at most";
    let written = of.need("id", hint)?;
    let id = written.text()?;
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > 64 || !id.bytes().all(is_fit) {
        return Err(written.fault("scenario.id", "it is not a name", hint));
    }
    Ok(id.into())
}

fn title(of: &Written<'_>) -> Result<String, AnalyzeError> {
    words(
        &of.need("title", "write in a sentence what it is")?,
        "scenario.title",
        "write in a sentence what it is",
    )
}

fn words(written: &Written<'_>, code: &'static str, hint: &str) -> Result<String, AnalyzeError> {
    let text = written.text()?.trim();
    if text.is_empty() || text.chars().count() > 500 || text.chars().any(char::is_control) {
        return Err(written.fault(
            code,
            "it is not a sentence, on one line and of 500 characters at most",
            hint,
        ));
    }
    Ok(text.into())
}

fn source(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "write who or what says so: a report, a contract, a count, a person";
    words(&of.need("source", hint)?, "scenario.source", hint)
}

fn date(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "write as of when, as 2026-11-20";
    let written = of.need("date", hint)?;
    let date = written.text()?;
    if date.len() != 10 || Time::parse(format!("{date}T00:00:00.000Z").as_bytes()).is_none() {
        return Err(written.fault("scenario.date", "it is not a date", hint));
    }
    Ok(date.into())
}

fn currency(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "write the three letters of ISO 4217, such as EUR; all amounts of the scenario are in it";
    let written = of.need("currency", hint)?;
    let currency = written.text()?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(written.fault("scenario.currency", "it is not a currency", hint));
    }
    Ok(currency.into())
}

impl Signal {
    fn read(written: &Written<'_>, faults: &mut ScenarioError) -> Option<Self> {
        const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
        const FLAGS: [&str; 7] =
            ["shadow", "zombie", "undocumented-method", "unauthenticated", "new-caller", "new", "sensitive"];
        faults.of(written.only(&["rule", "tag", "level", "endpoint"]))?;
        let members = faults.of(written.members())?;
        let [(name, value)] = &members[..] else {
            let hint = "write one of: rule, tag, level, endpoint";
            faults.0.push(written.fault("scenario.observed", "it is not one signal", hint));
            return None;
        };
        let text = faults.of(value.text())?.to_owned();
        let mut among = |known: &[&str]| {
            if known.contains(&text.as_str()) {
                return Some(text.clone());
            }
            let hint = format!("write one of: {}", known.join(", "));
            faults.0.push(value.fault("scenario.observed", "it is not known", hint));
            None
        };
        match *name {
            "rule" => Some(Self::Rule(text)),
            "tag" => Some(Self::Tag(text)),
            "level" => among(&LEVELS).map(Self::Level),
            _ => among(&FLAGS).map(Self::Endpoint),
        }
    }
}

impl Control {
    fn read(written: &Written<'_>, has_secondary: bool, faults: &mut ScenarioError) -> Option<Self> {
        faults.of(written.only(&["id", "title", "changes", "cost"]))?;
        let id = faults.of(id(written));
        let title = faults.of(title(written));
        let mut changes = Vec::new();
        let hint = "write what the control changes: frequency, vulnerability, loss, secondary";
        if let Some(changed) = faults.of(written.need("changes", hint))
            && faults.of(changed.only(&["frequency", "vulnerability", "loss", "secondary"])).is_some()
        {
            let mut read = |of: &Written<'_>, kind: Kind, faults: &mut ScenarioError| {
                let input = of.get(kind.name()).and_then(|input| Input::read(&input, kind, faults));
                changes.extend(input.map(Change));
            };
            for kind in [Kind::Frequency, Kind::Vulnerability, Kind::Loss] {
                read(&changed, kind, faults);
            }
            if let Some(secondary) = changed.get("secondary") {
                faults.of(secondary.only(&["probability", "loss"]));
                if has_secondary {
                    read(&secondary, Kind::Probability, faults);
                    read(&secondary, Kind::SecondaryLoss, faults);
                } else {
                    let hint = "write secondary in the scenario too, or remove it here";
                    let problem = "the scenario has no secondary loss";
                    faults.0.push(secondary.fault("scenario.controls", problem, hint));
                }
            }
            if changes.is_empty() && faults.0.is_empty() {
                faults.0.push(changed.fault("scenario.controls", "it changes nothing", hint));
            }
        }
        let cost = match written.get("cost") {
            None => None,
            Some(cost) => Some(Cost(Input::read(&cost, Kind::Cost, faults)?)),
        };
        Some(Self { id: id?, title: title?, changes, cost })
    }
}
