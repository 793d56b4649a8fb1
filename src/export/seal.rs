//! A log without a server.
