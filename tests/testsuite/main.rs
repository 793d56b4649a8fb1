//! Tests of the core through its public API. Those that also run in a browser are in `tests/portable`.

mod answers;
mod archives;
mod check;
mod common;
mod decompress;
mod jcs;
mod live;
mod log;
mod marks;
mod modules;
mod parts;
mod properties;
mod receipts;
mod redaction;
mod reserialized;
mod seal;
mod slices;
mod slicing;
mod submissions;
mod tenants;
mod third_party;
mod tiles;
mod totality;
mod vectors;
mod witness;
