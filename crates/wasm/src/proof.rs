//! Proofs of one log, and notes about keys for it, in the artifact `recorder`.

use countersign::keys::{KeyNote, Statement};
use countersign::note::SignerKey;
use countersign::proof::Proof;
use countersign::trust::Trust;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Thrown;

/// What is trusted of one log.
#[wasm_bindgen]
pub struct LogTrust(Trust);

#[wasm_bindgen]
impl LogTrust {
    /// Reads the log's vkey, or a trust file with exactly one `log` line.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Self, Thrown> {
        Ok(Self(Trust::of_one_log(text)?))
    }

    /// The log's origin.
    #[wasm_bindgen(getter)]
    pub fn origin(&self) -> String {
        self.0.logs().next().map(|log| log.name().to_owned()).unwrap_or_default()
    }

    /// Checks that a C2SP tlog-proof shows `leaf` to be in the log. Gives its index.
    pub fn prove(&self, proof: &str, leaf: &str) -> Result<f64, Thrown> {
        let proof = Proof::parse(proof)?;
        proof.verify(leaf.as_bytes(), &self.0)?;
        Ok(proof.index as f64)
    }
}

/// A key note of these statements for the log of `origin`, signed with a signer key: the leaf.
#[wasm_bindgen(js_name = signKeyNote)]
pub fn sign_key_note(key: &str, origin: &str, statements: Vec<String>) -> Result<String, Thrown> {
    let statements: Vec<Statement> =
        statements.iter().map(|statement| statement.parse()).collect::<Result<_, _>>()?;
    Ok(KeyNote::sign(origin, &statements, &SignerKey::parse(key)?)?)
}
