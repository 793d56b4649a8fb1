/** Keys and signed notes (C2SP signed-note), by nothing but `node:crypto`. */

import { createPrivateKey, createPublicKey, hash as digest, type KeyObject, sign, verify } from "node:crypto";

/** What stands before a seed, and before a public key, in the DER form of an Ed25519 key. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
/** The type of keys that sign notes, and of those that cosign checkpoints. */
const ED25519 = 1;
export const COSIGNATURE = 4;
/** An em dash, which begins a signature line. */
const DASH = "\u2014";

/** SHA-256 of these, one after the other. */
export const hash = (...parts: readonly (string | Uint8Array)[]): Buffer =>
  digest("sha256", Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part))), "buffer");

const idOf = (name: string, typed: Uint8Array) => hash(`${name}\n`, typed).subarray(0, 4);

/** A key that signs. */
export class Signer {
  readonly name: string;
  readonly vkey: string;
  /** The private key as notes' tools write it. */
  readonly secret: string;
  readonly #key: KeyObject;
  readonly #id: Buffer;

  /** The same for the same name and seed, a number below 256. */
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

  /** A signature in base64. */
  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString("base64");
  }

  /** A note of that text, whose last line ends. */
  note(text: string): string {
    return `${text}\n${this.#line(Buffer.from(this.sign(text), "base64"))}`;
  }

  /** The signature line that says that a checkpoint of this text was seen at that time, in seconds. */
  cosign(text: string, time: number): string {
    const seconds = Buffer.alloc(8);
    seconds.writeBigUInt64BE(BigInt(time));
    return this.#line(Buffer.concat([seconds, Buffer.from(this.sign(cosigned(text, time)), "base64")]));
  }

  #line(signature: Uint8Array): string {
    return `${DASH} ${this.name} ${Buffer.concat([this.#id, signature]).toString("base64")}\n`;
  }
}

/** What a cosignature is over. */
const cosigned = (text: string, time: number | bigint) => `cosignature/v1\ntime ${time}\n${text}`;

/** The text of a note, and the signatures on it that are of this key by their name and ID. */
function parted(note: string, vkey: string): { text: string; key: KeyObject; signatures: Buffer[] } {
  // The last part is base64, which has plus signs of its own.
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

/** The text of a note that this key signed; otherwise it throws. */
export function openNote(note: string, vkey: string): string {
  const { text, key, signatures } = parted(note, vkey);
  if (!signatures.some((signature) => verify(null, Buffer.from(text), key, signature))) {
    throw new Error(`${vkey} did not sign this note:\n${note}`);
  }
  return text;
}

/** When this witness cosigned the checkpoint, in seconds, if it did. */
export function openCosignature(note: string, vkey: string): number | undefined {
  const { text, key, signatures } = parted(note, vkey);
  const [signature] = signatures;
  const time = signature?.readBigUInt64BE(0) ?? 0n;
  const valid = signature && verify(null, Buffer.from(cosigned(text, time)), key, signature.subarray(8));
  return valid ? Number(time) : undefined;
}
