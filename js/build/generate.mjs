/**
 * Begins a build: makes of what is no TypeScript modules that tsc, when it compiles the rest, and every bundler take.
 * Artefacts become base64, style sheets become Lit's, and of the English texts the types are made that all languages have.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { transformSync } from "esbuild";

const src = new URL("../src/", import.meta.url);
const dist = new URL("../dist/", import.meta.url);

// What an earlier build left would be packed with this one's.
for (const name of readdirSync(dist).filter((name) => name !== "wasm")) {
  rmSync(new URL(name, dist), { recursive: true });
}
for (const name of ["viewer", "cloudflare-log"]) {
  rmSync(new URL(`../packages/${name}/dist`, import.meta.url), { recursive: true, force: true });
}
for (const folder of ["inlined/", "viewer/texts/"]) {
  mkdirSync(new URL(folder, dist), { recursive: true });
}

/** A module that gives a text; without one for now, where what it is made of is yet to be compiled. */
function inline(name, text = "") {
  writeFileSync(new URL(`inlined/${name}.js`, dist), `export default ${JSON.stringify(text)};\n`);
  writeFileSync(new URL(`inlined/${name}.d.ts`, dist), "declare const text: string;\nexport default text;\n");
}

for (const name of ["gate", "recorder", "verifier"]) {
  inline(name, readFileSync(new URL(`wasm/${name}_bg.wasm`, dist), "base64"));
}
// build/element.mjs fills it.
inline("worker.node");

const STYLES = 'import type { CSSResult } from "lit";\ndeclare const styles: CSSResult;\nexport default styles;\n';
for (const name of readdirSync(new URL("viewer/", src)).filter((name) => name.endsWith(".css"))) {
  const { code } = transformSync(readFileSync(new URL(`viewer/${name}`, src), "utf8"), { loader: "css", minify: true });
  const module = `import { unsafeCSS } from "lit";\nexport default unsafeCSS(${JSON.stringify(code)});\n`;
  writeFileSync(new URL(`viewer/${name}.js`, dist), module);
  writeFileSync(new URL(`viewer/${name}.d.ts`, dist), STYLES);
}

/** The type of a text, a list or a group of them: texts/texts.ts makes a function of what has slots. */
function typeOf(json) {
  if (typeof json === "string") {
    const slots = [...json.matchAll(/\{(#?)(\w+)\}/g)].map(
      ([, kind, name]) => `${name}: ${kind ? "number" : "string"}`,
    );
    return slots.length === 0 ? "string" : `(${slots.join(", ")}) => string`;
  }
  if (Array.isArray(json)) {
    return `readonly (${[...new Set(json.map(typeOf))].join(" | ")})[]`;
  }
  if ("other" in json) {
    return "(count: number) => string";
  }
  const members = Object.entries(json).map(([name, value]) => `readonly ${JSON.stringify(name)}: ${typeOf(value)};`);
  return `{ ${members.join(" ")} }`;
}
const english = JSON.parse(readFileSync(new URL("viewer/texts/en.json", src), "utf8"));
const schema = `/** What every language says: made of en.json. */\nexport interface Schema ${typeOf(english)}\n`;
writeFileSync(new URL("viewer/texts/schema.d.ts", dist), schema);
