//! Tests of the log through its public interface and over HTTP.

mod alerts;
mod attacks;
mod bucket;
mod clock;
mod common;
mod embedded;
mod erase;
mod explain;
mod export;
mod fsck;
mod health;
mod listening;
mod oidc;
mod quota;
mod readers;
mod reading;
mod reads;
mod retention;
mod scoped_work;
mod scopes;
mod search;
mod sequencer;
mod stream;
mod tokens;
mod witness;
mod witnessed;
