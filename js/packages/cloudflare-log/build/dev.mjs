/**
 * Bundles the log that `countersign dev` runs, and its page, into the package countersign, after that package and the
 * viewer were built. The verifier's WebAssembly is there already.
 */

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { copyArtifacts, empty, writeLicenses } from "../../../build/output.mjs";

const home = new URL("../", import.meta.url);
const countersign = new URL("../countersign/", home);
const viewer = new URL("../viewer/", home);
const into = new URL("dist/dev/", countersign);
const page = new URL("page/", into);

/** The viewer's scripts and texts. It loads no detection rules here. */
const VIEWER = ["viewer.js", "verify-worker.js", "index-worker.js", "slice-worker.js", "de.json"];

empty(page);
const script = {
  absWorkingDir: fileURLToPath(home),
  bundle: true,
  format: "esm",
  legalComments: "none",
  sourcemap: true,
  logLevel: "warning",
};
await build({
  ...script,
  entryPoints: ["out/dev/server.node.js"],
  outdir: fileURLToPath(into),
  platform: "node",
  target: "node22.16",
  alias: { "cloudflare:workers": fileURLToPath(new URL("out/dev/durable-object.js", home)) },
});
await build({
  ...script,
  entryPoints: ["out/dev/page/page.js"],
  outdir: fileURLToPath(page),
  minify: true,
  target: "es2023",
  external: ["/viewer/viewer.js"],
});
copyArtifacts([["log.wasm", "log_bg.wasm"]], into);
copyArtifacts(
  [
    ["index.wasm", "index_bg.wasm"],
    ["slicer.wasm", "slicer_bg.wasm"],
  ],
  page,
);
copyFileSync(new URL("src/dev/page/index.html", home), new URL("index.html", page));
for (const name of VIEWER) {
  // The maps are in the viewer's own package.
  const text = readFileSync(new URL(`dist/${name}`, viewer), "utf8");
  writeFileSync(new URL(name, page), text.replace(/\/\/# sourceMappingURL=.*\n?$/, ""));
}

writeLicenses(countersign, {
  artifacts: ["gate", "index", "log", "recorder", "slicer", "verifier"],
  hasProgram: true,
  inputs: JSON.parse(readFileSync(new URL("out/inputs.json", viewer), "utf8")),
});
