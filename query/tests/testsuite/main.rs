//! The query and the readings through their public interface.

mod language;
mod naive;
mod needles;
mod people;
mod real_events;
