//! The query and the readings through their public interface.

mod categories;
mod habits;
mod language;
mod naive;
mod needles;
mod people;
mod real_events;
