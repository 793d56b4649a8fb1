/** The lines of a trust file that name keys, for display. The verifier parses trust files itself. */

/** A line of a trust file that names a key. */
export interface TrustLine {
  /** 1-based. */
  readonly line: number;
  readonly kind: "log" | "witness" | "issuer" | "emitter" | "revoke";
  readonly vkey: string;
  readonly name: string;
  /** Key ID: 8 hex characters. */
  readonly id: string;
  /** Start of the revocation; undefined if it has none, and on other lines. */
  readonly since: string | undefined;
}

/** Kinds of lines that name keys, in the order in which they are counted. */
export const LINE_KINDS = ["log", "witness", "issuer", "emitter", "revoke"] as const;

/** True if a line that begins with this word names a key. */
export function isKind(word: string): word is TrustLine["kind"] {
  return LINE_KINDS.some((kind) => kind === word);
}

/** Returns the lines of a trust file that name keys. */
export function trustLines(text: string): readonly TrustLine[] {
  return text.split("\n").flatMap((content, place) => {
    const [kind = "", ...words] = content.trim().split(/[ \t]+/);
    // A witness has a name of its own before its key.
    const vkey = (kind === "witness" ? words[1] : words[0]) ?? "";
    const parts = keyParts(vkey);
    if (!isKind(kind) || parts === undefined) {
      return [];
    }
    const since = kind === "revoke" && words[1] !== "-" ? words[1] : undefined;
    return [{ line: place + 1, kind, vkey, ...parts, since }];
  });
}

/** Returns the name and the key ID of a public key. The verifier itself decides whether the key is valid. */
export function keyParts(vkey: string): { readonly name: string; readonly id: string } | undefined {
  const parts = /^([^+\s]+)\+([0-9a-f]{8})\+[A-Za-z0-9+/]+=*$/.exec(vkey);
  return parts ? { name: parts[1] ?? "", id: parts[2] ?? "" } : undefined;
}
