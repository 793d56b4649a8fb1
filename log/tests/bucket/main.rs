//! A log in a bucket: two servers, a store that fails, and one history.

mod checking;
#[path = "../common/mod.rs"]
mod common;
mod erasing;
mod faults;
mod random;
mod reads;
mod rounds;
mod s3;
mod signed;
mod starting;
mod world;
