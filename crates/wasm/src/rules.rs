//! The built-in rules. Only previews of artifacts have them, so that the pack's file needs no build for the host.

use countersign_analyze::Pack;
use wasm_bindgen::prelude::wasm_bindgen;

/// Returns the JSON of the built-in pack.
#[wasm_bindgen(js_name = builtInPack)]
pub fn built_in_pack() -> String {
    Pack::built_in().as_json().to_owned()
}
