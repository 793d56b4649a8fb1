/**
 * Starts a build: turns files that aren't TypeScript into modules for tsc and bundlers. Style sheets and icons become
 * Lit values, and the types of texts are generated from the English ones. With `--preview`, generates only what the
 * auditor's page needs, without the package's tools.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { copyArtifacts, empty, filesOf } from "../../../build/output.mjs";

const isPreview = process.argv.includes("--preview");

const src = new URL("../src/", import.meta.url);
const dist = new URL("../dist/", import.meta.url);

empty(dist);
const artifacts = ["analyzer", "index", "overview", "slicer"].flatMap(filesOf);
copyArtifacts([...artifacts, "rules.json"], new URL("wasm/", dist), { isPreview });
for (const folder of ["viewer/texts/", "viewer/parts/"]) {
  mkdirSync(new URL(folder, dist), { recursive: true });
}

const STYLES = 'import type { CSSResult } from "lit";\ndeclare const styles: CSSResult;\nexport default styles;\n';
const minified = isPreview ? (css) => css : await minifier();
for (const name of readdirSync(new URL("viewer/", src), { recursive: true }).filter((name) => name.endsWith(".css"))) {
  mkdirSync(new URL(".", new URL(`viewer/${name}`, dist)), { recursive: true });
  const css = minified(readFileSync(new URL(`viewer/${name}`, src), "utf8"));
  const module = `import { unsafeCSS } from "lit";\nexport default unsafeCSS(${JSON.stringify(css)});\n`;
  writeFileSync(new URL(`viewer/${name}.js`, dist), module);
  writeFileSync(new URL(`viewer/${name}.d.ts`, dist), STYLES);
}

const drawings = Object.entries(JSON.parse(readFileSync(new URL("viewer/parts/drawings.json", src), "utf8")));
const drawn = drawings.map(([name, drawing]) => `  ${name}: svg\`${drawing}\`,\n`).join("");
const names = drawings.map(([name]) => JSON.stringify(name)).join(" | ");
writeFileSync(
  new URL("viewer/parts/drawings.js", dist),
  `import { svg } from "lit";\nexport const drawings = {\n${drawn}};\n`,
);
writeFileSync(
  new URL("viewer/parts/drawings.d.ts", dist),
  `import type { SVGTemplateResult } from "lit";\nexport declare const drawings: Readonly<Record<${names}, SVGTemplateResult>>;\n`,
);

async function minifier() {
  const { transformSync } = await import("esbuild");
  return (css) => transformSync(css, { loader: "css", minify: true }).code;
}

/** Returns the type of a text, or of a list or group of texts. `texts.ts` compiles texts with slots to functions. */
function typeOf(json) {
  if (typeof json === "string") {
    const slots = new Map([...json.matchAll(/\{(#?)(\w+)\}/g)].map(([, kind, name]) => [name, kind]));
    const types = [...slots].map(([name, kind]) => `${name}: ${kind ? "number" : "string"}`);
    if (types.length > 1) {
      return `(values: { ${types.map((type) => `readonly ${type}`).join("; ")} }) => string`;
    }
    return types.length === 0 ? "string" : `(${types[0]}) => string`;
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
