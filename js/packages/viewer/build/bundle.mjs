/** Bundles what must be one script, after tsc has compiled it: the viewer and its workers. */

import { readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleDeclarations } from "../../../build/declarations.mjs";
import { copyArtifacts, writeLicenses } from "../../../build/output.mjs";

const home = new URL("../", import.meta.url);
const out = new URL("out/", home);
const into = new URL("dist/", home);

const script = {
  // Where LICENSES.txt has the packages from.
  absWorkingDir: fileURLToPath(new URL("../../", home)),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2023",
  // LICENSES.txt has them all.
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  sourcemap: true,
  outdir: fileURLToPath(into),
};
const path = (name) => fileURLToPath(new URL(name, out));

/** No minifier shortens what indents the lines of a template, which HTML takes for one space. */
const templates = {
  name: "templates",
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]ui[\\/]dist[\\/]viewer[\\/].+\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replaceAll(/^[\t ]+/gm, ""),
    })),
};

const { metafile } = await build({
  ...script,
  entryPoints: { viewer: path("viewer.js") },
  plugins: [templates],
  inject: [path("absent.js")],
});
await build({
  ...script,
  entryPoints: {
    "verify-worker": "countersign/verify/worker",
    "index-worker": "@countersign/ui/index/worker.js",
    "slice-worker": "@countersign/ui/slice/worker.js",
    "analyze-worker": "@countersign/ui/analyze/worker.js",
  },
});
const ARTIFACTS = ["verifier", "verifier-plain", "index", "slicer", "analyzer"];
copyArtifacts([...ARTIFACTS.map((name) => [`${name}.wasm`, `${name}_bg.wasm`]), "rules.json"], into);
// Of all languages but English the texts are loaded when they are wanted.
const read = (url) => JSON.parse(readFileSync(new URL(url), "utf8"));
const [texts, core] = ["de", "core.de"].map((name) =>
  read(import.meta.resolve(`@countersign/ui/viewer/texts/${name}.json`)),
);
writeFileSync(new URL("de.json", into), JSON.stringify({ texts, core }));

// A server that renders pages imports it too, and has no elements. It has no imports and exports, so that a block can hold it.
const viewer = new URL("viewer.js", into);
const [scripted, mapped] = readFileSync(viewer, "utf8").split("//# sourceMappingURL=");
writeFileSync(viewer, `if (typeof HTMLElement !== "undefined") {\n${scripted}}\n//# sourceMappingURL=${mapped}`);
// A line came before all others.
const map = new URL("viewer.js.map", into);
const parsed = read(map);
writeFileSync(map, JSON.stringify({ ...parsed, mappings: `;${parsed.mappings}` }));

await bundleDeclarations(home, ["viewer", "react"], ["react"]);
writeLicenses(home, { artifacts: ARTIFACTS, inputs: Object.keys(metafile.inputs) });
