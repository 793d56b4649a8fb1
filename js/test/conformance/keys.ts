/** Keys and signed notes (C2SP signed-note), by nothing but `node:crypto`. */

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** What stands before a seed, and before a public key, in the DER form of an Ed25519 key. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
/** The type of Ed25519 keys in a note. */
const ED25519 = Buffer.of(1);
/** An em dash, which begins a signature line. */
const DASH = "\u2014";

/** SHA-256 of these, one after the other. */
export function hash(...parts: readonly (string | Uint8Array)[]): Buffer {
  const sum = createHash("sha256");
  for (const part of parts) {
    sum.update(part);
  }
  return sum.digest();
}

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
  constructor(name: string, seed: number) {
    const bytes = Buffer.alloc(32, seed);
    this.name = name;
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8, bytes]), format: "der", type: "pkcs8" });
    const spki = createPublicKey(this.#key).export({ format: "der", type: "spki" });
    const typed = Buffer.concat([ED25519, spki.subarray(-32)]);
    this.#id = idOf(name, typed);
    const id = this.#id.toString("hex");
    this.vkey = `${name}+${id}+${typed.toString("base64")}`;
    this.secret = `PRIVATE+KEY+${name}+${id}+${Buffer.concat([ED25519, bytes]).toString("base64")}`;
  }

  /** A signature in base64. */
  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString("base64");
  }

  /** A note of that text, whose last line ends. */
  note(text: string): string {
    const signature = Buffer.concat([this.#id, Buffer.from(this.sign(text), "base64")]);
    return `${text}\n${DASH} ${this.name} ${signature.toString("base64")}\n`;
  }
}

/** The text of a note that this key signed; otherwise it throws. */
export function openNote(note: string, vkey: string): string {
  const [name = "", , key = ""] = vkey.split("+");
  const typed = Buffer.from(key, "base64");
  const end = note.lastIndexOf("\n\n") + 1;
  const text = note.slice(0, end);
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, typed.subarray(1)]), format: "der", type: "spki" });
  const lines = note
    .slice(end + 1)
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" "));
  const signed = lines.some(([dash, signer, signature = ""]) => {
    const bytes = Buffer.from(signature, "base64");
    return (
      dash === DASH &&
      signer === name &&
      bytes.subarray(0, 4).equals(idOf(name, typed)) &&
      verify(null, Buffer.from(text), publicKey, bytes.subarray(4))
    );
  });
  if (end === 0 || !signed) {
    throw new Error(`${vkey} did not sign this note:\n${note}`);
  }
  return text;
}
