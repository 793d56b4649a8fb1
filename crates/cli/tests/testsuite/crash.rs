//! Servers that are killed, run out of disk space, or are manipulated: acknowledged entries stay, and rewrites are
//! detected.
#![cfg(unix)]

mod erase;
mod evidence;
mod fsck;
// Only there can a process's limits be changed from outside.
#[cfg(target_os = "linux")]
mod full;
mod kill;

mod reads;
mod rewrite;
