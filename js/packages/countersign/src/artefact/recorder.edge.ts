export { none as lifecycle } from "../record/lifecycle.js";
export { default as artefact } from "../wasm/recorder_bg.wasm?module";
export const readKey = undefined;
