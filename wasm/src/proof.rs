//! Proofs of one log, and notes about keys for it, in the artefact `recorder`.

use countersign::keys::{KeyNote, Statement};
use countersign::note::{Claim, SignerKey};
use countersign::proof::Proof;
use countersign::trust::Trust;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Thrown;

/// What is trusted of one log.
#[wasm_bindgen]
pub struct LogTrust {
    trust: Trust,
    left: Vec<u8>,
}

#[wasm_bindgen]
impl LogTrust {
    /// Reads the log's vkey, or a trust file with exactly one `log` line.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Self, Thrown> {
        Ok(Self { trust: Trust::of_one_log(text)?, left: Vec::new() })
    }

    /// The log's origin.
    #[wasm_bindgen(getter)]
    pub fn origin(&self) -> String {
        self.trust.logs().next().map(|log| log.name().to_owned()).unwrap_or_default()
    }

    /// Checks that a C2SP tlog-proof shows `leaf` to be in the log. Gives its index. With `outside` the log's signature
    /// is `left` to be verified, for which it must have proven something before.
    pub fn prove(&mut self, proof: &str, leaf: &str, outside: bool) -> Result<f64, Thrown> {
        let proof = Proof::parse(proof)?;
        let left = &mut self.left;
        left.clear();
        // The first that it asks about is the log's, or else it fails.
        let mut holds = |claim: &Claim<'_>| {
            if !outside || !left.is_empty() {
                return claim.holds();
            }
            left.extend_from_slice(claim.key.public());
            left.extend_from_slice(claim.signature);
            left.extend_from_slice(claim.message);
            claim.may_hold()
        };
        proof.judge_that(&mut holds, leaf.as_bytes(), &self.trust).map_err(|(_, error)| error)?;
        Ok(proof.index as f64)
    }

    /// The public key, the signature over the rest, and the rest: it is proven where they fulfil Ed25519's equation.
    pub fn left(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.left)
    }
}

/// A key note of these statements for the log of `origin`, signed with a signer key: the leaf.
#[wasm_bindgen(js_name = signKeyNote)]
pub fn sign_key_note(key: &str, origin: &str, statements: Vec<String>) -> Result<String, Thrown> {
    let statements: Vec<Statement> =
        statements.iter().map(|statement| statement.parse()).collect::<Result<_, _>>()?;
    Ok(KeyNote::sign(origin, &statements, &SignerKey::parse(key)?)?)
}
