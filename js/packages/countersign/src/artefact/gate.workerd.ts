export { default as artefact } from "../wasm/gate_bg.wasm";
