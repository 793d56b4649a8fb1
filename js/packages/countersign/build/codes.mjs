/** Types of the core's codes, and of the actions in SPEC.md. */

import { readFileSync } from "node:fs";

const project = new URL("../../../../", import.meta.url);

/** Returns a union type of the codes that a pattern finds in a source file of the core. */
function codesIn(source, pattern) {
  const codes = [...source.matchAll(pattern)].map(([, code]) => JSON.stringify(code));
  if (codes.length === 0) {
    throw new Error(`no code matches ${pattern}`);
  }
  return codes.join(" | ");
}

const sources = [
  "error.rs",
  "verdict.rs",
  "verify/finding.rs",
  "verify/meaning.rs",
  "verify/report.rs",
  "verify/signer_trust.rs",
];
const [errors, verdicts, findings, meanings, reports, signerTrusts] = sources.map((name) =>
  readFileSync(new URL(`src/${name}`, project), "utf8"),
);
const [signers = ""] = /^ +pub enum TrustBasis \{$[^}]+/m.exec(reports) ?? [];
/** A variant of an enum with its code. */
const WORD = /^ +\w+ = "([\w.]+)",$/gm;
const specification = readFileSync(new URL("SPEC.md", project), "utf8");
const [actions = ""] = /^Names of actions .+(?:\n.+)*/m.exec(specification) ?? [];
const [, checks] = /^checks! \{ ([a-z_ ]+) \}$/m.exec(reports) ?? [undefined, ""];
/** The declarations of these types. */
export const codes = [
  `/** The checks, in order of display. */\nexport type CheckName = ${codesIn(checks, /(\w+)/g)};\n`,
  `/** The verdict on an export, computed by the core. */\nexport type Verdict = ${codesIn(verdicts, WORD)};\n`,
  `/** The reason for a verdict that can have several (SPEC.md, section 9). */\nexport type Why = ${codesIn(meanings, WORD)};\n`,
  `/**\n * The reason for a signer's trust: revoked in the log or by the trust file, named in the trust file, granted by an\n * issuer that the trust file names, or none of these.\n */\nexport type TrustBasis = ${codesIn(signers, WORD)};\n`,
  `/** The trust in the key that signed an event (SPEC.md, section 9). */\nexport type SignerTrust = ${codesIn(signerTrusts, WORD)};\n`,
  `/** Actions that the built-in rules know. Any other \`noun.verb\` is also valid. */\nexport type KnownAction = ${codesIn(actions, /`(\w+\.\w+)`/g)};\n`,
  `/** Error codes of the core. */\nexport type CoreErrorCode = ${codesIn(errors, /^ +\w+ = "(\w+\.\w+)",$/gm)};\n`,
  ...Object.entries({
    Error: "A finding that fails its check.",
    Warning: "A finding to be aware of. It fails no check.",
    Info: "An informational finding. It fails no check.",
  }).map(
    ([severity, about]) =>
      `/** ${about} */\nexport type ${severity}FindingCode = ${codesIn(findings, new RegExp(`^ +\\w+ "(\\w+\\.\\w+)" ${severity}$`, "gm"))};\n`,
  ),
].join("\n");
