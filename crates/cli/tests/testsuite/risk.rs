//! Losses in money: reproducible figures, and proposals from observations.

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common::{ORIGIN, Place};

const EXAMPLE: &str = include_str!("../../../risk/tests/example.yml");
const YEARS: [&str; 2] = ["--years", "5000"];

/// A log with requests, one of them to an endpoint missing from `openapi.yaml`, and failed logins.
fn place() -> Place {
    let place = Place::new();
    let mut events = String::new();
    for nth in 0..24 {
        let day = nth + 1;
        let request = json!({
            "action": "http.request", "actor": {"id": "u_1"}, "occurred_at": format!("2026-01-{day:02}T10:00:00.000Z"),
            "http": {"method": "GET", "path": format!("/jobs/{nth}"), "status": 200},
        });
        let login = json!({
            "action": "session.login", "actor": {"id": "u_2"}, "outcome": "failure",
            "context": {"ip": "198.51.100.7"}, "occurred_at": format!("2026-01-25T10:{nth:02}:00.000Z"),
        });
        events.extend([request.to_string(), "\n".into(), login.to_string(), "\n".into()]);
    }
    let hidden = json!({
        "action": "http.request", "actor": {"id": "u_1"}, "occurred_at": "2026-01-26T10:00:00.000Z",
        "http": {"method": "GET", "path": "/internal/export", "status": 200},
    });
    place.write("events.ndjson", format!("{events}{hidden}\n"));
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"])
        .success();
    place.seal(&[]);
    place.write("openapi.yaml", "openapi: 3.1.0\npaths:\n  /jobs/{id}:\n    get: {}\n");
    for (file, args) in [
        ("findings.json", &["analyze", "audit.ndjson"][..]),
        ("inventory.json", &["inventory", "audit.ndjson", "--openapi", "openapi.yaml"]),
    ] {
        let args = [args, &["--trust", "trust.txt", "--format", "json"]].concat();
        let output = place.run(&args).success().get_output().stdout.clone();
        place.write(file, output);
    }
    place.write("scenario.yml", EXAMPLE);
    place
}

fn json_report(place: &Place, more: &[&str]) -> Value {
    let args = [&["risk", "scenario.yml", "--format", "json"], &YEARS[..], more].concat();
    let output = place.run(&args).success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn figures_depend_only_on_log_and_scenario() {
    let place = place();
    let by_log = json_report(&place, &["--log", "audit.ndjson", "--trust", "trust.txt"]);
    let root = by_log["log"]["root"].as_str().unwrap();
    assert_eq!(by_log["log"]["origin"], ORIGIN);
    assert_eq!(root, place.report("audit.ndjson", &[])["log"]["root"]);
    // The root alone, or a document with it, gives the same years.
    let digest = |told: &Value| told["scenarios"][0]["digest"].clone();
    for others in [
        json_report(&place, &["--root", root]),
        json_report(&place, &["--findings", "findings.json", "--span", "2026-01-01..2026-02-01"]),
    ] {
        assert_eq!(digest(&others), digest(&by_log));
    }
    assert_ne!(digest(&json_report(&place, &[])), digest(&by_log));
    assert_eq!(json_report(&place, &[])["log"], Value::Null);
    // Comments and layout do not affect a scenario, but amounts do.
    place.write("scenario.yml", format!("# Read on Friday\n{EXAMPLE}"));
    assert_eq!(digest(&json_report(&place, &["--root", root])), digest(&by_log));
    place.write("scenario.yml", EXAMPLE.replace("400000", "400001"));
    assert_ne!(digest(&json_report(&place, &["--root", root])), digest(&by_log));
}

#[test]
fn observations_only_propose() {
    let place = place();
    let log = ["--log", "audit.ndjson", "--trust", "trust.txt"];
    let without = json_report(&place, &log);
    let more =
        ["--findings", "findings.json", "--inventory", "inventory.json", "--span", "2026-01-01..2027-01-01"];
    let with = json_report(&place, &[&log[..], &more].concat());
    assert_eq!(with["scenarios"], without["scenarios"]);
    assert_eq!((&without["proposed"], with["proposed"].as_array().unwrap().len()), (&json!([]), 1));
    let proposed = &with["proposed"][0];
    // A finding of the level high, and an undescribed endpoint.
    assert_eq!((&proposed["observed"], &proposed["complete"]), (&json!(2), &json!(true)));
    let what = |nth: usize| [&proposed["what"][nth]["title"], &proposed["what"][nth]["times"]];
    assert_eq!(what(0), [&json!("GET /internal/export"), &json!(1)]);
    assert_eq!(what(1), [&json!("Many Failed Logins for One Identity"), &json!(1)]);
    assert_eq!(proposed["what"][0]["entries"], json!([50]));
    // The hidden endpoint's entry is the last one before the chain's end.
    assert!(proposed["entries"].as_array().unwrap().contains(&json!(50)), "{proposed}");
    assert!((proposed["frequency"]["mode"].as_f64().unwrap() - 2.0).abs() < 0.01, "{proposed}");
    let range =
        [&proposed["frequency"]["low"], &proposed["frequency"]["high"]].map(|of| of.as_f64().unwrap());
    assert!((range[0] - 0.355).abs() < 0.01 && (range[1] - 6.296).abs() < 0.01, "{proposed}");

    place
        .run(&[&["risk", "scenario.yml"], &YEARS[..], &log[..], &more].concat())
        .success()
        .stdout(predicate::str::contains("✓ Verified."))
        .stdout(predicate::str::contains("Observed, not applied: exposed-endpoint"))
        .stdout(predicate::str::contains("1 × GET /internal/export"))
        .stdout(predicate::str::contains(proposed["line"].as_str().unwrap()));
    assert_eq!(place.read("scenario.yml"), EXAMPLE);
    // An evidence file has it, too.
    let filed =
        [&["report", "audit.ndjson", "--trust", "trust.txt", "--scenario", "scenario.yml"], &more[..]];
    let filed = place.run(&filed.concat()).success();
    let filed: Value = serde_json::from_slice(&filed.get_output().stdout).unwrap();
    assert!(filed.to_string().contains("how it was computed"), "{filed}");
    place
        .run(&[&["report", "audit.ndjson", "--trust", "trust.txt"], &more[..]].concat())
        .code(2)
        .stderr(predicate::str::contains("add --scenario FILE"));
    // Documents with skipped or uncovered events, or that don't state whether there are any, are not complete.
    for (file, whole, cut) in [
        ("findings.json", r#""limits":[]"#, r#""limits":[{"rule":"x"}]"#),
        ("findings.json", r#""complete":true,"#, r#""complete":false,"#),
        ("inventory.json", r#""callers":null}"#, r#""callers":{"number":1,"first_entry":7}}"#),
        ("inventory.json", r#","unparsed":0,"#, ","),
    ] {
        let text = place.read(file);
        assert!(text.contains(whole), "{text}");
        place.write(file, text.replacen(whole, cut, 1));
        assert_eq!(
            json_report(&place, &[&log[..], &more].concat())["proposed"][0]["complete"],
            false,
            "{file}"
        );
        place.write(file, text);
    }
    // Events without a parser may hide observations.
    let whole = place.read("inventory.json");
    assert!(whole.contains(r#","unparsed":0,"#), "{whole}");
    place.write("inventory.json", whole.replacen(r#","unparsed":0,"#, r#","unparsed":3,"#, 1));
    let proposed = &json_report(&place, &[&log[..], &more].concat())["proposed"][0];
    assert_eq!((&proposed["complete"], &proposed["unparsed"]), (&json!(false), &json!(3)));
    for format in ["text", "markdown"] {
        place
            .run(&[&["risk", "scenario.yml", "--format", format], &YEARS[..], &log[..], &more].concat())
            .success()
            .stdout(predicate::str::contains("have no parser; rules that use parsed facts can't match them"));
    }
    place.write("inventory.json", whole);
    // The time span must be known.
    place
        .run(&["risk", "scenario.yml", "--findings", "findings.json"])
        .code(2)
        .stderr(predicate::str::contains("risk.span"));
    // Tags are those of the rules that made the findings.
    let tagged = EXAMPLE.replace("level: high", "tag: attack.credential-access");
    place.write("scenario.yml", tagged);
    let more = ["--findings", "findings.json", "--span", "2026-01-01..2027-01-01"];
    assert_eq!(json_report(&place, &more)["proposed"][0]["observed"], 1);
    place.write(
        "rule.yml",
        "title: x\nid: x\nlevel: high\ndetection:\n  selection:\n    a: b\n  condition: selection\n",
    );
    place
        .run(&[&["risk", "scenario.yml", "--rules", "rule.yml"], &more[..]].concat())
        .code(2)
        .stderr(predicate::str::contains("risk.rules"));
}

#[test]
fn unverified_logs_give_no_figures() {
    let place = place();
    let altered = place.read("audit.ndjson").replacen("u_1", "u_9", 1);
    place.write("altered.ndjson", altered);
    place
        .run(&["risk", "scenario.yml", "--log", "altered.ndjson", "--trust", "trust.txt"])
        .code(1)
        .stdout(predicate::str::contains("✗ Altered.").and(predicate::str::contains("mean").not()));
    // Without trust, the years are the same, but the status differs.
    place.run(&[&["risk", "scenario.yml", "--log", "audit.ndjson"], &YEARS[..]].concat()).code(3);
    // Findings of another log.
    let other = place.read("findings.json").replace("\"root\":\"", "\"root\":\"AAAA");
    place.write("broken.json", other);
    place.run(&["risk", "scenario.yml", "--findings", "broken.json"]).code(2);
    place.write("none.json", "{}");
    for file in ["none.json", "trust.txt", "inventory.json"] {
        let assert = place.run(&["risk", "scenario.yml", "--findings", file]).code(2);
        assert.stderr(predicate::str::contains("risk.observed").and(predicate::str::contains("hint:")));
    }
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    place
        .run(&["risk", "scenario.yml", "--root", root, "--findings", "findings.json"])
        .code(2)
        .stderr(predicate::str::contains("risk.other_log"));
}

#[test]
fn templates_must_be_filled_in() {
    let place = Place::new();
    for name in ["churn", "credential-misuse", "downtime", "exposed-endpoint", "fines", "log-loss"] {
        let file = format!("{name}.yml");
        place
            .run(&["risk", "--new", name, "-o", &file])
            .success()
            .stderr(predicate::str::contains(format!("✓ done: {file}: a template: fill in")));
        // A filled-in template is not overwritten.
        place
            .run(&["risk", "--new", name, "-o", &file])
            .code(2)
            .stderr(predicate::str::contains(format!("✗ error[io.exists]: {file}: the file already exists")));
        place
            .run(&["risk", &file])
            .code(2)
            .stderr(predicate::str::contains(format!(
                "{file}: line 7: currency: the field `currency` is missing"
            )))
            .stderr(predicate::str::contains("frequency.low"))
            .stdout(predicate::str::is_empty());
    }
    place.run(&["risk", "--new", "other"]).code(2).stderr(predicate::str::contains("exposed-endpoint"));
    place.run(&["risk"]).code(2);
}

#[test]
fn combines_scenarios_in_each_format() {
    let place = Place::new();
    place.write("one.yml", EXAMPLE);
    place.write("two.yml", EXAMPLE.replace("id: exposed-endpoint", "id: two"));
    place.write("usd.yml", EXAMPLE.replace("id: exposed-endpoint", "id: usd").replace("EUR", "USD"));
    let run = |args: &[&str]| place.run(&[&["risk", "one.yml", "two.yml"], &YEARS[..], args].concat());
    run(&[]).success().stdout(
        predicate::str::contains("2 scenarios together")
            .and(predicate::str::contains("Controls, over the same years"))
            .and(predicate::str::contains("simulated independently of each other")),
    );
    run(&["--format", "markdown"])
        .success()
        .stdout(predicate::str::contains("| P10 | P25 | P50 | P75 | P90 | P95 |"));
    run(&["--format", "svg", "-o", "risk.svg"])
        .success()
        .stdout(predicate::str::is_empty())
        .stderr(predicate::str::contains("✓ done: risk.svg: 2 scenarios, "));
    let svg = place.read("risk.svg");
    assert!(
        svg.starts_with("<svg ") && svg.contains("prefers-color-scheme:dark") && svg.contains("@media print")
    );
    place
        .run(&["risk", "one.yml", "usd.yml"])
        .code(2)
        .stderr(predicate::str::contains("risk.currency").and(predicate::str::contains("never converted")));
    place.run(&["risk", "one.yml", "one.yml"]).code(2).stderr(predicate::str::contains("risk.twice"));
    place.run(&["risk", "one.yml", "--years", "3000000"]).code(2);
}

#[test]
fn a_short_log_proposes_nothing() {
    let place = place();
    let args = [
        "risk",
        "scenario.yml",
        "--log",
        "audit.ndjson",
        "--trust",
        "trust.txt",
        "--findings",
        "findings.json",
    ];
    place
        .run(&args)
        .code(2)
        .stderr(predicate::str::contains("risk.span").and(predicate::str::contains("--span 2026-01-01")));
    let with_span = [&args[..], &["--span", "2026-01-01..2026-02-01"], &YEARS[..]].concat();
    place.run(&with_span).success().stdout(predicate::str::contains("Observed, not applied"));
}

#[test]
fn prometheus_parses_the_figures() {
    let place = place();
    place.write("other.yml", EXAMPLE.replacen("id: ", "id: other-", 1));
    let args = ["risk", "scenario.yml", "other.yml", "--format", "prometheus", "-o", "exposure.prom"];
    place.run(&[&args[..], &YEARS[..]].concat()).success();
    let text = place.read("exposure.prom");
    let args = ["risk", "scenario.yml", "other.yml", "--format", "json", "-o", "exposure.json"];
    place.run(&[&args[..], &YEARS[..]].concat()).success();
    let report: Value = serde_json::from_str(&place.read("exposure.json")).unwrap();
    // Both outputs have the same bits.
    let sample = |labels: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(labels)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{labels} in {text}")).parse::<f64>().unwrap().to_bits()
    };
    let currency = report["currency"].as_str().unwrap();
    let (id, figures) = (report["scenarios"][1]["id"].as_str().unwrap(), &report["together"]["figures"]);
    let of = |scenario: &str| format!("scenario=\"{scenario}\",currency=\"{currency}\"");
    let mean = report["scenarios"][1]["figures"]["mean"].as_f64().unwrap().to_bits();
    assert_eq!(sample(&format!("countersign_exposure_mean{{{}}}", of(id))), mean);
    let p95 = figures["quantiles"][5]["loss"].as_f64().unwrap().to_bits();
    assert_eq!(sample(&format!("countersign_exposure_percentile{{{},percentile=\"95\"}}", of("*"))), p95);
    let with_loss = (1.0 - figures["without_loss"].as_f64().unwrap()).to_bits();
    assert_eq!(sample(&format!("countersign_exposure_probability{{{}}}", of("*"))), with_loss);
    assert!(f64::from_bits(sample("countersign_exposure_time_seconds")) > 1.7e9);

    let mut promtool = std::process::Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(std::fs::File::open(place.path("exposure.prom")).unwrap());
    if let Ok(output) = promtool.output() {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    } else {
        assert!(std::env::var_os("CI").is_none(), "no promtool: install Debian's prometheus");
        eprintln!("skipped: there is no promtool (Debian's prometheus)");
    }
}
