#![doc = include_str!("../README.md")]
#![deny(missing_docs, unsafe_code)]

pub mod backup;
pub mod bucket;
pub mod control_files;
mod disk;
pub mod erase;
pub mod findings;
pub mod fsck;
pub mod log_server;
pub mod oidc;
pub mod own_entries;
mod own_view;
pub mod reading;
mod reads;
pub mod restore;
pub mod retention;
pub mod search;
pub mod serve;
pub mod server;
pub mod signed_file;
pub mod sqlite;
mod start_error;
pub mod stop_file;
pub mod tokens;
mod turns;
pub mod witness;
mod witnessing;
