//! Attacks on a log server: each is rejected with the right error, stores nothing, leaves evidence where possible, and
//! doesn't stop the log.

mod bodies;
mod clients;
mod damage;
mod floods;
mod forks;
mod keys;
mod paths;
mod races;
mod repeats;
