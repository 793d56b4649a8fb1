//! The query and the readings through their public interface.

mod habits;
mod categories;
mod language;
mod naive;
mod needles;
mod people;
mod real_events;
