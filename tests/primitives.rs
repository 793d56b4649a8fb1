//! `tests/vectors/primitives.json`: the format's small values.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[path = "common/primitives.rs"]
mod primitives;
#[path = "common/value.rs"]
mod value;

#[test]
fn every_primitive_is_as_the_vectors_say() {
    primitives::run(include_str!("vectors/primitives.json"));
}
