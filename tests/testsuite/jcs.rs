//! Third-party vectors for JSON: canonical forms, ECMAScript's numbers, and what parsers must accept or
//! reject.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeMap;

use countersign::canonical::{canonicalize, number, rfc8785};
use countersign::event::{Event, Redaction};

use crate::common::{files, third_party};

/// Returns the files of a folder by name.
fn all(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let names = files::list(folder);
    assert!(!names.is_empty());
    names.into_iter().map(|name| (name.clone(), files::read(&format!("{folder}/{name}")))).collect()
}

#[test]
fn canonical_forms_match_those_of_the_author_of_rfc_8785() {
    let Some(folder) = third_party::find("jcs/cyberphone") else { return };
    let inputs = all(&format!("{folder}/input"));
    let outputs = all(&format!("{folder}/output"));
    assert_eq!(inputs.len(), outputs.len());
    for (name, input) in inputs {
        let written = rfc8785(&input).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(written, outputs[&name], "{name}");
        assert_eq!(rfc8785(&written).as_ref(), Ok(&written), "{name}");

        let hex = files::text(&format!("{folder}/outhex/{}", name.replace(".json", ".txt")));
        let bytes: Vec<u8> =
            hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        assert_eq!(written, bytes, "{name}");
    }
}

#[test]
fn numbers_are_written_like_ecmascript() {
    let Some(text) = third_party::text("jcs/es6-numbers/es6testfile_first_10000.txt") else { return };
    let mut count = 0;
    for line in text.lines() {
        let (bits, out) = line.split_once(',').expect("bits and digits");
        let value = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        assert_eq!(number(value).as_deref(), Some(out), "{line}");
        // Parse them back, with more digits than needed and with an exponent.
        for raw in [out.to_owned(), format!("{value:.25e}"), format!("{value:e}")] {
            assert_eq!(rfc8785(raw.as_bytes()).as_deref(), Ok(out.as_bytes()), "{raw}");
        }
        count += 1;
    }
    assert_eq!(count, 10_000);
}

/// Files that any JSON parser must accept but a recorder rejects, because I-JSON (RFC 7493) cannot represent
/// them.
const VALID_BUT_REFUSED: &[(&str, &str)] = &[
    ("y_number.json", LARGE),
    ("y_number_real_capital_e.json", LARGE),
    ("y_number_real_exponent.json", LARGE),
    ("y_number_real_fraction_exponent.json", LARGE),
    ("y_object_duplicated_key.json", TWICE),
    ("y_object_duplicated_key_and_value.json", TWICE),
    ("y_object_extreme_numbers.json", LARGE),
];

const LARGE: &str = "a number is not finite or has a magnitude above 2^53 - 1";
const TWICE: &str = "a field name occurs twice in an object";

#[test]
fn accepts_exactly_json() {
    let Some(folder) = third_party::find("json-parsing/JSONTestSuite/test_parsing") else { return };
    let mut refused = Vec::new();
    for (name, text) in all(&folder) {
        let written = canonicalize(&text);
        assert_eq!(Event::parse(&text, &Redaction::default()).is_ok(), is_object(&written), "{name}");
        match name.as_bytes()[0] {
            b'n' => assert!(written.is_err(), "{name}"),
            b'y' => refused.extend(written.as_ref().err().map(|error| (name.clone(), error.message.clone()))),
            // Implementations may accept or reject these, but must not crash.
            _ => {}
        }
        if let Ok(written) = written {
            assert_eq!(canonicalize(&written).as_ref(), Ok(&written), "{name}");
        }
    }
    let refused: Vec<(&str, &str)> = refused.iter().map(|(name, why)| (&name[..], &why[..])).collect();
    assert_eq!(refused, VALID_BUT_REFUSED);
}

fn is_object<E>(written: &Result<Vec<u8>, E>) -> bool {
    written.as_ref().is_ok_and(|text| text.starts_with(b"{"))
}
