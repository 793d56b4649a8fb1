//! Tests of a log in a bucket, with two servers and a store that fails.

mod checking;
mod erasing;
pub mod faults;
mod reads;
mod rounds;
mod s3;
mod signed;
mod starting;
mod witnessed;
pub mod world;
