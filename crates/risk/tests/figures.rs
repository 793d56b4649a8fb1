//! Figures compared with other implementations, and the contents of reports.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "counts are small")]

use countersign::hash::Hash;
use countersign_risk::{Log, Report, Scenario, Seed, Simulation, chart, markdown, starter};

/// An example whose figures numpy and pyfair have computed too.
const EXAMPLE: &str = include_str!("example.yml");

fn example() -> Scenario {
    Scenario::parse(EXAMPLE).unwrap()
}

/// The example without its controls, with other amounts and another id.
fn other(times: f64) -> Scenario {
    let loss = format!("loss: {{low: {}, mode: {}, high: {}", 1e4 * times, 5e4 * times, 4e5 * times);
    let text = EXAMPLE
        .split("controls:")
        .next()
        .unwrap()
        .replace("loss: {low: 10000, mode: 50000, high: 400000", &loss);
    Scenario::parse(&text.replace("id: exposed-endpoint", "id: other")).unwrap()
}

#[test]
fn the_example_matches_other_implementations() {
    let scenario = example();
    assert!((scenario.inputs.mean() - 313_042.0).abs() < 1.0, "{}", scenario.inputs.mean());
    let simulation = Simulation::run(&scenario, &[], &Seed::derive(None, &scenario.hash), 200_000).unwrap();
    let figures = simulation.figures();
    let within = |value: f64, of: f64, part: f64| assert!((value - of).abs() <= of * part, "{value} {of}");
    // Figures by numpy with other random numbers: 312,711 ± 924, P50 164k, P90 871k, P95 1,192k, 24 %
    // without a loss.
    within(figures.mean, 313_042.0, 0.01);
    within(figures.standard_error, 924.0, 0.03);
    within(figures.quantile(0.5).unwrap(), 164_000.0, 0.02);
    within(figures.quantile(0.9).unwrap(), 871_000.0, 0.02);
    within(figures.quantile(0.95).unwrap(), 1_192_000.0, 0.02);
    within(figures.without_loss, 0.24, 0.02);
}

/// Compares with a simulation that uses another library's distributions and other random numbers.
#[test]
fn losses_are_distributed_as_in_another_simulation() {
    use rand_distr::{Distribution as _, Pert, Poisson};
    use rand_pcg::rand_core::{Rng as _, SeedableRng as _};

    const YEARS: usize = 50_000;
    let mut numbers = rand_pcg::Pcg64Mcg::seed_from_u64(7);
    let pert = |of: countersign_risk::Pert| Pert::new(of.low, of.high).with_mode(of.mode).unwrap();
    let inputs = example().inputs;
    let (probability, secondary) = inputs.secondary.unwrap();
    let [frequency, vulnerability, loss, probability, secondary] =
        [inputs.frequency, inputs.vulnerability, inputs.loss, probability, secondary].map(pert);
    let mut losses: Vec<f64> = (0..YEARS)
        .map(|_| {
            let rate = frequency.sample(&mut numbers) * vulnerability.sample(&mut numbers);
            let events = Poisson::new(rate).unwrap().sample(&mut numbers) as u32;
            (0..events)
                .map(|_| {
                    let chance = (numbers.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
                    let has_secondary = chance < probability.sample(&mut numbers);
                    let more = if has_secondary { secondary.sample(&mut numbers) } else { 0.0 };
                    loss.sample(&mut numbers) + more
                })
                .sum()
        })
        .collect();
    losses.sort_by(f64::total_cmp);
    let scenario = example();
    let ours = Simulation::run(&scenario, &[], &Seed::derive(None, &scenario.hash), YEARS as u32).unwrap();
    let mut ours = ours.losses;
    ours.sort_by(f64::total_cmp);
    // The Kolmogorov-Smirnov statistic, which exceeds 0.0123 for one in a thousand such pairs. The numbers
    // are fixed.
    let below = |of: &[f64], value: f64| of.partition_point(|loss| *loss <= value) as f64 / YEARS as f64;
    let apart =
        ours.iter().map(|loss| (below(&ours, *loss) - below(&losses, *loss)).abs()).fold(0.0, f64::max);
    assert!(apart < 0.0123, "{apart}");
}

#[test]
fn other_logs_and_scenarios_give_other_years_with_the_same_mean() {
    let scenario = example();
    let run = |seed: &Seed| Simulation::run(&scenario, &[], seed, 50_000).unwrap();
    let (one, other) = (Hash::digest(&[b"one"]), Hash::digest(&[b"other"]));
    let seeds = [
        Seed::derive(None, &scenario.hash),
        Seed::derive(Some(&one), &scenario.hash),
        Seed::derive(Some(&other), &scenario.hash),
        Seed::derive(Some(&one), &other),
    ];
    let runs = seeds.map(|seed| run(&seed));
    for (nth, simulation) in runs.iter().enumerate() {
        assert!(runs[..nth].iter().all(|before| before.digest() != simulation.digest()));
        let figures = simulation.figures();
        assert!((figures.mean - scenario.inputs.mean()).abs() < 4.0 * figures.standard_error);
    }
    // A longer simulation starts with the same years.
    let fewer = Simulation::run(&scenario, &[], &seeds[0], 10_000).unwrap();
    assert_eq!(fewer.losses[..], runs[0].losses[..10_000]);
}

#[test]
fn controls_are_compared_over_the_same_years() {
    let scenario = example();
    let seed = Seed::derive(None, &scenario.hash);
    let run = |controls: &[&str]| Simulation::run(&scenario, controls, &seed, 20_000).unwrap();
    let without = run(&[]);
    for controls in [&["endpoint-gate"][..], &["credentials"], &["endpoint-gate", "credentials"]] {
        let with = run(controls);
        // A control that lowers the frequency makes no year worse.
        assert!(with.losses.iter().zip(&without.losses).all(|(with, without)| with <= without));
        let (less, error) = with.less_than(&without);
        let exact = scenario.inputs.mean() - scenario.with(controls).mean();
        assert!((less - exact).abs() < 4.0 * error, "{less} {exact} {error}");
        // Over different years, the difference would be as uncertain as both means together.
        let both = without.figures().standard_error.hypot(with.figures().standard_error);
        assert!(error < 0.95 * both, "{error} {both}");
    }
    assert_eq!(run(&["unknown"]), without);
}

#[test]
fn combined_scenarios_are_the_sum_of_their_years() {
    let log = Log { origin: Some("log.example/audit".into()), size: Some(7), root: Hash::digest(&[b"root"]) };
    let report = Report::simulate(vec![example(), other(2.0)], Some(log), 20_000).unwrap();
    let together = report.together.as_ref().unwrap();
    let means: f64 = report.scenarios.iter().map(|told| told.figures.mean).sum();
    assert!((together.figures.mean - means).abs() < 1e-6 * means);
    assert!(together.figures.quantile(0.5).unwrap() > report.scenarios[0].figures.quantile(0.5).unwrap());
    let ids: Vec<_> = report.controls.iter().map(|bought| bought.id.as_deref()).collect();
    assert_eq!(ids, [Some("credentials"), Some("endpoint-gate"), None]);
    // One of the two controls has no cost.
    let costs: Vec<_> = report.controls.iter().map(|bought| bought.cost).collect();
    assert_eq!(costs, [None, Some(200_000.0 / 6.0), None]);
    assert!(report.controls.iter().all(|bought| bought.scenarios == ["exposed-endpoint"]));

    let text = markdown::markdown(&report);
    assert!(text.contains("An example, of no company | 2026-11-20 |"), "{text}");
    let svg = chart::svg(&report);
    assert!(svg.contains("with all controls") && svg.contains("2 scenarios together"), "{svg}");
}

#[test]
fn incompatible_scenarios_are_rejected() {
    let dollars = Scenario::parse(&EXAMPLE.replace("EUR", "USD").replace("id: exposed-endpoint", "id: usd"));
    let message = |scenarios| Report::simulate(scenarios, None, 1000).unwrap_err().to_string();
    assert_eq!(
        message(vec![example(), dollars.unwrap()]),
        "the scenario usd must be in EUR, like the first scenario"
    );
    assert_eq!(message(vec![example(), example()]), "two scenarios have the id exposed-endpoint");
    assert_eq!(message(vec![]), "no scenario was given");
    let busy = EXAMPLE.replace("low: 2, mode: 6, high: 20", "low: 100000, mode: 100000, high: 100000");
    let busy = Scenario::parse(&busy).unwrap();
    assert_eq!(
        Report::simulate(vec![busy], None, 200_000).unwrap_err().to_string(),
        "the scenario exposed-endpoint is too large: at most 8275 years can be simulated at this frequency"
    );
}

#[test]
fn hostile_text_is_escaped() {
    let hostile = EXAMPLE
        .replace("An endpoint that nobody watches gives away records", "'<script>alert(1)</script> | **x**'")
        .replace("An example, of no company", "`x` | <img src=x> [a](b)");
    let report = Report::simulate(vec![Scenario::parse(&hostile).unwrap()], None, 1000).unwrap();
    let (svg, text) = (chart::svg(&report), markdown::markdown(&report));
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    assert!(!text.contains("| <") && text.contains(r"\<img src=x\> \[a\](b)"), "{text}");
}

#[test]
fn years_without_losses_are_reported() {
    let never = EXAMPLE.replace("low: 2, mode: 6, high: 20", "low: 0, mode: 0, high: 0");
    let report = Report::simulate(vec![Scenario::parse(&never).unwrap()], None, 1000).unwrap();
    let (figures, exact) = report.all();
    assert_eq!((figures.mean, figures.without_loss, figures.most, exact), (0.0, 1.0, 0.0, 0.0));
    assert!(chart::svg(&report).ends_with("</svg>\n"));
}

#[test]
fn starters_are_rejected_until_filled_in() {
    for starter in starter::ALL {
        let faults = Scenario::parse(starter.text).unwrap_err().0;
        assert!(
            faults.iter().all(|fault| fault.code == "file.missing" && fault.line.is_some()),
            "{faults:?}"
        );
        assert!(faults.iter().any(|fault| fault.member.as_deref() == Some("loss.low")), "{faults:?}");
        let digit = |line: &str| line.contains(|char: char| char.is_ascii_digit());
        let amounts = |line: &&str| !line.trim_start().starts_with('#') && !line.starts_with("countersign:");
        assert!(!starter.text.lines().filter(amounts).any(digit), "{}", starter.name);
        let mut text = starter.text.replace("currency:", "currency: EUR");
        for (name, value) in
            [("low", "0.1"), ("mode", "0.2"), ("high", "0.3"), ("source", "somebody"), ("date", "2026-11-20")]
        {
            text = text.replace(&format!(" {name}:\n"), &format!(" {name}: {value}\n"));
        }
        assert_eq!(Scenario::parse(&text).unwrap().id, starter.name);
    }
}

#[test]
fn errors_in_a_scenario_name_their_position() {
    let of = |from: &str, to: &str| {
        let text = EXAMPLE.replacen(from, to, 1);
        assert_ne!(text, EXAMPLE);
        let faults = Scenario::parse(&text).unwrap_err().0;
        let first = &faults[0];
        assert!(first.hint.as_deref().is_some_and(|hint| !hint.is_empty()));
        format!(
            "{} {} {}",
            first.line.unwrap_or_default(),
            first.member.as_deref().unwrap_or_default(),
            first.code
        )
    };
    let long = "9".repeat(400);
    for (from, to, expected) in [
        ("scenario/v1", "scenario/v2", "1 countersign scenario.format"),
        ("id: exposed-endpoint", "id: Exposed Endpoint", "2 id scenario.id"),
        ("EUR", "Euro", "4 currency scenario.currency"),
        ("currency: EUR\n", "", "1 currency file.missing"),
        ("low: 2", "low: .nan", "5  file.number"),
        ("low: 2", "low: -.inf", "5  file.number"),
        ("low: 2", "low: 1e999", "5  file.number"),
        ("low: 2", &format!("low: {long}"), "5  file.number"),
        ("low: 2", "low: -1", "5 frequency.low scenario.range"),
        ("low: 2", "low: -0x1", "5 frequency.low file.type"),
        ("low: 2", "low: 7", "5 frequency scenario.range"),
        ("high: 20,", "high: 1e6,", "5 frequency.high scenario.range"),
        ("high: 0.6", "high: 60", "6 vulnerability.high scenario.range"),
        ("high: 400000", "high: 1e16", "7 loss.high scenario.range"),
        ("high: 400000", "high: '400000'", "7 loss.high file.type"),
        (", source: \"An example, of no company\"", "", "5 frequency.source file.missing"),
        ("An example, of no company", " ", "5 frequency.source scenario.source"),
        (", date: 2026-11-20", "", "5 frequency.date file.missing"),
        ("2026-11-20", "2026-02-30", "5 frequency.date scenario.date"),
        ("low: 2", "lower: 1, low: 2", "5 frequency.lower file.unknown_key"),
        ("endpoint: shadow", "endpoint: hidden", "12 observed[0].endpoint scenario.observed"),
        ("id: credentials", "id: endpoint-gate", "15 controls scenario.controls"),
    ] {
        assert_eq!(of(from, to), expected, "{to}");
    }
    let without_secondary = EXAMPLE
        .replace("secondary:", "note: x\n#")
        .replace("  probability: {", "# {")
        .replace("  loss: {", "# {");
    let scenario = Scenario::parse(&without_secondary).unwrap();
    assert_eq!(scenario.inputs.secondary, None);
    assert_eq!(scenario.note.as_deref(), Some("x"));
}
