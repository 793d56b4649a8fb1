/** Starts a build: copies the WebAssembly module and its bindings to `out` for tsc. */

import { copyArtefacts, empty, filesOf } from "../../../build/output.mjs";

const out = new URL("../out/", import.meta.url);

empty(out, new URL("../dist/", import.meta.url));
copyArtefacts(filesOf("log"), new URL("wasm/", out));
