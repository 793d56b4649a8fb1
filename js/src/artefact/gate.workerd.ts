export { default as module } from "../wasm/gate_bg.wasm";
