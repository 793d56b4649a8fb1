/** Bundles the log, after tsc has compiled it, with what it shares with the other packages. The artifact stays a file. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleDeclarations } from "../../../build/declarations.mjs";
import { copyArtifacts, writeLicenses } from "../../../build/output.mjs";

const home = new URL("../", import.meta.url);
const dist = new URL("dist/", home);

await build({
  absWorkingDir: fileURLToPath(home),
  entryPoints: ["out/log.workerd.js"],
  outdir: fileURLToPath(dist),
  bundle: true,
  format: "esm",
  target: "es2023",
  // wrangler bundles it again, and finds the artifact by its path.
  external: ["*.wasm", "cloudflare:*"],
  legalComments: "none",
  sourcemap: true,
  logLevel: "warning",
});
copyArtifacts(["log_bg.wasm"], new URL("wasm/", dist));

await bundleDeclarations(home, ["log.workerd"], ["cloudflare:workers"]);
writeLicenses(home, { artifacts: ["log"] });
