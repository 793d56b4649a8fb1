import { gunzipSync } from "node:zlib";
import base64 from "../inlined/recorder.js";

export { ofRuntime as lifecycle } from "../record/lifecycle.js";
export { nativeSigner as readKey } from "../record/sign.node.js";

// Loading Node.js's `DecompressionStream` takes longer than this.
export const artifact = async () => WebAssembly.compile(gunzipSync(Buffer.from(base64, "base64")));
