/** Copies of full tiles and bundles in R2, for those who read without waking the log. */

import type { Log } from "../wasm/log.js";
import type { ObjectId, TileBucket } from "./platform.js";

/** How many bundles are copied by one alarm. */
const BUNDLES = 64;

/** Where a log's tile is in the bucket. */
export const keyOf = (id: ObjectId, path: string): string => `${id}/${path}`;

/** Copies what is full and published. Says whether there is more. */
export async function copy(log: Log, id: ObjectId, bucket: TileBucket): Promise<boolean> {
  for (let bundle = 0; bundle < BUNDLES; bundle += 1) {
    const [size, ...tiles] = log.toCopy();
    if (size === undefined) {
      return false;
    }
    await Promise.all(tiles.map(({ path, bytes }) => bucket.put(keyOf(id, path), bytes)));
    log.copied(size);
  }
  return true;
}
