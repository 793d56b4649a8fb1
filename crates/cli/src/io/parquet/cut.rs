//! The cut of an export whose rows are written in parts.

use countersign::hex;
use countersign::trust::Trust;
use countersign_query::Parsers;
use sha2::{Digest as _, Sha256};

/// The version of this program.
pub(crate) const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The cut of an export, and the other inputs that all its rows depend on.
pub(crate) struct Cut {
    /// The number of parts.
    pub(super) parts: u64,
    /// The SHA-256, in hex, of the SHA-256 of each part.
    pub(super) parts_sha256: String,
    /// The SHA-256, in hex, of the program's version, the parsers, and the trust file.
    pub(super) inputs_sha256: String,
}

impl Cut {
    /// Creates a cut into parts with these SHA-256.
    pub(crate) fn new(parts: &[[u8; 32]], inputs_sha256: String) -> Self {
        let parts_sha256 = hex::encode(&Sha256::digest(parts.concat()));
        Self { parts: parts.len() as u64, parts_sha256, inputs_sha256 }
    }

    /// Returns what only the files of a part have in their metadata.
    pub(super) fn metadata(&self, part: u64) -> [(&'static str, String); 3] {
        [
            ("countersign.part", format!("{part}/{}", self.parts)),
            ("countersign.parts.sha256", self.parts_sha256.clone()),
            ("countersign.inputs.sha256", self.inputs_sha256.clone()),
        ]
    }
}

/// Returns the SHA-256, in hex, of the inputs that rows depend on besides their export.
pub(crate) fn inputs_sha256(program: &str, trust: &Trust, parsers: &Parsers) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{program}\n{}\n", parsers.digest()));
    hash.update(trust.to_text());
    hex::encode(&hash.finalize())
}
