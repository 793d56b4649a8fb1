//! Financial exposure by Open FAIR: simulates the losses of years.
//!
//! A year has Poisson(threat events · vulnerability) loss events, each with a primary loss and, with a
//! probability, a secondary one. All inputs are PERT distributions of three numbers, with their source and
//! date. The crate does no I/O, reads no clock, and uses no platform mathematics: scenario, log, and number
//! of years determine every loss of every year, bit for bit, on every machine and in WebAssembly
//! (`docs/risk.md`).
//!
//! ```
//! use countersign_risk::{Scenario, Seed, Simulation};
//!
//! let scenario = Scenario::parse("
//! countersign: scenario/v1
//! id: exposed-endpoint
//! title: An unknown endpoint exposes records
//! currency: EUR
//! frequency: {low: 2, mode: 6, high: 20, source: Findings of a year, date: 2026-11-20}
//! vulnerability: {low: 0.05, mode: 0.2, high: 0.6, source: Penetration test 14, date: 2026-10-02}
//! loss: {low: 10000, mode: 50000, high: 400000, source: Claims of 2025, date: 2026-01-31}
//! ")?;
//! let simulation = Simulation::run(&scenario, &[], &Seed::derive(None, &scenario.hash), 20_000)?;
//! let figures = simulation.figures();
//! let exact = scenario.inputs.mean();
//! assert!((figures.mean - exact).abs() < 4.0 * figures.standard_error);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]
#![allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
#![allow(clippy::cast_sign_loss, reason = "counts and parts are never negative")]
#![allow(clippy::float_cmp, reason = "comparisons are meant to be exact")]

pub mod chart;
mod figures;
pub mod markdown;
mod pert;
mod proposed;
mod rate;
mod report;
mod scenario;
mod seed;
mod simulation;
pub mod starter;

pub use figures::{EXCEEDED, Exceedance, Figures, QUANTILES, Quantile};
pub use pert::Pert;
pub use proposed::{Kind, METHOD, Observation, Observations, ProposedFrequency, Span};
pub use rate::{Proposal, Rate};
pub use report::{ControlEffect, Log, Report, RiskError, ScenarioResult, Together};
pub use scenario::{
    Change, Control, Cost, Input, Inputs, MAX_AMOUNT, MAX_EVENTS, Scenario, ScenarioError, Signal,
};
pub use seed::Seed;
pub use simulation::{DEFAULT_YEARS, MAX_YEARS, Simulation, SimulationError};
