/**
 * Ends a build: gives each package what its entries lead to, and nothing else. npm leaves the rest of `dist` out of
 * `countersign`; the others have copies, beside what build/element.mjs bundled for them. Tests import what they are of.
 */

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const dist = new URL("dist/", root);
const packages = new URL("packages/", root);

const manifest = (folder) => JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
const targets = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry ?? {}).flatMap(targets));

/** What a file names: a module by what is imported, a file that is no module by its address. */
const IMPORTS = /\b(?:from|import)\s*\(?\s*"(\.[^"?]+)|\bnew URL\("(\.[^"]+)", import\.meta\.url\)/g;

/** The files of `dist` that some of them lead to, with their source maps, by their names there. */
function reachedFrom(files) {
  const reached = new Set();
  const reach = (file) => {
    if (!file.href.startsWith(dist.href) || reached.has(file.href) || !existsSync(file)) {
      return;
    }
    reached.add(file.href);
    const isDeclaration = file.href.endsWith(".d.ts");
    if (!isDeclaration && !file.href.endsWith(".js")) {
      return;
    }
    const text = readFileSync(file, "utf8");
    for (const [, imported, named] of text.matchAll(IMPORTS)) {
      const path = imported ?? named;
      reach(new URL(isDeclaration ? path.replace(/\.js$/, ".d.ts") : path, file));
    }
    reach(new URL(`${file.href}.map`));
  };
  for (const file of files) {
    reach(file);
  }
  return [...reached].map((href) => href.slice(dist.href.length));
}

/** Copies files of `dist` to where a package has them. */
function give(names, into) {
  for (const name of names) {
    const copy = new URL(name, into);
    mkdirSync(new URL(".", copy), { recursive: true });
    copyFileSync(new URL(name, dist), copy);
  }
}

/** What npm has to find in `dist` though no entry leads there. */
const KEPT = ["LICENSES.txt", ".npmignore"];

const { exports, imports } = manifest(root);
const own = new Set(reachedFrom(targets({ exports, imports }).map((path) => new URL(path, root))));
const others = readdirSync(dist, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => !own.has(name) && !KEPT.includes(name) && statSync(new URL(name, dist)).isFile())
  .sort();
writeFileSync(new URL(".npmignore", dist), others.map((name) => `/${name}\n`).join(""));

// What they have of `dist`, as it lies there, is below this folder of theirs.
const OTHERS = { "viewer/": "dist/types/", "cloudflare-log/": "dist/" };

for (const [name, below] of Object.entries(OTHERS)) {
  const home = new URL(name, packages);
  const into = new URL(below, home);
  const entries = targets(manifest(home).exports)
    .map((path) => new URL(path, home).href)
    .filter((href) => href.startsWith(into.href))
    .map((href) => new URL(href.slice(into.href.length), dist));
  give(reachedFrom(entries), into);
  for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    copyFileSync(new URL(licence, root), new URL(licence, home));
  }
}
