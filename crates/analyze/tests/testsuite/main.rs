//! Detection through its public interface: packs, findings, decisions.

mod attacks;
mod coverage;
mod decisions;
mod elements;
mod envelopes;
mod errors;
mod fields;
mod filters;
mod gate;
mod habits;
mod pieces;
mod rules;
mod watchlist;
mod windows;
