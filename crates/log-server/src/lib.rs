#![doc = include_str!("../README.md")]
#![deny(missing_docs, unsafe_code)]

pub mod backup;
pub mod bucket;
pub mod control_files;
mod disk;
pub mod erase;
mod erasure_locks;
pub mod findings;
mod folder_keys;
mod follow;
pub mod fsck;
pub mod heads_file;
mod jobs;
pub mod log_server;
pub mod mirror_client;
pub mod oidc;
pub mod otlp;
pub mod own_entries;
pub mod reading;
mod reads;
pub mod remembered_logs;
pub mod restore;
pub mod retention;
pub mod root_entries;
pub mod search;
mod search_limits;
pub mod serve;
pub mod server;
mod short_response;
pub mod signed_file;
pub mod sqlite;
mod start_error;
pub mod stop_file;
pub mod tenants;
pub mod tokens;
pub mod witness;
mod witness_client;
