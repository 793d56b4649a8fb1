//! Two sets of texts: secrets in the forms that their issuers document, and look-alikes. All values were made up for
//! this test. It prints how many secrets are masked (recall), and how many masked values are secrets (precision).

use countersign::redaction::mask;

/// Templates: `{a N}` stands for N letters and digits, `{h N}` for hex digits, `{A N}` for capitals and digits, `{d
/// N}` for digits, so that no tool mistakes this file's values for secrets.
const SECRETS: &str = include_str!("redaction/secrets.txt");
const LOOK_ALIKES: &str = include_str!("redaction/look-alikes.txt");

/// Fills in the placeholders of a template.
fn filled(template: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let length = |spec: &str| spec[1..].trim().parse::<usize>().ok();
        match after
            .split_once('}')
            .map(|(spec, after)| (spec, spec.get(1..).and_then(|_| length(spec)), after))
        {
            Some((spec, Some(length), after)) if spec.starts_with(['a', 'h', 'A', 'd']) => {
                let alphabet = match &spec[..1] {
                    "h" => "4c0a9e7b1d2f8365",
                    "A" => "Q7M2XK9B4ZT6WR3C8V5",
                    "d" => "4829173650",
                    _ => "xR7mQ2kL9vT4bW6nZ8cY3pJ5hG0dF1sA",
                };
                text.extend(alphabet.chars().cycle().take(length));
                rest = after;
            }
            _ => {
                text.push('{');
                rest = after;
            }
        }
    }
    text + rest
}

/// Returns the texts of a set. `\n` in a line stands for a line end.
fn texts(set: &str) -> Vec<String> {
    let lines = set.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| filled(line).replace("\\n", "\n")).collect()
}

fn escaped(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t")
    )
}

fn masked(text: &str) -> String {
    let mut string = escaped(text).into_bytes();
    mask(&mut string, 0);
    String::from_utf8(string).unwrap()
}

fn print(found: usize, secrets: usize, taken: usize, others: usize) {
    let permille = |part: usize, whole: usize| {
        format!("{:.3}", f64::from(u32::try_from(1000 * part / whole.max(1)).unwrap()) / 1000.0)
    };
    let (recall, precision) = (permille(found, secrets), permille(found, found + taken));
    println!(
        "{secrets} secrets: recall {recall}; {others} look-alikes: {taken} masked, precision {precision}"
    );
}

/// Measures other sets: files with a JSON string per line, named by the variables `SECRETS` and `LOOK_ALIKES`.
#[test]
#[ignore = "needs files that are named by SECRETS and LOOK_ALIKES"]
fn other_sets() {
    let read = |variable| std::fs::read_to_string(std::env::var(variable).unwrap()).unwrap();
    let (secrets, others) = (read("SECRETS"), read("LOOK_ALIKES"));
    let is_masked = |line: &&str| {
        let mut string = line.as_bytes().to_vec();
        let is_masked = mask(&mut string, 0) > 0;
        if std::env::var_os("LIST").is_some() {
            println!("{is_masked} {line}");
        }
        is_masked
    };
    let found = secrets.lines().filter(is_masked).count();
    println!("--- look-alikes");
    let taken = others.lines().filter(is_masked).count();
    print(found, secrets.lines().count(), taken, others.lines().count());
}

#[test]
fn masks_secrets_and_keeps_look_alikes() {
    // Each text alone, within a sentence, and as JSON within a string.
    let forms =
        |text: &str| [text.to_owned(), format!("see: {text} end"), format!("{{\"note\":{}}}", escaped(text))];
    let (mut missed, mut taken, mut secrets, mut others) = (Vec::new(), Vec::new(), 0, 0);
    for text in texts(SECRETS) {
        for form in forms(&text) {
            secrets += 1;
            if !masked(&form).contains("[redacted]") {
                missed.push(form);
            }
        }
    }
    for text in texts(LOOK_ALIKES) {
        for form in forms(&text) {
            others += 1;
            let masked = masked(&form);
            if masked != escaped(&form) {
                taken.push(format!("{form} -> {masked}"));
            }
        }
    }
    let found = secrets - missed.len();
    print(found, secrets, taken.len(), others);
    assert!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
    assert!(taken.is_empty(), "masked:\n{}", taken.join("\n"));
}

/// A masked text must not contain a part of its secret.
#[test]
fn masks_secrets_completely() {
    for text in texts(SECRETS) {
        let masked = masked(&text);
        for word in ["hunter", "Tr0ub4dor", "xR7mQ2kL9v", "4c0a9e7b1d"] {
            assert!(!masked.contains(word), "{text}: {masked}");
        }
    }
}
