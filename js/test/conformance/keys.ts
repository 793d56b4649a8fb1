/** Keys and signed notes (C2SP signed-note), using only `node:crypto`. */

import { createPrivateKey, createPublicKey, hash as digest, type KeyObject, sign, verify } from "node:crypto";

/** DER prefixes of an Ed25519 seed and public key. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
/** The key types of note signatures and of cosignatures. */
const ED25519 = 1;
export const COSIGNATURE = 4;
/** The em dash that begins a signature line. */
const DASH = "\u2014";

/** Returns the SHA-256 hash of the concatenated parts. */
export const hash = (...parts: readonly (string | Uint8Array)[]): Buffer =>
  digest("sha256", Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part))), "buffer");

const idOf = (name: string, typed: Uint8Array) => hash(`${name}\n`, typed).subarray(0, 4);

/** A signing key. */
export class Signer {
  readonly name: string;
  readonly vkey: string;
  /** The private key in text form. */
  readonly secret: string;
  readonly #key: KeyObject;
  readonly #id: Buffer;

  /** Derives the key from a name and a seed below 256. */
  constructor(name: string, seed: number, type = ED25519) {
    const bytes = Buffer.alloc(32, seed);
    this.name = name;
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8, bytes]), format: "der", type: "pkcs8" });
    const spki = createPublicKey(this.#key).export({ format: "der", type: "spki" });
    const typed = Buffer.concat([Buffer.of(type), spki.subarray(-32)]);
    this.#id = idOf(name, typed);
    const id = this.#id.toString("hex");
    this.vkey = `${name}+${id}+${typed.toString("base64")}`;
    this.secret = `PRIVATE+KEY+${name}+${id}+${Buffer.concat([Buffer.of(type), bytes]).toString("base64")}`;
  }

  /** Returns a signature in base64. */
  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString("base64");
  }

  /** Returns a signed note with this text, which ends in a line feed. */
  note(text: string): string {
    return `${text}\n${this.#line(Buffer.from(this.sign(text), "base64"))}`;
  }

  /** Returns the cosignature line for a checkpoint's text and a time in seconds. */
  cosign(text: string, time: number): string {
    const seconds = Buffer.alloc(8);
    seconds.writeBigUInt64BE(BigInt(time));
    return this.#line(Buffer.concat([seconds, Buffer.from(this.sign(cosigned(text, time)), "base64")]));
  }

  #line(signature: Uint8Array): string {
    return `${DASH} ${this.name} ${Buffer.concat([this.#id, signature]).toString("base64")}\n`;
  }
}

/** Returns the message of a cosignature. */
const cosigned = (text: string, time: number | bigint) => `cosignature/v1\ntime ${time}\n${text}`;

/** Returns the text of a note, and its signatures by this key's name and ID. */
function parted(note: string, vkey: string): { text: string; key: KeyObject; signatures: Buffer[] } {
  // The last part is base64, which may contain plus signs.
  const [, name = "", encoded = ""] = /^([^+]+)\+[0-9a-f]{8}\+(.+)$/.exec(vkey) ?? [];
  const typed = Buffer.from(encoded, "base64");
  const end = note.lastIndexOf("\n\n") + 1;
  const key = createPublicKey({ key: Buffer.concat([SPKI, typed.subarray(1)]), format: "der", type: "spki" });
  const signatures = note
    .slice(end + 1)
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      const [dash, signer, encoded = ""] = line.split(" ");
      const bytes = Buffer.from(encoded, "base64");
      const mine = dash === DASH && signer === name && bytes.subarray(0, 4).equals(idOf(name, typed));
      return mine ? [bytes.subarray(4)] : [];
    });
  return { text: note.slice(0, end), key, signatures };
}

/** Returns the text of a note signed by this key; otherwise throws. */
export function openNote(note: string, vkey: string): string {
  const { text, key, signatures } = parted(note, vkey);
  if (!signatures.some((signature) => verify(null, Buffer.from(text), key, signature))) {
    throw new Error(`${vkey} did not sign this note:\n${note}`);
  }
  return text;
}

/** Returns the time of this witness's cosignature in seconds, if there is one. */
export function openCosignature(note: string, vkey: string): number | undefined {
  const { text, key, signatures } = parted(note, vkey);
  const [signature] = signatures;
  const time = signature?.readBigUInt64BE(0) ?? 0n;
  const valid = signature && verify(null, Buffer.from(cosigned(text, time)), key, signature.subarray(8));
  return valid ? Number(time) : undefined;
}
