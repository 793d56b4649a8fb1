/** Copies of full tiles and bundles in R2, for those who read without waking the log. */

import { bundlePath, FULL } from "@countersign/shared/bundles.js";
import type { TileBucket } from "./platform.js";
import type { Log } from "./wasm/log.js";

/** How many bundles are copied by one alarm. */
const BUNDLES = 64;

/** Where a log's tile is in the bucket, whatever object the log is. */
export const keyOf = (origin: string, path: string): string => `${origin}/${path}`;

/** The bucket has what this log is not: its storage was brought back to an earlier moment, or is another log's. */
export class OtherLog extends Error {
  constructor(key: string) {
    super(
      `the bucket has another ${key} than this log: its storage was restored, or begun anew under the same key. ` +
        "Going on would fork the log, so it takes nothing more: see docs/running-a-log.md, Backup and restore",
    );
  }
}

/** Throws when the bucket has a bundle that this log has not filled yet: what this log published before is not in it. */
export async function check(log: Log, bucket: TileBucket): Promise<void> {
  const key = keyOf(log.origin, bundlePath(Math.floor(log.size / FULL), FULL));
  if ((await bucket.get(key)) !== null) {
    throw new OtherLog(key);
  }
}

/** Copies what is full and published, and replaces nothing. Says whether there is more. */
export async function copy(log: Log, bucket: TileBucket): Promise<boolean> {
  for (let bundle = 0; bundle < BUNDLES; bundle += 1) {
    const [size, ...tiles] = log.toCopy();
    if (size === undefined) {
      return false;
    }
    await Promise.all(tiles.map(({ path, bytes }) => put(bucket, keyOf(log.origin, path), bytes)));
    log.copied(size);
  }
  return true;
}

async function put(bucket: TileBucket, key: string, bytes: Uint8Array): Promise<void> {
  if ((await bucket.put(key, bytes, { onlyIf: { etagDoesNotMatch: "*" } })) !== null) {
    return;
  }
  const there = await bucket.get(key);
  const other = there === null ? undefined : new Uint8Array(await new Response(there.body).arrayBuffer());
  if (other?.length !== bytes.length || !other.every((byte, at) => byte === bytes[at])) {
    throw new OtherLog(key);
  }
}
