import { isKind, type TrustLine } from "@countersign/ui/viewer/session/trust-lines.js";

export {
  keyParts,
  LINE_KINDS,
  type TrustLine,
  trustLines,
} from "@countersign/ui/viewer/session/trust-lines.js";

/** A small file that was read whole. */
export interface TextFile {
  readonly name: string;
  readonly text: string;
  /** The source of the text, if the reader has no file of it: pasted or dropped as text, or contained in an evidence file. */
  readonly source?: "pasted" | "evidence";
}

/** Role that a single key can be trusted for. */
export type KeyKind = "emitter" | "issuer" | "log";

/** A key that is trusted until the page is closed. */
export interface SessionKey {
  readonly kind: KeyKind;
  readonly vkey: string;
}

/** The reader's trust: a trust file, and keys added for this session. */
export interface TrustChoice {
  readonly file: TextFile | undefined;
  readonly keys: readonly SessionKey[];
}

export const NO_TRUST: TrustChoice = { file: undefined, keys: [] };

/** Returns a trust file equivalent to the choice; undefined if nothing was chosen. */
export function trustText({ file, keys }: TrustChoice): string | undefined {
  if (file === undefined && keys.length === 0) return undefined;
  const text = file?.text ?? "";
  const own = keys.map(({ kind, vkey }) => `${kind} ${vkey}\n`).join("");
  return own === "" || text === "" || text.endsWith("\n") ? text + own : `${text}\n${own}`;
}

/** Adds a key unless it is already there. */
export function withKey(choice: TrustChoice, key: SessionKey): TrustChoice {
  const known = choice.keys.some(({ kind, vkey }) => kind === key.kind && vkey === key.vkey);
  return known ? choice : { ...choice, keys: [...choice.keys, key] };
}

export function withoutKey(choice: TrustChoice, key: SessionKey): TrustChoice {
  return { ...choice, keys: choice.keys.filter((other) => other !== key) };
}

/** Returns the number of lines of each kind, whether or not their keys are valid. */
export function account(text: string): Readonly<Record<TrustLine["kind"], number>> {
  const counts = { log: 0, witness: 0, issuer: 0, emitter: 0, revoke: 0 };
  for (const line of text.split("\n")) {
    const word = line.trim().split(/[ \t]/)[0] ?? "";
    if (isKind(word)) counts[word] += 1;
  }
  return counts;
}

/** Returns the name of the reader's trust file; undefined for keys alone. */
export function trustName({ file }: TrustChoice): string | undefined {
  return file?.name;
}
