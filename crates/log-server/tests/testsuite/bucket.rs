//! A log in a bucket: two servers, a store that fails, and one history.

mod checking;
mod erasing;
mod faults;
mod reads;
mod rounds;
mod s3;
mod signed;
mod starting;
mod witnessed;
mod world;
