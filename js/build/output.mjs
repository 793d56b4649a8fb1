/** Shared steps of the package builds: output folders, WebAssembly modules, and licenses. */

import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { licenses } from "./licenses.mjs";

const WASM = new URL("../wasm/", import.meta.url);
const COUNTERSIGN = new URL("../packages/countersign/", import.meta.url);

/** Empties folders, because leftovers of an earlier build would be packed too. */
export function empty(...folders) {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
}

/**
 * Copies files built by `cargo xtask wasm` to a folder, optionally under another name. A preview skips missing ones.
 */
export function copyArtifacts(names, into, { isPreview = false } = {}) {
  mkdirSync(into, { recursive: true });
  for (const [name, from] of names.map((name) => [name].flat())) {
    const source = new URL(from ?? name, WASM);
    if (!isPreview || existsSync(source)) {
      copyFileSync(source, new URL(name, into));
    }
  }
}

/** Returns the files of a module and its bindings. */
export const filesOf = (artifact) => [".js", ".d.ts", "_bg.wasm"].map((ending) => `${artifact}${ending}`);

/** Writes the licenses of a package's contents, and the license of the package itself. */
export function writeLicenses(home, contents) {
  writeFileSync(new URL("dist/LICENSES.txt", home), licenses(contents));
  if (home.href !== COUNTERSIGN.href) {
    for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) {
      copyFileSync(new URL(name, COUNTERSIGN), new URL(name, home));
    }
  }
}
