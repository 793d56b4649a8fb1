//! Input and output of all commands: files, streams, HTTP, and the terminal.

pub(crate) mod contents;
pub(crate) mod entries;
pub(crate) mod export;
pub(crate) mod input;
pub(crate) mod key;
pub(crate) mod output;
#[cfg(feature = "native")]
pub(crate) mod parquet;
pub(crate) mod parsers;
pub(crate) mod pin;
pub(crate) mod progress;
pub(crate) mod query;
pub(crate) mod spill_queue;
pub(crate) mod stage;
pub(crate) mod stop;
pub(crate) mod style;
#[cfg(feature = "native")]
pub(crate) mod submit;
pub(crate) mod table;
pub(crate) mod tee;
#[cfg(feature = "native")]
pub(crate) mod token;
pub(crate) mod verdict;
pub(crate) mod visit;
#[cfg(feature = "native")]
pub(crate) mod webhook;
