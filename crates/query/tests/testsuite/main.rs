//! The query and the parsers through their public interface.

mod categories;
mod foreign_syntax;
mod language;
mod naive;
mod needles;
mod people;
mod real_events;
