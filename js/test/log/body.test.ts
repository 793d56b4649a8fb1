/** Tests the limits on concurrent bodies. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bodies } from "../../packages/cloudflare-log/out/body.js";

/** Returns a request whose body is sent later. */
function sending(): { request: Request; send(bytes: Uint8Array): void; end(): void } {
  let to: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      to = controller;
    },
  });
  const init = { method: "POST", body, duplex: "half" };
  return {
    request: new Request("https://log.example/submit", init),
    send: (bytes) => to?.enqueue(bytes),
    end: () => to?.close(),
  };
}

const LIMIT = 4 << 20;

test("Bodies: copies chunks that are views of a reused buffer", async () => {
  const { request, send, end } = sending();
  const bodies = new Bodies();
  const whole = bodies.read(request, LIMIT);
  const buffer = new Uint8Array(1 << 20);
  for (const text of ["one ", "two ", "three"]) {
    const piece = new TextEncoder().encode(text);
    buffer.set(piece);
    send(buffer.subarray(0, piece.length));
    // Each chunk is read before the next is sent.
    await new Promise((resolve) => setImmediate(resolve));
  }
  end();
  assert.equal(new TextDecoder().decode((await whole) as Uint8Array), "one two three");
});

test("Bodies: limits the number of concurrent bodies", async () => {
  const bodies = new Bodies();
  const open = Array.from({ length: 256 }, () => sending());
  const read = open.map(({ request }) => bodies.read(request, LIMIT));
  const more = () => {
    const { request, end } = sending();
    end();
    return bodies.read(request, LIMIT);
  };
  assert.equal(await more(), "busy");
  open[0]?.end();
  await read[0];
  assert.deepEqual(await more(), new Uint8Array());
  for (const { end } of open.slice(1)) {
    end();
  }
  await Promise.all(read);
});

test("Bodies: ends the oldest body of the client that has the most, for another client", async () => {
  const bodies = new Bodies();
  const open = Array.from({ length: 256 }, () => sending());
  const read = open.map(({ request }) => bodies.read(request, LIMIT));
  const { request, send, end } = sending();
  const other = bodies.read(new Request(request, { headers: { "cf-connecting-ip": "198.51.100.7" } }), LIMIT);
  assert.equal(await read[0], "broken");
  send(new Uint8Array([1]));
  end();
  assert.deepEqual(await other, new Uint8Array([1]));
  for (const { end } of open.slice(1)) {
    end();
  }
  await Promise.all(read);
});

test("Bodies: discards a body that is rejected by its beginning", async () => {
  const bodies = new Bodies();
  const seen: number[] = [];
  const { request, send, end } = sending();
  const read = bodies.read(request, LIMIT, (beginning) => seen.push(beginning.length) === 2);
  for (let piece = 0; piece < 10; piece += 1) {
    send(new Uint8Array(60 << 10));
    await new Promise((resolve) => setImmediate(resolve));
  }
  end();
  assert.equal(await read, "refused");
  assert.deepEqual(
    seen.map((bytes) => bytes >> 10),
    [120, 480],
  );
});
