/** The setup of the log in all tests: its key, emitters, and readers. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hash, Signer } from "./keys.ts";

/** The setup of a log. */
export interface Setup {
  /** The log's private key in text form. */
  key: string;
  /** The log's public key, which confirms that it is another one than before. */
  newKey?: string;
  /** The text of the trust file. */
  trust: string;
  /** The text of `readers.txt`. */
  readers: string;
  /** Allowed origins of pages. */
  cors: readonly string[];
  /** Quota per key and second, and its burst; without it, no limit. */
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
/** A key revoked in the trust file. */
export const REVOKED = new Signer("example.com/revoked", 103);
/** An issuer, who may grant keys below its name. */
export const ISSUER = new Signer("example.net", 50);

/** Returns a reader's token, of which the log only knows the hash. */
const token = (name: string) => `csr_${hash(`token of ${name}`).toString("hex")}`;
const reader = (token: string, rest: string) => `${hash(token).toString("hex")} ${rest}\n`;

/** A token that may read. */
export const AUDITOR = token("auditor");
/** A token that may read and erase. */
export const DESK = token("desk");
/** An expired token. */
export const FORMER = token("former");
/** A token that expires in the far future. */
export const GUEST = token("guest");

/** A token that may see what concerns the whole log. */
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

/** Writes the files for `countersign serve`. */
export function writeSetup({ key, trust, readers }: Setup, folder: string): void {
  for (const [name, text] of Object.entries({ "log.key": `${key}\n`, "trust.txt": trust, "readers.txt": readers })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
}

if (process.argv[1] === import.meta.filename) {
  writeSetup(SETUP, process.argv[2] ?? ".");
}
