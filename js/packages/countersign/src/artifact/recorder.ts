import base64 from "../inlined/recorder.js";
import { compileInlined } from "./inlined.js";

export { ofRuntime as lifecycle } from "../record/lifecycle.js";

export const artifact = () => compileInlined(base64);
export const readKey = undefined;
