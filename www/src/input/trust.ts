import type { KeyKind } from "../words.ts";

/** A small file that was read whole. */
export interface TextFile {
  readonly name: string;
  readonly text: string;
}

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

/** What the lines of a trust file are, for a short account of it: `1 log, 2 emitters, a quorum`. */
export function account(text: string): string {
  const counts = new Map<string, number>();
  for (const line of text.split("\n")) {
    const word = line.trim().split(/[ \t]/)[0] ?? "";
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const parts = [
    ["log", "logs"],
    ["witness", "witnesses"],
    ["issuer", "issuers"],
    ["emitter", "emitters"],
    ["revoke", "revocations"],
  ].flatMap(([word = "", many = ""]) => {
    const found = counts.get(word) ?? 0;
    if (found === 0) return [];
    return [`${found} ${found > 1 ? many : word === "revoke" ? "revocation" : word}`];
  });
  return parts.join(", ") || "names no key";
}

/** A verifier key's parts, for showing; the verifier itself decides whether it is a good one. */
export function keyParts(vkey: string): { readonly name: string; readonly id: string } | undefined {
  const parts = /^([^+\s]+)\+([0-9a-f]{8})\+[A-Za-z0-9+/]+=*$/.exec(vkey);
  return parts ? { name: parts[1] ?? "", id: parts[2] ?? "" } : undefined;
}
