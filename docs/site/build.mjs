/** Builds the site, and prints its path: `cargo xtask docs`. */

import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vitepress";
import { writeApi } from "./src/api.mjs";
import { writeHttp } from "./src/http.mjs";
import { pages } from "./src/navigation.mjs";
import { DOCS, MODULES, PAGES, PROJECT, SITE, sitePath } from "./src/paths.mjs";

rmSync(PAGES, { recursive: true, force: true });
for (const page of pages()) {
  const copy = PAGES + sitePath(page);
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(PROJECT + page, copy);
}
await writeApi();
writeHttp();
// Pages become modules, which import packages of this folder.
rmSync(MODULES, { force: true });
symlinkSync(fileURLToPath(new URL("node_modules", import.meta.url)), MODULES, "junction");
const images = `${PAGES}public/images/`;
mkdirSync(images, { recursive: true });
for (const file of readdirSync(PROJECT + DOCS).filter((file) => /\.(?:png|svg)$/.test(file))) {
  copyFileSync(PROJECT + DOCS + file, images + file);
}
await build(fileURLToPath(new URL(".", import.meta.url)));
console.log(SITE);
