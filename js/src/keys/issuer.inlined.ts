import { compileInlined } from "../artefact/inlined.js";
import base64 from "../inlined/recorder.js";
import { issuing } from "./issuer.js";

export * from "./public.js";

/** Makes an issuer. Nothing is sent before it grants or revokes. */
export const createIssuer = issuing(() => compileInlined(base64));
