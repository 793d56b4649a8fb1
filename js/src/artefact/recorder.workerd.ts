export { none as lifecycle } from "../record/lifecycle.js";
export { importSignerKey as readKey, verifying } from "../record/webcrypto.js";
export { default as artefact } from "../wasm/recorder_bg.wasm";
