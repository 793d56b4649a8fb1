//! Parquet files with one row per event: written from a verified export, or compared with one.

mod attestation;
mod compare;
mod cut;
mod days;
mod error;
mod manifest;
mod parts;
mod rows;
mod write;

pub(crate) use compare::compare;
pub(crate) use cut::{Cut, PROGRAM, inputs_sha256};
pub(crate) use manifest::Manifest;
pub(crate) use parts::holds_parts;
pub(crate) use rows::{Rows, Signers, Stretch};
pub(crate) use write::{Partition, write};
