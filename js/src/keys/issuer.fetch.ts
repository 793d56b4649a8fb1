import { fetchModule } from "../verify/fetch-module.js";
import { issuing } from "./issuer.js";

export * from "./public.js";

/** Makes an issuer. Nothing is sent before it grants or revokes. */
export const createIssuer = issuing(() => fetchModule(new URL("../wasm/recorder_bg.wasm", import.meta.url)));
