//! A server that is killed, that has no room left, and that is lied with: what it acknowledged stays, and who rewrites
//! is caught.
#![cfg(unix)]

mod erase;
mod evidence;
mod fsck;
// A process's limits are changed from outside there alone.
#[cfg(target_os = "linux")]
mod full;
mod kill;

mod reads;
mod rewrite;
