/** The recorder where bundlers for edge runtimes inline WebAssembly, which may have no `DecompressionStream`. */

import base64 from "../inlined/recorder.uncompressed.js";
import { compileInlined } from "./inlined.js";

export { ofRuntime as lifecycle } from "../record/lifecycle.js";

export const artifact = () => compileInlined(base64);
export const readKey = undefined;
