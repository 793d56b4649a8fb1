export { default as artifact } from "../wasm/verifier_bg.wasm";
export const worker = undefined;
