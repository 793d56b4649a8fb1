/**
 * Begins a build: makes of what is no TypeScript modules that tsc, when it compiles the rest, and every bundler take.
 * Artifacts become base64, and types are made of the codes that the core lists and of the actions that SPEC.md names.
 * With `--preview` only what the auditor's page needs is made.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { copyArtifacts, empty, filesOf } from "../../../build/output.mjs";

const isPreview = process.argv.includes("--preview");
const ARTIFACTS = ["gate", "recorder", "verifier"];

const dist = new URL("../dist/", import.meta.url);
const project = new URL("../../../../", import.meta.url);

empty(dist);
copyArtifacts(ARTIFACTS.flatMap(filesOf), new URL("wasm/", dist), { isPreview });
mkdirSync(new URL("inlined/", dist));

/** A module that gives a text; without one for now, where what it is made of is yet to be compiled. */
function inline(name, text = "") {
  writeFileSync(new URL(`inlined/${name}.js`, dist), `export default ${JSON.stringify(text)};\n`);
  writeFileSync(new URL(`inlined/${name}.d.ts`, dist), "declare const text: string;\nexport default text;\n");
}

for (const name of isPreview ? ["recorder"] : ARTIFACTS) {
  inline(name, readFileSync(new URL(`wasm/${name}_bg.wasm`, dist), "base64"));
}
// build/bundle.mjs fills it.
inline("worker.node");

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
  "verify/signerTrust.rs",
];
const [errors, verdicts, findings, meanings, reports, signerTrusts] = sources.map((name) =>
  readFileSync(new URL(`src/${name}`, project), "utf8"),
);
const [signers = ""] = /^ +pub enum TrustBasis \{$[^}]+/m.exec(reports) ?? [];
/** A word of an enum. */
const WORD = /^ +\w+ = "([\w.]+)",$/gm;
const specification = readFileSync(new URL("SPEC.md", project), "utf8");
const [actions = ""] = /^Names of actions .+(?:\n.+)*/m.exec(specification) ?? [];
const [, checks] = /^checks! \{ ([a-z_ ]+) \}$/m.exec(reports) ?? [undefined, ""];
const closed = [
  `/** What is checked, in the order in which it is shown. */\nexport type CheckName = ${codesIn(checks, /(\w+)/g)};\n`,
  `/** The one answer to "can this be believed?". Computed by the core, and nowhere else. */\nexport type Verdict = ${codesIn(verdicts, WORD)};\n`,
  `/** What the words for a verdict depend on where it has several (SPEC.md, section 9). */\nexport type Why = ${codesIn(meanings, WORD)};\n`,
  `/**\n * Why a signer is trusted or not: revoked in the log or by the trust file, named in the trust file, granted by an\n * issuer that the trust file names, or none of it.\n */\nexport type TrustBasis = ${codesIn(signers, WORD)};\n`,
  `/** Whether the key that signed an event is one to trust (SPEC.md, section 9). */\nexport type SignerTrust = ${codesIn(signerTrusts, WORD)};\n`,
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
