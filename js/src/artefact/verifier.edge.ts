export { default as module } from "../wasm/verifier_bg.wasm?module";
export const worker = undefined;
