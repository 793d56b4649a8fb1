export { none as lifecycle } from "../record/lifecycle.js";
export { default as artifact } from "../wasm/recorder_bg.wasm?module";
export const readKey = undefined;
