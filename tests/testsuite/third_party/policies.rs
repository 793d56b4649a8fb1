//! Trust policies.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::note::{KeyType, SignerKey, VerifierKey};
use countersign::trust::Trust;

use crate::common::third_party::json;
use crate::common::value::{list, maybe_list, number, text, truth};

fn witness_key(seed: u8) -> VerifierKey {
    let signer = SignerKey::witness_from_seed("witness.example", [seed; 32]).expect("a name");
    signer.verifier_key().clone()
}

/// Returns the smallest number of witnesses that meets the quorum.
fn fewest(trust: &Trust) -> u32 {
    (0..1_u32 << trust.witnesses().len())
        .filter(|set| trust.quorum_met(&|witness| set >> witness & 1 == 1))
        .map(u32::count_ones)
        .min()
        .expect("all of them meet it")
}

/// The example's keys are elided and replaced by made-up ones.
#[test]
fn c2sp() {
    let Some(vectors) = json("policy/c2sp-spec/tlog_policy_examples.json") else { return };
    let fill = |policy: &str| -> String {
        let fill_line = |(number, line): (usize, &str)| {
            let witness = witness_key(number as u8);
            let log = VerifierKey::new("log.example", KeyType::Ed25519, witness.public()).expect("a name");
            let key = if line.starts_with("log") { log } else { witness };
            line.replace("<vkey>", key.as_str())
        };
        policy.split_inclusive('\n').enumerate().map(fill_line).collect()
    };
    let example = fill(text(&vectors["example_with_placeholders"]));
    let trust = Trust::parse(example.as_bytes()).expect("the example");
    assert_eq!((trust.logs().len(), trust.witnesses().len(), fewest(&trust)), (1, 6, 3));
    assert!(!trust.quorum_met(&|witness| witness < 3), "X alone");
    assert!(trust.quorum_met(&|witness| [0, 2, 4].contains(&witness)), "two of X, one of Y");

    // Its kinds of lines, each with the lines that it needs before and after it.
    let witnesses = fill("witness a <vkey>\nwitness b <vkey>\nwitness c <vkey>\n");
    let forms = [
        ("log <vkey> [<url>]\n", "log <vkey> https://log.example/\nquorum none\n"),
        ("witness <name> <vkey> [<url>]\n", "\n\n\nwitness d <vkey> https://d.example/\nquorum d\n"),
        ("quorum <name>\n", "quorum a\n"),
        ("quorum none\n", "quorum none\n"),
        (
            "group <name> all <name>...\ngroup <name> any <name>...\ngroup <name> <k> <name>...\n",
            "group x all a b\ngroup y any x c\ngroup z 1 y\nquorum z\n",
        ),
    ];
    for form in list(&vectors["line_forms"]).iter().map(text).filter(|form| !form.contains("X-witnesses")) {
        let (_, policy) =
            forms.iter().find(|(named, _)| *named == form).unwrap_or_else(|| panic!("a new form: {form}"));
        Trust::parse(format!("{witnesses}{}", fill(policy)).as_bytes())
            .unwrap_or_else(|error| panic!("{form}: {error}"));
    }
}

/// The set uses a dialect: witnesses have keys of type 0x01, comments may end a line, and several witnesses
/// may have the same key. The first two are changed to C2SP's form. The third is rejected, as C2SP requires,
/// and accepted once the keys differ.
#[test]
fn transparency_dev() {
    let Some(vectors) = json("policy/transparency-dev-formats/policies.json") else { return };
    let as_witness = |word: &str| match word.parse::<VerifierKey>() {
        Ok(key) => {
            VerifierKey::new(key.name(), KeyType::Cosignature, key.public()).expect("a name").to_string()
        }
        Err(_) => word.to_owned(),
    };
    let convert = |policy: &str| -> Vec<String> {
        let line = |line: &str| {
            let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            words.map(as_witness).collect::<Vec<_>>().join(" ")
        };
        policy.lines().map(line).collect()
    };
    for case in list(&vectors["valid"]) {
        let policy = text(&case["policy"]);
        assert!(Trust::parse(policy.as_bytes()).is_err(), "keys of type 0x01: {case}");
        let mut lines = convert(policy);
        let repeats = lines.iter().position(|line| line.starts_with("witness w3"));
        if let Some(repeats) = repeats {
            assert!(Trust::parse(lines.join("\n").as_bytes()).is_err(), "a key twice: {case}");
            lines[repeats] = format!("witness w3 {}", witness_key(3));
        }
        let trust =
            Trust::parse(lines.join("\n").as_bytes()).unwrap_or_else(|error| panic!("{error}: {case}"));
        assert_eq!(u64::from(fewest(&trust)), number(&case["wantN"]), "{case}");
    }
    for case in list(&vectors["invalid"]) {
        assert!(Trust::parse(text(&case["policy"]).as_bytes()).is_err(), "{case}");
        assert!(Trust::parse(convert(text(&case["policy"])).join("\n").as_bytes()).is_err(), "{case}");
    }
}

/// Writes `NewGroup(k, member, ...)` as `group` lines and returns the name of the outermost group. Consumes the
/// parsed part of `expression`.
fn group_lines(expression: &mut &str, lines: &mut Vec<String>) -> String {
    if let Some(rest) = expression.strip_prefix("NewGroup(") {
        *expression = rest;
        let mut words = Vec::new();
        loop {
            words.push(group_lines(expression, lines));
            let (end, rest) = expression.split_at(1);
            *expression = rest.trim_start();
            if end == ")" {
                break;
            }
        }
        let name = format!("g{}", lines.len());
        lines.push(format!("group {name} {}\n", words.join(" ")));
        return name;
    }
    let end = expression.find([',', ')']).expect("an argument ends");
    let (word, rest) = expression.split_at(end);
    *expression = rest;
    word.to_owned()
}

/// A C2SP policy cannot express groups that require no member: such a policy is rejected.
#[test]
fn transparency_dev_group_satisfaction() {
    let Some(vectors) = json("policy/transparency-dev-formats/group_satisfaction.json") else { return };
    let names = ["wit1", "wit2", "wit3"];
    let witness = |name: &str| {
        let key: VerifierKey = text(&vectors["keys"][format!("{name}_vkey")]).parse().expect("a vkey");
        let key = VerifierKey::new(key.name(), KeyType::Cosignature, key.public()).expect("a name");
        format!("witness {name} {key}\n")
    };
    let witnesses = names.map(witness).concat();
    let mut checked = 0;
    for case in list(&vectors["cases"]) {
        let mut lines = Vec::new();
        let quorum = group_lines(&mut text(&case["group"]), &mut lines);
        let trust = Trust::parse(format!("{witnesses}{}quorum {quorum}\n", lines.concat()).as_bytes());
        if text(&case["group"]).contains("(0,") {
            assert!(trust.is_err(), "{case}");
            continue;
        }
        let trust = trust.unwrap_or_else(|error| panic!("{error}: {case}"));
        let signers: Vec<&str> = maybe_list(&case["signers"]).iter().map(text).collect();
        let met = trust.quorum_met(&|witness| signers.contains(&&format!("{}_skey", names[witness])[..]));
        assert_eq!(met, truth(&case["satisfied"]), "{case}");
        checked += 1;
    }
    assert_eq!(checked, 8);
}
