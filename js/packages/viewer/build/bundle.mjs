/** Bundles the compiled viewer and its workers, each into one script. */

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
  // Base of the paths from which LICENSES.txt lists packages.
  absWorkingDir: fileURLToPath(new URL("../../", home)),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2023",
  // LICENSES.txt contains them all.
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  sourcemap: true,
  outdir: fileURLToPath(into),
};
const path = (name) => fileURLToPath(new URL(name, out));

/** Removes the indentation of templates, which HTML treats as one space and minifiers keep. */
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
// Texts of languages other than English are loaded on demand.
const read = (url) => JSON.parse(readFileSync(new URL(url), "utf8"));
const [texts, core] = ["de", "core.de"].map((name) =>
  read(import.meta.resolve(`@countersign/ui/viewer/texts/${name}.json`)),
);
writeFileSync(new URL("de.json", into), JSON.stringify({ texts, core }));

// Servers that render pages import the script too, but have no elements. It has no imports or exports, so a block can
// contain it.
const viewer = new URL("viewer.js", into);
const [scripted, mapped] = readFileSync(viewer, "utf8").split("//# sourceMappingURL=");
writeFileSync(viewer, `if (typeof HTMLElement !== "undefined") {\n${scripted}}\n//# sourceMappingURL=${mapped}`);
// The block adds one line at the start.
const map = new URL("viewer.js.map", into);
const parsed = read(map);
writeFileSync(map, JSON.stringify({ ...parsed, mappings: `;${parsed.mappings}` }));

await bundleDeclarations(home, ["viewer", "react"], ["react"]);
const inputs = Object.keys(metafile.inputs);
// The package countersign contains the viewer, too.
writeFileSync(new URL("inputs.json", out), JSON.stringify(inputs));
writeLicenses(home, { artifacts: ARTIFACTS, inputs });
