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

/** A line of a trust file that names a key. */
export interface TrustLine {
  /** 1-based. */
  readonly line: number;
  readonly kind: "log" | "witness" | "issuer" | "emitter" | "revoke";
  readonly vkey: string;
  readonly name: string;
  readonly id: string;
  /** Since when it is revoked; undefined without a bound, and on other lines. */
  readonly since: string | undefined;
}

/** The lines of a trust file that name keys, for showing: the verifier itself reads what is trusted. */
export function trustLines(text: string): readonly TrustLine[] {
  return text.split("\n").flatMap((content, place) => {
    const [kind = "", ...words] = content.trim().split(/[ \t]+/);
    // A witness has a name of its own before its key.
    const vkey = (kind === "witness" ? words[1] : words[0]) ?? "";
    const parts = keyParts(vkey);
    if (!isKind(kind) || parts === undefined) return [];
    const since = kind === "revoke" && words[1] !== "-" ? words[1] : undefined;
    return [{ line: place + 1, kind, vkey, ...parts, since }];
  });
}

/** The kinds of lines that name keys, in the order in which they are counted. */
export const LINE_KINDS = ["log", "witness", "issuer", "emitter", "revoke"] as const;

function isKind(word: string): word is TrustLine["kind"] {
  return LINE_KINDS.some((kind) => kind === word);
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

/** A verifier key's parts, for showing; the verifier itself decides whether it is a good one. */
export function keyParts(vkey: string): { readonly name: string; readonly id: string } | undefined {
  const parts = /^([^+\s]+)\+([0-9a-f]{8})\+[A-Za-z0-9+/]+=*$/.exec(vkey);
  return parts ? { name: parts[1] ?? "", id: parts[2] ?? "" } : undefined;
}
