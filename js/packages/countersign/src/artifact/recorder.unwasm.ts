export { inWorker as lifecycle } from "../record/lifecycle.workerd.js";
export { importSignerKey as readKey } from "../record/webcrypto.js";
export { default as artifact } from "../wasm/recorder_bg.wasm?module";
