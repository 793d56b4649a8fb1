import { readFile } from "node:fs/promises";
import { issuing } from "./issuer.js";

export * from "./public.js";

/** Makes an issuer. Nothing is sent before it grants or revokes. */
export const createIssuer = issuing(async () =>
  WebAssembly.compile(await readFile(new URL("../wasm/recorder_bg.wasm", import.meta.url))),
);
