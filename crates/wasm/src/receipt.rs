//! Receipts, in the artifact `verifier`.

use countersign::error::{Code, Error};
use countersign::receipt::AnyReceipt;
use countersign::trust::Trust;
use countersign::verify::Verdict;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Thrown;

/// The result of verifying a receipt.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptResult<'a> {
    verdict: &'a str,
    origin: Option<&'a str>,
    index: u64,
    size: u64,
    is_index_signed: bool,
    /// The reason, unless the verdict is `verified`.
    reason: Option<&'a str>,
}

/// Verifies the receipt of an entry, in any form, with a trust file, for the log of `origin` if it is given.
/// Throws if the receipt or the trust file can't be parsed.
#[wasm_bindgen(js_name = verifyReceipt)]
pub fn verify_receipt(
    receipt: &[u8],
    entry: &[u8],
    trust: &[u8],
    origin: Option<String>,
) -> Result<JsValue, Thrown> {
    let trust = Trust::parse(trust)?;
    let receipt = AnyReceipt::parse(receipt)?;
    let outcome = receipt.judge(entry, origin.as_deref(), &trust);
    let failure = outcome.as_ref().err();
    let result = ReceiptResult {
        verdict: failure.map_or(Verdict::Verified, |(verdict, _)| *verdict).as_str(),
        origin: receipt.origin(),
        index: receipt.index(),
        size: receipt.size(),
        is_index_signed: receipt.is_index_signed(),
        reason: failure.map(|(_, error)| error.message.as_str()),
    };
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    let converted = result.serialize(&serializer);
    converted.map_err(|_| Error::new(Code::Proof, "the result can't be converted to JavaScript").into())
}
