export { default as artifact } from "../wasm/verifier_bg.wasm?module";
export const worker = undefined;
