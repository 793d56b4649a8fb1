/** Bundles what must be one script, after tsc has compiled it: the element, its workers, and the worker of Node.js. */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = new URL("../", import.meta.url);
const dist = new URL("dist/", root);
const into = new URL("element/", dist);

const script = {
  absWorkingDir: fileURLToPath(root),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2023",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};
const path = (name) => fileURLToPath(new URL(name, dist));

const { metafile } = await build({
  ...script,
  entryPoints: { viewer: path("element/entry.js") },
  inject: [path("element/absent.js")],
  outdir: fileURLToPath(into),
});
await build({
  ...script,
  entryPoints: {
    "verify-worker": path("verify/worker.js"),
    "shelf-worker": path("shelf/worker.js"),
    "slice-worker": path("slice/worker.js"),
  },
  outdir: fileURLToPath(into),
});

// A server that renders pages imports it too, and has no elements. It has no imports and exports, so that a block can hold it.
const viewer = new URL("viewer.js", into);
writeFileSync(viewer, `if (typeof HTMLElement !== "undefined") {\n${readFileSync(viewer, "utf8")}}\n`);

// As text: a bundler finds no file by the address of one.
const { outputFiles } = await build({
  ...script,
  entryPoints: [path("verify/worker.node.js")],
  platform: "node",
  format: "cjs",
  target: "node20",
  write: false,
  // The verifier's glue names its file, which is never asked for.
  logOverride: { "empty-import-meta": "silent" },
});
writeFileSync(new URL("inlined/worker.node.js", dist), `export default ${JSON.stringify(outputFiles[0].text)};\n`);

const bundled = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
);
const licences = [...bundled].sort().map((name) => {
  const folder = new URL(`node_modules/${name}/`, root);
  const { version } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
  return `${name} ${version}\n\n${readFileSync(new URL("LICENSE", folder), "utf8").trim()}\n`;
});
writeFileSync(new URL("LICENSES.txt", into), licences.join(`\n${"-".repeat(80)}\n\n`));
