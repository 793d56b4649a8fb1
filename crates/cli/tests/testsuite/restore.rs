//! A log whose storage was rolled back signs nothing that contradicts earlier signatures.
#![cfg(unix)]

mod after;
mod bucket;
mod evidence;
mod lying;
mod scene;
mod stopped;
