//! `tests/vectors/primitives.json`: the format's small values.

#[path = "common/primitives.rs"]
mod primitives;
#[path = "common/value.rs"]
mod value;

#[test]
fn every_primitive_is_as_the_vectors_say() {
    primitives::run(include_str!("vectors/primitives.json"));
}
