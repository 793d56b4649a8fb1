import base64 from "../inlined/verifier.js";
import { compileInlined } from "./inlined.js";

export const artifact = () => compileInlined(base64);
export const worker = undefined;
