import base64 from "../inlined/verifier.js";
import { compileInlined } from "./inlined.js";

export const artefact = () => compileInlined(base64);
export const worker = undefined;
