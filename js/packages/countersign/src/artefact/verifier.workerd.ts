export { default as artefact } from "../wasm/verifier_bg.wasm";
export const worker = undefined;
