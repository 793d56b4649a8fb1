/** Real audit events by third parties, which aren't part of this project (see `tests/common/third_party.rs`). */

import { existsSync, readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../../shared/vectors/third-party/real-events/", import.meta.url);

/** Returns NDJSON by source, or the reason why there is none. */
export function realEvents(): Record<string, string> | string {
  if (!existsSync(FOLDER)) {
    if (process.env.CI) {
      throw new Error(`${FOLDER.pathname} is missing`);
    }
    return `skipped: there is no ${FOLDER.pathname}`;
  }
  const sources = readdirSync(FOLDER).sort();
  return Object.fromEntries(
    sources.map((source) => [source, readFileSync(new URL(`${source}/events.ndjson`, FOLDER), "utf8")]),
  );
}
