//! The query and the readings through their public interface.

mod categories;
mod language;
mod naive;
mod needles;
mod real_events;
