//! Builds, tests and serves the project.
fn main() {}
