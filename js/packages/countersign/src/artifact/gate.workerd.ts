export { default as artifact } from "../wasm/gate_bg.wasm";
