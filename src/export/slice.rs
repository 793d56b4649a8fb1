//! Subsets of an export.
