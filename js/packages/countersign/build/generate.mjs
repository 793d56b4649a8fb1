/**
 * Starts a build: turns inputs other than TypeScript into modules for tsc and bundlers. WebAssembly modules become
 * base64, that of the recorder also compressed. Types are generated from the core's codes and from the actions in
 * SPEC.md. With `--preview`, generates only what the auditor's page needs.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { copyArtifacts, empty, filesOf } from "../../../build/output.mjs";
import { codes } from "./codes.mjs";

const isPreview = process.argv.includes("--preview");
const ARTIFACTS = ["gate", "recorder", "verifier"];

const dist = new URL("../dist/", import.meta.url);
const project = new URL("../../../../", import.meta.url);

empty(dist);
copyArtifacts(ARTIFACTS.flatMap(filesOf), new URL("wasm/", dist), { isPreview });
// `cargo xtask start` builds previews of the artifacts, and no program.
const arePreviews = existsSync(new URL("js/wasm/previews", project));
copyArtifacts(["program.wasm"], new URL("wasm/", dist), { isPreview: isPreview || arePreviews });
mkdirSync(new URL("inlined/", dist));

/** Writes a module that exports a string, empty if the content is compiled later. */
function inline(name, text = "") {
  writeFileSync(new URL(`inlined/${name}.js`, dist), `export default ${JSON.stringify(text)};\n`);
  writeFileSync(new URL(`inlined/${name}.d.ts`, dist), "declare const text: string;\nexport default text;\n");
}

const artifact = (name) => readFileSync(new URL(`wasm/${name}_bg.wasm`, dist));
// Compressed, because pages load it. The others start faster on servers as they are.
inline("recorder", gzipSync(artifact("recorder"), { level: 9 }).toString("base64"));
inline("recorder.uncompressed", isPreview ? "" : artifact("recorder").toString("base64"));
for (const name of isPreview ? [] : ["gate", "verifier"]) {
  inline(name, artifact(name).toString("base64"));
}
// build/bundle.mjs fills it in.
inline("worker.node");

writeFileSync(new URL("codes.d.ts", dist), codes);
