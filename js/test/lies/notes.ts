/** Keys, and C2SP signed notes. */

import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { sha256 } from "./tree.ts";

/** The DER prefix of an Ed25519 seed. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const ED25519 = 1;
const COSIGNATURE = 4;

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** A number as 8 bytes. */
export function u64(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
}

/** An Ed25519 key of a log, an emitter, or a witness. */
export class SigningKey {
  readonly name: string;
  /** The public key in text form. */
  readonly vkey: string;
  /** The private key in text form. */
  readonly text: string;
  readonly #key: KeyObject;
  readonly #id: Buffer;

  /** Derives the key from its name. */
  constructor(name: string, type = ED25519) {
    const seed = sha256(`the key of ${name}`);
    this.name = name;
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
    const spki = createPublicKey(this.#key).export({ format: "der", type: "spki" });
    const typed = Buffer.concat([Buffer.of(type), spki.subarray(-32)]);
    this.#id = sha256(`${name}\n`, typed).subarray(0, 4);
    const id = this.#id.toString("hex");
    this.vkey = `${name}+${id}+${base64(typed)}`;
    this.text = `PRIVATE+KEY+${name}+${id}+${base64(Buffer.concat([Buffer.of(type), seed]))}`;
  }

  sign(text: string): Buffer {
    return sign(null, Buffer.from(text), this.#key);
  }

  /** Returns the signature line for a note's text. */
  line(text: string): string {
    return this.#line(this.sign(text));
  }

  /** Returns the cosignature line for a checkpoint's text, with a time in seconds. */
  cosignature(text: string, time: number): string {
    return this.#line(Buffer.concat([u64(time), this.sign(`cosignature/v1\ntime ${time}\n${text}`)]));
  }

  #line(signature: Uint8Array): string {
    return `\u2014 ${this.name} ${base64(Buffer.concat([this.#id, signature]))}\n`;
  }
}

/** Returns a witness's key. */
export const witnessKey = (name: string): SigningKey => new SigningKey(name, COSIGNATURE);
