//! Proofs of one log, and notes about keys for it, in the artefacts `recorder` and `recorder-slim`.

use countersign::Error;
#[cfg(feature = "sign")]
use countersign::keys::{KeyNote, Statement};
#[cfg(not(feature = "sign"))]
use countersign::note::Claim;
use countersign::note::Decides;
#[cfg(feature = "sign")]
use countersign::note::SignerKey;
use countersign::proof::Proof;
use countersign::trust::Trust;
#[cfg(not(feature = "sign"))]
use js_sys::Uint8Array;
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
    #[cfg(feature = "sign")]
    pub fn prove(&self, proof: &str, leaf: &str) -> Result<f64, Thrown> {
        Ok(self.judge(&mut |claim| claim.holds(), proof, leaf)?)
    }

    /// The signatures that a C2SP tlog-proof stands on, to be checked elsewhere: of each the public key (32 bytes), the
    /// Ed25519 signature (64 bytes) and the signed bytes.
    #[cfg(not(feature = "sign"))]
    pub fn claims(&self, proof: &str, leaf: &str) -> Result<Vec<Uint8Array>, Thrown> {
        let mut claims = Vec::new();
        let mut note = |claim: &Claim<'_>| {
            claims.extend([claim.key.public(), &claim.signature[..], claim.message].map(Uint8Array::from));
            true
        };
        self.judge(&mut note, proof, leaf)?;
        Ok(claims)
    }

    /// Checks that the proof shows `leaf` to be in the log; `valid` has for each of its claims 1 where the signature is
    /// valid. Gives its index.
    #[cfg(not(feature = "sign"))]
    pub fn decide(&self, proof: &str, leaf: &str, valid: &[u8]) -> Result<f64, Thrown> {
        let mut valid = valid.iter();
        Ok(self.judge(&mut |_| valid.next() == Some(&1), proof, leaf)?)
    }

    fn judge(&self, holds: Decides<'_>, proof: &str, leaf: &str) -> Result<f64, Error> {
        let proof = Proof::parse(proof)?;
        proof.judge_that(holds, leaf.as_bytes(), &self.0).map_err(|(_, error)| error)?;
        Ok(proof.index as f64)
    }
}

/// A key note of these statements for the log of `origin`, signed with a signer key: the leaf.
#[cfg(feature = "sign")]
#[wasm_bindgen(js_name = signKeyNote)]
pub fn sign_key_note(key: &str, origin: &str, statements: Vec<String>) -> Result<String, Thrown> {
    let statements: Vec<Statement> =
        statements.iter().map(|statement| statement.parse()).collect::<Result<_, _>>()?;
    Ok(KeyNote::sign(origin, &statements, &SignerKey::parse(key)?)?)
}
