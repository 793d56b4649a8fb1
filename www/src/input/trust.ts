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
  /** Whether there is no file of it: its text was pasted or dropped. */
  readonly isPasted?: true;
}

/** What a single key can be trusted for. */
export type KeyKind = "emitter" | "issuer" | "log";

/** A key that is trusted until the page is closed. */
export interface SessionKey {
  readonly kind: KeyKind;
  readonly vkey: string;
}

/** What the reader trusts: a trust file, and keys added by hand for this session. */
export interface TrustChoice {
  readonly file: TextFile | undefined;
  readonly keys: readonly SessionKey[];
}

export const NO_TRUST: TrustChoice = { file: undefined, keys: [] };

/** The trust file that stands for the choice; none where nothing was chosen. */
export function trustText({ file, keys }: TrustChoice): string | undefined {
  if (file === undefined && keys.length === 0) return undefined;
  const text = file?.text ?? "";
  const own = keys.map(({ kind, vkey }) => `${kind} ${vkey}\n`).join("");
  return own === "" || text === "" || text.endsWith("\n") ? text + own : `${text}\n${own}`;
}

/** Adds a key, once. */
export function withKey(choice: TrustChoice, key: SessionKey): TrustChoice {
  const known = choice.keys.some(({ kind, vkey }) => kind === key.kind && vkey === key.vkey);
  return known ? choice : { ...choice, keys: [...choice.keys, key] };
}

export function withoutKey(choice: TrustChoice, key: SessionKey): TrustChoice {
  return { ...choice, keys: choice.keys.filter((other) => other !== key) };
}

/** How many lines of each kind there are, whether or not their keys are good ones. */
export function account(text: string): Readonly<Record<TrustLine["kind"], number>> {
  const counts = { log: 0, witness: 0, issuer: 0, emitter: 0, revoke: 0 };
  for (const line of text.split("\n")) {
    const word = line.trim().split(/[ \t]/)[0] ?? "";
    if (isKind(word)) counts[word] += 1;
  }
  return counts;
}

/** What the reader's trust file is called; undefined for keys alone. */
export function trustName({ file }: TrustChoice): string | undefined {
  return file?.name;
}
