/** Ends a build: has npm leave out the declarations that no entry's types lead to. Tests import what they are of. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const dist = new URL("dist/", root);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));

const reached = new Set();
const reach = (file) => {
  if (reached.has(file.href) || !existsSync(file)) {
    return;
  }
  reached.add(file.href);
  for (const [, path] of readFileSync(file, "utf8").matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    reach(new URL(path.replace(/\.js$/, ".d.ts"), file));
  }
};
for (const { types } of Object.values(exports)) {
  if (types !== undefined) {
    reach(new URL(types, root));
  }
}
const others = readdirSync(dist, { recursive: true })
  .filter((name) => name.endsWith(".d.ts") && !reached.has(new URL(name, dist).href))
  .sort();
writeFileSync(new URL(".npmignore", dist), others.map((name) => `/${name}\n`).join(""));
