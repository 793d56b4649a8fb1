//! An input whose bytes are hashed as they are read.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::errors::CliError;
use crate::io::input::Input;
use crate::io::tee::TeeReader;

/// An input that can be read once, and the hash of what was read.
pub(crate) struct HashedInput {
    pub(crate) input: Input,
    hash: Arc<Mutex<Sha256>>,
}

impl HashedInput {
    pub(crate) fn new(input: Input) -> Result<Self, CliError> {
        let hash = Arc::new(Mutex::new(Sha256::new()));
        let shared = hash.clone();
        let tap = move |bytes: &[u8]| {
            shared.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        };
        Ok(Self { input: input.through(|reader| TeeReader { reader, tap })?, hash })
    }

    /// Reads what is left of the input, and returns the SHA-256 of all its bytes.
    pub(crate) fn finish(mut self) -> Result<[u8; 32], CliError> {
        let name = self.input.name().to_owned();
        let rest = io::copy(self.input.reader()?, &mut io::sink());
        rest.map_err(|error| CliError::io("read", &name, &error))?;
        let hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(hash.clone().finalize().into())
    }
}
