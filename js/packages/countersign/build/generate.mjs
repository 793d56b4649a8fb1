/**
 * Begins a build: makes of what is no TypeScript modules that tsc, when it compiles the rest, and every bundler take.
 * Artefacts become base64, style sheets and drawings become Lit's, and types are made of the English texts, which all languages have,
 * of the codes that the core lists, and of the actions that SPEC.md names. With `--preview` only what the auditor's page needs is made, without any of the
 * package's tools.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const isPreview = process.argv.includes("--preview");

const src = new URL("../src/", import.meta.url);
const dist = new URL("../dist/", import.meta.url);

// What an earlier build left would be packed with this one's.
for (const name of readdirSync(dist).filter((name) => name !== "wasm")) {
  rmSync(new URL(name, dist), { recursive: true });
}
for (const name of ["viewer", "cloudflare-log"]) {
  rmSync(new URL(`../packages/${name}/dist`, import.meta.url), { recursive: true, force: true });
}
for (const folder of ["inlined/", "viewer/texts/", "viewer/parts/"]) {
  mkdirSync(new URL(folder, dist), { recursive: true });
}

/** A module that gives a text; without one for now, where what it is made of is yet to be compiled. */
function inline(name, text = "") {
  writeFileSync(new URL(`inlined/${name}.js`, dist), `export default ${JSON.stringify(text)};\n`);
  writeFileSync(new URL(`inlined/${name}.d.ts`, dist), "declare const text: string;\nexport default text;\n");
}

for (const name of isPreview ? ["recorder"] : ["gate", "recorder", "verifier"]) {
  inline(name, readFileSync(new URL(`wasm/${name}_bg.wasm`, dist), "base64"));
}
// build/element.mjs fills it.
inline("worker.node");

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

/** The closed type of what a source of the core lists, one code a line. */
function codesIn(source, pattern) {
  const codes = [...source.matchAll(pattern)].map(([, code]) => JSON.stringify(code));
  if (codes.length === 0) {
    throw new Error(`no code is like ${pattern}`);
  }
  return codes.join(" | ");
}
const sources = [
  "error.rs",
  "verdict.rs",
  "verify/finding.rs",
  "verify/meaning.rs",
  "verify/report.rs",
  "verify/standing.rs",
];
const [errors, verdicts, findings, meanings, reports, standings] = sources.map((name) =>
  readFileSync(new URL(`../../src/${name}`, import.meta.url), "utf8"),
);
const [signers = ""] = /^ +pub enum SignerTrust \{$[^}]+/m.exec(reports) ?? [];
/** A word of an enum. */
const WORD = /^ +\w+ = "([\w.]+)",$/gm;
const specification = readFileSync(new URL("../../SPEC.md", import.meta.url), "utf8");
const [actions = ""] = /^Names of actions .+(?:\n.+)*/m.exec(specification) ?? [];
const [, checks] = /^checks! \{ ([a-z_ ]+) \}$/m.exec(reports) ?? [undefined, ""];
const closed = [
  `/** What is checked, in the order in which it is shown. */\nexport type CheckName = ${codesIn(checks, /(\w+)/g)};\n`,
  `/** The one answer to "can this be believed?". Computed by the core, and nowhere else. */\nexport type Verdict = ${codesIn(verdicts, WORD)};\n`,
  `/** What the words for a verdict depend on where it has several (SPEC.md, section 9). */\nexport type Why = ${codesIn(meanings, WORD)};\n`,
  `/**\n * Why a signer is trusted or not: revoked in the log or by the trust file, named in the trust file, granted by an\n * issuer that the trust file names, or none of it.\n */\nexport type SignerTrust = ${codesIn(signers, WORD)};\n`,
  `/** Whether the key that signed an event is one to trust (SPEC.md, section 9). */\nexport type Standing = ${codesIn(standings, WORD)};\n`,
  `/** Actions that the built-in rules know. Any other \`noun.verb\` is an action too. */\nexport type KnownAction = ${codesIn(actions, /`(\w+\.\w+)`/g)};\n`,
  `/** What the core refuses. */\nexport type CoreErrorCode = ${codesIn(errors, /^ +\w+ = "(\w+\.\w+)",$/gm)};\n`,
  ...Object.entries({
    Error: "A finding that fails its check.",
    Warning: "A finding that a reader should know; no check fails by it.",
    Info: "A finding by which nothing is wrong.",
  }).map(
    ([severity, about]) =>
      `/** ${about} */\nexport type ${severity}FindingCode = ${codesIn(findings, new RegExp(`^ +\\w+ "(\\w+\\.\\w+)" ${severity}$`, "gm"))};\n`,
  ),
];
writeFileSync(new URL("codes.d.ts", dist), closed.join("\n"));
