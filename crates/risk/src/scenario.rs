//! Scenarios: possible losses, with their frequency, amounts, and sources.

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::AnalyzeError;
use countersign_analyze::written::{Document, Written};
use serde::Serialize;
use strum::IntoStaticStr;

use crate::pert::Pert;

/// The maximum amount of money, in units of the currency.
pub const MAX_AMOUNT: f64 = 1e15;
/// The maximum number of threat events per year.
pub const MAX_EVENTS: f64 = 100_000.0;
/// The maximum number of controls, and of signals, in a scenario.
const MAX_LISTED: usize = 64;
/// The format's identifier.
const FORMAT: &str = "scenario/v1";

/// A possible loss, with three numbers for each of its inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// The scenario's id: lower-case letters, digits, and hyphens.
    pub id: String,
    /// A sentence that says what happens.
    pub title: String,
    /// The author's note, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The currency of all amounts, by ISO 4217.
    pub currency: String,
    /// SHA-256 over the scenario's canonical JSON, which is independent of comments and layout.
    #[serde(serialize_with = "crate::report::hash")]
    pub hash: Hash,
    /// The inputs without any control.
    #[serde(skip)]
    pub inputs: Inputs,
    /// The inputs as written, with source and date.
    #[serde(rename = "inputs")]
    pub sources: Vec<Input>,
    /// The findings and endpoints that count as threat events.
    pub observed: Vec<Signal>,
    /// The controls that could reduce the losses.
    pub controls: Vec<Control>,
}

/// The inputs of a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inputs {
    /// The number of threat events per year.
    pub frequency: Pert,
    /// The share of threat events that become losses, from 0 to 1.
    pub vulnerability: Pert,
    /// The amount of one loss.
    pub loss: Pert,
    /// The probability that others cause a secondary loss, such as fines or lost customers, and its amount.
    pub secondary: Option<(Pert, Pert)>,
}

/// An input: three numbers with their source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    /// The input's path: `frequency`, `vulnerability`, `loss`, `secondary.probability`, or
    /// `secondary.loss`.
    pub of: String,
    /// The lowest, most likely, and highest value.
    #[serde(flatten)]
    pub pert: Pert,
    /// The source of the numbers.
    pub source: String,
    /// The date of the numbers: `2026-11-20`.
    pub date: String,
}

/// A kind of observation that counts as a threat event.
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
    /// Endpoints with this flag in an inventory, such as `shadow`.
    Endpoint(String),
}

/// A measure that could reduce a scenario's losses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control {
    /// The control's id. A control of several scenarios has the same id in all.
    pub id: String,
    /// A sentence that describes the control.
    pub title: String,
    /// The inputs that it changes.
    pub changes: Vec<Change>,
    /// Its annual cost, if given.
    pub cost: Option<Cost>,
}

/// An input as changed by a control.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Change(pub Input);

/// The annual cost of a control.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Cost(pub Input);

impl Inputs {
    /// Returns the expected annual loss by the formula.
    pub fn mean(&self) -> f64 {
        let secondary = self.secondary.map_or(0.0, |(probability, loss)| probability.mean() * loss.mean());
        self.events() * (self.loss.mean() + secondary)
    }

    /// Returns the expected number of losses per year.
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
    /// Parses a scenario, in YAML or JSON (`docs/risk.md`).
    ///
    /// # Errors
    /// Returns all errors, each with its line, its field, and a hint: `scenario.range` for numbers out of
    /// range or order, `scenario.source` and `scenario.date` for an invalid source or date, other
    /// `scenario.*` codes, and the codes of [`Document`].
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let document = Document::parse(text).map_err(ScenarioError::from)?;
        let mut errors = ScenarioError::default();
        let scenario = Self::read(&document, &mut errors);
        match scenario {
            Some(scenario) if errors.0.is_empty() => Ok(scenario),
            _ => Err(errors),
        }
    }

    fn read(document: &Document, errors: &mut ScenarioError) -> Option<Self> {
        let root = document.root();
        errors.record(root.only(&[
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
        errors.record(format(&root));
        let note = root.get("note").and_then(|note| errors.record(note.text().map(str::to_owned)));
        let id = errors.record(id(&root));
        let title = errors.record(title(&root));
        let currency = errors.record(currency(&root));
        let frequency = errors.input(&root, InputKind::Frequency);
        let vulnerability = errors.input(&root, InputKind::Vulnerability);
        let loss = errors.input(&root, InputKind::Loss);
        let secondary = root.get("secondary").map(|secondary| {
            errors.record(secondary.only(&["probability", "loss"]));
            let probability = errors.input(&secondary, InputKind::Probability);
            (probability, errors.input(&secondary, InputKind::SecondaryLoss))
        });
        let has_secondary = secondary.is_some();
        let observed = errors.list(&root, "observed", Signal::read);
        let controls =
            errors.list(&root, "controls", |written, errors| Control::read(written, has_secondary, errors));
        for (nth, control) in controls.iter().enumerate() {
            if controls[..nth].iter().any(|other| other.id == control.id) {
                let problem = format!("the control id `{}` is used twice", control.id);
                let error = root.get("controls").unwrap_or(root.clone());
                errors.0.push(error.fault("scenario.controls", problem, "give each control its own id"));
            }
        }
        let secondary = match secondary {
            None => None,
            Some((probability, loss)) => Some((probability?, loss?)),
        };
        let (frequency, vulnerability, loss) = (frequency?, vulnerability?, loss?);
        let canonical = document.canonical().or_else(|| {
            let hint = "remove numbers beyond 2^53 and unpaired surrogates";
            errors.0.push(root.fault("scenario.canonical", "the scenario has no canonical JSON form", hint));
            None
        })?;
        Some(Self {
            id: id?,
            title: title?,
            note,
            currency: currency?,
            hash: Hash::digest(&[&canonical]),
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

    /// Returns the inputs with these controls in place. If several change the same input, the last one in
    /// the scenario applies.
    pub fn with(&self, controls: &[&str]) -> Inputs {
        let mut inputs = self.inputs;
        for control in self.controls.iter().filter(|control| controls.contains(&control.id.as_str())) {
            control.changes.iter().for_each(|change| inputs.set(change));
        }
        inputs
    }
}

/// All errors in a scenario's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioError(pub Vec<AnalyzeError>);

impl core::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (nth, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if nth == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

impl ScenarioError {
    fn from(error: AnalyzeError) -> Self {
        Self(vec![error])
    }

    /// Returns the value, or records the error.
    fn record<T>(&mut self, result: Result<T, AnalyzeError>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    fn input(&mut self, of: &Written<'_>, kind: InputKind) -> Option<Input> {
        let written = self.record(of.need(kind.name(), kind.hint()))?;
        Input::read(&written, kind, self)
    }

    fn list<T>(
        &mut self,
        of: &Written<'_>,
        name: &str,
        mut read: impl FnMut(&Written<'_>, &mut Self) -> Option<T>,
    ) -> Vec<T> {
        let Some(items) = of.get(name).and_then(|list| self.record(list.items())) else { return Vec::new() };
        if items.len() > MAX_LISTED {
            let problem = format!("`{name}` has {} items, but at most {MAX_LISTED} are allowed", items.len());
            self.0.push(of.fault("scenario.long", problem, "remove some items"));
            return Vec::new();
        }
        items.iter().filter_map(|item| read(item, self)).collect()
    }
}

/// The kind of an input.
#[derive(Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
enum InputKind {
    Frequency,
    Vulnerability,
    Loss,
    Probability,
    #[strum(serialize = "loss")]
    SecondaryLoss,
    Cost,
}

impl InputKind {
    fn name(self) -> &'static str {
        self.into()
    }

    fn path(self) -> &'static str {
        match self {
            Self::Probability => "secondary.probability",
            Self::SecondaryLoss => "secondary.loss",
            _ => self.name(),
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Frequency => "write the number of threat events per year: low, mode, high, source and date",
            Self::Vulnerability => {
                "write the share of threat events that become losses, from 0 to 1: low, mode, high, source and date"
            }
            Self::Loss => "write the cost of one loss: low, mode, high, source and date",
            Self::Probability => {
                "write the probability of a secondary loss caused by others, from 0 to 1: low, mode, high, source and date"
            }
            Self::SecondaryLoss => {
                "write the cost of a secondary loss, such as fines and lost customers: low, mode, high, source and date"
            }
            Self::Cost => "write the annual cost of the control: low, mode, high, source and date",
        }
    }

    const fn max(self) -> (f64, &'static str) {
        match self {
            Self::Frequency => (MAX_EVENTS, "a number from 0 to 100,000 events per year"),
            Self::Vulnerability | Self::Probability => (1.0, "a number from 0 to 1, such as 0.2 for 20 %"),
            Self::Loss | Self::SecondaryLoss | Self::Cost => (MAX_AMOUNT, "an amount from 0 to 10^15"),
        }
    }
}

impl Input {
    fn read(written: &Written<'_>, kind: InputKind, errors: &mut ScenarioError) -> Option<Self> {
        errors.record(written.only(&["low", "mode", "high", "source", "date"]))?;
        let mut number = |name: &str, description: &str| -> Option<f64> {
            let number = errors
                .record(written.need(name, &format!("write {description}, and its origin as `source`")))?;
            let value = errors.record(number.number())?;
            let (max, range) = kind.max();
            if (0.0..=max).contains(&value) {
                return Some(value);
            }
            errors.0.push(number.fault(
                "scenario.range",
                format!("`{name}` is out of range"),
                format!("write {range}"),
            ));
            None
        };
        let low = number("low", "the lowest value that you consider possible");
        let mode = number("mode", "the likeliest value");
        let high = number("high", "the highest value that you consider possible");
        let source = errors.record(source(written));
        let date = errors.record(date(written));
        let (low, mode, high) = (low?, mode?, high?);
        if !(low <= mode && mode <= high) {
            let problem = format!("low {low}, mode {mode} and high {high} are not in order");
            errors.0.push(written.fault("scenario.range", problem, "order them so that low ≤ mode ≤ high"));
            return None;
        }
        let pert = Pert { low, mode, high };
        Some(Self { of: kind.path().into(), pert, source: source?, date: date? })
    }
}

fn format(root: &Written<'_>) -> Result<(), AnalyzeError> {
    let hint = "write `countersign: scenario/v1`";
    let format = root.need("countersign", hint)?;
    if format.text()? == FORMAT {
        return Ok(());
    }
    Err(format.fault("scenario.format", "the scenario's format is not supported", hint))
}

fn id(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "write at most 64 lower-case letters, digits and hyphens";
    let written = of.need("id", hint)?;
    let id = written.text()?;
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > 64 || !id.bytes().all(is_fit) {
        return Err(written.fault("scenario.id", "`id` is invalid", hint));
    }
    Ok(id.into())
}

fn title(of: &Written<'_>) -> Result<String, AnalyzeError> {
    words(
        &of.need("title", "write a sentence that describes it")?,
        "scenario.title",
        "write a sentence that describes it",
    )
}

fn words(written: &Written<'_>, code: &'static str, hint: &str) -> Result<String, AnalyzeError> {
    let text = written.text()?.trim();
    if text.is_empty() || text.chars().count() > 500 || text.chars().any(char::is_control) {
        return Err(written.fault(code, "the text must be a single line of 1 to 500 characters", hint));
    }
    Ok(text.into())
}

fn source(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "name the origin of the numbers: a report, a contract, a count, a person";
    words(&of.need("source", hint)?, "scenario.source", hint)
}

fn date(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "write the date of the numbers, such as 2026-11-20";
    let written = of.need("date", hint)?;
    let date = written.text()?;
    if date.len() != 10 || Time::parse(format!("{date}T00:00:00.000Z").as_bytes()).is_none() {
        return Err(written.fault("scenario.date", "`date` is not a valid date", hint));
    }
    Ok(date.into())
}

fn currency(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let hint = "write the three letters of ISO 4217, such as EUR; they apply to all amounts in the scenario";
    let written = of.need("currency", hint)?;
    let currency = written.text()?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(written.fault("scenario.currency", "`currency` is not a currency code", hint));
    }
    Ok(currency.into())
}

impl Signal {
    fn read(written: &Written<'_>, errors: &mut ScenarioError) -> Option<Self> {
        const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
        const FLAGS: [&str; 7] =
            ["shadow", "zombie", "undocumented-method", "unauthenticated", "new-caller", "new", "sensitive"];
        errors.record(written.only(&["rule", "tag", "level", "endpoint"]))?;
        let members = errors.record(written.members())?;
        let [(name, value)] = &members[..] else {
            let hint = "write exactly one of rule, tag, level, and endpoint";
            errors.0.push(written.fault("scenario.observed", "a signal must have exactly one field", hint));
            return None;
        };
        let text = errors.record(value.text())?.to_owned();
        let mut among = |known: &[&str]| {
            if known.contains(&text.as_str()) {
                return Some(text.clone());
            }
            let hint = format!("write one of: {}", known.join(", "));
            errors.0.push(value.fault("scenario.observed", format!("`{text}` is not a known value"), hint));
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
    fn read(written: &Written<'_>, has_secondary: bool, errors: &mut ScenarioError) -> Option<Self> {
        errors.record(written.only(&["id", "title", "changes", "cost"]))?;
        let id = errors.record(id(written));
        let title = errors.record(title(written));
        let mut changes = Vec::new();
        let hint = "write the changed inputs: frequency, vulnerability, loss, secondary";
        if let Some(changed) = errors.record(written.need("changes", hint))
            && errors.record(changed.only(&["frequency", "vulnerability", "loss", "secondary"])).is_some()
        {
            let mut read = |of: &Written<'_>, kind: InputKind, errors: &mut ScenarioError| {
                let input = of.get(kind.name()).and_then(|input| Input::read(&input, kind, errors));
                changes.extend(input.map(Change));
            };
            for kind in [InputKind::Frequency, InputKind::Vulnerability, InputKind::Loss] {
                read(&changed, kind, errors);
            }
            if let Some(secondary) = changed.get("secondary") {
                errors.record(secondary.only(&["probability", "loss"]));
                if has_secondary {
                    read(&secondary, InputKind::Probability, errors);
                    read(&secondary, InputKind::SecondaryLoss, errors);
                } else {
                    let hint = "add `secondary` to the scenario, or remove it from the control";
                    let problem = "the scenario has no secondary loss";
                    errors.0.push(secondary.fault("scenario.controls", problem, hint));
                }
            }
            if changes.is_empty() && errors.0.is_empty() {
                errors.0.push(changed.fault("scenario.controls", "the control changes nothing", hint));
            }
        }
        let cost = match written.get("cost") {
            None => None,
            Some(cost) => Some(Cost(Input::read(&cost, InputKind::Cost, errors)?)),
        };
        Some(Self { id: id?, title: title?, changes, cost })
    }
}
