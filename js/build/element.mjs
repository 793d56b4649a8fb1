/** Bundles the element and its workers, each into one file without imports, after tsc has compiled them. */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = new URL("../", import.meta.url);
const dist = new URL("dist/", root);
const into = new URL("element/", dist);

const { metafile } = await build({
  absWorkingDir: fileURLToPath(root),
  entryPoints: {
    viewer: fileURLToPath(new URL("element/entry.js", dist)),
    "verify-worker": fileURLToPath(new URL("verify/worker.js", dist)),
    "shelf-worker": fileURLToPath(new URL("shelf/worker.js", dist)),
    "slice-worker": fileURLToPath(new URL("slice/worker.js", dist)),
  },
  outdir: fileURLToPath(into),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2023",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const bundled = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
);
const licences = [...bundled].sort().map((name) => {
  const folder = new URL(`node_modules/${name}/`, root);
  const { version } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
  return `${name} ${version}\n\n${readFileSync(new URL("LICENSE", folder), "utf8").trim()}\n`;
});
writeFileSync(new URL("LICENSES.txt", into), licences.join(`\n${"-".repeat(80)}\n\n`));
