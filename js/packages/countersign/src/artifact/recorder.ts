import base64 from "../inlined/recorder.js";
import { compileCompressed } from "./inlined.js";

export { ofRuntime as lifecycle } from "../record/lifecycle.js";

export const artifact = () => compileCompressed(base64);
export const readKey = undefined;
