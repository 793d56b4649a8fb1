export { default as module } from "../wasm/verifier_bg.wasm";
export const worker = undefined;
