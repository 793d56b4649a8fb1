/** What the builds of the packages have in common: folders of their own, the artifacts in them, and licenses. */

import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { licenses } from "./licenses.mjs";

const WASM = new URL("../wasm/", import.meta.url);
const COUNTERSIGN = new URL("../packages/countersign/", import.meta.url);

/** Empties folders, as what an earlier build left would be packed with this one's. */
export function empty(...folders) {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
}

/** Copies files that `cargo xtask wasm` built to a folder, some under another name. A preview has not all of them. */
export function copyArtifacts(names, into, { isPreview = false } = {}) {
  mkdirSync(into, { recursive: true });
  for (const [name, from] of names.map((name) => [name].flat())) {
    const source = new URL(from ?? name, WASM);
    if (!isPreview || existsSync(source)) {
      copyFileSync(source, new URL(name, into));
    }
  }
}

/** An artifact, and its bindings. */
export const filesOf = (artifact) => [".js", ".d.ts", "_bg.wasm"].map((ending) => `${artifact}${ending}`);

/** Writes the licenses of all that is in a package, and those of the package itself. */
export function writeLicenses(home, contents) {
  writeFileSync(new URL("dist/LICENSES.txt", home), licenses(contents));
  if (home.href !== COUNTERSIGN.href) {
    for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) {
      copyFileSync(new URL(name, COUNTERSIGN), new URL(name, home));
    }
  }
}
