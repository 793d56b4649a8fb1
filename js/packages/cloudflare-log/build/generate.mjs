/** Begins a build: tsc, when it compiles the rest, finds the artifact and its bindings in `out`. */

import { copyArtifacts, empty, filesOf } from "../../../build/output.mjs";

const out = new URL("../out/", import.meta.url);

empty(out, new URL("../dist/", import.meta.url));
copyArtifacts(filesOf("log"), new URL("wasm/", out));
