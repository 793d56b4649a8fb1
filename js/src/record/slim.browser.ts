import { fetchModule } from "../verify/fetch-module.js";
import { recording } from "./lean.js";
import { lifecycle } from "./lifecycle.browser.js";

export * from "./public.js";

/** Begins a chain. */
export const { createRecorder } = recording(
  () => fetchModule(new URL("../wasm/recorder-slim_bg.wasm", import.meta.url)),
  lifecycle,
);
