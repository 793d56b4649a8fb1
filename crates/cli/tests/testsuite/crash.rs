//! Servers that are killed, run out of disk space, or are manipulated: acknowledged entries stay, and rewrites are
//! detected.
#![cfg(unix)]

mod erase;
mod evidence;
mod fsck;
// Only Linux can change a process's limits from outside.
#[cfg(target_os = "linux")]
mod full;
mod kill;
mod otlp;

mod reads;
mod rewrite;
