/** Begins a build: tsc, when it compiles the rest, finds the artefact and its bindings in `out`. */

import { copyArtefacts, empty, filesOf } from "../../../build/output.mjs";

const out = new URL("../out/", import.meta.url);

empty(out, new URL("../dist/", import.meta.url));
copyArtefacts(filesOf("log"), new URL("wasm/", out));
