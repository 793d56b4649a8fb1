//! Evaluates the alert rules with Prometheus, on metrics that servers showed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The metrics that a server showed at some time.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// The response of `/metrics`; `None` if the server didn't answer.
    pub text: Option<String>,
    /// The time on the server's clock, in seconds.
    pub now: f64,
}

impl Scrape {
    /// Returns the values by series, as far as rules use them.
    fn samples(&self, used: &BTreeSet<String>) -> BTreeMap<String, f64> {
        let mut samples = BTreeMap::new();
        for line in self.text.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            if used.contains(name) {
                let comma = if labels == "}" { "" } else { "," };
                let series = format!("{name}{{instance=\"log\"{comma}{labels}");
                samples.insert(series, value.parse().unwrap_or_else(|_| panic!("{line}")));
            }
        }
        let up = u8::from(self.text.is_some());
        samples.insert("up{instance=\"log\",job=\"countersign\"}".into(), up.into());
        samples
    }
}

/// The metrics of a server before, during, and after a fault.
#[derive(Clone, Debug)]
pub struct Scrapes {
    pub before: Scrape,
    pub during: Scrape,
    /// The metrics one step later, if they change while the fault lasts.
    pub later: Option<Scrape>,
    pub after: Option<Scrape>,
}

/// The steps of a phase.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// The length of a step, in minutes: the interval of scrapes and of evaluations.
    pub minutes: u32,
    pub before: u32,
    pub during: u32,
    pub after: u32,
}

/// A case for promtool: the alerts that must fire, and no others.
pub struct Case<'c> {
    pub name: String,
    pub alerts: &'c [&'c str],
    pub scrapes: Scrapes,
}

/// Returns a text of values in the notation of promtool.
fn values(case: &Case<'_>, series: &str, used: &BTreeSet<String>, steps: Steps) -> String {
    let Scrapes { before, during, later, after } = &case.scrapes;
    let step = f64::from(steps.minutes) * 60.0;
    // The time in the test, which begins at 0, at which each scrape was made.
    let starts = [0, steps.before, steps.before + steps.during].map(|count| f64::from(count) * step);
    let value = |scrape: &Scrape, at: f64| {
        let value = *scrape.samples(used).get(series)?;
        // Times are those of the server's clock.
        let is_time = series.split('{').next().is_some_and(|name| name.ends_with("_time_seconds"));
        Some(if is_time && value > 0.0 { value - scrape.now + at } else { value })
    };
    let mut text = String::new();
    let mut add = |first: Option<f64>, step: f64, count: u32| {
        let _ = match first {
            // The first of them is not one of those that follow `x`.
            Some(first) => write!(text, "{first}{step:+}x{} ", count - 1),
            None => write!(text, "_x{count} "),
        };
    };
    // The scrape before the fault was made just before the fault.
    add(value(before, starts[1]), 0.0, steps.before);
    let first = value(during, starts[1]);
    let next = later.as_ref().and_then(|later| value(later, starts[1] + step));
    add(first, first.zip(next).map_or(0.0, |(first, next)| next - first), steps.during);
    if let Some(after) = after {
        add(value(after, starts[2]), 0.0, steps.after);
    }
    text
}

/// Returns the text of a test of all cases.
fn test_file(rules: &Path, cases: &[Case<'_>], used: &BTreeSet<String>, steps: Steps) -> String {
    let minutes = steps.minutes;
    let mut text =
        format!("rule_files: [{:?}]\nevaluation_interval: {minutes}m\ntests:\n", rules.display().to_string());
    for case in cases {
        let Scrapes { before, during, after, .. } = &case.scrapes;
        let all = [Some(before), Some(during), after.as_ref()];
        let series: BTreeSet<String> =
            all.into_iter().flatten().flat_map(|scrape| scrape.samples(used).into_keys()).collect();
        let _ = writeln!(text, "  - name: {:?}\n    interval: {minutes}m\n    input_series:", case.name);
        for series in series {
            let values = values(case, &series, used, steps);
            let _ = writeln!(text, "      - series: '{series}'\n        values: '{}'", values.trim_end());
        }
        let _ = writeln!(text, "    promql_expr_test:");
        // During a phase, at any time; after the fault, at the end.
        let firing = "ALERTS{alertstate=\"firing\"}";
        let any = |count: u32| format!("max_over_time({firing}[{}m])", (count - 1) * minutes);
        let ends = [steps.before, steps.before + steps.during, steps.before + steps.during + steps.after];
        let phases: [(String, &[&str]); 3] =
            [(any(steps.before), &[]), (any(steps.during), case.alerts), (firing.to_owned(), &[])];
        for (end, (firing, alerts)) in ends.into_iter().zip(phases).take(if after.is_some() { 3 } else { 2 })
        {
            let _ = writeln!(
                text,
                "      - expr: 'group by (alertname) ({firing})'\n        eval_time: {}m",
                (end - 1) * minutes
            );
            let _ = writeln!(text, "        exp_samples:{}", if alerts.is_empty() { " []" } else { "" });
            for alert in alerts {
                let _ =
                    writeln!(text, "          - labels: '{{alertname=\"{alert}\"}}'\n            value: 1");
            }
        }
    }
    text
}

/// Lets Prometheus evaluate the rules in all cases. Returns false if promtool isn't installed, which `CI` doesn't allow.
pub fn check(rules: &Path, cases: &[Case<'_>], used: &BTreeSet<String>, steps: Steps) -> bool {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("test.yml");
    fs::write(&file, test_file(rules, cases, used, steps)).unwrap();
    match Command::new("promtool").args(["test", "rules"]).arg(&file).output() {
        Ok(output) => {
            let printed = [output.stdout, output.stderr].concat();
            assert!(
                output.status.success(),
                "{}\n{}",
                String::from_utf8_lossy(&printed),
                fs::read_to_string(&file).unwrap()
            );
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "promtool: {error}");
            eprintln!("skipped: promtool isn't installed (Debian package prometheus)");
            false
        }
    }
}
