/** The log that all cases are about: its key, who may write to it, and who may read. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hash, Signer } from "./keys.ts";

/** How a log is set up. */
export interface Setup {
  /** The log's private key, as a note's tools write it. */
  key: string;
  /** The trust file's text. */
  trust: string;
  /** What `readers.txt` says. */
  readers: string;
  /** Pages of which origins may ask. */
  cors: readonly string[];
  /** How much a key may bring a second, and after a rest; without it as much as the log can take. */
  quota?: { events?: number; bytes?: number; burst?: number };
}

export const ORIGIN = "log.example/audit";
export const LOG = new Signer(ORIGIN, 1);

/** Keys that may always write to the log. */
export const EMITTERS = [100, 101, 102].map((seed) => new Signer(`example.com/e${seed}`, seed)) as [
  Signer,
  Signer,
  Signer,
];
/** One that the trust file names, and revokes. */
export const REVOKED = new Signer("example.com/revoked", 103);
/** Who may grant keys below its name. */
export const ISSUER = new Signer("example.net", 50);

/** A reader's token, of which the log knows the hash alone. */
const token = (name: string) => `csr_${hash(`token of ${name}`).toString("hex")}`;
const reader = (token: string, rest: string) => `${hash(token).toString("hex")} ${rest}\n`;

/** May read. */
export const AUDITOR = token("auditor");
/** May read and erase. */
export const DESK = token("desk");
/** Could once. */
export const FORMER = token("former");
/** May read until long after. */
export const GUEST = token("guest");

/** May see what concerns the log as a whole. */
export const OPERATOR = token("operator");

export const PAGE = "https://dashboard.example";

export const SETUP: Setup = {
  key: LOG.secret,
  trust: [
    `log ${LOG.vkey}`,
    `issuer ${ISSUER.vkey}`,
    ...EMITTERS.map(({ vkey }) => `emitter ${vkey}`),
    `emitter ${REVOKED.vkey}`,
    `revoke ${REVOKED.vkey} -`,
    "",
  ].join("\n"),
  readers: [
    reader(AUDITOR, "read auditor"),
    reader(DESK, "read,erase privacy-desk"),
    reader(FORMER, "read,erase former 2020-01-01T00:00:00.000Z"),
    reader(OPERATOR, "admin operator"),
    reader(GUEST, "read guest 9000-01-01T00:00:00.000Z"),
  ].join(""),
  cors: [PAGE],
};

/** Writes the files that `countersign serve` goes by. */
export function writeSetup({ key, trust, readers }: Setup, folder: string): void {
  for (const [name, text] of Object.entries({ "log.key": `${key}\n`, "trust.txt": trust, "readers.txt": readers })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
}

if (process.argv[1] === import.meta.filename) {
  writeSetup(SETUP, process.argv[2] ?? ".");
}
