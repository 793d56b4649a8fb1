//! The bindings to JavaScript. No other crate knows about JavaScript.
//!
//! Bytes and text cross the boundary in whole pieces. Errors are thrown as an `Error` with the fields `code` and, where
//! known (else `undefined`), `member`, `line`, `hint`, and `phrases`; the npm package converts it to its own class.
#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, reason = "wasm-bindgen writes the calls across the boundary")]
#![allow(missing_docs, reason = "wasm-bindgen writes items of its own; what is written here has documents")]
#![allow(clippy::missing_errors_doc, reason = "what is thrown is what the core gives")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "JavaScript has one kind of number, and counts, sizes and times are below 2^53"
)]
#![allow(clippy::needless_pass_by_value, reason = "wasm-bindgen hands lists over whole")]

#[cfg(feature = "analyzer")]
mod analyzer;
#[cfg(feature = "gate")]
mod gate;
#[cfg(feature = "index")]
mod index;
#[cfg(feature = "log")]
mod log;
#[cfg(feature = "verifier")]
mod marks;
#[cfg(feature = "overview")]
mod overview;
#[cfg(any(feature = "slicer", feature = "verifier"))]
mod phrases;
#[cfg(feature = "recorder")]
mod proof;
#[cfg(feature = "recorder")]
mod recorder;
#[cfg(feature = "slicer")]
mod slicer;
#[cfg(feature = "verifier")]
mod verifier;

use countersign::Error;
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Matches the speed of the standard library's allocator, and is 1.5 KB smaller.
#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

#[wasm_bindgen]
extern "C" {
    /// JavaScript's `Error` with additional fields.
    #[wasm_bindgen(js_name = Error)]
    type CodedError;

    #[wasm_bindgen(constructor, js_class = Error)]
    fn new(message: &str) -> CodedError;

    #[wasm_bindgen(method, setter)]
    fn set_code(this: &CodedError, code: &str);

    #[wasm_bindgen(method, setter)]
    fn set_member(this: &CodedError, member: Option<&str>);

    #[wasm_bindgen(method, setter)]
    fn set_hint(this: &CodedError, hint: Option<&str>);

    #[wasm_bindgen(method, setter)]
    fn set_line(this: &CodedError, line: Option<f64>);

    #[cfg(any(feature = "slicer", feature = "verifier"))]
    #[wasm_bindgen(method, setter)]
    fn set_phrases(this: &CodedError, phrases: &JsValue);
}

/// An error to throw in JavaScript.
pub struct Thrown(JsValue);

impl From<Error> for Thrown {
    #[cold]
    #[inline(never)]
    fn from(error: Error) -> Self {
        let thrown = CodedError::new(&error.message);
        thrown.set_code(error.code.as_str());
        thrown.set_member(error.member.as_deref());
        thrown.set_hint(error.hint);
        thrown.set_line(error.line.map(|line| line as f64));
        #[cfg(any(feature = "slicer", feature = "verifier"))]
        thrown.set_phrases(&phrases::of_error(&error));
        Self(thrown.into())
    }
}

impl From<JsValue> for Thrown {
    fn from(value: JsValue) -> Self {
        Self(value)
    }
}

impl From<Thrown> for JsValue {
    fn from(Thrown(value): Thrown) -> Self {
        value
    }
}

/// Converts a JavaScript number to an integer of at most 2^53 − 1.
#[cfg(any(
    feature = "analyzer",
    feature = "index",
    feature = "overview",
    feature = "slicer",
    feature = "verifier"
))]
fn index(value: f64) -> Option<u64> {
    let fits = value.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(&value);
    fits.then_some(value as u64)
}
