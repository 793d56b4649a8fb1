/** The root log: its entries, tree, and checkpoints (SPEC sections 6 and 16.3). */

import { base64, SigningKey, witnessKey } from "./notes.ts";
import { MerkleTree, sha256 } from "./tree.ts";

export const ROOT = "log.example/audit";
const LOG_KEY = new SigningKey(ROOT);
const WITNESS = witnessKey("witness.example");
/** A witness that the quorum doesn't need. */
export const SECOND_WITNESS = witnessKey("second.example");

/** The trust file of the root log's readers. */
export const ROOT_TRUST = [
  `log ${LOG_KEY.vkey}`,
  `witness w1 ${WITNESS.vkey}`,
  `witness w2 ${SECOND_WITNESS.vkey}`,
  "group any 1 w1 w2",
  "quorum any",
  "",
].join("\n");

/** The first tick of the tenant log. The directories of earlier ticks have no tenant log. */
export const FIRST_TICK = 4_084;
/** The age of the root log in seconds, which is more than the number of its ticks. */
const AGE = 4_200;
/** The time of the first tick, in seconds. All tests use the same root log up to the tenant log's first tick. */
const BEGIN = Math.floor(Date.now() / 1000) - AGE;

/** Returns the time of a tick. */
export const timeOf = (tick: number): string => new Date(1000 * (BEGIN + tick)).toISOString();

export class RootLog {
  readonly entries: string[];
  readonly tree: MerkleTree;

  /** Creates a root log with an entry for each tick before the tenant log's first one. */
  static withoutTenants(first: string): RootLog {
    const log = new RootLog([], new MerkleTree());
    for (let tick = 0; tick < FIRST_TICK; tick++) {
      const directory = sha256(tick === 0 ? first : `the directory of tick ${tick}`);
      log.append(`countersign/v1 directory ${timeOf(tick)} ${base64(directory)}`);
    }
    return log;
  }

  private constructor(entries: string[], tree: MerkleTree) {
    this.entries = entries;
    this.tree = tree;
  }

  copy(): RootLog {
    return new RootLog([...this.entries], this.tree.copy());
  }

  append(entry: string): void {
    this.entries.push(entry);
    this.tree.append(entry);
  }

  /** Returns the signed and cosigned checkpoint that ends with a tick. */
  checkpoint(tick: number, moreSignatures: (text: string) => string): string {
    const text = `${ROOT}\n${tick + 1}\n${base64(this.tree.root(tick + 1))}\n`;
    return `${text}\n${LOG_KEY.line(text)}${WITNESS.cosignature(text, BEGIN + tick)}${moreSignatures(text)}`;
  }

  /** Returns the lines of a C2SP tlog-proof from `index` on: a tick, and the hashes that lead to a later checkpoint. */
  inclusion(tick: number, checkpointTick: number): string {
    const hashes = this.tree.inclusion(tick, checkpointTick + 1).map((hash) => `${base64(hash)}\n`);
    return `index ${tick}\n${hashes.join("")}`;
  }
}
