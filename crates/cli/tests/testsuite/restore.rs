//! A log whose storage was brought back to an earlier state signs nothing that contradicts what it signed.
#![cfg(unix)]

mod after;
mod bucket;
mod evidence;
mod lying;
mod scene;
mod stopped;
