/**
 * Tests that server-sent events are parsed according to the standard, at any chunk boundaries, and with limited memory.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { CountersignError, type EventStream, readStream } from "countersign/verify";

function streamOf(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) {
        controller.close();
        return;
      }
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
}

async function read(stream: EventStream): Promise<[string, string][]> {
  const lines: [string, string][] = [];
  for await (const line of stream) {
    lines.push([line, stream.lastEventId]);
  }
  return lines;
}

const encode = (text: string) => new TextEncoder().encode(text);

const TEXT = [
  "\ufeff: all is quiet",
  "",
  'data: {"countersign":"export/v1"}',
  "",
  "id: 7",
  "data: ünï 😀 \u2028",
  "",
  "event: message",
  "id:8",
  "data:no space",
  "",
  "event: other",
  "id: 9",
  "data: not ours",
  "",
  "data:  two",
  "data",
  "data: lines",
  "",
  "id: a\0b",
  "unknown: x",
  "retry: 10",
  "data:",
  "",
  "id",
  "data: start over",
  "",
  "id: 10",
  "data: not whole",
];
const EXPECTED = [
  ['{"countersign":"export/v1"}', ""],
  ["ünï 😀 \u2028", "7"],
  ["no space", "8"],
  [" two\n\nlines", "9"],
  ["", "9"],
  ["start over", ""],
];

test("readStream: returns lines as sent, at any chunk boundaries and line ends", async () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const bytes = encode(TEXT.join(end));
    for (let size = 1; size < 40; size++) {
      assert.deepEqual(await read(readStream(streamOf(bytes, size))), EXPECTED, `${JSON.stringify(end)} ${size}`);
    }
    assert.deepEqual(await read(readStream(streamOf(bytes, bytes.length))), EXPECTED);
  }
});

test("readStream: accepts mixed line ends", async () => {
  const bytes = encode("data: a\r\n\rdata: b\n\r\ndata: c\r\r\n\ndata: d\n\n");
  for (let size = 1; size < 9; size++) {
    const lines = await read(readStream(streamOf(bytes, size)));
    assert.deepEqual(
      lines.map(([line]) => line),
      ["a", "b", "c", "d"],
    );
  }
});

test("lastEventId: is that of the last returned line", async () => {
  const stream = readStream(streamOf(encode("id: 1\ndata: a\n\nid: 2\ndata: b\n\n"), 100));
  assert.equal(stream.lastEventId, "");
  const lines = stream[Symbol.asyncIterator]();
  assert.deepEqual([(await lines.next()).value, stream.lastEventId], ["a", "1"]);
  assert.deepEqual([(await lines.next()).value, stream.lastEventId], ["b", "2"]);
  assert.deepEqual(await lines.next(), { done: true, value: undefined });
});

test("lastEventId: starts with the sent value", async () => {
  const stream = readStream(streamOf(encode("data: a\n\nid: 5\ndata: b\n\n"), 100), "4");
  assert.equal(stream.lastEventId, "4");
  assert.deepEqual(await read(stream), [
    ["a", "4"],
    ["b", "5"],
  ]);
});

test("readStream: rejects a too long line before it fills memory", async () => {
  const long = encode("x".repeat(64 << 10));
  const more = encode(`\ndata: ${"x".repeat(64 << 10)}`);
  for (const [begin, piece] of [
    [encode("data: "), long],
    [encode(": "), long],
    [encode("data: begin"), more],
  ] as const) {
    let sent = 0;
    let isCanceled = false;
    const endless = new ReadableStream<Uint8Array>(
      {
        start: (controller) => controller.enqueue(begin),
        pull(controller) {
          sent += piece.length;
          controller.enqueue(piece);
        },
        cancel() {
          isCanceled = true;
        },
      },
      { highWaterMark: 0 },
    );
    await assert.rejects(
      read(readStream(endless)),
      (error) => error instanceof CountersignError && error.code === "source.unreadable" && error.hint !== undefined,
    );
    assert.ok(sent < 2 << 20, `${sent} bytes were taken`);
    assert.ok(isCanceled);
  }
});

test("readStream: rejects invalid UTF-8", async () => {
  const bytes = Uint8Array.of(...encode("data: "), 0xff, 0x0a, 0x0a);
  await assert.rejects(read(readStream(streamOf(bytes, 3))), { code: "source.unreadable" });
});

test("readStream: returns the lines before a lost connection", async () => {
  const cause = new Error("reset");
  const lost = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encode("id: 4\ndata: a\n\n")),
    pull: (controller) => controller.error(cause),
  });
  const stream = readStream(lost);
  const lines = stream[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, "a");
  await assert.rejects(lines.next(), (error) => error instanceof CountersignError && error.cause === cause);
  assert.equal(stream.lastEventId, "4");
});

test("readStream: ending the loop cancels the request, even without data", async () => {
  let isCanceled = false;
  const silent = new ReadableStream<Uint8Array>({
    cancel() {
      isCanceled = true;
    },
  });
  const lines = readStream(silent)[Symbol.asyncIterator]();
  const next = lines.next();
  await lines.return?.();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.ok(isCanceled);
});

/** Returns a stream that sends what `send` is called with, and whether it was canceled. */
function controlled() {
  let isCanceled = false;
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      source = controller;
    },
    cancel() {
      isCanceled = true;
    },
  });
  return { stream, send: (text: string) => source?.enqueue(encode(text)), isCanceled: () => isCanceled };
}

for (const [name, maxSilenceMs, options] of [
  ["by default", 45_000, undefined],
  ["as an option says", 2_000, { maxSilenceMs: 2_000 }],
] as const) {
  test(`readStream: throws after ${maxSilenceMs} ms without a byte, ${name}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { stream, send, isCanceled } = controlled();
    const events = readStream(stream, "", options);
    const lines = events[Symbol.asyncIterator]();
    let outcome: unknown = "waits";
    let next = lines.next().then(
      ({ value }) => {
        outcome = value;
      },
      (error) => {
        outcome = error;
      },
    );
    // A comment, a part of a line, and each byte of it show that the connection is alive.
    for (const piece of [": no new entries\n\n", "id: 7\nda", "t", "a: one\n"]) {
      t.mock.timers.tick(maxSilenceMs - 1);
      send(piece);
      await setImmediate();
      assert.equal(outcome, "waits");
    }
    send("\n");
    await next;
    assert.equal(outcome, "one");
    // Time in which nobody asks for a line doesn't count.
    t.mock.timers.tick(10 * maxSilenceMs);
    next = assert.rejects(lines.next(), {
      code: "source.unreadable",
      message: `the event stream was silent for ${maxSilenceMs / 1000} s`,
    });
    t.mock.timers.tick(maxSilenceMs - 1);
    await setImmediate();
    assert.ok(!isCanceled());
    t.mock.timers.tick(1);
    await next;
    assert.ok(isCanceled());
    assert.equal(events.lastEventId, "7");
  });
}

test("readStream: rejects an invalid limit of silence", () => {
  for (const maxSilenceMs of [-1, Number.NaN, "45s"]) {
    assert.throws(() => readStream(new ReadableStream(), "", { maxSilenceMs: maxSilenceMs as number }), {
      code: "options.invalid",
      member: "maxSilenceMs",
    });
  }
});

test("readStream: rejects other responses by content type", async () => {
  const type = { "content-type": "text/event-stream; charset=utf-8" };
  assert.deepEqual(await read(readStream(new Response("data: a\n\n", { headers: type }))), [["a", ""]]);
  for (const response of [
    new Response("data: a\n\n", { headers: type, status: 401 }),
    new Response("<html>", { headers: { "content-type": "text/html" } }),
    new Response(null, { headers: type }),
  ]) {
    assert.throws(() => readStream(response), { code: "source.invalid" });
  }
  const used = new Response("data: a\n\n", { headers: type });
  await used.text();
  assert.throws(() => readStream(used), { code: "source.invalid" });
  const locked = new ReadableStream<Uint8Array>();
  locked.getReader();
  assert.throws(() => readStream(locked), { code: "source.invalid" });
});
