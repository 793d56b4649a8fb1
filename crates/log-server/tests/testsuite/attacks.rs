//! Attacks on a log server: each is answered as it should be, stores nothing, leaves evidence where there is any, and
//! the log goes on.

mod bodies;
mod clients;
mod damage;
mod floods;
mod forks;
mod keys;
mod paths;
mod races;
mod repeats;
