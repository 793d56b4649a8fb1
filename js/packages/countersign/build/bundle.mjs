/**
 * Finishes a build: inlines the Node.js worker as a string, because bundlers don't resolve a file by its URL, and
 * excludes declarations that no entry point reaches from the npm package. The other packages of this workspace compile
 * against them.
 */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { writeLicenses } from "../../../build/output.mjs";

const home = new URL("../", import.meta.url);

const { outputFiles } = await build({
  absWorkingDir: fileURLToPath(home),
  entryPoints: ["dist/verify/worker.node.js"],
  bundle: true,
  minify: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  // LICENSES.txt contains them.
  legalComments: "none",
  write: false,
  logLevel: "warning",
  // The verifier's glue code has a default file URL that is never used.
  logOverride: { "empty-import-meta": "silent" },
});
writeFileSync(new URL("dist/inlined/worker.node.js", home), `export default ${JSON.stringify(outputFiles[0].text)};\n`);

/** Returns the declaration files that the entry points' types reach, according to the compiler. */
function declarationsOfEntries() {
  const { exports } = JSON.parse(readFileSync(new URL("package.json", home), "utf8"));
  const entries = Object.values(exports).flatMap(({ types }) => types ?? []);
  const compiler = fileURLToPath(import.meta.resolve("typescript/package.json").replace("package.json", "bin/tsc"));
  const options = "--ignoreConfig --listFilesOnly --noLib --module esnext --moduleResolution bundler --types".split(
    " ",
  );
  const listed = execFileSync(process.execPath, [compiler, ...options, "", ...entries], {
    cwd: home,
    encoding: "utf8",
  });
  return new Set(
    listed
      .trim()
      .split("\n")
      .map((path) => pathToFileURL(path).href),
  );
}

const dist = new URL("dist/", home);
const declared = declarationsOfEntries();
const internal = readdirSync(dist, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".d.ts") && !declared.has(new URL(name, dist).href));
writeFileSync(
  new URL(".npmignore", dist),
  internal
    .map((name) => `/${name}\n`)
    .sort()
    .join(""),
);

writeLicenses(home, { artifacts: ["gate", "recorder", "verifier"], hasProgram: true });
