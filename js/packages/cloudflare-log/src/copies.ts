/** Copies full tiles and bundles to R2, for reads that don't wake the log. */

import { bundlePath, FULL } from "@countersign/shared/bundles.js";
import type { TileBucket } from "./platform.js";
import type { Log } from "./wasm/log.js";

/** Maximum number of bundles copied per alarm. */
const MAX_BUNDLES = 64;

/** Returns the key of a log's tile in the bucket. It doesn't depend on the object. */
export const keyOf = (origin: string, path: string): string => `${origin}/${path}`;

/** Thrown if the bucket contains another log's tiles, or those of a later state of this log's restored storage. */
export class OtherLog extends Error {
  constructor(key: string) {
    super(
      `the bucket contains a different ${key} than this log: its storage was restored, or reset with the same key. ` +
        "The log accepts no more entries, because that would fork it; see docs/cloudflare.md, Durability",
    );
  }
}

/**
 * Throws if the bucket contains a bundle that this log has not filled yet, which means that published entries are
 * missing.
 */
export async function check(log: Log, bucket: TileBucket): Promise<void> {
  const key = keyOf(log.origin, bundlePath(Math.floor(log.size / FULL), FULL));
  if ((await bucket.get(key)) !== null) {
    throw new OtherLog(key);
  }
}

/** Copies full, published bundles without replacing any. Returns true if there are more. */
export async function copy(log: Log, bucket: TileBucket): Promise<boolean> {
  for (let bundle = 0; bundle < MAX_BUNDLES; bundle += 1) {
    const [size, ...tiles] = log.toCopy();
    if (size === undefined) {
      return false;
    }
    await Promise.all(tiles.map(({ path, bytes }) => putNew(bucket, keyOf(log.origin, path), bytes)));
    log.copied(size);
  }
  return true;
}

async function putNew(bucket: TileBucket, key: string, bytes: Uint8Array): Promise<void> {
  if ((await bucket.put(key, bytes, { onlyIf: { etagDoesNotMatch: "*" } })) !== null) {
    return;
  }
  const existing = await bucket.get(key);
  const stored = existing === null ? undefined : new Uint8Array(await new Response(existing.body).arrayBuffer());
  if (stored?.length !== bytes.length || !stored.every((byte, at) => byte === bytes[at])) {
    throw new OtherLog(key);
  }
}
