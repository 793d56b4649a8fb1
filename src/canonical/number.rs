//! Numbers as ECMAScript writes them: the shortest decimal that gives the same double.
//!
//! A decimal of at most 15 significant digits is already the shortest one, so most numbers stay as written. All
//! others go through a double.

use std::borrow::Cow;

use crate::{integer, json};

/// The range of accepted numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// Numbers that are finite as doubles.
    Finite,
    /// Finite numbers with a magnitude of at most 2^53 − 1.
    Exact,
}

/// The [largest integer](crate::integer::MAX) as a double.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// The number of decimal digits that a double always preserves (C's `DBL_DIG`).
const SURE_DIGITS: usize = 15;

/// Appends the canonical form of `raw`, which must be a JSON number. Returns false if it is out of range.
pub(super) fn canonicalize(raw: &str, range: Range, out: &mut Vec<u8>) -> bool {
    if is_canonical(raw.as_bytes()) {
        out.extend_from_slice(raw.as_bytes());
        return true;
    }
    let (value, text) = engine::through_double(raw);
    let limit = if range == Range::Exact { MAX_EXACT } else { f64::MAX };
    if value.is_nan() || value.abs() > limit {
        return false;
    }
    out.extend_from_slice(text.as_bytes());
    true
}

/// True if a number certainly has ECMAScript's form already, as most numbers do. Saves the slower conversion
/// to a double and back.
fn is_canonical(raw: &[u8]) -> bool {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    digits.len() <= SURE_DIGITS
        && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.'))
        && if digits.contains(&b'.') {
            !digits.ends_with(b"0") && !digits.starts_with(b"0.000000")
        } else {
            raw != b"-0"
        }
}

/// Writes a finite double like ECMAScript's `Number::toString`, which is its form in canonical JSON.
///
/// ```
/// use countersign::canonical::number;
///
/// assert_eq!(number(1e21).as_deref(), Some("1e+21"));
/// assert_eq!(number(-0.0).as_deref(), Some("0"));
/// assert_eq!(number(f64::NAN), None);
/// ```
pub fn es6(value: f64) -> Option<String> {
    value.is_finite().then(|| engine::write(value))
}

/// Parses a JSON number. Returns `None` if the text is not a number or its double is not finite.
///
/// ```
/// use countersign::canonical::double;
///
/// assert_eq!(double("1.50"), Some(1.5));
/// assert!(double("0x1").is_none() && double("1e999").is_none());
/// ```
pub fn double(text: &str) -> Option<f64> {
    if let Some(whole) = whole(text) {
        return Some(whole);
    }
    let is_number = json::number_end(text.as_bytes(), 0).is_ok_and(|end| end == text.len());
    is_number.then(|| engine::through_double(text).0).filter(|value| value.is_finite())
}

/// Returns a number's text in canonical form, as [`es6`] writes it. Returns `None` if [`double`] does, and
/// also for magnitudes above 2^53 - 1, which canonical JSON does not allow because several texts have the
/// same double.
///
/// ```
/// use countersign::canonical::decimal;
///
/// assert_eq!(decimal("1.50").as_deref(), Some("1.5"));
/// assert_eq!(decimal("-7").as_deref(), Some("-7"));
/// assert!(decimal("07").is_none() && decimal("9007199254740993").is_none());
/// ```
#[allow(clippy::cast_precision_loss, reason = "2^53 - 1 is exact")]
pub fn decimal(text: &str) -> Option<Cow<'_, str>> {
    match whole(text) {
        Some(value) if value != 0.0 || text == "0" => Some(Cow::Borrowed(text)),
        _ => double(text).filter(|value| value.abs() <= integer::MAX as f64).and_then(es6).map(Cow::Owned),
    }
}

/// Parses a whole number in canonical form, or `-0`. Most numbers are like that and need no conversion.
#[allow(clippy::cast_precision_loss, reason = "at most 2^53 - 1")]
fn whole(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let value = integer::parse(digits.as_bytes())? as f64;
    Some(if digits.len() == text.len() { value } else { -value })
}

// The JavaScript engine converts numbers in WebAssembly, which saves the conversion tables.
#[cfg(all(target_arch = "wasm32", feature = "js"))]
use javascript as engine;
#[cfg(not(all(target_arch = "wasm32", feature = "js")))]
use native as engine;

/// Conversions between decimals and doubles in Rust.
#[cfg(any(test, not(all(target_arch = "wasm32", feature = "js"))))]
mod native {
    pub(super) fn through_double(raw: &str) -> (f64, String) {
        let value = raw.parse().unwrap_or(f64::NAN);
        (value, if value.is_finite() { write(value) } else { String::new() })
    }

    pub(super) fn write(value: f64) -> String {
        ryu_js::Buffer::new().format_finite(value).into()
    }
}

/// Conversions by the JavaScript engine, whose text for a number is canonical JSON.
#[cfg(all(target_arch = "wasm32", feature = "js"))]
#[allow(unsafe_code, reason = "wasm-bindgen writes the calls")]
mod javascript {
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = Number)]
        fn to_number(text: &str) -> f64;

        #[wasm_bindgen(js_name = String)]
        fn to_text(value: f64) -> String;
    }

    pub(super) fn through_double(raw: &str) -> (f64, String) {
        let value = to_number(raw);
        (value, to_text(value))
    }

    pub(super) fn write(value: f64) -> String {
        to_text(value)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use proptest::prelude::*;

    use super::*;

    fn written(raw: &str, range: Range) -> Option<String> {
        let mut out = Vec::new();
        canonicalize(raw, range, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn writes_numbers_like_ecmascript() {
        for (raw, out) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("-0.0e5", "0"),
            ("-0.5", "-0.5"),
            ("0e99999999999999999999", "0"),
            ("10", "10"),
            ("-10", "-10"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("100e-2", "1"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.5e-9", "1.5e-9"),
            ("12e-310", "1.2e-309"),
            ("9007199254740991", "9007199254740991"),
            ("-9007199254740991.0", "-9007199254740991"),
            ("0.10000000000000001", "0.1"),
            ("333333333.33333329", "333333333.3333333"),
            ("1e-99999999999999999999", "0"),
            ("-1e-400", "0"),
        ] {
            assert_eq!(written(raw, Range::Exact).as_deref(), Some(out), "{raw}");
        }
    }

    #[test]
    fn rejects_numbers_out_of_range() {
        for raw in ["9007199254740992", "-9007199254740993", "9.1e15", "1e16", "1e300", "90071992547409910e0"]
        {
            assert_eq!(written(raw, Range::Exact), None, "{raw}");
            assert!(written(raw, Range::Finite).is_some(), "{raw}");
        }
        for raw in ["1e309", "-1e400", "1e99999999999999999999"] {
            assert_eq!(written(raw, Range::Finite), None, "{raw}");
        }
    }

    #[cfg(all(target_arch = "wasm32", feature = "js"))]
    #[test]
    fn the_javascript_engine_converts_identically() {
        // Every exponent, with pseudorandom bits of the fraction.
        let doubles =
            (0..2047_u64 * 4).map(|n| (n % 2047) << 52 | n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12);
        for value in doubles.map(f64::from_bits) {
            assert_eq!(javascript::write(value), native::write(value));
            for raw in [format!("{value:e}"), format!("{value:.30e}"), format!("-{value:.18e}")] {
                assert_eq!(javascript::through_double(&raw), native::through_double(&raw), "{raw}");
            }
        }
        for raw in ["1e400", "-1e400"] {
            assert_eq!(javascript::through_double(raw).0, native::through_double(raw).0);
        }
    }

    proptest! {
        #[test]
        fn decimal_is_how_its_double_is_written(raw in r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,4})?(e-?[0-9]{1,3})?") {
            let value = native::through_double(&raw).0;
            prop_assert_eq!(double(&raw), Some(value).filter(|value| value.is_finite()));
            let carried = value.abs() <= 9_007_199_254_740_991.0;
            prop_assert_eq!(decimal(&raw).map(Cow::into_owned), es6(value).filter(|_| carried));
        }

        #[test]
        fn the_fast_path_agrees_with_doubles(raw in r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?") {
            let value: f64 = raw.parse().unwrap();
            prop_assert_eq!(written(&raw, Range::Finite), es6(value));
            let exact = es6(value).filter(|_| value.abs() <= 9_007_199_254_740_991.0);
            prop_assert_eq!(written(&raw, Range::Exact), exact);
        }
    }
}
