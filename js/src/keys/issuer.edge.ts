import module from "../wasm/recorder_bg.wasm?module";
import { issuing } from "./issuer.js";

export * from "./public.js";

/** Makes an issuer. Nothing is sent before it grants or revokes. */
export const createIssuer = issuing(module);
