/** Tests that decisions in Node.js and workerd equal those of native code, byte for byte. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { encoder, Room } from "../../packages/countersign/dist/gate/core.js";
import * as wasm from "../../packages/countersign/dist/wasm/gate.js";
import { bundled, start } from "../adapters/workerd.ts";
import { TABLE } from "./packs.ts";

const { pack, watchlist, key, cases } = TABLE;
const expected = cases.map(({ decision }) => decision);

test("decisions match the vectors in Node.js", () => {
  wasm.initSync({
    module: readFileSync(new URL("../../packages/countersign/dist/wasm/gate_bg.wasm", import.meta.url)),
  });
  const gate = new wasm.Gate(encoder.encode(pack));
  gate.watch(new wasm.SignedList(watchlist, key));
  assert.equal(gate.rules, 30);
  const room = new Room(wasm, gate);
  assert.deepEqual(
    cases.map(({ event, now }) => gate.decide(room.write(event), Date.parse(now)) ?? null),
    expected,
  );
});

test("decisions match the vectors in workerd", { timeout: 60_000 }, async () => {
  const worker = start(await bundled(new URL("worker/decisions.ts", import.meta.url)));
  try {
    const response = await worker.dispatchFetch("http://worker.test/", {
      method: "POST",
      body: JSON.stringify({ pack, watchlist, key, cases }),
    });
    assert.deepEqual(await response.json(), expected);
  } finally {
    await worker.dispose();
  }
});
