//! What JavaScript sees: the only folder that knows it.
//!
//! Bytes and text cross in whole pieces. What is refused is thrown as an `Error` with the members `code`, and where
//! known (else `undefined`) `member`, `line` and `hint`; the npm package turns it into its own class.
#![allow(unsafe_code, reason = "wasm-bindgen writes the calls across the boundary")]
#![allow(missing_docs, reason = "wasm-bindgen writes items of its own; what is written here has documents")]
#![allow(clippy::cast_precision_loss, reason = "counts of lines stay far below 2^53")]
#![allow(clippy::needless_pass_by_value, reason = "wasm-bindgen hands lists over whole")]

#[cfg(feature = "wasm-verifier")]
mod marks;
#[cfg(feature = "wasm-recorder")]
mod proof;
#[cfg(feature = "wasm-recorder")]
mod recorder;
#[cfg(feature = "wasm-slicer")]
mod slicer;
#[cfg(feature = "wasm-verifier")]
mod verifier;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::Error;

#[wasm_bindgen]
extern "C" {
    /// JavaScript's `Error`, with members of ours.
    #[wasm_bindgen(js_name = Error)]
    type Thrown;

    #[wasm_bindgen(constructor, js_class = Error)]
    fn new(message: &str) -> Thrown;

    #[wasm_bindgen(method, setter)]
    fn set_code(this: &Thrown, code: &str);

    #[wasm_bindgen(method, setter)]
    fn set_member(this: &Thrown, member: Option<&str>);

    #[wasm_bindgen(method, setter)]
    fn set_hint(this: &Thrown, hint: Option<&str>);

    #[wasm_bindgen(method, setter)]
    fn set_line(this: &Thrown, line: Option<f64>);
}

/// A whole number that JavaScript gives, at most 2^53 − 1.
#[cfg(any(feature = "wasm-verifier", feature = "wasm-slicer"))]
fn index(value: f64) -> Option<u64> {
    let fits = value.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(&value);
    #[expect(clippy::cast_sign_loss, reason = "none of these has a sign")]
    fits.then_some(value as u64)
}

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let thrown = Thrown::new(&error.message);
        thrown.set_code(error.code.as_str());
        thrown.set_member(error.member.as_deref());
        thrown.set_hint(error.hint);
        thrown.set_line(error.line.map(|line| line as f64));
        thrown.into()
    }
}
