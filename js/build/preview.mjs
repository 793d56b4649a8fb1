/**
 * Builds what the auditor's page is made of, unchecked and unoptimized, with no tool but the compiler that is named:
 * `node preview.mjs TSC`. The workspace need not be installed.
 */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const [compiler] = process.argv.slice(2);
const packages = new URL("../packages/", import.meta.url);
const node = (...args) => execFileSync(process.execPath, args, { stdio: "inherit" });

for (const name of ["countersign", "shared", "ui"]) {
  const home = new URL(`${name}/`, packages);
  if (name !== "shared") {
    node(fileURLToPath(new URL("build/generate.mjs", home)), "--preview");
  }
  const unchecked = ["--noCheck", "--declaration", "false", "--sourceMap", "false", "--inlineSources", "false"];
  node(compiler, "-p", fileURLToPath(home), ...unchecked, "--types", "");
}
