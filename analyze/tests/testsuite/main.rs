//! Detection through its public interface: packs, findings, decisions.

mod attacks;
mod decisions;
mod elements;
mod faults;
mod fields;
mod filters;
mod gate;
mod habits;
mod pieces;
mod rules;
mod watchlist;
mod windows;
