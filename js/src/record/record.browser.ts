import { fetchModule } from "../verify/fetch-module.js";
import { recording } from "./full.js";
import { lifecycle } from "./lifecycle.browser.js";

export type { GeneratedKey } from "./full.js";
export * from "./public.js";

/** Begins a chain; makes a signer key. */
export const { createRecorder, generateKey } = recording(
  () => fetchModule(new URL("../wasm/recorder_bg.wasm", import.meta.url)),
  lifecycle,
);
