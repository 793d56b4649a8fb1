/** Starts a build: copies the WebAssembly module and its bindings to `out` for tsc. */

import { copyArtifacts, empty, filesOf } from "../../../build/output.mjs";

const out = new URL("../out/", import.meta.url);

empty(out, new URL("../dist/", import.meta.url));
copyArtifacts(filesOf("log"), new URL("wasm/", out));
