//! The core through its public interface. What runs in a browser too is in `tests/portable`.

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
mod redaction;
mod reserialized;
mod seal;
mod slices;
mod slicing;
mod submissions;
mod third_party;
mod tiles;
mod totality;
mod vectors;
mod witness;
