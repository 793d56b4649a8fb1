/** Bundles what must be one script, after tsc has compiled it: the viewer and its workers, and the worker of Node.js. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licences } from "./licences.mjs";

const root = new URL("../", import.meta.url);
const dist = new URL("dist/", root);
const into = new URL("packages/viewer/dist/", root);

const script = {
  absWorkingDir: fileURLToPath(root),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2023",
  // LICENSES.txt has them all.
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};
const path = (name) => fileURLToPath(new URL(name, dist));

/** No minifier shortens what indents the lines of a template, which HTML takes for one space. */
const templates = {
  name: "templates",
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]dist[\\/]viewer[\\/].+\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replaceAll(/^[\t ]+/gm, ""),
    })),
};

const { metafile } = await build({
  ...script,
  entryPoints: { viewer: path("element/entry.js") },
  sourcemap: true,
  plugins: [templates],
  inject: [path("element/absent.js")],
  outdir: fileURLToPath(into),
});
await build({
  ...script,
  entryPoints: {
    "verify-worker": path("verify/worker.js"),
    "index-worker": path("index/worker.js"),
    "slice-worker": path("slice/worker.js"),
    "analyze-worker": path("analyze/worker.js"),
  },
  sourcemap: true,
  outdir: fileURLToPath(into),
});
const ARTEFACTS = ["verifier", "verifier-plain", "index", "slicer", "analyzer"];
for (const name of ARTEFACTS) {
  copyFileSync(new URL(`wasm/${name}_bg.wasm`, dist), new URL(`${name}.wasm`, into));
}
copyFileSync(new URL("wasm/rules.json", dist), new URL("rules.json", into));
// Of all languages but English the texts are loaded when they are wanted.
const [texts, core] = ["de", "core.de"].map((name) =>
  JSON.parse(readFileSync(new URL(`viewer/texts/${name}.json`, dist), "utf8")),
);
writeFileSync(new URL("de.json", into), JSON.stringify({ texts, core }));

// A server that renders pages imports it too, and has no elements. It has no imports and exports, so that a block can hold it.
const viewer = new URL("viewer.js", into);
const [scripted, mapped] = readFileSync(viewer, "utf8").split("//# sourceMappingURL=");
writeFileSync(viewer, `if (typeof HTMLElement !== "undefined") {\n${scripted}}\n//# sourceMappingURL=${mapped}`);
// A line came before all others.
const map = new URL("viewer.js.map", into);
const parsed = JSON.parse(readFileSync(map, "utf8"));
writeFileSync(map, JSON.stringify({ ...parsed, mappings: `;${parsed.mappings}` }));

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

const inViewer = { artefacts: ARTEFACTS, inputs: Object.keys(metafile.inputs) };
for (const [folder, contents] of [
  ["", { artefacts: ["gate", "recorder", "verifier"] }],
  ["packages/viewer/", inViewer],
  ["packages/cloudflare-log/", { artefacts: ["log"] }],
]) {
  const file = new URL(`${folder}dist/LICENSES.txt`, root);
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, licences(contents));
}
