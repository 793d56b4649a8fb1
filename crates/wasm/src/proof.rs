//! Proofs of one log, and notes for it, in the artifact `recorder`.

use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::keys::{GrantRequest, KeyNote, Statement};
use countersign::note::SignerKey;
use countersign::proof::Proof;
use countersign::tenant::{Anchor, AnchorProof, HeadProof, NewestHead, Receipt, Since, TenantRequest};
use countersign::trust::Trust;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Thrown;

/// The trust in a single log.
#[wasm_bindgen]
pub struct LogTrust(Trust);

#[wasm_bindgen]
impl LogTrust {
    /// Parses the log's vkey, or a trust file with exactly one `log` line.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Self, Thrown> {
        Ok(Self(Trust::parse_single_log(text)?))
    }

    /// Returns the log's origin.
    #[wasm_bindgen(getter)]
    pub fn origin(&self) -> String {
        self.0.logs().next().map(|log| log.name().to_owned()).unwrap_or_default()
    }

    /// Verifies a C2SP tlog-proof that `leaf` is in the log, and returns its index.
    pub fn prove(&self, proof: &str, leaf: &str) -> Result<f64, Thrown> {
        let proof = Proof::parse(proof)?;
        proof.verify(leaf.as_bytes(), None, &self.0)?;
        Ok(proof.index as f64)
    }

    /// Verifies the receipt of `leaf` from the tenant log of `origin`, and returns the entry's index.
    #[wasm_bindgen(js_name = proveReceipt)]
    pub fn prove_receipt(&self, receipt: &str, leaf: &str, origin: &str) -> Result<f64, Thrown> {
        let receipt = Receipt::parse(receipt)?;
        receipt.verify(leaf.as_bytes(), Some(origin), &self.0)?;
        Ok(receipt.index as f64)
    }
}

/// Compares a tenant log's answer with the newest head that this writer has seen (SPEC section 16.8), and returns the
/// `since` of the next request. `head` is the answer's head proof, which a receipt was verified with.
///
/// `since` is that of the request, and `seen` the head proof that it states; undefined if its size is 0. `proofs` are the
/// consistency proofs, with one hash a line: one for each anchor, and the one to the head.
#[wasm_bindgen(js_name = compareHeads)]
pub fn compare_heads(
    since: &str,
    seen: Option<String>,
    head: &str,
    anchors: Vec<String>,
    proofs: Vec<String>,
) -> Result<String, Thrown> {
    let malformed = || Error::new(Code::Proof, "the anchors or their consistency proofs are malformed");
    let newest = match seen {
        Some(seen) => NewestHead::from(&HeadProof::parse(&seen)?),
        None => NewestHead::none(Since::parse(since).ok_or_else(malformed)?.tick),
    };
    let proofs: Option<Vec<Vec<Hash>>> =
        proofs.iter().map(|proof| proof.lines().map(Hash::from_base64).collect()).collect();
    let mut proofs = proofs.ok_or_else(malformed)?;
    let consistency = proofs.pop().filter(|_| proofs.len() == anchors.len()).ok_or_else(malformed)?;
    let anchors: Vec<AnchorProof> = anchors
        .iter()
        .zip(proofs)
        .map(|(anchor, consistency)| Ok(AnchorProof { anchor: Anchor::parse(anchor)?, consistency }))
        .collect::<Result<_, Error>>()?;
    Ok(newest.compare(&HeadProof::parse(head)?, &anchors, &consistency)?.since().to_string())
}

/// Signs a request to create the log of a tenant, of this time in RFC 3339, and returns the note.
#[wasm_bindgen(js_name = signTenantRequest)]
pub fn sign_tenant_request(key: &str, root: &str, name: &str, time: &str) -> Result<String, Thrown> {
    Ok(TenantRequest::sign(root, name, time.parse()?, &SignerKey::parse(key)?)?)
}

/// Signs a request for a grant of this key, of this time in RFC 3339, and returns the note.
#[wasm_bindgen(js_name = signGrantRequest)]
pub fn sign_grant_request(key: &str, time: &str) -> Result<String, Thrown> {
    Ok(GrantRequest::sign(time.parse()?, &SignerKey::parse(key)?)?)
}

/// Returns the key and the time of a request for a grant, as a vkey and in RFC 3339. Fails if the key didn't sign it.
#[wasm_bindgen(js_name = openGrantRequest)]
pub fn open_grant_request(note: &str) -> Result<Vec<String>, Thrown> {
    let GrantRequest { key, time } = GrantRequest::open(note)?;
    Ok(vec![key.to_string(), time.to_string()])
}

/// Signs a key note with these statements for the log of `origin`, and returns the entry.
#[wasm_bindgen(js_name = signKeyNote)]
pub fn sign_key_note(key: &str, origin: &str, statements: Vec<String>) -> Result<String, Thrown> {
    let statements: Vec<Statement> =
        statements.iter().map(|statement| statement.parse()).collect::<Result<_, _>>()?;
    Ok(KeyNote::sign(origin, &statements, &SignerKey::parse(key)?)?)
}
