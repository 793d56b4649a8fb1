/** The table of queries over events that nobody here made: here it finds what the crate, the program and a log find. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { EventIndex } from "../../packages/ui/dist/index/types.js";
import { realEvents } from "../real-events.ts";
import { put } from "./put.ts";
import { threaded } from "./threaded.ts";

const TABLE = new URL("../../../crates/query/tests/real-events.tsv", import.meta.url);
const BY_PLACE = { by: "place", descending: false } as const;
const sources = realEvents();

/** `1-3 7` for 1, 2, 3 and 7. */
function ranges(numbers: readonly number[]): string {
  const found: [number, number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] + 1 === number) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(" ");
}

test("the table of queries finds its lines", { skip: typeof sources === "string" && sources }, async (t) => {
  const indexes = new Map<string, EventIndex>();
  t.after(() => {
    for (const index of indexes.values()) index.close();
  });
  let rows = 0;
  for (const row of readFileSync(TABLE, "utf8").trimEnd().split("\n")) {
    const [source = "", query = "", expected] = row.split("\t");
    let index = indexes.get(source);
    if (index === undefined) {
      index = threaded();
      indexes.set(source, index);
      const events = (typeof sources === "string" ? "" : (sources[source] ?? "")).split("\n");
      await put(
        index,
        events.filter((line) => line.trim() !== ""),
      );
      await index.settle();
    }
    const found = await index.ask(query, BY_PLACE, () => {});
    assert.ok(!("code" in found), query);
    const entries = [...(await index.indexes())].map((leaf) => leaf + 1);
    assert.equal(ranges(entries), expected, `${source}: ${query}`);
    assert.equal(found.events, entries.length);
    rows += 1;
  }
  assert.ok(rows > 20);
});
