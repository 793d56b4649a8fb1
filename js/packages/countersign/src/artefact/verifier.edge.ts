export { default as artefact } from "../wasm/verifier_bg.wasm?module";
export const worker = undefined;
