/** Exports for verification, written independently of the package, and ways to pass them on. */

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

/** The log of the exports. */
export const ORIGIN = "log.example/test";

/** The DER prefix of an Ed25519 seed. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const START = Date.UTC(2026, 0, 2, 3, 4, 5);

function hash(...parts: (string | Uint8Array)[]): Buffer {
  const sum = createHash("sha256");
  for (const part of parts) {
    sum.update(part);
  }
  return sum.digest();
}

function leafHash(text: string): Buffer {
  return hash(Buffer.of(0), text);
}

/** Returns pseudorandom bytes that are the same in every run. */
function bytesOf(text: string, length: number): Buffer {
  return hash(text).subarray(0, length);
}

/** A key that signs chains. */
interface Emitter {
  vkey: string;
  sign(text: string): string;
}

/** Returns an emitter's key, the same for the same name. */
function emitter(name: string): Emitter {
  const der = Buffer.concat([PKCS8, bytesOf(`seed of ${name}`, 32)]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const typed = Buffer.concat([Buffer.of(1), spki.subarray(-32)]);
  const id = hash(`${name}\n`, typed).subarray(0, 4);
  return {
    vkey: `${name}+${id.toString("hex")}+${typed.toString("base64")}`,
    sign: (text) => sign(null, Buffer.from(text), key).toString("base64"),
  };
}

/** The contents of an export. */
export interface Shape {
  chains?: number;
  /** Number of events per chain. */
  events?: number;
  /** Returns an event's canonical JSON. */
  eventAt?: (seq: number, chain: number) => string;
  /** Every n-th link is signed. */
  signEvery?: number;
  /** The issuer of the chains' keys; by default, the trust file lists them. */
  issuer?: string;
}

/** Returns the line of a key note that grants keys without time limits. */
function grantLine(issuer: Emitter, keys: readonly Emitter[]): string {
  const text = `countersign/v1 keys\n${ORIGIN}\n${keys.map(({ vkey }) => `grant ${vkey} - -\n`).join("")}`;
  const [name, id = ""] = issuer.vkey.split("+");
  const signature = Buffer.concat([Buffer.from(id, "hex"), Buffer.from(issuer.sign(text), "base64")]);
  return JSON.stringify({ note: `${text}\n\u2014 ${name} ${signature.toString("base64")}\n` });
}

/** Returns the lines of a closed chain. */
function chainLines(
  number: number,
  key: Emitter,
  { events, eventAt, signEvery }: Required<Omit<Shape, "issuer">>,
): string[] {
  const lines: string[] = [];
  const time = (seq: number) => new Date(START + seq).toISOString();
  const add = (unsigned: string, isSigned: boolean, payload = "") => {
    const link = isSigned ? `${unsigned} ${key.sign(unsigned)}` : unsigned;
    lines.push(`{"link":${JSON.stringify(link)}${payload}}`);
    return leafHash(link);
  };
  const nonce = bytesOf(`nonce of ${number}`, 16).toString("base64");
  let prev = add(`countersign/v1 open ${ORIGIN} ${key.vkey} ${time(0)} ${nonce}`, true);
  const id = prev.toString("hex", 0, 16);
  for (let seq = 1; seq <= events; seq++) {
    const event = eventAt(seq, number);
    const salt = bytesOf(`salt of ${number} ${seq}`, 16);
    const commit = hash("countersign/payload/v1\0", salt, event).toString("base64");
    const link = `countersign/v1 event ${id} ${seq} ${time(seq)} ${prev.toString("base64")} ${commit}`;
    prev = add(link, seq % signEvery === 0, `,"salt":"${salt.toString("base64")}","event":${event}`);
  }
  add(`countersign/v1 close ${id} ${events + 1} ${time(events + 1)} ${prev.toString("base64")}`, true);
  return lines;
}

function plainEvent(seq: number, chain: number): string {
  const note = "ü".repeat(100);
  return JSON.stringify({ action: "job.update", actor: { id: `u_${chain}` }, metadata: { note }, seq });
}

/** Returns an export without a log, with interleaved chains, and a trust file that makes it `verified`. */
export function exportOf(shape: Shape = {}): { bytes: Uint8Array<ArrayBuffer>; trust: string; events: string[] } {
  const { chains = 3, events = 1000, eventAt = plainEvent, signEvery = 64 } = shape;
  const keys = Array.from({ length: chains }, (_, number) => emitter(`example.com/${number}`));
  const whole = { chains, events, eventAt, signEvery };
  const columns = keys.map((key, number) => chainLines(number, key, whole));
  const rows = Array.from({ length: events + 2 }, (_, row) => columns.map((lines) => lines[row] ?? "")).flat();
  const header = JSON.stringify({ countersign: "export/v1", origin: ORIGIN });
  const issuer = shape.issuer === undefined ? undefined : emitter(shape.issuer);
  const notes = issuer === undefined ? [] : [grantLine(issuer, keys)];
  return {
    bytes: new Uint8Array(Buffer.from([header, ...notes, ...rows, ""].join("\n"))),
    trust: issuer ? `issuer ${issuer.vkey}\n` : keys.map(({ vkey }) => `emitter ${vkey}\n`).join(""),
    events: Array.from({ length: events }, (_, row) => keys.map((_, number) => eventAt(row + 1, number))).flat(),
  };
}

/** Splits bytes into chunks of a size. */
export async function* inPieces(bytes: Uint8Array<ArrayBuffer>, size: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
  }
}
