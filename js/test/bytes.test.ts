/** Bytes in pieces, and bodies that are not trusted. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, readAtMost } from "../packages/countersign/dist/bytes.js";

const bytes = (...values: number[]) => Uint8Array.from(values);

test("pieces become one, which shares nothing with them", () => {
  assert.deepEqual(concat([]), bytes());
  assert.deepEqual(concat([bytes(1), bytes(), bytes(2, 3)]), bytes(1, 2, 3));
  const only = bytes(1);
  concat([only])[0] = 2;
  assert.deepEqual(only, bytes(1));
});

/** A body of such pieces, and whether it was let go before its end. */
function bodyOf(...pieces: Uint8Array[]) {
  const state = { canceled: false, body: null as ReadableStream<Uint8Array> | null };
  state.body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) {
        controller.close();
      } else {
        controller.enqueue(piece);
      }
    },
    cancel() {
      state.canceled = true;
    },
  });
  return state;
}

test("a body is read up to the bound, and let go beyond it", async () => {
  assert.deepEqual(await readAtMost(null, 0), bytes());
  assert.deepEqual(await readAtMost(bodyOf().body, 0), bytes());
  const full = bodyOf(bytes(1, 2), bytes(3));
  assert.deepEqual([await readAtMost(full.body, 3), full.canceled], [bytes(1, 2, 3), false]);
  const long = bodyOf(bytes(1, 2), bytes(3, 4), bytes(5));
  assert.deepEqual([await readAtMost(long.body, 3), long.canceled], [undefined, true]);
});

test("a body that breaks off is an error", async () => {
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.error(new Error("gone"));
    },
  });
  await assert.rejects(readAtMost(broken, 1), /gone/);
});
